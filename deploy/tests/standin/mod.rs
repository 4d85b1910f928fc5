//! A stand-in for Terraform below a stack that runs: it tells the outputs and the resources that it was given, and no more.
#![allow(dead_code)]

use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

const SCRIPT: &str = r#"#!/bin/sh
case $1 in
version) echo 'Terraform v1.11.4' ;;
init) mkdir -p .terraform; : >.terraform.lock.hcl ;;
output) cat FOLDER/outputs.json ;;
show) cat FOLDER/show.json ;;
esac
"#;

/// Puts it into a folder, with outputs by their names in the template, and the address of a resource.
pub fn terraform(folder: &Path, outputs: &[(&str, Value)], address: &str) {
    let outputs: serde_json::Map<String, Value> =
        outputs.iter().map(|(name, value)| ((*name).to_owned(), json!({ "value": value.to_string(), "type": "string", "sensitive": false }))).collect();
    let (ty, name) = address.split_once('.').unwrap();
    let resource = json!({ "address": address, "mode": "managed", "type": ty, "name": name, "values": { "id": "1" } });
    std::fs::write(folder.join("outputs.json"), Value::Object(outputs).to_string()).unwrap();
    std::fs::write(folder.join("show.json"), json!({ "values": { "root_module": { "resources": [resource] } } }).to_string()).unwrap();
    std::fs::write(folder.join("script"), SCRIPT.replace("FOLDER", folder.to_str().unwrap())).unwrap();
    // By another process: what is open for writing here, or in a child that a test beside this one starts, cannot be run.
    let installed = Command::new("install").args(["-m", "755"]).arg(folder.join("script")).arg(folder.join("terraform")).status().unwrap();
    assert!(installed.success());
}
