//! Every property does something: on every target another value changes the template, or a loss is named.
//!
//! `tests/effect/nothing.txt` has those that do nothing, each with its reason.
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

#[path = "changes/mod.rs"]
mod changes;
#[path = "acceptance/engines.rs"]
mod engines;
#[path = "order/listed.rs"]
mod listed;
#[path = "mutation/places.rs"]
mod places;
#[path = "acceptance/product.rs"]
mod product;
#[path = "mutation/random.rs"]
mod random;
#[path = "mutation/values.rs"]
mod values;

use changes::Change;
use engines::say;
use listed::Listed;
use places::Stack;
use stackc::Compiler;
use stackc::check::{Model, Variant};
use stackc::emit::Style;
use stackc::portable::{Catalogue, Kind, Property};
use stackc::rules::Target;
use stackc::source::Sources;
use std::collections::{BTreeMap, BTreeSet};

/// How many changes of a property are tried before it is said to do nothing.
const TRIES: usize = 12;

/// A stack and its changes by what they change.
struct Changed {
    stack: Stack,
    changes: Vec<Change>,
}

#[test]
fn every_property_does_something_on_every_target() {
    let paths = paths();
    let bases = bases();
    let targets: Vec<Target> = Compiler::default().targets(&mut Sources::default());
    let half = targets.len().div_ceil(2);
    let judged: Vec<(Vec<String>, usize)> = std::thread::scope(|scope| {
        let workers: Vec<_> = [0..half, half..targets.len()]
            .map(|range| {
                let (paths, bases) = (&paths, &bases);
                scope.spawn(move || judge(range, paths, bases))
            })
            .into_iter()
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a target is judged")).collect()
    });
    let tried: usize = judged.iter().map(|(_, tried)| tried).sum();
    let mut listed = Listed::read("tests/effect/nothing.txt");
    let found: Vec<String> = judged.into_iter().flat_map(|(found, _)| found).filter(|found| !listed.has(found)).collect();
    for line in &found {
        say(&format!("does nothing: {line}"));
    }
    say(&format!("properties: {}, on {} targets; changes built: {tried}; without an effect: {}", paths.len(), targets.len(), found.len()));
    assert!(found.is_empty(), "each is listed above");
    assert_eq!(listed.unused(), Vec::<String>::new(), "these do something now");
}

/// Every property, block and field of every type: the type, and the path in it.
fn paths() -> BTreeSet<String> {
    fn of(path: &str, property: &Property, found: &mut BTreeSet<String>) {
        let mut here = format!("{path} {}", property.name);
        // A block that has to be there is nothing but its fields.
        if !(property.required && matches!(&property.kind, Kind::Block(block) if block.edge.is_none())) {
            found.insert(here.clone());
        }
        if let Kind::Block(block) = &property.kind {
            if let Some(edge) = &block.edge {
                here = format!("{here} {}", edge.to);
            }
            block.fields.iter().for_each(|field| of(&here, field, found));
        }
    }
    let catalogue = Catalogue::default();
    let mut found = BTreeSet::new();
    for ty in catalogue.names().filter_map(|name| catalogue.get(name, &mut Sources::default())) {
        ty.properties.iter().for_each(|property| of(&ty.name, property, &mut found));
    }
    found
}

/// The texts of the examples and of those that the specs show.
fn bases() -> Vec<(String, String)> {
    let files = product::variants().into_iter().filter(|variant| variant.stage.is_none());
    let mut texts: Vec<(String, String)> = files.map(|variant| (variant.name.clone(), std::fs::read_to_string(&variant.file).unwrap())).collect();
    texts.push(("pairs".to_owned(), std::fs::read_to_string(product::root().join("tests/effect/pairs.kdl")).unwrap()));
    // Those that say most come first.
    texts.sort_by_key(|(name, _)| (name != "everything", name != "pairs"));
    let catalogue = Catalogue::default();
    for ty in catalogue.names().filter_map(|name| catalogue.get(name, &mut Sources::default())) {
        texts.extend(ty.examples.iter().enumerate().map(|(index, text)| (format!("{} {index}", ty.name), text.clone())));
    }
    texts
}

/// What does nothing on some of the targets, and how many changes were built to find it out.
fn judge(range: std::ops::Range<usize>, paths: &BTreeSet<String>, bases: &[(String, String)]) -> (Vec<String>, usize) {
    let compiler = Compiler::default();
    let mut sources = Sources::default();
    let targets = compiler.targets(&mut sources);
    let mut open: BTreeSet<(usize, &str)> = range.flat_map(|target| paths.iter().map(move |path| (target, path.as_str()))).collect();
    let mut tries: BTreeMap<(usize, &str), usize> = BTreeMap::new();
    let mut built = 0;
    for (name, text) in bases {
        if open.is_empty() {
            break;
        }
        let Some(stack) = Stack::try_new(name, text) else { continue };
        let wanted: BTreeSet<&str> = open.iter().map(|(_, path)| *path).collect();
        let changes: Vec<Change> = changes::of_values(&stack).into_iter().filter(|change| wanted.contains(change.path.as_str())).collect();
        let Some(model) = model(&compiler, text, &mut sources) else { continue };
        let mut before: BTreeMap<usize, Option<String>> = BTreeMap::new();
        for change in changes {
            let path = paths.get(&change.path).expect("a wanted path");
            let of_change: Vec<usize> = open.iter().filter(|(_, of)| of == path).map(|(target, _)| *target).collect();
            if of_change.is_empty() {
                continue;
            }
            let Some(changed) = self::model(&compiler, &change.text, &mut sources) else { continue };
            for target in of_change {
                let count = tries.entry((target, path)).or_default();
                *count += 1;
                if *count > TRIES {
                    continue;
                }
                let base = before.entry(target).or_insert_with(|| template(&compiler, &model, &targets[target], &mut sources)).clone();
                let now = template(&compiler, &changed, &targets[target], &mut sources);
                built += 1;
                let differs = now.is_some() && now != base;
                if differs
                    || is_named(&compiler, &changed, &targets[target], path, &mut sources)
                    || is_named(&compiler, &model, &targets[target], path, &mut sources)
                {
                    open.remove(&(target, path.as_str()));
                }
            }
        }
    }
    let found = open.into_iter().map(|(target, path)| match tries.get(&(target, path)) {
        Some(_) => format!("{}: {path}", targets[target].name),
        None => format!("{}: {path} (no example changes it)", targets[target].name),
    });
    (found.collect(), built)
}

fn model(compiler: &Compiler, text: &str, sources: &mut Sources) -> Option<Model> {
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, problems) = compiler.check(file, Variant { stage: None, instance: None }, sources);
    model.filter(|_| !problems.has_errors())
}

fn template(compiler: &Compiler, model: &Model, target: &Target, sources: &mut Sources) -> Option<String> {
    let (artefact, problems) = compiler.build(model, target, Style { compact: true, yaml: false }, sources);
    artefact.filter(|_| !problems.has_errors()).map(|artefact| artefact.text)
}

/// Whether a loss is named for a property, or for all of its type.
fn is_named(compiler: &Compiler, model: &Model, target: &Target, path: &str, sources: &mut Sources) -> bool {
    let mut words = path.split(' ');
    let (ty, property) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let field = words.next_back();
    let (Some(report), _) = compiler.portability(model, target, sources) else { return false };
    // An edge to what a target does not have is lost with it.
    let leads = compiler.catalogue.get(ty, sources);
    let ends: Vec<&str> = leads.iter().flat_map(|ty| &ty.properties).filter(|of| of.name == property).filter_map(|of| Some(of.edge()?.to.as_str())).collect();
    if report.nodes.iter().any(|node| ends.contains(&node.ty.as_str()) && node.losses.iter().any(|loss| loss.subject == node.ty)) {
        return true;
    }
    report.nodes.iter().filter(|node| node.ty == ty).flat_map(|node| &node.losses).any(|loss| {
        let mut subject = loss.subject.split(' ');
        let first = subject.next().unwrap_or_default();
        first == ty || (first == property && subject.next_back().is_none_or(|of| Some(of) == field))
    })
}
