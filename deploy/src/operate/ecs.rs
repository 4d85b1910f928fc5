//! Tasks and services of ECS, whose logs are in CloudWatch Logs.

use super::aws::{Aws, Service};
use super::{Client, Copies, Failure, Handle, How, Line, Reading, Run, put};
use crate::engine::Trouble;
use crate::engine::wire::{Fault, token};
use serde_json::{Value, json};

const ECS: Service = Service { host: "ecs", variable: "ECS", target: "AmazonEC2ContainerServiceV20141113" };
const LOGS: Service = Service { host: "logs", variable: "CLOUDWATCH_LOGS", target: "Logs_20140328" };

/// How many pages of a log are read at once: with 10,000 lines each, nobody reads more.
const PAGES: usize = 50;

/// How often a task that was just started may be unknown to those that are asked for it.
const UNKNOWN: usize = 20;

/// A client of one job or service.
pub struct Ecs {
    aws: Aws,
    region: String,
    cluster: String,
    container: String,
    log: String,
    stream: String,
    what: What,
}

enum What {
    Job { task: String, subnets: Vec<String>, public: bool, groups: Vec<String> },
    Service { name: String, shell: bool },
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What an answer has under a name, which has to be a list.
fn list<'v>(answer: &'v Value, key: &str) -> Result<&'v Vec<Value>, Fault> {
    answer.get(key).and_then(Value::as_array).ok_or_else(|| Fault::Strange(format!("it has no `{key}` as it should")))
}

/// The last part of an ARN.
fn last(arn: &str) -> String {
    arn.rsplit('/').next().unwrap_or(arn).to_owned()
}

impl Ecs {
    /// A client of what a handle is of.
    pub fn new(aws: Aws, handle: &Handle) -> Result<Ecs, Trouble> {
        let what = match handle.kind.as_str() {
            "ecs-task" => {
                What::Job { task: handle.text("task")?, subnets: handle.texts("subnets")?, public: handle.flag("public"), groups: handle.texts("groups")? }
            }
            _ => What::Service { name: handle.text("service")?, shell: handle.flag("shell") },
        };
        Ok(Ecs {
            aws,
            region: handle.text("region")?,
            cluster: handle.text("cluster")?,
            container: handle.text("container")?,
            log: handle.text("log")?,
            stream: handle.text("stream")?,
            what,
        })
    }

    /// The log of one task.
    fn stream_of(&self, task: &str) -> String {
        format!("{}/{}/{}", self.stream, self.container, last(task))
    }

    async fn tasks(&self, desired: &str) -> Result<Vec<Value>, Fault> {
        let mut body = json!({ "cluster": self.cluster, "desiredStatus": desired });
        match &self.what {
            What::Job { task, .. } => put(&mut body, "family", json!(last(task).split(':').next())),
            What::Service { name, .. } => put(&mut body, "serviceName", json!(name)),
        }
        let answer = self.aws.read(ECS, "ListTasks", &body).await?;
        let arns = list(&answer, "taskArns")?;
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let body = json!({ "cluster": self.cluster, "tasks": arns });
        Ok(list(&self.aws.read(ECS, "DescribeTasks", &body).await?, "tasks")?.clone())
    }

    /// The container among a task's that the node is.
    fn container<'v>(&self, task: &'v Value) -> Option<&'v Value> {
        let containers = task.get("containers").and_then(Value::as_array)?;
        containers.iter().find(|container| text(container, "name") == self.container)
    }

    /// How a task ended: the container's status, or why it has none.
    fn end(&self, task: &Value) -> How {
        let container = self.container(task);
        if let Some(status) = container.and_then(|container| container.get("exitCode")).and_then(Value::as_i64) {
            return How::Status(status);
        }
        let own = container.map(|container| text(container, "reason")).unwrap_or_default();
        let parts: Vec<&str> = [text(task, "stoppedReason"), own].into_iter().filter(|part| !part.is_empty()).collect();
        How::Failed(if parts.is_empty() { "ECS does not say why".to_owned() } else { parts.join("; ") })
    }

    /// All of one stream from where it was read to.
    async fn read_stream(&self, stream: String, reading: &mut Reading) -> Result<Vec<Line>, Fault> {
        let copy = last(&stream);
        let mut found = Vec::new();
        for _ in 0..PAGES {
            let mut body = json!({ "logGroupName": self.log, "logStreamName": stream, "startFromHead": reading.last.is_none() });
            if let Some(next) = &reading.next {
                put(&mut body, "nextToken", json!(next));
            }
            if let Some(most) = reading.last {
                put(&mut body, "limit", json!(most));
            }
            let answer = match self.aws.read(LOGS, "GetLogEvents", &body).await {
                // Nothing was printed yet.
                Err(why) if is_absent(&why) => return Ok(found),
                answer => answer?,
            };
            let events = list(&answer, "events")?;
            found.extend(events.iter().map(|event| line(event, &copy)));
            let next = answer.get("nextForwardToken").and_then(Value::as_str).map(str::to_owned);
            // At its end, a stream gives back the token that it was given.
            let over = next.is_none() || next == reading.next || events.is_empty() || reading.last.is_some();
            reading.next = next.or_else(|| reading.next.take());
            if over {
                break;
            }
        }
        Ok(found)
    }

    /// What all tasks printed since a moment.
    async fn read_all(&self, reading: &mut Reading) -> Result<Vec<Line>, Fault> {
        let prefix = format!("{}/", self.stream);
        let (mut found, mut next): (Vec<(String, Line)>, Option<String>) = (Vec::new(), None);
        for _ in 0..PAGES {
            let mut body = json!({ "logGroupName": self.log, "logStreamNamePrefix": prefix, "startTime": reading.since });
            if let Some(next) = &next {
                put(&mut body, "nextToken", json!(next));
            }
            let answer = match self.aws.read(LOGS, "FilterLogEvents", &body).await {
                Err(why) if is_absent(&why) => break,
                answer => answer?,
            };
            let events = list(&answer, "events")?;
            found.extend(events.iter().map(|event| (text(event, "eventId").to_owned(), line(event, &last(text(event, "logStreamName"))))));
            let after = answer.get("nextToken").and_then(Value::as_str).map(str::to_owned);
            if after.is_some() && after == next {
                return Err(Fault::Strange("its next page leads back to itself".to_owned()));
            }
            next = after;
            if next.is_none() {
                break;
            }
        }
        Ok(reading.new_ones(found))
    }

    async fn service(&self, name: &str) -> Result<Value, Fault> {
        let body = json!({ "cluster": self.cluster, "services": [name] });
        let answer = self.aws.read(ECS, "DescribeServices", &body).await?;
        list(&answer, "services")?.first().cloned().ok_or_else(|| Fault::Said("ServiceNotFoundException".to_owned(), format!("there is no service {name}")))
    }

    async fn copies_of(&self, name: &str) -> Result<Copies, Fault> {
        let service = self.service(name).await?;
        let number = |key: &str| service.get(key).and_then(Value::as_i64);
        let primary = service.get("deployments").and_then(Value::as_array).and_then(|all| all.iter().find(|one| text(one, "status") == "PRIMARY"));
        let (state, why) = primary.map_or(("", ""), |one| (text(one, "rolloutState"), text(one, "rolloutStateReason")));
        let word = match (state, why) {
            ("" | "COMPLETED", _) => None,
            (state, "") => Some(state.to_ascii_lowercase().replace('_', " ")),
            (state, why) => Some(format!("{}: {why}", state.to_ascii_lowercase().replace('_', " "))),
        };
        let body = json!({ "taskDefinition": text(&service, "taskDefinition") });
        let answer = self.aws.read(ECS, "DescribeTaskDefinition", &body).await?;
        let containers = answer.pointer("/taskDefinition/containerDefinitions").and_then(Value::as_array);
        let containers = containers.ok_or_else(|| Fault::Strange("it has no `taskDefinition` as it should".to_owned()))?;
        let image = containers.iter().find(|one| text(one, "name") == self.container).map(|one| text(one, "image").to_owned());
        // In seconds, with a fraction.
        let since = primary.and_then(|one| one.get("createdAt")?.as_f64()).map(crate::life::moment);
        Ok(Copies { wanted: number("desiredCount"), running: number("runningCount"), healthy: None, image, address: None, since, word })
    }
}

/// Whether the log is not there yet.
fn is_absent(why: &Fault) -> bool {
    matches!(why, Fault::Said(code, _) if code == "ResourceNotFoundException")
}

fn line(event: &Value, copy: &str) -> Line {
    let at = event.get("timestamp").and_then(Value::as_i64).unwrap_or_default();
    Line { at, copy: copy.to_owned(), text: text(event, "message").trim_end_matches(['\r', '\n']).to_owned() }
}

impl Client for Ecs {
    fn unit(&self) -> &'static str {
        "task"
    }

    async fn start(&self, arguments: &[String]) -> Result<Run, Trouble> {
        let What::Job { task, subnets, public, groups } = &self.what else {
            return Err(Trouble::Call("it is kept running by ECS, and nothing to be started: `run` is for jobs".to_owned()));
        };
        // With the same token, ECS starts nothing a second time.
        let token = token();
        let address = if *public { "ENABLED" } else { "DISABLED" };
        let mut body = json!({
            "cluster": self.cluster, "taskDefinition": task, "count": 1, "launchType": "FARGATE", "clientToken": token, "startedBy": token,
            "networkConfiguration": { "awsvpcConfiguration": { "subnets": subnets, "securityGroups": groups, "assignPublicIp": address } },
        });
        if !arguments.is_empty() {
            put(&mut body, "overrides", json!({ "containerOverrides": [{ "name": self.container, "command": arguments }] }));
        }
        let answer = self.aws.read(ECS, "RunTask", &body).await.map_err(|why| why.trouble("start the job"))?;
        let tasks = list(&answer, "tasks").map_err(|why| why.trouble("start the job"))?;
        if let Some(failure) = answer.get("failures").and_then(Value::as_array).and_then(|failures| failures.first()) {
            let parts: Vec<&str> = [text(failure, "reason"), text(failure, "detail")].into_iter().filter(|part| !part.is_empty()).collect();
            return Err(Trouble::refused("could not start the job", parts.join(": ")));
        }
        let arn = tasks.first().map(|task| text(task, "taskArn").to_owned()).filter(|arn| !arn.is_empty());
        let arn = arn.ok_or_else(|| Fault::Strange("it names no task".to_owned()).trouble("start the job"))?;
        Ok(Run { short: last(&arn), id: arn })
    }

    async fn under_way(&self) -> Result<Option<Run>, Trouble> {
        let tasks = self.tasks("RUNNING").await.map_err(|why| why.trouble("look for a task that runs already"))?;
        let goes = tasks.iter().find(|task| text(task, "lastStatus") != "STOPPED").map(|task| text(task, "taskArn").to_owned());
        Ok(goes.map(|arn| Run { short: last(&arn), id: arn }))
    }

    async fn look(&self, run: &Run) -> Result<How, Trouble> {
        let body = json!({ "cluster": self.cluster, "tasks": [run.id] });
        for _ in 0..UNKNOWN {
            let answer = self.aws.read(ECS, "DescribeTasks", &body).await.map_err(|why| why.trouble("look at the task"))?;
            let tasks = list(&answer, "tasks").map_err(|why| why.trouble("look at the task"))?;
            match tasks.first() {
                Some(task) if text(task, "lastStatus") == "STOPPED" => return Ok(self.end(task)),
                Some(task) if !text(task, "lastStatus").is_empty() => return Ok(How::Goes(text(task, "lastStatus").to_ascii_lowercase())),
                Some(_) => return Err(Fault::Strange("it has no `lastStatus` as it should".to_owned()).trouble("look at the task")),
                // Those that are asked may not have heard of it yet.
                None => tokio::time::sleep(self.aws.pace().poll).await,
            }
        }
        Err(Trouble::refused("could not look at the task", format!("ECS knows of no task {} any more", run.short)))
    }

    fn log_of(&self, run: &Run) -> Reading {
        Reading { of: Some(self.stream_of(&run.id)), ..Reading::default() }
    }

    async fn read(&self, reading: &mut Reading) -> Result<Vec<Line>, Trouble> {
        let found = match reading.of.clone() {
            Some(stream) => self.read_stream(stream, reading).await,
            None => self.read_all(reading).await,
        };
        found.map_err(|why| why.trouble("read the log"))
    }

    async fn failed(&self) -> Result<Option<Failure>, Trouble> {
        let tasks = self.tasks("STOPPED").await.map_err(|why| why.trouble("look for tasks that stopped"))?;
        // One that ECS stopped for another to take its place did not fail.
        let planned = ["ServiceSchedulerInitiated", "UserInitiated", "SpotInterruption"];
        let failed = tasks.iter().filter(|task| match self.end(task) {
            How::Status(status) => status != 0 && !planned.contains(&text(task, "stopCode")),
            _ => !planned.contains(&text(task, "stopCode")),
        });
        let when = |task: &Value| task.get("stoppedAt").and_then(Value::as_f64).unwrap_or_default();
        let Some(task) = failed.max_by(|one, other| when(one).total_cmp(&when(other))) else { return Ok(None) };
        let arn = text(task, "taskArn");
        let why = match self.end(task) {
            How::Status(status) => format!("ended with {status} ({})", text(task, "stoppedReason")),
            How::Failed(why) | How::Goes(why) => why,
        };
        Ok(Some(Failure { copy: last(arn), why, reading: Reading { of: Some(self.stream_of(arn)), ..Reading::default() } }))
    }

    async fn copies(&self) -> Result<Copies, Trouble> {
        match &self.what {
            What::Service { name, .. } => self.copies_of(name).await.map_err(|why| why.trouble("ask ECS how the service is")),
            What::Job { .. } => Ok(Copies::default()),
        }
    }

    async fn shell(&self) -> Result<(Vec<String>, &'static [&'static str]), Trouble> {
        match &self.what {
            What::Job { .. } => return Err(Trouble::Call("a job has no copy that is kept running: `stackc run` starts one".to_owned())),
            What::Service { shell: false, .. } => {
                return Err(Trouble::Call("it lets nobody in: write `shell #true` into the service, and deploy it".to_owned()));
            }
            What::Service { .. } => {}
        }
        let tasks = self.tasks("RUNNING").await.map_err(|why| why.trouble("look for a task that runs"))?;
        let fits = |task: &&Value| text(task, "lastStatus") == "RUNNING" && task.get("enableExecuteCommand") == Some(&json!(true));
        let Some(task) = tasks.iter().find(fits) else {
            let why = if tasks.is_empty() { "none of its copies runs" } else { "none of its copies was started since `shell` is on" };
            return Err(Trouble::refused("could not open a shell", why));
        };
        let id = last(text(task, "taskArn"));
        let words = ["aws", "ecs", "execute-command", "--region", &self.region, "--cluster", &self.cluster, "--task", &id];
        let words = words.into_iter().chain(["--container", &self.container, "--interactive", "--command", "/bin/sh"]);
        let profile = self.aws.profile.iter().flat_map(|profile| ["--profile", profile.as_str()]);
        Ok((words.chain(profile).map(str::to_owned).collect(), &["session-manager-plugin"]))
    }
}
