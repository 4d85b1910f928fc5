//! Diagnostics of lowering: what a target makes of this stack, and what it cannot.

use super::{Diagnostic, list};
use crate::source::Span;

/// E0401: the provider refuses a value that the stack gave.
pub fn refused(user: Span, rule: Span, target: &str, property: &str, why: &str) -> Diagnostic {
    let diagnostic = Diagnostic::error("E0401", user, format!("`{target}` refuses this value"), why.to_owned()).help("give a value that the provider takes");
    // Tags and outputs go into the template without a rule.
    if rule == Span::default() { diagnostic } else { diagnostic.related(rule, format!("it goes to {property} here")) }
}

/// The code of two resources that would be one.
pub const COLLISION: &str = "E0402";

/// E0402: two resources would have the same name in the template.
pub fn name_collision(span: Span, name: &str, other: Span) -> Diagnostic {
    Diagnostic::error(COLLISION, span, format!("two things would be called `{name}` in the template"), "this one")
        .related(other, "and this one")
        .help("give one of the two another name")
}

/// E0402: the cloud would know two resources by the same properties.
pub fn twice(span: Span, rule: Span, other: Span, target: &str, why: &str) -> Diagnostic {
    let (span, other) = if span < other { (other, span) } else { (span, other) };
    Diagnostic::error(COLLISION, span, format!("`{target}` would be asked for the same thing twice"), why.to_owned())
        .related(other, "the other one")
        .maybe_related(rule, "made by this rule")
        .help("keep one of the two, or tell them apart")
}

/// E0403: native resources that need each other.
pub fn native_cycle(span: Span, names: &[String]) -> Diagnostic {
    Diagnostic::error("E0403", span, format!("the template's resources would need each other: {}", names.join(" → ")), "the circle goes through this")
        .help("replace one of the references between them by a parameter, or by a plain value")
}

/// The code of what a target does not have at all.
pub const UNSUPPORTED: &str = "E0404";

/// E0404: something that the target does not have.
pub fn unsupported(span: Span, what: &str, target: &str, reason: &str, instead: Option<&str>, rule: Span) -> Diagnostic {
    let instead = instead.map(|instead| format!("{instead}; or ")).unwrap_or_default();
    Diagnostic::error(UNSUPPORTED, span, format!("`{target}` has no {what}"), reason.to_owned())
        .related(rule, "declared here")
        .help(format!("{instead}accept the loss by name: `accept \"why it does no harm\" target={target}` in the resource"))
}

/// W0405: something that the target does only in part.
pub fn degraded(span: Span, what: &str, target: &str, reason: &str, rule: Span) -> Diagnostic {
    let mut found = Diagnostic::warning("W0405", span, format!("`{target}` does {what} only in part"), reason.to_owned());
    found.loss = Some((target.to_owned(), what.to_owned()));
    found
        .maybe_related(rule, "declared here")
        .help(format!("accept the loss by name to silence this: `accept \"why it does no harm\" target={target}` in the resource"))
}

/// E0406: the template is beyond a limit of the cloud.
pub fn beyond_limit(span: Span, what: &str, limit: &str, contributors: &[String]) -> Diagnostic {
    Diagnostic::error("E0406", span, format!("the template has {what}; the limit is {limit}"), "this stack is too large for one template")
        .help(format!("split the stack; most comes from {}", list(contributors)))
}

/// W0407: the template is larger than what can be handed over directly.
pub fn large(span: Span, bytes: usize, limit: usize) -> Diagnostic {
    Diagnostic::warning("W0407", span, format!("the template has {bytes} bytes; only {limit} can be handed over directly"), "this stack")
        .help("deploy it through a bucket, as `stackc deploy` does by itself, or split the stack")
}

/// E0408: a type that the target has no rule for.
pub fn no_rule(span: Span, ty: &str, target: &str) -> Diagnostic {
    Diagnostic::error("E0408", span, format!("`{target}` has no rule for `{ty}`"), "cannot be built there")
        .help(format!("write one in the target's folder, in a file `{ty}.kdl`, and point `--targets` to it"))
}

/// E0409: properties of a native resource that do not go together.
pub fn relation(user: Span, rule: Span, ty: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0409", user, format!("`{ty}` cannot be made so"), why.to_owned())
        .related(rule, "made here")
        .help("change the properties of this resource that are named above")
}

/// E0410: two values that the target does not offer together.
pub fn not_offered(span: Span, first: &str, second: &str, target: &str, why: &str, offered: &[String], other: Span) -> Diagnostic {
    let help = if offered.is_empty() {
        format!("change {first} first: the target has nothing to go with it")
    } else {
        format!("with {first}, give {}", list(offered))
    };
    Diagnostic::error("E0410", span, format!("`{target}` does not offer {second} with {first}"), why.to_owned()).related(other, "with this").help(help)
}

/// E0411: a built-in that cannot do what a rule asks with this stack's values.
pub fn call_failed(user: Span, rule: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0411", user, "this value leads to nothing that can be built", why.to_owned())
        .related(rule, format!("asked for by `{name}` here"))
        .help("give a value with which that works")
}

/// E0412: a stack of which nothing comes on a target.
pub fn nothing_made(span: Span, target: &str) -> Diagnostic {
    Diagnostic::error("E0412", span, format!("`{target}` would make nothing"), "there is no resource in it that becomes one of the cloud's")
        .help("declare a resource in it, such as `bucket media`; `stackc explain` lists the types, `stackc targets --matrix` what each target builds")
}

/// E0413: an edge to something that exists already, which nothing can be added to.
pub fn edge_refused(span: Span, edge: &str, to: &str, target: &str, why: &str, rule: Span) -> Diagnostic {
    Diagnostic::error("E0413", span, format!("`{target}` cannot `{edge}` to `{to}`, which exists already"), why.to_owned())
        .maybe_related(rule, "declared here")
        .help(format!("let the stack make `{to}`, or do by hand what `{edge}` would, and hand over what it tells as parameters"))
}

/// E0414: something that exists already and was found by nobody: the target's rules cannot.
pub fn no_finder(span: Span, ty: &str, target: &str) -> Diagnostic {
    Diagnostic::error("E0414", span, format!("`{target}` finds no `{ty}` that exists already"), "there is no rule that does")
        .help(format!("let the stack make it, or write `find {ty} {{ {target} {{ … }} }}` in the target's folder, and point `--targets` to it"))
}
