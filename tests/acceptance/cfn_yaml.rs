//! The YAML form of a template says what the JSON form says, as CloudFormation reads YAML.

use crate::engines::{both, python};
use crate::product::{root, variants};
use std::process::Command;
use tempfile::TempDir;

#[test]
fn every_example_says_the_same_in_yaml_and_in_json() {
    let Some(python) = python() else { return };
    let out = TempDir::new().unwrap();
    let mut compare = Command::new(python);
    compare.arg(root().join("tests/engines/yaml_compare.py"));
    for variant in variants() {
        for (format, file) in [("json", "template.json"), ("yaml", "template.yaml")] {
            let below = out.path().join(&variant.name).join(format);
            compare.arg(variant.build("cfn", &["--format", format], &below).join(file));
        }
    }
    let output = compare.output().expect("the comparison starts");
    assert!(output.status.success(), "the two forms differ:\n{}", both(&output));
}
