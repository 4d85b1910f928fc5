//! `include`: a stack in several files is the stack in one, and no path leads out of its folder.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test may stop where it is wrong"
)]

mod support;

use std::path::Path;
use support::{stackc, stderr, stdout};

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

fn built(folder: &Path, arguments: &[&str]) -> String {
    let output = stackc(folder, &[&["build", "--target", "cfn", "-o", "-"], arguments].concat());
    assert!(output.status.success(), "{}", stderr(&output));
    stdout(&output)
}

/// The codes of what is said, each with the file and the line that it is said of.
fn said(folder: &Path) -> Vec<String> {
    let output = stackc(folder, &["check", "--target", "cfn", "--message-format", "json"]);
    let of_line = |line: &str| {
        let said: serde_json::Value = serde_json::from_str(line).unwrap();
        format!("{} {}:{}", said["code"].as_str().unwrap(), said["at"]["file"].as_str().unwrap(), said["at"]["line"])
    };
    stdout(&output).lines().map(of_line).collect()
}

#[test]
fn several_files_are_one_stack() {
    let whole = folder(&[(
        "stack.kdl",
        "stack shop {\n    let days 7\n    network main\n    database data network=main engine=postgres version=\"17\" backup-days=(get)days\n    service web network=main image=\"a/b:1\" { connect data; connect files; }\n    bucket files\n    stage prod { bucket files versioned=#true; database data { protect; }; }\n}\n",
    )]);
    let parts = folder(&[
        (
            "stack.kdl",
            "stack shop {\n    include \"./parts/data.kdl\"\n    network main\n    service web network=main image=\"a/b:1\" { connect data; connect files; }\n    stage prod { bucket files versioned=#true; }\n}\n",
        ),
        (
            "parts/data.kdl",
            "\u{feff}database data network=main engine=postgres version=\"17\" backup-days=(get)days\ninclude \"../more/files.kdl\"\nstage prod { database data { protect; }; }\n",
        ),
        ("more/files.kdl", "bucket files\nlet days 7\n"),
    ]);
    for arguments in [&[][..], &["--stage", "prod"]] {
        assert_eq!(built(whole.path(), arguments), built(parts.path(), arguments));
    }
    // From elsewhere as well: a path is seen from the file that it stands in.
    let above = tempfile::tempdir().unwrap();
    std::fs::rename(parts.path(), above.path().join("shop")).unwrap();
    assert_eq!(built(above.path(), &["shop/stack.kdl"]), built(whole.path(), &[]));
}

#[test]
fn what_is_wrong_in_a_part_is_said_of_its_line() {
    let stack = "stack shop {\n    include \"./data.kdl\"\n    bucket files\n}\n";
    let cases = [
        ("bucket other versionned=#true\n", vec!["E0205 ./data.kdl:1"]),
        ("bucket other {\n", vec!["E0101 ./data.kdl:1"]),
        ("\nbucket files\n", vec!["E0204 ./data.kdl:2"]),
        ("stack other {\n}\n", vec!["E0250 ./data.kdl:1"]),
        ("include \"stack.kdl\"\n", vec!["E0250 ./stack.kdl:1"]),
        ("include \"data.kdl\"\n", vec!["E0250 ./data.kdl:1"]),
        ("include \"../data.kdl\"\n", vec!["E0250 ./data.kdl:1"]),
        ("include \"other.kdl\"\n", vec!["E0250 ./data.kdl:1"]),
        ("include\n", vec!["E0250 ./data.kdl:1"]),
        ("stage prod { bucket files versioned=#true; }\nstage prod { bucket files protect=#true; }\n", vec!["E0204 ./data.kdl:2"]),
    ];
    for (part, expected) in cases {
        let folder = folder(&[("stack.kdl", stack), ("data.kdl", part)]);
        let found: Vec<String> = said(folder.path()).into_iter().map(|said| if said.contains("./") { said } else { said.replace(' ', " ./") }).collect();
        assert_eq!(found, expected, "{part}");
    }
    let both = folder(&[
        ("stack.kdl", "stack shop {\n    include \"./data.kdl\"\n    bucket files\n    stage prod { bucket files versioned=#true; }\n}\n"),
        ("data.kdl", "stage prod { bucket files versioned=#false; }\n"),
    ]);
    assert!(said(both.path())[0].starts_with("E0240"), "{:?}", said(both.path()));
}

#[cfg(unix)]
#[test]
fn no_link_leads_out_of_the_folder() {
    let outside = folder(&[("secret.kdl", "bucket files\n")]);
    let inside = folder(&[("stack.kdl", "stack shop {\n    include \"./part.kdl\"\n    bucket media\n}\n"), ("parts/real.kdl", "bucket files\n")]);
    std::os::unix::fs::symlink(outside.path().join("secret.kdl"), inside.path().join("part.kdl")).unwrap();
    let output = stackc(inside.path(), &["check", "--target", "cfn"]);
    assert!(output.status.code() == Some(1) && stderr(&output).contains("a link leads out of the folder"), "{}", stderr(&output));
    std::fs::remove_file(inside.path().join("part.kdl")).unwrap();
    std::os::unix::fs::symlink("parts/real.kdl", inside.path().join("part.kdl")).unwrap();
    assert_eq!(built(inside.path(), &[]).matches("AWS::S3::Bucket\"").count(), 2);
    // What is no file is not read.
    std::fs::remove_file(inside.path().join("part.kdl")).unwrap();
    std::fs::create_dir(inside.path().join("part.kdl")).unwrap();
    assert!(stderr(&stackc(inside.path(), &["check", "--target", "cfn"])).contains("it is no file"));
}
