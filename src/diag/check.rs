//! Diagnostics of `check`: the stack does not say something that makes sense.

use super::{Diagnostic, did_you_mean, list};
use crate::source::Span;

fn meant<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    did_you_mean(wrong, candidates).map(|name| format!("did you mean `{name}`?"))
}

/// E0201: there is no `stack` node.
pub fn no_stack(span: Span) -> Diagnostic {
    Diagnostic::error("E0201", span, "the file holds no stack", "expected `stack NAME { … }`")
        .help("put everything into one `stack NAME { … }`; `stackc init` writes one to begin with")
}

/// E0202: something stands beside the one `stack` node.
pub fn beside_stack(span: Span, name: &str) -> Diagnostic {
    let message = if name == "stack" { "a file holds one stack".to_owned() } else { format!("`{name}` stands outside of the stack") };
    Diagnostic::error("E0202", span, message, "only one `stack` node may stand here").help("move it into the braces of `stack`, or into a file of its own")
}

/// E0203: no portable type of that name.
pub fn unknown_type(span: Span, name: &str, types: &[&str]) -> Diagnostic {
    Diagnostic::error("E0203", span, format!("there is no type `{name}`"), "not a portable type")
        .help(meant(name, types.iter().copied()).unwrap_or_else(|| format!("the types are {}", list(types))))
}

/// E0204: a name given twice.
pub fn duplicate_name(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0204", span, format!("the name `{name}` is taken"), "used again here")
        .related(first, "first used here")
        .help("parameters and resources share one set of names; give one of the two another name")
}

/// E0205: no such property.
pub fn unknown_property(span: Span, name: &str, of: &str, known: &[&str]) -> Diagnostic {
    Diagnostic::error("E0205", span, format!("{of} has no property `{name}`"), "not known here")
        .help(meant(name, known.iter().copied()).unwrap_or_else(|| format!("it takes {}", list(known))))
}

/// E0206: a property given twice.
pub fn duplicate_property(span: Span, name: &str, first: Span) -> Diagnostic {
    Diagnostic::error("E0206", span, format!("`{name}` is given twice"), "given again here").related(first, "given first here").help("keep one of the two")
}

/// E0207: a property that has to be given is not.
pub const MISSING: &str = "E0207";

/// What is missing, and what it is.
pub fn missing_property(span: Span, name: &str, of: &str, about: &str) -> Diagnostic {
    Diagnostic::error(MISSING, span, format!("{of} needs `{name}`"), format!("`{name}` is missing")).help(format!("`{name}`: {about}"))
}

/// E0208: a value of the wrong type.
pub fn wrong_type(span: Span, name: &str, wanted: &str, got: &str) -> Diagnostic {
    Diagnostic::error("E0208", span, format!("`{name}` takes {wanted}"), format!("this is {got}")).help(format!("give {wanted}"))
}

/// E0209: not one of the words of an enumeration.
pub fn not_one_of(span: Span, name: &str, got: &str, values: &[&str]) -> Diagnostic {
    Diagnostic::error("E0209", span, format!("`{name}` cannot be `{got}`"), "not one of its values")
        .help(meant(got, values.iter().copied()).unwrap_or_else(|| format!("`{name}` is {}", list(values))))
}

/// E0210: a number out of its range.
pub fn out_of_range(span: Span, name: &str, got: &str, min: &str, max: &str, unit: Option<&str>) -> Diagnostic {
    let unit = unit.map(|unit| format!(" {unit}")).unwrap_or_default();
    Diagnostic::error("E0210", span, format!("`{name}` cannot be {got}"), format!("outside of {min} to {max}{unit}"))
        .help(format!("give a number from {min} to {max}{unit}"))
}

/// E0211: text that is not of the property's format.
pub fn bad_format(span: Span, name: &str, wanted: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0211", span, format!("`{name}` has to be {wanted}"), why).help(format!("write {wanted}"))
}

/// E0212: a name that nothing in the stack has.
pub const UNKNOWN: &str = "E0212";

/// Which, and what was meant.
pub fn unknown_name(span: Span, name: &str, wanted: &str, known: &[&str]) -> Diagnostic {
    let otherwise = if known.is_empty() { format!("the stack has no {wanted}: declare one") } else { format!("the stack has {}", list(known)) };
    Diagnostic::error(UNKNOWN, span, format!("nothing in the stack is called `{name}`"), format!("expected the name of a {wanted}"))
        .help(meant(name, known.iter().copied()).unwrap_or(otherwise))
}

/// E0213: a reference to a resource of another type than wanted.
pub fn wrong_reference(span: Span, name: &str, is: &str, wanted: &str, declared: Span) -> Diagnostic {
    Diagnostic::error("E0213", span, format!("`{name}` is a {is}, not a {wanted}"), format!("expected the name of a {wanted}"))
        .related(declared, format!("`{name}` is declared here"))
        .help(format!("name a {wanted} of this stack"))
}

/// E0214: no such output, or a resource where one of its outputs is meant.
pub fn unknown_output(span: Span, of: &str, ty: &str, name: Option<&str>, outputs: &[&str]) -> Diagnostic {
    let (message, label) = match name {
        Some(name) => (format!("`{of}` has no output `{name}`"), "not an output"),
        None => (format!("`{of}` is a {ty}, not a value"), "one of its outputs is meant"),
    };
    let otherwise = if outputs.is_empty() { format!("a {ty} has no outputs") } else { format!("a {ty} offers {}", list(outputs)) };
    Diagnostic::error("E0214", span, message, label).help(name.and_then(|name| meant(name, outputs.iter().copied())).unwrap_or(otherwise))
}

/// E0215: resources that need each other before they can exist.
pub fn cycle(span: Span, names: &[&str], others: &[Span], by_edges: bool) -> Diagnostic {
    let help = if by_edges {
        "what asks is made after what it asks: let one of them ask by way of a load balancer, with the address in its `env`, or put what both need into a third"
    } else {
        "replace one of the references by a parameter, or by a plain value"
    };
    let mut diagnostic =
        Diagnostic::error("E0215", span, format!("these need each other before they can exist: {}", names.join(" → ")), "the circle is closed here").help(help);
    for &other in others {
        diagnostic = diagnostic.related(other, "and goes on here");
    }
    diagnostic
}

/// E0216: a secret in a place that does not keep it.
pub fn secret_leak(span: Span, what: &str, place: &str) -> Diagnostic {
    Diagnostic::error("E0216", span, format!("{what} is secret, and {place} would show it"), "a secret must not go here")
        .help("a secret may be the value of an environment variable, alone and not within a text, or that of a `secret`; nothing else keeps it")
}

/// E0217: a value that has to be known when building.
pub fn not_known(span: Span, name: &str, what: &str) -> Diagnostic {
    Diagnostic::error("E0217", span, format!("`{name}` has to be known when building"), format!("{what} is known only when deployed"))
        .help(format!("`{name}` shapes the stack: write the value here, and another one in a `stage` where it differs"))
}

/// E0218: two address ranges overlap.
pub fn overlap(span: Span, a: &str, b: &str, other: Span) -> Diagnostic {
    Diagnostic::error("E0218", span, format!("{a} overlaps {b}"), "overlaps")
        .related(other, "with this")
        .help("give every network a range of its own, so that they can be joined later")
}

/// E0219: an address range too large or too small.
pub fn range_size(span: Span, got: u8, widest: u8, narrowest: u8) -> Diagnostic {
    Diagnostic::error("E0219", span, format!("a range of /{got} does not fit"), format!("from /{widest} to /{narrowest} is possible"))
        .help(format!("give a prefix length from {widest} to {narrowest}: all clouds can cut such a network into subnets"))
}

/// E0220: a name that no cloud could carry.
pub fn bad_name(span: Span, name: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0220", span, format!("`{name}` cannot be a name"), why.to_owned())
        .help("names are lower-case letters, digits and single dashes, start with a letter, and are 40 characters at most")
}

/// E0221: a form in parentheses that a stack does not have.
pub fn unknown_form(span: Span, form: &str) -> Diagnostic {
    Diagnostic::error("E0221", span, format!("there is no form `({form})`"), "not a form of a stack").help(
        meant(form, ["get", "fmt", "when", "unless", "each", "remove"]).unwrap_or_else(|| {
            "values have `(get)` for what a name stands for and `(fmt)` for text with such values in it, nodes `(when)`, `(unless)` and `(each)`, \
             and `(remove)` in overlays"
                .to_owned()
        }),
    )
}

/// E0222: text of a `(fmt)` that cannot be read.
pub fn bad_fmt(span: Span, why: &str) -> Diagnostic {
    Diagnostic::error("E0222", span, "this `(fmt)` text cannot be read", why.to_owned())
        .help("a value stands in braces, as in `(fmt)\"{data.host}:{data.port}\"`; a brace itself is doubled")
}

/// E0223: a resource, parameter or output without a name.
pub fn missing_name(span: Span, what: &str) -> Diagnostic {
    Diagnostic::error("E0223", span, format!("this {what} has no name"), "expected a name after it").help(format!("write `{what} NAME …`"))
}

/// E0224: more values than are taken.
pub fn too_many_values(span: Span, name: &str, wanted: &str) -> Diagnostic {
    Diagnostic::error("E0224", span, format!("`{name}` takes {wanted}"), "this is one too many").help(format!("give {wanted}, and remove the rest"))
}

/// E0225: an overlay changes something that is not there.
pub const NOT_TO_CHANGE: &str = "E0225";

/// What is not there, and in which overlay.
pub fn stage_unknown(span: Span, ty: &str, name: &str, overlay: &str, known: &[&str]) -> Diagnostic {
    let message = format!("the stack has no {ty} `{name}` that {overlay} could change");
    Diagnostic::error(NOT_TO_CHANGE, span, message, "an overlay changes resources that exist")
        .help(meant(name, known.iter().copied()).unwrap_or_else(|| "declare it in the stack itself; here, only properties change".to_owned()))
}

/// E0226: two blocks with the same key.
pub fn duplicate_key(span: Span, block: &str, key: &str, first: Span) -> Diagnostic {
    let message = if key.contains('`') { format!("two `{block}` lead to {key}") } else { format!("two `{block}` for `{key}`") };
    Diagnostic::error("E0226", span, message, "given again here").related(first, "given first here").help("keep one of the two, or tell them apart")
}

/// E0227: properties that do not go together.
pub const TOGETHER: &str = "E0227";

/// What properties ask of each other, and is not so.
pub fn constraint(span: Span, message: String, why: &str, help: String) -> Diagnostic {
    Diagnostic::error(TOGETHER, span, message, why.trim_end_matches('.').to_owned()).help(help)
}

/// E0228: no such stage.
pub fn unknown_stage(span: Span, name: &str, stages: &[&str]) -> Diagnostic {
    let otherwise = if stages.is_empty() { "the stack declares no stage: leave `--stage` out".to_owned() } else { format!("its stages are {}", list(stages)) };
    Diagnostic::error("E0228", span, format!("the stack has no stage `{name}`"), "looked for in this stack")
        .help(meant(name, stages.iter().copied()).unwrap_or(otherwise))
}

/// E0229: no such target.
pub fn unknown_target(span: Span, name: &str, targets: &[&str]) -> Diagnostic {
    Diagnostic::error("E0229", span, format!("there is no target `{name}`"), "not a target")
        .help(meant(name, targets.iter().copied()).unwrap_or_else(|| format!("the targets are {}", list(targets))))
}

/// E0230: something that cannot stand inside of a stage.
pub fn not_in_stage(span: Span, name: &str, overlay: &str) -> Diagnostic {
    let help = match name {
        "stage" => "write the `on` within the `stage`",
        "on" => "a `stage` may have an `on` in it, and an `on` has none",
        _ => "a parameter or an output is declared once, for all stages and targets; its value can differ where it is deployed",
    };
    Diagnostic::error("E0230", span, format!("`{name}` cannot stand in {overlay}"), "only resources are changed here").help(help)
}

/// W0231: a parameter that nothing uses.
pub fn unused_param(span: Span, name: &str) -> Diagnostic {
    Diagnostic::warning("W0231", span, format!("nothing uses the parameter `{name}`"), "left out of every template")
        .help(format!("read it with `(get){name}`, or remove it"))
}

/// W0232: text in a copy that names what another copy has.
pub fn not_the_copys(span: Span, text: &str, domain: &str, output: &str, instance: &str) -> Diagnostic {
    let read = text.replace('{', "{{").replace('}', "}}").replace(domain, &format!("{{{output}}}"));
    Diagnostic::warning("W0232", span, format!("`{domain}` stands here for every copy"), format!("the copy `{instance}` has `{instance}.{domain}`"))
        .help(format!("if the copy's own is meant, read it: `(fmt)\"{read}\"`"))
}

/// E0261: what would change something that exists already.
pub fn would_change(span: Span, of: &str, why: &str) -> Diagnostic {
    Diagnostic::error("E0261", span, format!("{of} would be changed by this"), why.to_owned())
        .help("remove it: what is found is used as it is, and what leads to it adds no more than it needs")
}

/// E0262: a property of something that exists already, which nothing reads.
pub fn read_by_nothing(span: Span, name: &str, of: &str, takes: &[&str]) -> Diagnostic {
    let help = if takes.is_empty() { "remove it".to_owned() } else { format!("remove it; it is found by {}", list(takes)) };
    Diagnostic::error("E0262", span, format!("nothing reads `{name}` of {of}"), "it is as it is, whatever stands here").help(help)
}
