//! The example `botolphs`, whole, on clouds whose provider is not at hand: with Terraform's real core, and a provider that has the real one's schema, the facts'
//! word for what a change replaces, and no cloud. What a cloud would do by itself, it is told.

use crate::engines::{self, SchemaProvider};
use crate::product::root;
use crate::run::{Run, SECRET};
use serde_json::{Value, json};
use std::fs;
use tempfile::TempDir;

/// A cloud, and what of the example is tried on it.
struct Cloud {
    target: &'static str,
    /// Facts files, each with the arguments of its provider's own block.
    facts: &'static [&'static str],
    /// Parameters that only this cloud has; a value that is none is the secret.
    params: &'static [(&'static str, Option<&'static str>)],
    /// The type and an argument of what the service is made of, and what tells it from others of its type.
    service: (&'static str, &'static [&'static str], Value),
    /// What holds the database.
    database: &'static str,
    /// A type of which one is there, an argument that somebody changes, and its value then.
    changed: (&'static str, &'static str, Value),
    /// A change of the database that makes another of it.
    replaced: (&'static str, &'static str),
    /// Whether a new image is seen in the plan.
    image: &'static str,
    /// What holds data.
    data: &'static [&'static str],
}

fn azure() -> Cloud {
    Cloud {
        target: "tf-azure",
        facts: &[
            "terraform-azurerm.facts,features:block,storage_use_azuread:bool,resource_providers_to_register:strings",
            "terraform-azurerm-ephemeral.facts",
            "terraform-azuredevops.facts",
            "terraform-random.facts",
            "terraform-time.facts",
        ],
        params: &[
            ("SITE_TLS_VAULT", Some("acme-vault")),
            ("SITE_TLS_NAME", Some("site")),
            ("SHIP_PROJECT", Some("shop")),
            ("MAIL_APPLICATION", Some("app-1")),
            ("MAIL_PRINCIPAL", Some("principal-1")),
        ],
        service: ("azurerm_container_app", &["template", "container", "image"], json!({})),
        database: "azurerm_postgresql_flexible_server",
        changed: ("azurerm_postgresql_flexible_server", "backup_retention_days", json!(1)),
        replaced: ("version=\"16\"", "version=\"15\""),
        image: "template.0.container.0.image: asanami/botolphs:1.2 → asanami/botolphs:1.3",
        data: &["admin-password", "app-secret", "data", "images", "media", "s3-access-key", "s3-access-secret", "site"],
    }
}

fn google() -> Cloud {
    Cloud {
        target: "tf-google",
        facts: &["terraform-google.facts,project,region", "terraform-time.facts"],
        params: &[("PROJECT", Some("acme")), ("MAIL_SMTP_HOST", Some("smtp.example")), ("DATA_PASSWORD", None)],
        service: ("google_cloud_run_v2_service", &["template", "containers", "image"], json!({})),
        database: "google_sql_database_instance",
        changed: ("google_sql_database_instance", "database_version", json!("POSTGRES_17")),
        replaced: ("name botolphsdata", "name botolphs"),
        image: "template.0.containers.0.image: asanami/botolphs:1.2 → asanami/botolphs:1.3",
        data: &["admin-password", "app-secret", "data", "images", "media", "s3-access-key", "s3-access-secret", "site"],
    }
}

fn openstack() -> Cloud {
    Cloud {
        target: "tf-openstack",
        facts: &["terraform-openstack.facts"],
        params: &[
            ("MAIL_SMTP_HOST", Some("smtp.example")),
            ("OBJECT_STORE", Some("https://objects.example")),
            ("SITE_TLS_CONTAINER", Some("https://keys.example/v1/containers/1")),
            ("IMAGES_URL", Some("registry.example/acme")),
        ],
        service: ("openstack_compute_instance_v2", &["flavor_name"], json!({ "name": "botolphs-web-a" })),
        database: "openstack_db_instance_v1",
        changed: ("openstack_networking_router_v2", "name", json!("other")),
        replaced: ("storage 20", "storage 40"),
        image: "user_data: (secret) → (secret)  forces a replacement",
        data: &["admin-password", "app-secret", "data", "media", "s3-access-key", "s3-access-secret", "site"],
    }
}

/// The example with its provider, to which is told what its cloud does by itself.
struct Botolphs {
    run: Run,
    _provider: SchemaProvider,
    _terraform: engines::Terraform,
    _folder: TempDir,
    told: std::path::PathBuf,
}

impl Botolphs {
    fn start(cloud: &Cloud) -> Option<Botolphs> {
        let (python, terraform) = (engines::python()?, engines::terraform_core()?);
        let folder = TempDir::new().unwrap();
        let (told, rules) = (folder.path().join("told.json"), folder.path().join("rules.json"));
        // The provider's page says of user_data: "Changing this creates a new server". The facts have such flags only for what holds data.
        fs::write(&rules, json!({ "openstack_compute_instance_v2": { "user_data": { "replace": true } } }).to_string()).unwrap();
        let path = |path: &std::path::Path| path.to_str().unwrap().to_owned();
        let mut arguments = vec!["--rules".to_owned(), path(&rules), "--told".to_owned(), path(&told)];
        arguments.extend(cloud.facts.iter().map(|name| path(&root().join("specs/providers").join(name))));
        let provider = SchemaProvider::start(&python, &arguments, &terraform.folder("provider"));
        let mut environment = provider.environment();
        environment.push(("TF_CLI_CONFIG_FILE".to_owned(), path(&terraform.configuration())));
        let common = [
            ("S3_ACCESS_KEY", None),
            ("S3_ACCESS_SECRET", None),
            ("SOURCE_CONNECTION", Some("arn:none")),
            ("MAIL_SMTP_USER", Some("shop")),
            ("MAIL_SMTP_PASSWORD", None),
        ];
        let params = common.iter().chain(cloud.params).map(|(name, value)| (format!("STACKC_PARAM_{name}"), value.unwrap_or(SECRET).to_owned()));
        environment.extend(params);
        let stack = fs::read_to_string(root().join("examples/botolphs/stack.kdl")).unwrap();
        let run = Run::new(&stack, cloud.target, environment);
        Some(Botolphs { run, _provider: provider, _terraform: terraform, _folder: folder, told })
    }

    /// From now on, the cloud does this by itself.
    fn tell(&self, what: &str, told: &Value) {
        self.run.note(what);
        fs::write(&self.told, told.to_string()).unwrap();
    }

    fn tell_nothing(&self) {
        fs::remove_file(&self.told).unwrap();
    }
}

fn a_whole_life(cloud: &Cloud) {
    let Some(stack) = Botolphs::start(cloud) else { return };
    let run = &stack.run;
    let allowed = |names: &[&'static str]| names.iter().flat_map(|name| ["--allow-replace", *name]).collect::<Vec<_>>();

    // The first deploy is refused at the database, which is there all the same.
    stack.tell("the cloud gives up while it makes the database", &json!({ "fail": [{ "type": cloud.database, "text": "Out of capacity", "half": true }] }));
    run.ends(&["plan", "--detailed-exitcode"], 4);
    let refused = run.quietly(&["deploy", "--yes"], 3);
    assert!(refused.stderr.contains("the cloud refuses `database data`: Out of capacity"), "{}", refused.stderr);
    assert!(refused.stderr.contains("database data network=main engine=postgres"), "{}", refused.stderr);
    stack.tell_nothing();
    let status = run.quietly(&["status"], 0);
    assert!(status.stdout.lines().any(|line| line.contains("half made") && line.contains("database data")), "{}", status.stdout);
    run.ends(&["deploy", "--yes"], 1);
    run.ok(&["deploy", "--yes", "--allow-replace", "data"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    let status = run.quietly(&["status"], 0);
    assert!(status.stdout.contains(": deployed") && !status.stdout.contains("half made"), "{}", status.stdout);
    run.ok(&["outputs"]);
    run.ok(&["drift", "--detailed-exitcode"]);

    let (ty, path, which) = &cloud.service;
    let path: Vec<Value> =
        path.iter().enumerate().flat_map(|(index, part)| if index + 1 < path.len() { vec![json!(part), json!(0)] } else { vec![json!(part)] }).collect();
    stack.tell("the cloud refuses the new image", &json!({ "fail": [{ "type": ty, "where": which, "path": path, "text": "it cannot be started" }] }));
    let update = ["deploy", "--yes", "--set", "app-image=asanami/botolphs:1.3"];
    let refused = run.ends(&update, 3);
    assert!(refused.stderr.contains(cloud.image), "{}", refused.stderr);
    stack.tell_nothing();
    // What Terraform could not remove, it no longer marks as secret in its state.
    run.quietly(&["plan", "--format", "json", "--set", "app-image=asanami/botolphs:1.3"], 0);
    run.ok(&update);
    run.edit("asanami/botolphs:1.2", "asanami/botolphs:1.3");
    run.ok(&["plan", "--detailed-exitcode"]);

    let (ty, argument, value) = &cloud.changed;
    stack.tell("somebody changes something", &json!({ "read": [{ "type": ty, "attributes": { *argument: value } }] }));
    run.ends(&["drift", "--detailed-exitcode"], 4);
    run.ok(&["deploy", "--yes"]);
    stack.tell_nothing();
    run.ok(&["drift", "--detailed-exitcode"]);

    run.edit(cloud.replaced.0, cloud.replaced.1);
    run.ends(&["deploy", "--yes"], 1);
    run.edit(cloud.replaced.1, cloud.replaced.0);
    run.edit_all("botolphs.example", "botolphs.test");
    run.ends(&["deploy", "--yes"], 1);
    run.edit_all("botolphs.test", "botolphs.example");
    run.ok(&["plan", "--detailed-exitcode"]);

    run.ends(&["destroy", "--yes"], 1);
    run.edit("        protect\n", "");
    run.ok(&["deploy", "--yes"]);
    run.ends(&["destroy", "--yes"], 2);
    let destroy = [vec!["destroy", "--yes"], allowed(cloud.data)].concat();
    stack.tell("the database is in use", &json!({ "fail": [{ "type": cloud.database, "text": "it is in use" }] }));
    run.ends(&destroy, 3);
    stack.tell_nothing();
    run.ok(&destroy);
    run.ok(&["destroy", "--yes"]);
    run.snapshot_of(&format!("terraform-botolphs-{}", cloud.target), false);
}

#[test]
fn botolphs_lives_on_azure() {
    a_whole_life(&azure());
}

#[test]
fn botolphs_lives_on_google() {
    a_whole_life(&google());
}

#[test]
fn botolphs_lives_on_openstack() {
    a_whole_life(&openstack());
}
