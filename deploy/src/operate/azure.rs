//! Jobs and apps of Azure's Container Apps, whose logs are in a Log Analytics workspace. All of it by way of Azure Resource Manager, with one login.

use super::{Client, Copies, Failure, Handle, How, Line, Reading, Run, millis};
use crate::engine::Trouble;
use crate::engine::arm::Api;
use crate::engine::rest::{has, is_text};
use crate::engine::wire::{Fault, act, read};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The version of Container Apps' interface, as the templates name it.
const APPS: &str = "api-version=2025-01-01";

/// Of the way to a workspace by Resource Manager ("Azure Monitor Log Analytics API request format").
const QUERY: &str = "api-version=2017-01-01-preview";

/// How many lines one question brings.
const LINES: usize = 5_000;

/// A client of one job or app.
pub struct ContainerApps {
    api: Api,
    id: String,
    container: String,
    workspace: String,
    job: bool,
    shell: bool,
}

fn text<'v>(value: &'v Value, path: &str) -> &'v str {
    value.pointer(path).and_then(Value::as_str).unwrap_or_default()
}

fn last(id: &str) -> String {
    id.rsplit('/').next().unwrap_or(id).to_owned()
}

/// A text in a question to a workspace.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
}

/// The part of an id behind a word, whatever its case.
fn part<'t>(id: &'t str, of: &str) -> &'t str {
    id.split('/').skip_while(|part| !part.eq_ignore_ascii_case(of)).nth(1).unwrap_or_default()
}

impl ContainerApps {
    /// A client of what a handle is of.
    pub fn new(api: Api, handle: &Handle) -> Result<ContainerApps, Trouble> {
        let job = handle.kind == "container-app-job";
        let (id, workspace) = (handle.text("id")?, handle.text("workspace")?);
        Ok(ContainerApps { api, id, container: handle.text("container")?, workspace, job, shell: handle.flag("shell") })
    }

    /// Executions of the job, the newest first.
    async fn executions(&self) -> Result<Vec<Value>, Fault> {
        let mut found = self.api.list(&format!("{}/executions?{APPS}", self.id)).await?;
        found.sort_by(|one, other| text(other, "/properties/startTime").cmp(text(one, "/properties/startTime")));
        Ok(found)
    }

    async fn get(&self, path: &str) -> Result<Value, Fault> {
        let answer = self.api.get(&format!("{path}?{APPS}")).await?;
        answer.with("/properties", Value::is_object)?;
        Ok(answer.body)
    }

    /// How an execution ended; none when it has not.
    fn end(&self, execution: &Value) -> Result<Option<How>, Fault> {
        let word = has(execution, "/properties/status", is_text)?.as_str().unwrap_or_default();
        if matches!(word, "Running" | "Processing" | "Unknown") {
            return Ok(None);
        }
        if word == "Succeeded" {
            return Ok(Some(How::Status(0)));
        }
        let replicas = execution.pointer("/properties/detailedStatus/replicas").and_then(Value::as_array).into_iter().flatten();
        let containers = replicas.filter_map(|replica| replica.get("containers")?.as_array()).flatten();
        let own: Vec<&Value> = containers.filter(|container| text(container, "/name") == self.container).collect();
        let status = own.iter().find_map(|container| container.get("code").and_then(Value::as_i64)).filter(|status| *status != 0);
        let more = own.iter().map(|container| text(container, "/additionalInformation")).find(|more| !more.is_empty());
        let why = more.map_or_else(|| format!("Azure calls it {}", word.to_ascii_lowercase()), str::to_owned);
        Ok(Some(status.map_or(How::Failed(why), How::Status)))
    }

    /// The question for lines: the table has one name where the environment writes to the workspace, and another where a diagnostic setting does.
    fn question(&self, reading: &Reading) -> String {
        let leg = |table: &str, end: &str, job: &str| {
            let column = |name: &str| format!("column_ifexists('{name}{end}', '')");
            format!(
                "({table} | project At=TimeGenerated, App={}, Job={}, Copy={}, Revision={}, Text={})",
                column("ContainerAppName"),
                column(job),
                column("ContainerGroupName"),
                column("RevisionName"),
                column("Log")
            )
        };
        let mut whose = format!("{} == {}", if self.job { "Job" } else { "App" }, quoted(&last(&self.id)));
        if let Some(of) = &reading.of {
            whose = match self.job {
                true => format!("{whose} and Copy startswith {}", quoted(&format!("{of}-"))),
                false => format!("{whose} and Revision == {}", quoted(of)),
            };
        }
        let since = crate::life::moment(reading.since as f64 / 1000.0).replace(' ', "T");
        let tables = format!("{}, {}", leg("ContainerAppConsoleLogs_CL", "_s", "ContainerJobName"), leg("ContainerAppConsoleLogs", "", "JobName"));
        let (order, most) = reading.last.map_or(("asc", LINES), |most| ("desc", most));
        format!("union isfuzzy=true {tables} | where At >= datetime({since}Z) | where {whose} | order by At {order} | take {most} | project At, Copy, Text")
    }

    async fn lines(&self, reading: &mut Reading) -> Result<Vec<Line>, Fault> {
        let body = json!({ "query": self.question(reading) });
        let path = format!("{}/api/query?{QUERY}", self.workspace);
        let answer = read(self.api.pace, &self.api.notice, async || self.api.send(Method::POST, &path, Some(&body)).await).await;
        let answer = match answer {
            // The tables come with the first line that anything prints.
            Err(Fault::Said(_, why)) if why.to_ascii_lowercase().contains("resolve table") => return Ok(Vec::new()),
            answer => answer?.body,
        };
        let rows = answer.pointer("/tables/0/rows").or(answer.pointer("/Tables/0/Rows")).and_then(Value::as_array);
        let rows = rows.ok_or_else(|| Fault::Strange("it has no `tables` as it should".to_owned()))?;
        let (mut found, mut counts) = (Vec::new(), BTreeMap::new());
        for row in rows {
            let line = Line {
                at: millis(text(row, "/0")).ok_or_else(|| Fault::Strange("a line has no time".to_owned()))?,
                copy: text(row, "/1").to_owned(),
                text: text(row, "/2").trim_end_matches(['\r', '\n']).to_owned(),
            };
            // Nothing tells two lines apart that are the same but their place.
            let count: &mut usize = counts.entry((line.at, line.copy.clone(), line.text.clone())).or_default();
            *count += 1;
            found.push((format!("{} {count} {}", line.copy, line.text), line));
        }
        Ok(reading.new_ones(found))
    }

    /// The app, and its latest revision, if it has one.
    async fn latest(&self) -> Result<(Value, Option<Value>), Fault> {
        let app = self.get(&self.id).await?;
        let name = text(&app, "/properties/latestRevisionName").to_owned();
        let revision = if name.is_empty() { None } else { Some(self.get(&format!("{}/revisions/{name}", self.id)).await?) };
        Ok((app, revision))
    }
}

impl Client for ContainerApps {
    fn unit(&self) -> &'static str {
        if self.job { "execution" } else { "revision" }
    }

    fn late(&self) -> Option<&'static str> {
        Some("Azure shows what was printed some minutes later")
    }

    async fn start(&self, arguments: &[String]) -> Result<Run, Trouble> {
        if !self.job {
            return Err(Trouble::Call("it is kept running by Container Apps, and nothing to be started: `run` is for jobs".to_owned()));
        }
        let doing = "start the job";
        let before = self.executions().await.map_err(|why| why.trouble(doing))?;
        let before: Vec<String> = before.iter().map(|one| text(one, "/name").to_owned()).collect();
        let mut body = None;
        if !arguments.is_empty() {
            // A template that is given takes the place of all of the job's own: what is not said is not there.
            let job = self.get(&self.id).await.map_err(|why| why.trouble(doing))?;
            let containers = job.pointer("/properties/template/containers").and_then(Value::as_array);
            let own = containers.and_then(|all| all.iter().find(|one| text(one, "/name") == self.container));
            let own = own.ok_or_else(|| Fault::Strange("the job has no such container".to_owned()).trouble(doing))?;
            let kept = ["name", "image", "command", "env"].into_iter().filter_map(|key| Some((key.to_owned(), own.get(key)?.clone())));
            let mut container: serde_json::Map<String, Value> = kept.collect();
            let resources = ["cpu", "memory"].into_iter().filter_map(|key| Some((key.to_owned(), own.pointer(&format!("/resources/{key}"))?.clone())));
            container.insert("resources".to_owned(), Value::Object(resources.collect()));
            container.insert("args".to_owned(), json!(arguments));
            body = Some(json!({ "containers": [container] }));
        }
        let path = format!("{}/start?{APPS}", self.id);
        let newest = async || {
            let now = self.executions().await?;
            Ok::<_, Fault>(now.iter().map(|one| text(one, "/name").to_owned()).find(|name| !name.is_empty() && !before.contains(name)))
        };
        let send = async || {
            let answer = self.api.send(Method::POST, &path, body.as_ref()).await?;
            let named = Some(text(&answer.body, "/name").to_owned()).filter(|name| !name.is_empty());
            match named {
                // It was taken, and is on its way.
                None if answer.status == 202 => newest().await?.ok_or_else(|| Fault::Lost("it does not say which execution".to_owned())),
                named => named.ok_or_else(|| Fault::Strange("it names no execution".to_owned())),
            }
        };
        let name = act(self.api.pace, &self.api.notice, send, newest).await.map_err(|why| why.trouble(doing))?;
        Ok(Run { id: format!("{}/executions/{name}", self.id), short: name })
    }

    async fn under_way(&self) -> Result<Option<Run>, Trouble> {
        let doing = "look for an execution that goes on";
        for execution in self.executions().await.map_err(|why| why.trouble(doing))? {
            if self.end(&execution).map_err(|why| why.trouble(doing))?.is_none() {
                let name = text(&execution, "/name").to_owned();
                return Ok(Some(Run { id: format!("{}/executions/{name}", self.id), short: name }));
            }
        }
        Ok(None)
    }

    async fn look(&self, run: &Run) -> Result<How, Trouble> {
        let doing = "look at the execution";
        let execution = self.get(&run.id).await.map_err(|why| why.trouble(doing))?;
        let end = self.end(&execution).map_err(|why| why.trouble(doing))?;
        Ok(end.unwrap_or_else(|| How::Goes(text(&execution, "/properties/status").to_ascii_lowercase())))
    }

    fn log_of(&self, run: &Run) -> Reading {
        Reading { of: Some(run.short.clone()), ..Reading::default() }
    }

    async fn read(&self, reading: &mut Reading) -> Result<Vec<Line>, Trouble> {
        self.lines(reading).await.map_err(|why| why.trouble("read the log"))
    }

    async fn failed(&self) -> Result<Option<Failure>, Trouble> {
        let doing = "look for what failed";
        if !self.job {
            let (_, revision) = self.latest().await.map_err(|why| why.trouble(doing))?;
            let Some(revision) = revision else { return Ok(None) };
            let (health, state) = (text(&revision, "/properties/healthState"), text(&revision, "/properties/runningState"));
            if health != "Unhealthy" && !matches!(state, "Failed" | "Degraded") {
                return Ok(None);
            }
            let copy = text(&revision, "/name").to_owned();
            let more = text(&revision, "/properties/runningStateDetails");
            let why = format!("is {} {more}", if state.is_empty() { health } else { state }.to_ascii_lowercase());
            return Ok(Some(Failure { reading: Reading { of: Some(copy.clone()), ..Reading::default() }, copy, why: why.trim_end().to_owned() }));
        }
        for execution in self.executions().await.map_err(|why| why.trouble(doing))? {
            let copy = text(&execution, "/name").to_owned();
            let why = match self.end(&execution).map_err(|why| why.trouble(doing))? {
                Some(How::Status(status)) if status != 0 => format!("ended with {status}"),
                Some(How::Failed(why)) => format!("failed: {why}"),
                _ => continue,
            };
            return Ok(Some(Failure { reading: Reading { of: Some(copy.clone()), ..Reading::default() }, copy, why }));
        }
        Ok(None)
    }

    async fn copies(&self) -> Result<Copies, Trouble> {
        let (app, revision) = self.latest().await.map_err(|why| why.trouble("ask Container Apps how it is"))?;
        let containers = app.pointer("/properties/template/containers").and_then(Value::as_array);
        let own = containers.and_then(|all| all.iter().find(|one| text(one, "/name") == self.container));
        let of = |path: &str| revision.as_ref().map(|revision| text(revision, path).to_owned()).filter(|found| !found.is_empty());
        let words = [of("/properties/runningState"), of("/properties/healthState")].into_iter().flatten().map(|word| word.to_ascii_lowercase());
        let mut words: Vec<String> = words.filter(|word| word != "none" && word != "running").collect();
        words.dedup();
        Ok(Copies {
            wanted: app.pointer("/properties/template/scale/minReplicas").and_then(Value::as_i64),
            running: revision.as_ref().and_then(|revision| revision.pointer("/properties/replicas")?.as_i64()),
            image: own.map(|one| text(one, "/image").to_owned()),
            address: Some(text(&app, "/properties/configuration/ingress/fqdn").to_owned()).filter(|name| !name.is_empty()),
            since: of("/properties/createdTime"),
            word: (!words.is_empty()).then(|| words.join(", ")),
            ..Copies::default()
        })
    }

    async fn shell(&self) -> Result<(Vec<String>, &'static [&'static str]), Trouble> {
        if self.job {
            return Err(Trouble::Call("a job has no copy that is kept running: `stackc run` starts one".to_owned()));
        }
        if !self.shell {
            return Err(Trouble::Call("it lets nobody in: write `shell #true` into the service, and deploy it".to_owned()));
        }
        let name = last(&self.id);
        let words = ["az", "containerapp", "exec", "--subscription", part(&self.id, "subscriptions"), "--resource-group", part(&self.id, "resourceGroups")];
        let words = words.into_iter().chain(["--name", &name, "--container", &self.container, "--command", "/bin/sh"]);
        Ok((words.map(str::to_owned).collect(), &[]))
    }
}
