//! Tokens to a tree, in one pass, without recursion: what is open lies on a stack of our own.
//!
//! Reading goes on behind every mistake, so that a half-typed line hides nothing that is wrong elsewhere. Where braces do not match, it
//! is done once more with the indentation as a hint, since the brace that is missing is rarely the last one.

use super::braces::{Line, Open};
use super::lex::{Kind, Lexer, Token};
use super::mistake::{Mistake, Mistakes};
use super::text;
use super::tree::{Entry, Flat, Raw, Tree, Word};
use std::borrow::Cow;

/// Deepest nesting of braces: a stack needs five levels, and who reads the tree may call itself.
pub const MAX_DEPTH: usize = 64;

/// What a text was read as.
pub struct Parsed<'t> {
    /// Its tree; what could not be read is missing in it, and the nodes that lack it are marked.
    pub tree: Tree<'t>,
    /// What is wrong.
    pub mistakes: Mistakes,
    /// Whether nodes stand where they were meant to: not so where braces do not match and the indentation does not tell, or are too deep.
    pub placed: bool,
}

/// Reads a text. There is always a tree.
pub fn parse(text: &str) -> Parsed<'_> {
    let mut strict = Parser::new(text, false);
    strict.run();
    if strict.braces == 0 {
        let placed = !strict.out.found.iter().any(|(.., mistake)| matches!(mistake, Mistake::TooDeep(_)));
        return Parsed { tree: strict.tree, mistakes: strict.out, placed };
    }
    let mut hinted = Parser::new(text, true);
    hinted.run();
    // Indentation that says less than the braces do is none.
    let placed = hinted.braces <= strict.braces;
    let better = if placed { hinted } else { strict };
    Parsed { tree: better.tree, mistakes: better.out, placed }
}

/// A node whose line is being read.
pub(super) struct Head {
    /// Its place in the tree.
    pub(super) index: usize,
    /// Whether `/-` leaves it out.
    pub(super) dashed: bool,
    /// Whether braces have been closed, so that no value may follow.
    pub(super) closed: bool,
    /// Whether they are its own, and not left out, so that no others may follow either.
    pub(super) braced: bool,
}

/// What is read next.
pub(super) enum Next {
    /// What stands between nodes.
    Between,
    /// A node, from its first token on, which a `/-` may leave out.
    Node(Token, bool),
    /// The rest of a node's line, from a token on if it has been read already.
    Head(Head, Option<Token>),
    /// Nothing.
    End,
}

pub(super) struct Parser<'t> {
    pub(super) text: &'t str,
    lexer: Lexer<'t>,
    pub(super) tree: Tree<'t>,
    pub(super) out: Mistakes,
    pub(super) stack: Vec<Open>,
    /// Whether indentation helps to find the brace that is missing.
    pub(super) hinted: bool,
    /// How many braces do not match.
    pub(super) braces: usize,
    /// The line that was looked at last, and how far.
    pub(super) line: Line,
    pub(super) passed: usize,
}

/// What a value is read as.
struct Found<'t> {
    raw: Raw<'t>,
    start: usize,
    end: usize,
}

impl<'t> Parser<'t> {
    fn new(text: &'t str, hinted: bool) -> Parser<'t> {
        let tree = Tree { text, nodes: Vec::new(), entries: Vec::new() };
        let line = Line { start: 0, indent: text.len() - text.trim_start_matches([' ', '\t']).len() };
        Parser { text, lexer: Lexer::new(text), tree, out: Mistakes::default(), stack: Vec::new(), hinted, braces: 0, line, passed: 0 }
    }

    fn next(&mut self) -> Token {
        self.lexer.next(&mut self.out)
    }

    /// The next token that is no space, where a node may go on in the next line only behind a `\`.
    fn next_in_line(&mut self) -> Token {
        loop {
            let token = self.next();
            if !matches!(token.kind, Kind::Space | Kind::BlockComment | Kind::Continuation) {
                return token;
            }
        }
    }

    /// The same, without going there: the token, and where reading stands behind it.
    fn peek(&self) -> (Token, Lexer<'t>) {
        let (mut ahead, mut scratch) = (self.lexer, Mistakes::default());
        loop {
            let token = ahead.next(&mut scratch);
            if !matches!(token.kind, Kind::Space | Kind::BlockComment | Kind::Continuation) {
                return (token, ahead);
            }
        }
    }

    fn peek_in_line(&self) -> Kind {
        self.peek().0.kind
    }

    fn slice(&self, token: Token) -> &'t str {
        self.text.get(token.start..token.end).unwrap_or_default()
    }

    fn run(&mut self) {
        self.version();
        let mut next = Next::Between;
        loop {
            next = match next {
                Next::Between => self.between(),
                Next::Node(token, dashed) => self.node(token, dashed),
                Next::Head(head, token) => self.go_on(head, token),
                Next::End => break,
            };
        }
        while let Some(open) = self.stack.pop() {
            self.unclosed(open);
        }
    }

    /// From where a node may begin to where one does.
    fn between(&mut self) -> Next {
        let mut dash: Option<Token> = None;
        loop {
            let token = self.next();
            match token.kind {
                Kind::Space | Kind::BlockComment | Kind::Continuation | Kind::LineComment | Kind::Newline => {}
                Kind::Semicolon => self.out.push(token.start, token.end, Mistake::StraySemicolon),
                Kind::Slashdash => {
                    self.dangling(dash);
                    dash = Some(token);
                }
                Kind::CloseBrace => {
                    self.dangling(dash);
                    return self.close(token);
                }
                Kind::End => {
                    self.dangling(dash);
                    return Next::End;
                }
                _ => return Next::Node(token, dash.is_some()),
            }
        }
    }

    fn dangling(&mut self, dash: Option<Token>) {
        if let Some(dash) = dash {
            self.out.push(dash.start, dash.end, Mistake::SlashdashAlone);
        }
    }

    /// `/- kdl-version 1` in the first line says that this is another language.
    fn version(&mut self) {
        let text = self.text.trim_start_matches('\u{feff}');
        let line = text.lines().next().unwrap_or_default();
        let words: Vec<&str> = line.strip_prefix("/-").map(|rest| rest.split_whitespace().collect()).unwrap_or_default();
        if words == ["kdl-version", "1"] {
            let start = self.text.len() - text.len();
            self.out.push(start, start + line.trim_end().len(), Mistake::Kdl1File);
        }
    }

    /// A node, from its first token on.
    fn node(&mut self, first: Token, dashed: bool) -> Next {
        if self.hinted {
            self.dedent(first.start, false);
        }
        let known = self.out.found.len();
        let start = first.start;
        let mut token = first;
        let mut tag = None;
        if first.kind == Kind::OpenParen {
            tag = self.tag(first);
            token = self.next_in_line();
        }
        let name = match token.kind {
            Kind::Word | Kind::Text => self.word(token, Mistake::NodeWithoutName),
            // Reported where it was read.
            Kind::Wrong => None,
            Kind::Keyword => {
                self.out.push(token.start, token.end, Mistake::NodeWithoutName);
                None
            }
            _ => {
                self.no_name(first, token, tag.as_ref());
                None
            }
        };
        let unread = !matches!(token.kind, Kind::Word | Kind::Text | Kind::Wrong | Kind::Keyword);
        let name = name.unwrap_or(Word { text: Cow::Borrowed(""), start: token.start, end: if unread { token.start } else { token.end } });
        let end = name.end.max(start);
        let index = self.tree.nodes.len();
        let entries = self.tree.entries.len();
        let broken = self.out.found.len() > known;
        self.tree.nodes.push(Flat { tag, name, entries: entries..entries, end: index + 1, braces: false, span: start..end, broken });
        let head = Head { index, dashed, closed: false, braced: false };
        Next::Head(head, unread.then_some(token))
    }

    /// A node begins with what is no name.
    fn no_name(&mut self, first: Token, token: Token, tag: Option<&Word<'t>>) {
        match (first.kind, token.kind) {
            (Kind::OpenParen, Kind::OpenParen) => self.out.push(token.start, token.end, Mistake::TwoTags),
            (Kind::OpenParen, _) => {
                if let Some(tag) = tag {
                    self.tag_alone(first, tag);
                }
            }
            // Reported when its turn comes.
            (_, Kind::CloseParen | Kind::Equals) => {}
            _ => self.out.push(token.start, token.end, Mistake::NodeWithoutName),
        }
    }

    /// The rest of a node's line.
    fn go_on(&mut self, mut head: Head, first: Option<Token>) -> Next {
        let mut spaced = first.is_some();
        let mut token = first.unwrap_or_else(|| self.next());
        let known = self.out.found.len();
        let mut dash: Option<Token> = None;
        let mut assigned = false;
        loop {
            match token.kind {
                Kind::Space | Kind::BlockComment | Kind::Continuation => spaced = true,
                // Behind `/-`, what it leaves out may stand in the next line.
                Kind::Newline | Kind::LineComment if dash.is_some() => spaced = true,
                Kind::Slashdash => {
                    self.dangling(dash);
                    dash = Some(token);
                    spaced = true;
                }
                Kind::OpenBrace => {
                    self.mark(head.index, known);
                    self.open(head, token, dash.is_some());
                    return Next::Between;
                }
                Kind::Newline | Kind::LineComment | Kind::Semicolon | Kind::End => {
                    self.dangling(dash);
                    break;
                }
                Kind::CloseBrace => {
                    self.dangling(dash);
                    self.mark(head.index, known);
                    self.finish(&head);
                    return self.close(token);
                }
                Kind::CloseParen => self.out.push(token.start, token.end, Mistake::StrayParen),
                Kind::Equals => {
                    let node = self.tree.nodes.get(head.index);
                    let mistake = match node {
                        Some(node) if !assigned && !node.name.text.is_empty() && node.entries.is_empty() => {
                            Mistake::Assigned(node.name.text.clone().into_owned())
                        }
                        _ => Mistake::StrayEquals,
                    };
                    assigned = true;
                    self.out.push(token.start, token.end, mistake);
                    spaced = true;
                }
                _ if head.closed && dash.is_none() => {
                    // What stands behind the braces is read as the next node.
                    self.out.push(token.start, token.end, Mistake::NoSemicolon);
                    self.finish(&head);
                    return Next::Node(token, false);
                }
                _ => {
                    if !spaced && token.kind != Kind::Wrong {
                        self.out.push(token.start, token.end, Mistake::NoSpace);
                    }
                    let left_out = dash.take().is_some();
                    if head.closed {
                        self.out.push(token.start, token.end, Mistake::BehindBraces);
                    }
                    let told = self.out.found.len();
                    self.entry(&mut head, token, left_out);
                    // Behind a mistake, where the next value begins is a guess.
                    spaced = self.out.found.len() > told;
                }
            }
            token = self.next();
        }
        self.mark(head.index, known);
        self.finish(&head);
        Next::Between
    }

    fn mark(&mut self, index: usize, known: usize) {
        if self.out.found.len() > known
            && let Some(node) = self.tree.nodes.get_mut(index)
        {
            node.broken = true;
        }
    }

    /// A value or a property.
    fn entry(&mut self, head: &mut Head, first: Token, left_out: bool) {
        let named = matches!(first.kind, Kind::Word | Kind::Text) && self.peek_in_line() == Kind::Equals;
        let (key, found) = if named {
            let key = self.word(first, Mistake::NoName);
            let equals = self.next_in_line();
            let value = if self.peek_ends() { None } else { Some(self.next_in_line()) };
            match value {
                Some(token) if token.kind != Kind::Equals => (Some(key), self.value(token)),
                _ => {
                    self.out.push(equals.start, equals.end, Mistake::NoValue);
                    (Some(key), None)
                }
            }
        } else {
            (None, self.value(first))
        };
        // A property without a name or a value is no property.
        let (key, found) = match (key, found) {
            (Some(Some(key)), Some(found)) => (Some(key), found),
            (None, Some(found)) => (None, found),
            _ => return,
        };
        let (tag, Found { raw, start, end }) = found;
        if left_out || head.closed {
            self.out.forget_numbers(start);
            return;
        }
        let Some(node) = self.tree.nodes.get_mut(head.index) else { return };
        node.span.end = node.span.end.max(end);
        self.tree.entries.push(Entry { key, tag, raw, start, end });
        node.entries.end = self.tree.entries.len();
    }

    fn peek_ends(&self) -> bool {
        matches!(self.peek_in_line(), Kind::Newline | Kind::LineComment | Kind::Semicolon | Kind::End | Kind::OpenBrace | Kind::CloseBrace | Kind::Slashdash)
    }

    /// A value, with its tag.
    fn value(&mut self, first: Token) -> Option<(Option<Word<'t>>, Found<'t>)> {
        let mut token = first;
        let mut tag = None;
        if first.kind == Kind::OpenParen {
            tag = self.tag(first);
            if self.peek_ends() {
                if let Some(tag) = &tag {
                    self.tag_alone(first, tag);
                }
                return None;
            }
            if matches!(self.peek_in_line(), Kind::OpenParen | Kind::CloseParen | Kind::Equals) {
                // Each is reported when its turn comes; a tag behind a tag here.
                if self.peek_in_line() == Kind::OpenParen {
                    let second = self.next_in_line();
                    self.out.push(second.start, second.end, Mistake::TwoTags);
                    self.tag(second);
                    if self.peek_ends() {
                        return None;
                    }
                } else {
                    return None;
                }
            }
            token = self.next_in_line();
        }
        let raw = match token.kind {
            Kind::Word if self.raw_of_kdl_1(token) => {
                let behind = self.next();
                self.out.push(token.start, behind.end, Mistake::Kdl1Raw);
                token = Token { end: behind.end, ..token };
                self.text_of(behind).map_or(Raw::Wrong, Raw::Text)
            }
            Kind::Word => self.bare(token),
            Kind::Text => self.text_of(token).map_or(Raw::Wrong, Raw::Text),
            Kind::Keyword => match self.slice(token) {
                "#true" => Raw::Bool(true),
                "#false" => Raw::Bool(false),
                "#null" => Raw::Null,
                other => {
                    self.out.push(token.start, token.end, Mistake::LossyNumber(other.to_owned()));
                    Raw::Wrong
                }
            },
            Kind::Equals => {
                self.out.push(token.start, token.end, Mistake::StrayEquals);
                return None;
            }
            Kind::CloseParen => {
                self.out.push(token.start, token.end, Mistake::StrayParen);
                return None;
            }
            _ => Raw::Wrong,
        };
        Some((tag, Found { raw, start: first.start, end: token.end }))
    }

    /// `r"…"`: what KDL 1 calls raw begins with a word.
    fn raw_of_kdl_1(&self, token: Token) -> bool {
        let (mut ahead, mut scratch) = (self.lexer, Mistakes::default());
        self.slice(token) == "r" && ahead.next(&mut scratch).kind == Kind::Text
    }

    /// `(tag)`, from its parenthesis on: one word or text, on one line.
    fn tag(&mut self, open: Token) -> Option<Word<'t>> {
        let word = match self.peek_in_line() {
            Kind::Word | Kind::Text => {
                let inner = self.next_in_line();
                self.word(inner, Mistake::NoName)
            }
            _ => None,
        };
        let (close, behind) = self.peek();
        if close.kind == Kind::CloseParen {
            self.lexer = behind;
            if word.is_none() {
                self.out.push(open.start, close.end, Mistake::OpenParen);
            }
            return word;
        }
        // What was read is most likely the value, and read as it.
        self.out.push(open.start, open.end, Mistake::OpenParen);
        word
    }

    /// A tag has nothing behind it. Of one that is not closed, that was told already.
    fn tag_alone(&mut self, open: Token, tag: &Word<'t>) {
        let told = self.out.found.last().is_some_and(|(start, ..)| *start >= open.start);
        if !told {
            self.out.push(open.start, tag.end + 1, Mistake::TagAlone(tag.text.clone().into_owned()));
        }
    }

    /// A word that names something.
    fn word(&mut self, token: Token, otherwise: Mistake) -> Option<Word<'t>> {
        let text = match token.kind {
            Kind::Text => self.text_of(token)?,
            _ => match self.bare(token) {
                Raw::Text(text) => text,
                // Told as what KDL 1 wrote, and meant as a name.
                Raw::Bool(_) | Raw::Null => Cow::Borrowed(self.slice(token)),
                Raw::Wrong => return None,
                Raw::Integer(_) | Raw::Float(_) => {
                    self.out.push(token.start, token.end, otherwise);
                    return None;
                }
            },
        };
        Some(Word { text, start: token.start, end: token.end })
    }

    fn text_of(&mut self, token: Token) -> Option<Cow<'t, str>> {
        match text::decode(self.slice(token)) {
            Ok(text) => Some(text),
            Err((start, end, mistake)) => {
                self.out.push(token.start + start, token.start + end, mistake);
                None
            }
        }
    }

    /// What a bare word is: text, a number, or a word of KDL 1.
    fn bare(&mut self, token: Token) -> Raw<'t> {
        let word = self.slice(token);
        match text::bare(word) {
            Ok(raw) => raw,
            Err((mistake, raw)) => {
                self.out.push(token.start, token.end, mistake);
                raw
            }
        }
    }
}
