//! What a change does on formats whose engine decides the order itself, read off the templates before and after.

use serde_json::Value;
use stackc::provider::{Facts, NativeKind, NativeType, Object, Provider, Replaces, Shape};
use std::collections::{BTreeMap, BTreeSet};

/// How a format writes its resources.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// CloudFormation: what a change replaces is made before the old one goes, so its name must not be fixed.
    Cfn,
    /// Azure Resource Manager: nothing is replaced, and what cannot be changed is refused.
    Arm,
    /// Heat: like CloudFormation, and most names are nobody's alone.
    Hot,
}

/// Types of Heat whose names the service keeps apart.
const UNIQUE: [&str; 3] = ["OS::Designate::Zone", "OS::Designate::RecordSet", "OS::Swift::Container"];
/// Names that several may have: what they name has numbers besides.
const SHARED: [&str; 1] = ["AWS::ECS::TaskDefinition"];

/// A resource of a template.
struct Resource<'v> {
    ty: &'v str,
    body: &'v Value,
}

fn resources(template: &Value, form: Form) -> BTreeMap<String, Resource<'_>> {
    match form {
        Form::Arm => {
            let all = template["resources"].as_array().into_iter().flatten();
            let named = |body: &Value| format!("{} {}", body["type"].as_str().unwrap_or_default(), body["name"].as_str().unwrap_or_default());
            all.map(|body| (named(body), Resource { ty: body["type"].as_str().unwrap_or_default(), body })).collect()
        }
        Form::Cfn | Form::Hot => {
            let (section, ty, properties) = if form == Form::Cfn { ("Resources", "Type", "Properties") } else { ("resources", "type", "properties") };
            let all = template[section].as_object().into_iter().flatten();
            all.map(|(name, body)| (name.clone(), Resource { ty: body[ty].as_str().unwrap_or_default(), body: &body[properties] })).collect()
        }
    }
}

/// What of a change a cloud would refuse, by kind and instance.
pub fn judge(before: &str, after: &str, form: Form, facts: &Facts) -> Vec<(String, String)> {
    let (before, after): (Value, Value) = (serde_json::from_str(before).unwrap(), serde_json::from_str(after).unwrap());
    let (old, new) = (resources(&before, form), resources(&after, form));
    let mut found = Vec::new();
    for (name, is) in &new {
        let Some(native) = facts.native_type(NativeKind::Resource, is.ty) else { continue };
        let Some(was) = old.get(name).filter(|was| was.ty == is.ty) else { continue };
        let mut fixed = Vec::new();
        changed(&native, native.root(), was.body, is.body, "", &mut fixed);
        let told = names(&native, is, form);
        let same = names(&native, was, form) == told && !told.is_empty();
        match form {
            Form::Arm => found.extend(fixed.iter().map(|path| (format!("{} {path} cannot be changed", is.ty), name.clone()))),
            _ if same && !fixed.is_empty() => found.push((format!("{} {} is replaced under its name", is.ty, fixed.join(" ")), format!("{name}: {told:?}"))),
            _ => {}
        }
    }
    if form != Form::Arm {
        for (name, is) in new.iter().filter(|(name, _)| !old.contains_key(*name)) {
            let Some(native) = facts.native_type(NativeKind::Resource, is.ty) else { continue };
            let identity = identity(&native, is, form);
            for (other, was) in old.iter().filter(|(other, was)| was.ty == is.ty && !new.contains_key(*other)) {
                if !identity.is_empty() && self::identity(&native, was, form) == identity {
                    let by: Vec<&str> = identity.keys().map(String::as_str).collect();
                    found.push((format!("{} meets itself by {}", is.ty, by.join(" ")), format!("{other} goes and {name} comes: {identity:?}")));
                }
            }
        }
    }
    found
}

/// Two resources of a template that a cloud takes for the same.
pub fn twins(template: &str, form: Form, facts: &Facts) -> Vec<(String, String)> {
    let template: Value = serde_json::from_str(template).unwrap();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    for (name, is) in resources(&template, form) {
        let Some(native) = facts.native_type(NativeKind::Resource, is.ty) else { continue };
        let identity = identity(&native, &is, form);
        if identity.is_empty() || form == Form::Arm {
            continue;
        }
        if let Some(other) = seen.insert(format!("{} {identity:?}", is.ty), name.clone()) {
            let by: Vec<&str> = identity.keys().map(String::as_str).collect();
            found.push((format!("{} stands twice by {}", is.ty, by.join(" ")), format!("{name} and {other}: {identity:?}")));
        }
    }
    found
}

/// The paths of what differs and a change of which replaces, or is refused.
fn changed(native: &NativeType, object: &Object, before: &Value, after: &Value, path: &str, found: &mut Vec<String>) {
    for member in &object.members {
        let (was, is) = (&before[&member.name], &after[&member.name]);
        if was == is {
            continue;
        }
        let here = if path.is_empty() { member.name.clone() } else { format!("{path}.{}", member.name) };
        if member.replaces == Replaces::Always {
            found.push(here);
        } else if let Shape::Object(index) | Shape::Block(index, _) = member.shape {
            changed(native, native.object(index), was, is, &here, found);
        }
    }
}

/// Whether a value is known before anything is made, rather than read from another resource.
fn is_fixed(value: &Value) -> bool {
    let text = value.to_string();
    !text.contains("\"Fn::GetAtt\"")
        && !text.contains("\"get_attr\"")
        && !text.contains("\"get_resource\"")
        && (!text.contains("\"Ref\"") || text.contains("AWS::"))
}

/// The names that a resource has for its cloud.
fn names(native: &NativeType, resource: &Resource<'_>, form: Form) -> BTreeMap<String, String> {
    if SHARED.contains(&resource.ty) || (form == Form::Hot && !UNIQUE.contains(&resource.ty)) {
        return BTreeMap::new();
    }
    let named = |name: &str| matches!(name, "Name" | "name" | "Family") || name.ends_with("Identifier") || name.ends_with("Name");
    let given = native.root().members.iter().filter(|member| named(&member.name) && member.replaces == Replaces::Always);
    let values = given.filter_map(|member| Some((member.name.clone(), resource.body.get(&member.name)?))).filter(|(_, value)| is_fixed(value));
    values.map(|(name, value)| (name, value.to_string())).collect()
}

/// By what a cloud tells a resource from others: its names with what of it is fixed, or what it belongs to and one thing more, or all of it.
fn identity(native: &NativeType, resource: &Resource<'_>, form: Form) -> BTreeMap<String, String> {
    let names = names(native, resource, form);
    let all = || resource.body.as_object().into_iter().flatten().filter(|(name, _)| !matches!(name.as_str(), "Tags" | "tags" | "Description" | "description"));
    let fixed: BTreeSet<&str> = native
        .root()
        .members
        .iter()
        .filter(|member| member.replaces == Replaces::Always || matches!(member.name.as_str(), "type" | "Type"))
        .map(|member| member.name.as_str())
        .collect();
    let written = |(name, value): (&String, &Value)| (name.clone(), value.to_string());
    let mut identity: BTreeMap<String, String> = all().filter(|(name, _)| fixed.contains(name.as_str())).map(written).collect();
    if names.is_empty() {
        if identity.len() < 2 {
            identity = all().map(written).collect();
        }
        if identity.len() < 2
            || !identity.values().any(|value| ["\"Ref\"", "\"Fn::GetAtt\"", "\"get_resource\"", "\"get_attr\""].iter().any(|word| value.contains(word)))
        {
            identity.clear();
        }
    }
    identity
}
