//! Terraform takes every template that stackc writes, and an example lives a whole life on moto.

use crate::engines::{Moto, Terraform, both, python, say, terraform};
use crate::product::variants;
use serde_json::{Map, Value, from_str, json};
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// The arguments by which the cloud itself protects a resource. They are taken away from the start, since to do so later
/// makes the provider wait for minutes; Terraform's own `prevent_destroy` stays until it has refused.
const PROTECTION: [&str; 2] = ["deletion_protection", "enable_deletion_protection"];

/// Most of the time goes into the provider's waits, which cost nothing when they are waited side by side.
const SIDE_BY_SIDE: &str = "-parallelism=40";

/// No variable is needed where nothing is evaluated.
const NO_VARIABLES: &[(String, String)] = &[];

#[test]
fn every_example_is_valid_terraform() {
    let Some(terraform) = terraform() else { return };
    let out = TempDir::new().unwrap();
    let folder = terraform.folder("validate");
    let mut installed = Value::Null;
    let mut faults = Vec::new();
    for variant in variants() {
        let built = variant.build("tf-aws", &[], &out.path().join(&variant.name));
        let text = fs::read_to_string(built.join("main.tf.json")).unwrap();
        let template: Value = from_str(&text).unwrap();
        fs::write(folder.join("main.tf.json"), &text).unwrap();
        // The folder is initialised once for all templates that ask for the same providers.
        if installed != template["terraform"] {
            terraform.expect(&folder, &["init", "-no-color"], NO_VARIABLES);
            installed = template["terraform"].clone();
        }
        faults.extend(validate(&terraform, &folder, NO_VARIABLES).into_iter().map(|fault| format!("{}: {fault}", variant.name)));
    }
    assert!(faults.is_empty(), "terraform validate objects:\n{}", faults.join("\n"));

    // The engine itself has to bite: an argument that does not exist must not pass.
    let broken = json!({ "resource": { "aws_s3_bucket": { "broken": { "no_such_argument": 1 } } } });
    fs::write(folder.join("main.tf.json"), broken.to_string()).unwrap();
    let faults = validate(&terraform, &folder, NO_VARIABLES).join("\n");
    assert!(faults.contains("no_such_argument"), "terraform validate let a fault pass; it said: {faults}");
}

/// The errors and warnings that `terraform validate` has for the template in an initialised folder.
pub fn validate(terraform: &Terraform, folder: &Path, environment: &[(String, String)]) -> Vec<String> {
    let output = terraform.run(folder, &["validate", "-json"], environment);
    let answer: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("terraform validate did not answer with JSON ({error}):\n{}", both(&output)));
    let diagnostics = answer["diagnostics"].as_array().expect("a list of diagnostics");
    assert_eq!(answer["valid"] == true, output.status.success(), "{answer:#}");
    diagnostics
        .iter()
        .map(|diagnostic| {
            let part = |name: &str| diagnostic[name].as_str().unwrap_or_default().to_owned();
            let place = &diagnostic["snippet"]["context"];
            let line = &diagnostic["range"]["start"]["line"];
            format!("{}: {}: {} (line {line}, {place})", part("severity"), part("summary"), part("detail"))
        })
        .collect()
}

#[test]
fn botolphs_is_applied_planned_again_and_destroyed() {
    live_on_moto("botolphs");
}

/// Plans, applies, plans again and destroys an example. All but the provider's waits is over in half a minute.
fn live_on_moto(example: &str) {
    let (Some(python), Some(terraform)) = (python(), terraform()) else { return };
    let variant = variants().into_iter().find(|variant| variant.name == example).expect("the example to apply");
    let folder = terraform.folder("cycle");
    let out = TempDir::new().unwrap();
    let built = variant.build("tf-aws", &[], out.path());
    let text = fs::read_to_string(built.join("main.tf.json")).unwrap();
    let template: Value = from_str(&text).unwrap();
    fs::write(folder.join("main.tf.json"), &text).unwrap();
    fs::write(folder.join("zz_provider_override.tf.json"), one_try(&template).to_string()).unwrap();
    let (unprotected, addresses) = override_resources(&template, |resource| {
        let without: Map<String, Value> =
            PROTECTION.iter().filter(|argument| resource[**argument] == true).map(|argument| ((*argument).to_owned(), Value::Bool(false))).collect();
        (!without.is_empty()).then_some(Value::Object(without))
    });
    if !addresses.is_empty() {
        say(&format!("left out on moto: the cloud's protection of {}", addresses.join(", ")));
        fs::write(folder.join("zz_protection_override.tf.json"), unprotected.to_string()).unwrap();
    }

    let moto = Moto::start(&python, &folder);
    let mut environment = moto.environment();
    environment.extend(variables(&template));
    let run = |arguments: &[&str]| {
        let output = terraform.run(&folder, arguments, &environment);
        let what = arguments.join(" ");
        assert!(output.status.success(), "terraform {what} failed:\n{}\n{}", both(&output), moto.log());
        String::from_utf8_lossy(&output.stdout).into_owned()
    };

    run(&["init", "-no-color"]);
    run(&["plan", "-no-color", SIDE_BY_SIDE, "-out=first.plan"]);
    run(&["apply", "-no-color", SIDE_BY_SIDE, "first.plan"]);

    let again = terraform.run(&folder, &["plan", "-no-color", SIDE_BY_SIDE, "-detailed-exitcode"], &environment);
    assert_eq!(again.status.code(), Some(0), "the second plan is not empty:\n{}\n{}", both(&again), moto.log());

    let outputs: Value = from_str(&run(&["output", "-json"])).unwrap();
    for name in names(&template["output"]) {
        assert!(!outputs[name]["value"].is_null(), "the output {name} has no value");
    }

    let (lifted, kept) = override_resources(&template, |resource| {
        let kept = blocks(&resource["lifecycle"]).iter().any(|lifecycle| lifecycle["prevent_destroy"] == true);
        kept.then(|| json!({ "lifecycle": { "prevent_destroy": false } }))
    });
    if !kept.is_empty() {
        let refused = terraform.run(&folder, &["destroy", "-no-color", "-auto-approve"], &environment);
        assert!(!refused.status.success(), "{} was destroyed in spite of prevent_destroy", kept.join(", "));
        assert!(both(&refused).contains("prevent_destroy"), "destroy failed otherwise:\n{}", both(&refused));
        say(&format!("left out for destroy: prevent_destroy of {}", kept.join(", ")));
        fs::write(folder.join("zz_lifecycle_override.tf.json"), lifted.to_string()).unwrap();
    }
    run(&["destroy", "-no-color", "-auto-approve", SIDE_BY_SIDE]);
    let left: Value = from_str(&run(&["show", "-json"])).unwrap();
    assert!(left["values"]["root_module"]["resources"].is_null(), "destroy left something behind: {left:#}");
}

/// An override by which every provider tries a request once: what moto lacks it answers with a server error, and the
/// provider would repeat that for ten minutes before it tells.
pub fn one_try(template: &Value) -> Value {
    let mut providers = Map::new();
    for name in names(&template["provider"]) {
        let once = blocks(&template["provider"][name])
            .into_iter()
            .map(|block| match &block["alias"] {
                Value::Null => json!({ "max_retries": 1 }),
                alias => json!({ "alias": alias, "max_retries": 1 }),
            })
            .collect();
        providers.insert(name.to_owned(), Value::Array(once));
    }
    json!({ "provider": providers })
}

/// A value for every variable that has none, as the environment variable that Terraform reads it from.
pub fn variables(template: &Value) -> Vec<(String, String)> {
    let mut values = Vec::new();
    for name in names(&template["variable"]) {
        let variable = blocks(&template["variable"][name])[0];
        if variable.get("default").is_none() {
            let value = match variable["type"].as_str() {
                Some("number") => "1",
                Some("bool") => "true",
                Some(list) if list.starts_with("list") || list.starts_with("set") => "[]",
                Some(map) if map.starts_with("map") => "{}",
                // The connection to a repository's host goes into a policy, which takes ARNs only.
                _ if name.contains("connection") => "arn:aws:codeconnections:us-east-1:123456789012:connection/00000000-0000-4000-8000-000000000000",
                _ => "made-up-for-the-test",
            };
            values.push((format!("TF_VAR_{name}"), value.to_owned()));
        }
    }
    values
}

/// An override of those resources for which there is something to change, and their addresses.
pub fn override_resources(template: &Value, change: impl Fn(&Value) -> Option<Value>) -> (Value, Vec<String>) {
    let mut overrides = json!({ "resource": {} });
    let mut addresses = Vec::new();
    for kind in names(&template["resource"]) {
        for name in names(&template["resource"][kind]) {
            if let Some(changed) = change(blocks(&template["resource"][kind][name])[0]) {
                overrides["resource"][kind][name] = changed;
                addresses.push(format!("{kind}.{name}"));
            }
        }
    }
    (overrides, addresses)
}

/// The names in a section of the template, which may be missing.
pub fn names(section: &Value) -> Vec<&str> {
    section.as_object().map(|section| section.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The blocks of one kind: Terraform takes a single one with and without a list around it.
pub fn blocks(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(blocks) => blocks.iter().collect(),
        block => vec![block],
    }
}
