//! A rule file's text, and changes to it by the places of its tree.

use stackc::source::{FileId, Span};
use stackc::syntax::{self, Node, Value};
use std::ops::Range;

/// A file of rules below `targets`.
pub struct RuleText {
    /// Such as `aws/bucket.kdl`.
    pub place: String,
    pub text: String,
    pub nodes: Vec<Node>,
}

/// A change of one file.
#[derive(Clone)]
pub struct Edit {
    pub range: Range<usize>,
    pub by: String,
}

impl RuleText {
    pub fn read(place: String, text: String) -> RuleText {
        let (nodes, problems) = syntax::read(FileId(0), &text);
        assert!(problems.is_empty(), "{place}: {problems:?}");
        RuleText { place, text, nodes }
    }

    pub fn with(&self, edit: &Edit) -> String {
        let mut text = self.text.clone();
        text.replace_range(edit.range.clone(), &edit.by);
        text
    }

    /// What stands at a place.
    pub fn at(&self, span: Span) -> &str {
        &self.text[range(span)]
    }

    /// The line of a place, counted from 1.
    pub fn line(&self, at: usize) -> usize {
        self.text[..at].matches('\n').count() + 1
    }

    /// Replaces a piece of what a value has behind its tag, counted in it.
    pub fn inside(&self, value: &Value, piece: Range<usize>, by: &str) -> Option<Edit> {
        let text = value.as_str()?;
        let from = value.tag.as_ref().map_or(range(value.span).start, |tag| range(tag.span).end);
        let start = from + self.text[from..range(value.span).end].find(text)?;
        Some(Edit { range: start + piece.start..start + piece.end, by: by.to_owned() })
    }

    /// Takes a node out, with what stands in its braces.
    pub fn without(&self, node: &Node) -> Edit {
        // A `;` behind it would end nothing.
        let end = self.end(node);
        let end = if self.text[end..].starts_with(';') { end + 1 } else { end };
        Edit { range: range(node.span).start..end, by: String::new() }
    }

    /// Where a node ends, its braces included.
    fn end(&self, node: &Node) -> usize {
        let Some(children) = &node.children else { return range(node.span).end };
        let from = children.last().map_or(range(node.span).end, |last| self.end(last));
        let mut at = from;
        for line in self.text[from..].split_inclusive('\n') {
            let code = line.split("//").next().unwrap_or_default();
            if let Some(close) = code.find('}') {
                return at + close + 1;
            }
            at += line.len();
        }
        panic!("{}: a brace is not closed", self.place)
    }
}

pub fn range(span: Span) -> Range<usize> {
    usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap()
}

/// A word as somebody mistypes it: two letters have changed their places, or the last one stands twice.
pub fn mistyped(word: &str) -> String {
    let mut letters: Vec<char> = word.chars().collect();
    let swap = (1..letters.len().saturating_sub(1)).rev().find(|&at| {
        let (one, two) = (letters[at], letters[at + 1]);
        one != two && one.is_alphanumeric() && two.is_alphanumeric()
    });
    match (swap, letters.last().copied()) {
        (Some(at), _) => letters.swap(at, at + 1),
        (None, Some(last)) => letters.push(last),
        (None, None) => {}
    }
    letters.into_iter().collect()
}
