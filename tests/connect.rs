//! Services that ask each other: what `connect` to a service makes on every cloud, and what adding and removing it changes.
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

/// The text of a stack's template for a target.
fn text(target: &str, body: &str) -> String {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n{body}\n}}"));
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    let model = model.unwrap_or_else(|| panic!("{:?}", problems.sorted()));
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources);
    let problems = problems.sorted();
    assert!(problems.iter().all(|problem| problem.severity != Severity::Error), "{problems:?}");
    built.unwrap().0.text
}

fn template(target: &str, body: &str) -> Value {
    serde_json::from_str(&text(target, body)).unwrap()
}

const STACK: &str = "network main NAT
    service api network=main image=\"mcr.microsoft.com/api:1\" { port 9000; replicas 2; ROUTE }
    service web network=main image=\"mcr.microsoft.com/web:1\" { WEB }
    job tidy network=main image=\"mcr.microsoft.com/tidy:1\" { JOB }";

fn stack(nat: &str, route: &str, web: &str, job: &str) -> String {
    STACK.replace("NAT", nat).replace("ROUTE", route).replace("WEB", web).replace("JOB", job)
}

fn joined() -> String {
    stack("", "", "connect api", "connect api prefix=SHOP")
}

fn apart() -> String {
    stack("", "", "", "")
}

/// The properties of CloudFormation's resources of a type, by their names.
fn cfn<'t>(template: &'t Value, kind: &str) -> Vec<(&'t str, &'t Value)> {
    let all = template["Resources"].as_object().unwrap();
    all.iter().filter(|(_, resource)| resource["Type"] == kind).map(|(name, resource)| (name.as_str(), &resource["Properties"])).collect()
}

#[test]
fn on_aws_copies_have_one_name_and_the_port_is_open_to_what_asks_alone() {
    let template = template("cfn", &joined());
    assert_eq!(cfn(&template, "AWS::ServiceDiscovery::PrivateDnsNamespace")[0].1["Name"], "main.shop.internal");
    let registries = cfn(&template, "AWS::ServiceDiscovery::Service");
    assert_eq!(registries.iter().map(|(_, registry)| &registry["Name"]).collect::<Vec<_>>(), ["api"]);
    let doors: Vec<_> =
        cfn(&template, "AWS::EC2::SecurityGroupIngress").into_iter().map(|(_, door)| (&door["SourceSecurityGroupId"], &door["FromPort"])).collect();
    let from = |group: &str| serde_json::json!({ "Fn::GetAtt": [group, "GroupId"] });
    assert_eq!(doors, [(&from("WebGroup"), &Value::from(9000)), (&from("TidyGroup"), &Value::from(9000))]);
    let tasks = cfn(&template, "AWS::ECS::TaskDefinition");
    let env = |name: &str| tasks.iter().find(|(task, _)| *task == name).unwrap().1["ContainerDefinitions"][0]["Environment"].to_string();
    for wanted in
        [r#""API_HOST","Value":"api.main.shop.internal""#, r#""API_PORT","Value":"9000""#, r#""API_URL","Value":"http://api.main.shop.internal:9000""#]
    {
        assert!(env("WebTask").contains(wanted), "{}", env("WebTask"));
    }
    assert!(env("TidyTask").contains("SHOP_URL"));
}

#[test]
fn on_aws_what_asks_is_started_after_what_it_asks() {
    let waits = template("cfn", &joined())["Resources"]["WebServiceUnrouted"]["DependsOn"].to_string();
    assert!(waits.contains("ApiServiceConnectedUnrouted"), "{waits}");
    let waits = template("tf-aws", &joined())["resource"]["aws_ecs_service"]["web_unrouted"]["depends_on"].to_string();
    assert!(waits.contains("aws_ecs_service.api_unrouted"), "{waits}");
}

#[test]
fn cloudformation_takes_no_registry_off_a_service() {
    // It is another service with one: the old one goes with what it was registered by.
    let names = |body: &str| cfn(&template("cfn", body), "AWS::ECS::Service").into_iter().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&apart()), ["ApiServiceUnrouted", "WebServiceUnrouted"]);
    assert_eq!(names(&joined()), ["ApiServiceConnectedUnrouted", "WebServiceUnrouted"]);
    let routed = format!("load-balancer front network=main {{ listen 80 }}\n{}", stack("", "route front", "connect api", ""));
    assert_eq!(names(&routed), ["ApiServiceConnected", "WebServiceUnrouted"]);
}

#[test]
fn terraform_takes_a_registry_off_and_then_away() {
    let (with, without) = (template("tf-aws", &joined()), template("tf-aws", &apart()));
    let service = |template: &Value| template["resource"]["aws_ecs_service"]["api_unrouted"].clone();
    assert_eq!(service(&with)["service_registries"][0]["registry_arn"], "${aws_service_discovery_service.api_registry.arn}");
    assert!(service(&without)["service_registries"].is_null() && service(&without).is_object());
    let registry = &with["resource"]["aws_service_discovery_service"]["api_registry"];
    assert_eq!((&registry["lifecycle"]["create_before_destroy"], &registry["force_destroy"]), (&Value::Bool(true), &Value::Bool(true)));
}

#[test]
fn on_azure_an_app_takes_plain_requests_from_its_environment() {
    let ingress = |body: &str| template("arm", body)["resources"]["api"]["properties"]["configuration"]["ingress"].clone();
    assert!(ingress(&apart()).is_null());
    assert_eq!(ingress(&joined()), serde_json::json!({ "external": false, "targetPort": 9000, "transport": "auto", "allowInsecure": true }));
    let routed = |web: &str| format!("load-balancer front network=main {{ listen 80 }}\n{}", stack("", "route front", web, ""));
    assert_eq!(ingress(&routed(""))["allowInsecure"], false);
    assert_eq!((&ingress(&routed("connect api"))["external"], &ingress(&routed("connect api"))["allowInsecure"]), (&Value::Bool(true), &Value::Bool(true)));
    for target in ["arm", "tf-azure"] {
        let text = text(target, &joined());
        assert!(text.contains("API_HOST") && text.contains("API_PORT"), "{target}");
    }
}

#[test]
fn on_google_what_asks_needs_no_token_and_no_way_out() {
    let open = template("tf-google", &joined());
    let api = |template: &Value| template["resource"]["google_cloud_run_v2_service"]["api"].clone();
    assert_eq!((&api(&open)["invoker_iam_disabled"], &api(&open)["ingress"]), (&Value::Bool(true), &Value::from("INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER")));
    assert!(api(&template("tf-google", &apart()))["invoker_iam_disabled"].is_null());
    assert!(open["resource"]["google_dns_managed_zone"].is_null(), "a network with a way out finds it by public names");
    let closed = template("tf-google", &stack("{ nat none }", "", "connect api", ""));
    assert_eq!(closed["resource"]["google_dns_managed_zone"]["main_run_names"]["dns_name"], "run.app.");
    let pool = closed["resource"]["google_cloud_run_v2_worker_pool"]["web_pool"].to_string();
    assert!(pool.contains("${google_cloud_run_v2_service.api.uri}") && pool.contains("\"443\""), "{pool}");
}

#[test]
fn on_openstack_what_asks_has_a_list_of_hosts_that_a_new_version_leaves_alone() {
    let template = template("tf-openstack", &joined());
    let web = template["resource"]["openstack_compute_instance_v2"]["web_a"]["user_data"].as_str().unwrap();
    for copy in ["a", "b"] {
        assert!(web.contains(&format!("openstack_networking_port_v2.api_port_{copy}.all_fixed_ips[0]")), "{web}");
    }
    assert!(web.contains("hostAliases") && !web.contains("openstack_compute_instance_v2.api"), "a new server of the other would replace this one: {web}");
    let rules = &template["resource"]["openstack_networking_secgroup_rule_v2"];
    assert_eq!(rules["web_api_in_a"]["remote_ip_prefix"], "${openstack_networking_port_v2.web_port_a.all_fixed_ips[0]}/32");
    assert_eq!(rules["tidy_api_in"]["port_range_min"], 9000);
    for target in ["hot", "tf-openstack"] {
        assert!(!text(target, &apart()).contains("hostAliases"), "{target}");
        assert!(text(target, &joined()).contains("http://api:9000"), "{target}");
    }
}
