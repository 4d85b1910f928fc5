//! The templates of every example, on all its targets and stages, as files that a reviewer can open.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::{examples, root, same, stackc, stderr, walk};

#[test]
fn templates_are_as_they_were() {
    let mut problems = Vec::new();
    let mut made = Vec::new();
    let endings = ["json", "yaml"];
    for example in examples() {
        let name = example.file_name().unwrap().to_string_lossy().into_owned();
        let out = tempfile::tempdir().unwrap();
        let output = stackc(&example, &["snapshot", "--dir", &out.path().to_string_lossy()]);
        assert!(output.status.success(), "{name}: {}", stderr(&output));
        for ending in endings {
            for file in walk(out.path(), ending) {
                let kept = root().join("snapshots/examples").join(&name).join(file.strip_prefix(out.path()).unwrap());
                problems.extend(same(&kept, &std::fs::read_to_string(&file).unwrap()).err());
                made.push(kept);
            }
        }
    }
    assert!(made.len() > 10, "only {} templates were made", made.len());
    let kept: Vec<_> = endings.iter().flat_map(|ending| walk(&root().join("snapshots/examples"), ending)).collect();
    let dead: Vec<_> = kept.iter().filter(|file| !made.contains(file)).collect();
    assert!(dead.is_empty(), "nothing makes these snapshots any more: {dead:?}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn snapshot_check_passes_on_what_snapshot_wrote_and_fails_on_a_change() {
    let example = root().join("examples/hello");
    let out = tempfile::tempdir().unwrap();
    let dir = out.path().to_string_lossy().into_owned();
    assert!(stackc(&example, &["snapshot", "--dir", &dir]).status.success());
    assert!(stackc(&example, &["snapshot", "--dir", &dir, "--check"]).status.success());
    let file = walk(out.path(), "json").remove(0);
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen("nginx:1.29", "nginx:1.28", 1)).unwrap();
    let output = stackc(&example, &["snapshot", "--dir", &dir, "--check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(support::stdout(&output).contains("nginx:1.28"), "{}", support::stdout(&output));
}
