//! Where Terraform keeps its state: with the real Terraform, against servers of the test's own.

use crate::engines::{self, SchemaProvider};
use crate::product::root;
use crate::run::{Run, SECRET, leaks};
use crate::wire::{self, Answer, Fault, Request, Site, What};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

/// `ana` and the secret, as HTTP sends them.
const AUTHORIZATION: &str = "Basic YW5hOnMzY3IzdC1rRXktIm9mIi10aGUtc2hvcA==";

const STACK: &str = r#"stack shop {
    state http address="SERVER/{name}" lock_address="SERVER/{name}" unlock_address="SERVER/{name}" username=ana
    network main
}
"#;

/// A server that keeps states, as Terraform's backend `http` wants one.
#[derive(Default)]
struct Keeper {
    states: BTreeMap<String, String>,
    /// Who holds the lock of which.
    locks: BTreeMap<String, String>,
    faults: Vec<Fault>,
    /// Calls that came without the right password.
    strangers: usize,
}

fn answer(status: u16, body: impl Into<String>) -> Answer {
    Answer { status, headers: vec![("Content-Type", "application/json".to_owned())], body: body.into() }
}

impl Site for Keeper {
    fn name(&self, request: &Request) -> String {
        request.method.clone()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, _name: &str) {}

    fn refuse(&self, _name: &str, _what: What) -> Answer {
        answer(503, "")
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        if request.headers.get("authorization").map(String::as_str) != Some(AUTHORIZATION) {
            self.strangers += 1;
            return answer(401, "");
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let holder = self.locks.get(path).cloned();
        match name {
            "GET" => self.states.get(path).map_or_else(|| answer(404, ""), |state| answer(200, state)),
            // Who writes has to hold the lock.
            "POST" | "DELETE" if !holder.as_ref().is_some_and(|holder| query.strip_prefix("ID=").is_some_and(|id| holder.contains(id))) => {
                answer(409, "not locked")
            }
            "POST" => {
                self.states.insert(path.to_owned(), request.body.clone());
                answer(200, "")
            }
            "DELETE" => {
                self.states.remove(path);
                answer(200, "")
            }
            "LOCK" => match holder {
                Some(holder) => answer(423, holder),
                None => {
                    self.locks.insert(path.to_owned(), request.body.clone());
                    answer(200, "")
                }
            },
            "UNLOCK" => {
                self.locks.remove(path);
                answer(200, "")
            }
            _ => answer(405, ""),
        }
    }
}

/// What Terraform needs beside the server: a provider without a cloud.
pub struct Provided {
    environment: Vec<(String, String)>,
    _provider: SchemaProvider,
    _terraform: engines::Terraform,
}

pub fn provided() -> Option<Provided> {
    let (python, terraform) = (engines::python()?, engines::terraform_core()?);
    let facts = root().join("specs/providers/terraform-openstack.facts").to_str().unwrap().to_owned();
    let provider = SchemaProvider::start(&python, &[facts], &terraform.folder("provider"));
    let mut environment = provider.environment();
    environment.push(("TF_CLI_CONFIG_FILE".to_owned(), terraform.configuration().to_str().unwrap().to_owned()));
    // Nothing here is waited for: what is away comes back when the test says so.
    environment.push(("TF_HTTP_RETRY_MAX".to_owned(), "0".to_owned()));
    environment.push(("STACKC_ANSWER_MS".to_owned(), "1000".to_owned()));
    Some(Provided { environment, _provider: provider, _terraform: terraform })
}

pub fn run_with(provided: &Provided, stack: &str) -> Run {
    let mut run = Run::new(stack, "tf-openstack", provided.environment.clone());
    // There is no secret in the stack: nothing at all may hold it.
    run.told = false;
    run
}

#[test]
fn a_life_with_its_state_on_a_server() {
    let Some(provided) = provided() else { return };
    let keeper = Arc::new(Mutex::new(Keeper::default()));
    let server = format!("http://127.0.0.1:{}", wire::serve(Arc::clone(&keeper)));
    let run = run_with(&provided, &STACK.replace("SERVER", &server));
    // Without the password.
    run.ends(&["plan"], 3);
    assert!(std::mem::take(&mut keeper.lock().unwrap().strangers) > 0);
    let run = run.with("TF_HTTP_PASSWORD", SECRET);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    {
        let keeper = keeper.lock().unwrap();
        assert_eq!(keeper.states.keys().collect::<Vec<_>>(), ["/shop", "/shop-green"]);
        assert!(keeper.locks.is_empty() && keeper.strangers == 0);
        assert!(!keeper.states.values().any(|state| leaks(state)));
    }

    run.note("somebody else holds the lock");
    let lock = r#"{"ID":"1-2","Operation":"OperationTypeApply","Who":"ana@build","Version":"1.11.4","Created":"2026-11-25T03:36:42Z","Path":"","Info":""}"#;
    keeper.lock().unwrap().locks.insert("/shop".to_owned(), lock.to_owned());
    let ended = run.ends(&["plan"], 3);
    // Terraform takes no more than the lock's name from the server's answer.
    assert!(ended.stderr.contains("locked by somebody; its server does not tell who") && ended.stderr.contains("force-unlock 1-2"), "{}", ended.stderr);
    run.ok(&["plan", "--instance", "green"]);
    keeper.lock().unwrap().locks.clear();

    run.note("the server is away when the state is to be kept");
    run.edit("network main", "network main cidr=\"10.7.0.0/16\"");
    keeper.lock().unwrap().faults.push(Fault::of("POST", 1, usize::MAX, What::CutBefore));
    let told = run.ends(&["deploy", "--yes"], 3).stderr;
    let next = told.lines().find(|line| line.starts_with("shop is in an unsaved state")).unwrap_or_else(|| panic!("nothing to do next in {told}"));
    let command = next.split('`').nth(1).unwrap();
    run.ends(&["deploy", "--yes"], 3);
    keeper.lock().unwrap().faults.clear();
    run.ends(&["plan"], 3);
    let mut push = Command::new("sh");
    push.args(["-c", command]).current_dir(run.folder.path()).envs(run.environment.iter().map(|(name, value)| (name, value)));
    let pushed = push.stdin(Stdio::null()).output().unwrap();
    assert!(pushed.status.success(), "{}", engines::both(&pushed));
    run.note("the state is pushed");
    run.ok(&["plan", "--detailed-exitcode"]);
    run.ok(&["status"]);
    assert!(!run.folder.path().join(".stackc/tf-openstack/errored.tfstate").exists());

    run.ok(&["destroy", "--yes"]);
    run.ok(&["destroy", "--yes", "--instance", "green"]);
    assert!(keeper.lock().unwrap().locks.is_empty());
    run.snapshot("terraform-state-http");
}

/// A backend's settings in `specs/backends.kdl`.
fn settings() -> BTreeMap<String, Vec<String>> {
    let table = fs::read_to_string(root().join("specs/backends.kdl")).unwrap();
    let (mut found, mut current) = (BTreeMap::<String, Vec<String>>::new(), String::new());
    for line in table.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["backend", name, "{"] => current = (*name).to_owned(),
            ["takes", names @ ..] => found.entry(current.clone()).or_default().extend(names.iter().map(|name| (*name).to_owned())),
            _ => {}
        }
    }
    found
}

#[test]
fn terraform_knows_every_setting() {
    let Some(provided) = provided() else { return };
    // Nobody is reached, and nobody's credentials are found.
    let nowhere = [("HTTPS_PROXY", "http://127.0.0.1:1"), ("HTTP_PROXY", "http://127.0.0.1:1"), ("AWS_EC2_METADATA_DISABLED", "true")];
    let backends = settings();
    assert_eq!(backends.len(), 5);
    for (backend, settings) in &backends {
        assert!(!settings.is_empty(), "{backend}");
        let value = |name: &String| match name.as_str() {
            name if ["encrypt", "use_", "skip_"].iter().any(|flag| name.starts_with(flag)) => "#true",
            "address" | "lock_address" | "unlock_address" => "\"http://127.0.0.1:1/{name}\"",
            "environment" => "public",
            "region" => "eu-west-1",
            _ => "some",
        };
        let said: Vec<String> = settings.iter().map(|name| format!("{name}={}", value(name))).collect();
        let stack = format!("stack shop {{\n    state {backend} {}\n    network main\n}}\n", said.join(" "));
        let mut run = run_with(&provided, &stack);
        run.environment.extend(nowhere.map(|(name, value)| (name.to_owned(), value.to_owned())));
        let ended = run.any(&["plan"]);
        let file = run.folder.path().join(".stackc/tf-openstack/backend.tf.json");
        let mut written: serde_json::Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
        let block = written["terraform"]["backend"][backend].as_object_mut().unwrap();
        assert!(settings.iter().all(|name| block.contains_key(name)), "{backend}: {block:?}");
        // Terraform reads the whole block before it looks for anybody.
        for objection in ["Extraneous", "Unsupported", "No argument", "Incorrect attribute", "Inappropriate value", "Missing required"] {
            assert!(!ended.stderr.contains(objection), "{backend}: {}", ended.stderr);
        }
        block.insert("no_such_setting".to_owned(), "some".into());
        fs::write(&file, written.to_string()).unwrap();
        let mut init = Command::new("terraform");
        init.args(["init", "-no-color", "-input=false", "-reconfigure"]).current_dir(file.parent().unwrap());
        let refused = init.envs(run.environment.iter().map(|(name, value)| (name, value))).stdin(Stdio::null()).output().unwrap();
        assert!(engines::both(&refused).contains("named \"no_such_setting\""), "{backend}: {}", engines::both(&refused));
    }
}
