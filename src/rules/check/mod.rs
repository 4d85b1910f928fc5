//! Checks rules against the provider's schema and the portable types, for all inputs, before any stack is lowered with them.

mod coverage;
mod find;
mod gates;
mod handle;
pub(super) mod offers;
mod paths;
mod resources;
mod statements;
mod unread;
mod values;

use super::ast::{Each, Expect, Expr, ExprKind, Form, Grade, HANDLE, Item, Loss, Pairs, Path, ResourceRule, Rule, RuleParam, Statement, Subject, Table};
use super::builtin::{self, Type};
use super::find::{each_output, each_resource, find_item_output, find_output, find_param, find_role, is_list};
use super::{CLOUD, ELSEWHERE, FROM, INCOMING, PER, PLACE, PREVIOUS, Rules, SAME, WITHOUT};
use crate::diag::{Diagnostics, rules as diag};
use crate::portable::{Catalogue, Kind, PortableType, Property};
use crate::provider::{Limits, Member, NativeKind, NativeType, Presence, Shape};
use crate::source::{Sources, Span};
use crate::syntax::{Ident, Scalar};
use paths::property_names;
use std::collections::{BTreeMap, HashSet};
use std::rc::Rc;

/// Rules that have been checked. Only these can be lowered.
#[derive(Debug)]
pub struct Checked<'f> {
    pub(super) rules: Rules<'f>,
}

impl Checked<'_> {
    /// The target that they are for.
    pub fn target(&self) -> &super::Target {
        &self.rules.target
    }

    /// The provider's schema.
    pub fn provider(&self) -> &dyn crate::provider::Provider {
        self.rules.provider()
    }

    /// The rule of a type.
    pub fn lowering(&self, ty: &str, sources: &mut Sources) -> Option<Rc<Rule>> {
        self.rules.lowering(ty, sources)
    }

    /// The rule that finds what exists of a type.
    pub fn finding(&self, ty: &str, sources: &mut Sources) -> Option<Rc<Rule>> {
        self.rules.finding(ty, sources)
    }

    /// The rule of an edge.
    pub fn edge(&self, name: &str, from: &str, to: &str, sources: &mut Sources) -> Option<Rc<Rule>> {
        self.rules.edge(name, from, to, sources)
    }
}

/// Rules to lower with. Those that the binary brings along are proved for every stack by `tests/rules.rs`, and no run pays for it again;
/// where a team's own lie over them, all are checked.
pub fn checked<'f>(rules: Rules<'f>, types: &[String], catalogue: &Catalogue, sources: &mut Sources) -> (Option<Checked<'f>>, Diagnostics) {
    if rules.files.has_overlay() { check(rules, types, true, catalogue, sources) } else { (Some(Checked { rules }), Diagnostics::default()) }
}

/// Checks the rules of the types named, with those that they lead to. With `complete`, checks every rule of the target, and that every
/// property and output of every portable type is lowered or declared. With an error, there are no checked rules.
pub fn check<'f>(rules: Rules<'f>, types: &[String], complete: bool, catalogue: &Catalogue, sources: &mut Sources) -> (Option<Checked<'f>>, Diagnostics) {
    let mut checker = Checker {
        rules: &rules,
        catalogue,
        sources,
        out: Diagnostics::default(),
        used: HashSet::new(),
        losses: Vec::new(),
        busy: Vec::new(),
        circle: false,
        known: Vec::new(),
        read: HashSet::new(),
        waited: HashSet::new(),
        asked: BTreeMap::new(),
        asked_items: HashSet::new(),
        checking: String::new(),
        waiting: false,
        fills: rules.target.fills(),
    };
    let all: Vec<String> = if complete { catalogue.names().map(str::to_owned).collect() } else { types.to_vec() };
    checker.cloud();
    for ty in &all {
        checker.portable_type(ty, &all);
    }
    if complete {
        checker.subjects();
        // In a file that could not be read, everything would seem to be forgotten.
        if rules.files.problems().is_empty() && rules.problems.borrow().is_empty() {
            checker.coverage(&all, types.is_empty());
            checker.finders(&all, types.is_empty());
            checker.offers(&all, types.is_empty());
            checker.unread_gates(&all);
            checker.unread(&all);
        }
    }
    let mut out = checker.out;
    out.extend(rules.problems.borrow_mut().drain(..));
    out.extend(rules.files.problems());
    let sound = !out.has_errors();
    (sound.then_some(Checked { rules }), out)
}

/// The type of a value in a rule.
#[derive(Debug, Clone)]
enum Ty {
    /// Text; one of these, if they are known.
    Text(Option<Rc<Vec<String>>>),
    Integer,
    Number,
    Bool,
    List(Box<Ty>),
    /// A map's entries.
    Entries(bool),
    /// One entry of a map.
    Entry(bool),
    /// Another resource of a portable type.
    Resource(Rc<PortableType>),
    /// A group of fields: the type, and the index of its block property.
    Block(Rc<PortableType>, usize),
    /// Several groups of fields: indices of all block properties of the name.
    Blocks(Rc<PortableType>, Vec<usize>),
    /// The rows of a table that is over no property, and one of them.
    Rows(bool),
    Row(bool),
    /// One of a number of things in a row, such as zones.
    Place,
    /// What the cloud offers.
    Cloud,
    /// `this` and `stack`, which have fixed fields.
    Names(&'static [&'static str]),
    /// An object that a rule put together.
    Object(Vec<(String, Typed)>),
    /// What a provider gives: any scalar, or of the shape.
    Given(Option<Shape>),
    /// The value of a secret parameter.
    Secret,
    /// Reported already, or not to be known.
    Any,
}

/// A type, and whether the value may be absent.
#[derive(Debug, Clone)]
struct Typed {
    ty: Ty,
    optional: bool,
    known: bool,
}

impl Typed {
    fn new(ty: Ty) -> Typed {
        Typed { ty, optional: false, known: true }
    }

    fn deferred(ty: Ty) -> Typed {
        Typed { ty, optional: false, known: false }
    }
}

/// The names that a rule's expressions can use.
#[derive(Clone)]
struct Scope {
    rule: Rc<Rule>,
    subject: Root,
    items: Vec<(String, Ty)>,
}

impl Scope {
    /// What its outputs are of, so that a circle of them can be told; what finds a type and what makes it are two things.
    fn of(&self) -> String {
        if self.finds() { self.rule.subject.to_string() } else { self.subject.of() }
    }

    /// Whether the rule finds what exists already.
    fn finds(&self) -> bool {
        matches!(self.rule.subject, Subject::Find(_))
    }
}

/// Names of properties, and where each is given.
type Given = BTreeMap<String, Span>;

/// What a rule starts from.
#[derive(Clone)]
enum Root {
    Cloud,
    Type(Rc<PortableType>),
    Edge { from: Rc<PortableType>, to: Rc<PortableType>, property: usize },
}

impl Root {
    /// What its outputs are of, so that a circle of them can be told.
    fn of(&self) -> String {
        match self {
            Root::Cloud => CLOUD.to_owned(),
            Root::Type(ty) => ty.name.clone(),
            Root::Edge { from, to, property } => {
                let edge = from.properties.get(*property).map(|property| property.name.as_str()).unwrap_or_default();
                format!("{edge} {} {}", from.name, to.name)
            }
        }
    }
}

/// What `this` is besides an output of the rule's own: in an edge's rule, all of these.
pub(super) const OWN_NAMES: [&str; 5] = ["name", "from", "to", "key", PLACE];

/// What rules read of a resource by way of a property or an edge, and what finds such a one has to give as well.
#[derive(Debug, Clone)]
struct Asked {
    several: bool,
    needed: bool,
}

struct Checker<'a, 'f> {
    rules: &'a Rules<'f>,
    catalogue: &'a Catalogue,
    sources: &'a mut Sources,
    out: Diagnostics,
    /// Properties that some rule uses: type and dotted name.
    used: HashSet<(String, String)>,
    losses: Vec<(String, Loss)>,
    /// Outputs whose type is being worked out, so that a circle ends.
    busy: Vec<(String, String)>,
    /// Whether an output of a rule was found to read itself.
    circle: bool,
    /// Paths that are present where we are.
    known: Vec<String>,
    /// Outputs, parameters and tables that something reads: what they are of, and the name.
    read: HashSet<(String, String)>,
    /// Gates that something waits for: type and name.
    waited: HashSet<(String, String)>,
    /// What rules read of a resource of another type, by type and name: whether it is several, whether it is read for more than to wait for it, and where.
    asked: BTreeMap<(String, String), Asked>,
    /// The outputs of a type's groups of fields that other rules read: type, group and output.
    asked_items: HashSet<(String, String, String)>,
    /// What the rule is of that is looked at.
    checking: String,
    /// Whether what is looked at is only waited for.
    waiting: bool,
    /// What the target's settings give to every resource.
    fills: Vec<(String, Path)>,
}
