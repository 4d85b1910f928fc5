//! Plans in files: what `plan --out` has shown is what `deploy FILE` does, or nothing is done. CloudFormation, Heat and
//! Azure, each played by a fake; Terraform is in `terraform/saved.rs`.
#![allow(
    missing_docs,
    dead_code,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod arm_fake;
mod fake;
mod heat_fake;
mod runs;
mod wire;

use runs::{Cloud, FILES, Run, SECRET, SHOP};
use std::fs;

/// A stack for Heat, with a secret.
const RECORDS: &str = r#"stack shop {
    targets hot
    param token secret=#true about="a token"
    param host default="192.0.2.1" about="address of the shop"

    secret key value=(get)token { accept "only members may read it" target=hot; }
    dns-zone site domain="shop.example"
    dns-record www zone=site kind=A ttl=300 { values (get)host; }
}
"#;

const SAVED: [&str; 3] = ["deploy", "shop.plan", "--yes"];

fn plan<C>(run: &Run<C>) -> String {
    fs::read_to_string(run.folder.path().join("shop.plan")).unwrap()
}

/// Refused, with these words, and nothing is changed by it.
fn refused<C: Cloud>(run: &Run<C>, arguments: &[&str], code: i32, words: &str) {
    let before = run.fake.acts().len();
    let ended = run.ends(arguments, code);
    assert!(ended.stderr.contains(words), "no `{words}`:\n{}", ended.stderr);
    assert_eq!(ended.stderr.lines().filter(|line| line.starts_with("stackc: ")).count(), 1, "{}", ended.stderr);
    assert_eq!(run.fake.acts().len(), before, "{}", run.log.borrow());
}

/// What holds for every engine: the file has no secret, is nobody else's to read, and is refused when it was touched.
fn holds<C: Cloud>(run: &Run<C>) {
    let text = plan(run);
    assert!(!text.contains(SECRET) && !text.contains(&SECRET.replace('"', "\\\"")), "{text}");
    let path = run.folder.path().join("shop.plan");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let touched = [
        (text.replacen("\"revert-drift\": false", "\"revert-drift\": true", 1), "is damaged, or was changed by hand"),
        (text.replacen("\"account\": ", "\"account\": null, \"was\": ", 1), "is damaged, or was changed by hand"),
        (text[..text.len() / 2].to_owned(), "is damaged, or no plan of stackc's"),
        (String::new(), "is damaged, or no plan of stackc's"),
        ("{\"version\": 4}".to_owned(), "is no plan of stackc's"),
        (text.replacen("\"stackc\": \"", "\"stackc\": \"9", 1), "was made by stackc 9"),
    ];
    for (other, words) in touched {
        assert_ne!(other, text);
        fs::write(&path, other).unwrap();
        refused(run, &SAVED, 1, words);
    }
    fs::write(&path, text).unwrap();
}

#[test]
fn cloudformation_executes_the_change_set_that_was_shown() {
    let run = Run::<fake::Fake>::new(SHOP);
    let ended = run.ok(&["plan", "--out", "shop.plan", "--target", "cfn"]);
    assert!(ended.stderr.contains("shop.plan holds this plan: `stackc deploy shop.plan` does it, and nothing else"), "{}", ended.stderr);
    assert_eq!(run.fake.acts(), ["CreateChangeSet CREATE"]);
    holds(&run);
    // A look in between leaves it as it is.
    run.ok(&["plan"]);
    // No secret is given: the change set has it.
    let output = run.command(&SAVED).env_remove("STACKC_PARAM_API_KEY").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(run.fake.acts().last().map(String::as_str), Some("ExecuteChangeSet"));
    // And only once.
    refused(&run, &SAVED, 1, "its change set is");
    assert_eq!(run.fake.acts().iter().filter(|act| *act == "ExecuteChangeSet").count(), 1);

    run.note("another change comes in between");
    run.ok(&["plan", "--out", "shop.plan", "--set", "image=acme/shop:1.3"]);
    run.ok(&["deploy", "--yes", "--set", "image=acme/shop:1.4"]);
    refused(&run, &SAVED, 1, "its change set is gone");

    run.note("nothing to do is a plan, too");
    let ended = run.ok(&["plan", "--out", "shop.plan", "--detailed-exitcode"]);
    assert!(ended.stdout.contains("nothing to do"), "{}", ended.stdout);
    let ended = run.ok(&SAVED);
    assert!(ended.stderr.contains("nothing to do"), "{}", ended.stderr);
}

#[test]
fn a_plan_is_for_one_stack_in_one_place() {
    let run = Run::<fake::Fake>::new(FILES);
    run.ok(&["plan", "--out", "shop.plan", "--instance", "green"]);
    refused(&run, &["deploy", "shop.plan", "--yes", "--instance", "blue"], 2, "was made for --instance green");
    refused(&run, &["deploy", "shop.plan", "--yes", "--region", "eu-north-1"], 2, "was made without --region");
    refused(&run, &["deploy", "shop.plan", "--yes", "--allow-replace", "media"], 2, "--allow-replace belongs to");
    let elsewhere = run.command(&SAVED).env("AWS_REGION", "eu-north-1").output().unwrap();
    let said = String::from_utf8_lossy(&elsewhere.stderr).into_owned();
    assert!(elsewhere.status.code() == Some(1) && said.contains("is for another place (CloudFormation, eu-west-1"), "{said}");
    // The stack is another by now.
    run.edit("versioned=#true", "versioned=#false");
    refused(&run, &SAVED, 1, "was made before stack.kdl was changed");
    run.edit("versioned=#false", "versioned=#true");
    // It is done once, and so it is not this command that goes on.
    let ended = run.ends(&["deploy", "shop.plan", "--yes", "--no-wait"], 5);
    assert!(ended.stderr.contains("`stackc deploy` without the plan takes it up again"), "{}", ended.stderr);
    assert!(run.fake.with(|world| world.stacks.iter().any(|stack| stack.name == "shop-green")));
    // Nothing of anybody else's is written over.
    fs::write(run.folder.path().join("notes.txt"), "mine").unwrap();
    refused(&run, &["plan", "--out", "notes.txt"], 2, "it is not written over");
    refused(&run, &["plan", "--out", "stack.kdl"], 2, "a file of that name is a stack's");
    assert_eq!(fs::read_to_string(run.folder.path().join("notes.txt")).unwrap(), "mine");
}

#[test]
fn what_is_lost_was_allowed_when_it_was_planned() {
    let run = Run::<fake::Fake>::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.edit("    bucket media versioned=#true\n", "");
    run.edit("    output files (get)media.domain\n", "");
    run.ends(&["plan", "--out", "shop.plan"], 1);
    assert!(!run.folder.path().join("shop.plan").exists());
    run.ok(&["plan", "--out", "shop.plan", "--allow-replace", "media", "--allow-replace", "MediaBucket"]);
    // Nobody is there to agree, and so it waits.
    run.ends(&["deploy", "shop.plan"], 2);
    assert!(run.fake.with(|world| world.stack("shop").resources.iter().any(|resource| resource.name == "MediaBucket")));
}

#[test]
fn heat_is_asked_whether_the_stack_is_as_it_was() {
    let run = Run::<heat_fake::Fake>::new(RECORDS);
    run.ok(&["plan", "--out", "shop.plan"]);
    holds(&run);
    run.note("a secret is in no plan of Heat's, and given again");
    let output = run.command(&SAVED).env_remove("STACKC_PARAM_TOKEN").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(1) && said.contains("a plan keeps no secret"), "{said}");
    run.ok(&SAVED);
    refused(&run, &SAVED, 1, "is done already");

    run.ok(&["plan", "--out", "shop.plan", "--set", "host=192.0.2.2"]);
    refused(&run, &["deploy", "shop.plan", "--yes", "--set", "host=192.0.2.3"], 2, "`host` has its value in the plan");
    run.ok(&SAVED);
    assert!(run.fake.calls().iter().any(|call| call.contains("UpdateStack")), "{:?}", run.fake.calls());
    let plan = run.ok(&["plan", "--set", "host=192.0.2.2", "--detailed-exitcode"]);
    assert!(plan.stdout.contains("nothing to do"), "{}", plan.stdout);

    run.ok(&["plan", "--out", "shop.plan", "--set", "host=192.0.2.4"]);
    run.note("somebody else deploys");
    run.ok(&["deploy", "--yes", "--set", "host=192.0.2.5"]);
    refused(&run, &SAVED, 1, "is overtaken: the stack was changed since");
}

#[test]
fn azure_is_asked_whether_the_stack_is_as_it_was() {
    let run = Run::<arm_fake::Fake>::new(&SHOP.replace("stack shop {", "stack shop {\n    targets arm"));
    run.ok(&["plan", "--out", "shop.plan", "--region", "westeurope"]);
    holds(&run);
    // The region of the group is the plan's.
    run.ok(&SAVED);
    refused(&run, &SAVED, 1, "is overtaken: the stack was changed since");
    run.ok(&["plan", "--out", "shop.plan", "--set", "image=acme/shop:1.3"]);
    run.ok(&SAVED);
    let plan = run.ok(&["plan"]);
    assert!(!plan.stdout.contains("acme/shop:1.2"), "{}", plan.stdout);
    run.ok(&["plan", "--out", "shop.plan", "--set", "image=acme/shop:1.4"]);
    run.ok(&["deploy", "--yes", "--set", "image=acme/shop:1.5"]);
    refused(&run, &SAVED, 1, "is overtaken: the stack was changed since");
}
