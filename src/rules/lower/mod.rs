//! A checked model and checked rules to the native graph.
//!
//! First every rule's conditions and loops are decided, which needs the model alone; that gives the resources. Then their bodies
//! are filled, which may read outputs of any other resource: by then all of them have their place.

mod edges;
mod existing;
mod forms;
mod gates;
mod losses;
mod paths;
mod place;
mod sources;
mod stack;
mod values;

pub(super) use stack::put_tags;

use super::ast::{Each, Expect, Expr, ExprKind, Form, GateRule, HANDLE, Item as RuleItem, Loss, Path, ResourceRule, Rule, Statement, number_text};
use super::check::{Checked, OWN_NAMES};
use super::find::{find_item_output, find_output, find_param, is_list};
use super::{CLOUD, DOCKER, ELSEWHERE, FROM, Grade, INCOMING, PER, PLACE, PREVIOUS, SAME, WITHOUT, builtin, finish};
use crate::check::{Accept, Field, Model, Record, Resource, ResourceId, Value};
use crate::diag::{Diagnostics, lower as diag};
use crate::native::{Expected, Graph, MetLoss, NativeId, NativeOutput, NativeParam, NativeResource, Origin, Removal, Val, ValKind};
use crate::portable::{Kind, PortableType, Property};
use crate::provider::{NativeKind, Presence};
use crate::source::{Sources, Span};
use crate::syntax::Scalar;
use forms::letter;
use place::slug;
use stack::{literal, scalar_text};
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;
use values::concat;

/// Lowers a model. What the target refuses, loses or cannot hold is said at the user's line.
pub fn lower(model: &Model, checked: &Checked<'_>, sources: &mut Sources) -> (Graph, Diagnostics) {
    let mut out = Diagnostics::default();
    let mut rules: Vec<Rc<Rule>> = Vec::new();
    let mut made: Vec<(usize, Who<'_>)> = Vec::new();
    let cloud_rule = checked.lowering(CLOUD, sources);
    if let Some(rule) = cloud_rule {
        made.push((rules.len(), Who::Cloud));
        rules.push(rule);
    }
    for (index, resource) in model.resources.iter().enumerate() {
        let id = ResourceId(index);
        let rule = if resource.found.is_some() { checked.finding(&resource.ty.name, sources) } else { checked.lowering(&resource.ty.name, sources) };
        match rule {
            Some(rule) => {
                made.push((rules.len(), Who::Resource(id)));
                rules.push(rule);
            }
            None if resource.found.is_some() => out.push(diag::no_finder(resource.span, &resource.ty.name, &checked.target().name)),
            None => out.push(diag::no_rule(resource.span, &resource.ty.name, &checked.target().name)),
        }
        for property in &resource.ty.properties {
            let Some(edge) = property.edge() else { continue };
            let Some(Field { value: Value::Blocks(records), .. }) = resource.values.get(&property.name) else { continue };
            for record in records {
                let Some(to) = record.to.filter(|to| model.resources.get(to.0).is_some_and(|to| to.ty.name == edge.to)) else { continue };
                if let Some(refused) = existing::refused(model, checked, resource, (to, &property.name, record), sources) {
                    out.push(refused);
                    continue;
                }
                if let Some(rule) = checked.edge(&property.name, &resource.ty.name, &edge.to, sources) {
                    made.push((rules.len(), Who::Edge { from: id, to, record, property: &property.name }));
                    rules.push(rule);
                }
            }
        }
    }
    let mut lowering = Lowering::new(model, checked);
    for (rule, who) in made {
        if let Some(rule) = rules.get(rule) {
            lowering.add(rule, who);
        }
    }
    let graph = lowering.run();
    out.extend(lowering.out.into_inner());
    (graph, out)
}

/// The most copies that one loop over a number makes: more is a mistake in a rule or in a stack, and would stall.
const MOST_COPIES: i64 = 100;

/// How far back an edge's resource is looked for: more than all edges of one resource make.
const MOST_SLOTS_OF_ONE: usize = 4096;

/// What a rule is applied to.
#[derive(Clone, Copy)]
enum Who<'m> {
    Cloud,
    Resource(ResourceId),
    Edge { from: ResourceId, to: ResourceId, record: &'m Record, property: &'m str },
}

struct Instance<'m, 'r> {
    rule: &'r Rule,
    who: Who<'m>,
}

/// A native resource that a rule makes for this stack.
struct Slot<'m, 'r> {
    instance: usize,
    rule: &'r ResourceRule,
    frame: Frame<'m, 'r>,
}

/// The items of the loops that we stand in.
type Frame<'m, 'r> = Vec<Binding<'m, 'r>>;

#[derive(Clone)]
struct Binding<'m, 'r> {
    name: &'r str,
    item: Item<'m>,
    /// What tells this item from its siblings in names.
    key: String,
}

/// What a path leads to.
#[derive(Clone)]
enum Item<'m> {
    Absent,
    Val(Val),
    Resource(ResourceId),
    Block {
        owner: ResourceId,
        property: &'m str,
        record: &'m Record,
    },
    Blocks {
        owner: ResourceId,
        property: &'m str,
        records: &'m [Record],
    },
    /// Edges that lead here, by their instances.
    Edges(Rc<[usize]>),
    Entries(&'m [(String, Field)]),
    Entry(&'m str, &'m Field),
    Fields(&'m [Field]),
    Place(i64),
    Row(String, Val),
    Cloud,
    /// `this` and `stack`.
    Names(Vec<(&'static str, String)>),
}

/// What is made once: in what one rule makes, or in the stack.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Once {
    In(usize),
    InStack,
}

/// Leaves out each resource that yields, where another of its name and type is made that does not, or before it. Gives whether any was.
fn yield_to_others(slots: &[Slot<'_, '_>], resources: &[NativeResource], firsts: &mut [NativeId]) -> bool {
    let mut any = false;
    let all = || slots.iter().zip(resources).enumerate();
    for (index, (_, resource)) in all().filter(|(_, (slot, _))| slot.rule.yields) {
        let same = |other: &NativeResource| other.name == resource.name && other.ty == resource.ty;
        let stays = all().find(|(_, (slot, other))| !slot.rule.yields && slot.rule.shared.is_some() && same(other));
        let stays = stays.or_else(|| all().take(index).find(|(_, (slot, other))| slot.rule.yields && same(other)));
        if let (Some((stays, _)), Some(first)) = (stays, firsts.get_mut(index)) {
            *first = NativeId(stays);
            any = true;
        }
    }
    any
}

/// Where a loss is looked for: in a whole resource or edge, or among the values of one.
enum Place<'m> {
    Whole(Span),
    In(&'m Record),
}

/// Edges by where they lead and by the property that they are.
type Siblings = HashMap<(ResourceId, String), Rc<[usize]>>;

struct Lowering<'m, 'r, 'c, 'f> {
    model: &'m Model,
    checked: &'c Checked<'f>,
    instances: Vec<Instance<'m, 'r>>,
    of_resource: HashMap<ResourceId, usize>,
    /// Edge instances by the address of their record, which stays where it is while we lower.
    of_edge: HashMap<*const Record, usize>,
    cloud: Option<usize>,
    /// What the target's settings give to every resource.
    fills: Vec<(String, Path)>,
    slots: RefCell<Vec<Slot<'m, 'r>>>,
    by_role: RefCell<HashMap<usize, HashMap<&'r str, Vec<usize>>>>,
    /// The edges of one kind that lead to one resource, in their order.
    siblings: RefCell<Siblings>,
    outputs: RefCell<HashMap<(usize, String), Option<Val>>>,
    rule_params: RefCell<Vec<NativeParam>>,
    /// Numbers that have to be apart, by the other end of the edges that have them.
    taken: RefCell<HashMap<(Option<ResourceId>, i64), usize>>,
    losses: RefCell<Vec<MetLoss>>,
    /// What is missing of what exists already, and was said: whose, and which property.
    missing: RefCell<Vec<(ResourceId, String)>>,
    /// The gates of this stack, by whose they are.
    gates: RefCell<Vec<(usize, &'r GateRule)>>,
    out: RefCell<Diagnostics>,
}

/// Where an expression is evaluated.
#[derive(Clone, Copy)]
struct At<'a, 'm, 'r> {
    instance: usize,
    frame: &'a [Binding<'m, 'r>],
    /// The user's place to point at when nothing better is known.
    user: Span,
}

impl<'m, 'r, 'c, 'f> Lowering<'m, 'r, 'c, 'f> {
    fn new(model: &'m Model, checked: &'c Checked<'f>) -> Self {
        Lowering {
            model,
            checked,
            instances: Vec::new(),
            of_resource: HashMap::new(),
            of_edge: HashMap::new(),
            cloud: None,
            fills: checked.target().fills(),
            slots: RefCell::default(),
            by_role: RefCell::default(),
            siblings: RefCell::default(),
            outputs: RefCell::default(),
            rule_params: RefCell::default(),
            taken: RefCell::default(),
            losses: RefCell::default(),
            missing: RefCell::default(),
            gates: RefCell::default(),
            out: RefCell::default(),
        }
    }

    fn add(&mut self, rule: &'r Rule, who: Who<'m>) {
        let index = self.instances.len();
        match who {
            Who::Cloud => self.cloud = Some(index),
            Who::Resource(id) => {
                self.of_resource.insert(id, index);
            }
            Who::Edge { record, .. } => {
                self.of_edge.insert(std::ptr::from_ref(record), index);
            }
        }
        self.instances.push(Instance { rule, who });
    }

    fn run(&mut self) -> Graph {
        self.declare_cloud_params();
        for index in 0..self.instances.len() {
            let Some((rule, who)) = self.instances.get(index).map(|instance| (instance.rule, instance.who)) else { continue };
            if !matches!(who, Who::Cloud) {
                self.place(index, &rule.body, &Vec::new());
            }
            if let Who::Resource(id) = who {
                self.check_pairs(rule, id);
            }
        }
        let mut resources: Vec<NativeResource> = Vec::new();
        let mut before: Vec<(NativeId, NativeId)> = Vec::new();
        // What the cloud offers is looked up when the first body asks for it, so the list grows while we go through it.
        let mut index = 0;
        while let Some((instance, rule, frame)) = self.slot(index) {
            let (resource, waiting) = self.fill(instance, rule, &frame);
            before.extend(waiting.into_iter().map(|waiting| (waiting, NativeId(index))));
            resources.push(resource);
            index += 1;
        }
        let mut outputs = self.stack_outputs();
        let gates = self.meet_gates(&mut resources, &mut outputs);
        let settings = self.settings();
        while let Some((instance, rule, frame)) = self.slot(index) {
            resources.push(self.fill(instance, rule, &frame).0);
            index += 1;
        }
        for (waiting, first) in before {
            if let Some(resource) = resources.get_mut(waiting.0) {
                resource.after.push(first);
            }
        }
        let params = self.params();
        self.meet_lost_tags(&resources);
        let mut graph =
            Graph { stack: self.model.full_name(), about: self.about(), params, resources, outputs, settings, losses: self.losses.take(), state: None, gates };
        graph.state = self.model.state.as_ref().map(|state| state.settled(&self.model.full_name(), &self.checked.target().name));
        let slots = self.merge(&mut graph);
        let tags = self.stack_tags();
        let own = |id: NativeId| slots.get(id.0).map_or_else(Vec::new, |slot| self.own_tags(*slot));
        finish::finish(&mut graph, self.checked, &tags, &own, &mut self.out.borrow_mut(), self.model.span);
        graph
    }

    /// Makes one of those that a type's rule makes once, or that are made once in the stack, where they would be the same. Gives the slot of each resource that is left.
    fn merge(&self, graph: &mut Graph) -> Vec<NativeId> {
        let slots = self.slots.borrow();
        let of_type = |slot: &Slot<'_, '_>| matches!(self.instances.get(slot.instance), Some(Instance { who: Who::Resource(_), .. }));
        let once = |slot: &Slot<'_, '_>| match (&slot.rule.shared, slot.rule.once && of_type(slot)) {
            (Some(_), _) => Some(Once::InStack),
            (None, true) => Some(Once::In(slot.instance)),
            (None, false) => None,
        };
        let once: Vec<Option<Once>> = slots.iter().map(once).collect();
        let mut firsts: Vec<NativeId> = (0..graph.resources.len()).map(NativeId).collect();
        let mut merged = yield_to_others(&slots, &graph.resources, &mut firsts);
        for (index, instance) in once.iter().enumerate().filter(|(_, instance)| instance.is_some()) {
            if firsts.get(index).is_none_or(|first| first.0 != index) {
                continue;
            }
            let Some((before, resource)) = graph.resources.split_at_mut_checked(index).and_then(|(before, rest)| Some((before, rest.first_mut()?))) else {
                continue;
            };
            resource.renumber(&firsts);
            let in_stack = *instance == Some(Once::InStack);
            let same = |other: &NativeResource| other.alike(resource) && (!in_stack || other.name == resource.name);
            let same = before.iter().zip(&once).position(|(other, whose)| whose == instance && same(other));
            if let (Some(same), Some(first)) = (same, firsts.get_mut(index)) {
                *first = NativeId(same);
                merged = true;
            }
        }
        let left: Vec<NativeId> = firsts.iter().copied().enumerate().filter(|(index, first)| *index == first.0).map(|(_, first)| first).collect();
        if merged {
            let place = |first: &NativeId| left.iter().position(|slot| slot == first).map_or(*first, NativeId);
            let places: Vec<NativeId> = firsts.iter().map(place).collect();
            let mut index = 0;
            graph.resources.retain(|_| {
                index += 1;
                firsts.get(index - 1).is_some_and(|first| first.0 == index - 1)
            });
            graph.resources.iter_mut().for_each(|resource| resource.renumber(&places));
            graph.outputs.iter_mut().for_each(|output| output.value.renumber(&places));
            graph.settings.iter_mut().for_each(|(_, val)| val.renumber(&places));
        }
        left
    }

    fn slot(&self, index: usize) -> Option<(usize, &'r ResourceRule, Frame<'m, 'r>)> {
        self.slots.borrow().get(index).map(|slot| (slot.instance, slot.rule, slot.frame.clone()))
    }

    fn about(&self) -> String {
        let which: Vec<&str> = [&self.model.stage, &self.model.instance].into_iter().flatten().map(String::as_str).collect();
        if which.is_empty() { self.model.name.clone() } else { format!("{} ({})", self.model.name, which.join(", ")) }
    }

    fn resource(&self, id: ResourceId) -> Option<&'m Resource> {
        self.model.resources.get(id.0)
    }

    fn user_span(&self, instance: usize) -> Span {
        match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Resource(id)) => self.resource(id).map(|resource| resource.span).unwrap_or_default(),
            Some(Who::Edge { record, .. }) => record.span,
            _ => self.model.span,
        }
    }
}
