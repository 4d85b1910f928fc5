//! `handle KIND { … }`: the client's own kind and keys, and no secret among the values, since every reader of the outputs sees them.

use super::super::ast::{Expr, ExprKind, Form, HANDLE, Item, KIND};
use super::{Checker, Root, Scope, Ty};
use crate::diag::rules as diag;
use crate::source::Span;
use crate::syntax::Scalar;

impl Checker<'_, '_> {
    /// Checks what a handle says; `value` is the call that makes a text of it.
    pub(super) fn handle(&mut self, scope: &Scope, value: &Expr) {
        let ExprKind::Call { body, .. } = &value.kind else { return };
        if !matches!(scope.subject, Root::Type(_)) {
            self.out.push(diag::spec(value.span, "a `handle` stands in the rule of a type"));
            return;
        }
        let mut given: Vec<(&str, Span)> = Vec::new();
        self.handle_keys(scope, body, &mut given);
        let kind = body.iter().find_map(|item| match item {
            Item::Property(name, Expr { kind: ExprKind::Literal(Scalar::String(kind)), span }) if name.text == KIND => Some((kind, *span)),
            _ => None,
        });
        let Some((kind, span)) = kind else { return };
        let clients = self.rules.target.clients.clone();
        let Some((_, keys)) = clients.iter().find(|(name, _)| name == kind) else {
            let known: Vec<&str> = clients.iter().map(|(name, _)| name.as_str()).collect();
            self.out.push(diag::unknown_subject(span, "client", kind, &known));
            return;
        };
        let known: Vec<&str> = keys.iter().map(String::as_str).collect();
        for (key, span) in given.iter().filter(|(key, _)| *key != KIND && !known.contains(key)) {
            self.out.push(diag::unknown_subject(*span, "key", key, &known));
        }
        for key in known.iter().filter(|key| !given.iter().any(|(given, _)| given == *key)) {
            self.out.push(diag::spec(value.span, &format!("the client `{kind}` needs `{key}`")));
        }
    }

    fn handle_keys<'e>(&mut self, scope: &Scope, items: &'e [Item], given: &mut Vec<(&'e str, Span)>) {
        for item in items {
            match item {
                Item::Property(name, value) => {
                    given.push((&name.text, name.span));
                    self.no_secret(scope, value);
                }
                Item::Element(value) => self.out.push(diag::spec(value.span, "a `handle` has keys, and a value for each")),
                Item::Form(Form::Each(each)) => self.out.push(diag::spec(each.over.span, "a `handle` has keys that are known beforehand")),
                Item::Form(form) => form.bodies().for_each(|body| self.handle_keys(scope, body, given)),
            }
        }
    }

    fn no_secret(&mut self, scope: &Scope, value: &Expr) {
        let secret = match &value.kind {
            ExprKind::Get(path) => {
                let outer = std::mem::take(&mut self.out);
                let itself = matches!(self.resolve(scope, path).ty, Ty::Secret);
                let output = path.parts.split_last().filter(|(_, before)| !before.is_empty()).is_some_and(|(last, before)| {
                    let of = super::Path { parts: before.to_vec(), span: path.span };
                    matches!(self.resolve(scope, &of).ty, Ty::Resource(ty) if ty.output(last).is_some_and(|output| output.secret))
                });
                self.out = outer;
                itself || output
            }
            ExprKind::Attr(role, attribute) => {
                let outer = std::mem::take(&mut self.out);
                let role = self.role(scope, value.span, role);
                self.out = outer;
                let native = role.and_then(|((kind, name), ..)| self.rules.provider().native_type(kind, &name));
                let member = attribute.split(['.', '[']).next().unwrap_or_default();
                native.is_some_and(|native| native.root().member(member).is_some_and(|member| member.keeps_secret))
            }
            ExprKind::Fmt(pieces) | ExprKind::List(pieces) => return pieces.iter().for_each(|piece| self.no_secret(scope, piece)),
            ExprKind::Call { args, body, .. } => {
                args.iter().for_each(|arg| self.no_secret(scope, arg));
                return self.no_secret_in(scope, body);
            }
            ExprKind::Body(items) => return self.no_secret_in(scope, items),
            _ => false,
        };
        if secret {
            self.out.push(diag::secret_in_rule(value.span, &format!("a `{HANDLE}`")));
        }
    }

    fn no_secret_in(&mut self, scope: &Scope, items: &[Item]) {
        for item in items {
            match item {
                Item::Property(_, value) | Item::Element(value) => self.no_secret(scope, value),
                Item::Form(Form::Each(each)) if each.secret => self.out.push(diag::secret_in_rule(each.over.span, &format!("a `{HANDLE}`"))),
                Item::Form(Form::Each(each)) => {
                    let outer = std::mem::take(&mut self.out);
                    let (inner, depth) = self.enter(scope, each);
                    self.out = outer;
                    self.no_secret_in(&inner, &each.body);
                    self.known.truncate(depth);
                }
                Item::Form(form) => form.bodies().for_each(|body| self.no_secret_in(scope, body)),
            }
        }
    }
}
