//! A stack's nodes to a [`Model`]: names, types, references, cycles, address ranges, secrets. Knows portable types, no cloud.
//!
//! Checking goes on after every mistake. What was reported once becomes absent, so that it is not reported again as something else.

mod copies;
mod existing;
pub mod formats;
mod limits;
mod model;
mod properties;
mod relations;

pub use limits::Limits;
pub use model::*;
pub use properties::{Piece, split_fmt, wanted};

use crate::backend::Backend;
use crate::diag::{Diagnostics, check as diag};
use crate::expand::Expanded;
use crate::portable::{Catalogue, Format, PortableType};
use crate::source::{Sources, Span};
use crate::syntax::{Ident, Node, Scalar};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

/// Longest name of a stack, a resource, a parameter: with it, what the clouds make of it stays within their limits.
const MAX_NAME: usize = 40;

/// Checks the nodes of one variant and builds its model.
pub fn check(stack: &Expanded, instance: Option<&str>, catalogue: &Catalogue, sources: &mut Sources) -> (Model, Diagnostics) {
    Checker::new(catalogue, sources).run(stack, instance)
}

/// A name of the stack and what it stands for.
#[derive(Clone, Copy)]
enum Named {
    Param(ParamId),
    Resource(ResourceId),
    /// Declared, but with a mistake that was reported there.
    Broken,
}

/// A resource as declared, before its properties are read.
struct Declared {
    name: Ident,
    ty: Rc<PortableType>,
    node: Node,
}

struct Checker<'a> {
    catalogue: &'a Catalogue,
    sources: &'a mut Sources,
    out: Diagnostics,
    model: Model,
    names: HashMap<String, (Named, Span)>,
    declared: Vec<Declared>,
    /// Types of which a resource was declared without a name, so that references to it are not reported as well.
    nameless: Vec<String>,
    /// The resource that keeps each secret parameter, made when first needed.
    keepers: BTreeMap<ParamId, ResourceId>,
    /// The names of what a condition keeps out of this variant, and where that stands.
    absent: BTreeMap<String, Span>,
}

/// What is wrong with a name of a stack, a resource, a parameter, a stage or a copy, if anything.
pub fn flaw_of_name(name: &str) -> Option<String> {
    let bad = |c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if name.is_empty() {
        Some("it is empty".to_owned())
    } else if let Some(odd) = name.chars().find(|&c| bad(c)) {
        Some(format!("`{odd}` is not allowed in it"))
    } else if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        Some("it does not start with a letter".to_owned())
    } else if name.ends_with('-') || name.contains("--") {
        Some("a dash stands between two letters or digits".to_owned())
    } else if name.len() > MAX_NAME {
        Some(format!("it has {} characters", name.len()))
    } else {
        None
    }
}

impl<'a> Checker<'a> {
    fn new(catalogue: &'a Catalogue, sources: &'a mut Sources) -> Checker<'a> {
        Checker {
            catalogue,
            sources,
            out: Diagnostics::default(),
            model: Model::default(),
            names: HashMap::new(),
            declared: Vec::new(),
            nameless: Vec::new(),
            keepers: BTreeMap::new(),
            absent: BTreeMap::new(),
        }
    }

    fn run(mut self, expanded: &Expanded, instance: Option<&str>) -> (Model, Diagnostics) {
        let Expanded { node: stack, stages, stage, absent } = expanded;
        self.absent.clone_from(absent);
        self.model.span = stack.span;
        self.model.stages.clone_from(stages);
        self.model.stage = stage.as_ref().map(|stage| stage.text.clone());
        self.model.instance = instance.map(str::to_owned);
        if let Some(tag) = &stack.tag {
            self.out.push(diag::unknown_form(tag.span, &tag.text));
        }
        match stack.args.first().map(|value| (value, value.as_str())) {
            Some((value, Some(name))) if value.tag.is_none() => {
                self.check_name(name, value.span);
                self.model.name = name.to_owned();
            }
            _ => self.out.push(diag::missing_name(stack.name.span, "stack")),
        }
        for extra in stack.args.iter().skip(1) {
            self.out.push(diag::too_many_values(extra.span, "stack", "one name"));
        }
        for (key, _) in &stack.props {
            self.out.push(diag::unknown_property(key.span, &key.text, "a stack", &[]));
        }
        self.declare(stack);
        self.check_full_name(stage.as_ref());
        self.read_resources();
        self.read_stack_nodes(stack);
        self.keep_secret_parameters();
        if let Some(instance) = instance {
            copies::part_names(&mut self, instance);
        }
        relations::derive_environment(&mut self);
        relations::check_edges(&mut self);
        relations::check_ranges(&mut self);
        relations::check_unique(&mut self);
        relations::check_cycles(&mut self);
        // After an error, a parameter may be unused only because what reads it was refused.
        for param in self.model.params.iter().filter(|param| !param.used && !self.out.has_errors()).cloned().collect::<Vec<_>>() {
            self.out.push(diag::unused_param(param.name.span, &param.name.text));
        }
        self.sort();
        (self.model, self.out)
    }

    /// Makes all names known.
    fn declare(&mut self, stack: &Node) {
        let mut resources: Vec<(Ident, Node)> = Vec::new();
        for node in stack.children() {
            let is_resource = self.catalogue.names().any(|name| name == node.name.text);
            if let Some(tag) = node.tag.as_ref().filter(|_| !is_resource) {
                self.out.push(diag::unknown_form(tag.span, &tag.text));
            }
            if matches!(node.name.text.as_str(), "output" | "targets") {
                for child in node.children() {
                    self.out.push(diag::unknown_property(child.name.span, &child.name.text, &format!("`{}`", node.name.text), &[]));
                }
            }
            match node.name.text.as_str() {
                "param" => self.declare_param(node),
                "output" | "tags" | "targets" | "state" => {}
                _ => match self.name_of(node) {
                    Some(name) => resources.push((name, node.clone())),
                    None => self.nameless.push(node.name.text.clone()),
                },
            }
        }
        for (name, node) in resources {
            let types: Vec<&str> = self.catalogue.names().collect();
            let Some(ty) = self.catalogue.get(&node.name.text, self.sources) else {
                let known: Vec<&str> =
                    types.into_iter().chain(["accept", "include", "let", "on", "output", "param", "stage", "state", "tags", "targets"]).collect();
                self.out.push(diag::unknown_type(node.name.span, &node.name.text, &known));
                self.take_name(&name, Named::Broken);
                continue;
            };
            if let Some(tag) = node.tag.as_ref().filter(|tag| tag.text != existing::FORM) {
                self.out.push(diag::unknown_form(tag.span, &tag.text));
            }
            let id = ResourceId(self.declared.len());
            if self.take_name(&name, Named::Resource(id)) {
                self.declared.push(Declared { name, ty, node });
            }
        }
    }

    fn declare_param(&mut self, node: &Node) {
        let Some(name) = self.name_of(node) else { return };
        let known = ["default", "about", "secret", "type", "revision", "one-of", "like", "min", "max", "why"];
        for (key, value) in &node.props {
            match (key.text.as_str(), &value.scalar) {
                ("about", Scalar::String(_)) | ("secret", Scalar::Bool(_)) => {}
                ("default", Scalar::String(_) | Scalar::Integer(_) | Scalar::Float(_) | Scalar::Bool(_)) if value.tag.is_none() => {}
                ("type", Scalar::String(text)) if text == "string" || text == "int" => {}
                ("revision", Scalar::Integer(number)) if *number >= 1 && node.flag("secret") => {}
                ("revision", _) => self.out.push(diag::wrong_type(value.span, "revision", "a number from 1, of a secret parameter", value.scalar.kind())),
                ("type", Scalar::String(text)) => self.out.push(diag::not_one_of(value.span, "type", text, &["string", "int"])),
                ("default", _) => self.out.push(diag::wrong_type(value.span, "default", "a plain value", value.scalar.kind())),
                ("about", other) => self.out.push(diag::wrong_type(value.span, "about", "text", other.kind())),
                ("secret", other) => self.out.push(diag::wrong_type(value.span, "secret", "`#true` or `#false`", other.kind())),
                ("type", other) => self.out.push(diag::wrong_type(value.span, "type", "`string` or `int`", other.kind())),
                ("like" | "min" | "max" | "why", _) => {}
                (other, _) => self.out.push(diag::unknown_property(key.span, other, "a parameter", &known)),
            }
        }
        for extra in node.args.iter().skip(1) {
            self.out.push(diag::too_many_values(extra.span, "param", "one name, and its default as a property"));
        }
        self.unique_keys(&node.props.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
        for child in node.children().iter().filter(|child| child.name.text != "one-of") {
            self.out.push(diag::unknown_property(child.name.span, &child.name.text, "a parameter", &known));
        }
        let default = node.prop("default").map(|value| (value.scalar.clone(), value.span));
        let secret = node.flag("secret");
        let number = match node.prop_str("type") {
            Some(ty) => ty == "int",
            None => matches!(default, Some((Scalar::Integer(_) | Scalar::Float(_), _))),
        };
        if let (true, Some((_, span))) = (secret, &default) {
            self.out.push(diag::secret_leak(*span, &format!("the parameter `{}`", name.text), "a default in the file"));
        }
        if let (true, Some((scalar, span))) = (number, &default)
            && !matches!(scalar, Scalar::Integer(_) | Scalar::Float(_))
        {
            self.out.push(diag::wrong_type(*span, "default", "a number, as `type=int` says,", scalar.kind()));
        }
        let revision = node.prop("revision").and_then(|value| match value.scalar {
            Scalar::Integer(number) => Some((number, value.span)),
            _ => None,
        });
        let limits = self.read_limits(node, number, secret, default.as_ref());
        let id = ParamId(self.model.params.len());
        if self.take_name(&name, Named::Param(id)) {
            self.model.params.push(Param { name, about: node.prop_str("about").map(str::to_owned), secret, number, limits, default, revision, used: false });
        }
    }

    /// The name after a node's own: `database data` is called `data`.
    fn name_of(&mut self, node: &Node) -> Option<Ident> {
        match node.args.first() {
            Some(value) if value.tag.is_none() && value.as_str().is_some() => {
                let text = value.as_str().unwrap_or_default().to_owned();
                let is_output = node.name.text == "output";
                if !is_output {
                    self.check_name(&text, value.span);
                } else if !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
                    || !text.starts_with(|c: char| c.is_ascii_alphabetic())
                    || text.len() > 64
                {
                    self.out.push(diag::bad_name(value.span, &text, "an output's name is letters, digits, `-` and `_`, starting with a letter, 64 at most"));
                }
                Some(Ident { text, span: value.span })
            }
            _ => {
                self.out.push(diag::missing_name(node.name.span, &node.name.text));
                None
            }
        }
    }

    fn check_name(&mut self, name: &str, span: Span) {
        if let Some(why) = flaw_of_name(name) {
            self.out.push(diag::bad_name(span, name, &why));
        }
    }

    /// Names in the cloud begin with that of the running stack, so the one is as short as the other.
    fn check_full_name(&mut self, stage: Option<&Ident>) {
        let name = self.model.full_name();
        let parts = [Some(&self.model.name), self.model.stage.as_ref()];
        // What is wrong with a part is said of the part.
        if name.len() > MAX_NAME && parts.into_iter().flatten().all(|part| flaw_of_name(part).is_none()) {
            let span = stage.map_or(self.model.span, |stage| stage.span);
            self.out.push(diag::bad_name(span, &name, &format!("the running stack is called so, and it has {} characters", name.len())));
        }
    }

    fn take_name(&mut self, name: &Ident, named: Named) -> bool {
        if let Some((_, first)) = self.names.get(&name.text) {
            self.out.push(diag::duplicate_name(name.span, &name.text, *first));
            return false;
        }
        self.names.insert(name.text.clone(), (named, name.span));
        true
    }

    fn unique_keys(&mut self, keys: &[Ident]) {
        for (index, key) in keys.iter().enumerate() {
            if let Some(first) = keys.iter().take(index).find(|other| other.text == key.text) {
                self.out.push(diag::duplicate_property(key.span, &key.text, first.span));
            }
        }
    }

    fn read_resources(&mut self) {
        for index in 0..self.declared.len() {
            let Some(declared) = self.declared.get(index) else { continue };
            let (name, ty, node) = (declared.name.clone(), Rc::clone(&declared.ty), declared.node.clone());
            let resource = self.read_resource(name, ty, &node);
            self.model.resources.push(resource);
        }
    }

    fn read_stack_nodes(&mut self, stack: &Node) {
        let mut outputs: HashMap<String, Span> = HashMap::new();
        let mut state: Option<Span> = None;
        for node in stack.children() {
            match node.name.text.as_str() {
                "output" => {
                    let Some(name) = self.name_of(node) else { continue };
                    if let Some(first) = outputs.insert(name.text.clone(), name.span) {
                        self.out.push(diag::duplicate_name(name.span, &name.text, first));
                    }
                    for extra in node.args.iter().skip(2) {
                        self.out.push(diag::too_many_values(extra.span, "output", "a name and a value"));
                    }
                    for (key, _) in &node.props {
                        self.out.push(diag::unknown_property(key.span, &key.text, "an output", &[]));
                    }
                    let Some(value) = node.args.get(1) else {
                        self.out.push(diag::missing_property(node.span, "value", "an output", "what it shows, such as `(get)web.hostname`"));
                        continue;
                    };
                    if let Some(value) = self.text_value(value, "output", Format::Any, false) {
                        self.model.outputs.push(StackOutput { name, value });
                    }
                }
                "state" => {
                    if let Some(first) = state.replace(node.name.span) {
                        self.out.push(diag::duplicate_property(node.name.span, "state", first));
                        continue;
                    }
                    match Backend::read(node, !self.model.stages.is_empty() || self.model.instance.is_some()) {
                        Ok(backend) => self.model.state = Some(backend),
                        Err(problems) => problems.into_iter().for_each(|problem| self.out.push(problem)),
                    }
                }
                "tags" => {
                    let tags = self.read_map(node, "tags", false);
                    self.model.tags.extend(tags);
                }
                "targets" => {
                    for value in &node.args {
                        match value.as_str() {
                            Some(text) => self.model.targets.push(Ident { text: text.to_owned(), span: value.span }),
                            None => self.out.push(diag::wrong_type(value.span, "targets", "names of targets", value.scalar.kind())),
                        }
                    }
                    for (key, _) in &node.props {
                        self.out.push(diag::unknown_property(key.span, &key.text, "`targets`", &[]));
                    }
                }
                _ => {}
            }
        }
    }

    /// A secret parameter that goes into an environment has to lie in the cloud's secret store: it becomes a resource there.
    fn keep_secret_parameters(&mut self) {
        let Some(ty) = self.catalogue.secret_keeper(self.sources) else { return };
        let mut keepers: Vec<(ResourceId, ParamId)> = self.keepers.iter().map(|(&param, &id)| (id, param)).collect();
        keepers.sort();
        for (_, id) in keepers {
            let Some(param) = self.model.params.get(id.0) else { continue };
            let (name, span, revision) = (param.name.clone(), param.name.span, param.revision);
            let mut values = self.defaults(&ty.properties, span);
            if let Some((revision, span)) = revision {
                values.fields.retain(|(name, _)| name != "revision");
                values.fields.push(("revision".to_owned(), Field { value: Value::Integer(revision), span, given: true }));
            }
            values.fields.push(("value".to_owned(), Field { value: Value::Param(id), span, given: true }));
            let accepts = self.accepted_by_readers(ResourceId(self.model.resources.len()));
            self.model.resources.push(Resource { name, ty: Rc::clone(&ty), values, tags: Vec::new(), accepts, found: None, span });
        }
    }

    /// What every resource accepts that reads a keeper, which nobody wrote and so accepts nothing itself.
    fn accepted_by_readers(&self, keeper: ResourceId) -> Vec<Accept> {
        let reads = |resource: &&Resource| {
            let mut fields: Vec<&Field> = resource.values.fields.iter().map(|(_, field)| field).collect();
            while let Some(field) = fields.pop() {
                match &field.value {
                    Value::Output(id, _) if *id == keeper => return true,
                    Value::Map(items) => fields.extend(items.iter().map(|(_, item)| item)),
                    _ => {}
                }
            }
            false
        };
        let readers: Vec<&Resource> = self.model.resources.iter().filter(reads).collect();
        let by_all = |accept: &&Accept| {
            let same = |other: &Accept| other.target.as_ref().map(|on| &on.text) == accept.target.as_ref().map(|on| &on.text);
            accept.about == About::All && readers.iter().all(|reader| reader.accepts.iter().any(|other| other.target.is_none() || same(other)))
        };
        readers.iter().flat_map(|reader| &reader.accepts).filter(by_all).cloned().collect()
    }

    /// Puts everything into an order that the order of declaration has no part in.
    fn sort(&mut self) {
        let order = |resource: &Resource| (resource.ty.order, resource.ty.name.clone(), resource.name.text.clone());
        let mut places: Vec<usize> = (0..self.model.resources.len()).collect();
        places.sort_by_key(|&index| self.model.resources.get(index).map(order));
        let mut moved = vec![ResourceId(0); places.len()];
        for (new, &old) in places.iter().enumerate() {
            if let Some(slot) = moved.get_mut(old) {
                *slot = ResourceId(new);
            }
        }
        let mut params: Vec<usize> = (0..self.model.params.len()).collect();
        params.sort_by_key(|&index| self.model.params.get(index).map(|param| param.name.text.clone()));
        let mut moved_params = vec![ParamId(0); params.len()];
        for (new, &old) in params.iter().enumerate() {
            if let Some(slot) = moved_params.get_mut(old) {
                *slot = ParamId(new);
            }
        }
        let renumber = Renumber { resources: moved, params: moved_params };
        for resource in &mut self.model.resources {
            renumber.record(&mut resource.values);
            resource.found.iter_mut().flat_map(|found| &mut found.by).for_each(|(_, field)| renumber.value(&mut field.value));
            resource.tags.iter_mut().for_each(|(_, field)| renumber.value(&mut field.value));
        }
        self.model.outputs.iter_mut().for_each(|output| renumber.value(&mut output.value.value));
        self.model.tags.iter_mut().for_each(|(_, field)| renumber.value(&mut field.value));
        self.model.resources.sort_by_cached_key(order);
        self.model.params.sort_by(|a, b| a.name.text.cmp(&b.name.text));
        self.model.outputs.sort_by(|a, b| a.name.text.cmp(&b.name.text));
        self.model.tags.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

/// Where each resource and parameter went when they were sorted.
struct Renumber {
    resources: Vec<ResourceId>,
    params: Vec<ParamId>,
}

impl Renumber {
    fn resource(&self, id: &mut ResourceId) {
        if let Some(new) = self.resources.get(id.0) {
            *id = *new;
        }
    }

    fn record(&self, record: &mut Record) {
        if let Some(to) = &mut record.to {
            self.resource(to);
        }
        record.fields.iter_mut().for_each(|(_, field)| self.value(&mut field.value));
    }

    fn value(&self, value: &mut Value) {
        match value {
            Value::Resource(id) | Value::Output(id, _) => self.resource(id),
            Value::Param(id) => {
                if let Some(new) = self.params.get(id.0) {
                    *id = *new;
                }
            }
            Value::List(items) | Value::Joined(items) => items.iter_mut().for_each(|item| self.value(&mut item.value)),
            Value::Map(items) => items.iter_mut().for_each(|(_, item)| self.value(&mut item.value)),
            Value::Block(record) => self.record(record),
            Value::Blocks(records) => records.iter_mut().for_each(|record| self.record(record)),
            Value::Text(_) | Value::Integer(_) | Value::Number(_) | Value::Bool(_) => {}
        }
    }
}
