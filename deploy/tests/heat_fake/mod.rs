//! A Heat of our own, with Keystone and Swift as far as it needs them: stacks that go from state to state as Heat's engine leads them, and faults on demand.
//!
//! Time passes by being looked at: each look at a stack lets one thing happen to it. So every run is the same, and none waits.
#![allow(dead_code)]

mod answer;
mod life;

use crate::runs::{Cloud, SECRET};
pub use crate::wire::Fault;
#[allow(unused_imports)]
pub use crate::wire::What;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

/// The project's id.
pub const PROJECT: &str = "295204fad5064a28a8fd771be088e358";

/// A running fake.
pub struct Fake {
    port: u16,
    world: Arc<Mutex<World>>,
}

/// All that there is in the fake's project.
#[derive(Default, Clone)]
pub struct World {
    /// Stacks, those that were deleted among them.
    pub stacks: Vec<Stack>,
    /// Every call that changed something, in order; one that came again for nothing says so.
    pub acts: Vec<String>,
    /// Every call, in order.
    pub calls: Vec<String>,
    /// What goes wrong on the way.
    pub faults: Vec<Fault>,
    /// Containers with their objects.
    pub containers: BTreeMap<String, BTreeSet<String>>,
    /// How what begins from now on will go.
    pub script: Script,
    /// How many calls a token is good for; none when it does not run out.
    pub good_for: Option<usize>,
    /// What Keystone has issued, and how often each was shown.
    tokens: BTreeMap<String, usize>,
    /// Where it listens.
    port: u16,
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
    /// What is found wrong before anything is done.
    pub refuse: Option<&'static str>,
    /// Properties that Heat lets nobody change.
    pub immutable: Vec<&'static str>,
    /// Resources that cannot be deleted, and why.
    pub delete_fails: Vec<(&'static str, &'static str)>,
    /// Resources that a check finds wrong, and why.
    pub check_fails: Vec<(&'static str, &'static str)>,
    /// How many more events each resource makes, to fill pages.
    pub chatter: usize,
    /// Nothing goes on for as long as this is so.
    pub hold: bool,
    /// Somebody else's change comes in between the plan and what is done.
    pub meanwhile: bool,
    /// Somebody else's change comes in while ours goes on.
    pub taken_over: bool,
    /// The stack is deleted by somebody after so many looks.
    pub deleted_under_us: Option<usize>,
}

/// A stack.
#[derive(Clone, Default)]
pub struct Stack {
    pub name: String,
    pub id: String,
    pub status: String,
    pub reason: String,
    pub params: BTreeMap<String, String>,
    pub template: Value,
    pub resources: Vec<Resource>,
    pub tags: Vec<String>,
    pub rollback: bool,
    pub events: Vec<Event>,
    created: u64,
    updated: Option<u64>,
    timeline: VecDeque<Vec<Effect>>,
    looks: usize,
    before: Option<Box<Stack>>,
}

/// A resource of a stack.
#[derive(Clone, Default, Debug)]
pub struct Resource {
    pub name: String,
    pub ty: String,
    pub status: String,
    pub reason: String,
    pub physical: String,
}

/// An event of a stack.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub at: u64,
    pub name: String,
    pub physical: String,
    pub status: String,
    pub reason: String,
}

#[derive(Clone, Debug)]
pub enum Effect {
    Resource {
        name: String,
        status: &'static str,
        reason: Option<String>,
    },
    Stack {
        status: &'static str,
        reason: String,
    },
    /// The template and the parameters of before come back.
    Back,
    /// The stack is no longer there.
    Gone,
}

impl Fake {
    /// Looks at it, or changes it.
    pub fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
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
        let fixed = [
            ("OS_USERNAME", "ci"),
            // Each run is searched for it.
            ("OS_PASSWORD", SECRET),
            ("OS_PROJECT_NAME", "shop"),
            ("OS_USER_DOMAIN_NAME", "Default"),
            ("OS_PROJECT_DOMAIN_NAME", "Default"),
            ("OS_REGION_NAME", "RegionOne"),
            ("STACKC_TARGET", "hot"),
            ("STACKC_PARAM_OBJECT_STORE", "swift.example/v1/AUTH_shop"),
            ("HOME", "/nowhere"),
        ];
        fixed.into_iter().map(|(name, value)| (name, value.to_owned())).chain([("OS_AUTH_URL", self.url())]).collect()
    }

    fn acts(&self) -> Vec<String> {
        self.with(|world| world.acts.clone())
    }

    fn calls(&self) -> Vec<String> {
        self.with(|world| world.calls.clone())
    }
}

impl World {
    /// The stack of this name that is there.
    pub fn stack(&mut self, name: &str) -> &mut Stack {
        let at = self.at(name).unwrap();
        &mut self.stacks[at]
    }

    /// Whether there is such a stack.
    pub fn has(&self, name: &str) -> bool {
        self.at(name).is_some()
    }

    /// Becomes as another one is.
    pub fn take(&mut self, other: World) {
        *self = World { port: self.port, ..other };
    }

    /// Where the stack of this name or id is.
    fn at(&self, name: &str) -> Option<usize> {
        self.stacks.iter().position(|stack| (stack.name == name || stack.id == name) && stack.status != "DELETE_COMPLETE")
    }

    fn number(&mut self) -> u64 {
        self.count += 1;
        self.count
    }

    /// A change that somebody else makes to a stack: it goes on until it is looked at twice.
    pub fn somebody_changes(&mut self, name: &str) {
        let at = self.at(name).unwrap();
        self.stacks[at].tags = vec!["theirs".to_owned()];
        self.stacks[at].updated = Some(self.clock + 5);
        self.state(at, "UPDATE_IN_PROGRESS", "Stack UPDATE started");
        self.stacks[at].timeline =
            VecDeque::from([vec![], vec![Effect::Stack { status: "UPDATE_COMPLETE", reason: "Stack UPDATE completed successfully".to_owned() }]]);
    }
}

/// A value with the parameters in it.
fn resolved(value: &Value, params: &BTreeMap<String, String>) -> Value {
    match value {
        Value::Object(object) => {
            if let Some(text) = object.get("get_param").and_then(Value::as_str).and_then(|name| params.get(name)) {
                return Value::String(text.clone());
            }
            Value::Object(object.iter().map(|(name, value)| (name.clone(), resolved(value, params))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(|item| resolved(item, params)).collect()),
        other => other.clone(),
    }
}

/// Whether a value refers to another resource.
fn refers(value: &Value) -> bool {
    match value {
        Value::Object(object) => object.iter().any(|(name, value)| name == "get_resource" || name == "get_attr" || refers(value)),
        Value::Array(items) => items.iter().any(refers),
        _ => false,
    }
}

/// Names and types, in the template's order.
pub fn resources(template: &Value) -> Vec<(String, String)> {
    let found = template["resources"].as_object().into_iter().flatten();
    found.map(|(name, resource)| (name.clone(), resource["type"].as_str().unwrap_or_default().to_owned())).collect()
}

/// The properties that can be changed in place, of the types that the tests use, as Heat 27 says them.
pub fn updatable(ty: &str) -> &'static [&'static str] {
    match ty {
        "OS::Designate::Zone" => &["ttl", "description", "email", "masters", "primaries"],
        "OS::Designate::RecordSet" => &["ttl", "description", "records"],
        _ => &[],
    }
}

/// All properties of those types.
pub fn properties(ty: &str) -> &'static [&'static str] {
    match ty {
        "OS::Designate::Zone" => &["name", "ttl", "description", "email", "type", "masters", "primaries", "attributes"],
        "OS::Designate::RecordSet" => &["name", "ttl", "description", "type", "records", "zone"],
        "OS::Swift::Container" => &["name", "X-Container-Read", "X-Container-Write", "X-Container-Meta", "X-Account-Meta", "PurgeOnDelete"],
        "OS::Barbican::Secret" => &["name", "payload", "secret_type", "payload_content_type"],
        _ => &["name"],
    }
}
