//! What an operator does with a node that runs: start a job, read what was printed, open a shell, count the copies. A client for each service of a cloud that
//! runs containers, whichever engine made them: what it has to know, the rule of the node says in its `handle`.

pub mod aws;
pub mod azure;
pub mod ecs;
pub mod google;
pub mod nova;

use crate::engine::Trouble;
use serde_json::Value;
use std::collections::BTreeSet;

/// What the clients here read of a handle: its kinds with their keys, as the rules' `client` lines have them.
pub const CLIENTS: &[(&str, &[&str])] = &[
    ("ecs-task", &["region", "cluster", "task", "subnets", "public", "groups", "container", "log", "stream"]),
    ("ecs-service", &["region", "cluster", "service", "container", "log", "stream", "shell"]),
    ("container-app-job", &["id", "container", "workspace"]),
    ("container-app", &["id", "container", "workspace", "shell"]),
    ("cloud-run-job", &["id", "container"]),
    ("cloud-run-service", &["id", "container"]),
    ("cloud-run-worker-pool", &["id", "container"]),
    ("nova-job", &["server"]),
    ("nova-service", &["servers"]),
];

/// What the rule of a node says of it to a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Handle {
    /// The user's name of the node.
    pub node: String,
    /// The client.
    pub kind: String,
    value: Value,
}

impl Handle {
    /// Reads an output.
    pub fn read(node: &str, text: &str) -> Result<Handle, Trouble> {
        let value: Value = serde_json::from_str(text).unwrap_or_default();
        let kind = value.get("kind").and_then(Value::as_str).map(str::to_owned).ok_or_else(|| strange(node))?;
        let Some((_, keys)) = CLIENTS.iter().find(|(known, _)| *known == kind) else {
            return Err(Trouble::Cannot(format!("`{node}` is a {kind} here, and this stackc has no client for such")));
        };
        if keys.iter().any(|key| value.get(*key).is_none()) {
            return Err(strange(node));
        }
        Ok(Handle { node: node.to_owned(), kind, value })
    }

    /// A key's text.
    pub fn text(&self, key: &str) -> Result<String, Trouble> {
        let text = self.value.get(key).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| strange(&self.node))
    }

    /// A key's texts.
    pub fn texts(&self, key: &str) -> Result<Vec<String>, Trouble> {
        let items = self.value.get(key).and_then(Value::as_array).ok_or_else(|| strange(&self.node))?;
        items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(|| strange(&self.node))).collect()
    }

    /// Whether a key says yes; some formats put every scalar into quotes.
    pub fn flag(&self, key: &str) -> bool {
        matches!(self.value.get(key), Some(Value::Bool(true))) || self.value.get(key).and_then(Value::as_str) == Some("true")
    }
}

fn strange(node: &str) -> Trouble {
    Trouble::refused(
        format!("cannot tell how `{node}` is to be asked"),
        "what the running stack says of it is not what stackc writes there: `stackc deploy` writes it anew",
    )
}

/// One run of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// What the cloud calls it.
    pub id: String,
    /// The same, short enough to be read.
    pub short: String,
}

/// How a run is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// It goes on; the cloud's word for how far it is.
    Goes(String),
    /// It ended, and this is its status.
    Status(i64),
    /// It ended, and what was run has no status: it never began, or was stopped.
    Failed(String),
}

/// A line of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Line {
    /// When, in milliseconds since 1970.
    pub at: i64,
    /// Which of the copies.
    pub copy: String,
    /// What was printed.
    pub text: String,
}

/// How far a log was read.
#[derive(Debug, Clone, Default)]
pub struct Reading {
    /// Of one copy or run alone.
    pub of: Option<String>,
    /// Since when, in milliseconds since 1970.
    pub since: i64,
    /// No more than so many lines, the last ones.
    pub last: Option<usize>,
    /// Where the cloud says that it goes on.
    pub next: Option<String>,
    /// Lines that were read, of the moments that are read again because lines come late.
    pub seen: BTreeSet<(i64, String)>,
}

/// How late a line may come, in milliseconds.
const LATE: i64 = 30_000;

impl Reading {
    /// Of these lines, each with what tells it from others, those that were not read before; from now on they were.
    pub fn new_ones(&mut self, lines: Vec<(String, Line)>) -> Vec<Line> {
        let mut fresh: Vec<Line> = Vec::new();
        for (id, line) in lines {
            if line.at >= self.since && self.seen.insert((line.at, id)) {
                fresh.push(line);
            }
        }
        if let Some((newest, _)) = self.seen.last() {
            self.since = self.since.max(newest - LATE);
        }
        let since = self.since;
        self.seen.retain(|(at, _)| *at >= since);
        fresh.sort_by_key(|line| line.at);
        fresh
    }
}

/// A copy or a run that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Which.
    pub copy: String,
    /// What the cloud says of it.
    pub why: String,
    /// Where its log is.
    pub reading: Reading,
}

/// How a service runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Copies {
    /// How many there have to be; none where the cloud starts them as they are needed.
    pub wanted: Option<i64>,
    /// How many there are.
    pub running: Option<i64>,
    /// How many are well, where the cloud tells.
    pub healthy: Option<i64>,
    /// The image that runs.
    pub image: Option<String>,
    /// Where it answers.
    pub address: Option<String>,
    /// When it was deployed last, as the cloud writes it.
    pub since: Option<String>,
    /// What the cloud says of the last deploy.
    pub word: Option<String>,
}

/// Puts something into an object.
fn put(body: &mut Value, key: &str, value: Value) {
    if let Some(body) = body.as_object_mut() {
        body.insert(key.to_owned(), value);
    }
}

/// Milliseconds since 1970 of a moment such as `2026-11-29T01:02:03.456789Z`.
pub fn millis(moment: &str) -> Option<i64> {
    let (date, time) = moment.strip_suffix('Z')?.split_once('T')?;
    let numbers = |text: &str, by: char| text.split(by).map(|part| part.parse::<i64>().ok()).collect::<Option<Vec<i64>>>();
    let (whole, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let ([year, month, day], [hour, minute, second]) = (<[i64; 3]>::try_from(numbers(date, '-')?).ok()?, <[i64; 3]>::try_from(numbers(whole, ':')?).ok()?);
    let in_range = (1970..10_000).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day);
    if !in_range || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    // Howard Hinnant's "days from civil".
    let shifted = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (shifted / 400, shifted % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468;
    let thousandths: i64 = format!("{fraction:0<3}").get(..3)?.parse().ok()?;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1_000 + thousandths)
}

/// A client of a service that runs containers. The futures stay on one thread.
pub trait Client {
    /// What runs there, for a person: `task`, `execution`.
    fn unit(&self) -> &'static str;

    /// Starts a job, with other arguments if some are given.
    async fn start(&self, arguments: &[String]) -> Result<Run, Trouble>;

    /// A run of the job that goes on, whoever started it.
    async fn under_way(&self) -> Result<Option<Run>, Trouble>;

    /// How a run is.
    async fn look(&self, run: &Run) -> Result<How, Trouble>;

    /// What is to be said of a log whose lines come long after they were printed.
    fn late(&self) -> Option<&'static str> {
        None
    }

    /// The log of one run.
    fn log_of(&self, run: &Run) -> Reading;

    /// What was printed since the last time.
    async fn read(&self, reading: &mut Reading) -> Result<Vec<Line>, Trouble>;

    /// What failed last, if the cloud still knows of such.
    async fn failed(&self) -> Result<Option<Failure>, Trouble>;

    /// How a service runs.
    async fn copies(&self) -> Result<Copies, Trouble>;

    /// The vendor's own command that opens a shell, and the programs that it needs besides.
    async fn shell(&self) -> Result<(Vec<String>, &'static [&'static str]), Trouble>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_and_the_clients_know_the_same_handles() {
        let compiler = stackc::Compiler::new(Vec::new());
        let mut named: Vec<(String, Vec<String>)> =
            compiler.targets(&mut stackc::source::Sources::default()).into_iter().flat_map(|target| target.clients).collect();
        named.sort();
        named.dedup();
        let mut known: Vec<(String, Vec<String>)> =
            CLIENTS.iter().map(|(kind, keys)| ((*kind).to_owned(), keys.iter().map(|key| (*key).to_owned()).collect())).collect();
        known.sort();
        assert_eq!(named, known);
    }

    #[test]
    fn moments_are_read_to_the_millisecond() {
        assert_eq!(millis("1970-01-01T00:00:00Z"), Some(0));
        assert_eq!(millis("2000-02-29T12:34:56.5Z"), Some(951_827_696_500));
        assert_eq!(millis("2024-12-31T23:59:59.987654321Z"), Some(1_735_689_599_987));
        for wrong in ["", "yesterday", "2024-12-31", "2024-12-31T23:59:59", "2024-13-01T00:00:00Z", "2024-12-31T23:59:59.-1Z", "é-1-1T0:0:0Z"] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_line_that_comes_late_is_shown_once() {
        let line = |at: i64, text: &str| (text.to_owned(), Line { at, copy: "a".to_owned(), text: text.to_owned() });
        let mut reading = Reading { since: 1_000, ..Reading::default() };
        assert_eq!(reading.new_ones(vec![line(90_000, "b"), line(80_000, "a"), line(10, "old")]).len(), 2);
        let late = reading.new_ones(vec![line(80_000, "a"), line(85_000, "late"), line(90_000, "b")]);
        assert_eq!(late.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), ["late"]);
        assert_eq!(reading.since, 60_000);
    }

    #[test]
    fn a_handle_of_another_shape_is_none() {
        for text in ["", "null", "[]", "{}", "{\"kind\":1}", "web.example"] {
            assert!(Handle::read("web", text).is_err(), "{text}");
        }
        assert!(Handle::read("web", "{\"kind\":\"ecs-service\",\"shell\":true}").is_err());
        let text =
            "{\"kind\":\"ecs-service\",\"region\":\"\",\"cluster\":1,\"service\":\"a\",\"container\":[1],\"log\":\"\",\"stream\":\"\",\"shell\":\"true\"}";
        let handle = Handle::read("web", text).unwrap();
        assert!(handle.flag("shell") && handle.text("region").is_err() && handle.text("cluster").is_err() && handle.texts("container").is_err());
    }
}
