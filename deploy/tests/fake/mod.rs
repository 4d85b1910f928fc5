//! A CloudFormation of our own: the query protocol over a socket, stacks that go from state to state as AWS documents it, and faults on demand.
//!
//! Time passes by being looked at: each DescribeStacks of a stack lets one thing happen to it. So every run is the same, and none waits.
#![allow(dead_code)]

mod answer;
mod ecr;
pub mod ecs;
mod http;
mod s3;

use crate::runs::Cloud;
pub use crate::wire::Fault;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

/// The region's address in ARNs.
const ARN: &str = "arn:aws:cloudformation:eu-west-1:123456789012";

/// A running fake.
pub struct Fake {
    port: u16,
    world: Arc<Mutex<World>>,
}

/// All that there is in the fake's account.
#[derive(Default, Clone)]
pub struct World {
    /// Stacks, those that were deleted among them.
    pub stacks: Vec<Stack>,
    change_sets: Vec<ChangeSet>,
    /// Every call that changed something, in order; one that came again for nothing says so.
    pub acts: Vec<String>,
    /// Every call, in order.
    pub calls: Vec<String>,
    /// What goes wrong on the way.
    pub faults: Vec<Fault>,
    /// Whose account it is; the usual one when empty.
    pub account: String,
    /// The access keys that calls were signed with.
    pub keys: BTreeSet<String>,
    /// Buckets of another account.
    pub foreign: BTreeSet<String>,
    /// Buckets that keep versions.
    pub versioned: BTreeSet<String>,
    /// The address of the template that was laid down last, as CloudFormation was given it.
    pub template_url: String,
    /// Buckets with their objects.
    pub buckets: BTreeMap<String, BTreeMap<String, String>>,
    /// Repositories with the digests of their images, and for a manifest list the image that it names.
    pub images: BTreeMap<String, Vec<(String, Option<String>)>>,
    /// How what begins from now on will go.
    pub script: Script,
    /// What runs in ECS.
    pub ecs: ecs::Ecs,
    drifts: Vec<String>,
    clock: u64,
    count: u64,
}

/// How an operation will go.
#[derive(Default, Clone)]
pub struct Script {
    /// The resource that fails, and why.
    pub fail: Option<(&'static str, &'static str)>,
    /// Whether the way back fails at it as well.
    pub rollback_fails: bool,
    /// What is found wrong before anything is done: resource, path below it, why.
    pub early: Option<(&'static str, &'static str, &'static str)>,
    /// Properties whose change replaces their resource.
    pub create_only: Vec<&'static str>,
    /// Resources that cannot be deleted, and why.
    pub delete_fails: Vec<(&'static str, &'static str)>,
    /// How many more events each resource makes, to fill pages.
    pub chatter: usize,
    /// Resources that somebody changed: name, property, what was deployed, what is there; no property for one that is gone.
    pub drift: Vec<(&'static str, &'static str, &'static str, &'static str)>,
    /// Nothing goes on for as long as this is so.
    pub hold: bool,
    /// How somebody else's change leaves the stack just before a change set is made.
    pub meanwhile: Option<&'static str>,
    /// The stack is deleted by somebody after so many looks.
    pub deleted_under_us: Option<usize>,
}

/// A stack.
#[derive(Clone, Default)]
pub struct Stack {
    pub name: String,
    pub id: String,
    pub status: String,
    pub reason: Option<String>,
    pub params: BTreeMap<String, String>,
    pub template: String,
    pub resources: Vec<Resource>,
    pub protected: bool,
    pub policy: Option<String>,
    pub change_set: Option<String>,
    pub events: Vec<Event>,
    timeline: VecDeque<Vec<Effect>>,
    token: String,
    looks: usize,
    before: Option<Box<Stack>>,
}

/// A resource of a stack.
#[derive(Clone, Default, Debug)]
pub struct Resource {
    pub name: String,
    pub ty: String,
    pub status: String,
}

/// An event of a stack.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub at: u64,
    pub name: String,
    pub ty: String,
    pub physical: String,
    pub status: String,
    pub reason: Option<String>,
    pub token: String,
}

#[derive(Clone, Debug)]
enum Effect {
    Resource {
        name: String,
        ty: String,
        status: &'static str,
        reason: Option<String>,
    },
    Stack {
        status: &'static str,
        reason: Option<String>,
    },
    /// The state of before the operation comes back.
    Back,
}

#[derive(Clone)]
struct ChangeSet {
    id: String,
    name: String,
    stack: String,
    template: String,
    params: BTreeMap<String, String>,
    creates: bool,
    /// Whether what is made stays when it fails.
    stays: bool,
    status: &'static str,
    reason: Option<String>,
    execution: &'static str,
    changes: Vec<Change>,
    early: Option<(&'static str, &'static str, &'static str)>,
    reverts: bool,
    looks: usize,
}

#[derive(Clone)]
struct Change {
    action: &'static str,
    name: String,
    ty: String,
    replacement: &'static str,
    policy: Option<&'static str>,
    details: Vec<(String, String, String, bool)>,
}

impl Fake {
    /// Starts one on a free port.
    pub fn start() -> Fake {
        let world = Arc::new(Mutex::new(World { clock: 1_795_000_000, ecs: ecs::Ecs::well(), ..World::default() }));
        let port = crate::wire::serve(Arc::clone(&world));
        Fake { port, world }
    }

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
        Fake::start()
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let fixed = [
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "not-a-real-key-of-anybody"),
            ("AWS_REGION", "eu-west-1"),
            ("AWS_EC2_METADATA_DISABLED", "true"),
            ("AWS_CONFIG_FILE", "none"),
            ("AWS_SHARED_CREDENTIALS_FILE", "none"),
            ("STACKC_TARGET", "cfn"),
        ];
        fixed.into_iter().map(|(name, value)| (name, value.to_owned())).chain([("AWS_ENDPOINT_URL", self.url())]).collect()
    }

    fn acts(&self) -> Vec<String> {
        self.with(|world| world.acts.clone())
    }

    fn calls(&self) -> Vec<String> {
        self.with(|world| world.calls.clone())
    }
}

/// A refusal: status, code, message.
type Refusal = (u16, &'static str, String);

fn invalid(text: impl Into<String>) -> Refusal {
    (400, "ValidationError", text.into())
}

impl World {
    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    fn find(&self, name: &str) -> Option<usize> {
        self.stacks.iter().rposition(|stack| stack.id == name || stack.name == name && stack.status != "DELETE_COMPLETE")
    }

    /// The stack of a name or an ARN.
    pub fn stack(&mut self, name: &str) -> &mut Stack {
        let at = self.find(name).unwrap_or_else(|| panic!("no stack {name}"));
        &mut self.stacks[at]
    }

    fn wanted(&self, name: &str) -> Result<usize, Refusal> {
        self.find(name).ok_or_else(|| invalid(format!("Stack with id {name} does not exist")))
    }

    /// Puts a stack there that is in a state, with the resources of a template.
    pub fn put(&mut self, name: &str, status: &str, template: &str) {
        let number = self.number();
        let id = format!("{ARN}:stack/{name}/{number:08}");
        let mut stack = Stack { name: name.to_owned(), id: id.clone(), status: status.to_owned(), template: template.to_owned(), ..Stack::default() };
        stack.resources = resources(template).into_iter().map(|(name, ty)| Resource { name, ty, status: "CREATE_COMPLETE".to_owned() }).collect();
        for (key, param) in params_of(template) {
            stack.params.insert(key, param.get("Default").map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned)).unwrap_or_default());
        }
        self.stacks.push(stack);
        let at = self.stacks.len() - 1;
        self.event(at, name.to_owned(), "AWS::CloudFormation::Stack".to_owned(), status.to_owned(), None);
    }

    /// Something that happens to a resource by the next look.
    pub fn goes_on(&mut self, name: &str, ends: &'static str) {
        let stack = self.stack(name);
        stack.timeline.push_back(Vec::new());
        stack.timeline.push_back(vec![Effect::Stack { status: ends, reason: None }]);
    }

    /// Whether any change set waits.
    pub fn has_change_sets(&self) -> bool {
        self.change_sets.iter().any(|set| set.execution == "AVAILABLE" || set.execution == "UNAVAILABLE")
    }

    fn event(&mut self, at: usize, name: String, ty: String, status: String, reason: Option<String>) {
        let number = self.number();
        let clock = self.clock;
        let stack = &mut self.stacks[at];
        let physical = if name == stack.name { stack.id.clone() } else { physical(&stack.name, &name) };
        let token = stack.token.clone();
        stack.events.push(Event { id: format!("event-{number:06}"), at: clock, name, ty, physical, status, reason, token });
    }

    fn state(&mut self, at: usize, status: &'static str, reason: Option<String>) {
        self.stacks[at].status = status.to_owned();
        self.stacks[at].reason.clone_from(&reason);
        let name = self.stacks[at].name.clone();
        self.event(at, name, "AWS::CloudFormation::Stack".to_owned(), status.to_owned(), reason);
    }

    /// Lets the next thing happen to a stack.
    fn tick(&mut self, at: usize) {
        self.stacks[at].looks += 1;
        if self.script.deleted_under_us.is_some_and(|looks| self.stacks[at].looks > looks) && self.stacks[at].status.ends_with("_IN_PROGRESS") {
            self.stacks[at].timeline.clear();
            self.stacks[at].resources.clear();
            self.state(at, "DELETE_COMPLETE", None);
            return;
        }
        if self.script.hold {
            return;
        }
        let Some(effects) = self.stacks[at].timeline.pop_front() else { return };
        self.clock += 10;
        for effect in effects {
            match effect {
                Effect::Stack { status, reason } => self.state(at, status, reason),
                Effect::Back => {
                    if let Some(before) = self.stacks[at].before.take() {
                        let stack = &mut self.stacks[at];
                        stack.template = before.template;
                        stack.params = before.params;
                    }
                }
                Effect::Resource { name, ty, status, reason } => {
                    let stack = &mut self.stacks[at];
                    let known = stack.resources.iter().position(|resource| resource.name == name);
                    match (known, status) {
                        (Some(known), "DELETE_COMPLETE") => {
                            stack.resources.remove(known);
                        }
                        (Some(known), _) => stack.resources[known].status = status.to_owned(),
                        (None, "DELETE_COMPLETE") => {}
                        (None, _) => stack.resources.push(Resource { name: name.clone(), ty: ty.clone(), status: status.to_owned() }),
                    }
                    self.event(at, name, ty, status.to_owned(), reason);
                }
            }
        }
    }

    /// What executing a change set will lead to, tick by tick.
    fn plan_execution(&mut self, at: usize, changes: &[Change], creates: bool, stays: bool) {
        let script = self.script.clone();
        let mut timeline: VecDeque<Vec<Effect>> = VecDeque::new();
        let resource = |change: &Change, status, reason: Option<String>| Effect::Resource { name: change.name.clone(), ty: change.ty.clone(), status, reason };
        let mut made: Vec<&Change> = Vec::new();
        let mut failed = None;
        for change in changes {
            let (begins, done, fails) = match change.action {
                "Add" => ("CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED"),
                "Remove" => ("DELETE_IN_PROGRESS", "DELETE_COMPLETE", "DELETE_FAILED"),
                _ => ("UPDATE_IN_PROGRESS", "UPDATE_COMPLETE", "UPDATE_FAILED"),
            };
            timeline.push_back(vec![resource(change, begins, None)]);
            for _ in 0..script.chatter {
                timeline.push_back((0..100).map(|_| resource(change, begins, Some("Resource creation Initiated".to_owned()))).collect());
            }
            // The stack's policy stands above what anybody deploys.
            let lost = change.action == "Remove" || change.replacement == "True";
            let denied = lost && self.stacks[at].policy.as_ref().is_some_and(|policy| policy.contains(&format!("LogicalResourceId/{}\"", change.name)));
            if denied {
                timeline.push_back(vec![resource(change, fails, Some("Action denied by stack policy".to_owned()))]);
                failed = Some((change, change.name.as_str()));
                break;
            }
            if let Some((name, reason)) = script.fail.filter(|(name, _)| *name == change.name) {
                timeline.push_back(vec![resource(change, fails, Some(reason.to_owned()))]);
                failed = Some((change, name));
                break;
            }
            timeline.push_back(vec![resource(change, done, None)]);
            made.push(change);
        }
        let Some((culprit, name)) = failed else {
            if !creates {
                timeline.push_back(vec![Effect::Stack { status: "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", reason: None }]);
            }
            timeline.push_back(vec![Effect::Stack { status: if creates { "CREATE_COMPLETE" } else { "UPDATE_COMPLETE" }, reason: None }]);
            self.stacks[at].timeline = timeline;
            return;
        };
        let reason = Some(format!("The following resource(s) failed to {}: [{name}]. ", if creates { "create" } else { "update" }));
        if stays {
            let status = if creates { "CREATE_FAILED" } else { "UPDATE_FAILED" };
            timeline.push_back(vec![Effect::Stack { status, reason }]);
        } else if creates {
            timeline.push_back(vec![Effect::Stack { status: "ROLLBACK_IN_PROGRESS", reason: reason.map(|text| format!("{text}Rollback requested by user.")) }]);
            for change in made.iter().rev().chain([&culprit]) {
                timeline.push_back(vec![resource(change, "DELETE_COMPLETE", None)]);
            }
            timeline.push_back(vec![Effect::Stack { status: "ROLLBACK_COMPLETE", reason: None }]);
        } else {
            timeline.push_back(vec![Effect::Stack { status: "UPDATE_ROLLBACK_IN_PROGRESS", reason }]);
            if script.rollback_fails {
                timeline.push_back(vec![resource(culprit, "UPDATE_FAILED", Some("The way back is blocked as well".to_owned()))]);
                let reason = Some(format!("The following resource(s) failed to update: [{name}]. "));
                timeline.push_back(vec![Effect::Back, Effect::Stack { status: "UPDATE_ROLLBACK_FAILED", reason }]);
            } else {
                timeline.push_back(vec![resource(culprit, "UPDATE_COMPLETE", None)]);
                timeline.push_back(vec![Effect::Stack { status: "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS", reason: None }]);
                timeline.push_back(vec![Effect::Back, Effect::Stack { status: "UPDATE_ROLLBACK_COMPLETE", reason: None }]);
            }
        }
        self.stacks[at].timeline = timeline;
    }

    fn plan_deletion(&mut self, at: usize, retain: &[String]) {
        let mut timeline: VecDeque<Vec<Effect>> = VecDeque::new();
        let resource =
            |resource: &Resource, status, reason: Option<String>| Effect::Resource { name: resource.name.clone(), ty: resource.ty.clone(), status, reason };
        let mut failed = Vec::new();
        let stack = self.stacks[at].name.clone();
        let filled = |world: &World, there: &Resource| world.buckets.get(&physical(&stack, &there.name)).is_some_and(|objects| !objects.is_empty());
        for there in self.stacks[at].resources.clone().iter().rev().filter(|there| !retain.contains(&there.name)) {
            timeline.push_back(vec![resource(there, "DELETE_IN_PROGRESS", None)]);
            let script = self.script.delete_fails.iter().find(|(name, _)| *name == there.name).map(|(_, reason)| *reason);
            match script.or(filled(self, there).then_some("The bucket you tried to delete is not empty (Service: S3, Status Code: 409)")) {
                Some(reason) => {
                    timeline.push_back(vec![resource(there, "DELETE_FAILED", Some(reason.to_owned()))]);
                    failed.push(there.name.clone());
                }
                None => timeline.push_back(vec![resource(there, "DELETE_COMPLETE", None)]),
            }
        }
        timeline.push_back(vec![if failed.is_empty() {
            Effect::Stack { status: "DELETE_COMPLETE", reason: None }
        } else {
            Effect::Stack { status: "DELETE_FAILED", reason: Some(format!("The following resource(s) failed to delete: [{}]. ", failed.join(", "))) }
        }]);
        self.stacks[at].timeline = timeline;
    }
}

fn physical(stack: &str, name: &str) -> String {
    format!("{stack}-{}-1a2b", name.to_lowercase())
}

fn parse(template: &str) -> Value {
    serde_json::from_str(template).unwrap_or_default()
}

/// Names and types, in the template's order.
pub fn resources(template: &str) -> Vec<(String, String)> {
    let template = parse(template);
    let found = template["Resources"].as_object().into_iter().flatten();
    found.map(|(name, resource)| (name.clone(), resource["Type"].as_str().unwrap_or_default().to_owned())).collect()
}

fn params_of(template: &str) -> Vec<(String, Value)> {
    parse(template)["Parameters"].as_object().into_iter().flatten().map(|(name, param)| (name.clone(), param.clone())).collect()
}

/// A template's properties with the parameters' values in them.
fn resolved(value: &Value, params: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(object) => {
            if let Some(text) = object.get("Ref").and_then(Value::as_str).and_then(|name| params.get(name)) {
                return Value::String(text.clone());
            }
            Value::Object(object.iter().map(|(name, value)| (name.clone(), resolved(value, params))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| resolved(item, params)).collect()),
        other => other.clone(),
    }
}

/// What a new template would change of an old one.
fn compare(old: &str, old_params: &BTreeMap<String, String>, new: &str, new_params: &BTreeMap<String, String>, create_only: &[&str]) -> Vec<Change> {
    let (before, after) = (parse(old), parse(new));
    let hidden = |params: &BTreeMap<String, String>| -> BTreeMap<String, String> {
        let secret = |name: &String| after["Parameters"][name]["NoEcho"].as_bool() == Some(true);
        params.iter().map(|(name, value)| (name.clone(), if secret(name) { "****".to_owned() } else { value.clone() })).collect()
    };
    let policy = |resource: &Value, replaced: bool| {
        let word = resource[if replaced { "UpdateReplacePolicy" } else { "DeletionPolicy" }].as_str().unwrap_or("Delete");
        match (word, replaced) {
            ("Delete", false) => "Delete",
            ("Delete", true) => "ReplaceAndDelete",
            ("Snapshot", false) => "Snapshot",
            ("Snapshot", true) => "ReplaceAndSnapshot",
            (_, false) => "Retain",
            (_, true) => "ReplaceAndRetain",
        }
    };
    let mut found = Vec::new();
    for (name, ty) in resources(new) {
        let one = &after["Resources"][&name];
        let other = &before["Resources"][&name];
        if other.is_null() {
            found.push(Change { action: "Add", name, ty, replacement: "", policy: None, details: Vec::new() });
            continue;
        }
        let (empty, mut details) = (serde_json::Map::new(), Vec::new());
        let (olds, news) = (other["Properties"].as_object().unwrap_or(&empty), one["Properties"].as_object().unwrap_or(&empty));
        let mut names: Vec<&String> = olds.keys().chain(news.keys()).collect();
        names.sort();
        names.dedup();
        for property in names {
            let (old, new) = (olds.get(property).unwrap_or(&Value::Null), news.get(property).unwrap_or(&Value::Null));
            if resolved(old, old_params) != resolved(new, new_params) {
                let text = |value: Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                details.push((
                    property.clone(),
                    text(resolved(old, &hidden(old_params))),
                    text(resolved(new, &hidden(new_params))),
                    create_only.contains(&property.as_str()),
                ));
            }
        }
        if !details.is_empty() {
            let replaced = details.iter().any(|(.., only)| *only);
            let policy = replaced.then(|| policy(one, true));
            found.push(Change { action: "Modify", name, ty, replacement: if replaced { "True" } else { "False" }, policy, details });
        }
    }
    for (name, ty) in resources(old) {
        let there = &before["Resources"][&name];
        if after["Resources"][&name].is_null() {
            found.push(Change { action: "Remove", policy: Some(policy(there, false)), name, ty, replacement: "", details: Vec::new() });
        }
    }
    found
}
