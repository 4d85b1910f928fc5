//! Templates of Azure Resource Manager, judged by a checker of the tests' own: by our facts, and by the types of the Bicep compiler where those are
//! at hand. No compiler and no emulator of Azure's can be had from a package registry.

use crate::engines::{both, python, say};
use crate::product::{root, variants};
use serde_json::{Value, json};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const FACTS: &str = "specs/providers/arm.facts";

/// What the checker answers, with options between the facts and the templates.
pub fn check(python: &Path, options: &[&str], templates: &[PathBuf]) -> Value {
    let output = Command::new(python).arg(root().join("tests/engines/arm_check.py")).arg(root().join(FACTS)).args(options).args(templates).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("the checker did not answer with JSON ({error}):\n{}", both(&output)))
}

/// The Bicep compiler's types, unpacked into a folder.
fn types(folder: &Path) -> Option<PathBuf> {
    let packed = env::var_os("STACKC_SCHEMAS").map_or_else(|| root().join("../shared/schemas"), PathBuf::from).join("arm/bicep-types.tar.zst");
    let to = folder.join("types");
    fs::create_dir(&to).unwrap();
    let done = Command::new("tar").args(["--zstd", "-xf"]).arg(packed).arg("-C").arg(&to).output().ok()?;
    if !done.status.success() {
        say("skipped: templates of arm were not judged by the Bicep compiler's types (name a folder of them in STACKC_SCHEMAS)");
        return None;
    }
    Some(to)
}

/// Every example and stage that is for arm, built.
fn templates(out: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for (index, variant) in variants().iter().filter(|variant| variant.is_for("arm")).enumerate() {
        found.push(variant.build("arm", &[], &out.join(index.to_string())).join("template.json"));
    }
    assert!(found.len() > 6, "there is little to judge");
    found
}

fn expect_none(answer: &Value) {
    let found: Vec<String> = answer
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(file, complaints)| {
            complaints.as_array().unwrap().iter().map(move |complaint| format!("{file}: {}", complaint.as_str().unwrap_or_default()))
        })
        .collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn templates_of_arm_hold_against_our_facts() {
    let Some(python) = python() else { return };
    let out = TempDir::new().unwrap();
    expect_none(&check(&python, &[], &templates(out.path())));
}

#[test]
fn templates_of_arm_hold_against_the_types_of_bicep() {
    let Some(python) = python() else { return };
    let out = TempDir::new().unwrap();
    let Some(types) = types(out.path()) else { return };
    expect_none(&check(&python, &["--types", types.to_str().unwrap()], &templates(out.path())));
}

#[test]
fn our_facts_of_arm_differ_only_where_it_is_known_why() {
    let Some(python) = python() else { return };
    let out = TempDir::new().unwrap();
    let Some(types) = types(out.path()) else { return };
    let output = Command::new(&python)
        .arg(root().join("tests/engines/compare_arm.py"))
        .args([&root().join(FACTS), &types])
        .args(templates(out.path()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", both(&output));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let compared: usize = said.split(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0);
    assert!(compared > 20, "only {said}");
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let known = fs::read_to_string(root().join("tests/engines/differences/arm.txt")).unwrap();
    let known: Vec<&str> = known.lines().filter(|line| !line.starts_with('#')).collect();
    let new: Vec<&str> = found.lines().filter(|line| !known.contains(line)).collect();
    let gone: Vec<&&str> = known.iter().filter(|line| !found.lines().any(|other| other == **line)).collect();
    assert!(new.is_empty() && gone.is_empty(), "new differences {new:#?}, and no longer one {gone:#?}");
}

/// A template with a fault of every kind that the checker is there for.
fn broken() -> Value {
    let vnet = |name: &str, properties: Value| json!({ "type": "Microsoft.Network/virtualNetworks", "apiVersion": version(), "name": name, "location": "westeurope", "properties": properties });
    json!({
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "languageVersion": "2.0",
        "contentVersion": "1.0.0.0",
        "parameters": {
            "idle": { "type": "string" },
            "odd": { "type": "int", "defaultValue": "one" },
            "secret": { "type": "secureString", "defaultValue": "known" }
        },
        "resources": {
            "nowhere": { "type": "Microsoft.Network/nothing", "apiVersion": version(), "name": "a" },
            "old": { "type": "Microsoft.Network/natGateways", "apiVersion": "2019-01-01", "name": "a" },
            "enumeration": { "type": "Microsoft.Network/natGateways", "apiVersion": version(), "name": "a", "sku": { "name": "Standart" } },
            "unknown": vnet("a", json!({ "addressSpaces": {} })),
            "fixed": vnet("b", json!({ "resourceGuid": "x" })),
            "kind": vnet("c", json!({ "enableDdosProtection": "yes", "subnets": {} })),
            "parts": vnet("d/e", json!({})),
            "missing": { "type": "Microsoft.Storage/storageAccounts", "apiVersion": "2025-01-01", "name": "UPPER", "location": "westeurope", "sku": {} },
            "waits": { "type": "Microsoft.Network/virtualNetworks", "apiVersion": version(), "name": "f", "location": "westeurope", "dependsOn": ["nobody"] },
            "ring_a": { "type": "Microsoft.Network/routeTables", "apiVersion": version(), "name": "g", "location": "westeurope", "dependsOn": ["ring_b"] },
            "ring_b": { "type": "Microsoft.Network/routeTables", "apiVersion": version(), "name": "h", "location": "westeurope", "dependsOn": ["ring_a"] },
            "early": vnet("[reference('fixed').name]", json!({})),
            "parts_of_it": { "type": "Microsoft.Network/applicationGateways", "apiVersion": version(), "name": "gateway", "location": "westeurope", "properties": {
                "probes": [{ "name": "one" }],
                "httpListeners": [{ "name": "a", "properties": { "frontendPort": { "id": "[resourceId('Microsoft.Network/applicationGateways/probes', 'gateway', 'two')]" } } }]
            } },
            "impatient": vnet("i", json!({ "ipAllocations": [{ "id": "[resourceId('Microsoft.Network/virtualNetworks', 'b')]" }] })),
            "astray": vnet("j", json!({ "flowTimeoutInMinutes": "[reference('nobody').x]" })),
            "again": vnet("a", json!({})),
            "shown": vnet("k", json!({ "bgpCommunities": { "virtualNetworkCommunity": "[parameters('secret')]" } })),
            "undeclared": vnet("l", json!({ "bgpCommunities": { "virtualNetworkCommunity": "[parameters('none')]" } })),
            "unclosed": vnet("m", json!({ "bgpCommunities": { "virtualNetworkCommunity": "[concat('a'" , "regionalCommunity": "[concat('a']" } })),
            "function": vnet("n", json!({ "bgpCommunities": { "virtualNetworkCommunity": "[magic('a')]" } })),
            "arity": vnet("o", json!({ "bgpCommunities": { "virtualNetworkCommunity": "[split('a')]" } })),
            "braces": vnet("p", json!({ "bgpCommunities": { "virtualNetworkCommunity": "[format('{ {0}', 'a')]" } }))
        },
        "outputs": {
            "shown": { "type": "string", "value": "[parameters('secret')]" },
            "other": { "type": "int", "value": "a" }
        }
    })
}

/// The version that the facts have of network's types.
fn version() -> String {
    let facts = fs::read_to_string(root().join(FACTS)).unwrap();
    let line = facts.lines().find(|line| line.starts_with("=resource\tMicrosoft.Network/virtualNetworks\t")).unwrap();
    line.split('\t').find_map(|field| field.strip_prefix("version=")).unwrap().to_owned()
}

#[test]
fn the_checker_of_arm_is_awake() {
    let Some(python) = python() else { return };
    let out = TempDir::new().unwrap();
    let file = out.path().join("broken.json");
    fs::write(&file, broken().to_string()).unwrap();
    let by_both = [
        "idle: nothing reads it",
        "odd: its default is no int",
        "secret: a secret has no default",
        "unknown member 'addressSpaces'",
        "'resourceGuid' is read-only",
        "kind (Microsoft.Network/virtualNetworks).properties.enableDdosProtection: wants",
        "kind (Microsoft.Network/virtualNetworks).properties.subnets: wants",
        "the name 'd/e' has 2 parts",
        "'kind' is missing",
        "'Standart' is not one of",
        "dependsOn 'nobody'",
        "ring_a: needs itself",
        "early (Microsoft.Network/virtualNetworks).name: reads what is there only after",
        "there is no parameter `none`",
        "there is no function `magic`",
        "`split` does not take 1 arguments",
        "a brace that is not doubled",
        "other: is no int",
        "the secret parameter 'secret' would be shown here",
    ];
    let by_facts = ["nowhere (Microsoft.Network/nothing): there is no such type", "it is known at", "'UPPER' does not match"];
    let first = check(&python, &[], std::slice::from_ref(&file)).to_string();
    let unseen: Vec<&str> = by_both.iter().chain(&by_facts).copied().filter(|fault| !first.contains(&escaped(fault))).collect();
    assert!(unseen.is_empty(), "by facts, not seen: {unseen:#?}\n{first}");
    // A circle ends the search for what is read without waiting, so that this is looked for in what is left without it.
    let mut rest = broken();
    rest["resources"].as_object_mut().unwrap().retain(|name, _| !name.starts_with("ring"));
    fs::write(&file, rest.to_string()).unwrap();
    let found = check(&python, &[], std::slice::from_ref(&file)).to_string();
    for fault in [
        "impatient: reads 'fixed' and does not wait for it",
        "astray: reference('nobody'): not in this template",
        "is the same resource as",
        "there is no 'two' among the probes",
    ] {
        assert!(found.contains(&escaped(fault)), "not seen: {fault}\n{found}");
    }
    let Some(types) = types(out.path()) else { return };
    fs::write(&file, broken().to_string()).unwrap();
    let second = check(&python, &["--types", types.to_str().unwrap()], &[file]).to_string();
    let unseen: Vec<&str> = by_both.iter().copied().filter(|fault| *fault != by_both[18] && !second.contains(&escaped(fault))).collect();
    assert!(unseen.is_empty(), "by types, not seen: {unseen:#?}\n{second}");
}

/// As it stands in JSON text.
fn escaped(text: &str) -> String {
    text.replace('"', "\\\"")
}
