//! Braces: what is in them, which are left out, and which are missing, with the indentation as a hint.

use super::lex::Token;
use super::mistake::Mistake;
use super::parse::{Head, MAX_DEPTH, Next, Parser};

/// Where a line begins, and how far it is indented.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Line {
    pub(super) start: usize,
    pub(super) indent: usize,
}

/// Braces that are open.
pub(super) struct Open {
    /// The line that the brace is on.
    line: Line,
    head: Head,
    /// The brace.
    at: usize,
    /// Whether `/-` leaves them out.
    dashed: bool,
    /// Whether what is in them is left out, by that or as too deep.
    skipped: bool,
    /// How many nodes there were before.
    before: usize,
    /// The same for values.
    entries: usize,
}

impl Parser<'_> {
    pub(super) fn open(&mut self, head: Head, brace: Token, dashed: bool) {
        let parent = self.stack.last().is_some_and(|open| open.skipped);
        let deep = self.stack.len() >= MAX_DEPTH;
        if deep && !parent {
            self.out.push(brace.start, brace.end, Mistake::TooDeep(MAX_DEPTH));
        }
        let again = head.braced && !dashed;
        if again {
            self.out.push(brace.start, brace.end, Mistake::BehindBraces);
        }
        let skipped = dashed || deep || parent || again;
        if let Some(node) = self.tree.nodes.get_mut(head.index).filter(|_| !skipped) {
            node.braces = true;
        }
        let before = self.tree.nodes.len();
        let entries = self.tree.entries.len();
        let line = self.line(brace.start);
        self.stack.push(Open { line, head, at: brace.start, dashed, skipped, before, entries });
    }

    /// Takes back what was in braces that are left out.
    fn drop_skipped(&mut self, open: &Open) {
        if open.skipped {
            self.tree.nodes.truncate(open.before);
            self.tree.entries.truncate(open.entries);
        }
    }

    pub(super) fn close(&mut self, brace: Token) -> Next {
        let stray = self.hinted && self.dedent(brace.start, true);
        let Some(open) = (if stray { None } else { self.stack.pop() }) else {
            self.braces += 1;
            self.out.push(brace.start, brace.end, Mistake::StrayBrace);
            return Next::Between;
        };
        self.drop_skipped(&open);
        let braced = open.head.braced || !open.dashed;
        Next::Head(Head { closed: true, braced, ..open.head }, None)
    }

    pub(super) fn unclosed(&mut self, open: Open) {
        self.braces += 1;
        self.out.push(open.at, open.at + 1, Mistake::OpenBrace);
        self.drop_skipped(&open);
        self.finish(&open.head);
    }

    pub(super) fn finish(&mut self, head: &Head) {
        let end = self.tree.nodes.len();
        let Some(node) = self.tree.nodes.get_mut(head.index) else { return };
        node.end = end;
        if head.dashed {
            let entries = node.entries.start;
            self.tree.nodes.truncate(head.index);
            self.tree.entries.truncate(entries);
        }
    }

    /// Where something is first on its line: closes what is indented as far or farther. Of a closing brace, whether it closes nothing.
    pub(super) fn dedent(&mut self, at: usize, brace: bool) -> bool {
        let here = self.line(at);
        if here.start + here.indent != at {
            // Behind something else, a brace closes what was opened on its line.
            return brace && self.stack.last().is_none_or(|open| open.line.start != here.start);
        }
        while let Some(open) = self.stack.last() {
            let (opened, same) = (open.line.indent, open.line.start == here.start);
            if same || opened < here.indent || (brace && opened == here.indent) {
                return brace && opened < here.indent && !same;
            }
            if let Some(open) = self.stack.pop() {
                self.unclosed(open);
            }
        }
        false
    }

    /// The line that a byte is on. It is asked in the order of the text, so that all of it is looked at once.
    fn line(&mut self, at: usize) -> Line {
        let passed = self.text.get(self.passed..at).unwrap_or_default();
        if let Some(end) = passed.rfind(['\n', '\r']) {
            let start = self.passed + end + 1;
            let rest = self.text.get(start..).unwrap_or_default();
            self.line = Line { start, indent: rest.len() - rest.trim_start_matches([' ', '\t']).len() };
        }
        self.passed = self.passed.max(at);
        self.line
    }
}
