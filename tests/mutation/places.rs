//! Where something stands in an example: found in the syntax tree and in the portable types, so that a fault knows its line.

use stackc::portable::{Catalogue, Kind, PortableType, Property};
use stackc::source::{FileId, Sources, Span};
use stackc::syntax::{self, Ident, Node, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::rc::Rc;

/// The nodes of a stack that are no resources.
pub const OTHERS: [&str; 6] = ["param", "output", "stage", "state", "tags", "targets"];

/// An example's text with its tree and the types that it can use.
pub struct Stack {
    pub name: String,
    pub text: String,
    pub root: Node,
    pub types: BTreeMap<String, Rc<PortableType>>,
}

/// What a value stands for.
#[derive(Clone)]
pub enum Shape<'a> {
    /// A property's value.
    Property(&'a Property),
    /// An item of a list.
    Item(&'a Property),
    /// The resource that an edge leads to: one of these types.
    Edge(Vec<&'a str>),
    /// The value of a name: an environment variable, or a tag, which keeps no secret.
    Entry { secrets: bool },
    /// What an output of the stack shows.
    Shown,
    /// A parameter's default.
    Default,
}

/// A value as it is written.
#[derive(Clone)]
pub struct Place<'a> {
    /// The node directly below the stack or the stage.
    pub owner: &'a Node,
    /// The name of the property, where it has one there.
    pub key: Option<&'a Ident>,
    /// The value.
    pub value: &'a Value,
    /// What it stands for.
    pub shape: Shape<'a>,
    /// All that has to go so that the property is not there.
    pub whole: Range<usize>,
    /// The type that the property belongs to, and its path, for a person.
    pub path: String,
    /// The stage that it stands in.
    pub stage: Option<&'a str>,
}

/// A node that takes properties: a resource, or a block of one.
pub struct Holder<'a> {
    pub owner: &'a Node,
    pub node: &'a Node,
    pub fields: Vec<&'a Property>,
    pub path: String,
    pub stage: Option<&'a str>,
}

/// What the walk finds.
#[derive(Default)]
pub struct Found<'a> {
    pub places: Vec<Place<'a>>,
    pub holders: Vec<Holder<'a>>,
    /// Every node below the stack, with the node directly below the stack or stage that it belongs to.
    pub nodes: Vec<(&'a Node, &'a Node, Option<&'a str>)>,
}

impl Stack {
    /// Whether the stack names a target, or none.
    pub fn is_for(&self, target: &str) -> bool {
        let named = self.root.children().iter().find(|node| node.name.text == "targets");
        named.is_none_or(|named| named.args.iter().any(|arg| arg.as_str() == Some(target)))
    }

    pub fn new(name: &str, text: &str) -> Stack {
        Stack::try_new(name, text).unwrap_or_else(|| panic!("{name} is one stack"))
    }

    /// The same of a text that may be none.
    pub fn try_new(name: &str, text: &str) -> Option<Stack> {
        let (mut nodes, problems) = syntax::read(FileId(0), text);
        if !problems.is_empty() || nodes.len() != 1 {
            return None;
        }
        let catalogue = Catalogue::default();
        let mut sources = Sources::default();
        let types = catalogue.names().filter_map(|name| Some((name.to_owned(), catalogue.get(name, &mut sources)?))).collect();
        Some(Stack { name: name.to_owned(), text: text.to_owned(), root: nodes.remove(0), types })
    }

    /// The line of a byte, from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text[..at.min(self.text.len())].matches('\n').count() + 1
    }

    /// The lines of a stretch of bytes.
    pub fn lines(&self, range: Range<usize>) -> BTreeSet<usize> {
        (self.line(range.start)..=self.line(range.end)).collect()
    }

    /// The text of a line.
    pub fn line_text(&self, line: usize) -> &str {
        self.text.lines().nth(line - 1).unwrap_or_default()
    }

    /// The lines that a word stands on, as a word of its own.
    pub fn mentions(&self, word: &str) -> BTreeSet<usize> {
        let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-' || c == '_');
        let whole = |at: usize| !part(self.text[..at].chars().next_back()) && !part(self.text[at + word.len()..].chars().next());
        self.text.match_indices(word).filter(|(at, _)| !word.is_empty() && whole(*at)).map(|(at, _)| self.line(at)).collect()
    }

    /// The bytes of a span.
    pub fn range(&self, span: Span) -> Range<usize> {
        span.start as usize..span.end as usize
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &str {
        &self.text[self.range(span)]
    }

    /// A node with its children and braces.
    pub fn full(&self, node: &Node) -> Range<usize> {
        node.span.start as usize..self.braces(node).map_or(node.span.end as usize, |braces| braces.end)
    }

    /// From a node's opening to behind its closing brace. Comments of the examples have no braces in them.
    pub fn braces(&self, node: &Node) -> Option<Range<usize>> {
        let children = node.children.as_ref()?;
        let open = node.span.end as usize + self.text[node.span.end as usize..].find('{')?;
        let from = children.iter().map(|child| self.full(child).end).max().unwrap_or(open + 1);
        Some(open..from + self.text[from..].find('}')? + 1)
    }

    /// The resources, and for each stage what it changes.
    pub fn tops(&self) -> Vec<(&Node, Option<&str>)> {
        let mut tops = Vec::new();
        for node in self.root.children() {
            if node.name.text == "stage" {
                tops.extend(node.children().iter().map(|child| (child, node.arg_str(0))));
            }
            tops.push((node, None));
        }
        tops
    }

    /// The resources that the stack declares.
    pub fn resources(&self) -> Vec<&Node> {
        self.root.children().iter().filter(|node| !OTHERS.contains(&node.name.text.as_str())).collect()
    }

    /// The name and type of every resource.
    pub fn names(&self) -> Vec<(&str, &str)> {
        self.resources().into_iter().filter_map(|node| Some((node.arg_str(0)?, node.name.text.as_str()))).collect()
    }

    /// The names of secret parameters and the paths of secret outputs.
    pub fn secrets(&self) -> Vec<String> {
        let params = self.root.children().iter().filter(|node| node.name.text == "param" && node.flag("secret"));
        let mut secrets: Vec<String> = params.filter_map(|node| node.arg_str(0).map(str::to_owned)).collect();
        for (name, ty) in self.names() {
            let outputs = self.types.get(ty).into_iter().flat_map(|ty| &ty.outputs).filter(|output| output.secret);
            secrets.extend(outputs.map(|output| format!("{name}.{}", output.name)));
        }
        secrets
    }

    /// The paths of all outputs of a resource that are not secret.
    pub fn outputs(&self, node: &Node) -> Vec<String> {
        let name = node.arg_str(0).unwrap_or_default();
        let outputs = self.types.get(&node.name.text).into_iter().flat_map(|ty| &ty.outputs).filter(|output| !output.secret);
        outputs.map(|output| format!("{name}.{}", output.name)).collect()
    }

    /// Everything that can be changed.
    pub fn found(&self) -> Found<'_> {
        let mut found = Found::default();
        for (node, stage) in self.tops() {
            self.note(node, node, stage, &mut found);
            match (node.name.text.as_str(), self.types.get(&node.name.text)) {
                ("output", _) => {
                    if let Some(value) = node.args.get(1) {
                        found.places.push(Place {
                            owner: node,
                            key: None,
                            value,
                            shape: Shape::Shown,
                            whole: self.range(value.span),
                            path: "output".to_owned(),
                            stage,
                        });
                    }
                }
                ("param", _) => {
                    for (key, value) in node.props.iter().filter(|(key, _)| key.text == "default") {
                        found.places.push(Place {
                            owner: node,
                            key: Some(key),
                            value,
                            shape: Shape::Default,
                            whole: self.range(key.span.to(value.span)),
                            path: "param default".to_owned(),
                            stage,
                        });
                    }
                }
                ("tags", _) => self.entries(node, node, false, "tags", stage, &mut found),
                (_, Some(ty)) => {
                    let fields: Vec<&Property> = ty.properties.iter().collect();
                    self.holder(node, node, &fields, 1, &ty.name, stage, &mut found);
                }
                _ => {}
            }
        }
        found
    }

    fn note<'a>(&'a self, owner: &'a Node, node: &'a Node, stage: Option<&'a str>, found: &mut Found<'a>) {
        found.nodes.push((owner, node, stage));
        if node.name.text != "stage" {
            node.children().iter().for_each(|child| self.note(owner, child, stage, found));
        }
    }

    fn entries<'a>(&'a self, owner: &'a Node, node: &'a Node, secrets: bool, path: &str, stage: Option<&'a str>, found: &mut Found<'a>) {
        for (key, value) in &node.props {
            let whole = self.range(key.span.to(value.span));
            found.places.push(Place { owner, key: Some(key), value, shape: Shape::Entry { secrets }, whole, path: path.to_owned(), stage });
        }
    }

    #[allow(clippy::too_many_arguments, reason = "the walk's state")]
    fn holder<'a>(&'a self, owner: &'a Node, node: &'a Node, fields: &[&'a Property], skip: usize, path: &str, stage: Option<&'a str>, found: &mut Found<'a>) {
        found.holders.push(Holder { owner, node, fields: fields.to_vec(), path: path.to_owned(), stage });
        let mut add = |property: &'a Property, key, value: &'a Value, whole| {
            let shape = if matches!(property.kind, Kind::List(_)) { Shape::Item(property) } else { Shape::Property(property) };
            found.places.push(Place { owner, key, value, shape, whole, path: format!("{path} {}", property.name), stage });
        };
        for (property, value) in fields.iter().filter(|property| property.positional).zip(node.args.iter().skip(skip)) {
            add(property, None, value, self.range(value.span));
        }
        for (key, value) in &node.props {
            if let Some(property) = fields.iter().find(|property| property.name == key.text) {
                add(property, Some(key), value, self.range(key.span.to(value.span)));
            }
        }
        for child in node.children() {
            let name = child.name.text.as_str();
            let of_name: Vec<&'a Property> = fields.iter().copied().filter(|property| property.name == name).collect();
            let inner = format!("{path} {name}");
            let Some(property) = of_name.first().copied() else {
                if name == "tags" {
                    self.entries(owner, child, false, &inner, stage, found);
                }
                continue;
            };
            match &property.kind {
                Kind::Block(block) if block.edge.is_some() => {
                    let edges = || of_name.iter().filter_map(|property| Some((property.edge()?.to.as_str(), *property)));
                    let Some(value) = child.args.first() else { continue };
                    let ty = self.names().into_iter().find(|(name, _)| Some(*name) == value.as_str()).map(|(_, ty)| ty);
                    let shape = Shape::Edge(edges().map(|(to, _)| to).collect());
                    found.places.push(Place { owner, key: None, value, shape, whole: self.range(value.span), path: inner.clone(), stage });
                    if let Some((to, Property { kind: Kind::Block(block), .. })) = edges().find(|(to, _)| Some(*to) == ty) {
                        let fields: Vec<&Property> = block.fields.iter().collect();
                        self.holder(owner, child, &fields, 1, &format!("{inner} {to}"), stage, found);
                    }
                }
                Kind::Block(block) => {
                    let fields: Vec<&Property> = block.fields.iter().collect();
                    self.holder(owner, child, &fields, 0, &inner, stage, found);
                }
                Kind::Map { secrets } => self.entries(owner, child, *secrets, &inner, stage, found),
                Kind::List(_) => {
                    for value in &child.args {
                        found.places.push(Place {
                            owner,
                            key: None,
                            value,
                            shape: Shape::Item(property),
                            whole: self.range(value.span),
                            path: inner.clone(),
                            stage,
                        });
                    }
                }
                _ => {
                    if let Some(value) = child.args.first() {
                        let whole = self.full(child);
                        found.places.push(Place { owner, key: Some(&child.name), value, shape: Shape::Property(property), whole, path: inner.clone(), stage });
                    }
                }
            }
        }
    }
}
