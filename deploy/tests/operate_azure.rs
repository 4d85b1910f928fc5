//! `run`, `logs`, `shell` and `status` on Azure: Container Apps and Log Analytics by a fake, below a stand-in for Terraform, every verb with every fault on
//! the way.
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

type Run = runs::Run<Azure>;

const STACK: &str = r#"stack shop {
    targets tf-azure
    network main
    service web network=main image="acme/shop:1.2" port=3000 shell=#true
    job migrate network=main image="acme/shop:1.2"
}
"#;

const JOB: &str = "/subscriptions/1111/resourceGroups/shop/providers/Microsoft.App/jobs/shop-migrate";
const APP: &str = "/subscriptions/1111/resourceGroups/shop/providers/Microsoft.App/containerApps/shop-web";
const WORKSPACE: &str = "/subscriptions/1111/resourceGroups/shop/providers/Microsoft.OperationalInsights/workspaces/shop-logs";

/// What runs there. An execution goes one step on with each look at it.
#[derive(Clone, Default)]
struct World {
    faults: Vec<Fault>,
    calls: Vec<String>,
    acts: Vec<String>,
    executions: Vec<(String, usize, Value)>,
    /// The status of what is run; none when Azure does not tell.
    exit: Option<i64>,
    fails: bool,
    /// Nothing was printed in the whole workspace yet.
    no_tables: bool,
    app_fails: bool,
    questions: Vec<String>,
}

struct Azure {
    port: u16,
    world: Arc<Mutex<World>>,
    bin: tempfile::TempDir,
}

impl Azure {
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }
}

impl runs::Cloud for Azure {
    fn start() -> Azure {
        let world = Arc::new(Mutex::new(World::default()));
        let bin = tempfile::tempdir().unwrap();
        let outputs = [
            ("handle_migrate", json!({ "kind": "container-app-job", "id": JOB, "container": "migrate", "workspace": WORKSPACE })),
            ("handle_web", json!({ "kind": "container-app", "id": APP, "container": "web", "workspace": WORKSPACE, "shell": true })),
        ];
        standin::terraform(bin.path(), &outputs, "azurerm_container_app.web");
        Azure { port: wire::serve(Arc::clone(&world)), world, bin }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        let url = format!("http://127.0.0.1:{}", self.port);
        vec![
            ("AZURE_SUBSCRIPTION_ID", "1111".to_owned()),
            ("IDENTITY_ENDPOINT", format!("{url}/token")),
            ("IDENTITY_HEADER", "not-a-real-one".to_owned()),
            ("STACKC_ENDPOINT_URL", url),
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

fn refusal(status: u16, code: &str, text: &str) -> Answer {
    Answer { status, headers: Vec::new(), body: json!({ "error": { "code": code, "message": text } }).to_string() }
}

impl World {
    fn execution(&self, name: &str, looks: usize) -> Value {
        let status = match (looks, self.fails) {
            (0..=2, _) => "Running",
            (_, false) => "Succeeded",
            (_, true) => "Failed",
        };
        let mut found = json!({ "name": name, "properties": { "status": status, "startTime": format!("2026-11-29T00:00:0{}Z", name.len() % 10) } });
        if let Some(exit) = self.exit.filter(|_| status == "Failed") {
            found["properties"]["detailedStatus"] = json!({ "replicas": [{ "containers": [{ "name": "migrate", "code": exit }] }] });
        }
        found
    }

    fn table(&mut self, body: &Value) -> Answer {
        let query = body["query"].as_str().unwrap().to_owned();
        self.questions.push(query.clone());
        if self.no_tables {
            return refusal(400, "BadArgumentError", "'union' operator: Failed to resolve table expression named 'ContainerAppConsoleLogs'");
        }
        let line = |number: usize, copy: &str, text: &str| json!([format!("2999-01-01T00:00:0{number}.1234567Z"), copy, format!("{text}\n")]);
        let rows = if query.contains("Job == 'shop-migrate'") {
            vec![line(1, "shop-migrate-x1-abc", "one")]
        } else {
            assert!(query.contains("where App == 'shop-web'"), "{query}");
            vec![line(1, "copy-1", "GET /"), line(1, "copy-1", "GET /"), line(2, "copy-2", "GET /a")]
        };
        let columns = ["At", "Copy", "Text"].map(|name| json!({ "name": name }));
        Answer { status: 200, headers: Vec::new(), body: json!({ "tables": [{ "name": "PrimaryResult", "columns": columns, "rows": rows }] }).to_string() }
    }
}

impl Site for World {
    fn name(&self, request: &Request) -> String {
        let path = request.target.split('?').next().unwrap();
        let what = match path {
            "/token" => "Token",
            _ if path.ends_with("/start") => "start",
            _ if path.ends_with("/api/query") => "query",
            _ if path.ends_with("/executions") => "executions",
            _ if path.contains("/executions/") => "execution",
            _ if path.contains("/revisions/") => "revision",
            JOB => "job",
            _ => "app",
        };
        what.to_owned()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, name: &str) {
        // Logging in is tried with the engine of Azure.
        if name != "Token" {
            self.calls.push(name.to_owned());
        }
    }

    fn refuse(&self, _name: &str, what: What) -> Answer {
        match what {
            What::Throttle | What::TooMany => refusal(429, "TooManyRequests", "The number of requests is over the limit."),
            What::Expired => refusal(401, "ExpiredAuthenticationToken", "The access token has expired."),
            What::Denied => refusal(403, "AuthorizationFailed", "The client does not have authorization to perform the action."),
            _ => refusal(503, "ServiceUnavailable", "The service is unavailable."),
        }
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        let path = request.target.split('?').next().unwrap().to_owned();
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        if name == "Token" {
            let token = json!({ "access_token": "token-1", "expires_on": "4000000000", "token_type": "Bearer", "resource": "x" });
            return Answer { status: 200, headers: Vec::new(), body: token.to_string() };
        }
        assert_eq!(request.headers.get("authorization").map(String::as_str), Some("Bearer token-1"));
        let found = match name {
            "start" => {
                assert_eq!(path, format!("{JOB}/start"));
                let id = format!("shop-migrate-x{}", self.executions.len() + 1);
                self.acts.push(format!("start {}", self.executions.len() + 1));
                self.executions.push((id.clone(), 0, body));
                json!({ "name": id, "id": format!("{JOB}/executions/{id}") })
            }
            "query" => {
                assert_eq!(path, format!("{WORKSPACE}/api/query"));
                return self.table(&body);
            }
            "executions" => json!({ "value": self.executions.iter().map(|(name, looks, _)| self.execution(name, *looks)).collect::<Vec<_>>() }),
            "execution" => {
                let at = self.executions.iter().position(|(name, ..)| path.ends_with(&format!("/executions/{name}"))).unwrap();
                self.executions[at].1 += 1;
                self.execution(&self.executions[at].0, self.executions[at].1)
            }
            "job" => json!({ "properties": { "template": { "containers": [{
                "name": "migrate", "image": "acme/shop:1.2", "args": ["migrate"], "probes": [], "env": [{ "name": "KEY", "secretRef": "key-1" }],
                "resources": { "cpu": 0.5, "memory": "1Gi", "ephemeralStorage": "2Gi" },
            }] } } }),
            "revision" => {
                let (state, health) = if self.app_fails { ("Failed", "Unhealthy") } else { ("Running", "Healthy") };
                let more = if self.app_fails { "Container web: CrashLoopBackOff" } else { "" };
                let properties =
                    json!({ "replicas": 2, "runningState": state, "healthState": health, "runningStateDetails": more, "createdTime": "2026-11-18T08:26:40Z" });
                json!({ "name": "shop-web--abc", "properties": properties })
            }
            _ => json!({ "properties": {
                "latestRevisionName": "shop-web--abc", "configuration": { "ingress": { "fqdn": "shop-web.internal.example" } },
                "template": { "scale": { "minReplicas": 2 }, "containers": [{ "name": "web", "image": "acme/shop:1.2" }] },
            } }),
        };
        Answer { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body: found.to_string() }
    }
}

impl Faulty for Azure {
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
        Case { name: "run, other", arguments: &["run", "migrate", "--", "a"], before: |_| () },
        Case { name: "logs", arguments: &["logs", "web"], before: |_| () },
        Case { name: "logs, failed", arguments: &["logs", "web", "--failed"], before: |run: &Run| run.fake.with(|world| world.app_fails = true) },
        Case { name: "status", arguments: &["status"], before: |_| () },
    ];
    matrix::every_verb_meets_every_fault(STACK, &cases);
}

#[test]
fn a_job_is_run_and_ends_as_it_ends() {
    let run = Run::new(STACK);
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "one\n"), "{}", ended.stderr);
    let words = "migrate is started: execution shop-migrate-x1\nmigrate: running\nmigrate is done: ";
    assert!(ended.stderr.contains(words) && ended.stderr.contains("some minutes later: `stackc logs migrate` shows it then"), "{}", ended.stderr);
    // Of the job's own container, all that an override would drop; none of what it does not take.
    let ended = run.finish(&["run", "migrate", "--", "a", "--b"]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let given = run.fake.with(|world| world.executions[1].2.clone());
    let container = json!({
        "name": "migrate", "image": "acme/shop:1.2", "args": ["a", "--b"], "env": [{ "name": "KEY", "secretRef": "key-1" }],
        "resources": { "cpu": 0.5, "memory": "1Gi" },
    });
    assert_eq!(given, json!({ "containers": [container] }));
    run.fake.with(|world| (world.fails, world.exit) = (true, Some(42)));
    assert_eq!(run.finish(&["run", "migrate"]).code, Some(42));
    run.fake.with(|world| (world.exit, world.no_tables) = (None, true));
    let ended = run.finish(&["run", "migrate"]);
    assert!(ended.code == Some(126) && ended.stderr.contains("no status of its own: Azure calls it failed"), "{}", ended.stderr);
    let ended = run.finish(&["logs", "migrate", "--failed"]);
    assert!(ended.stderr.contains("failed: Azure calls it failed"), "{}", ended.stderr);
}

#[test]
fn a_lost_answer_starts_nothing_a_second_time() {
    let run = Run::new(STACK);
    run.fake.set(vec![Fault::of("start", 1, 1, What::CutAfter)]);
    let ended = run.finish(&["run", "migrate"]);
    assert_eq!((ended.code, run.fake.with(|world| world.acts.clone())), (Some(0), vec!["start 1".to_owned()]), "{}", ended.stderr);
}

#[test]
fn logs_status_and_shell() {
    let run = Run::new(STACK);
    let ended = run.finish(&["logs", "web"]);
    let lines = "2999-01-01 00:00:01  copy-1  GET /\n2999-01-01 00:00:01  copy-1  GET /\n2999-01-01 00:00:02  copy-2  GET /a\n";
    assert_eq!(ended.stdout, lines, "{}", ended.stderr);
    let asked = run.fake.with(|world| world.questions.join("\n"));
    assert!(asked.contains("(ContainerAppConsoleLogs_CL | ") && asked.contains("(ContainerAppConsoleLogs | "), "{asked}");
    let ended = run.finish(&["status"]);
    let words = "  service web: 2 of 2 running, healthy, acme/shop:1.2, shop-web.internal.example, since 2026-11-18T08:26:40Z\n";
    assert!(ended.stdout.contains(words), "{}{}", ended.stdout, ended.stderr);
    run.fake.with(|world| world.app_fails = true);
    let ended = run.finish(&["logs", "web", "--failed"]);
    assert!(ended.stderr.contains("revision shop-web--abc is failed Container web: CrashLoopBackOff"), "{}", ended.stderr);
    let ended = run.finish(&["shell", "web"]);
    let command = "az containerapp exec --subscription 1111 --resource-group shop --name shop-web --container web --command /bin/sh\n";
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(125), command), "{}", ended.stderr);
}

#[test]
fn who_is_not_logged_in_sees_what_terraform_knows() {
    let run = Run::new(STACK);
    let mut command = run.command(&["status"]);
    command.env_remove("IDENTITY_ENDPOINT").env_remove("AZURE_SUBSCRIPTION_ID");
    let output = command.output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && out.contains("  service web: could not be asked: no credentials for Azure: log in"), "{out}");
    // The provider's own variables are heeded, too: what is missing of them is told.
    let output = command.env("ARM_CLIENT_SECRET", "of-nobody").output().unwrap();
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(out.contains("could not be asked: AZURE_CLIENT_SECRET is set, and AZURE_TENANT_ID is not"), "{out}");
}
