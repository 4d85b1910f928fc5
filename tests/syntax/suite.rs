//! KDL's own suite, as the `kdl` crate brings it, and documents by chance.

use crate::random::{Random, seed};
use crate::{alike, documents, formatted, meaning};
use stackc::source::FileId;
use stackc::syntax::{Node, read};
use std::path::PathBuf;
use std::process::Command;

/// Documents that the suite takes and we do not, with the reason.
const EXCEPTIONS: &[(&str, &str)] = &[
    ("floating_point_keywords", "no template can hold what is no number"),
    ("sci_notation_large", "64 bits cannot hold the number"),
    ("sci_notation_small", "64 bits cannot hold the number"),
    ("zero_space_before_slashdash_arg_fail", "today's grammar takes it: node-space* (node-space | slashdash) node-prop-or-arg"),
];

/// How many documents are made by chance.
const DOCUMENTS: usize = 4000;

/// Where the suite is: with the crate, or where a checkout of KDL's own has its `tests/test_cases`.
fn suite() -> PathBuf {
    if let Some(folder) = std::env::var_os("STACKC_KDL_SUITE") {
        return PathBuf::from(folder);
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    // Without the platform, crates of others would have to be fetched.
    let about = Command::new("rustc").arg("-vV").output().unwrap();
    let about = String::from_utf8(about.stdout).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let output = Command::new(cargo).args(["metadata", "--format-version=1", "--offline", "--filter-platform", host]).output().unwrap();
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let kdl = packages.iter().find(|package| package["name"] == "kdl").unwrap();
    PathBuf::from(kdl["manifest_path"].as_str().unwrap()).with_file_name("tests").join("test_cases")
}

/// With the properties in the order of their names, the last of each: what the suite prints.
fn canonical(nodes: Vec<Node>) -> Vec<Node> {
    let each = |mut node: Node| {
        let mut props = Vec::new();
        for (key, value) in node.props.drain(..).rev() {
            if !props.iter().any(|(known, _): &(stackc::syntax::Ident, _)| known.text == key.text) {
                props.push((key, value));
            }
        }
        props.sort_by(|a, b| a.0.text.cmp(&b.0.text));
        node.props = props;
        node.children = node.children.map(canonical).filter(|children| !children.is_empty());
        node
    };
    nodes.into_iter().map(each).collect()
}

#[test]
fn kdls_own_suite() {
    let folder = suite();
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder.join("input")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 300, "only {} cases in {}", files.len(), folder.display());
    let mut problems = Vec::new();
    let (mut taken, mut refused, mut excepted) = (0, 0, 0);
    for file in &files {
        let name = file.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(file).unwrap();
        let (nodes, told) = read(FileId(0), &text);
        let told = match std::fs::read_to_string(folder.join("expected_kdl").join(file.file_name().unwrap())) {
            Ok(_) if !told.is_empty() => Err(format!("refused: {}", told[0].message)),
            Ok(expected) => {
                let (expected, _) = read(FileId(0), &expected);
                taken += 1;
                let (ours, theirs) = (meaning(&canonical(nodes)), meaning(&canonical(expected)));
                if ours == theirs { formatted(&text).map(|_| ()) } else { Err(format!("ours: {ours}\nsuite: {theirs}")) }
            }
            Err(_) if told.is_empty() && name.ends_with("_fail") => Err("taken".to_owned()),
            Err(_) => {
                refused += 1;
                Ok(())
            }
        };
        let known = EXCEPTIONS.iter().any(|(known, _)| *known == name);
        match told {
            Err(_) if known => excepted += 1,
            Err(told) => problems.push(format!("{name}: {told}")),
            // A newer suite says otherwise than the one that the exceptions are of.
            Ok(()) if known && std::env::var_os("STACKC_KDL_SUITE").is_none() => problems.push(format!("{name} is listed as an exception and is none")),
            Ok(()) => {}
        }
    }
    println!("{taken} taken, {refused} refused, {excepted} exceptions");
    assert!(problems.is_empty(), "{}", problems.join("\n\n"));
}

/// Runs on a thread whose stack the other reader may use up.
fn with_room(work: impl FnOnce() -> Vec<String> + Send + 'static) -> Vec<String> {
    std::thread::Builder::new().stack_size(256 * 1024 * 1024).spawn(work).unwrap().join().unwrap()
}

#[test]
fn documents_by_chance_are_read_alike_and_formatted() {
    let problems = with_room(|| {
        let mut random = Random::new(seed());
        let mut problems = Vec::new();
        for _ in 0..DOCUMENTS {
            let text = documents::document(&mut random);
            let told = match alike(&text) {
                Ok(Some(_)) => formatted(&text).err(),
                Ok(None) => Some("both refuse it".to_owned()),
                Err(told) if documents::theirs_differs(&text, &told) => formatted(&text).err(),
                Err(told) => Some(told),
            };
            problems.extend(told.map(|told| format!("{text:?}\n{text}\n{told}")));
        }
        problems
    });
    assert!(problems.is_empty(), "{} of {DOCUMENTS}\n{}", problems.len(), problems[..problems.len().min(4)].join("\n=====\n"));
}

#[test]
fn damaged_documents_are_read_alike() {
    let problems = with_room(|| {
        let mut random = Random::new(seed() + 1);
        let mut problems = Vec::new();
        let mut refused = 0;
        for _ in 0..DOCUMENTS {
            let text = documents::document(&mut random);
            let text = documents::damaged(&mut random, &text);
            match alike(&text) {
                Ok(None) => refused += 1,
                Ok(Some(_)) => problems.extend(formatted(&text).err().map(|told| format!("{text:?}\n{told}"))),
                Err(told) if documents::theirs_differs(&text, &told) => {}
                Err(told) => problems.push(format!("{text:?}\n{told}")),
            }
        }
        assert!(refused > DOCUMENTS / 5, "only {refused} of {DOCUMENTS} were refused");
        problems
    });
    assert!(problems.is_empty(), "{} of {DOCUMENTS}\n{}", problems.len(), problems[..problems.len().min(12)].join("\n=====\n"));
}
