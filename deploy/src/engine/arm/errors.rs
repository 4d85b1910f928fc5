//! What Azure says of a failure: an error in an error in an error, of which the innermost says what is wrong. A provider's own error often lies in the text of the
//! one around it, as JSON.

use super::super::Reason;
use super::names::Names;
use serde_json::Value;

/// One cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The code and the message.
    pub text: String,
    /// What it is about, when Azure says so: a resource's id, or a property.
    pub target: Option<String>,
}

/// The causes that an error comes down to.
pub fn innermost(error: &Value) -> Vec<Cause> {
    let mut found = Vec::new();
    walk(error, None, 0, &mut found);
    found
}

fn walk(error: &Value, around: Option<&str>, depth: usize, found: &mut Vec<Cause>) {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::trim).filter(|text| !text.is_empty());
    let target = text("target").or(around);
    let inner = error.get("details").and_then(Value::as_array).filter(|details| !details.is_empty());
    if let (Some(details), true) = (inner, depth < 8) {
        details.iter().for_each(|inner| walk(inner, target, depth + 1, found));
        return;
    }
    let message = text("message").unwrap_or_default();
    let nested = serde_json::from_str::<Value>(message).ok().filter(Value::is_object);
    if let (Some(nested), true) = (nested, depth < 8) {
        walk(nested.get("error").unwrap_or(&nested), target, depth + 1, found);
        return;
    }
    let said = match (text("code"), message) {
        (None, "") => return,
        (Some(code), "") => code.to_owned(),
        (None, message) => message.to_owned(),
        (Some(code), message) => format!("{code}: {message}"),
    };
    let cause = Cause { text: said.split_whitespace().collect::<Vec<_>>().join(" "), target: target.map(str::to_owned) };
    if !found.contains(&cause) {
        found.push(cause);
    }
}

/// The causes as reasons, each at its resource where Azure says which.
pub fn reasons(error: &Value, names: &Names) -> Vec<Reason> {
    innermost(error).into_iter().map(|cause| names.reason(cause)).collect()
}

/// The first cause, in one line.
pub fn first(error: &Value) -> Option<String> {
    innermost(error).into_iter().next().map(|cause| cause.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_innermost_error_is_found() {
        let provider = json!({ "error": { "code": "SubnetIsFull", "message": "Subnet apps has no\r\n room." } }).to_string();
        let error = json!({
            "code": "DeploymentFailed", "message": "At least one resource deployment operation failed.",
            "details": [{ "code": "BadRequest", "target": "/subscriptions/1/x", "message": provider }, { "code": "Conflict", "message": "" }]
        });
        let found = innermost(&error);
        assert_eq!(found[0], Cause { text: "SubnetIsFull: Subnet apps has no room.".to_owned(), target: Some("/subscriptions/1/x".to_owned()) });
        assert_eq!(found[1].text, "Conflict");
    }
}
