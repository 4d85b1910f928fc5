//! `let`: what stands for a value, several values or a map, and how it goes into the places that read it. Values are put in as parts, never as text that is
//! read again.

use super::Expander;
use super::overlay::Ledger;
use crate::check::{Piece, flaw_of_name, split_fmt};
use crate::diag::{check as diag, expand as forms};
use crate::source::Span;
use crate::syntax::{Ident, MAX_DEPTH, Node, Part, Scalar, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// What a name stands for, and where that is written.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The value or the values.
    pub what: What,
    /// Where.
    pub span: Span,
    /// How many maps are within one another in it.
    depth: usize,
}

/// What a `let` holds.
#[derive(Debug, Clone, PartialEq)]
pub enum What {
    /// One value.
    One(Value),
    /// Several, or one where several could stand.
    List(Vec<Value>),
    /// Values with names.
    Map(Vec<(Ident, Rc<Known>)>),
}

impl Known {
    /// What a name stands for.
    pub fn new(what: What, span: Span) -> Known {
        let depth = match &what {
            What::Map(entries) => 1 + entries.iter().map(|(_, known)| known.depth).max().unwrap_or(0),
            What::One(_) | What::List(_) => 0,
        };
        Known { what, span, depth }
    }
}

impl What {
    /// What it is, with its article, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            What::One(value) if value.tag.is_some() => "a value that is known only when deployed",
            What::One(value) => match &value.scalar {
                Scalar::Integer(_) | Scalar::Float(_) => "a number",
                other => other.kind(),
            },
            What::List(_) => "a list",
            What::Map(_) => "a map",
        }
    }

    /// Whether one may stand in the place of the other: one value is a list of one, and what comes from elsewhere may be anything.
    fn is_like(&self, other: &What) -> bool {
        match (self, other) {
            (What::List(_), What::One(_)) | (What::One(_), What::List(_)) => true,
            (What::One(a), What::One(b)) => a.tag.is_some() || b.tag.is_some() || self.kind() == other.kind(),
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }
}

/// What a value is when the names in it are put in.
pub enum Found {
    /// One value.
    One(Value),
    /// Several.
    List(Vec<Value>),
    /// A map.
    Map(Vec<(Ident, Rc<Known>)>),
    /// Nothing: it was reported.
    Nothing,
}

impl Expander<'_, '_> {
    /// Reads every `let` of the stack, with what the overlays set again, and puts one into another.
    pub(super) fn read_lets(&mut self, stack: &Node) {
        let mut raw: BTreeMap<String, Known> = BTreeMap::new();
        for node in stack.children().iter().filter(|node| node.name.text == "let") {
            let Some((name, what)) = self.read_let(node) else { continue };
            if let Some(first) = raw.get(&name.text) {
                let first = first.span;
                self.out.push(diag::duplicate_name(name.span, &name.text, first));
                continue;
            }
            raw.insert(name.text.clone(), Known::new(what, name.span));
        }
        let mut ledger = Ledger::default();
        for by in 0..self.overlays.len() {
            let Some(overlay) = self.overlays.get(by).copied() else { continue };
            for node in overlay.node.children().iter().filter(|node| node.name.text == "let") {
                let Some((name, what)) = self.read_let(node) else { continue };
                let Some(there) = raw.get_mut(&name.text) else {
                    let known: Vec<&str> = raw.keys().map(String::as_str).collect();
                    self.out.push(forms::let_not_declared(name.span, &name.text, &known));
                    continue;
                };
                if !there.what.is_like(&what) {
                    self.out.push(forms::let_of_another_kind(node.span, &name.text, there.what.kind(), what.kind(), there.span));
                    continue;
                }
                let path = |key: &str| [name.text.clone(), key.to_owned()];
                match (&mut there.what, what) {
                    (What::Map(all), What::Map(new)) => {
                        for (key, value) in new {
                            ledger.say(&path(&key.text), by, key.span, &self.overlays);
                            all.retain(|(other, _)| other.text != key.text);
                            all.push((key, value));
                        }
                    }
                    (slot, what) => {
                        ledger.say(&path(""), by, node.span, &self.overlays);
                        *slot = what;
                    }
                }
                there.span = name.span;
            }
        }
        self.disagreements(ledger);
        self.set_from_outside(&mut raw);
        self.settle(raw);
    }

    fn read_let(&mut self, node: &Node) -> Option<(Ident, What)> {
        if let Some(tag) = &node.tag {
            self.out.push(diag::unknown_form(tag.span, &tag.text));
        }
        let Some((first, values)) = node.args.split_first().filter(|(first, _)| first.tag.is_none() && first.as_str().is_some()) else {
            self.out.push(diag::missing_name(node.name.span, "let"));
            return None;
        };
        let name = Ident { text: first.as_str().unwrap_or_default().to_owned(), span: first.span };
        if let Some(why) = flaw_of_name(&name.text) {
            self.out.push(diag::bad_name(name.span, &name.text, &why));
            return None;
        }
        let what = self.content(node, values);
        if what.is_none() {
            self.broken.insert(name.text.clone(), name.span);
        }
        what.map(|what| (name, what))
    }

    /// What stands behind a name: values, or entries. It calls itself for entries with entries, as deep as braces are taken in.
    fn content(&mut self, node: &Node, values: &[Value]) -> Option<What> {
        if node.broken {
            return None;
        }
        if values.is_empty() && node.props.is_empty() && node.children.is_none() {
            self.out.push(forms::let_without_value(node.span));
            return None;
        }
        if !values.is_empty() && (!node.props.is_empty() || node.children.is_some()) {
            self.out.push(forms::let_of_both(node.span));
            return None;
        }
        if let [one] = values {
            return Some(What::One(one.clone()));
        }
        if !values.is_empty() {
            return Some(What::List(values.to_vec()));
        }
        let mut entries: Vec<(Ident, Rc<Known>)> = Vec::new();
        let mut places: HashMap<String, Span> = HashMap::new();
        let inline = node.props.iter().map(|(key, value)| (key.clone(), Some(What::One(value.clone()))));
        let below = node.children().iter().map(|child| {
            if let Some(tag) = &child.tag {
                self.out.push(diag::unknown_form(tag.span, &tag.text));
            }
            (child.name.clone(), self.content(child, &child.args))
        });
        let all: Vec<(Ident, Option<What>)> = inline.chain(below).collect();
        for (key, what) in all {
            if let Some(first) = places.insert(key.text.clone(), key.span) {
                self.out.push(diag::duplicate_property(key.span, &key.text, first));
                continue;
            }
            let span = key.span;
            entries.extend(what.map(|what| (key, Rc::new(Known::new(what, span)))));
        }
        Some(What::Map(entries))
    }

    /// `--let NAME=value`: text that is read as what the stack has there.
    fn set_from_outside(&mut self, raw: &mut BTreeMap<String, Known>) {
        for (name, text) in self.setting.lets {
            let Some(there) = raw.get_mut(name) else {
                let known: Vec<&str> = raw.keys().map(String::as_str).collect();
                self.out.push(forms::let_not_there(self.stack.span(), name, &known));
                continue;
            };
            let of = match &there.what {
                What::One(value) => Some(value),
                _ => None,
            };
            let scalar = of.and_then(|value| match &value.scalar {
                _ if value.tag.is_some() => Some(Scalar::String(text.clone())),
                Scalar::String(_) => Some(Scalar::String(text.clone())),
                Scalar::Integer(_) => text.parse().ok().map(Scalar::Integer),
                Scalar::Float(_) => text.parse().ok().filter(|number: &f64| number.is_finite()).map(Scalar::Float),
                Scalar::Bool(_) => text.parse().ok().map(Scalar::Bool),
                Scalar::Null => None,
            });
            match scalar {
                Some(scalar) => there.what = What::One(Value { tag: None, scalar, parts: None, span: there.span }),
                None => self.out.push(forms::let_from_outside(there.span, name, there.what.kind(), text)),
            }
        }
    }

    /// Puts one let into another, those first that read no other.
    fn settle(&mut self, mut raw: BTreeMap<String, Known>) {
        let names: BTreeSet<String> = raw.keys().cloned().collect();
        let mut waits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let mut wanted: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (name, known) in &raw {
            let mut heads = BTreeSet::new();
            heads_of(&known.what, &mut heads);
            heads.retain(|head| names.contains(head));
            heads.iter().for_each(|head| wanted.entry(head.clone()).or_default().push(name.clone()));
            waits.insert(name.clone(), heads);
        }
        let mut ready: Vec<String> = waits.iter().filter(|(_, heads)| heads.is_empty()).map(|(name, _)| name.clone()).collect();
        while let Some(name) = ready.pop() {
            let Some(known) = raw.remove(&name) else { continue };
            let known = self.put_in(&known);
            if self.full || known.depth > MAX_DEPTH {
                if !self.full {
                    self.out.push(forms::let_too_deep(known.span, MAX_DEPTH));
                }
                raw.insert(name, known);
                self.broken.extend(raw.into_iter().map(|(name, known)| (name, known.span)));
                return;
            }
            self.lets.insert(name.clone(), Rc::new(known));
            for other in wanted.remove(&name).unwrap_or_default() {
                if let Some(heads) = waits.get_mut(&other) {
                    heads.remove(&name);
                    if heads.is_empty() {
                        ready.push(other);
                    }
                }
            }
        }
        // What is left goes in a circle, or waits for what does: one of the circle is told.
        let Some(mut at) = raw.keys().next().cloned() else { return };
        let mut seen: Vec<String> = Vec::new();
        while !seen.contains(&at) {
            let Some(next) = waits.get(&at).and_then(|heads| heads.iter().find(|head| raw.contains_key(*head))).cloned() else { break };
            seen.push(std::mem::replace(&mut at, next));
        }
        seen.retain({
            let mut begun = false;
            move |name| {
                begun |= *name == at;
                begun
            }
        });
        let span = seen.first().and_then(|name| raw.get(name)).map(|known| known.span).unwrap_or_default();
        self.out.push(forms::lets_in_a_circle(span, &seen));
        for (name, known) in raw {
            self.broken.insert(name, known.span);
        }
    }

    fn put_in(&mut self, known: &Known) -> Known {
        let what = match &known.what {
            What::One(value) => match self.value(value) {
                Found::One(value) => What::One(value),
                Found::List(values) => What::List(values),
                Found::Map(entries) => What::Map(entries),
                Found::Nothing => What::One(Value { tag: None, scalar: Scalar::Null, parts: None, span: value.span }),
            },
            What::List(values) => What::List(self.values(values)),
            What::Map(entries) => What::Map(entries.iter().map(|(key, known)| (key.clone(), Rc::new(self.put_in(known)))).collect()),
        };
        Known::new(what, known.span)
    }

    /// Several values, a list among them in its place.
    pub(super) fn values(&mut self, values: &[Value]) -> Vec<Value> {
        let mut found = Vec::with_capacity(values.len());
        for value in values {
            match self.value(value) {
                Found::One(value) => found.push(value),
                Found::List(values) => found.extend(values),
                Found::Map(_) => self.out.push(forms::not_that_kind(value.span, "one value or a list", "a map")),
                Found::Nothing => {}
            }
        }
        found
    }

    /// A value with what its names stand for; as it is where it names none.
    pub(super) fn value(&mut self, value: &Value) -> Found {
        if self.full {
            return Found::Nothing;
        }
        let here = self.at(value.span);
        let as_it_is = || Value { span: here, ..value.clone() };
        match (value.tag(), value.as_str()) {
            (Some("get"), Some(path)) if self.knows(path) => {
                let Some(known) = self.look_up(path, value.span) else { return Found::Nothing };
                let head = path.split('.').next().unwrap_or(path);
                let span = self.given_at(here, &known, head);
                match &known.what {
                    What::One(value) => {
                        self.spend(value);
                        Found::One(Value { span, ..value.clone() })
                    }
                    What::List(values) => {
                        values.iter().for_each(|value| self.spend(value));
                        Found::List(values.iter().map(|value| Value { span, ..value.clone() }).collect())
                    }
                    What::Map(entries) => Found::Map(entries.clone()),
                }
            }
            (Some("fmt"), Some(text)) if text.contains('{') => match self.text(text, value.span) {
                Some(Some(parts)) => Found::One(joined(parts, value, here)),
                Some(None) => Found::One(as_it_is()),
                None => Found::Nothing,
            },
            _ => Found::One(as_it_is()),
        }
    }

    /// The parts of a `(fmt)`, with what its names stand for: none inside where it names none, and none at all where something is wrong.
    fn text(&mut self, text: &str, span: Span) -> Option<Option<Vec<Part>>> {
        // What cannot be read is told where it is checked.
        let Ok(pieces) = split_fmt(text) else { return Some(None) };
        if !pieces.iter().any(|piece| matches!(piece, Piece::Path(path) if self.knows(path))) {
            return Some(None);
        }
        let (mut parts, mut whole) = (Vec::new(), true);
        for piece in pieces {
            if self.full {
                return None;
            }
            match piece {
                Piece::Text(text) => parts.push(Part::Text(text)),
                Piece::Path(path) if self.knows(&path) => match self.look_up(&path, span).as_deref().map(|known| &known.what) {
                    Some(What::One(value)) => {
                        self.spend(value);
                        match (value.tag(), &value.parts, &value.scalar) {
                            (_, Some(inner), _) => parts.extend(inner.iter().cloned()),
                            (Some("fmt"), None, Scalar::String(text)) => match split_fmt(text) {
                                Ok(inner) => parts.extend(inner.into_iter().map(|piece| match piece {
                                    Piece::Text(text) => Part::Text(text),
                                    Piece::Path(path) => Part::Path(path),
                                })),
                                Err(why) => self.out.push(diag::bad_fmt(value.span, why)),
                            },
                            (Some("get"), None, Scalar::String(path)) => parts.push(Part::Path(path.clone())),
                            (_, None, Scalar::String(text)) => parts.push(Part::Text(text.clone())),
                            (_, None, Scalar::Integer(number)) => parts.push(Part::Text(number.to_string())),
                            (_, None, Scalar::Float(number)) => parts.push(Part::Text(number.to_string())),
                            (_, None, Scalar::Bool(flag)) => parts.push(Part::Text(flag.to_string())),
                            (_, None, Scalar::Null) => {
                                whole = false;
                                self.out.push(forms::not_that_kind(span, "one value in a text", "`#null`"));
                            }
                        }
                    }
                    Some(other) => {
                        whole = false;
                        self.out.push(forms::not_that_kind(span, "one value in a text", other.kind()));
                    }
                    None => whole = false,
                },
                Piece::Path(path) => parts.push(Part::Path(path)),
            }
        }
        whole.then_some(Some(parts))
    }

    /// Whether a path begins with a let or an item.
    pub(super) fn knows(&self, path: &str) -> bool {
        let head = path.split('.').next().unwrap_or(path);
        self.items.iter().any(|(name, _)| name == head) || self.lets.contains_key(head) || self.broken.contains_key(head)
    }

    /// What a path stands for. What is wrong with it is reported.
    pub(super) fn look_up(&mut self, path: &str, span: Span) -> Option<Rc<Known>> {
        let mut words = path.split('.');
        let head = words.next().unwrap_or(path);
        let item = self.items.iter().rev().find(|(name, _)| name == head).map(|(_, known)| Rc::clone(known));
        let mut known = match item {
            Some(item) => item,
            None => {
                self.used.insert(head.to_owned());
                Rc::clone(self.lets.get(head)?)
            }
        };
        for word in words {
            let next = match &known.what {
                What::Map(entries) => entries.iter().find(|(key, _)| key.text == word).map(|(_, known)| Rc::clone(known)),
                _ => None,
            };
            match next {
                Some(next) => known = next,
                None => {
                    let entries: Vec<&str> = match &known.what {
                        What::Map(entries) => entries.iter().map(|(key, _)| key.text.as_str()).collect(),
                        _ => Vec::new(),
                    };
                    let span = self.at(span);
                    self.out.push(forms::no_entry(span, head, word, known.what.kind(), &entries));
                    return None;
                }
            }
        }
        Some(known)
    }

    /// The place of a value that a name stands for: where the name is read, with where it is given.
    fn given_at(&mut self, here: Span, known: &Known, head: &str) -> Span {
        Span { file: self.sources.view(here.file, known.span, &format!("`{head}` is given here")), ..here }
    }
}

/// Parts as a value: plain text where all of them are.
fn joined(parts: Vec<Part>, of: &Value, span: Span) -> Value {
    let mut all: Vec<Part> = Vec::with_capacity(parts.len());
    for part in parts {
        match (all.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => all.push(part),
        }
    }
    match all.as_slice() {
        [] => Value { tag: None, scalar: Scalar::String(String::new()), parts: None, span },
        [Part::Text(text)] => Value { tag: None, scalar: Scalar::String(text.clone()), parts: None, span },
        _ => Value { span, parts: Some(all.into()), ..of.clone() },
    }
}

/// The names that the values of a let begin with.
fn heads_of(what: &What, found: &mut BTreeSet<String>) {
    let mut add = |value: &Value| {
        let Some(text) = value.as_str() else { return };
        let head = |path: &str| path.split('.').next().unwrap_or(path).to_owned();
        match value.tag() {
            Some("get") => _ = found.insert(head(text)),
            Some("fmt") => found.extend(split_fmt(text).into_iter().flatten().filter_map(|piece| match piece {
                Piece::Path(path) => Some(head(&path)),
                Piece::Text(_) => None,
            })),
            _ => {}
        }
    };
    match what {
        What::One(value) => add(value),
        What::List(values) => values.iter().for_each(add),
        What::Map(entries) => entries.iter().for_each(|(_, known)| heads_of(&known.what, found)),
    }
}
