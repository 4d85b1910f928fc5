//! Small faults in a file of rules, of the kinds that somebody makes: a name, a path, an arm, a row, a type, a missing line.

use crate::text::{Edit, RuleText, mistyped, range};
use stackc::provider::{Facts, NativeKind, NativeType, Presence, Provider, Shape};
use stackc::syntax::{Ident, Node, Scalar, Value};
use std::collections::BTreeSet;
use std::rc::Rc;

/// A fault, and whom it is about.
pub struct Fault {
    /// The target, or nothing where it is about all of the cloud.
    pub target: Option<String>,
    pub kind: &'static str,
    pub edit: Edit,
    /// What was done, for who reads of it.
    pub what: String,
}

/// What stands where a native property may: an object of the type, anything, or what is not to be known.
#[derive(Clone)]
enum At {
    Members(Rc<NativeType>, Vec<usize>),
    Free,
}

/// The forms that are followed by a path, by a node's name.
const PATHS: [&str; 4] = ["when", "match", "each", "secret"];

/// A target of a cloud.
pub struct Known {
    pub name: String,
    pub facts: Facts,
    /// Properties that every resource gets which has them, by the target's settings.
    pub filled: Vec<String>,
}

/// Collects the faults of one file.
pub struct Maker<'t> {
    file: &'t RuleText,
    /// The targets of the cloud, each with its facts.
    targets: &'t [Known],
    target: Option<String>,
    /// Roles that something in the block refers to.
    referred: BTreeSet<String>,
    /// Roles that the block makes, each as often as it does.
    roles: Vec<String>,
    /// Whether the type is not there at all; then its outputs are only asked for by who accepts that.
    not_there: bool,
    /// The parameters that the block asks for.
    params: BTreeSet<String>,
    /// What paths in the block begin with.
    heads: BTreeSet<String>,
    pub faults: Vec<Fault>,
}

impl<'t> Maker<'t> {
    pub fn new(file: &'t RuleText, targets: &'t [Known]) -> Maker<'t> {
        Maker {
            file,
            targets,
            target: None,
            referred: BTreeSet::new(),
            roles: Vec::new(),
            not_there: false,
            params: BTreeSet::new(),
            heads: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    pub fn all(mut self) -> Vec<Fault> {
        for rule in self.file.nodes.iter().filter(|node| node.name.text != "cloud") {
            for child in rule.children() {
                match (child.tag(), child.name.text.as_str()) {
                    (Some("table"), _) => self.table(child),
                    (None, "pairs") => self.pairs(child),
                    _ => self.block(child),
                }
            }
            self.target = None;
        }
        self.faults
    }

    fn push(&mut self, kind: &'static str, edit: Edit, what: String) {
        if self.file.text[edit.range.clone()] != edit.by {
            self.faults.push(Fault { target: self.target.clone(), kind, edit, what });
        }
    }

    /// A word that stands by itself.
    fn word(&mut self, kind: &'static str, word: &Ident) {
        let Some(at) = self.file.at(word.span).find(&word.text) else { return };
        let start = range(word.span).start + at;
        let by = mistyped(&word.text);
        let what = format!("`{}` as `{by}`", word.text);
        self.push(kind, Edit { range: start..start + word.text.len(), by }, what);
    }

    /// A piece of a value's text.
    fn piece(&mut self, kind: &'static str, value: &Value, piece: std::ops::Range<usize>) {
        let Some(text) = value.as_str() else { return };
        let by = mistyped(&text[piece.clone()]);
        let what = format!("`{}` of `{}` as `{by}`", &text[piece.clone()], self.file.at(value.span));
        if let Some(edit) = self.file.inside(value, piece, &by) {
            self.push(kind, edit, what);
        }
    }

    /// Each part of a dotted path.
    fn parts(&mut self, kind: &'static str, value: &Value) {
        let Some(text) = value.as_str() else { return };
        let mut at = 0;
        for part in text.split('.') {
            self.piece(kind, value, at..at + part.len());
            at += part.len() + 1;
        }
    }

    fn line(&mut self, node: &Node, what: &str) {
        let edit = self.file.without(node);
        self.push("line", edit, format!("without {what}"));
    }

    // ---- what stands beside the targets ---------------------------------------------------------------------------

    fn table(&mut self, node: &Node) {
        self.word("name of a table", &node.name);
        self.line(node, &format!("the table `{}`", node.name.text));
        let rows = node.prop("of").is_none_or(|of| of.scalar != Scalar::Bool(false));
        for (key, value) in &node.props {
            match key.text.as_str() {
                "of" => {
                    self.word("option", key);
                    self.parts("path", value);
                }
                // Of a list of rows nothing says which there have to be.
                _ if rows => {
                    self.word("row", key);
                    let edit = Edit { range: range(key.span).start..range(value.span).end, by: String::new() };
                    self.push("row", edit, format!("without the row `{}` of the table `{}`", key.text, node.name.text));
                }
                _ => {}
            }
        }
    }

    fn pairs(&mut self, node: &Node) {
        for value in node.args.iter().take(2) {
            self.parts("path", value);
        }
        for key in node.children().iter().flat_map(|row| &row.props).map(|(key, _)| key) {
            self.word("option", key);
        }
    }

    // ---- statements -----------------------------------------------------------------------------------------------

    fn block(&mut self, node: &Node) {
        self.target = Some(node.name.text.clone());
        self.word("name of a target", &node.name);
        self.referred.clear();
        refers(node, &mut self.referred);
        let lost = |child: &Node| child.tag() == Some("unsupported") && self.file.place.ends_with(&format!("/{}.kdl", child.name.text));
        self.not_there = node.children().iter().any(lost);
        self.roles.clear();
        let params = node.children().iter().filter(|child| child.tag.is_none() && child.name.text == "param");
        self.params = params.filter_map(|param| param.arg_str(0).map(str::to_owned)).collect();
        self.heads.clear();
        names(node, &mut self.roles, &mut self.heads);
        self.statements(node.children());
    }

    fn statements(&mut self, nodes: &[Node]) {
        for node in nodes {
            match (node.tag(), node.name.text.as_str()) {
                (Some("table"), _) => self.table(node),
                (Some(form), _) if PATHS.contains(&form) => {
                    let bodies = self.form(node, true);
                    bodies.into_iter().for_each(|body| self.statements(body));
                }
                (Some(_), _) => {
                    self.name_as_path("subject of a loss", node);
                    self.tag("form", node.tag.as_ref().expect("a form"), "degradde");
                    for (key, _) in &node.props {
                        self.word("option", key);
                    }
                }
                (None, "resource" | "data" | "ephemeral") => self.resource(node),
                (None, "output") => {
                    let name = node.arg_str(0).unwrap_or_default();
                    // A parameter of the name would be read in its place.
                    if !self.params.contains(name) && !self.not_there {
                        self.line(node, &format!("the output `{name}`"));
                    }
                    if let Some(name) = node.args.first() {
                        self.parts("name of an output", name);
                    }
                    self.values(&node.args[1..], node, &At::Free);
                }
                (None, "handle") => {
                    self.args_typo("client", node, 1);
                    for (key, _) in &node.props {
                        self.word("key of a handle", key);
                    }
                    self.values(&[], node, &At::Free);
                }
                (None, "param") => {
                    self.args_typo("name of a parameter", node, 1);
                    self.line(node, "a parameter");
                    for (key, _) in &node.props {
                        self.word("option", key);
                    }
                }
                (None, "gate") => {
                    self.line(node, "a gate");
                    for (key, value) in &node.props {
                        self.word("option", key);
                        self.value(value);
                    }
                }
                _ => {}
            }
            if node.tag.is_none() {
                self.word("statement", &node.name);
            }
        }
    }

    fn args_typo(&mut self, kind: &'static str, node: &Node, most: usize) {
        for value in node.args.iter().take(most) {
            self.parts(kind, value);
        }
    }

    fn tag(&mut self, kind: &'static str, tag: &Ident, by: &str) {
        let Some(at) = self.file.at(tag.span).find(&tag.text) else { return };
        let start = range(tag.span).start + at;
        let what = format!("`({})` as `({by})`", tag.text);
        self.push(kind, Edit { range: start..start + tag.text.len(), by: by.to_owned() }, what);
    }

    /// A path that is a node's name.
    fn name_as_path(&mut self, kind: &'static str, node: &Node) {
        let (name, text) = (&node.name, &node.name.text);
        let Some(found) = self.file.at(name.span).find(text) else { return };
        let mut at = range(name.span).start + found;
        for part in text.split('.') {
            let by = mistyped(part);
            self.push(kind, Edit { range: at..at + part.len(), by: by.clone() }, format!("`{part}` of `{text}` as `{by}`"));
            at += part.len() + 1;
        }
    }

    /// `(when)`, `(match)`, `(each)`, `(secret)`: its own faults; gives the bodies. Where anything may stand, arms of a match could be names.
    fn form<'n>(&mut self, node: &'n Node, strict: bool) -> Vec<&'n [Node]> {
        let form = node.tag().unwrap_or_default();
        self.name_as_path("path", node);
        let other = match form {
            "when" => "each",
            "each" => "match",
            "secret" => "when",
            _ => "when",
        };
        if strict || form != "match" {
            self.tag("form", node.tag.as_ref().expect("a form"), other);
        }
        for (key, _) in &node.props {
            self.word("option", key);
        }
        if form != "match" {
            return vec![node.children()];
        }
        for arm in node.children() {
            self.word("arm", &arm.name);
            let edit = self.file.without(arm);
            self.push("arm", edit, format!("without the arm `{}`", arm.name.text));
        }
        node.children().iter().map(Node::children).collect()
    }

    fn resource(&mut self, node: &Node) {
        let kind = match node.name.text.as_str() {
            "data" => NativeKind::Data,
            "ephemeral" => NativeKind::Ephemeral,
            _ => NativeKind::Resource,
        };
        if let [role, ty, ..] = node.args.as_slice() {
            // Where another arm makes one of that role as well, it may be absent in this one, for all that a rule says.
            let once = |role: &str| self.roles.iter().filter(|known| *known == role).count() == 1;
            let referred = role.as_str().is_some_and(|role| self.referred.contains(role) && once(role));
            if referred {
                self.piece("role", role, 0..role.as_str().map_or(0, str::len));
                self.line(node, "a resource that something refers to");
            }
            self.piece("type", ty, 0..ty.as_str().map_or(0, str::len));
            for (key, value) in &node.props {
                self.word("option", key);
                self.value(value);
                if matches!(key.text.as_str(), "once" | "ignore-when") {
                    self.parts("path", value);
                }
            }
            let wanted = self.target.clone().unwrap_or_default();
            let known = self.targets.iter().find(|known| known.name == wanted);
            let native = known.and_then(|known| known.facts.native_type(kind, ty.as_str()?));
            let at = native.map_or(At::Free, |native| At::Members(native, vec![0]));
            self.items(node.children(), &at, true);
        }
    }

    // ---- what a resource has --------------------------------------------------------------------------------------

    fn items(&mut self, nodes: &[Node], at: &At, always: bool) {
        for node in nodes {
            match node.tag() {
                Some(form) if PATHS.contains(&form) => {
                    for body in self.form(node, !matches!(at, At::Free)) {
                        self.items(body, at, false);
                    }
                }
                Some("expect") => {
                    self.name_as_path("attribute", node);
                    node.args.iter().take(1).for_each(|value| self.value(value));
                }
                Some(_) => {}
                None if node.name.text == "-" => self.values(&node.args, node, at),
                None => {
                    let inner = self.member(&node.name, at);
                    if always && self.is_required(&node.name, at) {
                        self.line(node, &format!("`{}`, which is required", node.name.text));
                    }
                    self.values(&node.args, node, &inner);
                }
            }
        }
    }

    fn is_required(&self, name: &Ident, at: &At) -> bool {
        let At::Members(native, objects) = at else { return false };
        let known = self.targets.iter().find(|known| Some(&known.name) == self.target.as_ref());
        if known.is_some_and(|known| known.filled.contains(&name.text)) {
            return false;
        }
        objects.len() == 1 && native.object(objects[0]).member(&name.text).is_some_and(|member| member.presence == Presence::Required)
    }

    /// A property's name; gives what stands in it.
    fn member(&mut self, name: &Ident, at: &At) -> At {
        let At::Members(native, objects) = at else { return At::Free };
        self.word("property", name);
        let shape = objects.iter().find_map(|object| native.object(*object).member(&name.text)).map(|member| member.shape.clone());
        shape.map_or(At::Free, |shape| inner(native, &shape))
    }

    /// What stands behind a node's name and in its braces: values, an object in a line or in braces, a call.
    fn values(&mut self, args: &[Value], node: &Node, at: &At) {
        args.iter().for_each(|value| self.value(value));
        let call = args.first().is_some_and(|value| value.tag() == Some("call"));
        let at = if call { &At::Free } else { at };
        for (key, value) in &node.props {
            if node.name.text != "handle" {
                self.member(key, at);
            }
            self.value(value);
        }
        self.items(node.children(), at, true);
    }

    fn value(&mut self, value: &Value) {
        let (Some(tag), Some(text)) = (&value.tag, value.as_str()) else { return };
        match tag.text.as_str() {
            "get" => {
                self.parts("path", value);
                // A role and a property of one name are told apart by the form alone.
                if !self.roles.iter().any(|role| role == text) {
                    self.tag("form", tag, "ref");
                }
            }
            "ref" => {
                self.piece("role", value, 0..text.len());
                if !self.heads.contains(text) {
                    self.tag("form", tag, "get");
                }
            }
            "attr" => {
                let (role, _) = text.split_once('.').unwrap_or((text, ""));
                self.piece("role", value, 0..role.len());
                // What is inside of these only the cloud knows.
                let known = text.get(role.len() + 1..).filter(|path| !path.starts_with("show.") && !path.starts_with("fixed_ips"));
                if known.is_some() {
                    self.piece("attribute", value, role.len() + 1..text.len());
                }
            }
            "table" => self.parts("name of a table", value),
            "call" => self.piece("built-in", value, 0..text.len()),
            "fmt" => self.in_text(value, text),
            _ => {}
        }
    }

    /// The paths in a text.
    fn in_text(&mut self, value: &Value, text: &str) {
        let mut from = 0;
        while let Some(open) = text[from..].find('{') {
            let open = from + open;
            if text[open + 1..].starts_with('{') {
                from = open + 2;
                continue;
            }
            let Some(close) = text[open..].find('}').map(|close| open + close) else { return };
            let inside = &text[open + 1..close];
            let skip = inside.rfind([')', ' ']).map_or(0, |at| at + 1);
            let mut at = open + 1 + skip;
            for part in inside[skip..].split('.') {
                self.piece("in a text", value, at..at + part.len());
                at += part.len() + 1;
            }
            from = close + 1;
        }
    }
}

/// What stands inside of a property of a shape.
fn inner(native: &Rc<NativeType>, shape: &Shape) -> At {
    let mut objects = Vec::new();
    let mut free = false;
    collect(shape, &mut objects, &mut free);
    if objects.is_empty() || free { At::Free } else { At::Members(Rc::clone(native), objects) }
}

fn collect(shape: &Shape, objects: &mut Vec<usize>, free: &mut bool) {
    match shape {
        Shape::Object(index) | Shape::Block(index, _) => objects.push(*index),
        Shape::List(item) => collect(item, objects, free),
        Shape::AnyOf(shapes) => shapes.iter().for_each(|shape| collect(shape, objects, free)),
        Shape::Map(_) | Shape::Json => *free = true,
        _ => {}
    }
}

/// The roles that values below a node refer to.
fn refers(node: &Node, found: &mut BTreeSet<String>) {
    for value in node.args.iter().chain(node.props.iter().map(|(_, value)| value)) {
        let text = value.as_str().unwrap_or_default();
        match value.tag() {
            Some("ref") => {
                found.insert(text.to_owned());
            }
            Some("attr") => {
                found.insert(text.split('.').next().unwrap_or_default().to_owned());
            }
            Some("fmt") => {
                let pieces = text.split("(ref)").skip(1).chain(text.split("(attr)").skip(1));
                found.extend(pieces.map(|piece| piece.split(['}', '.']).next().unwrap_or_default().to_owned()));
            }
            _ => {}
        }
    }
    node.children().iter().for_each(|child| refers(child, found));
}

/// The roles that a block makes, and what its paths begin with.
fn names(node: &Node, roles: &mut Vec<String>, heads: &mut BTreeSet<String>) {
    let head = |path: &str| path.split('.').next().unwrap_or_default().to_owned();
    if node.tag.is_none() && matches!(node.name.text.as_str(), "resource" | "data" | "ephemeral") {
        roles.extend(node.arg_str(0).map(str::to_owned));
    }
    if node.tag().is_some_and(|form| PATHS.contains(&form)) {
        heads.insert(head(&node.name.text));
    }
    let values = node.args.iter().chain(node.props.iter().map(|(_, value)| value));
    heads.extend(values.filter(|value| value.tag() == Some("get")).filter_map(Value::as_str).map(head));
    node.children().iter().for_each(|child| names(child, roles, heads));
}
