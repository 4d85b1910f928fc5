//! What holds between resources: environments that follow from edges, ranges that must not overlap, circles.

use super::{Checker, Field, Record, Resource, ResourceId, Value, formats};
use crate::diag::{Diagnostics, check as diag};
use crate::portable::{Constraint, Kind, Property, Relation};
use crate::source::Span;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

/// Adds the environment variables that an edge hands over; a variable that the user wrote keeps the user's value.
pub(super) fn derive_environment(checker: &mut Checker<'_>) {
    let model = &mut checker.model;
    for index in 0..model.resources.len() {
        let mut derived: Vec<(String, Field)> = Vec::new();
        let Some(resource) = model.resources.get(index) else { continue };
        for property in &resource.ty.properties {
            let Kind::Block(block) = &property.kind else { continue };
            let Some(edge) = block.edge.as_ref().filter(|edge| !edge.env.is_empty()) else { continue };
            let Some(Field { value: Value::Blocks(records), .. }) = resource.values.get(&property.name) else { continue };
            for record in records {
                let Some((id, to)) = record.to.and_then(|id| Some((id, model.resources.get(id.0)?))) else { continue };
                if to.ty.name != edge.to {
                    continue;
                }
                let prefix = match record.get("prefix") {
                    Some(Field { value: Value::Text(prefix), .. }) => prefix.clone(),
                    _ => to.name.text.to_uppercase().replace('-', "_"),
                };
                for (suffix, output) in &edge.env {
                    let name = if suffix.is_empty() { prefix.clone() } else { format!("{prefix}_{suffix}") };
                    if let Some((_, first)) = derived.iter().find(|(other, _)| *other == name) {
                        let (first, second) = if first.span <= record.span { (first.span, record.span) } else { (record.span, first.span) };
                        checker.out.push(diag::duplicate_property(second, &name, first));
                    }
                    derived.push((name, Field { value: Value::Output(id, output.clone()), span: record.span, given: true }));
                }
            }
        }
        if derived.is_empty() {
            continue;
        }
        let Some(resource) = model.resources.get_mut(index) else { continue };
        if resource.values.get("env").is_none() {
            resource.values.fields.push(("env".to_owned(), Field { value: Value::Map(Vec::new()), span: resource.span, given: false }));
        }
        for (name, field) in &mut resource.values.fields {
            if let (true, Value::Map(items)) = (name == "env", &mut field.value) {
                for (name, value) in derived.drain(..) {
                    if !items.iter().any(|(other, _)| *other == name) {
                        items.push((name, value));
                    }
                }
                items.sort_by(|a, b| a.0.cmp(&b.0));
            }
        }
    }
}

/// Both ends of an edge have in common what the spec asks for, and no two edges ask the same of one other end.
pub(super) fn check_edges(checker: &mut Checker<'_>) {
    let resources = &checker.model.resources;
    let mut taken: HashMap<(ResourceId, &str, &str), Span> = HashMap::new();
    for resource in resources {
        for property in &resource.ty.properties {
            let Some(edge) = property.edge() else { continue };
            let Some(Field { value: Value::Blocks(records), .. }) = resource.values.get(&property.name) else { continue };
            for record in records {
                let Some((id, to)) = record.to.and_then(|id| Some((id, resources.get(id.0)?))).filter(|(_, to)| to.ty.name == edge.to) else { continue };
                if let Some(common) = &edge.within
                    && let (Some(Field { value: Value::Resource(here), .. }), Some(there)) = (resource.values.get(common), to.values.get(common))
                    && !matches!(there.value, Value::Resource(other) if other == *here)
                {
                    let message = format!("`{}` and `{}` are not of the same {common}", resource.name.text, to.name.text);
                    let help = format!("give both the same `{common}`");
                    let diagnostic = diag::constraint(record.span, message, "nothing leads from the one to the other", help);
                    checker.out.push(diagnostic.related(there.span, format!("the {common} of `{}`", to.name.text)));
                }
                check_other_end(property, record, to, resource, &mut checker.out);
                if edge.exclusive
                    && let Some(first) = taken.insert((id, &property.name, &record.key), record.span)
                    && first != record.span
                    && !records.iter().any(|other| other.span == first)
                {
                    let what = format!("`{}` the same way", to.name.text);
                    checker.out.push(diag::duplicate_key(record.span, &property.name, &what, first));
                }
            }
        }
    }
}

/// The other end of an edge has what the edge is for.
fn check_other_end(property: &Property, record: &Record, to: &Resource, from: &Resource, out: &mut Diagnostics) {
    let Kind::Block(block) = &property.kind else { return };
    let name = &to.name.text;
    for constraint in &block.constraints {
        match &constraint.rule {
            Relation::SomeWithout(blocks, without) => {
                let Some(Field { value: Value::Blocks(there), .. }) = to.values.get(blocks) else { continue };
                if !there.is_empty() && there.iter().all(|one| one.get(without).is_some()) {
                    let message = format!("every `{blocks}` of `{name}` has a `{without}`");
                    let diagnostic = diag::constraint(record.span, message, &constraint.why, format!("give `{name}` a `{blocks}` without `{without}`"));
                    out.push(diagnostic.maybe_related(there.first().map_or(to.name.span, |one| one.span), "such a one"));
                }
            }
            Relation::OtherHas(wanted) if to.values.get(wanted).is_none() => {
                let diagnostic = diag::constraint(record.span, format!("`{name}` has no `{wanted}`"), &constraint.why, format!("give `{name}` a `{wanted}`"));
                out.push(diagnostic.related(to.name.span, "the other end"));
            }
            Relation::NotBeside(edge) => {
                let Some(Field { value: Value::Blocks(others), .. }) = from.values.get(edge) else { continue };
                if let Some(other) = others.iter().find(|other| other.to.is_some() && other.to == record.to) {
                    let message = format!("`{}` has `{}` and `{edge}` to `{name}`", from.name.text, property.name);
                    let diagnostic = diag::constraint(record.span, message, &constraint.why, "keep one of the two".to_owned());
                    out.push(diagnostic.related(other.span, "the other one"));
                }
            }
            _ => {}
        }
    }
}

/// Address ranges that the spec wants apart do not overlap.
pub(super) fn check_ranges(checker: &mut Checker<'_>) {
    let mut ranges: Vec<(formats::Cidr, String, Span)> = Vec::new();
    for resource in &checker.model.resources {
        for property in resource.ty.properties.iter().filter(|property| property.apart) {
            let Some(Field { value: Value::Text(text), span, given }) = resource.values.get(&property.name) else { continue };
            let Ok(cidr) = formats::Cidr::parse(text) else { continue };
            let span = if *given { *span } else { resource.name.span };
            ranges.push((cidr, format!("the range {cidr} of `{}`", resource.name.text), span));
        }
    }
    for (index, (cidr, what, span)) in ranges.iter().enumerate() {
        if let Some((_, other, first)) = ranges.iter().take(index).find(|(other, ..)| other.overlaps(*cidr)) {
            checker.out.push(diag::overlap(*span, what, other, *first));
        }
    }
}

/// What the spec wants to be there once only, such as the records of one name and type, stands in one place.
pub(super) fn check_unique(checker: &mut Checker<'_>) {
    let mut first: HashMap<(&str, Vec<String>), (&str, Span)> = HashMap::new();
    let mut claims: Vec<(&str, Vec<String>, &str, Span, &str)> = Vec::new();
    for resource in &checker.model.resources {
        let name = resource.name.text.as_str();
        claims.extend(unique(&resource.ty.constraints, &resource.values).map(|(space, values, why)| (space, values, name, resource.name.span, why)));
        for property in &resource.ty.properties {
            let Kind::Block(block) = &property.kind else { continue };
            let records = match resource.values.get(&property.name).map(|field| &field.value) {
                Some(Value::Blocks(records)) => records.as_slice(),
                Some(Value::Block(record)) => std::slice::from_ref(record),
                _ => &[],
            };
            for record in records {
                claims.extend(unique(&block.constraints, record).map(|(space, values, why)| (space, values, name, record.span, why)));
            }
        }
    }
    claims.sort_by_key(|(.., span, _)| *span);
    let alone = checker.model.resources.iter().flat_map(|resource| {
        let name = resource.name.text.as_str();
        alone(&resource.ty.constraints, &resource.values).map(move |(space, values, why)| (space, values, name, resource.name.span, why))
    });
    for (space, values, name, span, why) in alone {
        let Some((_, key)) = values.split_last() else { continue };
        let beside = |(its_space, its, ..): &&(&str, Vec<String>, &str, Span, &str)| {
            *its_space == space && *its != values && its.split_last().is_some_and(|(_, its_key)| its_key == key)
        };
        if let Some((_, _, other, at, _)) = claims.iter().find(beside) {
            let diagnostic = diag::constraint(span, format!("`{other}` has the name of `{name}`"), why, "tell the two apart, or keep one".to_owned());
            checker.out.push(diagnostic.related(*at, "the other one"));
        }
    }
    for (space, values, name, span, why) in claims {
        match first.entry((space, values)) {
            Entry::Vacant(free) => _ = free.insert((name, span)),
            Entry::Occupied(taken) => {
                let (other, at) = *taken.get();
                let message = format!("`{other}` and `{name}` make the same {space}");
                let diagnostic = diag::constraint(span, message, why, "make one of the two, or tell them apart".to_owned());
                checker.out.push(diagnostic.related(at, "the other one"));
            }
        }
    }
}

/// The names that a record of values claims in their spaces, with the reason why each may be there once only.
fn unique<'c>(constraints: &'c [Constraint], values: &'c Record) -> impl Iterator<Item = (&'c str, Vec<String>, &'c str)> {
    constraints.iter().filter_map(|constraint| {
        let Relation::Unique { fields, space } = &constraint.rule else { return None };
        Some((space.as_str(), claimed(fields, values)?, constraint.why.as_str()))
    })
}

/// The same for the names that it claims for itself alone.
fn alone<'c>(constraints: &'c [Constraint], values: &'c Record) -> impl Iterator<Item = (&'c str, Vec<String>, &'c str)> {
    constraints.iter().filter_map(|constraint| {
        let Relation::Alone { fields, value, space } = &constraint.rule else { return None };
        let claimed = claimed(fields, values).filter(|claimed| claimed.last() == Some(value))?;
        Some((space.as_str(), claimed, constraint.why.as_str()))
    })
}

/// The values of the fields, where all of them are known.
fn claimed(fields: &[String], values: &Record) -> Option<Vec<String>> {
    let value = |field: &String| match field.strip_prefix('=') {
        Some(text) => Some(text.to_owned()),
        None => match &values.get(field)?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Resource(id) => Some(id.0.to_string()),
            _ => None,
        },
    };
    fields.iter().map(value).collect()
}

/// Values that a resource needs before it can exist must not need it in turn. Edges are no such needs: they join what exists.
pub(super) fn check_cycles(checker: &mut Checker<'_>) {
    let count = checker.model.resources.len();
    let needs: Vec<Vec<(ResourceId, Span)>> = checker
        .model
        .resources
        .iter()
        .map(|resource| {
            let mut found = Vec::new();
            collect(&resource.values, &mut found);
            found
        })
        .collect();
    // 0: not seen, 1: on the current path, 2: done.
    let mut state = vec![0_u8; count];
    for start in 0..count {
        if state.get(start) != Some(&0) {
            continue;
        }
        let mut path: Vec<(usize, usize)> = vec![(start, 0)];
        set(&mut state, start, 1);
        while let Some((node, next)) = path.last().copied() {
            let Some((to, span)) = needs.get(node).and_then(|needs| needs.get(next)).copied() else {
                set(&mut state, node, 2);
                path.pop();
                continue;
            };
            if let Some(last) = path.last_mut() {
                last.1 += 1;
            }
            match state.get(to.0) {
                Some(0) => {
                    set(&mut state, to.0, 1);
                    path.push((to.0, 0));
                }
                Some(1) => {
                    let from = path.iter().position(|(node, _)| *node == to.0).unwrap_or(0);
                    let ring: Vec<usize> = path.iter().skip(from).map(|(node, _)| *node).collect();
                    let resources = &checker.model.resources;
                    let mut names: Vec<&str> = ring.iter().filter_map(|&node| resources.get(node)).map(|resource| resource.name.text.as_str()).collect();
                    names.extend(names.first().copied());
                    let others: Vec<Span> = path
                        .iter()
                        .skip(from)
                        .filter_map(|&(node, next)| needs.get(node)?.get(next.checked_sub(1)?).map(|(_, span)| *span))
                        .filter(|other| *other != span)
                        .collect();
                    let by_edges = std::iter::once(&span).chain(&others).all(|span| is_edge(resources, *span));
                    let diagnostic = diag::cycle(span, &names, &others, by_edges);
                    checker.out.push(diagnostic);
                }
                _ => {}
            }
        }
    }
}

/// Whether an edge stands here: what it hands over is needed as well.
fn is_edge(resources: &[Resource], span: Span) -> bool {
    let fields = resources.iter().flat_map(|resource| &resource.values.fields);
    fields
        .filter_map(|(_, field)| if let Value::Blocks(records) = &field.value { Some(records) } else { None })
        .flatten()
        .any(|record| record.to.is_some() && record.span == span)
}

fn set(state: &mut [u8], index: usize, value: u8) {
    if let Some(slot) = state.get_mut(index) {
        *slot = value;
    }
}

fn collect(record: &Record, found: &mut Vec<(ResourceId, Span)>) {
    let mut stack: Vec<&Field> = record.fields.iter().map(|(_, field)| field).collect();
    while let Some(field) = stack.pop() {
        match &field.value {
            Value::Resource(id) | Value::Output(id, _) => found.push((*id, field.span)),
            Value::List(items) | Value::Joined(items) => stack.extend(items),
            Value::Map(items) => stack.extend(items.iter().map(|(_, item)| item)),
            Value::Block(record) => stack.extend(record.fields.iter().map(|(_, field)| field)),
            Value::Blocks(records) => stack.extend(records.iter().flat_map(|record| record.fields.iter().map(|(_, field)| field))),
            _ => {}
        }
    }
    found.sort();
    found.dedup();
}
