//! What exists already: `(existing)TYPE NAME`. It is found and never changed, so nothing of it has a default.

use super::{Checker, Field, Found, Resource, Value};
use crate::diag::check as diag;
use crate::portable::{Format, PortableType};
use crate::syntax::{self, Ident, Node};
use std::rc::Rc;

/// The form that says so.
pub(super) const FORM: &str = "existing";

impl Checker<'_> {
    /// What a stack says of something that exists: properties of its type, and by which names the targets' rules find it. Those are compared with the rules
    /// where the targets are known.
    pub(super) fn read_existing(&mut self, name: Ident, ty: Rc<PortableType>, node: &Node) -> Resource {
        let of = format!("the {} `{}`, which exists already,", ty.name, name.text);
        let (mut accepts, mut by) = (Vec::new(), Vec::new());
        let mut rest = node.clone();
        let edge = |name: &str| format!("`{name}` is what a resource does that the stack makes");
        for (key, value) in &node.props {
            match ty.property(&key.text) {
                None => by.extend(self.asked(key, std::slice::from_ref(value))),
                Some(property) if property.edge().is_some() => self.out.push(diag::would_change(key.span, &of, &edge(&key.text))),
                Some(_) => {}
            }
        }
        for child in node.children() {
            match (child.name.text.as_str(), ty.property(&child.name.text)) {
                ("accept", _) => accepts.extend(self.read_accept(child)),
                (name, Some(property)) if property.edge().is_some() => {
                    self.out.push(diag::would_change(child.name.span, &of, &edge(name)));
                }
                ("tags", _) => self.out.push(diag::would_change(child.name.span, &of, "its tags are those that it has")),
                (_, None) => {
                    self.no_props_or_children(child, &child.name.text);
                    if let Some(tag) = &child.tag {
                        self.out.push(diag::unknown_form(tag.span, &tag.text));
                    }
                    by.extend(self.asked(&child.name, &child.args));
                }
                (_, Some(_)) => {}
            }
        }
        let own = |name: &Ident| ty.property(&name.text).is_some_and(|property| property.edge().is_none());
        rest.props.retain(|(key, _)| own(key));
        rest.children = Some(node.children().iter().filter(|child| own(&child.name)).cloned().collect());
        let args: Vec<&syntax::Value> = node.args.iter().skip(1).collect();
        let (mut values, _) = self.read_given(&of, &ty.properties, &rest, &args, &[], node.span);
        let place = |name: &str| ty.properties.iter().position(|property| property.name == name);
        values.fields.sort_by_key(|(name, _)| place(name));
        by.sort_by(|a, b| a.0.text.cmp(&b.0.text));
        self.unique_keys(&by.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>());
        Resource { name, ty, values, tags: Vec::new(), accepts, found: Some(Found { by }), span: node.span }
    }

    /// One of the names by which something is found, and its value: one text or several.
    fn asked(&mut self, name: &Ident, values: &[syntax::Value]) -> Option<(Ident, Field)> {
        let fields: Vec<Field> = values.iter().filter_map(|value| self.text_value(value, &name.text, Format::Any, true)).collect();
        match fields.as_slice() {
            [] if values.is_empty() => {
                self.out.push(diag::wrong_type(name.span, &name.text, "a value", "empty"));
                None
            }
            [] => None,
            [one] => Some((name.clone(), one.clone())),
            [first, ..] => Some((name.clone(), Field { span: first.span, value: Value::List(fields), given: true })),
        }
    }
}
