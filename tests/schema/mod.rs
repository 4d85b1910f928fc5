//! What `--format json` prints, held against the schemas in `docs/schemas`. It is stricter than a schema is to whoever
//! reads: a member that no schema names is one that nobody has described.
#![allow(dead_code)]

use serde_json::{Map, Value};
use std::path::Path;

/// The keywords that are understood here; a schema with another would not be checked by it.
const KNOWN: [&str; 8] = ["$schema", "title", "description", "type", "properties", "required", "items", "additionalProperties"];

/// The schema of this name.
pub fn schema(root: &Path, name: &str) -> Value {
    let path = root.join("docs/schemas").join(format!("{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))).unwrap()
}

/// Holds a document against the schema of this name.
pub fn holds(root: &Path, name: &str, document: &str) {
    let value: Value = serde_json::from_str(document).unwrap_or_else(|error| panic!("{name} is no JSON: {error}\n{document}"));
    let mut wrong = Vec::new();
    look(&schema(root, name), &value, name, &mut wrong);
    assert!(wrong.is_empty(), "{}\n{document}", wrong.join("\n"));
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

fn look(schema: &Value, value: &Value, at: &str, wrong: &mut Vec<String>) {
    let keywords = schema.as_object().unwrap_or_else(|| panic!("{at}: a schema is an object"));
    for keyword in keywords.keys() {
        assert!(KNOWN.contains(&keyword.as_str()) || keyword == "enum", "{at}: `{keyword}` is checked by nobody");
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
        _ => panic!("{at} has no type"),
    };
    if !types.contains(&kind(value)) {
        wrong.push(format!("{at} is of {}, and not of {}", kind(value), types.join(" or ")));
        return;
    }
    if let Some(all) = schema["enum"].as_array()
        && !all.contains(value)
    {
        wrong.push(format!("{at} is {value}, and none of {all:?}"));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        look(&schema["items"], item, &format!("{at}[{index}]"), wrong);
    }
    let Some(members) = value.as_object() else { return };
    let none = Map::new();
    let properties = schema["properties"].as_object().unwrap_or(&none);
    for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        assert!(properties.contains_key(required), "{at}: `{required}` is required and not described");
        if !members.contains_key(required) {
            wrong.push(format!("{at} has no `{required}`"));
        }
    }
    for (name, member) in members {
        match properties.get(name).or_else(|| schema.get("additionalProperties")) {
            Some(described) => look(described, member, &format!("{at}.{name}"), wrong),
            None => wrong.push(format!("{at}.{name} is described by nobody")),
        }
    }
}
