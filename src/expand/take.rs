//! `include FILE`: other files of the project that are parts of the same stack. Paths are followed by their words alone; what reads them is given from outside.

use crate::diag::{Diagnostic, Diagnostics, expand as said};
use crate::source::{FileId, Sources, Span};
use crate::syntax::{MAX_BYTES, Node, Read, Value, read_on};
use std::fmt;
use std::rc::Rc;

/// Reads a file by its path below the stack's folder: the name that it is shown by, and its text; or why it cannot be read.
type Reader = dyn Fn(&str) -> Result<(String, String), String>;

/// The files beside a stack.
#[derive(Clone, Default)]
pub struct Files(Option<Rc<Reader>>);

impl Files {
    /// Files that are read by this.
    pub fn new(read: impl Fn(&str) -> Result<(String, String), String> + 'static) -> Files {
        Files(Some(Rc::new(read)))
    }

    fn read(&self, path: &str) -> Result<(String, String), String> {
        self.0.as_ref().map_or_else(|| Err("no file can be read here".to_owned()), |read| read(path))
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Files" } else { "no files" })
    }
}

/// Puts the nodes of every file that a stack includes into it. What is wrong with the files' text comes with the lines that it is said of.
pub fn includes(nodes: &mut [Node], files: &Files, sources: &mut Sources) -> (Diagnostics, Vec<Span>) {
    let (mut out, mut lines) = (Diagnostics::default(), Vec::new());
    let Some(stack) = nodes.iter_mut().find(|node| node.name.text == "stack") else { return (out, lines) };
    let Some(children) = &mut stack.children else { return (out, lines) };
    let mut open: Vec<(Vec<String>, Node)> = take_out(children).into_iter().map(|node| (Vec::new(), node)).collect();
    let (mut seen, mut bytes): (Vec<(String, Span)>, usize) = (Vec::new(), 0);
    while let Some((chain, node)) = open.pop() {
        let read = target(&node, chain.last().map_or("", String::as_str)).and_then(|path| {
            let at = place(&node);
            if chain.contains(&path) {
                return Err(said::cannot_take(at, &path, "it takes itself in, by this file or by one that it takes in", "take one of the `include` away"));
            }
            if let Some((_, first)) = seen.iter().find(|(known, _)| *known == path) {
                return Err(said::cannot_take(at, &path, "it is part of the stack already", "keep one of the two").related(*first, "included here"));
            }
            seen.push((path.clone(), at));
            let why = |why: String| said::cannot_take(at, &path, &why, "correct the path: it is seen from the folder of the file that it stands in");
            files.read(&path).map_err(why).map(|(name, text)| (path, name, text))
        });
        let (path, name, text) = match read {
            Ok(read) => read,
            Err(problem) => {
                out.push(problem);
                continue;
            }
        };
        bytes = bytes.saturating_add(text.len());
        if bytes > MAX_BYTES {
            out.push(said::too_much(place(&node), MAX_BYTES));
            break;
        }
        let file: FileId = sources.add(name, text.clone());
        let Read { mut nodes, problems, reported } = read_on(file, &text);
        out.extend(problems);
        lines.extend(reported);
        out.extend(
            nodes.iter().filter(|node| matches!(node.name.text.as_str(), "stack" | "module")).map(|node| said::no_part(node.name.span, &node.name.text)),
        );
        nodes.retain(|node| !matches!(node.name.text.as_str(), "stack" | "module"));
        let chain: Vec<String> = chain.into_iter().chain([path]).collect();
        open.extend(take_out(&mut nodes).into_iter().map(|node| (chain.clone(), node)));
        children.append(&mut nodes);
    }
    (out, lines)
}

/// The `include` lines among nodes, which are parts of none.
fn take_out(nodes: &mut Vec<Node>) -> Vec<Node> {
    let (found, rest): (Vec<Node>, Vec<Node>) = std::mem::take(nodes).into_iter().partition(|node| node.name.text == "include" && node.tag.is_none());
    *nodes = rest;
    found
}

fn place(node: &Node) -> Span {
    node.args.first().map_or(node.span, |value| value.span)
}

/// The file that a line names, by its path below the stack's folder.
fn target(node: &Node, from: &str) -> Result<String, Diagnostic> {
    let text = node.args.first().filter(|value| value.tag.is_none() && node.args.len() == 1).and_then(Value::as_str);
    let Some(text) = text.filter(|_| node.props.is_empty() && node.children.is_none()) else {
        return Err(said::cannot_take(node.span, "include", "it names no file, or more than one", "write `include \"./FILE.kdl\"`"));
    };
    below(text, from).map_err(|why| said::cannot_take(place(node), text, why, "name a `.kdl` file in the folder of the stack, or below it"))
}

/// A path as it is below the stack's folder, by the words alone.
fn below(path: &str, from: &str) -> Result<String, &'static str> {
    if path.starts_with('/') || path.contains(['\\', ':', '\0']) {
        return Err("a path here is words with `/` between them, from the folder of this file on");
    }
    if !path.ends_with(".kdl") {
        return Err("its name does not end with `.kdl`");
    }
    let mut words: Vec<&str> = from.split('/').collect();
    words.pop();
    for word in path.split('/') {
        match word {
            "." | "" => {}
            ".." => _ = words.pop().ok_or("it leads out of the folder of the stack")?,
            word => words.push(word),
        }
    }
    Ok(words.join("/"))
}

#[cfg(test)]
mod tests {
    use super::below;

    #[test]
    fn a_path_stays_below_the_stack() {
        assert_eq!(below("./a.kdl", "").as_deref(), Ok("a.kdl"));
        assert_eq!(below("../b/./c.kdl", "a/x.kdl").as_deref(), Ok("b/c.kdl"));
        assert_eq!(below("a//b.kdl", "m/x.kdl").as_deref(), Ok("m/a/b.kdl"));
        for path in ["../a.kdl", "a/../../b.kdl", "/etc/a.kdl", "c:a.kdl", "a\\b.kdl", "a", "a.kdl\0.kdl", ""] {
            assert!(below(path, "").is_err(), "{path}");
        }
        assert!(below("../../a.kdl", "m/x.kdl").is_err());
    }
}
