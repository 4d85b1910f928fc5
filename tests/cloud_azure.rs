//! What Azure's templates have to hold beside what its schemas ask for: for a second deploy, for a change, for a destroy, for those who deploy together.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use serde_json::{Value, json};
use stackc::Compiler;
use stackc::check::Variant;
use stackc::emit::Style;
use stackc::source::Sources;

const TERRAFORM: &str = "tf-azure";
const ARM: &str = "arm";
const BOTH: [&str; 2] = [TERRAFORM, ARM];

/// A stack's template for a target, and what was said of it; no template when there was an error.
fn built(body: &str, target: &str) -> (Option<Value>, Vec<String>) {
    let (compiler, mut sources) = (Compiler::default(), Sources::default());
    let file = sources.add("stack.kdl", format!("stack shop {{\n    targets tf-azure arm\n{body}\n}}\n"));
    let (model, mut said) = compiler.check(file, Variant::default(), &mut sources);
    let target = compiler.targets(&mut sources).into_iter().find(|known| known.name == target).unwrap();
    let artefact = model.and_then(|model| {
        let (artefact, more) = compiler.build_with_origins(&model, &target, Style::default(), &mut sources);
        said.extend(more);
        artefact
    });
    (artefact.map(|(artefact, _)| serde_json::from_str(&artefact.text).unwrap()), said.iter().map(|one| format!("{one:?}")).collect())
}

fn template(body: &str, target: &str) -> Value {
    let (template, said) = built(body, target);
    template.unwrap_or_else(|| panic!("{target}: {said:?}"))
}

/// The one resource of a type whose name in the template is this.
fn of<'a>(template: &'a Value, ty: &str, name: &str) -> &'a Value {
    let found = if ty.contains('/') { &template["resources"][name] } else { &template["resource"][ty][name] };
    assert!(found.is_object() && (!ty.contains('/') || found["type"] == ty), "{ty} {name}: {:?}", template["resources"].as_object().map(|all| all.keys()));
    found
}

const DATABASES: &str = "
    network main
    database pg network=main engine=postgres version=\"17\" highly-available=#true storage-max=200 protect=#true
    database my network=main engine=mysql version=\"8.4\" size=large highly-available=#true";

#[test]
fn a_servers_subnet_keeps_the_endpoint_that_azure_gives_it() {
    let (terraform, arm) = (template(DATABASES, TERRAFORM), template(DATABASES, ARM));
    for role in ["postgres", "mysql"] {
        assert_eq!(of(&terraform, "azurerm_subnet", &format!("main_{role}"))["service_endpoints"], json!(["Microsoft.Storage"]));
        let subnet = of(&arm, "Microsoft.Network/virtualNetworks/subnets", &format!("main_{role}"));
        assert_eq!(subnet["properties"]["serviceEndpoints"], json!([{ "service": "Microsoft.Storage" }]));
    }
}

#[test]
fn a_disk_that_grew_and_zones_that_azure_chose_replace_no_server() {
    let terraform = template(DATABASES, TERRAFORM);
    let ignored = |ty: &str, name: &str| of(&terraform, ty, name)["lifecycle"]["ignore_changes"].clone();
    let standby = "high_availability[0].standby_availability_zone";
    assert_eq!(ignored("azurerm_postgresql_flexible_server", "pg"), json!(["zone", standby, "storage_mb"]));
    assert_eq!(ignored("azurerm_mysql_flexible_server", "my_mysql"), json!(["zone", "storage[0].size_gb"]));
    let fixed = template("    network main\n    database pg network=main engine=postgres version=\"17\"", TERRAFORM);
    assert_eq!(of(&fixed, "azurerm_postgresql_flexible_server", "pg")["lifecycle"]["ignore_changes"], json!(["zone", standby]));
    let arm = template(DATABASES, ARM);
    let size = |ty: &str, name: &str| of(&arm, ty, name)["properties"]["storage"]["storageSizeGB"].clone();
    assert_eq!(size("Microsoft.DBforPostgreSQL/flexibleServers", "pg"), "[max(parameters('pg_grown'), 32)]");
    assert_eq!(size("Microsoft.DBforMySQL/flexibleServers", "my_mysql"), "[max(parameters('my_grown'), 20)]");
}

#[test]
fn mysql_has_its_own_sizes_and_postgres_its_extensions_before_anybody_connects() {
    let (terraform, arm) = (template(DATABASES, TERRAFORM), template(DATABASES, ARM));
    assert_eq!(of(&terraform, "azurerm_mysql_flexible_server", "my_mysql")["sku_name"], "GP_Standard_D8ads_v5");
    assert_eq!(of(&arm, "Microsoft.DBforMySQL/flexibleServers", "my_mysql")["sku"]["name"], "Standard_D8ads_v5");
    let database = of(&terraform, "azurerm_postgresql_flexible_server_database", "pg_database");
    assert!(database["depends_on"].to_string().contains("pg_extensions"));
    let allowed = of(&arm, "Microsoft.DBforPostgreSQL/flexibleServers/configurations", "pg_extensions");
    assert!(allowed["properties"]["value"].as_str().unwrap().split(',').any(|name| name == "PG_TRGM"));
    // The server is busy for a while once it is there, and who connects reads the password.
    assert!(allowed["dependsOn"].to_string().contains("pg_database"));
    assert!(of(&arm, "Microsoft.KeyVault/vaults/secrets", "pg_kept")["dependsOn"].to_string().contains("pg_extensions"));
}

#[test]
fn a_zones_link_goes_before_the_subnet() {
    let terraform = template(DATABASES, TERRAFORM);
    let link = of(&terraform, "azurerm_private_dns_zone_virtual_network_link", "pg_zone_joined");
    assert!(link["depends_on"].to_string().contains("main_postgres_guard"));
    let arm = template(DATABASES, ARM);
    assert!(of(&arm, "Microsoft.Network/privateDnsZones/virtualNetworkLinks", "my_mysql_zone_joined")["dependsOn"].to_string().contains("main_mysql"));
}

#[test]
fn no_lock_is_above_a_right() {
    let body = "
    param key secret=#true
    network main
    bucket media protect=#true
    registry images protect=#true
    secret token protect=#true value=(get)key
    service web network=main {
        image (fmt)\"{images.url}:1\"
        connect media access=read-write
        connect token
    }";
    let arm = template(body, ARM);
    let all = arm["resources"].as_object().unwrap();
    let inner = |value: &Value| value["scope"].as_str().unwrap_or_default().trim_start_matches("[resourceId(").trim_end_matches(")]").replace('\'', "");
    let of_type = |ty: &str| all.values().filter(|one| one["type"] == ty).map(inner).collect::<Vec<_>>();
    let (locks, rights) = (of_type("Microsoft.Authorization/locks"), of_type("Microsoft.Authorization/roleAssignments"));
    assert_eq!((locks.len(), rights.len()), (2, 3), "{locks:?} {rights:?}");
    for lock in &locks {
        let (ty, names) = lock.split_once(", ").unwrap();
        let above = |right: &String| right.split_once(", ").is_some_and(|(of, name)| of.starts_with(ty) && name.starts_with(names));
        assert!(!rights.iter().any(above), "{lock} locks {rights:?}");
    }
    let terraform = template(body, TERRAFORM);
    let scopes: Vec<&Value> = terraform["resource"]["azurerm_management_lock"].as_object().unwrap().values().map(|lock| &lock["scope"]).collect();
    assert_eq!(scopes, ["${azurerm_storage_account.media.id}/fileServices/default", "${azurerm_container_registry_task.images_tidy.id}"]);
}

#[test]
fn a_secret_of_another_revision_makes_a_new_revision_of_what_runs() {
    let body = |revision: u32| {
        format!(
            "    network main\n    database pg network=main engine=postgres version=\"17\" password-revision={revision}\n    secret drawn revision={revision}
    service web network=main {{\n        image \"a:1\"\n        connect pg\n        connect drawn\n    }}
    job tidy network=main {{\n        image \"a:1\"\n        connect pg\n        connect drawn\n    }}"
        )
    };
    for target in BOTH {
        let (first, second) = (template(&body(1), target), template(&body(2), target));
        let runs: [(&str, &str); 2] = if target == ARM {
            [("Microsoft.App/containerApps", "web"), ("Microsoft.App/jobs", "tidy")]
        } else {
            [("azurerm_container_app", "web"), ("azurerm_container_app_job", "tidy")]
        };
        for (ty, name) in runs {
            let place = |template: &Value| {
                if target == ARM { of(template, ty, name)["properties"]["template"].clone() } else { of(template, ty, name)["template"].clone() }
            };
            let (before, after) = (place(&first).to_string(), place(&second).to_string());
            assert_eq!(before.replace("pg-password-1", "pg-password-2").replace("drawn-1", "drawn-2"), after, "{target}");
            assert!(after.contains("pg-password-2") && after.contains("drawn-2"), "{after}");
        }
    }
}

#[test]
fn what_a_new_subscription_and_a_second_person_need_is_there() {
    let body = "    secret drawn";
    let terraform = template(body, TERRAFORM);
    let registered = &terraform["provider"]["azurerm"]["resource_providers_to_register"];
    assert_eq!(registered, &json!(["Microsoft.App", "Microsoft.Communication"]));
    let writer = of(&terraform, "azurerm_role_assignment", "vault_writer");
    assert_eq!(writer["principal_id"], "${coalesce(var.deployers, data.azurerm_client_config.deployer.object_id)}");
    // What was destroyed keeps its name for a while.
    let vault = template(body, ARM)["resources"]["vault"]["name"].clone();
    assert!(vault.as_str().unwrap().contains("string(parameters('vault_life'))"), "{vault}");
}

#[test]
fn a_domain_that_was_joined_stays_joined() {
    let body = "
    network main
    dns-zone site domain=\"shop.example\"
    email mail domain=\"shop.example\" zone=site
    service web network=main {
        image \"a:1\"
        connect mail
    }";
    let sender = template(body, ARM)["resources"]["mail_sender"].clone();
    let domains = sender["properties"]["linkedDomains"].as_str().unwrap();
    assert!(domains.starts_with("[take(createArray(resourceId(") && domains.ends_with("parameters('mail_verified'))]"), "{domains}");
    assert!(sender["name"].as_str().unwrap().contains("uniqueString"), "the name is one of all of Azure");
    let terraform = template(body, TERRAFORM);
    assert_eq!(of(&terraform, "azurerm_role_assignment", "mail_send")["principal_id"], "${var.mail_principal}");
    assert!(of(&terraform, "azurerm_container_app", "web").to_string().contains("|${var.mail_application}|"));
}

#[test]
fn what_expires_has_a_name_of_its_own() {
    let body = "    bucket media {\n        expire days=7\n        expire \"tmp/\" days=3\n        expire \"tmp-\" days=4\n    }";
    let rules = of(&template(body, TERRAFORM), "azurerm_storage_management_policy", "media_life")["rule"].clone();
    let mut names: Vec<String> = rules.as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect();
    let arm = template(body, ARM);
    let others = of(&arm, "Microsoft.Storage/storageAccounts/managementPolicies", "media_life")["properties"]["policy"]["rules"].clone();
    assert_eq!(names, others.as_array().unwrap().iter().map(|rule| rule["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>());
    names.sort();
    names.dedup();
    assert!(names.len() == 3 && names.iter().all(|name| name.len() > 1), "{names:?}");
}

#[test]
fn gateways_of_a_network_have_addresses_of_their_own() {
    let gateways: Vec<String> =
        (0..12).map(|number| format!("    load-balancer in{number} network=main internal=#true {{\n        listen 80\n    }}")).collect();
    let body = format!("    network main\n{}", gateways.join("\n"));
    for (target, key) in [(TERRAFORM, "private_ip_address\": \"$"), (ARM, "privateIPAddress\": \"")] {
        let text = serde_json::to_string_pretty(&template(&body, target)).unwrap();
        let mut addresses: Vec<&str> = text.lines().filter(|line| line.contains(key)).collect();
        addresses.sort_unstable();
        addresses.dedup();
        assert_eq!(addresses.len(), 12, "{target}: {addresses:?}");
    }
}

#[test]
fn the_host_that_was_asked_for_goes_with_the_request() {
    let body = "
    network main
    load-balancer public network=main {
        listen 80
    }
    service web network=main {
        image \"a:1\"
        port 80
        route public path=\"/\"
        route public path=\"/*\" host=\"a.example\"
    }";
    for target in BOTH {
        let text = template(body, target).to_string();
        assert!(text.contains("X-Forwarded-Host") && text.contains("{var_host}"), "{target}");
        let used = if target == ARM { "\"rewriteRuleSet\":" } else { "\"rewrite_rule_set_name\":\"host\"" };
        assert_eq!(text.matches(used).count(), 3, "{target}");
        let said = built(body, target).1.join("\n");
        assert!(said.contains("WordPress"), "{target}: {said}");
    }
}

/// What both targets of the cloud make of a value at the edge of what a type takes: the same, or for a reason.
#[test]
fn both_targets_have_the_same_limits() {
    let service = |text: &str| {
        format!(
            "    network main\n    load-balancer lb network=main {{\n        listen 80\n    }}\n    service web network=main {{\n        image \"a:1\"\n        port 80\n        {text}\n    }}"
        )
    };
    let database =
        |engine: &str, version: &str, text: &str| format!("    network main\n    database data network=main engine={engine} version=\"{version}\" {text}");
    let record = |text: &str| format!("    dns-zone site domain=\"a.example\"\n    dns-record one zone=site {text}");
    let balancer = |text: &str| format!("    network main\n    load-balancer lb network=main {{\n        {text}\n    }}");
    let bucket = |text: &str| format!("    bucket media versioned=#true {{\n        {text}\n    }}");
    let origins = |count: usize| (0..count).map(|number| format!("cors \"https://{number}.example\"")).collect::<Vec<_>>().join("; ");
    let mut tried: Vec<String> = Vec::new();
    for (engine, version) in [("postgres", "14"), ("postgres", "18"), ("mysql", "8.0"), ("mysql", "8.4")] {
        for value in [20, 21, 16384, 16385, 32767, 32768, 65536] {
            tried.push(database(engine, version, &format!("storage={value}")));
        }
        for value in [1, 6, 7, 35] {
            tried.push(database(engine, version, &format!("backup-days={value}")));
        }
        for word in ["admin", "azure_pg_admin", "pg_x", "root", "mysql", "x", &"x".repeat(32), &"x".repeat(33), &"x".repeat(63), &"x".repeat(64)] {
            tried.push(database(engine, version, &format!("user=\"{word}\"")));
            tried.push(database(engine, version, &format!("name=\"{word}\"")));
        }
    }
    for text in ["replicas 0", "replicas 100", "autoscale 0 max=1", "autoscale 1 max=300", "drain 0", "drain 120", "cpu 0.3", "cpu 4", "cpu 4.1", "memory 8192"]
    {
        tried.push(service(text));
    }
    for text in
        ["health-interval=5", "health-interval=240", "health-interval=241", "health-interval=300", "path=\"/a*b\"", "path=\"/a\"", "health-codes=\"200-499\""]
    {
        tried.push(service(&format!("route lb {text}")));
    }
    for text in ["listen 1", "listen 64999", "listen 65000", "listen 65535", "listen 80; idle-timeout 1", "listen 80; idle-timeout 4000"] {
        tried.push(balancer(text));
    }
    for text in ["expire days=1", "expire \"a\" days=36500", "keep-versions-days 36500", "cors \"*\" { methods CONNECT }", "cors \"*\" { methods PATCH }"] {
        tried.push(bucket(text));
    }
    tried.extend([bucket(&origins(5)), bucket(&origins(6)), bucket(&format!("expire \"{}\" days=1", "x".repeat(300)))]);
    for kind in [
        "CAA { values \"255 issue \\\"a\\\"\"; }",
        "CAA { values \"256 issue \\\"a\\\"\"; }",
        "CAA { values \"0 issuemail \\\"a\\\"\"; }",
        "MX { values \"65535 a.example.\"; }",
    ] {
        tried.push(record(&format!("kind={kind}")));
    }
    for length in [255, 256, 1024, 4096, 4400] {
        tried.push(record(&format!("kind=TXT {{ values \"{}\"; }}", "x".repeat(length))));
    }
    for name in ["a", "x-1", &"x".repeat(63)] {
        for ty in ["network", "bucket", "registry", "secret"] {
            tried.push(format!("    {ty} {name}"));
        }
    }
    let mut differ = Vec::new();
    let mut refused = 0;
    for body in &tried {
        let of: Vec<bool> = BOTH.iter().map(|target| built(body, target).0.is_some()).collect();
        refused += usize::from(!of[0]);
        if of[0] != of[1] {
            differ.push(format!("{TERRAFORM} {} {ARM} {}: {body}", of[0], of[1]));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
    assert!(tried.len() > 130 && refused > 20 && refused < tried.len() / 2, "{refused} of {} were refused", tried.len());
    // The provider of Terraform takes fewer copies than Azure does.
    let many = service("autoscale 1 max=301");
    assert!(built(&many, TERRAFORM).0.is_none() && built(&many, ARM).0.is_some());
}

const SHIP: &str = "
    param connection
    network main
    registry images
    service web network=main { image (fmt)\"{images.url}:live\" }
    pipeline ship registry=images service=web { source \"acme/shop\" connection=(get)connection }";

#[test]
fn a_pipeline_is_one_of_azure_devops_and_comes_as_an_identity_without_a_key() {
    let shop = template(SHIP, TERRAFORM);
    let definition = of(&shop, "azuredevops_build_definition", "ship");
    assert_eq!(definition["repository"][0]["yml_path"], "${var.ship_steps}");
    assert_eq!(definition["ci_trigger"][0]["override"][0]["branch_filter"][0]["include"], json!(["main"]));
    let connection = of(&shop, "azuredevops_serviceendpoint_azurerm", "ship_azure");
    assert_eq!(connection["service_endpoint_name"], "shop-ship", "the steps name it");
    assert_eq!(connection["credentials"], json!([{ "serviceprincipalid": "${azurerm_user_assigned_identity.ship_identity.client_id}" }]));
    let trust = of(&shop, "azurerm_federated_identity_credential", "ship_trust");
    assert_eq!(trust["subject"], "${azuredevops_serviceendpoint_azurerm.ship_azure.workload_identity_federation_subject}");
    assert!(trust["resource_group_name"].is_null(), "the provider calls it deprecated");
    let allowed = shop["resource"]["azuredevops_pipeline_authorization"].as_object().unwrap();
    assert_eq!(allowed.len(), 3, "its code, its connection to Azure, its agents");
    assert!(allowed.values().all(|one| one["pipeline_id"] == "${azuredevops_build_definition.ship.id}"));
    assert!(built(SHIP, ARM).0.is_none(), "a template makes nothing beside Azure");
}

#[test]
fn who_has_no_pipeline_needs_no_azure_devops() {
    let plain = template("    network main", TERRAFORM);
    assert_eq!(plain["provider"].as_object().unwrap().keys().collect::<Vec<_>>(), ["azurerm"]);
    assert_eq!(plain["terraform"]["required_providers"].as_object().unwrap().len(), 1);
}

#[test]
fn a_right_is_named_by_the_secret_and_not_by_who_reads_it() {
    let body = |variable: &str| {
        format!("    network main\n    secret key\n    service web network=main {{\n        image \"nginx:1\"\n        connect key prefix={variable}\n    }}")
    };
    for target in BOTH {
        let names = |variable: &str| {
            let built = template(&body(variable), target);
            let all = if target == ARM { &built["resources"] } else { &built["resource"]["azurerm_role_assignment"] };
            let rights: Vec<String> = all.as_object().unwrap().keys().filter(|name| name.contains("read")).cloned().collect();
            assert_eq!(rights.len(), 1, "{target}: {rights:?}");
            rights
        };
        assert_eq!(names("TOKEN"), names("PASSPHRASE"), "{target}: the same right would be taken back and given at once");
    }
}

#[test]
fn a_long_host_is_shortened_in_what_a_gateway_has_names_for() {
    let host = format!("{}.{}.shop.example", "a".repeat(50), "b".repeat(50));
    let body = format!(
        "    network main\n    load-balancer public network=main {{ listen 80 }}\n    service web network=main {{\n        image \"nginx:1\"\n        port 80\n        route public host=\"{host}\"\n    }}"
    );
    for target in BOTH {
        let text = template(&body, target);
        assert!(text.to_string().contains(&host), "{target}");
    }
}
