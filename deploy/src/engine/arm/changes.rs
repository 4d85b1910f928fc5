//! What a what-if foresees, as changes. Azure's what-if is known to see changes where there are none (defaults, and what only can be read); what it marks as
//! having no effect itself is left out, and nothing else, since that would be guessing.

use super::super::{Change, PropertyChange, What};
use super::names::{Id, Names};
use serde_json::Value;
use std::collections::BTreeSet;

/// What comes of a what-if.
#[derive(Debug, Default)]
pub struct Foreseen {
    pub changes: Vec<Change>,
    pub notes: Vec<String>,
    /// Ids of what the template makes, in small letters.
    pub ids: BTreeSet<String>,
    /// Names of those whose id or change Azure cannot tell beforehand.
    pub unforeseen: BTreeSet<String>,
}

/// What is known beside the what-if.
pub struct Around<'a> {
    pub names: &'a Names,
    /// Ids of what the running stack has, in small letters.
    pub managed: &'a BTreeSet<String>,
    /// The running stack's template.
    pub old: Option<&'a Value>,
    pub new: &'a Value,
    /// Values that must not be shown.
    pub secrets: &'a [String],
}

/// Whatever a what-if foresees for what the template makes.
pub fn foreseen(answer: &Value, around: &Around<'_>) -> Foreseen {
    let mut found = Foreseen::default();
    let list = |name: &str| answer.pointer(&format!("/properties/{name}")).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let mut nameless = 0;
    let mut vague: Vec<(String, Option<String>)> = Vec::new();
    let sure = list("changes").iter().map(|change| (change, true));
    for (change, sure) in sure.chain(list("potentialChanges").iter().map(|change| (change, false))) {
        let text = |name: &str| change.get(name).and_then(Value::as_str);
        let kind = text("changeType").unwrap_or_default();
        // What else lies in the resource group.
        if kind == "Ignore" || kind == "Delete" {
            continue;
        }
        let id = text("resourceId").unwrap_or_default();
        let known = around.names.get(id, text("symbolicName"));
        if known.as_deref().is_some_and(|name| !around.names.makes(name)) {
            // Only looked up.
            continue;
        }
        nameless += usize::from(known.is_none());
        let name = known.unwrap_or_else(|| around.names.or_short(id, None));
        let parsed = Id::of(id);
        let in_template = around.new.pointer(&format!("/resources/{name}/type")).and_then(Value::as_str);
        let ty = in_template.map(str::to_owned).or(parsed.map(|id| id.ty)).unwrap_or_default();
        found.ids.insert(id.to_ascii_lowercase());
        let there = around.managed.contains(&id.to_ascii_lowercase());
        let properties = properties(change, around.secrets);
        let what = match kind {
            "Create" => Some(What::Add),
            "Modify" | "NoChange" if !there => Some(What::Adopt),
            "Modify" if sure => (!properties.is_empty()).then_some(What::Change),
            "NoChange" => None,
            // Azure does not say: what the template says of it does.
            _ => {
                found.unforeseen.insert(name.clone());
                vague.push((name.clone(), text("unsupportedReason").map(str::to_owned)));
                let said = |template: &Value| template.pointer(&format!("/resources/{name}")).cloned();
                let before = around.old.and_then(said);
                match before {
                    None => Some(What::Add),
                    Some(before) if said(around.new).as_ref() != Some(&before) => Some(What::Change),
                    Some(_) => None,
                }
            }
        };
        found.changes.extend(what.map(|what| Change { name, ty, what, fate: None, properties }));
    }
    if !vague.is_empty() {
        let names: Vec<&str> = vague.iter().map(|(name, _)| name.as_str()).collect();
        let why = vague.iter().find_map(|(_, why)| why.clone()).map(|why| format!(" ({})", one_line(&why))).unwrap_or_default();
        found.notes.push(format!("Azure cannot foresee {}{why}: whether it changes is judged by the template alone", names.join(", ")));
    }
    if nameless > 0 {
        found.notes.push(format!("{nameless} of Azure's changes could not be matched to a resource of the template, and go by Azure's names"));
    }
    if found.changes.iter().any(|change| change.what == What::Change && !change.properties.is_empty()) {
        found.notes.push("Azure's forecast can show a default, or what only can be read, as a change".to_owned());
    }
    found
}

/// What others changed: a what-if of the deployed template, read backwards.
pub fn drifted(answer: &Value, names: &Names, template: &Value, hidden: &[String]) -> (Vec<Change>, Vec<String>) {
    let mut found = Vec::new();
    let mut unchecked = Vec::new();
    for change in answer.pointer("/properties/changes").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default() {
        let text = |name: &str| change.get(name).and_then(Value::as_str);
        let id = text("resourceId").unwrap_or_default();
        let name = names.or_short(id, text("symbolicName"));
        let ty = template.pointer(&format!("/resources/{name}/type")).and_then(Value::as_str).map(str::to_owned);
        let ty = ty.or(Id::of(id).map(|id| id.ty)).unwrap_or_default();
        let properties: Vec<PropertyChange> = properties(change, hidden)
            .into_iter()
            .filter(|property| property.new.as_deref() != Some(SECRET))
            .map(|property| PropertyChange { old: property.new, new: property.old, ..property })
            .collect();
        match text("changeType").unwrap_or_default() {
            "Create" => found.push(Change { name, ty, what: What::Remove, fate: None, properties: Vec::new() }),
            "Modify" if !properties.is_empty() => found.push(Change { name, ty, what: What::Change, fate: None, properties }),
            "Unsupported" | "Deploy" => unchecked.push(name),
            _ => {}
        }
    }
    (found, unchecked)
}

/// What stands for a value that must not be shown.
const SECRET: &str = "(secret)";

fn properties(change: &Value, secrets: &[String]) -> Vec<PropertyChange> {
    let mut found = Vec::new();
    let delta = change.get("delta").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    delta.iter().for_each(|delta| flat(delta, "", 0, &mut found));
    for property in &mut found {
        let hides = |value: &Option<String>| value.as_deref().is_some_and(|value| secrets.iter().any(|secret| holds(value, secret)));
        if hides(&property.old) || hides(&property.new) {
            // What was there before may be a secret, too: the one of an earlier deploy.
            (property.old, property.new) = (None, Some(SECRET.to_owned()));
        }
    }
    found
}

/// Whether a value has a secret in it, as it is or as JSON writes it.
fn holds(value: &str, secret: &str) -> bool {
    let written = Value::String(secret.to_owned()).to_string();
    !secret.is_empty() && (value.contains(secret) || value.contains(written.trim_matches('"')))
}

fn flat(delta: &Value, above: &str, depth: usize, found: &mut Vec<PropertyChange>) {
    let text = |name: &str| delta.get(name).and_then(Value::as_str).unwrap_or_default();
    let path = [above, text("path")].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".");
    if text("propertyChangeType") == "NoEffect" {
        return;
    }
    let children = delta.get("children").and_then(Value::as_array).filter(|children| !children.is_empty());
    if let (Some(children), true) = (children, depth < 16) {
        children.iter().for_each(|child| flat(child, &path, depth + 1, found));
        return;
    }
    let value = |name: &str| delta.get(name).filter(|value| !value.is_null()).map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    found.push(PropertyChange { path, old: value("before"), new: value("after"), replaces: false, because: None });
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
