//! What a rule gives beyond the outputs of its type is declared once for a cloud: who makes it, who finds it and who reads it are held to that.

use super::super::find::each_output;
use super::super::{Grade, Statement, Subject};
use super::{Checker, Root, Scope, Ty};
use crate::diag::rules as diag;
use crate::provider::Shape;
use crate::source::Span;
use crate::syntax::Node;
use std::rc::Rc;

/// What `offers` calls the file's node.
pub(in crate::rules) const OFFERS: &str = "offers";

/// The kinds of what is offered.
const KINDS: [&str; 3] = ["one", "list", "secret"];

/// Something that is offered, on all targets of a cloud or on one.
struct Offer {
    name: String,
    kind: String,
    on: Option<String>,
    span: Span,
}

impl Checker<'_, '_> {
    /// With `whole`, what is read of a type has to be offered although the file says nothing of that.
    pub(super) fn offers(&mut self, all: &[String], whole: bool) {
        let (target, cloud) = (self.rules.target.name.clone(), self.rules.target.cloud.clone());
        for name in all {
            let (Some(ty), Some(rule)) = (self.catalogue.get(name, self.sources), self.rules.lowering(name, self.sources)) else { continue };
            let nodes = self.rules.files.nodes(&cloud, name, self.sources);
            let node = nodes.iter().find(|node| node.name.text == OFFERS);
            let offers = node.map(|node| self.read_offers(node)).unwrap_or_default();
            let here = |offer: &&Offer| offer.on.as_ref().is_none_or(|on| *on == target);
            let is_own = |part: &str| ty.output(part).is_some() || ty.property(part).is_some();
            let asked: Vec<String> = self.asked.keys().filter(|(of, part)| of == name && !is_own(part)).map(|(_, part)| part.clone()).collect();
            if node.is_none() && (!whole || self.rules.files.is_replaced(&cloud, name)) {
                continue;
            }
            for part in asked.iter().filter(|part| !offers.iter().filter(here).any(|offer| offer.name == **part)) {
                let why = format!("on {target}, rules read `{part}` of a {name}, and `offers {name} {{ … }}` does not have it");
                self.out.push(diag::spec(node.map_or(rule.span, |node| node.span), &why));
            }
            let finder = self.rules.finding(name, self.sources);
            for rule in [Some(rule), finder].into_iter().flatten() {
                let scope = Scope { rule: Rc::clone(&rule), subject: Root::Type(Rc::clone(&ty)), items: Vec::new() };
                let mut given: Vec<&str> = Vec::new();
                each_output(&rule.body, &mut |output| given.push(&output.text));
                // A type that is not there at all offers nothing.
                if is_lost(&rule.body, name) {
                    continue;
                }
                for offer in offers.iter().filter(here) {
                    let property = matches!(rule.subject, Subject::Type(_)) && ty.property(&offer.name).is_some();
                    if !property && !given.contains(&offer.name.as_str()) {
                        self.out.push(diag::missing_output(rule.span, &rule.subject.to_string(), &offer.name, &target, offer.span));
                    }
                    let typed = self.output(&scope.of(), &scope, &offer.name).map(|typed| typed.ty);
                    if let Some(is) = typed.as_ref().and_then(kind_of).filter(|is| KINDS.contains(&offer.kind.as_str()) && *is != offer.kind) {
                        let why = format!("`{}` is offered as `{}`, and `{}` on {target} gives `{is}`", offer.name, offer.kind, rule.subject);
                        self.out.push(diag::spec(offer.span, &why));
                    }
                }
            }
        }
    }

    fn read_offers(&mut self, node: &Node) -> Vec<Offer> {
        let mut offers: Vec<Offer> = Vec::new();
        for line in node.children() {
            if !KINDS.contains(&line.name.text.as_str()) {
                self.out.push(diag::unknown_subject(line.name.span, "kind of what is offered", &line.name.text, &KINDS));
            }
            let on = line.prop_str("on").map(str::to_owned);
            for value in &line.args {
                let Some(name) = value.as_str().map(str::to_owned) else { continue };
                if let Some(first) = offers.iter().find(|other| other.name == name && (other.on.is_none() || on.is_none() || other.on == on)) {
                    self.out.push(diag::declared_twice(value.span, "offer", &name, first.span));
                }
                offers.push(Offer { name, kind: line.name.text.clone(), on: on.clone(), span: value.span });
            }
        }
        offers
    }
}

/// Whether a rule says that the target has no such thing.
pub(super) fn is_lost(statements: &[Statement], wanted: &str) -> bool {
    let is = |statement: &Statement| matches!(statement, Statement::Loss(loss) if loss.grade == Grade::Unsupported && loss.subject.to_string() == wanted);
    statements.iter().any(is)
}

/// What kind a value is, as far as it tells.
fn kind_of(ty: &Ty) -> Option<&'static str> {
    match ty {
        Ty::List(_) | Ty::Given(Some(Shape::List(_))) => Some("list"),
        Ty::Secret | Ty::Object(_) => Some("secret"),
        Ty::Text(_) | Ty::Integer | Ty::Number | Ty::Bool | Ty::Given(Some(Shape::String | Shape::Integer | Shape::Number | Shape::Boolean)) => Some("one"),
        _ => None,
    }
}
