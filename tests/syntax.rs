//! The reader of KDL 2 and the formatter, held against the `kdl` crate: KDL's own suite, generated and mutated documents, and ours.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong, and it does its own I/O"
)]

#[path = "syntax/documents.rs"]
mod documents;
#[path = "syntax/mistakes.rs"]
mod mistakes;
#[path = "../src/syntax/oracle.rs"]
mod oracle;
#[path = "mutation/random.rs"]
mod random;
#[path = "syntax/suite.rs"]
mod suite;

use stackc::syntax::{Node, format, read};
use stackc::{source, syntax};
use std::path::{Path, PathBuf};

/// Both readers on one text: alike, or what tells them apart.
fn alike(text: &str) -> Result<Option<Vec<Node>>, String> {
    let (ours, problems) = read(source::FileId(0), text);
    match oracle::read(source::FileId(0), text) {
        Ok(theirs) if problems.is_empty() => {
            if theirs == ours {
                return Ok(Some(ours));
            }
            Err(format!("read differently\nours:   {ours:?}\ntheirs: {theirs:?}"))
        }
        Ok(_) => Err(format!("only we refuse it: {:?}", problems[0])),
        Err(error) if problems.is_empty() => Err(format!("only we take it; theirs: {error}")),
        Err(_) => Ok(None),
    }
}

/// A document without places: what it says.
fn meaning(nodes: &[Node]) -> String {
    let value = |value: &syntax::Value| format!("{:?}:{:?}", value.tag(), value.scalar);
    let mut said = String::new();
    for node in nodes {
        said += &format!("{:?} {:?}", node.tag(), node.name.text);
        said += &node.args.iter().map(|arg| format!(" {}", value(arg))).collect::<String>();
        said += &node.props.iter().map(|(key, arg)| format!(" {:?}={}", key.text, value(arg))).collect::<String>();
        if let Some(children) = &node.children {
            said += &format!(" {{ {}}}", meaning(children));
        }
        said += "; ";
    }
    said
}

/// What formatting must not do: change what is said, lose a comment, or find more to do at a second go.
fn formatted(text: &str) -> Result<String, String> {
    let (before, _) = read(source::FileId(0), text);
    let Some(first) = format(text) else { return Err("it is not formatted".to_owned()) };
    let (after, problems) = read(source::FileId(0), &first);
    if let Some(problem) = problems.first() {
        return Err(format!("what is written is wrong: {problem:?}\n{first}"));
    }
    if meaning(&before) != meaning(&after) {
        return Err(format!("it says something else\n{first}\nbefore: {}\nafter:  {}", meaning(&before), meaning(&after)));
    }
    let comments = |text: &str| -> Vec<String> { documents::comments(text).iter().map(|found| found.split_whitespace().collect()).collect() };
    if comments(text) != comments(&first) {
        return Err(format!("comments: {:?}\nthen: {:?}\n{first}", comments(text), comments(&first)));
    }
    let second = format(&first).unwrap_or_default();
    if second != first { Err(format!("twice is another\n{first}\n--- then\n{second}")) } else { Ok(first) }
}

fn ours() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")];
    for folder in ["specs", "targets", "tests/errors", "tests/rules"] {
        open.push(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder));
    }
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                open.push(entry);
            } else if entry.extension().is_some_and(|ending| ending == "kdl") {
                found.push(entry);
            }
        }
    }
    found.sort();
    assert!(found.len() > 200, "only {} files", found.len());
    found
}

#[test]
fn our_own_files_are_read_alike_and_keep_their_meaning_when_formatted() {
    let mut problems = Vec::new();
    for file in ours() {
        let text = std::fs::read_to_string(&file).unwrap();
        let told = match alike(&text) {
            Ok(Some(_)) => formatted(&text).err(),
            Ok(None) => None,
            // The limit is ours.
            Err(_) if file.ends_with("syntax/E0103.kdl") => None,
            Err(told) => Some(told),
        };
        problems.extend(told.map(|told| format!("{}: {told}", file.display())));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

#[test]
fn the_examples_have_their_form() {
    let examples = ours().into_iter().filter(|file| file.components().any(|part| part.as_os_str() == "examples"));
    let odd: Vec<String> = examples
        .filter(|file| {
            let text = std::fs::read_to_string(file).unwrap();
            format(&text).as_deref() != Some(text.as_str())
        })
        .map(|file| file.display().to_string())
        .collect();
    assert!(odd.is_empty(), "`stackc fmt` changes {odd:?}");
}
