//! What the compiler prints for a program has the schemas that `docs/json.md` names; what a deploy prints is looked at in
//! `deploy/tests/json.rs`.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod schema;
mod support;

use support::{examples, root, stackc, stderr, stdout};

#[test]
fn the_report_of_losses_has_its_schema() {
    for example in examples() {
        let output = stackc(&example, &["portability", "--format", "json"]);
        assert!(output.status.success(), "{}", stderr(&output));
        schema::holds(root(), "portability", &stdout(&output));
    }
}

/// Of every diagnostic that has an example.
#[test]
fn messages_have_their_schema() {
    let mut seen = 0;
    for stage in std::fs::read_dir(root().join("tests/errors")).unwrap().flatten().filter(|stage| stage.path().is_dir()) {
        for file in std::fs::read_dir(stage.path()).unwrap().flatten().filter(|file| file.path().extension().is_some_and(|kdl| kdl == "kdl")) {
            let output = stackc(&stage.path(), &["check", file.file_name().to_str().unwrap(), "--message-format", "json"]);
            for line in stdout(&output).lines() {
                seen += 1;
                schema::holds(root(), "message", line);
            }
        }
    }
    assert!(seen > 100, "{seen}");
}

#[test]
fn the_page_names_every_schema_and_no_other() {
    let page = std::fs::read_to_string(root().join("docs/json.md")).unwrap();
    let mut there: Vec<String> =
        std::fs::read_dir(root().join("docs/schemas")).unwrap().flatten().map(|file| file.file_name().into_string().unwrap()).collect();
    let mut named: Vec<String> = page.split("](schemas/").skip(1).filter_map(|rest| rest.split(')').next()).map(str::to_owned).collect();
    there.sort();
    named.sort();
    assert_eq!(there, named);
}
