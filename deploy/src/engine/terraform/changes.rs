//! From what Terraform prints as JSON to changes, events and reasons.

use crate::engine::{Change, Event, KNOWN_AFTER, PropertyChange, Reason, Step, What};
use serde_json::Value;

/// What a secret value is shown as.
const SECRET: &str = "(secret)";

/// The text of a field.
pub fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

fn items<'v>(value: &'v Value, field: &str) -> &'v [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// What a plan changes.
pub fn changes(plan: &Value) -> Vec<Change> {
    items(plan, "resource_changes").iter().filter(|change| text(change, "mode") == "managed").filter_map(|change| planned(change, plan)).collect()
}

fn planned(resource: &Value, plan: &Value) -> Option<Change> {
    let change = resource.get("change")?;
    let actions: Vec<&str> = items(change, "actions").iter().filter_map(Value::as_str).collect();
    let what = match actions.as_slice() {
        _ if change.get("importing").is_some_and(|importing| !importing.is_null()) => What::Adopt,
        ["create"] => What::Add,
        ["update"] => What::Change,
        ["delete"] => What::Remove,
        ["delete", "create"] | ["create", "delete"] => What::Replace,
        _ => return None,
    };
    let mut properties = Vec::new();
    if matches!(what, What::Change | What::Replace) {
        let causes: Vec<&str> = items(change, "replace_paths").iter().filter_map(|path| path.get(0)?.as_str()).collect();
        properties = differences(change, &Given::of(plan, text(resource, "address")), &causes);
        let why = match text(resource, "action_reason") {
            "replace_because_tainted" => Some("an earlier deploy that left it half made"),
            "replace_by_request" => Some("a request by name"),
            "replace_by_triggers" => Some("the replacement of what it hangs on"),
            _ => None,
        };
        if let Some(why) = why {
            properties.insert(0, PropertyChange { path: why.to_owned(), old: None, new: None, replaces: true, because: None });
        }
    }
    let name = text(resource, "address").to_owned();
    Some(Change { name, ty: text(resource, "type").to_owned(), what, fate: None, properties })
}

/// What somebody changed or removed since the last deploy, of what the template says. Of the rest a cloud changes much by itself.
pub fn drifted(plan: &Value) -> Vec<Change> {
    let mut found = Vec::new();
    for resource in items(plan, "resource_drift").iter().filter(|resource| text(resource, "mode") == "managed") {
        let Some(change) = resource.get("change") else { continue };
        let address = text(resource, "address");
        let removed = items(change, "actions").first().and_then(Value::as_str) == Some("delete");
        let properties = if removed { Vec::new() } else { differences(change, &Given::of(plan, address), &[]) };
        if removed || !properties.is_empty() {
            let what = if removed { What::Remove } else { What::Change };
            found.push(Change { name: address.to_owned(), ty: text(resource, "type").to_owned(), what, fate: None, properties });
        }
    }
    found
}

/// What the template gives to a resource.
struct Given<'p> {
    /// Its arguments, each with what Terraform read of it.
    arguments: Vec<(&'p str, &'p Value)>,
    /// The parameters that are secret, as expressions name them.
    secrets: Vec<String>,
}

impl<'p> Given<'p> {
    fn of(plan: &'p Value, address: &str) -> Given<'p> {
        let module = plan.pointer("/configuration/root_module").unwrap_or(&Value::Null);
        let resource = items(module, "resources").iter().find(|resource| text(resource, "address") == address);
        let arguments = resource.and_then(|resource| resource.get("expressions")?.as_object());
        let variables = module.get("variables").and_then(Value::as_object).into_iter().flatten();
        let secrets = variables.filter(|(_, variable)| variable.get("sensitive") == Some(&Value::Bool(true)));
        Given {
            arguments: arguments.into_iter().flatten().map(|(name, expression)| (name.as_str(), expression)).collect(),
            secrets: secrets.map(|(name, _)| format!("var.{name}")).collect(),
        }
    }

    /// What Terraform read of an argument, if it is given.
    fn argument(&self, name: &str) -> Option<&'p Value> {
        self.arguments.iter().find(|(known, _)| *known == name).map(|(_, expression)| *expression)
    }

    /// Where a secret parameter stands in an expression. Terraform knows it as well, but forgets it of what it could not remove.
    fn secret(&self, expression: &Value) -> Value {
        mask(expression, &|value| items(value, "references").iter().filter_map(Value::as_str).any(|name| self.secrets.iter().any(|secret| secret == name)))
    }
}

/// A mask of the values in an expression. All blocks of one name have one mask, since a set's have no order.
fn mask(expression: &Value, of: &dyn Fn(&Value) -> bool) -> Value {
    match expression {
        Value::Array(blocks) => Value::from(vec![blocks.iter().fold(Value::Null, |found, block| either(&found, &mask(block, of)))]),
        // A value has the one or the other, or nothing where it is a call of a function.
        Value::Object(members) if !members.is_empty() && !members.contains_key("references") && !members.contains_key("constant_value") => {
            Value::Object(members.iter().map(|(name, member)| (name.clone(), mask(member, of))).collect())
        }
        value => Value::from(of(value)),
    }
}

/// A mask of blocks laid over as many as there are.
fn spread(mask: &Value, value: &Value) -> Value {
    match (mask, value) {
        (Value::Array(masks), Value::Array(values)) => values.iter().map(|value| masks.first().map_or(Value::Null, |mask| spread(mask, value))).collect(),
        (Value::Object(masks), Value::Object(members)) => {
            Value::Object(masks.iter().map(|(name, mask)| (name.clone(), spread(mask, members.get(name).unwrap_or(&Value::Null)))).collect())
        }
        _ => mask.clone(),
    }
}

/// Of a value, what the template gives: in its blocks, the provider fills in the rest.
fn pruned(value: &Value, given: &Value) -> Value {
    match (value, given) {
        (Value::Array(values), Value::Array(given)) => {
            values.iter().map(|value| given.first().map_or_else(|| value.clone(), |given| pruned(value, given))).collect()
        }
        (Value::Object(members), Value::Object(given)) => {
            Value::Object(members.iter().filter_map(|(name, member)| Some((name.clone(), pruned(member, given.get(name)?)))).collect())
        }
        _ => value.clone(),
    }
}

/// A mask that says yes where either of two does.
fn either(one: &Value, other: &Value) -> Value {
    match (one, other) {
        (Value::Bool(true), _) | (_, Value::Bool(true)) => Value::from(true),
        (Value::Object(members), Value::Object(others)) => {
            let mut found = others.clone();
            for (name, mask) in members {
                let mask = others.get(name).map_or_else(|| mask.clone(), |other| either(mask, other));
                found.insert(name.clone(), mask);
            }
            Value::Object(found)
        }
        (Value::Array(items), Value::Array(others)) => {
            let at = |of: &[Value], index: usize| of.get(index).cloned().unwrap_or_default();
            (0..items.len().max(others.len())).map(|index| either(&at(items, index), &at(others, index))).collect()
        }
        (Value::Null | Value::Bool(false), mask) | (mask, Value::Null | Value::Bool(false)) => mask.clone(),
        // Of two shapes that do not fit, nothing is shown.
        _ => Value::from(any(one) || any(other)),
    }
}

/// What differs between before and after, of the arguments that were given and of those that are the cause.
fn differences(change: &Value, given: &Given, causes: &[&str]) -> Vec<PropertyChange> {
    let part = |name: &str, field: &str| change.get(name).and_then(|values| values.get(field)).unwrap_or(&Value::Null);
    let mut fields: Vec<&str> = given.arguments.iter().map(|(name, _)| *name).collect();
    fields.extend(causes.iter().filter(|cause| given.argument(cause).is_none()));
    let mut found = Vec::new();
    for field in fields {
        let expression = given.argument(field).unwrap_or(&Value::Null);
        let members = mask(expression, &|_| true);
        let of = |name: &str| pruned(part(name, field), &members);
        let (mut before, mut after, mut unknown) = (of("before"), of("after"), of("after_unknown"));
        let replaces = causes.contains(&field);
        if before == after && !any(&unknown) {
            if !replaces {
                continue;
            }
            (before, after, unknown) = (part("before", field).clone(), part("after", field).clone(), part("after_unknown", field).clone());
        }
        // What is secret on one side is so on both.
        let told = either(part("before_sensitive", field), part("after_sensitive", field));
        let secret = |value: &Value| either(&told, &spread(&given.secret(expression), value));
        let (old, new) = (shown(&before, &secret(&before), &Value::Null), shown(&after, &secret(&after), &unknown));
        let word = |value: Value| match value {
            Value::Null => None,
            Value::String(text) => Some(text),
            other => Some(other.to_string()),
        };
        found.push(PropertyChange { path: field.to_owned(), old: word(old), new: word(new), replaces, because: None });
    }
    found
}

/// Whether a mask has a yes in it.
fn any(mask: &Value) -> bool {
    match mask {
        Value::Bool(yes) => *yes,
        Value::Array(items) => items.iter().any(any),
        Value::Object(fields) => fields.values().any(any),
        _ => false,
    }
}

/// A value without what is secret in it, and with a word for what is not known yet.
fn shown(value: &Value, secret: &Value, unknown: &Value) -> Value {
    if secret == &Value::Bool(true) {
        return if value.is_null() && !any(unknown) { Value::Null } else { Value::from(SECRET) };
    }
    if unknown == &Value::Bool(true) {
        return Value::from(KNOWN_AFTER);
    }
    match value {
        Value::Object(fields) => {
            let mut found: serde_json::Map<String, Value> = serde_json::Map::new();
            let further = unknown.as_object().into_iter().flatten().filter(|(name, mask)| !fields.contains_key(*name) && any(mask)).map(|(name, _)| name);
            for name in fields.keys().chain(further) {
                let at = |of: &Value| of.get(name).cloned().unwrap_or_default();
                found.insert(name.clone(), shown(&at(value), &at(secret), &at(unknown)));
            }
            Value::Object(found)
        }
        Value::Array(items) => {
            let at = |of: &Value, index: usize| of.get(index).cloned().unwrap_or_default();
            items.iter().enumerate().map(|(index, item)| shown(item, &at(secret, index), &at(unknown, index))).collect()
        }
        other => other.clone(),
    }
}

/// A line that Terraform wrote with `-json`; none for what is no JSON.
pub fn line(line: &str) -> Option<Value> {
    serde_json::from_str(line).ok()
}

/// What happened, by a line of an apply; none for what a person does not need to know.
pub fn event(line: &Value) -> Option<Event> {
    let at = moment(text(line, "@timestamp")).unwrap_or_default();
    if let Some(diagnostic) = line.get("diagnostic").filter(|_| text(line, "type") == "diagnostic") {
        // It follows on why the state was not saved, and says what to type in its folder: what is to be done is said at the end.
        if text(diagnostic, "summary") == "Failed to persist state to backend" {
            return None;
        }
        let reason = reason(diagnostic);
        let (step, word) = if text(diagnostic, "severity") == "error" { (Step::Failed, "refused") } else { return None };
        // An event has no place for a property: it is told where the reason does not name it.
        let told = reason.property.filter(|property| !reason.text.contains(property.as_str()));
        let text = told.map_or_else(|| reason.text.clone(), |property| format!("{} (at {property})", reason.text));
        return Some(Event { at, name: reason.name, ty: reason.ty, step, word: word.to_owned(), reason: Some(text), goes: false });
    }
    let hook = line.get("hook")?;
    let words = match text(hook, "action") {
        "create" => ["creating", "created", "not created"],
        "update" => ["changing", "changed", "not changed"],
        "delete" => ["removing", "removed", "not removed"],
        // Looking something up is nothing that happens to a stack.
        _ => return None,
    };
    let (step, word) = match text(line, "type") {
        "apply_start" => (Step::Begins, words.first()?),
        "apply_complete" => (Step::Done, words.get(1)?),
        // The reason comes at the end of it all, in a diagnostic.
        "apply_errored" => (Step::Note, words.get(2)?),
        _ => return None,
    };
    let resource = hook.get("resource")?;
    Some(Event {
        at,
        name: Some(text(resource, "addr").to_owned()),
        ty: text(resource, "resource_type").to_owned(),
        step,
        word: (*word).to_owned(),
        reason: None,
        goes: text(hook, "action") == "delete",
    })
}

/// The errors among the lines of a command.
pub fn errors(output: &str) -> Vec<Value> {
    let lines = output.lines().filter_map(line).filter_map(|line| line.get("diagnostic").cloned());
    lines.filter(|diagnostic| text(diagnostic, "severity") == "error").collect()
}

/// A diagnostic of Terraform as a reason.
pub fn reason(diagnostic: &Value) -> Reason {
    let snippet = diagnostic.get("snippet").unwrap_or(&Value::Null);
    let context = text(snippet, "context").strip_prefix("resource.").unwrap_or_default();
    // In a JSON template, the line that is meant begins with the argument's name, or with the resource's own.
    let begins = text(snippet, "code").trim().strip_prefix('"').and_then(|rest| rest.split_once("\":")).map(|(name, _)| name);
    let begins = begins.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'));
    let mut parts = context.split('.');
    let resource = match (parts.next(), parts.next().or(begins)) {
        (Some(ty), Some(name)) if !ty.is_empty() => format!("{ty}.{name}"),
        _ => context.to_owned(),
    };
    // What is wrong with a provider is about the whole.
    let address = text(diagnostic, "address");
    let address = if address.is_empty() || address.starts_with("provider") { resource.as_str() } else { address };
    let ty = address.split('.').find(|part| *part != "data" && *part != "ephemeral").unwrap_or_default();
    let inside: Vec<&str> = parts.chain(begins.filter(|name| address.split('.').next_back() != Some(name))).collect();
    let property = Some(inside.join(".").replace(['[', ']'], ".").replace("..", ".")).filter(|property| !property.is_empty());
    let (summary, detail) = (text(diagnostic, "summary").trim(), text(diagnostic, "detail").trim());
    let detail = detail.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut text = if detail.is_empty() { summary.to_owned() } else { format!("{summary}: {detail}") };
    if let Some(place) = property.as_ref().filter(|property| property.contains('.')) {
        text.push_str(&format!(" (at {place})"));
    }
    Reason { name: (!address.is_empty()).then(|| address.to_owned()), ty: ty.to_owned(), property, text }
}

/// Who holds the lock of a state, if that is what an error is about.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// Its name.
    pub id: String,
    /// Whose it is.
    pub who: String,
    /// What they do.
    pub operation: String,
    /// Since when.
    pub since: String,
}

/// Reads who holds the lock out of what Terraform says.
pub fn lock(said: &str) -> Option<Lock> {
    if !said.contains("acquiring the state lock") {
        return None;
    }
    let field = |name: &str| {
        let line = said.lines().map(|line| line.trim_start_matches(['│', '╷', '╵', ' '])).find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim().to_owned()
    };
    // Of the backend `http`, Terraform shows the lock that was asked for in the place of the one that is held, of which it tells only the name. OpenTofu shows
    // the one that is held.
    if let Some((_, held)) = said.split_once("HTTP remote state already locked") {
        let id = held.strip_prefix(": ID=").and_then(|rest| rest.split_whitespace().next()).unwrap_or_default();
        if id != field("ID:") {
            return Some(Lock { id: id.to_owned(), ..Lock::default() });
        }
    }
    let since = field("Created:");
    let since = since.split(['.', 'T', ' ', 'Z']).take(2).collect::<Vec<_>>().join(" ");
    Some(Lock { id: field("ID:"), who: field("Who:"), operation: field("Operation:").trim_start_matches("OperationType").to_lowercase(), since })
}

/// Seconds since 1970 of a time such as `2026-11-25T03:36:42.120000Z` or `…+01:00`.
fn moment(text: &str) -> Option<f64> {
    let (date, rest) = text.split_once('T')?;
    let mut parts = date.split('-').map(str::parse::<i64>);
    let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let clock = rest.get(..8)?;
    let mut parts = clock.split(':').map(str::parse::<i64>);
    let (hour, minute, second) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
    let rest = rest.get(8..)?;
    let fraction: String = rest.chars().take_while(|c| *c == '.' || c.is_ascii_digit()).collect();
    let zone = rest.get(fraction.len()..)?;
    let offset = match zone.chars().next() {
        Some(sign @ ('+' | '-')) => {
            let (hours, minutes) = zone.get(1..)?.split_once(':')?;
            let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
            if sign == '+' { minutes * 60 } else { minutes * -60 }
        }
        _ => 0,
    };
    // Howard Hinnant's "days from civil".
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let of_era = shifted_year.rem_euclid(400);
    let days = shifted_year.div_euclid(400) * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some(seconds as f64 + format!("0{fraction}").parse::<f64>().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn moments_of_any_zone() {
        assert_eq!(moment("1970-01-02T00:00:01Z"), Some(86_401.0));
        assert_eq!(moment("2026-11-25T04:36:42.500000+01:00"), moment("2026-11-25T03:36:42.5Z"));
        assert_eq!(moment("2024-02-29T12:00:00Z"), Some(1_709_208_000.0));
        assert_eq!(moment("later"), None);
    }

    #[test]
    fn what_is_secret_is_not_shown() {
        let value = json!({ "user": "shop", "password": "hunter2", "list": ["a", "b"] });
        let secret = json!({ "password": true, "list": [false, true] });
        assert_eq!(shown(&value, &secret, &json!({ "id": true })), json!({ "user": "shop", "password": SECRET, "list": ["a", SECRET], "id": KNOWN_AFTER }));
        assert_eq!(shown(&value, &json!(true), &Value::Null), json!(SECRET));
    }

    #[test]
    fn what_is_secret_on_one_side_is_so_on_both() {
        let change = json!({
            "before": { "user_data": "key=hunter2", "env": [{ "name": "KEY", "value": "hunter2", "made": "1" }, { "name": "SIZE", "made": "1" }] },
            "after": { "user_data": "key=hunter3", "env": [{ "name": "KEY", "value": "hunter3", "made": "2" }, { "name": "SIZE", "made": "2" }] },
            "before_sensitive": {}, "after_sensitive": { "user_data": true },
        });
        let plan = json!({ "configuration": { "root_module": {
            "variables": { "key": { "sensitive": true } },
            "resources": [{ "address": "a.b", "expressions": {
                "user_data": { "references": ["local.all"] },
                // In another order, as in a set.
                "env": [{ "name": { "constant_value": "SIZE" } }, { "name": { "constant_value": "KEY" }, "value": { "references": ["var.key"] } }],
            } }],
        } } });
        let found = differences(&change, &Given::of(&plan, "a.b"), &[]);
        let text = format!("{found:?}");
        assert!(!text.contains("hunter"), "{text}");
        // What the provider made up inside a block is not the template's.
        assert!(!text.contains("made"), "{text}");
        assert_eq!(found.len(), 2, "{text}");
    }

    #[test]
    fn masks_of_other_shapes_hide_all() {
        assert_eq!(either(&json!({ "a": true }), &json!({ "b": [false, true] })), json!({ "a": true, "b": [false, true] }));
        assert_eq!(either(&json!([true]), &json!({ "a": false })), json!(true));
        assert_eq!(either(&json!([false]), &json!([false, true])), json!([false, true]));
        assert_eq!(either(&json!(false), &json!({ "a": true })), json!({ "a": true }));
    }

    #[test]
    fn a_refusal_says_where() {
        let diagnostic = json!({ "summary": "no", "detail": "", "snippet": { "context": "resource.aws_db_instance", "code": "      \"data\": {" } });
        assert_eq!(reason(&diagnostic), Reason { name: Some("aws_db_instance.data".into()), ty: "aws_db_instance".into(), property: None, text: "no".into() });
        let diagnostic = json!({ "summary": "no", "address": "a.b", "snippet": { "context": "resource.a.b.template[0].box[0]", "code": "\"image\": \"x\"," } });
        let found = reason(&diagnostic);
        assert_eq!((found.property.as_deref(), found.text.as_str()), (Some("template.0.box.0.image"), "no (at template.0.box.0.image)"));
        let diagnostic = json!({ "summary": "no", "address": "a.b", "snippet": { "context": "resource.a.b", "code": "\"sku\": \"x\"" } });
        assert_eq!(reason(&diagnostic).property.as_deref(), Some("sku"));
    }

    #[test]
    fn a_lock_says_whose_it_is() {
        let said = "Error acquiring the state lock: Error message: resource temporarily unavailable\nLock Info:\n  ID:        1-2\n  Path:      terraform.tfstate\n  Operation: OperationTypeApply\n  Who:       ana@build\n  Version:   1.11.4\n  Created:   2026-11-25 03:36:42.1 +0000 UTC\n";
        let lock = lock(said).unwrap();
        assert_eq!(lock, Lock { id: "1-2".into(), who: "ana@build".into(), operation: "apply".into(), since: "2026-11-25 03:36:42".into() });
        let of_http = said.replace("resource temporarily unavailable", "HTTP remote state already locked: ID=3-4");
        assert_eq!(super::lock(&of_http).unwrap(), Lock { id: "3-4".into(), ..Lock::default() });
        assert_eq!(super::lock(&of_http.replace("3-4", "1-2")).unwrap(), lock);
    }
}
