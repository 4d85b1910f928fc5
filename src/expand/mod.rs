//! A stack's nodes to those of one variant: nodes to nodes, with what is written in the files alone. Behind it a stack has parameters, resources and outputs,
//! and no later stage knows that it had stages, or was for one target otherwise than for another.
//!
//! `overlay` says which overlays apply and where they disagree, `merge` lays one resource's node over another, `accepts` hands what is accepted to the resource
//! that it is about.

mod accepts;
mod merge;
mod overlay;

pub use accepts::NAMED;

use crate::check::flaw_of_name;
use crate::diag::{Diagnostics, check as diag, expand as forms};
use crate::portable::Catalogue;
use crate::source::{Sources, Span};
use crate::syntax::{Ident, Node, Value};
use merge::Merge;
use overlay::{Ledger, On, Overlay};
use std::collections::HashMap;

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
}

/// A stack as it is written, with what every variant of it has in common.
#[derive(Debug)]
pub struct Stack<'n> {
    node: &'n Node,
    overlays: Vec<Overlay<'n>>,
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
}

/// What stands at the top of a stack and is no resource.
const WORDS: [&str; 5] = ["param", "output", "targets", "tags", "state"];

/// Reads what all variants have in common. None where there is no stack.
pub fn read<'n>(nodes: &'n [Node], file_start: Span, places: &[Place]) -> (Option<Stack<'n>>, Diagnostics) {
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
    let mut stack = Stack { node, overlays: Vec::new(), stages: Vec::new(), targets: Vec::new(), differs: Vec::new() };
    for child in node.children() {
        match child.name.text.as_str() {
            "stage" => stack.stage(child, places, &mut out),
            "on" => stack.on(child, None, places, &mut out),
            "targets" => stack.targets.extend(child.args.iter().filter_map(Value::as_str)),
            _ => {}
        }
    }
    (Some(stack), out)
}

impl<'n> Stack<'n> {
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
        if let Some(first) = self.stages.iter().find(|other| other.text == name) {
            out.push(diag::duplicate_name(value.span, name, first.span));
        }
        self.stages.push(Ident { text: name.to_owned(), span: value.span });
        self.overlays.push(Overlay { stage: Some(name), on: None, node });
        for child in node.children().iter().filter(|child| child.name.text == "on") {
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
        if let Some(first) = self.overlays.iter().find(|other| other.stage == stage && other.on == Some(on)) {
            out.push(forms::overlay_twice(node.span, &first.title(), first.node.span));
        }
        let overlay = Overlay { stage, on: Some(on), node };
        self.differs.push((overlay.title(), node.span));
        self.overlays.push(overlay);
    }

    /// Whether it is otherwise for one target than for another.
    pub fn is_by_target(&self) -> bool {
        self.overlays.iter().any(|overlay| overlay.on.is_some())
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
    pub fn expand(&self, setting: Setting<'_>, catalogue: &Catalogue, sources: &mut Sources) -> (Expanded, Diagnostics) {
        let applies = |overlay: &&Overlay<'_>| {
            overlay.stage.is_none_or(|stage| setting.stage == Some(stage)) && overlay.on.is_none_or(|on| setting.place.is_some_and(|place| is_for(on, place)))
        };
        let mut overlays: Vec<&Overlay<'n>> = self.overlays.iter().filter(applies).collect();
        overlays.sort_by_key(|overlay| overlay.rank());
        let stage = self.stages.iter().find(|stage| setting.stage == Some(stage.text.as_str())).cloned();
        let mut expander = Expander { catalogue, sources, out: Diagnostics::default(), overlays, ledger: Ledger::default() };
        let node = expander.stack(self.node);
        (Expanded { node, stages: self.stages.clone(), stage }, expander.out)
    }
}

struct Expander<'a, 'n> {
    catalogue: &'a Catalogue,
    sources: &'a mut Sources,
    out: Diagnostics,
    overlays: Vec<&'a Overlay<'n>>,
    ledger: Ledger,
}

impl Expander<'_, '_> {
    fn stack(&mut self, stack: &Node) -> Node {
        let mut accepts: Vec<&Node> = Vec::new();
        let mut found: Vec<Node> = Vec::new();
        for child in stack.children() {
            match child.name.text.as_str() {
                "stage" | "on" => {}
                "accept" => accepts.push(child),
                _ => found.push(child.clone()),
            }
        }
        for by in 0..self.overlays.len() {
            let Some(overlay) = self.overlays.get(by).copied() else { continue };
            for change in overlay.node.children() {
                match change.name.text.as_str() {
                    "on" if overlay.on.is_none() => {}
                    "accept" => accepts.push(change),
                    word @ ("stage" | "on") => self.out.push(diag::not_in_stage(change.name.span, word, &overlay.title())),
                    word if WORDS.contains(&word) => self.out.push(diag::not_in_stage(change.name.span, word, &overlay.title())),
                    _ => self.change(change, by, &mut found),
                }
            }
        }
        for (name, [(first, at), (second, span)]) in std::mem::take(&mut self.ledger).conflicts() {
            let title = |index: usize| self.overlays.get(index).map(|overlay| overlay.title()).unwrap_or_default();
            self.out.push(forms::overlays_disagree(span, &name, &title(second), at, &title(first)));
        }
        accepts::hand_over(&accepts, &mut found, self.catalogue, self.sources, &mut self.out);
        Node { children: Some(found), ..without_children(stack) }
    }

    /// Lays a resource's node in an overlay over the resource.
    fn change(&mut self, change: &Node, by: usize, found: &mut [Node]) {
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
        let Some(place) = found.iter().position(|node| node.name.text == ty && node.arg_str(0) == Some(name)) else {
            let known: Vec<&str> = found.iter().filter(|node| node.name.text == ty).filter_map(|node| node.arg_str(0)).collect();
            self.out.push(diag::stage_unknown(value.span, ty, name, &overlay.title(), &known));
            return;
        };
        let Some(spec) = self.catalogue.get(ty, self.sources) else { return };
        let types: HashMap<String, String> = found.iter().filter_map(|node| Some((node.arg_str(0)?.to_owned(), node.name.text.clone()))).collect();
        let Some(base) = found.get_mut(place) else { return };
        Merge { types: &types, overlays: &self.overlays, by, ledger: &mut self.ledger, out: &mut self.out }.resource(base, change, &spec);
    }
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
