//! Terraform's own plan in a file: what it saved is what it applies.

use crate::Aws;
use crate::run::{Run, SHOP};
use std::fs;

const SAVED: [&str; 3] = ["deploy", "shop.plan", "--yes"];

fn refused(run: &Run, arguments: &[&str], code: i32, words: &str) {
    let ended = run.ends(arguments, code);
    assert!(ended.stderr.contains(words), "no `{words}`:\n{}", ended.stderr);
}

#[test]
fn what_terraform_saved_is_what_it_applies() {
    let Some(aws) = Aws::start() else { return };
    let run = Run::new(SHOP, "tf-aws", aws.environment.clone());
    let ended = run.ok(&["plan", "--out", "shop.plan"]);
    assert!(ended.stderr.contains("keep it as you keep a password"), "{}", ended.stderr);
    // No copy of it is left where another call would find it.
    let left = fs::read_dir(run.folder.path().join(".stackc/tf-aws")).unwrap().flatten();
    assert!(!left.map(|entry| entry.file_name().to_string_lossy().into_owned()).any(|name| name.starts_with("plan-")));
    let path = run.folder.path().join("shop.plan");
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777, 0o600);
    // What is ephemeral is not in it, and is given again.
    let output = run.command(&SAVED).env_remove("STACKC_PARAM_API_KEY").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    run.ok(&SAVED);
    refused(&run, &SAVED, 1, "is overtaken, or done already: the state was changed since");
    assert!(aws.behind("print(of('ecr').describe_repositories()['repositories'])").contains("shop-images"));

    run.edit("keep=20", "keep=10");
    run.ok(&["plan", "--out", "shop.plan"]);
    run.edit("keep=10", "keep=11");
    refused(&run, &SAVED, 1, "was made before stack.kdl was changed");
    run.ok(&["deploy", "--yes"]);
    run.edit("keep=11", "keep=10");
    refused(&run, &SAVED, 1, "the state was changed since");
}

/// The state is asked again right before, and the one that is there last decides: Terraform's own look.
#[test]
fn what_terraform_cannot_read_is_refused() {
    let run = Run::faked("");
    run.ok(&["plan", "--out", "shop.plan"]);
    let path = run.folder.path().join("shop.plan");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replacen("\"plan\": \"", "\"plan\": \"A", 1)).unwrap();
    refused(&run, &SAVED, 1, "is damaged, or was changed by hand");
    fs::write(&path, &text).unwrap();
    refused(&run, &["deploy", "shop.plan", "--yes", "--state", "s3 bucket=acme-state region=eu-west-1"], 1, "is for another place");
    run.ok(&SAVED);
    assert!(run.folder.path().join(".stackc/tf-aws/state").exists());
}
