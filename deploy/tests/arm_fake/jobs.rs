//! Jobs of Container Apps, what is asked of its apps, and the workspace that has their lines. An execution goes one step on with each look at it.

use super::World;
use serde_json::{Value, json};

/// How executions go that are started from now on.
#[derive(Clone, Default)]
pub struct Jobs {
    /// Each with how often it was looked at.
    pub executions: Vec<(String, usize)>,
    /// Their container's status, and 0 as long as nothing is said.
    pub exit: i64,
    /// After how many questions the workspace has the lines.
    pub late: usize,
    questions: usize,
}

impl Jobs {
    fn shown(&self, name: &str, looks: usize) -> Value {
        let status = match (looks > 1, self.exit) {
            (false, _) => "Running",
            (true, 0) => "Succeeded",
            (true, _) => "Failed",
        };
        let container = json!({ "name": "migrate", "code": self.exit });
        json!({ "name": name, "properties": { "status": status, "startTime": "2026-11-18T08:26:40Z", "detailedStatus": { "replicas": [{ "containers": [container] }] } } })
    }
}

/// The version of the interface that a call names.
pub fn version(name: &str) -> Option<&'static str> {
    match name {
        "StartJob" | "ListExecutions" | "GetExecution" | "GetApp" | "GetRevision" => Some("2025-01-01"),
        "Query" => Some("2017-01-01-preview"),
        _ => None,
    }
}

/// Answers a call.
pub fn answer(world: &mut World, name: &str, parts: &[&str]) -> Value {
    let jobs = &mut world.jobs;
    match name {
        "StartJob" => {
            let id = format!("{}-x{}", parts[parts.len() - 2], jobs.executions.len() + 1);
            jobs.executions.push((id.clone(), 0));
            world.acts.push(format!("StartJob {}", world.jobs.executions.len()));
            json!({ "name": id })
        }
        "ListExecutions" => json!({ "value": jobs.executions.iter().map(|(name, looks)| jobs.shown(name, *looks)).collect::<Vec<_>>() }),
        "GetExecution" => {
            let at = jobs.executions.iter().position(|(name, _)| *name == parts[parts.len() - 1]).unwrap();
            jobs.executions[at].1 += 1;
            jobs.shown(&jobs.executions[at].0, jobs.executions[at].1)
        }
        "GetApp" => json!({ "properties": { "latestRevisionName": "web--1", "template": { "scale": { "minReplicas": 1 } } } }),
        "GetRevision" => json!({ "name": "web--1", "properties": { "replicas": 1, "runningState": "Running" } }),
        _ => {
            jobs.questions += 1;
            let rows = if jobs.questions > jobs.late { json!([["2999-01-01T00:00:01.5Z", "copy-1", "relation \"users\" exists\n"]]) } else { json!([]) };
            json!({ "tables": [{ "name": "PrimaryResult", "columns": [], "rows": rows }] })
        }
    }
}
