//! Rules that find what exists already: they give what the rule that makes one gives, ask for what they read, and say which edges they take.

use super::super::Rule;
use super::super::ast::{RuleParam, Statement, Takes};
use super::super::find::{each_output, each_path, find_item_output};
use super::super::found::takes;
use super::offers::is_lost;
use super::{Asked, Checker, Root, Scope, Ty, Typed};
use crate::diag::rules as diag;
use crate::portable::{Kind, PortableType};
use crate::provider::Shape;
use std::rc::Rc;

impl Checker<'_, '_> {
    /// Notes what is read of a resource that may have been found as well as made.
    pub(super) fn asks(&mut self, ty: &str, part: &str, typed: &Typed) {
        let several = matches!(&typed.ty, Ty::List(_) | Ty::Given(Some(Shape::List(_))));
        let asked = self.asked.entry((ty.to_owned(), part.to_owned())).or_insert(Asked { several, needed: false });
        asked.needed |= !self.waiting;
    }

    /// The rule that finds a type by itself. What it reads and loses is nothing that the rule that makes one has said.
    pub(super) fn finding(&mut self, ty: &Rc<PortableType>) {
        let Some(rule) = self.rules.finding(&ty.name, self.sources) else { return };
        let (used, losses) = (self.used.clone(), self.losses.len());
        self.rule(&Scope { rule, subject: Root::Type(Rc::clone(ty)), items: Vec::new() });
        self.used = used;
        self.losses.truncate(losses);
    }

    /// A parameter of a rule: what only what is found can leave out, and the types that the format has.
    pub(super) fn param(&mut self, scope: &Scope, param: &RuleParam) {
        if param.optional && !scope.finds() {
            self.out.push(diag::spec(param.name.span, "only what finds something can do without one of its parameters"));
        }
        if let (true, Root::Type(ty)) = (scope.finds(), &scope.subject)
            && ty.property(&param.name.text).is_some()
        {
            self.out.push(diag::spec(param.name.span, "that is a property of the type, which is read with `(get)` and has to be written"));
        }
        let target = &self.rules.target;
        if let Some(ty) = param.ty.as_ref().filter(|ty| !target.takes_param_type(&ty.text, param.list)) {
            self.out.push(diag::spec(ty.span, "the format has no such type for a parameter of one value, or of several"));
        }
    }

    /// With `whole`, a type that is found on any target has to be found on this one, or said not to be.
    pub(super) fn finders(&mut self, all: &[String], whole: bool) {
        let target = self.rules.target.name.clone();
        for name in all {
            let Some(ty) = self.catalogue.get(name, self.sources) else { continue };
            let Some(rule) = self.rules.finding(name, self.sources) else {
                // A team's own rules need not find what they make.
                if whole && !self.rules.files.is_replaced(&self.rules.target.cloud, name) && self.is_found_elsewhere(name) {
                    self.out.push(diag::not_covered(self.rules.target.span, &format!("find {name}"), name, &target, ty.span));
                }
                continue;
            };
            let lost = |wanted: &str| is_lost(&rule.body, wanted);
            if lost(name) {
                continue;
            }
            let (mut given, mut none): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
            each_output(&rule.body, &mut |output| given.push(&output.text));
            none.extend(rule.body.iter().filter_map(|statement| if let Statement::NoOutput(output) = statement { Some(output.text.as_str()) } else { None }));
            for output in
                ty.outputs.iter().filter(|output| (!given.contains(&output.name.as_str()) || none.contains(&output.name.as_str())) && !lost(&output.name))
            {
                self.out.push(diag::missing_output(rule.span, &rule.subject.to_string(), &output.name, &target, output.span));
            }
            let asked: Vec<(String, Asked)> =
                self.asked.iter().filter(|((of, _), _)| of == name).map(|((_, part), asked)| (part.clone(), asked.clone())).collect();
            for (part, asked) in asked.into_iter().filter(|(part, _)| ty.output(part).is_none() && !lost(part)) {
                // Groups of fields are read as the stack has them.
                if matches!(ty.property(&part).map(|property| &property.kind), Some(Kind::Block(_))) {
                    let mut reads = false;
                    each_path(&rule.body, &mut |path| reads |= path.parts.first() == Some(&part));
                    if !reads {
                        self.out.push(diag::not_covered(rule.span, &rule.subject.to_string(), &part, &target, ty.span));
                    }
                    continue;
                }
                let (is_given, is_none) = (given.contains(&part.as_str()), none.contains(&part.as_str()));
                if !is_given || (is_none && asked.needed) {
                    self.out.push(diag::missing_output(rule.span, &rule.subject.to_string(), &part, &target, ty.span));
                } else if !is_none {
                    self.same_kind(&ty, &rule, &part, asked.several);
                }
            }
            let items: Vec<(String, String)> =
                self.asked_items.iter().filter(|(of, ..)| of == name).map(|(_, block, part)| (block.clone(), part.clone())).collect();
            for (block, part) in items.iter().filter(|(block, part)| find_item_output(&rule.body, block, part).is_none()) {
                self.out.push(diag::missing_output(rule.span, &rule.subject.to_string(), &format!("{block}.{part}"), &target, ty.span));
            }
            self.edges_taken(&ty, &rule);
        }
    }

    /// What is one thing of what is made is one of what is found, and what is several is several.
    fn same_kind(&mut self, ty: &Rc<PortableType>, rule: &Rc<Rule>, part: &str, several: bool) {
        let scope = Scope { rule: Rc::clone(rule), subject: Root::Type(Rc::clone(ty)), items: Vec::new() };
        let Some(typed) = self.output(&scope.of(), &scope, part) else { return };
        let is_list = matches!(&typed.ty, Ty::List(_) | Ty::Given(Some(Shape::List(_))));
        if is_list != several && !matches!(typed.ty, Ty::Any | Ty::Given(None | Some(Shape::Json))) {
            let (is, wanted) = if several { ("one value", "several") } else { ("several values", "one") };
            self.out.push(diag::spec(rule.span, &format!("`{part}` of what is found is {is}, and {wanted} of what is made")));
        }
    }

    /// Every edge that leads to the type is taken or refused, and no other.
    fn edges_taken(&mut self, ty: &PortableType, rule: &Rule) {
        let mut open: Vec<(String, String)> = Vec::new();
        let names: Vec<String> = self.catalogue.names().map(str::to_owned).collect();
        for name in names {
            let Some(from) = self.catalogue.get(&name, self.sources) else { continue };
            let edges = from.properties.iter().filter(|property| property.edge().is_some_and(|edge| edge.to == ty.name));
            for edge in edges.map(|property| property.name.clone()) {
                // Where the target has no such edge, nothing can take it.
                if self.rules.edge(&edge, &from.name, &ty.name, self.sources).is_some() {
                    open.push((edge, from.name.clone()));
                }
            }
        }
        let known: Vec<String> = open.iter().map(|(edge, from)| format!("{edge} {from}")).collect();
        let said: Vec<&Takes> = takes(rule).collect();
        for (takes, from) in said.iter().flat_map(|takes| takes.from.iter().map(move |from| (takes, from))) {
            match open.iter().position(|(edge, ty)| *edge == takes.edge.text && *ty == from.text) {
                Some(place) => _ = open.remove(place),
                None => {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    self.out.push(diag::unknown_subject(takes.span, "edge that is still open", &format!("{} {}", takes.edge.text, from.text), &known));
                }
            }
        }
        for (edge, from) in open {
            let why = format!("nothing is said of `{edge}` from a {from}: `takes {edge} {from}`, or `refuses {edge} {from} \"why\"`");
            self.out.push(diag::spec(rule.span, &why));
        }
    }

    fn is_found_elsewhere(&mut self, name: &str) -> bool {
        let files = self.rules.files;
        files.clouds().iter().any(|cloud| {
            let nodes = files.nodes(cloud, name, self.sources);
            nodes.iter().any(|node| matches!((node.name.text.as_str(), node.arg_str(0)), ("find", Some(of)) if of == name))
        })
    }
}
