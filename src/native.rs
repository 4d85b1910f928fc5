//! The second IR: native resources with symbolic references. It spells no format's references, joins or parameters; `emit` does.

use crate::backend::Backend;
use crate::check::{Limits, ResourceId};
use crate::gates::Gate;
use crate::provider::NativeKind;
use crate::rules::Grade;
use crate::source::Span;
use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Index of a resource in [`Graph::resources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NativeId(pub usize);

/// Everything that goes into one template.
#[derive(Debug, Default)]
pub struct Graph {
    /// The stack's name.
    pub stack: String,
    /// What the stack is, for the template's description.
    pub about: String,
    /// Values asked for when deploying.
    pub params: Vec<NativeParam>,
    /// Resources and data sources, in the order in which they are written.
    pub resources: Vec<NativeResource>,
    /// Values shown when deployed.
    pub outputs: Vec<NativeOutput>,
    /// What the target's settings read, by its path.
    pub settings: Vec<(String, Val)>,
    /// What of the stack does not arrive as it was written, accepted or not.
    pub losses: Vec<MetLoss>,
    /// Where the state is kept, for a format that has one.
    pub state: Option<Backend>,
    /// What has to be so before some of it can be made.
    pub gates: Vec<Gate>,
}

/// A loss that a stack meets on a target.
#[derive(Debug, Clone)]
pub struct MetLoss {
    /// The user's resource.
    pub resource: ResourceId,
    /// What of it: its type's name for the whole of it, else a property or an edge, with a field if it is only that.
    pub subject: String,
    /// For an edge: where it leads.
    pub to: Option<ResourceId>,
    /// How much is lost.
    pub grade: Grade,
    /// What is missing, or how the effect is had.
    pub reason: String,
    /// What to do instead.
    pub instead: Option<String>,
    /// Which ordinary applications do not run because of it, if there are such.
    pub breaks: Option<String>,
    /// Whether the user wrote what is lost, rather than the spec as a default.
    pub given: bool,
    /// Why the author of the stack accepts it, if so.
    pub accepted: Option<String>,
    /// In the user's file.
    pub user: Span,
    /// In the rule's file.
    pub rule: Span,
}

/// A parameter of the template.
#[derive(Debug, Clone)]
pub struct NativeParam {
    /// Its name in the stack.
    pub name: String,
    /// What it is for.
    pub about: Option<String>,
    /// Whether it is kept out of sight.
    pub secret: bool,
    /// Whether it is a number.
    pub number: bool,
    /// Whether it is several texts.
    pub list: bool,
    /// The type that the format has for it, or the name of a check of its own.
    pub ty: Option<String>,
    /// What its values are like.
    pub limits: Limits,
    /// Its value when none is given.
    pub default: Option<Val>,
    /// Where the user declares it.
    pub span: Span,
    /// Whether anything in the template reads it; if not, it is left out.
    pub used: bool,
}

/// An output of the template.
#[derive(Debug, Clone)]
pub struct NativeOutput {
    /// Its name in the stack.
    pub name: String,
    /// Where the user declares it.
    pub span: Span,
    /// Its value.
    pub value: Val,
    /// The user's resource whose handle it is, if it is one.
    pub handle: Option<ResourceId>,
}

/// A resource or data source of the provider.
#[derive(Debug, Clone)]
pub struct NativeResource {
    /// The user's resource that it comes from; none where the cloud has it by itself.
    pub owner: Option<ResourceId>,
    /// Whether it is made or looked up.
    pub kind: NativeKind,
    /// The provider's type.
    pub ty: String,
    /// The version of the provider's interface, where a template names one.
    pub version: Option<String>,
    /// The resource that it is a part of, where that is more than a reference.
    pub parent: Option<NativeId>,
    /// What its name in the template is made of: the user's name, the rule's role, keys of blocks.
    pub name: Vec<String>,
    /// Which one it is of those that take each other's place, if its rule makes such; from the second on, its name ends with the number.
    pub turns: Option<i64>,
    /// Its properties.
    pub body: Vec<(String, Val)>,
    /// Resources that have to exist first, though no property says so.
    pub after: Vec<NativeId>,
    /// The gates that it waits for: indices into [`Graph::gates`].
    pub waits: Vec<usize>,
    /// What happens to it when the stack no longer has it.
    pub removal: Removal,
    /// Whether it stays because the stack says so.
    pub protected: bool,
    /// Whether its rule lets it stay, or leave a copy, when the stack no longer has it.
    pub can_be_kept: bool,
    /// Whether a replacement is made before the old one goes.
    pub create_first: bool,
    /// Whether each change makes a new revision, and no replacement of one loses anything.
    pub revision: bool,
    /// Paths of properties whose later changes are somebody else's.
    pub ignored: Vec<String>,
    /// What has to be so once it was made or changed.
    pub expected: Vec<Expected>,
    /// The user's node that it comes from, and the rule.
    pub origin: Origin,
}

/// What has to be so once a resource was made or changed: the cloud may say that it is done, and mean that it has gone back.
#[derive(Debug, Clone)]
pub struct Expected {
    /// What is read from the resource.
    pub attribute: String,
    /// What it has to be.
    pub value: Val,
    /// What it means when it is something else.
    pub why: String,
}

/// What happens to a resource when the stack no longer has it, or replaces it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Removal {
    /// It goes.
    #[default]
    Delete,
    /// It goes, and leaves a copy of its data.
    Snapshot,
    /// It stays.
    Keep,
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Origin {
    /// In the user's file.
    pub user: Span,
    /// In the rule's file.
    pub rule: Span,
}

/// A value and where it comes from.
#[derive(Debug, Clone)]
pub struct Val {
    /// The value.
    pub kind: ValKind,
    /// Its origin.
    pub origin: Origin,
}

/// A value, possibly one that is known only when deployed.
#[derive(Debug, Clone)]
pub enum ValKind {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Number(f64),
    /// Text, exactly as it has to arrive.
    Text(String),
    /// Several values.
    List(Vec<Val>),
    /// Names with values.
    Map(Vec<(String, Val)>),
    /// What a resource is referred to by.
    Ref(NativeId),
    /// What can be read from a resource.
    Attr(NativeId, String),
    /// A parameter: index into [`Graph::params`].
    Param(usize),
    /// A value that the format offers by itself, by its own name.
    Pseudo(String),
    /// Texts put together.
    Concat(Vec<Val>),
    /// Texts of a list put together with a separator.
    Join(String, Box<Val>),
    /// An item of a list.
    Index(Box<Val>, usize),
    /// The field `field` of the one item of a list of objects whose field `key` is `value`.
    Pick {
        /// The list.
        from: Box<Val>,
        /// The field to look for.
        key: String,
        /// Its value.
        value: Box<Val>,
        /// The field to take.
        field: String,
    },
    /// One of the format's own functions.
    Call(String, Vec<Val>),
    /// The value written as JSON text.
    Json(Box<Val>),
    /// An object of one entry, whose name may be known only when deployed.
    Entry(Box<Val>, Box<Val>),
    /// Nothing: left out wherever it goes.
    Absent,
}

impl NativeResource {
    /// The resources that its properties refer to.
    pub fn references(&self) -> Vec<NativeId> {
        let mut found = Vec::new();
        self.values().for_each(|val| val.references(&mut found));
        found
    }

    /// All values that the template has of it.
    pub fn values(&self) -> impl Iterator<Item = &Val> {
        self.body.iter().map(|(_, val)| val).chain(self.expected.iter().map(|expected| &expected.value))
    }

    /// All resources that have to exist first.
    pub fn needs(&self) -> Vec<NativeId> {
        let mut found = self.references();
        found.extend(&self.after);
        found.extend(self.parent);
        found.sort();
        found.dedup();
        found
    }

    /// The resources that have to exist first and that no property refers to, so that the template has to say it.
    pub fn only_after(&self) -> impl Iterator<Item = NativeId> {
        let implied = self.references();
        self.after.iter().copied().filter(move |id| !implied.contains(id))
    }
}

impl NativeResource {
    /// Whether another one would be the same but for its name.
    pub fn alike(&self, other: &NativeResource) -> bool {
        let expected = |one: &Expected, other: &Expected| one.attribute == other.attribute && one.value.alike(&other.value);
        (self.kind, &self.ty, self.parent) == (other.kind, &other.ty, other.parent)
            && alike(&self.body, &other.body)
            && self.expected.len() == other.expected.len()
            && self.expected.iter().zip(&other.expected).all(|(one, other)| expected(one, other))
    }

    /// Refers to other resources by their new places.
    pub fn renumber(&mut self, places: &[NativeId]) {
        self.body.iter_mut().map(|(_, val)| val).chain(self.expected.iter_mut().map(|expected| &mut expected.value)).for_each(|val| val.renumber(places));
        self.after.iter_mut().chain(&mut self.parent).for_each(|id| *id = places.get(id.0).copied().unwrap_or(*id));
    }
}

fn alike(fields: &[(String, Val)], others: &[(String, Val)]) -> bool {
    fields.len() == others.len() && fields.iter().zip(others).all(|((name, val), (other, its))| name == other && val.alike(its))
}

impl Val {
    /// A text, a number or a boolean, as it is written.
    pub fn as_plain_text(&self) -> Option<String> {
        match &self.kind {
            ValKind::Text(text) => Some(text.clone()),
            ValKind::Integer(number) => Some(number.to_string()),
            ValKind::Number(number) => Some(number.to_string()),
            ValKind::Bool(flag) => Some(flag.to_string()),
            _ => None,
        }
    }

    /// Whether another value is the same, wherever it comes from.
    pub fn alike(&self, other: &Val) -> bool {
        let all = |items: &[Val], others: &[Val]| items.len() == others.len() && items.iter().zip(others).all(|(item, other)| item.alike(other));
        match (&self.kind, &other.kind) {
            (ValKind::Bool(a), ValKind::Bool(b)) => a == b,
            (ValKind::Integer(a), ValKind::Integer(b)) => a == b,
            (ValKind::Number(a), ValKind::Number(b)) => a.to_bits() == b.to_bits(),
            (ValKind::Text(a), ValKind::Text(b)) | (ValKind::Pseudo(a), ValKind::Pseudo(b)) => a == b,
            (ValKind::List(a), ValKind::List(b)) | (ValKind::Concat(a), ValKind::Concat(b)) => all(a, b),
            (ValKind::Map(a), ValKind::Map(b)) => alike(a, b),
            (ValKind::Ref(a), ValKind::Ref(b)) => a == b,
            (ValKind::Attr(a, path), ValKind::Attr(b, other)) => (a, path) == (b, other),
            (ValKind::Param(a), ValKind::Param(b)) => a == b,
            (ValKind::Join(separator, a), ValKind::Join(other, b)) => separator == other && a.alike(b),
            (ValKind::Index(a, place), ValKind::Index(b, other)) => place == other && a.alike(b),
            (ValKind::Call(name, a), ValKind::Call(other, b)) => name == other && all(a, b),
            (ValKind::Json(a), ValKind::Json(b)) => a.alike(b),
            (ValKind::Pick { from, key, value, field }, ValKind::Pick { from: its, key: its_key, value: its_value, field: its_field }) => {
                (key, field) == (its_key, its_field) && from.alike(its) && value.alike(its_value)
            }
            (ValKind::Entry(name, value), ValKind::Entry(other, its)) => name.alike(other) && value.alike(its),
            (ValKind::Absent, ValKind::Absent) => true,
            _ => false,
        }
    }

    /// The same number for values that are alike, and mostly another for others.
    fn mark(&self, into: &mut impl Hasher) {
        std::mem::discriminant(&self.kind).hash(into);
        match &self.kind {
            ValKind::Bool(flag) => flag.hash(into),
            ValKind::Integer(number) => number.hash(into),
            ValKind::Number(number) => number.to_bits().hash(into),
            ValKind::Text(text) | ValKind::Pseudo(text) => text.hash(into),
            ValKind::List(items) | ValKind::Concat(items) => items.iter().for_each(|item| item.mark(into)),
            ValKind::Map(fields) => fields.iter().for_each(|(name, val)| {
                name.hash(into);
                val.mark(into);
            }),
            ValKind::Ref(id) | ValKind::Attr(id, _) => id.0.hash(into),
            ValKind::Param(index) => index.hash(into),
            ValKind::Join(_, val) | ValKind::Index(val, _) | ValKind::Json(val) | ValKind::Entry(val, _) => val.mark(into),
            ValKind::Call(_, args) => args.iter().for_each(|arg| arg.mark(into)),
            ValKind::Pick { value, .. } => value.mark(into),
            ValKind::Absent => {}
        }
    }

    /// Whether two of these are alike; in the time that it takes to look at each once.
    pub fn any_twice(items: &[Val]) -> bool {
        let mut seen: HashMap<u64, Vec<&Val>> = HashMap::new();
        items.iter().any(|item| {
            let mut hasher = DefaultHasher::new();
            item.mark(&mut hasher);
            let same = seen.entry(hasher.finish()).or_default();
            let twice = same.iter().any(|other| other.alike(item));
            same.push(item);
            twice
        })
    }

    /// Refers to resources by their new places; a list that now names one twice names it once.
    pub fn renumber(&mut self, places: &[NativeId]) {
        match &mut self.kind {
            ValKind::Ref(id) | ValKind::Attr(id, _) => *id = places.get(id.0).copied().unwrap_or(*id),
            ValKind::List(items) => {
                let mut named: Vec<Val> = Vec::new();
                items.retain_mut(|item| {
                    item.renumber(places);
                    let again = matches!(item.kind, ValKind::Ref(_) | ValKind::Attr(..)) && named.iter().any(|other| other.alike(item));
                    named.push(item.clone());
                    !again
                });
            }
            ValKind::Concat(items) | ValKind::Call(_, items) => items.iter_mut().for_each(|item| item.renumber(places)),
            ValKind::Map(items) => items.iter_mut().for_each(|(_, item)| item.renumber(places)),
            ValKind::Join(_, inner) | ValKind::Index(inner, _) | ValKind::Json(inner) => inner.renumber(places),
            ValKind::Pick { from: one, value: other, .. } | ValKind::Entry(one, other) => {
                one.renumber(places);
                other.renumber(places);
            }
            ValKind::Bool(_) | ValKind::Integer(_) | ValKind::Number(_) | ValKind::Text(_) | ValKind::Param(_) | ValKind::Pseudo(_) | ValKind::Absent => {}
        }
    }

    /// A value of an origin.
    pub fn new(kind: ValKind, origin: Origin) -> Val {
        Val { kind, origin }
    }

    /// Text of an origin.
    pub fn text(text: impl Into<String>, origin: Origin) -> Val {
        Val { kind: ValKind::Text(text.into()), origin }
    }

    /// Whether it is left out.
    pub fn is_absent(&self) -> bool {
        matches!(self.kind, ValKind::Absent)
    }

    /// Whether it is known only when deployed, itself or in a part.
    pub fn is_deferred(&self) -> bool {
        match &self.kind {
            ValKind::List(items) => items.iter().any(Val::is_deferred),
            ValKind::Map(items) => items.iter().any(|(_, item)| item.is_deferred()),
            ValKind::Bool(_) | ValKind::Integer(_) | ValKind::Number(_) | ValKind::Text(_) | ValKind::Absent => false,
            ValKind::Json(inner) => inner.is_deferred(),
            _ => true,
        }
    }

    /// The parameters that it reads.
    pub fn params(&self, found: &mut Vec<usize>) {
        match &self.kind {
            ValKind::Param(index) => found.push(*index),
            ValKind::List(items) | ValKind::Concat(items) | ValKind::Call(_, items) => items.iter().for_each(|item| item.params(found)),
            ValKind::Map(items) => items.iter().for_each(|(_, item)| item.params(found)),
            ValKind::Join(_, inner) | ValKind::Index(inner, _) | ValKind::Json(inner) => inner.params(found),
            ValKind::Entry(name, value) => {
                name.params(found);
                value.params(found);
            }
            ValKind::Pick { from, value, .. } => {
                from.params(found);
                value.params(found);
            }
            ValKind::Bool(_)
            | ValKind::Integer(_)
            | ValKind::Number(_)
            | ValKind::Text(_)
            | ValKind::Ref(_)
            | ValKind::Attr(..)
            | ValKind::Pseudo(_)
            | ValKind::Absent => {}
        }
    }

    /// The resources that it refers to.
    pub fn references(&self, found: &mut Vec<NativeId>) {
        match &self.kind {
            ValKind::Ref(id) | ValKind::Attr(id, _) => found.push(*id),
            ValKind::List(items) | ValKind::Concat(items) | ValKind::Call(_, items) => items.iter().for_each(|item| item.references(found)),
            ValKind::Map(items) => items.iter().for_each(|(_, item)| item.references(found)),
            ValKind::Join(_, inner) | ValKind::Index(inner, _) | ValKind::Json(inner) => inner.references(found),
            ValKind::Entry(name, value) => {
                name.references(found);
                value.references(found);
            }
            ValKind::Pick { from, value, .. } => {
                from.references(found);
                value.references(found);
            }
            ValKind::Bool(_) | ValKind::Integer(_) | ValKind::Number(_) | ValKind::Text(_) | ValKind::Param(_) | ValKind::Pseudo(_) | ValKind::Absent => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Origin, Val, ValKind};

    #[test]
    fn what_is_there_twice_is_found_wherever_it_comes_from() {
        let item = |port: i64, name: &str| {
            let text = Val::new(ValKind::Text(name.to_owned()), Origin::default());
            let fields = vec![("port".to_owned(), Val::new(ValKind::Integer(port), Origin::default())), ("name".to_owned(), text)];
            Val::new(ValKind::Map(fields), Origin::default())
        };
        let many: Vec<Val> = (0..20_000).map(|port| item(port, "a")).collect();
        assert!(!Val::any_twice(&many));
        assert!(Val::any_twice(&[item(1, "a"), item(1, "b"), item(2, "a"), item(1, "b")]));
    }
}
