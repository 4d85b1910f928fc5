//! The fake over HTTP.

use super::{Group, SUBSCRIPTION, World, moment};
use crate::wire::{Answer, Fault, Request, Site, What};
use serde_json::{Value, json};

/// How many things a page has.
const PAGE: usize = 4;

impl Site for World {
    fn name(&self, request: &Request) -> String {
        let path = request.target.split('?').next().unwrap();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        let method = &request.method;
        let name = match parts.as_slice() {
            ["token"] => "Token",
            ["subscriptions", _, "answers", _] => "Result",
            ["subscriptions", _, "removals", ..] => "Removal",
            [.., "jobs", _, "start"] => "StartJob",
            [.., "executions"] => "ListExecutions",
            [.., "executions", _] => "GetExecution",
            [.., "api", "query"] => "Query",
            [.., "containerApps", _] => "GetApp",
            [.., "revisions", _] => "GetRevision",
            ["subscriptions", _, "resourcegroups"] => "ListGroups",
            ["subscriptions", _, _, _] => return format!("{}Group", verb(method)),
            ["subscriptions", _, _, _, "resources"] => "ListResources",
            [.., "deploymentStacks"] => "ListStacks",
            [.., "deploymentStacks", _] => return format!("{}Stack", verb(method)),
            [.., "exportTemplate"] => "ExportTemplate",
            [.., "whatIf"] => "WhatIf",
            [.., "operations"] => "ListOperations",
            [.., "cancel"] => "CancelDeployment",
            _ => panic!("{method} {path} is nothing that the fake knows"),
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
        let (status, code, message) = match what {
            What::Throttle | What::TooMany => (429, "TooManyRequests", "The number of requests for this subscription has been exceeded."),
            What::Expired => (401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time."),
            What::Denied => (403, "AuthorizationFailed", "The client 'ci' does not have authorization to perform this action over its scope."),
            _ => (503, "ServerTimeout", "The request timed out."),
        };
        let mut answer = self.json(status, &json!({ "error": { "code": code, "message": message } }));
        answer.headers.extend(self.script.retry_after.map(|wait| ("Retry-After", wait.to_string())));
        answer
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        match self.does(name, request) {
            Ok((status, body, headers)) => {
                let mut answer = self.json(status, &body);
                answer.headers.extend(headers);
                answer
            }
            Err((status, body)) => self.json(status, &body),
        }
    }
}

fn verb(method: &str) -> &'static str {
    match method {
        "GET" => "Get",
        "PUT" => "Put",
        "DELETE" => "Delete",
        other => panic!("nothing takes {other}"),
    }
}

type Done = Result<(u16, Value, Vec<(&'static str, String)>), (u16, Value)>;

impl World {
    fn json(&self, status: u16, body: &Value) -> Answer {
        let date = moment(self.clock);
        let (day, time) = (&date[8..10], &date[11..19]);
        let headers = vec![("Content-Type", "application/json".to_owned()), ("Date", format!("Wed, {day} Nov 2026 {time} GMT"))];
        Answer { status, headers, body: if body.is_null() { String::new() } else { body.to_string() } }
    }

    fn does(&mut self, name: &str, request: &Request) -> Done {
        let plain = |body: Value| Ok((200, body, Vec::new()));
        if name == "Token" {
            assert_eq!(request.headers.get("x-identity-header").map(String::as_str), Some("not-a-real-one"));
            self.tokens += 1;
            return plain(json!({ "access_token": format!("token-{}", self.tokens), "expires_on": "4000000000", "token_type": "Bearer", "resource": "x" }));
        }
        let token = request.headers.get("authorization").and_then(|bearer| bearer.strip_prefix("Bearer token-")?.parse::<u64>().ok());
        if token.is_none_or(|token| token <= self.revoked) {
            return Err((401, json!({ "error": { "code": "ExpiredAuthenticationToken", "message": "The access token is from the past." } })));
        }
        let (path, query) = request.target.split_once('?').unwrap();
        let version = query.split('&').find_map(|pair| pair.strip_prefix("api-version=")).unwrap_or_default();
        let parts: Vec<&str> = path.split('/').skip(1).collect();
        assert_eq!(parts[1], SUBSCRIPTION);
        let wanted = if let Some(version) = super::jobs::version(name) {
            version
        } else if name.ends_with("Stack") || name == "ListStacks" || name == "ExportTemplate" {
            "2025-07-01"
        } else if parts.contains(&"deployments") {
            "2025-04-01"
        } else {
            "2021-04-01"
        };
        assert_eq!(version, wanted, "{path}");
        let group = parts.get(3).copied().unwrap_or_default();
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let base = format!("http://127.0.0.1:{}/subscriptions/{SUBSCRIPTION}", self.port);
        match name {
            "StartJob" | "ListExecutions" | "GetExecution" | "Query" | "GetApp" | "GetRevision" => plain(super::jobs::answer(self, name, &parts)),
            "GetGroup" => {
                let found = self.group(group)?;
                let state = if found.going.is_some() { "Deleting" } else { "Succeeded" };
                plain(
                    json!({ "id": format!("/subscriptions/1/resourceGroups/{group}"), "name": group, "location": found.location, "tags": found.tags, "properties": { "provisioningState": state } }),
                )
            }
            "ListGroups" => plain(json!({ "value": self.groups.keys().map(|name| json!({ "name": name })).collect::<Vec<_>>() })),
            "PutGroup" => {
                self.acts.push("PutGroup".to_owned());
                self.groups
                    .insert(group.to_owned(), Group { location: body["location"].as_str().unwrap().to_owned(), tags: body["tags"].clone(), going: None });
                Ok((201, json!({ "id": format!("/subscriptions/1/resourceGroups/{group}"), "name": group }), Vec::new()))
            }
            "DeleteGroup" => {
                self.group(group)?;
                if self.script.group_stays {
                    return Err((403, json!({ "error": { "code": "AuthorizationFailed", "message": "The client 'ci' may not delete resource groups." } })));
                }
                self.acts.push("DeleteGroup".to_owned());
                self.groups.get_mut(group).unwrap().going = Some(2);
                Ok((202, Value::Null, vec![("Location", format!("{base}/answers/none?api-version=2021-04-01"))]))
            }
            "ListResources" => {
                self.group(group)?;
                let inside = format!("/subscriptions/{SUBSCRIPTION}/resourcegroups/{}/providers/", group.to_lowercase());
                // What lies in another resource is not listed.
                let top = self.live.iter().filter(|(id, live)| id.starts_with(&inside) && live.ty.matches('/').count() == 1);
                let found: Vec<Value> = top.map(|(_, live)| json!({ "id": live.id, "name": live.id.rsplit('/').next(), "type": live.ty })).collect();
                plain(json!({ "value": found }))
            }
            "ListStacks" => {
                let found: Vec<Value> = (0..self.stacks.len()).filter(|at| self.stacks[*at].group == group).map(|at| self.shown(at)).collect();
                plain(json!({ "value": found }))
            }
            "GetStack" => {
                self.group(group)?;
                plain(self.look(group, parts[parts.len() - 1])?)
            }
            "PutStack" => {
                let name = parts[parts.len() - 1];
                let status = self.put_stack(group, name, &body)?;
                let at = self.at(group, name).unwrap();
                let shown = self.shown(at);
                Ok((status, shown, vec![("Azure-AsyncOperation", format!("{base}/removals/{group}/{name}?api-version=2021-04-01"))]))
            }
            "DeleteStack" => {
                assert!(query.contains("unmanageAction.Resources=delete") && query.contains("unmanageAction.ResourceGroups=detach"), "{query}");
                let name = parts[parts.len() - 1];
                self.delete_stack(group, name)?;
                Ok((202, Value::Null, vec![("Location", format!("{base}/removals/{group}/{name}?api-version=2021-04-01"))]))
            }
            "Removal" => Ok((202, Value::Null, Vec::new())),
            "ExportTemplate" => {
                let at = self.at(group, parts[parts.len() - 2]).ok_or_else(|| super::not_found(group))?;
                plain(json!({ "template": self.stacks[at].template }))
            }
            "WhatIf" => {
                let found = self.what_if(group, &body)?;
                self.answers.push((1, found));
                let number = self.answers.len() - 1;
                Ok((202, Value::Null, vec![("Location", format!("{base}/answers/{number}?api-version=2021-04-01")), ("Retry-After", "15".to_owned())]))
            }
            "Result" => {
                let (left, found) = &mut self.answers[parts[3].parse::<usize>().unwrap()];
                if *left > 0 {
                    *left -= 1;
                    return Ok((202, Value::Null, vec![("Location", format!("http://127.0.0.1:{}{}", self.port, request.target))]));
                }
                plain(found.clone())
            }
            "ListOperations" => {
                let deployment = path.strip_suffix("/operations").unwrap();
                let all = self.operations.get(deployment).cloned().unwrap_or_default();
                let from: usize = query.split('&').find_map(|pair| pair.strip_prefix("from=")).and_then(|from| from.parse().ok()).unwrap_or(0);
                let mut page = json!({ "value": all.iter().skip(from).take(PAGE).collect::<Vec<_>>() });
                if all.len() > from + PAGE {
                    page["nextLink"] = json!(format!("http://127.0.0.1:{}{path}?api-version=2025-04-01&from={}", self.port, from + PAGE));
                }
                plain(page)
            }
            "CancelDeployment" => {
                self.cancel(group);
                Ok((204, Value::Null, Vec::new()))
            }
            other => panic!("the fake does not know {other}"),
        }
    }
}
