//! Small faults in every example: each is reported at its line, or what is built from it passes the vendor's own linter.
//!
//! The faults are chosen by a seed, which `STACKC_SEED` sets; the usual one makes the test the same on every machine.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong, and it does its own I/O"
)]

#[path = "acceptance/engines.rs"]
mod engines;
#[path = "mutation/faults.rs"]
mod faults;
#[path = "mutation/judge.rs"]
mod judge;
#[path = "mutation/linters.rs"]
mod linters;
#[path = "mutation/places.rs"]
mod places;
#[path = "acceptance/product.rs"]
mod product;
#[path = "mutation/random.rs"]
mod random;
#[path = "mutation/slices.rs"]
mod slices;
#[path = "mutation/values.rs"]
mod values;

use engines::say;
use faults::Fault;
use judge::{Error, Judge, Outcome};
use places::Stack;
use random::{Random, seed};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Instant;

/// How many faults are made in an example. `STACKC_DEPTH` multiplies all of these numbers, for a longer hunt.
const FAULTS: usize = 600;
/// How many templates of all that are accepted are shown to a linter: cfn-lint takes a fifth of a second for one,
/// `terraform validate` as long for several, Heat's validator and our checker of ARM a thirtieth.
const LINTED: [usize; 7] = [200, 140, 300, 140, 300, 140, 140];
/// The targets for which there is a linter.
const TARGETS: [&str; 7] = ["cfn", "tf-aws", "hot", "tf-openstack", "arm", "tf-azure", "tf-google"];
/// The facts that a target's templates are judged by, where its provider itself is not to be had.
const FACTS: [(&str, &[&str]); 3] = [
    ("tf-openstack", &["terraform-openstack.facts"]),
    (
        "tf-azure",
        &[
            "terraform-azurerm.facts,features:block,storage_use_azuread:bool,resource_providers_to_register:strings",
            "terraform-azurerm-ephemeral.facts",
            "terraform-azuredevops.facts",
            "terraform-random.facts",
            "terraform-time.facts",
        ],
    ),
    ("tf-google", &["terraform-google.facts,project,region", "terraform-time.facts"]),
];

/// A fault that was made, with what came of it.
struct Mutant<'s> {
    stack: &'s Stack,
    fault: Fault,
    outcomes: Vec<Outcome>,
}

impl Mutant<'_> {
    /// For a person: the example, the fault, the lines as they were and as they are.
    fn show(&self) -> String {
        let text = self.fault.apply(self.stack);
        let changed: Vec<String> = self
            .stack
            .text
            .lines()
            .zip(text.lines())
            .enumerate()
            .filter(|(_, (before, after))| before != after)
            .take(3)
            .map(|(index, (before, after))| {
                let cut = |text: &str| text.trim().chars().take(200).collect::<String>();
                format!("    line {}: {}\n        now: {}", index + 1, cut(before), cut(after))
            })
            .collect();
        format!("{}: {}\n{}", self.stack.name, self.fault.kind, changed.join("\n"))
    }
}

#[test]
fn a_fault_is_reported_or_does_no_harm() {
    let seed = seed();
    let started = Instant::now();
    // A stack that is for some of the targets alone has mistakes of its own on the others. What lets, overlays and things that exist are
    // wrong with, `tests/expand*.rs` and `tests/existing.rs` try: the faults that are made here know none of them.
    let whole = |stack: &Stack| TARGETS.iter().all(|target| stack.is_for(target));
    let plain = |stack: &Stack| stack.root.children().iter().all(|node| node.tag().is_none() && !["let", "on"].contains(&node.name.text.as_str()));
    let stacks: Vec<Stack> = stacks().into_iter().filter(|stack| whole(stack) && plain(stack)).collect();
    assert!(stacks.len() >= 8, "only {} stacks", stacks.len());
    let smallest: String = stacks.iter().min_by_key(|stack| stack.text.len()).map(|stack| stack.text.clone()).unwrap_or_default();
    // A panic is caught and counted, so its text on standard error would only be in the way.
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let made: Vec<(&Stack, Fault)> =
        stacks.iter().enumerate().flat_map(|(index, stack)| chosen(stack, seed + index as u64).into_iter().map(move |fault| (stack, fault))).collect();
    let texts: Vec<(String, Option<String>)> = made.iter().map(|(stack, fault)| (fault.apply(stack), fault.stage.clone())).collect();
    let half = texts.len().div_ceil(2).max(1);
    let judged = |texts: &[(String, Option<String>)]| -> Vec<Vec<Outcome>> {
        let judge = Judge::new(&TARGETS, &smallest).compact();
        texts.iter().map(|(text, stage)| judge.judge(text, stage.as_deref())).collect()
    };
    let judged = &judged;
    let outcomes: Vec<Vec<Outcome>> = std::thread::scope(|scope| {
        let workers: Vec<_> = texts.chunks(half).map(|texts| scope.spawn(move || judged(texts))).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("what a compiler panics with is caught")).collect()
    });
    let mutants: Vec<Mutant<'_>> = made.into_iter().zip(outcomes).map(|((stack, fault), outcomes)| Mutant { stack, fault, outcomes }).collect();
    std::panic::set_hook(hook);
    let mut rest = format!("; judged after {:.0?}", started.elapsed());
    assert!(mutants.len() > 2000, "only {} faults were made", mutants.len());

    let mut escapes: Vec<String> = Vec::new();
    for mutant in &mutants {
        escapes.extend(fault_in_the_answer(mutant).map(|why| format!("{}\n    {why}", mutant.show())));
    }
    let reported = mutants.iter().filter(|mutant| mutant.outcomes.iter().any(|outcome| matches!(outcome, Outcome::Reported(_)))).count();

    let judge = Judge::new(&TARGETS, &smallest).compact();
    let mut linted: BTreeSet<usize> = BTreeSet::new();
    for (place, target) in judge.targets.iter().enumerate() {
        let most = TARGETS.iter().zip(LINTED).find(|(name, _)| **name == target.name).map_or(0, |(_, most)| most * depth());
        let mut picked = accepted(&mutants, place, &judge, target.name == "cfn");
        let different = picked.len();
        Random::new(seed).shuffle(&mut picked);
        let picked = spread(picked, &mutants, most);
        let templates: Vec<String> = picked.iter().map(|(_, template)| template.clone()).collect();
        let complaints = match target.name.as_str() {
            "cfn" => engines::python().map(|python| linters::cfn_lint(&python, &templates)),
            "arm" => engines::python().map(|python| linters::arm(&python, &templates)),
            "hot" => engines::heat().map(|python| linters::heat(&python, &templates)),
            name => match FACTS.iter().find(|(target, _)| *target == name) {
                Some((_, facts)) => engines::terraform_core().zip(engines::python()).map(|(terraform, python)| {
                    let folder = product::root().join("specs/providers");
                    let facts: Vec<String> = facts.iter().map(|file| folder.join(file).to_string_lossy().into_owned()).collect();
                    let provider = engines::SchemaProvider::start(&python, &facts, &terraform.folder(&format!("provider of {name}")));
                    linters::terraform(&terraform, &templates, &provider.environment())
                }),
                None => engines::terraform().map(|terraform| linters::terraform(&terraform, &templates, &[])),
            },
        };
        let Some(complaints) = complaints else { continue };
        rest.push_str(&format!("; {}: {} of {different} different templates linted after {:.0?}", target.name, templates.len(), started.elapsed()));
        for (index, (mutant, _)) in picked.iter().enumerate() {
            match complaints.get(&index) {
                Some(found) => escapes.push(format!("{}\n    {}: {}", mutants[*mutant].show(), target.name, found.join("\n    "))),
                None => _ = linted.insert(*mutant),
            }
        }
    }
    for escape in &escapes {
        say(&format!("escape: {escape}"));
    }
    say(&format!("seed {seed}{rest}"));
    say(&format!("mutants: {}, reported: {reported}, accepted and linted: {}, escapes: {}", mutants.len(), linted.len(), escapes.len()));
    assert!(escapes.is_empty(), "{} faults escaped; each is listed above", escapes.len());
}

/// How much longer the hunt is than usual.
fn depth() -> usize {
    std::env::var("STACKC_DEPTH").ok().and_then(|depth| depth.parse().ok()).unwrap_or(1)
}

/// Every example, as a tree.
fn stacks() -> Vec<Stack> {
    let mut files: Vec<(String, std::path::PathBuf)> =
        product::variants().into_iter().filter(|variant| variant.stage.is_none()).map(|variant| (variant.name.clone(), variant.file)).collect();
    files.sort();
    files.into_iter().map(|(name, file)| Stack::new(&name, &std::fs::read_to_string(file).unwrap())).collect()
}

/// Some faults of every kind, as many as are to be made.
fn chosen(stack: &Stack, seed: u64) -> Vec<Fault> {
    let mut random = Random::new(seed);
    let mut all = faults::all(stack, &mut random);
    random.shuffle(&mut all);
    let mut seen: HashMap<String, usize> = HashMap::new();
    let mut turns: Vec<(usize, usize)> = all
        .iter()
        .enumerate()
        .map(|(index, fault)| {
            let turn = seen.entry(fault.kind.split(" \"").next().unwrap_or_default().to_owned()).or_default();
            *turn += 1;
            (*turn, index)
        })
        .collect();
    turns.sort();
    let picked: BTreeSet<usize> = turns.into_iter().take(FAULTS * depth()).map(|(_, index)| index).collect();
    all.into_iter().enumerate().filter(|(index, _)| picked.contains(index)).map(|(_, fault)| fault).collect()
}

/// What is wrong with stackc's own answer, if something is.
fn fault_in_the_answer(mutant: &Mutant<'_>) -> Option<String> {
    for outcome in &mutant.outcomes {
        match outcome {
            Outcome::Broken(why) => return Some(why.clone()),
            Outcome::Built(_) if mutant.fault.must => return Some("it was accepted, and must not be".to_owned()),
            Outcome::Built(_) => {}
            Outcome::Reported(errors) => {
                if let Some(astray) = errors.iter().find(|error| is_astray(error, &mutant.fault.lines)) {
                    let line =
                        astray.line.map_or("in no line of the stack".to_owned(), |line| format!("at line {line}: {}", mutant.stack.line_text(line).trim()));
                    let all: Vec<&str> = errors.iter().map(|error| error.text.as_str()).collect();
                    return Some(format!("reported {line}\n    {}\n    of: {}", astray.text, all.join("\n        ")));
                }
            }
        }
    }
    None
}

/// Whether an error points anywhere but to the fault.
fn is_astray(error: &Error, lines: &BTreeSet<usize>) -> bool {
    error.line.is_none_or(|line| !error.others.iter().chain([&line]).any(|line| lines.contains(line)))
}

/// For each template that differs from that of the example and from every other one: the mutant, and what a linter is to see.
fn accepted(mutants: &[Mutant<'_>], place: usize, judge: &Judge, slice: bool) -> Vec<(usize, String)> {
    let mut bases: HashMap<(String, Option<String>), Value> = HashMap::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    for (index, mutant) in mutants.iter().enumerate() {
        let Some(Outcome::Built(text)) = mutant.outcomes.get(place) else { continue };
        let key = (mutant.stack.name.clone(), mutant.fault.stage.clone());
        let base = bases.entry(key).or_insert_with(|| match judge.judge(&mutant.stack.text, mutant.fault.stage.as_deref()).into_iter().nth(place) {
            Some(Outcome::Built(text)) => serde_json::from_str(&text).unwrap(),
            _ => panic!("{} does not build as it is", mutant.stack.name),
        });
        let template: Value = serde_json::from_str(text).unwrap_or_else(|error| panic!("{}\n    this is no JSON: {error}", mutant.show()));
        if template == *base {
            continue;
        }
        let shown = if slice { slices::differing(&template, base) } else { Some(template) };
        let Some(shown) = shown.map(|shown| shown.to_string()) else { continue };
        if seen.insert(shown.clone()) {
            found.push((index, shown));
        }
    }
    found
}

/// As many as may be, of as many kinds as there are.
fn spread(picked: Vec<(usize, String)>, mutants: &[Mutant<'_>], most: usize) -> Vec<(usize, String)> {
    let mut by_kind: BTreeMap<&str, Vec<(usize, String)>> = BTreeMap::new();
    for (index, template) in picked {
        by_kind.entry(mutants[index].fault.kind.as_str()).or_default().push((index, template));
    }
    let mut turns: Vec<(usize, usize, (usize, String))> = Vec::new();
    for (kind, all) in by_kind.into_values().enumerate() {
        // Large templates cost most, and what one shows a small one shows too.
        let mut all = all;
        all.sort_by_key(|(_, template)| template.len());
        turns.extend(all.into_iter().enumerate().map(|(turn, item)| (turn, kind, item)));
    }
    let mut random = Random::new(most as u64);
    random.shuffle(&mut turns);
    turns.sort_by_key(|(turn, ..)| *turn);
    turns.into_iter().take(most).map(|(.., item)| item).collect()
}
