//! What the fake answers: Keystone's tokens, Heat's REST API, Swift's containers.

use super::{Event, PROJECT, Resource, Stack, World, properties, resources, updatable};
use crate::wire::{Answer, Fault, Request, Site, What};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// A path's parts after `/stacks`, and its query.
fn parts(target: &str) -> (Vec<String>, BTreeMap<String, String>) {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let rest = path.split_once("/stacks").map(|(_, rest)| rest).unwrap_or_default();
    let parts = rest.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    (parts, query.split('&').filter_map(|pair| pair.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

impl Site for World {
    fn name(&self, request: &Request) -> String {
        let (method, target) = (request.method.as_str(), request.target.as_str());
        if target.contains("/auth/tokens") {
            return "Login".to_owned();
        }
        if target.starts_with("/swift/") {
            return format!("Swift {method}");
        }
        if target.contains("/resource_types/") {
            return "ShowType".to_owned();
        }
        let (parts, _) = parts(target);
        let name = match (method, parts.iter().map(String::as_str).collect::<Vec<_>>().as_slice()) {
            ("POST", []) => "CreateStack",
            ("GET", []) => "ListStacks",
            ("POST", ["preview"]) => "PreviewStack",
            ("GET", [_]) => "FindStack",
            ("GET", [_, _]) => "ShowStack",
            ("PATCH", [_, _]) => "UpdateStack",
            ("DELETE", [_, _]) => "DeleteStack",
            ("PATCH", [_, _, "preview"]) => "PreviewUpdate",
            ("GET", [_, _, "template"]) => "ShowTemplate",
            ("GET", [_, _, "resources"]) => "ListResources",
            ("GET", [_, _, "events"]) => "ListEvents",
            ("POST", [_, _, "actions"]) => {
                let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
                return format!("Action {}", body.as_object().and_then(|body| body.keys().next().cloned()).unwrap_or_default());
            }
            _ => "Nothing",
        };
        name.to_owned()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, name: &str) {
        self.calls.push(name.to_owned());
    }

    fn refuse(&self, _name: &str, what: What) -> Answer {
        match what {
            What::Throttle | What::TooMany => refusal(429, "This request was rate-limited."),
            What::Expired => refusal(401, "The request you have made requires authentication."),
            What::Denied => refusal(403, "You are not authorized to complete this action."),
            _ => Answer { status: 503, headers: Vec::new(), body: "<html><body>503 Service Unavailable</body></html>".to_owned() },
        }
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        if name == "Login" {
            return self.log_in(&body);
        }
        let token = request.headers.get("x-auth-token").cloned().unwrap_or_default();
        let Some(shown) = self.tokens.get_mut(&token) else { return self.refuse(name, What::Expired) };
        *shown += 1;
        if self.good_for.is_some_and(|most| *shown > most) {
            return self.refuse(name, What::Expired);
        }
        if name.starts_with("Swift") {
            return self.swift(&request.method, &request.target);
        }
        if name == "ShowType" {
            return self.show_type(&request.target);
        }
        let (parts, query) = parts(&request.target);
        let answered = match name {
            "CreateStack" => self.create(&body),
            "ListStacks" => {
                // In pages of two, which is fewer than anybody asks for.
                let from = query.get("marker").map_or(0, |id| self.stacks.iter().position(|stack| stack.id == *id).map_or(0, |at| at + 1));
                let one = |stack: &Stack| {
                    json!({
                        "id": stack.id, "stack_name": stack.name, "description": stack.template["description"], "stack_status": stack.status,
                        "creation_time": moment(1_795_000_000), "updated_time": null, "tags": stack.tags,
                    })
                };
                Ok(json(200, &json!({ "stacks": self.stacks.iter().skip(from).take(2).map(one).collect::<Vec<_>>() })))
            }
            "PreviewStack" => self.script.refuse.map_or_else(|| Ok(json(200, &json!({ "stack": { "resources": [] } }))), |why| Err(refusal(400, why))),
            _ => match parts.first().and_then(|stack| self.at(parts.get(1).unwrap_or(stack))) {
                Some(at) => self.about(name, at, &query, &body),
                None => Err(refusal(404, &format!("The Stack ({}) could not be found.", parts.first().map(String::as_str).unwrap_or_default()))),
            },
        };
        answered.unwrap_or_else(|refused| refused)
    }
}

fn json(status: u16, body: &Value) -> Answer {
    Answer { status, headers: vec![("Content-Type", "application/json".to_owned())], body: body.to_string() }
}

fn empty(status: u16) -> Answer {
    Answer { status, headers: Vec::new(), body: String::new() }
}

fn refusal(status: u16, text: &str) -> Answer {
    json(status, &json!({ "code": status, "title": "X", "explanation": "X", "error": { "type": "X", "traceback": null, "message": text } }))
}

/// `2026-11-18T08:26:45Z`; the fake's clock stays within a day.
fn moment(at: u64) -> String {
    let of_day = at % 86_400;
    format!("2026-11-18T{:02}:{:02}:{:02}Z", of_day / 3_600, of_day / 60 % 60, of_day % 60)
}

/// The parameters' values: what is given over what was there before, over the defaults.
fn valued(template: &Value, given: &Value, before: &BTreeMap<String, String>, cleared: &Value) -> Result<BTreeMap<String, String>, Answer> {
    let mut found = BTreeMap::new();
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    for (name, param) in template["parameters"].as_object().into_iter().flatten() {
        let kept = before.get(name).filter(|_| !cleared.as_array().into_iter().flatten().any(|other| other == name));
        let value = given.get(name).map(text).or_else(|| kept.cloned()).or_else(|| param.get("default").map(text));
        found.insert(name.clone(), value.ok_or_else(|| refusal(400, &format!("The Parameter ({name}) was not provided.")))?);
    }
    Ok(found)
}

fn tags(body: &Value) -> Vec<String> {
    body["tags"].as_str().unwrap_or_default().split(',').filter(|tag| !tag.is_empty()).map(str::to_owned).collect()
}

impl World {
    fn log_in(&mut self, body: &Value) -> Answer {
        let user = &body["auth"]["identity"]["password"]["user"];
        if user["password"] != crate::runs::SECRET || body["auth"]["scope"]["project"]["name"] != "shop" {
            return refusal(401, "The request you have made requires authentication.");
        }
        let token = format!("gAAAAA-token-{:04}", self.number());
        self.tokens.insert(token.clone(), 0);
        let endpoint = |url: String| json!([{ "interface": "public", "region": "RegionOne", "url": url }]);
        let port = self.port;
        let catalogue = json!([
            { "type": "orchestration", "endpoints": endpoint(format!("http://127.0.0.1:{port}/heat/v1/{PROJECT}")) },
            { "type": "object-store", "endpoints": endpoint(format!("http://127.0.0.1:{port}/swift/v1/AUTH_shop")) },
        ]);
        let mut answer = json(201, &json!({ "token": { "project": { "id": PROJECT, "name": "shop" }, "catalog": catalogue } }));
        answer.headers.push(("X-Subject-Token", token));
        answer
    }

    fn swift(&mut self, method: &str, target: &str) -> Answer {
        let (path, _) = target.split_once('?').unwrap_or((target, ""));
        let mut parts = path.trim_start_matches("/swift/v1/AUTH_shop/").split('/');
        let (container, object) = (parts.next().unwrap_or_default(), parts.next());
        let Some(objects) = self.containers.get_mut(container) else { return empty(404) };
        match (method, object) {
            ("GET", None) => json(200, &objects.iter().take(1_000).map(|name| json!({ "name": name, "bytes": 1 })).collect()),
            ("DELETE", Some(object)) => {
                let name = object.replace("%20", " ").replace("%2F", "/").replace("%26", "&");
                if objects.remove(&name) {
                    self.acts.push("DeleteObject".to_owned());
                    empty(204)
                } else {
                    empty(404)
                }
            }
            _ => empty(405),
        }
    }

    fn show_type(&self, target: &str) -> Answer {
        let ty = target.rsplit('/').next().unwrap_or_default().replace("%3A", ":");
        let of = |name: &&str| {
            let flags = json!({ "type": "string", "update_allowed": updatable(&ty).contains(name), "immutable": self.script.immutable.contains(name) });
            ((*name).to_owned(), flags)
        };
        let all: serde_json::Map<String, Value> = properties(&ty).iter().map(of).collect();
        json(200, &json!({ "resource_type": ty, "properties": all }))
    }

    fn create(&mut self, body: &Value) -> Result<Answer, Answer> {
        let name = body["stack_name"].as_str().unwrap_or_default().to_owned();
        if self.script.meanwhile && !self.has(&name) {
            self.script.meanwhile = false;
            self.born(&name, body, vec!["theirs".to_owned()])?;
        }
        if self.has(&name) {
            self.acts.push("refused CreateStack".to_owned());
            return Err(refusal(409, &format!("The Stack ({name}) already exists.")));
        }
        self.acts.push("CreateStack".to_owned());
        let id = self.born(&name, body, tags(body))?;
        Ok(json(201, &json!({ "stack": { "id": id, "links": [] } })))
    }

    fn born(&mut self, name: &str, body: &Value, tags: Vec<String>) -> Result<String, Answer> {
        let template = body["template"].clone();
        let params = valued(&template, &body["parameters"], &BTreeMap::new(), &Value::Null)?;
        let id = format!("{:08}-stack", self.number());
        let waiting = |(name, ty): (String, String)| Resource { name, ty, status: "INIT_COMPLETE".to_owned(), ..Resource::default() };
        let stack = Stack {
            name: name.to_owned(),
            id: id.clone(),
            params,
            resources: resources(&template).into_iter().map(waiting).collect(),
            template: template.clone(),
            tags,
            rollback: body["disable_rollback"] == false,
            created: self.clock,
            ..Stack::default()
        };
        self.stacks.push(stack);
        let at = self.stacks.len() - 1;
        self.state(at, "CREATE_IN_PROGRESS", "Stack CREATE started");
        let all: Vec<(String, &'static str)> = resources(&template).into_iter().map(|(name, _)| (name, "CREATE")).collect();
        self.plan_change(at, &all, true);
        Ok(id)
    }

    fn about(&mut self, name: &str, at: usize, query: &BTreeMap<String, String>, body: &Value) -> Result<Answer, Answer> {
        match name {
            "FindStack" => {
                let place = format!("http://elsewhere.example/v1/{PROJECT}/stacks/{}/{}", self.stacks[at].name, self.stacks[at].id);
                Ok(Answer { status: 302, headers: vec![("Location", place)], body: String::new() })
            }
            "ShowStack" => {
                self.passes(at);
                if self.stacks[at].status == "DELETE_COMPLETE" {
                    return Err(refusal(404, &format!("The Stack ({}) could not be found.", self.stacks[at].name)));
                }
                Ok(json(200, &json!({ "stack": shown(&self.stacks[at], query.get("resolve_outputs").is_none_or(|resolve| resolve != "False")) })))
            }
            "ShowTemplate" => Ok(json(200, &self.stacks[at].template)),
            "ListResources" => Ok(json(200, &json!({ "resources": self.stacks[at].resources.iter().map(one).collect::<Vec<_>>() }))),
            "ListEvents" => Ok(json(200, &json!({ "events": page(&self.stacks[at].events, query) }))),
            "PreviewUpdate" => {
                if let Some(why) = self.script.refuse {
                    return Err(refusal(400, why));
                }
                let params = valued(&body["template"], &body["parameters"], &self.stacks[at].params, &body["clear_parameters"])?;
                let found = self.preview(at, &body["template"], &params);
                let listed = |names: &Vec<String>| names.iter().map(|name| json!({ "resource_name": name, "attributes": params })).collect::<Vec<_>>();
                let all: serde_json::Map<String, Value> = found.iter().map(|(word, names)| ((*word).to_owned(), json!(listed(names)))).collect();
                Ok(json(200, &json!({ "resource_changes": all })))
            }
            "UpdateStack" => self.update(at, body),
            "DeleteStack" => {
                if self.stacks[at].status == "DELETE_IN_PROGRESS" {
                    self.acts.push("refused DeleteStack".to_owned());
                    return Ok(empty(204));
                }
                self.acts.push("DeleteStack".to_owned());
                self.state(at, "DELETE_IN_PROGRESS", "Stack DELETE started");
                self.plan_deletion(at);
                Ok(empty(204))
            }
            _ => self.action(at, name.trim_start_matches("Action ")),
        }
    }

    fn update(&mut self, at: usize, body: &Value) -> Result<Answer, Answer> {
        let status = self.stacks[at].status.clone();
        if status.starts_with("SUSPEND") || status.starts_with("DELETE") {
            return Err(refusal(400, "Updating a stack when it is suspended or deleting is not supported."));
        }
        let ours = tags(body);
        if self.stacks[at].tags == ours {
            self.acts.push("refused UpdateStack".to_owned());
        }
        let kept: Vec<String> = resources(&body["template"])
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| {
                body["template"]["resources"][name]["deletion_policy"] == "retain" && self.stacks[at].template["resources"][name]["deletion_policy"].is_null()
            })
            .collect();
        let params = valued(&body["template"], &body["parameters"], &self.stacks[at].params, &body["clear_parameters"])?;
        self.acts.push(format!("UpdateStack{}", if kept.is_empty() { String::new() } else { format!(" retaining {}", kept.join(",")) }));
        let changes = self.differences(at, &body["template"], &params);
        let before = self.stacks[at].clone();
        let (clock, stack) = (self.clock, &mut self.stacks[at]);
        stack.before = Some(Box::new(before));
        stack.template = body["template"].clone();
        stack.params = params;
        stack.tags = ours;
        stack.rollback = body["disable_rollback"] == false;
        stack.updated = Some(clock);
        stack.looks = 0;
        self.state(at, "UPDATE_IN_PROGRESS", "Stack UPDATE started");
        self.plan_change(at, &changes, false);
        Ok(Answer { status: 202, headers: Vec::new(), body: "202 Accepted\n\nThe request is accepted for processing.\n\n   ".to_owned() })
    }

    fn action(&mut self, at: usize, action: &str) -> Result<Answer, Answer> {
        let status = self.stacks[at].status.clone();
        let not = |what: &str| Err(refusal(400, &format!("{what} when stack is {status} is not supported.")));
        match action {
            "check" if !status.ends_with("_IN_PROGRESS") => {
                self.state(at, "CHECK_IN_PROGRESS", "Stack CHECK started");
                self.plan_check(at);
            }
            "resume" if status.starts_with("SUSPEND") => {
                self.state(at, "RESUME_IN_PROGRESS", "Stack RESUME started");
                self.plan_resume(at);
            }
            "cancel_update" if status == "UPDATE_IN_PROGRESS" => {
                self.state(at, "ROLLBACK_IN_PROGRESS", "Stack ROLLBACK started");
                self.plan_rollback(at);
            }
            "cancel_without_rollback" if status == "CREATE_IN_PROGRESS" => {
                self.stacks[at].timeline.clear();
                self.state(at, "CREATE_FAILED", "Stack CREATE cancelled by user");
            }
            "check" | "resume" | "cancel_update" | "cancel_without_rollback" => {
                self.acts.push(format!("refused {action}"));
                return not("This");
            }
            _ => return not("An unknown action"),
        }
        self.acts.push(action.to_owned());
        Ok(empty(200))
    }
}

fn shown(stack: &Stack, outputs: bool) -> Value {
    let hidden = |name: &str| stack.template["parameters"][name]["hidden"] == true;
    let params: serde_json::Map<String, Value> = stack
        .params
        .iter()
        .map(|(name, value)| (name.clone(), json!(if hidden(name) { "******" } else { value })))
        .chain([("OS::stack_id".to_owned(), json!(stack.id)), ("OS::stack_name".to_owned(), json!(stack.name))])
        .collect();
    let mut body = json!({
        "id": stack.id, "stack_name": stack.name, "stack_status": stack.status, "stack_status_reason": stack.reason, "creation_time": moment(stack.created),
        "updated_time": stack.updated.map(moment), "parameters": params, "tags": stack.tags, "disable_rollback": !stack.rollback,
    });
    if outputs {
        let names = stack.template["outputs"].as_object().into_iter().flatten().map(|(name, _)| name);
        body["outputs"] = names.map(|name| json!({ "output_key": name, "output_value": format!("{name}.example") })).collect();
    }
    body
}

fn one(resource: &Resource) -> Value {
    json!({
        "resource_name": resource.name, "resource_type": resource.ty, "physical_resource_id": resource.physical,
        "resource_status": resource.status, "resource_status_reason": resource.reason,
    })
}

fn page(events: &[Event], query: &BTreeMap<String, String>) -> Vec<Value> {
    let mut all: Vec<&Event> = events.iter().collect();
    // As with Heat, the newest come first unless it is said otherwise.
    if query.get("sort_dir").is_none_or(|order| order != "asc") {
        all.reverse();
    }
    let after = query.get("marker").and_then(|marker| all.iter().position(|event| event.id == *marker)).map_or(0, |at| at + 1);
    let most = query.get("limit").and_then(|most| most.parse().ok()).unwrap_or(usize::MAX);
    let shown = |event: &&&Event| {
        json!({
            "id": event.id, "event_time": moment(event.at), "resource_name": event.name, "logical_resource_id": event.name,
            "physical_resource_id": event.physical, "resource_status": event.status, "resource_status_reason": event.reason,
        })
    };
    all[after..].iter().take(most).map(|event| shown(&event)).collect()
}
