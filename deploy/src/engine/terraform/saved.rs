//! A plan that is kept: the file that Terraform saved, and which state it was made for.

use super::folder::forget;
use super::{Planned, Terraform, changes};
use crate::engine::{Given, Plan, Trouble, Wanted};
use crate::own::private_file;
use crate::saved::{packed, unpacked};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

impl Terraform {
    /// What is kept of a plan.
    pub(super) async fn kept(&self, file: &Path) -> Result<Value, Trouble> {
        let bytes = fs::read(file).map_err(|error| self.unusable(&error))?;
        Ok(json!({ "state": self.which_state().await?, "plan": packed(&bytes) }))
    }

    /// Which state is there, by its lineage and serial.
    async fn which_state(&self) -> Result<Value, Trouble> {
        let said = self.run(&["state", "pull"], &[]).await?;
        if said.code != Some(0) {
            return Err(self.refusal("read the state", &said));
        }
        let state: Value = serde_json::from_str(&said.out).unwrap_or_default();
        Ok(json!([state.get("lineage"), state.get("serial")]))
    }

    /// The plan that was kept, if it is for the state that is there. Terraform looks once more when it applies it.
    pub(super) async fn taken_up(&mut self, kept: &Value, wanted: &Wanted) -> Result<Result<Plan<Planned>, String>, Trouble> {
        self.ready_for(&self.lifted(wanted)).await?;
        if kept.get("state") != Some(&self.which_state().await?) {
            return Ok(Err("is overtaken, or done already: the state was changed since".to_owned()));
        }
        let Some(bytes) = kept.get("plan").and_then(Value::as_str).and_then(unpacked) else { return Ok(Err("is damaged".to_owned())) };
        let file = self.path(&format!("plan-{}", std::process::id()));
        private_file(&file, bytes).map_err(|error| self.unusable(&error))?;
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let plan = match self.json(&["show", "-json", &name], "read the plan").await {
            Ok(plan) => plan,
            Err(trouble) => {
                forget(&file);
                return Err(trouble);
            }
        };
        let given = wanted.params.iter().filter_map(|(name, given)| match given {
            Given::Value(value) => Some((format!("TF_VAR_{name}"), self.spelled(name, value))),
            Given::Previous => None,
        });
        let found = changes::changes(&plan);
        Ok(Ok(Plan { changes: found, notes: Vec::new(), with: Some(Planned { file, variables: given.collect(), protection: None }) }))
    }
}
