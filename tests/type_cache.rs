//! What a cache has to be on every target: who may reach it, what is said to whom, and what another value changes.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::Value;
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

const TARGETS: &str = "cfn tf-aws hot tf-openstack arm tf-azure tf-google";

/// A template for a target, and what was said of the stack; no template when there was an error.
fn built(body: &str, target: &str) -> (Option<String>, String) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n    targets {TARGETS}\n    network main\n{body}\n}}\n"));
    let (model, mut said) = compiler.check(file, Variant::default(), &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let artefact = model.and_then(|model| {
        let (artefact, more) = compiler.build_with_origins(&model, &target, Style { compact: false, yaml: false }, &mut sources);
        said.extend(more);
        artefact
    });
    (artefact.map(|(artefact, _)| artefact.text), said.iter().map(|one| format!("{one:?}\n")).collect())
}

fn text(body: &str, target: &str) -> String {
    let (template, said) = built(body, target);
    template.unwrap_or_else(|| panic!("{target}: {said}"))
}

fn template(body: &str, target: &str) -> Value {
    serde_json::from_str(&text(body, target)).unwrap()
}

/// A cache with what stands in it and in what connects to it.
fn stack(cache: &str, service: &str) -> String {
    format!("    cache store network=main {cache}\n    service web network=main {{\n        image \"a:1\"\n        {service}\n        connect store\n    }}")
}

const VALKEY: &str = "version=\"8\"";

#[test]
fn an_application_gets_host_port_password_and_url_on_every_target() {
    for target in TARGETS.split(' ') {
        let text = text(&stack(VALKEY, ""), target);
        for variable in ["STORE_HOST", "STORE_PORT", "STORE_PASSWORD", "STORE_URL"] {
            assert!(text.contains(variable), "{target} has no {variable}");
        }
    }
}

#[test]
fn the_url_is_a_secret_where_a_container_can_have_one() {
    let cfn = template(&stack(VALKEY, ""), "cfn");
    let container = &cfn["Resources"]["WebTask"]["Properties"]["ContainerDefinitions"][0];
    let names: Vec<&str> = container["Secrets"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap()).collect();
    assert_eq!(names, ["STORE_PASSWORD", "STORE_URL"]);
    let url = cfn["Resources"]["StoreUrl"]["Properties"]["SecretString"]["Fn::Sub"].as_str().unwrap();
    assert_eq!(url, "rediss://:{{resolve:secretsmanager:${StorePassword}}}@${Store.PrimaryEndPoint.Address}:6379");

    let arm = template(&stack(VALKEY, ""), "arm");
    let value = arm["resources"]["store_url"]["properties"]["value"].as_str().unwrap();
    assert!(value.starts_with("[format('rediss://:{0}@{1}:10000', uriComponent(tryGet(listKeys("), "{value}");
    let env = arm["resources"]["web"]["properties"]["template"]["containers"][0]["env"].as_array().unwrap();
    for name in ["STORE_PASSWORD", "STORE_URL"] {
        assert!(env.iter().any(|one| one["name"] == name && one["secretRef"].is_string()), "{name}");
    }

    // A key of Azure's has characters that a URL does not take as they are.
    let azure = template(&stack(VALKEY, ""), "tf-azure");
    let value = azure["resource"]["azurerm_key_vault_secret"]["store_url"]["value"].as_str().unwrap();
    assert!(value.starts_with("rediss://:${urlencode(azurerm_managed_redis.store."), "{value}");

    let google = template(&stack(VALKEY, ""), "tf-google");
    let value = google["resource"]["google_secret_manager_secret_version"]["store_url_version"]["secret_data"].as_str().unwrap();
    assert!(value.starts_with("redis://:${google_redis_instance.store.auth_string}@"), "{value}");
}

#[test]
fn a_password_is_drawn_once_and_again_with_another_revision_alone() {
    let first = template(&stack(VALKEY, ""), "cfn");
    let second = template(&stack("version=\"8\" password-revision=2", ""), "cfn");
    assert_eq!(first["Resources"]["StorePassword"]["Properties"]["GenerateSecretString"]["ExcludePunctuation"], true);
    assert!(second["Resources"].get("StorePassword").is_none());
    let names = ["StorePassword2", "StoreUrl2"];
    names.iter().for_each(|name| assert!(second["Resources"][*name].is_object(), "{name}"));
    // The cache has the other password before what runs is started again with it.
    assert!(second["Resources"]["WebStoreIn"]["DependsOn"].to_string().contains("StoreUser"));

    let terraform = template(&stack("version=\"8\" password-revision=2", ""), "tf-aws");
    let version = &terraform["resource"]["aws_secretsmanager_secret_version"]["store_password_version"];
    assert_eq!(version["secret_string_wo_version"], 2);
    let user = &terraform["resource"]["aws_elasticache_user"]["store_user"];
    assert_eq!(user["passwords"][0], "${data.aws_secretsmanager_secret_version.store_kept.secret_string}");

    for (revision, key) in [(1, "primary"), (2, "secondary"), (3, "primary")] {
        let body = stack(&format!("version=\"8\" password-revision={revision}"), "");
        let arm = template(&body, "arm")["resources"]["store_password"].to_string();
        assert!(arm.contains(&format!("'{key}Key'")), "{revision}: {arm}");
        let azure = template(&body, "tf-azure")["resource"]["azurerm_key_vault_secret"]["store_password"].to_string();
        assert!(azure.contains(&format!("{key}_access_key")), "{revision}: {azure}");
    }
}

#[test]
fn its_port_is_open_to_what_connects_alone() {
    let cfn = template(&stack(VALKEY, ""), "cfn");
    let rule = &cfn["Resources"]["WebStoreIn"]["Properties"];
    assert_eq!(rule["SourceSecurityGroupId"]["Fn::GetAtt"][0], "WebGroup");
    let into: Vec<&Value> = cfn["Resources"].as_object().unwrap().values().filter(|one| one["Type"] == "AWS::EC2::SecurityGroupIngress").collect();
    assert_eq!(into.len(), 1);

    // What may connect to anywhere is in one group there; what may not has its own.
    let openstack = template(&stack(VALKEY, "egress none"), "tf-openstack");
    let rules = openstack["resource"]["openstack_networking_secgroup_rule_v2"].as_object().unwrap();
    let rule = rules.values().find(|rule| rule["direction"] == "ingress").unwrap();
    assert_eq!(rule["remote_group_id"], "${openstack_networking_secgroup_v2.web_group.id}");

    let azure = template(&stack(VALKEY, ""), "tf-azure");
    assert_eq!(azure["resource"]["azurerm_managed_redis"]["store"]["public_network_access"], "Disabled");
    let google = template(&stack(VALKEY, "egress none"), "tf-google");
    let out = &google["resource"]["google_compute_firewall"]["web_store_out"];
    assert_eq!(out["destination_ranges"][0], "${google_redis_instance.store.host}/32");
}

#[test]
fn what_two_caches_share_is_there_once() {
    let both = "    cache one network=main version=\"8\"\n    cache two network=main engine=redis version=\"7\"\n    database data network=main engine=postgres version=\"17\"";
    let azure = template(both, "tf-azure");
    for (ty, many) in [("azurerm_managed_redis", 2), ("azurerm_private_endpoint", 2), ("azurerm_subnet", 5)] {
        assert_eq!(azure["resource"][ty].as_object().unwrap().len(), many, "{ty}");
    }
    // Databases and caches stand behind one peering.
    let google = template(both, "tf-google");
    assert_eq!(google["resource"]["google_service_networking_connection"].as_object().unwrap().len(), 1);
}

#[test]
fn what_goes_when_the_memory_is_full_is_said_everywhere() {
    let words = [
        ("cfn", "\"maxmemory-policy\": \"noeviction\""),
        ("tf-aws", "\"value\": \"noeviction\""),
        ("arm", "\"evictionPolicy\": \"NoEviction\""),
        ("tf-azure", "\"eviction_policy\": \"NoEviction\""),
        ("tf-google", "\"maxmemory-policy\": \"noeviction\""),
        ("hot", "noeviction"),
        ("tf-openstack", "noeviction"),
    ];
    for (target, word) in words {
        assert!(text(&stack("version=\"8\" eviction=noeviction", ""), target).contains(word), "{target}");
    }
}

#[test]
fn queues_of_jobs_run_on_azure() {
    // With another policy of clusters, Azure refuses commands that name keys of several parts.
    let arm = template(&stack(VALKEY, ""), "arm");
    assert_eq!(arm["resources"]["store_database"]["properties"]["clusteringPolicy"], "NoCluster");
    let azure = template(&stack(VALKEY, ""), "tf-azure");
    assert_eq!(azure["resource"]["azurerm_managed_redis"]["store"]["default_database"][0]["clustering_policy"], "NoCluster");
}

#[test]
fn a_second_copy_is_another_cache_where_it_cannot_be_added() {
    let body = stack("version=\"8\" highly-available=#true", "");
    for (target, ty) in [("tf-azure", "azurerm_managed_redis"), ("tf-google", "google_redis_instance")] {
        let name = template(&body, target)["resource"][ty]["store"]["name"].as_str().unwrap().to_owned();
        assert!(name.ends_with("-copy"), "{target}: {name}");
    }
    let cfn = template(&body, "cfn");
    assert_eq!(cfn["Resources"]["Store"]["Properties"]["NumCacheClusters"], 2);
    let (openstack, said) = built(&body, "hot");
    assert!(openstack.is_none() && said.contains("nothing stands in for"), "{said}");
}

#[test]
fn only_versions_that_there_are_are_taken() {
    for target in TARGETS.split(' ') {
        let (template, said) = built("    cache store network=main engine=redis version=\"5\"", target);
        assert!(template.is_none() && said.contains("these major versions"), "{target}: {said}");
    }
}
