//! How a container starts, is asked whether it is well, and ends: what a service and a job say of it, on every cloud.
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

use serde_json::{Value, json};
use stackc::Compiler;
use stackc::check::Variant;
use stackc::diag::Severity;
use stackc::emit::Style;
use stackc::source::Sources;

/// The text of a stack's template for a target, or what refuses it.
fn build(target: &str, body: &str) -> Result<String, String> {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n    network main\n{body}\n}}"));
    let (model, problems) = compiler.check(file, Variant::default(), &mut sources);
    let model = model.unwrap_or_else(|| panic!("{:?}", problems.sorted()));
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let (built, problems) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources);
    let problems = problems.sorted();
    match problems.iter().find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(format!("{}: {}", problem.message, problem.primary.text)),
        None => Ok(built.unwrap().0.text),
    }
}

fn service(says: &str) -> String {
    format!("service web network=main image=\"mcr.microsoft.com/web:1\" {{ {says} }}")
}

fn job(says: &str) -> String {
    format!("job tidy network=main image=\"mcr.microsoft.com/tidy:1\" {{ {says} }}")
}

fn template(target: &str, body: &str) -> Value {
    serde_json::from_str(&build(target, body).unwrap()).unwrap()
}

/// The container of ECS's task.
fn container(body: &str) -> Value {
    let template = template("cfn", body);
    let task = template["Resources"].as_object().unwrap().values().find(|one| one["Type"] == "AWS::ECS::TaskDefinition").unwrap().clone();
    task["Properties"]["ContainerDefinitions"][0].clone()
}

const ALL: &str = "entrypoint run; command once; user 1000; group 7; working-dir \"/srv\"; read-only";

#[test]
fn on_aws_a_container_starts_as_it_is_told() {
    for body in [service(ALL), job(ALL)] {
        let container = container(&body);
        assert_eq!((&container["EntryPoint"], &container["Command"]), (&json!(["run"]), &json!(["once"])));
        assert_eq!((&container["User"], &container["WorkingDirectory"]), (&json!("1000:7"), &json!("/srv")));
        assert_eq!(container["ReadonlyRootFilesystem"], true);
    }
    let plain = container(&service(""));
    for absent in ["EntryPoint", "User", "WorkingDirectory", "ReadonlyRootFilesystem", "HealthCheck"] {
        assert!(plain[absent].is_null(), "{absent}");
    }
    assert_eq!(container(&service("user 5"))["User"], "5");
}

#[test]
fn on_aws_a_copy_is_asked_by_a_command() {
    let asked = container(&service("health-command app \"--well\"; grace 900"));
    assert_eq!(asked["HealthCheck"], json!({ "Command": ["CMD", "app", "--well"], "Interval": 30, "Timeout": 5, "Retries": 3, "StartPeriod": 300 }));
}

#[test]
fn a_copy_ends_as_its_requests_do_unless_it_is_told_otherwise() {
    assert_eq!(container(&service("drain 20"))["StopTimeout"], 20);
    assert_eq!(container(&service("drain 20; stop-grace 90"))["StopTimeout"], 90);
    let app = |says: &str| template("arm", &service(says))["resources"]["web"]["properties"]["template"]["terminationGracePeriodSeconds"].clone();
    assert_eq!((app("drain 20"), app("drain 20; stop-grace 90")), (json!(20), json!(90)));
    for target in ["hot", "tf-openstack"] {
        let text = build(target, &service("stop-grace 91")).unwrap();
        assert!(text.contains("terminationGracePeriodSeconds") && text.contains("91"), "{target}");
    }
}

#[test]
fn on_openstack_podman_starts_and_asks_it() {
    let user_data = |body: &str| {
        let template = template("tf-openstack", body);
        let servers = template["resource"]["openstack_compute_instance_v2"].as_object().unwrap();
        servers.values().next().unwrap()["user_data"].as_str().unwrap().to_owned()
    };
    let text = user_data(&service(&format!("{ALL}; health-command app \"--well\"; grace 90")));
    for wanted in [
        r#""command" = ["run"]"#,
        r#""workingDir" = "/srv""#,
        r#""securityContext" = {"readOnlyRootFilesystem" = true, "runAsUser" = 1000, "runAsGroup" = 7}"#,
        r#""initialDelaySeconds" = 90, "exec" = {"command" = ["app", "--well"]}"#,
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    // What nobody says is not there, so that servers that run are left alone.
    let plain = user_data(&service(""));
    assert!(!plain.contains("securityContext") && !plain.contains("livenessProbe") && !plain.contains("\"command\""), "{plain}");
    assert!(user_data(&job("timeout 600")).contains("Type=oneshot\\\\nTimeoutStartSec=600") || user_data(&job("timeout 600")).contains("TimeoutStartSec=600"));
    assert!(!user_data(&job("")).contains("TimeoutStartSec"));
}

#[test]
fn where_a_cloud_has_none_of_it_it_is_refused() {
    for (target, lacks) in [
        ("arm", ["user 5", "working-dir \"/srv\"", "read-only", "health-command well"].as_slice()),
        ("tf-azure", &["user 5", "working-dir \"/srv\"", "read-only", "health-command well"]),
        ("tf-google", &["user 5", "read-only", "health-command well"]),
        ("cfn", &["shell; read-only"]),
    ] {
        for says in lacks {
            assert!(build(target, &service(says)).is_err(), "{target} takes {says}");
        }
        assert!(build(target, &service("entrypoint run; stop-grace 5")).is_ok(), "{target}");
    }
    for (target, says) in [("cfn", "retries 1"), ("tf-aws", "timeout 60"), ("hot", "retries 1")] {
        assert!(build(target, &job(says)).is_err(), "{target} takes {says}");
    }
}

#[test]
fn a_run_that_fails_is_tried_again_and_one_that_lasts_is_stopped() {
    let azure = |says: &str| template("arm", &job(says))["resources"]["tidy"]["properties"]["configuration"].clone();
    assert_eq!((&azure("retries 2; timeout 600")["replicaRetryLimit"], &azure("retries 2; timeout 600")["replicaTimeout"]), (&json!(2), &json!(600)));
    assert_eq!((&azure("")["replicaRetryLimit"], &azure("")["replicaTimeout"]), (&json!(0), &json!(86400)));
    let google = |says: &str| template("tf-google", &job(says))["resource"]["google_cloud_run_v2_job"]["tidy"]["template"].to_string();
    assert!(google("retries 2; timeout 600").contains("\"max_retries\":2") && google("retries 2; timeout 600").contains("\"600s\""));
    assert!(google("").contains("\"max_retries\":0") && google("").contains("604800s"));
}

#[test]
fn on_aws_what_runs_can_have_an_address_of_its_own_in_the_place_of_a_gateway() {
    let both = format!("{}\n{}", service(""), job("schedule \"0 3 * * *\""));
    let of = |target: &str, nat: &str| {
        let (compiler, mut sources) = (Compiler::default(), Sources::default());
        let file = sources.add("stack.kdl", format!("stack shop {{\n    network main nat={nat}\n{both}\n}}"));
        let (model, _) = compiler.check(file, Variant::default(), &mut sources);
        let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
        compiler.build_with_origins(&model.unwrap(), &target, Style::default(), &mut sources).0.unwrap().0.text
    };
    let open: Value = serde_json::from_str(&of("cfn", "public")).unwrap();
    let resources = open["Resources"].as_object().unwrap();
    assert!(
        !resources
            .values()
            .any(|one| one["Type"] == "AWS::EC2::NatGateway" || one["Type"] == "AWS::EC2::EIP" || one["Type"] == "AWS::EC2::SecurityGroupIngress")
    );
    let place = &open["Resources"]["WebServiceUnrouted"]["Properties"]["NetworkConfiguration"]["AwsvpcConfiguration"];
    assert_eq!((&place["AssignPublicIp"], &place["Subnets"]), (&json!("ENABLED"), &json!([{ "Ref": "MainPublicA" }, { "Ref": "MainPublicB" }])));
    // A copy that cannot reach its image's registry does not start.
    assert!(open["Resources"]["WebServiceUnrouted"]["DependsOn"].to_string().contains("MainPublicDefault"));
    for (target, nat, wanted) in
        [("cfn", "public", "ENABLED"), ("cfn", "single", "DISABLED"), ("tf-aws", "public", "ENABLED"), ("tf-aws", "per-zone", "DISABLED")]
    {
        assert!(of(target, nat).contains(&format!("awsvpcConfiguration={{assignPublicIp={wanted},subnets=[")), "{target} {nat}");
    }
    let terraform: Value = serde_json::from_str(&of("tf-aws", "public")).unwrap();
    assert_eq!(
        terraform["resource"]["aws_scheduler_schedule"]["tidy_schedule"]["target"][0]["ecs_parameters"][0]["network_configuration"][0]["assign_public_ip"],
        true
    );
    assert!(terraform["resource"]["aws_nat_gateway"].is_null());
}

#[test]
fn copies_follow_the_use_of_their_memory_as_well() {
    let body = service("autoscale 2 max=8 memory=75");
    let aws = template("cfn", &body);
    let policies: Vec<&Value> =
        aws["Resources"].as_object().unwrap().values().filter(|one| one["Type"] == "AWS::ApplicationAutoScaling::ScalingPolicy").collect();
    let follows = |policy: &Value| policy["Properties"]["TargetTrackingScalingPolicyConfiguration"]["TargetValue"].clone();
    assert_eq!(policies.iter().map(|policy| follows(policy)).collect::<Vec<_>>(), [json!(60), json!(75)]);
    let azure = template("arm", &body)["resources"]["web"]["properties"]["template"]["scale"]["rules"].clone();
    assert_eq!((&azure[1]["custom"]["type"], &azure[1]["custom"]["metadata"]["value"]), (&json!("memory"), &json!("75")));
    assert!(template("tf-azure", &body).to_string().contains("\"custom_rule_type\":\"memory\""));
    assert!(build("tf-google", &service("port 80; autoscale 2 max=8 memory=75")).is_err());
}
