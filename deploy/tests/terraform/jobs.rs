//! A job that comes before a service, by the real core with Google's schema: only what the job needs is applied before it, and Cloud Run is a fake.

use crate::engines::{self, SchemaProvider};
use crate::product::root;
use crate::run::Run;
use crate::wire::{self, Answer, Fault, Request, Site, What};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

const STACK: &str = r#"stack shop {
    param image default="acme/shop:1.2" about="container image of the shop"
    network main
    bucket media
    service web network=main port=80 {
        image (get)image
        connect media
    }
    job migrate network=main {
        image (get)image
        command "./manage.py" migrate
        before web
    }
}
"#;

/// Executions of the one job, each over after two looks.
#[derive(Default)]
struct CloudRun {
    faults: Vec<Fault>,
    executions: Vec<(String, usize)>,
    fails: bool,
}

impl Site for CloudRun {
    fn name(&self, request: &Request) -> String {
        let path = request.target.split('?').next().unwrap();
        let known = [":run", "entries:list", "/executions", "/tasks"].iter().find(|end| path.ends_with(*end));
        known.map_or("execution", |end| end.trim_start_matches([':', '/'])).to_owned()
    }

    fn faults(&mut self) -> &mut Vec<Fault> {
        &mut self.faults
    }

    fn called(&mut self, _name: &str) {}

    fn refuse(&self, _name: &str, _what: What) -> Answer {
        Answer { status: 503, ..Answer::default() }
    }

    fn answer(&mut self, name: &str, request: &Request) -> Answer {
        let path = request.target.split('?').next().unwrap();
        let shown = |(name, looks): &(String, usize)| {
            let state = match (*looks > 1, self.fails) {
                (false, _) => "CONDITION_RECONCILING",
                (true, false) => "CONDITION_SUCCEEDED",
                (true, true) => "CONDITION_FAILED",
            };
            json!({ "name": name, "conditions": [{ "type": "Completed", "state": state }] })
        };
        let body = match name {
            "run" => {
                let id = format!("{}/executions/{}", path.trim_start_matches("/v2/").trim_end_matches(":run"), self.executions.len() + 1);
                self.executions.push((id.clone(), 0));
                json!({ "metadata": { "name": id } })
            }
            "executions" => json!({ "executions": self.executions.iter().map(shown).collect::<Vec<_>>() }),
            "tasks" => json!({ "tasks": [{ "lastAttemptResult": { "exitCode": 4 } }] }),
            "execution" => {
                let at = self.executions.iter().position(|(name, _)| path == format!("/v2/{name}")).unwrap();
                let answer = shown(&self.executions[at]);
                self.executions[at].1 += 1;
                answer
            }
            _ => json!({}),
        };
        Answer { status: 200, headers: vec![("Content-Type", "application/json".to_owned())], body: body.to_string() }
    }
}

#[test]
fn a_job_has_the_new_image_while_the_service_keeps_the_old_one() {
    let (Some(python), Some(terraform)) = (engines::python(), engines::terraform_core()) else { return };
    let facts = root().join("specs/providers/terraform-google.facts").to_str().unwrap().to_owned();
    let time = root().join("specs/providers/terraform-time.facts").to_str().unwrap().to_owned();
    let provider = SchemaProvider::start(&python, &[format!("{facts},project,region"), time], &terraform.folder("provider"));
    let cloud = Arc::new(Mutex::new(CloudRun::default()));
    let url = format!("http://127.0.0.1:{}", wire::serve(Arc::clone(&cloud)));
    let mut environment = provider.environment();
    environment.push(("TF_CLI_CONFIG_FILE".to_owned(), terraform.configuration().to_str().unwrap().to_owned()));
    environment.push(("GOOGLE_OAUTH_ACCESS_TOKEN".to_owned(), "ya29.of-nobody".to_owned()));
    environment.push(("GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT".to_owned(), format!("{url}/v2/")));
    environment.push(("GOOGLE_LOGGING_CUSTOM_ENDPOINT".to_owned(), format!("{url}/logging/v2/")));
    let run = Run::new(STACK, "tf-google", environment).with("STACKC_PARAM_PROJECT", "acme");
    let image = |ty: &str, name: &str| {
        let state: Value = serde_json::from_str(&std::fs::read_to_string(run.folder.path().join(".stackc/tf-google/terraform.tfstate")).unwrap()).unwrap();
        let resources = state["resources"].as_array().unwrap();
        let found = resources.iter().find(|one| one["type"] == ty && one["name"] == name)?;
        let image = found["instances"][0]["attributes"].to_string();
        ["acme/shop:1.2", "acme/shop:1.3"].into_iter().find(|known| image.contains(known.trim_start_matches("acme/")))
    };
    let both = || (image("google_cloud_run_v2_job", "migrate"), image("google_cloud_run_v2_service", "web"));
    let first = run.ok(&["deploy", "--yes"]);
    assert!(first.stderr.contains("then run      job migrate\n") && first.stderr.contains("migrate is done"), "{}", first.stderr);
    assert_eq!(both(), (Some("acme/shop:1.2"), Some("acme/shop:1.2")));
    cloud.lock().unwrap().fails = true;
    let new = ["deploy", "--yes", "--param", "image=acme/shop:1.3"];
    let failed = run.ends(&new, 6);
    assert!(failed.stderr.contains("migrate ended with 4\n") && failed.stderr.contains("service web stays as before"), "{}", failed.stderr);
    assert_eq!(both(), (Some("acme/shop:1.3"), Some("acme/shop:1.2")));
    cloud.lock().unwrap().fails = false;
    run.edit("bucket media", "bucket media versioned=#true");
    let done = run.ok(&new);
    assert_eq!(both(), (Some("acme/shop:1.3"), Some("acme/shop:1.3")), "{}", done.stderr);
    assert_eq!(cloud.lock().unwrap().executions.len(), 3);
    // Without a reason it is not run again.
    run.ok(&new);
    assert_eq!(cloud.lock().unwrap().executions.len(), 3);
}
