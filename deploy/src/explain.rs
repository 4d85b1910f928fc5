//! The cloud's reasons at the user's lines.

use crate::compile::Compiled;
use crate::engine::{Change, Event, Reason, Step};
use stackc::diag::Diagnostic;
use stackc::native::Origin;
use stackc::origins::ResourceOrigin;
use stackc::source::{FileId, Span};

/// Hints for the refusals that are met most.
const HINTS: &str = include_str!("hints.kdl");

/// What to do about a reason, where that is known.
pub fn hint(reason: &str) -> Option<String> {
    let (nodes, _) = stackc::syntax::read(FileId(u32::MAX), HINTS);
    let reason = reason.to_lowercase();
    let fits = |node: &&stackc::syntax::Node| node.args.iter().skip(1).filter_map(|arg| arg.as_str()).any(|words| reason.contains(words));
    nodes.iter().find(fits).and_then(|node| node.arg_str(0).map(str::to_owned))
}

/// The cloud's reasons, each at the line of the node that made the resource, with the rule beside it.
pub fn refused(compiled: &Compiled, what: &str, reasons: &[Reason], next: Option<&str>) -> Vec<Diagnostic> {
    let mut found: Vec<Diagnostic> = reasons.iter().map(|reason| one(compiled, what, reason)).collect();
    if found.is_empty() {
        found.push(Diagnostic::error("D0701", compiled.span, what.to_owned(), "this stack"));
    }
    if let (Some(next), Some(first)) = (next, found.first_mut()) {
        first.help = Some(first.help.take().map_or_else(|| next.to_owned(), |hint| format!("{hint}; {next}")));
    }
    found
}

fn one(compiled: &Compiled, what: &str, reason: &Reason) -> Diagnostic {
    let hint = hint(&reason.text).map(|hint| hint.replace("NAME", reason.name.as_deref().map_or("NAME", |name| compiled.user_name(name))));
    let Some(origin) = reason.name.as_deref().and_then(|name| compiled.origins.resource(name)) else {
        let subject = reason.name.as_ref().map(|name| format!("`{name}` ({}): ", reason.ty)).unwrap_or_default();
        return Diagnostic::error("D0701", compiled.span, format!("{what}: {subject}{}", reason.text), "this stack").maybe_help(hint);
    };
    // A property whose value the user wrote is a better place than the whole node.
    let property = match &reason.property {
        Some(path) => deepest(origin, path),
        None => told_of(origin, &reason.text),
    };
    let property = property.filter(|(_, at)| at.user != origin.origin.user && at.user != Span::default());
    let (span, label) = match property {
        Some((name, at)) => (at.user, format!("`{name}` comes from this")),
        None => (origin.origin.user, format!("the {} comes from this", origin.ty)),
    };
    let span = if span == Span::default() { compiled.span } else { span };
    let label_of = compiled.label(&origin.address);
    let diagnostic = Diagnostic::error("D0702", span, format!("the cloud refuses `{label_of}`: {}", reason.text), label).maybe_help(hint);
    if origin.origin.rule == Span::default() { diagnostic } else { diagnostic.related(property.map_or(origin.origin.rule, |(_, at)| at.rule), "by this rule") }
}

/// The innermost value on the way to a path, of those that have a place of their own in the stack.
fn deepest<'o>(origin: &'o ResourceOrigin, path: &str) -> Option<&'o (String, Origin)> {
    let leads = |name: &str| path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let placed = |at: &Origin| at.user != origin.origin.user && at.user != Span::default();
    origin.properties.iter().filter(|(name, at)| leads(name) && placed(at)).max_by_key(|(name, _)| name.len())
}

/// The value that a text speaks of: a property by its name, and what is in one by a name that is no plain word, where
/// all that are called so stand at one place.
fn told_of<'o>(origin: &'o ResourceOrigin, text: &str) -> Option<&'o (String, Origin)> {
    let placed = |at: &Origin| at.user != origin.origin.user && at.user != Span::default();
    let met = |(path, at): &&(String, Origin)| {
        let name = path.rsplit('.').next().unwrap_or(path);
        let peculiar = name == path || name.chars().skip(1).any(|c| c.is_uppercase() || c == '_');
        peculiar && placed(at) && has_word(text, name)
    };
    let top = origin.properties.iter().find(|of| !of.0.contains('.') && met(of));
    let mut inside = origin.properties.iter().filter(|of| of.0.contains('.') && met(of));
    let first = inside.next();
    let alone = first.filter(|(_, at)| inside.all(|(_, other)| other.user == at.user));
    alone.or(top)
}

/// Whether a text has a word, as it is spelt.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
        edge(text.get(..at).and_then(|before| before.chars().next_back())) && edge(text.get(at + word.len()..).and_then(|after| after.chars().next()))
    })
}

/// The reasons among events: of each resource the first, since what follows follows from it.
pub fn reasons(events: &[Event]) -> Vec<Reason> {
    let mut found: Vec<Reason> = Vec::new();
    let failed = events.iter().filter(|event| event.step == Step::Failed);
    for event in failed {
        let Some(text) = &event.reason else { continue };
        if event.name.is_some() && !found.iter().any(|reason| reason.name == event.name) {
            found.push(Reason { name: event.name.clone(), ty: event.ty.clone(), property: None, text: text.clone() });
        }
    }
    if found.is_empty() {
        let whole = events.iter().rev().filter(|event| event.name.is_none()).find_map(|event| event.reason.clone());
        found.extend(whole.map(|text| Reason { name: None, ty: String::new(), property: None, text }));
    }
    found
}

/// What would be lost though it is protected or holds data, and was not allowed by name.
pub fn guarded(compiled: &Compiled, changes: &[Change], allowed: &[String]) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    for change in changes.iter().filter(|change| change.what.loses()) {
        let Some(why) = compiled.guarded(&change.name, &change.ty) else { continue };
        let user = compiled.user_name(&change.name);
        if allowed.iter().any(|name| name == user || *name == change.name) {
            continue;
        }
        let label = compiled.label(&change.name);
        let origin = compiled.origins.resource(&change.name);
        let cause = change.properties.iter().find(|property| property.replaces);
        let at = origin.map_or(compiled.span, |origin| cause.and_then(|cause| deepest(origin, &cause.path)).map_or(origin.origin.user, |(_, at)| at.user));
        let what = match change.what {
            crate::engine::What::Remove => "would be removed",
            crate::engine::What::MayReplace => "might be replaced",
            _ => "would be replaced",
        };
        let because = cause.map(|cause| format!(" (because of {})", cause.path)).unwrap_or_default();
        let fate = change.fate.map(|fate| format!(": {fate}")).unwrap_or_default();
        let here = if origin.is_some() { "by this" } else { "this stack no longer has it" };
        found.push(
            Diagnostic::error("D0703", at, format!("`{label}` {why}, and {what}{because}{fate}"), here)
                .help(format!("undo the change, or allow it by name: `--allow-replace {user}`")),
        );
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_can_be_read_and_met() {
        let (nodes, problems) = stackc::syntax::read(FileId(0), HINTS);
        assert!(problems.is_empty(), "{problems:?}");
        assert!(nodes.len() >= 20, "only {} hints", nodes.len());
        for node in &nodes {
            assert_eq!(node.name.text, "hint");
            let words: Vec<&str> = node.args.iter().skip(1).filter_map(|arg| arg.as_str()).collect();
            assert!(!words.is_empty());
            for word in words {
                assert_eq!(word, word.to_lowercase(), "reasons are compared in small letters");
                // An earlier hint must not stand before this one's words.
                assert_eq!(hint(word).as_deref(), node.arg_str(0), "{word}");
            }
        }
    }

    #[test]
    fn reasons_as_the_cloud_words_them_have_hints() {
        for reason in [
            "Resource handler returned message: \"media already exists (Service: S3, Status Code: 409, Request ID: X)\" (HandlerErrorCode: AlreadyExists)",
            "User: arn:aws:iam::1:user/ci is not authorized to perform: iam:CreateRole on resource: x because no identity-based policy allows it",
            "The maximum number of VPCs has been reached. (Service: Ec2, Status Code: 400)",
            "Cannot find version 17.1 for postgres (Service: Rds, Status Code: 400)",
            "Resource handler returned message: \"Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'.\" (HandlerErrorCode: GeneralServiceException)",
            "The bucket you tried to delete is not empty (Service: S3, Status Code: 409)",
            "CreateCluster Invalid Request: Unable to assume the service linked role. Please verify that the ECS service linked role exists.",
            "resource sg-1 has a dependent object (Service: Ec2, Status Code: 400)",
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        ] {
            assert!(hint(reason).is_some(), "{reason}");
        }
        assert_eq!(hint("something that nobody has met"), None);
    }

    #[test]
    fn words_are_whole() {
        assert!(has_word("Property Engine is wrong", "Engine"));
        assert!(!has_word("Property EngineVersion is wrong", "Engine"));
    }
}
