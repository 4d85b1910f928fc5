//! ECS and CloudWatch Logs, as far as the client uses them. Time passes by being looked at: a task goes one step on with each DescribeTasks.

use super::World;
use serde_json::{Value, json};

/// A task.
#[derive(Clone, Debug, Default)]
pub struct Task {
    pub arn: String,
    token: String,
    /// What it was told to run in the place of its own command.
    pub command: Option<Vec<String>>,
    looks: usize,
}

/// How tasks go that are started from now on, and what runs.
#[derive(Clone, Debug, Default)]
pub struct Ecs {
    pub tasks: Vec<Task>,
    /// What a task prints, a line with each look at it.
    pub prints: Vec<&'static str>,
    /// The container's status at its end; none when it never began.
    pub exit: Option<i64>,
    /// Why it stopped.
    pub stopped: &'static str,
    /// Why its container did.
    pub reason: &'static str,
    /// Why none can be started.
    pub refuses: Option<&'static str>,
    /// They run on and on.
    pub endless: bool,
    /// How many copies of a service run, of two.
    pub running: i64,
    /// Whether a copy of the service has failed.
    pub failed: bool,
    /// What ECS says of the service's last deployment.
    pub rollout: &'static str,
    /// Whether a shell can be opened in its copies.
    pub shell: bool,
}

impl Ecs {
    /// All goes well.
    pub fn well() -> Ecs {
        Ecs { prints: vec!["Applying 0001_initial", "done"], exit: Some(0), running: 2, shell: true, ..Ecs::default() }
    }
}

/// The name of a call to either of them.
pub fn action(target: &str) -> Option<String> {
    let ecs = target.strip_prefix("AmazonEC2ContainerServiceV20141113.").map(|action| format!("ECS {action}"));
    ecs.or_else(|| target.strip_prefix("Logs_20140328.").map(|action| format!("Logs {action}")))
}

fn refused(code: &str, text: &str) -> (u16, String) {
    (400, json!({ "__type": code, "message": text }).to_string())
}

/// How a task is after so many looks: two until it runs, one for each line.
fn status(ecs: &Ecs, task: &Task) -> &'static str {
    match task.looks {
        0 | 1 => "PROVISIONING",
        looks if looks < ecs.prints.len() + 2 || ecs.endless => "RUNNING",
        _ => "STOPPED",
    }
}

fn shown(ecs: &Ecs, task: &Task) -> Value {
    let status = status(ecs, task);
    let mut container = json!({ "name": "migrate", "lastStatus": status });
    let mut found = json!({ "taskArn": task.arn, "lastStatus": status });
    if status == "STOPPED" {
        found["stoppedReason"] = json!(ecs.stopped);
        found["stopCode"] = json!(if ecs.exit.is_some() { "EssentialContainerExited" } else { "TaskFailedToStart" });
        found["stoppedAt"] = json!(1_795_000_100.0);
        if let Some(exit) = ecs.exit {
            container["exitCode"] = json!(exit);
        }
        if !ecs.reason.is_empty() {
            container["reason"] = json!(ecs.reason);
        }
    }
    found["containers"] = json!([container]);
    found
}

fn failed_copy() -> Value {
    json!({
        "taskArn": "arn:aws:ecs:eu-west-1:123456789012:task/shop/bad1", "lastStatus": "STOPPED", "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited", "stoppedAt": 1_795_000_050.0, "containers": [{ "name": "web", "exitCode": 137 }],
    })
}

fn event(number: usize, text: &str, stream: &str) -> Value {
    json!({ "timestamp": 1_795_000_000_000_i64 + number as i64, "message": format!("{text}\n"), "eventId": format!("{number:08}"), "logStreamName": stream })
}

/// Answers a call: its status and its text.
pub fn answer(world: &mut World, action: &str, body: &str) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap();
    let mut ecs = std::mem::take(&mut world.ecs);
    let answer = of(world, &mut ecs, action, &body);
    world.ecs = ecs;
    match answer {
        Ok(answer) => (200, answer.to_string()),
        Err(refusal) => refusal,
    }
}

fn of(world: &mut World, ecs: &mut Ecs, action: &str, body: &Value) -> Result<Value, (u16, String)> {
    Ok(match action {
        "ECS RunTask" => {
            let network = &body["networkConfiguration"]["awsvpcConfiguration"];
            assert!(network["subnets"].as_array().is_some_and(|all| !all.is_empty()) && network["securityGroups"].as_array().is_some(), "{body}");
            let token = body["clientToken"].as_str().unwrap().to_owned();
            if let Some(refuses) = ecs.refuses {
                return Ok(json!({ "tasks": [], "failures": [{ "reason": refuses }] }));
            }
            if !ecs.tasks.iter().any(|task| task.token == token) {
                let command = body["overrides"]["containerOverrides"][0]["command"].as_array();
                let command = command.map(|words| words.iter().map(|word| word.as_str().unwrap().to_owned()).collect());
                let arn = format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/{:04}", ecs.tasks.len() + 1);
                ecs.tasks.push(Task { arn, token: token.clone(), command, looks: 0 });
                let address = if network["assignPublicIp"] == "ENABLED" { " with an address" } else { "" };
                world.acts.push(format!("RunTask {}{address}", ecs.tasks.len()));
            }
            let task = ecs.tasks.iter().find(|task| task.token == token).unwrap();
            json!({ "tasks": [shown(ecs, task)], "failures": [] })
        }
        "ECS DescribeTasks" => {
            let wanted: Vec<&str> = body["tasks"].as_array().unwrap().iter().map(|arn| arn.as_str().unwrap()).collect();
            let mut found: Vec<Value> = ecs.tasks.iter().filter(|task| wanted.contains(&task.arn.as_str())).map(|task| shown(ecs, task)).collect();
            ecs.tasks.iter_mut().filter(|task| wanted.contains(&task.arn.as_str())).for_each(|task| task.looks += 1);
            let copy = |arn: &&str| arn.contains("/good");
            let shell = ecs.shell;
            found.extend(wanted.iter().filter(|arn| copy(arn)).map(|arn| json!({ "taskArn": arn, "lastStatus": "RUNNING", "enableExecuteCommand": shell })));
            if wanted.iter().any(|arn| arn.ends_with("/bad1")) {
                found.push(failed_copy());
            }
            json!({ "tasks": found, "failures": [] })
        }
        "ECS ListTasks" => {
            let stopped = body["desiredStatus"] == "STOPPED";
            let arns: Vec<String> = match (body["serviceName"].is_string(), stopped) {
                (true, true) if ecs.failed => vec!["arn:aws:ecs:eu-west-1:123456789012:task/shop/bad1".to_owned()],
                (true, false) => (1..=ecs.running).map(|number| format!("arn:aws:ecs:eu-west-1:123456789012:task/shop/good{number}")).collect(),
                (false, _) => ecs.tasks.iter().filter(|task| (status(ecs, task) == "STOPPED") == stopped).map(|task| task.arn.clone()).collect(),
                _ => Vec::new(),
            };
            json!({ "taskArns": arns })
        }
        "ECS DescribeServices" => json!({ "failures": [], "services": [{
            "desiredCount": 2, "runningCount": ecs.running, "pendingCount": 0, "taskDefinition": "arn:aws:ecs:eu-west-1:123456789012:task-definition/shop-web:3",
            "deployments": [{
                "status": "PRIMARY", "createdAt": 1_795_000_000.25, "rolloutState": ecs.rollout,
                "rolloutStateReason": if ecs.rollout == "FAILED" { "ECS deployment circuit breaker: tasks failed to start." } else { "" },
            }],
        }] }),
        "ECS DescribeTaskDefinition" => json!({ "taskDefinition": { "containerDefinitions": [{ "name": "web", "image": "acme/shop:1.2" }] } }),
        "Logs GetLogEvents" => {
            let stream = body["logStreamName"].as_str().unwrap();
            if stream.ends_with("/bad1") {
                let lines: Vec<Value> = (1..=30).map(|number| event(number, &format!("line {number} of the copy that failed"), stream)).collect();
                let most = body["limit"].as_u64().map_or(lines.len(), |most| most as usize);
                let from = if body["startFromHead"] == false { lines.len() - most.min(lines.len()) } else { 0 };
                let over = body["nextToken"] == "f/end";
                return Ok(json!({ "events": if over { &[] } else { &lines[from..] }, "nextForwardToken": "f/end", "nextBackwardToken": "b/0" }));
            }
            let task = ecs.tasks.iter().find(|task| stream == format!("migrate/migrate/{}", task.arn.rsplit('/').next().unwrap()));
            let printed = task.map_or(0, |task| task.looks.saturating_sub(2).min(ecs.prints.len()));
            if printed == 0 {
                return Err(refused("ResourceNotFoundException", "The specified log stream does not exist."));
            }
            let from: usize = body["nextToken"].as_str().map_or(0, |token| token.strip_prefix("f/").unwrap().parse().unwrap());
            let lines: Vec<Value> = (from..printed).map(|number| event(number, ecs.prints[number], stream)).collect();
            json!({ "events": lines, "nextForwardToken": format!("f/{printed}"), "nextBackwardToken": "b/0" })
        }
        "Logs FilterLogEvents" => {
            // Two pages, of which the second is asked for by its token.
            let names = [("good1", "GET /"), ("good2", "GET /\u{1b}[31mred")];
            let events: Vec<Value> = names.iter().enumerate().map(|(at, (name, text))| event(at, text, &format!("web/web/{name}"))).collect();
            static NOW: std::sync::OnceLock<i64> = std::sync::OnceLock::new();
            let now = *NOW.get_or_init(|| std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64);
            let timed = |number: usize| {
                let mut event = events[number].clone();
                event["timestamp"] = json!(now - 60_000 + number as i64);
                event["eventId"] = json!(number.to_string());
                event
            };
            match body["nextToken"].as_str() {
                None => json!({ "events": [timed(0)], "nextToken": "second" }),
                Some(_) => json!({ "events": [timed(1)] }),
            }
        }
        _ => return Err(refused("InvalidAction", action)),
    })
}
