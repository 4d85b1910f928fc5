//! The vendors' linters over many templates at once.

use crate::engines::{Terraform, both};
use crate::product::root;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// How many linters run side by side.
const SIDE_BY_SIDE: usize = 2;

/// Rules that are not right, with the reason in `tests/acceptance/cfn_lint.rs`.
const IGNORED: [&str; 2] = ["E3691", "W3691"];

/// A template that cfn-lint must object to, so that a cfn-lint that has stopped looking is noticed.
const BROKEN: &str = r#"{"Resources": {"Broken": {"Type": "AWS::S3::Bucket", "Properties": {"NoSuchProperty": 1}}}}"#;

/// What cfn-lint has against each template, by its place in the list.
pub fn cfn_lint(python: &Path, templates: &[String]) -> BTreeMap<usize, Vec<String>> {
    // Away from the caller's folders, where a configuration file could switch rules off.
    let home = TempDir::new().unwrap();
    let path = |index: usize| home.path().join(format!("{index}.json"));
    for (index, template) in templates.iter().map(String::as_str).chain([BROKEN]).enumerate() {
        fs::write(path(index), template).unwrap();
    }
    let running: Vec<Child> = (0..SIDE_BY_SIDE)
        .map(|part| {
            Command::new(python)
                .arg(python.with_file_name("cfn-lint"))
                .args(["--format", "json", "--template"])
                .args((0..=templates.len()).filter(|index| index % SIDE_BY_SIDE == part || *index == templates.len()).map(path))
                .current_dir(home.path())
                .env("HOME", home.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("cfn-lint starts")
        })
        .collect();
    // Each is read by a thread of its own, since a full pipe would stop the other.
    let readers: Vec<_> = running.into_iter().map(|child| std::thread::spawn(move || child.wait_with_output().unwrap())).collect();
    let mut complaints: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for reader in readers {
        let output = reader.join().unwrap();
        let found: Vec<Value> =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("cfn-lint did not answer with a list ({error}):\n{}", both(&output)));
        let mut awake = false;
        for complaint in found {
            let file = Path::new(complaint["Filename"].as_str().unwrap_or_default());
            let index: usize = file.file_stem().and_then(|stem| stem.to_str()?.parse().ok()).expect("one of our files");
            let rule = complaint["Rule"]["Id"].as_str().unwrap_or_default();
            if index == templates.len() {
                awake |= rule == "E3002";
            } else if complaint["Level"] != "Informational" && !IGNORED.contains(&rule) {
                let place: Vec<String> = complaint["Location"]["Path"].as_array().into_iter().flatten().map(|part| part.to_string().replace('"', "")).collect();
                let message = complaint["Message"].as_str().unwrap_or_default();
                // A parameter's default is plain text to CloudFormation, whatever it looks like.
                if rule == "E1029" && place.first().is_some_and(|part| part == "Parameters") {
                    continue;
                }
                complaints.entry(index).or_default().push(format!("cfn-lint {rule}: {message} (at {})", place.join("/")));
            }
        }
        assert!(awake, "cfn-lint does not see the fault of a template that has one");
    }
    complaints
}

/// What the tests' own checker has against each template of Azure Resource Manager, by its place in the list.
pub fn arm(python: &Path, templates: &[String]) -> BTreeMap<usize, Vec<String>> {
    let home = TempDir::new().unwrap();
    let mut files = Vec::new();
    // A resource of the first template, with a member that no type has.
    let mut broken: Value = templates.first().map(|template| serde_json::from_str(template).unwrap()).unwrap_or_default();
    if let Some(resource) = broken["resources"].as_object_mut().and_then(|resources| resources.values_mut().next()) {
        resource["noSuchMember"] = json!(1);
    }
    let broken = broken.to_string();
    for (index, template) in templates.iter().chain([&broken]).enumerate() {
        files.push(home.path().join(format!("{index}.json")));
        fs::write(&files[index], template).unwrap();
    }
    let script = crate::product::root().join("tests/engines/arm_check.py");
    let facts = crate::product::root().join("specs/providers/arm.facts");
    let output = Command::new(python).arg(script).arg(facts).args(&files).output().unwrap();
    let found: BTreeMap<String, Vec<String>> =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("the checker did not answer ({error}):\n{}", both(&output)));
    let mut by_place: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (index, file) in files.iter().enumerate() {
        let complaints = found.get(&file.to_string_lossy().into_owned()).expect("every template is judged");
        if index == templates.len() {
            assert!(complaints.iter().any(|complaint| complaint.contains("noSuchMember")), "the checker does not see the fault of a template that has one");
        } else if !complaints.is_empty() {
            by_place.insert(index, complaints.clone());
        }
    }
    by_place
}

/// A template that Heat must object to, so that a validator that has stopped looking is noticed.
const BROKEN_HEAT: &str =
    r#"{"heat_template_version": "2021-04-16", "resources": {"broken": {"type": "OS::Neutron::Net", "properties": {"no_such_property": 1}}}}"#;

/// What Heat's validator has against each template, by its place in the list.
pub fn heat(python: &Path, templates: &[String]) -> BTreeMap<usize, Vec<String>> {
    let home = TempDir::new().unwrap();
    let mut command = Command::new(python);
    command.arg(root().join("tests/engines/hot_validate.py")).current_dir(home.path());
    for (index, template) in templates.iter().map(String::as_str).chain([BROKEN_HEAT]).enumerate() {
        let file = format!("{index}.yaml");
        fs::write(home.path().join(&file), template).unwrap();
        command.arg(file);
    }
    let output = command.output().expect("Heat's validator starts");
    let answers: Vec<Value> = String::from_utf8_lossy(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("an answer a line")).collect();
    assert_eq!(answers.len(), templates.len() + 1, "Heat's validator stopped:\n{}", both(&output));
    let mut complaints: BTreeMap<usize, Vec<String>> = answers
        .iter()
        .enumerate()
        .filter(|(_, answer)| answer["ok"] != true)
        .map(|(index, answer)| (index, vec![format!("Heat: {}", answer["error"])]))
        .collect();
    assert!(complaints.remove(&templates.len()).is_some(), "Heat let a fault pass");
    complaints
}

/// How many templates are one configuration: Terraform keeps all of it in memory.
const MODULES: usize = 200;

/// What `terraform validate` has against each template, by its place in the list. Every template is a module of a
/// configuration, since most of the time goes into the start of the provider.
pub fn terraform(terraform: &Terraform, templates: &[String], environment: &[(String, String)]) -> BTreeMap<usize, Vec<String>> {
    let mut complaints = BTreeMap::new();
    for (batch, templates) in templates.chunks(MODULES).enumerate() {
        let found = configuration(terraform, &format!("mutants{batch}"), templates, environment);
        complaints.extend(found.into_iter().map(|(index, found)| (batch * MODULES + index, found)));
    }
    complaints
}

fn configuration(terraform: &Terraform, name: &str, templates: &[String], environment: &[(String, String)]) -> BTreeMap<usize, Vec<String>> {
    let folder = terraform.folder(name);
    let mut complaints: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    let mut modules: Map<String, Value> = Map::new();
    let mut root = json!({});
    // A resource of the first template, with an argument that no type has.
    let first: Value = templates.first().map(|template| serde_json::from_str(template).unwrap()).unwrap_or_default();
    let known = first["resource"].as_object().and_then(|types| types.keys().next().cloned()).unwrap_or_default();
    let broken = json!({ "terraform": first["terraform"], "resource": { known: { "broken": { "no_such_argument": 1 } } } }).to_string();
    for (index, template) in templates.iter().map(String::as_str).chain([broken.as_str()]).enumerate() {
        let mut template: Value = serde_json::from_str(template).unwrap();
        // A provider of its own for every module would be started for every module.
        if let Some(provider) = template.as_object_mut().unwrap().remove("provider") {
            // A provider stands only in a template that has something of it.
            for (name, own) in provider.as_object().unwrap() {
                let known = &mut root["provider"][name];
                assert!(known.is_null() || known == own, "all templates of a target have the same providers");
                *known = own.clone();
                let wanted = &template["terraform"]["required_providers"][name];
                if root["terraform"].is_null() {
                    root["terraform"] = template["terraform"].clone();
                }
                root["terraform"]["required_providers"][name] = wanted.clone();
            }
            // What it reads has to be declared where it stands.
            let said = provider.to_string();
            for (variable, _) in template["variable"].as_object().into_iter().flatten().filter(|(name, _)| said.contains(&format!("${{var.{name}}}"))) {
                root["variable"][variable] = json!({ "type": "string", "default": "made-up-for-the-test" });
            }
        }
        let name = format!("m{index}");
        let mut call = Map::from_iter([("source".to_owned(), json!(format!("./{name}")))]);
        for (variable, declared) in template["variable"].as_object().into_iter().flatten().filter(|(_, declared)| declared.get("default").is_none()) {
            let value = match declared["type"].as_str() {
                Some("number") => json!(1),
                Some(ty) if ty.starts_with("list") => json!(["made-up-for-the-test"]),
                _ => json!("made-up-for-the-test"),
            };
            call.insert(variable.clone(), value);
        }
        fs::create_dir(folder.join(&name)).unwrap();
        fs::write(folder.join(&name).join("main.tf.json"), format!("{template:#}")).unwrap();
        modules.insert(name, Value::Object(call));
    }
    let mut awake = false;
    // A fault that shows when a module is loaded hides what shows later, so the faulty ones are taken out and the rest goes on.
    loop {
        root["module"] = Value::Object(modules.clone());
        fs::write(folder.join("main.tf.json"), format!("{root:#}")).unwrap();
        let init = terraform.run(&folder, &["init", "-no-color", "-json"], environment);
        let said = String::from_utf8_lossy(&init.stdout).into_owned();
        let mut found: Vec<Value> = said
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|line| line["type"] == "diagnostic")
            .map(|line| line["diagnostic"].clone())
            .collect();
        if init.status.success() {
            let output = terraform.run(&folder, &["validate", "-json"], environment);
            let answer: Value = serde_json::from_slice(&output.stdout)
                .unwrap_or_else(|error| panic!("terraform validate did not answer with JSON ({error}):\n{}", both(&output)));
            found = answer["diagnostics"].as_array().cloned().unwrap_or_default();
        }
        let mut faulty: Vec<usize> = Vec::new();
        for diagnostic in &found {
            let file = diagnostic["range"]["filename"].as_str().unwrap_or_default();
            let part = |name: &str| diagnostic[name].as_str().unwrap_or_default();
            let text = format!("terraform {}: {}: {} ({})", part("severity"), part("summary"), part("detail"), diagnostic["snippet"]["context"]);
            let index = file.split(['/', '\\']).find_map(|part| part.strip_prefix('m')?.parse::<usize>().ok());
            let index = index.unwrap_or_else(|| panic!("terraform objects to the test itself: {text}\n{diagnostic:#}"));
            faulty.push(index);
            if index == templates.len() {
                awake |= text.contains("no_such_argument");
            } else {
                complaints.entry(index).or_default().push(text);
            }
        }
        if !init.status.success() && faulty.is_empty() {
            panic!("terraform init failed:\n{}", both(&init));
        }
        let before = modules.len();
        modules.retain(|name, _| !faulty.iter().any(|index| *name == format!("m{index}")));
        if modules.len() == before || modules.is_empty() {
            break;
        }
    }
    assert!(awake, "terraform validate let a fault pass");
    complaints
}
