//! The flat tree in the shape that the stages behind take: nodes in nodes, with text of their own.

use super::mistake::{Mistake, Mistakes};
use super::parse::{Parsed, parse};
use super::tree::{Raw, Tree, Word};
use super::{Ident, MAX_BYTES, Node, Scalar, Value};
use crate::diag::{Diagnostic, syntax as diag};
use crate::source::{FileId, Span};

/// What a text was read as.
pub struct Read {
    /// Its nodes, without what could not be read.
    pub nodes: Vec<Node>,
    /// What is wrong, in the order of the text.
    pub problems: Vec<Diagnostic>,
    /// The lines of which something was reported, from a node's first byte on: what else is wrong there is most likely the same.
    pub reported: Vec<Span>,
}

/// Reads a file's text. When it does not parse, there are no nodes and at least one diagnostic.
pub fn read(file: FileId, text: &str) -> (Vec<Node>, Vec<Diagnostic>) {
    let read = read_on(file, text);
    let nodes = if read.problems.is_empty() { read.nodes } else { Vec::new() };
    (nodes, read.problems)
}

/// Reads a file's text, and goes on behind what is wrong: for who checks what there is.
pub fn read_on(file: FileId, text: &str) -> Read {
    if text.len() > MAX_BYTES {
        let problem = diag::mistake(Span::first(file, text), text, &Mistake::TooLarge(text.len(), MAX_BYTES));
        return Read { nodes: Vec::new(), problems: vec![problem], reported: Vec::new() };
    }
    let Parsed { tree, mistakes, placed } = parse(text);
    let problems = told(file, text, mistakes);
    let reader = Reader { file, tree: &tree };
    let nodes = if placed { reader.nodes(0, tree.nodes.len()) } else { Vec::new() };
    let reported = if problems.is_empty() { Vec::new() } else { reader.reported() };
    Read { nodes, problems, reported }
}

fn told(file: FileId, text: &str, mistakes: Mistakes) -> Vec<Diagnostic> {
    let mut found = mistakes.found;
    found.sort_by_key(|&(start, end, _)| (start, end));
    found.into_iter().map(|(start, end, mistake)| diag::mistake(Span::new(file, start, end), text, &mistake)).collect()
}

struct Reader<'a, 't> {
    file: FileId,
    tree: &'a Tree<'t>,
}

impl Reader<'_, '_> {
    /// The nodes of one level. It calls itself as deep as braces are taken in.
    fn nodes(&self, start: usize, end: usize) -> Vec<Node> {
        let mut found = Vec::new();
        let mut index = start;
        while let Some(flat) = self.tree.nodes.get(index).filter(|_| index < end) {
            let mut args = Vec::new();
            let mut props = Vec::new();
            for entry in self.tree.entries.get(flat.entries.clone()).unwrap_or_default() {
                let scalar = match &entry.raw {
                    Raw::Text(text) => Scalar::String(text.clone().into_owned()),
                    Raw::Integer(number) => Scalar::Integer(*number),
                    Raw::Float(number) => Scalar::Float(*number),
                    Raw::Bool(flag) => Scalar::Bool(*flag),
                    Raw::Null | Raw::Wrong => Scalar::Null,
                };
                let tag = entry.tag.as_ref().map(|tag| self.ident(tag));
                let value = Value { tag, scalar, parts: None, span: Span::new(self.file, entry.start, entry.end) };
                match &entry.key {
                    Some(key) => props.push((self.ident(key), value)),
                    None => args.push(value),
                }
            }
            let span = Span::new(self.file, flat.span.start, flat.span.end);
            let children = flat.braces.then(|| self.nodes(index + 1, flat.end));
            // What has no name any more is not taken for something else.
            if !(flat.broken && flat.name.text.is_empty()) {
                let tag = flat.tag.as_ref().map(|tag| self.ident(tag));
                found.push(Node { tag, name: self.ident(&flat.name), args, props, children, span, broken: flat.broken });
            }
            index = flat.end.max(index + 1);
        }
        found
    }

    fn ident(&self, word: &Word<'_>) -> Ident {
        Ident { text: word.text.clone().into_owned(), span: Span::new(self.file, word.start, word.end) }
    }

    /// Where something was reported: each broken node's line, and that of what holds one without a name.
    fn reported(&self) -> Vec<Span> {
        let line = |start: usize, end: usize| {
            let rest = self.tree.text.get(end..).unwrap_or_default();
            Span::new(self.file, start, end + rest.find('\n').unwrap_or(rest.len()))
        };
        let mut found = Vec::new();
        let mut open: Vec<usize> = Vec::new();
        for (index, node) in self.tree.nodes.iter().enumerate() {
            while open.last().and_then(|&above| self.tree.nodes.get(above)).is_some_and(|above| above.end <= index) {
                open.pop();
            }
            if node.broken {
                found.push(line(node.span.start, node.span.end));
                let above = open.last().and_then(|&above| self.tree.nodes.get(above));
                if let Some(above) = above.filter(|_| node.name.text.is_empty()) {
                    found.push(line(above.span.start, above.span.end));
                }
            }
            open.push(index);
        }
        found
    }
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
