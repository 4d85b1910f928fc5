//! A stack's nodes to those of one variant: nodes to nodes, with what is written in the files alone. Behind it a stack has parameters, resources and outputs,
//! and no later stage knows that it had stages, lets or loops, or was for one target otherwise than for another.
//!
//! `lets` puts values in where their names are read, `forms` works out `(when)`, `(unless)` and `(each)`; `overlay` says which overlays apply and where they
//! disagree, `merge` lays one resource's node over another, `accepts` hands what is accepted to the resource that it is about.

mod accepts;
mod forms;
mod lets;
mod merge;
mod overlay;
mod take;

pub use accepts::NAMED;
pub use take::{Files, includes};

use crate::check::flaw_of_name;
use crate::diag::{Diagnostics, check as diag, expand as said};
use crate::portable::Catalogue;
use crate::source::{Sources, Span};
use crate::syntax::{Ident, Node, Value};
use lets::Known;
use merge::Merge;
use overlay::{Ledger, On, Overlay};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;

/// A target by its name, and its cloud's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The target.
    pub target: String,
    /// Its cloud.
    pub cloud: String,
}

/// What one variant is made for.
#[derive(Debug, Clone, Copy, Default)]
pub struct Setting<'a> {
    /// The stage; the stack as it stands when `None`.
    pub stage: Option<&'a str>,
    /// The target; none where all are alike.
    pub place: Option<&'a Place>,
    /// Whether it is a copy beside others.
    pub copy: bool,
    /// Lets that are set from outside, with their text.
    pub lets: &'a [(String, String)],
    /// The conditions that some variant was seen to take: every other one is taken, so that what is in it is looked at.
    pub taken: Option<&'a HashSet<Span>>,
}

/// A stack as it is written, with what every variant of it has in common.
#[derive(Debug)]
pub struct Stack<'n> {
    node: &'n Node,
    overlays: Vec<Overlay<'n>>,
    places: &'n [Place],
    /// The names of what stands at its top, and where.
    names: BTreeMap<String, Span>,
    params: BTreeSet<String>,
    by_target: bool,
    by_copy: bool,
    /// Its lets.
    pub lets: Vec<Ident>,
    /// Its stages.
    pub stages: Vec<Ident>,
    /// The targets that it says it is for.
    pub targets: Vec<&'n str>,
    /// Where it is otherwise for one target than for another, in the order of the file, and what stands there.
    pub differs: Vec<(String, Span)>,
}

/// The nodes of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Expanded {
    /// The stack: parameters, resources, outputs.
    pub node: Node,
    /// Its stages.
    pub stages: Vec<Ident>,
    /// The stage of this variant.
    pub stage: Option<Ident>,
    /// The names of what a condition keeps out of this variant, and where that stands.
    pub absent: BTreeMap<String, Span>,
}

/// The nodes of one variant, and what was seen on the way to them.
#[derive(Debug)]
pub struct Outcome {
    /// The nodes.
    pub expanded: Expanded,
    /// What is wrong.
    pub problems: Diagnostics,
    /// The lets that were read.
    pub used: BTreeSet<String>,
    /// The conditions that were come to, each with its stretch and whether it was taken.
    pub whens: Vec<(Span, Span, bool)>,
    /// The nodes in which a value could not be worked out, which was reported: that one is missing there is no mistake of its own.
    pub reported: Vec<Span>,
    /// Whether forms made too much of it: then it is not whole.
    pub full: bool,
}

/// What stands at the top of a stack alone: not in an overlay.
const WORDS: [&str; 6] = ["param", "output", "targets", "tags", "state", "include"];
/// What stands at the top of a stack alone: not in a form.
const OUTSIDE: [&str; 6] = ["stage", "on", "let", "targets", "state", "include"];

/// Reads what all variants have in common. None where there is no stack.
pub fn read<'n>(nodes: &'n [Node], file_start: Span, places: &'n [Place]) -> (Option<Stack<'n>>, Diagnostics) {
    let mut out = Diagnostics::default();
    let Some(node) = nodes.iter().find(|node| node.name.text == "stack") else {
        out.push(diag::no_stack(nodes.first().map_or(file_start, |first| first.name.span)));
        return (None, out);
    };
    let mut seen_stack = false;
    for node in nodes {
        if node.name.text != "stack" || std::mem::replace(&mut seen_stack, true) {
            out.push(diag::beside_stack(node.name.span, &node.name.text));
        }
    }
    let mut stack = Stack {
        node,
        places,
        overlays: Vec::new(),
        names: BTreeMap::new(),
        params: BTreeSet::new(),
        by_target: false,
        by_copy: false,
        lets: Vec::new(),
        stages: Vec::new(),
        targets: Vec::new(),
        differs: Vec::new(),
    };
    stack.name_all(&mut out);
    for child in node.children().iter().filter(|child| !is_form(child)) {
        match child.name.text.as_str() {
            "stage" => stack.stage(child, places, &mut out),
            "on" => stack.on(child, None, places, &mut out),
            "targets" => stack.targets.extend(child.args.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    stack.look_for_conditions();
    stack.by_target |= stack.overlays.iter().any(|overlay| overlay.on.is_some());
    stack.differs.sort_by_key(|(_, span)| *span);
    (Some(stack), out)
}

impl<'n> Stack<'n> {
    /// The names of what stands at the top, in conditions and loops as well: one set, in which a let has a name of its own.
    fn name_all(&mut self, out: &mut Diagnostics) {
        let mut open: Vec<(&Node, bool)> = self.node.children().iter().rev().map(|node| (node, false)).collect();
        while let Some((node, within)) = open.pop() {
            let word = node.name.text.as_str();
            if matches!(node.tag(), Some("when" | "unless" | "each")) {
                open.extend(node.children().iter().rev().map(|child| (child, true)));
                continue;
            }
            if within && OUTSIDE.contains(&word) {
                out.push(said::not_in_form(node.name.span, word));
            }
            if matches!(word, "stage" | "on" | "accept" | "output" | "tags" | "targets" | "state" | "include") {
                continue;
            }
            let Some(value) = node.args.first().filter(|value| value.tag.is_none()) else { continue };
            let Some(name) = value.as_str() else { continue };
            let of_lets = self.lets.iter().find(|other| other.text == name).map(|other| other.span);
            // Two lets of one name are told of where they are read, two others where they are declared.
            let first = if word == "let" { self.names.get(name).copied().filter(|_| of_lets.is_none()) } else { of_lets };
            out.extend(first.map(|first| diag::duplicate_name(value.span, name, first)));
            match word {
                "let" => self.lets.push(Ident { text: name.to_owned(), span: value.span }),
                "param" => _ = self.params.insert(name.to_owned()),
                _ => {}
            }
            self.names.entry(name.to_owned()).or_insert(value.span);
        }
    }

    /// Whether conditions ask for the target, or whether it is a copy, and where.
    fn look_for_conditions(&mut self) {
        let mut open: Vec<&Node> = vec![self.node];
        while let Some(node) = open.pop() {
            if let Some(form @ ("when" | "unless")) = node.tag() {
                match node.name.text.as_str() {
                    word @ ("target" | "cloud") => {
                        self.by_target = true;
                        let names: Vec<&str> = node.args.iter().filter_map(Value::as_str).collect();
                        self.differs.push((format!("`({form}){word} {}`", names.join(" ")), node.span));
                    }
                    "copy" => self.by_copy = true,
                    _ => {}
                }
            }
            open.extend(node.children());
        }
    }

    fn stage(&mut self, node: &'n Node, places: &[Place], out: &mut Diagnostics) {
        head(node, "stage", out);
        let Some(value) = node.args.first().filter(|value| value.tag.is_none() && value.as_str().is_some()) else {
            out.push(diag::missing_name(node.name.span, "stage"));
            return;
        };
        let name = value.as_str().unwrap_or_default();
        if let Some(why) = flaw_of_name(name) {
            out.push(diag::bad_name(value.span, name, &why));
        }
        // Each file of a stack may say what is otherwise in a stage.
        match self.overlays.iter().find(|other| other.stage == Some(name) && other.on.is_none()) {
            Some(first) if first.node.span.file == node.span.file => {
                let first = first.node.args.first().map_or(first.node.span, |value| value.span);
                out.push(diag::duplicate_name(value.span, name, first));
            }
            Some(_) => {}
            None => self.stages.push(Ident { text: name.to_owned(), span: value.span }),
        }
        self.overlays.push(Overlay { stage: Some(name), on: None, node });
        for child in node.children().iter().filter(|child| child.name.text == "on" && !is_form(child)) {
            self.on(child, Some(name), places, out);
        }
    }

    fn on(&mut self, node: &'n Node, stage: Option<&'n str>, places: &[Place], out: &mut Diagnostics) {
        head(node, "on", out);
        let Some(value) = node.args.first().filter(|value| value.tag.is_none() && value.as_str().is_some()) else {
            out.push(diag::missing_name(node.name.span, "on"));
            return;
        };
        let name = value.as_str().unwrap_or_default();
        let on = if places.iter().any(|place| place.target == name) {
            On::Target(name)
        } else if places.iter().any(|place| place.cloud == name) {
            On::Cloud(name)
        } else {
            out.push(diag::unknown_target(value.span, name, &names(places)));
            return;
        };
        let same = |other: &&Overlay<'_>| other.stage == stage && other.on == Some(on) && other.node.span.file == node.span.file;
        if let Some(first) = self.overlays.iter().find(same) {
            out.push(said::overlay_twice(node.span, &first.title(), first.node.span));
        }
        let overlay = Overlay { stage, on: Some(on), node };
        self.differs.push((overlay.title(), node.span));
        self.overlays.push(overlay);
    }

    /// Whether it is otherwise for one target than for another.
    pub fn is_by_target(&self) -> bool {
        self.by_target
    }

    /// Whether a copy beside others is otherwise than the first.
    pub fn is_by_copy(&self) -> bool {
        self.by_copy
    }

    /// Where the stack is declared.
    pub fn span(&self) -> Span {
        self.node.span
    }

    /// The stretch of each overlay that no variant of these takes: what is in it was not looked at.
    pub fn untaken(&self, places: &[&Place]) -> Vec<(Option<&'n str>, Option<Place>, Span)> {
        let for_one_of = |on: On<'_>| places.iter().any(|place| is_for(on, place));
        let left = self.overlays.iter().filter_map(|overlay| Some((overlay, overlay.on.filter(|on| !for_one_of(*on))?)));
        left.map(|(overlay, on)| {
            let (On::Cloud(name) | On::Target(name)) = on;
            let cloud = matches!(on, On::Cloud(_)).then_some(name).unwrap_or_default();
            (overlay.stage, Some(Place { target: name.to_owned(), cloud: cloud.to_owned() }), extent(overlay.node))
        })
        .collect()
    }

    /// Whether a place is inside of a `stage` or an `on`: then it says by itself which variant it is of.
    pub fn is_in_overlay(&self, span: Span) -> bool {
        self.overlays.iter().map(|overlay| extent(overlay.node)).any(|all| all.file == span.file && all.start <= span.start && span.end <= all.end)
    }

    /// The nodes of one variant.
    pub fn expand(&self, setting: Setting<'_>, catalogue: &Catalogue, sources: &mut Sources) -> Outcome {
        let applies = |overlay: &&Overlay<'_>| {
            overlay.stage.is_none_or(|stage| setting.stage == Some(stage)) && overlay.on.is_none_or(|on| setting.place.is_some_and(|place| is_for(on, place)))
        };
        let mut overlays: Vec<&Overlay<'n>> = self.overlays.iter().filter(applies).collect();
        overlays.sort_by_key(|overlay| overlay.rank());
        let stage = self.stages.iter().find(|stage| setting.stage == Some(stage.text.as_str())).cloned();
        let mut expander = Expander {
            stack: self,
            setting,
            catalogue,
            sources,
            out: Diagnostics::default(),
            overlays,
            lets: BTreeMap::new(),
            broken: BTreeMap::new(),
            items: Vec::new(),
            context: None,
            absent: BTreeMap::new(),
            used: BTreeSet::new(),
            whens: Vec::new(),
            known_whens: setting.taken,
            spent: 0,
            full: false,
            around: Vec::new(),
            reported: Vec::new(),
        };
        let node = expander.stack(self.node);
        let Expander { out, mut absent, used, whens, reported, full, .. } = expander;
        // What stands elsewhere as well is there.
        for there in node.children() {
            absent.remove(there.arg_str(0).unwrap_or_default());
        }
        Outcome { expanded: Expanded { node, stages: self.stages.clone(), stage, absent }, problems: out, used, whens, reported, full }
    }
}

struct Expander<'a, 'n> {
    stack: &'a Stack<'n>,
    setting: Setting<'a>,
    catalogue: &'a Catalogue,
    sources: &'a mut Sources,
    out: Diagnostics,
    overlays: Vec<&'a Overlay<'n>>,
    /// What each let stands for.
    lets: BTreeMap<String, Rc<Known>>,
    /// Lets with a mistake that was reported.
    broken: BTreeMap<String, Span>,
    /// The items of the loops around, the innermost last.
    items: Vec<(String, Rc<Known>)>,
    /// The loop that what is made now comes of, and for which item.
    context: Option<(Span, String)>,
    absent: BTreeMap<String, Span>,
    used: BTreeSet<String>,
    whens: Vec<(Span, Span, bool)>,
    known_whens: Option<&'a HashSet<Span>>,
    /// What forms have made so far, in bytes.
    spent: usize,
    /// Whether that is too much.
    full: bool,
    /// The nodes around what is worked out now.
    around: Vec<Span>,
    reported: Vec<Span>,
}

impl Expander<'_, '_> {
    fn stack(&mut self, stack: &Node) -> Node {
        self.read_lets(stack);
        let plain: Vec<Node> =
            stack.children().iter().filter(|child| !matches!(child.name.text.as_str(), "stage" | "on" | "let") || is_form(child)).cloned().collect();
        let all = self.body(&plain, true);
        let (mut accepts, mut found): (Vec<Node>, Vec<Node>) = all.into_iter().partition(|node| node.name.text == "accept");
        found.retain(|node| !matches!(node.name.text.as_str(), "stage" | "on" | "let" | "include"));
        let mut ledger = Ledger::default();
        for by in 0..self.overlays.len() {
            let Some(overlay) = self.overlays.get(by).copied() else { continue };
            let is_change = |node: &&Node| is_form(node) || !matches!((node.name.text.as_str(), overlay.on), ("on", None) | ("let", _));
            let changes: Vec<Node> = overlay.node.children().iter().filter(is_change).cloned().collect();
            for change in self.body(&changes, true) {
                match change.name.text.as_str() {
                    "accept" => accepts.push(change),
                    word @ ("stage" | "on") => self.out.push(diag::not_in_stage(change.name.span, word, &overlay.title())),
                    word if WORDS.contains(&word) => self.out.push(diag::not_in_stage(change.name.span, word, &overlay.title())),
                    _ => self.change(&change, by, &mut found, &mut ledger),
                }
            }
        }
        self.disagreements(ledger);
        accepts::hand_over(&accepts, &mut found, &self.absent, self.catalogue, self.sources, &mut self.out);
        Node { children: Some(found), ..without_children(stack) }
    }

    /// Where two overlays disagree.
    fn disagreements(&mut self, ledger: Ledger) {
        for (name, [(first, at), (second, span)]) in ledger.conflicts() {
            let title = |index: usize| self.overlays.get(index).map(|overlay| overlay.title()).unwrap_or_default();
            self.out.push(said::overlays_disagree(span, &name, &title(second), at, &title(first)));
        }
    }

    /// Lays a resource's node in an overlay over the resource.
    fn change(&mut self, change: &Node, by: usize, found: &mut [Node], ledger: &mut Ledger) {
        let Some(overlay) = self.overlays.get(by) else { return };
        if let Some(tag) = &change.tag {
            self.out.push(diag::unknown_form(tag.span, &tag.text));
        }
        let Some(value) = change.args.first().filter(|value| value.tag.is_none() && value.as_str().is_some()) else {
            self.out.push(diag::missing_name(change.name.span, &change.name.text));
            return;
        };
        let (ty, name) = (change.name.text.as_str(), value.as_str().unwrap_or_default());
        if let Some(why) = flaw_of_name(name) {
            self.out.push(diag::bad_name(value.span, name, &why));
        }
        if let Some(at) = self.absent.get(name).filter(|_| !found.iter().any(|node| node.arg_str(0) == Some(name))) {
            self.out.push(said::absent(value.span, name, *at));
            return;
        }
        let Some(place) = found.iter().position(|node| node.name.text == ty && node.arg_str(0) == Some(name)) else {
            let known: Vec<&str> = found.iter().filter(|node| node.name.text == ty).filter_map(|node| node.arg_str(0)).collect();
            self.out.push(diag::stage_unknown(value.span, ty, name, &overlay.title(), &known));
            return;
        };
        let Some(spec) = self.catalogue.get(ty, self.sources) else { return };
        let types: HashMap<String, String> = found.iter().filter_map(|node| Some((node.arg_str(0)?.to_owned(), node.name.text.clone()))).collect();
        let Some(base) = found.get_mut(place) else { return };
        Merge { types: &types, overlays: &self.overlays, by, ledger, out: &mut self.out }.resource(base, change, &spec);
    }
}

fn is_form(node: &Node) -> bool {
    matches!(node.tag(), Some("when" | "unless" | "each"))
}

/// What stands behind `stage` and `on`: one name, and nothing else.
fn head(node: &Node, what: &str, out: &mut Diagnostics) {
    if let Some(tag) = &node.tag {
        out.push(diag::unknown_form(tag.span, &tag.text));
    }
    for extra in node.args.iter().skip(1) {
        out.push(diag::too_many_values(extra.span, what, "one name"));
    }
    for (key, _) in &node.props {
        out.push(diag::unknown_property(key.span, &key.text, &format!("`{what}`"), &[]));
    }
}

fn is_for(on: On<'_>, place: &Place) -> bool {
    match on {
        On::Cloud(cloud) => place.cloud == cloud,
        On::Target(target) => place.target == target,
    }
}

/// The targets' names, and their clouds'.
pub fn names(places: &[Place]) -> Vec<&str> {
    let mut names: Vec<&str> = places.iter().map(|place| place.target.as_str()).collect();
    names.extend(places.iter().map(|place| place.cloud.as_str()));
    let mut seen = std::collections::HashSet::new();
    names.retain(|name| seen.insert(*name));
    names
}

fn without_children(node: &Node) -> Node {
    Node {
        tag: node.tag.clone(),
        name: node.name.clone(),
        args: node.args.clone(),
        props: node.props.clone(),
        children: None,
        span: node.span,
        broken: node.broken,
    }
}

/// A node with all that is in its braces.
fn extent(node: &Node) -> Span {
    let mut span = node.span;
    let mut last = node;
    while let Some(child) = last.children().last() {
        span = span.to(child.span);
        last = child;
    }
    span
}
