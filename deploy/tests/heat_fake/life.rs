//! What happens to stacks.

use super::{Effect, Event, Resource, Stack, World, refers, resolved, resources, updatable};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

impl World {
    /// A new state of a stack, with its event.
    pub(super) fn state(&mut self, at: usize, status: &str, reason: &str) {
        let (name, id) = (self.stacks[at].name.clone(), self.stacks[at].id.clone());
        self.stacks[at].status = status.to_owned();
        self.stacks[at].reason = reason.to_owned();
        self.event(at, &name, &id, status, reason);
    }

    fn event(&mut self, at: usize, name: &str, physical: &str, status: &str, reason: &str) {
        self.clock += 5;
        let id = format!("{:08}-event", self.number());
        let event = Event { id, at: self.clock, name: name.to_owned(), physical: physical.to_owned(), status: status.to_owned(), reason: reason.to_owned() };
        self.stacks[at].events.push(event);
    }

    /// A stack is looked at: one thing happens.
    pub(super) fn passes(&mut self, at: usize) {
        self.stacks[at].looks += 1;
        if self.script.hold {
            return;
        }
        if self.script.deleted_under_us.is_some_and(|looks| self.stacks[at].looks > looks) {
            self.stacks[at].status = "DELETE_COMPLETE".to_owned();
            return;
        }
        if self.script.taken_over && self.stacks[at].status == "UPDATE_IN_PROGRESS" && self.stacks[at].looks > 2 {
            self.script.taken_over = false;
            let name = self.stacks[at].name.clone();
            self.somebody_changes(&name);
            return;
        }
        let Some(effects) = self.stacks[at].timeline.pop_front() else { return };
        for effect in effects {
            match effect {
                Effect::Resource { name, status, reason } => self.becomes(at, &name, status, reason),
                Effect::Stack { status, reason } => self.state(at, status, &reason),
                Effect::Back => {
                    if let Some(before) = self.stacks[at].before.take() {
                        self.stacks[at].template = before.template;
                        self.stacks[at].params = before.params;
                    }
                }
                Effect::Gone => self.stacks[at].status = "DELETE_COMPLETE".to_owned(),
            }
        }
    }

    fn becomes(&mut self, at: usize, name: &str, status: &str, reason: Option<String>) {
        let ty = resources(&self.stacks[at].template).into_iter().find(|(other, _)| other == name).map(|(_, ty)| ty).unwrap_or_default();
        let number = self.number();
        let template = self.stacks[at].template.clone();
        let stack = &mut self.stacks[at];
        if !stack.resources.iter().any(|resource| resource.name == name) {
            stack.resources.push(Resource { name: name.to_owned(), ty, ..Resource::default() });
        }
        let resource = stack.resources.iter_mut().find(|resource| resource.name == name).unwrap();
        let reason = reason.unwrap_or_else(|| "state changed".to_owned());
        resource.status = status.to_owned();
        resource.reason.clone_from(&reason);
        if status == "CREATE_COMPLETE" {
            // A container is called by its name.
            let own = template["resources"][name]["properties"]["name"].as_str().map(str::to_owned);
            resource.physical = own.filter(|_| resource.ty == "OS::Swift::Container").unwrap_or_else(|| format!("id-{number:04}"));
        }
        let physical = resource.physical.clone();
        if status == "DELETE_COMPLETE" {
            stack.resources.retain(|resource| resource.name != name);
            self.containers.remove(&physical);
        }
        for _ in 0..if status.ends_with("_IN_PROGRESS") { self.script.chatter } else { 0 } {
            self.event(at, name, &physical, status, "state changed");
        }
        self.event(at, name, &physical, status, &reason);
    }

    /// What a template and parameters change of a stack: what is new, what is changed or replaced, what goes.
    pub(super) fn differences(&self, at: usize, template: &Value, params: &BTreeMap<String, String>) -> Vec<(String, &'static str)> {
        let stack = &self.stacks[at];
        let mut found: Vec<(String, &'static str)> = Vec::new();
        for (name, ty) in resources(template) {
            let (new, old) = (&template["resources"][&name], &stack.template["resources"][&name]);
            let there = stack.resources.iter().find(|resource| resource.name == name && !resource.physical.is_empty());
            let Some(there) = there else {
                found.push((name, "CREATE"));
                continue;
            };
            let (new, old) = (resolved(&new["properties"], params), resolved(&old["properties"], &stack.params));
            let keys: Vec<&String> = new.as_object().into_iter().chain(old.as_object()).flat_map(|own| own.keys()).collect();
            let changed: Vec<&&String> = keys.iter().filter(|key| new[key.as_str()] != old[key.as_str()]).collect();
            if there.status.ends_with("_FAILED") || changed.iter().any(|key| !updatable(&ty).contains(&key.as_str())) {
                found.push((name, "REPLACE"));
            } else if !changed.is_empty() {
                found.push((name, "UPDATE"));
            }
        }
        let gone = stack.resources.iter().filter(|resource| template["resources"][&resource.name].is_null());
        found.extend(gone.map(|resource| (resource.name.clone(), "DELETE")));
        found
    }

    /// What Heat's preview says of it: all that refers to another resource is replaced, whether anything changes or not.
    pub(super) fn preview(&self, at: usize, template: &Value, params: &BTreeMap<String, String>) -> BTreeMap<&'static str, Vec<String>> {
        let real = self.differences(at, template, params);
        let mut found: BTreeMap<&'static str, Vec<String>> = ["unchanged", "updated", "replaced", "added", "deleted"].map(|word| (word, Vec::new())).into();
        for (name, _) in resources(template) {
            let word = match real.iter().find(|(other, _)| *other == name).map(|(_, what)| *what) {
                Some("CREATE") => "added",
                Some("UPDATE") => "updated",
                Some("REPLACE") => "replaced",
                _ if refers(&template["resources"][&name]["properties"]) => "replaced",
                _ => "unchanged",
            };
            found.get_mut(word).unwrap().push(name);
        }
        found
    }

    /// How a creation or an update will go on.
    pub(super) fn plan_change(&mut self, at: usize, changes: &[(String, &'static str)], creates: bool) {
        let mut timeline: VecDeque<Vec<Effect>> = VecDeque::new();
        let word = if creates { "CREATE" } else { "UPDATE" };
        let resource = |name: &str, status, reason: Option<String>| vec![Effect::Resource { name: name.to_owned(), status, reason }];
        let mut failed = None;
        for (name, what) in changes {
            let (begins, done, fails) = match *what {
                "UPDATE" => ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED"),
                "DELETE" => ("DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED"),
                _ => ("CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED"),
            };
            timeline.push_back(resource(name, begins, None));
            if let Some((_, why)) = self.script.fail.filter(|(other, _)| other == name) {
                timeline.push_back(resource(name, fails, Some(why.to_owned())));
                failed = Some((name.clone(), why));
                break;
            }
            timeline.push_back(resource(name, done, None));
        }
        let stack = |status, reason: String| Effect::Stack { status, reason };
        match failed {
            None => {
                let status = if creates { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" };
                timeline.push_back(vec![stack(status, format!("Stack {word} completed successfully"))]);
            }
            Some((name, why)) => {
                let status = if creates { "CREATE_FAILED" } else { "UPDATE_FAILED" };
                timeline.push_back(vec![stack(status, format!("Resource {word} failed: {why}"))]);
                if self.stacks[at].rollback {
                    // Heat says that it failed before it says that it goes back.
                    timeline.push_back(vec![stack("ROLLBACK_IN_PROGRESS", format!("Stack ROLLBACK started ({why})"))]);
                    timeline.push_back(resource(&name, "UPDATE_IN_PROGRESS", None));
                    if self.script.rollback_fails {
                        timeline.push_back(resource(&name, "UPDATE_FAILED", Some("The way back is blocked as well".to_owned())));
                        timeline.push_back(vec![Effect::Back, stack("ROLLBACK_FAILED", "Resource UPDATE failed: The way back is blocked as well".to_owned())]);
                    } else {
                        timeline.push_back(resource(&name, "UPDATE_COMPLETE", None));
                        timeline.push_back(vec![Effect::Back, stack("ROLLBACK_COMPLETE", "Stack ROLLBACK completed successfully".to_owned())]);
                    }
                }
            }
        }
        self.stacks[at].timeline = timeline;
    }

    /// How a removal will go on.
    pub(super) fn plan_deletion(&mut self, at: usize) {
        let mut timeline: VecDeque<Vec<Effect>> = VecDeque::new();
        let mut failed = Vec::new();
        let stack: Stack = self.stacks[at].clone();
        for there in stack.resources.iter().rev().filter(|there| !there.physical.is_empty()) {
            if stack.template["resources"][&there.name]["deletion_policy"].as_str().is_some_and(|policy| policy.eq_ignore_ascii_case("retain")) {
                continue;
            }
            let resource = |status, reason| vec![Effect::Resource { name: there.name.clone(), status, reason }];
            timeline.push_back(resource("DELETE_IN_PROGRESS", None));
            let full = self.containers.get(&there.physical).is_some_and(|objects| !objects.is_empty());
            let script = self.script.delete_fails.iter().find(|(name, _)| *name == there.name).map(|(_, why)| (*why).to_owned());
            let own = full.then(|| {
                format!(
                    "NotSupported: resources.{}: Deleting non-empty container ({}) when PurgeOnDelete is False is not supported.",
                    there.name, there.physical
                )
            });
            match script.or(own) {
                Some(why) => {
                    timeline.push_back(resource("DELETE_FAILED", Some(why.clone())));
                    failed.push(why);
                }
                None => timeline.push_back(resource("DELETE_COMPLETE", None)),
            }
        }
        timeline.push_back(vec![match failed.first() {
            None => Effect::Gone,
            Some(why) => Effect::Stack { status: "DELETE_FAILED", reason: format!("Resource DELETE failed: {why}") },
        }]);
        self.stacks[at].timeline = timeline;
    }

    /// How a check will go on: of what it cannot look at it says so.
    pub(super) fn plan_check(&mut self, at: usize) {
        let mut timeline: VecDeque<Vec<Effect>> = VecDeque::new();
        let mut failed = None;
        for there in self.stacks[at].resources.clone() {
            let script = self.script.check_fails.iter().find(|(name, _)| *name == there.name).map(|(_, why)| (*why).to_owned());
            let (status, reason) = match (script, there.ty.as_str()) {
                (Some(why), _) => ("CHECK_FAILED", Some(why)),
                (None, "OS::Swift::Container") => ("CHECK_COMPLETE", None),
                (None, ty) => ("CHECK_COMPLETE", Some(format!("CHECK not supported for {ty}"))),
            };
            failed = failed.or(reason.clone().filter(|_| status == "CHECK_FAILED"));
            timeline.push_back(vec![Effect::Resource { name: there.name, status, reason }]);
        }
        timeline.push_back(vec![match failed {
            None => Effect::Stack { status: "CHECK_COMPLETE", reason: "Stack CHECK completed successfully".to_owned() },
            Some(why) => Effect::Stack { status: "CHECK_FAILED", reason: format!("Resource CHECK failed: {why}") },
        }]);
        self.stacks[at].timeline = timeline;
    }

    /// How all resources wake up.
    pub(super) fn plan_resume(&mut self, at: usize) {
        let stack = Effect::Stack { status: "RESUME_COMPLETE", reason: "Stack RESUME completed successfully".to_owned() };
        self.stacks[at].timeline = VecDeque::from([vec![stack]]);
    }

    /// How an update goes back that was cancelled.
    pub(super) fn plan_rollback(&mut self, at: usize) {
        let stack = Effect::Stack { status: "ROLLBACK_COMPLETE", reason: "Stack ROLLBACK completed successfully".to_owned() };
        self.stacks[at].timeline = VecDeque::from([vec![Effect::Back, stack]]);
    }
}
