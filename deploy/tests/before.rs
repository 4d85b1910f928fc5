//! Jobs that come before a service: started by a deploy with what is new, while the service stays as it runs.
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
use serde_json::Value;

type Run = runs::Run<Fake>;

const STACK: &str = r#"stack shop {
    param image default="acme/shop:1.2" about="container image of the shop"
    network main
    database data network=main engine=postgres version="16"
    service web network=main {
        image (get)image
        port 3000
        connect data prefix=DB
    }
    job migrate network=main {
        image (get)image
        command "./manage.py" migrate
        connect data prefix=DB
        before web
    }
    bucket media
}
"#;

/// The image that a task definition of the running stack names, by the running stack's own parameters.
fn image(run: &Run, task: &str) -> Option<String> {
    run.fake.with(|world| {
        let stack = world.stacks.iter().rfind(|stack| stack.status != "DELETE_COMPLETE")?;
        let template: Value = serde_json::from_str(&stack.template).unwrap();
        let image = &template["Resources"].get(task)?["Properties"]["ContainerDefinitions"][0]["Image"];
        image["Ref"].as_str().map(|param| stack.params[param].clone())
    })
}

fn both(run: &Run) -> (Option<String>, Option<String>) {
    (image(run, "MigrateTask"), image(run, "WebTask"))
}

fn pair(job: &str, service: &str) -> (Option<String>, Option<String>) {
    (Some(format!("acme/shop:{job}")), Some(format!("acme/shop:{service}")))
}

fn acts(run: &Run) -> Vec<String> {
    run.fake.with(|world| std::mem::take(&mut world.acts))
}

fn deployed() -> Run {
    let run = Run::new(STACK);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    run.fake.with(|world| world.ecs.tasks.clear());
    acts(&run);
    run
}

const NEW: [&str; 4] = ["deploy", "--yes", "--param", "image=acme/shop:1.3"];

#[test]
fn a_first_deploy_makes_the_database_then_runs_the_job_then_makes_the_service() {
    let run = Run::new(STACK);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let said = [
        "  then run      job migrate\n  then add      1 resource: service web\n",
        "is deployed as far as it can be",
        "migrate is started: task 0001",
        "  | Applying 0001_initial\n",
        "  | done\n",
        "migrate is done",
        "service web",
        "shop is deployed",
    ];
    let mut at = 0;
    for words in said {
        at += ended.stderr[at..].find(words).unwrap_or_else(|| panic!("no `{words}` in its place:\n{}", ended.stderr)) + words.len();
    }
    let acts = acts(&run);
    let order: Vec<&str> = acts.iter().map(String::as_str).filter(|act| act.starts_with("Execute") || act.starts_with("RunTask")).collect();
    assert_eq!(order, ["ExecuteChangeSet", "RunTask 1", "ExecuteChangeSet"]);
    assert!(!ended.stdout.contains("Applying"), "the outputs alone are on standard output: {}", ended.stdout);
}

#[test]
fn a_job_that_fails_in_a_first_deploy_leaves_the_rest_unmade_and_the_same_command_goes_on() {
    let run = Run::new(STACK);
    run.fake.with(|world| world.ecs.exit = Some(2));
    let ended = run.finish(&["deploy", "--yes", "--lock"]);
    assert_eq!((ended.code, both(&run)), (Some(6), (Some("acme/shop:1.2".to_owned()), Some("acme/shop:1.2".to_owned()))), "{}", ended.stderr);
    assert!(ended.stderr.contains("migrate ended with 2\n") && ended.stderr.contains("service web is not made yet\n"), "{}", ended.stderr);
    let made = |run: &Run| run.fake.with(|world| world.stacks[0].resources.iter().any(|resource| resource.name.starts_with("WebService")));
    let lock = std::fs::read_to_string(run.folder.path().join("stack.lock.kdl")).unwrap();
    assert!(!made(&run) && lock.contains("DataInstance") && !lock.contains("WebService"), "{lock}");
    run.fake.with(|world| world.ecs.exit = Some(0));
    let ended = run.finish(&["deploy", "--yes"]);
    assert!(ended.code == Some(0) && made(&run), "{}", ended.stderr);
}

#[test]
fn the_job_has_the_new_image_while_the_service_has_the_old_one() {
    let run = deployed();
    let ended = run.finish(&["plan", "--param", "image=acme/shop:1.3"]);
    assert!(ended.stdout.contains("  job migrate runs first (migrate.done): service web changes once it has ended well\n"), "{}", ended.stdout);
    let ended = run.finish(&["plan", "--param", "image=acme/shop:1.3", "--format", "json"]);
    let plan: Value = serde_json::from_str(&ended.stdout).unwrap();
    let ended = run.finish(&["plan", "--param", "image=acme/shop:1.3", "--out", "plan.json"]);
    assert!(ended.code == Some(2) && ended.stderr.contains("no plan is kept that has a job to run first"), "{}", ended.stderr);
    assert_eq!((&plan["gates"][0]["names"][0], &plan["gates"][0]["look"], &plan["gates"][0]["open"]), (&"migrate.done".into(), &"run".into(), &false.into()));
    acts(&run);
    run.fake.with(|world| world.ecs.exit = Some(1));
    let ended = run.finish(&NEW);
    assert_eq!(ended.code, Some(6), "{}", ended.stderr);
    let said = "stackc: migrate ended with 1\n  all that it printed: `stackc logs migrate`\nservice web stays as before\n  next: the same command starts migrate again, and goes on once it ends well; --open migrate.done goes on without it\n";
    assert!(ended.stderr.ends_with(said), "{}", ended.stderr);
    assert_eq!(both(&run), pair("1.3", "1.2"));
    // All else is as it was, though the part has the same parameter.
    run.fake.with(|world| world.ecs.exit = Some(0));
    let ended = run.finish(&NEW);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(both(&run), pair("1.3", "1.3"));
    let params: Vec<String> = run.fake.with(|world| world.stacks[0].params.keys().cloned().collect());
    assert!(!params.iter().any(|name| name.contains("Before")), "{params:?}");
    let runs: Vec<String> = acts(&run).into_iter().filter(|act| act.starts_with("RunTask")).collect();
    assert_eq!(runs, ["RunTask 1", "RunTask 2"]);
}

#[test]
fn a_third_image_over_a_job_that_failed_leaves_the_service_on_the_first() {
    let run = deployed();
    run.fake.with(|world| world.ecs.exit = Some(1));
    assert_eq!(run.finish(&NEW).code, Some(6));
    let third = ["deploy", "--yes", "--param", "image=acme/shop:1.4"];
    assert_eq!(run.finish(&third).code, Some(6));
    assert_eq!(both(&run), pair("1.4", "1.2"));
    run.fake.with(|world| world.ecs.exit = Some(0));
    // Without a word more it goes on with what was given last.
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!((ended.code, both(&run)), (Some(0), pair("1.4", "1.4")), "{}", ended.stderr);
}

#[test]
fn it_runs_for_a_reason_only() {
    let run = deployed();
    let runs = |run: &Run| acts(run).iter().filter(|act| act.starts_with("RunTask")).count();
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!((ended.code, runs(&run)), (Some(0), 0), "{}", ended.stderr);
    assert!(ended.stderr.contains("nothing to do"), "{}", ended.stderr);
    // What is neither the job's nor behind it is none.
    run.edit("bucket media", "bucket media versioned=#true");
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!((ended.code, runs(&run)), (Some(0), 0), "{}", ended.stderr);
    assert_eq!(ended.stderr.matches("1 to change").count(), 1, "planned and shown once: {}", ended.stderr);
    run.edit("port 3000", "port 3000\n        env LEVEL=info");
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!((ended.code, runs(&run)), (Some(0), 1), "{}", ended.stderr);
    // Of the job alone: a failure is no reason for the next deploy, and that is said.
    run.fake.with(|world| world.ecs.exit = Some(3));
    run.edit("migrate\n", "migrate \"--fake\"\n");
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!((ended.code, runs(&run)), (Some(6), 1), "{}", ended.stderr);
    assert!(ended.stderr.contains("`stackc run migrate` starts it again"), "{}", ended.stderr);
    // Taken for done by name.
    let ended = run.finish(&["deploy", "--yes", "--param", "image=acme/shop:1.3", "--open", "migrate.done"]);
    assert_eq!((ended.code, runs(&run), both(&run)), (Some(0), 0, pair("1.3", "1.3")), "{}", ended.stderr);
    let ended = run.finish(&["deploy", "--yes", "--open", "migrate.pushed"]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    let ended = run.finish(&["destroy", "--yes", "--allow-replace", "data", "--allow-replace", "media"]);
    assert_eq!((ended.code, runs(&run)), (Some(0), 0), "{}", ended.stderr);
}

#[test]
fn ctrl_c_leaves_the_job_and_the_service_as_they_are_and_the_next_deploy_waits_for_that_run() {
    let run = deployed();
    run.fake.with(|world| world.ecs.endless = true);
    let ended = run.interrupted(&NEW, 1, |fake| fake.with(|world| world.ecs.tasks.len() == 1));
    assert_eq!(ended.code, Some(130), "{}", ended.stderr);
    assert!(ended.stderr.contains("the job goes on: `stackc logs migrate --follow` comes back to it\nservice web stays as before\n"), "{}", ended.stderr);
    assert_eq!(both(&run), pair("1.3", "1.2"));
    acts(&run);
    let fake = run.fake.with(|world| world.calls.len());
    let child = run.command(&NEW).spawn().unwrap();
    let began = std::time::Instant::now();
    while run.fake.with(|world| world.calls[fake..].iter().filter(|call| *call == "ECS DescribeTasks").count()) < 4 {
        assert!(began.elapsed() < runs::LIMIT);
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    assert!(run.fake.with(|world| !world.acts.iter().any(|act| act.starts_with("RunTask"))), "a second one beside the first");
    run.fake.with(|world| world.ecs.endless = false);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(0) && stderr.contains("migrate runs already (task 0001): that is waited for first\n"), "{stderr}");
    assert_eq!((acts(&run).iter().filter(|act| act.starts_with("RunTask")).count(), both(&run)), (1, pair("1.3", "1.3")));
}

#[test]
fn without_waiting_the_job_is_waited_for_all_the_same() {
    let run = deployed();
    let ended = run.finish(&[&NEW[..], &["--no-wait"]].concat());
    assert_eq!(ended.code, Some(5), "{}", ended.stderr);
    assert!(ended.stderr.contains("--no-wait: what comes before a job, and the job, are waited for"), "{}", ended.stderr);
    assert!(ended.stderr.find("migrate is done").unwrap() < ended.stderr.find("and not waited for").unwrap(), "{}", ended.stderr);
    let ended = run.finish(&["deploy", "--yes"]);
    assert_eq!((ended.code, both(&run)), (Some(0), pair("1.3", "1.3")), "{}", ended.stderr);
}

#[test]
fn a_job_that_does_not_begin_changes_no_service() {
    let run = deployed();
    run.fake.with(|world| world.ecs.refuses = Some("RESOURCE:FARGATE"));
    let ended = run.finish(&NEW);
    assert_eq!((ended.code, both(&run)), (Some(3), pair("1.3", "1.2")), "{}", ended.stderr);
    assert!(ended.stderr.contains("RESOURCE:FARGATE") && ended.stderr.contains("service web stays as before"), "{}", ended.stderr);
    run.fake.with(|world| {
        (world.ecs.refuses, world.ecs.exit, world.ecs.prints) = (None, None, Vec::new());
        world.ecs.stopped = "CannotPullContainerError: acme/shop:1.3 not found";
    });
    let ended = run.finish(&NEW);
    assert_eq!((ended.code, both(&run)), (Some(6), pair("1.3", "1.2")), "{}", ended.stderr);
    assert!(ended.stderr.contains("migrate ended with no status of its own: CannotPullContainerError"), "{}", ended.stderr);
}

#[test]
fn a_part_that_fails_starts_no_job() {
    let run = deployed();
    run.fake.with(|world| world.script.fail = Some(("MigrateTask", "Invalid request")));
    let ended = run.finish(&NEW);
    assert_eq!((ended.code, both(&run)), (Some(3), pair("1.2", "1.2")), "{}", ended.stderr);
    assert!(!acts(&run).iter().any(|act| act.starts_with("RunTask")), "{}", ended.stderr);
}

#[test]
fn faults_on_the_way_start_no_second_job_and_change_no_service_before_it_ended() {
    for (call, what) in [("ECS RunTask", wire::What::CutAfter), ("ECS DescribeTasks", wire::What::CutBefore), ("GetTemplate", wire::What::CutBefore)] {
        let run = deployed();
        run.fake.with(|world| world.faults = vec![fake::Fault::of(call, 1, 1, what)]);
        let ended = run.finish(&NEW);
        assert_eq!((ended.code, both(&run)), (Some(0), pair("1.3", "1.3")), "{call}: {}", ended.stderr);
        assert_eq!(acts(&run).iter().filter(|act| act.starts_with("RunTask")).count(), 1, "{call}");
    }
    for call in ["ECS ListTasks", "ECS RunTask", "ECS DescribeTasks"] {
        let run = deployed();
        run.fake.with(|world| world.faults = vec![fake::Fault::of(call, 1, usize::MAX, wire::What::Denied)]);
        let ended = run.finish(&NEW);
        assert_eq!((ended.code, both(&run)), (Some(3), pair("1.3", "1.2")), "{call}: {}", ended.stderr);
        assert!(ended.stderr.contains("service web stays as before"), "{call}: {}", ended.stderr);
    }
}
