//! What would change, and what drifted, as a table and as JSON.

use crate::compile::Compiled;
use crate::engine::{Change, DATA_GOES, KNOWN_AFTER, Plan, PropertyChange, ResourceStatus, What};
use serde_json::{Value, json};
use stackc::native::Removal;

/// The order of a table: what is lost stands last, where the eye rests.
const ORDER: [What; 6] = [What::Add, What::Adopt, What::Change, What::MayReplace, What::Replace, What::Remove];

/// Width of the column that says what happens: "new revision" is the longest.
const WORD: usize = 12;

/// How much a plan for a person says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A line for each of the user's nodes of which all is made, and one for each resource otherwise; what only follows from others says so.
    Nodes,
    /// Each resource with its type, and all that changes in it.
    All,
}

/// `2 to add, 1 to replace`.
pub fn counts(compiled: &Compiled, changes: &[Change]) -> String {
    let revisions = changes.iter().filter(|change| is_revision(compiled, change)).count();
    let count = |what: What| changes.iter().filter(|change| change.what == what && !is_revision(compiled, change)).count();
    let mut parts: Vec<String> =
        ORDER.iter().filter(|what| count(**what) > 0).map(|what| format!("{} to {}", count(*what), what.word().replace("may ", "perhaps "))).collect();
    if revisions > 0 {
        parts.push(format!("{revisions} new revision{}", if revisions == 1 { "" } else { "s" }));
    }
    if parts.is_empty() { "nothing to do".to_owned() } else { parts.join(", ") }
}

/// Whether another revision takes the place of a resource, which is what each of its changes does, and loses nothing.
fn is_revision(compiled: &Compiled, change: &Change) -> bool {
    matches!(change.what, What::Replace | What::MayReplace) && compiled.origins.resource(&change.name).is_some_and(|origin| origin.revision)
}

/// What happens to it, in a word.
pub fn word(compiled: &Compiled, change: &Change) -> &'static str {
    if is_revision(compiled, change) { "new revision" } else { change.what.word() }
}

/// A plan for a person.
pub fn plan<P>(compiled: &Compiled, place: &str, plan: &Plan<P>, detail: Detail) -> String {
    let mut text = format!("{} ({place}): {}\n", compiled.name, counts(compiled, &plan.changes));
    match detail {
        Detail::All => text.push_str(&lines(compiled, &plan.changes, |change| word(compiled, change))),
        Detail::Nodes => text.push_str(&nodes(compiled, &plan.changes)),
    }
    for note in &plan.notes {
        text.push_str(&format!("  {note}\n"));
    }
    text
}

/// The user's node that a resource belongs to, by its address.
pub fn node_of(compiled: &Compiled, address: &str) -> String {
    match compiled.origins.resource(address).map(|origin| &origin.of) {
        Some(Some((ty, of))) => format!("{ty} {of}"),
        Some(None) => "stack".to_owned(),
        // `bucket media: policy` of what the lock file knows.
        None => compiled.label(address).split(": ").next().unwrap_or(address).to_owned(),
    }
}

/// Where a change stands in [`ORDER`]; a new revision loses nothing.
fn rank(compiled: &Compiled, change: &Change) -> usize {
    let what = if is_revision(compiled, change) { What::Change } else { change.what };
    ORDER.iter().position(|known| *known == what).unwrap_or_default()
}

/// Whether all that changes in it is known only once something else has changed.
pub fn follows(change: &Change) -> bool {
    let known_after = |property: &PropertyChange| property.new.as_deref() == Some(KNOWN_AFTER);
    change.what == What::Change && !change.properties.is_empty() && change.properties.iter().all(known_after)
}

/// What changes of one of the user's nodes; within it the cause stands before what follows from it.
pub struct Group<'c> {
    /// The node, by its type and name.
    pub name: String,
    /// What changes of it.
    pub changes: Vec<&'c Change>,
}

impl Group<'_> {
    /// Whether all of it is made.
    pub fn is_made(&self) -> bool {
        self.changes.iter().all(|change| change.what == What::Add)
    }
}

/// The changes by the user's nodes, what is lost last.
pub fn groups<'c>(compiled: &Compiled, changes: &'c [Change]) -> Vec<Group<'c>> {
    let mut groups: Vec<Group<'c>> = Vec::new();
    let place = |change: &Change| compiled.origins.resources.iter().position(|origin| origin.address == change.name).unwrap_or(usize::MAX);
    let mut sorted: Vec<&Change> = changes.iter().collect();
    sorted.sort_by_key(|change| (follows(change), place(change), change.name.clone()));
    for change in sorted {
        let name = node_of(compiled, &change.name);
        match groups.iter_mut().find(|group| group.name == name) {
            Some(group) => group.changes.push(change),
            None => groups.push(Group { name, changes: vec![change] }),
        }
    }
    let first = |group: &Group<'_>| group.changes.iter().map(|change| place(change)).min();
    groups.sort_by_key(|group| (group.changes.iter().map(|change| rank(compiled, change)).max(), first(group)));
    groups
}

fn nodes(compiled: &Compiled, changes: &[Change]) -> String {
    let groups = groups(compiled, changes);
    let one = |group: &Group<'_>| group.changes.len() > 1 && group.is_made();
    let label = |group: &Group<'_>| match one(group) {
        true => vec![group.name.clone()],
        false => group.changes.iter().map(|change| compiled.label(&change.name)).collect(),
    };
    let width = groups.iter().flat_map(label).map(|label| label.chars().count()).max().unwrap_or(0).min(44);
    let mut text = String::new();
    for group in groups {
        if one(&group) {
            text.push_str(&format!("  {:<WORD$}  {:<width$}  {} resources\n", What::Add.word(), group.name, group.changes.len()));
            continue;
        }
        for change in group.changes {
            // Of what the stack no longer has, the address alone says little.
            let ty = if compiled.origins.resource(&change.name).is_none() { format!("  {}", change.ty) } else { String::new() };
            let behind = if follows(change) { "  follows".to_owned() } else { format!("{ty}{}", remarks(compiled, change)) };
            let line = format!("  {:<WORD$}  {:<width$}{behind}", word(compiled, change), compiled.label(&change.name));
            text.push_str(&format!("{}\n", line.trim_end()));
            if !follows(change) {
                properties(compiled, change).iter().for_each(|property| text.push_str(&format!("{:18}{}\n", "", property_line(property))));
            }
        }
    }
    text
}

/// What a removal takes and leaves, by the user's nodes, and what becomes of data; `kept` stays by its address.
pub fn removal(compiled: &Compiled, there: &[ResourceStatus], kept: &[String]) -> String {
    let place = |name: &str| compiled.origins.resources.iter().position(|origin| origin.address == name).unwrap_or(usize::MAX);
    let mut sorted: Vec<&ResourceStatus> = there.iter().collect();
    sorted.sort_by_key(|resource| (place(&resource.name), resource.name.clone()));
    // What happens, to which node, what is said of its data, and of how many resources.
    let mut lines: Vec<(&str, String, &str, usize)> = Vec::new();
    for resource in sorted {
        let holds = compiled.guarded(&resource.name, &resource.ty).is_some();
        let copied = compiled.origins.resource(&resource.name).is_some_and(|origin| origin.removal == Removal::Snapshot);
        let (what, data) = match (kept.contains(&resource.name), holds) {
            (true, _) => ("stays", ""),
            (false, true) if copied => ("remove", "a last snapshot of its data is kept"),
            (false, true) => ("remove", DATA_GOES),
            (false, false) => ("remove", ""),
        };
        let node = node_of(compiled, &resource.name);
        match lines.iter_mut().find(|(known, name, ..)| *known == what && *name == node) {
            Some((_, _, of, count)) => {
                *count += 1;
                // That something is lost is said before that a copy is kept of something else.
                if of.is_empty() || data == DATA_GOES {
                    *of = data;
                }
            }
            None => lines.push((what, node, data, 1)),
        }
    }
    lines.sort_by_key(|(what, _, data, _)| (*what == "stays", !data.is_empty()));
    let width = lines.iter().map(|(_, node, ..)| node.chars().count()).max().unwrap_or(0).min(44);
    let mut text = String::new();
    for (what, node, data, count) in lines {
        let count = if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") };
        let data = if data.is_empty() { String::new() } else { format!("  ({data})") };
        text.push_str(&format!("  {what:<WORD$}  {node:<width$}  {count}{data}\n"));
    }
    text
}

/// What changes in it, each only as far as it differs; that a new revision is made is said by its word.
pub fn properties(compiled: &Compiled, change: &Change) -> Vec<PropertyChange> {
    let revision = is_revision(compiled, change);
    change.properties.iter().flat_map(narrowed).map(|property| PropertyChange { replaces: property.replaces && !revision, ..property }).collect()
}

/// Why the loss of it takes a word more, and what becomes of it.
pub fn remarks(compiled: &Compiled, change: &Change) -> String {
    let guarded = if change.what.loses() { compiled.guarded(&change.name, &change.ty) } else { None };
    let mut remarks: Vec<&str> = guarded.into_iter().collect();
    remarks.extend(fate(compiled, change));
    if remarks.is_empty() { String::new() } else { format!("  ({})", remarks.join("; ")) }
}

/// One line per resource and per property, in the user's names.
pub fn lines(compiled: &Compiled, changes: &[Change], word: impl Fn(&Change) -> &'static str) -> String {
    let mut sorted: Vec<&Change> = changes.iter().collect();
    let place = |change: &Change| compiled.origins.resources.iter().position(|origin| origin.address == change.name).unwrap_or(usize::MAX);
    sorted.sort_by_key(|change| (rank(compiled, change), place(change), change.name.clone()));
    let width = sorted.iter().map(|change| compiled.label(&change.name).chars().count()).max().unwrap_or(0).min(44);
    let mut text = String::new();
    for change in sorted {
        let remarks = remarks(compiled, change);
        text.push_str(&format!("  {:<WORD$}  {:<width$}  {}{remarks}\n", word(change), compiled.label(&change.name), change.ty));
        properties(compiled, change).iter().for_each(|property| text.push_str(&format!("{:18}{}\n", "", property_line(property))));
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
pub fn short(value: &str) -> String {
    let line = value.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() > 60 { format!("{}…", line.chars().take(59).collect::<String>()) } else { line }
}

/// A plan for a program.
pub fn plan_json<P>(compiled: &Compiled, place: &str, account: Option<&str>, plan: &Plan<P>) -> Value {
    json!({ "stack": compiled.name, "target": compiled.target.name, "place": place, "account": account, "changes": changes_json(compiled, &plan.changes), "notes": plan.notes })
}

/// Changes for a program.
pub fn changes_json(compiled: &Compiled, changes: &[Change]) -> Value {
    let change = |change: &Change| {
        let at = compiled.origins.resource(&change.name).map(|origin| {
            let (line, column) = compiled.sources.line_column(origin.origin.user);
            json!({ "file": compiled.sources.get(origin.origin.user.file).map(|source| source.name.clone()), "line": line, "column": column })
        });
        let properties = change.properties.iter().map(
            |property| {
                let known_after = property.new.as_deref() == Some(KNOWN_AFTER);
                let new = property.new.as_ref().filter(|_| !known_after);
                json!({ "path": property.path, "old": property.old, "new": new, "known_after": known_after, "replaces": property.replaces, "because": property.because })
            },
        );
        json!({
            "what": change.what.word(),
            "revision": is_revision(compiled, change),
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
