//! A linear scan before the parser: no file can crash or stall it.
//!
//! The `kdl` crate recurses over nesting and over its own recovery from errors, and takes exponential time on `/-` children within `/-` children.
//! So what is nested too deep is refused here, at its place in the file, and so are braces, parentheses, quotes and comments that do not match: the
//! parser finds those, but far from where they are, and goes on into one error for every character behind them.

use crate::diag::{Diagnostic, syntax as diag};
use crate::source::{FileId, Span};

/// Deepest nesting of braces.
pub const MAX_DEPTH: usize = 64;
/// Deepest nesting of slashdashed nodes that have children.
pub const MAX_SLASHDASH: usize = 3;
/// Largest file, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Refuses what the parser behind could not survive.
pub fn check(file: FileId, text: &str) -> Result<(), Diagnostic> {
    if text.len() > MAX_BYTES {
        return Err(diag::too_large(Span::new(file, 0, 1), text.len(), MAX_BYTES));
    }
    Scan { file, bytes: text.as_bytes(), at: 0 }.run()
}

struct Scan<'a> {
    file: FileId,
    bytes: &'a [u8],
    at: usize,
}

/// An open brace.
struct Open {
    at: usize,
    /// Whether a slashdash came with it.
    slashdashed: bool,
}

impl Scan<'_> {
    fn run(mut self) -> Result<(), Diagnostic> {
        let mut open: Vec<Open> = Vec::new();
        let mut slashdashed = 0;
        let mut pending: Option<usize> = None;
        // The first brace whose partner seems to stand at another indentation: likely the one that is not closed.
        let mut suspect: Option<usize> = None;
        // The last byte that is no space: what may stand before `=`.
        let mut before = b'\n';
        while let Some(byte) = self.peek(0) {
            let start = self.at;
            match byte {
                b'"' => self.quoted(0)?,
                b'#' => self.hash()?,
                b'/' if self.peek(1) == Some(b'/') => self.line_comment()?,
                b'\\' => self.continuation()?,
                b'/' if self.peek(1) == Some(b'*') => self.block_comment()?,
                b'/' if self.peek(1) == Some(b'-') => {
                    pending.get_or_insert(self.at);
                    self.at += 2;
                }
                b'{' => {
                    let dashed = pending.take();
                    if let Some(start) = dashed {
                        slashdashed += 1;
                        if slashdashed > MAX_SLASHDASH {
                            return Err(diag::slashdash_too_deep(self.span(start, 2), MAX_SLASHDASH));
                        }
                    }
                    open.push(Open { at: self.at, slashdashed: dashed.is_some() });
                    if open.len() > MAX_DEPTH {
                        return Err(diag::too_deep(self.span(self.at, 1), MAX_DEPTH));
                    }
                    self.at += 1;
                }
                b'}' => {
                    let Some(opened) = open.pop() else {
                        return Err(diag::unmatched(
                            self.span(self.at, 1),
                            "this `}` closes nothing",
                            "no `{` is open here",
                            "remove it, or look for a `{` that is missing above",
                            None,
                        ));
                    };
                    slashdashed -= usize::from(opened.slashdashed);
                    if self.indentation(self.at, true).is_some_and(|here| self.indentation(opened.at, false) != Some(here)) {
                        suspect.get_or_insert(opened.at);
                    }
                    pending = None;
                    self.at += 1;
                }
                b'(' => self.tag()?,
                b')' => {
                    return Err(diag::unmatched(
                        self.span(self.at, 1),
                        "this `)` closes nothing",
                        "no `(` is open here",
                        "remove it, or put text that holds one in quotes",
                        None,
                    ));
                }
                b'=' if matches!(before, b'=' | b'\n' | b'{' | b'}' | b';') => {
                    return Err(diag::unmatched(
                        self.span(self.at, 1),
                        "a `=` without a name before it",
                        "expected `name=value`",
                        "write the property's name before it, or put text that holds one in quotes",
                        None,
                    ));
                }
                b'\n' | b';' => {
                    // `/-` may stand on its own line before what it leaves out, so only a finished node clears it.
                    if pending.is_some_and(|start| self.bytes.get(start + 2..self.at).is_some_and(|text| !text.trim_ascii().is_empty())) {
                        pending = None;
                    }
                    self.at += 1;
                }
                _ => self.at += 1,
            }
            if !matches!(byte, b' ' | b'\t' | b'\r') && !self.bytes.get(start..).is_some_and(|rest| rest.starts_with(b"/*") || rest.starts_with(b"\\")) {
                before = byte;
            }
        }
        let Some(last) = open.last() else { return Ok(()) };
        let at = suspect.filter(|_| !open.is_empty()).unwrap_or(last.at);
        let end = self.bytes.trim_ascii_end().len();
        let end = self.span(end.saturating_sub(1), 1);
        Err(diag::unmatched(self.span(at, 1), "this `{` is not closed", "opened here", "write the `}` that is missing", Some((end, "the file ends here"))))
    }

    fn span(&self, at: usize, length: usize) -> Span {
        Span::new(self.file, at, at + length)
    }

    /// How far the line of a byte is indented; with `first`, only when nothing but space is before the byte.
    fn indentation(&self, at: usize, first: bool) -> Option<usize> {
        let before = self.bytes.get(..at)?;
        let line = before.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let text = self.bytes.get(line..)?;
        let indentation = text.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        (!first || line + indentation == at).then_some(indentation)
    }

    /// `(tag)`: one word or string, which is closed on the same line.
    fn tag(&mut self) -> Result<(), Diagnostic> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => self.quoted(0)?,
                b'#' => self.hash()?,
                b')' => {
                    self.at += 1;
                    if matches!(self.peek(0), Some(b'(' | b')')) {
                        return Err(diag::unmatched(
                            self.span(self.at, 1),
                            "two forms behind one another",
                            "expected a name or a value",
                            "write one form, such as `(get)name`",
                            None,
                        ));
                    }
                    return Ok(());
                }
                b'\n' | b'(' | b'{' | b'}' | b'=' | b';' => break,
                _ => self.at += 1,
            }
        }
        Err(diag::unmatched(self.span(start, 1), "this `(` is not closed", "opened here", "close it behind the form's name, as in `(get)name`", None))
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    /// `// comment`, which an address without quotes around it must not become.
    fn line_comment(&mut self) -> Result<(), Diagnostic> {
        if self.at.checked_sub(1).and_then(|before| self.bytes.get(before)) == Some(&b':') {
            return Err(diag::unmatched(
                self.span(self.at, 2),
                "`//` begins a comment, and stands behind a colon",
                "what follows on this line would be left out",
                "put the address in quotes, as in `\"https://shop.example\"`",
                None,
            ));
        }
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
        Ok(())
    }

    /// A `\` outside of quotes goes on in the next line, so nothing but a comment may follow on its own.
    fn continuation(&mut self) -> Result<(), Diagnostic> {
        let start = self.at;
        self.at += 1;
        while self.peek(0).is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
        match self.peek(0) {
            None | Some(b'\n' | b'/') => Ok(()),
            Some(_) => Err(diag::unmatched(
                self.span(start, 1),
                "a `\\` outside of quotes",
                "nothing is escaped here",
                "write the quote that is missing before the text that it stands in",
                None,
            )),
        }
    }

    fn block_comment(&mut self) -> Result<(), Diagnostic> {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    if depth > MAX_DEPTH {
                        return Err(diag::too_deep(self.span(self.at, 2), MAX_DEPTH));
                    }
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Ok(());
                    }
                }
                _ => self.at += 1,
            }
        }
        Err(diag::unmatched(self.span(start, 2), "this comment is not closed", "opened here", "write the `*/` that is missing", None))
    }

    /// `#"raw"#` with any number of hashes; anything else that starts with `#` is a keyword and holds no brace.
    fn hash(&mut self) -> Result<(), Diagnostic> {
        let mut hashes = 0;
        while self.peek(hashes) == Some(b'#') {
            hashes += 1;
        }
        self.at += hashes;
        if self.peek(0) == Some(b'"') {
            self.quoted(hashes)?;
        }
        Ok(())
    }

    fn quoted(&mut self, hashes: usize) -> Result<(), Diagnostic> {
        let start = self.at;
        let quotes = if self.peek(1) == Some(b'"') && self.peek(2) == Some(b'"') { 3 } else { 1 };
        self.at += quotes;
        while let Some(byte) = self.peek(0) {
            if byte == b'\\' && hashes == 0 {
                self.at += 2;
                continue;
            }
            let closes = (0..quotes).all(|i| self.peek(i) == Some(b'"')) && (0..hashes).all(|i| self.peek(quotes + i) == Some(b'#'));
            if closes {
                self.at += quotes + hashes;
                return Ok(());
            }
            // A plain string ends with its line at the latest, so that one missing quote does not swallow the file.
            if quotes == 1 && byte == b'\n' {
                break;
            }
            self.at += 1;
        }
        Err(diag::unmatched(self.span(start, quotes), "this text is not closed", "opened here", "write the quote that is missing, on the same line", None))
    }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::source::FileId;

    fn code(text: &str) -> Option<&'static str> {
        check(FileId(0), text).err().map(|diagnostic| diagnostic.code)
    }

    #[test]
    fn refuses_deep_nesting_and_nothing_else() {
        assert_eq!(code(&("a {".repeat(64) + &"}".repeat(64))), None);
        assert_eq!(code(&"/*".repeat(65)), Some("E0103"));
        assert_eq!(code(&"a {".repeat(65)), Some("E0103"));
        assert_eq!(code(&format!("a \"{}\"", "{".repeat(100))), None);
        assert_eq!(code(&format!("a #\"{}\"#", "{".repeat(100))), None);
        assert_eq!(code(&format!("/* {} */ a", "{".repeat(100))), None);
        assert_eq!(code(&format!("// {}\na", "{".repeat(100))), None);
    }

    #[test]
    fn refuses_what_does_not_match_and_nothing_else() {
        for text in [
            "a }",
            "a {",
            "a b)",
            "(a b",
            "a (get b",
            "a \"b\nc",
            "a /* b",
            "a = = b",
            "=a",
            "a ((b)c",
            "a (b)(c)d",
            "a #\"b\"",
            "a \"\"\"\nb\n",
            "a https://b",
            "a b\\\"c\"",
        ] {
            assert_eq!(code(text), Some("E0101"), "{text}");
        }
        for text in [
            "a = b",
            "(a)b (c)d e=(f)g",
            "a \"=(){}\" /* ={}() */ // }\n",
            "a #\"\"=\"# b",
            "a \\\n b=1",
            "a \\ // b\n c=1",
            "a \"https://b\" // c://d",
            "a; b c=d; e { f; }",
            "a \"\"\"\n\"\"\n\"\"\"",
            "( a )b",
            "a (\"b c\")d",
            "a b=\\\n  c",
        ] {
            assert_eq!(code(text), None, "{text}");
        }
    }

    #[test]
    fn refuses_nested_slashdashes() {
        assert_eq!(code(&("/- a {".repeat(3) + &"}".repeat(3))), None);
        assert_eq!(code(&("/- a {".repeat(4) + &"}".repeat(4))), Some("E0104"));
        assert_eq!(code(&"a /-{\n".repeat(4)), Some("E0104"));
        assert_eq!(code(&"/-\na {\n".repeat(4)), Some("E0104"));
        assert_eq!(code(&"/- a {}\n".repeat(40)), None);
        assert_eq!(code(&"a /-x=1 {\n}\n".repeat(40)), None);
    }
}
