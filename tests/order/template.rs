//! What a Terraform template says of who refers to whom, and by what a cloud tells its resources apart.

use regex_lite::Regex;
use serde_json::Value;
use stackc::provider::{Facts, NativeKind, Provider, Replaces};
use std::collections::{BTreeMap, BTreeSet};

/// Arguments that name a resource for the cloud.
const NAMES: [&str; 9] = ["name", "identifier", "bucket", "account_id", "secret_id", "repository_id", "alias", "function_name", "domain_name"];
/// Arguments by which nothing is told apart, and references in which hold nothing.
const BESIDE: [&str; 6] = ["depends_on", "lifecycle", "tags", "labels", "timeouts", "description"];

/// A reference of one resource to another.
#[derive(Clone)]
pub struct Reference {
    /// The address of the other.
    pub to: String,
    /// The argument that it stands in, without numbers.
    pub path: String,
    /// Whether it is the argument's whole value, rather than a piece of a text or of a document.
    pub whole: bool,
}

/// One resource of a template.
pub struct Resource {
    pub ty: String,
    pub refers: Vec<Reference>,
    /// By what it is told from others of its type: arguments with their values.
    pub identity: BTreeMap<String, String>,
    /// Those of them that are names.
    pub names: BTreeMap<String, String>,
}

/// A template, read.
pub struct Template {
    pub value: Value,
    pub resources: BTreeMap<String, Resource>,
}

impl Template {
    /// Reads a template, in which nothing is kept from being destroyed: who asks for that takes the protection away first.
    pub fn read(text: &str, facts: &Facts) -> Template {
        let mut value: Value = serde_json::from_str(text).unwrap();
        let all = value["resource"].as_object_mut().expect("a template has resources");
        let mut bodies: BTreeMap<String, (String, Value)> = BTreeMap::new();
        for (ty, named) in all.iter_mut() {
            for (name, body) in named.as_object_mut().expect("resources by their names") {
                unprotect(body);
                bodies.insert(format!("{ty}.{name}"), (ty.clone(), body.clone()));
            }
        }
        let known: BTreeSet<String> = bodies.keys().cloned().collect();
        let address = Regex::new(r"(data\.)?\b([a-z0-9]+_[a-z0-9_]+)\.([A-Za-z_][A-Za-z0-9_-]*)").unwrap();
        let whole = Regex::new(r"^\$\{[A-Za-z0-9_.\[\]-]+\}$").unwrap();
        let resources = bodies
            .into_iter()
            .map(|(at, (ty, body))| {
                let mut refers = Vec::new();
                walk(&body, "", &mut |path, text| {
                    for found in address.captures_iter(text).filter(|found| found.get(1).is_none() && text.contains("${")) {
                        let to = format!("{}.{}", &found[2], &found[3]);
                        if known.contains(&to) && to != at {
                            refers.push(Reference { to, path: path.to_owned(), whole: whole.is_match(text) });
                        }
                    }
                });
                let (identity, names) = identity(&ty, &body, facts);
                (at, Resource { ty, refers, identity, names })
            })
            .collect();
        Template { value, resources }
    }
}

fn unprotect(body: &mut Value) {
    let blocks = match &mut body["lifecycle"] {
        Value::Array(blocks) => blocks.iter_mut().collect(),
        Value::Null => Vec::new(),
        block => vec![block],
    };
    blocks.into_iter().filter_map(Value::as_object_mut).for_each(|block| _ = block.remove("prevent_destroy"));
    if body["lifecycle"].is_null() {
        body.as_object_mut().expect("a body is an object").remove("lifecycle");
    }
}

/// Every text below a value, with the names that lead to it.
fn walk(value: &Value, path: &str, visit: &mut impl FnMut(&str, &str)) {
    match value {
        Value::String(text) => visit(path, text),
        Value::Array(items) => items.iter().for_each(|item| walk(item, path, visit)),
        Value::Object(fields) => {
            for (name, value) in fields.iter().filter(|(name, _)| !path.is_empty() || !BESIDE.contains(&name.as_str())) {
                walk(value, &if path.is_empty() { name.clone() } else { format!("{path}.{name}") }, visit);
            }
        }
        _ => {}
    }
}

/// The arguments that make a resource the one that it is: its names, and those of which a change replaces it. What has no name is told
/// by what it belongs to and one thing more, else by everything; what belongs to nothing either is told by nothing.
fn identity(ty: &str, body: &Value, facts: &Facts) -> (BTreeMap<String, String>, BTreeMap<String, String>) {
    let native = facts.native_type(NativeKind::Resource, ty);
    let given = body.as_object().into_iter().flatten().filter(|(name, _)| !BESIDE.contains(&name.as_str()));
    let all: BTreeMap<String, String> = given.map(|(name, value)| (name.clone(), value.to_string())).collect();
    let fixed = |name: &str| native.as_ref().and_then(|ty| ty.root().member(name).map(|member| member.replaces == Replaces::Always)).unwrap_or(false);
    let names: BTreeMap<String, String> =
        all.iter().filter(|(name, _)| NAMES.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())).collect();
    let mut identity: BTreeMap<String, String> =
        all.iter().filter(|(name, _)| fixed(name) || *name == "type" || names.contains_key(*name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    if names.is_empty() && identity.len() < 2 {
        identity = all;
    }
    if names.is_empty() && (identity.len() < 2 || !identity.values().any(|value| value.contains("${"))) {
        identity.clear();
    }
    (identity, names)
}
