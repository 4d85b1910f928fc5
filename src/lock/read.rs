//! The text of a lock file, read. Whatever is not understood is refused: to go on without it would be to lose what it keeps.

use super::value::Kept;
use super::{Guard, Lock, Locked, Ran, Running, VERSION, Which};
use crate::diag::{Diagnostic, lock as diag};
use crate::provider::NativeKind;
use crate::source::{FileId, Span};
use crate::syntax::{self, Node, Scalar, Value};

/// Reads a lock file.
pub fn read(file: FileId, text: &str) -> Result<Lock, Diagnostic> {
    let (nodes, problems) = syntax::read(file, text);
    if let Some(problem) = problems.first() {
        return Err(diag::damaged(problem.primary.span, &problem.message, &problem.primary.text));
    }
    let mut nodes = nodes.iter();
    let start = Span::new(file, 0, text.lines().next().unwrap_or("").len());
    match nodes.next() {
        Some(first) if first.name.text == "lock" => version(first)?,
        Some(first) => return Err(diag::damaged(first.span, "it does not begin with `lock` and its version", "expected `lock 3` before this")),
        None => return Err(diag::damaged(start, "it is empty", "expected `lock 3`")),
    }
    let mut lock = Lock::default();
    for node in nodes {
        let running = stack(node)?;
        if lock.stacks.iter().any(|other| other.which == running.which) {
            return Err(diag::damaged(node.span, "a running stack stands in it twice", "again here"));
        }
        lock.stacks.push(running);
    }
    Ok(lock)
}

fn version(node: &Node) -> Result<(), Diagnostic> {
    match node.args.as_slice() {
        [Value { tag: None, scalar: Scalar::Integer(1..=VERSION), .. }] => Ok(()),
        [Value { tag: None, scalar: Scalar::Integer(version), .. }] if *version > VERSION => {
            Err(diag::unknown_version(node.span, &version.to_string(), VERSION))
        }
        _ => Err(unknown(node.span)),
    }
}

pub(super) fn unknown(span: Span) -> Diagnostic {
    diag::damaged(span, "it holds what no stackc writes there", "not understood")
}

/// The texts of a node's properties, by their names, each of which it may have once.
fn texts<const N: usize>(node: &Node, names: [&str; N]) -> Result<[Option<String>; N], Diagnostic> {
    let mut found = [const { None }; N];
    for (key, value) in &node.props {
        let slot = names.iter().zip(&mut found).find(|(name, _)| **name == key.text).map(|(_, slot)| slot);
        match (slot, value.tag(), value.as_str()) {
            (Some(slot @ None), None, Some(text)) => *slot = Some(text.to_owned()),
            _ => return Err(unknown(key.span.to(value.span))),
        }
    }
    Ok(found)
}

fn stack(node: &Node) -> Result<Running, Diagnostic> {
    let [stage, instance, target, place, account] = texts(node, ["stage", "instance", "target", "place", "account"])?;
    let (name, Some(target), Some(place)) = (node.arg_str(0), target, place) else { return Err(unknown(node.span)) };
    let Some(name) = name.filter(|_| node.name.text == "stack" && node.tag().is_none() && node.args.len() == 1) else { return Err(unknown(node.span)) };
    let mut resources: Vec<Locked> = Vec::new();
    let mut ran = Ran::default();
    for child in node.children() {
        if child.tag() == Some("values") {
            ran.read(child)?;
            continue;
        }
        let resource = resource(child)?;
        if resources.iter().rev().take_while(|other| other.name == resource.name).any(|other| (&other.ty, other.kind) == (&resource.ty, resource.kind)) {
            return Err(diag::damaged(child.span, "a resource stands in it twice", "again here"));
        }
        resources.push(resource);
    }
    Ok(Running { which: Which { stack: name.to_owned(), stage, instance, target, place, account }, ran, resources, span: node.span })
}

fn resource(node: &Node) -> Result<Locked, Diagnostic> {
    let [of, part, id, guard] = texts(node, ["of", "part", "id", "guard"])?;
    let (Some(name), Some(ty)) = (node.arg_str(0), node.arg_str(1)) else { return Err(unknown(node.span)) };
    let kind = [NativeKind::Resource, NativeKind::Data].into_iter().find(|kind| kind.word() == node.name.text);
    let Some(kind) = kind.filter(|_| node.tag().is_none() && node.args.len() == 2) else { return Err(unknown(node.span)) };
    let of = match of.as_deref().map(|of| of.split_once(' ')) {
        None => None,
        Some(Some((ty, of))) => Some((ty.to_owned(), of.to_owned())),
        Some(None) => return Err(unknown(node.span)),
    };
    let guard = match guard.as_deref() {
        None => None,
        Some("data") => Some(Guard::Data),
        Some("protected") => Some(Guard::Protected),
        Some(_) => return Err(unknown(node.span)),
    };
    let mut fixed: Vec<(String, Option<Kept>)> = Vec::new();
    for child in node.children() {
        match (child.tag(), child.name.text.as_str()) {
            (Some("absent"), "-") => {
                let names: Option<Vec<_>> = child.args.iter().map(|arg| arg.as_str().filter(|_| arg.tag().is_none())).collect();
                let Some(names) = names else { return Err(unknown(child.span)) };
                fixed.extend(names.into_iter().map(|name| (name.to_owned(), None)));
            }
            (None, path) if child.props.is_empty() && child.children.is_none() => {
                let value = Kept::read(&child.args).map_err(|value| unknown(value.span))?;
                fixed.push((path.to_owned(), Some(value)));
            }
            _ => return Err(unknown(child.span)),
        }
    }
    let mut paths: Vec<&str> = fixed.iter().map(|(path, _)| path.as_str()).collect();
    paths.sort_unstable();
    if paths.windows(2).any(|pair| pair.first() == pair.last()) {
        return Err(diag::damaged(node.span, "a value stands in it twice", "in this resource"));
    }
    Ok(Locked { kind, name: name.to_owned(), ty: ty.to_owned(), id, of, part: part.unwrap_or_default(), guard, fixed, span: node.span })
}
