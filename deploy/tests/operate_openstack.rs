//! `run`, `logs` and `status` on OpenStack: Keystone and Nova by a fake, below a stand-in for Terraform, every verb with every fault on the way.
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

type Run = runs::Run<OpenStack>;

const STACK: &str = r#"stack shop {
    targets tf-openstack
    network main
    service web network=main image="acme/shop:1.2" port=3000 replicas=2
    job migrate network=main image="acme/shop:1.2"
}
"#;

/// What runs there. A server that was started goes one step on with each look at it, and switches itself off.
#[derive(Clone, Default)]
struct World {
    port: u16,
    faults: Vec<Fault>,
    calls: Vec<String>,
    acts: Vec<String>,
    /// Looks at the job's server since it was started; none while it is off.
    looks: Option<usize>,
    /// A server of the service that went wrong.
    broken: bool,
}

struct OpenStack {
    world: Arc<Mutex<World>>,
    bin: tempfile::TempDir,
}

impl OpenStack {
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }
}

impl runs::Cloud for OpenStack {
    fn start() -> OpenStack {
        let world = Arc::new(Mutex::new(World::default()));
        let port = wire::serve(Arc::clone(&world));
        world.lock().unwrap().port = port;
        let bin = tempfile::tempdir().unwrap();
        let outputs = [
            ("handle_migrate", json!({ "kind": "nova-job", "server": "job-1" })),
            ("handle_web", json!({ "kind": "nova-service", "servers": ["web-1", "web-2"] })),
        ];
        standin::terraform(bin.path(), &outputs, "openstack_compute_instance_v2.web_a");
        OpenStack { world, bin }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("OS_AUTH_URL", format!("http://127.0.0.1:{}/v3", self.with(|world| world.port))),
            ("OS_USERNAME", "ci".to_owned()),
            ("OS_PASSWORD", "not-a-real-one".to_owned()),
            ("OS_PROJECT_NAME", "shop".to_owned()),
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

fn refusal(status: u16, kind: &str, text: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: json!({ kind: { "code": status, "message": text } }).to_string() }
}

impl World {
    fn server(&mut self, id: &str) -> Value {
        let (status, task) = match (id, self.looks) {
            ("web-2", _) if self.broken => ("ERROR", Value::Null),
            ("job-1", None) => ("SHUTOFF", Value::Null),
            ("job-1", Some(0)) => ("SHUTOFF", json!("powering-on")),
            ("job-1", Some(3..)) => ("SHUTOFF", Value::Null),
            _ => ("ACTIVE", Value::Null),
        };
        if id == "job-1" {
            self.looks = self.looks.map(|looks| looks + 1).filter(|looks| *looks < 4);
        }
        let mut server = json!({ "id": id, "name": format!("shop-{id}"), "status": status, "OS-EXT-STS:task_state": task, "updated": "2026-11-18T08:26:40Z" });
        if status == "ERROR" {
            server["fault"] = json!({ "code": 500, "message": "No valid host was found." });
        }
        json!({ "server": server })
    }
}

impl Site for World {
    fn name(&self, request: &Request) -> String {
        match request.target.as_str() {
            "/v3/auth/tokens" => "Token",
            target if target.ends_with("/action") && request.body.contains("os-start") => "start",
            target if target.ends_with("/action") => "console",
            _ => "server",
        }
        .to_owned()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, name: &str) {
        // Logging in is tried with the engine of Heat.
        if name != "Token" {
            self.calls.push(name.to_owned());
        }
    }

    fn refuse(&self, _name: &str, what: What) -> Answer {
        match what {
            What::Throttle | What::TooMany => refusal(429, "overLimit", "This request was rate-limited."),
            What::Expired => refusal(401, "error", "The request you have made requires authentication."),
            What::Denied => refusal(403, "forbidden", "Policy doesn't allow os_compute_api:servers:start to be performed."),
            _ => refusal(503, "serviceUnavailable", "The server is currently unavailable."),
        }
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        if name == "Token" {
            let endpoint = json!({ "interface": "public", "region": "RegionOne", "url": format!("http://127.0.0.1:{}/compute/v2.1", self.port) });
            let body = json!({ "token": { "project": { "id": "p1" }, "catalog": [{ "type": "compute", "endpoints": [endpoint] }] } });
            return Answer { status: 201, headers: vec![("X-Subject-Token", "token-1".to_owned())], body: body.to_string() };
        }
        assert_eq!(request.headers.get("x-auth-token").map(String::as_str), Some("token-1"));
        let id = request.target.strip_prefix("/compute/v2.1/servers/").unwrap().trim_end_matches("/action").to_owned();
        let found = match name {
            "start" if self.looks.is_some() => {
                return refusal(409, "conflictingRequest", "Cannot 'start' instance job-1 while it is in task_state powering-on");
            }
            "start" => {
                self.acts.push("start".to_owned());
                self.looks = Some(0);
                return Answer { status: 202, ..Answer::default() };
            }
            "console" => json!({ "output": format!("boot of {id}\nsame\nsame\n") }),
            _ => self.server(&id),
        };
        Answer { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body: found.to_string() }
    }
}

impl Faulty for OpenStack {
    fn set(&self, faults: Vec<Fault>) {
        self.with(|world| world.faults = faults);
    }

    fn forget(&self) {
        self.with(|world| (world.acts, world.calls) = Default::default());
    }

    fn look() -> &'static str {
        "server"
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
        Case { name: "logs", arguments: &["logs", "web"], before: |_| () },
        Case { name: "logs, failed", arguments: &["logs", "web", "--failed"], before: |run: &Run| run.fake.with(|world| world.broken = true) },
        Case { name: "status", arguments: &["status"], before: |_| () },
    ];
    matrix::every_verb_meets_every_fault(STACK, &cases);
}

#[test]
fn a_job_is_started_and_what_is_not_known_is_said() {
    let run = Run::new(STACK);
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!(ended.code, Some(126), "{}", ended.stderr);
    let words =
        "migrate is started: server job-1\nmigrate: powering-on\nmigrate: active\nstackc: migrate ended with no status of its own: it has ended, and Nova";
    assert!(ended.stderr.contains(words) && ended.stderr.contains("in the journal of the server"), "{}", ended.stderr);
    assert_eq!(ended.stdout, "boot of job-1\nsame\nsame\n");
    let ended = run.finish(&["run", "migrate", "--", "other"]);
    assert!(ended.code == Some(125) && ended.stderr.contains("write it into `command`, and deploy that"), "{}", ended.stderr);
    run.fake.set(vec![Fault::of("start", 1, 1, What::CutAfter)]);
    let ended = run.finish(&["run", "migrate", "--no-wait"]);
    assert_eq!((ended.code, run.fake.with(|world| world.acts.clone())), (Some(5), vec!["start".to_owned(); 2]), "{}", ended.stderr);
    let ended = run.finish(&["run", "migrate"]);
    assert!(ended.code == Some(125) && ended.stderr.contains("it runs already"), "{}", ended.stderr);
}

#[test]
fn logs_and_status_are_of_the_servers() {
    let run = Run::new(STACK);
    let ended = run.finish(&["logs", "web"]);
    assert_eq!(ended.stdout, "web-1  boot of web-1\nweb-1  same\nweb-1  same\nweb-2  boot of web-2\nweb-2  same\nweb-2  same\n", "{}", ended.stderr);
    let ended = run.finish(&["status"]);
    assert!(ended.stdout.contains("  service web: 2 of 2 running, since 2026-11-18T08:26:40Z\n"), "{}{}", ended.stdout, ended.stderr);
    run.fake.with(|world| world.broken = true);
    let ended = run.finish(&["logs", "web", "--failed"]);
    assert!(ended.stderr.contains("server shop-web-2 failed: No valid host was found."), "{}", ended.stderr);
    let ended = run.finish(&["shell", "web"]);
    assert!(ended.code == Some(125) && ended.stderr.contains("openstack console url show"), "{}", ended.stderr);
}
