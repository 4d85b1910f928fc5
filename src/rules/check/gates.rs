//! What is to be checked of gates: what they look for, and who waits for them.

use super::super::INCOMING;
use super::super::ast::{Form, GateRule, Path, Rule, Statement};
use super::{Checker, Root, Scope, Ty};
use crate::diag::rules as diag;
use crate::gates::Look;
use crate::provider::Shape;
use std::rc::Rc;

impl Checker<'_, '_> {
    /// A gate stands in a type's rule, and outside of loops, so that a path leads to one.
    pub(super) fn gate(&mut self, scope: &Scope, gate: &GateRule) {
        if !matches!(scope.subject, Root::Type(_)) || !scope.items.is_empty() {
            self.out.push(diag::spec(gate.span, "a gate stands in a type's rule, and in no loop"));
        }
        let Some(look) = Look::named(&gate.look.text) else {
            self.out.push(diag::unknown_subject(gate.look.span, "look", &gate.look.text, &Look::NAMES));
            return;
        };
        for (name, _) in gate.fields.iter().filter(|(name, _)| !look.fields().contains(&name.text.as_str())) {
            let takes = crate::diag::list(look.fields());
            self.out.push(diag::spec(name.span, &format!("a gate of `{}` takes {takes}", look.word())));
        }
        for field in look.fields().iter().filter(|field| !gate.fields.iter().any(|(name, _)| name.text == **field)) {
            self.out.push(diag::spec(gate.span, &format!("a gate of `{}` needs `{field}`", look.word())));
        }
        for (name, value) in &gate.fields {
            let typed = self.infer(scope, value);
            let text = matches!(typed.ty, Ty::Text(_) | Ty::Any | Ty::Given(None | Some(Shape::String)));
            if !text || typed.optional {
                self.out.push(diag::spec(value.span, &format!("`{}` of a gate is text, and always there", name.text)));
            }
        }
        let typed = self.infer(scope, &gate.act);
        if !(matches!(typed.ty, Ty::Text(_) | Ty::Any) && typed.known && !typed.optional) {
            self.out.push(diag::spec(gate.act.span, "`do` is text that is known when building"));
        }
    }

    /// What a resource waits for: a gate of the rule's own (`this.NAME`), of a resource that a path leads to, or of those
    /// from which edges lead here (`incoming.EDGE.NAME`).
    pub(super) fn waits(&mut self, scope: &Scope, path: &Path) {
        let (Some((name, holder)), false) = (path.parts.split_last(), path.parts.len() < 2) else {
            let why = "`waits` is the path to a gate: `(get)this.NAME`, or by way of a property";
            self.out.push(diag::spec(path.span, why));
            return;
        };
        if let ([head, edge], Root::Type(ty)) = (holder, &scope.subject)
            && head == INCOMING
        {
            let (found, known) = self.leading_to(ty, edge);
            if found.is_empty() {
                self.lost(path, known);
            }
            for (from, _) in found {
                let names = self.rules.lowering(&from.name, self.sources).map(|rule| gate_names(&rule)).unwrap_or_default();
                // A rule without gates, such as a team's own or one that refuses the edge, holds nobody up.
                if names.contains(name) {
                    self.waited.insert((from.name.clone(), name.clone()));
                } else if !names.is_empty() {
                    self.lost(path, names);
                }
            }
            return;
        }
        let (of, rule) = match (holder, &scope.subject) {
            ([this], Root::Type(ty)) if this == "this" => (ty.name.clone(), Some(Rc::clone(&scope.rule))),
            _ => match self.resolve(scope, &Path { parts: holder.to_vec(), span: path.span }).ty {
                Ty::Resource(ty) => (ty.name.clone(), self.rules.lowering(&ty.name, self.sources)),
                // Said already.
                Ty::Any => return,
                _ => (String::new(), None),
            },
        };
        let known = rule.map(|rule| gate_names(&rule)).unwrap_or_default();
        if known.is_empty() && !of.is_empty() && holder.first().is_none_or(|head| head != "this") {
            // A team's own rule of what is there already holds nobody up.
        } else if known.contains(name) {
            self.waited.insert((of, name.clone()));
        } else {
            self.lost(path, known);
        }
    }

    /// A gate that nothing waits for holds nothing back.
    pub(super) fn unread_gates(&mut self, all: &[String]) {
        for ty in all {
            let Some(rule) = self.rules.lowering(ty, self.sources) else { continue };
            let mut found = Vec::new();
            each_gate(&rule.body, &mut |gate| found.push((gate.name.text.clone(), gate.span)));
            found.retain(|(name, _)| !self.waited.contains(&(ty.clone(), name.clone())));
            for (name, span) in found {
                self.out
                    .push(diag::spec(span, &format!("nothing waits for the gate `{name}`: a resource does with `waits=(get)this.{name}`, or by a path to it")));
            }
        }
    }
}

fn each_gate<'r>(statements: &'r [Statement], found: &mut dyn FnMut(&'r GateRule)) {
    for statement in statements {
        match statement {
            Statement::Gate(gate) => found(gate),
            // One in a loop is refused for that.
            Statement::Form(form) if !matches!(form, Form::Each(_)) => form.bodies().for_each(|body| each_gate(body, found)),
            _ => {}
        }
    }
}

fn gate_names(rule: &Rule) -> Vec<String> {
    let mut names = Vec::new();
    each_gate(&rule.body, &mut |gate| names.push(gate.name.text.clone()));
    names
}
