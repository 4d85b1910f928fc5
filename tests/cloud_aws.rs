//! What AWS does with a stack after its template was accepted: small stacks, and what of their templates decides of a second deploy, a change, a removal.
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

const DATABASE: &str = "network main
    database data network=main engine=postgres version=\"16\" REVISION
    service web network=main image=\"acme/web:1\" { connect data }";

fn with_revision(revision: u32) -> String {
    DATABASE.replace("REVISION", &format!("password-revision={revision}"))
}

#[test]
fn a_password_stays_until_its_revision_is_raised() {
    let (first, again, second) = (template("cfn", &DATABASE.replace("REVISION", "")), template("cfn", &with_revision(1)), template("cfn", &with_revision(2)));
    assert_eq!(first, again, "the first revision is the default");
    let instance = cfn(&first, "DataInstance");
    assert_eq!(instance["MasterUserPassword"]["Fn::Sub"], "{{resolve:secretsmanager:${DataPassword}}}");
    assert!(instance["ManageMasterUserPassword"].is_null(), "RDS would change it every week");
    assert_eq!(cfn(&first, "DataPassword")["GenerateSecretString"]["ExcludePunctuation"], true, "it goes into a URL, and RDS takes not every character");
    assert!(second["Resources"]["DataPassword"].is_null());
    assert_eq!(cfn(&second, "DataInstance")["MasterUserPassword"]["Fn::Sub"], "{{resolve:secretsmanager:${DataPassword2}}}");
    let secret = |template: &Value| cfn(template, "WebTask")["ContainerDefinitions"][0]["Secrets"][0]["ValueFrom"]["Ref"].clone();
    assert_eq!((secret(&first), secret(&second)), ("DataPassword".into(), "DataPassword2".into()), "another task definition restarts the service");
    for name in first["Resources"].as_object().unwrap().keys().filter(|name| *name != "DataPassword") {
        assert!(!second["Resources"][name].is_null(), "{name} goes with the password");
    }
}

#[test]
fn on_terraform_the_password_that_is_used_is_the_one_that_is_kept() {
    let (first, second) = (template("tf-aws", &with_revision(1)), template("tf-aws", &with_revision(2)));
    let database = &first["resource"]["aws_db_instance"]["data"];
    // Not the value that this run draws: an earlier one may have broken off behind the secret.
    assert_eq!(database["password_wo"], "${ephemeral.aws_secretsmanager_secret_version.data_kept.secret_string}");
    assert_eq!(
        first["ephemeral"]["aws_secretsmanager_secret_version"]["data_kept"]["secret_id"],
        "${aws_secretsmanager_secret_version.data_password_version.arn}"
    );
    assert!(database["manage_master_user_password"].is_null() && database["password"].is_null());
    let versions = |template: &Value| {
        let resources = &template["resource"];
        let version = &resources["aws_secretsmanager_secret_version"]["data_password_version"]["secret_string_wo_version"];
        (version.clone(), resources["aws_db_instance"]["data"]["password_wo_version"].clone())
    };
    assert_eq!((versions(&first), versions(&second)), ((1.into(), 1.into()), (2.into(), 2.into())));
    let containers = first["resource"]["aws_ecs_task_definition"]["web_task"]["container_definitions"].as_str().unwrap();
    assert!(containers.contains("aws_secretsmanager_secret_version.data_password_version.arn"), "a new version is a new task definition: {containers}");
}

#[test]
fn another_revision_of_a_secret_reaches_what_runs() {
    let stack = |revision: u32| {
        format!(
            "param token secret=#true revision={revision}
            network main
            secret key revision={revision} protect=#true
            secret given value=(get)token revision={revision}
            service web network=main image=\"acme/web:1\" {{ env TOKEN=(get)token; connect key; connect given }}"
        )
    };
    let (first, second) = (template("cfn", &stack(1)), template("cfn", &stack(2)));
    let secrets = |template: &Value| -> Vec<String> {
        let secrets = cfn(template, "WebTask")["ContainerDefinitions"][0]["Secrets"].as_array().unwrap().clone();
        secrets.iter().map(|secret| secret["ValueFrom"]["Ref"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(secrets(&first), ["GivenSecret", "KeySecret", "TokenSecret"]);
    assert_eq!(secrets(&second), ["GivenSecret2", "KeySecret2", "TokenSecret2"]);
    let (first, second) = (template("tf-aws", &stack(1)), template("tf-aws", &stack(2)));
    for name in ["given_version", "key_version", "token_version"] {
        let version = |template: &Value| template["resource"]["aws_secretsmanager_secret_version"][name]["secret_string_wo_version"].clone();
        assert_eq!((version(&first), version(&second)), (1.into(), 2.into()), "{name}");
    }
    let (_, said) = build("cfn", "param token revision=2");
    assert!(said.iter().any(|text| text.contains("`revision`")), "{said:?}");
}

#[test]
fn a_restored_database_takes_the_disk_and_the_encryption_of_its_snapshot() {
    let stack = "network main\n database data network=main engine=mysql version=\"8.0\" restore-from=\"before\"";
    let made = template("cfn", stack);
    let instance = cfn(&made, "DataInstance");
    assert_eq!(instance["EngineVersion"], "8.0", "RDS chooses the minor version");
    for name in ["AllocatedStorage", "StorageEncrypted", "DBName", "MasterUsername"] {
        assert!(instance[name].is_null(), "{name}");
    }
    assert!(!instance["MasterUserPassword"].is_null(), "the password is not the snapshot's");
    let made = template("tf-aws", stack);
    let instance = &made["resource"]["aws_db_instance"]["data"];
    assert!(instance["allocated_storage"].is_null());
    assert_eq!(instance["lifecycle"]["ignore_changes"], serde_json::json!(["final_snapshot_identifier", "storage_encrypted"]));
    let last = instance["final_snapshot_identifier"].as_str().unwrap();
    assert!(last.contains("plantimestamp()"), "a second destroy needs another name: {last}");
}

#[test]
fn every_database_takes_tls_alone() {
    let force = [("postgres", "14", "postgres14", "rds.force_ssl"), ("mysql", "8.4", "mysql8.4", "require_secure_transport")];
    let mariadb = ("mariadb", "11.4", "mariadb11.4", "require_secure_transport");
    for (engine, version, family, parameter) in force.into_iter().chain([mariadb]) {
        let stack = format!("network main\n database data network=main engine={engine} version=\"{version}\"");
        let made = template("cfn", &stack);
        assert_eq!(cfn(&made, "DataInstance")["DBParameterGroupName"]["Ref"], "DataParameters");
        let group = cfn(&made, "DataParameters");
        assert_eq!((&group["Family"], &group["Parameters"][parameter]), (&family.into(), &"1".into()));
        let made = template("tf-aws", &stack);
        let group = &made["resource"]["aws_db_parameter_group"]["data_parameters"];
        assert_eq!((&group["family"], &group["parameter"][0]["name"]), (&family.into(), &parameter.into()));
        assert_eq!(group["lifecycle"]["create_before_destroy"], true, "another major version has another family, and the old group is in use until then");
    }
}

#[test]
fn a_way_out_that_changes_keeps_its_routes() {
    let stack = |nat: &str| format!("network main {{ nat {nat} }}");
    for (target, kinds) in [("cfn", ""), ("tf-aws", "aws_route aws_nat_gateway aws_eip")] {
        let (single, each) = (template(target, &stack("single")), template(target, &stack("per-zone")));
        if target == "cfn" {
            for name in single["Resources"].as_object().unwrap().keys() {
                assert!(!each["Resources"][name].is_null(), "{name} would be taken away, and what it is made again beside it");
            }
            continue;
        }
        for kind in kinds.split(' ') {
            for name in single["resource"][kind].as_object().unwrap().keys() {
                assert!(!each["resource"][kind][name].is_null(), "{kind}.{name}");
            }
        }
        // What is recorded so goes only when no route leads to it any more.
        assert_eq!(each["resource"]["aws_nat_gateway"]["main_zone_nat_b"]["lifecycle"]["create_before_destroy"], true);
    }
}

#[test]
fn a_balancer_that_moves_and_a_port_that_changes_leave_no_target_group_between_two() {
    let stack = |internal: bool, port: u32| {
        format!(
            "network main
            load-balancer front network=main internal=#{internal} {{ listen 80 }}
            service web network=main image=\"acme/web:1\" port={port} {{ route front }}"
        )
    };
    let names = |template: &Value| -> Vec<String> {
        let all = template["Resources"].as_object().unwrap();
        all.iter().filter(|(_, one)| one["Type"] == "AWS::ElasticLoadBalancingV2::TargetGroup").map(|(name, _)| name.clone()).collect()
    };
    let (open, inner) = (template("cfn", &stack(false, 80)), template("cfn", &stack(true, 80)));
    assert_ne!(names(&open), names(&inner), "a target group belongs to one balancer");
    let other = template("cfn", &stack(false, 3000));
    let group = &names(&open)[0];
    assert_eq!(cfn(&open, group), cfn(&other, group), "its port is create-only");
}

#[test]
fn images_and_mail_that_a_closed_network_cannot_reach_are_refused() {
    for target in ["cfn", "tf-aws"] {
        let (made, said) = build(target, "network main { nat none }\n service web network=main image=\"acme/web:1\"");
        assert!(made.is_null() && said.iter().any(|text| text.contains("reaches no registry")), "{said:?}");
        let mail = "dns-zone site domain=\"shop.example\"\n email mail domain=\"shop.example\" zone=site\n network main { nat none }\n registry images
            service web network=main image=(fmt)\"{images.url}:1\" { connect mail }";
        let (made, said) = build(target, mail);
        assert!(made.is_null() && said.iter().any(|text| text.contains("SMTP lies outside")), "{said:?}");
        template(target, &mail.replace("{ nat none }", ""));
    }
}

#[test]
fn a_pipeline_that_could_not_do_its_work_is_refused() {
    let stack = |registry: &str, image: &str| {
        format!(
            "network main
            registry images {registry}
            service web network=main architecture=arm64 image={image}
            pipeline ship registry=images service=web {{
                source \"acme/shop\" connection=\"arn:aws:codeconnections:eu-west-1:123456789012:connection/1\"
            }}"
        )
    };
    let own = "(fmt)\"{images.url}:live\"";
    for target in ["cfn", "tf-aws"] {
        let (made, said) = build(target, &stack("immutable=#true", own));
        assert!(made.is_null() && said.iter().any(|text| text.contains("tags cannot be moved")), "{said:?}");
        let (made, said) = build(target, &stack("", "\"acme/web:1\""));
        assert!(made.is_null() && said.iter().any(|text| text.contains("no build would ever run")), "{said:?}");
        let text = template(target, &stack("", own)).to_string();
        for part in ["ARM_CONTAINER", "s3:PutObjectAcl", "codeconnections:UseConnection", "codestar-connections:UseConnection", "rolloutState"] {
            assert!(text.contains(part), "{target}: {part}");
        }
    }
}

#[test]
fn a_web_site_is_served_by_http_and_by_its_own_host() {
    let stack = "bucket pages public-read=#true { website }\n output at (get)pages.domain";
    let made = template("cfn", stack);
    assert!(!cfn(&made, "PagesPolicy").to_string().contains("SecureTransport"), "S3's web sites know no TLS");
    assert!(made["Outputs"].to_string().contains("WebsiteURL"));
    let made = template("tf-aws", stack);
    assert!(!made["resource"]["aws_s3_bucket_policy"]["pages_policy"].to_string().contains("SecureTransport"));
    assert_eq!(made["output"]["at"]["value"], "${aws_s3_bucket_website_configuration.pages_website.website_endpoint}");
}

#[test]
fn one_record_proves_a_name_and_the_wildcard_below_it() {
    let stack = "dns-zone site domain=\"shop.example\"\n certificate tls domain=\"shop.example\" zone=site { names \"*.shop.example\" \"www.shop.example\" }";
    let made = template("cfn", stack);
    let options = cfn(&made, "TlsCertificate")["DomainValidationOptions"].as_array().unwrap().clone();
    let names: Vec<&str> = options.iter().map(|option| option["DomainName"].as_str().unwrap()).collect();
    assert_eq!(names, ["shop.example", "www.shop.example"]);
}

#[test]
fn a_job_says_how_it_is_started() {
    let stack = "network main\n firewall office network=main\n job tidy network=main image=\"acme/tidy:1\" { behind office }\n output start (get)tidy.start";
    for (target, parts) in [("cfn", ["MainPrivateA", "TidyGroup", "OfficeGroup"]), ("tf-aws", ["main_private_a", "tidy_group", "office"])] {
        let text = template(target, stack).to_string();
        for part in parts.into_iter().chain(["aws ecs run-task", "assignPublicIp=DISABLED"]) {
            assert!(text.contains(part), "{target}: {part}");
        }
    }
}

#[test]
fn a_sixth_route_is_refused() {
    let stack = |routes: usize| {
        let routes: String = (0..routes).map(|index| format!("route front path=\"/{index}/*\"; ")).collect();
        format!("network main\n load-balancer front network=main {{ listen 80 }}\n service web network=main image=\"acme/web:1\" port=80 {{ {routes} }}")
    };
    for target in ["cfn", "tf-aws"] {
        template(target, &stack(5));
        let (made, said) = build(target, &stack(6));
        assert!(made.is_null(), "{target}: {said:?}");
    }
}

/// What a target refuses of a stack, as it says it.
fn refused(target: &str, body: &str) -> String {
    let (_, said) = build(target, body);
    said.into_iter().find(|text| text.contains("twice") || text.contains("new one")).unwrap_or_default()
}

#[test]
fn what_aws_knows_once_is_asked_for_once() {
    let mail = "dns-zone site domain=\"shop.example\"\n email mail domain=\"shop.example\" zone=site\n";
    for target in ["cfn", "tf-aws"] {
        for body in [
            "network main\n firewall office network=main { allow a port=80 cidr=\"192.0.2.0/24\"; allow b port=80 to-port=80 cidr=\"192.0.2.0/24\" }",
            &format!("{mail} dns-record inbox zone=site label=mail kind=MX {{ values \"10 mx.example\" }}"),
            &format!("{mail} email more domain=\"shop.example\" zone=site mail-from=bounces"),
        ] {
            assert!(refused(target, body).contains("asked for the same thing twice"), "{target}: {body}");
        }
        // Two domains leave by one server.
        let two = format!(
            "network main\n {mail} email news domain=\"news.shop.example\" zone=site
            service web network=main image=\"acme/web:1\" egress=none {{ connect mail; connect news }}"
        );
        assert_eq!(template(target, &two).to_string().matches("Mail by SMTP").count(), 1, "{target}");
        let one = "network main\n firewall office network=main { allow a port=80 cidr=\"192.0.2.0/24\"; allow b port=81 cidr=\"192.0.2.0/24\" }";
        assert_eq!(refused(target, one), "", "{target}");
    }
}

#[test]
fn a_rollout_that_cannot_move_is_refused() {
    let stack = |more: &str| format!("network main\n service web network=main image=\"acme/web:1\" {{ {more} }}");
    for target in ["cfn", "tf-aws"] {
        for more in ["rollout min-healthy=50 max=150", "replicas 2; rollout min-healthy=60 max=140", "autoscale min=1 max=9; rollout min-healthy=50 max=150"] {
            assert!(refused(target, &stack(more)).contains("replaced by a new one"), "{target}: {more}");
        }
        for more in
            ["rollout min-healthy=0 max=100", "rollout max=200", "replicas 2; rollout min-healthy=50 max=150", "replicas 3; rollout min-healthy=50 max=150"]
        {
            assert_eq!(refused(target, &stack(more)), "", "{target}: {more}");
        }
    }
}
