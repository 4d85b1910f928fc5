//! What happens around a deploy: values from files and the environment, several deploys at once, a reader who goes away.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod fake;
mod runs;
mod wire;

use fake::Fake;
use runs::FILES;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

type Run = runs::Run<Fake>;

const VALUES: &str = r#"stack shop {
    targets cfn
    param days default=7
    param image default="acme/shop:1.2"
    param api-key secret=#true

    network main
    service web network=main {
        image (get)image
        port 3000
        env API_KEY=(get)api-key DAYS=(get)days
    }
}
"#;

fn lock(run: &Run) -> String {
    std::fs::read_to_string(run.folder.path().join("stack.lock.kdl")).unwrap_or_default()
}

#[test]
fn who_deploys_at_the_same_time_loses_no_line_of_the_lock() {
    let run = Run::new(FILES);
    let names = ["ana", "ben", "cleo", "dan", "eve", "finn"];
    let begin = |name: &&str| run.command(&["deploy", "--yes", "--lock", "--instance", name]).spawn().unwrap();
    let begun: Vec<_> = names.iter().map(begin).collect();
    for child in begun {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let text = lock(&run);
    for name in names {
        assert!(text.contains(&format!("instance={name}")), "{name} is missing in:\n{text}");
    }
    let begin = |name: &&str| {
        let arguments = ["destroy", "--yes", "--instance", name, "--allow-replace", "media", "--allow-replace", "images"];
        run.command(&arguments).spawn().unwrap()
    };
    let begun: Vec<_> = names.iter().map(begin).collect();
    for child in begun {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(!lock(&run).contains("instance="), "{}", lock(&run));
}

#[test]
fn a_reader_who_goes_away_does_not_end_a_deploy() {
    let run = Run::new(FILES);
    let mut child = run.command(&["deploy", "--yes", "--lock"]).stdout(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    drop(lines);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(lock(&run).contains("bucket media"), "the lock was not written:\n{}", lock(&run));
    // Standard output closed before anything is printed.
    let mut child = run.command(&["outputs"]).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn values_mean_what_they_say() {
    let run = Run::new(VALUES);
    let params = |text: &str| {
        std::fs::write(run.folder.path().join("values"), text).unwrap();
        let ended = run.finish(&["deploy", "--yes", "--params", "values"]);
        let seen = run.fake.with(|world| world.stack("shop").params.clone());
        (ended.code, ended.stderr, seen)
    };
    // Quoted as `stackc outputs --format env` quotes, and as it stands without quotes.
    let (code, text, seen) = params("export image='acme/it'\\''s:2'\ndays = 2\n");
    assert_eq!((code, seen["Image"].as_str(), seen["Days"].trim()), (Some(0), "acme/it's:2", "2"), "{text}");
    let (code, text, seen) = params("\u{feff}image=\"acme/shop:3\" # the third\r\n");
    assert_eq!((code, seen["Image"].as_str()), (Some(0), "acme/shop:3"), "{text}");
    // A number keeps its digits.
    let (code, text, seen) = params("{ \"image\": \"acme/shop:4\", \"days\": 1.50 }");
    assert_eq!((code, seen["Days"].as_str()), (Some(0), "1.50"), "{text}");
    for (text, why) in [
        ("{ \"image\": null }", "the value of `image` is neither a text, a number, true nor false"),
        ("{ \"image\": [\"a\"] }", "the value of `image` is neither"),
        ("{ \"image\": \"a\", \"image\": \"b\" }", "`image` is given a second time"),
        ("image=a\nimage=b", "values, line 2: `image` is given a second time"),
        ("image='a", "the value of `image` has a quote that does not end"),
        ("image", "values, line 1: a line is NAME=VALUE"),
        ("imgae=a", "did you mean `image`?"),
        (&format!("image={}", "a".repeat(1024 * 1024)), "more than 1 MiB"),
    ] {
        let (code, said, seen) = params(text);
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(why), "{why}\n{said}");
        assert_eq!(seen["Image"], "acme/shop:4");
    }
    // What has no `=` may be a secret itself.
    let ended = run.finish(&["deploy", "--yes", "--param", runs::SECRET]);
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("one of them has no `=`"), "{}", ended.stderr);
    let ended = run.finish(&["deploy", "--yes", "--param", "api-key"]);
    assert!(ended.stderr.contains("`api-key` has none"), "{}", ended.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_value_that_is_no_text_is_not_passed_over() {
    use std::os::unix::ffi::OsStrExt;
    let run = Run::new(VALUES);
    let broken = std::ffi::OsStr::from_bytes(b"acme/\xff");
    let output = run.command(&["deploy", "--yes"]).env("STACKC_PARAM_IMAGE", broken).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("STACKC_PARAM_IMAGE gives is no text in UTF-8"));
}

#[test]
fn what_a_cloud_says_gives_a_terminal_no_orders() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.fail = Some(("MediaBucket", "\u{9b}2J\u{9d}0;owned\u{9c}no \u{202e}such")));
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    assert!(ended.stderr.contains("such"), "{}", ended.stderr);
    assert!(!ended.stderr.contains(['\u{9b}', '\u{9c}', '\u{202e}']), "{:?}", ended.stderr);
}

#[test]
fn a_plan_is_read_by_node_by_resource_and_in_a_pull_request() {
    let run = Run::new(runs::SHOP);
    run.fake.with(|world| world.script.create_only = vec!["ContainerDefinitions", "BucketEncryption"]);
    run.ok(&["plan"]);
    run.ok(&["plan", "--long"]);
    run.ok(&["deploy", "--yes"]);
    run.edit("acme/shop:1.2", "acme/shop:`1|3`");
    run.ok(&["plan"]);
    run.ok(&["plan", "--long"]);
    run.ok(&["plan", "--format", "markdown"]);
    run.ok(&["outputs", "--name", "files"]);
    run.ends(&["outputs", "--name", "file"], 2);
    run.edit("    bucket media versioned=#true\n", "");
    run.edit("    output files (get)media.domain\n", "");
    run.ends(&["plan"], 1);
    run.ends(&["plan", "--format", "markdown"], 1);
    run.ok(&["events", "--last", "2", "--format", "json"]);
    runs::snapshot("plan-shown", &run);
}

#[cfg(unix)]
#[test]
fn what_cannot_be_cancelled_is_not_offered() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.hold = true);
    let begun = |fake: &Fake| fake.with(|world| world.acts.iter().any(|act| act.contains("ExecuteChangeSet")));
    let ended = run.interrupted(&["deploy", "--yes"], 1, begun);
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("cannot cancel a creation") && !ended.stderr.contains("once more"), "{}", ended.stderr);
}

#[test]
fn what_is_not_waited_for_is_seen_through_by_the_next() {
    let run = Run::new(FILES);
    run.fake.with(|world| world.script.hold = true);
    let ended = run.ends(&["deploy", "--yes", "--lock", "--no-wait"], 5);
    assert!(ended.stderr.contains("sees it through"), "{}", ended.stderr);
    assert_eq!(lock(&run), "");
    run.fake.with(|world| world.script.hold = false);
    run.ok(&["deploy", "--yes", "--lock"]);
    assert!(lock(&run).contains("bucket media"), "{}", lock(&run));
    let ended = run.ends(&["outputs", "files"], 2);
    assert!(ended.stderr.contains("`stackc outputs --name files`"), "{}", ended.stderr);
}

#[test]
fn what_the_stack_no_longer_has_goes_by_the_name_that_the_lock_knows() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes", "--lock"]);
    run.edit("    bucket media versioned=#true\n", "");
    run.edit("\n    output files (get)media.domain\n", "");
    let ended = run.ok(&["plan", "--allow-replace", "media"]);
    assert!(ended.stdout.contains("bucket media: policy") && !ended.stdout.contains("MediaPolicy"), "{}", ended.stdout);
}
