//! What exists already: by which names the rules of all targets find it, and whether a stack says what they ask for.

use super::ast::{Rule, RuleParam, Statement, Takes};
use super::find::each_path;
use super::{RuleFiles, parse};
use crate::check::{Field, Model, Resource, Value};
use crate::diag::{Diagnostic, check as diag};
use crate::source::Sources;

/// What a rule that finds a type asks for on a target.
#[derive(Debug)]
pub struct Finder {
    /// The target.
    pub target: String,
    /// What it asks for besides the type's own properties.
    pub params: Vec<FinderParam>,
    /// The edges that it takes: each with the types that they start from.
    pub takes: Vec<(String, Vec<String>)>,
    /// The type's own properties that it reads.
    pub reads: Vec<String>,
}

/// A name by which something is found.
#[derive(Debug)]
pub struct FinderParam {
    /// The name.
    pub name: String,
    /// What it is.
    pub about: String,
    /// Whether it is several texts.
    pub list: bool,
    /// Whether it may be left out, and is then asked of nobody.
    pub optional: bool,
}

/// The parameters of a rule, which stand outside of all forms.
pub(super) fn params(rule: &Rule) -> impl Iterator<Item = &RuleParam> {
    rule.body.iter().filter_map(|statement| if let Statement::Param(param) = statement { Some(param) } else { None })
}

/// What a rule that finds says of the edges that lead to what it found.
pub(super) fn takes(rule: &Rule) -> impl Iterator<Item = &Takes> {
    rule.body.iter().filter_map(|statement| if let Statement::Takes(takes) = statement { Some(takes) } else { None })
}

impl RuleFiles {
    /// How a type is found on every target that can.
    pub fn finders(&self, ty: &str, sources: &mut Sources) -> Vec<Finder> {
        let mut finders = Vec::new();
        for target in self.targets(sources) {
            let nodes = self.nodes(&target.cloud, ty, sources);
            // What is wrong in a rule is said where the rules are checked.
            let rules = parse::rules(&nodes, &target.name, &mut Vec::new());
            let Some(rule) = rules.into_iter().find(|rule| matches!(&rule.subject, super::Subject::Find(of) if of == ty)) else { continue };
            let mut reads: Vec<String> = Vec::new();
            each_path(&rule.body, &mut |path| reads.extend(path.parts.first().cloned()));
            reads.extend(rule.tables.iter().filter_map(|table| table.of.clone()));
            reads.sort();
            reads.dedup();
            let param =
                |param: &RuleParam| FinderParam { name: param.name.text.clone(), about: param.about.clone(), list: param.list, optional: param.optional };
            let edge = |takes: &Takes| (takes.edge.text.clone(), takes.from.iter().map(|from| from.text.clone()).collect());
            let params = params(&rule).map(param).collect();
            let takes = takes(&rule).filter(|takes| takes.refused.is_none()).map(edge).collect();
            finders.push(Finder { target: target.name, params, takes, reads });
        }
        finders
    }

    /// What a stack says of things that exist and no rule of its targets takes. What stands in the stack for all of them has to be known to one: the others
    /// ask for their own. What stands in an overlay has to be known to one that it is for.
    pub fn check_found(&self, model: &Model, sources: &mut Sources) -> Vec<Diagnostic> {
        let models: Vec<&Model> = std::iter::once(model).chain(model.elsewhere.iter().map(|other| &other.model)).collect();
        if models.iter().all(|model| model.resources.iter().all(|resource| resource.found.is_none())) {
            return Vec::new();
        }
        let all: Vec<String> = self.targets(sources).into_iter().map(|target| target.name).collect();
        let meant: Vec<&String> = all.iter().filter(|name| model.targets.is_empty() || model.targets.iter().any(|target| target.text == **name)).collect();
        let mut problems: Vec<Diagnostic> = Vec::new();
        for (index, variant) in models.iter().enumerate() {
            let own = |name: &String| match index.checked_sub(1).and_then(|index| model.elsewhere.get(index)) {
                Some(other) => other.targets.contains(name),
                None => !model.elsewhere.iter().any(|other| other.targets.contains(name)),
            };
            let own: Vec<&String> = meant.iter().copied().filter(|name| own(name)).collect();
            for resource in variant.resources.iter().filter(|resource| resource.found.is_some()) {
                let finders = self.finders(&resource.ty.name, sources);
                // That nothing finds it is said for each target.
                if finders.iter().any(|finder| meant.contains(&&finder.target)) && !own.is_empty() {
                    check_one(resource, &models, &finders, (&meant, &own), &mut problems);
                }
            }
        }
        let mut seen = Vec::new();
        problems.retain(|problem| {
            let new = !seen.contains(&(problem.code, problem.primary.span));
            seen.push((problem.code, problem.primary.span));
            new
        });
        problems
    }
}

/// The same of one resource of one variant.
fn check_one(resource: &Resource, models: &[&Model], finders: &[Finder], (meant, own): (&[&String], &[&String]), problems: &mut Vec<Diagnostic>) {
    let Some(found) = &resource.found else { return };
    let of = format!("the {} `{}`, which exists already,", resource.ty.name, resource.name.text);
    let in_all = |is_same: &dyn Fn(&Resource) -> bool| {
        models.iter().all(|model| model.resources.iter().any(|other| other.name.text == resource.name.text && is_same(other)))
    };
    let of_targets = |targets: &[&String]| -> Vec<&Finder> { finders.iter().filter(|finder| targets.contains(&&finder.target)).collect() };
    let known = |finders: &[&Finder]| {
        let params = finders.iter().flat_map(|finder| &finder.params).map(|param| param.name.clone());
        let read = finders.iter().flat_map(|finder| &finder.reads).filter(|name| resource.ty.property(name).is_some()).cloned();
        let mut known: Vec<String> = params.chain(read).collect();
        known.sort_unstable();
        known.dedup();
        known
    };
    for (name, field) in &found.by {
        let same = |other: &Resource| other.found.as_ref().and_then(|found| found.get(&name.text)).is_some_and(|other| other.span == field.span);
        let finders = of_targets(if in_all(&same) { meant } else { own });
        let asked: Vec<&FinderParam> = finders.iter().flat_map(|finder| &finder.params).filter(|param| param.name == name.text).collect();
        if asked.is_empty() {
            let known = known(&finders);
            problems.push(diag::unknown_property(name.span, &name.text, &of, &known.iter().map(String::as_str).collect::<Vec<_>>()));
        } else if matches!(&field.value, Value::List(_)) && !asked.iter().any(|param| param.list) {
            problems.push(diag::too_many_values(field.span, &name.text, "one value"));
        }
        if models.iter().any(|model| is_secret(field, model)) {
            problems.push(diag::secret_leak(field.span, "this", &format!("`{}`", name.text)));
        }
    }
    for (name, field) in &resource.values.fields {
        let same = |other: &Resource| other.values.get(name).is_some_and(|other| other.span == field.span);
        let known = known(&of_targets(if in_all(&same) { meant } else { own }));
        if !known.contains(name) {
            let takes: Vec<&str> = known.iter().map(String::as_str).collect();
            problems.push(diag::read_by_nothing(field.span, name, of.trim_end_matches(','), &takes));
        }
    }
}

/// Whether a value is where the cloud keeps a secret.
fn is_secret(field: &Field, model: &Model) -> bool {
    let secret = |resource: &Resource, name: &str| resource.ty.output(name).is_some_and(|output| output.secret);
    match &field.value {
        Value::Output(id, name) => model.resources.get(id.0).is_some_and(|of| secret(of, name)),
        Value::List(items) | Value::Joined(items) => items.iter().any(|item| is_secret(item, model)),
        _ => false,
    }
}
