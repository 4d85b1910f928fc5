//! Small faults in the rules themselves: each is reported by `stackc rules check`, or the template of no example changes by it.
//!
//! `STACKC_SEED` chooses others, `STACKC_RULE_FAULTS` how many of each kind are tried: a number, or `all`.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong, and it does its own I/O"
)]

#[path = "rule_faults/faults.rs"]
mod faults;
#[path = "mutation/random.rs"]
mod random;
mod support;
#[path = "rule_faults/text.rs"]
mod text;

use faults::{Fault, Known, Maker};
use random::{Random, seed};
use stackc::Compiler;
use stackc::check::{Model, Variant};
use stackc::emit::Style;
use stackc::provider::Facts;
use stackc::rules::{Rules, Target, check};
use stackc::source::Sources;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use text::RuleText;

/// How many faults of each kind are tried when nobody asks for more.
const OF_A_KIND: usize = 12;

/// The examples, checked, and what is made of them.
struct Examples {
    sources: Sources,
    models: Vec<(String, Model)>,
}

impl Examples {
    fn read(compiler: &Compiler) -> Examples {
        let mut sources = Sources::default();
        let mut models = Vec::new();
        for path in support::walk(&support::root().join("examples"), "kdl") {
            let file = sources.add("stack.kdl", std::fs::read_to_string(&path).unwrap());
            let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
            assert!(!problems.has_errors(), "{}: {problems:?}", path.display());
            models.push((path.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned(), model.expect("a model")));
        }
        assert!(models.len() >= 7, "{} examples were found", models.len());
        Examples { sources, models }
    }

    fn built(&mut self, compiler: &Compiler, target: &Target) -> Vec<String> {
        let style = Style { compact: true, yaml: false };
        let build = |(_, model): &(String, Model)| compiler.build(model, target, style, &mut self.sources).0.map_or_else(String::new, |built| built.text);
        self.models.iter().map(build).collect()
    }
}

/// What a target is like.
fn known(target: &Target) -> Known {
    let filled = target.settings.iter().filter(|node| matches!(node.name.text.as_str(), "fill" | "names"));
    Known {
        name: target.name.clone(),
        facts: Facts::open(&target.facts).expect("facts"),
        filled: filled.filter_map(|node| node.arg_str(0).map(str::to_owned)).collect(),
    }
}

/// Of a kind: how many were reported, how many did nothing, and the others.
type Told = (usize, usize, Vec<String>);

/// What came of a fault.
enum Outcome {
    Reported,
    /// Nobody says anything, and nothing changes.
    Without,
    /// Nobody says anything, and this example on this target has another template.
    Escape(String),
}

/// The rules with a fault in one file.
fn judge(file: &RuleText, fault: &Fault, names: &[String], bases: &Mutex<BTreeMap<String, Vec<String>>>) -> Outcome {
    let compiler = Compiler::new(vec![(file.place.clone(), file.with(&fault.edit))]);
    let mut sources = Sources::default();
    let targets = compiler.targets(&mut sources);
    let concerned: Vec<Target> = targets.into_iter().filter(|target| names.contains(&target.name)).collect();
    for target in &concerned {
        let problems = match Rules::open(target.clone(), &compiler.files) {
            Ok(rules) => check::check(rules, &[], true, &compiler.catalogue, &mut sources).1,
            Err(_) => return Outcome::Reported,
        };
        if !problems.sorted().is_empty() {
            return Outcome::Reported;
        }
    }
    let mut examples = Examples::read(&compiler);
    for target in &concerned {
        let built = examples.built(&compiler, target);
        let base = bases.lock().unwrap()[&target.name].clone();
        if let Some(at) = (0..built.len()).find(|at| built[*at] != base[*at]) {
            return Outcome::Escape(format!("{} on {}", examples.models[at].0, target.name));
        }
    }
    Outcome::Without
}

#[test]
fn a_fault_in_a_rule_is_reported_or_changes_nothing() {
    let asked = std::env::var("STACKC_RULE_FAULTS").unwrap_or_default();
    let most = if asked == "all" { usize::MAX } else { asked.parse().unwrap_or(OF_A_KIND) };
    let compiler = Compiler::new(Vec::new());
    let mut sources = Sources::default();
    let targets = compiler.targets(&mut sources);
    let mut examples = Examples::read(&compiler);
    let bases: BTreeMap<String, Vec<String>> = targets.iter().map(|target| (target.name.clone(), examples.built(&compiler, target))).collect();
    let bases = Mutex::new(bases);

    let clouds: BTreeSet<String> = targets.iter().map(|target| target.cloud.clone()).collect();
    let mut files: Vec<(RuleText, Vec<String>)> = Vec::new();
    let mut all: BTreeMap<&'static str, Vec<(usize, Fault)>> = BTreeMap::new();
    for cloud in &clouds {
        let here: Vec<Known> = targets.iter().filter(|target| target.cloud == *cloud).map(known).collect();
        for path in support::walk(&support::root().join("targets").join(cloud), "kdl") {
            let place = format!("{cloud}/{}", path.file_name().unwrap().to_string_lossy());
            let file = RuleText::read(place, std::fs::read_to_string(&path).unwrap());
            for fault in Maker::new(&file, &here).all() {
                all.entry(fault.kind).or_default().push((files.len(), fault));
            }
            files.push((file, here.iter().map(|known| known.name.clone()).collect()));
        }
    }
    let mut random = Random::new(seed());
    let made: usize = all.values().map(Vec::len).sum();
    let mut picked: Vec<(usize, Fault)> = Vec::new();
    for (_, mut of_kind) in all {
        random.shuffle(&mut of_kind);
        picked.extend(of_kind.into_iter().take(most));
    }
    let tried = picked.len();
    let open = Mutex::new(picked);
    let told: Mutex<BTreeMap<&'static str, Told>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some((index, fault)) = open.lock().unwrap().pop() else { return };
                    let (file, of_cloud) = &files[index];
                    let names = fault.target.as_ref().map_or_else(|| of_cloud.clone(), |target| vec![target.clone()]);
                    let outcome = catch_unwind(AssertUnwindSafe(|| judge(file, &fault, &names, &bases)));
                    let said = |what: &str| format!("{}:{}: {}: {what}", file.place, file.line(fault.edit.range.start), fault.what);
                    let mut told = told.lock().unwrap();
                    let of_kind = told.entry(fault.kind).or_default();
                    match outcome {
                        Ok(Outcome::Reported) => of_kind.0 += 1,
                        Ok(Outcome::Without) => of_kind.1 += 1,
                        Ok(Outcome::Escape(example)) => of_kind.2.push(said(&example)),
                        Err(_) => of_kind.2.push(said("it panics")),
                    }
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    let mut lines = vec![format!("seed {}: {tried} faults of {made}", seed())];
    for (kind, (reported, without, escapes)) in &told {
        lines.push(format!("{kind}: {reported} reported, {without} without effect, {} escape", escapes.len()));
        lines.extend(escapes.iter().map(|escape| format!("    {escape}")));
    }
    let escapes: usize = told.values().map(|(_, _, escapes)| escapes.len()).sum();
    lines.push(format!("escapes: {escapes}"));
    std::io::stderr().write_all(format!("{}\n", lines.join("\n")).as_bytes()).unwrap();
    let reported: usize = told.values().map(|(reported, ..)| reported).sum();
    assert!(reported * 2 > tried, "only {reported} of {tried} faults were reported");
    assert_eq!(escapes, 0, "each is listed above");
}
