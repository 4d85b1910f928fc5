//! The last steps before a graph is written: values converted as the provider's schema wants them, tags, and every result checked again.

use super::check::Checked;
use super::lower::put_tags;
use crate::diag::{Diagnostics, lower as diag};
use crate::emit::Format;
use crate::native::{Graph, NativeId, NativeParam, NativeResource, Origin, Val, ValKind};
use crate::provider::{Limits, Member, NativeType, Presence, Relation, Shape, TagShape};
use crate::source::Span;
use crate::syntax::{Node, Scalar};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Converts, tags and checks a graph.
pub(super) fn finish(
    graph: &mut Graph,
    checked: &Checked<'_>,
    stack_tags: &[(String, Val)],
    own_tags: &dyn Fn(NativeId) -> Vec<(String, Val)>,
    out: &mut Diagnostics,
    stack: Span,
) {
    let natives: Vec<Option<Rc<NativeType>>> = graph.resources.iter().map(|resource| checked.provider().native_type(resource.kind, &resource.ty)).collect();
    let tags = checked.target().settings.iter().find(|node| node.name.text == "tags");
    let name_tag = tags.and_then(|node| node.prop_str("name")).map(str::to_owned);
    let named = checked.target().names().map(str::to_owned);
    let params = graph.params.clone();
    let finisher =
        Finisher { natives: &natives, params: &params, target: &checked.target().name, format: checked.target().format, patterns: RefCell::default() };
    for (index, native) in natives.iter().enumerate() {
        let (Some(native), Some(resource)) = (native, graph.resources.get_mut(index)) else { continue };
        resource.version.clone_from(&native.version);
        if let Some(property) = &named {
            name(resource, native, &graph.stack, property);
        }
        let body = std::mem::take(&mut resource.body);
        resource.body = finisher.object(body, native, 0);
        finisher.tag(resource, native, &graph.stack, name_tag.as_deref(), stack_tags, own_tags(NativeId(index)));
        if let Some(tags) = tags {
            finisher.check_tags(resource, native, tags, out);
        }
        finisher.check_object(&resource.body, native, 0, out);
        finisher.check_relations(resource, native, out);
        finisher.check_reads(resource, out);
    }
    check_parents(graph, checked, out);
    for output in &mut graph.outputs {
        let value = std::mem::replace(&mut output.value, Val::new(ValKind::Absent, Origin::default()));
        output.value = finisher.as_text(value);
    }
    for resource in &graph.resources {
        for (_, val) in &resource.body {
            check_text(val, checked, out);
        }
    }
    for output in &graph.outputs {
        check_text(&output.value, checked, out);
    }
    find_used(graph);
    let told = check_apart(graph, checked, out);
    check_names(graph, checked, &told, out, stack);
    check_cycles(graph, checked, out, stack);
}

/// Finds the parameters that the template reads, tags among it: a rule may have looked at more than it then needed.
fn find_used(graph: &mut Graph) {
    let mut read = Vec::new();
    graph.resources.iter().flat_map(NativeResource::values).for_each(|val| val.params(&mut read));
    graph.outputs.iter().for_each(|output| output.value.params(&mut read));
    graph.settings.iter().for_each(|(_, val)| val.params(&mut read));
    for index in read {
        if let Some(param) = graph.params.get_mut(index) {
            param.used = true;
        }
    }
}

/// Gives a resource the name that it has in the template, with the stack's before it, where its rule gives it none. What is longer than
/// the schema allows is cut.
fn name(resource: &mut NativeResource, native: &NativeType, stack: &str, property: &str) {
    let Some(member) = native.root().member(property) else { return };
    let takes = member.presence != Presence::ReadOnly && member.shape == Shape::String;
    if takes && resource.kind == crate::provider::NativeKind::Resource && !resource.body.iter().any(|(name, _)| name == property) {
        let whole = format!("{stack}-{}", resource.name.join("-"));
        let text = Val::text(super::builtin::shorten(whole, member.limits.max_length.unwrap_or(usize::MAX)), resource.origin);
        resource.body.insert(0, (property.to_owned(), text));
    }
}

struct Finisher<'a> {
    natives: &'a [Option<Rc<NativeType>>],
    params: &'a [NativeParam],
    target: &'a str,
    format: Format,
    /// Patterns that were compiled before; `None` for those of another dialect.
    patterns: RefCell<HashMap<String, Option<regex_lite::Regex>>>,
}

impl Finisher<'_> {
    fn object(&self, body: Vec<(String, Val)>, native: &NativeType, object: usize) -> Vec<(String, Val)> {
        let object = native.object(object);
        body.into_iter()
            .map(|(name, val)| {
                let val = match object.member(&name) {
                    Some(member) => self.convert(val, &member.shape, native),
                    None => val,
                };
                (name, val)
            })
            // No block at all is written as nothing.
            .filter(|(name, val)| !matches!((&val.kind, object.member(name)), (ValKind::List(items), Some(Member { shape: Shape::Block(..), .. })) if items.is_empty()))
            .collect()
    }

    /// Conversions come from the schema alone: text where it wants text, a list where it wants a list.
    fn convert(&self, val: Val, shape: &Shape, native: &NativeType) -> Val {
        let origin = val.origin;
        let kind = match (val.kind, shape) {
            (ValKind::Integer(number), Shape::String) => ValKind::Text(number.to_string()),
            (ValKind::Number(number), Shape::String) => ValKind::Text(number.to_string()),
            (ValKind::Bool(flag), Shape::String) => ValKind::Text(flag.to_string()),
            #[allow(clippy::cast_possible_truncation)]
            (ValKind::Number(number), Shape::Integer | Shape::Number) if number.fract() == 0.0 && number.abs() < 9e15 => ValKind::Integer(number as i64),
            (ValKind::List(items), Shape::List(item)) => ValKind::List(items.into_iter().map(|val| self.convert(val, item, native)).collect()),
            (ValKind::List(items), Shape::Block(object, true)) => {
                ValKind::List(items.into_iter().map(|val| self.convert(val, &Shape::Object(*object), native)).collect())
            }
            (ValKind::Map(fields), Shape::Object(object) | Shape::Block(object, false)) => ValKind::Map(self.object(fields, native, *object)),
            (ValKind::Map(fields), Shape::Block(object, true)) => ValKind::List(vec![Val::new(ValKind::Map(self.object(fields, native, *object)), origin)]),
            (ValKind::Map(fields), Shape::Map(inner)) => ValKind::Map(fields.into_iter().map(|(name, val)| (name, self.convert(val, inner, native))).collect()),
            (kind @ (ValKind::Param(_) | ValKind::Attr(..)), Shape::String) => return self.as_text(Val::new(kind, origin)),
            (kind, Shape::List(item)) if !self.gives_list(&kind) => ValKind::List(vec![self.convert(Val::new(kind, origin), item, native)]),
            (kind, Shape::AnyOf(shapes)) => {
                let fits = |shape: &&Shape| {
                    matches!(
                        (&kind, shape),
                        (ValKind::Map(_), Shape::Object(_) | Shape::Map(_))
                            | (ValKind::List(_), Shape::List(_))
                            | (ValKind::Integer(_), Shape::Integer | Shape::Number)
                            | (ValKind::Number(_), Shape::Number)
                            | (ValKind::Bool(_), Shape::Boolean)
                            | (ValKind::Text(_), Shape::String)
                            | (_, Shape::Json)
                    )
                };
                return match shapes.iter().find(fits).or(shapes.first()) {
                    Some(Shape::Json) | None => Val::new(kind, origin),
                    Some(shape) => self.convert(Val::new(kind, origin), shape, native),
                };
            }
            (kind, _) => kind,
        };
        Val::new(kind, origin)
    }

    /// A number that is known only when deployed, as text, where the format would not make it one by itself.
    fn as_text(&self, val: Val) -> Val {
        let number = match &val.kind {
            ValKind::Param(index) => self.params.get(*index).is_some_and(|param| param.number),
            ValKind::Attr(id, path) => {
                let shape = self.natives.get(id.0).and_then(|native| native.as_ref()?.attribute(path));
                matches!(shape, Some(Shape::Integer | Shape::Number | Shape::Boolean))
            }
            _ => false,
        };
        let origin = val.origin;
        if number && self.format.keeps_numbers() { Val::new(ValKind::Concat(vec![val]), origin) } else { val }
    }

    /// What has to be known before anything is made reads nothing from another resource.
    fn check_reads(&self, resource: &NativeResource, out: &mut Diagnostics) {
        for (name, val) in resource.body.iter().filter(|(name, _)| !self.format.takes_what_is_read(name)) {
            if is_read(val, self.format) {
                let why = format!("`{name}` has to be known before anything is made, and this is read from another resource");
                out.push(diag::refused(val.origin.user, val.origin.rule, self.target, &format!("`{name}`"), &why));
            }
        }
    }

    fn gives_list(&self, kind: &ValKind) -> bool {
        match kind {
            ValKind::List(_) | ValKind::Call(..) | ValKind::Absent => true,
            ValKind::Param(index) => self.params.get(*index).is_some_and(|param| param.list),
            ValKind::Attr(id, path) => {
                let shape = self.natives.get(id.0).and_then(|native| native.as_ref()?.attribute(path));
                matches!(shape, Some(Shape::List(_) | Shape::Block(_, true)))
            }
            _ => false,
        }
    }

    fn tag(
        &self,
        resource: &mut NativeResource,
        native: &NativeType,
        stack: &str,
        name_tag: Option<&str>,
        stack_tags: &[(String, Val)],
        own: Vec<(String, Val)>,
    ) {
        let Some((property, shape)) = &native.tags else { return };
        let takes = native.root().member(property).is_some_and(|member| member.presence != Presence::ReadOnly);
        if !takes || resource.kind != crate::provider::NativeKind::Resource || resource.body.iter().any(|(name, _)| name == property) {
            return;
        }
        let origin = resource.origin;
        let mut tags: Vec<(String, Val)> = Vec::new();
        if let Some(name_tag) = name_tag {
            // The key of an edge may be as long as a host's name, and a tag has 256 characters where one takes a name.
            let name = super::builtin::shorten(format!("{stack}-{}", resource.name.join("-")), 256);
            tags.push((name_tag.to_owned(), Val::text(name, origin)));
        }
        put_tags(&mut tags, stack_tags.iter().cloned());
        put_tags(&mut tags, own);
        tags.sort_by(|a, b| a.0.cmp(&b.0));
        let kind = match shape {
            TagShape::Map => ValKind::Map(tags),
            TagShape::Words => ValKind::List(tags.into_iter().map(word).collect()),
            TagShape::List => ValKind::List(
                tags.into_iter()
                    .map(|(key, val)| {
                        let origin = val.origin;
                        Val::new(ValKind::Map(vec![("Key".to_owned(), Val::text(key, origin)), ("Value".to_owned(), val)]), origin)
                    })
                    .collect(),
            ),
        };
        resource.body.push((property.clone(), Val::new(kind, origin)));
    }

    /// How many tags there are, that none has a name that the cloud keeps for itself, and that it takes their names and values.
    fn check_tags(&self, resource: &NativeResource, native: &NativeType, rule: &Node, out: &mut Diagnostics) {
        let Some((property, _)) = &native.tags else { return };
        let Some((_, tags)) = resource.body.iter().find(|(name, _)| name == property) else { return };
        let named: Vec<(&str, &Val)> = match &tags.kind {
            ValKind::Map(tags) => tags.iter().map(|(name, val)| (name.as_str(), val)).collect(),
            ValKind::List(tags) => tags.iter().filter_map(|tag| key_and_value(tag).or_else(|| parts_of_word(tag))).collect(),
            _ => return,
        };
        let longest = rule.prop("longest").and_then(|value| if let Scalar::Integer(longest) = value.scalar { usize::try_from(longest).ok() } else { None });
        if let (Some(longest), ValKind::List(words)) = (longest, &tags.kind) {
            for word in words {
                if let Some(text) = known_text(word).filter(|text| text.chars().count() > longest) {
                    let why = format!("`{}` has {} characters with its key; {longest} are the most", shorten(text), text.chars().count());
                    out.push(diag::refused(word.origin.user, rule.span, self.target, "the tags", &why));
                }
            }
        }
        let most = rule.prop("most").and_then(|value| if let Scalar::Integer(most) = value.scalar { usize::try_from(most).ok() } else { None });
        if let Some(most) = most.filter(|most| named.len() > *most) {
            let why = format!("{} tags, with those of the whole stack; {most} are the most", named.len());
            out.push(diag::refused(resource.origin.user, rule.span, self.target, "the tags", &why));
        }
        let refused = |pattern: &str, text: &str| rule.prop_str(pattern).filter(|pattern| !self.matches(pattern, text));
        for (name, val) in &named {
            let value = match &val.kind {
                ValKind::Text(text) => refused("values", text).map(|pattern| (text.as_str(), pattern)),
                _ => None,
            };
            let name = refused("names", name).map(|pattern| (*name, pattern));
            if let Some((text, pattern)) = name.or(value) {
                let why = format!("`{}` does not match `{pattern}`", shorten(text));
                out.push(diag::refused(val.origin.user, rule.span, self.target, "the tags", &why));
            }
        }
        let reserved = rule.prop_str("reserved").unwrap_or("\0");
        for (name, val) in named.into_iter().filter(|(name, _)| name.to_lowercase().starts_with(reserved)) {
            out.push(diag::refused(
                val.origin.user,
                rule.span,
                self.target,
                "the tags",
                &format!("`{name}`: names that begin with `{reserved}` are the cloud's own"),
            ));
        }
    }

    // ---- the result checked again --------------------------------------------------------------------------------

    fn check_object(&self, body: &[(String, Val)], native: &NativeType, object: usize, out: &mut Diagnostics) {
        let object = native.object(object);
        for (name, val) in body {
            if let Some(member) = object.member(name) {
                self.check_value(val, member, &member.shape, &member.limits, native, out);
            }
        }
    }

    fn check_value(&self, val: &Val, member: &Member, shape: &Shape, limits: &Limits, native: &NativeType, out: &mut Diagnostics) {
        if let Some(why) = self.objection(val, limits) {
            out.push(diag::refused(val.origin.user, val.origin.rule, self.target, &format!("`{}`", member.name), &why));
            return;
        }
        match (&val.kind, shape) {
            (ValKind::Map(body), Shape::Object(object) | Shape::Block(object, _)) => self.check_object(body, native, *object, out),
            (ValKind::List(items), Shape::Block(object, true)) => {
                items.iter().for_each(|item| self.check_value(item, member, &Shape::Object(*object), &Limits::default(), native, out))
            }
            (ValKind::List(items), Shape::List(inner))
                if !matches!(**inner, Shape::List(_)) && items.iter().any(|item| matches!(item.kind, ValKind::List(_))) =>
            {
                out.push(diag::refused(val.origin.user, val.origin.rule, self.target, &format!("`{}`", member.name), "it is a list in a list"));
            }
            (ValKind::List(items), Shape::List(inner)) => items.iter().for_each(|item| self.check_value(item, member, inner, &member.item_limits, native, out)),
            (ValKind::Map(items), Shape::Map(inner)) => {
                items.iter().for_each(|(_, item)| self.check_value(item, member, inner, &member.item_limits, native, out))
            }
            (ValKind::Text(_), Shape::Integer | Shape::Number | Shape::Boolean) | (ValKind::Number(_), Shape::Integer) => {
                out.push(diag::refused(val.origin.user, val.origin.rule, self.target, &format!("`{}`", member.name), &format!("it takes {}", shape.wanted())));
            }
            _ => {}
        }
    }

    fn objection(&self, val: &Val, limits: &Limits) -> Option<String> {
        match &val.kind {
            ValKind::Text(text) => {
                if let Some(values) = &limits.one_of
                    && !values.iter().any(|value| if limits.any_case { value.eq_ignore_ascii_case(text) } else { value == text })
                {
                    return Some(format!("it takes {}", crate::diag::list(values)));
                }
                let length = text.chars().count();
                if limits.min_length.is_some_and(|least| length < least) || limits.max_length.is_some_and(|most| length > most) {
                    let (least, most) = (limits.min_length.unwrap_or(0), limits.max_length.map_or("any number of".to_owned(), |most| most.to_string()));
                    return Some(format!("it has {length} characters; {least} to {most} are possible"));
                }
                let pattern = limits.pattern.as_ref()?;
                (!self.matches(pattern, text)).then(|| format!("`{}` does not match `{pattern}`", shorten(text)))
            }
            #[allow(clippy::cast_precision_loss)]
            ValKind::Integer(number) => match &limits.one_of {
                Some(values) if !values.contains(&number.to_string()) => Some(format!("it takes {}", crate::diag::list(values))),
                _ => out_of(*number as f64, limits),
            },
            ValKind::Number(number) => out_of(*number, limits),
            ValKind::Concat(pieces) => match pieces.as_slice() {
                [only] => self.objection(only, limits),
                _ => None,
            },
            // A parameter's default is a value that goes there.
            ValKind::Param(index) => {
                let param = self.params.get(*index)?;
                let why = self.objection(param.default.as_ref()?, limits)?;
                Some(format!("the default of `{}`: {why}", param.name))
            }
            ValKind::List(items) => {
                let count = items.len();
                if limits.unique && Val::any_twice(items) {
                    return Some("two of its items are the same".to_owned());
                }
                let bad = limits.min_items.is_some_and(|least| count < least) || limits.max_items.is_some_and(|most| count > most);
                bad.then(|| {
                    format!(
                        "{count} items; {} to {} are possible",
                        limits.min_items.unwrap_or(0),
                        limits.max_items.map_or("any number".to_owned(), |most| most.to_string())
                    )
                })
            }
            ValKind::Map(entries) => {
                let most = limits.max_items.filter(|most| entries.len() > *most)?;
                Some(format!("{} entries; {most} are the most", entries.len()))
            }
            _ => None,
        }
    }

    /// A pattern of a dialect that cannot be compiled here counts as matched: the vendor's own tool has the last word.
    fn matches(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let compiled = patterns
            .entry(pattern.to_owned())
            .or_insert_with(|| regex_lite::Regex::new(pattern).or_else(|_| regex_lite::Regex::new(&with_ranges(pattern))).ok());
        compiled.as_ref().is_none_or(|regex| regex.is_match(text))
    }

    fn check_relations(&self, resource: &NativeResource, native: &NativeType, out: &mut Diagnostics) {
        let given = |name: &String| resource.body.iter().any(|(other, _)| other == name);
        for relation in &native.relations {
            let why = match relation {
                Relation::ExactlyOne(names) if names.iter().filter(|name| given(name)).count() != 1 => {
                    format!("exactly one of {} has to be given", crate::diag::list(names))
                }
                Relation::AtLeastOne(names) if !names.iter().any(given) => format!("one of {} has to be given", crate::diag::list(names)),
                Relation::Needs(name, needed) if given(name) && !needed.iter().all(given) => format!("`{name}` needs {}", crate::diag::list(needed)),
                Relation::Excludes(name, others) if given(name) && others.iter().any(given) => format!("`{name}` excludes {}", crate::diag::list(others)),
                _ => continue,
            };
            out.push(diag::relation(resource.origin.user, resource.origin.rule, &resource.ty, &why));
        }
    }
}

/// Whether a value needs what is known only of a resource that has been made.
fn is_read(val: &Val, format: Format) -> bool {
    match &val.kind {
        ValKind::Attr(_, path) => !format.known_from_names(path),
        ValKind::List(items) | ValKind::Concat(items) | ValKind::Call(_, items) => items.iter().any(|item| is_read(item, format)),
        ValKind::Map(items) => items.iter().any(|(_, item)| is_read(item, format)),
        ValKind::Join(_, inner) | ValKind::Index(inner, _) | ValKind::Json(inner) => is_read(inner, format),
        ValKind::Entry(name, value) => is_read(name, format) || is_read(value, format),
        ValKind::Pick { from, value, .. } => is_read(from, format) || is_read(value, format),
        _ => false,
    }
}

/// A resource that is a part of another has one of the right type there.
fn check_parents(graph: &Graph, checked: &Checked<'_>, out: &mut Diagnostics) {
    let format = checked.target().format;
    for resource in &graph.resources {
        let Some(container) = format.container(&resource.ty) else { continue };
        let parent = resource.parent.and_then(|parent| graph.resources.get(parent.0));
        if parent.is_none_or(|parent| parent.ty != container) {
            let why = format!("it is a part of a `{container}`, which is not there");
            out.push(diag::relation(resource.origin.user, resource.origin.rule, &resource.ty, &why));
        }
    }
}

/// A tag as one text, `key=value`.
fn word((key, val): (String, Val)) -> Val {
    let origin = val.origin;
    match val.kind {
        ValKind::Text(text) => Val::text(format!("{key}={text}"), origin),
        kind => Val::new(ValKind::Concat(vec![Val::text(format!("{key}="), origin), Val::new(kind, origin)]), origin),
    }
}

/// The text of a value, if it is known when building.
fn known_text(val: &Val) -> Option<&str> {
    if let ValKind::Text(text) = &val.kind { Some(text) } else { None }
}

/// A tag that is one word, `key=value`: its key, and the word itself in the place of its value.
fn parts_of_word(tag: &Val) -> Option<(&str, &Val)> {
    let first = match &tag.kind {
        ValKind::Concat(parts) => parts.first()?,
        _ => tag,
    };
    let ValKind::Text(text) = &first.kind else { return None };
    text.split_once('=').map(|(key, _)| (key, tag))
}

/// A tag of a list: what its first and second member hold.
fn key_and_value(tag: &Val) -> Option<(&str, &Val)> {
    let ValKind::Map(fields) = &tag.kind else { return None };
    match fields.as_slice() {
        [(_, Val { kind: ValKind::Text(name), .. }), (_, val)] => Some((name, val)),
        _ => None,
    }
}

fn out_of(number: f64, limits: &Limits) -> Option<String> {
    let low = limits.min.is_some_and(|least| number < least);
    let high = limits.max.is_some_and(|most| number > most);
    let bound = |bound: Option<f64>| bound.map_or("any".to_owned(), |bound| bound.to_string());
    (low || high).then(|| format!("{number} is outside of {} to {}", bound(limits.min), bound(limits.max)))
}

/// Unicode's letters, numbers and spaces as ranges, for an engine without its tables: the blocks of letters, without those of symbols.
fn with_ranges(pattern: &str) -> String {
    let letters = r"A-Za-z\x{AA}\x{B5}\x{BA}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{2C1}\x{370}-\x{1FFF}\x{2C00}-\x{2DFF}\x{3040}-\x{D7FF}\x{F900}-\x{FDFF}\x{10000}-\x{1CFFF}\x{20000}-\x{3FFFF}";
    pattern.replace(r"\p{L}", letters).replace(r"\p{N}", "0-9").replace(r"\p{Z}", r" \x{A0}\x{2000}-\x{200A}")
}

fn shorten(text: &str) -> String {
    if text.chars().count() > 60 { format!("{}…", text.chars().take(60).collect::<String>()) } else { text.to_owned() }
}

/// Text that the format would not hand on unchanged, however it is written.
fn check_text(val: &Val, checked: &Checked<'_>, out: &mut Diagnostics) {
    match &val.kind {
        ValKind::Text(text) => {
            if let Some(why) = checked.target().format.cannot_write(text) {
                out.push(diag::refused(val.origin.user, val.origin.rule, &checked.target().name, "the template", why));
            }
        }
        ValKind::List(items) | ValKind::Concat(items) | ValKind::Call(_, items) => items.iter().for_each(|item| check_text(item, checked, out)),
        ValKind::Map(items) => items.iter().for_each(|(_, item)| check_text(item, checked, out)),
        ValKind::Join(_, inner) | ValKind::Index(inner, _) | ValKind::Json(inner) => check_text(inner, checked, out),
        ValKind::Entry(name, value) => {
            check_text(name, checked, out);
            check_text(value, checked, out);
        }
        _ => {}
    }
}

/// Names in the template come from names in the stack, and two must not become one.
fn check_names(graph: &Graph, checked: &Checked<'_>, told: &[Span], out: &mut Diagnostics, stack: Span) {
    let format = checked.target().format;
    let mut seen: HashMap<(String, String), Origin> = HashMap::new();
    let space = format.param_name_space().unwrap_or_else(|| "parameters".to_owned());
    for param in graph.params.iter().filter(|param| param.used) {
        let name = format.param_name(&param.name);
        if let Some(other) = seen.insert((space.clone(), name.clone()), Origin { user: param.span, rule: param.span }) {
            out.push(diag::name_collision(param.span, &name, other.user));
        }
    }
    for resource in &graph.resources {
        let name = format.logical_name(&resource.name);
        if let Some(other) = seen.insert((format.name_space(resource), name.clone()), resource.origin) {
            if told.contains(&resource.origin.user) {
                continue;
            }
            // What the cloud's own rule makes has no line of the user's, so the other one is the one to rename.
            let (one, other) = if resource.origin.user == stack { (other.user, resource.origin.user) } else { (resource.origin.user, other.user) };
            out.push(diag::name_collision(one, &name, other));
        }
    }
    let mut same: HashMap<String, &NativeResource> = HashMap::new();
    for (identity, resource) in format.identities(graph).into_iter().zip(&graph.resources) {
        if let Some(other) = same.insert(identity, resource) {
            if let Some((_, _, why)) = checked.target().apart().find(|(ty, properties, _)| *ty == resource.ty && properties.is_empty()) {
                out.push(diag::twice(resource.origin.user, resource.origin.rule, other.origin.user, &checked.target().name, why));
                continue;
            }
            let named = resource.body.iter().find(|(name, _)| name == "name").map(|(_, val)| &val.kind);
            let name = if let Some(ValKind::Text(name)) = named { name.as_str() } else { "" };
            out.push(diag::name_collision(resource.origin.user, format!("{} {name}", resource.ty).trim_end(), other.origin.user));
        }
    }
    let mut seen: HashMap<String, Span> = HashMap::new();
    for output in &graph.outputs {
        let name = format.output_name(&output.name);
        if let Some(other) = seen.insert(name.clone(), output.span) {
            out.push(diag::name_collision(output.span, &name, other));
        }
    }
}

/// What the cloud knows by some of its properties is there once. Gives the user's lines of what is there a second time.
fn check_apart(graph: &Graph, checked: &Checked<'_>, out: &mut Diagnostics) -> Vec<Span> {
    let mut told = Vec::new();
    // One without properties only says why the format's own identities must not meet.
    for (ty, properties, why) in checked.target().apart().filter(|(_, properties, _)| !properties.is_empty()) {
        let mut seen: Vec<(Vec<Option<&Val>>, Origin)> = Vec::new();
        for resource in graph.resources.iter().filter(|resource| resource.ty == ty) {
            let values = |property: &&str| resource.body.iter().find(|(name, _)| name == property).map(|(_, val)| val);
            let values: Vec<Option<&Val>> = properties.iter().map(values).collect();
            let same = |others: &[Option<&Val>]| {
                values.iter().zip(others).all(|(one, other)| match (one, other) {
                    (Some(one), Some(other)) => one.alike(other),
                    (one, other) => one.is_none() && other.is_none(),
                })
            };
            match seen.iter().find(|(others, _)| same(others)) {
                Some((_, other)) => {
                    told.push(resource.origin.user);
                    out.push(diag::twice(resource.origin.user, resource.origin.rule, other.user, &checked.target().name, why));
                }
                None => seen.push((values, resource.origin)),
            }
        }
    }
    told
}

/// Where the user wrote what makes a value read a resource.
fn read_of(val: &Val, id: NativeId) -> Option<Span> {
    match &val.kind {
        ValKind::Ref(of) | ValKind::Attr(of, _) => (*of == id).then_some(val.origin.user),
        ValKind::List(items) | ValKind::Concat(items) | ValKind::Call(_, items) => items.iter().find_map(|item| read_of(item, id)),
        ValKind::Map(items) => items.iter().find_map(|(_, item)| read_of(item, id)),
        ValKind::Join(_, inner) | ValKind::Index(inner, _) | ValKind::Json(inner) => read_of(inner, id),
        ValKind::Entry(name, value) => read_of(name, id).or_else(|| read_of(value, id)),
        _ => None,
    }
}

fn check_cycles(graph: &Graph, checked: &Checked<'_>, out: &mut Diagnostics, stack: Span) {
    let format = checked.target().format;
    let needs: Vec<Vec<NativeId>> = graph.resources.iter().map(NativeResource::needs).collect();
    let mut state = vec![0_u8; needs.len()];
    for start in 0..needs.len() {
        if state.get(start) != Some(&0) {
            continue;
        }
        let mut path = vec![(start, 0)];
        while let Some((node, next)) = path.last().copied() {
            if let Some(slot) = state.get_mut(node) {
                *slot = 1;
            }
            let Some(to) = needs.get(node).and_then(|needs| needs.get(next)) else {
                if let Some(slot) = state.get_mut(node) {
                    *slot = 2;
                }
                path.pop();
                continue;
            };
            if let Some(last) = path.last_mut() {
                last.1 += 1;
            }
            match state.get(to.0) {
                Some(0) => path.push((to.0, 0)),
                Some(1) => {
                    let nodes: Vec<usize> = path.iter().map(|(node, _)| *node).skip_while(|node| *node != to.0).collect();
                    let ring: Vec<&NativeResource> = nodes.iter().filter_map(|node| graph.resources.get(*node)).collect();
                    let mut names: Vec<String> = ring.iter().map(|resource| format.logical_name(&resource.name)).collect();
                    names.extend(names.first().cloned());
                    // A value that the user wrote closes the circle rather than what rules tie together.
                    let next = nodes.iter().skip(1).chain(nodes.first());
                    let written = ring.iter().zip(next).find_map(|(resource, next)| {
                        let user = resource.body.iter().find_map(|(_, val)| read_of(val, NativeId(*next)))?;
                        (!ring.iter().any(|other| other.origin.user == user)).then_some(user)
                    });
                    let span = written.or_else(|| ring.first().map(|resource| resource.origin.user)).unwrap_or(stack);
                    out.push(diag::native_cycle(span, &names));
                }
                _ => {}
            }
        }
    }
}
