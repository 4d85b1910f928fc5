//! What an update would do, from the running template and the new one. Heat's own preview calls each resource replaced that refers to another, so it is
//! believed only where it calls one unchanged.

use crate::engine::{Change, PropertyChange, What};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What a resource type says of its properties (`GET …/resource_types/TYPE`).
#[derive(Debug, Clone, Default)]
pub struct Type {
    /// Those that can be changed in place.
    pub updatable: BTreeSet<String>,
    /// Those that Heat lets nobody change.
    pub immutable: BTreeSet<String>,
}

/// A resource of the running stack.
#[derive(Debug, Clone, Default)]
pub struct There {
    /// Heat's word for how it is.
    pub how: String,
    /// Whether the cloud has something for it.
    pub made: bool,
}

/// All that the comparison knows.
#[derive(Debug)]
pub struct Known<'k> {
    /// The running template.
    pub old: &'k Value,
    /// The new one.
    pub new: &'k Value,
    /// The resources that are there.
    pub there: BTreeMap<String, There>,
    /// Parameters whose value is another: the old and the new one, or none of a secret, of which it cannot be seen whether it is.
    pub params: BTreeMap<String, Option<(String, String)>>,
    /// Resources that the preview calls unchanged.
    pub unchanged: BTreeSet<String>,
    /// By the names of types.
    pub types: BTreeMap<String, Type>,
}

static NOTHING: Value = Value::Null;

impl Default for Known<'_> {
    fn default() -> Self {
        Known { old: &NOTHING, new: &NOTHING, there: BTreeMap::new(), params: BTreeMap::new(), unchanged: BTreeSet::new(), types: BTreeMap::new() }
    }
}

/// What refers to what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Reference {
    Param(String),
    Resource(String),
    Attribute(String, Option<String>),
}

/// The references in a value.
fn references(value: &Value, found: &mut BTreeSet<Reference>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| references(value, found)),
        Value::Object(map) => {
            if let Some((function, argument)) = map.iter().next().filter(|_| map.len() == 1) {
                let list: Vec<&str> = match argument {
                    Value::String(name) => vec![name],
                    Value::Array(parts) => parts.iter().map_while(Value::as_str).collect(),
                    _ => Vec::new(),
                };
                match (function.as_str(), list.first()) {
                    ("get_param", Some(name)) => found.insert(Reference::Param((*name).to_owned())),
                    ("get_resource", Some(name)) => found.insert(Reference::Resource((*name).to_owned())),
                    ("get_attr", Some(name)) => found.insert(Reference::Attribute((*name).to_owned(), list.get(1).map(|name| (*name).to_owned()))),
                    _ => false,
                };
            }
            map.values().for_each(|value| references(value, found));
        }
        _ => {}
    }
}

fn of(value: &Value) -> BTreeSet<Reference> {
    let mut found = BTreeSet::new();
    references(value, &mut found);
    found
}

fn entries<'v>(value: &'v Value, name: &str) -> Option<&'v Map<String, Value>> {
    value.get(name).and_then(Value::as_object)
}

/// A resource of a template.
pub fn resource<'v>(template: &'v Value, name: &str) -> Option<&'v Value> {
    entries(template, "resources")?.get(name)
}

/// A resource's type.
pub fn type_of(resource: &Value) -> &str {
    resource.get("type").and_then(Value::as_str).unwrap_or_default()
}

/// A template's resources, with their types.
pub fn types(template: &Value) -> BTreeMap<String, String> {
    entries(template, "resources").into_iter().flatten().map(|(name, resource)| (name.clone(), type_of(resource).to_owned())).collect()
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Whether another of its kind has to take its place when this property changes.
fn replaces(ty: &str, types: &BTreeMap<String, Type>, properties: Option<&Map<String, Value>>, property: &str) -> bool {
    // A server's own rule: its user data can be changed only where the policy does not say REPLACE, which is what it says by itself; the others say so when asked to.
    let policy = |name: &str, otherwise: &str| properties.and_then(|own| own.get(name)).and_then(Value::as_str).unwrap_or(otherwise) == "REPLACE";
    match (ty, property) {
        ("OS::Nova::Server", "user_data") => policy("user_data_update_policy", "REPLACE"),
        ("OS::Nova::Server", "flavor") => policy("flavor_update_policy", "RESIZE"),
        ("OS::Nova::Server", "image") => policy("image_update_policy", "REBUILD"),
        _ => types.get(ty).is_some_and(|known| !known.updatable.contains(property)),
    }
}

/// What becomes of the old one when its place is taken, by the template that it was made with.
fn fate(old: Option<&Value>) -> Option<&'static str> {
    match old?.get("deletion_policy")?.as_str()?.to_ascii_lowercase().as_str() {
        "retain" => Some("the old one stays, outside of the stack"),
        "snapshot" => Some("a snapshot of its data stays"),
        _ => None,
    }
}

/// The types of all resources that could be touched: those that differ, and those that refer to them.
pub fn suspects(known: &Known) -> BTreeSet<String> {
    let resources = entries(known.new, "resources").into_iter().flatten();
    let mut touched: BTreeSet<&str> = BTreeSet::new();
    for (name, new) in resources.clone() {
        let same = resource(known.old, name) == Some(new) && known.there.get(name).is_some_and(|there| there.made && !there.how.ends_with("_FAILED"));
        let given = of(new).iter().any(|reference| matches!(reference, Reference::Param(name) if known.params.contains_key(name)));
        if !same || given {
            touched.insert(name);
        }
    }
    loop {
        let before = touched.len();
        for (name, new) in resources.clone() {
            let refers = of(new).iter().any(|reference| match reference {
                Reference::Resource(other) | Reference::Attribute(other, _) => touched.contains(other.as_str()),
                Reference::Param(_) => false,
            });
            if refers {
                touched.insert(name);
            }
        }
        if touched.len() == before {
            break;
        }
    }
    touched.iter().filter_map(|name| resource(known.new, name)).map(|resource| type_of(resource).to_owned()).collect()
}

/// What differs in the texts of one resource, and by the values of parameters.
fn direct(known: &Known, name: &str, old: &Value, new: &Value) -> Vec<PropertyChange> {
    let mut found = Vec::new();
    let ty = type_of(new);
    let (before, after) = (entries(old, "properties"), entries(new, "properties"));
    let gone = before.into_iter().flatten().map(|(key, _)| key).filter(|key| after.is_none_or(|after| !after.contains_key(*key)));
    for key in after.into_iter().flatten().map(|(key, _)| key).chain(gone) {
        let (was, is) = (before.and_then(|own| own.get(key)), after.and_then(|own| own.get(key)));
        let given = is.map(of).unwrap_or_default();
        let mut cause = None;
        let mut values = None;
        for reference in &given {
            let Reference::Param(param) = reference else { continue };
            let Some(change) = known.params.get(param) else { continue };
            cause = Some(match change {
                Some(_) => format!("parameter {param}"),
                None => format!("parameter {param}, a secret: perhaps another one"),
            });
            values = change.clone().filter(|_| is.and_then(|is| is.get("get_param")).is_some());
        }
        if was == is && cause.is_none() {
            continue;
        }
        let (old, new) = if was == is { (values.clone().map(|(old, _)| old), values.map(|(_, new)| new)) } else { (was.map(text), is.map(text)) };
        found.push(PropertyChange { path: key.clone(), old, new, replaces: replaces(ty, &known.types, after, key), because: cause });
    }
    // What the preview calls unchanged has the same values, however they are written.
    if known.unchanged.contains(name) {
        found.clear();
    }
    let beside = ["deletion_policy", "metadata", "depends_on", "update_policy", "external_id", "condition"];
    for key in beside {
        let (was, is) = (old.get(key), new.get(key));
        if was != is {
            found.push(PropertyChange { path: key.to_owned(), old: was.map(text), new: is.map(text), replaces: false, because: None });
        }
    }
    found
}

/// All that an update would do.
pub fn changes(known: &Known) -> Vec<Change> {
    let mut found: BTreeMap<String, Change> = BTreeMap::new();
    for (name, new) in entries(known.new, "resources").into_iter().flatten() {
        let ty = type_of(new).to_owned();
        let there = known.there.get(name).filter(|there| there.made);
        let Some((there, old)) = there.zip(resource(known.old, name)) else {
            found.insert(name.clone(), Change { name: name.clone(), ty, what: What::Add, fate: None, properties: Vec::new() });
            continue;
        };
        let mut properties = direct(known, name, old, new);
        let mut what = if properties.iter().any(|property| property.replaces) { What::Replace } else { What::Change };
        let guess = |property: &PropertyChange| property.because.as_ref().is_some_and(|cause| cause.contains("a secret"));
        if what == What::Replace && properties.iter().filter(|property| property.replaces).all(guess) {
            what = What::MayReplace;
        }
        if type_of(old) != ty {
            what = What::Replace;
            properties.push(PropertyChange {
                path: "type".to_owned(),
                old: Some(type_of(old).to_owned()),
                new: Some(ty.clone()),
                replaces: true,
                because: None,
            });
        }
        if there.how.ends_with("_FAILED") {
            // Heat asks the type whether what failed can still be used.
            what = if what == What::Replace { what } else { What::MayReplace };
            properties.push(PropertyChange { path: there.how.to_lowercase().replace('_', " "), old: None, new: None, replaces: true, because: None });
        }
        if !properties.is_empty() {
            found.insert(name.clone(), Change { name: name.clone(), ty, what, fate: fate(Some(old)), properties });
        }
    }
    while follow(known, &mut found) {}
    for change in found.values_mut().filter(|change| change.what.loses() && change.fate.is_none()) {
        // A container is its name: Heat makes the new one, which is the old one, and deletes the old one then.
        let name = |template| resource(template, &change.name).and_then(|resource| entries(resource, "properties")?.get("name"));
        if change.ty == "OS::Swift::Container" && name(known.old).is_some() && name(known.old) == name(known.new) {
            change.fate = Some("the new one has the same name, which Heat deletes last: nothing is left of either");
        }
    }
    for (name, there) in known.there.iter().filter(|(_, there)| there.made) {
        if resource(known.new, name).is_none() && there.how != "DELETE_COMPLETE" {
            let old = resource(known.old, name);
            let ty = old.map(type_of).unwrap_or_default().to_owned();
            found.insert(name.clone(), Change { name: name.clone(), ty, what: What::Remove, fate: fate(old), properties: Vec::new() });
        }
    }
    found.into_values().collect()
}

/// One step along the references: whatever names something that is replaced gets another value. Whether anything came of it.
fn follow(known: &Known, found: &mut BTreeMap<String, Change>) -> bool {
    let mut came = false;
    for (name, new) in entries(known.new, "resources").into_iter().flatten() {
        let before = found.get(name).map(|change| change.what);
        if before == Some(What::Add) {
            continue;
        }
        let properties = entries(new, "properties");
        for (key, value) in properties.into_iter().flatten() {
            for reference in of(value) {
                let Some((other, certain)) = reached(&reference, found) else { continue };
                let replaces = replaces(type_of(new), &known.types, properties, key);
                let what = match (replaces, certain) {
                    (true, true) => What::Replace,
                    (true, false) => What::MayReplace,
                    (false, _) => What::Change,
                };
                let old = resource(known.old, name);
                let change = found.entry(name.clone()).or_insert_with(|| Change {
                    name: name.clone(),
                    ty: type_of(new).to_owned(),
                    what,
                    fate: fate(old),
                    properties: Vec::new(),
                });
                let rank = |what: What| [What::Change, What::MayReplace, What::Replace].iter().position(|one| *one == what);
                if rank(change.what) < rank(what) {
                    change.what = what;
                    came = true;
                }
                match change.properties.iter_mut().find(|property| property.path == *key) {
                    Some(property) => property.replaces |= replaces,
                    None => {
                        change.properties.push(PropertyChange { path: key.clone(), old: None, new: None, replaces, because: Some(other) });
                        came = true;
                    }
                }
            }
        }
    }
    came
}

/// Whether what a reference names has another value afterwards: which resource, and whether that is certain.
fn reached(reference: &Reference, found: &BTreeMap<String, Change>) -> Option<(String, bool)> {
    match reference {
        Reference::Param(_) => None,
        Reference::Resource(other) => match found.get(other)?.what {
            What::Replace => Some((other.clone(), true)),
            What::MayReplace => Some((other.clone(), false)),
            _ => None,
        },
        Reference::Attribute(other, attribute) => {
            let change = found.get(other)?;
            match change.what {
                What::Replace | What::MayReplace => Some((other.clone(), false)),
                // What changes in place shows it in the attribute of the same name.
                What::Change => {
                    let same = attribute.as_ref().is_some_and(|attribute| change.properties.iter().any(|property| property.path == *attribute));
                    same.then(|| (other.clone(), false))
                }
                _ => None,
            }
        }
    }
}

/// Properties that would change though Heat lets nobody change them, each with its resource.
pub fn forbidden(known: &Known, changes: &[Change]) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    for change in changes.iter().filter(|change| change.what != What::Add && change.what != What::Remove) {
        let Some(ty) = known.types.get(&change.ty) else { continue };
        for property in change.properties.iter().filter(|property| ty.immutable.contains(&property.path)) {
            found.push((change.name.clone(), change.ty.clone(), property.path.clone()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn types() -> BTreeMap<String, Type> {
        let ty = |names: &[&str]| Type { updatable: names.iter().map(|name| (*name).to_owned()).collect(), immutable: BTreeSet::new() };
        [
            ("Net", ty(&["name"])),
            ("Subnet", ty(&["name"])),
            ("Port", ty(&["name", "fixed_ips"])),
            ("Value", ty(&["value"])),
            ("OS::Nova::Server", ty(&["user_data", "name", "flavor"])),
        ]
        .map(|(name, ty)| (name.to_owned(), ty))
        .into()
    }

    fn compare(old: Value, new: Value, change: impl Fn(&mut Known)) -> Vec<(String, What, Vec<String>)> {
        let there = entries(&old, "resources").unwrap().keys().map(|name| (name.clone(), There { how: "CREATE_COMPLETE".to_owned(), made: true })).collect();
        let mut known = Known { old: &old, new: &new, there, types: types(), ..Known::default() };
        change(&mut known);
        let paths =
            |change: &Change| change.properties.iter().map(|property| format!("{}{}", property.path, if property.replaces { "!" } else { "" })).collect();
        changes(&known).iter().map(|change| (change.name.clone(), change.what, paths(change))).collect()
    }

    fn template(length: u32, user_data: &str) -> Value {
        json!({ "resources": {
            "net": { "type": "Net", "properties": { "name": "n", "kind": length } },
            "sub": { "type": "Subnet", "properties": { "network": { "get_resource": "net" }, "name": { "get_param": "p" } } },
            "port": { "type": "Port", "properties": { "name": "p", "fixed_ips": [{ "subnet": { "get_resource": "sub" } }] } },
            "v": { "type": "Value", "properties": { "value": user_data } },
            "srv": { "type": "OS::Nova::Server", "properties": { "name": "s", "user_data": { "get_attr": ["v", "value"] } } },
        } })
    }

    #[test]
    fn nothing_changes_where_nothing_differs() {
        assert_eq!(compare(template(1, "a"), template(1, "a"), |_| ()), []);
    }

    #[test]
    fn what_refers_to_a_replaced_one_is_replaced_where_it_cannot_change() {
        let found = compare(template(1, "a"), template(2, "a"), |_| ());
        assert_eq!(
            found,
            [
                ("net".to_owned(), What::Replace, vec!["kind!".to_owned()]),
                ("port".to_owned(), What::Change, vec!["fixed_ips".to_owned()]),
                ("sub".to_owned(), What::Replace, vec!["network!".to_owned()]),
            ]
        );
    }

    #[test]
    fn a_value_that_changes_in_place_reaches_who_reads_it() {
        let found = compare(template(1, "a"), template(1, "b"), |_| ());
        assert_eq!(found, [("srv".to_owned(), What::MayReplace, vec!["user_data!".to_owned()]), ("v".to_owned(), What::Change, vec!["value".to_owned()])]);
    }

    #[test]
    fn a_parameter_changes_who_uses_it_unless_the_preview_knows_better() {
        let change = |known: &mut Known| drop(known.params.insert("p".to_owned(), None));
        assert_eq!(compare(template(1, "a"), template(1, "a"), change), [("sub".to_owned(), What::Change, vec!["name".to_owned()])]);
        let unchanged = |known: &mut Known| {
            change(known);
            known.unchanged.insert("sub".to_owned());
        };
        assert_eq!(compare(template(1, "a"), template(1, "a"), unchanged), []);
    }

    #[test]
    fn what_failed_or_is_not_there_is_seen() {
        let found = compare(template(1, "a"), template(1, "a"), |known| {
            known.there.remove("net");
            known.there.get_mut("v").unwrap().how = "UPDATE_FAILED".to_owned();
        });
        assert_eq!(
            found,
            [
                ("net".to_owned(), What::Add, vec![]),
                ("srv".to_owned(), What::MayReplace, vec!["user_data!".to_owned()]),
                ("v".to_owned(), What::MayReplace, vec!["update failed!".to_owned()]),
            ]
        );
    }

    #[test]
    fn only_what_could_be_touched_is_asked_for() {
        let (old, new) = (template(1, "a"), template(1, "b"));
        let there = entries(&old, "resources").unwrap().keys().map(|name| (name.clone(), There { how: "CREATE_COMPLETE".to_owned(), made: true })).collect();
        let known = Known { old: &old, new: &new, there, ..Known::default() };
        assert_eq!(suspects(&known).into_iter().collect::<Vec<_>>(), ["OS::Nova::Server", "Value"]);
    }
}
