//! What a template would do to a stack that runs, as far as its lock and the provider's schema tell.

use super::{Fixed, Guard, Locked, Running};
use crate::diag::{self, Diagnostic};
use crate::emit::Format;
use crate::native::Origin;
use crate::origins::{Origins, ResourceOrigin};
use crate::provider::{NativeKind, Replaces};
use crate::source::Span;
use std::collections::{BTreeMap, HashMap};

/// What a template, of which these are the origins, would replace or remove of a running stack though it holds data or is protected. `stack` is where the
/// stack is declared, `allowed` what may go, by the user's names or the template's.
pub fn judge(running: &Running, origins: &Origins, format: Format, stack: Span, allowed: &[String]) -> Vec<Diagnostic> {
    let judge = Judge { running, made: origins.resources.iter().collect(), format, stack };
    let fates = judge.fates();
    let mut found = Vec::new();
    let mut gone: BTreeMap<(&str, &str), Vec<&Locked>> = BTreeMap::new();
    for (locked, fate) in running.resources.iter().zip(&fates) {
        let Some(guard) = locked.guard.filter(|_| !allowed.iter().any(|name| name == locked.user_name() || *name == locked.name)) else { continue };
        match fate {
            Fate::Stays(changes) => found.extend(judge.changed(locked, guard, changes)),
            Fate::Retyped(now) => found.push(judge.retyped(locked, guard, now)),
            Fate::Gone => {
                let of = locked.of.as_ref().map_or(("", locked.name.as_str()), |(ty, of)| (ty.as_str(), of.as_str()));
                gone.entry(of).or_default().push(locked);
            }
        }
    }
    let lost: Vec<(&str, &str)> = gone.keys().copied().collect();
    found.extend(gone.iter().filter_map(|(of, parts)| judge.gone(*of, parts, &lost)));
    found
}

/// What becomes of a resource that runs.
enum Fate<'a> {
    /// It is still there, with these changes to what is fixed.
    Stays(Vec<Change<'a>>),
    /// Its name now is that of a resource of another type.
    Retyped(&'a ResourceOrigin),
    /// The template no longer has it.
    Gone,
}

/// A change that replaces a resource.
struct Change<'a> {
    /// The property.
    fixed: &'a Fixed,
    /// The change in words.
    text: String,
    /// Whether it is certain that it replaces.
    certain: bool,
    /// What causes it.
    origin: Origin,
}

struct Judge<'a> {
    running: &'a Running,
    made: Vec<&'a ResourceOrigin>,
    format: Format,
    stack: Span,
}

impl<'a> Judge<'a> {
    fn fates(&self) -> Vec<Fate<'a>> {
        let by_address: HashMap<String, &ResourceOrigin> = self.made.iter().map(|now| (self.format.address(now.kind, &now.ty, &now.name), *now)).collect();
        let mut fates: Vec<Fate> = Vec::new();
        for locked in &self.running.resources {
            let now = by_address.get(&locked.address(self.format)).copied();
            fates.push(match (now, self.same_by_values(locked)) {
                (Some(now), _) if now.ty == locked.ty => Fate::Stays(now.fixed.iter().filter_map(|fixed| change(locked, fixed)).collect()),
                (_, true) => Fate::Stays(Vec::new()),
                (None, false) if self.made.iter().any(|now| now.ty == locked.ty && now.takes_over(&locked.address(self.format))) => Fate::Stays(Vec::new()),
                (Some(now), false) => Fate::Retyped(now),
                (None, false) => Fate::Gone,
            });
        }
        self.follow(&by_address, &mut fates);
        fates
    }

    /// Whether a resource is there under another name of the template, which the cloud knows nothing of.
    fn same_by_values(&self, locked: &Locked) -> bool {
        let same = |now: &&&ResourceOrigin| {
            let value = |path: &str| now.fixed.iter().find(|fixed| fixed.path == path).map(|fixed| &fixed.value);
            now.ty == locked.ty && locked.fixed.iter().all(|(path, old)| value(path) == Some(old))
        };
        self.format.forgets_names() && !locked.fixed.is_empty() && self.made.iter().any(|now| same(&now))
    }

    /// What leads to a resource that is replaced is replaced with it.
    fn follow(&self, by_address: &HashMap<String, &'a ResourceOrigin>, fates: &mut [Fate<'a>]) {
        loop {
            let mut replaced: HashMap<String, (bool, Origin)> = HashMap::new();
            for (locked, fate) in self.running.resources.iter().zip(fates.iter()) {
                let Fate::Stays(changes) = fate else { continue };
                if let Some(change) = changes.iter().max_by_key(|change| change.certain) {
                    replaced.insert(locked.address(self.format), (change.certain, change.origin));
                }
            }
            let mut more = false;
            for (locked, fate) in self.running.resources.iter().zip(fates.iter_mut()) {
                let (Fate::Stays(changes), Some(now)) = (fate, by_address.get(&locked.address(self.format))) else { continue };
                for fixed in &now.fixed {
                    let Some((to, (certain, origin))) = fixed.refers.iter().find_map(|to| Some((to, *replaced.get(to)?))) else { continue };
                    let certain = certain && fixed.replaces == Replaces::Always;
                    let known = changes.iter().any(|change| change.fixed.path == fixed.path && (change.certain || !certain));
                    // A resource that leads to itself would be followed for ever.
                    if !known && locked.address(self.format) != *to {
                        changes.retain(|change| change.fixed.path != fixed.path);
                        let text = if by_address.get(to).is_some_and(|now| now.kind == NativeKind::Resource) {
                            format!("`{}` leads to `{to}`, which would be replaced itself", fixed.path)
                        } else {
                            format!("`{}` leads to `{to}`, which is looked up by other words", fixed.path)
                        };
                        changes.push(Change { fixed, text, certain, origin });
                        more = true;
                    }
                }
            }
            if !more {
                return;
            }
        }
    }

    fn changed(&self, locked: &Locked, guard: Guard, changes: &[Change]) -> Option<Diagnostic> {
        let certain = changes.iter().any(|change| change.certain);
        let reasons: Vec<&Change> = changes.iter().filter(|change| change.certain == certain).collect();
        let first = reasons.first()?;
        let (label, clause) = (locked.label(), guard.clause());
        let texts = reasons.iter().map(|change| change.text.as_str()).collect::<Vec<_>>().join("; ");
        let at = self.place(first.origin.user);
        let name = locked.user_name();
        let diagnostic = if certain {
            let message = format!("`{label}` {clause}, and would have to be replaced: {texts}");
            diag::lock::would_lose(at, message, "this takes a new one, without what is in the one that runs".to_owned())
                .help(format!("take the change back; when what is in it may go, or was carried over, allow it by name: `--allow-replace {name}`"))
        } else {
            let message = format!("`{label}` {clause}, and may be replaced: {texts}");
            diag::lock::may_lose(at, message, "whether this takes a new one, only the cloud can tell".to_owned())
                .help(format!("`stackc plan` asks it before anything is done; `--allow-replace {name}` silences this"))
        };
        let mut seen = vec![first.origin.user];
        let mut diagnostic = self.by_rule(diagnostic, first.origin);
        for change in reasons.iter().skip(1) {
            if !seen.contains(&change.origin.user) {
                seen.push(change.origin.user);
                diagnostic = diagnostic.related(self.place(change.origin.user), format!("and this, for `{}`", change.fixed.path));
            }
        }
        Some(self.as_it_runs(diagnostic, locked))
    }

    fn retyped(&self, locked: &Locked, guard: Guard, now: &ResourceOrigin) -> Diagnostic {
        let message = format!("`{}` {}, and would have to be replaced: it becomes a `{}`", locked.label(), guard.clause(), now.ty);
        let label = format!("its type is `{}` where it runs", locked.ty);
        let diagnostic = diag::lock::would_lose(self.place(now.origin.user), message, label)
            .help(format!("take the change back; when what is in it may go, or was carried over, allow it by name: `--allow-replace {}`", locked.user_name()));
        self.as_it_runs(self.by_rule(diagnostic, now.origin), locked)
    }

    /// Parts of one of the user's resources that the template no longer has. `lost` are all of which it lacks some.
    fn gone(&self, of: (&str, &str), parts: &[&Locked], lost: &[(&str, &str)]) -> Option<Diagnostic> {
        let first = parts.first()?;
        let (ty, name) = of;
        let clause = parts.iter().filter_map(|locked| locked.guard).find(|guard| *guard == Guard::Protected).unwrap_or(Guard::Data).clause();
        let allow = format!("when what is in it may go, or was carried over, allow it by name: `--allow-replace {}`", first.user_name());
        let diagnostic = if let Some(at) = self.node(ty, name) {
            let labels: Vec<String> = parts.iter().map(|locked| format!("`{}`", locked.label())).collect();
            let message = format!("{} {clause}, and would be removed: nothing of the kind is made for it any more", labels.join(", "));
            diag::lock::would_lose(at, message, "with what this says now".to_owned()).help(format!("take the change back; {allow}"))
        } else if let Some((new, at)) = self.renamed(ty, name, lost) {
            let message = format!("`{ty} {name}` {clause}, and would be removed: the stack has a `{ty} {new}` instead");
            diag::lock::would_lose(at, message, "to the cloud this is a new one, and empty".to_owned()).help(format!("call it `{name}` as before; {allow}"))
        } else {
            let what = if ty.is_empty() { name.to_owned() } else { format!("{ty} {name}") };
            let message = format!("`{what}` {clause}, and would be removed: the stack no longer has it");
            diag::lock::would_lose(self.stack, message, "it runs, and does not stand here".to_owned()).help(format!("put it back; {allow}"))
        };
        Some(self.as_it_runs(diagnostic, first))
    }

    /// Where the user declares a resource.
    fn node(&self, ty: &str, name: &str) -> Option<Span> {
        let of = self.made.iter().filter(|now| now.of.as_ref().is_some_and(|(its, of)| its == ty && of == name));
        of.map(|now| now.origin.user).filter(|span| *span != Span::default()).min()
    }

    /// What a resource is called now, when it seems to be there under another name.
    fn renamed(&self, ty: &str, name: &str, lost: &[(&str, &str)]) -> Option<(&'a str, Span)> {
        let ran = |of: &&(String, String)| self.running.resources.iter().any(|locked| locked.of.as_ref() == Some(*of));
        let mut new: Vec<&str> = self.made.iter().filter_map(|now| now.of.as_ref()).filter(|of| of.0 == ty && !ran(of)).map(|(_, of)| of.as_str()).collect();
        new.sort_unstable();
        new.dedup();
        let alone = lost.iter().filter(|(its, of)| *its == ty && self.node(its, of).is_none()).count() == 1;
        let found = match new.as_slice() {
            [only] if alone => *only,
            _ => diag::did_you_mean(name, new.iter().copied())?,
        };
        Some((found, self.node(ty, found)?))
    }

    fn place(&self, span: Span) -> Span {
        if span == Span::default() { self.stack } else { span }
    }

    fn by_rule(&self, diagnostic: Diagnostic, origin: Origin) -> Diagnostic {
        if origin.rule == Span::default() { diagnostic } else { diagnostic.related(origin.rule, "by this rule") }
    }

    fn as_it_runs(&self, diagnostic: Diagnostic, locked: &Locked) -> Diagnostic {
        if locked.span == Span::default() { diagnostic } else { diagnostic.related(locked.span, format!("as it runs in {}", self.running.which.place)) }
    }
}

/// What changes in a property whose change replaces its resource.
fn change<'a>(locked: &Locked, fixed: &'a Fixed) -> Option<Change<'a>> {
    // What a lock does not name was nothing to keep when it was written; whether it changes is not known.
    let (_, old) = locked.fixed.iter().find(|(path, _)| *path == fixed.path)?;
    let path = &fixed.path;
    let lower = fixed.replaces == Replaces::Lower;
    let (text, certain) = match (old, &fixed.value) {
        (Some(old), Some(new)) if old == new => return None,
        (Some(old), Some(new)) if lower => match (old.level(), new.level()) {
            (Some(before), Some(after)) if after >= before => return None,
            (Some(_), Some(_)) => (format!("`{path}` falls from {} to {}", old.shown(), new.shown()), true),
            _ => (format!("`{path}` changes from {} to {}", old.shown(), new.shown()), false),
        },
        (Some(old), Some(new)) => (format!("`{path}` changes from {} to {}", old.shown(), new.shown()), old.open() == new.open()),
        // What the provider would fill in stays as it is.
        (Some(_), None) if fixed.computed => return None,
        (Some(old), None) => (format!("`{path}` is no longer given, and was {}", old.shown()), !lower && old.open().is_empty()),
        (None, Some(new)) => (format!("`{path}` is given now, as {}", new.shown()), !lower && new.open().is_empty() && !fixed.computed),
        (None, None) => return None,
    };
    Some(Change { fixed, text, certain: certain && fixed.replaces != Replaces::Maybe, origin: fixed.origin })
}
