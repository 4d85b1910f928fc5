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

#[test]
fn names_that_azure_keeps_are_refused_at_their_line() {
    let body = |name: &str| {
        format!(
            "    network main\n    load-balancer {name} network=main {{ listen 80; }}\n    bucket {name}s\n    registry {name}r\n    database {name}d network=main engine=postgres version=\"17\"\n    database {name}m network=main engine=mysql version=\"8.4\"\n    dns-zone site domain=\"shop.example\"\n    email {name}e domain=\"shop.example\" zone=site"
        )
    };
    for target in BOTH {
        // `windows` is left of a name that is cut, where enough of it fits.
        let (none, said) = built("a", &body("windows"), target);
        assert!(none.is_none() && said.matches("the cloud keeps `*windows*` for itself").count() >= 6, "{target}: {said}");
        // The stack's own name begins the others, that of the vault among them.
        let (none, said) = built("login", "    secret key", target);
        assert!(none.is_none() && said.contains("the cloud keeps `login*` for itself"), "{target}: {said}");
        assert!(built("shop", &body("login"), target).0.is_some(), "{target}: not at the beginning");
    }
}

#[test]
fn a_network_where_azures_own_addresses_are_is_refused() {
    let body = |range: &str| format!("    network main cidr=\"{range}\"\n    service web network=main image=\"a:1\"");
    for target in BOTH {
        for range in ["172.30.0.0/16", "172.31.8.0/22", "169.254.0.0/16", "192.0.2.0/24", "100.100.0.0/17"] {
            let (none, said) = built("shop", &body(range), target);
            assert!(none.is_none() && said.contains(&format!("`{range}` is taken")), "{target}: {said}");
        }
        assert!(built("shop", &body("172.29.0.0/16"), target).0.is_some(), "{target}");
    }
}

#[test]
fn a_redirect_leads_to_a_port_that_is_listened_on() {
    let body = |port: u16| {
        format!(
            "{}    load-balancer other network=main {{\n        listen 80 redirect={port}\n        listen 443 protocol=https certificate=tls\n    }}",
            SECURE.replace("NETWORK", "main").replace("    load-balancer public network=main { listen 443 protocol=https certificate=tls; }", "")
        )
    };
    for target in BOTH {
        let (none, said) = built("shop", &body(8443), target);
        assert!(none.is_none() && said.contains("a port that it listens on"), "{target}: {said}");
        assert!(built("shop", &body(443), target).0.is_some(), "{target}");
    }
}

#[test]
fn what_follows_the_processors_load_keeps_one_copy() {
    let body = |least: u16| format!("    network main\n    service web network=main image=\"a:1\" {{ autoscale {least} max=3; }}");
    for target in BOTH {
        for (least, kept) in [(0, 1), (2, 2)] {
            let made = template(&body(least), target);
            let found = if target == "arm" {
                made["resources"]["web"]["properties"]["template"]["scale"]["minReplicas"].clone()
            } else {
                made["resource"]["azurerm_container_app"]["web"]["template"][0]["min_replicas"].clone()
            };
            assert_eq!(found, kept, "{target}: {least}");
        }
    }
}

#[test]
fn the_identitys_own_variable_is_given_once() {
    for target in BOTH {
        for node in ["service web", "job once"] {
            for given in ["env AZURE_CLIENT_ID=a", "connect key prefix=AZURE_CLIENT_ID"] {
                let (none, said) = built("shop", &format!("    network main\n    secret key\n    {node} network=main image=\"a:1\" {{ {given}; }}"), target);
                assert!(none.is_none() && said.contains("`AZURE_CLIENT_ID` is taken"), "{target} {node} {given}: {said}");
            }
        }
    }
}

#[test]
fn a_record_moves_from_one_node_to_another_in_place() {
    let zone = "    network main\n    dns-zone site domain=\"shop.example\"\n";
    let records = |body: &str| {
        let made = template(&format!("{zone}{body}"), "tf-azure")["resource"].clone();
        let all = made.as_object().unwrap().iter().filter(|(kind, _)| kind.starts_with("azurerm_dns_") && kind.ends_with("_record"));
        all.flat_map(|(kind, named)| named.as_object().unwrap().keys().map(move |name| format!("{kind}.{name}"))).collect::<Vec<_>>()
    };
    let at = |node: &str, kind: &str, value: &str| records(&format!("    dns-record {node} zone=site label=\"www\" kind={kind} {{ values \"{value}\"; }}"));
    for (kind, value) in
        [("A", "192.0.2.1"), ("AAAA", "2001:db8::1"), ("CNAME", "a.example"), ("TXT", "a"), ("MX", "10 a.example"), ("CAA", "0 issue \\\"a\\\"")]
    {
        assert_eq!(at("old", kind, value), at("new", kind, value), "{kind}");
    }
    let balancer = records("    load-balancer public network=main {\n        listen 80\n        name \"www\" zone=site\n    }");
    assert_eq!(at("old", "A", "192.0.2.1"), balancer);
    let all = records(
        "    dns-record a zone=site label=\"a\" kind=A { values \"192.0.2.1\"; }\n    dns-record b zone=site label=\"a\" kind=TXT { values \"x\"; }\n    dns-record c zone=site label=\"a-txt\" kind=A { values \"192.0.2.1\"; }",
    );
    assert_eq!(all.len(), 3, "{all:?}");
}

#[test]
fn azures_dns_takes_fewer_tags_than_the_rest() {
    let tags = |many: usize| (0..many).map(|number| format!(" t{number}=v")).collect::<String>();
    for target in BOTH {
        for node in ["dns-zone site domain=\"shop.example\"", "network main"] {
            // One more is the stack's name.
            let tagged = |many| built("shop", &format!("    tags{}\n    {node}\n    bucket media", tags(many)), target);
            let (none, said) = tagged(15);
            // A network has private zones as soon as something runs in it, on Terraform at once.
            if target == "tf-azure" || node.starts_with("dns") {
                assert!(none.is_none() && said.contains("16 entries; 15 are the most"), "{target} {node}: {said}");
            }
            assert!(tagged(14).0.is_some(), "{target} {node}");
        }
        assert!(built("shop", &format!("    tags{}\n    bucket media", tags(40)), target).0.is_some(), "{target}");
    }
}
