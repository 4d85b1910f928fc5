//! Diagnostics of `expand`: forms of a stack that cannot be worked out.

use super::Diagnostic;
use crate::source::Span;

/// E0240: two overlays say different things, and nothing decides.
pub fn overlays_disagree(span: Span, name: &str, by: &str, first: Span, other: &str) -> Diagnostic {
    Diagnostic::error("E0240", span, format!("{other} and {by} both set `{name}`"), format!("set by {by}, and neither is within the other"))
        .related(first, format!("set by {other}"))
        .help("say in an `on` within the `stage` what holds where both apply, or set it in one of the two only")
}

/// E0241: something is taken away that is not there.
pub fn nothing_to_remove(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("E0241", span, format!("there is no `{what}` to take away"), "the resource has none")
        .help("`(remove)` names what the stack gives, by the name and the key that it has there; leave it out, or correct it")
}

/// The same, where more is said than what to take away.
pub fn removed_with_more(span: Span, name: &str) -> Diagnostic {
    super::check::unknown_property(span, name, "`(remove)`", &[])
}

/// E0243: two overlays for the same variants.
pub fn overlay_twice(span: Span, title: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0243", span, format!("{title} stands twice"), "again here").related(first, "first here").help("put both into one")
}

/// E0244: an acceptance that does not say what it accepts.
pub fn bad_accept(span: Span) -> Diagnostic {
    Diagnostic::error("E0244", span, "this `accept` cannot be read", "expected a resource, what it loses, and why that does no harm")
        .help("write `accept NAME PROPERTY \"why it does no harm\"`; without the property it is about an edge or the whole resource only")
}
