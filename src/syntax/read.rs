//! The `kdl` crate's document, turned into our tree.

use super::{Ident, Node, Scalar, Value, guard};
use crate::diag::{Diagnostic, syntax as diag};
use crate::source::{FileId, Span};
use kdl::{KdlDocument, KdlEntry, KdlIdentifier, KdlNode, KdlValue};
use std::cell::RefCell;

/// Reads a file's text. When it does not parse, there are no nodes and at least one diagnostic.
pub fn read(file: FileId, text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    if let Err(diagnostic) = guard::check(file, text) {
        return (Vec::new(), vec![diagnostic]);
    }
    // The parser recurses where it recovers from errors, and may give up; both stay within a thread of its own.
    let parsed = std::thread::scope(|scope| {
        let parse = || {
            let reader = Reader { file, text, numbers: RefCell::default() };
            match KdlDocument::parse_v2(text) {
                Ok(document) => {
                    let nodes = document.nodes().iter().map(|node| reader.node(node)).collect();
                    (nodes, reader.numbers.into_inner())
                }
                Err(error) => (Vec::new(), reader.errors(&error)),
            }
        };
        std::thread::Builder::new().stack_size(stack_size(text.len())).spawn_scoped(scope, parse).ok()?.join().ok()
    });
    parsed.unwrap_or_else(|| {
        let message = "the text is so far from KDL that the parser gave up on it";
        (Vec::new(), vec![diag::not_kdl(Span::new(file, 0, 1), message, "somewhere behind here", None)])
    })
}

/// Bytes of stack for so many bytes of text. Measured: 1,400 bytes a character at most where every character is an error, eight times that
/// without optimisation. Only what is touched is ever there.
fn stack_size(bytes: usize) -> usize {
    let each = if cfg!(debug_assertions) { 12 * 1024 } else { 1536 };
    (2 * 1024 * 1024 + bytes.saturating_mul(each)).min(2 * 1024 * 1024 * 1024)
}

struct Reader<'a> {
    file: FileId,
    text: &'a str,
    /// The numbers that no template can hold as they are written.
    numbers: RefCell<Vec<Diagnostic>>,
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
        Node { tag, name, args, props, children, span }
    }

    fn ident(&self, ident: &KdlIdentifier) -> Ident {
        Ident { text: ident.value().to_owned(), span: self.span(ident.span()) }
    }

    fn value(&self, entry: &KdlEntry) -> Value {
        let mut span = self.trimmed(self.span(entry.span()));
        if let Some(key) = entry.name() {
            let equals = self.span(key.span()).end as usize;
            let rest = self.text.get(equals..span.end as usize).unwrap_or("");
            let skipped = rest.len() - rest.trim_start_matches(|c: char| c == '=' || c.is_whitespace()).len();
            span = Span::new(self.file, equals + skipped, span.end as usize);
        }
        let scalar = match entry.value() {
            KdlValue::String(text) => Scalar::String(text.clone()),
            KdlValue::Integer(number) => i64::try_from(*number).map_or_else(|_| self.no_number(span), Scalar::Integer),
            KdlValue::Float(number) if is_kept(*number, self.slice(span)) => Scalar::Float(*number),
            KdlValue::Float(_) => self.no_number(span),
            KdlValue::Bool(flag) => Scalar::Bool(*flag),
            KdlValue::Null => Scalar::Null,
        };
        Value { tag: entry.ty().map(|ty| self.ident(ty)), scalar, span }
    }

    fn no_number(&self, span: Span) -> Scalar {
        self.numbers.borrow_mut().push(diag::no_number(span, self.slice(span)));
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

    /// The parser reports the first mistake well and then its echoes, so only the first is passed on.
    fn errors(&self, error: &kdl::KdlError) -> Vec<Diagnostic> {
        if let Some((span, word)) = self.kdl_1_keyword() {
            return vec![diag::kdl_1(span, word)];
        }
        // That something is not closed is often only the consequence of what stands in it.
        let consequence = |diagnostic: &&kdl::KdlDiagnostic| diagnostic.message.as_deref().is_some_and(|message| message.contains("closing"));
        let first = error.diagnostics.iter().min_by_key(|diagnostic| (consequence(diagnostic), diagnostic.span.offset()));
        let Some(first) = first else {
            return vec![diag::not_kdl(Span::new(self.file, 0, 1), "this is not a KDL 2 document", "here", None)];
        };
        let message = first.message.as_deref().map_or("this is not KDL 2", |message| message.trim_end_matches('.'));
        let start = self.boundary(first.span.offset());
        let end = self.boundary(first.span.offset() + first.span.len().max(1));
        let label = first.label.as_deref().unwrap_or("not understood from here on");
        // The parser says what it would have taken instead; a person wants to know what is wrong.
        let mut message = match message {
            "not EOF" | "Expected end of input" => "something is missing before the end of the file".to_owned(),
            "not identifier string" => "a word is expected here".to_owned(),
            other => other.to_owned(),
        };
        if let Some(initial) = message.get(..1).map(str::to_lowercase) {
            message.replace_range(..1, &initial);
        }
        vec![diag::not_kdl(self.one_line(start, end), &message, label, first.help.clone())]
    }

    fn boundary(&self, offset: usize) -> usize {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        offset
    }

    /// The parser's span of an unclosed node runs to the end of the file; the first line of it is the place to look.
    fn one_line(&self, start: usize, end: usize) -> Span {
        let text = self.text.get(start..end).unwrap_or("");
        let skipped = text.len() - text.trim_start().len();
        let line = text.trim_start().lines().next().unwrap_or("");
        Span::new(self.file, start + skipped, start + skipped + line.len())
    }

    /// A bare `true`, `false` or `null` as a value is how KDL 1 spelt it.
    fn kdl_1_keyword(&self) -> Option<(Span, &'static str)> {
        let mut offset = 0;
        for line in self.text.split_inclusive('\n') {
            let code = line.split("//").next().unwrap_or("");
            for word in ["true", "false", "null"] {
                for (at, _) in code.match_indices(word) {
                    let before = code.get(..at).unwrap_or("");
                    let after = code.get(at + word.len()..).and_then(|rest| rest.chars().next());
                    let in_string = before.matches('"').count() % 2 == 1;
                    let starts = before.ends_with([' ', '\t', '=']);
                    let ends = after.is_none_or(|next| next.is_whitespace() || matches!(next, ';' | '}' | '{'));
                    if starts && ends && !in_string && !before.trim().is_empty() {
                        return Some((Span::new(self.file, offset + at, offset + at + word.len()), word));
                    }
                }
            }
            offset += line.len();
        }
        None
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

#[cfg(test)]
mod tests {
    use super::read;
    use crate::source::{FileId, Sources};

    #[test]
    fn spans_cover_what_was_written() {
        let text = "a { ünï (get)x key= (fmt)\"é{x}\" other=1 { b } }";
        let mut sources = Sources::default();
        let file = sources.add("t", text);
        let (nodes, errors) = read(file, text);
        assert!(errors.is_empty(), "{errors:?}");
        let inner = &nodes[0].children()[0];
        assert_eq!(sources.slice(inner.name.span), "ünï");
        assert_eq!(sources.slice(inner.args[0].span), "(get)x");
        assert_eq!(sources.slice(inner.prop("key").unwrap().span), "(fmt)\"é{x}\"");
        assert_eq!(sources.slice(inner.span), "ünï (get)x key= (fmt)\"é{x}\" other=1");
        assert_eq!(inner.children()[0].name.text, "b");
    }

    #[test]
    fn numbers_that_lose_something_are_refused() {
        let refused = [
            "#inf",
            "#-inf",
            "#nan",
            "1e999",
            "-1e400",
            "1e-999",
            "18446744073709551615",
            "-9223372036854775809",
            "0x8000000000000000",
            "0.1234567890123456789",
            "1.00000000000000000001",
        ];
        for number in refused {
            let (_, errors) = read(FileId(0), &format!("a b={number}\n"));
            assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["E0106"], "{number}");
        }
        for number in [
            "9223372036854775807",
            "-9223372036854775808",
            "1e300",
            "0.1",
            "1.50",
            "0.0",
            "-0.0",
            "1_000.000_1",
            "2.2250738585072014e-308",
            "100000000000000000000.0",
        ] {
            let (_, errors) = read(FileId(0), &format!("a b={number}\n"));
            assert!(errors.is_empty(), "{number}: {errors:?}");
        }
    }

    #[test]
    fn kdl_1_is_explained_once() {
        let (_, errors) = read(FileId(0), "a b=true c=false\nd null\n");
        assert_eq!(errors.iter().map(|error| error.code).collect::<Vec<_>>(), ["E0102"]);
    }
}
