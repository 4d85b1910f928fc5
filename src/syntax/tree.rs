//! The tree as it was read: nodes one behind the other, in the order of the text, with borrowed words.

use std::borrow::Cow;
use std::ops::Range;

/// A word and where it stands, with its quotes.
#[derive(Debug, Clone, PartialEq)]
pub struct Word<'t> {
    /// Without quotes, escapes resolved.
    pub text: Cow<'t, str>,
    /// First byte.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// A value as it was read.
#[derive(Debug, Clone, PartialEq)]
pub enum Raw<'t> {
    /// Text.
    Text(Cow<'t, str>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// `#true` or `#false`.
    Bool(bool),
    /// `#null`.
    Null,
    /// Reported already, and known to nobody.
    Wrong,
}

/// A value, or a property.
#[derive(Debug, PartialEq)]
pub struct Entry<'t> {
    /// The property's name.
    pub key: Option<Word<'t>>,
    /// The word in parentheses.
    pub tag: Option<Word<'t>>,
    /// The value.
    pub raw: Raw<'t>,
    /// First byte of tag and value.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// A node.
#[derive(Debug, PartialEq)]
pub struct Flat<'t> {
    /// The word in parentheses before the name.
    pub tag: Option<Word<'t>>,
    /// Its name; empty where none could be read.
    pub name: Word<'t>,
    /// Its values, in [`Tree::entries`].
    pub entries: Range<usize>,
    /// One past the last of the nodes in its braces, in [`Tree::nodes`]; they begin right behind it.
    pub end: usize,
    /// Whether it has braces.
    pub braces: bool,
    /// Tag, name and values.
    pub span: Range<usize>,
    /// Whether something on its line was reported.
    pub broken: bool,
}

/// What a text holds.
#[derive(Debug)]
pub struct Tree<'t> {
    /// The text.
    pub text: &'t str,
    /// Its nodes, each before those in its braces.
    pub nodes: Vec<Flat<'t>>,
    /// Their values.
    pub entries: Vec<Entry<'t>>,
}
