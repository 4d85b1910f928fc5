//! What would change, and what drifted, as a table and as JSON.

use crate::compile::Compiled;
use crate::engine::{Change, DATA_GOES, Plan, PropertyChange, What};
use serde_json::{Value, json};

/// The order of a table: what is lost stands last, where the eye rests.
const ORDER: [What; 6] = [What::Add, What::Adopt, What::Change, What::MayReplace, What::Replace, What::Remove];

/// `2 to add, 1 to replace`.
pub fn counts(changes: &[Change]) -> String {
    let count = |what: What| changes.iter().filter(|change| change.what == what).count();
    let parts: Vec<String> =
        ORDER.iter().filter(|what| count(**what) > 0).map(|what| format!("{} to {}", count(*what), what.word().replace("may ", "perhaps "))).collect();
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

/// A plan for a person.
pub fn plan<P>(compiled: &Compiled, place: &str, plan: &Plan<P>) -> String {
    let mut text = format!("{} ({place}): {}\n", compiled.name, counts(&plan.changes));
    text.push_str(&lines(compiled, &plan.changes, |what| what.word()));
    for note in &plan.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text
}

/// One line per resource and per property, in the user's names.
pub fn lines(compiled: &Compiled, changes: &[Change], word: impl Fn(What) -> &'static str) -> String {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    let place = |change: &Change| compiled.origins.resources.iter().position(|origin| origin.address == change.name).unwrap_or(usize::MAX);
    sorted.sort_by_key(|change| (ORDER.iter().position(|what| *what == change.what), place(change), change.name.clone()));
    let width = sorted.iter().map(|change| compiled.label(&change.name).chars().count()).max().unwrap_or(0).min(44);
    let mut text = String::new();
    for change in sorted {
        let guarded = if change.what.loses() { compiled.guarded(&change.name, &change.ty) } else { None };
        let mut remarks: Vec<&str> = guarded.into_iter().collect();
        remarks.extend(fate(compiled, change));
        let remarks = if remarks.is_empty() { String::new() } else { format!("  ({})", remarks.join("; ")) };
        text.push_str(&format!("  {:<11}  {:<width$}  {}{remarks}\n", word(change.what), compiled.label(&change.name), change.ty));
        for property in change.properties.iter().flat_map(narrowed) {
            let property = &property;
            text.push_str(&format!("                 {}\n", property_line(property)));
        }
    }
    text
}

/// What becomes of what goes. Of a resource that holds no data, none is lost: a cloud says of each what it does with it.
fn fate(compiled: &Compiled, change: &Change) -> Option<&'static str> {
    change.fate.filter(|fate| change.what.loses() && (*fate != DATA_GOES || compiled.guarded(&change.name, &change.ty).is_some()))
}

/// Only what differs of values that are long and alike.
fn narrowed(property: &PropertyChange) -> Vec<PropertyChange> {
    let parsed =
        |text: &Option<String>| text.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok()).filter(|value| value.is_object() || value.is_array());
    let (Some(old), Some(new)) = (parsed(&property.old), parsed(&property.new)) else { return vec![property.clone()] };
    let mut found = Vec::new();
    differences(&property.path, Some(&old), Some(&new), &mut found);
    if found.is_empty() || found.len() > 12 {
        return vec![property.clone()];
    }
    let text = |value: Option<&Value>| value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    found.into_iter().map(|(path, old, new)| PropertyChange { path, old: text(old), new: text(new), ..property.clone() }).collect()
}

type Difference<'v> = (String, Option<&'v Value>, Option<&'v Value>);

fn differences<'v>(path: &str, old: Option<&'v Value>, new: Option<&'v Value>, found: &mut Vec<Difference<'v>>) {
    match (old, new) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let added = after.keys().filter(|key| !before.contains_key(*key));
            for key in before.keys().chain(added) {
                differences(&format!("{path}.{key}"), before.get(key), after.get(key), found);
            }
        }
        (Some(Value::Array(before)), Some(Value::Array(after))) => {
            for index in 0..before.len().max(after.len()) {
                differences(&format!("{path}.{index}"), before.get(index), after.get(index), found);
            }
        }
        (old, new) if old != new => found.push((path.to_owned(), old, new)),
        _ => {}
    }
}

fn property_line(property: &PropertyChange) -> String {
    let values = match (&property.old, &property.new) {
        (None, None) => String::new(),
        (old, new) => {
            let shown = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), short);
            format!(": {} → {}", shown(old), shown(new))
        }
    };
    let because =
        property.because.as_ref().filter(|_| property.old.is_none() && property.new.is_none()).map(|cause| format!(" (by {cause})")).unwrap_or_default();
    let replaces = if property.replaces { "  forces a replacement" } else { "" };
    format!("{}{values}{because}{replaces}", property.path)
}

/// On one line, and no longer than is read.
fn short(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 60 { format!("{}…", line.chars().take(59).collect::<String>()) } else { line }
}

/// A plan for a program.
pub fn plan_json<P>(compiled: &Compiled, place: &str, plan: &Plan<P>) -> Value {
    json!({ "stack": compiled.name, "target": compiled.target.name, "place": place, "changes": changes_json(compiled, &plan.changes), "notes": plan.notes })
}

/// Changes for a program.
pub fn changes_json(compiled: &Compiled, changes: &[Change]) -> Value {
    let change = |change: &Change| {
        let at = compiled.origins.resource(&change.name).map(|origin| {
            let (line, column) = compiled.sources.line_column(origin.origin.user);
            json!({ "file": compiled.sources.get(origin.origin.user.file).map(|source| source.name.clone()), "line": line, "column": column })
        });
        let properties = change.properties.iter().map(
            |property| json!({ "path": property.path, "old": property.old, "new": property.new, "replaces": property.replaces, "because": property.because }),
        );
        json!({
            "what": change.what.word(),
            "resource": compiled.user_name(&change.name),
            "label": compiled.label(&change.name),
            "name": change.name,
            "type": change.ty,
            "guarded": if change.what.loses() { compiled.guarded(&change.name, &change.ty) } else { None },
            "fate": fate(compiled, change),
            "properties": properties.collect::<Vec<_>>(),
            "at": at,
        })
    };
    changes.iter().map(change).collect()
}
