//! Servers of OpenStack's Nova, each of which runs one container: a job's is switched off until somebody starts it, and switches itself off.

use super::{Client, Copies, Failure, Handle, How, Line, Reading, Run};
use crate::engine::Trouble;
use crate::engine::heat::Api;
use crate::engine::rest::{has, is_text};
use crate::engine::wire::{Fault, act, read};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// How many lines of a console are asked for.
const LINES: usize = 2_000;

/// A client of one job or service.
pub struct Nova {
    api: Api,
    compute: String,
    servers: Vec<String>,
    job: bool,
}

/// How a server is.
struct Server {
    status: String,
    /// What Nova is at with it.
    task: String,
    /// What went wrong with it.
    fault: String,
    name: String,
    since: String,
}

impl Nova {
    /// A client of what a handle is of, and of the address of Nova.
    pub fn new(api: Api, compute: String, handle: &Handle) -> Result<Nova, Trouble> {
        let job = handle.kind == "nova-job";
        let servers = if job { vec![handle.text("server")?] } else { handle.texts("servers")? };
        Ok(Nova { api, compute: compute.trim_end_matches('/').to_owned(), servers, job })
    }

    async fn send(&self, method: Method, server: &str, rest: &str, body: Option<&Value>) -> Result<Value, Fault> {
        self.api.of_nova(method, &format!("{}/servers/{server}{rest}", self.compute), body).await
    }

    async fn server(&self, id: &str) -> Result<Server, Fault> {
        let answer = read(self.api.pace, &self.api.notice, async || self.send(Method::GET, id, "", None).await).await?;
        let text = |path: &str| answer.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Server {
            status: has(&answer, "/server/status", is_text)?.as_str().unwrap_or_default().to_owned(),
            task: text("/server/OS-EXT-STS:task_state"),
            fault: text("/server/fault/message"),
            name: text("/server/name"),
            since: text("/server/updated"),
        })
    }

    fn first(&self) -> Result<&str, Trouble> {
        self.servers.first().map(String::as_str).ok_or_else(|| Trouble::Call("it has no servers: `replicas` is 0".to_owned()))
    }
}

impl Client for Nova {
    fn unit(&self) -> &'static str {
        "server"
    }

    fn late(&self) -> Option<&'static str> {
        Some("Nova tells the server's console; what the container printed is in the journal of the server (journalctl --unit stackc)")
    }

    async fn start(&self, arguments: &[String]) -> Result<Run, Trouble> {
        if !self.job {
            return Err(Trouble::Call("its servers are kept running, and nothing to be started: `run` is for jobs".to_owned()));
        }
        if !arguments.is_empty() {
            let why = "on OpenStack a job's command stands in the data of its server: write it into `command`, and deploy that";
            return Err(Trouble::Cannot(why.to_owned()));
        }
        let (doing, id) = ("start the job's server", self.first()?);
        let before = self.server(id).await.map_err(|why| why.trouble(doing))?;
        if before.status != "SHUTOFF" || !before.task.is_empty() {
            let why = format!("the server is {}: it runs already, or was not made well", before.status.to_ascii_lowercase());
            return Err(Trouble::refused("could not start the job", why));
        }
        let body = json!({ "os-start": null });
        let send = async || self.send(Method::POST, id, "/action", Some(&body)).await.map(drop);
        let happened = async || self.server(id).await.map(|now| (now.status != "SHUTOFF" || !now.task.is_empty()).then_some(()));
        act(self.api.pace, &self.api.notice, send, happened).await.map_err(|why| why.trouble(doing))?;
        Ok(Run { id: id.to_owned(), short: id.to_owned() })
    }

    async fn under_way(&self) -> Result<Option<Run>, Trouble> {
        let id = self.first()?;
        let server = self.server(id).await.map_err(|why| why.trouble("look at the job's server"))?;
        let goes = server.status == "ACTIVE" || !server.task.is_empty();
        Ok(goes.then(|| Run { id: id.to_owned(), short: id.to_owned() }))
    }

    async fn look(&self, run: &Run) -> Result<How, Trouble> {
        let server = self.server(&run.id).await.map_err(|why| why.trouble("look at the job's server"))?;
        Ok(match server.status.as_str() {
            // Nova says what it is at before it answers that it will.
            "SHUTOFF" if server.task.is_empty() => How::Failed("it has ended, and Nova does not tell with which status".to_owned()),
            "ERROR" | "DELETED" | "SOFT_DELETED" => How::Failed(format!("its server is {}: {}", server.status.to_ascii_lowercase(), server.fault)),
            _ if server.task.is_empty() => How::Goes(server.status.to_ascii_lowercase()),
            _ => How::Goes(server.task),
        })
    }

    fn log_of(&self, run: &Run) -> Reading {
        Reading { of: Some(run.id.clone()), ..Reading::default() }
    }

    async fn read(&self, reading: &mut Reading) -> Result<Vec<Line>, Trouble> {
        let doing = "read the console";
        let servers = reading.of.clone().map_or_else(|| self.servers.clone(), |of| vec![of]);
        let mut found = Vec::new();
        for id in servers {
            let body = json!({ "os-getConsoleOutput": { "length": reading.last.unwrap_or(LINES) } });
            let answer = read(self.api.pace, &self.api.notice, async || self.send(Method::POST, &id, "/action", Some(&body)).await).await;
            let text = match answer {
                // One that has not begun has no console.
                Err(Fault::Said(code, _)) if code == "409" => continue,
                answer => answer.and_then(|answer| has(&answer, "/output", Value::is_string).cloned()).map_err(|why| why.trouble(doing))?,
            };
            let copy: String = id.chars().take(8).collect();
            let lines = text.as_str().unwrap_or_default().lines();
            // A console has no times: a line is known by its place among those that are the same.
            let mut counts = BTreeMap::new();
            for line in lines {
                let count: &mut usize = counts.entry(line).or_default();
                *count += 1;
                found.push((format!("{id} {count} {line}"), Line { at: 0, copy: copy.clone(), text: line.to_owned() }));
            }
        }
        reading.since = 0;
        Ok(reading.new_ones(found))
    }

    async fn failed(&self) -> Result<Option<Failure>, Trouble> {
        for id in &self.servers {
            let server = self.server(id).await.map_err(|why| why.trouble("look for what failed"))?;
            if server.status == "ERROR" {
                let reading = Reading { of: Some(id.clone()), ..Reading::default() };
                return Ok(Some(Failure { copy: server.name, why: format!("failed: {}", server.fault), reading }));
            }
        }
        Ok(None)
    }

    async fn copies(&self) -> Result<Copies, Trouble> {
        let (mut running, mut since) = (0, String::new());
        for id in &self.servers {
            let server = self.server(id).await.map_err(|why| why.trouble("ask Nova how the servers are"))?;
            running += i64::from(server.status == "ACTIVE");
            since = since.max(server.since);
        }
        let wanted = i64::try_from(self.servers.len()).ok();
        Ok(Copies { wanted, running: Some(running), since: Some(since).filter(|since| !since.is_empty()), ..Copies::default() })
    }

    async fn shell(&self) -> Result<(Vec<String>, &'static [&'static str]), Trouble> {
        Err(Trouble::Cannot("Nova has no session into a server but its console: `openstack console url show SERVER`".to_owned()))
    }
}
