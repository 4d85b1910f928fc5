//! Terraform's own core takes the templates of targets whose provider is in no package registry: it is given a provider that
//! serves the schema and invents what a cloud would answer. What the core itself finds is all that this can show: arguments, types,
//! numbers of blocks, references, circles, and values that are known only after an apply.

use crate::engines::{SchemaProvider, Terraform, both, cloud_init, python, say, terraform_core};
use crate::independent::schema;
use crate::product::{root, variants};
use crate::terraform::{blocks, names, override_resources, validate, variables};
use serde_json::{Value, from_str, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A target, what its facts files are, and an argument that a resource type does not have.
struct Judged {
    target: &'static str,
    /// Facts files, each with the arguments of its provider's own block.
    facts: &'static [&'static str],
    /// Names of the independent schemas, where they are at hand.
    independent: &'static [&'static str],
    /// Facts files of what no independent schema has.
    beside: &'static [&'static str],
    /// Whether its templates start servers, whose user data is judged too.
    servers: bool,
    /// A resource type in which a made-up argument must be refused.
    known: &'static str,
}

const OPENSTACK: Judged = Judged {
    target: "tf-openstack",
    facts: &["specs/providers/terraform-openstack.facts"],
    independent: &["openstack"],
    beside: &[],
    servers: true,
    known: "openstack_networking_network_v2",
};

const AZURE: Judged = Judged {
    target: "tf-azure",
    facts: &[
        "specs/providers/terraform-azurerm.facts,features:block,storage_use_azuread:bool,resource_providers_to_register:strings",
        "specs/providers/terraform-azurerm-ephemeral.facts",
        "specs/providers/terraform-azuredevops.facts",
        "specs/providers/terraform-random.facts",
        "specs/providers/terraform-time.facts",
    ],
    independent: &["azurerm", "azuredevops"],
    beside: &["specs/providers/terraform-azurerm-ephemeral.facts", "specs/providers/terraform-random.facts", "specs/providers/terraform-time.facts"],
    servers: false,
    known: "azurerm_virtual_network",
};

/// No schema of it from elsewhere is known, so the facts alone judge it.
const GOOGLE: Judged = Judged {
    target: "tf-google",
    facts: &["specs/providers/terraform-google.facts,project,region", "specs/providers/terraform-time.facts"],
    independent: &[],
    beside: &[],
    servers: false,
    known: "google_compute_network",
};

#[test]
fn google_is_applied_planned_again_and_destroyed() {
    whole_life(&GOOGLE);
}

#[test]
fn openstack_is_applied_planned_again_and_destroyed() {
    whole_life(&OPENSTACK);
}

#[test]
fn azure_is_applied_planned_again_and_destroyed() {
    whole_life(&AZURE);
}

fn whole_life(judged: &Judged) {
    let (Some(python), Some(terraform)) = (python(), terraform_core()) else { return };
    let facts: Vec<String> = judged.facts.iter().map(|name| of_the_project(name)).collect();
    live(judged, "facts", &terraform, &SchemaProvider::start(&python, &facts, &terraform.folder("facts")));
    if judged.independent.is_empty() {
        return say(&format!("skipped: there is no schema from elsewhere to try {} with", judged.target));
    }
    let unpacked = terraform.folder("independent");
    match independent(judged, &unpacked) {
        Some(schemas) => live(judged, "independent schema", &terraform, &SchemaProvider::start(&python, &schemas, &unpacked)),
        None => say(&format!("skipped: {} was not tried with a schema from elsewhere (name a folder of them in STACKC_SCHEMAS)", judged.target)),
    }
}

fn of_the_project(file: &str) -> String {
    root().join(file).to_str().expect("a path as text").to_owned()
}

/// The independent schemas, unpacked, and what stands beside them.
fn independent(judged: &Judged, folder: &Path) -> Option<Vec<String>> {
    let schemas: Option<Vec<String>> = judged.independent.iter().map(|name| Some(schema(name, folder)?.to_str()?.to_owned())).collect();
    schemas.map(|schemas| schemas.into_iter().chain(judged.beside.iter().map(|file| of_the_project(file))).collect())
}

/// What the servers of a state are started with, as the cloud would hand it to them.
fn user_data(state: &Value, found: &mut Vec<String>) {
    match state {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str().filter(|text| name == "user_data" && !text.is_empty()) {
                    Some(text) => found.push(text.to_owned()),
                    None => user_data(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| user_data(item, found)),
        _ => {}
    }
}

/// What cloud-init has against user data.
pub fn cloud_init_objects(texts: &[String], folder: &Path) -> Option<Vec<String>> {
    let (python, environment) = cloud_init()?;
    let broken = "#cloud-config\nruncmd: 5\n".to_owned();
    let files: Vec<PathBuf> = texts
        .iter()
        .chain([&broken])
        .enumerate()
        .map(|(index, text)| {
            let file = folder.join(format!("{index}.yaml"));
            fs::write(&file, text).unwrap();
            file
        })
        .collect();
    let script = root().join("tests/engines/cloud_init.py");
    let output = Command::new(python).arg(script).args(&files).envs(environment).output().unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let said: Vec<String> = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let (of_broken, said): (Vec<String>, Vec<String>) = said.into_iter().partition(|line| line.starts_with(&files[texts.len()].display().to_string()));
    assert!(!of_broken.is_empty(), "cloud-init let a fault pass");
    Some(said)
}

/// Every example and stage: validated, applied, planned again without a change, destroyed.
fn live(judged: &Judged, with: &str, terraform: &Terraform, provider: &SchemaProvider) {
    let out = TempDir::new().unwrap();
    let mut pins = Value::Null;
    let mut faults = Vec::new();
    let mut data: Vec<String> = Vec::new();
    for variant in variants() {
        if !variant.is_for(judged.target) {
            continue;
        }
        let built = variant.build(judged.target, &[], &out.path().join(with).join(&variant.name));
        let template: Value = from_str(&fs::read_to_string(built.join("main.tf.json")).unwrap()).unwrap();
        pins = template["terraform"].clone();
        let folder = terraform.folder(&format!("{with} {}", variant.name));
        fs::copy(built.join("main.tf.json"), folder.join("main.tf.json")).unwrap();
        let mut environment = provider.environment();
        environment.extend(variables(&template));
        let step = |arguments: &[&str]| {
            let output = terraform.run(&folder, arguments, &environment);
            if output.status.success() { Ok(String::from_utf8_lossy(&output.stdout).into_owned()) } else { Err(both(&output)) }
        };
        let mut life = || -> Result<(), String> {
            step(&["init", "-no-color"])?;
            let found = validate(terraform, &folder, &environment);
            if !found.is_empty() {
                return Err(found.join("\n"));
            }
            step(&["apply", "-no-color", "-auto-approve"])?;
            step(&["plan", "-no-color", "-detailed-exitcode"]).map_err(|why| format!("the second plan is not empty: {why}"))?;
            user_data(&from_str(&step(&["show", "-json"])?).map_err(|error| error.to_string())?, &mut data);
            let outputs: Value = from_str(&step(&["output", "-json"])?).map_err(|error| error.to_string())?;
            if let Some(name) = names(&template["output"]).into_iter().find(|name| outputs[*name]["value"].is_null()) {
                return Err(format!("the output {name} has no value"));
            }
            let (lifted, kept) = override_resources(&template, |resource| {
                let kept = blocks(&resource["lifecycle"]).iter().any(|lifecycle| lifecycle["prevent_destroy"] == true);
                kept.then(|| json!({ "lifecycle": { "prevent_destroy": false } }))
            });
            if !kept.is_empty() {
                if step(&["destroy", "-no-color", "-auto-approve"]).is_ok() {
                    return Err(format!("{} went in spite of prevent_destroy", kept.join(", ")));
                }
                fs::write(folder.join("zz_lifecycle_override.tf.json"), lifted.to_string()).map_err(|error| error.to_string())?;
            }
            step(&["destroy", "-no-color", "-auto-approve"])?;
            Ok(())
        };
        if let Err(why) = life() {
            faults.push(format!("{} with the {with}: {why}", variant.name));
        }
    }
    assert!(!pins.is_null(), "no example is for {}", judged.target);
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert_eq!(judged.servers, !data.is_empty(), "servers are started with user data");
    if judged.servers {
        let said = cloud_init_objects(&data, &terraform.folder(&format!("{with} user data"))).unwrap_or_default();
        assert!(said.is_empty(), "cloud-init objects:\n{}", said.join("\n"));
    }

    // The engine itself has to bite.
    let folder = terraform.folder(&format!("{with} broken"));
    let broken = json!({ "terraform": pins, "resource": { judged.known: { "broken": { "no_such_argument": 1 } } } });
    fs::write(folder.join("main.tf.json"), broken.to_string()).unwrap();
    terraform.expect(&folder, &["init", "-no-color"], &provider.environment());
    let found = validate(terraform, &folder, &provider.environment()).join("\n");
    assert!(found.contains("no_such_argument"), "a fault passed: {found}");
}
