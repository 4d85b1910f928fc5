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

/// A part of one resource can have the name of another, whole one: Terraform tells them apart by their types, and so does whoever asks.
#[test]
fn names_that_meet_lead_to_their_own_resources() {
    let stack = "stack shop {\n    network main\n    database main-internet network=main engine=postgres version=\"16\"\n    load-balancer public network=main { listen 80 }\n    \
                 service web network=main { image \"nginx:1.29\"; port 80; route public }\n    bucket web-logs\n    secret cluster\n}\n";
    let mut met = 0;
    for (target, database) in [
        ("tf-aws", "aws_db_instance"),
        ("tf-azure", "azurerm_postgresql_flexible_server"),
        ("tf-google", "google_sql_database_instance"),
        ("tf-openstack", "openstack_db_instance_v1"),
    ] {
        let (_, origins, _) = origins(stack, target).unwrap_or_else(|| panic!("{target} takes no such stack"));
        let of = |address: &str| origins.resource(address).and_then(|origin| origin.of.clone());
        assert_eq!(of(&format!("{database}.main_internet")), Some(("database".to_owned(), "main-internet".to_owned())), "{target}");
        assert!(origins.resource(&format!("{database}.main_internet")).unwrap().stateful, "{target}");
        let mut addresses: Vec<&str> = origins.resources.iter().map(|origin| origin.address.as_str()).collect();
        addresses.sort_unstable();
        let all = addresses.len();
        addresses.dedup();
        assert_eq!(addresses.len(), all, "{target}: an address stands twice");
        for origin in &origins.resources {
            let namesakes = origins.resources.iter().filter(|other| other.name == origin.name).count();
            met += usize::from(namesakes > 1);
            assert_eq!(origins.resource(&origin.address).map(|found| &found.of), Some(&origin.of), "{target}: {}", origin.address);
        }
    }
    assert!(met >= 4, "only {met} names meet");
    let (_, origins, _) = origins(stack, "tf-aws").unwrap();
    assert_eq!(origins.resource("aws_internet_gateway.main_internet").unwrap().of.as_ref().unwrap().0, "network");
    // What the cloud has by itself is nobody's, though a resource of the stack has its name.
    assert_eq!(origins.resource("aws_ecs_cluster.cluster").unwrap().of, None);
}
