//! Changes that somebody makes to a running stack: a node is taken out, a property gets another value, a resource another name.
//! Each is a stack that is right by itself.

pub mod plain;

use crate::places::{Found, Holder, OTHERS, Place, Shape, Stack};
use crate::random::Random;
use crate::values;
use stackc::Compiler;
use stackc::check::Variant;
use stackc::portable::{Kind, Property};
use stackc::source::{Sources, Span};
use stackc::syntax::Node;
use std::collections::BTreeSet;
use std::ops::Range;

/// How many nodes and properties may go because of one that goes.
const FOLLOWERS: usize = 60;

/// Engines of databases and of caches, each with a version that there is.
const ENGINES: [(&str, &str); 5] = [("postgres", "17"), ("mysql", "8.4"), ("mariadb", "11.4"), ("valkey", "8"), ("redis", "7")];

/// A changed stack.
pub struct Change {
    /// What is changed, in the words of the specs: a type and a path in it.
    pub path: String,
    /// How.
    pub what: String,
    /// The text of the changed stack.
    pub text: String,
}

impl Change {
    /// For a person.
    pub fn show(&self) -> String {
        format!("{}: {}", self.path, self.what)
    }
}

/// An edit of a text.
type Edit = (Range<usize>, String);

/// All changes of an example, in the order of its file.
pub fn all(stack: &Stack) -> Vec<Change> {
    let found = stack.found();
    let mut maker = Maker::new(stack);
    maker.nodes(&found, true);
    maker.values(&found);
    maker.names(&found);
    maker.made
}

/// The changes of properties alone, blocks and edges among them.
pub fn of_values(stack: &Stack) -> Vec<Change> {
    let found = stack.found();
    let mut maker = Maker::new(stack);
    maker.values(&found);
    maker.nodes(&found, false);
    maker.made
}

/// Values at the bounds of every property, so many of each, and names at the bounds of every name. Those that the specs refuse are not among them.
pub fn at_bounds(stack: &Stack, most: usize, random: &mut Random) -> Vec<Change> {
    let found = stack.found();
    let mut maker = Maker::new(stack);
    for place in found.places.iter().filter(|place| place.stage.is_none()) {
        let (Shape::Property(property) | Shape::Item(property)) = &place.shape else { continue };
        if matches!(property.kind, Kind::Ref(_) | Kind::Secret) {
            continue;
        }
        let range = stack.range(place.value.span);
        maker.some(&place.path, values::of(property, place.value.as_str(), None, stack, random), most, random, |text| vec![(range.clone(), text)]);
    }
    for holder in found.holders.iter().filter(|holder| holder.stage.is_none()) {
        let end = holder.node.span.end as usize;
        let plain = |field: &Property| !matches!(field.kind, Kind::Block(_) | Kind::Map { .. } | Kind::List(_) | Kind::Ref(_) | Kind::Secret);
        let open = holder.fields.iter().filter(|field| holder.node.prop(&field.name).is_none() && plain(field));
        for property in open.filter(|field| !holder.node.children().iter().any(|child| child.name.text == field.name)) {
            let path = format!("{} {}", holder.path, property.name);
            maker.some(&path, values::of(property, None, None, stack, random), most, random, |text| vec![(end..end, format!(" {}={text}", property.name))]);
        }
    }
    for node in stack.resources() {
        let Some(name) = node.arg_str(0) else { continue };
        let mut lengths = [1, 2, 24, 25, 32, 33, 40, 63];
        random.shuffle(&mut lengths);
        for length in lengths.into_iter().take(most) {
            let new = "n".repeat(length);
            let text = maker.renamed(&found, node, name, &new);
            maker.keep(&format!("{} its name", node.name.text), format!("of {length} characters"), text);
        }
    }
    maker.made
}

struct Maker<'s> {
    stack: &'s Stack,
    compiler: Compiler,
    made: Vec<Change>,
    seen: BTreeSet<String>,
}

impl<'s> Maker<'s> {
    fn new(stack: &'s Stack) -> Maker<'s> {
        Maker { stack, compiler: Compiler::default(), made: Vec::new(), seen: BTreeSet::from([stack.text.clone()]) }
    }

    /// Keeps some of the values that a property may have.
    fn some(&mut self, path: &str, mut tries: Vec<values::Try>, most: usize, random: &mut Random, edits: impl Fn(String) -> Vec<Edit>) {
        tries.retain(|tried| !tried.must && tried.declare.is_none());
        random.shuffle(&mut tries);
        let mut kept = 0;
        for tried in tries {
            kept += usize::from(self.keep(path, tried.what, self.edited(edits(tried.text))));
            if kept >= most {
                break;
            }
        }
    }

    fn values(&mut self, found: &Found<'_>) {
        found.places.iter().filter(|place| place.stage.is_none()).for_each(|place| self.place(place));
        found.holders.iter().filter(|holder| holder.stage.is_none()).for_each(|holder| self.holder(holder));
    }

    /// The text with the edits.
    fn edited(&self, mut edits: Vec<Edit>) -> String {
        let mut text = self.stack.text.clone();
        edits.sort_by_key(|(range, _)| std::cmp::Reverse(range.start));
        for (range, new) in edits {
            text.replace_range(range, &new);
        }
        text
    }

    /// The first error of a text, by the place that it points to; nothing when it is right.
    fn error(&self, text: &str) -> Option<Span> {
        let mut sources = Sources::default();
        let file = sources.add("stack.kdl", text.to_owned());
        let (model, problems) = self.compiler.check(file, Variant { stage: None, instance: None }, &mut sources);
        if model.is_some() && !problems.has_errors() {
            return None;
        }
        Some(problems.sorted().iter().find(|problem| problem.is_error()).map_or(Span::new(file, 0, 0), |problem| problem.primary.span))
    }

    /// Keeps a changed stack if it is right and new.
    fn keep(&mut self, path: &str, what: String, text: String) -> bool {
        let new = !self.seen.contains(&text) && self.error(&text).is_none();
        if new {
            self.seen.insert(text.clone());
            self.made.push(Change { path: path.to_owned(), what, text });
        }
        new
    }

    /// Nodes that go, with all that cannot stay without them: blocks and edges, and where it is asked for whole resources.
    fn nodes(&mut self, found: &Found<'_>, whole: bool) {
        for &(owner, node, stage) in &found.nodes {
            let name = node.name.text.as_str();
            if stage.is_some() || matches!(name, "accept" | "targets" | "stage" | "state") {
                continue;
            }
            let top = std::ptr::eq(owner, node);
            if top && !whole {
                continue;
            }
            let path = if top { name.to_owned() } else { format!("{} {name}", owner.name.text) };
            let said: String = self.stack.slice(node.span).chars().take(60).collect();
            if let Some(text) = self.repaired(self.edited(vec![(self.stack.full(node), String::new())])) {
                self.keep(&path, format!("`{said}` taken out"), text);
            }
        }
    }

    /// A text without what refers to what is no longer there.
    fn repaired(&self, mut text: String) -> Option<String> {
        for _ in 0..FOLLOWERS {
            let Some(error) = self.error(&text) else { return Some(text) };
            let stack = Stack::try_new(&self.stack.name, &text)?;
            let at = error.start as usize..error.end as usize;
            let found = stack.found();
            let nodes = found.nodes.iter().map(|(_, node, _)| stack.full(node));
            let places = found.places.iter().filter(|place| !matches!(place.shape, Shape::Edge(_) | Shape::Shown)).map(|place| place.whole.clone());
            let least = nodes.chain(places).filter(|range| range.start <= at.start && at.end <= range.end).min_by_key(ExactSizeIterator::len)?;
            text.replace_range(least, "");
        }
        None
    }

    /// Other values of a property that is there, and the property gone.
    fn place(&mut self, place: &Place<'_>) {
        let stack = self.stack;
        let value = stack.range(place.value.span);
        let now = stack.text[value.clone()].to_owned();
        let whole = place.whole.clone();
        self.keep(&place.path, format!("`{}` gone", &stack.text[whole.clone()]), self.edited(vec![(whole, String::new())]));
        let (tries, most) = match &place.shape {
            Shape::Property(property) => (self.tries(property, Some(&now)), if matches!(property.kind, Kind::Enum(_)) { 9 } else { 2 }),
            Shape::Item(property) => (self.tries(property, Some(&now)), 1),
            Shape::Edge(types) => {
                let names = stack.names().into_iter().filter(|(_, ty)| types.contains(ty));
                (names.map(|(name, _)| name.to_owned()).collect(), 1)
            }
            Shape::Entry { .. } => (vec!["zz".to_owned()], 1),
            Shape::Shown | Shape::Default => (vec!["\"acme/zz:2\"".to_owned(), "7".to_owned()], 1),
        };
        if let Some(version) = place.owner.prop("version").filter(|_| place.path.ends_with(" engine")) {
            // What a version means is the engine's, so both change.
            for (engine, of) in ENGINES.iter().filter(|(engine, _)| *engine != now.trim_matches('"')) {
                let edits = vec![(value.clone(), (*engine).to_owned()), (stack.range(version.span), format!("\"{of}\""))];
                self.keep(&place.path, format!("`{engine}` instead of `{now}`"), self.edited(edits));
            }
        }
        let mut kept = 0;
        for tried in tries.into_iter().filter(|tried| *tried != now) {
            let said = format!("`{}` instead of `{}`", plain::short(&tried), plain::short(&now));
            kept += usize::from(self.keep(&place.path, said, self.edited(vec![(value.clone(), tried)])));
            if kept == most {
                return;
            }
        }
        if let (Shape::Item(property), false) = (&place.shape, place.value.tag().is_some()) {
            for tried in self.tries(property, Some(&now)) {
                if self.keep(&place.path, format!("`{}` besides", plain::short(&tried)), self.edited(vec![(value.end..value.end, format!(" {tried}"))])) {
                    break;
                }
            }
        }
    }

    /// Values to try for a property, the plainest first.
    fn tries(&self, property: &Property, now: Option<&str>) -> Vec<String> {
        let stack = self.stack;
        let mut tries = plain::of(property, now);
        match &property.kind {
            Kind::Ref(types) => tries.extend(stack.names().into_iter().filter(|(_, ty)| types.iter().any(|of| of == ty)).map(|(name, _)| name.to_owned())),
            Kind::Secret => tries.extend(stack.secrets().into_iter().map(|secret| format!("(get){secret}"))),
            _ => {}
        }
        let mut random = Random::new(1);
        tries.extend(values::of(property, None, None, stack, &mut random).into_iter().filter(|tried| tried.fits).map(|tried| tried.text).take(12));
        tries
    }

    /// Properties, blocks and edges that were not there.
    fn holder(&mut self, holder: &Holder<'_>) {
        let stack = self.stack;
        let end = holder.node.span.end as usize;
        let inside = |text: &str| match stack.braces(holder.node) {
            Some(braces) => vec![(braces.start + 1..braces.start + 1, format!(" {text};"))],
            None => vec![(end..end, format!(" {{ {text}; }}"))],
        };
        for property in &holder.fields {
            let name = &property.name;
            let path = format!("{} {name}", holder.path);
            let node = holder.node.children().iter().find(|child| child.name.text == *name);
            let many = matches!(&property.kind, Kind::Block(block) if block.many);
            if (node.is_some() && !many) || holder.node.prop(name).is_some() {
                continue;
            }
            let tries: Vec<(String, Vec<Edit>)> = match &property.kind {
                Kind::Block(_) => self.blocks(property).into_iter().map(|text| (text.clone(), inside(&text))).collect(),
                Kind::Map { .. } => vec![(format!("{name} zz=zz"), inside(&format!("{name} ZZ=zz")))],
                Kind::List(_) => self.tries(property, None).into_iter().map(|text| (text.clone(), inside(&format!("{name} {text}")))).collect(),
                _ => self.tries(property, None).into_iter().map(|text| (text.clone(), vec![(end..end, format!(" {name}={text}"))])).collect(),
            };
            let mut kept = 0;
            let most = if matches!(property.kind, Kind::Enum(_) | Kind::Block(_)) { 3 } else { 1 };
            for (tried, edits) in tries {
                kept += usize::from(self.keep(&path, format!("`{}` added", plain::short(&tried)), self.edited(edits)));
                if kept == most {
                    break;
                }
            }
        }
    }

    /// A block as it may be written: with what it has to have, and then with one field more.
    fn blocks(&self, property: &Property) -> Vec<String> {
        let Kind::Block(block) = &property.kind else { return Vec::new() };
        let first = |field: &Property| self.tries(field, None).into_iter().next();
        let mut least = property.name.clone();
        for field in block.fields.iter().filter(|field| field.required || block.key.as_ref() == Some(&field.name)) {
            let Some(value) = first(field) else { return Vec::new() };
            match (&field.kind, field.positional) {
                (Kind::List(_), true) | (_, true) => least.push_str(&format!(" {value}")),
                _ => least.push_str(&format!(" {}={value}", field.name)),
            }
        }
        let ends: Vec<String> = match &block.edge {
            None => vec![least],
            Some(edge) => {
                let to = self.stack.names().into_iter().filter(|(_, ty)| *ty == edge.to);
                to.map(|(to, _)| least.replacen(&property.name, &format!("{} {to}", property.name), 1)).collect()
            }
        };
        let mut all = ends.clone();
        for field in block.fields.iter().filter(|field| !field.required && !matches!(field.kind, Kind::Block(_) | Kind::Map { .. } | Kind::List(_))) {
            let Some(value) = first(field) else { continue };
            all.extend(ends.iter().map(|text| format!("{text} {}={value}", field.name)));
        }
        all
    }

    /// Resources by another name.
    fn names(&mut self, found: &Found<'_>) {
        for node in self.stack.root.children().iter().filter(|node| !OTHERS.contains(&node.name.text.as_str()) || node.name.text == "param") {
            let Some(name) = node.arg_str(0) else { continue };
            let new = format!("{name}-2");
            let text = self.renamed(found, node, name, &new);
            self.keep(&node.name.text, format!("`{name}` is named `{new}`"), text);
        }
    }

    /// The stack with another name of a node, wherever it stands.
    fn renamed(&self, found: &Found<'_>, node: &Node, name: &str, new: &str) -> String {
        let stack = self.stack;
        let mut edits: Vec<Edit> =
            stack.tops().iter().filter_map(|(other, _)| Self::declares(other, node)).map(|at| (stack.range(at), new.to_owned())).collect();
        for place in &found.places {
            let range = stack.range(place.value.span);
            let text = &stack.text[range.clone()];
            let path = |text: &str| text == name || text.starts_with(&format!("{name}."));
            let now = match (&place.shape, place.value.tag(), place.value.as_str()) {
                (Shape::Edge(_) | Shape::Property(Property { kind: Kind::Ref(_), .. }), None, Some(said)) if said == name => text.replacen(name, new, 1),
                (_, Some("get"), Some(said)) if path(said) => text.replacen(name, new, 1),
                (_, Some("fmt"), Some(_)) => text.replace(&format!("{{{name}}}"), &format!("{{{new}}}")).replace(&format!("{{{name}."), &format!("{{{new}.")),
                _ => continue,
            };
            if now != *text {
                edits.push((range, now));
            }
        }
        self.edited(edits)
    }

    /// Where a node declares or changes what another one declares.
    fn declares(node: &Node, other: &Node) -> Option<Span> {
        let same = node.name.text == other.name.text && node.arg_str(0) == other.arg_str(0);
        same.then(|| node.args.first().map(|value| value.span))?
    }
}
