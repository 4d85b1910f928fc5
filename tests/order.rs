//! What a second apply does, and in which order: every example is changed, one thing at a time, and goes over to the change and back.
//!
//! Terraform's real core decides the order; the provider that serves a schema is its cloud. `STACKC_ORDER=all` tries every change,
//! a number so many on each target; `STACKC_ORDER_EXAMPLE` is the one example that is changed then.
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
#[path = "mutation/judge.rs"]
mod judge;
#[path = "order/life.rs"]
mod life;
#[path = "order/listed.rs"]
mod listed;
#[path = "order/native.rs"]
mod native;
#[path = "mutation/places.rs"]
mod places;
#[path = "acceptance/product.rs"]
mod product;
#[path = "mutation/random.rs"]
mod random;
#[path = "order/template.rs"]
mod template;
#[path = "mutation/values.rs"]
mod values;

use changes::Change;
use engines::{SchemaProvider, Terraform, say};
use judge::{Judge, Outcome};
use life::{Escape, Life};
use listed::Listed;
use native::Form;
use places::Stack;
use random::{Random, seed};
use stackc::provider::Facts;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Mutex;
use std::time::Instant;
use template::Template;

/// How many changes are tried on a target when nobody asks for more: two applies each, of half a second to one.
const TRIED: usize = 20;

/// A target, and how its provider is served.
struct Served {
    name: &'static str,
    /// The facts by their names, as the target has them.
    known: &'static str,
    /// Facts files, each with the arguments of its provider's own block.
    files: &'static [&'static str],
    /// Whether a cloud refuses a second resource of a name.
    unique: bool,
}

const SERVED: [Served; 4] = [
    Served { name: "tf-aws", known: "terraform-aws", files: &["terraform-aws.facts,region"], unique: true },
    Served {
        name: "tf-azure",
        known: "terraform-azurerm terraform-azurerm-ephemeral terraform-azuredevops terraform-random terraform-time",
        files: &[
            "terraform-azurerm.facts,features:block,storage_use_azuread:bool,resource_providers_to_register:strings",
            "terraform-azurerm-ephemeral.facts",
            "terraform-azuredevops.facts",
            "terraform-random.facts",
            "terraform-time.facts",
        ],
        unique: true,
    },
    Served {
        name: "tf-google",
        known: "terraform-google terraform-time",
        files: &["terraform-google.facts,project,region", "terraform-time.facts"],
        unique: true,
    },
    Served { name: "tf-openstack", known: "terraform-openstack", files: &["terraform-openstack.facts"], unique: false },
];

/// An example with the changes that somebody makes to it.
struct Changed {
    name: String,
    text: String,
    changes: Vec<Change>,
}

/// What came of a target.
#[derive(Default)]
struct Told {
    tried: usize,
    runs: usize,
    paths: BTreeSet<String>,
    /// Of each kind: how many, and the first of them.
    escapes: BTreeMap<String, (usize, String)>,
}

impl Told {
    fn note(&mut self, key: String, first: String) {
        self.escapes.entry(key).or_insert((0, first)).0 += 1;
    }
}

/// What a target makes of the examples and of their changes.
struct Builder {
    judge: Judge,
    bases: Vec<Option<String>>,
}

impl Builder {
    fn new(target: &str, examples: &[Changed]) -> Builder {
        let smallest = examples.iter().min_by_key(|example| example.text.len()).expect("an example");
        let mut builder = Builder { judge: Judge::new(&[target], &smallest.text).compact(), bases: Vec::new() };
        builder.bases = examples.iter().map(|example| builder.build(&example.text)).collect();
        builder
    }

    fn build(&self, text: &str) -> Option<String> {
        match self.judge.judge(text, None).pop() {
            Some(Outcome::Built(text)) => Some(text),
            _ => None,
        }
    }

    /// Some changes by example, those that the target sees: each with a template that no other has.
    fn picked(&self, examples: &[Changed], most: usize) -> Vec<(usize, usize, String)> {
        let mut all: Vec<(usize, usize)> =
            examples.iter().enumerate().flat_map(|(index, example)| (0..example.changes.len()).map(move |change| (index, change))).collect();
        Random::new(seed()).shuffle(&mut all);
        let mut seen: BTreeSet<String> = self.bases.iter().flatten().cloned().collect();
        let mut picked: Vec<(usize, usize, String)> = Vec::new();
        for (example, change) in all.into_iter().filter(|(example, _)| self.bases[*example].is_some()) {
            if picked.len() >= most {
                break;
            }
            if let Some(text) = self.build(&examples[example].changes[change].text).filter(|text| seen.insert(text.clone())) {
                picked.push((example, change, text));
            }
        }
        picked.sort();
        picked
    }
}

#[test]
fn nothing_goes_while_something_refers_to_it() {
    let (Some(python), Some(terraform)) = (engines::python(), engines::terraform_core()) else { return };
    let started = Instant::now();
    let asked = std::env::var("STACKC_ORDER").unwrap_or_default();
    let most = if asked == "all" { usize::MAX } else { asked.parse().unwrap_or(TRIED) };
    let only = std::env::var("STACKC_ORDER_TARGET").unwrap_or_default();
    let examples: Vec<Changed> = examples();
    let made: usize = examples.iter().map(|example| example.changes.len()).sum();
    say(&format!("{made} changes of {} examples after {:.0?}", examples.len(), started.elapsed()));
    let open: Mutex<Vec<&Served>> = Mutex::new(SERVED.iter().rev().filter(|served| only.is_empty() || served.name == only).collect());
    let told: Mutex<Vec<(&str, Told)>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let Some(served) = open.lock().unwrap().pop() else { return };
                    let of_target = target(served, &examples, most, &python, &terraform);
                    say(&format!("{}: {} changes tried in {} runs after {:.0?}", served.name, of_target.tried, of_target.runs, started.elapsed()));
                    told.lock().unwrap().push((served.name, of_target));
                }
            });
        }
    });
    let told = told.into_inner().unwrap();
    report(&told, "tests/order/listed.txt", most == usize::MAX && only.is_empty() && std::env::var_os("STACKC_ORDER_EXAMPLE").is_none());
}

/// Of the targets whose engine decides the order, what can be read off the templates.
const COMPARED: [(&str, &str, Form); 3] = [("cfn", "cloudformation", Form::Cfn), ("arm", "arm", Form::Arm), ("hot", "heat", Form::Hot)];
/// How many changes are compared on each of them when nobody asks for more.
const COMPARED_CHANGES: usize = 150;

#[test]
fn what_cannot_be_changed_has_another_name() {
    let asked = std::env::var("STACKC_ORDER").unwrap_or_default();
    let most = if asked == "all" { usize::MAX } else { COMPARED_CHANGES };
    let examples = examples();
    let told: Vec<(&str, Told)> = std::thread::scope(|scope| {
        let workers: Vec<_> = COMPARED.iter().map(|(name, facts, form)| scope.spawn(|| (*name, compared(name, facts, *form, &examples, most)))).collect();
        workers.into_iter().map(|worker| worker.join().expect("a target is compared")).collect()
    });
    report(&told, "tests/order/compared.txt", most == usize::MAX && std::env::var_os("STACKC_ORDER_EXAMPLE").is_none());
}

/// A target's templates before and after each change.
fn compared(name: &str, facts: &str, form: Form, examples: &[Changed], most: usize) -> Told {
    let facts = Facts::open(facts).expect("the target's facts");
    let builder = Builder::new(name, examples);
    let mut told = Told::default();
    for (example, change, text) in builder.picked(examples, most) {
        let (example, base) = (&examples[example], builder.bases[example].as_deref().expect("a base of what was picked"));
        let said = format!("{}, {}", example.name, example.changes[change].show());
        told.tried += 1;
        let both = native::judge(base, &text, form, &facts).into_iter().chain(native::judge(&text, base, form, &facts));
        for (key, what) in both.chain(native::twins(&text, form, &facts)) {
            told.note(key, format!("{said}: {what}"));
        }
    }
    told
}

/// Says what was found and is not listed, and fails if there is any.
fn report(told: &[(&str, Told)], list: &str, whole: bool) {
    let mut listed = Listed::read(list);
    let mut escapes = 0;
    for (name, of_target) in told {
        for (key, (count, first)) in &of_target.escapes {
            if !listed.has(&format!("{name}: {key}")) {
                escapes += 1;
                say(&format!("escape on {name}: {key}\n    {count} times, at first: {first}"));
            }
        }
    }
    let tried: Vec<String> = told.iter().map(|(name, told)| format!("{name} {}", told.tried)).collect();
    say(&format!("seed {}; changes tried: {}; kinds of escapes: {escapes}", seed(), tried.join(", ")));
    assert_eq!(escapes, 0, "each kind is listed above; {list} has those that have a reason");
    if whole {
        assert_eq!(listed.unused(), Vec::<String>::new(), "these of {list} no longer happen");
    }
}

/// Every example with its changes.
fn examples() -> Vec<Changed> {
    let mut files: Vec<(String, std::path::PathBuf)> =
        product::variants().into_iter().filter(|variant| variant.stage.is_none()).map(|variant| (variant.name.clone(), variant.file)).collect();
    files.sort();
    let only = std::env::var("STACKC_ORDER_EXAMPLE").unwrap_or_default();
    files.retain(|(name, _)| only.is_empty() || *name == only);
    let read = |(name, file): &(String, std::path::PathBuf)| {
        let stack = Stack::new(name, &std::fs::read_to_string(file).unwrap());
        let changes = changes::all(&stack);
        Changed { name: stack.name, text: stack.text, changes }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = files.iter().map(|file| scope.spawn(move || read(file))).collect();
        workers.into_iter().map(|worker| worker.join().expect("an example is read")).collect()
    })
}

/// A target's changes, tried.
fn target(served: &Served, examples: &[Changed], most: usize, python: &Path, terraform: &Terraform) -> Told {
    let facts = Facts::open(served.known).expect("the target's facts");
    let builder = Builder::new(served.name, examples);
    let picked = builder.picked(examples, most);
    let bases = &builder.bases;
    let folder = terraform.folder(served.name);
    let types: BTreeSet<String> = bases.iter().flatten().chain(picked.iter().map(|(_, _, text)| text)).flat_map(|text| types(text)).collect();
    let list = folder.join("types.json");
    std::fs::write(&list, serde_json::to_string(&types).unwrap()).unwrap();
    let mut arguments = vec!["--only".to_owned(), list.to_string_lossy().into_owned(), "--slow".to_owned(), "0.02".to_owned()];
    arguments.extend(served.files.iter().map(|file| product::root().join("specs/providers").join(file).to_string_lossy().into_owned()));
    let provider = SchemaProvider::start(python, &arguments, &folder);

    let mut told = Told::default();
    let mut life = Life::new(terraform, folder, provider.environment(), served.unique);
    let mut ready = false;
    for (index, example) in examples.iter().enumerate() {
        let Some(base) = &bases[index] else { continue };
        let base = Template::read(base, &facts);
        if !ready {
            life.init(&base);
            ready = true;
        }
        let note = |told: &mut Told, what: &str, found: Vec<Escape>| {
            for escape in found {
                told.note(escape.key, format!("{}, {what}: {}", example.name, escape.what));
            }
        };
        match life.apply(&base, "apply") {
            Ok(found) => note(&mut told, "the first apply", found),
            Err(why) => {
                note(&mut told, "the first apply", vec![why]);
                life.forget();
                continue;
            }
        }
        note(&mut told, "a second plan", life.is_settled(&base).into_iter().collect());
        for (turn, (_, change, text)) in picked.iter().filter(|(of, ..)| *of == index).enumerate() {
            let change = &example.changes[*change];
            let changed = Template::read(text, &facts);
            told.tried += 1;
            told.paths.insert(change.path.clone());
            let mut steps = vec![(&changed, "there"), (&base, "back")];
            for (template, way) in steps.drain(..) {
                let said = format!("{} ({way})", change.show());
                match life.apply(template, "apply") {
                    Ok(found) => note(&mut told, &said, found),
                    Err(why) => {
                        note(&mut told, &said, vec![why]);
                        life.forget();
                        if way == "there" {
                            let _ = life.apply(&base, "apply");
                            break;
                        }
                        let _ = life.apply(&base, "apply");
                    }
                }
                if way == "there" && turn % 4 == 0 {
                    note(&mut told, &said, life.is_settled(template).into_iter().collect());
                }
            }
        }
        match life.apply(&base, "destroy") {
            Ok(found) => note(&mut told, "destroy", found),
            Err(why) => note(&mut told, "destroy", vec![why]),
        }
        life.forget();
    }
    told.runs = life.runs;
    told
}

/// The types of a template.
fn types(text: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(text).unwrap();
    let names = |section: &str| value[section].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>();
    ["resource", "data", "ephemeral"].iter().flat_map(|section| names(section)).collect()
}
