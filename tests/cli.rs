//! The program as a person and as a CI meets it: what it prints, where it writes, how it ends.
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

use support::{root, stackc, stderr, stdout, walk};

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(root().join("snapshots/cli"));
    settings.set_prepend_module_to_snapshot(false);
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// A folder with a stack in it.
fn folder(stack: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("stack.kdl"), stack).unwrap();
    folder
}

const TWO_MISTAKES: &str = "stack shop {\n    network main zones=9\n    bucket media versionned=#true\n}\n";

#[test]
fn help_teaches() {
    for command in ["build", "check", "explain", "targets", "portability", "rules", "init", "fmt", "snapshot", "completions"] {
        let output = stackc(root(), &[command, "--help"]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("Example"), "`{command} --help` has no example");
        snapshot(&format!("help-{command}"), &stdout(&output));
    }
    snapshot("help", &stdout(&stackc(root(), &["--help"])));
}

#[test]
fn listings() {
    snapshot("targets", &stdout(&stackc(root(), &["targets"])));
    snapshot("explain", &stdout(&stackc(root(), &["explain"])));
    snapshot("explain-property", &stdout(&stackc(root(), &["explain", "service.route.health"])));
    snapshot("explain-unknown", &stderr(&stackc(root(), &["explain", "databse"])));
}

#[test]
fn words_of_the_language_are_explained_by_its_page() {
    let page = std::fs::read_to_string(root().join("docs/language.md")).unwrap();
    for word in ["include", "let", "when", "unless", "each", "on", "stage", "remove", "accept", "get", "fmt", "param", "output", "targets", "state", "tags"] {
        let text = stdout(&stackc(root(), &["explain", word]));
        assert!(text.starts_with("## ") && page.contains(text.as_str()) && text.contains(word), "{word}: {text}");
    }
}

#[test]
fn a_let_is_set_in_the_call() {
    let folder = folder("stack shop {\n    let size small\n    bucket media {\n        (when)size large { versioned; }\n    }\n}\n");
    let built = |arguments: &[&str]| stdout(&stackc(folder.path(), &[&["build", "--target", "cfn", "-o", "-"], arguments].concat()));
    assert!(built(&["--let", "size=large"]).contains("VersioningConfiguration") && !built(&[]).contains("VersioningConfiguration"));
    let wrong = stackc(folder.path(), &["check", "--let", "size"]);
    assert_eq!(wrong.status.code(), Some(2), "{}", stderr(&wrong));
}

#[test]
fn messages_in_every_format() {
    let folder = folder(TWO_MISTAKES);
    let human = stackc(folder.path(), &["check"]);
    assert_eq!(human.status.code(), Some(1));
    assert_eq!(stdout(&human), "");
    snapshot("message-human", &stderr(&human));
    let json = stackc(folder.path(), &["check", "--message-format", "json"]);
    assert_eq!(json.status.code(), Some(1));
    for line in stdout(&json).lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
    snapshot("message-json", &stdout(&json));
    let sarif = stackc(folder.path(), &["check", "--message-format", "sarif"]);
    let document: serde_json::Value = serde_json::from_str(&stdout(&sarif)).unwrap();
    assert_eq!(document["runs"][0]["results"].as_array().unwrap().len(), 2);
    snapshot("message-sarif", &stdout(&sarif));
}

#[test]
fn exit_codes() {
    let good = folder("stack shop {\n    bucket media\n}\n");
    let bad = folder(TWO_MISTAKES);
    for (folder, arguments, code) in [
        (&good, &["check"][..], 0),
        (&good, &["build", "--target", "cfn,tf-aws"], 0),
        (&bad, &["build", "--target", "cfn"], 1),
        (&good, &["build"], 2),
        (&good, &["build", "--target", "cnf"], 2),
        (&good, &["build", "nowhere.kdl", "--target", "cfn"], 2),
        (&good, &["build", "--target", "cfn,tf-aws", "-o", "-"], 2),
        (&good, &["build", "--target", "tf-aws", "--format", "yaml"], 2),
        (&good, &["check", "--stage", "prod"], 1),
        (&good, &["check", "--targets", "nowhere"], 2),
        (&good, &["frobnicate"], 2),
    ] {
        let output = stackc(folder.path(), arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", stderr(&output));
        assert!(code == 0 || !stderr(&output).is_empty(), "{arguments:?} says nothing");
    }
}

#[test]
fn nothing_is_written_when_anything_is_wrong() {
    let folder = folder(TWO_MISTAKES);
    stackc(folder.path(), &["build", "--target", "cfn,tf-aws"]);
    assert!(!folder.path().join("build").exists());
    // Good for one target and refused by the other: neither is written.
    std::fs::write(folder.path().join("stack.kdl"), "stack shop {\n    bucket media { tags note=\"{{resolve:ssm:x}}\" }\n}\n").unwrap();
    let output = stackc(folder.path(), &["build", "--target", "tf-aws,cfn"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!folder.path().join("build").exists());
}

#[test]
fn a_state_goes_where_there_is_one() {
    let stack = "stack shop {\n    state s3 bucket=\"acme-${x}\" region=eu-west-1\n    bucket media\n    stage prod { bucket media versioned=#true; }\n}\n";
    let with = folder(stack);
    let template = |folder: &std::path::Path, rest: &[&str]| {
        let output = stackc(folder, &[&["build", "-o", "-"], rest].concat());
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_str::<serde_json::Value>(&stdout(&output)).unwrap()
    };
    let state = |template: &serde_json::Value| template.pointer("/terraform/backend").cloned();
    let settings =
        |key: &str| serde_json::json!({ "s3": { "bucket": "acme-$${x}", "region": "eu-west-1", "key": key, "use_lockfile": true, "encrypt": true } });
    assert_eq!(state(&template(with.path(), &["--target", "tf-aws"])), Some(settings("stackc/shop/tf-aws.tfstate")));
    assert_eq!(state(&template(with.path(), &["--target", "tf-openstack", "--stage", "prod"])), Some(settings("stackc/shop-prod/tf-openstack.tfstate")));
    // Without it nothing else is different, and other formats know none.
    let without = folder(&stack.lines().filter(|line| !line.contains("state ")).map(|line| format!("{line}\n")).collect::<String>());
    for target in ["cfn", "arm"] {
        assert_eq!(template(with.path(), &["--target", target]), template(without.path(), &["--target", target]));
    }
    let mut bare = template(with.path(), &["--target", "tf-aws"]);
    bare.pointer_mut("/terraform").unwrap().as_object_mut().unwrap().remove("backend");
    assert_eq!(bare, template(without.path(), &["--target", "tf-aws"]));
}

#[test]
fn templates_go_where_they_were_asked_to() {
    let folder = folder("stack shop {\n    bucket media\n    stage prod {\n        bucket media { protect }\n    }\n}\n");
    assert!(stackc(folder.path(), &["build", "--target", "all", "-o", "out"]).status.success());
    assert!(stackc(folder.path(), &["build", "--target", "cfn", "--stage", "prod", "--format", "yaml", "-o", "out"]).status.success());
    let mut files: Vec<String> = ["json", "yaml"]
        .iter()
        .flat_map(|ending| walk(&folder.path().join("out"), ending))
        .map(|file| file.strip_prefix(folder.path()).unwrap().display().to_string())
        .collect();
    files.sort();
    assert_eq!(
        files,
        [
            "out/arm/template.json",
            "out/cfn.prod/template.yaml",
            "out/cfn/template.json",
            "out/hot/template.yaml",
            "out/tf-aws/main.tf.json",
            "out/tf-azure/main.tf.json",
            "out/tf-google/main.tf.json",
            "out/tf-openstack/main.tf.json"
        ]
    );
    let printed = stackc(folder.path(), &["build", "--target", "cfn", "-o", "-"]);
    assert_eq!(stdout(&printed), std::fs::read_to_string(folder.path().join("out/cfn/template.json")).unwrap());
    let compact = stackc(folder.path(), &["build", "--target", "cfn", "-o", "-", "--compact"]);
    let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert_eq!(value(&stdout(&compact)), value(&stdout(&printed)));
    assert_eq!(stdout(&compact).lines().count(), 1);
}

#[test]
fn what_is_no_text_is_refused() {
    let folder = folder("");
    std::fs::write(folder.path().join("stack.kdl"), b"stack \xff {}").unwrap();
    let output = stackc(folder.path(), &["check"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("not UTF-8"), "{}", stderr(&output));
}

#[test]
fn a_mark_of_byte_order_does_no_harm() {
    let folder = folder("\u{feff}stack shop {\n    bucket media\n}\n");
    assert!(stackc(folder.path(), &["check"]).status.success());
}

#[test]
fn completions_name_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let output = stackc(root(), &["completions", shell]);
        assert!(output.status.success());
        assert!(stdout(&output).contains("snapshot"), "{shell}");
    }
}

#[cfg(unix)]
#[test]
fn what_needs_a_cloud_is_handed_over() {
    let folder = folder("");
    let run = |path: &std::path::Path| {
        // A copy, so that nothing lies beside it. Another process makes it: while this one has a program open for writing, so has every child
        // that a test beside this one starts, and the system starts no program that is open for writing.
        let program = folder.path().join("stackc");
        assert!(std::process::Command::new("cp").arg(env!("CARGO_BIN_EXE_stackc")).arg(&program).status().unwrap().success());
        let arguments = ["--message-format", "json", "deploy", "--stage", "prod", "--help"];
        std::process::Command::new(program).args(arguments).env("PATH", path).output().unwrap()
    };
    let missing = run(folder.path());
    assert_eq!(missing.status.code(), Some(2));
    assert!(stderr(&missing).contains("cargo install --path deploy"), "{}", stderr(&missing));
    let elsewhere = folder.path().join("bin");
    std::fs::create_dir(&elsewhere).unwrap();
    let script = "printf '#!/bin/sh\\necho \"$@\"\\nexit 3\\n' > stackc-deploy && chmod 755 stackc-deploy";
    assert!(std::process::Command::new("sh").args(["-c", script]).current_dir(&elsewhere).status().unwrap().success());
    let found = run(&elsewhere);
    assert_eq!(stdout(&found), "deploy --message-format json --stage prod --help\n", "{}", stderr(&found));
    assert_eq!(found.status.code(), Some(3));
}

#[test]
fn a_teams_own_rules_replace_ours_file_by_file() {
    let folder = folder("stack shop {\n    bucket media\n}\n");
    let rules = folder.path().join("rules/aws");
    std::fs::create_dir_all(&rules).unwrap();
    let ours = std::fs::read_to_string(root().join("targets/aws/bucket.kdl")).unwrap();
    std::fs::write(rules.join("bucket.kdl"), ours.replacen("SSEAlgorithm=AES256", "SSEAlgorithm=\"aws:kms\"", 1)).unwrap();
    let output = stackc(folder.path(), &["build", "--target", "cfn", "-o", "-", "--targets", "rules"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(stdout(&output).contains("aws:kms"));
    std::fs::write(rules.join("bucket.kdl"), ours.replacen("SSEAlgorithm=AES256", "SSEAlgorithm=AES257", 1)).unwrap();
    let output = stackc(folder.path(), &["build", "--target", "cfn", "-o", "-", "--targets", "rules"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("E0306"), "{}", stderr(&output));
}
