//! A text in the one form that all of ours have: same meaning, every comment kept.
//!
//! It works on the tokens and writes each as it stands, with other spaces between them. Braces that were written on one line stay on one
//! as long as it fits; text in quotes is left as it is, but for the indentation of text of several lines.

use super::lex::{Kind, Lexer, Token, is_space};
use super::mistake::Mistakes;
use super::parse::parse;
use super::text;

/// Columns that a line with braces may take; longer ones are broken at their outermost braces.
pub const WIDTH: usize = 100;
const INDENT: usize = 4;

/// The text in its form; nothing when there is a mistake in it.
pub fn format(text: &str) -> Option<String> {
    if !parse(text).mistakes.found.is_empty() {
        return None;
    }
    let tokens = tokens(text);
    let mut inline = on_one_line(text, &tokens);
    loop {
        let (written, long) = Writer::new(text, &tokens, &inline).run();
        if long.is_empty() {
            return Some(written);
        }
        for brace in long {
            if let Some(flag) = inline.get_mut(brace) {
                *flag = false;
            }
        }
    }
}

fn tokens(text: &str) -> Vec<Token> {
    let (mut lexer, mut scratch) = (Lexer::new(text), Mistakes::default());
    let mut found = Vec::new();
    loop {
        let token = lexer.next(&mut scratch);
        if token.kind == Kind::End {
            return found;
        }
        if token.kind != Kind::Space {
            found.push(token);
        }
    }
}

/// For each opening brace, whether it and its partner stand on one line.
fn on_one_line(text: &str, tokens: &[Token]) -> Vec<bool> {
    let mut inline = vec![false; tokens.len()];
    let mut open: Vec<(usize, usize)> = Vec::new();
    let mut lines = 0;
    for (index, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::OpenBrace => open.push((index, lines)),
            Kind::CloseBrace => {
                if let Some((brace, line)) = open.pop()
                    && let Some(flag) = inline.get_mut(brace)
                {
                    *flag = line == lines;
                }
            }
            Kind::Newline | Kind::LineComment | Kind::Continuation => lines += 1,
            _ => lines += usize::from(text.get(token.start..token.end).is_some_and(|text| text.contains(['\n', '\r']))),
        }
    }
    inline
}

struct Writer<'t> {
    text: &'t str,
    tokens: &'t [Token],
    inline: &'t [bool],
    out: String,
    /// Where the line begins.
    line: usize,
    /// The first braces of this line that are on one line.
    brace: Option<usize>,
    /// Braces whose line is too long.
    long: Vec<usize>,
    /// Open braces: whether they are on one line.
    open: Vec<bool>,
    /// What was written last, on this line.
    last: Option<Kind>,
    /// Line ends since then.
    newlines: usize,
    /// Whether a line ends here, but for a comment.
    ended: bool,
    /// Whether a `;` comes before what is next on this line.
    semicolon: bool,
    /// Whether a node has begun and not ended.
    node: bool,
    /// Whether the last line ends with a `\`, so that an empty one is not nothing.
    continued: bool,
    /// Whether what is next is what a `/-` leaves out, in whichever line it stands.
    dash: bool,
}

impl<'t> Writer<'t> {
    fn new(text: &'t str, tokens: &'t [Token], inline: &'t [bool]) -> Writer<'t> {
        Writer {
            text,
            tokens,
            inline,
            out: String::with_capacity(text.len() + text.len() / 8),
            line: 0,
            brace: None,
            long: Vec::new(),
            open: Vec::new(),
            last: None,
            newlines: 0,
            ended: false,
            semicolon: false,
            node: false,
            continued: false,
            dash: false,
        }
    }

    fn run(mut self) -> (String, Vec<usize>) {
        for (index, &token) in self.tokens.iter().enumerate() {
            let text = self.text.get(token.start..token.end).unwrap_or_default();
            match token.kind {
                Kind::Newline if self.dash => {}
                Kind::Newline => {
                    self.newlines += 1;
                    self.node = false;
                }
                Kind::Semicolon => {
                    self.node = false;
                    if self.open.last() == Some(&true) { self.semicolon = true } else { self.ended = true }
                }
                Kind::Continuation => self.continuation(index, text),
                Kind::LineComment => self.comment(text),
                Kind::OpenBrace => self.open(index),
                Kind::CloseBrace => self.close(index),
                Kind::Text if text.contains("\"\"\"") && text.contains(['\n', '\r']) => {
                    let text = self.relaid(text);
                    self.put(Kind::Text, &text);
                    self.line = self.out.rfind('\n').map_or(0, |at| at + 1);
                }
                kind => self.put(kind, text),
            }
        }
        self.measure();
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        (self.out, self.long)
    }

    /// Ends the line before what comes, if it has to.
    fn begin(&mut self, closes: bool) {
        if self.newlines > 0 || self.ended {
            let blank = self.newlines > 1 && !closes && self.last != Some(Kind::OpenBrace) && !self.out.is_empty();
            if std::mem::take(&mut self.continued) {
                self.out.push('\n');
            }
            self.end_line();
            if blank {
                self.out.push('\n');
                self.line = self.out.len();
            }
        } else if self.semicolon && !closes {
            self.out.push(';');
        }
        self.newlines = 0;
        self.ended = false;
        self.semicolon = false;
    }

    fn end_line(&mut self) {
        self.measure();
        if !self.out.is_empty() && !self.out.ends_with('\n') {
            self.out.push('\n');
        }
        self.line = self.out.len();
        self.last = None;
        self.brace = None;
    }

    /// Notes the braces of a line that is too long.
    fn measure(&mut self) {
        let line = self.out.get(self.line..).unwrap_or_default();
        if let Some(brace) = self.brace.take().filter(|_| line.chars().count() > WIDTH) {
            self.long.push(brace);
        }
    }

    fn indent(&mut self, more: usize) {
        let levels = self.open.iter().filter(|&&inline| !inline).count() + more;
        self.out.extend(std::iter::repeat_n(' ', levels * INDENT));
    }

    fn put(&mut self, kind: Kind, text: &str) {
        self.begin(false);
        match self.last {
            // A node that goes on behind a `\\`.
            None => self.indent(usize::from(self.node)),
            Some(last) if joined(last, kind) => {}
            Some(_) => self.out.push(' '),
        }
        self.out.push_str(text);
        self.last = Some(kind);
        self.continued = false;
        if kind == Kind::Slashdash {
            self.dash = true;
        } else if kind != Kind::BlockComment {
            self.dash = false;
            self.node = true;
        }
    }

    fn comment(&mut self, text: &str) {
        if self.newlines == 0 && self.last.is_some() {
            // Behind what stands on the line, however long it is.
            self.measure();
            self.out.push(' ');
        } else {
            self.begin(false);
            self.indent(usize::from(self.node));
        }
        self.out.push_str(text.trim_end());
        self.brace = None;
        if self.dash {
            self.end_line();
            return;
        }
        self.node = false;
        self.last = self.last.or(Some(Kind::LineComment));
        self.ended = true;
    }

    /// `\`, and what stands behind it on its line.
    fn continuation(&mut self, index: usize, text: &str) {
        let kept = text.trim_end();
        let node = self.node;
        let next = self.tokens.get(index + 1).map(|token| token.kind);
        let ends = matches!(next, None | Some(Kind::Newline | Kind::Semicolon | Kind::CloseBrace | Kind::Continuation));
        if kept == "\\" && (!node || ends) {
            return;
        }
        let dash = self.dash;
        self.put(Kind::Continuation, kept);
        self.end_line();
        (self.node, self.dash, self.continued) = (node, dash, true);
    }

    /// Whether a token between braces is a line's end and no more.
    fn is_nothing(&self, token: &Token) -> bool {
        let bare = || self.text.get(token.start..token.end).is_some_and(|text| text.trim_end() == "\\");
        token.kind == Kind::Newline || token.kind == Kind::Continuation && bare()
    }

    fn open(&mut self, index: usize) {
        let inline = self.inline.get(index).copied().unwrap_or(false);
        let empty = self.tokens.get(index + 1..).unwrap_or_default().iter().find(|&token| !self.is_nothing(token));
        let empty = empty.is_some_and(|token| token.kind == Kind::CloseBrace);
        self.put(Kind::OpenBrace, "{");
        self.node = false;
        self.open.push(inline || empty);
        if inline && !empty && self.brace.is_none() {
            self.brace = Some(index);
        }
        self.ended = !(inline || empty);
    }

    fn close(&mut self, index: usize) {
        let inline = self.open.pop().unwrap_or(false);
        let empty = index.checked_sub(1).is_some_and(|before| {
            let before = self.tokens.get(..=before).unwrap_or_default();
            before.iter().rev().find(|&token| !self.is_nothing(token)).is_some_and(|token| token.kind == Kind::OpenBrace)
        });
        if inline {
            self.newlines = 0;
            self.begin(true);
            if !empty {
                self.out.push(' ');
            }
        } else {
            self.ended = true;
            self.begin(true);
            self.indent(0);
        }
        self.out.push('}');
        self.last = Some(Kind::CloseBrace);
        self.node = true;
        self.dash = false;
    }

    /// Text of several lines, indented by one level more than its line.
    fn relaid(&self, token: &str) -> String {
        let hashes = token.bytes().take_while(|&byte| byte == b'#').count();
        let quotes = token.get(..hashes + 3).unwrap_or_default();
        let closing = token.get(token.len().saturating_sub(hashes + 3)..).unwrap_or_default();
        let inner = token.get(hashes + 3..token.len().saturating_sub(hashes + 3)).unwrap_or_default();
        // Where spaces are escaped, lines are not what they look like.
        if hashes == 0 && inner.contains('\\') {
            return token.to_owned();
        }
        let lines = text::lines(inner);
        let prefix = lines.last().copied().unwrap_or_default();
        let levels = self.open.iter().filter(|&&inline| !inline).count() + 1;
        let indent = " ".repeat(levels * INDENT);
        let mut laid = String::with_capacity(token.len() + lines.len() * indent.len());
        laid.push_str(quotes);
        for line in lines.get(1..lines.len().saturating_sub(1)).unwrap_or_default() {
            laid.push('\n');
            if !line.chars().all(is_space) {
                laid.push_str(&indent);
                laid.push_str(line.strip_prefix(prefix).unwrap_or(line));
            }
        }
        laid.push('\n');
        laid.push_str(&indent);
        laid.push_str(closing);
        laid
    }
}

/// Whether two tokens stand without a space between them.
fn joined(last: Kind, next: Kind) -> bool {
    matches!(last, Kind::OpenParen | Kind::CloseParen | Kind::Equals | Kind::Slashdash) && next != Kind::Continuation
        || matches!(next, Kind::CloseParen | Kind::Equals)
}
