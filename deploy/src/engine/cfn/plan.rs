//! Change sets, and what drifted.

use super::bucket;
use super::calls::onward;
use super::fault::fault;
use super::{Cfn, NOTHING_TO_DO, Planned, changes, template, word};
use crate::engine::overlay::{Words, overlay};
use crate::engine::wire::{Fault, act, read, token};
use crate::engine::{Drift, Given, Plan, Trouble, Wanted};
use aws_sdk_cloudformation::types::{
    Capability, ChangeSetType, DeploymentMode, OnStackFailure, Parameter, Stack, StackDriftDetectionStatus, StackResourceDriftStatus,
};
use serde_json::{Value, json};

impl Cfn {
    /// The template that a stack runs by.
    pub(super) async fn running_template(&self, stack: &Stack) -> Result<String, Trouble> {
        let id = stack.stack_id().unwrap_or_default();
        let answer = read(self.pace, &self.notice, async || self.client.get_template().stack_name(id).send().await.map_err(fault)).await;
        Ok(answer.map_err(|why| why.trouble("read the running stack's template"))?.template_body.unwrap_or_default())
    }

    /// What is to run, where only a part of it is: all else as it runs.
    async fn as_part(&self, wanted: &Wanted, running: Option<&Stack>) -> Result<Wanted, Trouble> {
        let Some(only) = &wanted.only else { return Ok(wanted.clone()) };
        let Some(stack) = running else { return Ok(Wanted { template: only.template.clone(), ..wanted.clone() }) };
        let unread = |_| Trouble::Cannot("the stack runs by a template that is no JSON, so that no part of it can be changed by itself".to_owned());
        let old: Value = serde_json::from_str(&self.running_template(stack).await?).map_err(unread)?;
        let part: Value = serde_json::from_str(&only.template).map_err(unread)?;
        let value = |param: &Parameter| Some((param.parameter_key()?.to_owned(), param.parameter_value().unwrap_or_default().to_owned()));
        let values = stack.parameters().iter().filter_map(value).collect();
        let (template, params) = overlay(Words::CloudFormation, &old, &part, &values, &wanted.params);
        Ok(Wanted { template: template.to_string(), params, ..wanted.clone() })
    }

    /// Makes a change set, and reads it.
    pub(super) async fn planned(&mut self, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        let before = self.stack().await?;
        let creates = before.as_ref().is_none_or(|stack| word(stack) == "REVIEW_IN_PROGRESS");
        let wanted = &self.as_part(wanted, before.as_ref().filter(|_| !creates)).await?;
        let mut notes = Vec::new();
        if let Some(on) = before.as_ref().and_then(|stack| stack.enable_termination_protection).filter(|on| *on == wanted.protect.is_empty()) {
            notes.push(format!("the stack's protection from removal is switched {}", if on { "off" } else { "on" }));
        }
        let name = token();
        let capabilities: Vec<Capability> = template::capabilities(&wanted.template).into_iter().map(Capability::from).collect();
        let params: Vec<Parameter> = wanted
            .params
            .iter()
            .map(|(key, given)| match given {
                Given::Value(value) => Parameter::builder().parameter_key(key).parameter_value(value).build(),
                Given::Previous => Parameter::builder().parameter_key(key).use_previous_value(true).build(),
            })
            .collect();
        let large = wanted.template.len() > bucket::DIRECT;
        let address = if large { Some(self.lay_down(&wanted.template).await.map_err(|why| why.trouble("lay the template down in a bucket"))?) } else { None };
        let body = (!large).then(|| wanted.template.clone());
        let send = async || {
            let mut call = self.client.create_change_set().stack_name(&self.options.stack).change_set_name(&name).client_token(&name);
            call = call
                .set_template_body(body.clone())
                .set_template_url(address.clone())
                .set_capabilities(Some(capabilities.clone()))
                .set_parameters(Some(params.clone()));
            call = call.change_set_type(if creates { ChangeSetType::Create } else { ChangeSetType::Update }).set_role_arn(self.options.role.clone());
            if creates {
                // A first creation that fails is taken back, and its events stay to be read. What is protected would keep it from going back, and the network with it:
                // then what was made stays, and the next deploy goes on.
                call = call.on_stack_failure(if wanted.protect.is_empty() { OnStackFailure::Rollback } else { OnStackFailure::DoNothing });
            }
            if wanted.revert_drift && !creates {
                call = call.deployment_mode(DeploymentMode::RevertDrift);
            }
            let made = call.send().await.map_err(fault)?;
            Ok((made.id.unwrap_or_default(), made.stack_id.unwrap_or_default()))
        };
        let happened = async || match self.client.describe_change_set().stack_name(&self.options.stack).change_set_name(&name).send().await.map_err(fault) {
            Ok(found) => Ok(Some((found.change_set_id.unwrap_or_default(), found.stack_id.unwrap_or_default()))),
            Err(why) if why.is_missing() => Ok(None),
            Err(why) => Err(why),
        };
        let (change_set, stack) = match act(self.pace, &self.notice, send, happened).await {
            Ok(made) => made,
            // Between the look at the stack and this call, somebody else's change began or came to its end.
            Err(Fault::Said(code, text)) if code.contains("AlreadyExists") || text.contains("_IN_PROGRESS") || creates && text.contains("already exists") => {
                return Err(Trouble::overtaken(&text));
            }
            Err(why) => return Err(why.trouble("make a change set")),
        };
        let protect = wanted.protect.iter().filter(|name| !wanted.allowed.contains(name)).cloned().collect();
        let stays = before.as_ref().is_some_and(|stack| matches!(word(stack), "CREATE_FAILED" | "UPDATE_FAILED"));
        let planned = Planned { change_set, stack, creates, stays, protect };
        let found = self
            .changes(&planned.change_set)
            .await
            .map_err(|why| if why.is_missing() { Trouble::overtaken("the change set is gone") } else { why.trouble("read the change set") })?;
        let found = match found {
            Ok(found) => found,
            Err(reason) => {
                let nothing = NOTHING_TO_DO.iter().any(|words| reason.contains(words));
                let reasons = if nothing { Vec::new() } else { self.early_reasons(&planned.change_set, &reason).await };
                self.forget(&planned).await.map_err(|why| why.trouble("delete a change set that is of no use"))?;
                if nothing {
                    return Ok(Plan { changes: Vec::new(), notes, with: None });
                }
                return Err(Trouble::Refused { what: "CloudFormation refuses this change, and nothing was changed".to_owned(), reasons, next: None });
            }
        };
        let changes = found.iter().filter_map(|change| changes::change(change.resource_change()?)).collect();
        Ok(Plan { changes, notes, with: Some(planned) })
    }

    /// A change set that was made before, if it can still be executed: CloudFormation lets none of them be once the stack has changed.
    pub(super) async fn taken_up(&mut self, kept: &Value, wanted: &Wanted) -> Result<Result<Plan<Planned>, String>, Trouble> {
        let text = |name: &str| kept.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let flag = |name: &str| kept.get(name) == Some(&json!(true));
        let protect = wanted.protect.iter().filter(|name| !wanted.allowed.contains(name)).cloned().collect();
        let planned = Planned { change_set: text("change-set"), stack: text("stack"), creates: flag("creates"), stays: flag("stays"), protect };
        let doing = "read the plan's change set";
        let ask = async || self.client.describe_change_set().change_set_name(&planned.change_set).send().await.map_err(fault);
        let gone = "is overtaken: its change set is gone, since another was executed or it was deleted";
        let found = match read(self.pace, &self.notice, ask).await {
            Ok(found) => found,
            Err(why) if why.is_missing() => return Ok(Err(gone.to_owned())),
            Err(why) => return Err(why.trouble(doing)),
        };
        let execution = found.execution_status().map(|status| status.as_str()).unwrap_or_default();
        if found.stack_id() != Some(planned.stack.as_str()) || execution != "AVAILABLE" {
            let is = execution.to_ascii_lowercase().replace('_', " ");
            return Ok(Err(format!("is overtaken, or done already: its change set is {is}")));
        }
        let found = match self.changes(&planned.change_set).await {
            Ok(Ok(found)) => found,
            Ok(Err(reason)) => return Ok(Err(format!("is of no use: {reason}"))),
            Err(why) if why.is_missing() => return Ok(Err(gone.to_owned())),
            Err(why) => return Err(why.trouble(doing)),
        };
        let changes = found.iter().filter_map(|change| changes::change(change.resource_change()?)).collect();
        Ok(Ok(Plan { changes, notes: Vec::new(), with: Some(planned) }))
    }

    /// Has CloudFormation compare what is there with the template, and reads what it found.
    pub(super) async fn drifted(&mut self) -> Result<Drift, Trouble> {
        let stack = self.existing().await?;
        let id = stack.stack_id().unwrap_or_default();
        let doing = "compare the stack with what was deployed";
        let detection = read(self.pace, &self.notice, async || self.client.detect_stack_drift().stack_name(id).send().await.map_err(fault)).await;
        let detection = detection.map_err(|why| why.trouble(doing))?.stack_drift_detection_id.unwrap_or_default();
        loop {
            let found = read(self.pace, &self.notice, async || {
                self.client.describe_stack_drift_detection_status().stack_drift_detection_id(&detection).send().await.map_err(fault)
            });
            let found = found.await.map_err(|why| why.trouble(doing))?;
            match found.detection_status() {
                Some(StackDriftDetectionStatus::DetectionComplete) => break,
                Some(StackDriftDetectionStatus::DetectionFailed) => {
                    return Err(Trouble::refused(format!("could not {doing}"), found.detection_status_reason().unwrap_or("no reason was given")));
                }
                _ => tokio::time::sleep(self.pace.poll).await,
            }
        }
        let mut drift = Drift::default();
        let mut next: Option<String> = None;
        loop {
            let page = read(self.pace, &self.notice, async || {
                self.client.describe_stack_resource_drifts().stack_name(id).set_next_token(next.clone()).send().await.map_err(fault)
            });
            let page = page.await.map_err(|why| why.trouble(doing))?;
            for resource in page.stack_resource_drifts.unwrap_or_default() {
                drift.drifted.extend(changes::drifted(&resource));
                if resource.stack_resource_drift_status() == Some(&StackResourceDriftStatus::NotChecked) {
                    drift.unchecked.push(resource.logical_resource_id.unwrap_or_default());
                }
            }
            next = onward(next, page.next_token).map_err(|why| why.trouble("read what drifted"))?;
            if next.is_none() {
                return Ok(drift);
            }
        }
    }
}
