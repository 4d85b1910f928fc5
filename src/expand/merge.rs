//! One resource's node laid over another: maps by key, keyed blocks and edges by theirs, all else replaced.

use super::overlay::{Ledger, Overlay};
use crate::diag::{Diagnostics, expand as diag};
use crate::portable::{Block, Kind, PortableType, Property};
use crate::source::Span;
use crate::syntax::{Ident, Node, Scalar, Value};
use std::collections::HashMap;

/// What merging knows besides the two nodes.
pub struct Merge<'m, 'n> {
    /// The type of each resource, by its name: an edge is told by where it leads.
    pub types: &'m HashMap<String, String>,
    /// The overlays that apply.
    pub overlays: &'m [&'m Overlay<'n>],
    /// The one that is laid over.
    pub by: usize,
    /// What was said before.
    pub ledger: &'m mut Ledger,
    /// What is wrong.
    pub out: &'m mut Diagnostics,
}

/// What every resource has besides what its type says: a map.
const TAGS: &str = "tags";
/// What every resource has besides what its type says: lines, one for each target.
const ACCEPT: &str = "accept";

impl Merge<'_, '_> {
    /// Lays a change over a resource.
    pub fn resource(&mut self, base: &mut Node, change: &Node, ty: &PortableType) {
        let name = base.arg_str(0).unwrap_or_default().to_owned();
        self.record(base, change, &ty.properties, 1, &[name], true);
    }

    /// One level of properties. It calls itself for a block within, as deep as the types have them.
    fn record(&mut self, base: &mut Node, change: &Node, fields: &[Property], named: usize, path: &[String], top: bool) {
        let mut change = change.clone();
        name_arguments(base, fields, named);
        name_arguments(&mut change, fields, named);
        base.args.extend(change.args.drain(..).skip(named));
        let kind = |name: &str| fields.iter().find(|property| property.name == name).map(|property| &property.kind);
        let at = |name: &str| [path, &[name.to_owned()]].concat();

        for (key, value) in &change.props {
            self.say(&at(&key.text), value.span);
        }
        let replaced: Vec<String> = change.props.iter().map(|(key, _)| key.text.clone()).collect();
        let children = change.children.take().unwrap_or_default();
        let whole = |child: &Node| !(top && matches!(child.name.text.as_str(), TAGS | ACCEPT)) && is_whole(kind(&child.name.text));
        let new: Vec<String> = children.iter().filter(|child| whole(child)).map(|child| child.name.text.clone()).collect();
        for child in children.iter().filter(|child| whole(child)) {
            self.say(&at(&child.name.text), child.span);
            if is_removed(child) {
                self.gone(base, child, |other| other.name.text == child.name.text);
            }
        }
        base.props.retain(|(key, _)| !replaced.contains(&key.text) && !new.contains(&key.text));
        if let Some(there) = &mut base.children {
            there.retain(|other| !replaced.contains(&other.name.text) && !new.contains(&other.name.text));
        }
        base.props.append(&mut change.props);

        // What this change has merged already: a second one is given twice, and told so where that is told.
        let mut merged: Vec<Span> = Vec::new();
        for child in children {
            let name = child.name.text.as_str();
            let below = at(name);
            match kind(name) {
                _ if top && name == TAGS => self.map(base, child, &below),
                _ if top && name == ACCEPT => accept(base, child),
                Some(Kind::Map { .. }) => self.map(base, child, &below),
                Some(Kind::Block(_)) if child.args.is_empty() && is_removed(&child) => {
                    self.say(&below, child.span);
                    self.gone(base, &child, |other| other.name.text == child.name.text);
                    base.children.iter_mut().for_each(|all| all.retain(|other| other.name.text != child.name.text));
                }
                Some(Kind::Block(_)) => self.block(base, child, fields, &below, &mut merged),
                _ if is_removed(&child) => {}
                _ => base.children.get_or_insert_default().push(child),
            }
        }
    }

    /// A block: the one with the same key is changed, a new one added.
    fn block(&mut self, base: &mut Node, child: Node, fields: &[Property], path: &[String], merged: &mut Vec<Span>) {
        let name = child.name.text.clone();
        let of_name: Vec<(&Property, &Block)> = fields
            .iter()
            .filter(|property| property.name == name)
            .filter_map(|property| match &property.kind {
                Kind::Block(block) => Some((property, block)),
                _ => None,
            })
            .collect();
        let leads_to = |node: &Node| node.arg_str(0).and_then(|to| self.types.get(to)).cloned();
        let to = leads_to(&child);
        let fits = |block: &Block| block.edge.as_ref().is_none_or(|edge| Some(&edge.to) == to.as_ref());
        let Some((_, block)) = of_name.iter().find(|(_, block)| fits(block)).copied() else {
            base.children.get_or_insert_default().push(child);
            return;
        };
        let named = usize::from(block.edge.is_some());
        let key = key_of(&child, block, named);
        let same = |other: &Node| other.name.text == name && key_of(other, block, named) == key;
        let below = [path, &key].concat();
        let there = base.children.iter_mut().flatten().find(|other| same(other) && !merged.contains(&other.span));
        match there {
            _ if is_removed(&child) => {
                self.say(&below, child.span);
                self.gone(base, &child, same);
                base.children.iter_mut().for_each(|all| all.retain(|other| !same(other)));
            }
            Some(other) => {
                merged.push(other.span);
                self.record(other, &child, &block.fields, named, &below, false);
            }
            None => {
                self.say(&below, child.span);
                merged.push(child.span);
                base.children.get_or_insert_default().push(child);
            }
        }
    }

    /// A map: what has the same key is replaced, what is taken away goes, all else stays.
    fn map(&mut self, base: &mut Node, mut child: Node, path: &[String]) {
        let name = child.name.text.clone();
        if is_removed(&child) {
            self.say(path, child.span);
            self.gone(base, &child, |other| other.name.text == name);
            base.children.iter_mut().for_each(|all| all.retain(|other| other.name.text != name));
            return;
        }
        let has = |other: &Node, key: &str| other.name.text == name && (other.prop(key).is_some() || other.children().iter().any(|item| item.name.text == key));
        for item in child.children().iter().filter(|item| is_removed(item)) {
            self.gone(base, item, |other| has(other, &item.name.text));
        }
        let keys: Vec<&Ident> = child.props.iter().map(|(key, _)| key).chain(child.children().iter().map(|item| &item.name)).collect();
        for key in &keys {
            self.say(&[path, std::slice::from_ref(&key.text)].concat(), key.span);
        }
        for other in base.children.iter_mut().flatten().filter(|other| other.name.text == name) {
            other.props.retain(|(key, _)| !keys.iter().any(|new| new.text == key.text));
            other.children.iter_mut().for_each(|items| items.retain(|item| !keys.iter().any(|new| new.text == item.name.text)));
        }
        child.children.iter_mut().for_each(|items| items.retain(|item| !is_removed(item)));
        base.children.get_or_insert_default().push(child);
    }

    fn say(&mut self, path: &[String], span: Span) {
        self.ledger.say(path, self.by, span, self.overlays);
    }

    /// What is taken away has to be there, and is only named.
    fn gone(&mut self, base: &Node, removed: &Node, is_it: impl Fn(&Node) -> bool) {
        let name = &removed.name.text;
        if !base.children().iter().any(is_it) && base.prop(name).is_none() {
            let key: Vec<&str> = removed.args.iter().filter_map(Value::as_str).collect();
            let what = std::iter::once(name.as_str()).chain(key).collect::<Vec<_>>().join(" ");
            self.out.push(diag::nothing_to_remove(removed.span, &what));
        }
        for child in removed.children() {
            self.out.push(diag::removed_with_more(child.name.span, name));
        }
    }
}

/// Whether `(remove)` stands before it.
pub fn is_removed(node: &Node) -> bool {
    node.tag() == Some("remove")
}

/// Whether a property is replaced as a whole: a list, a single value, or what is no property at all.
fn is_whole(kind: Option<&Kind>) -> bool {
    match kind {
        Some(Kind::Map { .. }) => false,
        Some(Kind::Block(block)) => block.many && block.key.is_none() && block.edge.is_none(),
        _ => true,
    }
}

/// An acceptance takes the place of the one for the same target.
fn accept(base: &mut Node, child: Node) {
    let target = child.prop_str("target");
    let same = |other: &Node| other.name.text == ACCEPT && other.tag == child.tag && other.prop_str("target") == target;
    base.children.iter_mut().for_each(|all| all.retain(|other| !same(other)));
    base.children.get_or_insert_default().push(child);
}

/// Gives what stands without a name the name of its property, so that it can be replaced by it.
fn name_arguments(node: &mut Node, fields: &[Property], named: usize) {
    let positional: Vec<&Property> = fields.iter().filter(|property| property.positional).collect();
    let count = positional.len().min(node.args.len().saturating_sub(named));
    let values: Vec<Value> = node.args.drain(named.min(node.args.len())..).collect();
    let mut values = values.into_iter();
    let given: Vec<(Ident, Value)> = positional
        .into_iter()
        .zip(values.by_ref().take(count))
        .map(|(property, value)| (Ident { text: property.name.clone(), span: value.span }, value))
        .collect();
    node.args.extend(values);
    node.props.splice(0..0, given);
}

/// Where an edge leads, and what tells a block from its siblings.
fn key_of(node: &Node, block: &Block, named: usize) -> Vec<String> {
    let mut parts: Vec<String> = node.args.iter().take(named).map(|value| text(&value.scalar)).collect();
    let positional = block.fields.iter().filter(|field| field.positional);
    for name in block.key.iter().flat_map(|key| key.split(' ')) {
        let place = positional.clone().position(|field| field.name == name);
        let inline = node.prop(name).or(place.and_then(|place| node.args.get(named + place)));
        let child = || node.children().iter().rev().find(|child| child.name.text == name).and_then(|child| child.args.first());
        let default = || block.fields.iter().find(|field| field.name == name).and_then(|field| field.default.as_ref());
        let given = inline.or_else(child).map(|value| &value.scalar);
        parts.push(given.or_else(default).map(text).unwrap_or_default());
    }
    parts
}

fn text(scalar: &Scalar) -> String {
    match scalar {
        Scalar::String(text) => text.clone(),
        Scalar::Integer(number) => number.to_string(),
        Scalar::Float(number) => number.to_string(),
        Scalar::Bool(flag) => flag.to_string(),
        Scalar::Null => String::new(),
    }
}
