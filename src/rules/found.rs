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

    /// What a stack says of things that exist and no rule of its targets takes. A name that only some of them know is for those: the others ask for their own.
    pub fn check_found(&self, model: &Model, sources: &mut Sources) -> Vec<Diagnostic> {
        let mut problems = Vec::new();
        for resource in &model.resources {
            let Some(found) = &resource.found else { continue };
            let mut finders = self.finders(&resource.ty.name, sources);
            finders.retain(|finder| model.targets.is_empty() || model.targets.iter().any(|target| target.text == finder.target));
            // That nothing finds it is said for each target.
            if finders.is_empty() {
                continue;
            }
            let of = format!("the {} `{}`, which exists already,", resource.ty.name, resource.name.text);
            let params: Vec<&FinderParam> = finders.iter().flat_map(|finder| &finder.params).collect();
            let own = finders.iter().flat_map(|finder| &finder.reads).filter(|name| resource.ty.property(name).is_some());
            let mut known: Vec<&str> = params.iter().map(|param| param.name.as_str()).chain(own.map(String::as_str)).collect();
            known.sort_unstable();
            known.dedup();
            for (name, field) in &found.by {
                let asked: Vec<&&FinderParam> = params.iter().filter(|param| param.name == name.text).collect();
                if asked.is_empty() {
                    problems.push(diag::unknown_property(name.span, &name.text, &of, &known));
                } else if matches!(&field.value, Value::List(_)) && !asked.iter().any(|param| param.list) {
                    problems.push(diag::too_many_values(field.span, &name.text, "one value"));
                }
                if is_secret(field, model) {
                    problems.push(diag::secret_leak(field.span, "this", &format!("`{}`", name.text)));
                }
            }
            for (name, field) in resource.values.fields.iter().filter(|(name, _)| !known.contains(&name.as_str())) {
                problems.push(diag::read_by_nothing(field.span, name, of.trim_end_matches(','), &known));
            }
        }
        problems
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
