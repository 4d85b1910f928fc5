//! A copy of a stack (`--instance green`) is made of the same things under names of its own, on every target: it shares nothing with the first.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use stackc::Compiler;
use stackc::check::{Value, Variant};
use stackc::emit::Style;
use stackc::source::Sources;
use support::examples;

const GREEN: Variant<'static> = Variant { stage: None, instance: Some("green") };

/// A target, a template for it, and the types of its resources.
type Built = (String, String, Vec<String>);

/// A stack's template for each target; the stack's name and its domains.
fn templates(text: &str, variant: Variant<'_>) -> (Vec<Built>, String, Vec<String>) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", text.to_owned());
    let (model, _) = compiler.check(file, variant, &mut sources);
    let model = model.unwrap();
    let mut found = Vec::new();
    for target in compiler.targets(&mut sources) {
        let Some((artefact, origins)) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources).0 else { continue };
        let resources = origins.resources.iter().map(|origin| origin.ty.clone()).collect();
        found.push((target.name.clone(), artefact.text, resources));
    }
    // What is found is one for all copies.
    let zones = model.resources.iter().filter(|resource| resource.ty.name == "dns-zone" && resource.found.is_none());
    let domains = zones.filter_map(|zone| match &zone.values.get("domain")?.value {
        Value::Text(domain) => Some(domain.clone()),
        _ => None,
    });
    (found, model.name.clone(), domains.collect())
}

#[test]
fn a_copy_has_the_same_resources_and_no_name_of_the_first() {
    let (mut count, mut looked) = (0, 0);
    for example in examples() {
        let text = std::fs::read_to_string(example.join("stack.kdl")).unwrap();
        // What stands as text is the same in every copy, and a copy's build warns of it.
        let written_out = ["admin@botolphs.example", "https://www.everything.example", "https://www.pages.example", "values \"pages.example\""];
        let text = written_out
            .iter()
            .fold(text, |text, part| text.replace(part, &part.replace("botolphs.", "a.").replace("everything.", "a.").replace("pages.", "a.")));
        let (first, name, domains) = templates(&text, Variant::default());
        let (copy, again, moved) = templates(&text, GREEN);
        assert_eq!(name, again);
        assert_eq!(moved, domains.iter().map(|domain| format!("green.{domain}")).collect::<Vec<_>>());
        assert_eq!(first.len(), copy.len(), "{name}");
        // What its author wrote out means the same in every copy, as do the tag and the sentence that say which stack it is.
        let written: Vec<&str> = text.split(['"', ' ', '\n']).filter(|word| word.contains(&name)).collect();
        for ((target, before, resources), (_, after, same)) in first.iter().zip(&copy) {
            assert!(resources == same, "{name} on {target}");
            let beginning = format!("{name}-");
            let names = |text: &str| -> Vec<String> {
                let inside = |at: usize| text[..at].ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
                let begins = text.match_indices(&beginning).filter(|(at, _)| !inside(*at));
                let begins = begins.map(|(at, _)| text[at..].split(|c: char| !(c.is_ascii_alphanumeric() || "-_.@".contains(c))).next().unwrap());
                begins.filter(|found| !written.iter().any(|word| word.contains(found))).map(str::to_owned).collect()
            };
            let left: Vec<String> = names(after).into_iter().filter(|found| !found.starts_with(&format!("{name}-green"))).collect();
            assert_eq!(left, Vec::<String>::new(), "{name} on {target}");
            assert!(names(before).iter().all(|found| !found.contains("green")));
            count += names(after).len();
            for domain in &domains {
                let moved = format!("green.{domain}");
                assert_eq!(after.matches(domain.as_str()).count(), after.matches(&moved).count(), "{name} on {target}");
                looked += after.matches(&moved).count();
            }
        }
    }
    assert!(count > 1_000 && looked > 50, "only {count} names and {looked} domains were looked at");
}
