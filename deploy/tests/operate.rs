//! `run`, `logs`, `shell`, and what `status` and a failed deploy say of what runs: ECS by a fake, below CloudFormation and below Terraform.
#![cfg(unix)]
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
use std::path::Path;
use std::process::Command;

type Run = runs::Run<Fake>;

/// A service that lets an operator in, and a job for its database.
const STACK: &str = r#"stack shop {
    param image default="acme/shop:1.2" about="container image of the shop"
    network main
    service web network=main {
        image (get)image
        port 3000
        shell #true
    }
    job migrate network=main {
        image (get)image
        command migrate
    }
}
"#;

fn deployed() -> Run {
    let run = Run::new(STACK);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    run.fake.with(|world| {
        world.acts.clear();
        world.ecs.prints = vec!["Applying 0001", "\u{1b}[32mOK\u{1b}[0m", "done"];
        (world.ecs.exit, world.ecs.running, world.ecs.shell) = (Some(0), 2, true);
    });
    run
}

#[test]
fn a_job_is_started_and_followed_to_its_end() {
    let run = deployed();
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "Applying 0001\n\u{fffd}[32mOK\u{fffd}[0m\ndone\n");
    assert!(ended.stderr.contains("migrate is started: task 0001\nmigrate: provisioning\nmigrate: running\nmigrate is done: "), "{}", ended.stderr);
    let ended = run.finish(&["run", "migrate", "--", "./manage.py", "createsuperuser", "--no-input"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let commands: Vec<Option<Vec<String>>> = run.fake.with(|world| world.ecs.tasks.iter().map(|task| task.command.clone()).collect());
    assert_eq!(commands, [None, Some(["./manage.py", "createsuperuser", "--no-input"].map(str::to_owned).to_vec())]);
}

#[test]
fn it_ends_as_the_job_ends() {
    let run = deployed();
    for status in [1, 3, 255] {
        run.fake.with(|world| world.ecs.exit = Some(status));
        let ended = run.finish(&["run", "migrate"]);
        assert_eq!(ended.code, Some(status as i32), "{}", ended.stderr);
        assert!(ended.stderr.contains(&format!("stackc: migrate ended with {status}: ")), "{}", ended.stderr);
    }
    run.fake.with(|world| {
        (world.ecs.exit, world.ecs.prints) = (None, Vec::new());
        world.ecs.stopped = "CannotPullContainerError: pull image manifest has been retried 1 time(s)";
    });
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!(ended.code, Some(126), "{}", ended.stderr);
    assert!(ended.stderr.contains("migrate ended with no status of its own: CannotPullContainerError: pull"), "{}", ended.stderr);
}

#[test]
fn what_was_not_run_has_a_status_of_its_own() {
    let run = deployed();
    run.fake.with(|world| world.ecs.refuses = Some("RESOURCE:FARGATE"));
    let wrong: [(&[&str], &str); 5] = [
        (&["run", "migrate"], "RESOURCE:FARGATE"),
        (&["run", "web"], "`run` is for jobs"),
        (&["run", "nothing"], "there are `web` or `migrate`"),
        (&["run"], "JOB"),
        (&["run", "migrate", "other.kdl"], "other.kdl"),
    ];
    for (arguments, words) in wrong {
        let ended = run.finish(arguments);
        assert_eq!(ended.code, Some(125), "{arguments:?}: {}", ended.stderr);
        assert!(ended.stderr.contains(words), "{arguments:?}: {}", ended.stderr);
    }
    assert!(run.fake.with(|world| world.acts.is_empty()));
    let ended = run.finish(&["logs", "nothing"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

#[test]
fn a_job_goes_on_when_nobody_waits() {
    let run = deployed();
    run.fake.with(|world| world.ecs.endless = true);
    let ended = run.finish(&["run", "migrate", "--no-wait"]);
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    let ended = run.interrupted(&["run", "migrate"], 1, |fake| fake.with(|world| world.ecs.tasks.len() == 2));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("`stackc logs migrate --follow` comes back to it"), "{}", ended.stderr);
    assert_eq!(run.fake.with(|world| world.acts.clone()), ["RunTask 1", "RunTask 2"]);
}

#[test]
fn ctrl_c_while_it_is_being_started_is_heard_afterwards() {
    let run = deployed();
    run.fake.with(|world| {
        world.ecs.endless = true;
        world.faults = vec![fake::Fault::of("ECS RunTask", 1, 1, wire::What::Slow(1_000))];
    });
    let child = run.command(&["run", "migrate"]).spawn().unwrap();
    let began = std::time::Instant::now();
    while !run.fake.with(|world| world.calls.iter().any(|call| call == "ECS RunTask")) {
        assert!(began.elapsed() < runs::LIMIT, "it does not come to where it is interrupted");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let words = "migrate is started: task 0001";
    assert!(output.status.code() == Some(130) && err.contains(words) && err.contains("and the job goes on"), "{:?} {err}", output.status);
}

#[test]
fn a_lost_answer_starts_no_second_task() {
    let run = deployed();
    run.fake.with(|world| world.faults = vec![fake::Fault::of("ECS RunTask", 1, 1, wire::What::CutAfter)]);
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(run.fake.with(|world| world.acts.clone()), ["RunTask 1"]);
}

#[test]
fn logs_say_which_copy_and_when() {
    let run = deployed();
    let ended = run.finish(&["logs", "web", "--since", "10m"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<&str> = ended.stdout.lines().map(|line| &line[21..]).collect();
    assert_eq!(lines, ["good1  GET /", "good2  GET /\u{fffd}[31mred"], "{}", ended.stdout);
    // Each once, though they are read again and again.
    let ended = run.interrupted(&["logs", "web", "--follow"], 1, |fake| fake.with(|world| world.calls.iter().any(|call| call == "Logs FilterLogEvents")));
    assert_eq!((ended.code, ended.stdout.lines().count()), (Some(130), 2), "{}{}", ended.stdout, ended.stderr);
    let ended = run.finish(&["logs", "web", "--failed"]);
    assert!(ended.stderr.contains("knows of no task of web that failed"), "{}", ended.stderr);
    run.fake.with(|world| world.ecs.failed = true);
    let ended = run.finish(&["logs", "web", "--failed"]);
    assert!(ended.stderr.contains("task bad1 ended with 137 (Essential container in task exited)"), "{}", ended.stderr);
    assert_eq!(ended.stdout.lines().count(), 30, "{}", ended.stdout);
    let ended = run.finish(&["logs", "web", "--since", "soon"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
}

#[test]
fn status_says_what_runs() {
    let run = deployed();
    let ended = run.finish(&["status"]);
    assert!(ended.stdout.contains("  service web: 2 of 2 running, acme/shop:1.2, since 2026-11-18 11:06:40\n"), "{}", ended.stdout);
    run.fake.with(|world| (world.ecs.running, world.ecs.rollout) = (1, "FAILED"));
    let ended = run.finish(&["status"]);
    let words = "  service web: 1 of 2 running, failed: ECS deployment circuit breaker: tasks failed to start., acme/shop:1.2";
    assert!(ended.stdout.contains(words), "{}", ended.stdout);
    let ended = run.finish(&["status", "--format", "json"]);
    let found: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!((&found["runs"][0]["resource"], &found["runs"][0]["running"]), (&"web".into(), &1.into()), "{found}");
    run.fake.with(|world| world.faults = vec![fake::Fault::of("ECS DescribeServices", 1, usize::MAX, wire::What::Denied)]);
    let ended = run.finish(&["status"]);
    assert!(ended.code == Some(0) && ended.stdout.contains("  service web: could not be asked: "), "{}{}", ended.stdout, ended.stderr);
}

#[test]
fn a_deploy_that_fails_shows_what_was_printed_last() {
    let run = deployed();
    run.fake.with(|world| {
        world.ecs.failed = true;
        world.script.fail = Some(("WebServiceUnrouted", "Error occurred during operation 'ECS Deployment Circuit Breaker was triggered'."));
    });
    run.edit("port 3000", "port 3000\n        replicas 2");
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(3), "{}", ended.stderr);
    let words = "web: bad1 ended with 137 (Essential container in task exited); its last lines:\n  | line 11 of the copy that failed\n";
    assert!(ended.stderr.contains(words), "{}", ended.stderr);
    assert!(ended.stderr.ends_with("  | line 30 of the copy that failed\n  more of it: `stackc logs web --failed`\n"), "{}", ended.stderr);
}

/// A program on the PATH that says what it was called with, and ends with 7.
fn program(folder: &Path, name: &str) {
    let path = folder.join(name);
    let script = format!("printf '#!/bin/sh\\necho {name} \"$@\"\\nexit 7\\n' > {0} && chmod 755 {0}", path.display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
}

#[test]
fn a_shell_is_the_clouds_own() {
    let run = deployed();
    let command = "aws ecs execute-command --region eu-west-1 --cluster shop-cluster-1a2b --task good1 --container web --interactive --command /bin/sh\n";
    let shell = |folder: &Path| {
        let output = run.command(&["shell", "web"]).env("PATH", format!("{}:/nowhere", folder.display())).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let bin = tempfile::tempdir().unwrap();
    let (code, out, err) = shell(bin.path());
    assert_eq!((code, out.as_str()), (Some(125), command), "{err}");
    assert!(err.contains("`aws` or `session-manager-plugin` is not on PATH") || err.contains("session-manager-plugin"), "{err}");
    program(bin.path(), "aws");
    program(bin.path(), "session-manager-plugin");
    assert_eq!(shell(bin.path()), (Some(7), command.to_owned(), String::new()));
    run.fake.with(|world| world.ecs.running = 0);
    let (code, _, err) = shell(bin.path());
    assert!(code == Some(125) && err.contains("none of its copies runs"), "{err}");
    let ended = run.finish(&["shell", "migrate"]);
    assert!(ended.code == Some(125) && ended.stderr.contains("`stackc run` starts one"), "{}", ended.stderr);
}

/// The same by Terraform: a stand-in for the program says the outputs that it would have.
#[test]
fn a_job_below_terraform_is_run_alike() {
    let run = deployed();
    let bin = run.folder.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let handle = serde_json::json!({
        "kind": "ecs-task", "region": "eu-west-1", "cluster": "shop", "task": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-migrate:1",
        "subnets": ["subnet-1"], "public": true, "groups": ["sg-1"], "container": "migrate", "log": "shop-migrate-logs", "stream": "migrate",
    });
    let script = format!(
        "cat > {0} <<'END'\n#!/bin/sh\ncase $1 in\nversion) echo 'Terraform v1.11.4' ;;\ninit) mkdir -p .terraform; : >.terraform.lock.hcl ;;\noutput) cat ../../outputs.json ;;\nshow) echo '{{}}' ;;\nesac\nEND\nchmod 755 {0}",
        bin.join("terraform").display()
    );
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let outputs = serde_json::json!({ "handle_migrate": { "value": handle.to_string(), "type": "string", "sensitive": false } });
    std::fs::write(run.folder.path().join("outputs.json"), outputs.to_string()).unwrap();
    let mut command = run.command(&["run", "migrate", "--target", "tf-aws", "--", "check"]);
    command.env("PATH", format!("{}:/usr/bin:/bin", bin.display())).env("HOME", run.folder.path());
    let output = command.output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout).into_owned(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!((output.status.code(), out.lines().count()), (Some(0), 3), "{out}{err}");
    assert_eq!(run.fake.with(|world| world.ecs.tasks[0].command.clone()), Some(vec!["check".to_owned()]));
    // Its network has no gateway: without an address of its own, it could not fetch its image.
    assert!(run.fake.with(|world| world.acts.iter().any(|act| act == "RunTask 1 with an address")));
}
