//! Jobs, services and worker pools of Cloud Run, whose logs are in Cloud Logging.

use super::{Client, Copies, Failure, Handle, How, Line, Reading, Run, millis, put};
use crate::engine::Trouble;
use crate::engine::rest::{Request, Rest, has, is_text};
use crate::engine::wire::{Fault, Notice, Pace, act, read};
use reqwest::Method;
use serde_json::{Value, json};
use std::cell::RefCell;

const AGAIN: &str = "log in again with `gcloud auth login`, or set GOOGLE_OAUTH_ACCESS_TOKEN to a token that is good";
const LOG_IN: &str = "no token of Google's was found: log in with `gcloud auth login`, or set GOOGLE_OAUTH_ACCESS_TOKEN";

/// How many pages of a log are read at once, of 1,000 lines each.
const PAGES: usize = 50;

/// What a container prints, apart from what the cloud logs of it.
const PRINTED: &str = "(log_id(\"run.googleapis.com/stdout\") OR log_id(\"run.googleapis.com/stderr\"))";

/// A client of one job or service.
pub struct CloudRun {
    rest: Rest,
    token: RefCell<Option<String>>,
    pace: Pace,
    notice: Notice,
    /// `projects/…/locations/…/jobs/…`.
    id: String,
    container: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Job,
    Service,
    WorkerPool,
}

/// An address of an API, which the provider's own variable can name, with the version behind it.
fn address(variable: &str, own: &str) -> String {
    let given = std::env::var(variable).ok().filter(|url| !url.is_empty());
    given.unwrap_or_else(|| own.to_owned()).trim_end_matches('/').to_owned()
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

/// The part of an id behind a word: of `projects/a/locations/b` and `locations` it is `b`.
fn part<'t>(id: &'t str, of: &str) -> &'t str {
    let mut parts = id.split('/').skip_while(|part| *part != of);
    parts.nth(1).unwrap_or_default()
}

fn last(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

/// A text in a filter of the log.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn reason(body: &Value) -> Option<String> {
    body.pointer("/error/message").and_then(Value::as_str).map(str::to_owned)
}

/// A token: the one that is given, else the one of who logged in with Google's own program, as the provider takes them.
async fn token(patience: std::time::Duration) -> Result<String, Fault> {
    if let Some(token) = std::env::var("GOOGLE_OAUTH_ACCESS_TOKEN").ok().filter(|token| !token.is_empty()) {
        return Ok(token);
    }
    let mut said = "gcloud is not on PATH".to_owned();
    for words in [&["auth", "application-default", "print-access-token"][..], &["auth", "print-access-token"]] {
        // It asks nobody, and can take seconds.
        let call = move || std::process::Command::new("gcloud").args(words).stdin(std::process::Stdio::null()).output();
        let (sender, receiver) = tokio::sync::oneshot::channel();
        std::thread::spawn(move || sender.send(call()));
        let Ok(Ok(Ok(output))) = tokio::time::timeout(patience, receiver).await else { continue };
        let token = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && !token.is_empty() {
            return Ok(token);
        }
        said = String::from_utf8_lossy(&output.stderr).lines().find(|line| !line.trim().is_empty()).unwrap_or("gcloud gives none").to_owned();
    }
    Err(Fault::NoCredentials(LOG_IN, said))
}

/// What an execution says of its end, and the state of that.
fn completed(execution: &Value) -> (Option<&Value>, &str) {
    let conditions = execution.get("conditions").and_then(Value::as_array);
    let completed = conditions.and_then(|all| all.iter().find(|one| text(one, "/type") == "Completed"));
    (completed, completed.map(|one| text(one, "/state")).unwrap_or_default())
}

impl CloudRun {
    /// A client of what a handle is of.
    pub fn new(handle: &Handle, pace: Pace, notice: Notice) -> Result<CloudRun, Trouble> {
        let rest = Rest::new(pace, AGAIN, &[]).map_err(|why| Trouble::Call(format!("cannot begin to talk to Google: {why}")))?;
        let kind = match handle.kind.as_str() {
            "cloud-run-job" => Kind::Job,
            "cloud-run-service" => Kind::Service,
            _ => Kind::WorkerPool,
        };
        Ok(CloudRun { rest, token: RefCell::default(), pace, notice, id: handle.text("id")?, container: handle.text("container")?, kind })
    }

    async fn once(&self, method: Method, url: &str, body: Option<&Value>) -> Result<Value, Fault> {
        let known = self.token.borrow().clone();
        let token = match known {
            Some(token) => token,
            None => token(self.pace.answer).await?,
        };
        *self.token.borrow_mut() = Some(token.clone());
        let headers = vec![("authorization", format!("Bearer {token}"))];
        let answer = self.rest.send(&Request { method, url, headers, body, leads_on: false }, reason).await?;
        if answer.body.is_object() { Ok(answer.body) } else { Err(Fault::Strange("it is no object".to_owned())) }
    }

    fn run_url(&self, rest: &str) -> String {
        format!("{}/{rest}", address("GOOGLE_CLOUD_RUN_V2_CUSTOM_ENDPOINT", "https://run.googleapis.com/v2"))
    }

    async fn get(&self, rest: &str) -> Result<Value, Fault> {
        let url = self.run_url(rest);
        read(self.pace, &self.notice, async || self.once(Method::GET, &url, None).await).await
    }

    /// Executions of the job, the newest first.
    async fn executions(&self) -> Result<Vec<Value>, Fault> {
        let answer = self.get(&format!("{}/executions?pageSize=20", self.id)).await?;
        // A job that never ran has no list.
        match answer.get("executions") {
            None if answer.as_object().is_some_and(serde_json::Map::is_empty) => Ok(Vec::new()),
            _ => Ok(has(&answer, "/executions", Value::is_array)?.as_array().cloned().unwrap_or_default()),
        }
    }

    /// How an execution ended; none when it has not.
    async fn end(&self, execution: &Value) -> Result<Option<How>, Fault> {
        let (completed, state) = completed(execution);
        if state == "CONDITION_SUCCEEDED" {
            return Ok(Some(How::Status(0)));
        }
        if state != "CONDITION_FAILED" {
            return Ok(None);
        }
        let tasks = self.get(&format!("{}/tasks?pageSize=20", text(execution, "/name"))).await?;
        let tasks = tasks.get("tasks").and_then(Value::as_array).cloned().unwrap_or_default();
        let status = tasks.iter().find_map(|task| task.pointer("/lastAttemptResult/exitCode").and_then(Value::as_i64)).filter(|status| *status != 0);
        let why = completed.map(|one| text(one, "/message")).filter(|why| !why.is_empty()).unwrap_or("Cloud Run does not say why");
        Ok(Some(status.map_or_else(|| How::Failed(why.to_owned()), How::Status)))
    }

    /// The part of a filter that says whose log it is.
    fn whose(&self, of: Option<&str>) -> String {
        let (ty, label, one) = match self.kind {
            Kind::Job => ("cloud_run_job", "job_name", "labels.\"run.googleapis.com/execution_name\""),
            Kind::Service => ("cloud_run_revision", "service_name", "resource.labels.revision_name"),
            Kind::WorkerPool => ("cloud_run_worker_pool", "worker_pool_name", "resource.labels.revision_name"),
        };
        let place = format!("resource.labels.location={}", quoted(part(&self.id, "locations")));
        let whole = format!("resource.type=\"{ty}\" {place} resource.labels.{label}={} {PRINTED}", quoted(&last(&self.id)));
        of.map_or(whole.clone(), |of| format!("{whole} {one}={}", quoted(of)))
    }

    async fn entries(&self, reading: &mut Reading) -> Result<Vec<Line>, Fault> {
        let since = crate::life::moment(reading.since as f64 / 1000.0).replace(' ', "T");
        let filter = format!("{} timestamp>=\"{since}Z\"", self.whose(reading.of.as_deref()));
        let url = format!("{}/entries:list", address("GOOGLE_LOGGING_CUSTOM_ENDPOINT", "https://logging.googleapis.com/v2"));
        let project = format!("projects/{}", part(&self.id, "projects"));
        let (order, most) = reading.last.map_or(("timestamp asc", 1_000), |most| ("timestamp desc", most));
        let mut body = json!({ "resourceNames": [project], "filter": filter, "orderBy": order, "pageSize": most });
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let answer = read(self.pace, &self.notice, async || self.once(Method::POST, &url, Some(&body)).await).await?;
            // Where nothing was printed, there are no entries.
            let empty = answer.as_object().is_some_and(serde_json::Map::is_empty);
            let entries = if empty || answer.get("entries").is_none() && answer.get("nextPageToken").is_some_and(is_text) {
                Vec::new()
            } else {
                has(&answer, "/entries", Value::is_array)?.as_array().cloned().unwrap_or_default()
            };
            found.extend(entries.iter().map(|entry| (text(entry, "/insertId").to_owned(), self.line(entry))));
            let next = text(&answer, "/nextPageToken");
            if next.is_empty() || reading.last.is_some() {
                break;
            }
            if body.get("pageToken").and_then(Value::as_str) == Some(next) {
                return Err(Fault::Strange("its next page leads back to itself".to_owned()));
            }
            put(&mut body, "pageToken", json!(next));
        }
        Ok(reading.new_ones(found))
    }

    fn line(&self, entry: &Value) -> Line {
        let printed = match entry.get("textPayload") {
            Some(printed) => printed.as_str().unwrap_or_default().to_owned(),
            None => match text(entry, "/jsonPayload/message") {
                "" => entry.get("jsonPayload").map(Value::to_string).unwrap_or_default(),
                message => message.to_owned(),
            },
        };
        let copy = match self.kind {
            Kind::Job => entry.pointer("/labels/run.googleapis.com~1execution_name"),
            Kind::Service | Kind::WorkerPool => entry.pointer("/labels/instanceId"),
        };
        let at = millis(text(entry, "/timestamp")).unwrap_or_default();
        Line { at, copy: copy.and_then(Value::as_str).unwrap_or_default().to_owned(), text: printed.trim_end_matches(['\r', '\n']).to_owned() }
    }
}

impl Client for CloudRun {
    fn unit(&self) -> &'static str {
        if self.kind == Kind::Job { "execution" } else { "revision" }
    }

    async fn start(&self, arguments: &[String]) -> Result<Run, Trouble> {
        if self.kind != Kind::Job {
            return Err(Trouble::Call("it is kept running by Cloud Run, and nothing to be started: `run` is for jobs".to_owned()));
        }
        let mut body = json!({});
        if !arguments.is_empty() {
            put(&mut body, "overrides", json!({ "containerOverrides": [{ "name": self.container, "args": arguments }] }));
        }
        let doing = "start the job";
        let before: Vec<String> = match self.executions().await {
            Ok(before) => before.iter().map(|one| text(one, "/name").to_owned()).collect(),
            Err(why) => return Err(why.trouble(doing)),
        };
        let url = self.run_url(&format!("{}:run", self.id));
        let send = async || {
            let operation = self.once(Method::POST, &url, Some(&body)).await?;
            Ok(has(&operation, "/metadata/name", is_text)?.as_str().unwrap_or_default().to_owned())
        };
        // Cloud Run takes no token of ours: after a lost answer, an execution that was not there before is taken for this one.
        let happened = async || {
            let now = self.executions().await?;
            Ok(now.iter().map(|one| text(one, "/name").to_owned()).find(|name| !before.contains(name)))
        };
        let id = act(self.pace, &self.notice, send, happened).await.map_err(|why| why.trouble(doing))?;
        Ok(Run { short: last(&id), id })
    }

    async fn under_way(&self) -> Result<Option<Run>, Trouble> {
        let executions = self.executions().await.map_err(|why| why.trouble("look for an execution that goes on"))?;
        let goes =
            executions.iter().find(|one| !matches!(completed(one).1, "CONDITION_SUCCEEDED" | "CONDITION_FAILED")).map(|one| text(one, "/name").to_owned());
        Ok(goes.map(|id| Run { short: last(&id), id }))
    }

    async fn look(&self, run: &Run) -> Result<How, Trouble> {
        let doing = "look at the execution";
        let execution = self.get(&run.id).await.map_err(|why| why.trouble(doing))?;
        has(&execution, "/name", is_text).map_err(|why| why.trouble(doing))?;
        if let Some(end) = self.end(&execution).await.map_err(|why| why.trouble(doing))? {
            return Ok(end);
        }
        let running = execution.get("runningCount").and_then(Value::as_i64).unwrap_or_default() > 0;
        Ok(How::Goes(if running { "running" } else { "pending" }.to_owned()))
    }

    fn log_of(&self, run: &Run) -> Reading {
        Reading { of: Some(run.short.clone()), ..Reading::default() }
    }

    async fn read(&self, reading: &mut Reading) -> Result<Vec<Line>, Trouble> {
        self.entries(reading).await.map_err(|why| why.trouble("read the log"))
    }

    async fn failed(&self) -> Result<Option<Failure>, Trouble> {
        let doing = "look for what failed";
        if self.kind != Kind::Job {
            let whole = self.get(&self.id).await.map_err(|why| why.trouble(doing))?;
            let condition = has(&whole, "/terminalCondition", Value::is_object).map_err(|why| why.trouble(doing))?;
            if text(condition, "/state") != "CONDITION_FAILED" {
                return Ok(None);
            }
            let copy = last(text(&whole, "/latestCreatedRevision"));
            let reading = Reading { of: Some(copy.clone()), ..Reading::default() };
            return Ok(Some(Failure { copy, why: format!("failed: {}", text(condition, "/message")), reading }));
        }
        for execution in self.executions().await.map_err(|why| why.trouble(doing))? {
            let copy = last(text(&execution, "/name"));
            let why = match self.end(&execution).await.map_err(|why| why.trouble(doing))? {
                Some(How::Status(status)) if status != 0 => format!("ended with {status}"),
                Some(How::Failed(why)) => format!("failed: {why}"),
                _ => continue,
            };
            return Ok(Some(Failure { reading: Reading { of: Some(copy.clone()), ..Reading::default() }, copy, why }));
        }
        Ok(None)
    }

    async fn copies(&self) -> Result<Copies, Trouble> {
        let doing = "ask Cloud Run how it is";
        let whole = self.get(&self.id).await.map_err(|why| why.trouble(doing))?;
        let condition = has(&whole, "/terminalCondition", Value::is_object).map_err(|why| why.trouble(doing))?;
        let containers = whole.pointer("/template/containers").and_then(Value::as_array);
        let named = containers.and_then(|all| all.iter().find(|one| text(one, "/name") == self.container).or(all.first()));
        let word = match text(condition, "/state") {
            "CONDITION_SUCCEEDED" => "ready".to_owned(),
            "CONDITION_FAILED" => format!("failed: {}", text(condition, "/message")),
            _ => "a new revision is on its way".to_owned(),
        };
        let wanted = ["/template/scaling/minInstanceCount", "/scaling/minInstanceCount", "/scaling/manualInstanceCount"];
        Ok(Copies {
            // How many run in this moment, only its metrics tell.
            wanted: wanted.iter().find_map(|path| whole.pointer(path).and_then(Value::as_i64)),
            image: named.map(|one| text(one, "/image").to_owned()).filter(|image| !image.is_empty()),
            address: Some(text(&whole, "/uri").to_owned()).filter(|uri| !uri.is_empty()),
            since: Some(text(&whole, "/updateTime").to_owned()).filter(|time| !time.is_empty()),
            word: Some(word),
            ..Copies::default()
        })
    }

    async fn shell(&self) -> Result<(Vec<String>, &'static [&'static str]), Trouble> {
        Err(Trouble::Cannot("Cloud Run opens no shell in a running copy: `stackc run JOB -- COMMAND` runs one in a job".to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_taken_apart() {
        let id = "projects/acme/locations/europe-west1/jobs/shop-migrate";
        assert_eq!((part(id, "projects"), part(id, "locations"), last(id).as_str()), ("acme", "europe-west1", "shop-migrate"));
        assert_eq!(part(id, "services"), "");
    }
}
