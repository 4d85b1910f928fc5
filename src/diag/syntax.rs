//! Diagnostics of `syntax`: the text is not KDL 2, or not KDL that stackc takes.

use super::Diagnostic;
use crate::source::Span;

/// What can be wrong with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mistake {
    /// A `{` that is not closed.
    OpenBrace,
    /// A `}` that closes nothing.
    StrayBrace,
    /// A `(` that is not closed.
    OpenParen,
    /// A `)` that closes nothing.
    StrayParen,
    /// A tag behind a tag.
    TwoTags,
    /// A tag with nothing behind it.
    TagAlone(String),
    /// A `=` right behind a node's name.
    Assigned(String),
    /// A `=` without a name before it.
    StrayEquals,
    /// A `=` without a value behind it.
    NoValue,
    /// A property's name that is a number or a keyword.
    NoName,
    /// A node that begins with what is no word.
    NodeWithoutName,
    /// Something stands behind the braces of a node, on the same line.
    NoSemicolon,
    /// A `;` that ends no node.
    StraySemicolon,
    /// Two values without a space between them.
    NoSpace,
    /// Values behind a node's braces, or braces behind its braces.
    BehindBraces,
    /// A `/-` with nothing behind it.
    SlashdashAlone,
    /// A comment that is not closed.
    OpenComment,
    /// Text that is not closed.
    OpenText,
    /// `"""text"""` on one line.
    LinesInOne,
    /// A line of a text of several lines that is indented less than its last.
    LinesIndent,
    /// A `\` that escapes nothing.
    Escape,
    /// A `\` outside of quotes, before something else than the end of the line.
    StrayBackslash,
    /// Text with characters that a bare word cannot have.
    NeedsQuotes,
    /// `https://…` without quotes.
    AddressWithoutQuotes,
    /// `#word` that is none of KDL's.
    NoKeyword(String),
    /// A word that begins like a number and is none.
    NoNumber(String),
    /// A number that does not arrive as it is written.
    LossyNumber(String),
    /// A character that cannot be seen.
    Unseen(char),
    /// `true`, `false` and their like without `#`.
    Kdl1(String),
    /// A raw string of KDL 1, `r"…"`.
    Kdl1Raw,
    /// A file that says that it is KDL 1.
    Kdl1File,
    /// Braces deeper than so many levels.
    TooDeep(usize),
    /// So many bytes, where so many are the limit.
    TooLarge(usize, usize),
}

/// What a mistake is called, why it is one, and what to do about it.
pub fn mistake(span: Span, text: &str, mistake: &Mistake) -> Diagnostic {
    let plain = |message: &str, label: &str, help: &str| not_kdl(span, message, label, help);
    match mistake {
        Mistake::OpenBrace => {
            let text = text.trim_end();
            let last = text.chars().next_back().map_or(0, char::len_utf8);
            let end = Span::new(span.file, text.len() - last, text.len());
            plain("this `{` is not closed", "opened here", "write the `}` that is missing").related(end, "the file ends here")
        }
        Mistake::StrayBrace => plain("this `}` closes nothing", "no `{` is open here", "remove it, or look for a `{` that is missing above"),
        Mistake::OpenParen => plain("this `(` is not closed", "opened here", "close it behind the form's name, as in `(get)name`"),
        Mistake::StrayParen => plain("this `)` closes nothing", "no `(` is open here", "remove it, or put text that holds one in quotes"),
        Mistake::TwoTags => plain("two forms behind one another", "expected a name or a value", "write one form, such as `(get)name`"),
        Mistake::TagAlone(tag) => plain(
            &format!("`({tag})` with nothing behind it"),
            "expected a name or a value behind it",
            &format!("write what it is for right behind it, as in `({tag})name`"),
        ),
        Mistake::Assigned(name) => plain(
            &format!("a `=` behind `{name}`, which begins its line"),
            "the value follows without one",
            &format!("write it as in `{name} value`; a `=` stands between a property and its value behind it"),
        ),
        Mistake::StrayEquals => {
            plain("a `=` without a name before it", "expected `name=value`", "write the property's name before it, or put text that holds one in quotes")
        }
        Mistake::NoValue => plain("a `=` without a value behind it", "expected `name=value`", "write the value, or `\"\"` for text that is empty"),
        Mistake::NoName => plain("this is no name", "a word is expected here", "a name is a word; put it in quotes if it has to look like this"),
        Mistake::NodeWithoutName => {
            plain("a line begins with a word", "this is a value, and no name is before it", "write what it is first, as in `port 8080`")
        }
        Mistake::NoSemicolon => {
            plain("something stands behind the braces of another", "a `;` or a new line is missing before this", "write it on a line of its own")
        }
        Mistake::StraySemicolon => plain("this `;` ends nothing", "nothing stands before it", "remove it"),
        Mistake::NoSpace => plain("two values without a space between them", "this begins right behind another", "put a space between them"),
        Mistake::BehindBraces => plain("braces come last", "this stands behind the braces of its line", "write it before the `{`, or on a line of its own"),
        Mistake::SlashdashAlone => plain("a `/-` with nothing behind it", "it leaves out nothing", "write it right before what it leaves out, or remove it"),
        Mistake::OpenComment => plain("this comment is not closed", "opened here", "write the `*/` that is missing"),
        Mistake::OpenText => plain("this text is not closed", "opened here", "write the quote that is missing, on the same line"),
        Mistake::LinesInOne => {
            plain("three quotes are for text of several lines", "this is one line", "write one quote on each side, or begin the text in a new line")
        }
        Mistake::LinesIndent => plain(
            "a line of this text is indented less than its last quotes",
            "all lines begin with the spaces that the closing `\"\"\"` has before it",
            "indent every line as far as the closing `\"\"\"`, with the same characters",
        ),
        Mistake::Escape => plain(
            "this `\\` escapes nothing",
            "known are `\\n`, `\\r`, `\\t`, `\\s`, `\\b`, `\\f`, `\\\"`, `\\\\` and `\\u{…}`",
            "write `\\\\` for a `\\`, or the text as `#\"…\"#`, where nothing is escaped",
        ),
        Mistake::StrayBackslash => {
            plain("a `\\` outside of quotes", "nothing is escaped here", "write the quote that is missing before the text that it stands in")
        }
        Mistake::NeedsQuotes => plain(
            "this text needs quotes",
            "a word without quotes has none of `/`, `\\`, `[`, `]`, `{`, `}`, `(`, `)`, `\"`, `#`, `=`, `;`",
            "put it in quotes",
        ),
        Mistake::AddressWithoutQuotes => plain(
            "an address needs quotes",
            "without them, `//` begins a comment, and the rest of this line is left out",
            "put the address in quotes, as in `\"https://shop.example\"`",
        ),
        Mistake::NoKeyword(word) => plain(
            &format!("`{word}` is no word of KDL"),
            "with a `#` begin `#true`, `#false`, `#null` and `#\"…\"#`",
            "put text that begins with a `#` in quotes",
        ),
        Mistake::NoNumber(word) => plain(
            &format!("`{word}` is no number"),
            "it begins like one",
            if word.ends_with(',') { "values have a space between them and no comma" } else { "put text that begins like a number in quotes" },
        ),
        Mistake::LossyNumber(written) => no_number(span, written),
        Mistake::Unseen(c) => plain(
            &format!("the character U+{:04X}, which cannot be seen", u32::from(*c)),
            "it is here",
            &format!("remove it, or write `\\u{{{:x}}}` in quotes where it is meant", u32::from(*c)),
        ),
        Mistake::Kdl1(word) => kdl_1(span, &format!("`{word}` is how KDL 1 wrote it"), &format!("in KDL 2 this is `#{word}`")),
        Mistake::Kdl1Raw => kdl_1(span, "`r\"…\"` is how KDL 1 wrote it", "in KDL 2 this is `#\"…\"#`"),
        Mistake::Kdl1File => kdl_1(span, "the file says that it is KDL 1", "it is read as KDL 2"),
        Mistake::TooDeep(limit) => too_deep(span, *limit),
        Mistake::TooLarge(bytes, limit) => too_large(span, *bytes, *limit),
    }
}

/// E0101: the text does not parse.
pub fn not_kdl(span: Span, message: &str, label: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0101", span, message, label).help(help)
}

/// E0102: the file is written in KDL 1.
fn kdl_1(span: Span, message: &str, label: &str) -> Diagnostic {
    Diagnostic::error("E0102", span, format!("{message}; this file has to be KDL 2"), label)
        .help("write `#true`, `#false` and `#null` with their `#` everywhere; a raw string is `#\"…\"#`, and one plain word needs no quotes")
}

/// E0103: braces nested too deep.
fn too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("E0103", span, format!("nested more than {limit} levels deep"), "this is one level too many")
        .help("a stack needs five levels at most: look for a missing `}` above")
}

/// E0105: the file is too large.
fn too_large(span: Span, bytes: usize, limit: usize) -> Diagnostic {
    Diagnostic::error("E0105", span, format!("the file has {bytes} bytes; the limit is {limit}"), "read no further than here")
        .help("a stack of that size is more than any cloud deploys in one piece: split it into several stacks")
}

/// E0106: a number that no template can hold as it is written.
fn no_number(span: Span, written: &str) -> Diagnostic {
    Diagnostic::error("E0106", span, format!("`{written}` is a number that would not arrive as it is written"), "beyond what a template's numbers hold")
        .help("whole numbers go up to 9223372036854775807, others keep 15 digits; what is no quantity, such as an id, is text: put it in quotes")
}
