//! What Heat's answers say of a stack, its resources and its events.

use super::Heat;
use super::api::encoded;
use super::compare::There;
use crate::engine::rest::has;
use crate::engine::wire::{Fault, read};
use crate::engine::{Event, Listed, Reason, ResourceStatus, Step, Trouble};
use crate::list::described;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many events are read at once.
const PAGE: usize = 100;

/// A stack, as `GET …/stacks/NAME/ID` shows it.
#[derive(Debug, Clone)]
pub struct Stack(Value);

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl Stack {
    pub fn id(&self) -> &str {
        text(&self.0, "id")
    }

    /// Heat's word for how it is.
    pub fn how(&self) -> &str {
        text(&self.0, "stack_status")
    }

    pub fn reason(&self) -> Option<String> {
        Some(text(&self.0, "stack_status_reason").to_owned()).filter(|reason| !reason.is_empty())
    }

    /// When it was changed last.
    pub fn changed(&self) -> &str {
        Some(text(&self.0, "updated_time")).filter(|at| !at.is_empty()).unwrap_or_else(|| text(&self.0, "creation_time"))
    }

    pub fn is_busy(&self) -> bool {
        self.how().ends_with("_IN_PROGRESS") || self.how() == "INIT_COMPLETE"
    }

    /// Whether a failure is followed by the way back.
    pub fn goes_back(&self) -> bool {
        self.0.get("disable_rollback").and_then(Value::as_bool) == Some(false) && matches!(self.how(), "UPDATE_FAILED" | "CREATE_FAILED")
    }

    pub fn tags(&self) -> Vec<&str> {
        self.0.get("tags").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    /// The tags that a change of ours leaves: everybody else's, and our word for it.
    pub fn tagged(&self, token: &str) -> String {
        let mut tags: Vec<&str> = self.tags().into_iter().filter(|tag| !is_ours(tag)).collect();
        tags.push(token);
        tags.join(",")
    }

    /// Values of the parameters; a hidden one is `******`.
    pub fn params(&self) -> BTreeMap<String, String> {
        let all = self.0.get("parameters").and_then(Value::as_object).into_iter().flatten();
        let own = all.filter(|(name, _)| !name.starts_with("OS::"));
        own.map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned))).collect()
    }

    /// The outputs, or what kept one from being known.
    pub fn outputs(&self) -> Vec<(String, Result<String, String>)> {
        let all = self.0.get("outputs").and_then(Value::as_array).into_iter().flatten();
        let one = |output: &Value| {
            let value = match (text(output, "output_error"), output.get("output_value")) {
                ("", Some(Value::String(text))) => Ok(text.clone()),
                ("", value) => Ok(value.map(Value::to_string).unwrap_or_default()),
                (error, _) => Err(error.to_owned()),
            };
            (text(output, "output_key").to_owned(), value)
        };
        all.map(one).collect()
    }
}

/// Whether it is a stack as Heat describes one.
fn is_stack_of_heat(value: &Value) -> bool {
    ["id", "stack_name", "stack_status"].iter().all(|name| !text(value, name).is_empty())
}

/// Whether these are resources as Heat describes them.
fn is_list_of_resources(value: &Value) -> bool {
    let is_one = |resource: &Value| ["resource_name", "resource_type", "resource_status"].iter().all(|name| !text(resource, name).is_empty());
    value.as_array().is_some_and(|all| all.iter().all(is_one))
}

/// The id at the end of the address that a stack's name leads to.
fn led_to(location: Option<&str>, by_name: &str) -> Result<String, Fault> {
    let place = location.unwrap_or_default().split('?').next().unwrap_or_default();
    let id = place.rsplit_once('/').filter(|(before, id)| before.ends_with(by_name) && !id.is_empty()).map(|(_, id)| id.to_owned());
    id.ok_or_else(|| Fault::Strange("a stack's name leads to an address that is none of a stack".to_owned()))
}

/// Whether a tag is a word of ours.
fn is_ours(tag: &str) -> bool {
    tag.strip_prefix("stackc-").is_some_and(|word| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl Heat {
    /// The stack of a name or an id as it is now; none when there is none.
    pub(super) async fn find(&self, id: Option<&str>) -> Result<Option<Stack>, Fault> {
        let name = encoded(&self.options.stack);
        let id = match id {
            Some(id) => id.to_owned(),
            None => {
                // A name leads to the address with the id, from wherever Heat thinks that it is: only the id is taken from it.
                let by_name = format!("/stacks/{name}");
                let answer = read(self.api.pace, &self.api.notice, async || self.api.heat(reqwest::Method::GET, &by_name, None).await);
                match answer.await {
                    // Something between followed the way itself.
                    Ok(answer) if answer.status < 300 => text(answer.with("/stack", is_stack_of_heat)?, "id").to_owned(),
                    Ok(answer) => led_to(answer.header("location"), &by_name)?,
                    Err(why) if why.is_missing() => return Ok(None),
                    Err(why) => return Err(why),
                }
            }
        };
        match self.api.get(&format!("/stacks/{name}/{id}?resolve_outputs=False")).await {
            Ok(body) => {
                let stack = Stack(has(&body, "/stack", is_stack_of_heat)?.clone());
                if stack.id() != id {
                    return Err(Fault::Strange("it is about another stack".to_owned()));
                }
                Ok(Some(stack).filter(|stack| stack.how() != "DELETE_COMPLETE"))
            }
            Err(why) if why.is_missing() => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// The stacks of the project that have a tag of ours.
    pub async fn list(&self) -> Result<Vec<Listed>, Trouble> {
        let doing = |why: Fault| why.trouble("list the stacks");
        let (mut found, mut seen, mut marker) = (Vec::new(), BTreeSet::new(), String::new());
        loop {
            let page = self.api.get(&format!("/stacks?limit={PAGE}{marker}")).await.map_err(doing)?;
            let all = has(&page, "/stacks", |all| all.as_array().is_some_and(|all| all.iter().all(is_stack_of_heat))).map_err(doing)?;
            let all: Vec<Stack> = all.as_array().into_iter().flatten().cloned().map(Stack).collect();
            for stack in all.iter().filter(|stack| stack.tags().into_iter().any(is_ours)) {
                let (of, which) = described(text(&stack.0, "description"));
                let (name, how) = (text(&stack.0, "stack_name").to_owned(), stack.how().to_owned());
                found.push(Listed { name, stack: of, which, how, changed: Some(stack.changed().to_owned()), within: None });
            }
            let Some(last) = all.last() else { return Ok(found) };
            if !seen.insert(last.id().to_owned()) {
                return Err(doing(Fault::Strange("a page of a list leads back to one before".to_owned())));
            }
            marker = format!("&marker={}", encoded(last.id()));
        }
    }

    /// A stack with its outputs.
    pub(super) async fn with_outputs(&self, id: &str) -> Result<Stack, Fault> {
        let body = self.api.get(&self.path(id, "")).await?;
        has(&body, "/stack/outputs", Value::is_array)?;
        Ok(Stack(has(&body, "/stack", is_stack_of_heat)?.clone()))
    }

    /// The path of a stack, or of something of it.
    pub(super) fn path(&self, id: &str, rest: &str) -> String {
        format!("/stacks/{}/{id}{rest}", encoded(&self.options.stack))
    }

    /// The running template.
    pub(super) async fn template(&self, id: &str) -> Result<Value, Fault> {
        let template = self.api.get(&self.path(id, "/template")).await?;
        has(&template, "/heat_template_version", |version| !version.is_null())?;
        Ok(template)
    }

    /// All resources, with Heat's reason for how each is.
    pub(super) async fn resources(&self, id: &str) -> Result<Vec<(ResourceStatus, String)>, Fault> {
        let body = self.api.get(&self.path(id, "/resources?nested_depth=0")).await?;
        let one = |resource: &Value| {
            let status = ResourceStatus {
                name: text(resource, "resource_name").to_owned(),
                ty: text(resource, "resource_type").to_owned(),
                id: Some(text(resource, "physical_resource_id").to_owned()).filter(|id| !id.is_empty()),
                how: text(resource, "resource_status").to_owned(),
            };
            (status, text(resource, "resource_status_reason").to_owned())
        };
        let all = has(&body, "/resources", is_list_of_resources)?;
        Ok(all.as_array().into_iter().flatten().map(one).collect())
    }

    /// A page of events, oldest or newest first.
    async fn page(&self, id: &str, newest: bool, most: usize, marker: Option<&str>) -> Result<Vec<Value>, Fault> {
        let order = if newest { "desc" } else { "asc" };
        let marker = marker.map(|marker| format!("&marker={marker}")).unwrap_or_default();
        let body = self.api.get(&self.path(id, &format!("/events?sort_dir={order}&limit={most}{marker}"))).await?;
        Ok(has(&body, "/events", Value::is_array)?.as_array().cloned().unwrap_or_default())
    }

    /// What happened since an event, oldest first; of a marker that Heat no longer has, all that it has, so those that were seen are told apart here.
    pub(super) async fn events_since(&self, id: &str, seen: &mut Seen) -> Result<Vec<Value>, Fault> {
        let mut found = Vec::new();
        loop {
            let page = self.page(id, false, PAGE, seen.last.as_deref()).await?;
            let full = page.len() == PAGE;
            let mut new = false;
            for event in page {
                let name = text(&event, "id").to_owned();
                if seen.all.insert(name.clone()) {
                    new = true;
                    found.push(event);
                }
                seen.last = Some(name);
            }
            if !full || !new {
                return Ok(found);
            }
        }
    }

    /// The last events, oldest first.
    pub(super) async fn last_events(&self, id: &str, most: usize) -> Result<Vec<Value>, Fault> {
        let mut found: Vec<Value> = Vec::new();
        let mut seen = BTreeSet::new();
        loop {
            let marker = found.last().map(|event| text(event, "id").to_owned());
            let page = self.page(id, true, PAGE.min(most - found.len()), marker.as_deref()).await?;
            let full = page.len() == PAGE;
            if page.iter().any(|event| !seen.insert(text(event, "id").to_owned())) {
                return Err(Fault::Strange("a page of events repeats one before".to_owned()));
            }
            found.extend(page);
            if !full || found.len() >= most {
                found.reverse();
                return Ok(found);
            }
        }
    }

    /// From where on to follow: from now, or from where what goes on began.
    pub(super) async fn from(&self, id: &str, attached: bool) -> Result<Seen, Fault> {
        if !attached {
            let last = self.page(id, true, 1, None).await?;
            return Ok(Seen::of(&last));
        }
        let all = self.last_events(id, usize::MAX).await?;
        let began = all.iter().rposition(|event| {
            let how = text(event, "resource_status");
            is_stack(event, id) && how.ends_with("_IN_PROGRESS") && how != "ROLLBACK_IN_PROGRESS"
        });
        Ok(Seen::of(all.get(..began.unwrap_or(0)).unwrap_or_default()))
    }
}

/// How far the events were read.
#[derive(Debug, Default)]
pub struct Seen {
    last: Option<String>,
    all: BTreeSet<String>,
}

impl Seen {
    fn of(events: &[Value]) -> Seen {
        let all: Vec<String> = events.iter().map(|event| text(event, "id").to_owned()).collect();
        Seen { last: all.last().cloned(), all: all.into_iter().collect() }
    }
}

/// Whether an event is about the stack itself.
pub fn is_stack(event: &Value, id: &str) -> bool {
    text(event, "physical_resource_id") == id
}

/// Whether an event says that something came to its end.
pub fn is_end(event: &Value) -> bool {
    !text(event, "resource_status").ends_with("_IN_PROGRESS")
}

/// An event for a person; `types` are the resources' types by their names.
pub fn event(event: &Value, id: &str, types: &BTreeMap<String, String>) -> Event {
    let word = text(event, "resource_status").to_owned();
    let name = (!is_stack(event, id)).then(|| text(event, "resource_name").to_owned());
    let reason = Some(text(event, "resource_status_reason").trim().to_owned()).filter(|reason| !reason.is_empty() && reason != "state changed");
    let cancelled = reason.as_deref().map(str::to_lowercase).is_some_and(|reason| reason.contains("cancelled") || reason.contains("aborted"));
    let step = match word.as_str() {
        // What is given up because something else failed is no reason.
        _ if cancelled => Step::Note,
        _ if word.ends_with("_FAILED") => Step::Failed,
        _ if word.ends_with("_COMPLETE") => Step::Done,
        _ if word.ends_with("_IN_PROGRESS") => Step::Begins,
        _ => Step::Note,
    };
    let ty = name.as_ref().and_then(|name| types.get(name)).cloned().unwrap_or_default();
    let goes = word.starts_with("DELETE");
    Event { at: seconds(text(event, "event_time")), name, ty, step, word, reason, goes }
}

/// Seconds since 1970 of `2026-11-25T09:06:37Z`.
fn seconds(at: &str) -> f64 {
    let numbers: Vec<i64> = at.trim_end_matches('Z').split(['-', 'T', ':', '.']).map_while(|part| part.parse().ok()).collect();
    let [year, month, day, hour, minute, second, ..] = numbers.as_slice() else { return 0.0 };
    // Howard Hinnant's "days from civil".
    let shifted = if *month <= 2 { year - 1 } else { *year };
    let (era, of_era) = (shifted.div_euclid(400), shifted.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    (days * 86_400 + hour * 3_600 + minute * 60 + second) as f64
}

/// What the comparison wants to know of the resources.
pub fn there(resources: &[(ResourceStatus, String)]) -> BTreeMap<String, There> {
    let made = |resource: &ResourceStatus| resource.id.is_some() && !matches!(resource.how.as_str(), "INIT_COMPLETE" | "DELETE_COMPLETE");
    resources.iter().map(|(resource, _)| (resource.name.clone(), There { how: resource.how.clone(), made: made(resource) })).collect()
}

/// What Heat finds wrong with a template, at the resource and the property that it names (`Property error: resources.web.properties.image: …`).
pub fn reason(said: &str, types: &BTreeMap<String, String>) -> Reason {
    let whole = || Reason { name: None, ty: String::new(), property: None, text: said.to_owned() };
    let Some((_, rest)) = said.split_once("resources.") else { return whole() };
    let (path, why) = rest.split_once(": ").unwrap_or((rest, said));
    let mut parts = path.split(['.', ':']).map(str::trim);
    let Some((name, ty)) = parts.next().map(|part| part.split('[').next().unwrap_or(part)).and_then(|name| types.get_key_value(name)) else { return whole() };
    let property = parts.next().filter(|part| *part == "properties").and_then(|_| parts.next()).map(|part| part.split('[').next().unwrap_or(part).to_owned());
    Reason { name: Some(name.clone()), ty: ty.clone(), property: property.filter(|property| !property.is_empty()), text: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heat_names_the_resource_and_the_property() {
        let types = [("a".to_owned(), "OS::Neutron::Subnet".to_owned())].into();
        let found = reason("Property error: resources.a.properties.network: Error validating value 'nonet': Unable to find network", &types);
        assert_eq!((found.name.as_deref(), found.property.as_deref()), (Some("a"), Some("network")));
        assert_eq!(found.text, "Error validating value 'nonet': Unable to find network");
        let found = reason("Property error: resources.a.properties: Unknown Property nme", &types);
        assert_eq!((found.name.as_deref(), found.property.as_deref(), found.text.as_str()), (Some("a"), None, "Unknown Property nme"));
        assert_eq!(reason("The Parameter (k) was not provided.", &types).name, None);
        assert_eq!(reason("Property error: resources.b.properties: x", &types).name, None);
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0.0);
        assert_eq!(seconds("2000-02-29T12:34:56Z"), 951_827_696.0);
        assert_eq!(seconds("2026-11-25T09:06:37Z"), 1_795_597_597.0);
        assert_eq!(seconds("never"), 0.0);
    }
}
