//! CloudFormation: always by change sets, so that what is done is what was shown.

mod bucket;
mod calls;
mod changes;
mod fault;
pub mod http;
mod plan;
mod policy;
mod registry;
mod template;

use super::rest::bounded;
use super::wire::{Fault, Notice, Pace, act, read, token};
use super::{Cure, Drift, Ending, Engine, Event, Obstacle, Plan, Previous, Progress, Site, State, Status, Step, Trouble, Wanted};
use aws_sdk_cloudformation::Client;
use aws_sdk_cloudformation::types::{ExecutionStatus, Stack, StackEvent};
use fault::fault;
pub use fault::{AGAIN, LOG_IN, of_code, of_credentials};
pub use http::config;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Where to find CloudFormation, and which stack is meant.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The stack's name there.
    pub stack: String,
    /// The region, over that of the environment and the profile.
    pub region: Option<String>,
    /// The profile of the user's AWS configuration.
    pub profile: Option<String>,
    /// Another address than AWS's own.
    pub endpoint: Option<String>,
    /// The role that CloudFormation acts in, by its ARN.
    pub role: Option<String>,
    /// Where large templates are laid down, over the account's own bucket for them.
    pub bucket: Option<String>,
}

/// The engine of `cfn`.
pub struct Cfn {
    client: Client,
    s3: aws_sdk_s3::Client,
    ecr: aws_sdk_ecr::Client,
    /// Whose stacks these are.
    account: String,
    options: Options,
    region: String,
    endpoint: Option<String>,
    pace: Pace,
    notice: Notice,
}

/// A change set that waits.
#[derive(Debug)]
pub struct Planned {
    change_set: String,
    stack: String,
    creates: bool,
    /// Whether what is made stays when this fails: CloudFormation asks for that again as long as a stack has never come up.
    stays: bool,
    /// What is protected all the same while this is done.
    protect: Vec<String>,
}

/// An operation of a stack.
#[derive(Debug)]
pub struct Running {
    /// The stack's ARN, which stays its own when another of its name is made.
    stack: String,
    /// The last event that was seen.
    seen: Option<String>,
    /// What it is.
    verb: Verb,
    /// Whether the stack's own event of an end was seen.
    ended: bool,
    /// How often it was looked.
    looks: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// The first deploy, which cannot be called off.
    Create,
    Deploy,
    Rollback,
    Destroy,
    Attached,
}

/// What it takes to make a stack fit again.
#[derive(Debug)]
pub enum Repair {
    /// Delete what is left of one that never came up.
    Delete(String),
    /// Go on with a rollback.
    Continue(String),
}

/// CloudFormation's type of a registry's repository.
const REPOSITORY: &str = "AWS::ECR::Repository";

/// CloudFormation's reason for what somebody asked for.
const BY_A_USER: &str = "User Initiated";

/// How often it is looked whether something that was asked for has begun.
const LOOKS: usize = 10;

/// What CloudFormation answers in `describe` when nothing would change.
const NOTHING_TO_DO: [&str; 3] = ["didn't contain changes", "No updates are to be performed", "There are no changes"];

impl Cfn {
    /// Connects, by what AWS's own tools would use: flags, environment, profile.
    pub async fn new(options: Options, pace: Pace, notice: Notice) -> Result<Cfn, Trouble> {
        let config = config(options.region.as_deref(), options.profile.as_deref(), options.endpoint.as_deref(), pace).await;
        let Some(region) = config.region().map(ToString::to_string) else {
            return Err(Trouble::Call("no AWS region is set: give --region, set AWS_REGION, or name a profile that has one (--profile)".to_owned()));
        };
        let endpoint = config.endpoint_url().map(str::to_owned);
        // Another address than AWS's own has no names of buckets before it.
        let s3 = aws_sdk_s3::config::Builder::from(&config).force_path_style(endpoint.is_some()).build();
        let (client, s3) = (Client::new(&config), aws_sdk_s3::Client::from_conf(s3));
        let (ecr, sts) = (aws_sdk_ecr::Client::new(&config), aws_sdk_sts::Client::new(&config));
        // Whose account it is comes before all else: in another one, everything would be made a second time.
        let caller = read(pace, &notice, async || sts.get_caller_identity().send().await.map_err(fault)).await;
        let doing = "ask AWS whose credentials these are";
        let told = |why| match (why, &options.profile) {
            (Fault::NoCredentials(_, text), Some(profile)) => Trouble::Call(format!(
                "the profile `{profile}` gives no credentials: look for it in AWS's config and credentials files, or log in with `aws sso login --profile {profile}` ({text})"
            )),
            (why, _) => why.trouble(doing),
        };
        let account = caller.map_err(told)?.account().unwrap_or_default().to_owned();
        if account.is_empty() {
            return Err(Fault::Strange("it names no account".to_owned()).trouble(doing));
        }
        Ok(Cfn { client, s3, ecr, account, options, region, endpoint, pace, notice })
    }
}

/// CloudFormation's word for how a stack is.
fn word(stack: &Stack) -> &str {
    stack.stack_status().map(|status| status.as_str()).unwrap_or_default()
}

impl Engine for Cfn {
    type Planned = Planned;
    type Running = Running;
    type Cure = Repair;

    fn place(&self) -> String {
        format!("CloudFormation, account {}, {}", self.account, self.region)
    }

    fn site(&self) -> Site {
        Site { place: format!("CloudFormation, {}", self.region), account: Some(self.account.clone()) }
    }

    fn goes_on_alone(&self, _running: &Running) -> bool {
        true
    }

    async fn state(&mut self) -> Result<State<Cfn>, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(State::Absent) };
        let how = word(&stack).to_owned();
        let id = stack.stack_id().unwrap_or_default().to_owned();
        Ok(match how.as_str() {
            // Left by a plan that was never carried out; a change set that creates takes it over.
            "REVIEW_IN_PROGRESS" => State::Absent,
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => {
                State::Stuck { how, cure: Ok(Cure { does: "what never came up is deleted, and the stack is made anew".to_owned(), with: Repair::Delete(id) }) }
            }
            "UPDATE_ROLLBACK_FAILED" => {
                State::Stuck { how, cure: Ok(Cure { does: "the way back from a failed update is tried again".to_owned(), with: Repair::Continue(id) }) }
            }
            "DELETE_FAILED" => State::Stuck {
                how,
                cure: Err(
                    "the stack is half removed, and can only be removed: go on with `stackc destroy` (`--retain NAME` leaves a resource, outside of the stack)"
                        .to_owned(),
                ),
            },
            "IMPORT_ROLLBACK_FAILED" => State::Stuck {
                how,
                cure: Err("an import failed, and so did the way back: CloudFormation's console shows what is to be mended by hand".to_owned()),
            },
            _ if how.ends_with("_IN_PROGRESS") => {
                let running = self.attached(id).await.map_err(|why| why.trouble("look at the stack's events"))?;
                State::Busy(how, running)
            }
            _ => State::Settled,
        })
    }

    async fn previous(&mut self) -> Result<BTreeMap<String, Previous>, Trouble> {
        let Some(stack) = self.stack().await?.filter(|stack| !["REVIEW_IN_PROGRESS"].contains(&word(stack))) else { return Ok(BTreeMap::new()) };
        if stack.parameters().is_empty() {
            return Ok(BTreeMap::new());
        }
        let body = self.running_template(&stack).await?;
        let defaults = template::defaults(&body);
        let params = stack.parameters().iter().filter_map(|param| {
            let name = param.parameter_key()?.to_owned();
            let default = defaults.get(&name).cloned();
            Some((name, Previous { value: param.parameter_value().unwrap_or_default().to_owned(), default }))
        });
        Ok(params.collect())
    }

    async fn plan(&mut self, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        self.planned(wanted).await
    }

    async fn keep(&mut self, planned: Planned) -> Result<Value, Trouble> {
        let Planned { change_set, stack, creates, stays, .. } = planned;
        Ok(json!({ "change-set": change_set, "stack": stack, "creates": creates, "stays": stays }))
    }

    async fn take_up(&mut self, kept: &Value, wanted: &Wanted) -> Result<Result<Plan<Planned>, String>, Trouble> {
        self.taken_up(kept, wanted).await
    }

    fn keeps_value(&self, _param: &str) -> bool {
        // The change set has all of them.
        true
    }

    fn what_a_plan_holds(&self) -> Option<&'static str> {
        Some("its change set waits in CloudFormation until then")
    }

    async fn discard(&mut self, planned: Planned) -> Result<(), Trouble> {
        self.forget(&planned).await.map_err(|why| why.trouble("delete the change set"))
    }

    async fn apply(&mut self, planned: Planned) -> Result<Running, Trouble> {
        if !planned.creates {
            self.protect(&planned.stack, &planned.protect).await.map_err(|why| why.trouble("set what may be replaced"))?;
        }
        let running = self
            .running(planned.stack.clone(), if planned.creates { Verb::Create } else { Verb::Deploy })
            .await
            .map_err(|why| why.trouble("look at the stack's events"))?;
        let token = token();
        let send = async || {
            let call = self.client.execute_change_set().change_set_name(&planned.change_set).client_request_token(&token);
            call.set_disable_rollback(planned.stays.then_some(true)).send().await.map(drop).map_err(fault)
        };
        let happened = async || match self.client.describe_change_set().change_set_name(&planned.change_set).send().await.map_err(fault) {
            Ok(found) => Ok(found.execution_status().is_some_and(|status| *status != ExecutionStatus::Available).then_some(())),
            // It is gone once another was executed: then the events tell whose that was.
            Err(why) if why.is_missing() => {
                let events = self.events_since(&planned.stack, running.seen.as_deref(), usize::MAX).await?;
                Ok(events.iter().any(|event| event.client_request_token() == Some(token.as_str())).then_some(()))
            }
            Err(why) => Err(why),
        };
        match act(self.pace, &self.notice, send, &happened).await {
            // The answer says nothing but that it was one; who else may have given it does not begin with anything.
            Ok(()) => self.begun(happened).await.map(|()| running),
            Err(Fault::Said(code, text)) if code.contains("InvalidChangeSetStatus") || code.contains("ChangeSetNotFound") || text.contains("_IN_PROGRESS") => {
                Err(Trouble::overtaken(&text))
            }
            Err(why) => Err(why.trouble("execute the change set")),
        }
    }

    async fn finish(&mut self, wanted: &Wanted) -> Result<(), Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(()) };
        let id = stack.stack_id().unwrap_or_default();
        self.protect(id, &wanted.protect).await.map_err(|why| why.trouble("set what may be replaced"))?;
        let protect = !wanted.protect.is_empty();
        if stack.enable_termination_protection.unwrap_or_default() == protect {
            return Ok(());
        }
        let answer = read(self.pace, &self.notice, async || {
            self.client.update_termination_protection().stack_name(id).enable_termination_protection(protect).send().await.map_err(fault)
        });
        answer.await.map(drop).map_err(|why| why.trouble("switch the stack's protection from removal"))
    }

    async fn cure(&mut self, cure: Repair, skip: &[String]) -> Result<Running, Trouble> {
        match cure {
            Repair::Delete(stack) => {
                let running = self.running(stack.clone(), Verb::Destroy).await.map_err(|why| why.trouble("look at the stack's events"))?;
                self.delete(&stack, &[]).await.map_err(|why| why.trouble("delete what is left of the stack"))?;
                Ok(running)
            }
            Repair::Continue(stack) => {
                let running = self.running(stack.clone(), Verb::Rollback).await.map_err(|why| why.trouble("look at the stack's events"))?;
                let token = token();
                // CloudFormation skips only what it failed to take back.
                let mut left = Vec::new();
                if !skip.is_empty() {
                    let there = self.resources(&stack).await.map_err(|why| why.trouble("list the stack's resources"))?;
                    let failed = there.into_iter().filter(|resource| resource.how == "UPDATE_FAILED" && skip.contains(&resource.name));
                    left.extend(failed.map(|resource| resource.name));
                }
                let skip = (!left.is_empty()).then_some(left);
                let send = async || {
                    let call = self.client.continue_update_rollback().stack_name(&stack).client_request_token(&token).set_resources_to_skip(skip.clone());
                    call.set_role_arn(self.options.role.clone()).send().await.map(drop).map_err(fault)
                };
                let happened = async || {
                    let events = self.events_since(&stack, running.seen.as_deref(), usize::MAX).await?;
                    Ok(events.iter().any(|event| event.client_request_token() == Some(token.as_str())).then_some(()))
                };
                act(self.pace, &self.notice, send, happened).await.map_err(|why| why.trouble("go on with the rollback"))?;
                Ok(running)
            }
        }
    }

    async fn follow(&mut self, running: &mut Running) -> Result<Progress, Trouble> {
        if running.looks > 0 {
            tokio::time::sleep(self.pace.poll).await;
        }
        running.looks += 1;
        let found = self.find(&running.stack).await.map_err(|why| why.trouble("look at the stack"))?;
        let how = found.as_ref().map(|stack| word(stack).to_owned());
        let events = match self.events_since(&running.stack, running.seen.as_deref(), usize::MAX).await {
            Ok(events) => events,
            Err(why) if why.is_missing() => Vec::new(),
            Err(why) => return Err(why.trouble("read the stack's events")),
        };
        if let Some(last) = events.last().and_then(|event| event.event_id()) {
            running.seen = Some(last.to_owned());
        }
        running.ended |= events.iter().any(|event| is_stack(event) && event.resource_status().is_some_and(|status| !status.as_str().ends_with("_IN_PROGRESS")));
        let events: Vec<Event> = events.iter().map(event).collect();
        let how = match how {
            None => return Ok(Progress::Ended(events, Ending::Gone)),
            Some(how) if how == "DELETE_COMPLETE" => return Ok(Progress::Ended(events, Ending::Gone)),
            Some(how) => how,
        };
        // Right after it was asked for, the stack may still show the state of before.
        let over = !how.ends_with("_IN_PROGRESS") && (running.ended || running.verb == Verb::Attached || running.looks > 20);
        if !over {
            return Ok(Progress::Going(events));
        }
        let good: &[&str] = match running.verb {
            Verb::Create | Verb::Deploy | Verb::Attached => &["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"],
            Verb::Rollback => &["UPDATE_ROLLBACK_COMPLETE"],
            Verb::Destroy => &[],
        };
        let ending =
            if good.contains(&how.as_str()) { Ending::Done } else { Ending::Failed { next: self.next_after(&how), removal: how.starts_with("DELETE"), how } };
        Ok(Progress::Ended(events, ending))
    }

    fn can_cancel(&self, running: &Running) -> Result<(), &'static str> {
        match running.verb {
            Verb::Create => Err("CloudFormation cannot cancel a creation; once it has come to its end, `stackc destroy` removes what it made"),
            Verb::Destroy | Verb::Rollback => Err("CloudFormation cannot cancel a removal, nor the way back from an update"),
            Verb::Deploy | Verb::Attached => Ok(()),
        }
    }

    async fn cancel(&mut self, running: &Running) -> Result<&'static str, Trouble> {
        let how = self.find(&running.stack).await.map_err(|why| why.trouble("look at the stack"))?.map(|stack| word(&stack).to_owned()).unwrap_or_default();
        match how.as_str() {
            "UPDATE_IN_PROGRESS" => {
                let token = token();
                let send =
                    async || self.client.cancel_update_stack().stack_name(&running.stack).client_request_token(&token).send().await.map(drop).map_err(fault);
                let happened = async || {
                    let how = self.find(&running.stack).await?.map(|stack| word(&stack).to_owned()).unwrap_or_default();
                    Ok(how.starts_with("UPDATE_ROLLBACK").then_some(()))
                };
                act(self.pace, &self.notice, send, happened).await.map_err(|why| why.trouble("cancel the update"))?;
                Ok("the stack goes back to what it was")
            }
            "CREATE_IN_PROGRESS" => Err(Trouble::Cannot("CloudFormation cannot cancel the creation of a stack; `stackc destroy` removes it".to_owned())),
            how => Err(Trouble::Cannot(format!("there is no update to cancel: the stack is in {how}"))),
        }
    }

    async fn outputs(&mut self) -> Result<Vec<(String, String)>, Trouble> {
        let stack = self.existing().await?;
        Ok(stack
            .outputs()
            .iter()
            .map(|output| (output.output_key().unwrap_or_default().to_owned(), output.output_value().unwrap_or_default().to_owned()))
            .collect())
    }

    async fn status(&mut self) -> Result<Status, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(Status::default()) };
        let id = stack.stack_id().unwrap_or_default();
        let resources = self.resources(id).await.map_err(|why| why.trouble("list the stack's resources"))?;
        let mut facts = vec![("id".to_owned(), id.to_owned())];
        let changed =
            stack.last_updated_time().or(stack.creation_time()).and_then(|at| at.fmt(aws_sdk_cloudformation::primitives::DateTimeFormat::DateTime).ok());
        facts.extend(changed.map(|at| ("last changed".to_owned(), at)));
        let protected = if stack.enable_termination_protection.unwrap_or_default() { "on" } else { "off" };
        facts.push(("protection from removal".to_owned(), protected.to_owned()));
        Ok(Status { how: Some(word(&stack).to_owned()), reason: stack.stack_status_reason.clone(), facts, resources })
    }

    async fn events(&mut self, most: usize) -> Result<Vec<Event>, Trouble> {
        let stack = self.existing().await?;
        let events = self.events_since(stack.stack_id().unwrap_or_default(), None, most).await.map_err(|why| why.trouble("read the stack's events"))?;
        Ok(events.iter().map(event).collect())
    }

    async fn drift(&mut self) -> Result<Drift, Trouble> {
        self.drifted().await
    }

    async fn obstacles(&mut self) -> Result<Vec<Obstacle>, Trouble> {
        let stack = self.existing().await?;
        let doing = "look for what is in the stack's buckets and registries";
        let mut found = Vec::new();
        for resource in self.resources(stack.stack_id().unwrap_or_default()).await.map_err(|why| why.trouble(doing))? {
            let Some(id) = resource.id else { continue };
            let filled = match resource.ty.as_str() {
                "AWS::S3::Bucket" => self.is_filled(&id).await,
                REPOSITORY => self.has_images(&id).await,
                _ => continue,
            };
            if filled.map_err(|why| why.trouble(doing))? {
                found.push(Obstacle { name: resource.name, id, ty: resource.ty, what: "is not empty".to_owned() });
            }
        }
        Ok(found)
    }

    async fn clear(&mut self, obstacle: &Obstacle) -> Result<(), Trouble> {
        let emptied = if obstacle.ty == REPOSITORY { self.delete_images(&obstacle.id).await } else { self.empty(&obstacle.id).await };
        emptied.map_err(|why| why.trouble(&format!("empty {}", obstacle.id)))
    }

    async fn destroy(&mut self, retain: &[String]) -> Result<Running, Trouble> {
        let stack = self.existing().await?;
        let id = stack.stack_id().unwrap_or_default().to_owned();
        if stack.enable_termination_protection.unwrap_or_default() {
            return Err(Trouble::Refused {
                what: "the stack is protected from removal".to_owned(),
                reasons: Vec::new(),
                next: Some("take `protect` out of stack.kdl, deploy that, and destroy then".to_owned()),
            });
        }
        let running = self.running(id.clone(), Verb::Destroy).await.map_err(|why| why.trouble("look at the stack's events"))?;
        // CloudFormation leaves behind only what it failed to delete, and wants to have failed first.
        let mut left = Vec::new();
        if word(&stack) == "DELETE_FAILED" && !retain.is_empty() {
            let there = self.resources(&id).await.map_err(|why| why.trouble("list the stack's resources"))?;
            let failed = there.into_iter().filter(|resource| resource.how == "DELETE_FAILED" && retain.contains(&resource.name));
            left.extend(failed.map(|resource| resource.name));
        }
        self.delete(&id, &left).await.map_err(|why| why.trouble("delete the stack"))?;
        Ok(running)
    }
}

/// Whether an event is about the stack itself.
fn is_stack(event: &StackEvent) -> bool {
    event.physical_resource_id().is_some() && event.physical_resource_id() == event.stack_id()
}

fn event(event: &StackEvent) -> Event {
    let word = event.resource_status().map(|status| status.as_str()).unwrap_or_default();
    // That somebody asked for it is no reason.
    let reason = event.resource_status_reason().map(|reason| bounded(reason.trim())).filter(|reason| reason != BY_A_USER);
    let cancelled = reason.as_deref().is_some_and(|reason| reason.to_ascii_lowercase().contains("cancelled"));
    let step = match word {
        // What is given up because something else failed is no reason.
        _ if cancelled => Step::Note,
        _ if word.ends_with("_FAILED") => Step::Failed,
        _ if word.ends_with("_COMPLETE") => Step::Done,
        _ if word.ends_with("_IN_PROGRESS") => Step::Begins,
        _ => Step::Note,
    };
    Event {
        at: event.timestamp().map(|at| at.as_secs_f64()).unwrap_or_default(),
        name: (!is_stack(event)).then(|| event.logical_resource_id().unwrap_or_default().to_owned()),
        ty: event.resource_type().unwrap_or_default().to_owned(),
        step,
        word: word.to_owned(),
        reason,
        goes: word.starts_with("DELETE"),
    }
}
