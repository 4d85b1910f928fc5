//! OpenTofu in Terraform's place, by the fake under its name: OpenTofu itself is in no package registry.

use crate::run::Run;

/// A run that must name OpenTofu only.
fn opentofu(run: &Run, arguments: &[&str], code: i32) {
    let ended = run.ends(arguments, code);
    let said = format!("{}{}", ended.stderr, ended.stdout);
    assert!(!said.replace(".terraform.lock.hcl", "").to_lowercase().contains("terraform"), "{said}");
}

#[test]
fn tofu_is_taken_where_it_is_alone() {
    let run = Run::faked_as("plain", &["tofu"]);
    run.edit("    registry images keep=20\n", "");
    run.edit("    output images (get)images.url\n", "");
    opentofu(&run, &["plan", "--detailed-exitcode", "--state", "local"], 4);
    opentofu(&run, &["deploy", "--yes"], 0);
    opentofu(&run, &["status"], 0);
    opentofu(&run, &["events"], 2);
    opentofu(&run, &["destroy", "--yes"], 2);
    run.snapshot("terraform-tofu");
}

#[test]
fn tofu_is_taken_when_it_is_asked_for() {
    let run = Run::faked_as("unsaved", &["terraform", "tofu"]);
    let ended = run.ends(&["deploy", "--yes", "--engine", "tofu"], 3);
    assert!(ended.stderr.contains("(OpenTofu, state in") && ended.stderr.contains("`tofu -chdir="), "{}", ended.stderr);
    let ended = run.ends(&["plan", "--engine", "terraform"], 3);
    assert!(ended.stderr.contains("`terraform -chdir="), "{}", ended.stderr);
}

#[test]
fn what_is_too_old_is_said_before_anything_is_done() {
    for (program, said) in
        [("tofu", "needs OpenTofu 1.11 or later, and `tofu` is 1.9.0"), ("terraform", "needs Terraform 1.11 or later, and `terraform` is 1.9.0")]
    {
        let run = Run::faked_as("plain", &[program]).with("VERSION", "1.9.0");
        let ended = run.ends(&["plan"], 2);
        assert!(ended.stderr.contains(&format!("the template {said}")), "{}", ended.stderr);
        assert!(!run.folder.path().join(".stackc").exists());
    }
    // What OpenStack needs is older than locks by a file are.
    let run = Run::faked_as("plain", &["tofu"]).with("VERSION", "1.9.0").with("STACKC_TARGET", "tf-openstack");
    run.edit("    registry images keep=20\n    secret pay value=(get)api-key\n\n    output images (get)images.url\n", "    network main\n");
    run.ends(&["status"], 2);
    let ended = run.ends(&["plan", "--state", "s3 bucket=acme-state region=eu-west-1"], 2);
    assert!(ended.stderr.contains("(`use_lockfile`) needs OpenTofu 1.10 or later"), "{}", ended.stderr);
    run.ends(&["status", "--state", "s3 bucket=acme-state region=eu-west-1 dynamodb_table=locks"], 2);
    // Of a version that is not released yet, the numbers count.
    Run::faked_as("plain", &["tofu"]).with("VERSION", "1.12.0-beta1").ok(&["plan"]);
}
