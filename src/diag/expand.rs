//! Diagnostics of `expand`: forms of a stack that cannot be worked out.

use super::{Diagnostic, did_you_mean, list};
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

/// E0242: what is read, changed or led to is not there in a variant.
pub fn absent(span: Span, name: &str, at: Span) -> Diagnostic {
    Diagnostic::error("E0242", span, format!("`{name}` is not there in every variant of the stack"), "read here, where it is absent")
        .related(at, "it stands under this condition")
        .help("put what reads it under the same condition, or take the condition away")
}

/// E0245: a name that stands for something else than is wanted in its place.
fn not_fitting(span: Span, message: String, label: String) -> Diagnostic {
    Diagnostic::error("E0245", span, message, label)
}

/// A list or a map where one value is wanted.
pub fn not_that_kind(span: Span, wanted: &str, got: &str) -> Diagnostic {
    not_fitting(span, format!("expected {wanted}"), format!("this is {got}"))
        .help("a list goes where several values stand behind a name, a map into a map; a single entry is read as `(get)NAME.KEY`")
}

/// An entry that a map does not have.
pub fn no_entry(span: Span, head: &str, word: &str, kind: &str, entries: &[&str]) -> Diagnostic {
    let otherwise = if entries.is_empty() { format!("it is {kind}, and has no entries") } else { format!("it has {}", list(entries)) };
    let meant = did_you_mean(word, entries.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    not_fitting(span, format!("`{head}` has no entry `{word}`"), "not an entry".to_owned()).help(meant.unwrap_or(otherwise))
}

/// E0246: a `let` that says nothing that could be used.
fn bad_let(span: Span, message: String, label: &str) -> Diagnostic {
    Diagnostic::error("E0246", span, message, label)
}

/// A `let` with nothing behind its name.
pub fn let_without_value(span: Span) -> Diagnostic {
    bad_let(span, "nothing stands behind this name".to_owned(), "expected a value")
        .help("write `let NAME value`; `#true` where it is a flag, `{}` for a map without entries")
}

/// A `let` with values and entries.
pub fn let_of_both(span: Span) -> Diagnostic {
    bad_let(span, "values and entries stand behind one name".to_owned(), "either a list or a map is possible")
        .help("make two of it, or give the values a name within the map")
}

/// A `let` in an overlay that the stack does not have.
pub fn let_not_declared(span: Span, name: &str, known: &[&str]) -> Diagnostic {
    let meant = did_you_mean(name, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    bad_let(span, format!("the stack has no `let {name}` that could be set again here"), "not declared in the stack")
        .help(meant.unwrap_or_else(|| format!("declare `let {name}` in the stack itself, with what holds otherwise")))
}

/// A `let` that an overlay makes something else of.
pub fn let_of_another_kind(span: Span, name: &str, was: &str, is: &str, first: Span) -> Diagnostic {
    bad_let(span, format!("`{name}` is {was} in the stack, and {is} here"), "of another kind").related(first, "declared here").help(format!("give {was}"))
}

/// A `--let` for what the stack does not have.
pub fn let_not_there(span: Span, name: &str, known: &[&str]) -> Diagnostic {
    let meant = did_you_mean(name, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    bad_let(span, format!("the stack has no `let {name}` that `--let` could set"), "not declared in this stack")
        .help(meant.unwrap_or_else(|| format!("declare `let {name}` in the stack, with what holds otherwise")))
}

/// A `--let` that is not what the stack has.
pub fn let_from_outside(span: Span, name: &str, kind: &str, text: &str) -> Diagnostic {
    bad_let(span, format!("`--let {name}={text}` does not fit"), "declared here")
        .help(format!("`{name}` is {kind}; `--let` takes one text, one number, `true` or `false`"))
}

/// Maps in maps without end.
pub fn let_too_deep(span: Span, most: usize) -> Diagnostic {
    bad_let(span, format!("more than {most} maps stand within one another"), "the innermost is too deep").help("give the entries names of their own")
}

/// Lets that stand for each other.
pub fn lets_in_a_circle(span: Span, names: &[String]) -> Diagnostic {
    let names: Vec<&str> = names.iter().chain(names.first()).map(String::as_str).collect();
    bad_let(span, format!("these stand for each other: {}", names.join(" → ")), "the circle begins here").help("write the value in one of them")
}

/// E0247: a condition that cannot be judged.
pub fn bad_when(span: Span, why: &str, help: &str) -> Diagnostic {
    Diagnostic::error("E0247", span, "this condition cannot be judged", why.to_owned()).help(help)
}

/// A condition over a parameter.
pub fn when_of_param(span: Span, name: &str) -> Diagnostic {
    let help = format!("what there is has to be known when building: make it `let {name}`, and build with `--let {name}=VALUE`, or set it in a `stage`");
    bad_when(span, &format!("`{name}` is a parameter, which is known only when deployed"), &help)
}

/// A condition with a name that nothing has.
pub fn when_of_nothing(span: Span, subject: &str, name: &str, known: &[&str]) -> Diagnostic {
    let mut known: Vec<&str> = known.to_vec();
    known.dedup();
    let meant = did_you_mean(name, known.iter().copied()).map(|name| format!("did you mean `{name}`?"));
    let otherwise = if known.is_empty() { format!("the stack has no {subject}") } else { format!("there is {}", list(&known)) };
    let why = if subject == "(when)" { format!("`{name}` is no `let`") } else { format!("there is no {subject} `{name}`") };
    bad_when(span, &why, &meant.unwrap_or(otherwise))
}

/// E0248: a loop that goes over nothing that it could go over.
pub fn bad_each(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("E0248", span, "this loop cannot be worked out", why.to_owned())
        .help("write `(each)LET as=ITEM { … }`; the let is a list or a map whose values are written in the file")
}

/// A loop over what is no `let`.
pub fn each_of_nothing(span: Span, name: &str, known: &[&str]) -> Diagnostic {
    let problem = bad_each(span, &format!("`{name}` is no `let`"));
    match did_you_mean(name, known.iter().copied()) {
        Some(name) => problem.help(format!("did you mean `{name}`?")),
        None => problem,
    }
}

/// Two items that are one.
pub fn equal_items(span: Span, item: &str, first: Span) -> Diagnostic {
    bad_each(span, &format!("`{item}` stands in the list twice"))
        .related(first, "here as well")
        .help("an item stands for itself once; leave one of the two out")
}

/// A name in a loop that is the same for each item.
pub fn name_without_item(span: Span, item: &str) -> Diagnostic {
    bad_each(span, "the name is the same for each item").help(format!("put the item into it, as in `(fmt)\"{{{item}}}\"`"))
}

/// E0249: forms that make too much of a file.
pub fn too_much(span: Span, most: usize) -> Diagnostic {
    Diagnostic::error("E0249", span, format!("this becomes more than {} MiB", most / 1024 / 1024), "beyond what a file may become")
        .help("make several stacks of it, or less: a cloud takes no template of that size")
}

/// W0253: a `let` that nothing reads.
pub fn unused_let(span: Span, name: &str) -> Diagnostic {
    Diagnostic::warning("W0253", span, format!("nothing reads `let {name}`"), "without effect").help(format!("read it with `(get){name}`, or remove it"))
}

/// Something that has to stand at the top of a stack stands in a condition or a loop.
pub fn not_in_form(span: Span, name: &str) -> Diagnostic {
    super::check::not_in_stage(span, name, "a condition or a loop")
}

/// E0250: a file that cannot be taken in.
pub const NOT_TAKEN: &str = "E0250";

/// Which, and why.
pub fn cannot_take(span: Span, path: &str, why: &str, help: &str) -> Diagnostic {
    Diagnostic::error(NOT_TAKEN, span, format!("`{path}` cannot be taken in"), why.to_owned()).help(help)
}

/// A file that is included is no stack of its own.
pub fn no_part(span: Span, name: &str) -> Diagnostic {
    cannot_take(span, name, "this file is included, and a part of another stack", "write what stands in its braces without them")
}
