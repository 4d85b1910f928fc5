//! Of a CloudFormation template, the part that differs from another: the changed resources, what they refer to, and what
//! refers to them. A fault can only show there, and cfn-lint is done with it sooner.

use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The part of `mutant` that `base` does not have, as a template; nothing when there is no difference that counts.
pub fn differing(mutant: &Value, base: &Value) -> Option<Value> {
    let section = |template: &Value, name: &str| template[name].as_object().cloned().unwrap_or_default();
    let resources = section(mutant, "Resources");
    let changed: BTreeSet<String> =
        resources.iter().filter(|(name, resource)| base["Resources"][name.as_str()] != **resource).map(|(name, _)| name.clone()).collect();
    let params: BTreeSet<String> =
        section(mutant, "Parameters").iter().filter(|(name, param)| base["Parameters"][name.as_str()] != **param).map(|(name, _)| name.clone()).collect();
    let mut kept: BTreeSet<String> = changed.clone();
    for (name, resource) in &resources {
        if names_in(resource).iter().any(|name| changed.contains(name) || params.contains(name)) {
            kept.insert(name.clone());
        }
    }
    let outputs: Map<String, Value> = section(mutant, "Outputs")
        .into_iter()
        .filter(|(name, output)| {
            base["Outputs"][name.as_str()] != *output || names_in(output).iter().any(|name| changed.contains(name) || params.contains(name))
        })
        .collect();
    let mut open: Vec<String> = outputs.values().flat_map(names_in).collect();
    open.extend(kept.iter().filter_map(|name| resources.get(name)).flat_map(names_in));
    while let Some(name) = open.pop() {
        if let Some(resource) = resources.get(&name).filter(|_| !kept.contains(&name)) {
            open.extend(names_in(resource));
            kept.insert(name);
        }
    }
    let same_outputs = outputs.is_empty() && section(mutant, "Outputs").len() == section(base, "Outputs").len();
    if kept.is_empty() && same_outputs && resources.len() == section(base, "Resources").len() && mutant["Description"] == base["Description"] {
        return None;
    }
    // A template has a resource at least.
    if kept.is_empty() {
        kept.extend(resources.keys().next().cloned());
        let mut open: Vec<String> = kept.iter().filter_map(|name| resources.get(name)).flat_map(names_in).collect();
        while let Some(name) = open.pop() {
            if let Some(resource) = resources.get(&name).filter(|_| !kept.contains(&name)) {
                open.extend(names_in(resource));
                kept.insert(name);
            }
        }
    }
    let kept: Map<String, Value> = resources.into_iter().filter(|(name, _)| kept.contains(name)).collect();
    let used: BTreeSet<String> = kept.values().chain(outputs.values()).flat_map(names_in).collect();
    let params: Map<String, Value> = section(mutant, "Parameters").into_iter().filter(|(name, _)| used.contains(name) || params.contains(name)).collect();
    let mut slice = json!({ "AWSTemplateFormatVersion": mutant["AWSTemplateFormatVersion"], "Description": mutant["Description"], "Resources": kept });
    for (name, section) in [("Parameters", params), ("Outputs", outputs)] {
        if !section.is_empty() {
            slice[name] = Value::Object(section);
        }
    }
    Some(slice)
}

/// The logical names that a value refers to.
pub fn names_in(value: &Value) -> Vec<String> {
    let mut names = Vec::new();
    let mut open = vec![value];
    while let Some(value) = open.pop() {
        match value {
            Value::Array(items) => open.extend(items),
            Value::Object(object) => {
                for (key, value) in object {
                    match (key.as_str(), value) {
                        ("Ref", Value::String(name)) => names.push(name.clone()),
                        ("Fn::GetAtt", Value::Array(path)) => names.extend(path.first().and_then(Value::as_str).map(str::to_owned)),
                        ("DependsOn", Value::String(name)) => names.push(name.clone()),
                        ("DependsOn", Value::Array(all)) => names.extend(all.iter().filter_map(Value::as_str).map(str::to_owned)),
                        ("Fn::Sub", Value::String(text)) => {
                            let holes = text.split("${").skip(1).filter_map(|rest| rest.split_once('}'));
                            names.extend(holes.map(|(name, _)| name.split('.').next().unwrap_or(name).to_owned()));
                        }
                        _ => open.push(value),
                    }
                }
            }
            _ => {}
        }
    }
    names
}
