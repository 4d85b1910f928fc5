//! Text stays text in templates of Azure Resource Manager, wherever it goes: worked out by an evaluator of the tests' own.

use crate::arm::check;
use crate::engines::python;
use crate::escaping::{Case, PIECES, cases, compare, quoted, stack};
use crate::product::{build, root};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// Fewer outputs than Azure takes of one template.
const OUTPUTS: usize = 60;

/// All expressions of a template worked out.
fn values(python: &Path, out: &Path) -> Value {
    let file = out.join("arm/template.json");
    let answer = check(python, &["--values"], std::slice::from_ref(&file));
    answer[file.to_str().unwrap()].clone()
}

#[test]
fn text_passes_through_azure_unchanged() {
    let Some(python) = python() else { return };
    let cases: Vec<Case> = cases();
    for part in cases.chunks(OUTPUTS) {
        let out = TempDir::new().unwrap();
        build(&stack(part, out.path()), "arm", &[], out.path());
        let found = values(&python, out.path());
        compare(part, |name| Some(found["outputs"][name].as_str()?.to_owned()));
    }
}

/// What the rules of a bucket give as its name, for the test that looks at JSON text.
const AS_JSON: &str = r#"        output name (call)json { unique (get)cloud.unique; prefixes { (each)expire { - (get)expire.prefix } }; around { (each)expire { - (fmt)"{cloud.unique}{expire.prefix}{cloud.unique}" } } }"#;

#[test]
fn text_passes_through_properties_of_azure_unchanged() {
    let Some(python) = python() else { return };
    for (number, pieces) in PIECES.chunks(25).enumerate() {
        let mut text = "stack escaping {\n    network main\n".to_owned();
        let mut refs = String::new();
        let mut arguments = String::new();
        for (index, piece) in pieces.iter().enumerate() {
            let braces = piece.replace('{', "{{").replace('}', "}}");
            let around = quoted(&format!("{braces}{{p{index}}}{braces}"));
            let piece = quoted(piece);
            text.push_str(&format!("    param p{index} default={piece}\n"));
            refs.push_str(&format!("        env PLAIN{index}={piece} GIVEN{index}=(get)p{index} AROUND{index}=(fmt){around}\n"));
            arguments.push_str(&format!(" {piece}"));
        }
        text.push_str(&format!("    service web network=main {{\n        image \"a:1\"\n        command{arguments}\n{refs}"));
        for (index, piece) in pieces.iter().enumerate() {
            // Azure has no tag with one of these in its name.
            let name = if piece.contains(['<', '>', '%', '&', '\\', '?', '/']) { format!("tag{index}") } else { format!("{piece}{index}") };
            text.push_str(&format!("        tags {}={}\n", quoted(&name), quoted(piece)));
        }
        text.push_str("    }\n}\n");
        let out = TempDir::new().unwrap();
        let file = out.path().join("stack.kdl");
        fs::write(&file, text).unwrap();
        build(&file, "arm", &[], out.path());
        let app = values(&python, out.path())["resources"]["web"].clone();
        let container = &app["properties"]["template"]["containers"][0];
        let env = |name: String| container["env"].as_array().unwrap().iter().find(|entry| entry["name"] == name.as_str()).map(|entry| entry["value"].clone());
        for (index, piece) in pieces.iter().enumerate() {
            let wanted = Value::from(*piece);
            assert_eq!(env(format!("PLAIN{index}")).as_ref(), Some(&wanted), "as a property, {number}");
            assert_eq!(env(format!("GIVEN{index}")).as_ref(), Some(&wanted), "as a parameter's default");
            assert_eq!(env(format!("AROUND{index}")), Some(Value::from(format!("{piece}{piece}{piece}"))), "around a parameter");
            assert_eq!(container["args"][index], wanted, "in a list");
            let tags = app["tags"].as_object().unwrap();
            let name = if piece.contains(['<', '>', '%', '&', '\\', '?', '/']) { format!("tag{index}") } else { format!("{piece}{index}") };
            assert_eq!(tags.get(&name), Some(&wanted), "as a tag");
        }
    }
}

#[test]
fn text_passes_through_json_text_of_azure_unchanged() {
    let Some(python) = python() else { return };
    let rules = fs::read_to_string(root().join("targets/azure/bucket.kdl")).unwrap();
    let at = rules.find("    arm {").unwrap();
    let (before, arm) = rules.split_at(at);
    let line = arm.lines().find(|line| line.trim_start().starts_with("output name ")).unwrap();
    let out = TempDir::new().unwrap();
    let overlay = out.path().join("targets");
    fs::create_dir_all(overlay.join("azure")).unwrap();
    fs::write(overlay.join("azure/bucket.kdl"), format!("{before}{}", arm.replacen(line, AS_JSON, 1))).unwrap();
    let mut text = "stack escaping {\n    bucket filler {\n".to_owned();
    for piece in PIECES {
        text.push_str(&format!("        expire {} days=7\n", quoted(piece)));
    }
    text.push_str("    }\n    output all (get)filler.name\n}\n");
    let file = out.path().join("stack.kdl");
    fs::write(&file, text).unwrap();
    build(&file, "arm", &["--targets", overlay.to_str().unwrap()], out.path());
    let found = values(&python, out.path());
    let all: Value = serde_json::from_str(found["outputs"]["all"].as_str().unwrap()).unwrap();
    let unique = all["unique"].as_str().unwrap();
    // Repeated blocks stand in an order of their own.
    let came: Vec<&str> = all["prefixes"].as_array().unwrap().iter().map(|prefix| prefix.as_str().unwrap()).collect();
    let (mut sorted, mut wanted) = (came.clone(), PIECES.to_vec());
    sorted.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(sorted, wanted);
    assert_eq!(all["around"], Value::from(came.iter().map(|piece| format!("{unique}{piece}{unique}")).collect::<Vec<_>>()));
}
