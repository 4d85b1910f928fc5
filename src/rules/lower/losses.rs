//! What the target loses of a stack, and what it does not offer.

use super::*;
use crate::check::About;

impl<'m, 'r> Lowering<'m, 'r, '_, '_> {
    /// The tags of a user's resource are lost where nothing that is made of it takes any.
    pub(super) fn meet_lost_tags(&self, natives: &[NativeResource]) {
        let target = &self.checked.target().name;
        for (index, resource) in self.model.resources.iter().enumerate() {
            let Some((_, first)) = resource.tags.first() else { continue };
            let id = ResourceId(index);
            let mut own = natives.iter().filter(|native| native.owner == Some(id) && native.kind == NativeKind::Resource).peekable();
            // What is not made at all is lost as a whole, and that is said.
            let made = own.peek().is_some();
            let takes = |native: &NativeResource| self.checked.provider().native_type(native.kind, &native.ty).is_some_and(|ty| ty.tags.is_some());
            if !made || own.any(takes) {
                continue;
            }
            let reason = "nothing that it is made of takes tags there".to_owned();
            let accepted = self.accepted(resource, "tags", false);
            if accepted.is_none() {
                let what = format!("`tags` of a {}", resource.ty.name);
                self.out.borrow_mut().push(diag::degraded(first.span, &what, target, &reason, Span::default()));
            }
            self.losses.borrow_mut().push(MetLoss {
                resource: id,
                subject: "tags".to_owned(),
                to: None,
                grade: Grade::Degraded,
                reason,
                instead: None,
                breaks: None,
                given: true,
                accepted: accepted.map(|accept| accept.reason.clone()),
                user: first.span,
                rule: Span::default(),
            });
        }
    }

    /// Where the author of a resource accepts a loss on this target: by its path, and whether a resource or an edge is lost as a whole.
    fn accepted(&self, resource: &'m Resource, subject: &str, whole: bool) -> Option<&'m Accept> {
        let target = &self.checked.target().name;
        let meant = |accept: &&Accept| accept.covers(target, &self.checked.target().cloud) && accept.about.means(subject, whole);
        let covering = || resource.accepts.iter().filter(meant);
        // What names the loss says more than what accepts all, and what was written for this very target more than what was for its cloud.
        let named = covering().find(|accept| accept.about != About::All);
        named.or(covering().find(|accept| accept.target.as_ref().is_some_and(|on| on.text == *target))).or(covering().next())
    }

    /// A loss that this stack meets: the property was given, or the type or the edge itself is not there.
    pub(super) fn meet(&self, instance: usize, loss: &Loss) {
        let Some(who) = self.instances.get(instance).map(|instance| instance.who) else { return };
        let (id, edge) = match who {
            Who::Cloud => return,
            Who::Resource(id) => (id, None),
            Who::Edge { from, to, record, property } => (from, Some((to, record, property))),
        };
        let Some(resource) = self.resource(id) else { return };
        let target = &self.checked.target().name;
        let subject = loss.subject.to_string();
        let (what, subject, values) = match edge {
            Some((to, record, property)) => {
                let to = self.resource(to).map(|to| to.ty.name.as_str()).unwrap_or_default();
                if subject == property {
                    (format!("`{property}` from a {} to a {to}", resource.ty.name), subject, Place::Whole(record.span))
                } else {
                    (format!("`{subject}` of `{property}` to a {to}"), format!("{property}.{subject}"), Place::In(record))
                }
            }
            None if subject == resource.ty.name => (format!("{subject} such as `{}`", resource.name.text), subject, Place::Whole(resource.span)),
            None => (format!("`{subject}` of a {}", resource.ty.name), subject, Place::In(&resource.values)),
        };
        let (span, given) = match values {
            Place::Whole(span) => (span, true),
            Place::In(record) => match (given_at(record, &loss.subject.parts), by_default(record, &loss.subject.parts)) {
                (Some(span), _) => (span, true),
                (None, true) => (record.span, false),
                // What a type promises counts although nobody wrote it.
                (None, false) if edge.is_none() && is_promised(&resource.ty, &loss.subject.parts) => (record.span, false),
                (None, false) => return,
            },
        };
        let whole = matches!(values, Place::Whole(_));
        let accepted = self.accepted(resource, &subject, whole);
        self.losses.borrow_mut().push(MetLoss {
            resource: id,
            subject,
            to: edge.map(|(to, ..)| to),
            grade: loss.grade,
            reason: loss.reason.clone(),
            instead: loss.instead.clone(),
            breaks: loss.breaks.clone(),
            given,
            accepted: accepted.map(|accept| accept.reason.clone()),
            user: if given { span } else { resource.span },
            rule: loss.span,
        });
        // A default that breaks an application is spoken of though nobody wrote it: nobody would know to ask.
        if accepted.is_some() || !given && loss.breaks.is_none() {
            return;
        }
        let span = if given { span } else { resource.span };
        let reason = match &loss.breaks {
            Some(who) => format!("{}; does not run there: {who}", loss.reason),
            None => loss.reason.clone(),
        };
        match if given { loss.grade } else { loss.grade.min(Grade::Degraded) } {
            Grade::Unsupported => self.out.borrow_mut().push(diag::unsupported(span, &what, target, &reason, loss.instead.as_deref(), loss.span)),
            Grade::Degraded => self.out.borrow_mut().push(diag::degraded(span, &what, target, &reason, loss.span)),
            Grade::Emulated => {}
        }
    }

    pub(super) fn check_pairs(&self, rule: &Rule, id: ResourceId) {
        let Some(resource) = self.resource(id) else { return };
        for pairs in &rule.pairs {
            let (Some(first), Some(second)) = (resource.values.get(&pairs.first), resource.values.get(&pairs.second)) else { continue };
            let (Some(a), Some(b)) = (word(&first.value), word(&second.value)) else { continue };
            let offered = pairs.rows.iter().find(|(key, _)| *key == a).map(|(_, values)| values.as_slice()).unwrap_or_default();
            if !offered.contains(&b) {
                let span = if second.given {
                    second.span
                } else if first.given {
                    first.span
                } else {
                    resource.span
                };
                let other = if first.given { first.span } else { resource.span };
                let diagnostic = diag::not_offered(
                    span,
                    &format!("{} {a}", pairs.first),
                    &format!("{} {b}", pairs.second),
                    &self.checked.target().name,
                    &pairs.why,
                    offered,
                    other,
                );
                self.out.borrow_mut().push(diagnostic);
            }
        }
    }
}

/// Where the user gave a property, if it was given and is not simply switched off.
fn given_at(record: &Record, parts: &[String]) -> Option<Span> {
    let (head, rest) = parts.split_first()?;
    let field = record.get(head).filter(|field| field.given)?;
    match (&field.value, rest) {
        (Value::Bool(false), _) => None,
        (_, []) => Some(field.span),
        (Value::Block(inner), rest) => given_at(inner, rest),
        (Value::Blocks(records), rest) => records.iter().find_map(|record| given_at(record, rest)),
        _ => None,
    }
}

/// Whether a property is a group of fields whose defaults the type keeps to though the group is not written, or one of those.
fn is_promised(ty: &PortableType, parts: &[String]) -> bool {
    let Some((head, rest)) = parts.split_first() else { return false };
    match ty.property(head).map(|property| &property.kind) {
        Some(Kind::Block(block)) if block.promised => rest.first().is_none_or(|name| block.fields.iter().any(|field| field.name == *name)),
        _ => false,
    }
}

/// Whether a property has its value from the spec, and one that asks for something.
fn by_default(record: &Record, parts: &[String]) -> bool {
    let Some((head, rest)) = parts.split_first() else { return false };
    match record.get(head).filter(|field| !field.given).map(|field| (&field.value, rest)) {
        Some((Value::Bool(false), _)) | None => false,
        Some((_, [])) => true,
        Some((Value::Block(inner), rest)) => by_default(inner, rest),
        Some(_) => false,
    }
}

fn word(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Number(number) => Some(number_text(*number)),
        _ => None,
    }
}
