//! From what is wanted to what would change, and to the change itself.

use super::compare::{self, Known, Type};
use super::stack::{self, Stack};
use super::{Heat, Running, Verb};
use crate::engine::rest::{Answer, has, is_text};
use crate::engine::wire::{Fault, act, read, token};
use crate::engine::{Change, Given, Plan, Reason, Trouble, Wanted, What};
use crate::saved::digest;
use reqwest::Method;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// What was planned. It has the secrets in it, so it is shown nowhere.
pub struct Planned {
    body: Value,
    tag: String,
    /// The stack that was looked at; none when there was none.
    before: Option<Stack>,
    types: BTreeMap<String, String>,
}

impl Planned {
    /// What tells the stack that was looked at from how it is after any change.
    pub fn seen(&self) -> String {
        let Some(before) = &self.before else { return "none".to_owned() };
        digest(&json!([before.id(), before.how(), before.changed(), before.tags(), before.params()]).to_string())
    }
}

/// Why a plan is ours and not Heat's.
const COMPARED: &str = "this is worked out by comparing the templates: Heat's own preview calls each resource replaced that refers to another one";

/// A parameter's default in a template, as text.
pub fn default(template: &Value, name: &str) -> Option<String> {
    let default = template.get("parameters")?.get(name)?.get("default")?;
    Some(default.as_str().map_or_else(|| default.to_string(), str::to_owned))
}

/// Whether two texts are the same value of a parameter: Heat writes a boolean as Python does.
pub fn same(template: &Value, name: &str, one: &str, other: &str) -> bool {
    let ty = template.get("parameters").and_then(|all| all.get(name)).and_then(|param| param.get("type")).and_then(Value::as_str);
    one == other
        || match ty {
            Some("boolean") => one.eq_ignore_ascii_case(other),
            Some("number") => one.parse::<f64>().is_ok_and(|one| other.parse() == Ok(one)),
            _ => false,
        }
}

/// Whether nobody is shown a parameter's value.
fn hidden(template: &Value, name: &str) -> bool {
    let flag = template.get("parameters").and_then(|all| all.get(name)).and_then(|param| param.get("hidden"));
    flag.is_some_and(|flag| flag.as_bool() == Some(true) || flag.as_str().is_some_and(|text| text.eq_ignore_ascii_case("true")))
}

/// The parameters whose value is another.
fn changed(old: &BTreeMap<String, String>, before: &Value, new: &Value, wanted: &BTreeMap<String, Given>) -> BTreeMap<String, Option<(String, String)>> {
    let mut found = BTreeMap::new();
    for (name, _) in new.get("parameters").and_then(Value::as_object).into_iter().flatten() {
        let Some(was) = old.get(name) else { continue };
        let is = match wanted.get(name) {
            Some(Given::Previous) => continue,
            Some(Given::Value(value)) => value.clone(),
            None => default(new, name).unwrap_or_default(),
        };
        if hidden(new, name) || hidden(before, name) {
            found.insert(name.clone(), None);
        } else if !same(new, name, was, &is) {
            found.insert(name.clone(), Some((was.clone(), is)));
        }
    }
    found
}

/// Whether Heat has taken a change: it says so by its status, and by nothing else.
fn accepted(answer: &Answer) -> Result<(), Fault> {
    if matches!(answer.status, 202 | 204) { Ok(()) } else { Err(Fault::Strange(format!("{} where a change is answered by 202", answer.status))) }
}

impl Heat {
    /// What Heat refuses before it does anything.
    fn refusal(why: Fault, types: &BTreeMap<String, String>) -> Trouble {
        match why {
            Fault::Said(code, text) if code == "400" => Trouble::Refused {
                what: "Heat refuses this template, and nothing was changed".to_owned(),
                reasons: vec![stack::reason(&text, types)],
                next: None,
            },
            why => why.trouble("let Heat look at the template"),
        }
    }

    /// The types' own words for what can be changed in place.
    async fn kinds(&self, names: BTreeSet<String>) -> Result<BTreeMap<String, Type>, Fault> {
        let mut found = BTreeMap::new();
        for name in names {
            let body = self.api.get(&format!("/resource_types/{}", super::api::encoded(&name))).await?;
            has(&body, "/properties", Value::is_object)?;
            let mut ty = Type::default();
            for (property, schema) in body.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let says = |flag: &str| schema.get(flag).and_then(Value::as_bool) == Some(true);
                if says("update_allowed") {
                    ty.updatable.insert(property.clone());
                }
                if says("immutable") {
                    ty.immutable.insert(property.clone());
                }
            }
            found.insert(name, ty);
        }
        Ok(found)
    }

    pub(super) async fn planned(&mut self, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        if wanted.revert_drift {
            // Its `converge` compares what it does not understand: Heat 27 fails at each security group, and the update with it.
            return Err(Trouble::Cannot(
                "Heat has no dependable way to put back what others changed: what `stackc drift` does not find, the next deploy replaces".to_owned(),
            ));
        }
        let new: Value = serde_json::from_str(&wanted.template).map_err(|error| Trouble::refused("the template is no JSON", error.to_string()))?;
        let given: Map<String, Value> = wanted
            .params
            .iter()
            .filter_map(|(name, given)| match given {
                Given::Value(value) => Some((name.clone(), json!(value))),
                Given::Previous => None,
            })
            .collect();
        let tag = token();
        match self.stack().await? {
            None => self.first(new, given, tag).await,
            Some(before) => self.update(before, new, given, tag, wanted).await,
        }
    }

    /// A creation. When it fails, what was made stays, since Heat goes on from there: to take it back would leave behind what is protected, each time anew.
    async fn first(&mut self, new: Value, given: Map<String, Value>, tag: String) -> Result<Plan<Planned>, Trouble> {
        let types = compare::types(&new);
        let body = json!({ "stack_name": self.options.stack, "template": new, "parameters": given, "tags": tag, "disable_rollback": true });
        let looked = read(self.api.pace, &self.api.notice, async || self.api.heat(Method::POST, "/stacks/preview", Some(&body)).await).await;
        looked.and_then(|answer| answer.with("/stack", Value::is_object).map(drop)).map_err(|why| Heat::refusal(why, &types))?;
        let add = |(name, ty): (&String, &String)| Change { name: name.clone(), ty: ty.clone(), what: What::Add, fate: None, properties: Vec::new() };
        let changes = types.iter().map(add).collect();
        Ok(Plan { changes, notes: Vec::new(), with: Some(Planned { body, tag, before: None, types }) })
    }

    /// An update. When it fails, it is taken back.
    async fn update(&mut self, before: Stack, new: Value, given: Map<String, Value>, tag: String, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        let id = before.id().to_owned();
        let old = self.template(&id).await.map_err(|why| why.trouble("read the running stack's template"))?;
        let there = self.resources(&id).await.map_err(|why| why.trouble("list the stack's resources"))?;
        let mut types = compare::types(&old);
        types.extend(compare::types(&new));
        let params = before.params();
        // What is not given keeps its value: so a secret need not be known. What goes back to its default is said to.
        let clear: Vec<&String> = params.keys().filter(|name| !wanted.params.contains_key(*name)).collect();
        let body = json!({
            "template": new, "parameters": given, "clear_parameters": clear, "tags": before.tagged(&tag), "disable_rollback": false,
        });
        let path = self.path(&id, "/preview");
        let looked = read(self.api.pace, &self.api.notice, async || self.api.heat(Method::PATCH, &path, Some(&body)).await).await;
        let looked = looked.and_then(|answer| answer.with("/resource_changes", Value::is_object).cloned()).map_err(|why| Heat::refusal(why, &types))?;
        let unchanged = looked.get("unchanged").and_then(Value::as_array).into_iter().flatten();
        let unchanged = unchanged.filter_map(|one| Some(one.get("resource_name")?.as_str()?.to_owned())).collect();
        let changed = changed(&params, &old, &new, &wanted.params);
        let mut known = Known { old: &old, new: &new, there: stack::there(&there), params: changed, unchanged, types: BTreeMap::new() };
        known.types = self.kinds(compare::suspects(&known)).await.map_err(|why| why.trouble("ask Heat what can be changed in place"))?;
        let changes = compare::changes(&known);
        let forbidden = compare::forbidden(&known, &changes);
        if !forbidden.is_empty() {
            let text = "it can be set once, and not be changed";
            let reason = |(name, ty, property)| Reason { name: Some(name), ty, property: Some(property), text: text.to_owned() };
            let reasons = forbidden.into_iter().map(reason).collect();
            return Err(Trouble::Refused { what: "Heat does not change this, and nothing was changed".to_owned(), reasons, next: None });
        }
        let mut notes = Vec::new();
        if changes.iter().any(|change| change.what != What::Add && change.what != What::Remove) {
            notes.push(COMPARED.to_owned());
        }
        if old.get("outputs") != new.get("outputs") {
            notes.push("outputs change".to_owned());
        }
        let failed = before.how().ends_with("_FAILED") && before.how() != "CHECK_FAILED";
        if failed {
            notes.push(format!("the stack is in {}: what the last change had not come to is done, too, and is not listed", before.how()));
        }
        let others = known.params.values().any(Option::is_some);
        let nothing = changes.is_empty() && !failed && !others && old.get("outputs") == new.get("outputs");
        let with = (!nothing).then(|| Planned { body, tag, before: Some(before), types });
        Ok(Plan { changes, notes, with })
    }

    pub(super) async fn applied(&mut self, planned: Planned) -> Result<Running, Trouble> {
        let Planned { body, tag, before, types } = planned;
        self.types = types;
        let now = self.stack().await?;
        let Some(before) = before else {
            if let Some(now) = now {
                return Err(Trouble::overtaken(&format!("it is in {}", now.how())));
            }
            let send = async || {
                let made = self.api.heat(Method::POST, "/stacks", Some(&body)).await?;
                Ok(made.with("/stack/id", is_text)?.as_str().unwrap_or_default().to_owned())
            };
            let happened = async || {
                let there = self.find(None).await?;
                Ok(there.filter(|stack| stack.tags().contains(&tag.as_str())).map(|stack| stack.id().to_owned()))
            };
            let made = act(self.api.pace, &self.api.notice, send, happened).await;
            let id = match made {
                Ok(id) => id,
                Err(Fault::Said(code, text)) if code == "409" => return Err(Trouble::overtaken(&text)),
                Err(why) => return Err(why.trouble("make the stack")),
            };
            let mut running = self.running(&id, Verb::Attached, Some(tag)).await.map_err(|why| why.trouble("look at the stack's events"))?;
            running.verb = Verb::Deploy;
            return Ok(running);
        };
        // Heat takes a second change while the first goes on, and asks nobody; so it is looked right before.
        match now {
            Some(now) if (now.id(), now.how(), now.changed(), now.tags()) == (before.id(), before.how(), before.changed(), before.tags()) => {}
            Some(now) => return Err(Trouble::overtaken(&format!("it is in {}", now.how()))),
            None => return Err(Trouble::overtaken("it is gone")),
        }
        let id = before.id();
        let running = self.running(id, Verb::Deploy, Some(tag.clone())).await.map_err(|why| why.trouble("look at the stack's events"))?;
        match self.change(id, &body, &tag).await {
            Ok(()) => Ok(running),
            Err(Fault::Said(code, text)) if code == "409" => Err(Trouble::overtaken(&text)),
            Err(why) => Err(why.trouble("change the stack")),
        }
    }

    /// Sends a change to a stack, keeping the values of parameters that are not given.
    pub(super) async fn change(&self, id: &str, body: &Value, tag: &str) -> Result<(), Fault> {
        let path = self.path(id, "");
        let send = async || accepted(&self.api.heat(Method::PATCH, &path, Some(body)).await?);
        let happened = async || Ok(self.find(Some(id)).await?.filter(|stack| stack.tags().contains(&tag)).map(drop));
        act(self.api.pace, &self.api.notice, send, happened).await
    }
}
