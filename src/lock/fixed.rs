//! Which properties of a template's resources a change would replace, and their values: of what holds data or is protected, and of what such properties lead to.

use super::value::Kept;
use crate::emit::Format;
use crate::native::{Graph, NativeId, NativeResource, Origin, Val, ValKind};
use crate::provider::{NativeKind, NativeType, Presence, Provider, Replaces, Shape};
use std::collections::BTreeSet;

/// Deeper inside of a resource nothing is looked for: definitions of providers refer to themselves.
const MAX_DEPTH: usize = 4;

/// A property whose change replaces its resource.
#[derive(Debug, Clone)]
pub struct Fixed {
    /// Its path in the resource.
    pub path: String,
    /// Its value, if the template gives one.
    pub value: Option<Kept>,
    /// Whether a change replaces the resource.
    pub replaces: Replaces,
    /// Whether the provider gives it a value when the template gives none.
    pub computed: bool,
    /// The addresses of the resources that it leads to.
    pub refers: Vec<String>,
    /// Where its value comes from; that of the resource when it has none.
    pub origin: Origin,
}

/// For each resource of a graph, what of it is fixed. `guarded` are those to begin with.
pub fn fixed(graph: &Graph, guarded: &[usize], provider: &dyn Provider, format: Format) -> Vec<Vec<Fixed>> {
    let mut found: Vec<Vec<Fixed>> = graph.resources.iter().map(|_| Vec::new()).collect();
    let mut open: Vec<usize> = guarded.to_vec();
    let mut seen: BTreeSet<usize> = guarded.iter().copied().collect();
    while let Some(index) = open.pop() {
        let Some(resource) = graph.resources.get(index).filter(|resource| resource.kind != NativeKind::Ephemeral) else { continue };
        let Some(native) = provider.native_type(resource.kind, &resource.ty) else { continue };
        let mut finder = Finder { resource, native: &native, graph, format, found: Vec::new(), leads: Vec::new() };
        if resource.kind == NativeKind::Resource {
            finder.object("", Some(&resource.body), 0, &mut Vec::new());
        } else {
            // What is looked up by other words may be something else.
            for (name, val) in &resource.body {
                let shape = native.root().member(name).map_or(&Shape::Json, |member| &member.shape);
                finder.push(name, Some(val), shape, Flags { replaces: Replaces::Maybe, ..Flags::default() });
            }
        }
        if let Some(parent) = resource.parent {
            finder.push(
                "parent",
                Some(&Val::new(ValKind::Ref(parent), resource.origin)),
                &Shape::String,
                Flags { replaces: Replaces::Always, ..Flags::default() },
            );
        }
        open.extend(finder.leads.iter().map(|id| id.0).filter(|index| seen.insert(*index)));
        finder.found.sort_by(|a, b| a.path.cmp(&b.path));
        if let Some(slot) = found.get_mut(index) {
            *slot = finder.found;
        }
    }
    found
}

#[derive(Debug, Clone, Copy, Default)]
struct Flags {
    replaces: Replaces,
    computed: bool,
    keeps_secret: bool,
}

struct Finder<'a> {
    resource: &'a NativeResource,
    native: &'a NativeType,
    graph: &'a Graph,
    format: Format,
    found: Vec<Fixed>,
    leads: Vec<NativeId>,
}

impl Finder<'_> {
    /// Looks through an object of the schema, whether or not the template gives it.
    fn object(&mut self, prefix: &str, body: Option<&[(String, Val)]>, object: usize, within: &mut Vec<usize>) {
        if within.contains(&object) || within.len() >= MAX_DEPTH {
            return;
        }
        within.push(object);
        let native = self.native;
        for member in native.object(object).members.iter().filter(|member| member.presence != Presence::ReadOnly) {
            let path = if prefix.is_empty() { member.name.clone() } else { format!("{prefix}.{}", member.name) };
            let val = body.and_then(|body| body.iter().find(|(name, _)| *name == member.name)).map(|(_, val)| val);
            if self.is_ignored(&path) {
                continue;
            }
            if member.replaces != Replaces::Never {
                let flags = Flags { replaces: member.replaces, computed: member.computed, keeps_secret: member.keeps_secret };
                self.push(&path, val, &member.shape, flags);
                continue;
            }
            let inner = match &member.shape {
                Shape::Object(inner) | Shape::Block(inner, _) => *inner,
                Shape::List(item) => match **item {
                    Shape::Object(inner) => inner,
                    _ => continue,
                },
                _ => continue,
            };
            match val.map(|val| &val.kind) {
                None => self.object(&path, None, inner, within),
                Some(ValKind::Map(fields)) => self.object(&path, Some(fields), inner, within),
                // Of several items, none has a name by which it could be known again.
                Some(ValKind::List(items)) => match items.as_slice() {
                    [] => self.object(&path, None, inner, within),
                    [Val { kind: ValKind::Map(fields), .. }] => self.object(&path, Some(fields), inner, within),
                    _ => {}
                },
                Some(_) => {}
            }
        }
        within.pop();
    }

    /// Whether later changes of a property are somebody else's.
    fn is_ignored(&self, path: &str) -> bool {
        self.resource.ignored.iter().any(|ignored| {
            let ignored = ignored.replace("[0]", "");
            path.strip_prefix(ignored.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }

    fn push(&mut self, path: &str, val: Option<&Val>, shape: &Shape, flags: Flags) {
        let mut leads = Vec::new();
        if let Some(val) = val {
            val.references(&mut leads);
        }
        let refers = leads.iter().filter_map(|id| self.graph.resources.get(id.0)).map(|resource| address(resource, self.format)).collect();
        self.leads.extend(leads);
        self.found.push(Fixed {
            path: path.to_owned(),
            value: val.map(|val| Kept::of(val, shape, flags.keeps_secret, self.native, self.graph, self.format)),
            replaces: flags.replaces,
            computed: flags.computed,
            refers,
            origin: val.map_or(self.resource.origin, |val| val.origin),
        });
    }
}

/// What tells a resource from all others of its template.
pub(super) fn address(resource: &NativeResource, format: Format) -> String {
    format.address(resource.kind, &resource.ty, &format.logical_name(&resource.name))
}
