//! `accept NAME PROPERTY "why"` at the top of a stack or in an overlay: handed to the resource that it is about.

use crate::diag::{Diagnostics, check as diag, expand as forms};
use crate::portable::{Catalogue, Kind, PortableType};
use crate::source::{Sources, Span};
use crate::syntax::{Ident, Node, Value};
use std::collections::BTreeMap;

/// The tag of a line that was handed over: what it accepts is named. Nobody can write it.
pub const NAMED: &str = "named";

/// Puts each acceptance into its resource.
pub fn hand_over(accepts: &[Node], found: &mut [Node], absent: &BTreeMap<String, Span>, catalogue: &Catalogue, sources: &mut Sources, out: &mut Diagnostics) {
    for node in found.iter().flat_map(|node| node.children()) {
        if let Some(tag) = node.tag.as_ref().filter(|tag| tag.text == NAMED) {
            out.push(diag::unknown_form(tag.span, NAMED));
        }
    }
    for accept in accepts {
        if let Some(tag) = &accept.tag {
            out.push(diag::unknown_form(tag.span, &tag.text));
        }
        for (key, _) in &accept.props {
            out.push(diag::unknown_property(key.span, &key.text, "`accept`", &[]));
        }
        for child in accept.children() {
            out.push(diag::unknown_property(child.name.span, &child.name.text, "`accept`", &[]));
        }
        let words: Vec<&Value> = accept.args.iter().filter(|value| value.tag.is_none() && value.as_str().is_some()).collect();
        let (name, what, why) = match words.as_slice() {
            [name, why] if accept.args.len() == 2 => (*name, None, *why),
            [name, what, why] if accept.args.len() == 3 => (*name, Some(*what), *why),
            _ => {
                out.push(forms::bad_accept(accept.span));
                continue;
            }
        };
        if why.as_str().is_none_or(|why| why.trim().is_empty()) {
            out.push(diag::missing_property(accept.span, "reason", "`accept`", "why the loss does no harm here, in a sentence"));
        }
        let text = name.as_str().unwrap_or_default();
        let Some(resource) = found.iter_mut().find(|node| node.arg_str(0) == Some(text) && catalogue.names().any(|ty| ty == node.name.text)) else {
            let known: Vec<&str> = found.iter().filter(|node| catalogue.names().any(|ty| ty == node.name.text)).filter_map(|node| node.arg_str(0)).collect();
            out.push(match absent.get(text) {
                Some(at) => forms::absent(name.span, text, *at),
                None => diag::unknown_name(name.span, text, "resource", &known),
            });
            continue;
        };
        let Some(ty) = catalogue.get(&resource.name.text, sources) else { continue };
        if let Some(what) = what
            && !has(&ty, what.as_str().unwrap_or_default())
        {
            let mut known: Vec<&str> = ty.properties.iter().map(|property| property.name.as_str()).chain(["tags"]).collect();
            known.dedup();
            let of = format!("the {} `{text}`", ty.name);
            out.push(diag::unknown_property(what.span, what.as_str().unwrap_or_default(), &of, &known));
            continue;
        }
        let tag = Some(Ident { text: NAMED.to_owned(), span: accept.name.span });
        let args = std::iter::once(why).chain(what).cloned().collect();
        let line = Node { tag, args, children: None, ..accept.clone() };
        resource.children.get_or_insert_default().push(line);
    }
}

/// Whether a type has a property, or a field of a block, that is named like this.
fn has(ty: &PortableType, path: &str) -> bool {
    let (head, field) = path.split_once('.').map_or((path, None), |(head, field)| (head, Some(field)));
    let within = |kind: &Kind, field: &str| matches!(kind, Kind::Block(block) if block.fields.iter().any(|other| other.name == field));
    let known = |name: &str| ty.properties.iter().any(|property| property.name == name && field.is_none_or(|field| within(&property.kind, field)));
    known(head) || path == "tags"
}
