//! Looks for things in a rule's statements: outputs, roles, parameters.

use super::ast::{Expr, ExprKind, Form, Item, Path, ResourceRule, RuleParam, Statement};
use crate::syntax::Ident;

/// Whether a body is a list: its items, or those of its forms, are written with `-`.
pub(super) fn is_list(items: &[Item]) -> bool {
    items.iter().any(|item| match item {
        Item::Element(_) => true,
        Item::Property(..) => false,
        Item::Form(form) => form.bodies().any(is_list),
    })
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
            Statement::Form(Form::When(_, body)) => {
                if let Some((value, _)) = find_output(body, wanted) {
                    return Some((value, true));
                }
            }
            Statement::Form(Form::Match(_, arms)) => {
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
            Statement::Form(Form::Each(each)) if each.over.parts.len() == 1 && each.over.parts.first().is_some_and(|part| part == block) => {
                find_output(&each.body, wanted).map(|(value, _)| (value, each.name.as_str(), each.body.as_slice()))
            }
            Statement::Form(form) => form.bodies().find_map(|body| find_item_output(body, block, wanted)),
            _ => None,
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

/// The names of outputs, of loops as well as of forms, and those that are said to be none.
pub(super) fn each_output<'r>(statements: &'r [Statement], found: &mut dyn FnMut(&'r Ident)) {
    for statement in statements {
        match statement {
            Statement::Output { name, .. } | Statement::NoOutput(name) => found(name),
            Statement::Form(form) => form.bodies().for_each(|body| each_output(body, found)),
            _ => {}
        }
    }
}

pub(super) fn each_resource<'r>(statements: &'r [Statement], found: &mut dyn FnMut(&'r ResourceRule)) {
    for statement in statements {
        match statement {
            Statement::Resource(resource) => found(resource),
            Statement::Form(form) => form.bodies().for_each(|body| each_resource(body, found)),
            _ => {}
        }
    }
}

/// Takes a resource, the loops that it stands in, and the conditions under which it is made.
pub(super) type RoleVisitor<'a, 'r> = dyn FnMut(&'r ResourceRule, &[String], &[String]) + 'a;

/// Resources of a role, each with the loops that it stands in and the conditions under which it is made.
pub(super) fn find_role<'r>(statements: &'r [Statement], role: &str, loops: &mut Vec<String>, conditions: &mut Vec<String>, found: &mut RoleVisitor<'_, 'r>) {
    for statement in statements {
        match statement {
            Statement::Resource(resource) if resource.role.text == role => found(resource, loops, conditions),
            Statement::Form(Form::When(path, body)) => {
                conditions.push(path.to_string());
                find_role(body, role, loops, conditions, found);
                conditions.pop();
            }
            Statement::Form(Form::Match(path, arms)) => {
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
            Statement::Form(Form::Each(each)) => {
                loops.push(each.name.clone());
                find_role(&each.body, role, loops, conditions, found);
                loops.pop();
            }
            _ => {}
        }
    }
}

/// Every path that statements read, those of conditions and loops among them.
pub(super) fn each_path<'r>(statements: &'r [Statement], found: &mut dyn FnMut(&'r Path)) {
    for statement in statements {
        match statement {
            Statement::Resource(resource) => {
                paths_of_items(&resource.body, found);
                resource.after.iter().chain(&resource.before).chain(&resource.keep).chain(&resource.shared).for_each(|expr| paths_of(expr, found));
            }
            Statement::Output { value, .. } => paths_of(value, found),
            Statement::Form(form) => {
                found(form.over());
                form.bodies().for_each(|body| each_path(body, found));
            }
            Statement::NoOutput(_) | Statement::Param(_) | Statement::Gate(_) | Statement::Takes(_) | Statement::Loss(_) => {}
        }
    }
}

fn paths_of_items<'r>(items: &'r [Item], found: &mut dyn FnMut(&'r Path)) {
    for item in items {
        match item {
            Item::Property(_, value) | Item::Element(value) => paths_of(value, found),
            Item::Form(form) => {
                found(form.over());
                form.bodies().for_each(|body| paths_of_items(body, found));
            }
        }
    }
}

fn paths_of<'r>(expr: &'r Expr, found: &mut dyn FnMut(&'r Path)) {
    match &expr.kind {
        ExprKind::Get(path) => found(path),
        ExprKind::Fmt(items) | ExprKind::List(items) => items.iter().for_each(|item| paths_of(item, found)),
        ExprKind::Body(items) => paths_of_items(items, found),
        ExprKind::Call { args, body, .. } => {
            args.iter().for_each(|arg| paths_of(arg, found));
            paths_of_items(body, found);
        }
        ExprKind::Broken | ExprKind::Literal(_) | ExprKind::Ref(_) | ExprKind::Attr(..) | ExprKind::Table(_) => {}
    }
}
