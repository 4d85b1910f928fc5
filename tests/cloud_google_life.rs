//! A new project of Google Cloud, and what every copy that runs there shares: what has to be there before a resource is asked for.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};
use support::{stackc, stderr, stdout};

fn template(stack: &Path, stage: &[&str]) -> Result<Value, String> {
    let arguments = [&["build", stack.to_str().unwrap(), "--target", "tf-google", "-o", "-"], stage].concat();
    let output = stackc(Path::new(env!("CARGO_MANIFEST_DIR")), &arguments);
    if output.status.success() { Ok(serde_json::from_str(&stdout(&output)).unwrap()) } else { Err(stderr(&output)) }
}

/// Builds a stack with this body; the template, or what was said of it.
fn tried(body: &str) -> Result<Value, String> {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("stack.kdl");
    std::fs::write(&stack, format!("stack shop {{\n    network main\n{body}\n}}\n")).unwrap();
    template(&stack, &[])
}

fn built(body: &str) -> Value {
    tried(body).unwrap_or_else(|said| panic!("{said}"))
}

/// Which API has to be on for a kind of resource: the longest beginning of its name that is here.
const APIS: &[(&str, &str)] = &[
    ("google_artifact_registry_", "artifactregistry"),
    ("google_certificate_manager_", "certificatemanager"),
    ("google_cloud_run_", "run"),
    ("google_cloud_scheduler_", "cloudscheduler"),
    ("google_cloudbuild", "cloudbuild"),
    ("google_compute_", "compute"),
    ("google_dns_", "dns"),
    ("google_logging_", "logging"),
    ("google_project_iam_", "cloudresourcemanager"),
    ("google_pubsub_", "pubsub"),
    ("google_redis_", "redis"),
    ("google_secret_manager_", "secretmanager"),
    ("google_service_account", "iam"),
    ("google_service_networking_", "servicenetworking"),
    ("google_sql_", "sqladmin"),
    ("google_storage_", "storage"),
];

/// What each resource waits for, by the references in it and by what it says.
fn waits(template: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    for (kind, resources) in template["resource"].as_object().unwrap() {
        for (name, resource) in resources.as_object().unwrap() {
            all.insert(format!("{kind}.{name}"), resource.to_string());
        }
    }
    let words = |text: &str| -> BTreeSet<String> {
        let words = text.split(|at: char| !(at.is_alphanumeric() || at == '_' || at == '.'));
        words.map(|word| word.split('.').take(2).collect::<Vec<_>>().join(".")).filter(|word| all.contains_key(word)).collect()
    };
    all.iter().map(|(id, text)| (id.clone(), words(text))).collect()
}

fn api(template: &Value, id: &str) -> Option<String> {
    let service = template["resource"]["google_project_service"].get(id.strip_prefix("google_project_service.")?)?;
    Some(service["service"].as_str().unwrap().strip_suffix(".googleapis.com").unwrap().to_owned())
}

#[test]
fn the_api_of_every_resource_is_on_before_it_is_made_and_stays_on() {
    let examples = Path::new("examples");
    let mut templates = Vec::new();
    for example in std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(examples)).unwrap() {
        let stack = examples.join(example.unwrap().file_name()).join("stack.kdl");
        // Where a network exists already, its API is on.
        if stack.starts_with("examples/existing") {
            continue;
        }
        templates.extend(template(&stack, &[]).ok());
    }
    templates.push(built(
        r#"
    load-balancer inner network=main internal=#true { listen 80 }
    job once network=main { image "ghcr.io/acme/once:1" }
    service worker network=main { image "quay.io/acme/worker:1" }
"#,
    ));
    assert!(templates.len() > 5);
    let mut kinds = BTreeSet::new();
    for template in templates {
        let waits = waits(&template);
        let asked = |id: &&String| !id.starts_with("google_project_service.") && !id.starts_with("time_sleep.");
        for id in waits.keys().filter(asked) {
            let (begins, wanted) = APIS.iter().find(|(begins, _)| id.starts_with(begins)).unwrap_or_else(|| panic!("{id}: of which API?"));
            let (mut met, mut next) = (BTreeSet::new(), vec![id]);
            while let Some(at) = next.pop() {
                next.extend(waits[at].iter().filter(|other| met.insert((*other).clone())));
            }
            let on: Vec<String> = met.iter().filter_map(|met| api(&template, met)).collect();
            assert!(on.iter().any(|on| on == wanted), "{id} waits for {on:?}");
            kinds.insert(*begins);
        }
        for (name, service) in template["resource"]["google_project_service"].as_object().unwrap() {
            assert_eq!(service["disable_on_destroy"], false, "{name}");
            // The provider asks about the project first, which takes an API of its own.
            let first = &service["depends_on"];
            assert!(name == "projects_api" || *first == json!(["time_sleep.projects_on"]), "{name}: {first}");
        }
    }
    assert_eq!(kinds.len(), APIS.len(), "{kinds:?}");
}

/// Without a number, the provider sends 0 for a backend of a region, which lets no request through.
#[test]
fn an_internal_load_balancer_lets_all_requests_through() {
    let template = built(
        r#"
    load-balancer inner network=main internal=#true { listen 80 }
    service web network=main image="acme/web:1" port=80 { route inner }
"#,
    );
    let backend = &template["resource"]["google_compute_region_backend_service"]["web_inner_inner_backend"]["backend"][0];
    assert_eq!(backend["capacity_scaler"], 1);
}

#[test]
fn a_copy_has_more_than_64_ports_for_connections_to_the_internet() {
    for nat in ["single", "per-zone"] {
        let template = built(&format!("    network other cidr=\"10.9.0.0/16\" nat={nat}"));
        let gateways = template["resource"]["google_compute_router_nat"].as_object().unwrap();
        assert!(gateways.values().all(|nat| nat["enable_dynamic_port_allocation"] == true && nat.get("max_ports_per_vm").is_none()), "{gateways:?}");
    }
}

#[test]
fn a_service_that_is_scaled_by_itself_says_no_more_than_the_cloud_gives_back() {
    let scaling = |how: &str| {
        let template = built(&format!("    service web network=main image=\"a\" port=80 {{ {how} }}"));
        template["resource"]["google_cloud_run_v2_service"]["web"]["scaling"].clone()
    };
    assert_eq!(scaling("autoscale 2 max=10"), json!([{ "min_instance_count": 0 }]));
    assert_eq!(scaling("replicas 2"), json!([{ "manual_instance_count": 2, "scaling_mode": "MANUAL" }]));
}

#[test]
fn what_speaks_s3_needs_a_key_that_is_made_by_hand() {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("stack.kdl");
    std::fs::write(&stack, "stack shop {\n    network main\n    bucket files\n    job sort network=main image=\"a\" { connect files }\n}\n").unwrap();
    let said = stderr(&stackc(folder.path(), &["build", "--target", "tf-google", "-o", "-"]));
    assert!(said.contains("for S3's it needs another endpoint and a key"), "{said}");
}

#[test]
fn what_cloud_sql_has_by_itself_is_no_name() {
    let database = |names: &str| tried(&format!("    database data network=main engine=postgres version=\"16\" {{ {names} }}"));
    for names in ["name cloudsqladmin", "user cloudsqlsuperuser"] {
        let said = database(names).unwrap_err();
        assert!(said.contains(names), "{said}");
    }
    assert!(database("name shop; user shopkeeper").is_ok());
}

/// The key of what runs there is Google's: an address that lets somebody read an object for a while is signed by asking for it.
#[test]
fn what_uses_a_bucket_may_sign_for_itself() {
    let template = built(
        r#"
    bucket files
    bucket more
    job sort network=main image="a" { connect files; connect more access=read-write }
    job other network=main image="a"
"#,
    );
    let rights = template["resource"]["google_service_account_iam_member"].as_object().unwrap();
    assert_eq!(rights.keys().collect::<Vec<_>>(), ["sort_sign"]);
    let right = &rights["sort_sign"];
    assert_eq!(right["role"], "roles/iam.serviceAccountTokenCreator");
    assert_eq!(right["service_account_id"], "${google_service_account.sort_account.name}");
    assert_eq!(right["member"], "${google_service_account.sort_account.member}");
    assert!(template["resource"]["google_cloud_run_v2_job"]["sort"]["depends_on"].to_string().contains("sort_sign"));
    assert_eq!(template["resource"]["google_project_service"]["signing_api"]["service"], "iamcredentials.googleapis.com");
}

#[test]
fn a_job_is_started_in_the_stacks_project_whichever_one_is_at_hand() {
    let template = built("    job sort network=main image=\"a\"\n    output start (get)sort.start");
    assert!(template["output"]["start"]["value"].as_str().unwrap().ends_with(" --project ${var.project}"));
}

/// A certificate is not valid for some minutes after it was made, so another name must not make the others anew.
#[test]
fn another_name_leaves_the_certificates_of_the_others_as_they_are() {
    let made = |names: &str| {
        built(&format!(
            "    dns-zone site domain=\"shop.example\"\n    certificate tls domain=\"shop.example\" zone=site {{ {names} }}\n    \
             load-balancer public network=main {{ listen 443 protocol=https certificate=tls }}"
        ))
    };
    let (few, more) = (made("names \"*.shop.example\""), made("names \"*.shop.example\" \"www.shop.example\""));
    for kind in ["google_certificate_manager_certificate", "google_certificate_manager_certificate_map_entry"] {
        let (few, more) = (few["resource"][kind].as_object().unwrap(), more["resource"][kind].as_object().unwrap());
        assert_eq!((few.len(), more.len()), (2, 3), "{kind}");
        assert!(few.iter().all(|(name, resource)| more[name] == *resource), "{kind}");
    }
    let entries = &more["resource"]["google_certificate_manager_certificate_map_entry"];
    assert_eq!(entries["tls_other_entry_all_shop_example"]["hostname"], "*.shop.example");
    assert_eq!(entries["tls_entry"]["matcher"], "PRIMARY");
    let listener = more["resource"]["google_compute_target_https_proxy"]["public_tls_proxy_443"]["depends_on"].to_string();
    assert!(listener.contains("tls_entry") && listener.contains("tls_other_entry_www_shop_example"), "{listener}");
    let proved = |name: &str| more["resource"]["google_certificate_manager_certificate"][name]["depends_on"].clone();
    assert_eq!(proved("tls_certificate"), json!(["google_dns_record_set.proof_shop_example_site"]));
    assert_eq!(proved("tls_other_www_shop_example"), json!(["google_dns_record_set.proof_www_shop_example_site"]));
}

/// Google logs the connections of machines alone, of which a stack has none.
#[test]
fn a_log_of_connections_that_holds_none_is_a_loss() {
    let said = tried("    network other cidr=\"10.9.0.0/16\" { flow-log-days 3 }").unwrap_err();
    assert!(said.contains("what Cloud Run runs is none") && said.contains("flow-log-days 3"), "{said}");
}
