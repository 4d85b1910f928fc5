//! The portable model: a stack whose every name is resolved and whose every value has the type that its property takes.

use super::Limits;
use crate::backend::Backend;
use crate::diag::Diagnostics;
use crate::portable::PortableType;
use crate::source::Span;
use crate::syntax::{Ident, Scalar};
use std::rc::Rc;

/// Index of a resource in [`Model::resources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(pub usize);

/// Index of a parameter in [`Model::params`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParamId(pub usize);

/// A checked stack, with one stage's changes in it.
#[derive(Debug, Default)]
pub struct Model {
    /// The stack's name.
    pub name: String,
    /// Where the stack is declared.
    pub span: Span,
    /// Its parameters, in the order of their names.
    pub params: Vec<Param>,
    /// Its resources, in an order that does not depend on the order of declaration.
    pub resources: Vec<Resource>,
    /// Its outputs, in the order of their names.
    pub outputs: Vec<StackOutput>,
    /// Tags that every resource carries.
    pub tags: Vec<(String, Field)>,
    /// Targets that the stack says it is for.
    pub targets: Vec<Ident>,
    /// Where Terraform keeps its state.
    pub state: Option<Backend>,
    /// The names of its stages.
    pub stages: Vec<Ident>,
    /// The stage that this model is of.
    pub stage: Option<String>,
    /// The copy that this model is of, when it is one beside others.
    pub instance: Option<String>,
    /// What the stack is on targets where it is otherwise than here.
    pub elsewhere: Vec<Elsewhere>,
    /// Where the stack is otherwise for one target than for another, and what stands there.
    pub differs: Vec<(String, Span)>,
}

/// A stack on targets where it is otherwise than in the model that this belongs to.
#[derive(Debug)]
pub struct Elsewhere {
    /// The targets.
    pub targets: Vec<String>,
    /// What it is there.
    pub model: Model,
    /// What is wrong with it there: for targets that the stack does not say it is for, said only when it is built for one.
    pub problems: Diagnostics,
}

/// Which model of a stack is meant: every stage has one, and every copy that stands beside others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Variant<'a> {
    /// The stage; the stack as it stands when `None`.
    pub stage: Option<&'a str>,
    /// The copy, for one beside others.
    pub instance: Option<&'a str>,
}

impl Model {
    /// The model of the same stage and copy for a target.
    pub fn on(&self, target: &str) -> &Model {
        self.elsewhere.iter().find(|other| other.targets.iter().any(|name| name == target)).map_or(self, |other| &other.model)
    }

    /// What is wrong with the stack on a target that it does not say it is for.
    pub fn problems_on(&self, target: &str) -> Option<&Diagnostics> {
        self.elsewhere.iter().find(|other| other.targets.iter().any(|name| name == target)).map(|other| &other.problems)
    }

    /// The running stack's name: the stack's, with the stage and the copy behind it. Names of what it becomes begin with it, so that no two collide.
    pub fn full_name(&self) -> String {
        [Some(&self.name), self.stage.as_ref(), self.instance.as_ref()].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("-")
    }
}

/// A value asked for when deploying.
#[derive(Debug, Clone)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// What it is for.
    pub about: Option<String>,
    /// Whether it is kept out of sight.
    pub secret: bool,
    /// Whether it is a number.
    pub number: bool,
    /// What its values are like.
    pub limits: Limits,
    /// Its value when none is given.
    pub default: Option<(Scalar, Span)>,
    /// Which of a secret's values it is: a higher one than before has what reads it take the new value.
    pub revision: Option<(i64, Span)>,
    /// Whether anything reads it.
    pub used: bool,
}

/// A resource of a portable type.
#[derive(Debug)]
pub struct Resource {
    /// Its name, unique in the stack.
    pub name: Ident,
    /// Its type.
    pub ty: Rc<PortableType>,
    /// Its properties.
    pub values: Record,
    /// Its own tags.
    pub tags: Vec<(String, Field)>,
    /// Losses that its author has accepted.
    pub accepts: Vec<Accept>,
    /// How it is found, where it exists already and is not made.
    pub found: Option<Found>,
    /// Where it is declared.
    pub span: Span,
}

/// How something is found that exists already: what the targets' rules ask for, as far as the stack says it.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// Names and values, in the order of the names.
    pub by: Vec<(Ident, Field)>,
}

impl Found {
    /// What the stack says for a name.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.by.iter().find(|(other, _)| other.text == name).map(|(_, field)| field)
    }
}

/// The acceptance of what a target lacks.
#[derive(Debug, Clone)]
pub struct Accept {
    /// What of the resource.
    pub about: About,
    /// The target, or the cloud for all of its targets, or every target when `None`.
    pub target: Option<Ident>,
    /// Why the loss does no harm, in the author's words.
    pub reason: String,
    /// Where it is written.
    pub span: Span,
}

/// What of a resource is accepted as lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum About {
    /// Whatever is lost.
    All,
    /// The resource or one of its edges, as a whole.
    Whole,
    /// One property or edge, with all that is in it.
    Property(String),
}

impl About {
    /// Whether a loss is meant: by the path of what is lost, and whether that is a resource or an edge as a whole.
    pub fn means(&self, subject: &str, whole: bool) -> bool {
        match self {
            About::All => true,
            About::Whole => whole,
            About::Property(name) => subject.strip_prefix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')),
        }
    }
}

impl Accept {
    /// Whether it is about a target of a cloud.
    pub fn covers(&self, target: &str, cloud: &str) -> bool {
        self.target.as_ref().is_none_or(|on| on.text == target || on.text == cloud)
    }
}

/// Properties with their values: those given, and those with a default.
#[derive(Debug, Clone, Default)]
pub struct Record {
    /// Name and value, in the spec's order.
    pub fields: Vec<(String, Field)>,
    /// Names of properties that were written and refused: absent, but not missing.
    pub refused: Vec<String>,
    /// For an edge: where it leads.
    pub to: Option<ResourceId>,
    /// What tells it from its siblings; part of the names of what it becomes.
    pub key: String,
    /// Where it is written.
    pub span: Span,
}

impl Record {
    /// The value of a property, if it has one.
    pub fn get(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|(field, _)| field == name).map(|(_, field)| field)
    }
}

/// A value and where it was written.
#[derive(Debug, Clone)]
pub struct Field {
    /// The value.
    pub value: Value,
    /// Where; for a default, where its owner is declared.
    pub span: Span,
    /// Whether the user wrote it, rather than the spec.
    pub given: bool,
}

/// A value of the portable model.
#[derive(Debug, Clone)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Another resource.
    Resource(ResourceId),
    /// Several values.
    List(Vec<Field>),
    /// Names with values, in the order of the names.
    Map(Vec<(String, Field)>),
    /// One group of fields.
    Block(Record),
    /// Several groups of fields, in the order of their keys.
    Blocks(Vec<Record>),
    /// A parameter.
    Param(ParamId),
    /// An output of another resource.
    Output(ResourceId, String),
    /// Text with values in it.
    Joined(Vec<Field>),
}

/// A value that the stack shows when it is deployed.
#[derive(Debug)]
pub struct StackOutput {
    /// Its name.
    pub name: Ident,
    /// Its value.
    pub value: Field,
}
