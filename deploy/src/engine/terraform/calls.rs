//! Calls of the program: what each is given, and what its words come to.

use super::folder::forget;
use super::process::Said;
use super::running::Running;
use super::{LOG, Planned, RUNNING, Terraform, changes, plain};
use crate::engine::{Reason, Trouble};
use crate::own::private_file;
use serde_json::{Value, json};
use std::fs::File;
use std::path::PathBuf;

impl Terraform {
    pub(super) async fn run(&self, arguments: &[&str], variables: &[(String, String)]) -> Result<Said, Trouble> {
        let lock = format!("-lock-timeout={}s", self.options.lock.as_secs().max(1));
        let mut all = arguments.to_vec();
        match arguments.first() {
            Some(&"init") => all.extend(["-input=false", lock.as_str()]),
            Some(&"plan") => all.extend(["-input=false", "-json", lock.as_str()]),
            _ => {}
        }
        let mut environment = self.options.environment.clone();
        environment.extend_from_slice(variables);
        self.program.run(&self.folder, &all, &environment, self.options.patience).await
    }

    /// A run that has to succeed and answers with JSON.
    pub(super) async fn json(&self, arguments: &[&str], doing: &str) -> Result<Value, Trouble> {
        let said = self.run(arguments, &[]).await?;
        if said.code != Some(0) {
            return Err(self.refusal(doing, &said));
        }
        serde_json::from_str(&said.out)
            .map_err(|error| Trouble::refused(format!("could not {doing}"), format!("{} answers with what is no JSON: {error}", self.program.title)))
    }

    /// Why a run failed, in the program's words.
    pub(super) fn refusal(&self, doing: &str, said: &Said) -> Trouble {
        let errors = changes::errors(&said.out);
        let mut reasons: Vec<Reason> = errors.iter().map(changes::reason).collect();
        let locked = errors.iter().map(|error| format!("{}\n{}", changes::text(error, "summary"), changes::text(error, "detail"))).chain([plain(&said.err)]);
        if let Some(lock) = locked.into_iter().find_map(|text| changes::lock(&text)) {
            return self.locked(&lock);
        }
        if reasons.is_empty() {
            let text = if said.err.trim().is_empty() { plain(&said.out) } else { plain(&said.err) };
            reasons.push(Reason { name: None, ty: String::new(), property: None, text });
        }
        reasons.dedup();
        Trouble::Refused { what: format!("{} could not {doing}", self.program.title), reasons, next: None }
    }

    pub(super) fn locked(&self, lock: &changes::Lock) -> Trouble {
        let since = if lock.since.is_empty() { String::new() } else { format!(" since {} (UTC)", lock.since) };
        let operation = if lock.operation.is_empty() { String::new() } else { format!(" ({})", lock.operation) };
        let by_force = match lock.id.as_str() {
            "" => String::new(),
            id => format!("; only when it is dead for certain, {}", self.by_hand(&format!("force-unlock {id}"))),
        };
        let who = if lock.who.is_empty() { "somebody; its server does not tell who" } else { &lock.who };
        Trouble::Resumable { what: format!("the state is locked by {who}{since}{operation}"), next: format!("let that come to its end{by_force}") }
    }

    /// The parameters that have no default, and that the environment gives no value.
    pub(super) fn without_value(&self) -> Vec<&(String, bool, Option<String>)> {
        let template: Value = serde_json::from_str(&self.options.template).unwrap_or_default();
        let given = |name: &str| template.pointer(&format!("/variable/{name}/default")).is_some();
        self.options.params.iter().filter(|(name, _, value)| value.is_none() && !given(name)).collect()
    }

    /// Values for verbs that change nothing of the stack: what the environment gives, and else something, since the program wants a value for each.
    pub(super) fn any_values(&self) -> Vec<(String, String)> {
        let given = self.options.params.iter().filter_map(|(name, _, value)| Some((name, value.clone()?)));
        let empty = self.without_value().into_iter().map(|(name, number, _)| (name, if *number { "0".to_owned() } else { String::new() }));
        given.chain(empty).map(|(name, value)| (format!("TF_VAR_{name}"), self.spelled(name, &value))).collect()
    }

    /// A value as the program reads it: of a variable of several texts, as a list of what stands between commas.
    pub(super) fn spelled(&self, name: &str, value: &str) -> String {
        let template: Value = serde_json::from_str(&self.options.template).unwrap_or_default();
        let several = template.pointer(&format!("/variable/{name}/type")).and_then(Value::as_str) == Some("list(string)");
        if several { Value::from(crate::params::parts(value)).to_string() } else { value.to_owned() }
    }

    /// A plan of such a verb. What was refused may be so because of a value that is only there for the program's sake.
    pub(super) async fn planned_with_any(&self, kind: &str, doing: &str) -> Result<(PathBuf, Value), Trouble> {
        self.planned(&[kind], &self.any_values(), doing).await.map_err(|trouble| match trouble {
            Trouble::Refused { what, reasons, next: None } => {
                let variables: Vec<String> = self.without_value().iter().map(|(name, ..)| format!("STACKC_PARAM_{}", name.to_uppercase())).collect();
                let next =
                    (!variables.is_empty()).then(|| format!("if it is for want of a parameter's value, give it by the environment: {}", variables.join(", ")));
                Trouble::Refused { what, reasons, next }
            }
            other => other,
        })
    }

    /// Makes a plan, and reads it.
    pub(super) async fn planned(&self, kind: &[&str], variables: &[(String, String)], doing: &str) -> Result<(PathBuf, Value), Trouble> {
        let file = self.path(&format!("plan-{}", std::process::id()));
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let out = format!("-out={name}");
        // There before it is written, so that it is never anybody else's to read.
        private_file(&file, "").map_err(|error| self.unusable(&error))?;
        let mut arguments = vec!["plan", out.as_str()];
        arguments.extend_from_slice(kind);
        let said = self.run(&arguments, variables).await;
        let plan = match said {
            Ok(said) if said.code == Some(0) => self.json(&["show", "-json", &name], "read its plan").await,
            Ok(said) => Err(self.refusal(doing, &said)),
            Err(trouble) => Err(trouble),
        };
        match plan {
            Ok(plan) => Ok((file, plan)),
            Err(trouble) => {
                forget(&file);
                Err(trouble)
            }
        }
    }

    pub(super) async fn begin(&self, planned: &Planned) -> Result<Running, Trouble> {
        let name = planned.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        private_file(&self.path(LOG), "").map_err(|error| self.unusable(&error))?;
        let log = File::options().append(true).open(self.path(LOG)).map_err(|error| self.unusable(&error))?;
        let lock = format!("-lock-timeout={}s", self.options.lock.as_secs().max(1));
        let mut environment = self.options.environment.clone();
        environment.extend_from_slice(&planned.variables);
        crate::interrupt::listen();
        let child = self.program.start(&self.folder, &["apply", "-input=false", "-json", "-auto-approve", &lock, &name], &environment, log)?;
        let running = Running::of(Some(child), 0, name);
        let known = json!({ "process": running.id, "plan": running.plan }).to_string();
        private_file(&self.path(RUNNING), &known).map_err(|error| self.unusable(&error))?;
        Ok(running)
    }
}
