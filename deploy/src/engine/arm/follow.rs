//! What happens in a running stack: the operations of its deployment, and what the stack says itself.

use super::super::{Event, Step};
use super::names::{Id, Names};
use super::{errors, moments};
use serde_json::Value;
use std::collections::BTreeMap;

/// Operations that make nothing: Azure reads for expressions, and works out outputs.
const QUIET: [&str; 3] = ["Read", "Action", "EvaluateDeploymentOutput"];

/// The events of operations that are not as they were seen last, oldest first.
pub fn events(operations: &[Value], names: &Names, seen: &mut BTreeMap<String, String>) -> Vec<Event> {
    let mut found = Vec::new();
    for operation in operations {
        let text = |path: &str| operation.pointer(path).and_then(Value::as_str);
        let (Some(id), Some(state)) = (text("/operationId"), text("/properties/provisioningState")) else { continue };
        let quiet = text("/properties/provisioningOperation").is_some_and(|what| QUIET.contains(&what));
        let step = step(state);
        if quiet && step != Step::Failed {
            continue;
        }
        let before = seen.insert(id.to_owned(), state.to_owned());
        if before.as_deref() == Some(state) {
            continue;
        }
        let at = text("/properties/timestamp").and_then(moments::seconds).unwrap_or_default();
        let target = text("/properties/targetResource/id");
        let name = target.map(|target| names.or_short(target, text("/properties/targetResource/symbolicName")));
        let ty = text("/properties/targetResource/resourceType").map(str::to_owned).or(target.and_then(Id::of).map(|id| id.ty)).unwrap_or_default();
        let status = operation.pointer("/properties/statusMessage").filter(|_| step == Step::Failed);
        let reason = status.and_then(|status| errors::first(status.get("error").unwrap_or(status)).or(status.as_str().map(str::to_owned)));
        let event = Event { at, name, ty, step, word: words(state), reason, goes: false };
        // It began and ended between two looks.
        if before.is_none() && matches!(step, Step::Done | Step::Failed) && event.name.is_some() {
            let took = text("/properties/duration").and_then(moments::span).unwrap_or_default();
            found.push(Event { at: at - took, step: Step::Begins, word: "running".to_owned(), reason: None, ..event.clone() });
        }
        found.push(event);
    }
    found.sort_by(|a, b| a.at.total_cmp(&b.at));
    found
}

/// What could not be brought to where it should be, as the stack says in the end; what operations said already is left out.
pub fn failed(stack: &Value, names: &Names, said: &[Option<String>], at: f64) -> Vec<Event> {
    let list = stack.pointer("/properties/failedResources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let event = |failed: &Value| {
        let id = failed.get("id").and_then(Value::as_str)?;
        let name = Some(names.or_short(id, None));
        let reason = errors::first(failed.get("error")?);
        let ty = Id::of(id).map(|id| id.ty).unwrap_or_default();
        (!said.contains(&name)).then_some(Event { at, name, ty, step: Step::Failed, word: "failed".to_owned(), reason, goes: false })
    };
    list.iter().filter_map(event).collect()
}

/// How far a state is.
pub fn step(state: &str) -> Step {
    match state.to_ascii_lowercase().as_str() {
        "succeeded" => Step::Done,
        "failed" => Step::Failed,
        "canceled" => Step::Note,
        _ => Step::Begins,
    }
}

/// `deletingResources` as words.
pub fn words(state: &str) -> String {
    let mut text = String::new();
    for c in state.chars() {
        if c.is_ascii_uppercase() && !text.is_empty() {
            text.push(' ');
        }
        text.push(c.to_ascii_lowercase());
    }
    text
}
