//! The names of a copy that stands beside others: the cloud makes one zone of a domain, and one name leads to one place, so each copy has domains of its own.

use super::{Checker, Field, Record, ResourceId, Value, formats};
use crate::diag::check as diag;
use crate::portable::{Format, Kind, Property};
use crate::source::Span;
use std::collections::HashSet;

/// A domain that each copy has for itself: what it is in the stack, and which resource gives it.
struct Root {
    domain: String,
    of: String,
}

/// What stands in another copy's domains, where a value cannot be moved along.
struct Left {
    span: Span,
    text: String,
    root: usize,
}

/// Puts the copy's name before the domains that a copy has for itself, and before their end in every name that lies in them: `www.shop.example` becomes
/// `www.green.shop.example`. Text that mentions such a domain means what its author wrote, and is warned of.
pub(super) fn part_names(checker: &mut Checker<'_>, instance: &str) {
    let model = &mut checker.model;
    let mut roots: Vec<Root> = Vec::new();
    for resource in &model.resources {
        for property in resource.ty.properties.iter().filter(|property| property.per_copy) {
            if let Some(Field { value: Value::Text(domain), .. }) = resource.values.get(&property.name) {
                roots.push(Root { domain: domain.clone(), of: format!("{}.{}", resource.name.text, property.name) });
            }
        }
    }
    // A zone within another moves as a whole.
    roots.sort_by_key(|root| root.domain.len());
    // What is found is one for all copies: its own domain stays, and what stands in it is called by the copy's name.
    let found = model.resources.iter().enumerate().filter(|(_, resource)| resource.found.is_some()).map(|(index, _)| ResourceId(index)).collect();
    let mut moved = Moved { roots: &roots, found, instance, left: Vec::new(), too_long: Vec::new() };
    for resource in model.resources.iter_mut().filter(|resource| resource.found.is_none()) {
        moved.record(&resource.ty.properties, &mut resource.values);
    }
    model.outputs.iter().for_each(|output| moved.mentions(&output.value));
    let Moved { left, too_long, .. } = moved;
    for (span, property) in too_long {
        checker.out.push(diag::bad_format(span, &property, formats::wanted(Format::Domain), "too long, with the copy's name in it"));
    }
    for Left { span, text, root } in left {
        if let Some(root) = roots.get(root) {
            checker.out.push(diag::not_the_copys(span, &text, &root.domain, &root.of, instance));
        }
    }
}

struct Moved<'r> {
    roots: &'r [Root],
    /// What exists already.
    found: HashSet<ResourceId>,
    instance: &'r str,
    left: Vec<Left>,
    /// Where there is no room for the copy's name, and in which property.
    too_long: Vec<(Span, String)>,
}

impl Moved<'_> {
    fn record(&mut self, properties: &[Property], record: &mut Record) {
        let in_found = record.fields.iter().any(|(_, field)| matches!(field.value, Value::Resource(id) if self.found.contains(&id)));
        for (name, field) in &mut record.fields {
            let Some(property) = properties.iter().find(|property| property.name == *name) else { continue };
            match (&property.kind, &mut field.value) {
                (Kind::String(Format::Label), Value::Text(label)) if in_found => {
                    *label = if label == "@" { self.instance.to_owned() } else { format!("{label}.{}", self.instance) };
                }
                (Kind::String(Format::Domain), Value::Text(_)) => self.domain(name, field),
                (Kind::List(Format::Domain), Value::List(items)) => items.iter_mut().for_each(|item| self.domain(name, item)),
                (Kind::Block(block), Value::Block(record)) => self.record(&block.fields, record),
                (Kind::Block(block), Value::Blocks(records)) => records.iter_mut().for_each(|record| self.record(&block.fields, record)),
                _ => self.mentions(field),
            }
        }
    }

    fn domain(&mut self, property: &str, field: &mut Field) {
        let Value::Text(text) = &mut field.value else { return };
        let before = |root: &Root| text.strip_suffix(root.domain.as_str()).filter(|before| before.is_empty() || before.ends_with('.')).map(str::to_owned);
        let Some((root, before)) = self.roots.iter().find_map(|root| Some((root, before(root)?))) else { return };
        let moved = format!("{before}{}.{}", self.instance, root.domain);
        if formats::check(Format::Domain, &moved).is_err() {
            self.too_long.push((field.span, property.to_owned()));
        }
        *text = moved;
    }

    fn mentions(&mut self, field: &Field) {
        match &field.value {
            Value::Text(text) if field.given => {
                if let Some(root) = self.roots.iter().position(|root| names(text, &root.domain)) {
                    self.left.push(Left { span: field.span, text: text.clone(), root });
                }
            }
            Value::List(items) | Value::Joined(items) => items.iter().for_each(|item| self.mentions(item)),
            Value::Map(items) => items.iter().for_each(|(_, item)| self.mentions(item)),
            _ => {}
        }
    }
}

/// Whether a text has a domain in it, or a name that lies in it, rather than a longer name that only looks like it.
fn names(text: &str, domain: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(domain).any(|(at, _)| {
        let (before, after) = (text.get(..at).unwrap_or_default(), text.get(at + domain.len()..).unwrap_or_default());
        let mut after = after.chars();
        let goes_on = match after.next() {
            Some('.') => after.next().is_some_and(of_a_name),
            Some(next) => of_a_name(next),
            None => false,
        };
        !before.ends_with(of_a_name) && !goes_on
    })
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn a_domain_is_found_where_it_stands_alone() {
        for text in ["shop.example", "www.shop.example", "https://shop.example/a", "ana@shop.example.", "a,shop.example"] {
            assert!(names(text, "shop.example"), "{text}");
        }
        for text in ["workshop.example", "shop.example.org", "shop.examples", "shop-example", ""] {
            assert!(!names(text, "shop.example"), "{text}");
        }
    }
}
