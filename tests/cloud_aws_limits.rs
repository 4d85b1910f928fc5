//! What AWS refuses only at deploy time or does later, in small stacks: networks, limits, disks.
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
use stackc::diag::Severity;
use stackc::emit::Style;
use stackc::source::Sources;

/// The template of a stack's body for a target, and the messages that building it gave.
fn build(target: &str, body: &str) -> (Value, Vec<String>) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n{body}\n}}"));
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    let mut said: Vec<String> = problems.sorted().iter().map(|problem| problem.message.clone()).collect();
    let Some(model) = model else { return (Value::Null, said) };
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources);
    let problems = problems.sorted();
    said.extend(problems.iter().map(|problem| format!("{}: {}", problem.message, problem.primary.text)));
    let failed = problems.iter().any(|problem| problem.severity == Severity::Error);
    let template = built.filter(|_| !failed).map_or(Value::Null, |(artefact, _)| serde_json::from_str(&artefact.text).unwrap());
    (template, said)
}

/// The template of a stack that builds.
fn template(target: &str, body: &str) -> Value {
    let (template, said) = build(target, body);
    assert!(!template.is_null(), "{said:?}");
    template
}

/// The properties of a resource of CloudFormation's.
fn cfn<'t>(template: &'t Value, name: &str) -> &'t Value {
    let found = &template["Resources"][name]["Properties"];
    assert!(!found.is_null(), "there is no {name}: {:?}", template["Resources"].as_object().unwrap().keys());
    found
}

#[test]
fn the_private_endpoints_stand_in_every_private_subnet() {
    let stack = "network main zones=3 { nat none }";
    let made = template("cfn", stack);
    let endpoints = made["Resources"].as_object().unwrap().iter().filter(|(_, one)| one["Properties"]["VpcEndpointType"] == "Interface");
    let subnets = serde_json::json!([{ "Ref": "MainPrivateA" }, { "Ref": "MainPrivateB" }, { "Ref": "MainPrivateC" }]);
    let mut count = 0;
    for (name, endpoint) in endpoints {
        assert_eq!(endpoint["Properties"]["SubnetIds"], subnets, "{name}: in no subnet it answers nobody");
        count += 1;
    }
    assert_eq!(count, 5);
    let made = template("tf-aws", stack);
    for (name, endpoint) in made["resource"]["aws_vpc_endpoint"].as_object().unwrap() {
        if endpoint["vpc_endpoint_type"] == "Interface" {
            assert_eq!(endpoint["subnet_ids"].as_array().map(Vec::len), Some(3), "{name}");
        }
    }
}

#[test]
fn a_subnet_stays_in_its_zone_and_goes_last() {
    let made = template("tf-aws", "network main zones=3");
    for (name, subnet) in made["resource"]["aws_subnet"].as_object().unwrap() {
        let life = &subnet["lifecycle"];
        assert_eq!(life["ignore_changes"], serde_json::json!(["availability_zone"]), "{name}: another list of zones would move it");
        assert_eq!(life["create_before_destroy"], true, "{name}: what stands in it has to leave first");
    }
    for kind in ["aws_route", "aws_route_table_association"] {
        for (name, way) in made["resource"][kind].as_object().unwrap().iter().filter(|(name, _)| name.contains("private")) {
            assert_eq!(way["lifecycle"]["create_before_destroy"], true, "{kind}.{name}: the way out of what still stands there");
        }
    }
}

#[test]
fn a_disk_that_grows_past_the_striping_takes_what_it_has_then() {
    let stack = |storage: u32| format!("network main\n database data network=main engine=postgres version=\"16\" storage={storage}");
    for (storage, iops, throughput) in [(399, Value::Null, Value::Null), (400, 12000.into(), 500.into())] {
        let made = template("cfn", &stack(storage));
        let instance = cfn(&made, "DataInstance");
        assert_eq!((&instance["Iops"], &instance["StorageThroughput"]), (&iops, &throughput));
        let made = template("tf-aws", &stack(storage));
        let instance = &made["resource"]["aws_db_instance"]["data"];
        assert_eq!((&instance["iops"], &instance["storage_throughput"]), (&iops, &throughput));
    }
}

/// What a stack is refused with, on every target; nothing where it builds.
fn refused(body: &str) -> Vec<String> {
    ["cfn", "tf-aws"]
        .into_iter()
        .map(|target| match build(target, body) {
            (Value::Null, said) => said.join("\n"),
            _ => String::new(),
        })
        .collect()
}

fn all_refused(body: &str, why: &str) {
    for said in refused(body) {
        assert!(said.contains(why), "{why}: {said:?}");
    }
}

fn none_refused(body: &str) {
    assert!(refused(body).iter().all(String::is_empty), "{body}: {:?}", refused(body));
}

#[test]
fn what_rds_refuses_of_a_database_is_refused_before() {
    let database = |engine: &str, more: &str| format!("network main\n database data network=main engine={engine} {more}");
    all_refused(&database("postgres version=\"16\"", "storage=100 storage-max=109"), "110 or more");
    none_refused(&database("postgres version=\"16\"", "storage=100 storage-max=110"));
    let long = "user=seventeen_letters";
    all_refused(&database("mysql version=\"8.4\"", long), "16 characters at most");
    all_refused(&database("mariadb version=\"11.4\"", long), "16 characters at most");
    none_refused(&database("postgres version=\"16\"", long));
    all_refused(&database("mariadb version=\"10.6\"", ""), "10.6");
}

#[test]
fn a_sixth_group_of_rules_is_refused() {
    let stack = |firewalls: usize, kind: &str| {
        let groups: String = (0..firewalls).map(|index| format!("firewall f{index} network=main {{ allow a port=80 cidr=\"192.0.2.0/24\" }}\n")).collect();
        let behind: String = (0..firewalls).map(|index| format!("behind f{index}; ")).collect();
        format!("network main\n {groups} {kind} network=main image=\"acme/web:1\" {{ {behind} }}")
    };
    for kind in ["service web", "job tidy schedule=\"0 3 * * *\""] {
        none_refused(&stack(4, kind));
        all_refused(&stack(5, kind), "6 items");
    }
}

#[test]
fn a_certificate_is_for_a_name_that_fits() {
    let stack = |label: &str| format!("dns-zone site domain=\"shop.example\"\n certificate tls domain=\"{label}.shop.example\" zone=site");
    none_refused(&stack(&"a".repeat(51)));
    all_refused(&stack(&"a".repeat(52)), "65 characters");
}

/// CloudFormation reads the whole value from the identity; Terraform's provider tells the tokens alone.
#[test]
fn the_keys_of_mail_lie_in_the_regions_own_domain() {
    let made = template("tf-aws", "dns-zone site domain=\"shop.example\"\n email mail domain=\"shop.example\" zone=site");
    for key in ["mail_key_1", "mail_key_2", "mail_key_3"] {
        let value = made["resource"]["aws_route53_record"][key]["records"][0].as_str().unwrap();
        assert!(value.contains("\"af-south-1\"") && value.contains("setintersection") && value.contains("data.aws_region.region.id"), "{value}");
        assert!(!value.contains(".dkim.amazonses.com"), "{value}: in eleven regions nobody would find the key");
    }
}

/// A name and the wildcard below it have the same record at ACM, which cannot belong to both: the one that goes would take it along.
#[test]
fn a_name_and_the_wildcard_below_it_are_proved_by_one_record() {
    let records = |domain: &str, names: &str| {
        let made = template("tf-aws", &format!("dns-zone site domain=\"shop.example\"\n certificate tls domain=\"{domain}\" zone=site {{ {names} }}"));
        made["resource"]["aws_route53_record"].as_object().unwrap().clone()
    };
    let both = records("shop.example", "names \"*.shop.example\" \"*.a.shop.example\" \"a.shop.example\"");
    assert_eq!(both.keys().collect::<Vec<_>>(), ["site_proof_shop_example", "site_proof_a_shop_example"]);
    for other in [records("shop.example", "names \"a.shop.example\""), records("*.shop.example", "names \"*.a.shop.example\"")] {
        assert_eq!(other, both, "without the one of the two, the record is still there and the same");
    }
}

/// A group takes no second rule for the same connections, not even while the first is on its way out.
#[test]
fn an_opening_under_another_name_is_the_same_rule() {
    let rules = |target: &str, allow: &str| {
        let made = template(target, &format!("network main\n firewall office network=main {{ {allow} }}"));
        let mut found = std::collections::BTreeMap::new();
        for kind in ["aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"] {
            found.extend(made["resource"][kind].as_object().cloned().unwrap_or_default());
        }
        let of_rules = |one: &Value| one["Type"].as_str().is_some_and(|ty| ty.starts_with("AWS::EC2::SecurityGroup") && ty.ends_with("gress"));
        found.extend(made["Resources"].as_object().cloned().unwrap_or_default().into_iter().filter(|(_, one)| of_rules(one)));
        found
    };
    for target in ["cfn", "tf-aws"] {
        for what in [
            "port=80 cidr=\"10.1.10.0/24\"",
            "port=80 to-port=90 cidr=\"10.1.10.0/24\"",
            "protocol=udp direction=out port=53 cidr=\"0.0.0.0/0\"",
            "protocol=any cidr=\"10.0.0.0/8\"",
        ] {
            let (before, after) = (rules(target, &format!("allow a {what}")), rules(target, &format!("allow b {what}")));
            assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{target}: {what}");
            assert_ne!(before, after, "its description is changed in place");
        }
        let all = rules(
            target,
            "allow a port=80 cidr=\"10.1.10.0/24\"; allow b port=80 cidr=\"10.11.0.0/24\"; allow c port=81 cidr=\"10.11.0.0/24\"; \
             allow d protocol=udp port=80 cidr=\"10.11.0.0/24\"; allow e protocol=any cidr=\"10.11.0.0/24\"; \
             allow f direction=out port=80 cidr=\"10.11.0.0/24\"; allow g port=80 to-port=81 cidr=\"10.11.0.0/24\"",
        );
        assert_eq!(all.len(), 7, "{target}: {:?}", all.keys());
    }
    // What is known only at the deploy is called by the stack's own word for it.
    assert!(
        rules("tf-aws", "allow web port=(get)door cidr=\"10.0.0.0/8\" }\n param door default=80 about=\"the port\"\n firewall other network=main {")
            .contains_key("office_in_web")
    );
}
