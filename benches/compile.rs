//! How long checking and building take: botolphs, and stacks of 500 and 5,000 resources, of which time should be linear.
//!
//! `cargo bench` runs it; `benches/process.sh` measures the whole process, with instruction counts.
#![allow(missing_docs, clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

fn main() {
    divan::main();
}

/// A stack of so many portable resources, which need one another as those of a real one do.
fn synthetic(resources: usize) -> String {
    let mut text = String::from("stack synthetic {\n    network main\n");
    for index in 0..resources.saturating_sub(1) / 2 {
        text.push_str(&format!("    bucket files-{index} versioned=#true {{\n        expire \"tmp/\" days=7\n        tags part=\"{index}\"\n    }}\n"));
        text.push_str(&format!("    secret key-{index} length=48\n"));
    }
    text.push_str("}\n");
    text
}

fn botolphs() -> String {
    include_str!("../examples/botolphs/stack.kdl").to_owned()
}

fn check(text: &str) -> usize {
    let compiler = Compiler::default();
    let mut sources = Sources::default();
    let file = sources.add("stack.kdl", text.to_owned());
    compiler.check(file, Variant::default(), &mut sources).1.len()
}

/// Builds for a target without a limit on resources.
fn build(text: &str, target: &str) -> usize {
    let compiler = Compiler::default();
    let mut sources = Sources::default();
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, _) = compiler.check(file, Variant::default(), &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (artefact, out) = compiler.build(&model.unwrap(), &target, Style::default(), &mut sources);
    artefact.unwrap_or_else(|| panic!("{:?}", out.iter().next())).text.len()
}

#[divan::bench]
fn check_botolphs(bencher: divan::Bencher) {
    let text = botolphs();
    bencher.bench(|| check(&text));
}

#[divan::bench(args = ["cfn", "tf-aws"])]
fn build_botolphs(bencher: divan::Bencher, target: &str) {
    let text = botolphs();
    bencher.bench(|| build(&text, target));
}

#[divan::bench(args = [500, 5000])]
fn check_synthetic(bencher: divan::Bencher, resources: usize) {
    let text = synthetic(resources);
    bencher.bench(|| check(&text));
}

#[divan::bench(args = [500, 5000])]
fn build_synthetic(bencher: divan::Bencher, resources: usize) {
    let text = synthetic(resources);
    bencher.bench(|| build(&text, "tf-aws"));
}
