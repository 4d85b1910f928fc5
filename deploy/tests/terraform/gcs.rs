//! A state in Cloud Storage: the real Terraform's backend `gcs`, pointed at a fake of what it uses of the service.

use crate::run::{SECRET, leaks};
use crate::state::{provided, run_with};
use crate::wire::{self, Answer, Fault, Request, Site, What};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

const STACK: &str = "stack shop {\n    state gcs bucket=acme-state\n    network main\n}\n";

/// A bucket: its objects, each with its generation.
#[derive(Default)]
struct Bucket {
    objects: BTreeMap<String, (u64, String)>,
    generation: u64,
    faults: Vec<Fault>,
    /// Calls that came without the right token.
    strangers: usize,
}

impl Bucket {
    fn put(&mut self, name: &str, content: &str) -> Value {
        self.generation += 1;
        self.objects.insert(name.to_owned(), (self.generation, content.to_owned()));
        json!({ "bucket": "acme-state", "name": name, "generation": self.generation.to_string(), "metageneration": "1", "size": content.len().to_string() })
    }
}

fn answer(status: u16, body: &Value) -> Answer {
    Answer { status, headers: vec![("Content-Type", "application/json".to_owned())], body: body.to_string() }
}

fn refusal(status: u16, text: &str) -> Answer {
    answer(status, &json!({ "error": { "code": status, "message": text } }))
}

impl Site for Bucket {
    fn name(&self, request: &Request) -> String {
        request.method.clone()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, _name: &str) {}

    fn refuse(&self, _name: &str, _what: What) -> Answer {
        refusal(503, "unavailable")
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        if request.headers.get("authorization").is_none_or(|given| *given != format!("Bearer {SECRET}")) {
            self.strangers += 1;
            return refusal(401, "who is it?");
        }
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let query: BTreeMap<&str, String> =
            query.split('&').filter_map(|pair| pair.split_once('=')).map(|(key, value)| (key, value.replace("%2F", "/"))).collect();
        let listed = "/storage/v1/b/acme-state/o";
        let object = path.strip_prefix(listed).and_then(|rest| rest.strip_prefix('/')).map(|name| name.replace("%2F", "/"));
        match (name, path.strip_prefix("/acme-state/"), object) {
            ("GET", _, None) if path == listed => {
                let prefix = query.get("prefix").cloned().unwrap_or_default();
                let items: Vec<Value> = self.objects.keys().filter(|name| name.starts_with(&prefix)).map(|name| json!({ "name": name })).collect();
                answer(200, &json!({ "items": items }))
            }
            ("GET", Some(name), _) => match self.objects.get(name) {
                Some((generation, content)) => {
                    let headers = vec![("X-Goog-Generation", generation.to_string()), ("X-Goog-Metageneration", "1".to_owned())];
                    Answer { status: 200, headers, body: content.clone() }
                }
                None => refusal(404, "no such object"),
            },
            ("GET", _, Some(name)) => match self.objects.get(&name) {
                Some((generation, _)) => answer(200, &json!({ "name": name, "generation": generation.to_string(), "metageneration": "1" })),
                None => refusal(404, "no such object"),
            },
            ("POST", ..) => {
                let name = query.get("name").cloned().unwrap_or_default();
                if query.get("ifGenerationMatch").is_some_and(|wanted| wanted == "0") && self.objects.contains_key(&name) {
                    return refusal(412, "it is there already");
                }
                // Two parts: what the object is called, and what it holds.
                let boundary = request.body.lines().next().unwrap_or_default().to_owned();
                let part = request.body.split(&boundary).nth(2).unwrap_or_default();
                let content = part.split_once("\r\n\r\n").map_or("", |(_, content)| content).trim_end_matches("\r\n").to_owned();
                let made = self.put(&name, &content);
                answer(200, &made)
            }
            ("DELETE", _, Some(name)) => {
                let wanted = query.get("ifGenerationMatch");
                match self.objects.get(&name) {
                    None => refusal(404, "no such object"),
                    Some((generation, _)) if wanted.is_some_and(|wanted| *wanted != generation.to_string()) => refusal(412, "it is another"),
                    Some(_) => {
                        self.objects.remove(&name);
                        Answer { status: 204, ..Answer::default() }
                    }
                }
            }
            _ => refusal(404, "nothing of this kind"),
        }
    }
}

#[test]
fn a_life_with_its_state_in_cloud_storage() {
    let Some(provided) = provided() else { return };
    let bucket = Arc::new(Mutex::new(Bucket::default()));
    let endpoint = format!("http://127.0.0.1:{}/storage/v1/b", wire::serve(Arc::clone(&bucket)));
    let run = run_with(&provided, STACK).with("GOOGLE_BACKEND_STORAGE_CUSTOM_ENDPOINT", &endpoint).with("GOOGLE_OAUTH_ACCESS_TOKEN", SECRET);
    run.ok(&["deploy", "--yes"]);
    run.ok(&["plan", "--detailed-exitcode"]);
    run.ok(&["deploy", "--yes", "--instance", "green"]);
    {
        let bucket = bucket.lock().unwrap();
        let names: Vec<&String> = bucket.objects.keys().collect();
        assert_eq!(names, ["stackc/shop-green/tf-openstack/default.tfstate", "stackc/shop/tf-openstack/default.tfstate"]);
        assert!(bucket.strangers == 0 && !bucket.objects.values().any(|(_, content)| leaks(content)));
    }

    run.note("somebody else holds the lock");
    let lock = r#"{"ID":"1-2","Operation":"OperationTypeApply","Who":"ana@build","Version":"1.11.4","Created":"2026-11-25T03:36:42Z","Path":"","Info":""}"#;
    let name = "stackc/shop/tf-openstack/default.tflock";
    let generation = std::mem::replace(&mut bucket.lock().unwrap().generation, 1000);
    assert!(generation < 1000);
    bucket.lock().unwrap().put(name, lock);
    let ended = run.ends(&["plan"], 3);
    assert!(ended.stderr.contains("locked by ana@build since 2026-11-25 03:36:42 (UTC) (apply)"), "{}", ended.stderr);
    run.ok(&["plan", "--instance", "green"]);
    bucket.lock().unwrap().objects.remove(name);

    run.ok(&["destroy", "--yes"]);
    run.ok(&["destroy", "--yes", "--instance", "green"]);
    assert!(!bucket.lock().unwrap().objects.keys().any(|name| name.ends_with("tflock")));
    run.snapshot("terraform-state-gcs");
}
