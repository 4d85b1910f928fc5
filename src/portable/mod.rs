//! The catalogue of portable types, read from `specs/portable`: one file per type, the only place where a type is described.
//!
//! Conventions of a spec file: the first argument of a line is the property's name, the second its documentation; the node's
//! name is its kind. `arg=#true` marks a property that may stand without its name, `build=#true` one that shapes the stack and
//! so has to be known when building. Enumerations, booleans, references and address ranges always have to be.

mod read;

use crate::diag::Diagnostic;
use crate::embedded;
use crate::source::{Sources, Span};
use crate::syntax::Scalar;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// A portable type, such as `database`.
#[derive(Debug)]
pub struct PortableType {
    /// Its name in a stack.
    pub name: String,
    /// What it is, in a sentence.
    pub about: String,
    /// Where its resources stand among those of other types, so that a template reads from the ground up.
    pub order: i64,
    /// What has to be carried over when it moves to another cloud: a replacement would lose it. Nothing for what holds no data.
    pub carry: Option<String>,
    /// Whether a picture draws it as a frame around the resources that name it.
    pub frame: bool,
    /// Whether a secret parameter of the stack becomes one of these where a cloud has to keep it.
    pub keeps_secret_parameters: bool,
    /// Stacks that show its use, as KDL text.
    pub examples: Vec<String>,
    /// Its properties, in the order of the documentation.
    pub properties: Vec<Property>,
    /// Relations that must hold between its properties.
    pub constraints: Vec<Constraint>,
    /// What other resources can read from it.
    pub outputs: Vec<Output>,
    /// Where the spec stands.
    pub span: Span,
}

/// A property of a type, or a field of a block.
#[derive(Debug)]
pub struct Property {
    /// Its name.
    pub name: String,
    /// What it does, in a sentence.
    pub about: String,
    /// What values it takes.
    pub kind: Kind,
    /// Whether it has to be given.
    pub required: bool,
    /// Its value when it is not given.
    pub default: Option<Scalar>,
    /// Whether it may stand as a bare argument, without its name.
    pub positional: bool,
    /// Whether its value has to be known when building.
    pub build: bool,
    /// Its unit, such as `GiB` or `days`.
    pub unit: Option<String>,
    /// For an address range: the shortest and the longest prefix that it may have.
    pub prefixes: Option<(u8, u8)>,
    /// For an address range: whether those of two resources must not overlap.
    pub apart: bool,
    /// For a domain: whether a copy of the stack has one of its own, below it; what else in the stack lies in it moves along.
    pub per_copy: bool,
    /// For a list: whether no item may come twice.
    pub distinct: bool,
    /// Where the spec says so.
    pub span: Span,
}

/// What values a property takes.
#[derive(Debug)]
pub enum Kind {
    /// Text, possibly of a format.
    String(Format),
    /// A whole number within bounds.
    Integer {
        /// Least value.
        min: i64,
        /// Greatest value.
        max: i64,
    },
    /// A number within bounds.
    Number {
        /// Least value.
        min: f64,
        /// Greatest value.
        max: f64,
    },
    /// `#true` or `#false`.
    Bool,
    /// One of the words, each with its documentation.
    Enum(Vec<(String, String)>),
    /// The name of a resource of one of these types.
    Ref(Vec<String>),
    /// Several texts.
    List(Format),
    /// Names with values.
    Map {
        /// Whether a value may be secret.
        secrets: bool,
    },
    /// A secret value: a secret parameter or another resource's secret output.
    Secret,
    /// One group of fields, or several of them.
    Block(Block),
}

/// A group of fields.
#[derive(Debug)]
pub struct Block {
    /// Whether its defaults hold although it is not written: a promise of the type, whose loss counts.
    pub promised: bool,
    /// Whether it may be given more than once.
    pub many: bool,
    /// The field that tells one from another; every value of it may be given once.
    pub key: Option<String>,
    /// Its fields.
    pub fields: Vec<Property>,
    /// Relations between its fields.
    pub constraints: Vec<Constraint>,
    /// For an edge: the types that it leads to, and what follows from it.
    pub edge: Option<Edge>,
}

/// A block whose first argument names another resource, and which carries meaning: access, firewall rules, environment.
#[derive(Debug)]
pub struct Edge {
    /// The type it leads to.
    pub to: String,
    /// A reference that both ends have to have in common, such as their network.
    pub within: Option<String>,
    /// Whether two resources with the same key on the same other end would be ambiguous.
    pub exclusive: bool,
    /// Environment variables that the connected side receives: suffix of the name, and output of the other resource.
    pub env: Vec<(String, String)>,
}

/// What a text has to look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Anything.
    Any,
    /// An IPv4 network such as `10.0.0.0/16`.
    Cidr,
    /// A DNS name such as `www.example.org`; a first label `*` is allowed.
    Domain,
    /// One DNS label or several, without the zone.
    Label,
    /// A container image reference.
    Image,
    /// A path that starts with `/`; `*` stands for anything.
    Path,
    /// A cron expression of five fields.
    Cron,
    /// Lower-case letters, digits and `_`, starting with a letter.
    Identifier,
    /// An URL that starts with `http://` or `https://`, or `*`.
    Origin,
    /// A few words for a description, in the characters that every cloud takes.
    Words,
    /// A name of an environment variable, or its beginning.
    Variable,
    /// HTTP statuses such as `200-299` or `200,204`.
    Statuses,
    /// A version such as `16` or `16.3`.
    Version,
    /// What the cloud calls something that was made by hand.
    Handle,
    /// An HTTP method that every cloud lets pages from elsewhere use.
    Method,
}

/// A relation between the properties of one block or type.
#[derive(Debug)]
pub struct Constraint {
    /// What has to hold.
    pub rule: Relation,
    /// Why, in a sentence.
    pub why: String,
}

/// The kinds of relation.
#[derive(Debug)]
pub enum Relation {
    /// When the first has the value (or any value, if none is named), the second has to be given.
    Needs(String, Option<String>, String),
    /// When the first has the value, the second must not be given.
    Forbids(String, String, String),
    /// The two exclude each other.
    Excludes(String, String),
    /// The first must not be above the second.
    AtMost(String, String),
    /// The first has to be below the second.
    Below(String, String),
    /// Of the blocks of this name that the other end of the edge has, one at least has no such property.
    SomeWithout(String, String),
    /// The other end of the edge has this property.
    OtherHas(String),
    /// No edge of this name leads to the same other end.
    NotBeside(String),
    /// The text lies within the domain of the zone that the second names.
    Within(String, String),
    /// The values of the first are what DNS records of the type in the second hold.
    DnsValues(String, String),
    /// No two resources have the same values of all of these; whichever types name the same space share it.
    Unique {
        /// The properties; one that begins with `=` is that text itself.
        fields: Vec<String>,
        /// What the values are the name of.
        space: String,
    },
    /// Where the last of these is the value, nothing in the space has the same values in the others.
    Alone {
        /// The properties.
        fields: Vec<String>,
        /// The value of the last.
        value: String,
        /// What the values are the name of.
        space: String,
    },
}

/// A value that a resource offers to others.
#[derive(Debug)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether it is secret.
    pub secret: bool,
    /// Whether every stack tells it, whether it says so or not.
    pub told: bool,
    /// Whether edges alone hand it over: without one, there is nothing behind it.
    pub by_edges: bool,
    /// What its text looks like on every target.
    pub format: Format,
    /// Where the spec says so.
    pub span: Span,
}

impl PortableType {
    /// The property of this name; for an edge, the first of that name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|property| property.name == name)
    }

    /// The output of this name.
    pub fn output(&self, name: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.name == name)
    }
}

impl Property {
    /// The edge, if it is one.
    pub fn edge(&self) -> Option<&Edge> {
        match &self.kind {
            Kind::Block(block) => block.edge.as_ref(),
            _ => None,
        }
    }

    /// Whether its value has to be known when building.
    pub fn known_when_building(&self) -> bool {
        self.build || matches!(self.kind, Kind::Bool | Kind::Enum(_) | Kind::Ref(_) | Kind::Block(_) | Kind::String(Format::Cidr))
    }
}

/// All portable types, each read when it is first asked for.
#[derive(Debug, Default)]
pub struct Catalogue {
    read: RefCell<BTreeMap<String, Option<Rc<PortableType>>>>,
    problems: RefCell<Vec<Diagnostic>>,
}

impl Catalogue {
    /// The names of all types, in the order of the alphabet.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        embedded::SPECS.iter().map(|file| file.stem())
    }

    /// The type of this name.
    pub fn get(&self, name: &str, sources: &mut Sources) -> Option<Rc<PortableType>> {
        if let Some(known) = self.read.borrow().get(name) {
            return known.clone();
        }
        let found = embedded::SPECS.iter().find(|file| file.stem() == name).and_then(|file| {
            let nodes = file.load(sources);
            let (spec, problems) = read::portable_type(&nodes);
            self.problems.borrow_mut().extend(problems);
            spec.map(Rc::new)
        });
        self.read.borrow_mut().insert(name.to_owned(), found.clone());
        found
    }

    /// The type that keeps secret parameters.
    pub fn secret_keeper(&self, sources: &mut Sources) -> Option<Rc<PortableType>> {
        embedded::SECRET_KEEPER.and_then(|name| self.get(name, sources))
    }

    /// What was wrong in the specs read so far.
    pub fn problems(&self) -> Vec<Diagnostic> {
        self.problems.borrow().clone()
    }
}
