//! What Azure's templates have to hold in a life: in another region, beside another stack, behind a gateway, after a change.
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

const BOTH: [&str; 2] = ["tf-azure", "arm"];

/// A template for a target, as text, and what was said of the stack; no template when there was an error.
fn built(stack: &str, body: &str, target: &str) -> (Option<String>, String) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack {stack} {{\n    targets tf-azure arm\n{body}\n}}\n"));
    let (model, mut said) = compiler.check(file, Variant::default(), &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let artefact = model.and_then(|model| {
        let (artefact, more) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources);
        said.extend(more);
        artefact
    });
    (artefact.map(|(artefact, _)| artefact.text), said.iter().map(|one| format!("{one:?}\n")).collect())
}

fn template(body: &str, target: &str) -> Value {
    let (template, said) = built("shop", body, target);
    serde_json::from_str(&template.unwrap_or_else(|| panic!("{target}: {said}"))).unwrap()
}

const SITE: &str = "
    network main flow-log-days=30 { accept \"logged beside it\" target=arm; }
    load-balancer public network=main { listen 80; }
    bucket media
    database data network=main engine=postgres version=\"17\" highly-available=#true
    database other network=main engine=mysql version=\"8.4\" highly-available=#true
    service web network=main {
        image \"a:1\"
        port 80
        route public
    }";

#[test]
fn a_region_without_zones_is_one_parameter_away() {
    for target in BOTH {
        let text = template(SITE, target).to_string();
        // What a region that has none refuses stands nowhere by itself.
        for word in ["ZoneRedundant", "ZRS"] {
            let all = text.matches(word).count();
            let chosen = text.split('"').filter(|piece| piece.contains(word)).filter(|piece| !piece.contains("region_zones")).count();
            let inside = text.split("region_zones").count() - 1;
            assert!(all > 0 && inside >= all, "{target}: {word} {all} times");
            assert!(target != "arm" || chosen == 0, "{target}: {word} without asking the region");
        }
        assert!(!text.contains("\"zones\":[\"1\""), "{target}: a gateway in three zones");
    }
    let terraform = template(SITE, "tf-azure");
    let zones = "${slice([\"1\", \"2\", \"3\"], 0, var.region_zones)}";
    assert_eq!(terraform["resource"]["azurerm_application_gateway"]["public"]["zones"], zones);
    assert_eq!(terraform["resource"]["azurerm_public_ip"]["public_address"]["zones"], zones);
    assert_eq!(terraform["variable"]["region_zones"]["default"], 3);
}

#[test]
fn a_region_can_be_written_as_its_people_do_and_has_names_of_its_own() {
    let terraform = template(SITE, "tf-azure");
    let log = &terraform["resource"]["azurerm_network_watcher_flow_log"]["main_flow_log"];
    assert_eq!(log["network_watcher_name"], "NetworkWatcher_${lower(replace(var.location, \" \", \"\"))}");
    let vault = terraform["resource"]["azurerm_key_vault"]["vault"]["name"].as_str().unwrap();
    assert!(vault.contains("var.location"), "a vault that was destroyed can be had back in its own region only: {vault}");
}

#[test]
fn two_stacks_in_a_resource_group_have_apps_of_their_own() {
    let body =
        "    network main\n    service web network=main image=\"a:1\"\n    job tidy network=main image=\"a:1\"\n    service x network=main image=\"a:1\"";
    for target in BOTH {
        let names = |stack: &str| {
            let text = built(stack, body, target).0.unwrap();
            let all: Value = serde_json::from_str(&text).unwrap();
            let (apps, jobs) = (&all["resource"]["azurerm_container_app"], &all["resource"]["azurerm_container_app_job"]);
            let (app, job) = if target == "arm" { (&all["resources"]["web"], &all["resources"]["tidy"]) } else { (&apps["web"], &jobs["tidy"]) };
            [app["name"].as_str().unwrap().to_owned(), job["name"].as_str().unwrap().to_owned()]
        };
        assert_eq!(names("shop"), ["shop-web", "shop-tidy"], "{target}");
        assert!(names("shop").iter().zip(names("blog")).all(|(one, other)| *one != other), "{target}");
    }
}

#[test]
fn the_application_can_read_who_asks() {
    for target in BOTH {
        let text = template(SITE, target).to_string();
        assert!(text.contains("{var_add_x_forwarded_for_proxy}"), "{target}: the address without the gateway's port");
        assert!(text.contains("X-Real-IP") && text.contains("{var_client_ip}"), "{target}");
    }
}

#[test]
fn a_text_at_an_e_mail_domains_name_is_refused_with_a_way_out() {
    let body = |label: &str| {
        format!(
            "    dns-zone site domain=\"shop.example\"\n    email mail domain=\"shop.example\" zone=site\n    dns-record proof zone=site label=\"{label}\" kind=TXT {{ values \"site-verification=1\"; }}"
        )
    };
    for target in BOTH {
        let (none, said) = built("shop", &body("@"), target);
        assert!(none.is_none() && said.contains("such as `mail.` before the domain"), "{target}: {said}");
        assert!(built("shop", &body("other"), target).0.is_some(), "{target}");
    }
}

#[test]
fn no_mail_leaves_a_network_without_a_way_out() {
    let body = |nat: &str| {
        format!(
            "    network main nat={nat}\n    dns-zone site domain=\"shop.example\"\n    email mail domain=\"shop.example\" zone=site\n    service web network=main {{\n        image \"a:1\"\n        connect mail\n    }}\n    job post network=main {{\n        image \"a:1\"\n        connect mail\n    }}"
        )
    };
    for target in BOTH {
        let (none, said) = built("shop", &body("none"), target);
        assert!(none.is_none() && said.matches("no mail leaves a network").count() == 2, "{target}: {said}");
        assert!(built("shop", &body("single"), target).0.is_some(), "{target}");
    }
}

#[test]
fn a_domain_that_sends_goes_after_what_sends_from_it() {
    let body = "    dns-zone site domain=\"shop.example\"\n    email mail domain=\"shop.example\" zone=site";
    let sender = template(body, "tf-azure")["resource"]["azurerm_communication_service"]["mail_sender"].clone();
    assert_eq!(sender["depends_on"][0], "azurerm_email_communication_service_domain.mail");
}

#[test]
fn what_is_lost_is_said() {
    let said = |body: &str, target: &str| built("shop", body, target).1;
    for target in BOTH {
        let public = said("    bucket media public-read=#true", target);
        assert!(public.contains("https://DOMAIN/objects/NAME"), "{target}: {public}");
        let database = |engine: &str, version: &str| {
            said(&format!("    network main\n    database data network=main engine={engine} version=\"{version}\" highly-available=#true"), target)
        };
        assert!(database("mysql", "8.4").contains("from the beginning only"), "{target}");
        assert!(!database("postgres", "17").contains("from the beginning only"), "{target}");
    }
}

const SECURE: &str = "
    network NETWORK
    dns-zone site domain=\"shop.example\"
    certificate tls domain=\"shop.example\" zone=site
    load-balancer public network=NETWORK { listen 443 protocol=https certificate=tls; }";

#[test]
fn who_deploys_needs_no_right_within_the_vault_of_a_certificate() {
    let terraform = template(&SECURE.replace("NETWORK", "main"), "tf-azure");
    assert!(terraform["data"]["azurerm_key_vault_certificate"].is_null(), "to read it takes a right within the vault");
    let shown = &terraform["resource"]["azurerm_application_gateway"]["public"]["ssl_certificate"][0]["key_vault_secret_id"];
    assert_eq!(shown, "${data.azurerm_key_vault.tls_vault.vault_uri}secrets/${var.tls_name}");
}

#[test]
fn a_gateway_in_another_network_is_another_one() {
    let name = |network: &str| {
        let terraform = template(&SECURE.replace("NETWORK", network), "tf-azure");
        terraform["resource"]["azurerm_application_gateway"]["public"]["name"].clone()
    };
    assert_eq!(name("main"), "shop-public-main");
    assert_ne!(name("main"), name("other"), "Azure refuses to move one");
}

#[test]
fn the_first_secret_waits_until_its_writer_has_the_right() {
    let terraform = template("    secret drawn", "tf-azure");
    let waiting = &terraform["resource"]["azurerm_key_vault_secret"]["drawn"]["depends_on"];
    assert_eq!(waiting[0], "time_sleep.vault_settled");
    let right = &terraform["resource"]["time_sleep"]["vault_settled"]["triggers"]["right"];
    assert_eq!(right, "${azurerm_role_assignment.vault_writer.id}", "another right is waited for again");
    let idle = template("    network main", "tf-azure");
    assert!(idle["terraform"]["required_providers"]["time"].is_null(), "who has no secret waits for nothing");
}

#[test]
fn what_reads_by_a_right_waits_until_it_works() {
    // The identity's right is seconds old, and an app, a job or a gateway that cannot read yet is refused.
    let body = format!(
        "{}\n    registry images\n    secret key\n    service web network=main {{\n        image (fmt)\"{{images.url}}:1\"\n        connect key\n        connect key prefix=AGAIN\n    }}\n    job once network=main {{\n        image \"a:1\"\n        connect key\n    }}",
        SECURE.replace("NETWORK", "main")
    );
    let made = template(&body, "tf-azure")["resource"].clone();
    let waits = |kind: &str, name: &str| -> Vec<String> {
        let after = made[kind][name]["depends_on"].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned());
        after.filter(|one| one.starts_with("time_sleep.") || one.starts_with("azurerm_role_assignment.")).collect()
    };
    assert_eq!(waits("azurerm_container_app", "web"), ["time_sleep.web_pull_settled", "time_sleep.web_read_settled_key_value"]);
    assert_eq!(waits("azurerm_container_app_job", "once"), ["time_sleep.once_read_settled_key_value"]);
    assert_eq!(waits("azurerm_application_gateway", "public"), ["time_sleep.public_read_settled_tls"]);
    for (name, wait) in made["time_sleep"].as_object().unwrap() {
        let right = wait["triggers"]["right"].as_str().unwrap();
        assert!(right.contains("azurerm_role_assignment."), "{name}: another right is waited for again: {right}");
    }
}

#[test]
fn a_network_without_a_way_out_fetches_no_image_from_elsewhere() {
    let body = |nat: &str, image: &str| {
        format!(
            "    registry images\n    network main nat={nat}\n    service web network=main {{\n        image {image}\n    }}\n    job once network=main {{\n        image {image}\n    }}"
        )
    };
    for target in BOTH {
        for image in ["\"nginx:1.29\"", "\"acme/shop:1\"", "\"ghcr.io/acme/shop:1\"", "(fmt)\"nginx:{images.url}\""] {
            let (none, said) = built("shop", &body("none", image), target);
            assert!(none.is_none() && said.matches("reaches no registry but Azure's").count() == 2, "{target} {image}: {said}");
            assert!(built("shop", &body("single", image), target).0.is_some(), "{target} {image}");
        }
        for image in ["\"mcr.microsoft.com/a/b:1\"", "\"acme.azurecr.io/shop:1\"", "(fmt)\"{images.url}:1\""] {
            assert!(built("shop", &body("none", image), target).0.is_some(), "{target} {image}");
        }
    }
}

#[test]
fn a_bucket_that_becomes_a_web_site_keeps_what_is_in_it() {
    let objects = |more: &str| {
        let made = template(&format!("    bucket media public-read=#true {{\n        expire \"tmp/\" days=1\n        {more}\n    }}"), "tf-azure");
        made["resource"]["azurerm_storage_container"]["media_objects"].clone()
    };
    assert_eq!(objects("")["container_access_type"], "blob");
    assert_eq!(objects("website")["container_access_type"], "private", "the account lets nobody see it any more");
    assert_eq!(objects("website")["name"], objects("")["name"]);
}

#[test]
fn a_name_moves_from_one_load_balancer_to_another_in_place() {
    let records = |balancer: &str, labels: &[&str]| {
        let names: String = labels.iter().map(|label| format!("        name \"{label}\" zone=site\n")).collect();
        let body = format!(
            "    network main\n    dns-zone site domain=\"shop.example\"\n    load-balancer {balancer} network=main {{\n        listen 80\n{names}    }}"
        );
        let made = template(&body, "tf-azure")["resource"]["azurerm_dns_a_record"].clone();
        made.as_object().unwrap().keys().cloned().collect::<Vec<_>>()
    };
    assert_eq!(records("old", &["www"]), ["dns_record_www_in_site"]);
    assert_eq!(records("new", &["www"]), ["dns_record_www_in_site"]);
    // All that a label can be has a name of its own.
    let labels = ["@", "*", "a.b", "a-b", "_a.b", "*.a"];
    assert_eq!(records("new", &labels).len(), labels.len());
}

#[test]
fn what_the_spec_allows_azure_takes() {
    let long = "a".repeat(40);
    for target in BOTH {
        let body = format!(
            "    network {long}\n    load-balancer public network={long} {{ listen 80; }}\n    service web network={long} {{\n        image \"a:1\"\n        port 80\n        route public health-interval=300\n    }}"
        );
        let (text, said) = built(&long, &body, target);
        let made: Value = serde_json::from_str(&text.unwrap_or_else(|| panic!("{target}: {said}"))).unwrap();
        let (probe, seconds) = if target == "arm" {
            let app = &made["resources"]["web"]["properties"]["template"]["containers"][0];
            (&app["probes"][0], "periodSeconds")
        } else {
            let app = &made["resource"]["azurerm_container_app"]["web"]["template"][0]["container"][0];
            (&app["readiness_probe"][0], "interval_seconds")
        };
        assert_eq!(probe[seconds], 240, "{target}: {probe}");
    }
}
