//! A running stack on Google Cloud that is changed, and what the cloud refuses only then or only at deploy time.
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

use std::path::Path;

use serde_json::{Value, json};
use support::{stackc, stderr, stdout};

/// Builds a stack with this body; the template, or what was said of it.
fn tried(body: &str) -> Result<Value, String> {
    let folder = tempfile::tempdir().unwrap();
    let stack = folder.path().join("stack.kdl");
    std::fs::write(&stack, format!("stack shop {{\n    network main\n{body}\n}}\n")).unwrap();
    let output = stackc(Path::new(env!("CARGO_MANIFEST_DIR")), &["build", stack.to_str().unwrap(), "--target", "tf-google", "-o", "-"]);
    if output.status.success() { Ok(serde_json::from_str(&stdout(&output)).unwrap()) } else { Err(stderr(&output)) }
}

fn built(body: &str) -> Value {
    tried(body).unwrap_or_else(|said| panic!("{said}"))
}

/// The resource of a kind, by its name in the template.
fn resource<'t>(template: &'t Value, kind: &str, name: &str) -> &'t Value {
    let found = &template["resource"][kind][name];
    assert!(!found.is_null(), "{kind}.{name}: {:?}", template["resource"][kind].as_object().map(|all| all.keys().collect::<Vec<_>>()));
    found
}

/// The API changes the target of a forwarding rule only for one of the same kind.
#[test]
fn a_port_that_changes_its_protocol_has_another_forwarding_rule() {
    let listener = |listen: &str| {
        let template = built(&format!(
            "    dns-zone site domain=\"shop.example\"\n    certificate tls domain=\"shop.example\" zone=site\n    \
             load-balancer public network=main {{ {listen} }}"
        ));
        resource(&template, "google_compute_global_forwarding_rule", "public_listener_8443").clone()
    };
    let (plain, tls) = (listener("listen 8443"), listener("listen 8443 protocol=https certificate=tls"));
    assert_ne!(plain["name"], tls["name"], "under one name, only its target would change");
    assert!(plain["lifecycle"].is_null() && tls["lifecycle"].is_null(), "both have the same address and port: the old one goes first");
}

/// A client says the port with the host, but for 80 and 443.
#[test]
fn a_route_for_a_host_is_found_at_every_port() {
    for (internal, kind, name) in [("#false", "google_compute_url_map", "public_routes"), ("#true", "google_compute_region_url_map", "public_inner_routes")] {
        let template = built(&format!(
            "    load-balancer public internal={internal} network=main {{ listen 80; listen 8080 }}\n    \
             service web network=main image=\"nginx:1\" port=80 {{\n        route public host=\"shop.example\"\n        \
             route public path=\"/a\" host=\"*.shop.example\"\n        route public path=\"/b\"\n    }}"
        ));
        let rules = resource(&template, kind, name)["path_matcher"][0]["route_rules"].clone();
        let matched = |matches: &Value, how: &str| -> Vec<String> {
            let rule = rules.as_array().unwrap().iter().find(|rule| rule["match_rules"][0].get(how) == Some(matches)).unwrap();
            let hosts = rule["match_rules"].as_array().unwrap().iter().map(|one| {
                let header = &one["header_matches"][0];
                header["exact_match"].as_str().or(header["suffix_match"].as_str()).unwrap_or("any").to_owned()
            });
            hosts.collect()
        };
        assert_eq!(matched(&json!("/"), "prefix_match"), ["shop.example", "shop.example:80", "shop.example:8080"]);
        assert_eq!(matched(&json!("/a"), "full_path_match"), [".shop.example", ".shop.example:80", ".shop.example:8080"]);
        assert_eq!(matched(&json!("/b"), "full_path_match"), ["any"], "without a host, once is enough");
    }
}

#[test]
fn a_pipeline_ships_what_the_service_runs() {
    let stack = |registry: &str, image: &str| {
        format!(
            "    param connection about=\"the connection\"\n    registry images {registry}\n    service web network=main port=80 {{ image {image} }}\n    \
             pipeline ship registry=images service=web {{ source \"acme/shop\" connection=(get)connection }}"
        )
    };
    let own = "(fmt)\"{images.url}:live\"";
    assert!(tried(&stack("", own)).is_ok());
    assert!(tried(&stack("immutable=#true", own)).unwrap_err().contains("its tags cannot be moved"));
    assert!(tried(&stack("", "\"nginx:1\"")).unwrap_err().contains("its image is not what is built here"));
}

/// The right is another one with another role, and what runs needs one all the time.
#[test]
fn a_bucket_can_be_read_while_the_access_to_it_changes() {
    let template = built("    bucket media\n    service web network=main image=\"nginx:1\" port=80 { connect media access=read-write }");
    let access = resource(&template, "google_storage_bucket_iam_member", "web_media_access");
    assert_eq!(access["lifecycle"]["create_before_destroy"], true);
}

#[test]
fn what_cloud_run_says_by_itself_is_not_given() {
    let of = |kind: &str, more: &str| tried(&format!("    secret key\n    {kind} network=main image=\"nginx:1\" {{ {more} }}"));
    for (kind, taken, free) in [("service web port=80", "K_SERVICE", "CLOUD_RUN_JOB"), ("job sort", "CLOUD_RUN_TASK_INDEX", "K_SERVICE")] {
        for given in ["env NAME=a", "connect key prefix=NAME"] {
            let said = of(kind, &given.replace("NAME", taken)).unwrap_err();
            assert!(said.contains(&format!("the cloud keeps `{taken}` for itself")), "{said}");
            assert!(of(kind, &given.replace("NAME", free)).is_ok(), "{free}");
        }
    }
}

/// Cloud Run refuses what names a secret that its account may not read, and a new right takes its time.
#[test]
fn a_right_to_read_is_waited_for() {
    let template = built(
        "    secret a\n    secret b\n    service web network=main image=\"nginx:1\" port=80 { connect a; connect b; env AGAIN=(get)a.value }\n    \
         job sort network=main image=\"nginx:1\" { connect a }\n    service worker network=main image=\"nginx:1\" { connect b }",
    );
    let waits = |kind: &str, name: &str| resource(&template, kind, name)["depends_on"].to_string();
    for (kind, name, key) in [
        ("google_cloud_run_v2_service", "web", "web_settled_a"),
        ("google_cloud_run_v2_service", "web", "web_settled_b"),
        ("google_cloud_run_v2_job", "sort", "sort_settled_a"),
        ("google_cloud_run_v2_worker_pool", "worker_pool", "worker_settled_b"),
    ] {
        let settled = resource(&template, "time_sleep", key);
        assert_eq!(settled["create_duration"], "2m");
        assert_eq!(settled["triggers"]["right"], format!("${{google_secret_manager_secret_iam_member.{}.id}}", key.replace("settled", "read")));
        assert!(waits(kind, name).contains(&format!("time_sleep.{key}")), "{name}: {}", waits(kind, name));
    }
    let rights = |template: &Value| {
        let waits = template["resource"]["time_sleep"].as_object().unwrap().values().filter(|wait| !wait["triggers"]["right"].is_null());
        waits.count()
    };
    assert_eq!(rights(&template), 4, "one for each right");
    assert_eq!(rights(&built("    service web network=main image=\"nginx:1\" port=80")), 0);
}

/// A proxy of a region takes certificates of that region, and no map of them.
#[test]
fn a_load_balancer_within_the_network_speaks_https() {
    let template = built(
        "    dns-zone site domain=\"shop.example\"\n    certificate tls domain=\"*.shop.example\" zone=site { names \"shop.example\" \"a.shop.example\" }\n    \
         load-balancer inside internal=#true tls-minimum=\"1.2\" network=main {\n        listen 80 redirect=443\n        listen 443 protocol=https certificate=tls\n    }\n    \
         load-balancer again internal=#true network=main { listen 443 protocol=https certificate=tls }",
    );
    let proxy = resource(&template, "google_compute_region_target_https_proxy", "inside_inner_tls_proxy_443");
    let shown: Vec<&str> = proxy["certificate_manager_certificates"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
    assert_eq!(shown.len(), 3, "{shown:?}");
    for reference in shown {
        let name = reference.trim_start_matches("${google_certificate_manager_certificate.").trim_end_matches(".id}");
        let certificate = resource(&template, "google_certificate_manager_certificate", name);
        assert_eq!(certificate["location"], "${var.region}");
        let proof = certificate["depends_on"].to_string();
        assert!(proof.contains("google_dns_record_set.inner_proof_"), "{proof}");
        let authorization = certificate["managed"][0]["dns_authorizations"][0].as_str().unwrap();
        let authorization = authorization.trim_start_matches("${google_certificate_manager_dns_authorization.").trim_end_matches(".id}");
        let authorization = resource(&template, "google_certificate_manager_dns_authorization", authorization);
        assert_eq!((authorization["location"].as_str(), authorization["type"].as_str()), (Some("${var.region}"), Some("PER_PROJECT_RECORD")));
    }
    let proved = template["resource"]["google_certificate_manager_dns_authorization"].as_object().unwrap();
    let names = proved.keys().filter(|name| name.starts_with("inner_")).count();
    assert_eq!(names, 2, "a name is proved once for all load balancers, with its wildcard: {:?}", proved.keys().collect::<Vec<_>>());
    let map = |listener: &str| resource(&template, "google_compute_forwarding_rule", listener)["target"].as_str().unwrap().to_owned();
    assert_eq!(map("inside_inner_listener_443"), "${google_compute_region_target_https_proxy.inside_inner_tls_proxy_443.id}");
    assert_eq!(map("inside_inner_listener_80"), "${google_compute_region_target_http_proxy.inside_inner_proxy_80.id}");
    let plain = resource(&template, "google_compute_region_target_http_proxy", "inside_inner_proxy_80");
    assert_eq!(plain["url_map"], "${google_compute_region_url_map.inside_inner_redirect_80.id}");
}

/// What was just switched on is refused for a while.
#[test]
fn what_needs_an_api_waits_until_it_is_on() {
    let template = built("    bucket media\n    secret key\n    service web network=main image=\"nginx:1\" port=80");
    let switched = template["resource"]["google_project_service"].as_object().unwrap();
    for (name, api) in switched {
        let wait = resource(&template, "time_sleep", &name.replace("_api", "_on"));
        assert_eq!(wait["triggers"]["api"], format!("${{google_project_service.{name}.id}}"));
        let first = &api["depends_on"][0];
        assert!(name == "projects_api" || first == "time_sleep.projects_on", "{name}: {first}");
    }
    for (kind, named) in template["resource"].as_object().unwrap() {
        for (name, body) in named.as_object().unwrap().iter().filter(|_| kind.starts_with("google_")) {
            let waits = body["depends_on"].to_string();
            assert!(!waits.contains("google_project_service."), "{kind}.{name} does not wait: {waits}");
        }
    }
    assert!(resource(&template, "google_storage_bucket", "media")["depends_on"].to_string().contains("time_sleep.storage_on"));
}

#[test]
fn a_bucket_is_not_named_as_google_is() {
    let stack = |name: &str| {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("stack.kdl");
        std::fs::write(&file, format!("stack shop {{ bucket {name} }}\n")).unwrap();
        stackc(Path::new(env!("CARGO_MANIFEST_DIR")), &["build", file.to_str().unwrap(), "--target", "tf-google", "-o", "-"])
    };
    assert!(stderr(&stack("google-docs")).contains("the cloud keeps `*google*` for itself"));
    assert!(stack("goods").status.success());
}
