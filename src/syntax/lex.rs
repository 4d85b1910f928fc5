//! KDL 2 text to tokens, without gaps: every byte of the text lies in one token, comments and spaces among them.
//!
//! What is wrong within a token is reported here, and the token goes on as what it was most likely meant to be.
//! The grammar: <https://github.com/kdl-org/kdl/blob/main/draft-marchan-kdl2.md>, "Full Grammar".

use super::mistake::{Mistake, Mistakes};

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Spaces of one line.
    Space,
    /// One line's end.
    Newline,
    /// `// …`, without the line's end.
    LineComment,
    /// `/* … */`.
    BlockComment,
    /// `\` and all up to the end of its line.
    Continuation,
    /// `/-`.
    Slashdash,
    /// `{`.
    OpenBrace,
    /// `}`.
    CloseBrace,
    /// `(`.
    OpenParen,
    /// `)`.
    CloseParen,
    /// `=`.
    Equals,
    /// `;`.
    Semicolon,
    /// A bare word: an identifier, or a number.
    Word,
    /// `#true` and its like.
    Keyword,
    /// Text in quotes.
    Text,
    /// What was reported and stands for a value that nobody knows.
    Wrong,
    /// Behind the last byte.
    End,
}

/// A stretch of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// First byte.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// Where reading stands. Small, so that looking ahead is a copy of it.
#[derive(Debug, Clone, Copy)]
pub struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    /// At the beginning of a text, behind its byte order mark.
    pub fn new(text: &'t str) -> Lexer<'t> {
        Lexer { text, at: if text.starts_with('\u{feff}') { 3 } else { 0 } }
    }

    /// The next token; what is wrong in it is added to the mistakes.
    pub fn next(&mut self, out: &mut Mistakes) -> Token {
        let start = self.at;
        let Some(byte) = self.byte(0) else { return Token { kind: Kind::End, start, end: start } };
        let kind = match byte {
            b' ' | b'\t' => self.spaces(),
            b'\n' | b'\r' | 0x0b | 0x0c => self.newline(),
            b'{' => self.one(Kind::OpenBrace),
            b'}' => self.one(Kind::CloseBrace),
            b'(' => self.one(Kind::OpenParen),
            b')' => self.one(Kind::CloseParen),
            b'=' => self.one(Kind::Equals),
            b';' => self.one(Kind::Semicolon),
            b'"' => self.quoted(0, out),
            b'#' => self.hash(out),
            b'/' => match self.byte(1) {
                Some(b'/') => self.line_comment(out),
                Some(b'*') => self.block_comment(out),
                Some(b'-') => {
                    self.at += 2;
                    Kind::Slashdash
                }
                _ => self.odd(out),
            },
            b'\\' => self.continuation(out),
            b'[' | b']' => self.odd(out),
            _ if byte < 0x80 => self.word(out),
            _ => match self.char() {
                Some(c) if is_space(c) => self.spaces(),
                Some(c) if is_newline(c) => self.newline(),
                _ => self.word(out),
            },
        };
        Token { kind, start, end: self.at }
    }

    /// The byte so many ahead.
    fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn char(&self) -> Option<char> {
        self.text.get(self.at..).and_then(|rest| rest.chars().next())
    }

    fn one(&mut self, kind: Kind) -> Kind {
        self.at += 1;
        kind
    }

    fn spaces(&mut self) -> Kind {
        loop {
            match self.byte(0) {
                Some(b' ' | b'\t') => self.at += 1,
                Some(byte) if byte >= 0x80 => match self.char().filter(|&c| is_space(c)) {
                    Some(c) => self.at += c.len_utf8(),
                    None => return Kind::Space,
                },
                _ => return Kind::Space,
            }
        }
    }

    fn newline(&mut self) -> Kind {
        if self.byte(0) == Some(b'\r') && self.byte(1) == Some(b'\n') {
            self.at += 1;
        }
        self.at += self.char().map_or(0, char::len_utf8);
        Kind::Newline
    }

    /// Goes on over one character of text or of a comment, and reports what may stand nowhere.
    fn any(&mut self, out: &mut Mistakes) {
        let Some(byte) = self.byte(0) else { return };
        if (0x20..0x7f).contains(&byte) || matches!(byte, b'\t' | b'\n' | b'\r') {
            self.at += 1;
            return;
        }
        let Some(c) = self.char() else { return };
        if is_disallowed(c) {
            out.push(self.at, self.at + c.len_utf8(), Mistake::Unseen(c));
        }
        self.at += c.len_utf8();
    }

    fn at_newline(&self) -> bool {
        match self.byte(0) {
            Some(b'\n' | b'\r' | 0x0b | 0x0c) => true,
            Some(byte) if byte >= 0x80 => self.char().is_some_and(is_newline),
            _ => false,
        }
    }

    fn line_comment(&mut self, out: &mut Mistakes) -> Kind {
        while self.at < self.text.len() && !self.at_newline() {
            self.any(out);
        }
        Kind::LineComment
    }

    fn block_comment(&mut self, out: &mut Mistakes) -> Kind {
        let start = self.at;
        let mut depth = 0_usize;
        while let Some(byte) = self.byte(0) {
            match (byte, self.byte(1)) {
                (b'/', Some(b'*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (b'*', Some(b'/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return Kind::BlockComment;
                    }
                }
                _ => self.any(out),
            }
        }
        out.push(start, start + 2, Mistake::OpenComment);
        Kind::BlockComment
    }

    /// A `\` outside of quotes goes on in the next line, so nothing but a comment may follow on its own.
    fn continuation(&mut self, out: &mut Mistakes) -> Kind {
        let start = self.at;
        self.at += 1;
        loop {
            self.spaces();
            if self.byte(0) == Some(b'/') && self.byte(1) == Some(b'*') {
                self.block_comment(out);
            } else {
                break;
            }
        }
        if self.byte(0) == Some(b'/') && self.byte(1) == Some(b'/') {
            self.line_comment(out);
        }
        if self.at_newline() {
            self.newline();
            Kind::Continuation
        } else if self.at == self.text.len() {
            Kind::Continuation
        } else {
            self.at = start;
            out.push(start, start + 1, Mistake::StrayBackslash);
            self.rest_of_value(out);
            Kind::Wrong
        }
    }

    /// What cannot be a bare word, such as a path: reported once, up to where the value most likely ends.
    fn odd(&mut self, out: &mut Mistakes) -> Kind {
        let start = self.at;
        self.rest_of_value(out);
        out.push(start, self.at, Mistake::NeedsQuotes);
        Kind::Wrong
    }

    /// Up to the next space or what ends a node.
    fn rest_of_value(&mut self, out: &mut Mistakes) {
        while let Some(byte) = self.byte(0) {
            if matches!(byte, b' ' | b'\t' | b';' | b'{' | b'}') || self.at_newline() || self.char().is_some_and(is_space) {
                return;
            }
            self.any(out);
        }
    }

    fn word(&mut self, out: &mut Mistakes) -> Kind {
        let start = self.at;
        loop {
            match self.byte(0) {
                None => break,
                Some(byte) if is_bare(byte) => self.at += 1,
                Some(byte) if byte < 0x80 => {
                    if byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x0b | 0x0c) || byte == 0x7f {
                        self.any(out);
                        continue;
                    }
                    break;
                }
                Some(_) => match self.char() {
                    Some(c) if !is_space(c) && !is_newline(c) => self.any(out),
                    _ => break,
                },
            }
        }
        match (self.byte(0), self.byte(1)) {
            // An address or a path without quotes: what follows is no comment.
            (Some(b'/'), Some(b'/')) if self.text.get(start..self.at).is_some_and(|word| word.ends_with(':')) => {
                self.rest_of_value(out);
                out.push(start, self.at, Mistake::AddressWithoutQuotes);
                Kind::Wrong
            }
            (Some(b'/'), next) if !matches!(next, Some(b'*' | b'/' | b'-')) => {
                self.rest_of_value(out);
                out.push(start, self.at, Mistake::NeedsQuotes);
                Kind::Wrong
            }
            (Some(b'[' | b']'), _) => {
                self.rest_of_value(out);
                out.push(start, self.at, Mistake::NeedsQuotes);
                Kind::Wrong
            }
            _ => Kind::Word,
        }
    }

    fn hash(&mut self, out: &mut Mistakes) -> Kind {
        let start = self.at;
        while self.byte(0) == Some(b'#') {
            self.at += 1;
        }
        if self.byte(0) == Some(b'"') {
            return self.quoted(self.at - start, out);
        }
        while let Some(byte) = self.byte(0) {
            if is_bare(byte) {
                self.at += 1;
            } else if byte >= 0x80 && self.char().is_some_and(|c| !is_space(c) && !is_newline(c)) {
                self.any(out);
            } else {
                break;
            }
        }
        let word = self.text.get(start..self.at).unwrap_or_default();
        if matches!(word, "#true" | "#false" | "#null" | "#inf" | "#-inf" | "#nan") {
            return Kind::Keyword;
        }
        out.push(start, self.at, Mistake::NoKeyword(word.to_owned()));
        Kind::Wrong
    }

    /// Text in one or three quotes, raw behind hashes; the hashes have been read, the quote has not.
    fn quoted(&mut self, hashes: usize, out: &mut Mistakes) -> Kind {
        let start = self.at - hashes;
        let quotes = if self.byte(1) == Some(b'"') && self.byte(2) == Some(b'"') { 3 } else { 1 };
        let opened = self.at;
        self.at += quotes;
        if quotes == 3 && !self.at_newline() {
            // `"""text"""` on one line: reported as what it is, and read up to its end.
            while self.at < self.text.len() && !self.at_newline() {
                if self.byte(0) == Some(b'"') && self.closes(quotes, hashes) {
                    self.at += quotes + hashes;
                    break;
                }
                self.any(out);
            }
            out.push(start, self.at, Mistake::LinesInOne);
            return Kind::Wrong;
        }
        while let Some(byte) = self.byte(0) {
            match byte {
                b'\\' if hashes == 0 => self.escape(out),
                b'"' if self.closes(quotes, hashes) => {
                    self.at += quotes + hashes;
                    return Kind::Text;
                }
                // A plain string ends with its line at the latest, so that one missing quote does not swallow the file.
                _ if quotes == 1 && self.at_newline() => break,
                _ => self.any(out),
            }
        }
        if quotes == 1 {
            // What was meant to be in it cannot be known; what opens or closes a block at its end most likely was not.
            let line = self.text.get(opened + 1..self.at).unwrap_or_default();
            self.at = opened + 1 + line.trim_end_matches(['{', '}', ';', ' ', '\t']).len();
        } else {
            // Neither can where it was meant to end: its first line is as good as any.
            self.at = opened + quotes;
        }
        out.push(start, opened + quotes, Mistake::OpenText);
        Kind::Wrong
    }

    fn closes(&self, quotes: usize, hashes: usize) -> bool {
        (1..quotes).all(|ahead| self.byte(ahead) == Some(b'"')) && (0..hashes).all(|ahead| self.byte(quotes + ahead) == Some(b'#'))
    }

    /// A `\` in quotes and what it stands before.
    fn escape(&mut self, out: &mut Mistakes) {
        let start = self.at;
        self.at += 1;
        match self.byte(0) {
            Some(b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' | b's') => self.at += 1,
            Some(b'u') => {
                self.at += 1;
                let braces = self.byte(0) == Some(b'{');
                let digits = self.text.get(self.at + 1..).unwrap_or_default();
                let digits = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
                let number = self.text.get(self.at + 1..self.at + 1 + digits).unwrap_or_default();
                let known = u32::from_str_radix(number, 16).ok().and_then(char::from_u32).is_some();
                if braces && (1..=6).contains(&digits) && known && self.byte(digits + 1) == Some(b'}') {
                    self.at += digits + 2;
                } else {
                    out.push(start, self.at, Mistake::Escape);
                }
            }
            Some(_) if self.char().is_some_and(|c| is_space(c) || is_newline(c)) => {
                while self.char().is_some_and(|c| is_space(c) || is_newline(c)) {
                    self.at += self.char().map_or(0, char::len_utf8);
                }
            }
            Some(_) => {
                let end = self.at + self.char().map_or(0, char::len_utf8);
                out.push(start, end, Mistake::Escape);
            }
            None => {}
        }
    }
}

/// Whether a byte can stand anywhere in a bare word.
fn is_bare(byte: u8) -> bool {
    (0x21..0x7f).contains(&byte) && !matches!(byte, b'\\' | b'/' | b'(' | b')' | b'{' | b'}' | b';' | b'[' | b']' | b'"' | b'#' | b'=')
}

/// KDL's spaces: what Unicode calls white space, without the line ends.
pub fn is_space(c: char) -> bool {
    matches!(c, '\t' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// KDL's line ends.
pub fn is_newline(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

/// What may stand nowhere as it is: control characters, and those that turn the direction of what is read.
fn is_disallowed(c: char) -> bool {
    matches!(c, '\0'..='\u{8}' | '\u{e}'..='\u{1f}' | '\u{7f}' | '\u{200e}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
