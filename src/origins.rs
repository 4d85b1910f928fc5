//! From the names of a template back to the stack: what it takes to speak of a deployment in the user's names, and to point at the user's lines.

use crate::check::{Limits, Model};
use crate::emit::Format;
use crate::lock::{self, Fixed};
use crate::native::{Graph, NativeResource, Origin, Removal, Val, ValKind};
use crate::provider::{NativeKind, Provider};
use crate::source::Span;

/// Where everything that has a name in a template comes from.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    /// The resources, in the template's order.
    pub resources: Vec<ResourceOrigin>,
    /// The parameters that the template has.
    pub params: Vec<ParamOrigin>,
    /// The outputs.
    pub outputs: Vec<OutputOrigin>,
}

/// Where a resource of a template comes from.
#[derive(Debug, Clone)]
pub struct ResourceOrigin {
    /// What tells it from all others of the template, as the format and those who deploy it say it ([`Format::address`]).
    pub address: String,
    /// Its name in the template; on some formats, resources of two types can have one.
    pub name: String,
    /// Whether it is made or looked up.
    pub kind: NativeKind,
    /// The provider's type.
    pub ty: String,
    /// The user's resource that it comes from: its portable type and its name. What a cloud has by itself comes from none.
    pub of: Option<(String, String)>,
    /// Which part of the user's resource it is, in the rule's words; empty for the main one.
    pub part: String,
    /// The address of the first of those that take each other's place, if its rule makes such.
    pub first: Option<String>,
    /// What happens to it when the stack no longer has it; what stays without being asked to is not protected.
    pub removal: Removal,
    /// Whether a replacement of it is no more than a new revision.
    pub revision: bool,
    /// Whether a replacement loses data that somebody would have to carry over.
    pub stateful: bool,
    /// The user's node, and the rule.
    pub origin: Origin,
    /// Its properties and all that is in them, by dotted paths, each with where its value comes from.
    pub properties: Vec<(String, Origin)>,
    /// Those whose change would replace it, given or not: of what holds data or is protected, and of what these lead to.
    pub fixed: Vec<Fixed>,
}

/// Where a parameter of a template comes from.
#[derive(Debug, Clone)]
pub struct ParamOrigin {
    /// Its name in the template.
    pub name: String,
    /// Its name in the stack.
    pub user_name: String,
    /// What it is for.
    pub about: Option<String>,
    /// Whether it is kept out of sight.
    pub secret: bool,
    /// Whether it is a number.
    pub number: bool,
    /// What its values are like.
    pub limits: Limits,
    /// Whether there is a value when none is given.
    pub has_default: bool,
    /// That value, where it is written in the stack.
    pub default: Option<String>,
    /// Where the user declares it; where a rule asks for it, the rule.
    pub span: Span,
}

/// Where an output of a template comes from.
#[derive(Debug, Clone)]
pub struct OutputOrigin {
    /// Its name in the template.
    pub name: String,
    /// Its name in the stack.
    pub user_name: String,
    /// Where the user declares it.
    pub span: Span,
    /// The user's resource whose handle it is, if it is one: its portable type and its name. A handle is for an operator's client, not for a person.
    pub handle: Option<(String, String)>,
}

impl Origins {
    /// The origins of a graph's names, as a format spells them.
    pub fn of(graph: &Graph, model: &Model, format: Format, provider: &dyn Provider) -> Origins {
        let mut resources: Vec<ResourceOrigin> = graph.resources.iter().map(|resource| ResourceOrigin::of(resource, model, format)).collect();
        let guarded: Vec<usize> = resources.iter().enumerate().filter(|(_, origin)| origin.is_guarded()).map(|(index, _)| index).collect();
        for (origin, fixed) in resources.iter_mut().zip(lock::fixed(graph, &guarded, provider, format)) {
            origin.fixed = fixed;
        }
        let params = graph.params.iter().filter(|param| param.used);
        Origins {
            resources,
            params: params
                .map(|param| ParamOrigin {
                    name: format.param_name(&param.name),
                    user_name: param.name.clone(),
                    about: param.about.clone(),
                    secret: param.secret,
                    number: param.number,
                    limits: param.limits.clone(),
                    has_default: param.default.is_some(),
                    default: param.default.as_ref().and_then(Val::as_plain_text),
                    span: param.span,
                })
                .collect(),
            outputs: graph
                .outputs
                .iter()
                .map(|output| OutputOrigin {
                    name: format.output_name(&output.name),
                    user_name: output.name.clone(),
                    span: output.span,
                    handle: output.handle.and_then(|id| model.resources.get(id.0)).map(|of| (of.ty.name.clone(), of.name.text.clone())),
                })
                .collect(),
        }
    }

    /// The resource of this address.
    pub fn resource(&self, address: &str) -> Option<&ResourceOrigin> {
        self.resources.iter().find(|resource| resource.address == address)
    }
}

impl ResourceOrigin {
    /// Whether it holds data or is protected.
    pub fn is_guarded(&self) -> bool {
        self.stateful || self.removal == Removal::Keep
    }

    /// Whether it stands in the place of one that had this address in an earlier template: the stack says that another one is to be made.
    pub fn takes_over(&self, earlier: &str) -> bool {
        let turn = self.first.as_ref().and_then(|first| earlier.strip_prefix(first.as_str()));
        turn.is_some_and(|turn| turn.chars().all(|letter| matches!(letter, '_' | '-') || letter.is_ascii_digit())) && self.address != earlier
    }

    fn of(resource: &NativeResource, model: &Model, format: Format) -> ResourceOrigin {
        let owner = resource.owner.and_then(|id| model.resources.get(id.0));
        let turned = usize::from(resource.turns.is_some_and(|turn| turn > 1));
        let first = resource.name.get(..resource.name.len() - turned).unwrap_or_default();
        let part = first.get(usize::from(owner.is_some())..).unwrap_or_default().join(" ");
        let name = format.logical_name(&resource.name);
        ResourceOrigin {
            address: format.address(resource.kind, &resource.ty, &name),
            name,
            kind: resource.kind,
            ty: resource.ty.clone(),
            of: owner.map(|of| (of.ty.name.clone(), of.name.text.clone())),
            part,
            first: resource.turns.map(|_| format.address(resource.kind, &resource.ty, &format.logical_name(first))),
            removal: if resource.removal == Removal::Keep && !resource.protected { Removal::Delete } else { resource.removal },
            revision: resource.revision,
            stateful: resource.can_be_kept && owner.is_some_and(|of| of.ty.carry.is_some()),
            origin: resource.origin,
            properties: paths(&resource.body),
            fixed: Vec::new(),
        }
    }
}

/// All values of a body by their paths, what is outside before what is in it.
fn paths(body: &[(String, Val)]) -> Vec<(String, Origin)> {
    let mut found = Vec::new();
    for (name, val) in body {
        inside(name.clone(), val, &mut found);
    }
    found
}

fn inside(path: String, val: &Val, found: &mut Vec<(String, Origin)>) {
    found.push((path.clone(), val.origin));
    match &val.kind {
        ValKind::Map(members) => members.iter().for_each(|(name, val)| inside(format!("{path}.{name}"), val, found)),
        ValKind::List(items) => items.iter().enumerate().for_each(|(index, val)| inside(format!("{path}.{index}"), val, found)),
        _ => {}
    }
}
