//! Diagnostics of `rules`: a rule or a spec does not fit the provider's schema or the portable type. Their primary place is in the rule.

use super::{Diagnostic, did_you_mean, list};
use crate::source::Span;

fn meant<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean(wrong, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// E0301: a rule or a spec that cannot be read.
pub fn spec(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("E0301", span, "this cannot be read", why.to_owned()).help("docs/rules.md has the whole language")
}

/// E0302: no such native type.
pub fn unknown_native_type(span: Span, name: &str, candidates: &[String]) -> Diagnostic {
    Diagnostic::error("E0302", span, format!("the provider has no type `{name}`"), "not in its schema")
        .help(meant(name, candidates.iter().map(String::as_str)).unwrap_or_else(|| "the types are those of specs/providers/SOURCE.md's versions".to_owned()))
}

/// E0303: no such property of a native type.
pub fn unknown_native_property(span: Span, ty: &str, name: &str, known: &[&str]) -> Diagnostic {
    Diagnostic::error("E0303", span, format!("`{ty}` has no property `{name}`"), "not in the provider's schema")
        .help(meant(name, known.iter().copied()).unwrap_or_else(|| format!("it has {}", list(known))))
}

/// E0304: a property that the provider fills in.
pub fn read_only(span: Span, ty: &str, name: &str) -> Diagnostic {
    Diagnostic::error("E0304", span, format!("`{name}` of `{ty}` cannot be set"), "the provider fills it in").help("remove it; it can be read with `(attr)`")
}

/// E0305: a value of another type than the provider wants.
pub fn wrong_native_type(span: Span, name: &str, wanted: &str, got: &str) -> Diagnostic {
    Diagnostic::error("E0305", span, format!("`{name}` takes {wanted}"), format!("this is {got}"))
        .help("give a value of that type, or change the portable property")
}

/// E0306: a value that the provider's enumeration does not have.
pub fn not_in_enum(span: Span, name: &str, value: &str, values: &[String]) -> Diagnostic {
    Diagnostic::error("E0306", span, format!("`{name}` cannot be `{value}`"), "not in the provider's enumeration")
        .help(meant(value, values.iter().map(String::as_str)).unwrap_or_else(|| format!("it is {}", list(values))))
}

/// E0307: a property that the provider wants is not always given.
pub fn missing_native_property(span: Span, ty: &str, name: &str) -> Diagnostic {
    Diagnostic::error("E0307", span, format!("`{ty}` needs `{name}`"), "not given for every stack")
        .help("give it in every branch, from a property that is required or has a default")
}

/// E0308: no such attribute.
pub fn unknown_attribute(span: Span, ty: &str, name: &str, known: &[&str]) -> Diagnostic {
    Diagnostic::error("E0308", span, format!("nothing called `{name}` can be read from `{ty}`"), "not an attribute")
        .help(meant(name, known.iter().copied()).unwrap_or_else(|| format!("it has {}", list(known))))
}

/// E0309: a property that a target forgot.
pub fn not_covered(span: Span, ty: &str, name: &str, target: &str, spec: Span) -> Diagnostic {
    Diagnostic::error("E0309", span, format!("the rule for `{ty}` on `{target}` says nothing of `{name}`"), "neither used nor declared")
        .related(spec, "the property")
        .help(format!("use it with `(get){name}`, or declare `(unsupported){name} \"why\"`, `(degraded)` or `(emulated)`"))
}

/// E0310: a path that leads nowhere.
pub fn unknown_path(span: Span, path: &str, known: &[String]) -> Diagnostic {
    let last = path.rsplit('.').next().unwrap_or(path);
    Diagnostic::error("E0310", span, format!("`{path}` leads nowhere"), "no such property, output or variable here").help(
        meant(last, known.iter().map(String::as_str)).unwrap_or_else(|| {
            if known.is_empty() { "see docs/rules.md for what a path can begin with".to_owned() } else { format!("here are {}", list(known)) }
        }),
    )
}

/// E0311: a `(match)` or a `(table)` that does not cover all values.
pub fn not_total(span: Span, what: &str, missing: &str) -> Diagnostic {
    Diagnostic::error("E0311", span, format!("`{what}` does not cover every value"), missing.to_owned()).help("every value has exactly one line")
}

/// E0312: no resource of that role.
pub fn unknown_role(span: Span, role: &str, known: &[&str]) -> Diagnostic {
    Diagnostic::error("E0312", span, format!("the rule has no resource `{role}`"), "no such role")
        .help(meant(role, known.iter().copied()).unwrap_or_else(|| format!("its roles are {}", list(known))))
}

/// E0313: a built-in that does not exist, or takes something else.
pub fn bad_call(span: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0313", span, format!("`(call){name}` cannot be made"), why.to_owned()).help("docs/rules.md lists the built-ins and what they take")
}

/// E0314: an output of the portable type that the rule does not give.
pub fn missing_output(span: Span, ty: &str, output: &str, target: &str, spec: Span) -> Diagnostic {
    Diagnostic::error("E0314", span, format!("the rule for `{ty}` on `{target}` gives no output `{output}`"), "not given")
        .related(spec, "the output")
        .help(format!("add `output {output} …`, or declare `(unsupported){output} \"why\"`"))
}

/// E0315: a secret where the provider does not keep it.
pub fn secret_in_rule(span: Span, path: &str) -> Diagnostic {
    Diagnostic::error("E0315", span, format!("a secret value would go to {path}"), "this place may show it")
        .help("go over secret values with `(secret)`, and hand on a reference to where the cloud keeps them")
}

/// E0316: a rule for something that does not exist.
pub fn unknown_subject(span: Span, what: &str, name: &str, known: &[&str]) -> Diagnostic {
    Diagnostic::error("E0316", span, format!("there is no {what} `{name}`"), "does not exist")
        .help(meant(name, known.iter().copied()).unwrap_or_else(|| format!("there are {}", list(known))))
}

/// E0317: something declared twice in one rule.
pub fn declared_twice(span: Span, what: &str, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0317", span, format!("the {what} `{name}` is declared twice"), "declared again here")
        .related(first, "declared first here")
        .help("keep one of the two")
}

/// E0318: something that the target's format has no word for.
pub fn format_cannot(span: Span, word: &str, target: &str) -> Diagnostic {
    Diagnostic::error("E0318", span, format!("`{word}` means nothing on `{target}`"), "its format has no word for it")
        .help(format!("remove `{word}`, and declare what is lost by that"))
}

/// E0319: something that a rule says and nothing reads.
pub fn unread(span: Span, what: &str, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0319", span, format!("nothing reads the {what} `{name}`"), why.to_owned()).help("is its name right? Otherwise take it out")
}
