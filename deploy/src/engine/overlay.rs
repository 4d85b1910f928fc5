//! A part of a stack that is changed while all else stays as it runs, for engines whose template is always the whole:
//! what runs keeps its old description, and the values that its parameters had.

use super::Given;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a format spells what is put together here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// CloudFormation's.
    CloudFormation,
    /// Azure Resource Manager's.
    Arm,
}

impl Words {
    /// The sections of resources, outputs and parameters.
    fn sections(self) -> [&'static str; 3] {
        match self {
            Words::CloudFormation => ["Resources", "Outputs", "Parameters"],
            Words::Arm => ["resources", "outputs", "parameters"],
        }
    }

    fn default(self) -> &'static str {
        match self {
            Words::CloudFormation => "Default",
            Words::Arm => "defaultValue",
        }
    }

    /// Whether a parameter is kept out of sight, so that nobody knows its value.
    fn is_secret(self, param: &Value) -> bool {
        match self {
            Words::CloudFormation => matches!(param.get("NoEcho"), Some(Value::Bool(true))) || param.get("NoEcho").and_then(Value::as_str) == Some("true"),
            Words::Arm => param.get("type").and_then(Value::as_str).is_some_and(|ty| ty.to_ascii_lowercase().starts_with("secure")),
        }
    }

    /// Reads another parameter wherever one is read; whether it was.
    fn reads(self, value: &mut Value, name: &str, other: &str) -> bool {
        match value {
            Value::Object(object) => {
                let mut found = false;
                for (key, value) in object.iter_mut() {
                    found |= match (self, key.as_str(), value) {
                        (Words::CloudFormation, "Ref", Value::String(text)) if text == name => put(text, name, other),
                        (Words::CloudFormation, "Fn::Sub", Value::String(text)) => put(text, &format!("${{{name}}}"), &format!("${{{other}}}")),
                        (Words::CloudFormation, "Fn::Sub", Value::Array(items)) => {
                            let mut one = false;
                            for (place, item) in items.iter_mut().enumerate() {
                                one |= match item {
                                    Value::String(text) if place == 0 => put(text, &format!("${{{name}}}"), &format!("${{{other}}}")),
                                    item => self.reads(item, name, other),
                                };
                            }
                            one
                        }
                        (_, _, value) => self.reads(value, name, other),
                    };
                }
                found
            }
            // All of them: the first that reads it is not the last.
            Value::Array(items) => items.iter_mut().filter_map(|item| self.reads(item, name, other).then_some(())).count() > 0,
            Value::String(text) if self == Words::Arm && text.starts_with('[') && !text.starts_with("[[") => {
                put(text, &format!("parameters('{name}')"), &format!("parameters('{other}')"))
            }
            _ => false,
        }
    }
}

/// Replaces a piece of text; whether it was there.
fn put(text: &mut String, piece: &str, other: &str) -> bool {
    let found = text.contains(piece);
    if found {
        *text = text.replace(piece, other);
    }
    found
}

fn section<'v>(template: &'v Value, name: &str) -> impl Iterator<Item = (&'v String, &'v Value)> {
    template.get(name).and_then(Value::as_object).into_iter().flatten()
}

/// A value as text.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A template of all that runs, in which the part is as it is to be, and what it is to be given. `values` are those that
/// the running stack's parameters have.
pub fn overlay(
    words: Words,
    running: &Value,
    part: &Value,
    values: &BTreeMap<String, String>,
    given: &BTreeMap<String, Given>,
) -> (Value, BTreeMap<String, Given>) {
    let [resources, outputs, params] = words.sections();
    let mut given = given.clone();
    let mut kept = Value::Object(Map::new());
    for name in [resources, outputs] {
        let stays = section(running, name).filter(|(key, _)| part.get(name).is_none_or(|part| part.get(key.as_str()).is_none()));
        let stays: Map<String, Value> = stays.map(|(key, value)| (key.clone(), value.clone())).collect();
        if let Some(kept) = kept.as_object_mut() {
            kept.insert(name.to_owned(), Value::Object(stays));
        }
    }
    let mut declared: Map<String, Value> = section(part, params).map(|(name, param)| (name.clone(), param.clone())).collect();
    for (name, param) in section(running, params) {
        if !words.reads(&mut kept, name, name) {
            continue;
        }
        let now = part.get(params).and_then(|params| params.get(name.as_str()));
        if words.is_secret(param) {
            // Its value of before can be had only under its own name.
            let by_part = [resources, outputs].iter().any(|name_of| part.get(*name_of).is_some_and(|section| words.reads(&mut section.clone(), name, name)));
            if words == Words::CloudFormation && !by_part {
                given.insert(name.clone(), Given::Previous);
            }
            declared.entry(name.clone()).or_insert_with(|| param.clone());
            continue;
        }
        // Azure tells only those that were given; all others have their default.
        let Some(before) = values.get(name).cloned().or_else(|| param.get(words.default()).map(plain)) else { continue };
        let changes = match (given.get(name), now) {
            (Some(Given::Value(value)), _) => *value != before,
            (Some(Given::Previous), _) | (None, None) => false,
            (None, Some(now)) => now.get(words.default()).map(plain).as_ref() != Some(&before),
        };
        if !changes {
            if now.is_none() {
                given.insert(name.clone(), Given::Value(before));
                declared.insert(name.clone(), param.clone());
            }
            continue;
        }
        let taken = |other: &String| declared.contains_key(other) || running.get(params).is_some_and(|params| params.get(other.as_str()).is_some());
        let names = (1..).map(|number: usize| format!("{name}Before{}", if number == 1 { String::new() } else { number.to_string() }));
        let Some(other) = names.take(1_000).find(|other| !taken(other)) else { continue };
        words.reads(&mut kept, name, &other);
        given.insert(other.clone(), Given::Value(before));
        declared.insert(other, param.clone());
    }
    let mut whole = part.as_object().cloned().unwrap_or_default();
    for (name, old) in running.as_object().into_iter().flatten() {
        let old = kept.get(name).unwrap_or(old);
        if name == params {
            continue;
        }
        match (whole.get_mut(name), old) {
            (None, old) => drop(whole.insert(name.clone(), old.clone())),
            (Some(Value::Object(now)), Value::Object(old)) => old.iter().for_each(|(key, value)| {
                now.entry(key.clone()).or_insert_with(|| value.clone());
            }),
            _ => {}
        }
    }
    given.retain(|name, _| declared.contains_key(name));
    if !declared.is_empty() {
        whole.insert(params.to_owned(), Value::Object(declared));
    }
    (Value::Object(whole), given)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn what_runs_keeps_the_values_that_it_has() {
        let running = json!({
            "Parameters": { "Image": { "Type": "String", "Default": "shop:1" }, "Key": { "Type": "String", "NoEcho": true }, "Old": { "Type": "String" } },
            "Resources": {
                "Job": { "Image": { "Ref": "Image" } },
                "Web": { "Image": { "Ref": "Image" }, "Key": { "Ref": "Key" }, "Text": { "Fn::Sub": ["${Image} ${A}", { "A": { "Ref": "Old" } }] } },
            },
            "Outputs": { "Said": { "Value": { "Fn::Sub": "it is ${Image}" } } },
        });
        let part = json!({
            "Parameters": { "Image": { "Type": "String", "Default": "shop:2" }, "Key": { "Type": "String", "NoEcho": true } },
            "Resources": { "Job": { "Image": { "Ref": "Image" }, "New": 1 } },
        });
        let given = BTreeMap::from([("Key".to_owned(), Given::Value("secret".to_owned()))]);
        let (whole, given) = overlay(Words::CloudFormation, &running, &part, &texts(&[("Image", "shop:1"), ("Key", "****"), ("Old", "x")]), &given);
        assert_eq!(whole["Resources"]["Job"], part["Resources"]["Job"]);
        let web =
            json!({ "Image": { "Ref": "ImageBefore" }, "Key": { "Ref": "Key" }, "Text": { "Fn::Sub": ["${ImageBefore} ${A}", { "A": { "Ref": "Old" } }] } });
        assert_eq!(whole["Resources"]["Web"], web);
        assert_eq!(whole["Outputs"]["Said"]["Value"]["Fn::Sub"], "it is ${ImageBefore}");
        assert_eq!(whole["Parameters"]["Image"]["Default"], "shop:2");
        let wanted = [("ImageBefore", Given::Value("shop:1".to_owned())), ("Key", Given::Previous), ("Old", Given::Value("x".to_owned()))];
        assert_eq!(given, wanted.map(|(name, given)| (name.to_owned(), given)).into());
        // A second time, with a third value: what runs is still of the first.
        let part = json!({ "Parameters": { "Image": { "Type": "String" } }, "Resources": { "Job": { "Image": { "Ref": "Image" } } } });
        let values = texts(&[("Image", "shop:2"), ("ImageBefore", "shop:1"), ("Key", "****"), ("Old", "x")]);
        let given = BTreeMap::from([("Image".to_owned(), Given::Value("shop:3".to_owned()))]);
        let (again, given) = overlay(Words::CloudFormation, &whole, &part, &values, &given);
        assert_eq!(again["Resources"]["Web"]["Image"], json!({ "Ref": "ImageBefore" }));
        assert_eq!((&given["Image"], &given["ImageBefore"]), (&Given::Value("shop:3".to_owned()), &Given::Value("shop:1".to_owned())));
    }

    #[test]
    fn expressions_of_azure_are_read_as_such() {
        let running = json!({
            "languageVersion": "2.0",
            "parameters": { "image": { "type": "string", "defaultValue": "1" }, "copies": { "type": "int" } },
            "resources": { "web": { "image": "[concat('a', parameters('image'))]", "copies": "[parameters('copies')]", "text": "[[parameters('image')" } },
        });
        let part = json!({ "parameters": { "image": { "type": "string" }, "copies": { "type": "int" } }, "resources": { "job": {} } });
        let given = BTreeMap::from([("image".to_owned(), Given::Value("2".to_owned())), ("copies".to_owned(), Given::Previous)]);
        let (whole, given) = overlay(Words::Arm, &running, &part, &texts(&[("copies", "3")]), &given);
        let web = json!({ "image": "[concat('a', parameters('imageBefore'))]", "copies": "[parameters('copies')]", "text": "[[parameters('image')" });
        assert_eq!(whole["resources"], json!({ "job": {}, "web": web }));
        assert_eq!(whole["languageVersion"], "2.0");
        assert_eq!(given["imageBefore"], Given::Value("1".to_owned()));
    }
}
