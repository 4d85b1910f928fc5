//! Heat's own validator judges every template that stackc writes for it, and Heat's own functions show what comes of them.

use crate::engines::{both, heat};
use crate::product::{build, root, variants};
use crate::schema_provider::cloud_init_objects;
use serde_json::{Value, from_str, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Templates that Heat must refuse, each for one fault, so that a validator that has stopped looking is noticed.
const BROKEN: [(&str, &str); 6] = [
    ("an unknown type", r#""resources": {"a": {"type": "OS::Neutron::Nett"}}"#),
    ("an unknown property", r#""resources": {"a": {"type": "OS::Neutron::Net", "properties": {"no_such_property": 1}}}"#),
    ("a missing property", r#""resources": {"a": {"type": "OS::Neutron::Subnet", "properties": {"cidr": "10.0.0.0/24"}}}"#),
    (
        "a value out of range",
        r#""resources": {"a": {"type": "OS::Octavia::PoolMember", "properties": {"pool": "p", "address": "10.0.0.1", "protocol_port": 65536}}}"#,
    ),
    ("a reference to nothing", r#""resources": {"a": {"type": "OS::Neutron::Subnet", "properties": {"network": {"get_resource": "b"}}}}"#),
    (
        "one name twice",
        r#""parameters": {"a": {"type": "string"}}, "resources": {"a": {"type": "OS::Neutron::Net", "properties": {"name": {"get_param": "a"}}}}"#,
    ),
];

/// What Heat says of each template, in their order, and of the broken ones that go along.
pub fn answers(python: &Path, templates: &[PathBuf], given: &[String]) -> Vec<Value> {
    let folder = TempDir::new().unwrap();
    let broken: Vec<PathBuf> = BROKEN
        .iter()
        .enumerate()
        .map(|(index, (_, text))| {
            let file = folder.path().join(format!("broken{index}.yaml"));
            fs::write(&file, format!("{{\"heat_template_version\": \"2021-04-16\", {text}}}")).unwrap();
            file
        })
        .collect();
    let output = Command::new(python)
        .arg(root().join("tests/engines/hot_validate.py"))
        .arg("--resolve")
        .args(templates)
        .args(&broken)
        .args(given)
        .current_dir(folder.path())
        .output()
        .expect("Heat's validator starts");
    let mut answers: Vec<Value> = String::from_utf8_lossy(&output.stdout).lines().map(|line| from_str(line).expect("an answer a line")).collect();
    assert_eq!(answers.len(), templates.len() + broken.len(), "Heat's validator stopped:\n{}", both(&output));
    for (answer, (fault, _)) in answers.split_off(templates.len()).iter().zip(BROKEN) {
        assert_eq!(answer["ok"], false, "Heat let {fault} pass");
    }
    answers
}

/// What is wrong with templates that have to be valid, and judged to their end.
pub fn objections(answers: &[Value]) -> Vec<String> {
    let wrong = answers.iter().filter(|answer| answer["ok"] != true || answer["skipped"] != json!([]));
    wrong.map(|answer| format!("{}: {} (not judged: {})", answer["file"], answer["error"], answer["skipped"])).collect()
}

/// The properties of a template's resources of a type, as Heat would hand them to the cloud.
pub fn properties<'a>(answer: &'a Value, ty: &str) -> Vec<&'a Value> {
    let all = answer["properties"].as_object().into_iter().flatten();
    all.filter(|(_, resource)| resource[0] == ty).map(|(_, resource)| &resource[1]).collect()
}

#[test]
fn every_template_is_valid_and_starts_servers_that_cloud_init_understands() {
    let Some(python) = heat() else { return };
    let out = TempDir::new().unwrap();
    let built: Vec<PathBuf> = variants()
        .iter()
        .filter(|variant| variant.is_for("hot"))
        .map(|variant| variant.build("hot", &[], &out.path().join(&variant.name)).join("template.yaml"))
        .collect();
    assert!(!built.is_empty(), "no example is for hot");
    let answers = answers(&python, &built, &[]);
    let wrong = objections(&answers);
    assert!(wrong.is_empty(), "Heat objects:\n{}", wrong.join("\n"));
    let empty = answers.iter().flat_map(|answer| answer["outputs"].as_object().unwrap()).find(|(_, value)| !value.is_string());
    assert!(empty.is_none(), "an output is no text: {empty:?}");

    let data: Vec<String> = answers
        .iter()
        .flat_map(|answer| properties(answer, "OS::Nova::Server"))
        .map(|server| server["user_data"].as_str().expect("user data is a text").to_owned())
        .collect();
    assert!(!data.is_empty(), "servers are started with user data");
    let folder = out.path().join("user data");
    fs::create_dir(&folder).unwrap();
    let said = cloud_init_objects(&data, &folder).unwrap_or_default();
    assert!(said.is_empty(), "cloud-init objects:\n{}", said.join("\n"));
    // JSON is what cloud-init and podman read, so it has to hold what only the cloud tells.
    for text in data {
        let config: Value = from_str(behind_comments(&text)).expect("user data is JSON behind its first lines");
        let pod: Value = from_str(config["write_files"][0]["content"].as_str().unwrap()).expect("the pod is JSON");
        assert!(pod["spec"]["containers"][0]["image"].is_string());
    }
}

/// A text that means something to YAML, to Heat or to a zone file, as the value of records.
#[test]
fn records_hold_what_was_written() {
    let Some(python) = heat() else { return };
    let out = TempDir::new().unwrap();
    let file = out.path().join("stack.kdl");
    let stack = r##"stack shop {
    param ttl default=300 about="how long answers are remembered"
    param answer default="v=spf1 -all" about="what the text record says"
    param strict default=#true about="whether anything else is refused"
    dns-zone site domain="shop.example" {
        accept "a trial" target=hot
    }
    dns-record www zone=site label=www kind=A ttl=(get)ttl { values "192.0.2.1" }
    dns-record odd zone=site label=odd kind=TXT { values "on: {{x}} ${y} %{z} [w] # \"q\" 012 \u{e9}" }
    dns-record said zone=site label=said kind=TXT { values (get)answer (fmt)"strict={strict} {ttl}" }
}
"##;
    fs::write(&file, stack).unwrap();
    build(&file, "hot", &[], out.path());
    let answers = answers(&python, &[out.path().join("hot/template.yaml")], &["ttl=60".to_owned()]);
    assert_eq!(objections(&answers), Vec::<String>::new());
    let record = |name: &str| &answers[0]["properties"][name][1];
    assert_eq!(record("record_www_in_site")["ttl"], 60);
    assert_eq!(record("record_odd_in_site_txt")["records"], json!([r#""on: {{x}} ${y} %{z} [w] # \034q\034 012 \195\169""#]));
    assert_eq!(record("record_said_in_site_txt")["records"], json!(["\"v=spf1 -all\"", "\"strict=true 60\""]));
}

/// Heat takes a map of one entry for a call if its key is a function's name.
#[test]
fn a_function_s_name_can_be_a_key() {
    let Some(python) = heat() else { return };
    let out = TempDir::new().unwrap();
    let listed = Command::new(&python).arg(root().join("tests/engines/hot_validate.py")).arg("--functions").output().unwrap();
    let names: Vec<String> = serde_json::from_slice(&listed.stdout).unwrap_or_else(|error| panic!("{error}: {}", both(&listed)));
    assert!(names.len() > 20, "only {names:?}");
    let items = |value: &str| names.iter().map(|name| format!("- {{ {} {value} }}; ", Value::from(name.as_str()))).collect::<String>();
    let rules = format!(
        "lower dns-record {{\n    hot {{\n        (emulated)dns-record \"only for this test\"\n        \
         resource main \"OS::Heat::Value\" {{ value {{ {}{} }} }}\n    }}\n}}\n",
        items("(get)this.name"),
        items("(get)cloud.external-network"),
    );
    let folder = out.path().join("rules/openstack");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("dns-record.kdl"), rules).unwrap();
    let file = out.path().join("stack.kdl");
    fs::write(&file, "stack shop {\n    dns-zone site domain=\"shop.example\"\n    dns-record odd zone=site kind=A { values \"192.0.2.1\" }\n}\n").unwrap();
    build(&file, "hot", &["--targets", &out.path().join("rules").to_string_lossy()], out.path());
    let answers = answers(&python, &[out.path().join("hot/template.yaml")], &["external_network=outside".to_owned()]);
    assert_eq!(objections(&answers), Vec::<String>::new());
    let expected: Vec<Value> = ["odd", "outside"].iter().flat_map(|value| names.iter().map(move |name| json!({ name: value }))).collect();
    assert_eq!(properties(&answers[0], "OS::Heat::Value")[0]["value"], Value::from(expected));
}

/// User data behind the line that says what it is, and the comments after it.
pub fn behind_comments(text: &str) -> &str {
    let mut rest = text.strip_prefix("#cloud-config\n").expect("user data is for cloud-init");
    while let Some((_, behind)) = rest.split_once('\n').filter(|_| rest.starts_with('#')) {
        rest = behind;
    }
    rest
}
