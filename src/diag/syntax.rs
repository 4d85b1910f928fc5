//! Diagnostics of `syntax`: the text is not KDL 2, or not KDL that stackc takes.

use super::Diagnostic;
use crate::source::Span;

/// E0101: the text does not parse.
pub fn not_kdl(span: Span, message: &str, label: &str, help: Option<String>) -> Diagnostic {
    let help = help.or_else(|| Some("see `stackc explain E0101` for the shape of a KDL 2 document".to_owned()));
    Diagnostic::error("E0101", span, message, label).maybe_help(help)
}

/// The same for what is opened and not closed, or the other way round; both ends are shown.
pub fn unmatched(span: Span, message: &str, label: &str, help: &str, end: Option<(Span, &str)>) -> Diagnostic {
    let diagnostic = not_kdl(span, message, label, Some(help.to_owned()));
    match end {
        Some((end, text)) => diagnostic.related(end, text),
        None => diagnostic,
    }
}

/// E0102: the file is written in KDL 1.
pub fn kdl_1(span: Span, word: &str) -> Diagnostic {
    let new = format!("#{word}");
    Diagnostic::error("E0102", span, format!("`{word}` is how KDL 1 wrote it; this file has to be KDL 2"), format!("in KDL 2 this is `{new}`"))
        .help("write `#true`, `#false` and `#null` with their `#` everywhere; a raw string is `#\"…\"#`, and one plain word needs no quotes")
}

/// E0103: braces nested too deep.
pub fn too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("E0103", span, format!("nested more than {limit} levels deep"), "this is one level too many")
        .help("a stack needs five levels at most: look for a missing `}` above")
}

/// E0104: slashdashes within slashdashes.
pub fn slashdash_too_deep(span: Span, limit: usize) -> Diagnostic {
    Diagnostic::error("E0104", span, format!("children are commented out by `/-` inside `/-`, more than {limit} deep"), "this `/-` is one too many")
        .help("one `/-` on the outermost node leaves out everything inside it; remove the inner ones")
}

/// E0105: the file is too large.
pub fn too_large(span: Span, bytes: usize, limit: usize) -> Diagnostic {
    Diagnostic::error("E0105", span, format!("the file has {bytes} bytes; the limit is {limit}"), "read no further than here")
        .help("a stack of that size is more than any cloud deploys in one piece: split it into several stacks")
}

/// E0106: a number that no template can hold as it is written.
pub fn no_number(span: Span, written: &str) -> Diagnostic {
    Diagnostic::error("E0106", span, format!("`{written}` is a number that would not arrive as it is written"), "beyond what a template's numbers hold")
        .help("whole numbers go up to 9223372036854775807, others keep 15 digits; what is no quantity, such as an id, is text: put it in quotes")
}
