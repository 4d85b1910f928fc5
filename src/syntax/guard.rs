//! A linear scan before the parser: no file can crash or stall it.
//!
//! The `kdl` crate recurses over nesting and takes exponential time on `/-` children within `/-` children, so both are
//! refused here, at their place in the file, before it sees the text.

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

impl Scan<'_> {
    fn run(mut self) -> Result<(), Diagnostic> {
        // For each open brace: whether a slashdash came with it.
        let mut open: Vec<bool> = Vec::new();
        let mut slashdashed = 0;
        let mut pending: Option<usize> = None;
        while let Some(byte) = self.peek(0) {
            match byte {
                b'"' => self.quoted(0),
                b'#' => self.hash(),
                b'/' if self.peek(1) == Some(b'/') => self.skip_line(),
                b'/' if self.peek(1) == Some(b'*') => self.block_comment(),
                b'/' if self.peek(1) == Some(b'-') => {
                    pending.get_or_insert(self.at);
                    self.at += 2;
                }
                b'{' => {
                    let dashed = pending.take();
                    if let Some(start) = dashed {
                        slashdashed += 1;
                        if slashdashed > MAX_SLASHDASH {
                            return Err(diag::slashdash_too_deep(Span::new(self.file, start, start + 2), MAX_SLASHDASH));
                        }
                    }
                    open.push(dashed.is_some());
                    if open.len() > MAX_DEPTH {
                        return Err(diag::too_deep(Span::new(self.file, self.at, self.at + 1), MAX_DEPTH));
                    }
                    self.at += 1;
                }
                b'}' => {
                    if open.pop() == Some(true) {
                        slashdashed -= 1;
                    }
                    pending = None;
                    self.at += 1;
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
        }
        Ok(())
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.bytes.get(self.at + ahead).copied()
    }

    fn skip_line(&mut self) {
        while self.peek(0).is_some_and(|byte| byte != b'\n') {
            self.at += 1;
        }
    }

    fn block_comment(&mut self) {
        let mut depth = 0_usize;
        while let Some(byte) = self.peek(0) {
            match (byte, self.peek(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                _ => self.at += 1,
            }
        }
    }

    /// `#"raw"#` with any number of hashes; anything else that starts with `#` is a keyword and holds no brace.
    fn hash(&mut self) {
        let mut hashes = 0;
        while self.peek(hashes) == Some(b'#') {
            hashes += 1;
        }
        self.at += hashes;
        if self.peek(0) == Some(b'"') {
            self.quoted(hashes);
        }
    }

    fn quoted(&mut self, hashes: usize) {
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
                return;
            }
            // A plain string ends with its line at the latest, so that one missing quote does not swallow the file.
            if quotes == 1 && byte == b'\n' {
                return;
            }
            self.at += 1;
        }
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
        assert_eq!(code(&"a {".repeat(65)), Some("E0103"));
        assert_eq!(code(&format!("a \"{}\"", "{".repeat(100))), None);
        assert_eq!(code(&format!("a #\"{}\"#", "{".repeat(100))), None);
        assert_eq!(code(&format!("/* {} */ a", "{".repeat(100))), None);
        assert_eq!(code(&format!("// {}\na", "{".repeat(100))), None);
    }

    #[test]
    fn refuses_nested_slashdashes() {
        assert_eq!(code(&("/- a {".repeat(3) + &"}".repeat(3))), None);
        assert_eq!(code(&"/- a {".repeat(4)), Some("E0104"));
        assert_eq!(code(&"a /-{\n".repeat(4)), Some("E0104"));
        assert_eq!(code(&"/-\na {\n".repeat(4)), Some("E0104"));
        assert_eq!(code(&"/- a {}\n".repeat(40)), None);
        assert_eq!(code(&"a /-x=1 {\n}\n".repeat(40)), None);
    }
}
