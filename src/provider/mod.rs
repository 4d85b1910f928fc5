//! Official provider schemas behind one trait: which native types there are, what properties they take, what can be read from them.

mod facts;

pub use facts::Facts;

use std::rc::Rc;

/// Whether a native type is made or only looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NativeKind {
    /// The stack makes it.
    Resource,
    /// It exists, and the stack reads it.
    Data,
    /// It is made anew for every run, and never kept in a state.
    Ephemeral,
}

impl NativeKind {
    /// Its word in facts, rules and Terraform.
    pub fn word(self) -> &'static str {
        match self {
            NativeKind::Resource => "resource",
            NativeKind::Data => "data",
            NativeKind::Ephemeral => "ephemeral",
        }
    }
}

/// A provider's schema.
pub trait Provider {
    /// The type of this kind and name.
    fn native_type(&self, kind: NativeKind, name: &str) -> Option<Rc<NativeType>>;
    /// The names of all types of a kind, for suggestions.
    fn names(&self, kind: NativeKind) -> Vec<String>;
}

/// A provider's resource type or data source.
#[derive(Debug)]
pub struct NativeType {
    /// Its name, such as `AWS::RDS::DBInstance` or `aws_db_instance`.
    pub name: String,
    /// The property that takes tags, and how.
    pub tags: Option<(String, TagShape)>,
    /// The version of the provider's interface that it is described for, where a template has to name one.
    pub version: Option<String>,
    /// What of its properties goes together.
    pub relations: Vec<Relation>,
    /// Its properties; index 0 is the type itself, the others are what its properties refer to.
    pub objects: Vec<Object>,
    /// What can be read from it besides its identity: dotted path and shape. Empty where every property can be read.
    pub attributes: Vec<(String, Shape)>,
}

/// How a native type takes tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TagShape {
    /// A list of `Key` and `Value`.
    List,
    /// A map.
    Map,
    /// A list of texts, `key=value`.
    Words,
}

/// What of a type's properties goes together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relation {
    /// Exactly one of them.
    ExactlyOne(Vec<String>),
    /// At least one of them.
    AtLeastOne(Vec<String>),
    /// The first needs all of the others.
    Needs(String, Vec<String>),
    /// The first excludes every one of the others.
    Excludes(String, Vec<String>),
}

/// A set of properties.
#[derive(Debug, Default)]
pub struct Object {
    /// The properties, in the order of their names.
    pub members: Vec<Member>,
}

impl Object {
    /// The property of this name.
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

/// Whether a change of a property replaces its resource.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Replaces {
    /// It does not.
    #[default]
    Never,
    /// A lower value does, such as a smaller disk or an earlier version.
    Lower,
    /// It may.
    Maybe,
    /// It does.
    Always,
}

/// A property of a native type.
#[derive(Debug)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// What it takes.
    pub shape: Shape,
    /// Whether it has to be given, may be, or cannot be.
    pub presence: Presence,
    /// Whether a change of it replaces the resource.
    pub replaces: Replaces,
    /// Whether the provider gives it a value when the template gives none.
    pub computed: bool,
    /// Whether the provider never shows its value again: it is write-only, or marked as sensitive.
    pub keeps_secret: bool,
    /// What its value has to satisfy.
    pub limits: Limits,
    /// What each item of a list or map has to satisfy.
    pub item_limits: Limits,
}

/// Whether a property has to be given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It has to.
    Required,
    /// It may.
    Optional,
    /// It cannot: the provider fills it in.
    ReadOnly,
}

/// What a property takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// Text.
    String,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// True or false.
    Boolean,
    /// Anything.
    Json,
    /// Several of a shape, in order or not.
    List(Box<Shape>),
    /// Names with values of a shape.
    Map(Box<Shape>),
    /// An object: index into [`NativeType::objects`].
    Object(usize),
    /// A nested block that may stand once (`false`) or several times (`true`).
    Block(usize, bool),
    /// One of several shapes.
    AnyOf(Vec<Shape>),
}

impl Shape {
    /// What it takes, with its article, for a message.
    pub fn wanted(&self) -> String {
        match self {
            Shape::String => "text".to_owned(),
            Shape::Integer => "a whole number".to_owned(),
            Shape::Number => "a number".to_owned(),
            Shape::Boolean => "true or false".to_owned(),
            Shape::Json => "anything".to_owned(),
            Shape::List(item) => format!("a list of {}", item.wanted().trim_start_matches("a ")),
            Shape::Map(_) => "a map".to_owned(),
            Shape::Object(_) | Shape::Block(..) => "an object".to_owned(),
            Shape::AnyOf(shapes) => shapes.iter().map(Shape::wanted).collect::<Vec<_>>().join(" or "),
        }
    }
}

/// What a value has to satisfy beyond its shape.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Limits {
    /// It is one of these.
    pub one_of: Option<Vec<String>>,
    /// Whether case counts in `one_of`.
    pub any_case: bool,
    /// It matches this regular expression somewhere.
    pub pattern: Option<String>,
    /// Least number.
    pub min: Option<f64>,
    /// Greatest number.
    pub max: Option<f64>,
    /// Fewest characters.
    pub min_length: Option<usize>,
    /// Most characters.
    pub max_length: Option<usize>,
    /// Fewest items.
    pub min_items: Option<usize>,
    /// Most items.
    pub max_items: Option<usize>,
    /// Whether no item may be there twice.
    pub unique: bool,
}

impl NativeType {
    /// The properties of the type itself.
    pub fn root(&self) -> &Object {
        self.object(0)
    }

    /// The object of this index.
    pub fn object(&self, index: usize) -> &Object {
        static EMPTY: Object = Object { members: Vec::new() };
        self.objects.get(index).unwrap_or(&EMPTY)
    }

    /// What reading `path` gives: an attribute by its dotted name, or, where every property can be read, a path through them
    /// with `[0]` for an item of a list.
    pub fn attribute(&self, path: &str) -> Option<Shape> {
        if let Some((_, shape)) = self.attributes.iter().find(|(name, _)| name == path) {
            return Some(shape.clone());
        }
        if !self.attributes.is_empty() {
            let known = |wanted: &str| self.attributes.iter().find(|(name, _)| name == wanted).map(|(_, shape)| shape);
            // What is inside of an attribute without a shape of its own is known only when deployed.
            return match path.find(['.', '[']).and_then(|at| path.get(..at)).and_then(known) {
                Some(Shape::Json) => Some(Shape::Json),
                Some(Shape::List(inner) | Shape::Map(inner)) if **inner == Shape::Json => Some(Shape::Json),
                _ => known("*").cloned(),
            };
        }
        let mut shape = Shape::Object(0);
        for part in path.split('.') {
            let (name, index) = match part.split_once('[') {
                Some((name, rest)) => (name, Some(rest.strip_suffix(']')?)),
                None => (part, None),
            };
            let (Shape::Object(object) | Shape::Block(object, _)) = shape else { return None };
            shape = self.object(object).member(name)?.shape.clone();
            if index.is_some() {
                shape = match shape {
                    Shape::List(item) | Shape::Map(item) => *item,
                    Shape::Block(object, true) => Shape::Object(object),
                    _ => return None,
                };
            }
        }
        Some(shape)
    }

    /// Names for a suggestion when an attribute does not exist.
    pub fn attribute_names(&self) -> Vec<&str> {
        if self.attributes.is_empty() {
            self.root().members.iter().map(|member| member.name.as_str()).collect()
        } else {
            self.attributes.iter().map(|(name, _)| name.as_str()).collect()
        }
    }
}
