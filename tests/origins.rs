//! From a template's names back to the stack: every name of every example's templates has its origin, at a line of the user's file.
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

use serde_json::Value;
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::{Format, Style};
use stackc::native::Removal;
use stackc::origins::Origins;
use stackc::source::Sources;
use support::examples;

fn origins(stack: &str, target: &str) -> Option<(Value, Origins, Sources)> {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", stack.to_owned());
    let (model, _) = compiler.check(file, Variant::default(), &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, _) = compiler.build_with_origins(&model.unwrap(), &target, Style::default(), &mut sources);
    let (artefact, origins) = built?;
    let template = if target.format == Format::Heat { Value::Null } else { serde_json::from_str(&artefact.text).unwrap() };
    Some((template, origins, sources))
}

#[test]
fn every_name_of_a_template_leads_to_a_line() {
    let mut names = 0;
    for example in examples() {
        let stack = std::fs::read_to_string(example.join("stack.kdl")).unwrap();
        let Some((template, origins, sources)) = origins(&stack, "cfn") else { continue };
        for (name, resource) in template["Resources"].as_object().unwrap() {
            let origin = origins.resource(name).unwrap_or_else(|| panic!("{}: {name} has no origin", example.display()));
            assert_eq!(origin.ty, resource["Type"], "{name}");
            let text = sources.slice(origin.origin.user);
            // A resource's own node begins with its type and name; one that an edge makes leads to the edge, and a shared one to the stack.
            let first = text.split_whitespace().next().unwrap_or_default();
            let own = origin.of.as_ref().is_some_and(|(ty, _)| ty == first);
            assert!(own || first == "stack" || sources.line_column(origin.origin.user).0 > 1 && !first.is_empty(), "{name} leads to `{text}`");
            assert!(!sources.slice(origin.origin.rule).is_empty(), "{name} has no rule");
            assert_eq!(origin.removal == Removal::Keep, resource["DeletionPolicy"] == "RetainExceptOnCreate", "{name}");
            names += 1;
        }
        let keys = |part: &str| template[part].as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect::<Vec<_>>();
        assert_eq!(origins.params.iter().map(|param| param.name.clone()).collect::<Vec<_>>(), keys("Parameters"));
        assert_eq!(origins.outputs.iter().map(|output| output.name.clone()).collect::<Vec<_>>(), keys("Outputs"));
    }
    assert!(names > 100, "only {names} names");
}

#[test]
fn what_holds_data_is_known_from_the_rules() {
    let stack = "stack shop {\n    network main\n    database data network=main engine=postgres version=\"16\"\n    bucket media\n    load-balancer public network=main {\n        listen 80 redirect=443\n    }\n}\n";
    for target in ["cfn", "tf-aws"] {
        let (_, origins, _) = origins(stack, target).unwrap();
        let mut held: Vec<&str> =
            origins.resources.iter().filter(|origin| origin.stateful).filter_map(|origin| origin.of.as_ref()).map(|(_, name)| name.as_str()).collect();
        held.sort_unstable();
        assert_eq!(held, ["data", "media"], "{target}");
    }
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == "cfn").unwrap();
    let types = compiler.stateful_types(&target, &mut sources);
    assert!(types.contains(&"AWS::RDS::DBInstance".to_owned()) && !types.contains(&"AWS::EC2::SecurityGroup".to_owned()), "{types:?}");
}
