//! Parts of the engine that ask nobody: what a stack says, what is sent, what goes.

use super::super::{Change, Given, PropertyChange, Reason, Trouble, What};
use super::names::{Id, Names};
use super::{Answer, Fault, Running, Verb, moments};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

/// The tag by which a deploy knows its own, since a repeated request would do it twice.
pub const RUN: &str = "stackc-run";

/// The tag that says of which stack it is, and which stage and copy.
pub const OF: &str = "stackc-stack";

/// A deployment stack as Azure describes it.
#[derive(Debug, Clone)]
pub struct Stack {
    /// The whole description.
    pub body: Value,
    /// The cloud's clock when it said so.
    pub at: f64,
}

impl Stack {
    /// Takes in an answer.
    pub fn of(answer: Answer) -> Stack {
        let at = answer.header("date").and_then(moments::seconds).unwrap_or_else(moments::now);
        Stack { body: answer.body, at }
    }

    /// A text in it.
    pub fn text(&self, path: &str) -> &str {
        self.body.pointer(path).and_then(Value::as_str).unwrap_or_default()
    }

    /// Azure's word for how it is. Azure leaves it out for a while when it removes resources.
    pub fn state(&self) -> &str {
        let state = self.text("/properties/provisioningState");
        if state.is_empty() { "deletingResources" } else { state }
    }

    /// Whether nothing goes on.
    pub fn is_settled(&self) -> bool {
        ["succeeded", "failed", "canceled"].iter().any(|state| self.state().eq_ignore_ascii_case(state))
    }

    /// Whether its deployment, as the stack names it, is the one that goes on.
    pub fn is_deploying(&self) -> bool {
        ["deploying", "running"].iter().any(|state| self.state().eq_ignore_ascii_case(state))
    }

    /// The id of the deployment.
    pub fn deployment(&self) -> Option<&str> {
        Some(self.text("/properties/deploymentId")).filter(|id| id.starts_with('/'))
    }

    /// The mark of the deploy that wrote it last.
    pub fn run(&self) -> Option<&str> {
        self.body.get("tags")?.get(RUN)?.as_str()
    }

    /// What tells it from how it was before.
    pub fn mark(&self) -> String {
        let parts = ["/properties/correlationId", "/properties/deploymentId", "/properties/provisioningState"].map(|path| self.text(path));
        format!("{}|{}", self.run().unwrap_or_default(), parts.join("|"))
    }

    /// Its resources: id and status.
    pub fn resources(&self) -> impl Iterator<Item = (&str, &str)> {
        let list = self.body.pointer("/properties/resources").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|resource| Some((resource.get("id")?.as_str()?, resource.get("status").and_then(Value::as_str).unwrap_or_default())))
    }

    /// Why it failed.
    pub fn error(&self) -> Option<&Value> {
        self.body.pointer("/properties/error").filter(|error| error.is_object())
    }

    /// The values of its parameters that Azure gives back.
    pub fn params(&self, template: &Value) -> BTreeMap<String, Value> {
        let secret = secrets(template);
        let params = self.body.pointer("/properties/parameters").and_then(Value::as_object);
        let value = |(name, param): (&String, &Value)| {
            let secret = secret.contains(name) || param.get("type").and_then(Value::as_str).is_some_and(|ty| ty.to_ascii_lowercase().starts_with("secure"));
            let value = param.get("value").filter(|value| !value.is_null() && !secret)?;
            Some((name.clone(), value.clone()))
        };
        params.into_iter().flatten().filter_map(value).collect()
    }

    /// Its outputs.
    pub fn outputs(&self) -> Vec<(String, String)> {
        let outputs = self.body.pointer("/properties/outputs").and_then(Value::as_object);
        let value = |output: &Value| {
            let typed = output.get("type").and_then(Value::as_str);
            match (typed, output.get("value")) {
                (Some(ty), _) if ty.to_ascii_lowercase().starts_with("secure") => "(secret)".to_owned(),
                (Some(_), value) => value.map(plain).unwrap_or_default(),
                (None, _) => plain(output),
            }
        };
        outputs.into_iter().flatten().map(|(name, output)| (name.clone(), value(output))).collect()
    }
}

/// A value as text.
pub fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Parameters that Azure keeps secret.
pub fn secrets(template: &Value) -> Vec<String> {
    let params = template.get("parameters").and_then(Value::as_object);
    let secret = |param: &Value| param.get("type").and_then(Value::as_str).is_some_and(|ty| ty.to_ascii_lowercase().starts_with("secure"));
    params.into_iter().flatten().filter(|(_, param)| secret(param)).map(|(name, _)| name.clone()).collect()
}

/// What is given to the template's parameters.
///
/// # Errors
/// When a value of before is asked for that Azure does not give back.
pub fn params(template: &Value, given: &BTreeMap<String, Given>, before: &BTreeMap<String, Value>) -> Result<Value, Trouble> {
    let mut found = Map::new();
    for (name, given) in given {
        let ty = template.pointer(&format!("/parameters/{name}/type")).and_then(Value::as_str).unwrap_or_default();
        let value = match given {
            Given::Value(text) if ty.eq_ignore_ascii_case("array") => json!(crate::params::parts(text)),
            Given::Value(text) if ty.eq_ignore_ascii_case("int") => text.parse::<i64>().map_or_else(|_| json!(text), |number| json!(number)),
            Given::Value(text) => json!(text),
            Given::Previous => match before.get(name) {
                Some(value) => value.clone(),
                None => return Err(Trouble::Call(format!("Azure does not give back the parameter `{name}`: give it again"))),
            },
        };
        found.insert(name.clone(), json!({ "value": value }));
    }
    Ok(Value::Object(found))
}

/// What has a secret, and would seem to stay as it is.
pub fn rewritten(template: &Value, secrets: &[String], changes: &[Change]) -> Vec<Change> {
    let mut found = Vec::new();
    for (name, resource) in template.get("resources").and_then(Value::as_object).into_iter().flatten() {
        let mut paths = Vec::new();
        holders(resource, secrets, "", &mut paths);
        if paths.is_empty() || changes.iter().any(|change| change.name == *name) {
            continue;
        }
        let property = |path| PropertyChange { path, old: None, new: Some("(secret)".to_owned()), replaces: false, because: None };
        let ty = resource.get("type").and_then(Value::as_str).unwrap_or_default().to_owned();
        found.push(Change { name: name.clone(), ty, what: What::Change, fate: None, properties: paths.into_iter().map(property).collect() });
    }
    found
}

fn holders(value: &Value, secrets: &[String], path: &str, found: &mut Vec<String>) {
    let below = |key: &str| if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
    match value {
        Value::String(text) if secrets.iter().any(|name| text.contains(&format!("parameters('{name}')"))) => found.push(path.to_owned()),
        Value::Object(object) => object.iter().for_each(|(key, value)| holders(value, secrets, &below(key), found)),
        Value::Array(items) => items.iter().enumerate().for_each(|(index, value)| holders(value, secrets, &below(&index.to_string()), found)),
        _ => {}
    }
}

/// Why there is something to do though no resource changes; none when there is nothing.
pub fn all_the_same(stack: Option<&Stack>, old: Option<&Value>, template: &Value, params: bool) -> Option<&'static str> {
    match (stack, old) {
        (Some(stack), _) if !stack.state().eq_ignore_ascii_case("succeeded") => Some("the last deployment did not come to its end, and is done again"),
        (Some(_), None) => Some("Azure does not give back the template of before, so that it is deployed again"),
        (Some(_), Some(old)) if old.get("outputs") != template.get("outputs") || !params => Some("only outputs change"),
        (Some(_), Some(_)) => None,
        (None, _) => Some("only outputs change"),
    }
}

/// Whether parameters are as they were.
pub fn is_same(before: &BTreeMap<String, Value>, now: &Value) -> bool {
    let now: BTreeMap<&String, &Value> = now.as_object().into_iter().flatten().filter_map(|(name, param)| Some((name, param.get("value")?))).collect();
    now.len() == before.len() && before.iter().all(|(name, value)| now.get(name) == Some(&value))
}

/// What makes or changes the stack. Locks of the template protect what is protected; a stack's own denials would keep everybody from everything.
pub fn body(template: &Value, params: &Value, run: &str) -> Value {
    json!({
        "tags": { RUN: run, OF: template.pointer("/metadata/description").and_then(Value::as_str).unwrap_or_default() },
        "properties": {
            "template": template,
            "parameters": params,
            "actionOnUnmanage": { "resources": "delete", "resourceGroups": "detach", "managementGroups": "detach", "resourcesWithoutDeleteSupport": "detach" },
            "denySettings": { "mode": "none" },
        },
    })
}

/// Follows from here on.
pub fn running(verb: Verb, mark: String, before: Option<String>, names: Names) -> Running {
    Running {
        verb,
        mark,
        before,
        names,
        seen: BTreeMap::new(),
        word: String::new(),
        told: Vec::new(),
        location: None,
        vaults: Vec::new(),
        group: false,
        looks: 0,
    }
}

/// Whether a type is that of a lock.
pub fn is_lock(ty: &str) -> bool {
    ty.eq_ignore_ascii_case("Microsoft.Authorization/locks")
}

/// A lock as a reason, at what it locks.
pub fn locked(lock: &str, names: &Names) -> Reason {
    let scope = Id::of(lock).and_then(|id| id.scope).unwrap_or_default();
    let ty = Id::of(&scope).map(|id| id.ty).unwrap_or_default();
    Reason { name: Some(names.or_short(&scope, None)), ty, property: None, text: "it is locked, since it was deployed with `protect`".to_owned() }
}

/// What the stack has and the template no longer makes.
///
/// # Errors
/// Something protected would go: a stack removes all or nothing, and would stop half-way at the lock.
pub fn removed(stack: &Stack, names: &Names, ids: &BTreeSet<String>, unforeseen: &BTreeSet<String>) -> Result<Vec<Change>, Trouble> {
    let gone: Vec<&str> = stack
        .resources()
        .map(|(id, _)| id)
        .filter(|id| !ids.contains(&id.to_ascii_lowercase()) && !names.get(id, None).is_some_and(|name| unforeseen.contains(&name)))
        .collect();
    let is_gone = |id: &str| gone.iter().any(|gone| gone.eq_ignore_ascii_case(id));
    let locks = stack.resources().map(|(id, _)| id).filter(|id| Id::of(id).is_some_and(|id| is_lock(&id.ty)));
    let reasons: Vec<Reason> =
        locks.filter(|lock| Id::of(lock).and_then(|id| id.scope).is_some_and(|scope| is_gone(&scope))).map(|lock| locked(lock, names)).collect();
    if !reasons.is_empty() {
        let next = Some("put it back and take `protect` out, deploy that, and remove it then".to_owned());
        return Err(Trouble::Refused { what: "this would remove what is protected".to_owned(), reasons, next });
    }
    let change = |id: &str| {
        let ty = Id::of(id).map(|id| id.ty).unwrap_or_default();
        // Azure's documentation of deployment stacks, "Known limitations".
        let stays = ty.eq_ignore_ascii_case("Microsoft.KeyVault/vaults/secrets");
        let fate = stays.then_some("Azure cannot delete it: it stays, outside of the stack");
        Change { name: names.or_short(id, None), ty, what: What::Remove, fate, properties: Vec::new() }
    };
    Ok(gone.into_iter().map(change).collect())
}

/// Where the end of an operation is told.
pub fn location(answer: &Answer) -> Option<String> {
    answer.header("azure-asyncoperation").or(answer.header("location")).map(str::to_owned)
}

/// How an operation ended, as its own address tells it; none while it goes on.
pub fn ended(answer: &Answer) -> Option<Result<(), String>> {
    if answer.status == 202 {
        return None;
    }
    match answer.body.get("status").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("failed" | "canceled") => {
            let why = answer.body.get("error").and_then(super::errors::first);
            Some(Err(why.unwrap_or_else(|| "no reason was given".to_owned())))
        }
        None | Some("succeeded") => Some(Ok(())),
        Some(_) => None,
    }
}

/// What a refusal says.
pub fn text(why: &Fault) -> &str {
    match why {
        Fault::Said(_, text) => text,
        _ => "",
    }
}

/// The manager's address: the one that is given, or the one of the cloud whose logins are asked for (Microsoft's list of national clouds).
///
/// # Errors
/// An address without encryption that is not this machine: who asks would be known to all on the way.
pub fn endpoint(given: Option<&str>, authority: Option<&str>) -> Result<String, String> {
    let given = given.map(|given| given.trim_end_matches('/').to_owned());
    let known = match authority {
        Some(authority) if authority.contains("login.microsoftonline.us") => "https://management.usgovcloudapi.net",
        Some(authority) if authority.contains("login.chinacloudapi.cn") || authority.contains("login.partner.microsoftonline.cn") => {
            "https://management.chinacloudapi.cn"
        }
        _ => "https://management.azure.com",
    };
    let endpoint = given.unwrap_or_else(|| known.to_owned());
    let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"]
        .iter()
        .any(|local| endpoint.strip_prefix(local).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/'])));
    if endpoint.starts_with("https://") || local {
        return Ok(endpoint);
    }
    Err(format!("`{endpoint}` is no address of Azure's: it begins with https://"))
}

/// The Azure CLI, if there is one.
pub fn cli() -> Option<PathBuf> {
    let paths = std::env::var_os("PATH")?;
    std::env::split_paths(&paths).map(|folder| folder.join("az")).find(|file| file.is_file())
}

/// The subscription that the Azure CLI has chosen.
///
/// # Errors
/// Says what to set.
pub async fn subscription(cli: PathBuf, most: Duration) -> Result<String, String> {
    let asked = tokio::task::spawn_blocking(move || {
        std::process::Command::new(cli).args(["account", "show", "--query", "id", "--output", "tsv"]).stdin(std::process::Stdio::null()).output()
    });
    let said = match tokio::time::timeout(most, asked).await {
        Ok(Ok(Ok(output))) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        _ => String::new(),
    };
    if said.is_empty() { Err("no subscription is set: set AZURE_SUBSCRIPTION_ID, or choose one with `az account set`".to_owned()) } else { Ok(said) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_never_sent_in_the_clear() {
        assert_eq!(endpoint(None, None).as_deref(), Ok("https://management.azure.com"));
        assert_eq!(endpoint(None, Some("https://login.microsoftonline.us/")).as_deref(), Ok("https://management.usgovcloudapi.net"));
        assert_eq!(endpoint(Some("http://127.0.0.1:1234/"), None).as_deref(), Ok("http://127.0.0.1:1234"));
        for other in ["http://management.azure.com", "http://localhost.example", "ftp://x", "management.azure.com"] {
            assert!(endpoint(Some(other), None).is_err(), "{other}");
        }
    }
}
