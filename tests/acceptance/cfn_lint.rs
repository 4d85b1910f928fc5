//! cfn-lint has nothing to say about any CloudFormation template that stackc writes.

use crate::engines::{both, python};
use crate::product::variants;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// The rules that may fire, each with the reason. One that no longer fires has to go.
const IGNORED: &[(&str, &str)] = &[
    ("E3691", "its list has minor versions only for MySQL and MariaDB, and RDS takes major ones"),
    ("W3691", "its list has the major versions of PostgreSQL among those that are over"),
];

/// A template that cfn-lint must object to, so that a cfn-lint that has stopped looking is noticed.
const BROKEN: &str = r#"{"Resources": {"Broken": {"Type": "AWS::S3::Bucket", "Properties": {"NoSuchProperty": 1}}}}"#;

/// What cfn-lint said about one template.
pub struct Complaint {
    file: PathBuf,
    rule: String,
    text: String,
}

/// Lints all templates in one call, since most of cfn-lint's time is its start, and returns errors and warnings.
pub fn lint(python: &Path, templates: &[PathBuf]) -> Vec<Complaint> {
    // Away from the caller's folders, where a configuration file could switch rules off.
    let home = TempDir::new().unwrap();
    let canary = home.path().join("broken.json");
    fs::write(&canary, BROKEN).unwrap();

    let output = Command::new(python)
        .arg(python.with_file_name("cfn-lint"))
        .args(["--format", "json", "--template"])
        .args(templates)
        .arg(&canary)
        .current_dir(home.path())
        .env("HOME", home.path())
        .output()
        .expect("cfn-lint starts");
    let matches: Vec<Value> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("cfn-lint did not answer with a list ({error}):\n{}", both(&output)));

    let mut complaints = Vec::new();
    let mut canary_rules = Vec::new();
    for found in matches {
        let rule = found["Rule"]["Id"].as_str().unwrap_or_default().to_owned();
        let file = PathBuf::from(found["Filename"].as_str().unwrap_or_default());
        if file == canary {
            canary_rules.push(rule);
        } else if found["Level"] != "Informational" {
            let place = &found["Location"]["Path"];
            let message = found["Message"].as_str().unwrap_or_default();
            let text = format!("{} {rule}: {message}\n    at {place}", found["Level"].as_str().unwrap_or_default());
            complaints.push(Complaint { file, rule, text });
        }
    }
    assert_eq!(canary_rules, ["E3002"], "cfn-lint does not see the fault of a template that has one");
    complaints
}

/// The complaints as a list for a person, each after the template that it is about, as seen from the folder `out`.
pub fn list(complaints: &[Complaint], out: &Path) -> String {
    complaints
        .iter()
        .map(|complaint| {
            let file = complaint.file.strip_prefix(out).unwrap_or(&complaint.file);
            format!("{}: {}", file.display(), complaint.text)
        })
        .collect::<Vec<_>>()
        .join("\n")
}

#[test]
fn every_example_passes_cfn_lint() {
    let Some(python) = python() else { return };
    let out = TempDir::new().unwrap();
    let templates: Vec<PathBuf> = variants().iter().map(|variant| variant.build("cfn", &[], &out.path().join(&variant.name)).join("template.json")).collect();

    let (ignored, complaints): (Vec<_>, Vec<_>) =
        lint(&python, &templates).into_iter().partition(|complaint| IGNORED.iter().any(|(rule, _)| *rule == complaint.rule));
    let fired: BTreeSet<&str> = ignored.iter().map(|complaint| complaint.rule.as_str()).collect();
    for (rule, reason) in IGNORED {
        assert!(fired.contains(rule), "{rule} is ignored ({reason}) and does not fire any more");
    }

    assert!(complaints.is_empty(), "cfn-lint objects:\n{}", list(&complaints, out.path()));
}
