//! What exists already: how it is found on every target, and that it is never changed.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::{Value, json};
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

/// The template of a stack for a target, or what is wrong with it.
fn build(target: &str, body: &str) -> Result<Value, Vec<String>> {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n{body}\n}}"));
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    let said = |problems: stackc::diag::Diagnostics| problems.sorted().iter().map(|one| format!("{}: {}", one.code, one.message)).collect::<Vec<_>>();
    if problems.has_errors() {
        return Err(said(problems));
    }
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build(&model.unwrap(), &target, Style::default(), &mut sources);
    match built {
        Some(artefact) => Ok(serde_json::from_str(&artefact.text).unwrap_or(Value::String(artefact.text))),
        None => Err(said(problems)),
    }
}

fn template(target: &str, body: &str) -> Value {
    build(target, body).unwrap_or_else(|said| panic!("{target}: {said:?}"))
}

/// Whether a text stands in a template's text, spaces aside.
fn says(template: &Value, text: &str) -> bool {
    let whole = template.as_str().map_or_else(|| template.to_string(), str::to_owned);
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
    plain(&whole).contains(&plain(text))
}

const BEHIND: &str = "network main
    service web network=main image=\"acme/shop:1\" {
        behind default
    }";

#[test]
fn the_default_group_is_found_on_every_target_that_has_groups() {
    let named = format!("(existing)firewall default name=default\n{BEHIND}");
    let cfn = template("cfn", &named);
    assert_eq!(cfn["Parameters"]["DefaultId"]["Type"], "AWS::EC2::SecurityGroup::Id");
    assert!(says(&cfn["Resources"], "{\"Ref\":\"DefaultId\"}"), "{cfn:#}");
    let aws = template("tf-aws", &named);
    assert_eq!(aws["data"]["aws_security_group"]["default"], json!({ "name": "default" }));
    assert!(says(&aws["resource"]["aws_ecs_service"], "${data.aws_security_group.default.id}"));
    let openstack = template("tf-openstack", &named);
    assert_eq!(openstack["data"]["openstack_networking_secgroup_v2"]["default"], json!({ "name": "default" }));
    assert!(says(&openstack["resource"], "${data.openstack_networking_secgroup_v2.default.id}"));
    let hot = template("hot", &named);
    assert!(says(&hot, "get_resource: 'outside'\n- 'default'") && !says(&hot, "default_name"), "{hot}");
    let google = template("tf-google", &named);
    assert!(google["variable"]["default_tag"].is_object() && says(&google["resource"], "${var.default_tag}"));
    for target in ["tf-azure", "arm"] {
        assert!(build(target, &named).is_err_and(|said| said.len() == 1 && said[0].contains("has no firewall")));
        let accepted = named.replace("name=default", "name=default { accept \"its subnet is guarded\" target=azure; }");
        template(target, &accepted);
    }
}

#[test]
fn what_the_stack_does_not_say_the_deployer_is_asked_for() {
    let bare = format!("(existing)firewall default\n{BEHIND}");
    assert_eq!(template("tf-aws", &bare)["data"]["aws_security_group"]["default"], json!({ "id": "${var.default_id}" }));
    let hot = template("hot", &bare);
    assert!(says(&hot, "constraints:\n- custom_constraint: 'neutron.security_group'") && says(&hot, "get_param: 'default_name'"), "{hot}");
    let by_id = format!("(existing)firewall default id=\"sg-0a1b2c3d\"\n{BEHIND}");
    let cfn = template("cfn", &by_id);
    assert!(cfn.get("Parameters").is_none() && says(&cfn["Resources"], "\"sg-0a1b2c3d\""));
    let asked = format!("param group about=\"of the office\"\n(existing)firewall default id=(get)group\n{BEHIND}");
    assert!(says(&template("cfn", &asked)["Resources"], "{\"Ref\":\"Group\"}"));
}

#[test]
fn what_is_found_is_not_made_and_not_changed() {
    let with = format!("(existing)firewall default name=default network=main\n{BEHIND}");
    let without = BEHIND.replace("behind default", "");
    for (target, made) in [("cfn", "Resources"), ("tf-aws", "resource"), ("tf-openstack", "resource"), ("tf-google", "resource")] {
        let (with, without) = (template(target, &with), template(target, &without));
        let names = |template: &Value| -> Vec<String> {
            let of = |(ty, value): (&String, &Value)| match made {
                "Resources" => vec![ty.clone()],
                _ => value.as_object().unwrap().keys().map(|name| format!("{ty}.{name}")).collect(),
            };
            template[made].as_object().unwrap().iter().flat_map(of).collect()
        };
        assert_eq!(names(&with), names(&without), "{target}");
    }
}

#[test]
fn what_is_written_is_known_to_a_target_of_the_stack() {
    let unknown = build("cfn", &format!("(existing)firewall default idd=\"sg-1\"\n{BEHIND}")).unwrap_err();
    assert!(unknown.iter().any(|said| said.contains("has no property `idd`")), "{unknown:?}");
    let elsewhere = build("cfn", &format!("targets cfn tf-aws\n(existing)firewall default tag=web\n{BEHIND}")).unwrap_err();
    assert!(elsewhere.iter().any(|said| said.contains("has no property `tag`")), "{elsewhere:?}");
    let several = build("cfn", &format!("(existing)firewall default {{ id sg-1 sg-2; }}\n{BEHIND}")).unwrap_err();
    assert!(several.iter().any(|said| said.starts_with("E02")), "{several:?}");
    let secret = build("cfn", &format!("param token secret=#true about=\"a\"\n(existing)firewall default id=(get)token\n{BEHIND}")).unwrap_err();
    assert!(secret.iter().any(|said| said.starts_with("E0216")), "{secret:?}");
}
