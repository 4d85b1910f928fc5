//! An Azure Resource Manager of our own: resource groups, what-ifs, deployment stacks that go from state to state as Microsoft's description of the API has them, a
//! giver of tokens, and faults on demand.
//!
//! Time passes by being looked at: each look at a stack lets one thing happen to it. So every run is the same, and none waits.
#![allow(dead_code)]

mod http;
pub mod jobs;
mod template;

use crate::runs::Cloud;
#[allow(unused_imports)]
pub use crate::wire::{Fault, What};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
pub use template::SUBSCRIPTION;
use template::{Around, Made, delta};

/// A running fake.
pub struct Fake {
    port: u16,
    world: Arc<Mutex<World>>,
}

/// All that there is in the fake's subscription.
#[derive(Default, Clone)]
pub struct World {
    pub groups: BTreeMap<String, Group>,
    /// By ids in small letters.
    pub live: BTreeMap<String, Live>,
    pub stacks: Vec<Stack>,
    /// Operations, by their deployment's id.
    pub operations: BTreeMap<String, Vec<Value>>,
    /// Every call that changed something, in order; one that came again for nothing says so.
    pub acts: Vec<String>,
    /// The marks of the deploys that were taken in.
    pub runs: Vec<String>,
    /// Every call, in order.
    pub calls: Vec<String>,
    /// What goes wrong on the way.
    pub faults: Vec<Fault>,
    /// How what begins from now on will go.
    pub script: Script,
    /// What is started of jobs.
    pub jobs: jobs::Jobs,
    /// Tokens up to this number are no longer taken.
    pub revoked: u64,
    tokens: u64,
    answers: Vec<(usize, Value)>,
    clock: u64,
    count: u64,
    port: u16,
}

/// How an operation will go.
#[derive(Default, Clone)]
pub struct Script {
    /// The resource that fails, and the error that its provider gives.
    pub fail: Option<(&'static str, Value)>,
    /// Resources that cannot be deleted, and why.
    pub delete_fails: Vec<(&'static str, &'static str)>,
    /// What a what-if refuses.
    pub refuse: Option<Value>,
    /// Resources that a what-if cannot foresee.
    pub unforeseen: Vec<&'static str>,
    /// Azure does not say which resource of the template it speaks of.
    pub nameless: bool,
    /// Deltas that a what-if shows besides, by resource.
    pub noise: Vec<(&'static str, Value)>,
    /// Nothing goes on for as long as this is so.
    pub hold: bool,
    /// Somebody else deploys the stack just before it is deployed.
    pub meanwhile: bool,
    /// The stack is deleted by somebody after so many looks.
    pub deleted_under_us: Option<usize>,
    /// How long the cloud asks to be left alone when there are too many calls, in seconds.
    pub retry_after: Option<u64>,
    /// Its group cannot be removed by who may remove the stack.
    pub group_stays: bool,
}

/// A resource group.
#[derive(Clone, Default)]
pub struct Group {
    pub location: String,
    pub tags: Value,
    /// How many more looks it is there while it is deleted.
    pub going: Option<usize>,
}

/// A resource that is there.
#[derive(Clone)]
pub struct Live {
    pub id: String,
    pub ty: String,
    pub symbol: String,
    pub body: Value,
}

/// A deployment stack.
#[derive(Clone, Default)]
pub struct Stack {
    pub group: String,
    pub name: String,
    pub state: String,
    pub tags: Value,
    pub template: Value,
    pub params: Value,
    pub deployment: String,
    pub correlation: String,
    pub resources: Vec<(String, &'static str)>,
    pub outputs: Value,
    pub error: Option<Value>,
    pub failed: Vec<(String, Value)>,
    pub changed: u64,
    looks: usize,
    timeline: VecDeque<Effect>,
}

#[derive(Clone)]
enum Effect {
    State(&'static str),
    Deploys(String),
    Begins(Made),
    Makes(Made),
    Fails(Made, Value),
    Deletes(String),
    Keeps(String, Value),
    /// How it ends: its state, and the error.
    Ends(&'static str, Option<Value>),
    Gone,
}

impl Fake {
    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Looks at it, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }
}

impl Cloud for Fake {
    fn start() -> Fake {
        let world = Arc::new(Mutex::new(World { clock: 1_795_000_000, ..World::default() }));
        let port = crate::wire::serve(Arc::clone(&world));
        world.lock().unwrap().port = port;
        Fake { port, world }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION.to_owned()),
            ("IDENTITY_ENDPOINT", format!("{}/token", self.url())),
            ("IDENTITY_HEADER", "not-a-real-one".to_owned()),
            ("STACKC_ENDPOINT_URL", self.url()),
            ("STACKC_TARGET", "arm".to_owned()),
        ]
    }

    fn acts(&self) -> Vec<String> {
        self.with(|world| world.acts.clone())
    }

    fn calls(&self) -> Vec<String> {
        self.with(|world| world.calls.clone())
    }
}

/// A refusal: status, code, message.
type Refusal = (u16, Value);

fn refusal(status: u16, code: &str, message: impl Into<String>) -> Refusal {
    (status, json!({ "error": { "code": code, "message": message.into() } }))
}

impl World {
    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn at(&self, group: &str, name: &str) -> Option<usize> {
        self.stacks.iter().position(|stack| stack.group == group && stack.name == name)
    }

    /// The stack of a name, in the group of that name.
    pub fn stack(&mut self, name: &str) -> &mut Stack {
        let at = self.at(name, name).unwrap_or_else(|| panic!("no stack {name}"));
        &mut self.stacks[at]
    }

    /// A resource that is there, by its name in the template.
    pub fn resource(&mut self, symbol: &str) -> &mut Live {
        self.live.values_mut().find(|live| live.symbol == symbol).unwrap_or_else(|| panic!("no resource {symbol}"))
    }

    fn group(&mut self, name: &str) -> Result<Group, Refusal> {
        let missing = refusal(404, "ResourceGroupNotFound", format!("Resource group '{name}' could not be found."));
        let Some(group) = self.groups.get_mut(name) else { return Err(missing) };
        match &mut group.going {
            Some(0) => {
                self.groups.remove(name);
                self.live.retain(|id, _| !id.contains(&format!("/resourcegroups/{}/", name.to_lowercase())));
                return Err(missing);
            }
            Some(looks) => *looks -= 1,
            None => {}
        }
        Ok(self.groups[name].clone())
    }

    fn what_if(&mut self, group: &str, body: &Value) -> Result<Value, Refusal> {
        let location = self.group(group)?.location;
        if let Some(error) = &self.script.refuse {
            return Ok(json!({ "status": "Failed", "error": error }));
        }
        let (template, params) = (&body["properties"]["template"], &body["properties"]["parameters"]);
        self.complete(template, params)?;
        let made = Around { group, location: &location, template, params }.made();
        let mut changes = Vec::new();
        for made in &made {
            let mut change = json!({ "resourceId": made.id });
            if !self.script.nameless {
                change["symbolicName"] = json!(made.symbol);
            }
            let mut differs = Vec::new();
            let live = self.live.get(&made.id.to_lowercase());
            if let Some(live) = live {
                delta(&live.body, &made.body, "", &mut differs);
                differs.extend(made.hidden.iter().map(|path| json!({ "path": path, "propertyChangeType": "NoEffect", "after": "*******" })));
                differs.extend(self.script.noise.iter().filter(|(symbol, _)| *symbol == made.symbol).map(|(_, noise)| noise.clone()));
            }
            change["changeType"] = json!(match live {
                _ if self.script.unforeseen.contains(&made.symbol.as_str()) => "Unsupported",
                None => "Create",
                Some(_) if differs.is_empty() => "NoChange",
                Some(_) => "Modify",
            });
            if change["changeType"] == "Unsupported" {
                change["unsupportedReason"] = json!("its name is known only when it is deployed");
            }
            change["delta"] = json!(differs);
            changes.push(change);
        }
        let inside = format!("/resourcegroups/{}/", group.to_lowercase());
        let others = self.live.iter().filter(|(id, _)| id.contains(&inside) && !made.iter().any(|made| made.id.to_lowercase() == **id));
        changes.extend(others.map(|(_, live)| json!({ "resourceId": live.id, "changeType": "Ignore" })));
        Ok(json!({ "status": "Succeeded", "properties": { "changes": changes } }))
    }

    /// Whether each parameter has a value.
    fn complete(&self, template: &Value, params: &Value) -> Result<(), Refusal> {
        for (name, param) in template["parameters"].as_object().into_iter().flatten() {
            if param["defaultValue"].is_null() && params[name]["value"].is_null() {
                return Err(refusal(
                    400,
                    "InvalidTemplate",
                    format!("Deployment template validation failed: 'The value for the template parameter '{name}' is not provided.'"),
                ));
            }
        }
        Ok(())
    }

    fn put_stack(&mut self, group: &str, name: &str, body: &Value) -> Result<u16, Refusal> {
        let location = self.group(group)?.location;
        let before = self.at(group, name);
        if std::mem::take(&mut self.script.meanwhile) {
            self.put_stack(group, name, &json!({ "tags": { "stackc-run": "somebody-else" }, "properties": body["properties"] }))?;
            return Err(busy(name));
        }
        if before.is_some_and(|at| !self.stacks[at].settled()) {
            self.acts.push("refused PutStack".to_owned());
            return Err(busy(name));
        }
        let properties = &body["properties"];
        self.complete(&properties["template"], &properties["parameters"])?;
        assert_eq!(properties["actionOnUnmanage"]["resources"], "delete");
        let made = Around { group, location: &location, template: &properties["template"], params: &properties["parameters"] };
        let (outputs, made) = (made.outputs(), made.made());
        let number = self.number();
        let mut stack = before.map(|at| self.stacks[at].clone()).unwrap_or_default();
        (stack.group, stack.name, stack.state) = (group.to_owned(), name.to_owned(), "creating".to_owned());
        (stack.tags, stack.template, stack.params) = (body["tags"].clone(), properties["template"].clone(), properties["parameters"].clone());
        stack.correlation = format!("correlation-{number}");
        (stack.error, stack.failed) = (None, Vec::new());
        let deployment = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/Microsoft.Resources/deployments/{name}-{number}");
        let mut timeline = VecDeque::from([Effect::State("validating"), Effect::Deploys(deployment)]);
        let mut failed = None;
        for made in &made {
            timeline.push_back(Effect::Begins(made.clone()));
            if let Some((_, error)) = self.script.fail.as_ref().filter(|(symbol, _)| *symbol == made.symbol) {
                timeline.push_back(Effect::Fails(made.clone(), error.clone()));
                failed = Some(json!({ "code": "DeploymentStackUpdateFailed", "message": "One or more stages of the deploymentStack failed.", "details": [{
                    "code": "DeploymentFailed", "message": "At least one resource deployment operation failed. Please list deployment operations for details.",
                    "details": [{ "code": error["code"], "message": error["message"], "target": made.id }]
                }] }));
                break;
            }
            timeline.push_back(Effect::Makes(made.clone()));
        }
        if failed.is_none() {
            let gone: Vec<String> =
                stack.resources.iter().map(|(id, _)| id.clone()).filter(|id| !made.iter().any(|made| made.id.eq_ignore_ascii_case(id))).collect();
            if !gone.is_empty() {
                timeline.push_back(Effect::State("deletingResources"));
                timeline.extend(gone.into_iter().map(Effect::Deletes));
            }
        }
        let ends = if failed.is_some() { "failed" } else { "succeeded" };
        timeline.push_back(Effect::Ends(ends, failed));
        stack.outputs = if ends == "succeeded" { outputs } else { stack.outputs };
        stack.timeline = timeline;
        stack.looks = 0;
        stack.changed = self.clock;
        self.acts.push("PutStack".to_owned());
        self.runs.extend(body["tags"]["stackc-run"].as_str().map(str::to_owned));
        match before {
            Some(at) => self.stacks[at] = stack,
            None => self.stacks.push(stack),
        }
        Ok(if before.is_some() { 200 } else { 201 })
    }

    fn delete_stack(&mut self, group: &str, name: &str) -> Result<(), Refusal> {
        let Some(at) = self.at(group, name) else { return Err(not_found(name)) };
        if !self.stacks[at].settled() {
            self.acts.push("refused DeleteStack".to_owned());
            return Err(busy(name));
        }
        self.acts.push("DeleteStack".to_owned());
        let number = self.number();
        let ids: Vec<String> = self.stacks[at].resources.iter().map(|(id, _)| id.clone()).rev().collect();
        let mut timeline = VecDeque::from([Effect::State("deletingResources")]);
        let mut failed = false;
        for id in ids {
            let symbol = self.live.get(&id.to_lowercase()).map(|live| live.symbol.clone()).unwrap_or_default();
            match self.script.delete_fails.iter().find(|(name, _)| *name == symbol) {
                Some((_, why)) => {
                    failed = true;
                    timeline.push_back(Effect::Keeps(id, json!({ "code": "DeploymentStackDeleteResourcesFailed", "message": why })));
                }
                None => timeline.push_back(Effect::Deletes(id)),
            }
        }
        let error = json!({ "code": "DeploymentStackDeleteResourcesFailed", "message": "One or more resources could not be deleted." });
        timeline.push_back(if failed { Effect::Ends("failed", Some(error)) } else { Effect::Gone });
        let stack = &mut self.stacks[at];
        (stack.state, stack.correlation, stack.timeline, stack.looks) = ("deleting".to_owned(), format!("correlation-{number}"), timeline, 0);
        Ok(())
    }

    fn cancel(&mut self, group: &str) {
        self.acts.push("CancelDeployment".to_owned());
        for stack in self.stacks.iter_mut().filter(|stack| stack.group == group && !stack.settled()) {
            stack.timeline = VecDeque::from([Effect::State("canceling"), Effect::Ends("canceled", None)]);
        }
    }

    /// A look at a stack, by which one thing happens to it.
    fn look(&mut self, group: &str, name: &str) -> Result<Value, Refusal> {
        let at = self.at(group, name).ok_or_else(|| not_found(name))?;
        let seen = self.stacks[at].looks;
        self.stacks[at].looks += 1;
        if self.script.deleted_under_us.is_some_and(|after| seen >= after) {
            self.stacks.remove(at);
            return Err(not_found(name));
        }
        if seen > 0 && !self.script.hold {
            self.passes(at);
        }
        self.at(group, name).map(|at| self.shown(at)).ok_or_else(|| not_found(name))
    }

    /// All as it was in another run, at this one's address.
    pub fn put_back(&mut self, other: &World) {
        let port = self.port;
        *self = World { port, ..other.clone() };
    }

    /// Somebody deploys the stack as it is, once more.
    pub fn goes_on(&mut self, name: &str) {
        let stack = self.stack(name).clone();
        let properties = json!({ "template": stack.template, "parameters": stack.params, "actionOnUnmanage": { "resources": "delete" } });
        self.put_stack(name, name, &json!({ "tags": { "stackc-run": "somebody-else" }, "properties": properties })).unwrap();
    }

    /// Lets so many things happen to a stack.
    pub fn step(&mut self, name: &str, count: usize) {
        let at = self.at(name, name).unwrap();
        (0..count).for_each(|_| self.passes(at));
    }

    fn passes(&mut self, at: usize) {
        let Some(effect) = self.stacks[at].timeline.pop_front() else { return };
        self.clock += 10;
        let clock = self.clock;
        let stack = &mut self.stacks[at];
        stack.changed = clock;
        match effect {
            Effect::State(state) => stack.state = state.to_owned(),
            Effect::Deploys(deployment) => {
                stack.state = "deploying".to_owned();
                stack.deployment.clone_from(&deployment);
                self.operations.insert(deployment, Vec::new());
            }
            Effect::Begins(made) => self.operation(at, &made, "Running", None),
            Effect::Makes(made) => {
                if !stack.resources.iter().any(|(id, _)| id.eq_ignore_ascii_case(&made.id)) {
                    stack.resources.push((made.id.clone(), "managed"));
                }
                self.operation(at, &made, "Succeeded", None);
                self.live.insert(made.id.to_lowercase(), Live { id: made.id, ty: made.ty, symbol: made.symbol, body: made.body });
            }
            Effect::Fails(made, error) => self.operation(at, &made, "Failed", Some(error)),
            Effect::Deletes(id) => {
                stack.resources.retain(|(other, _)| *other != id);
                // What lies in it goes with it.
                let id = id.to_lowercase();
                self.live.retain(|other, _| *other != id && !other.starts_with(&format!("{id}/")));
            }
            Effect::Keeps(id, error) => {
                stack.resources.iter_mut().filter(|(other, _)| *other == id).for_each(|(_, status)| *status = "deleteFailed");
                stack.failed.push((id, error));
            }
            Effect::Ends(state, error) => (stack.state, stack.error) = (state.to_owned(), error),
            Effect::Gone => {
                self.stacks.remove(at);
            }
        }
    }

    fn operation(&mut self, at: usize, made: &Made, state: &str, error: Option<Value>) {
        let deployment = self.stacks[at].deployment.clone();
        let timestamp = moment(self.clock);
        let nameless = self.script.nameless;
        let operations = self.operations.entry(deployment).or_default();
        let id = format!("operation-{}", made.symbol);
        operations.retain(|operation| operation["operationId"] != json!(id));
        let name = made.id.rsplit('/').next();
        let mut target = json!({ "id": made.id, "resourceName": name, "resourceType": made.ty });
        if !nameless {
            target["symbolicName"] = json!(made.symbol);
        }
        let duration = if state == "Running" { "PT0S" } else { "PT10S" };
        let mut properties =
            json!({ "provisioningOperation": "Create", "provisioningState": state, "timestamp": timestamp, "duration": duration, "targetResource": target });
        if let Some(error) = error {
            properties["statusMessage"] = json!({ "status": "Failed", "error": { "code": "ResourceDeploymentFailure", "message": "The resource write operation failed to complete successfully.", "details": [error] } });
        }
        operations.push(json!({ "operationId": id, "properties": properties }));
    }

    fn shown(&self, at: usize) -> Value {
        let stack = &self.stacks[at];
        // Secure values are not given back.
        let types = &stack.template["parameters"];
        let params = stack.params.as_object().into_iter().flatten().map(|(name, param)| {
            let ty = types[name]["type"].as_str().unwrap_or("string");
            (name.clone(), if ty.starts_with("secure") { json!({ "type": ty }) } else { json!({ "type": ty, "value": param["value"] }) })
        });
        let mut properties = json!({
            "provisioningState": stack.state,
            "correlationId": stack.correlation,
            "parameters": params.collect::<serde_json::Map<_, _>>(),
            "resources": stack.resources.iter().map(|(id, status)| json!({ "id": id, "status": status, "denyStatus": "none" })).collect::<Vec<_>>(),
            "failedResources": stack.failed.iter().map(|(id, error)| json!({ "id": id, "error": error })).collect::<Vec<_>>(),
            "outputs": stack.outputs,
        });
        if !stack.deployment.is_empty() {
            properties["deploymentId"] = json!(stack.deployment);
        }
        if let Some(error) = &stack.error {
            properties["error"] = error.clone();
        }
        let id = format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/{}/providers/Microsoft.Resources/deploymentStacks/{}", stack.group, stack.name);
        json!({ "id": id, "name": stack.name, "tags": stack.tags, "systemData": { "lastModifiedAt": moment(stack.changed) }, "properties": properties })
    }
}

impl Stack {
    fn settled(&self) -> bool {
        ["succeeded", "failed", "canceled"].contains(&self.state.as_str())
    }
}

fn busy(name: &str) -> Refusal {
    refusal(409, "DeploymentStackInNonTerminalState", format!("The deployment stack '{name}' is in a non-terminal state."))
}

fn not_found(name: &str) -> Refusal {
    refusal(404, "DeploymentStackNotFound", format!("The Deployment stack '{name}' could not be found."))
}

/// `2026-11-18T11:06:40Z`: the fake's days are those after its first.
pub fn moment(clock: u64) -> String {
    let since = clock - 1_795_000_000 + 11 * 3_600 + 6 * 60 + 40;
    format!("2026-11-{:02}T{:02}:{:02}:{:02}.0000000Z", 18 + since / 86_400, since / 3_600 % 24, since / 60 % 60, since % 60)
}
