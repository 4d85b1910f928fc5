//! Inputs that libFuzzer makes up, led by what of the compiler they reach. `STACKC_FUZZ` says which part of it takes them:
//!
//! - `read`: any text has a tree, and each mistake a place in it;
//! - `format`: what is formatted says the same, and is formatted for good;
//! - `stack`: any text is checked, and what is good is built for every target;
//! - `rules`: any text in the place of a rule file is checked, and a stack built with it where it holds;
//! - `lock`: any text is a lock file or refused, and one that is read is written the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use stackc::check::Variant;
use stackc::diag::Diagnostics;
use stackc::emit::Style;
use stackc::source::{FileId, Sources};
use stackc::syntax::{self, Node};
use stackc::{Compiler, lock};
use std::sync::OnceLock;

/// A stack with a little of everything that rule files are read for.
const STACK: &str = include_str!("../../examples/hello/stack.kdl");

fuzz_target!(|data: &[u8]| {
    static WHICH: OnceLock<String> = OnceLock::new();
    let which = WHICH.get_or_init(|| std::env::var("STACKC_FUZZ").unwrap_or_default());
    let Ok(text) = std::str::from_utf8(data) else { return };
    match which.as_str() {
        "read" => read(text),
        "format" => format(text),
        "stack" => stack(text),
        "rules" => rules(text),
        "lock" => locked(text),
        other => panic!("STACKC_FUZZ is read, format, stack, rules or lock, and not `{other}`"),
    }
});

/// That each diagnostic can be shown: its places are in the text, between characters.
fn placed(found: &Diagnostics, sources: &Sources) {
    for diagnostic in found.iter() {
        for span in std::iter::once(diagnostic.primary.span).chain(diagnostic.related.iter().map(|label| label.span)) {
            let Some(source) = sources.get(span.file) else { continue };
            assert!(source.text.get(span.start as usize..span.end as usize).is_some(), "{diagnostic:?}");
            sources.line_column(span);
        }
    }
}

fn read(text: &str) {
    let mut sources = Sources::default();
    let file = sources.add("fuzz.kdl", text.to_owned());
    let found = syntax::read_on(file, text);
    let mut problems = Diagnostics::default();
    problems.extend(found.problems);
    placed(&problems, &sources);
}

/// What a document says, without places.
fn meaning(nodes: &[Node], said: &mut String) {
    for node in nodes {
        *said += &format!("{:?} {:?}", node.tag(), node.name.text);
        node.args.iter().for_each(|arg| *said += &format!(" {:?}:{:?}", arg.tag(), arg.scalar));
        node.props.iter().for_each(|(key, arg)| *said += &format!(" {:?}={:?}:{:?}", key.text, arg.tag(), arg.scalar));
        if let Some(children) = &node.children {
            *said += " { ";
            meaning(children, said);
            *said += "}";
        }
        *said += "; ";
    }
}

fn format(text: &str) {
    let (before, problems) = syntax::read(FileId(0), text);
    let Some(first) = syntax::format(text) else { return };
    assert!(problems.is_empty(), "what cannot be read is formatted: {text:?}");
    let (after, problems) = syntax::read(FileId(0), &first);
    assert!(problems.is_empty(), "what is written cannot be read: {first:?}");
    let (mut said, mut says) = (String::new(), String::new());
    meaning(&before, &mut said);
    meaning(&after, &mut says);
    assert_eq!(said, says, "it says something else: {first:?}");
    assert_eq!(syntax::format(&first).as_deref(), Some(first.as_str()), "twice is another");
}

fn stack(text: &str) {
    let compiler = Compiler::default();
    let mut sources = Sources::default();
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, found) = compiler.check(file, Variant { stage: None, instance: None }, &mut sources);
    placed(&found, &sources);
    let Some(model) = model.filter(|_| !found.has_errors()) else { return };
    // One of them for each input, so that there are more inputs.
    let targets = compiler.targets(&mut sources);
    let Some(target) = targets.get(text.len() % targets.len().max(1)) else { return };
    let (_, found) = compiler.build(&model, target, Style::default(), &mut sources);
    placed(&found, &sources);
}

fn rules(text: &str) {
    // The first line says which file it is.
    let Some((path, text)) = text.split_once('\n') else { return };
    let Some((cloud, _)) = path.split_once('/') else { return };
    let compiler = Compiler::new(vec![(path.to_owned(), text.to_owned())]);
    let mut sources = Sources::default();
    let file = sources.add("stack.kdl", STACK);
    let (model, found) = compiler.check(file, Variant { stage: None, instance: None }, &mut sources);
    placed(&found, &sources);
    let Some(target) = compiler.targets(&mut sources).into_iter().find(|target| target.cloud == cloud) else { return };
    let Some(model) = model else { return };
    let (_, found) = compiler.build(&model, &target, Style::default(), &mut sources);
    placed(&found, &sources);
}

fn locked(text: &str) {
    let mut sources = Sources::default();
    let file = sources.add("stack.lock.kdl", text.to_owned());
    match lock::read(file, text) {
        Ok(found) => {
            let written = found.text();
            let again = lock::read(file, &written).map(|again| again.text());
            assert_eq!(again.ok().as_deref(), Some(written.as_str()));
        }
        Err(problem) => {
            let mut problems = Diagnostics::default();
            problems.push(problem);
            placed(&problems, &sources);
        }
    }
}
