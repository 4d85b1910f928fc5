//! The tree that the stages behind take: nodes in nodes, with text of their own, and where each stands.

use crate::source::{FileId, Span};
use serde::{Deserialize, Serialize};

/// A word and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ident {
    /// The word, without quotes.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Scalar {
    /// Text.
    String(String),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
}

impl Scalar {
    /// What it is, with its article, for a message.
    pub fn kind(&self) -> &'static str {
        match self {
            Scalar::String(_) => "text",
            Scalar::Integer(_) => "a whole number",
            Scalar::Float(_) => "a number with a fraction",
            Scalar::Bool(_) => "true or false",
            Scalar::Null => "`#null`",
        }
    }
}

/// A value with its tag, such as `(get)app-image`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// The word in parentheses.
    pub tag: Option<Ident>,
    /// The value behind it.
    pub scalar: Scalar,
    /// Of a `(fmt)` into which values were put: its parts. They are never text that is read again.
    #[serde(skip)]
    pub parts: Option<Box<[Part]>>,
    /// Tag and value.
    pub span: Span,
}

/// A part of a text with values in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Plain text.
    Text(String),
    /// A parameter or an output, as behind `(get)`.
    Path(String),
}

impl Value {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.scalar {
            Scalar::String(text) => Some(text),
            _ => None,
        }
    }

    /// The tag's word, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_ref().map(|tag| tag.text.as_str())
    }
}

/// A node: `(tag)name argument key=value { children }`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// The word in parentheses before the name.
    pub tag: Option<Ident>,
    /// The node's name.
    pub name: Ident,
    /// Values without a key, in order.
    pub args: Vec<Value>,
    /// Values with a key, in order; a repeated key stands twice.
    pub props: Vec<(Ident, Value)>,
    /// Nodes in braces; `None` when there are no braces.
    pub children: Option<Vec<Node>>,
    /// The node without its children: tag, name, arguments and properties.
    pub span: Span,
    /// Whether something on its line was reported, so that what is missing in it is no mistake of its own.
    #[serde(skip)]
    pub broken: bool,
}

impl Node {
    /// The children, none when there are no braces.
    pub fn children(&self) -> &[Node] {
        self.children.as_deref().unwrap_or_default()
    }

    /// The last property of this name, which is the one that counts in KDL.
    pub fn prop(&self, name: &str) -> Option<&Value> {
        self.props.iter().rev().find(|(key, _)| key.text == name).map(|(_, value)| value)
    }

    /// A property's text.
    pub fn prop_str(&self, name: &str) -> Option<&str> {
        self.prop(name).and_then(Value::as_str)
    }

    /// Whether a property is `#true`.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.prop(name), Some(Value { scalar: Scalar::Bool(true), .. }))
    }

    /// An argument's text.
    pub fn arg_str(&self, index: usize) -> Option<&str> {
        self.args.get(index).and_then(Value::as_str)
    }

    /// The tag's word, if there is one.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_ref().map(|tag| tag.text.as_str())
    }

    /// Says which file the node and all below it are of.
    pub fn set_file(&mut self, file: FileId) {
        let mark_value = |value: &mut Value| {
            value.span.file = file;
            if let Some(tag) = &mut value.tag {
                tag.span.file = file;
            }
        };
        self.span.file = file;
        self.name.span.file = file;
        if let Some(tag) = &mut self.tag {
            tag.span.file = file;
        }
        self.args.iter_mut().for_each(mark_value);
        for (key, value) in &mut self.props {
            key.span.file = file;
            mark_value(value);
        }
        for child in self.children.iter_mut().flatten() {
            child.set_file(file);
        }
    }
}
