//! `run`, `logs` and `status` on Google Cloud: Cloud Run and Cloud Logging by a fake, below a stand-in for Terraform, every verb with every fault on the way.
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

mod matrix;
mod runs;
mod standin;
mod wire;

use matrix::{Case, Faulty};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use wire::{Answer, Fault, Request, Site, What};

type Run = runs::Run<Google>;

const STACK: &str = r#"stack shop {
    targets tf-google
    network main
    service web network=main image="acme/shop:1.2" port=3000
    job migrate network=main image="acme/shop:1.2"
}
"#;

const JOB: &str = "projects/acme/locations/europe-west1/jobs/shop-migrate";
const SERVICE: &str = "projects/acme/locations/europe-west1/services/shop-web";

/// What runs there. An execution goes one step on with each look at it.
#[derive(Clone, Default)]
struct World {
    faults: Vec<Fault>,
    calls: Vec<String>,
    acts: Vec<String>,
    executions: Vec<(String, usize, Value)>,
    /// The status of what is run; none when it never began.
    exit: Option<i64>,
    prints: Vec<&'static str>,
    endless: bool,
    service_fails: bool,
}

struct Google {
    port: u16,
    world: Arc<Mutex<World>>,
    bin: tempfile::TempDir,
}

impl Google {
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }
}

impl runs::Cloud for Google {
    fn start() -> Google {
        let world = Arc::new(Mutex::new(World { exit: Some(0), prints: vec!["one", "two"], ..World::default() }));
        let bin = tempfile::tempdir().unwrap();
        let outputs = [
            ("handle_migrate", json!({ "kind": "cloud-run-job", "id": JOB, "container": "migrate" })),
            ("handle_web", json!({ "kind": "cloud-run-service", "id": SERVICE, "container": "web" })),
        ];
        standin::terraform(bin.path(), &outputs, "google_cloud_run_v2_service.web");
        Google { port: wire::serve(Arc::clone(&world)), world, bin }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let url = format!("http://127.0.0.1:{}", self.port);
        vec![
            ("GOOGLE_OAUTH_ACCESS_TOKEN", "ya29.of-nobody".to_owned()),
            ("GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", format!("{url}/v2/")),
            ("GOOGLE_LOGGING_CUSTOM_ENDPOINT", format!("{url}/logging/v2/")),
            ("PATH", format!("{}:/usr/bin:/bin", self.bin.path().display())),
            ("HOME", self.bin.path().display().to_string()),
        ]
    }

    fn acts(&self) -> Vec<String> {
        self.with(|world| world.acts.clone())
    }

    fn calls(&self) -> Vec<String> {
        self.with(|world| world.calls.clone())
    }
}

fn refusal(status: u16, text: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: json!({ "error": { "code": status, "message": text } }).to_string() }
}

impl World {
    fn execution(&self, name: &str, looks: usize) -> Value {
        let ends = looks > self.prints.len() + 1 && !self.endless;
        let state = match (ends, self.exit) {
            (false, _) => "CONDITION_RECONCILING",
            (true, Some(0)) => "CONDITION_SUCCEEDED",
            (true, _) => "CONDITION_FAILED",
        };
        let message = if ends && self.exit.is_none() { "Image 'acme/shop:1.2' not found." } else { "" };
        json!({ "name": name, "runningCount": usize::from(looks > 1), "conditions": [{ "type": "Completed", "state": state, "message": message }] })
    }

    fn entries(&self, body: &Value) -> Value {
        let filter = body["filter"].as_str().unwrap();
        let entry = |number: usize, text: &str, execution: &str| {
            json!({
                "insertId": format!("i{number}"), "timestamp": format!("2999-01-01T00:00:0{number}.123456Z"), "textPayload": text,
                "labels": { "run.googleapis.com/execution_name": execution, "instanceId": "copy-1" },
            })
        };
        if filter.contains("cloud_run_revision") {
            assert!(filter.contains("resource.labels.service_name=\"shop-web\""), "{filter}");
            // Two pages.
            return match body["pageToken"].as_str() {
                None => json!({ "entries": [entry(1, "GET /", "")], "nextPageToken": "second" }),
                Some(_) => json!({ "entries": [{ "insertId": "i2", "timestamp": "2999-01-01T00:00:02Z", "jsonPayload": { "message": "GET /a" } }] }),
            };
        }
        let one = self.executions.iter().find(|(name, ..)| filter.contains(&format!("execution_name\"=\"{}\"", name.rsplit('/').next().unwrap())));
        let Some((name, looks, _)) = one else { return json!({}) };
        let entries: Vec<Value> = self.prints.iter().take(looks.saturating_sub(1)).enumerate().map(|(number, text)| entry(number, text, name)).collect();
        if entries.is_empty() { json!({}) } else { json!({ "entries": entries }) }
    }
}

impl Site for World {
    fn name(&self, request: &Request) -> String {
        let path = request.target.split('?').next().unwrap();
        let what = match path {
            _ if path.ends_with(":run") => "run",
            _ if path.ends_with("entries:list") => "entries",
            _ if path.ends_with("/executions") => "executions",
            _ if path.ends_with("/tasks") => "tasks",
            _ if path.contains("/executions/") => "execution",
            _ => "service",
        };
        what.to_owned()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, name: &str) {
        self.calls.push(name.to_owned());
    }

    fn refuse(&self, _name: &str, what: What) -> Answer {
        match what {
            What::Throttle | What::TooMany => refusal(429, "Quota exceeded for quota metric 'Read requests'"),
            What::Expired => refusal(401, "Request had invalid authentication credentials."),
            What::Denied => refusal(403, "Permission 'run.jobs.run' denied on resource"),
            _ => refusal(503, "The service is currently unavailable."),
        }
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        assert_eq!(request.headers.get("authorization").map(String::as_str), Some("Bearer ya29.of-nobody"));
        let path = request.target.split('?').next().unwrap().to_owned();
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let found = match name {
            "run" => {
                assert_eq!(path, format!("/v2/{JOB}:run"));
                let id = format!("{JOB}/executions/shop-migrate-{}", self.executions.len() + 1);
                self.acts.push(format!("run {}", self.executions.len() + 1));
                self.executions.insert(0, (id.clone(), 0, body["overrides"].clone()));
                json!({ "name": "operations/1", "metadata": { "name": id } })
            }
            "executions" if self.executions.is_empty() => json!({}),
            "executions" => json!({ "executions": self.executions.iter().map(|(name, looks, _)| self.execution(name, *looks)).collect::<Vec<_>>() }),
            "execution" => {
                let at = self.executions.iter().position(|(name, ..)| path == format!("/v2/{name}")).unwrap();
                self.executions[at].1 += 1;
                self.execution(&self.executions[at].0, self.executions[at].1)
            }
            "tasks" if self.exit.is_some() => json!({ "tasks": [{ "lastAttemptResult": { "exitCode": self.exit } }] }),
            "tasks" => json!({ "tasks": [{}] }),
            "entries" => self.entries(&body),
            _ => {
                assert_eq!(path, format!("/v2/{SERVICE}"));
                let (state, message) = if self.service_fails {
                    ("CONDITION_FAILED", "The container failed to start and listen on PORT=3000.")
                } else {
                    ("CONDITION_SUCCEEDED", "")
                };
                json!({
                    "name": SERVICE, "uri": "https://shop-web.run.app", "updateTime": "2026-11-18T08:26:40Z", "latestCreatedRevision": format!("{SERVICE}/revisions/shop-web-2"),
                    "terminalCondition": { "state": state, "message": message },
                    "template": { "scaling": { "minInstanceCount": 2 }, "containers": [{ "name": "web", "image": "acme/shop:1.2" }] },
                })
            }
        };
        Answer { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body: found.to_string() }
    }
}

impl Faulty for Google {
    fn set(&self, faults: Vec<Fault>) {
        self.with(|world| world.faults = faults);
    }

    fn forget(&self) {
        self.with(|world| (world.acts, world.calls) = Default::default());
    }

    fn look() -> &'static str {
        "execution"
    }

    fn once() -> &'static [&'static str] {
        &[]
    }

    fn left_by_plan(&self) -> bool {
        false
    }
}

#[test]
fn every_verb_meets_every_fault() {
    let cases = [
        Case { name: "run", arguments: &["run", "migrate"], before: |_| () },
        Case { name: "logs", arguments: &["logs", "web"], before: |_| () },
        Case { name: "logs, failed", arguments: &["logs", "web", "--failed"], before: |run: &Run| run.fake.with(|world| world.service_fails = true) },
        Case { name: "status", arguments: &["status"], before: |_| () },
    ];
    matrix::every_verb_meets_every_fault(STACK, &cases);
}

#[test]
fn a_job_is_run_and_ends_as_it_ends() {
    let run = Run::new(STACK);
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "one\ntwo\n"), "{}", ended.stderr);
    assert!(ended.stderr.contains("migrate is started: execution shop-migrate-1\nmigrate: pending\nmigrate: running\nmigrate is done"), "{}", ended.stderr);
    let ended = run.finish(&["run", "migrate", "--", "a", "--b"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(run.fake.with(|world| world.executions[0].2.clone()), json!({ "containerOverrides": [{ "name": "migrate", "args": ["a", "--b"] }] }));
    run.fake.with(|world| world.exit = Some(42));
    assert_eq!(run.finish(&["run", "migrate"]).code, Some(42));
    let ended = run.finish(&["logs", "migrate", "--failed"]);
    assert!(ended.stderr.contains("execution shop-migrate-3 ended with 42") && ended.stdout == "one\ntwo\n", "{}{}", ended.stderr, ended.stdout);
    run.fake.with(|world| world.exit = None);
    let ended = run.finish(&["run", "migrate"]);
    assert!(ended.code == Some(126) && ended.stderr.contains("no status of its own: Image 'acme/shop:1.2' not found."), "{}", ended.stderr);
    run.fake.with(|world| world.endless = true);
    let ended = run.interrupted(&["run", "migrate"], 1, |fake| fake.with(|world| world.executions.len() == 5));
    assert!(ended.code == Some(130) && ended.stderr.contains("`stackc logs migrate --follow`"), "{}", ended.stderr);
}

#[test]
fn a_lost_answer_starts_nothing_a_second_time() {
    let run = Run::new(STACK);
    run.fake.set(vec![Fault::of("run", 1, 1, What::CutAfter)]);
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!((ended.code, run.fake.with(|world| world.acts.clone())), (Some(0), vec!["run 1".to_owned()]), "{}", ended.stderr);
}

#[test]
fn logs_and_status_say_what_runs() {
    let run = Run::new(STACK);
    let ended = run.finish(&["logs", "web"]);
    assert_eq!(ended.stdout, "2999-01-01 00:00:01  copy-1  GET /\n2999-01-01 00:00:02    GET /a\n", "{}", ended.stderr);
    let ended = run.finish(&["status"]);
    let words = "  service web: 2 wanted, ready, acme/shop:1.2, https://shop-web.run.app, since 2026-11-18T08:26:40Z\n";
    assert!(ended.stdout.contains(words), "{}{}", ended.stdout, ended.stderr);
    run.fake.with(|world| world.service_fails = true);
    let ended = run.finish(&["logs", "web", "--failed"]);
    assert!(ended.stderr.contains("revision shop-web-2 failed: The container failed to start"), "{}", ended.stderr);
    let ended = run.finish(&["shell", "web"]);
    assert!(ended.code == Some(125) && ended.stderr.contains("opens no shell"), "{}", ended.stderr);
}

#[test]
fn who_is_not_logged_in_is_told_how() {
    let run = Run::new(STACK);
    let output = run.command(&["logs", "web"]).env_remove("GOOGLE_OAUTH_ACCESS_TOKEN").output().unwrap();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && err.contains("log in with `gcloud auth login`"), "{err}");
    // What Terraform knows is shown all the same.
    let output = run.command(&["status"]).env_remove("GOOGLE_OAUTH_ACCESS_TOKEN").output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && out.contains("  service web: could not be asked: no token of Google's was found"), "{out}");
}
