//! What Google Cloud does with a template beyond what its provider's schema says: small stacks, and what has to stand in what they become.
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

use serde_json::{Value, json};
use support::{stackc, stderr, stdout};

/// Builds a stack with this body; the template, or what was said of it.
fn tried(body: &str) -> Result<Value, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), format!("stack shop {{\n    network main\n{body}\n}}\n")).unwrap();
    let output = stackc(folder.path(), &["build", "--target", "tf-google", "-o", "-"]);
    if output.status.success() { Ok(serde_json::from_str(&stdout(&output)).unwrap()) } else { Err(stderr(&output)) }
}

fn built(body: &str) -> Value {
    tried(body).unwrap_or_else(|said| panic!("{said}"))
}

fn service(rest: &str) -> String {
    format!("    service web network=main {{\n        port 3000\n{rest}\n    }}")
}

fn container(template: &Value) -> &Value {
    &template["resource"]["google_cloud_run_v2_service"]["web"]["template"][0]["containers"][0]
}

const ROUTED: &str = r#"
    dns-zone site domain="shop.example"
    certificate tls domain="shop.example" zone=site { names "*.shop.example" }
    load-balancer public network=main {
        listen 80 { redirect 443 }
        listen 443 { protocol https; certificate tls }
        idle-timeout 60
    }
    service web network=main {
        image "acme/web:1"
        port 3000
        route public
        route public host="*.shop.example" health="/"
        route public host="shop.example" path="/api/*"
    }
"#;

#[test]
fn what_another_resource_refers_to_goes_last_and_is_replaced_beside_it() {
    let template = built(ROUTED);
    let resources = template["resource"].as_object().unwrap();
    let kinds = [
        "google_compute_region_network_endpoint_group",
        "google_compute_backend_service",
        "google_compute_url_map",
        "google_compute_target_http_proxy",
        "google_compute_target_https_proxy",
        "google_compute_ssl_policy",
        "google_certificate_manager_certificate",
        "google_certificate_manager_certificate_map",
        "google_certificate_manager_certificate_map_entry",
        "google_certificate_manager_dns_authorization",
    ];
    for kind in kinds {
        for (name, resource) in resources[kind].as_object().unwrap() {
            assert_eq!(resource["lifecycle"]["create_before_destroy"], true, "{kind}.{name}");
        }
    }
    let after = template["resource"]["google_compute_target_https_proxy"]["public_tls_proxy_443"]["depends_on"].to_string();
    assert!(after.contains("google_certificate_manager_certificate_map_entry.tls_entry"), "{after}");
}

/// A service whose first copy does not come up is there all the same, and Terraform makes it anew: under its one name, so the old one has to go first.
/// Terraform goes the other way with whatever a resource refers to that is itself replaced beside the old one.
#[test]
fn what_cloud_run_could_not_start_goes_before_it_is_made_anew() {
    let job = "    job once network=main { image \"a\" }\n    service worker network=main { image \"a\" }";
    let template = built(&format!("{ROUTED}{job}"));
    let mut beside: Vec<String> = Vec::new();
    for (kind, resources) in template["resource"].as_object().unwrap() {
        for (name, resource) in resources.as_object().unwrap() {
            if resource["lifecycle"]["create_before_destroy"] == true {
                assert!(!kind.starts_with("google_cloud_run_v2_"), "{kind}.{name}");
                beside.push(resource.to_string());
            }
        }
    }
    assert!(beside.len() > 8);
    for resource in beside {
        assert!(!resource.contains("google_cloud_run_v2_"), "{resource}");
    }
    let group = &template["resource"]["google_compute_region_network_endpoint_group"]["web_public_group"];
    assert_eq!(group["cloud_run"][0]["service"], template["resource"]["google_cloud_run_v2_service"]["web"]["name"]);
}

#[test]
fn a_service_of_no_copies_is_refused_since_the_provider_leaves_the_number_out() {
    let said = tried(&service("        image \"a\"\n        replicas 0")).unwrap_err();
    assert!(said.contains("autoscale 0 max=1") && said.contains("replicas 0"), "{said}");
    assert!(tried(&service("        image \"a\"\n        autoscale 0 max=1")).is_ok());
}

#[test]
fn a_right_is_named_after_the_secret_and_not_after_the_variable() {
    let rights = |prefix: &str| {
        let body = format!(
            "    secret key\n    database data network=main engine=postgres version=\"16\"\n{}",
            service(&format!("        image \"a\"\n        connect key {prefix}\n        connect data {prefix}"))
        );
        built(&body)["resource"]["google_secret_manager_secret_iam_member"].clone()
    };
    assert_eq!(rights(""), rights("prefix=OTHER"));
    assert_eq!(rights("").as_object().unwrap().keys().collect::<Vec<_>>(), ["web_read_data_password", "web_read_key"]);
}

#[test]
fn what_a_change_replaces_gets_another_name_with_it() {
    let name = |template: &Value, kind: &str, name: &str| template["resource"][kind][name]["name"].as_str().unwrap().to_owned();
    let certificate = |domain: &str| {
        let body = ROUTED.replace("tls domain=\"shop.example\"", &format!("tls domain=\"{domain}\""));
        name(&built(&body), "google_certificate_manager_certificate", "tls_certificate")
    };
    assert_ne!(certificate("shop.example"), certificate("www.shop.example"));
    let proxy = |idle: &str| name(&built(&ROUTED.replace("idle-timeout 60", idle)), "google_compute_target_https_proxy", "public_tls_proxy_443");
    assert_ne!(proxy("idle-timeout 60"), proxy("idle-timeout 61"));
}

#[test]
fn a_domain_is_proved_once_for_all_certificates_whichever_of_them_stays() {
    let both = built(
        r#"
    dns-zone site domain="shop.example"
    certificate first domain="shop.example" zone=site { names "*.shop.example" "www.shop.example" }
    certificate second domain="*.shop.example" zone=site { names "www.shop.example" }
"#,
    );
    let one = built("    dns-zone site domain=\"shop.example\"\n    certificate second domain=\"*.shop.example\" zone=site { names \"www.shop.example\" }\n");
    for kind in ["google_certificate_manager_dns_authorization", "google_dns_record_set"] {
        assert_eq!(both["resource"][kind].as_object().unwrap().len(), 2, "{kind}");
        assert_eq!(both["resource"][kind], one["resource"][kind], "{kind}");
    }
}

#[test]
fn a_host_with_a_wildcard_matches_by_its_end() {
    let template = built(ROUTED);
    let rules = template["resource"]["google_compute_url_map"]["public_routes"]["path_matcher"][0]["route_rules"].as_array().unwrap();
    let matches: Vec<&Value> = rules.iter().map(|rule| &rule["match_rules"][0]["header_matches"]).collect();
    assert!(matches.contains(&&json!([{ "header_name": ":authority", "suffix_match": ".shop.example" }])), "{matches:?}");
    assert!(matches.contains(&&json!([{ "header_name": ":authority", "exact_match": "shop.example" }])), "{matches:?}");
}

#[test]
fn a_log_bucket_has_another_id_after_a_destroy() {
    let template = built(&format!("{}\n    job once network=main {{ image \"a\" }}", service("        image \"a\"")).replace("\n    job", "\n    job"));
    for (name, bucket) in template["resource"]["google_logging_project_bucket_config"].as_object().unwrap() {
        assert!(bucket["bucket_id"].as_str().unwrap().contains(".unique_id}"), "{name}: {bucket}");
    }
    let flows = stack_with_flows();
    assert!(flows["resource"]["google_logging_project_bucket_config"].to_string().contains("numeric_id"));
}

fn stack_with_flows() -> Value {
    built("    network other cidr=\"10.9.0.0/16\" { flow-log-days 3; accept \"looked at by hand\" target=gcp }")
}

#[test]
fn an_image_from_another_registry_comes_by_way_of_a_repository_in_front_of_it() {
    let mirror = "${var.region}-docker.pkg.dev/${var.project}/${google_artifact_registry_repository.mirror_ghcr_io.repository_id}";
    for (image, wanted) in [
        (r#"image "ghcr.io/acme/web:1""#, format!("{mirror}/acme/web:1")),
        (r#"image (fmt)"ghcr.io/acme/web:{tag}""#, format!("{mirror}/acme/web:${{var.tag}}")),
        (r#"image (get)whole"#, format!("${{replace(var.whole, \"/^ghcr\\\\.io\\\\//\", \"{mirror}/\")}}")),
    ] {
        let template = built(&format!("    param tag default=\"1\"\n    param whole default=\"ghcr.io/acme/web:1\"\n{}", service(&format!("        {image}"))));
        assert_eq!(container(&template)["image"], wanted, "{image}");
        let repository = &template["resource"]["google_artifact_registry_repository"]["mirror_ghcr_io"];
        assert_eq!(repository["mode"], "REMOTE_REPOSITORY");
        assert_eq!(repository["remote_repository_config"][0]["docker_repository"][0]["custom_repository"][0]["uri"], "https://ghcr.io");
    }
    // One for the whole stack, and none for what Cloud Run fetches by itself.
    let job = "    job once network=main { image \"ghcr.io/acme/once:1\" }\n    job twice network=main { image \"quay.io/acme/twice:1\" }";
    let template = built(&format!("{}\n{job}", service("        image \"ghcr.io/acme/web:1\"")));
    assert_eq!(template["resource"]["google_artifact_registry_repository"].as_object().unwrap().len(), 2);
    for image in ["nginx:1.29", "acme/web", "docker.io/acme/web:1", "eu.gcr.io/acme/web", "europe-docker.pkg.dev/acme/web/web:1"] {
        let template = built(&service(&format!("        image \"{image}\"")));
        assert_eq!((container(&template)["image"].as_str(), template["resource"].get("google_artifact_registry_repository")), (Some(image), None));
    }
}

#[test]
fn a_port_that_says_the_same_is_left_out_and_another_is_explained() {
    for port in ["PORT=3000", "PORT=\"3000\""] {
        let template = built(&service(&format!("        image \"a\"\n        env {port} HOST=\"0.0.0.0\"")));
        assert_eq!(container(&template)["env"], json!([{ "name": "HOST", "value": "0.0.0.0" }]), "{port}");
    }
    let said = tried(&service("        image \"a\"\n        env PORT=8080")).unwrap_err();
    assert!(said.contains("Cloud Run sets PORT by itself") && said.contains("env PORT=8080"), "{said}");
    let said = tried("    job once network=main { image \"a\"; env PORT=8080 }").unwrap_err();
    assert!(said.contains("Cloud Run keeps PORT for itself, and a job takes no requests"), "{said}");
}

#[test]
fn the_log_that_goes_on_from_a_backup_is_not_kept_longer_than_backups() {
    for (days, kept) in [("3", 3), ("30", 7)] {
        let template = built(&format!("    database data network=main engine=postgres version=\"16\" {{ backup-days {days} }}"));
        let backups = &template["resource"]["google_sql_database_instance"]["data"]["settings"][0]["backup_configuration"][0];
        assert_eq!(backups["transaction_log_retention_days"], kept);
    }
}

#[test]
fn only_a_network_with_a_database_is_joined_to_googles_own() {
    let template = built("    database data network=main engine=postgres version=\"16\"\n    database more network=main engine=mysql version=\"8.4\"");
    let joined = template["resource"]["google_service_networking_connection"].as_object().unwrap();
    assert_eq!(joined.keys().collect::<Vec<_>>(), ["main_services"]);
    assert_eq!(joined["main_services"]["update_on_creation_fail"], true);
    assert!(built(&service("        image \"a\""))["resource"].get("google_service_networking_connection").is_none());
}

#[test]
fn no_secret_stands_in_terraforms_state_and_a_new_one_reaches_what_runs() {
    let stack = |revision: u32| {
        format!(
            r#"
    param token secret=#true about="a token"
    dns-zone site domain="shop.example"
    email mail domain="shop.example" zone=site {{ accept "a relay" target=gcp }}
    secret given {{ value (get)token; revision {revision} }}
    secret drawn {{ revision {revision} }}
    database data network=main engine=postgres version="16" {{ password-revision {revision} }}
    service web network=main {{
        image "a"
        port 3000
        connect mail
        connect given
        connect drawn
        connect data
    }}
    job once network=main {{
        image "a"
        connect given
    }}
"#
        )
    };
    let template = built(&stack(2));
    let versions = template["resource"]["google_secret_manager_secret_version"].as_object().unwrap();
    assert_eq!(versions.len(), 4);
    for (name, version) in versions {
        assert!(version.get("secret_data").is_none(), "{name}");
        assert!(version.get("secret_data_wo_version").is_some(), "{name}");
    }
    assert_eq!(template["resource"]["google_sql_user"]["data_user"]["password_wo_version"], 2);
    // What runs names the version by reference, so another one makes a new revision.
    let runs = [container(&template), &template["resource"]["google_cloud_run_v2_job"]["once"]["template"][0]["template"][0]["containers"][0]];
    let read = runs.iter().flat_map(|runs| runs["env"].as_array().unwrap()).filter_map(|env| env["value_source"][0]["secret_key_ref"][0].get("version"));
    let read: Vec<&str> = read.map(|version| version.as_str().unwrap()).collect();
    assert_eq!(read.len(), 5);
    assert!(read.iter().all(|version| version.starts_with("${google_secret_manager_secret_version.") && version.ends_with(".version}")), "{read:?}");
}

#[test]
fn what_a_firewall_lets_in_is_a_loss() {
    let firewall = |direction: &str| format!("    firewall office network=main {{ allow web direction={direction} port=80 cidr=\"192.0.2.0/24\" }}");
    assert!(tried(&firewall("in")).unwrap_err().contains("Cloud Run takes requests from a load balancer only"));
    assert!(tried(&firewall("out")).is_ok());
}

#[test]
fn a_network_address_translation_is_not_made_twice_for_one_subnet() {
    let stack = |nat: &str| built(&format!("    network other cidr=\"10.9.0.0/16\" nat={nat}"))["resource"]["google_compute_router_nat"].clone();
    assert_eq!(stack("single"), stack("per-zone"));
}

#[test]
fn a_pipeline_builds_with_rights_of_its_own() {
    let template = built(
        r#"
    param connection about="connection to the repository's host"
    registry images
    service web network=main { image (fmt)"{images.url}:live"; port 3000 }
    pipeline ship registry=images service=web { source "acme/shop" connection=(get)connection }
"#,
    );
    let trigger = &template["resource"]["google_cloudbuild_trigger"]["ship"];
    let steps = trigger["build"][0]["step"].as_array().unwrap();
    assert_eq!(steps.len(), 3);
    assert!(steps[2]["args"].to_string().contains("google_cloud_run_v2_service.web.name"), "{}", steps[2]);
    assert_eq!(trigger["repository_event_config"][0]["push"][0]["branch"], "^main$");
    assert!(trigger["depends_on"].to_string().contains("ship_change"));
    let ignored = template["resource"]["google_cloud_run_v2_service"]["web"]["lifecycle"]["ignore_changes"].to_string();
    assert!(ignored.contains("template[0].labels"), "{ignored}");
}
