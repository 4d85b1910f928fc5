//! Checks rules against the provider's schema and the portable types, for all inputs, before any stack is lowered with them.

mod gates;
mod handle;

use super::ast::Grade;
use super::ast::{Each, Expect, Expr, ExprKind, HANDLE, Item, Loss, Path, ResourceRule, Rule, RuleParam, Statement, Subject};
use super::builtin::{self, Type};
use super::{CLOUD, ELSEWHERE, FROM, INCOMING, PER, PLACE, PREVIOUS, Rules, SAME, WITHOUT};
use crate::diag::{Diagnostics, rules as diag};
use crate::portable::{Catalogue, Kind, PortableType, Property};
use crate::provider::{Limits, Member, NativeKind, NativeType, Presence, Shape};
use crate::source::{Sources, Span};
use crate::syntax::{Ident, Scalar};
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
        waited: HashSet::new(),
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
            checker.unread_gates(&all);
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
    /// Gates that something waits for: type and name.
    waited: HashSet<(String, String)>,
    /// What the target's settings give to every resource.
    fills: Vec<(String, Path)>,
}

impl Checker<'_, '_> {
    fn cloud(&mut self) {
        let written = self.rules.target.settings.iter().filter(|node| node.name.text == "fill");
        let unread = written.filter(|node| !self.fills.iter().any(|(name, _)| node.arg_str(0) == Some(name)));
        let spans: Vec<Span> = unread.map(|node| node.span).collect();
        for span in spans {
            self.out.push(diag::spec(span, "`fill` takes a property of the provider's and `(get)cloud.NAME`"));
        }
        if let Some(rule) = self.rules.lowering(CLOUD, self.sources) {
            let scope = Scope { rule: Rc::clone(&rule), subject: Root::Cloud, items: Vec::new() };
            self.rule(&scope);
            let fills = self.fills.clone().into_iter().map(|(_, path)| path);
            for path in fills.chain(self.rules.target.reads()) {
                self.resolve(&scope, &path);
            }
        }
    }

    fn portable_type(&mut self, name: &str, all: &[String]) {
        let Some(ty) = self.catalogue.get(name, self.sources) else { return };
        let Some(rule) = self.rules.lowering(name, self.sources) else { return };
        let scope = Scope { rule: Rc::clone(&rule), subject: Root::Type(Rc::clone(&ty)), items: Vec::new() };
        self.rule(&scope);
        for (index, property) in ty.properties.iter().enumerate() {
            let Some(edge) = property.edge().filter(|edge| all.contains(&edge.to)) else { continue };
            let (Some(to), Some(rule)) = (self.catalogue.get(&edge.to, self.sources), self.rules.edge(&property.name, name, &edge.to, self.sources)) else {
                continue;
            };
            let scope = Scope { rule, subject: Root::Edge { from: Rc::clone(&ty), to, property: index }, items: Vec::new() };
            self.rule(&scope);
        }
    }

    /// Every rule is about a type or an edge that exists.
    fn subjects(&mut self) {
        let types: Vec<&str> = self.catalogue.names().collect();
        let targets: Vec<String> =
            self.rules.files.targets(self.sources).into_iter().filter(|target| target.cloud == self.rules.target.cloud).map(|target| target.name).collect();
        for stem in self.rules.files.stems(&self.rules.target.cloud) {
            let nodes = self.rules.files.nodes(&self.rules.target.cloud, &stem, self.sources);
            for block in nodes.iter().filter(|node| node.name.text != CLOUD).flat_map(|node| node.children()) {
                let is_target = block.tag.is_none() && block.children.is_some() && block.name.text != "pairs";
                if is_target && !targets.contains(&block.name.text) {
                    let known: Vec<&str> = targets.iter().map(String::as_str).collect();
                    self.out.push(diag::unknown_subject(block.name.span, "target", &block.name.text, &known));
                }
            }
            let mut seen: Vec<(Subject, Span)> = Vec::new();
            for rule in self.rules.file(&stem, self.sources).iter() {
                if let Some((_, first)) = seen.iter().find(|(subject, _)| *subject == rule.subject) {
                    self.out.push(diag::declared_twice(rule.span, "rule", &rule.subject.to_string(), *first));
                }
                seen.push((rule.subject.clone(), rule.span));
                if let Subject::Edge { edge, from, to } = &rule.subject {
                    for from in from {
                        let Some(ty) = self.catalogue.get(from, self.sources) else { continue };
                        let known: Vec<&str> = ty
                            .properties
                            .iter()
                            .filter(|property| property.edge().is_some_and(|known| known.to == *to))
                            .map(|property| property.name.as_str())
                            .collect();
                        if !known.contains(&edge.as_str()) && types.contains(&to.as_str()) {
                            self.out.push(diag::unknown_subject(rule.span, &format!("edge from `{from}` to `{to}`"), edge, &known));
                        }
                    }
                }
                let named: Vec<&String> = match &rule.subject {
                    Subject::Type(ty) if ty == CLOUD => continue,
                    Subject::Type(ty) => vec![ty],
                    Subject::Edge { from, to, .. } => from.iter().chain([to]).collect(),
                };
                for name in named {
                    if !types.contains(&name.as_str()) {
                        self.out.push(diag::unknown_subject(rule.span, "type", name, &types));
                    }
                }
                let in_place = match &rule.subject {
                    Subject::Type(ty) => *ty == stem,
                    Subject::Edge { to, .. } => *to == stem,
                };
                if !in_place {
                    self.out.push(diag::spec(rule.span, "a rule stands in the file of its type, an edge's rule in the file of the type it leads to"));
                }
            }
        }
    }

    /// With `whole`, a type without any rule is a gap too; otherwise lowering says so where a stack uses it.
    fn coverage(&mut self, all: &[String], whole: bool) {
        let target = self.rules.target.name.clone();
        for name in all {
            let Some(ty) = self.catalogue.get(name, self.sources) else { continue };
            let Some(rule) = self.rules.lowering(name, self.sources) else {
                if whole {
                    self.out.push(diag::not_covered(self.rules.target.span, name, name, &target, ty.span));
                }
                continue;
            };
            // A type that is not there, or is there by other means, has been dealt with as a whole; one that lacks something has not.
            let whole = |loss: &Loss, name: &str| loss.grade != Grade::Degraded && loss.subject.to_string() == name;
            let declared = |path: &str| self.losses.iter().any(|(of, loss)| of == name && (loss.subject.to_string() == path || whole(loss, name)));
            let mut missing: Vec<(String, Span)> = Vec::new();
            for property in &ty.properties {
                if declared(&property.name) {
                    continue;
                }
                if !self.used.contains(&(name.clone(), property.name.clone())) && property.edge().is_none() {
                    missing.push((property.name.clone(), property.span));
                } else if let Kind::Block(block) = &property.kind {
                    let edge_to = block.edge.as_ref().map(|edge| edge.to.clone());
                    if let Some(to) = &edge_to
                        && self.rules.edge(&property.name, name, to, self.sources).is_none()
                    {
                        missing.push((format!("{} {to}", property.name), property.span));
                        continue;
                    }
                    if edge_to.as_ref().is_some_and(|to| declared(&format!("{} {to}", property.name))) {
                        continue;
                    }
                    for field in &block.fields {
                        let path = format!("{}.{}", property.name, field.name);
                        // The environment's names are derived before any rule sees them.
                        let derived = field.name == "prefix" && edge_to.is_some();
                        if !derived && !declared(&path) && !self.used.contains(&(name.clone(), path.clone())) {
                            missing.push((path, field.span));
                        }
                    }
                }
            }
            for (path, span) in missing {
                self.out.push(diag::not_covered(rule.span, name, &path, &target, span));
            }
            for output in &ty.outputs {
                let given = find_output(&rule.body, &output.name).is_some();
                if !given && !declared(&output.name) {
                    self.out.push(diag::missing_output(rule.span, name, &output.name, &target, output.span));
                }
            }
        }
    }

    // ---- one rule -------------------------------------------------------------------------------------------------

    fn rule(&mut self, scope: &Scope) {
        self.known.clear();
        let rule = Rc::clone(&scope.rule);
        for table in &rule.tables {
            self.table(scope, table);
        }
        if let Root::Type(ty) = &scope.subject {
            for pairs in &rule.pairs {
                for name in [&pairs.first, &pairs.second] {
                    self.used.insert((ty.name.clone(), name.clone()));
                    if !ty
                        .property(name)
                        .is_some_and(|property| matches!(property.kind, Kind::Integer { .. } | Kind::Number { .. } | Kind::Enum(_) | Kind::String(_)))
                    {
                        self.out.push(diag::unknown_path(pairs.span, name, &property_names(&ty.properties)));
                    }
                }
            }
        }
        self.statements(scope, &rule.body);
    }

    fn table(&mut self, scope: &Scope, table: &super::ast::Table) {
        let Some(of) = &table.of else { return };
        if let Some((first, second)) = of.split_once(' ') {
            // A table over two properties has the rows that `pairs` allows; a stack that meets none is told so.
            for name in [first, second] {
                let found = matches!(&scope.subject, Root::Type(ty) if ty.property(name).is_some_and(Property::known_when_building));
                if !found {
                    self.out.push(diag::unknown_path(table.span, name, &[]));
                }
                self.mark(scope, name);
            }
            return;
        }
        let properties = match &scope.subject {
            Root::Type(ty) => &ty.properties,
            Root::Edge { from, property, .. } => match from.properties.get(*property).map(|property| &property.kind) {
                Some(Kind::Block(block)) => &block.fields,
                _ => return,
            },
            Root::Cloud => return,
        };
        let Some(property) = properties.iter().find(|property| property.name == *of) else {
            self.out.push(diag::unknown_path(table.span, of, &property_names(properties)));
            return;
        };
        let values: Vec<String> = match &property.kind {
            Kind::Enum(values) => values.iter().map(|(value, _)| value.clone()).collect(),
            Kind::Bool => vec!["yes".to_owned(), "no".to_owned()],
            _ => {
                self.out.push(diag::spec(table.span, "a table is over an enumeration or over `yes` and `no`"));
                return;
            }
        };
        self.total(table.span, &table.name, &values, &table.rows.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
        self.mark(scope, of);
    }

    fn total(&mut self, span: Span, what: &str, values: &[String], given: &[Ident]) {
        for value in values.iter().filter(|value| !given.iter().any(|key| key.text == **value)) {
            self.out.push(diag::not_total(span, what, &format!("nothing is said for `{value}`")));
        }
        for (index, key) in given.iter().enumerate() {
            if !values.contains(&key.text) {
                self.out.push(diag::not_total(key.span, what, &format!("there is no value `{}`", key.text)));
            }
            if let Some(first) = given.iter().take(index).find(|other| other.text == key.text) {
                self.out.push(diag::declared_twice(key.span, "value", &key.text, first.span));
            }
        }
    }

    fn mark(&mut self, scope: &Scope, path: &str) {
        match &scope.subject {
            Root::Type(ty) => {
                self.used.insert((ty.name.clone(), path.to_owned()));
            }
            Root::Edge { from, property, .. } => {
                if let Some(property) = from.properties.get(*property) {
                    self.used.insert((from.name.clone(), property.name.clone()));
                    self.used.insert((from.name.clone(), format!("{}.{path}", property.name)));
                }
            }
            Root::Cloud => {}
        }
    }

    /// Two outputs or two roles of one name in one place: the first would hide the second.
    fn declared_once(&mut self, statements: &[Statement]) {
        let mut seen: Vec<(&str, &Ident)> = Vec::new();
        for statement in statements {
            let (what, name) = match statement {
                Statement::Resource(resource) => ("resource", &resource.role),
                Statement::Output { name, .. } => ("output", name),
                Statement::Param(param) => ("parameter", &param.name),
                Statement::Gate(gate) => ("gate", &gate.name),
                _ => continue,
            };
            if let Some((_, first)) = seen.iter().find(|(kind, other)| *kind == what && other.text == name.text) {
                self.out.push(diag::declared_twice(name.span, what, &name.text, first.span));
            }
            seen.push((what, name));
        }
    }

    fn statements(&mut self, scope: &Scope, statements: &[Statement]) {
        self.declared_once(statements);
        for statement in statements {
            match statement {
                Statement::Resource(resource) => self.resource(scope, resource),
                Statement::Output { name, value, .. } => {
                    self.circle = false;
                    self.busy.push((scope.subject.of(), name.text.clone()));
                    self.infer(scope, value);
                    self.busy.pop();
                    if name.text == HANDLE {
                        self.handle(scope, value);
                    }
                    if std::mem::take(&mut self.circle) {
                        self.out.push(diag::spec(value.span, "this output reads itself by way of `this`"));
                    }
                }
                Statement::Param(_) => {}
                Statement::Gate(gate) => self.gate(scope, gate),
                Statement::When(path, body) => {
                    let depth = self.known.len();
                    self.condition(scope, path);
                    self.known.push(path.to_string());
                    self.statements(scope, body);
                    self.known.truncate(depth);
                }
                Statement::Match(path, arms) => {
                    self.arms(scope, path, &arms.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
                    for (key, body) in arms {
                        let depth = self.known.len();
                        self.assume(path, key);
                        self.statements(scope, body);
                        self.known.truncate(depth);
                    }
                }
                Statement::Each(each) => {
                    let (inner, depth) = self.enter(scope, each);
                    self.statements(&inner, &each.body);
                    self.known.truncate(depth);
                }
                Statement::Loss(loss) => self.loss(scope, loss),
            }
        }
    }

    fn loss(&mut self, scope: &Scope, loss: &Loss) {
        let subject = loss.subject.to_string();
        let ty = match &scope.subject {
            Root::Cloud => return,
            Root::Type(ty) => ty,
            Root::Edge { from, to, property } => {
                let Some((property, Kind::Block(block))) = from.properties.get(*property).map(|property| (property, &property.kind)) else { return };
                let path = match (subject == property.name, block.fields.iter().any(|field| field.name == subject)) {
                    (true, _) => format!("{} {}", property.name, to.name),
                    (false, true) => format!("{}.{subject}", property.name),
                    (false, false) => {
                        let names = property_names(&block.fields).into_iter().chain([property.name.clone()]).collect::<Vec<_>>();
                        self.out.push(diag::unknown_path(loss.span, &subject, &names));
                        return;
                    }
                };
                let subject = Path { parts: vec![path], span: loss.subject.span };
                self.losses.push((from.name.clone(), Loss { subject, ..loss.clone() }));
                return;
            }
        };
        let head = loss.subject.parts.first().map(String::as_str).unwrap_or_default();
        let known = subject == ty.name || ty.property(head).is_some() || ty.output(&subject).is_some();
        if !known {
            let names: Vec<String> = property_names(&ty.properties).into_iter().chain(ty.outputs.iter().map(|output| output.name.clone())).collect();
            self.out.push(diag::unknown_path(loss.span, &subject, &names));
        }
        self.losses.push((ty.name.clone(), loss.clone()));
    }

    /// Makes an item's name known inside a loop.
    fn enter<T>(&mut self, scope: &Scope, each: &Each<T>) -> (Scope, usize) {
        let depth = self.known.len();
        let typed = self.resolve(scope, &each.over);
        let item = match &typed.ty {
            Ty::List(item) => (**item).clone(),
            Ty::Entries(secrets) => {
                if each.secret && !secrets {
                    self.out.push(diag::secret_in_rule(each.over.span, &format!("`{}`", each.over)));
                }
                Ty::Entry(each.secret)
            }
            Ty::Blocks(ty, indices) => indices.first().map_or(Ty::Any, |index| Ty::Block(Rc::clone(ty), *index)),
            Ty::Integer if typed.known => Ty::Place,
            Ty::Rows(numbers) => Ty::Row(*numbers),
            Ty::Any => Ty::Any,
            _ => {
                self.out.push(diag::spec(each.over.span, "only a list, a map, a repeated block or a number known when building can be gone over"));
                Ty::Any
            }
        };
        let mut inner = scope.clone();
        inner.items.push((each.name.clone(), item));
        self.known.push(each.name.clone());
        self.known.extend(each.over.parts.last().and_then(|part| part.strip_prefix(PER)).map(|field| format!("{}.{field}", each.name)));
        (inner, depth)
    }

    /// What a condition or a match is over: whether any edge leads here is one question, whichever types the edges come from.
    fn asked(&mut self, scope: &Scope, path: &Path) -> Typed {
        match (&scope.subject, path.parts.as_slice()) {
            (Root::Type(ty), [head, edge]) if head == INCOMING => match self.leading_to(ty, edge).0.into_iter().next() {
                Some((from, index)) => Typed::new(Ty::Blocks(from, vec![index])),
                None => self.resolve(scope, path),
            },
            _ => self.resolve(scope, path),
        }
    }

    fn condition(&mut self, scope: &Scope, path: &Path) {
        let typed = self.asked(scope, path);
        let decidable = typed.optional || matches!(typed.ty, Ty::Bool | Ty::Any | Ty::List(_) | Ty::Entries(_) | Ty::Blocks(..));
        if !decidable {
            self.out.push(diag::spec(path.span, "a condition is a boolean, or something that may be absent"));
        }
    }

    /// What is known inside of one arm of a match.
    fn assume(&mut self, path: &Path, key: &Ident) {
        self.known.push(if key.text == "some" { path.to_string() } else { format!("{path}={}", key.text) });
    }

    /// The arms cover every value.
    fn arms(&mut self, scope: &Scope, path: &Path, given: &[Ident]) {
        let typed = self.asked(scope, path);
        let word = |text: &str| text.to_owned();
        let values = match &typed.ty {
            Ty::Text(Some(values)) if !typed.optional => values.to_vec(),
            Ty::Bool => vec![word("yes"), word("no")],
            Ty::Any => return,
            Ty::Entries(_) | Ty::Blocks(..) => vec![word("some"), word("none")],
            _ if typed.optional => vec![word("some"), word("none")],
            _ => {
                self.out.push(diag::spec(path.span, "a match is over an enumeration, a boolean, or something that may be absent"));
                return;
            }
        };
        self.total(path.span, &path.to_string(), &values, given);
    }

    // ---- resources ------------------------------------------------------------------------------------------------

    fn resource(&mut self, scope: &Scope, rule: &ResourceRule) {
        let kind = rule.kind;
        let said = [
            ("keep", rule.keep.is_some()),
            ("otherwise", rule.snapshot || rule.stays),
            ("replace", rule.create_first),
            ("ignore", !rule.ignore.is_empty()),
            ("expect", !rule.expect.is_empty()),
        ];
        for (option, _) in said.into_iter().filter(|(option, said)| *said && !self.rules.target.format.can_say(option)) {
            self.out.push(diag::format_cannot(rule.span, option, &self.rules.target.name));
        }
        for expr in rule.after.iter().chain(&rule.before).chain(&rule.keep).chain(&rule.shared).chain(rule.expect.iter().map(|expect| &expect.value)) {
            self.infer(scope, expr);
        }
        let Some(native) = self.rules.provider().native_type(kind, &rule.ty.text) else {
            self.out.push(diag::unknown_native_type(rule.ty.span, &rule.ty.text, &self.rules.provider().names(kind)));
            return;
        };
        rule.waits.iter().for_each(|path| self.waits(scope, path));
        self.parent(scope, rule);
        self.object(scope, &rule.body, &native, 0, rule.span, true);
        if let Some(path) = &rule.once_by {
            let typed = self.resolve(scope, path);
            if !matches!(typed.ty, Ty::Resource(_) | Ty::Secret | Ty::Object(_) | Ty::Any) {
                self.out.push(diag::spec(path.span, "`once` is `#true`, or the path to a resource or a secret of the loop's item"));
            }
        }
        if let Some(turn) = &rule.turn {
            let typed = self.infer(scope, turn);
            if !(matches!(typed.ty, Ty::Integer | Ty::Any) && typed.known && !typed.optional) {
                self.out.push(diag::spec(turn.span, "`turn` is a number that is known when building (in the spec: `build=#true`)"));
            }
        }
        for path in rule.ignore.iter().filter_map(|ignore| ignore.when.as_ref()) {
            self.condition(scope, path);
        }
        for Expect { attribute, .. } in rule.expect.iter().filter(|expect| native.attribute(&expect.attribute.text).is_none()) {
            self.out.push(diag::unknown_attribute(attribute.span, &native.name, &attribute.text, &native.attribute_names()));
        }
        for name in rule.ignore.iter().flat_map(|ignore| &ignore.names) {
            if native.root().member(name).is_none() && native.attribute(name).is_none() {
                let known: Vec<&str> = native.root().members.iter().map(|member| member.name.as_str()).collect();
                self.out.push(diag::unknown_native_property(rule.span, &native.name, name, &known));
            }
        }
    }

    /// What is a part of another resource names it, and nothing else does.
    fn parent(&mut self, scope: &Scope, rule: &ResourceRule) {
        let container = self.rules.target.format.container(&rule.ty.text).map(str::to_owned);
        match (&rule.parent, container) {
            (None, Some(container)) => self.out.push(diag::spec(rule.span, &format!("it is a part of a `{container}`, which `parent=(ref)role` names"))),
            (Some(parent), None) => self.out.push(diag::spec(parent.span, "it is no part of another resource")),
            (Some(parent), Some(container)) => {
                self.infer(scope, parent);
                if let ExprKind::Ref(role) = &parent.kind
                    && let Some(((_, ty), ..)) = self.role(scope, parent.span, role)
                    && ty != container
                {
                    self.out.push(diag::spec(parent.span, &format!("it is a part of a `{container}`, and this is a `{ty}`")));
                }
            }
            (None, None) => {}
        }
    }

    fn object(&mut self, scope: &Scope, items: &[Item], native: &NativeType, object: usize, span: Span, root: bool) {
        let (always, _) = self.object_items(scope, items, native, object);
        for member in &native.object(object).members {
            let tags = root && native.tags.as_ref().is_some_and(|(name, _)| *name == member.name);
            let named = root && self.rules.target.names().is_some_and(|name| name == member.name);
            let filled = root && self.fills.iter().any(|(name, _)| *name == member.name);
            if member.presence == Presence::Required && !always.contains_key(&member.name) && !tags && !named && !filled {
                self.out.push(diag::missing_native_property(span, &native.name, &member.name));
            }
        }
    }

    /// The names always given, and those sometimes given.
    fn object_items(&mut self, scope: &Scope, items: &[Item], native: &NativeType, object: usize) -> (Given, Given) {
        let (mut always, mut sometimes) = (Given::new(), Given::new());
        for item in items {
            match item {
                Item::Property(name, value) => {
                    if let Some(first) = always.get(&name.text).or(sometimes.get(&name.text)) {
                        self.out.push(diag::declared_twice(name.span, "property", &name.text, *first));
                    }
                    let given = if self.member_value(scope, name, value, native, object) { &mut always } else { &mut sometimes };
                    given.insert(name.text.clone(), name.span);
                }
                Item::Element(value) => self.out.push(diag::spec(value.span, "an object has properties, no items written with `-`")),
                Item::When(path, body) => {
                    let depth = self.known.len();
                    self.condition(scope, path);
                    self.known.push(path.to_string());
                    let (given, maybe) = self.object_items(scope, body, native, object);
                    sometimes.extend(given.into_iter().chain(maybe));
                    self.known.truncate(depth);
                }
                Item::Match(path, arms) => {
                    self.arms(scope, path, &arms.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
                    let mut common: Option<Given> = None;
                    let before = always.clone();
                    for (key, body) in arms {
                        let depth = self.known.len();
                        self.assume(path, key);
                        let (given, maybe) = self.object_items(scope, body, native, object);
                        self.known.truncate(depth);
                        for (name, span) in given.iter().chain(&maybe) {
                            if let Some(first) = before.get(name) {
                                self.out.push(diag::declared_twice(*span, "property", name, *first));
                            }
                        }
                        sometimes.extend(given.clone().into_iter().chain(maybe));
                        common = Some(match common {
                            Some(common) => common.into_iter().filter(|(name, _)| given.contains_key(name)).collect(),
                            None => given,
                        });
                    }
                    always.extend(common.unwrap_or_default());
                }
                Item::Each(each) => {
                    let (inner, depth) = self.enter(scope, each);
                    let (given, maybe) = self.object_items(&inner, &each.body, native, object);
                    sometimes.extend(given.into_iter().chain(maybe));
                    self.known.truncate(depth);
                }
            }
        }
        (always, sometimes)
    }

    /// Checks one property; whether it is given for every stack.
    fn member_value(&mut self, scope: &Scope, name: &Ident, value: &Expr, native: &NativeType, object: usize) -> bool {
        let object = native.object(object);
        let Some(member) = object.member(&name.text) else {
            let known: Vec<&str> = object.members.iter().filter(|member| member.presence != Presence::ReadOnly).map(|member| member.name.as_str()).collect();
            self.out.push(diag::unknown_native_property(name.span, &native.name, &name.text, &known));
            self.infer(scope, value);
            return true;
        };
        if member.presence == Presence::ReadOnly {
            self.out.push(diag::read_only(name.span, &native.name, &name.text));
        }
        self.fits(scope, value, member, &member.shape, native)
    }

    /// Whether a value fits a shape is reported; whether it is there for every stack is returned.
    fn fits(&mut self, scope: &Scope, value: &Expr, member: &Member, shape: &Shape, native: &NativeType) -> bool {
        if let Shape::AnyOf(shapes) = shape {
            return self.fits_any(scope, value, member, shapes, native);
        }
        match (&value.kind, shape) {
            (ExprKind::Body(items), Shape::Object(object) | Shape::Block(object, _)) if !is_list(items) => {
                self.object(scope, items, native, *object, value.span, false);
                true
            }
            (ExprKind::Body(items), Shape::Block(object, true)) => {
                self.elements(scope, items, member, &Shape::Object(*object), native);
                true
            }
            (ExprKind::Body(items), Shape::List(item)) if is_list(items) => {
                self.elements(scope, items, member, item, native);
                true
            }
            // A single object where the provider wants a list of them.
            (ExprKind::Body(_), Shape::List(item)) => self.fits(scope, value, member, item, native),
            (ExprKind::Body(items), Shape::Map(inner)) => {
                self.map(scope, items, member, inner, native);
                true
            }
            (ExprKind::Body(items), Shape::Json) => {
                self.free(scope, items);
                true
            }
            (ExprKind::Body(_), _) => {
                self.out.push(diag::wrong_native_type(value.span, &member.name, &shape.wanted(), "something in braces"));
                true
            }
            (ExprKind::List(items), Shape::List(inner)) => {
                for item in items {
                    self.fits(scope, item, member, inner, native);
                }
                true
            }
            (ExprKind::List(items), Shape::Json) => {
                for item in items {
                    self.infer(scope, item);
                }
                true
            }
            (ExprKind::List(_), _) => {
                self.out.push(diag::wrong_native_type(value.span, &member.name, &shape.wanted(), "several values"));
                true
            }
            _ => {
                let typed = self.infer(scope, value);
                self.typed_fits(value.span, &typed, member, shape, false);
                !typed.optional
            }
        }
    }

    /// One of several shapes: the first that raises no objection, or the objections of the first.
    fn fits_any(&mut self, scope: &Scope, value: &Expr, member: &Member, shapes: &[Shape], native: &NativeType) -> bool {
        let mut first: Option<Diagnostics> = None;
        for shape in shapes {
            let outer = std::mem::take(&mut self.out);
            let given = self.fits(scope, value, member, shape, native);
            let found = std::mem::replace(&mut self.out, outer);
            if found.is_empty() {
                return given;
            }
            first.get_or_insert(found);
        }
        self.out.extend(first.into_iter().flatten());
        true
    }

    fn elements(&mut self, scope: &Scope, items: &[Item], member: &Member, shape: &Shape, native: &NativeType) {
        for item in items {
            match item {
                Item::Element(value) => {
                    self.fits(scope, value, member, shape, native);
                }
                Item::Property(name, _) => self.out.push(diag::spec(name.span, "a list has items, written with `-`")),
                Item::When(path, body) => {
                    let depth = self.known.len();
                    self.condition(scope, path);
                    self.known.push(path.to_string());
                    self.elements(scope, body, member, shape, native);
                    self.known.truncate(depth);
                }
                Item::Match(path, arms) => {
                    self.arms(scope, path, &arms.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
                    for (key, body) in arms {
                        let depth = self.known.len();
                        self.assume(path, key);
                        self.elements(scope, body, member, shape, native);
                        self.known.truncate(depth);
                    }
                }
                Item::Each(each) => {
                    let (inner, depth) = self.enter(scope, each);
                    self.elements(&inner, &each.body, member, shape, native);
                    self.known.truncate(depth);
                }
            }
        }
    }

    fn map(&mut self, scope: &Scope, items: &[Item], member: &Member, inner: &Shape, native: &NativeType) {
        for item in items {
            match item {
                Item::Property(_, value) | Item::Element(value) => {
                    self.fits(scope, value, member, inner, native);
                }
                Item::When(path, body) => {
                    let depth = self.known.len();
                    self.condition(scope, path);
                    self.known.push(path.to_string());
                    self.map(scope, body, member, inner, native);
                    self.known.truncate(depth);
                }
                Item::Match(_, arms) => arms.iter().for_each(|(_, body)| self.map(scope, body, member, inner, native)),
                Item::Each(each) => {
                    let (within, depth) = self.enter(scope, each);
                    self.map(&within, &each.body, member, inner, native);
                    self.known.truncate(depth);
                }
            }
        }
    }

    /// A body that no schema describes: its paths still have to lead somewhere.
    fn free(&mut self, scope: &Scope, items: &[Item]) {
        for item in items {
            match item {
                Item::Property(_, value) | Item::Element(value) => {
                    self.infer(scope, value);
                }
                Item::When(path, body) => {
                    let depth = self.known.len();
                    self.condition(scope, path);
                    self.known.push(path.to_string());
                    self.free(scope, body);
                    self.known.truncate(depth);
                }
                Item::Match(path, arms) => {
                    self.arms(scope, path, &arms.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
                    for (key, body) in arms {
                        let depth = self.known.len();
                        self.assume(path, key);
                        self.free(scope, body);
                        self.known.truncate(depth);
                    }
                }
                Item::Each(each) => {
                    let (inner, depth) = self.enter(scope, each);
                    self.free(&inner, &each.body);
                    self.known.truncate(depth);
                }
            }
        }
    }

    fn typed_fits(&mut self, span: Span, typed: &Typed, member: &Member, shape: &Shape, item: bool) {
        let limits = if item { &member.item_limits } else { &member.limits };
        let wrong = |got: &str| diag::wrong_native_type(span, &member.name, &shape.wanted(), got);
        let problem = match (&typed.ty, shape) {
            (Ty::Any | Ty::Given(None), _) | (_, Shape::Json) => None,
            (Ty::Text(values), Shape::String) => {
                for value in values.iter().flat_map(|values| values.iter()) {
                    self.in_enum(span, &member.name, value, limits);
                }
                None
            }
            (Ty::Integer, Shape::Integer | Shape::Number | Shape::String)
            | (Ty::Number, Shape::Number | Shape::String)
            | (Ty::Bool, Shape::Boolean | Shape::String) => None,
            (Ty::Secret, Shape::String) => (!member.keeps_secret).then(|| diag::secret_in_rule(span, &format!("`{}`", member.name))),
            // An item may be any JSON, but what a rule has as a list of lists is one list too many.
            (Ty::List(inner), Shape::List(wanted)) if matches!(**inner, Ty::List(_)) && !matches!(**wanted, Shape::List(_)) => Some(wrong("a list of lists")),
            (Ty::List(inner), Shape::List(wanted)) => {
                let inner = Typed { ty: (**inner).clone(), optional: false, known: typed.known };
                self.typed_fits(span, &inner, member, wanted, true);
                None
            }
            // A single value where the provider wants a list becomes a list of one.
            (_, Shape::List(wanted)) if !matches!(typed.ty, Ty::Given(Some(_))) => {
                self.typed_fits(span, typed, member, wanted, true);
                None
            }
            (Ty::Given(Some(given)), _) => (!shapes_agree(given, shape)).then(|| wrong(&given.wanted())),
            (Ty::Object(fields), Shape::Map(_) | Shape::Object(_)) if !fields.is_empty() => None,
            (Ty::Text(_), _) => Some(wrong("text")),
            (Ty::Integer, _) => Some(wrong("a whole number")),
            (Ty::Number, _) => Some(wrong("a number")),
            (Ty::Bool, _) => Some(wrong("true or false")),
            (Ty::List(_), _) => Some(wrong("a list")),
            (Ty::Resource(ty), _) => Some(wrong(&format!("a whole {}: name one of its outputs", ty.name))),
            (Ty::Secret, _) => Some(wrong("a secret text")),
            _ => Some(wrong("a group of values")),
        };
        self.out.extend(problem);
    }

    fn in_enum(&mut self, span: Span, name: &str, value: &str, limits: &Limits) {
        let Some(values) = &limits.one_of else { return };
        let found = values.iter().any(|known| if limits.any_case { known.eq_ignore_ascii_case(value) } else { known == value });
        if !found {
            self.out.push(diag::not_in_enum(span, name, value, values));
        }
    }

    // ---- values ---------------------------------------------------------------------------------------------------

    fn infer(&mut self, scope: &Scope, expr: &Expr) -> Typed {
        match &expr.kind {
            ExprKind::Broken => Typed::new(Ty::Any),
            ExprKind::Literal(scalar) => Typed::new(match scalar {
                Scalar::String(text) => Ty::Text(Some(Rc::new(vec![text.clone()]))),
                Scalar::Integer(_) => Ty::Integer,
                Scalar::Float(_) => Ty::Number,
                Scalar::Bool(_) => Ty::Bool,
                Scalar::Null => {
                    self.out.push(diag::spec(expr.span, "a value that is not wanted is left out, never `#null`"));
                    Ty::Any
                }
            }),
            ExprKind::Get(path) => self.resolve(scope, path),
            ExprKind::Ref(role) => self.reference(scope, expr.span, role),
            ExprKind::Attr(role, attribute) => self.attribute(scope, expr.span, role, attribute),
            ExprKind::Table(name) => match scope.rule.tables.iter().find(|table| table.name == *name) {
                Some(table) => {
                    let texts: Option<Vec<String>> =
                        table.rows.iter().map(|(_, value)| if let Scalar::String(text) = value { Some(text.clone()) } else { None }).collect();
                    Typed::new(match (texts, table.rows.first().map(|(_, value)| value)) {
                        (Some(texts), _) => Ty::Text(Some(Rc::new(texts))),
                        (None, Some(Scalar::Integer(_))) => Ty::Integer,
                        (None, Some(Scalar::Bool(_))) => Ty::Bool,
                        _ => Ty::Number,
                    })
                }
                None => {
                    let known: Vec<&str> = scope.rule.tables.iter().map(|table| table.name.as_str()).collect();
                    self.out.push(diag::unknown_subject(expr.span, "table", name, &known));
                    Typed::new(Ty::Any)
                }
            },
            ExprKind::Fmt(pieces) => {
                let mut whole = Typed::new(Ty::Text(None));
                for piece in pieces {
                    let typed = self.infer(scope, piece);
                    whole.known &= typed.known;
                    whole.optional |= typed.optional;
                    if matches!(typed.ty, Ty::Secret) {
                        self.out.push(diag::secret_in_rule(piece.span, "a text"));
                    } else if !matches!(typed.ty, Ty::Text(_) | Ty::Integer | Ty::Number | Ty::Bool | Ty::Given(_) | Ty::Any) {
                        self.out.push(diag::spec(piece.span, "only text and numbers can stand in a text"));
                    }
                }
                whole
            }
            ExprKind::List(items) => {
                let inner: Vec<Typed> = items.iter().map(|item| self.infer(scope, item)).collect();
                let known = inner.iter().all(|item| item.known);
                let ty = inner.into_iter().next().map_or(Ty::Any, |first| first.ty);
                Typed { ty: Ty::List(Box::new(ty)), optional: false, known }
            }
            ExprKind::Body(items) if is_list(items) => {
                self.free(scope, items);
                Typed::deferred(Ty::List(Box::new(Ty::Any)))
            }
            ExprKind::Body(items) => {
                let mut fields = Vec::new();
                for item in items {
                    if let Item::Property(name, value) = item {
                        let typed = self.infer(scope, value);
                        fields.push((name.text.clone(), typed));
                    }
                }
                Typed::deferred(Ty::Object(fields))
            }
            ExprKind::Call { name, args, body } => self.call(scope, expr.span, name, args, body),
        }
    }

    fn call(&mut self, scope: &Scope, span: Span, name: &str, args: &[Expr], body: &[Item]) -> Typed {
        let Some(builtin) = builtin::find(name) else {
            let known: Vec<&str> = builtin::ALL.iter().map(|builtin| builtin.name).collect();
            self.out.push(diag::unknown_subject(span, "built-in", name, &known));
            return Typed::new(Ty::Any);
        };
        if !self.rules.target.format.can_say(name) {
            self.out.push(diag::format_cannot(span, &format!("(call){name}"), &self.rules.target.name));
        }
        let least = builtin.takes.len() - usize::from(builtin.variadic);
        if args.len() < least || (!builtin.variadic && args.len() > least) {
            self.out.push(diag::bad_call(
                span,
                name,
                &format!(
                    "it takes {least} argument{}{}, not {}",
                    if least == 1 { "" } else { "s" },
                    if builtin.variadic { " or more" } else { "" },
                    args.len()
                ),
            ));
        }
        if builtin.body {
            self.free(scope, body);
        } else if !body.is_empty() {
            self.out.push(diag::bad_call(span, name, "it takes nothing in braces"));
        }
        let mut optional = false;
        let mut items: Vec<Ty> = Vec::new();
        for (index, arg) in args.iter().enumerate() {
            let typed = self.infer(scope, arg);
            let item = item_of(&typed.ty);
            if builtin.gives == Type::Items && matches!(item, Ty::List(_)) {
                self.out.push(diag::bad_call(
                    arg.span,
                    name,
                    "this is a list of lists, and only one level of it would be taken apart: each of its items may be several values",
                ));
            }
            if matches!(typed.ty, Ty::List(_)) || builtin.gives == Type::Items {
                items.push(item);
            }
            let Some((title, wanted)) = builtin.takes.get(index).or(builtin.takes.last()) else { continue };
            // An argument that may come several times may also be absent.
            optional |= typed.optional && !(builtin.variadic && index + 1 >= builtin.takes.len()) && !matches!(wanted, Type::Any);
            let fits = match wanted {
                Type::Any | Type::Item | Type::Items => true,
                Type::Text => matches!(typed.ty, Ty::Text(_) | Ty::Integer | Ty::Given(_) | Ty::Any),
                Type::KnownText => matches!(typed.ty, Ty::Text(_) | Ty::Any) && typed.known,
                Type::KnownNumber => matches!(typed.ty, Ty::Integer | Ty::Number | Ty::Any) && typed.known,
                Type::List => match &typed.ty {
                    Ty::Given(Some(shape)) => matches!(shape, Shape::List(_) | Shape::Block(_, true) | Shape::Json),
                    ty => matches!(ty, Ty::List(_) | Ty::Given(None) | Ty::Any),
                },
            };
            if !fits {
                let why = match wanted {
                    Type::KnownText => format!("`{title}` has to be text that is known when building (in the spec: `build=#true`)"),
                    Type::KnownNumber => format!("`{title}` has to be a number that is known when building (in the spec: `build=#true`)"),
                    Type::List => format!("`{title}` has to be a list"),
                    _ => format!("`{title}` has to be text"),
                };
                self.out.push(diag::bad_call(arg.span, name, &why));
            }
        }
        let ty = match builtin.gives {
            Type::Text | Type::KnownText => Ty::Text(None),
            Type::KnownNumber => Ty::Integer,
            Type::List => Ty::List(Box::new(Ty::Any)),
            Type::Items => Ty::List(Box::new(common(items))),
            Type::Item => common(items),
            Type::Any => Ty::Any,
        };
        Typed { ty, optional, known: matches!(builtin.gives, Type::KnownText | Type::KnownNumber) }
    }

    fn reference(&mut self, scope: &Scope, span: Span, role: &str) -> Typed {
        // What the format offers by itself, such as `AWS::Region`, is no role.
        if role.contains("::") {
            return Typed::deferred(Ty::Text(None));
        }
        match self.role(scope, span, role) {
            Some((_, inside, conditional)) => {
                let one = Typed { ty: Ty::Given(None), optional: conditional, known: false };
                if inside { one } else { Typed::deferred(Ty::List(Box::new(Ty::Given(None)))) }
            }
            None => Typed::new(Ty::Any),
        }
    }

    fn attribute(&mut self, scope: &Scope, span: Span, role: &str, attribute: &str) -> Typed {
        let Some((rule, inside, conditional)) = self.role(scope, span, role) else { return Typed::new(Ty::Any) };
        let (kind, name) = rule;
        let Some(native) = self.rules.provider().native_type(kind, &name) else { return Typed::new(Ty::Any) };
        let Some(shape) = native.attribute(attribute) else {
            self.out.push(diag::unknown_attribute(span, &native.name, attribute, &native.attribute_names()));
            return Typed::new(Ty::Any);
        };
        let one = Typed { ty: Ty::Given(Some(shape)), optional: conditional, known: false };
        if inside { one } else { Typed::deferred(Ty::List(Box::new(one.ty))) }
    }

    /// The native type of a role, whether we stand inside of the loop that makes it (or there is none), and whether it may be absent.
    fn role(&mut self, scope: &Scope, span: Span, role: &str) -> Option<((NativeKind, String), bool, bool)> {
        let mut found = Vec::new();
        find_role(&scope.rule.body, role, &mut Vec::new(), &mut Vec::new(), &mut |resource, loops, conditions| {
            found.push(((resource.kind, resource.ty.text.clone()), loops.to_vec(), conditions.to_vec()));
        });
        // Of several arms that make it, the one that we stand in.
        let here = found.iter().position(|(_, _, conditions)| conditions.iter().all(|condition| self.known.contains(condition))).unwrap_or(0);
        let Some((native, loops, conditions)) = (!found.is_empty()).then(|| found.swap_remove(here)) else {
            let mut known = Vec::new();
            each_resource(&scope.rule.body, &mut |resource| known.push(resource.role.text.as_str()));
            self.out.push(diag::unknown_role(span, role, &known));
            return None;
        };
        let names: Vec<&str> = scope.items.iter().map(|(name, _)| name.as_str()).collect();
        let inside = loops.iter().all(|name| names.contains(&name.as_str()));
        let conditional = conditions.iter().any(|condition| !self.known.contains(condition));
        Some((native, inside, conditional))
    }

    /// What a path leads to, and marks the properties on the way as used.
    fn resolve(&mut self, scope: &Scope, path: &Path) -> Typed {
        let Some(head) = path.parts.first() else { return Typed::new(Ty::Any) };
        let item = scope.items.iter().rev().find(|(name, _)| name == head).map(|(_, ty)| ty.clone());
        let rows = scope.rule.tables.iter().find(|table| table.of.is_none() && table.name == *head);
        if let (None, Some(table)) = (&item, rows) {
            return Typed::new(Ty::Rows(table.rows.iter().all(|(_, value)| matches!(value, Scalar::Integer(_)))));
        }
        let mut current = match (item, head.as_str(), &scope.subject) {
            (Some(ty), ..) => Typed::new(ty),
            (None, "this", Root::Type(_) | Root::Edge { .. }) if path.parts.get(1).is_some_and(|part| !OWN_NAMES.contains(&part.as_str())) => {
                return self.own_output(scope, path);
            }
            (None, "this", Root::Edge { .. }) => Typed::new(Ty::Names(&OWN_NAMES)),
            (None, "this", _) => Typed::new(Ty::Names(&["name"])),
            (None, PREVIOUS, Root::Edge { from, property, .. }) => Typed { optional: true, ..Typed::new(Ty::Block(Rc::clone(from), *property)) },
            (None, "stack", _) => Typed::new(Ty::Names(&["name"])),
            (None, CLOUD, _) => Typed::new(Ty::Cloud),
            (None, "param", _) => {
                let Some(param) = path.parts.get(1).and_then(|name| find_param(&scope.rule.body, name)) else { return self.lost(path, Vec::new()) };
                return Typed::deferred(param_type(param));
            }
            (None, INCOMING, Root::Type(ty)) => self.incoming(ty, path),
            (None, "from", Root::Edge { from, .. }) => Typed::new(Ty::Resource(Rc::clone(from))),
            (None, "to", Root::Edge { to, .. }) => Typed::new(Ty::Resource(Rc::clone(to))),
            (None, _, Root::Type(ty)) => match self.property(ty, &ty.properties, "", head) {
                Some(typed) => typed,
                None => return self.lost(path, property_names(&ty.properties)),
            },
            (None, _, Root::Edge { from, property, .. }) => match from.properties.get(*property).map(|property| (property.name.clone(), &property.kind)) {
                Some((name, Kind::Block(block))) => match self.property(from, &block.fields, &name, head) {
                    Some(typed) => typed,
                    None => return self.lost(path, property_names(&block.fields)),
                },
                _ => return Typed::new(Ty::Any),
            },
            (None, _, Root::Cloud) => return self.lost(path, Vec::new()),
        };
        if self.known.contains(head) {
            current.optional = false;
        }
        // `incoming.route` is one thing.
        let taken = if matches!(current.ty, Ty::Blocks(..)) && head == INCOMING { 2 } else { 1 };
        let mut so_far = path.parts.get(..taken).unwrap_or_default().join(".");
        for part in path.parts.iter().skip(taken) {
            so_far = format!("{so_far}.{part}");
            let optional = current.optional;
            if let (Some(name), Ty::Text(_)) = (part.strip_prefix(FROM), &current.ty) {
                let Some(ty) = self.catalogue.get(name, self.sources) else { return self.lost(path, Vec::new()) };
                current = Typed { optional: !self.known.contains(&so_far), ..Typed::new(Ty::Resource(ty)) };
                continue;
            }
            if let (ELSEWHERE, Ty::Text(_)) = (part.as_str(), &current.ty) {
                current = Typed { optional: !self.known.contains(&so_far), ..Typed::new(Ty::Text(None)) };
                continue;
            }
            let Some(next) = self.step(&current.ty, part) else { return self.lost(path, Vec::new()) };
            current = Typed { optional: next.optional || optional, ..next };
            if self.known.contains(&so_far) {
                current.optional = false;
            }
        }
        current
    }

    /// An output of the rule itself: `this.OUTPUT`.
    fn own_output(&mut self, scope: &Scope, path: &Path) -> Typed {
        let name = path.parts.get(1).map(String::as_str).unwrap_or_default();
        let of = scope.subject.of();
        if self.busy.iter().any(|(busy, output)| (busy, output.as_str()) == (&of, name)) {
            self.circle = true;
        }
        let outside = Scope { items: Vec::new(), ..scope.clone() };
        let Some(mut current) = self.output(&of, &outside, name) else { return self.lost(path, Vec::new()) };
        let mut so_far = format!("this.{name}");
        current.optional &= !self.known.contains(&so_far);
        for part in path.parts.iter().skip(2) {
            so_far = format!("{so_far}.{part}");
            let Some(next) = self.step(&current.ty, part) else { return self.lost(path, Vec::new()) };
            current = Typed { optional: (next.optional || current.optional) && !self.known.contains(&so_far), ..next };
        }
        current
    }

    /// The edges of one name that lead to a type: `incoming.route`.
    fn incoming(&mut self, ty: &Rc<PortableType>, path: &Path) -> Typed {
        let Some(edge) = path.parts.get(1) else { return self.lost(path, Vec::new()) };
        let (found, known) = self.leading_to(ty, edge);
        match found.as_slice() {
            [(from, index)] => Typed::new(Ty::Blocks(Rc::clone(from), vec![*index])),
            [] => self.lost(path, known),
            _ => {
                self.out.push(diag::spec(path.span, "edges of several types lead here by that name, and their fields may differ"));
                Typed::new(Ty::Any)
            }
        }
    }

    /// The edges of a name that lead to a type, as the type that they start from and their property; and the paths of all that lead there.
    fn leading_to(&mut self, ty: &PortableType, edge: &str) -> (Vec<(Rc<PortableType>, usize)>, Vec<String>) {
        let names: Vec<String> = self.catalogue.names().map(str::to_owned).collect();
        let mut found: Vec<(Rc<PortableType>, usize)> = Vec::new();
        let mut known: Vec<String> = Vec::new();
        for from in names.iter().filter_map(|name| self.catalogue.get(name, self.sources)) {
            for (index, property) in from.properties.iter().enumerate().filter(|(_, property)| property.edge().is_some_and(|to| to.to == ty.name)) {
                known.push(format!("{INCOMING}.{}", property.name));
                if property.name == *edge {
                    found.push((Rc::clone(&from), index));
                }
            }
        }
        (found, known)
    }

    fn lost(&mut self, path: &Path, known: Vec<String>) -> Typed {
        self.out.push(diag::unknown_path(path.span, &path.to_string(), &known));
        Typed::new(Ty::Any)
    }

    fn step(&mut self, ty: &Ty, part: &str) -> Option<Typed> {
        match ty {
            Ty::Any => Some(Typed::new(Ty::Any)),
            Ty::Names(names) => names.contains(&part).then(|| Typed::new(if part == PLACE { Ty::Integer } else { Ty::Text(None) })),
            Ty::Place => match part {
                "index" | "number" => Some(Typed::new(Ty::Integer)),
                "letter" => Some(Typed::new(Ty::Text(None))),
                _ => None,
            },
            Ty::Row(true) if part == "value" => Some(Typed::new(Ty::Integer)),
            Ty::Row(_) => matches!(part, "key" | "value").then(|| Typed::new(Ty::Text(None))),
            Ty::Entry(secret) => match (part, secret) {
                ("key", _) => Some(Typed::new(Ty::Text(None))),
                ("value", false) => Some(Typed::deferred(Ty::Text(None))),
                ("value", true) => Some(self.secret_reference()),
                _ => None,
            },
            Ty::Cloud => {
                let rule = self.rules.lowering(CLOUD, self.sources)?;
                if find_param(&rule.body, part).is_some() {
                    return Some(Typed::deferred(Ty::Text(None)));
                }
                let scope = Scope { rule: Rc::clone(&rule), subject: Root::Cloud, items: Vec::new() };
                self.output(CLOUD, &scope, part)
            }
            Ty::Resource(ty) => {
                let ty = Rc::clone(ty);
                if part == "this" {
                    return Some(Typed::new(Ty::Names(&["name"])));
                }
                if let Some(rule) = self.rules.lowering(&ty.name, self.sources) {
                    let scope = Scope { rule, subject: Root::Type(Rc::clone(&ty)), items: Vec::new() };
                    if let Some(typed) = self.output(&ty.name, &scope, part) {
                        return Some(typed);
                    }
                }
                self.property(&ty, &ty.properties, "", part)
            }
            Ty::Blocks(ty, indices) if part.starts_with(PER) || part.starts_with(WITHOUT) => {
                let field = part.strip_prefix(PER).or_else(|| part.strip_prefix(WITHOUT))?;
                edge_has(ty, *indices.first()?, field).then(|| Typed::new(Ty::Blocks(Rc::clone(ty), indices.clone())))
            }
            Ty::Block(ty, index) if part.starts_with(SAME) => {
                let field = part.strip_prefix(SAME)?;
                edge_has(ty, *index, field).then(|| Typed::new(Ty::Blocks(Rc::clone(ty), vec![*index])))
            }
            Ty::Block(ty, index) => self.block_step(ty, *index, part),
            Ty::Blocks(ty, indices) => {
                let one = indices.first().and_then(|index| self.block_step(ty, *index, part))?;
                Some(Typed { ty: Ty::List(Box::new(one.ty)), optional: false, known: one.known })
            }
            Ty::Object(fields) => fields.iter().find(|(name, _)| name == part).map(|(_, typed)| typed.clone()),
            _ => None,
        }
    }

    fn block_step(&mut self, ty: &Rc<PortableType>, index: usize, part: &str) -> Option<Typed> {
        let property = ty.properties.get(index)?;
        let Kind::Block(block) = &property.kind else { return None };
        if let Some(typed) = self.property(ty, &block.fields, &property.name, part) {
            return Some(typed);
        }
        if let Some(edge) = &block.edge {
            let to = self.catalogue.get(&edge.to, self.sources)?;
            if part == "to" {
                return Some(Typed::new(Ty::Resource(to)));
            }
            if part == "from" {
                return Some(Typed::new(Ty::Resource(Rc::clone(ty))));
            }
            let rule = self.rules.edge(&property.name, &ty.name, &edge.to, self.sources)?;
            let scope = Scope { rule, subject: Root::Edge { from: Rc::clone(ty), to, property: index }, items: Vec::new() };
            return self.output(&scope.subject.of(), &scope, part);
        }
        // An output that stands inside of the loop over this block belongs to each of its items.
        let rule = self.rules.lowering(&ty.name, self.sources)?;
        let (expr, name, _) = find_item_output(&rule.body, &property.name, part)?;
        let scope = Scope { rule: Rc::clone(&rule), subject: Root::Type(Rc::clone(ty)), items: vec![(name.to_owned(), Ty::Block(Rc::clone(ty), index))] };
        let depth = self.known.len();
        self.known.push(name.to_owned());
        let typed = self.infer_quietly(&scope, expr);
        self.known.truncate(depth);
        Some(typed)
    }

    /// The type of a rule's output.
    fn output(&mut self, of: &str, scope: &Scope, name: &str) -> Option<Typed> {
        let (expr, conditional) = find_output(&scope.rule.body, name)?;
        let key = (of.to_owned(), name.to_owned());
        if self.busy.contains(&key) {
            return Some(Typed::deferred(Ty::Any));
        }
        self.busy.push(key);
        let known = std::mem::take(&mut self.known);
        let mut typed = self.infer_quietly(scope, expr);
        self.known = known;
        self.busy.pop();
        typed.optional |= conditional;
        Some(typed)
    }

    /// What is wrong in another rule is said when that rule is checked.
    fn infer_quietly(&mut self, scope: &Scope, expr: &Expr) -> Typed {
        let outer = std::mem::take(&mut self.out);
        let typed = self.infer(scope, expr);
        self.out = outer;
        typed
    }

    /// What a secret is handed on as: the secret keeper's own output.
    fn secret_reference(&mut self) -> Typed {
        let Some(keeper) = self.catalogue.secret_keeper(self.sources) else { return Typed::new(Ty::Any) };
        let Some(output) = keeper.outputs.iter().find(|output| output.secret).map(|output| output.name.clone()) else { return Typed::new(Ty::Any) };
        self.step(&Ty::Resource(keeper), &output).unwrap_or(Typed::deferred(Ty::Any))
    }

    fn property(&mut self, ty: &Rc<PortableType>, fields: &[Property], block: &str, name: &str) -> Option<Typed> {
        let property = fields.iter().find(|property| property.name == name)?;
        let path = if block.is_empty() { name.to_owned() } else { format!("{block}.{name}") };
        self.used.insert((ty.name.clone(), block.to_owned()));
        self.used.insert((ty.name.clone(), path));
        let kind = match &property.kind {
            Kind::String(_) => Ty::Text(None),
            Kind::Integer { .. } => Ty::Integer,
            Kind::Number { .. } => Ty::Number,
            Kind::Bool => Ty::Bool,
            Kind::Enum(values) => Ty::Text(Some(Rc::new(values.iter().map(|(value, _)| value.clone()).collect()))),
            Kind::Ref(types) => types.first().and_then(|ty| self.catalogue.get(ty, self.sources)).map_or(Ty::Any, Ty::Resource),
            Kind::List(_) => Ty::List(Box::new(Ty::Text(None))),
            Kind::Map { secrets } => Ty::Entries(*secrets),
            Kind::Secret => Ty::Secret,
            Kind::Block(of) => {
                let indices: Vec<usize> = ty.properties.iter().enumerate().filter(|(_, other)| other.name == name).map(|(index, _)| index).collect();
                match (of.many, indices.first()) {
                    (true, _) => Ty::Blocks(Rc::clone(ty), indices),
                    (false, Some(index)) => Ty::Block(Rc::clone(ty), *index),
                    (false, None) => Ty::Any,
                }
            }
        };
        let many = matches!(kind, Ty::Blocks(..) | Ty::Entries(_));
        Some(Typed { ty: kind, optional: !property.required && property.default.is_none() && !many, known: property.known_when_building() })
    }
}

/// Whether a property is an edge that has a text of this name.
fn edge_has(ty: &PortableType, index: usize, field: &str) -> bool {
    match ty.properties.get(index).map(|property| &property.kind) {
        Some(Kind::Block(block)) => block.edge.is_some() && block.fields.iter().any(|of| of.name == field && matches!(of.kind, Kind::String(_))),
        _ => false,
    }
}

/// What a rule's parameter is: secret, a number as its default is, or text.
fn param_type(param: &RuleParam) -> Ty {
    match param.default {
        _ if param.secret => Ty::Secret,
        Some(Scalar::Integer(_)) => Ty::Integer,
        Some(Scalar::Float(_)) => Ty::Number,
        _ => Ty::Text(None),
    }
}

fn property_names(properties: &[Property]) -> Vec<String> {
    let mut names: Vec<String> = properties.iter().map(|property| property.name.clone()).collect();
    names.dedup();
    names
}

/// What an item of a list is; of what is no list, itself.
fn item_of(ty: &Ty) -> Ty {
    match ty {
        Ty::List(item) => (**item).clone(),
        other => other.clone(),
    }
}

/// What all items are, as far as it matters: lists, single values, or not to be known.
fn common(items: Vec<Ty>) -> Ty {
    let kind = |ty: &Ty| matches!(ty, Ty::List(_));
    let mut items = items.into_iter();
    let Some(first) = items.next() else { return Ty::Any };
    if items.all(|item| kind(&item) == kind(&first)) && kind(&first) { first } else { Ty::Any }
}

/// Whether a body is a list: its items, or those of its forms, are written with `-`.
pub(super) fn is_list(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Element(_) => true,
        Item::Property(..) => false,
        Item::When(_, body) => is_list(body),
        Item::Match(_, arms) => arms.iter().any(|(_, body)| is_list(body)),
        Item::Each(each) => is_list(&each.body),
    })
}

fn shapes_agree(given: &Shape, wanted: &Shape) -> bool {
    let scalar = |shape: &Shape| matches!(shape, Shape::String | Shape::Integer | Shape::Number | Shape::Boolean | Shape::Json);
    match (given, wanted) {
        (_, Shape::Json) | (Shape::Json, _) => true,
        (Shape::AnyOf(given), _) => given.iter().any(|given| shapes_agree(given, wanted)),
        (_, Shape::AnyOf(wanted)) => wanted.iter().any(|wanted| shapes_agree(given, wanted)),
        (Shape::List(given), Shape::List(wanted)) | (Shape::Map(given), Shape::Map(wanted)) => shapes_agree(given, wanted),
        (_, Shape::List(wanted)) => shapes_agree(given, wanted),
        _ => scalar(given) && scalar(wanted),
    }
}

/// A parameter that a rule asks for.
pub(super) fn find_param<'r>(statements: &'r [Statement], wanted: &str) -> Option<&'r RuleParam> {
    statements.iter().find_map(|statement| match statement {
        Statement::Param(param) if param.name.text == wanted => Some(param),
        _ => None,
    })
}

/// An output of a body, not of its loops, and whether it may be absent.
pub(super) fn find_output<'r>(statements: &'r [Statement], wanted: &str) -> Option<(&'r Expr, bool)> {
    for statement in statements {
        match statement {
            Statement::Output { name, value, .. } if name.text == wanted => return Some((value, false)),
            Statement::When(_, body) => {
                if let Some((value, _)) = find_output(body, wanted) {
                    return Some((value, true));
                }
            }
            Statement::Match(_, arms) => {
                let found: Vec<_> = arms.iter().filter_map(|(_, body)| find_output(body, wanted)).collect();
                if let Some((value, _)) = found.first() {
                    let always = found.len() == arms.len() && found.iter().all(|(_, conditional)| !conditional);
                    return Some((*value, !always));
                }
            }
            _ => {}
        }
    }
    None
}

/// An output that stands in a loop over a block, the loop's name for the item, and what the loop does.
pub(super) fn find_item_output<'r>(statements: &'r [Statement], block: &str, wanted: &str) -> Option<(&'r Expr, &'r str, &'r [Statement])> {
    for statement in statements {
        let found = match statement {
            Statement::Each(each) if each.over.parts.len() == 1 && each.over.parts.first().is_some_and(|part| part == block) => {
                find_output(&each.body, wanted).map(|(value, _)| (value, each.name.as_str(), each.body.as_slice()))
            }
            Statement::Each(each) => find_item_output(&each.body, block, wanted),
            Statement::When(_, body) => find_item_output(body, block, wanted),
            Statement::Match(_, arms) => arms.iter().find_map(|(_, body)| find_item_output(body, block, wanted)),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

fn each_resource<'r>(statements: &'r [Statement], found: &mut dyn FnMut(&'r ResourceRule)) {
    for statement in statements {
        match statement {
            Statement::Resource(resource) => found(resource),
            Statement::When(_, body) => each_resource(body, found),
            Statement::Match(_, arms) => arms.iter().for_each(|(_, body)| each_resource(body, found)),
            Statement::Each(each) => each_resource(&each.body, found),
            _ => {}
        }
    }
}

/// Takes a resource, the loops that it stands in, and the conditions under which it is made.
type RoleVisitor<'a, 'r> = dyn FnMut(&'r ResourceRule, &[String], &[String]) + 'a;

/// Resources of a role, each with the loops that it stands in and the conditions under which it is made.
fn find_role<'r>(statements: &'r [Statement], role: &str, loops: &mut Vec<String>, conditions: &mut Vec<String>, found: &mut RoleVisitor<'_, 'r>) {
    for statement in statements {
        match statement {
            Statement::Resource(resource) if resource.role.text == role => found(resource, loops, conditions),
            Statement::When(path, body) => {
                conditions.push(path.to_string());
                find_role(body, role, loops, conditions, found);
                conditions.pop();
            }
            Statement::Match(path, arms) => {
                // A role that every arm has is always there.
                let everywhere = arms.iter().all(|(_, body)| {
                    let mut has = false;
                    each_resource(body, &mut |resource| has |= resource.role.text == role);
                    has
                });
                for (key, body) in arms {
                    if !everywhere {
                        // Under `some`, the path itself is known; the other arms have names of their own.
                        conditions.push(if key.text == "some" { path.to_string() } else { format!("{path}={}", key.text) });
                    }
                    find_role(body, role, loops, conditions, found);
                    if !everywhere {
                        conditions.pop();
                    }
                }
            }
            Statement::Each(each) => {
                loops.push(each.name.clone());
                find_role(&each.body, role, loops, conditions, found);
                loops.pop();
            }
            _ => {}
        }
    }
}
