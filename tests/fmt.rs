//! `stackc fmt` as a person and as a CI meets it.
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

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use support::{root, stackc, stderr, stdout};

const LOOSE: &str = "// The shop.\nstack shop{\n  bucket   media{versioned  ;tags = a = b }  // of all\n\n\n  network main zones=2;secret key\n}\n";
const FORM: &str = "// The shop.\nstack shop {\n    bucket media { versioned; tags a=b } // of all\n\n    network main zones=2\n    secret key\n}\n";

fn folder(stack: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), stack).unwrap();
    folder
}

fn there(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("stack.kdl")).unwrap()
}

#[test]
fn a_file_gets_its_form_and_keeps_it() {
    let folder = folder(&LOOSE.replace("= a", "a"));
    let output = stackc(folder.path(), &["fmt"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "stack.kdl\n1 of 1 files written\n");
    assert_eq!(there(folder.path()), FORM);
    let output = stackc(folder.path(), &["fmt"]);
    assert_eq!(stderr(&output), "1 of 1 files have their form\n");
    assert_eq!(there(folder.path()), FORM);
}

#[test]
fn check_and_diff_write_nothing() {
    let loose = LOOSE.replace("= a", "a");
    let folder = folder(&loose);
    let output = stackc(folder.path(), &["fmt", "--check"]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(1), "stack.kdl\n"));
    let output = stackc(folder.path(), &["fmt", "--diff"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(stdout(&output).contains("-  network main zones=2;secret key\n+    network main zones=2\n+    secret key\n"), "{}", stdout(&output));
    assert_eq!(there(folder.path()), loose);
}

#[test]
fn what_is_wrong_is_left_as_it_is_and_the_others_are_written() {
    let folder = folder(LOOSE);
    std::fs::create_dir(folder.path().join("more")).unwrap();
    std::fs::write(folder.path().join("more/other.kdl"), "a   b\n").unwrap();
    std::fs::write(folder.path().join("more/stack.lock.kdl"), "lock   1\n").unwrap();
    let output = stackc(folder.path(), &["fmt", "."]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("E0101") && stderr(&output).contains("a `=` behind `tags"), "{}", stderr(&output));
    assert_eq!(there(folder.path()), LOOSE);
    assert_eq!(std::fs::read_to_string(folder.path().join("more/other.kdl")).unwrap(), "a b\n");
    assert_eq!(std::fs::read_to_string(folder.path().join("more/stack.lock.kdl")).unwrap(), "lock   1\n");
    let output = stackc(folder.path(), &["fmt", "nothing.kdl"]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn an_editor_gets_it_by_standard_output() {
    let mut child =
        Command::new(env!("CARGO_BIN_EXE_stackc")).args(["fmt", "--stdin"]).current_dir(root()).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(LOOSE.replace("= a", "a").as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), FORM));
}

#[cfg(unix)]
#[test]
fn a_link_stays_a_link_and_a_private_file_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().join("real.kdl");
    std::fs::write(&real, "a   b\n").unwrap();
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::os::unix::fs::symlink(&real, folder.path().join("stack.kdl")).unwrap();
    assert_eq!(stackc(folder.path(), &["fmt"]).status.code(), Some(0));
    assert!(std::fs::symlink_metadata(folder.path().join("stack.kdl")).unwrap().is_symlink());
    assert_eq!(std::fs::read_to_string(&real).unwrap(), "a b\n");
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o600);
}
