//! The `kdl` crate's document, turned into our tree: how `build.rs` reads specs and rules, and what tests hold our own reader against.

use crate::source::{FileId, Span};
use crate::syntax::{Ident, Node, Scalar, Value};
use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};
use std::cell::Cell;

/// Reads a text; where it is no KDL 2, or holds a number that does not arrive as it is written, says so.
pub fn read(file: FileId, text: &str) -> Result<Vec<Node>, String> {
    let reader = Reader { file, text, lossy: Cell::new(false) };
    let document = KdlDocument::parse_v2(text).map_err(|error| {
        let said: Vec<String> = error.diagnostics.iter().take(3).map(|found| format!("byte {}: {found}", found.span.offset())).collect();
        said.join("; ")
    })?;
    let nodes = document.nodes().iter().map(|node| reader.node(node)).collect();
    if reader.lossy.get() { Err("a number would not arrive as it is written".to_owned()) } else { Ok(nodes) }
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    /// Whether there was a number that no template can hold as it is written.
    lossy: Cell<bool>,
}

impl Reader<'_> {
    fn node(&self, node: &KdlNode) -> Node {
        let name = self.ident(node.name());
        let tag = node.ty().map(|ty| self.ident(ty));
        let mut span = name.span;
        if let Some(tag) = &tag {
            span = self.with_parenthesis(tag.span).to(span);
        }
        let mut args = Vec::new();
        let mut props = Vec::new();
        for entry in node.entries() {
            let value = self.value(entry);
            span = span.to(value.span);
            match entry.name() {
                Some(key) => props.push((self.ident(key), value)),
                None => args.push(value),
            }
        }
        let children = node.children().map(|document| document.nodes().iter().map(|child| self.node(child)).collect());
        Node { tag, name, args, props, children, span, broken: false }
    }

    fn ident(&self, ident: &KdlIdentifier) -> Ident {
        Ident { text: ident.value().to_owned(), span: self.span(ident.span()) }
    }

    fn value(&self, entry: &KdlEntry) -> Value {
        let mut span = self.trimmed(self.span(entry.span()));
        if let Some(key) = entry.name() {
            let equals = self.span(key.span()).end as usize;
            let rest = self.text.get(equals..span.end as usize).unwrap_or("");
            let behind = rest.split_once('=').map_or(rest, |(_, behind)| behind);
            let skipped = rest.len() - behind.trim_start().len();
            span = Span::new(self.file, equals + skipped, span.end as usize);
        }
        let scalar = match entry.value() {
            KdlValue::String(text) => Scalar::String(text.clone()),
            KdlValue::Integer(number) => i64::try_from(*number).map_or_else(|_| self.lossy(), Scalar::Integer),
            KdlValue::Float(number) if is_kept(*number, self.slice(span).rsplit(')').next().unwrap_or_default()) => Scalar::Float(*number),
            KdlValue::Float(_) => self.lossy(),
            KdlValue::Bool(flag) => Scalar::Bool(*flag),
            KdlValue::Null => Scalar::Null,
        };
        Value { tag: entry.ty().map(|ty| self.ident(ty)), scalar, parts: None, span }
    }

    fn lossy(&self) -> Scalar {
        self.lossy.set(true);
        Scalar::Null
    }

    fn slice(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    fn span(&self, span: miette::SourceSpan) -> Span {
        Span::new(self.file, span.offset(), span.offset() + span.len())
    }

    fn trimmed(&self, span: Span) -> Span {
        let text = self.text.get(span.start as usize..span.end as usize).unwrap_or("");
        let start = span.start as usize + (text.len() - text.trim_start().len());
        Span::new(self.file, start, start + text.trim().len())
    }

    fn with_parenthesis(&self, span: Span) -> Span {
        let before = self.text.get(..span.start as usize).unwrap_or("");
        let start = before.rfind('(').unwrap_or(span.start as usize);
        Span::new(self.file, start, span.end as usize)
    }
}

/// Whether a number arrives with all the digits that it is written with: it is finite, and has as many as 64 bits of floating point keep.
fn is_kept(number: f64, written: &str) -> bool {
    let digits = |text: &str| -> String {
        let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
        let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
        digits.trim_matches('0').to_owned()
    };
    let wanted = digits(written);
    number.is_finite() && (wanted.is_empty() == (number == 0.0)) && (wanted.len() <= 15 || digits(&format!("{number:.*e}", wanted.len() - 1)) == wanted)
}
