//! What moves from one node of a stack to another on AWS, comes first or goes last: small stacks before and after a change.
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

/// The resources of a type with their names, in either format.
fn of<'t>(template: &'t Value, kind: &str) -> Vec<(&'t str, &'t Value)> {
    let found = template["resource"][kind].as_object().into_iter().flatten();
    let found = found.map(|(name, resource)| (name.as_str(), resource));
    let native = template["Resources"].as_object().into_iter().flatten().filter(|(_, resource)| resource["Type"] == kind);
    found.chain(native.map(|(name, resource)| (name.as_str(), resource))).collect()
}

fn names(template: &Value, kind: &str) -> Vec<String> {
    of(template, kind).into_iter().map(|(name, _)| name.to_owned()).collect()
}

const ROUTED: &str = "network main
    load-balancer public network=main { listen 80 }
    service a network=main image=\"acme/a:1\" { port 80; FIRST }
    service b network=main image=\"acme/b:1\" { port 80; SECOND }";

fn routed(first: &str, second: &str) -> String {
    ROUTED.replace("FIRST", first).replace("SECOND", second)
}

#[test]
fn a_route_that_moves_keeps_its_rule() {
    // As another resource, its rule would be made while the priority is taken.
    let route = "route public path=\"/shop/*\"";
    for (target, kind) in [("cfn", "AWS::ElasticLoadBalancingV2::ListenerRule"), ("tf-aws", "aws_lb_listener_rule")] {
        let (before, after) = (template(target, &routed(route, "")), template(target, &routed("", route)));
        assert_eq!(names(&before, kind), names(&after, kind), "{target}");
        assert_eq!(names(&before, kind).len(), 1, "{target}");
    }
}

#[test]
fn a_first_route_makes_the_service_anew() {
    for (target, kind) in [("cfn", "AWS::ECS::Service"), ("tf-aws", "aws_ecs_service")] {
        let (before, after) = (template(target, &routed("", "")), template(target, &routed("route public", "")));
        let (before, after) = (names(&before, kind), names(&after, kind));
        assert!(!after.contains(&before[0]) && after.contains(&before[1]), "{target}: {before:?} {after:?}");
    }
    // Two of one name cannot be in a cluster.
    let (before, after) = (template("tf-aws", &routed("", "")), template("tf-aws", &routed("route public", "")));
    assert_eq!(before["resource"]["aws_ecs_service"]["a_unrouted"]["name"], "a-unrouted");
    assert_eq!(after["resource"]["aws_ecs_service"]["a"]["name"], "a");
}

#[test]
fn a_name_moves_from_one_node_to_another() {
    let zone = "network main\n dns-zone site domain=\"shop.example\"\n load-balancer one network=main { listen 80; FIRST }
    load-balancer two network=main { listen 80; SECOND }\n THIRD";
    let with = |first: &str, second: &str, third: &str| zone.replace("FIRST", first).replace("SECOND", second).replace("THIRD", third);
    let name = "name \"www\" zone=site";
    let record = |node: &str, kind: &str, value: &str| format!("dns-record {node} zone=site label=\"www\" kind={kind} {{ values \"{value}\" }}");
    let bodies = [
        with(name, "", ""),
        with("", name, ""),
        with("", "", &record("old", "A", "192.0.2.1")),
        with("", "", &record("new", "A", "192.0.2.1")),
        with("", "", &record("old", "CNAME", "elsewhere.example")),
    ];
    for (target, kind) in [("cfn", "AWS::Route53::RecordSet"), ("tf-aws", "aws_route53_record"), ("tf-openstack", "openstack_dns_recordset_v2")] {
        let all: Vec<Vec<String>> = bodies.iter().map(|body| names(&template(target, body), kind)).collect();
        assert!(all.iter().all(|names| *names == all[0] && names.len() == 1), "{target}: {all:?}");
    }
    // Other types stand beside it.
    let both = with(name, "", &record("six", "AAAA", "2001:db8::1"));
    assert_eq!(names(&template("cfn", &both), "AWS::Route53::RecordSet").len(), 2);
}

#[test]
fn what_a_service_waits_for_goes_after_it() {
    // Terraform takes what is not made first away before it changes what depended on it.
    let body = "network main
    dns-zone site domain=\"shop.example\"
    load-balancer public network=main { listen 80 }
    firewall office network=main { allow metrics port=9100 cidr=\"10.0.0.0/8\"; allow mail direction=out port=25 cidr=\"10.0.0.0/8\" }
    database data network=main engine=postgres version=\"17\"
    bucket files
    email mail domain=\"shop.example\" zone=site
    service web network=main image=\"acme/web:1\" {
        port 80; route public; behind office; connect data; connect files; connect mail; shell; egress none
    }";
    let terraform = template("tf-aws", body);
    let service = &terraform["resource"]["aws_ecs_service"]["web"]["depends_on"];
    let waited: Vec<&str> = service.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    for kind in ["aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule", "aws_iam_role_policy"] {
        for (name, resource) in of(&terraform, kind).into_iter().filter(|(name, _)| waited.contains(&format!("{kind}.{name}").as_str())) {
            assert_eq!(resource["lifecycle"]["create_before_destroy"], true, "{kind}.{name}");
        }
    }
    assert!(waited.iter().any(|name| name.contains("office_in")) && waited.iter().any(|name| name.contains("office_out")), "{waited:?}");
    // All that it needs would be made first as well, the proof of a certificate among it, and a second proof goes with the first.
    assert!(terraform["resource"]["aws_ecs_service"]["web"]["lifecycle"]["create_before_destroy"].is_null());
    let native = template("cfn", body);
    let waited = native["Resources"]["WebService"]["DependsOn"].to_string();
    assert!(waited.contains("OfficeInTcp9100") && waited.contains("OfficeOutTcp25"), "{waited}");
}

#[test]
fn another_port_opens_before_the_first_one_closes() {
    let before = template("tf-aws", &routed("route public", ""));
    let after = template("tf-aws", &routed("route public", "").replace("port 80; route", "port 8080; route"));
    for kind in ["aws_vpc_security_group_ingress_rule", "aws_vpc_security_group_egress_rule"] {
        let rules = |template: &Value| names(template, kind).into_iter().filter(|name| name.starts_with("a_public")).collect::<Vec<_>>();
        assert_eq!((rules(&before).len(), rules(&after).len()), (1, 1));
        assert_ne!(rules(&before), rules(&after));
    }
}

#[test]
fn two_certificates_share_the_proof_of_a_name() {
    let body = "dns-zone site domain=\"shop.example\"
    certificate one domain=\"shop.example\" zone=site { names \"*.shop.example\" \"a.shop.example\" }
    certificate two domain=\"a.shop.example\" zone=site { names \"shop.example\" }";
    let both = names(&template("tf-aws", body), "aws_route53_record");
    let one = names(&template("tf-aws", body.split("certificate one").next().unwrap().trim_end()), "aws_route53_record");
    assert_eq!(both, ["site_proof_shop_example", "site_proof_a_shop_example"]);
    assert!(one.is_empty());
    let second = body.split('\n').filter(|line| !line.contains("certificate one")).collect::<Vec<_>>().join("\n");
    let mut left = names(&template("tf-aws", &second), "aws_route53_record");
    left.sort();
    assert_eq!(left, ["site_proof_a_shop_example", "site_proof_shop_example"]);
}

#[test]
fn a_dmarc_record_of_ones_own_is_taken() {
    let mail = "email mail domain=\"shop.example\" zone=site";
    let own = "dns-record reports zone=site label=\"_dmarc\" kind=TXT { values \"v=DMARC1; p=reject\" }";
    for target in ["cfn", "tf-aws"] {
        // In either order.
        for body in [format!("{mail}\n{own}"), format!("{own}\n{mail}")] {
            let text = template(target, &format!("dns-zone site domain=\"shop.example\"\n{body}")).to_string();
            assert!(text.contains("p=reject") && !text.contains("p=none"), "{target}");
        }
        assert!(template(target, &format!("dns-zone site domain=\"shop.example\"\n{mail}")).to_string().contains("p=none"), "{target}");
    }
}

#[test]
fn a_service_that_the_load_scales_keeps_one_copy() {
    // Without any copy, there is no load that would start one.
    let body = "network main\n service web network=main image=\"acme/web:1\" { autoscale 0 max=3 }";
    assert_eq!(cfn(&template("cfn", body), "WebScaling")["MinCapacity"], 1);
    assert_eq!(template("tf-aws", body)["resource"]["aws_appautoscaling_target"]["web_scaling"]["min_capacity"], 1);
}

#[test]
fn copies_are_not_moved_between_zones_where_none_may_be_more() {
    // ECS refuses a most of 100 percent where it moves copies, which it does unless it is told not to.
    let body = "network main\n service web network=main image=\"acme/web:1\" { replicas 2; ROLLOUT }";
    for (rollout, what) in [("", "ENABLED"), ("rollout min-healthy=50 max=100", "DISABLED")] {
        let body = body.replace("ROLLOUT", rollout);
        assert_eq!(cfn(&template("cfn", &body), "WebServiceUnrouted")["AvailabilityZoneRebalancing"], what);
        assert_eq!(template("tf-aws", &body)["resource"]["aws_ecs_service"]["web_unrouted"]["availability_zone_rebalancing"], what);
    }
}

#[test]
fn names_that_rds_keeps_for_itself_are_refused() {
    for target in ["cfn", "tf-aws"] {
        for name in ["catalog", "grant", "flag"] {
            let body = |engine: &str| format!("network main\n database data network=main {engine} name={name}");
            assert!(build(target, &body("engine=postgres version=\"17\"")).1.iter().any(|said| said.contains("keeps")), "{target} {name}");
            template(target, &body("engine=mysql version=\"8.4\""));
        }
    }
}

#[test]
fn a_time_that_never_comes_is_refused() {
    let body = |schedule: &str| format!("network main\n job tidy network=main image=\"acme/tidy:1\" schedule=\"{schedule}\"");
    for schedule in ["0 0 31 2 *", "0 0 31 4,6 *", "0 0 30-31 2 *"] {
        assert!(build("cfn", &body(schedule)).1.iter().any(|said| said.contains("has to be a cron expression")), "{schedule}");
    }
    for schedule in ["0 0 29 2 *", "0 0 31 */2 *", "0 0 1,31 2 *", "0 0 */5 2 *"] {
        assert!(!build("cfn", &body(schedule)).1.iter().any(|said| said.contains("cron expression")), "{schedule}");
    }
}
