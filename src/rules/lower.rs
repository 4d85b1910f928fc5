//! A checked model and checked rules to the native graph.
//!
//! First every rule's conditions and loops are decided, which needs the model alone; that gives the resources. Then their bodies
//! are filled, which may read outputs of any other resource: by then all of them have their place.

mod gates;

use super::ast::{Each, Expect, Expr, ExprKind, Form, GateRule, HANDLE, Item as RuleItem, Path, ResourceRule, Rule, Statement, number_text};
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
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::rc::Rc;

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
        match checked.lowering(&resource.ty.name, sources) {
            Some(rule) => {
                made.push((rules.len(), Who::Resource(id)));
                rules.push(rule);
            }
            None => out.push(diag::no_rule(resource.span, &resource.ty.name, &checked.target().name)),
        }
        for property in &resource.ty.properties {
            let Some(edge) = property.edge() else { continue };
            let Some(Field { value: Value::Blocks(records), .. }) = resource.values.get(&property.name) else { continue };
            for record in records {
                let Some(to) = record.to.filter(|to| model.resources.get(to.0).is_some_and(|to| to.ty.name == edge.to)) else { continue };
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

    // ---- first: which resources there are ----------------------------------------------------------------------------

    fn place(&self, instance: usize, statements: &'r [Statement], frame: &Frame<'m, 'r>) {
        for statement in statements {
            let at = At { instance, frame, user: self.user_span(instance) };
            match statement {
                Statement::Resource(rule) => self.add_slot(instance, rule, frame.clone()),
                Statement::Form(form) => self.inside(form, at, &mut |body, at| self.place(instance, body, &at.frame.to_vec())),
                Statement::Loss(loss) => self.meet(instance, loss),
                Statement::Gate(gate) => self.gates.borrow_mut().push((instance, gate)),
                Statement::Output { .. } | Statement::NoOutput(_) | Statement::Param(_) => {}
            }
        }
    }

    fn add_slot(&self, instance: usize, rule: &'r ResourceRule, frame: Frame<'m, 'r>) {
        let place = match self.made_once(instance, rule).or_else(|| self.made_for_the_same(instance, rule, &frame)) {
            Some(place) => place,
            None => {
                let mut slots = self.slots.borrow_mut();
                slots.push(Slot { instance, rule, frame });
                slots.len() - 1
            }
        };
        self.by_role.borrow_mut().entry(instance).or_default().entry(rule.role.text.as_str()).or_default().push(place);
    }

    /// The resource of this rule that another edge between the same two has already made, if one is enough for all.
    fn made_once(&self, instance: usize, rule: &'r ResourceRule) -> Option<usize> {
        let ends = |instance: usize| match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Edge { from, to, .. }) if rule.once => Some((from, to)),
            _ => None,
        };
        let mine = ends(instance)?;
        // Edges of one resource stand next to each other, so the search ends after the last of them.
        let slots = self.slots.borrow();
        let same = |place: &usize| slots.get(*place).is_some_and(|slot| std::ptr::eq(slot.rule, rule) && ends(slot.instance) == Some(mine));
        (0..slots.len()).rev().take(MOST_SLOTS_OF_ONE).find(same)
    }

    /// The resource of this rule that an earlier item of the loop has made, if one is enough for all that lead to the same.
    fn made_for_the_same(&self, instance: usize, rule: &'r ResourceRule, frame: &Frame<'m, 'r>) -> Option<usize> {
        let path = rule.once_by.as_ref()?;
        let mine = self.leads_to(path, instance, frame)?;
        let candidates = self.by_role.borrow().get(&instance).and_then(|roles| roles.get(rule.role.text.as_str())).cloned().unwrap_or_default();
        candidates.into_iter().find(|&place| {
            let slot = self.slots.borrow().get(place).map(|slot| (std::ptr::eq(slot.rule, rule), slot.frame.clone()));
            slot.is_some_and(|(same, frame)| same && self.leads_to(path, instance, &frame).as_ref() == Some(&mine))
        })
    }

    /// The resource that a path of a loop's item leads to, with the output of it that a secret is. Nothing is evaluated for it.
    fn leads_to(&self, path: &Path, instance: usize, frame: &Frame<'m, 'r>) -> Option<(ResourceId, &'m str)> {
        let (head, rest) = path.parts.split_first()?;
        match (&frame.iter().rev().find(|binding| binding.name == head)?.item, rest) {
            (Item::Entry(_, field), _) => match &field.value {
                Value::Output(id, name) => Some((*id, name.as_str())),
                _ => None,
            },
            _ => match self.resolve(path, At { instance, frame, user: self.user_span(instance) }) {
                Item::Resource(id) => Some((id, "")),
                _ => None,
            },
        }
    }

    /// The tags of a user's resource are lost where nothing that is made of it takes any.
    fn meet_lost_tags(&self, natives: &[NativeResource]) {
        let target = &self.checked.target().name;
        for (index, resource) in self.model.resources.iter().enumerate() {
            let Some((_, first)) = resource.tags.first() else { continue };
            let id = ResourceId(index);
            let mut own = natives.iter().filter(|native| native.owner == Some(id) && native.kind == NativeKind::Resource).peekable();
            // What is not made at all is lost as a whole, and that is said.
            let made = own.peek().is_some();
            let takes = |native: &NativeResource| self.checked.provider().native_type(native.kind, &native.ty).is_some_and(|ty| ty.tags.is_some());
            if !made || own.any(takes) {
                continue;
            }
            let reason = "nothing that it is made of takes tags there".to_owned();
            let accepted = self.accepted(resource);
            if accepted.is_none() {
                let what = format!("`tags` of a {}", resource.ty.name);
                self.out.borrow_mut().push(diag::degraded(first.span, &what, target, &reason, Span::default()));
            }
            self.losses.borrow_mut().push(MetLoss {
                resource: id,
                subject: "tags".to_owned(),
                to: None,
                grade: Grade::Degraded,
                reason,
                instead: None,
                breaks: None,
                given: true,
                accepted: accepted.map(|accept| accept.reason.clone()),
                user: first.span,
                rule: Span::default(),
            });
        }
    }

    /// Where the author of a resource accepts what it loses on this target.
    fn accepted(&self, resource: &'m Resource) -> Option<&'m Accept> {
        let target = &self.checked.target().name;
        let covering = || resource.accepts.iter().filter(|accept| accept.covers(target, &self.checked.target().cloud));
        // What was written for this very target says more than what was written for its cloud.
        covering().find(|accept| accept.target.as_ref().is_some_and(|on| on.text == *target)).or(covering().next())
    }

    /// A loss that this stack meets: the property was given, or the type or the edge itself is not there.
    fn meet(&self, instance: usize, loss: &super::Loss) {
        let Some(who) = self.instances.get(instance).map(|instance| instance.who) else { return };
        let (id, edge) = match who {
            Who::Cloud => return,
            Who::Resource(id) => (id, None),
            Who::Edge { from, to, record, property } => (from, Some((to, record, property))),
        };
        let Some(resource) = self.resource(id) else { return };
        let target = &self.checked.target().name;
        let subject = loss.subject.to_string();
        let (what, subject, values) = match edge {
            Some((to, record, property)) => {
                let to = self.resource(to).map(|to| to.ty.name.as_str()).unwrap_or_default();
                if subject == property {
                    (format!("`{property}` from a {} to a {to}", resource.ty.name), subject, Place::Whole(record.span))
                } else {
                    (format!("`{subject}` of `{property}` to a {to}"), format!("{property}.{subject}"), Place::In(record))
                }
            }
            None if subject == resource.ty.name => (format!("{subject} such as `{}`", resource.name.text), subject, Place::Whole(resource.span)),
            None => (format!("`{subject}` of a {}", resource.ty.name), subject, Place::In(&resource.values)),
        };
        let (span, given) = match values {
            Place::Whole(span) => (span, true),
            Place::In(record) => match (given_at(record, &loss.subject.parts), by_default(record, &loss.subject.parts)) {
                (Some(span), _) => (span, true),
                (None, true) => (record.span, false),
                // What a type promises counts although nobody wrote it.
                (None, false) if edge.is_none() && is_promised(&resource.ty, &loss.subject.parts) => (record.span, false),
                (None, false) => return,
            },
        };
        let accepted = self.accepted(resource);
        self.losses.borrow_mut().push(MetLoss {
            resource: id,
            subject,
            to: edge.map(|(to, ..)| to),
            grade: loss.grade,
            reason: loss.reason.clone(),
            instead: loss.instead.clone(),
            breaks: loss.breaks.clone(),
            given,
            accepted: accepted.map(|accept| accept.reason.clone()),
            user: if given { span } else { resource.span },
            rule: loss.span,
        });
        // A default that breaks an application is spoken of though nobody wrote it: nobody would know to ask.
        if accepted.is_some() || !given && loss.breaks.is_none() {
            return;
        }
        let span = if given { span } else { resource.span };
        let reason = match &loss.breaks {
            Some(who) => format!("{}; does not run there: {who}", loss.reason),
            None => loss.reason.clone(),
        };
        match if given { loss.grade } else { loss.grade.min(Grade::Degraded) } {
            Grade::Unsupported => self.out.borrow_mut().push(diag::unsupported(span, &what, target, &reason, loss.instead.as_deref(), loss.span)),
            Grade::Degraded => self.out.borrow_mut().push(diag::degraded(span, &what, target, &reason, loss.span)),
            Grade::Emulated => {}
        }
    }

    fn check_pairs(&self, rule: &Rule, id: ResourceId) {
        let Some(resource) = self.resource(id) else { return };
        for pairs in &rule.pairs {
            let (Some(first), Some(second)) = (resource.values.get(&pairs.first), resource.values.get(&pairs.second)) else { continue };
            let (Some(a), Some(b)) = (word(&first.value), word(&second.value)) else { continue };
            let offered = pairs.rows.iter().find(|(key, _)| *key == a).map(|(_, values)| values.as_slice()).unwrap_or_default();
            if !offered.contains(&b) {
                let span = if second.given {
                    second.span
                } else if first.given {
                    first.span
                } else {
                    resource.span
                };
                let other = if first.given { first.span } else { resource.span };
                let diagnostic = diag::not_offered(
                    span,
                    &format!("{} {a}", pairs.first),
                    &format!("{} {b}", pairs.second),
                    &self.checked.target().name,
                    &pairs.why,
                    offered,
                    other,
                );
                self.out.borrow_mut().push(diagnostic);
            }
        }
    }

    // ---- then: what is in them ---------------------------------------------------------------------------------------

    fn fill(&self, instance: usize, rule: &'r ResourceRule, frame: &Frame<'m, 'r>) -> (NativeResource, Vec<NativeId>) {
        let user = frame
            .iter()
            .rev()
            .find_map(|binding| if let Item::Block { record, .. } = &binding.item { Some(record.span) } else { None })
            .unwrap_or_else(|| self.user_span(instance));
        let at = At { instance, frame, user };
        let references = |exprs: &'r [Expr]| {
            let mut found = Vec::new();
            exprs.iter().for_each(|expr| self.eval(expr, at).references(&mut found));
            found
        };
        let keep = rule.keep.as_ref().is_some_and(|expr| matches!(self.eval(expr, at).kind, ValKind::Bool(true)));
        let removal = match (keep || rule.stays, rule.snapshot) {
            (true, _) => Removal::Keep,
            (false, true) => Removal::Snapshot,
            (false, false) => Removal::Delete,
        };
        let mut body = self.body(&rule.body, at);
        self.fill_in(rule, &mut body, user);
        let turns = rule.turn.as_ref().map(|expr| self.turn(expr, at));
        let mut name = self.shared(rule, at).unwrap_or_else(|| self.name_in(instance, rule, frame));
        name.extend(turns.filter(|turn| *turn > 1).map(|turn| turn.to_string()));
        let owner = match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Resource(id) | Who::Edge { from: id, .. }) => Some(id),
            Some(Who::Cloud) | None => None,
        };
        let resource = NativeResource {
            owner,
            kind: rule.kind,
            ty: rule.ty.text.clone(),
            version: None,
            parent: rule.parent.as_deref().and_then(|parent| references(std::slice::from_ref(parent)).first().copied()),
            name,
            turns,
            body,
            after: references(&rule.after),
            waits: Vec::new(),
            removal,
            protected: keep,
            can_be_kept: rule.keep.is_some() || rule.snapshot,
            create_first: rule.create_first || rule.revision,
            revision: rule.revision,
            ignored: self.ignored(rule, at),
            expected: rule
                .expect
                .iter()
                .map(|Expect { attribute, value, why }| Expected { attribute: attribute.text.clone(), value: self.eval(value, at), why: why.clone() })
                .filter(|expected| !expected.value.is_absent())
                .collect(),
            origin: Origin { user, rule: rule.span },
        };
        (resource, references(&rule.before))
    }

    /// The properties of a resource whose later changes are somebody else's, each once.
    fn ignored(&self, rule: &ResourceRule, at: At<'_, 'm, 'r>) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for ignore in rule.ignore.iter().filter(|ignore| ignore.when.as_ref().is_none_or(|path| self.holds(path, at))) {
            for name in &ignore.names {
                if !names.contains(name) {
                    names.push(name.clone());
                }
            }
        }
        names
    }

    /// Gives a resource what the target's settings give to every one that has such a property.
    fn fill_in(&self, rule: &'r ResourceRule, body: &mut Vec<(String, Val)>, user: Span) {
        let Some(instance) = self.cloud.filter(|_| rule.kind == NativeKind::Resource && !self.fills.is_empty()) else { return };
        let Some(native) = self.checked.provider().native_type(rule.kind, &rule.ty.text) else { return };
        for (name, path) in &self.fills {
            let takes = native.root().member(name).is_some_and(|member| member.presence != Presence::ReadOnly);
            if takes && !body.iter().any(|(given, _)| given == name) {
                let val = self.get(path, At { instance, frame: &[], user });
                if !val.is_absent() {
                    body.push((name.clone(), val));
                }
            }
        }
    }

    /// Which of those that take each other's place a resource is; the first has no number in its name.
    fn turn(&self, expr: &'r Expr, at: At<'_, 'm, 'r>) -> i64 {
        match self.eval(expr, at).kind {
            ValKind::Integer(number) => number,
            _ => 1,
        }
    }

    /// The words by which what is made once in the stack is named.
    fn shared(&self, rule: &'r ResourceRule, at: At<'_, 'm, 'r>) -> Option<Vec<String>> {
        let pieces = match self.eval(rule.shared.as_ref()?, at).kind {
            ValKind::Concat(pieces) => pieces,
            kind => vec![Val::new(kind, Origin { user: at.user, rule: rule.span })],
        };
        let texts: Option<String> = pieces.iter().map(|piece| if let ValKind::Text(text) = &piece.kind { Some(text.as_str()) } else { None }).collect();
        texts.map(|text| slug(&text))
    }

    fn name(&self, instance: usize, role: &str, once: bool) -> Vec<String> {
        let resource_name = |id: ResourceId| self.resource(id).map(|resource| resource.name.text.clone()).unwrap_or_default();
        let mut parts = Vec::new();
        match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Resource(id)) => parts.push(resource_name(id)),
            Some(Who::Edge { from, to, record, .. }) => {
                parts.extend([resource_name(from), resource_name(to)]);
                if !once {
                    parts.extend(slug(&record.key));
                }
            }
            _ => {}
        }
        if role != "main" {
            parts.push(role.to_owned());
        }
        parts
    }

    /// The name of what a loop makes, by what the loop goes over.
    fn name_in(&self, instance: usize, rule: &'r ResourceRule, frame: &Frame<'m, 'r>) -> Vec<String> {
        let mut parts = self.name(instance, &rule.role.text, rule.once);
        // What is made once for all that lead to the same is named by that: by the first of them, it would become another one when that goes.
        let led = rule.once_by.as_ref().and_then(|path| Some((path.parts.first()?, self.leads_to(path, instance, frame)?)));
        for binding in frame.iter() {
            match &led {
                Some((head, (id, output))) if binding.name == head.as_str() => {
                    parts.extend(self.resource(*id).map(|resource| resource.name.text.clone()));
                    parts.extend(slug(output));
                }
                _ => parts.extend(slug(&binding.key)),
            }
        }
        parts
    }

    fn body(&self, items: &'r [RuleItem], at: At<'_, 'm, 'r>) -> Vec<(String, Val)> {
        let mut body = Vec::new();
        for item in items {
            match item {
                RuleItem::Property(name, value) => {
                    let val = self.eval(value, at);
                    if !val.is_absent() {
                        body.push((name.text.clone(), val));
                    }
                }
                RuleItem::Element(_) => {}
                RuleItem::Form(form) => self.inside(form, at, &mut |inner, at| body.extend(self.body(inner, at))),
            }
        }
        body
    }

    fn elements(&self, items: &'r [RuleItem], at: At<'_, 'm, 'r>) -> Vec<Val> {
        let mut elements = Vec::new();
        for item in items {
            match item {
                RuleItem::Element(value) => {
                    let val = self.eval(value, at);
                    if !val.is_absent() {
                        elements.push(val);
                    }
                }
                RuleItem::Property(..) => {}
                RuleItem::Form(form) => self.inside(form, at, &mut |inner, at| elements.extend(self.elements(inner, at))),
            }
        }
        elements
    }

    fn eval(&self, expr: &'r Expr, at: At<'_, 'm, 'r>) -> Val {
        let origin = Origin { user: at.user, rule: expr.span };
        match &expr.kind {
            ExprKind::Broken => Val::new(ValKind::Absent, origin),
            ExprKind::Literal(scalar) => Val::new(literal(scalar), origin),
            ExprKind::Get(path) => self.get(path, at),
            ExprKind::Ref(role) if role.contains("::") => Val::new(ValKind::Pseudo(role.clone()), origin),
            ExprKind::Ref(role) => self.role(role, at, origin, ValKind::Ref),
            ExprKind::Attr(role, attribute) => self.role(role, at, origin, |id| ValKind::Attr(id, attribute.clone())),
            ExprKind::Table(name) => self.table(name, at, origin),
            ExprKind::Fmt(pieces) => concat(pieces.iter().map(|piece| self.eval(piece, at)).collect(), origin),
            ExprKind::List(items) => Val::new(ValKind::List(items.iter().map(|item| self.eval(item, at)).filter(|val| !val.is_absent()).collect()), origin),
            ExprKind::Body(items) if is_list(items) => Val::new(ValKind::List(self.elements(items, at)), origin),
            ExprKind::Body(items) => Val::new(ValKind::Map(self.body(items, at)), origin),
            ExprKind::Call { name, args, body } => self.call(name, args, body, at, origin),
        }
    }

    fn call(&self, name: &str, args: &'r [Expr], body: &'r [RuleItem], at: At<'_, 'm, 'r>, origin: Origin) -> Val {
        let Some(builtin) = builtin::find(name) else { return Val::new(ValKind::Absent, origin) };
        let mut values: Vec<Val> = args.iter().map(|arg| self.eval(arg, at)).collect();
        if builtin.body {
            let inner = if is_list(body) { ValKind::List(self.elements(body, at)) } else { ValKind::Map(self.body(body, at)) };
            values.push(Val::new(inner, origin));
        }
        let needed = builtin.takes.len() - usize::from(builtin.variadic);
        if values.iter().take(needed).any(Val::is_absent) {
            return Val::new(ValKind::Absent, origin);
        }
        let user = values.iter().map(|val| val.origin.user).find(|span| *span != at.user).unwrap_or(at.user);
        // A parameter's default is a value that may come, so what the built-in says of it counts.
        if let Some(Val { kind: ValKind::Param(index), .. }) = values.first()
            && let Some((default, span)) = self.model.params.get(*index).and_then(|param| param.default.as_ref())
            && let Some(default) = scalar_text(default)
        {
            let mut assumed = values.clone();
            if let Some(first) = assumed.first_mut() {
                first.kind = ValKind::Text(default);
            }
            if let Err(why) = (builtin.run)(&assumed) {
                self.out.borrow_mut().push(diag::call_failed(*span, origin.rule, name, &why));
            }
        }
        match (builtin.run)(&values) {
            Ok(ValKind::Integer(number)) if builtin.apart => Val::new(ValKind::Integer(self.apart(at.instance, number)), Origin { user, rule: origin.rule }),
            Ok(kind) => Val::new(kind, Origin { user, rule: origin.rule }),
            Err(why) => {
                self.out.borrow_mut().push(diag::call_failed(user, origin.rule, name, &why));
                Val::new(ValKind::Absent, origin)
            }
        }
    }

    /// The number, or the next one that no other edge with the same other end has, or no other resource.
    fn apart(&self, instance: usize, mut number: i64) -> i64 {
        let end = match self.instances.get(instance).map(|instance| instance.who) {
            Some(Who::Edge { to, .. }) => Some(to),
            Some(Who::Resource(_)) => None,
            _ => return number,
        };
        let mut taken = self.taken.borrow_mut();
        while *taken.entry((end, number)).or_insert(instance) != instance {
            number += if number < 0 { -1 } else { 1 };
        }
        number
    }

    fn table(&self, name: &str, at: At<'_, 'm, 'r>, origin: Origin) -> Val {
        let found = self.instances.get(at.instance).and_then(|instance| instance.rule.tables.iter().find(|table| table.name == name));
        let Some(table) = found else { return Val::new(ValKind::Absent, origin) };
        let Some(of) = &table.of else { return Val::new(ValKind::Absent, origin) };
        let get = |name: &str| self.get(&Path { parts: vec![name.to_owned()], span: origin.rule }, at);
        let key = match of.split_once(' ') {
            None => get(of),
            Some((first, second)) => match (get(first).kind, get(second)) {
                (ValKind::Text(first), Val { kind: ValKind::Text(second), origin }) => Val::text(format!("{first} {second}"), origin),
                _ => Val::new(ValKind::Absent, origin),
            },
        };
        let word = match &key.kind {
            ValKind::Text(text) => text.as_str(),
            ValKind::Bool(true) => "yes",
            ValKind::Bool(false) => "no",
            _ => return Val::new(ValKind::Absent, origin),
        };
        let row = table.rows.iter().find(|(key, _)| key.text == word);
        row.map_or(Val::new(ValKind::Absent, origin), |(_, scalar)| Val::new(literal(scalar), Origin { user: key.origin.user, rule: origin.rule }))
    }

    /// A role's resource: the one of this loop, or all of them when we stand outside of the loop that makes them.
    fn role(&self, role: &str, at: At<'_, 'm, 'r>, origin: Origin, make: impl Fn(NativeId) -> ValKind) -> Val {
        self.place_cloud_role(at.instance, role);
        let by_role = self.by_role.borrow();
        let slots = self.slots.borrow();
        let candidates = by_role.get(&at.instance).and_then(|roles| roles.get(role)).map(Vec::as_slice).unwrap_or_default();
        let mut all = Vec::new();
        for &index in candidates {
            let Some(slot) = slots.get(index) else { continue };
            // A loop of another name that we stand in has nothing to do with it.
            let here = |name: &str| at.frame.iter().rev().find(|binding| binding.name == name);
            if slot.frame.iter().any(|made| here(made.name).is_some_and(|binding| binding.key != made.key)) {
                continue;
            }
            if slot.frame.iter().all(|made| here(made.name).is_some()) {
                return Val::new(make(NativeId(index)), origin);
            }
            all.push(Val::new(make(NativeId(index)), origin));
        }
        if all.is_empty() { Val::new(ValKind::Absent, origin) } else { Val::new(ValKind::List(all), origin) }
    }

    fn place_cloud_role(&self, instance: usize, role: &str) {
        let placed = self.by_role.borrow().get(&instance).is_some_and(|roles| roles.contains_key(role));
        if self.cloud != Some(instance) || placed {
            return;
        }
        let Some(rule) = self.instances.get(instance).map(|instance| instance.rule) else { return };
        for statement in &rule.body {
            if let Statement::Resource(resource) = statement
                && resource.role.text == role
            {
                self.add_slot(instance, resource, Vec::new());
            }
        }
    }

    // ---- paths -------------------------------------------------------------------------------------------------------

    fn get(&self, path: &Path, at: At<'_, 'm, 'r>) -> Val {
        let origin = Origin { user: at.user, rule: path.span };
        let mut val = self.item_val(self.resolve(path, at), at, path.span);
        val.origin.rule = origin.rule;
        val
    }

    fn item_val(&self, item: Item<'m>, at: At<'_, 'm, 'r>, rule: Span) -> Val {
        let origin = Origin { user: at.user, rule };
        match item {
            Item::Val(val) => val,
            Item::Fields(fields) => Val::new(ValKind::List(fields.iter().map(|field| self.field(field, rule)).collect()), origin),
            Item::Place(number) => Val::new(ValKind::Integer(number), origin),
            Item::Entries(entries) => Val::new(ValKind::Map(entries.iter().map(|(name, field)| (name.clone(), self.field(field, rule))).collect()), origin),
            _ => Val::new(ValKind::Absent, origin),
        }
    }

    fn resolve(&self, path: &Path, at: At<'_, 'm, 'r>) -> Item<'m> {
        let Some(head) = path.parts.first() else { return Item::Absent };
        // Before anything else: a condition may ask for it, and must not evaluate the value that it is about.
        let source = path.parts.iter().enumerate().skip(1).rev().find_map(|(index, part)| Some((index, part.strip_prefix(FROM)?)));
        if let Some((index, ty)) = source {
            let holder = Path { parts: path.parts.iter().take(index).cloned().collect(), span: path.span };
            let found = self.source(&holder, ty, at).map_or(Item::Absent, Item::Resource);
            return path.parts.iter().skip(index + 1).fold(found, |item, part| self.step(item, part, at, path.span));
        }
        if let Some((ELSEWHERE, holder)) = path.parts.split_last().filter(|(_, holder)| !holder.is_empty()).map(|(part, holder)| (part.as_str(), holder)) {
            let holder = Path { parts: holder.to_vec(), span: path.span };
            let host = self.held(&holder, at).and_then(|value| self.elsewhere(value));
            return host.map_or(Item::Absent, |host| Item::Val(Val::text(host, Origin { user: at.user, rule: path.span })));
        }
        let bound = at.frame.iter().rev().find(|binding| binding.name == head).map(|binding| binding.item.clone());
        let who = self.instances.get(at.instance).map(|instance| instance.who);
        let mut taken = 1;
        let mut item = match (bound, head.as_str(), who) {
            (Some(item), ..) => item,
            (None, "stack", _) => Item::Names(vec![("name", self.model.full_name())]),
            (None, CLOUD, _) => Item::Cloud,
            (None, "param", _) => {
                let name = path.parts.get(1).map(String::as_str).unwrap_or_default();
                return self.rule_param(at.instance, name, Origin { user: at.user, rule: path.span });
            }
            (None, "this", Some(_)) if path.parts.get(1).is_some_and(|part| part == PLACE) => {
                let place = self.siblings(at.instance).iter().position(|&edge| edge == at.instance).unwrap_or(0);
                return Item::Val(Val::new(ValKind::Integer(i64::try_from(place + 1).unwrap_or(i64::MAX)), Origin { user: at.user, rule: path.span }));
            }
            (None, INCOMING, Some(Who::Resource(id))) => {
                taken = 2;
                path.parts.get(1).map_or(Item::Absent, |edge| Item::Edges(self.leading_to(id, edge)))
            }
            (None, PREVIOUS, Some(Who::Edge { .. })) => self.previous(at.instance),
            (None, "this", Some(Who::Resource(_) | Who::Edge { .. })) if path.parts.get(1).is_some_and(|part| !OWN_NAMES.contains(&part.as_str())) => {
                taken = 2;
                path.parts.get(1).and_then(|part| self.output(at.instance, part)).map_or(Item::Absent, Item::Val)
            }
            (None, "this", Some(who)) => self.names_of(who),
            (None, "from", Some(Who::Edge { from, .. })) => Item::Resource(from),
            (None, "to", Some(Who::Edge { to, .. })) => Item::Resource(to),
            (None, name, Some(Who::Edge { from, record, property, .. })) => self.in_record(from, property, record, name, path.span),
            (None, name, Some(Who::Resource(id))) => self.resource(id).map_or(Item::Absent, |resource| self.in_values(id, &resource.values, name, path.span)),
            _ => Item::Absent,
        };
        for part in path.parts.iter().skip(taken) {
            item = self.step(item, part, at, path.span);
        }
        item
    }

    /// The resource of a type whose output is in the value that a path of properties leads to.
    fn source(&self, path: &Path, ty: &str, at: At<'_, 'm, 'r>) -> Option<ResourceId> {
        self.source_in(self.held(path, at)?, ty)
    }

    /// The value that a path of properties leads to, as the stack has it.
    fn held(&self, path: &Path, at: At<'_, 'm, 'r>) -> Option<&'m Value> {
        let (name, before) = path.parts.split_last()?;
        let record: &'m Record = match before {
            [] => match self.instances.get(at.instance)?.who {
                Who::Resource(id) => &self.resource(id)?.values,
                Who::Edge { record, .. } => record,
                Who::Cloud => return None,
            },
            _ => match self.resolve(&Path { parts: before.to_vec(), span: path.span }, at) {
                Item::Resource(id) => &self.resource(id)?.values,
                Item::Block { record, .. } => record,
                _ => return None,
            },
        };
        Some(&record.get(name)?.value)
    }

    /// The registry's host that an image's name begins with, as far as it is known when building, unless images are run from there as they are. A name without
    /// one is Docker's. A parameter has the host of its default.
    fn elsewhere(&self, image: &Value) -> Option<String> {
        let (known, whole) = self.beginning(image);
        let host = match known.split_once('/') {
            Some((host, _)) if host.contains(['.', ':']) => host,
            Some(_) => DOCKER,
            // What follows could still be a host as long as there is no tag.
            None if known.contains(':') || whole && !known.is_empty() => DOCKER,
            None => return None,
        };
        let here = self.checked.target().registries().any(|pattern| match pattern.strip_prefix('*') {
            Some(end) => host.ends_with(end),
            None => host == pattern,
        });
        (!here).then(|| host.to_owned())
    }

    /// The text that a value begins with, and whether that is all of it.
    fn beginning(&self, value: &Value) -> (String, bool) {
        match value {
            Value::Text(text) => (text.clone(), true),
            Value::Param(id) => {
                let default = self.model.params.get(id.0).and_then(|param| scalar_text(&param.default.as_ref()?.0));
                default.map_or((String::new(), false), |text| (text, true))
            }
            Value::Joined(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    let (known, whole) = self.beginning(&piece.value);
                    text.push_str(&known);
                    if !whole {
                        return (text, false);
                    }
                }
                (text, true)
            }
            _ => (String::new(), false),
        }
    }

    fn source_in(&self, value: &Value, ty: &str) -> Option<ResourceId> {
        match value {
            Value::Output(id, _) => Some(*id).filter(|id| self.resource(*id).is_some_and(|resource| resource.ty.name == ty)),
            Value::Joined(pieces) => pieces.iter().find_map(|piece| self.source_in(&piece.value, ty)),
            _ => None,
        }
    }

    /// Of the edges that lead to one resource: the first for each value of a field, or those without one.
    fn of_field(&self, edges: &[usize], part: &str) -> Option<Rc<[usize]>> {
        if let Some(name) = part.strip_prefix(PER) {
            let mut seen: Vec<&str> = Vec::new();
            let first = |edge: &usize| {
                self.edge_text(*edge, name).is_some_and(|text| {
                    !seen.contains(&text) && {
                        seen.push(text);
                        true
                    }
                })
            };
            return Some(edges.iter().copied().filter(first).collect());
        }
        let name = part.strip_prefix(WITHOUT)?;
        Some(edges.iter().copied().filter(|edge| self.edge_text(*edge, name).is_none()).collect())
    }

    /// The edges with the same value of a field as an edge has, and then those without one, but for what one of the former takes already.
    fn alike(&self, edge: usize, name: &str) -> Rc<[usize]> {
        let all = self.siblings(edge);
        let mine = self.edge_text(edge, name);
        let mut found: Vec<usize> = all.iter().copied().filter(|other| mine.is_some() && self.edge_text(*other, name) == mine).collect();
        let taken: Vec<Vec<&str>> = found.iter().map(|other| self.rest_of_key(*other, name)).collect();
        found.extend(all.iter().copied().filter(|other| self.edge_text(*other, name).is_none() && !taken.contains(&self.rest_of_key(*other, name))));
        found.into()
    }

    /// The texts of an edge's key, but for one field.
    fn rest_of_key(&self, edge: usize, but: &str) -> Vec<&'m str> {
        let Some(Who::Edge { from, property, .. }) = self.instances.get(edge).map(|edge| edge.who) else { return Vec::new() };
        let key = self.resource(from).and_then(|from| from.ty.properties.iter().filter(|other| other.name == property).find_map(edge_key));
        let fields = key.into_iter().flat_map(|key| key.split(' ')).filter(|field| *field != but);
        fields.map(|field| self.edge_text(edge, field).unwrap_or_default()).collect()
    }

    /// A field of an edge, as text.
    fn edge_text(&self, edge: usize, name: &str) -> Option<&'m str> {
        match self.instances.get(edge)?.who {
            Who::Edge { record, .. } => match &record.get(name)?.value {
                Value::Text(text) => Some(text.as_str()),
                _ => None,
            },
            _ => None,
        }
    }

    /// The edges of one kind that lead to the same resource as an edge does.
    fn siblings(&self, instance: usize) -> Rc<[usize]> {
        match self.instances.get(instance).map(|edge| edge.who) {
            Some(Who::Edge { to, property, .. }) => self.leading_to(to, property),
            _ => Rc::new([]),
        }
    }

    /// The edges of one kind that lead to a resource, what matches least first: by each field of the edge's key, given before absent,
    /// more of it written out before less.
    fn leading_to(&self, to: ResourceId, wanted: &str) -> Rc<[usize]> {
        if let Some(known) = self.siblings.borrow().get(&(to, wanted.to_owned())) {
            return Rc::clone(known);
        }
        let mut found = Vec::new();
        for (index, edge) in self.instances.iter().enumerate() {
            if let Who::Edge { from, to: other, record, property } = edge.who
                && (other, property) == (to, wanted)
            {
                let named = self.resource(from).and_then(|from| from.ty.properties.iter().filter(|other| other.name == property).find_map(edge_key));
                let text = |field: &str| match record.get(field).map(|field| &field.value) {
                    Some(Value::Text(text)) => text.as_str(),
                    _ => "",
                };
                found.push((named.iter().flat_map(|key| key.split(' ')).map(text).map(|text| (Reverse(narrow(text)), text)).collect::<Vec<_>>(), index));
            }
        }
        found.sort();
        let found: Rc<[usize]> = found.into_iter().map(|(_, index)| index).collect();
        self.siblings.borrow_mut().insert((to, wanted.to_owned()), Rc::clone(&found));
        found
    }

    /// An edge as a group of fields.
    fn edge_item(&self, edge: usize) -> Item<'m> {
        match self.instances.get(edge).map(|edge| edge.who) {
            Some(Who::Edge { from, record, property, .. }) => Item::Block { owner: from, property, record },
            _ => Item::Absent,
        }
    }

    fn previous(&self, instance: usize) -> Item<'m> {
        let edges = self.siblings(instance);
        let before = edges.iter().position(|&edge| edge == instance).and_then(|place| edges.get(place.checked_sub(1)?));
        before.map_or(Item::Absent, |&edge| self.edge_item(edge))
    }

    fn names_of(&self, who: Who<'m>) -> Item<'m> {
        let name = |id: ResourceId| self.resource(id).map(|resource| resource.name.text.clone()).unwrap_or_default();
        Item::Names(match who {
            Who::Cloud => vec![],
            Who::Resource(id) => vec![("name", name(id))],
            Who::Edge { from, to, record, .. } => {
                let key = slug(&record.key);
                let whole = [vec![name(from), name(to)], key.clone()].concat().join("-");
                vec![("name", whole), ("from", name(from)), ("to", name(to)), ("key", key.join("-"))]
            }
        })
    }

    fn in_values(&self, owner: ResourceId, record: &'m Record, name: &str, rule: Span) -> Item<'m> {
        let Some((property, field)) = record.fields.iter().find(|(field, _)| field == name) else { return Item::Absent };
        match &field.value {
            Value::Resource(id) => Item::Resource(*id),
            Value::List(items) => Item::Fields(items),
            Value::Map(entries) => Item::Entries(entries),
            Value::Block(record) => Item::Block { owner, property, record },
            Value::Blocks(records) => Item::Blocks { owner, property, records },
            _ => Item::Val(self.field(field, rule)),
        }
    }

    /// A field of a block or an edge, or an output that belongs to it.
    fn in_record(&self, owner: ResourceId, property: &'m str, record: &'m Record, name: &str, rule: Span) -> Item<'m> {
        if name == "to"
            && let Some(to) = record.to
        {
            return Item::Resource(to);
        }
        if name == "from" && record.to.is_some() {
            return Item::Resource(owner);
        }
        if record.get(name).is_some() {
            return self.in_values(owner, record, name, rule);
        }
        if let Some(&edge) = self.of_edge.get(&std::ptr::from_ref(record)) {
            if let Some(field) = name.strip_prefix(SAME) {
                return Item::Edges(self.alike(edge, field));
            }
            return self.output(edge, name).map_or(Item::Absent, Item::Val);
        }
        let Some(&instance) = self.of_resource.get(&owner) else { return Item::Absent };
        let Some(found) = self.instances.get(instance).and_then(|made| find_item_output(&made.rule.body, property, name)) else { return Item::Absent };
        let (_, item_name, body) = found;
        let frame = vec![Binding { name: item_name, item: Item::Block { owner, property, record }, key: record.key.clone() }];
        let at = At { instance, frame: &frame, user: record.span };
        self.find_here(body, name, at).map_or(Item::Absent, |expr| Item::Val(self.eval(expr, at)))
    }

    fn step(&self, item: Item<'m>, part: &str, at: At<'_, 'm, 'r>, rule: Span) -> Item<'m> {
        let origin = Origin { user: at.user, rule };
        let text = |text: String| Item::Val(Val::text(text, origin));
        match item {
            Item::Names(names) => names.into_iter().find(|(name, _)| *name == part).map_or(Item::Absent, |(_, name)| text(name)),
            Item::Place(number) => match part {
                "index" => Item::Val(Val::new(ValKind::Integer(number), origin)),
                "number" => Item::Val(Val::new(ValKind::Integer(number + 1), origin)),
                _ => text(letter(number)),
            },
            Item::Row(key, val) => match part {
                "key" => text(key),
                _ => Item::Val(val),
            },
            Item::Entry(key, field) => match part {
                "key" => Item::Val(Val::text(key, Origin { user: field.span, rule })),
                _ => Item::Val(self.field(field, rule)),
            },
            Item::Cloud => self.cloud_value(part, origin),
            Item::Resource(id) => {
                if part == "this" {
                    return self.names_of(Who::Resource(id));
                }
                if let Some(val) = self.of_resource.get(&id).and_then(|&instance| self.output(instance, part)) {
                    return Item::Val(val);
                }
                self.resource(id).map_or(Item::Absent, |resource| self.in_values(id, &resource.values, part, rule))
            }
            Item::Block { owner, property, record } => self.in_record(owner, property, record, part, rule),
            Item::Blocks { owner, property, records } => {
                let vals = records
                    .iter()
                    .map(|record| self.item_val(self.in_record(owner, property, record, part, rule), at, rule))
                    .filter(|val| !val.is_absent())
                    .collect();
                Item::Val(Val::new(ValKind::List(vals), origin))
            }
            Item::Edges(edges) => {
                if let Some(some) = self.of_field(&edges, part) {
                    return Item::Edges(some);
                }
                let vals = edges.iter().map(|edge| self.item_val(self.step(self.edge_item(*edge), part, at, rule), at, rule));
                Item::Val(Val::new(ValKind::List(vals.filter(|val| !val.is_absent()).collect()), origin))
            }
            Item::Val(Val { kind: ValKind::Map(fields), .. }) => {
                fields.into_iter().find(|(name, _)| name == part).map_or(Item::Absent, |(_, val)| Item::Val(val))
            }
            Item::Absent | Item::Val(_) | Item::Fields(_) | Item::Entries(_) => Item::Absent,
        }
    }

    fn cloud_value(&self, name: &str, origin: Origin) -> Item<'m> {
        let Some(index) = self.cloud else { return Item::Absent };
        if let Some(val) = self.output(index, name) {
            return Item::Val(val);
        }
        self.rule_param(index, name, origin)
    }

    /// A parameter that a rule asks for: one for the stack in the cloud's own rule, one for each resource in any other.
    fn rule_param(&self, instance: usize, name: &str, origin: Origin) -> Item<'m> {
        let Some(param) = self.instances.get(instance).and_then(|made| find_param(&made.rule.body, name)) else { return Item::Absent };
        let mut parts = if self.cloud == Some(instance) { Vec::new() } else { self.name(instance, "main", false) };
        parts.push(name.to_owned());
        let full = parts.join("-");
        let mut params = self.rule_params.borrow_mut();
        let place = params.iter().position(|known| known.name == full).unwrap_or_else(|| {
            let default = param.default.as_ref().map(|scalar| Val::new(literal(scalar), origin));
            let number = matches!(param.default, Some(Scalar::Integer(_) | Scalar::Float(_)));
            params.push(NativeParam { name: full, about: Some(param.about.clone()), secret: param.secret, number, default, span: origin.user, used: false });
            params.len() - 1
        });
        // A parameter that was only declared so far belongs to the line that reads it first.
        if let Some(param) = params.get_mut(place).filter(|param| param.span == self.model.span) {
            param.span = origin.user;
        }
        Item::Val(Val::new(ValKind::Param(self.model.params.len() + place), origin))
    }

    /// The parameters of the cloud's own rule stand in its order, so that an unrelated resource that reads one moves none. Those that nothing reads are left out.
    fn declare_cloud_params(&self) {
        let Some((index, cloud)) = self.cloud.and_then(|index| Some((index, self.instances.get(index)?))) else { return };
        for statement in &cloud.rule.body {
            if let Statement::Param(param) = statement {
                self.rule_param(index, &param.name.text, Origin { user: self.model.span, rule: Span::default() });
            }
        }
    }

    /// An output of a rule applied to something; `None` when the rule has none of that name here.
    fn output(&self, instance: usize, name: &str) -> Option<Val> {
        let key = (instance, name.to_owned());
        if let Some(known) = self.outputs.borrow().get(&key) {
            return known.clone();
        }
        let rule = self.instances.get(instance)?.rule;
        find_output(&rule.body, name)?;
        // A circle of outputs ends here: the inner one is absent.
        self.outputs.borrow_mut().insert(key.clone(), None);
        let at = At { instance, frame: &[], user: self.user_span(instance) };
        let val = self.find_here(&rule.body, name, at).map(|expr| self.eval(expr, at)).filter(|val| !val.is_absent());
        self.outputs.borrow_mut().insert(key, val.clone());
        val
    }

    /// The output's expression in the branches that apply to this stack.
    fn find_here(&self, statements: &'r [Statement], wanted: &str, at: At<'_, 'm, 'r>) -> Option<&'r Expr> {
        statements.iter().find_map(|statement| match statement {
            Statement::Output { name, value, .. } if name.text == wanted => Some(value),
            Statement::Form(Form::When(path, body)) if self.holds(path, at) => self.find_here(body, wanted, at),
            Statement::Form(Form::Match(path, arms)) => self.arm(path, arms, at).and_then(|body| self.find_here(body, wanted, at)),
            _ => None,
        })
    }

    fn field(&self, field: &'m Field, rule: Span) -> Val {
        let origin = Origin { user: field.span, rule };
        let kind = match &field.value {
            Value::Text(text) => ValKind::Text(text.clone()),
            Value::Integer(number) => ValKind::Integer(*number),
            Value::Number(number) => ValKind::Number(*number),
            Value::Bool(flag) => ValKind::Bool(*flag),
            Value::List(items) => ValKind::List(items.iter().map(|item| self.field(item, rule)).collect()),
            Value::Map(items) => ValKind::Map(items.iter().map(|(name, item)| (name.clone(), self.field(item, rule))).collect()),
            Value::Param(id) => ValKind::Param(id.0),
            Value::Output(id, name) => match self.of_resource.get(id).and_then(|&instance| self.output(instance, name)) {
                Some(val) => val.kind,
                None => ValKind::Absent,
            },
            Value::Joined(pieces) => return concat(pieces.iter().map(|piece| self.field(piece, rule)).collect(), origin),
            Value::Resource(_) | Value::Block(_) | Value::Blocks(_) => ValKind::Absent,
        };
        Val::new(kind, origin)
    }

    fn holds(&self, path: &Path, at: At<'_, 'm, 'r>) -> bool {
        match self.resolve(path, at) {
            Item::Absent => false,
            Item::Val(val) => !matches!(val.kind, ValKind::Bool(false) | ValKind::Absent),
            Item::Blocks { records, .. } => !records.is_empty(),
            Item::Entries(entries) => !entries.is_empty(),
            Item::Fields(fields) => !fields.is_empty(),
            Item::Edges(edges) => !edges.is_empty(),
            _ => true,
        }
    }

    fn arm<'a, T>(&self, path: &Path, arms: &'a [(crate::syntax::Ident, T)], at: At<'_, 'm, 'r>) -> Option<&'a T> {
        let item = self.resolve(path, at);
        let word = match &item {
            Item::Val(Val { kind: ValKind::Text(text), .. }) => Some(text.as_str()),
            Item::Val(Val { kind: ValKind::Bool(true), .. }) => Some("yes"),
            Item::Val(Val { kind: ValKind::Bool(false), .. }) => Some("no"),
            _ => None,
        };
        let present = if self.holds(path, at) { "some" } else { "none" };
        let find = |wanted: &str| arms.iter().find(|(key, _)| key.text == wanted).map(|(_, body)| body);
        word.and_then(find).or_else(|| find(present))
    }

    /// Goes into the bodies of a form that hold for this stack, as often as they do.
    fn inside<T>(&self, form: &'r Form<T>, at: At<'_, 'm, 'r>, go: &mut dyn FnMut(&'r [T], At<'_, 'm, 'r>)) {
        match form {
            Form::When(path, body) if self.holds(path, at) => go(body, at),
            Form::When(..) => {}
            Form::Match(path, arms) => {
                if let Some(body) = self.arm(path, arms, at) {
                    go(body, at);
                }
            }
            Form::Each(each) => {
                for binding in self.items(each, at) {
                    let mut frame = at.frame.to_vec();
                    frame.push(binding);
                    go(&each.body, At { frame: &frame, ..at });
                }
            }
        }
    }

    fn items<T>(&self, each: &'r Each<T>, at: At<'_, 'm, 'r>) -> Vec<Binding<'m, 'r>> {
        let name = each.name.as_str();
        let binding = |item, key: String| Binding { name, item, key };
        if let [head] = each.over.parts.as_slice()
            && let Some(table) =
                self.instances.get(at.instance).and_then(|instance| instance.rule.tables.iter().find(|table| table.of.is_none() && table.name == *head))
        {
            return table
                .rows
                .iter()
                .map(|(key, scalar)| {
                    let val = Val::new(literal(scalar), Origin { user: at.user, rule: key.span });
                    binding(Item::Row(key.text.clone(), val), key.text.clone())
                })
                .collect();
        }
        match self.resolve(&each.over, at) {
            Item::Blocks { owner, property, records } => records
                .iter()
                .map(|record| {
                    let key = match record.to.and_then(|to| self.resource(to)) {
                        Some(to) => format!("{} {}", to.name.text, record.key),
                        None => record.key.clone(),
                    };
                    binding(Item::Block { owner, property, record }, key)
                })
                .collect(),
            Item::Edges(edges) => edges
                .iter()
                .filter_map(|&edge| match self.instances.get(edge)?.who {
                    Who::Edge { from, record, .. } => {
                        let from = self.resource(from)?.name.text.as_str();
                        Some(binding(self.edge_item(edge), format!("{from} {}", record.key)))
                    }
                    _ => None,
                })
                .collect(),
            Item::Entries(entries) => entries
                .iter()
                .filter(|(_, field)| self.is_secret(field) == each.secret)
                .map(|(key, field)| binding(Item::Entry(key, field), key.clone()))
                .collect(),
            Item::Fields(fields) => fields
                .iter()
                .map(|field| {
                    let key = if let Value::Text(text) = &field.value { text.clone() } else { String::new() };
                    binding(Item::Val(self.field(field, each.over.span)), key)
                })
                .collect(),
            Item::Val(Val { kind: ValKind::Integer(count), origin }) => {
                if count > MOST_COPIES {
                    let why = format!("it asks for {count} copies of a resource; {MOST_COPIES} are the most");
                    self.out.borrow_mut().push(diag::call_failed(origin.user, each.over.span, "each", &why));
                }
                (0..count.clamp(0, MOST_COPIES)).map(|place| binding(Item::Place(place), letter(place))).collect()
            }
            Item::Val(Val { kind: ValKind::List(items), .. }) => items
                .into_iter()
                .enumerate()
                .map(|(index, val)| {
                    let key = if let ValKind::Text(text) = &val.kind { text.clone() } else { index.to_string() };
                    binding(Item::Val(val), key)
                })
                .collect(),
            _ => Vec::new(),
        }
    }

    fn is_secret(&self, field: &Field) -> bool {
        match &field.value {
            Value::Output(id, name) => self.resource(*id).and_then(|resource| resource.ty.output(name)).is_some_and(|output| output.secret),
            _ => false,
        }
    }

    // ---- the stack itself ----------------------------------------------------------------------------------------------

    fn params(&self) -> Vec<NativeParam> {
        let mut params: Vec<NativeParam> = self
            .model
            .params
            .iter()
            .map(|param| {
                let default = param.default.as_ref().map(|(scalar, span)| Val::new(literal(scalar), Origin { user: *span, rule: Span::default() }));
                NativeParam {
                    name: param.name.text.clone(),
                    about: param.about.clone(),
                    secret: param.secret,
                    number: param.number,
                    default,
                    span: param.name.span,
                    used: false,
                }
            })
            .collect();
        params.extend(self.rule_params.borrow().iter().cloned());
        params
    }

    /// What the stack shows, what every stack tells of a resource, and what an operator's client reads of it.
    fn stack_outputs(&self) -> Vec<NativeOutput> {
        let shown = self.model.outputs.iter().map(|output| NativeOutput {
            name: output.name.text.clone(),
            span: output.name.span,
            value: self.field(&output.value, Span::default()),
            handle: None,
        });
        let mut outputs: Vec<NativeOutput> = shown.collect();
        let ids = (0..self.model.resources.len()).map(ResourceId);
        for (id, instance) in ids.filter_map(|id| Some((id, *self.of_resource.get(&id)?))) {
            let Some(resource) = self.resource(id) else { continue };
            let span = resource.name.span;
            for output in resource.ty.outputs.iter().filter(|output| output.told) {
                let name = format!("{}-{}", resource.name.text, output.name);
                let said = |value: &Value| matches!(value, Value::Output(of, said) if *of == id && *said == output.name);
                if self.model.outputs.iter().any(|output| output.name.text == name || said(&output.value.value)) {
                    continue;
                }
                outputs.extend(self.output(instance, &output.name).map(|value| NativeOutput { name, span, value, handle: None }));
            }
            let name = format!("{HANDLE}-{}", resource.name.text);
            outputs.extend(self.output(instance, HANDLE).map(|value| NativeOutput { name, span, value, handle: Some(id) }));
        }
        outputs.retain(|output| !output.value.is_absent());
        outputs
    }

    /// What the target's settings read of the cloud.
    fn settings(&self) -> Vec<(String, Val)> {
        let Some(instance) = self.cloud else { return Vec::new() };
        let at = At { instance, frame: &[], user: self.model.span };
        self.checked.target().reads().into_iter().map(|path| (path.to_string(), self.get(&path, at))).collect()
    }

    fn stack_tags(&self) -> Vec<(String, Val)> {
        let mut tags: Vec<(String, Val)> = vec![("stack".to_owned(), Val::text(&self.model.name, Origin { user: self.model.span, rule: Span::default() }))];
        for (name, which) in [("stage", &self.model.stage), ("instance", &self.model.instance)] {
            tags.extend(which.as_ref().map(|which| (name.to_owned(), Val::text(which, Origin { user: self.model.span, rule: Span::default() }))));
        }
        put_tags(&mut tags, self.model.tags.iter().map(|(name, field)| (name.clone(), self.field(field, Span::default()))));
        tags
    }

    fn own_tags(&self, id: NativeId) -> Vec<(String, Val)> {
        let Some(who) = self.slots.borrow().get(id.0).and_then(|slot| self.instances.get(slot.instance)).map(|instance| instance.who) else {
            return Vec::new();
        };
        let owner = match who {
            Who::Resource(id) | Who::Edge { from: id, .. } => id,
            Who::Cloud => return Vec::new(),
        };
        self.resource(owner)
            .map(|resource| resource.tags.iter().map(|(name, field)| (name.clone(), self.field(field, Span::default()))).collect())
            .unwrap_or_default()
    }
}

/// Sets tags; a later one of the same name replaces an earlier one.
pub(super) fn put_tags(tags: &mut Vec<(String, Val)>, more: impl IntoIterator<Item = (String, Val)>) {
    for (name, val) in more {
        match tags.iter_mut().find(|(other, _)| *other == name) {
            Some((_, slot)) => *slot = val,
            None => tags.push((name, val)),
        }
    }
}

/// Where the user gave a property, if it was given and is not simply switched off.
fn given_at(record: &Record, parts: &[String]) -> Option<Span> {
    let (head, rest) = parts.split_first()?;
    let field = record.get(head).filter(|field| field.given)?;
    match (&field.value, rest) {
        (Value::Bool(false), _) => None,
        (_, []) => Some(field.span),
        (Value::Block(inner), rest) => given_at(inner, rest),
        (Value::Blocks(records), rest) => records.iter().find_map(|record| given_at(record, rest)),
        _ => None,
    }
}

/// Whether a property is a group of fields whose defaults the type keeps to though the group is not written, or one of those.
fn is_promised(ty: &PortableType, parts: &[String]) -> bool {
    let Some((head, rest)) = parts.split_first() else { return false };
    match ty.property(head).map(|property| &property.kind) {
        Some(Kind::Block(block)) if block.promised => rest.first().is_none_or(|name| block.fields.iter().any(|field| field.name == *name)),
        _ => false,
    }
}

/// Whether a property has its value from the spec, and one that asks for something.
fn by_default(record: &Record, parts: &[String]) -> bool {
    let Some((head, rest)) = parts.split_first() else { return false };
    match record.get(head).filter(|field| !field.given).map(|field| (&field.value, rest)) {
        Some((Value::Bool(false), _)) | None => false,
        Some((_, [])) => true,
        Some((Value::Block(inner), rest)) => by_default(inner, rest),
        Some(_) => false,
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Number(number) => Some(number_text(*number)),
        _ => None,
    }
}

fn scalar_text(scalar: &Scalar) -> Option<String> {
    match scalar {
        Scalar::String(text) => Some(text.clone()),
        Scalar::Integer(number) => Some(number.to_string()),
        Scalar::Float(number) => Some(number.to_string()),
        Scalar::Bool(flag) => Some(flag.to_string()),
        Scalar::Null => None,
    }
}

fn literal(scalar: &Scalar) -> ValKind {
    match scalar {
        Scalar::String(text) => ValKind::Text(text.clone()),
        Scalar::Integer(number) => ValKind::Integer(*number),
        Scalar::Float(number) => ValKind::Number(*number),
        Scalar::Bool(flag) => ValKind::Bool(*flag),
        Scalar::Null => ValKind::Absent,
    }
}

/// Puts texts together; known neighbours become one text, and a text with an absent part is absent.
fn concat(pieces: Vec<Val>, origin: Origin) -> Val {
    let mut user = origin.user;
    let mut joined: Vec<Val> = Vec::new();
    for piece in pieces {
        if piece.is_absent() {
            return Val::new(ValKind::Absent, origin);
        }
        let text = match &piece.kind {
            ValKind::Text(text) => Some(text.clone()),
            ValKind::Integer(number) => Some(number.to_string()),
            ValKind::Number(number) => Some(number.to_string()),
            ValKind::Bool(flag) => Some(flag.to_string()),
            ValKind::Concat(_) => None,
            _ => None,
        };
        if piece.origin.user != origin.user {
            user = piece.origin.user;
        }
        match (text, joined.last_mut()) {
            (Some(text), Some(Val { kind: ValKind::Text(last), .. })) => last.push_str(&text),
            (Some(text), _) => joined.push(Val::text(text, piece.origin)),
            (None, _) => match piece.kind {
                ValKind::Concat(inner) => joined.extend(inner),
                kind => joined.push(Val::new(kind, piece.origin)),
            },
        }
    }
    let origin = Origin { user, ..origin };
    match joined.len() {
        0 => Val::text("", origin),
        1 => Val::new(joined.swap_remove(0).kind, origin),
        _ => Val::new(ValKind::Concat(joined), origin),
    }
}

/// The names of the fields that are an edge's key.
fn edge_key(property: &Property) -> Option<&str> {
    if let Kind::Block(block) = &property.kind { block.key.as_deref() } else { None }
}

/// How much of a text is written out rather than left to wildcards; the whole of it counts a little more.
fn narrow(text: &str) -> usize {
    let written = text.chars().filter(|c| !"*?".contains(*c)).count();
    if text.is_empty() { 0 } else { written + 1 + usize::from(!text.contains(['*', '?'])) }
}

/// The words of a key, for a name: `/api/*` is `api` and `all`.
fn slug(key: &str) -> Vec<String> {
    let key = key.replace('*', " all ");
    let words = key.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(str::to_lowercase).collect()
}

/// `a`, `b`, …, `z`, `a1`, …
fn letter(place: i64) -> String {
    let letter = char::from(b'a' + u8::try_from(place.rem_euclid(26)).unwrap_or(0));
    if place < 26 { letter.to_string() } else { format!("{letter}{}", place / 26) }
}
