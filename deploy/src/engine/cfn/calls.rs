//! What is asked of CloudFormation, page by page, and what is asked for once.

use super::fault::fault;
use super::{BY_A_USER, Cfn, LOOKS, Planned, Running, Verb, is_stack, word};
use crate::engine::rest::bounded;
use crate::engine::wire::{Fault, act, read, token};
use crate::engine::{Engine, Listed, Reason, ResourceStatus, Trouble};
use crate::list::described;
use aws_sdk_cloudformation::types::{Change as NativeChange, ChangeSetStatus, EventFilter, Stack, StackEvent};

impl Cfn {
    /// The stack as it is; none when there is none.
    pub(super) async fn find(&self, name: &str) -> Result<Option<Stack>, Fault> {
        let answer = read(self.pace, &self.notice, async || self.client.describe_stacks().stack_name(name).send().await.map_err(fault)).await;
        match answer {
            // That there is none, CloudFormation says by a refusal.
            Ok(answer) => answer.stacks.unwrap_or_default().into_iter().next().map(Some).ok_or_else(|| Fault::Strange("it describes no stack".to_owned())),
            Err(why) if why.is_missing() => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// The stacks of the account that stackc made or changed last: their change set has a name of ours.
    pub async fn list(&self) -> Result<Vec<Listed>, Trouble> {
        let (mut found, mut next) = (Vec::new(), None);
        loop {
            let page = read(self.pace, &self.notice, async || self.client.describe_stacks().set_next_token(next.clone()).send().await.map_err(fault)).await;
            let page = page.map_err(|why| why.trouble("list the stacks"))?;
            let ours = |stack: &&Stack| stack.change_set_id().is_some_and(|id| id.contains(":changeSet/stackc-"));
            let none = || Fault::Strange("it lists no stacks".to_owned()).trouble("list the stacks");
            let stacks = page.stacks.ok_or_else(none)?;
            found.extend(stacks.iter().filter(ours).map(|stack| {
                let (of, which) = described(stack.description().unwrap_or_default());
                let changed = stack.last_updated_time().or(stack.creation_time());
                let changed = changed.and_then(|at| at.fmt(aws_sdk_cloudformation::primitives::DateTimeFormat::DateTime).ok());
                Listed { name: stack.stack_name().unwrap_or_default().to_owned(), stack: of, which, how: word(stack).to_owned(), changed, within: None }
            }));
            next = onward(next, page.next_token).map_err(|why| why.trouble("list the stacks"))?;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    pub(super) async fn stack(&self) -> Result<Option<Stack>, Trouble> {
        let found = self.find(&self.options.stack).await.map_err(|why| why.trouble("look at the stack"))?;
        Ok(found.filter(|stack| word(stack) != "DELETE_COMPLETE"))
    }

    pub(super) async fn existing(&self) -> Result<Stack, Trouble> {
        self.stack().await?.ok_or_else(|| self.absent())
    }

    pub(super) fn absent(&self) -> Trouble {
        Trouble::Call(format!("there is no stack `{}` in {}; `stackc deploy` makes it", self.options.stack, self.place()))
    }

    /// What happened since an event, oldest first.
    pub(super) async fn events_since(&self, stack: &str, seen: Option<&str>, most: usize) -> Result<Vec<StackEvent>, Fault> {
        let mut found: Vec<StackEvent> = Vec::new();
        let mut next: Option<String> = None;
        'pages: loop {
            let page = read(self.pace, &self.notice, async || {
                self.client.describe_stack_events().stack_name(stack).set_next_token(next.clone()).send().await.map_err(fault)
            });
            let page = page.await?;
            for event in page.stack_events.unwrap_or_default() {
                if found.len() >= most || seen.is_some() && event.event_id() == seen {
                    break 'pages;
                }
                found.push(event);
            }
            next = onward(next, page.next_token)?;
            if next.is_none() {
                break;
            }
        }
        found.reverse();
        Ok(found)
    }

    /// Follows from here on.
    pub(super) async fn running(&self, stack: String, verb: Verb) -> Result<Running, Fault> {
        let last = self.events_since(&stack, None, 1).await;
        let seen = match last {
            Ok(events) => events.last().and_then(|event| event.event_id().map(str::to_owned)),
            Err(why) if why.is_missing() => None,
            Err(why) => return Err(why),
        };
        Ok(Running { stack, seen, verb, ended: false, looks: 0 })
    }

    /// Follows what goes on already, from where it began.
    pub(super) async fn attached(&self, stack: String) -> Result<Running, Fault> {
        let mut running = self.running(stack, Verb::Attached).await?;
        let mut began = false;
        let mut next: Option<String> = None;
        loop {
            let page = read(self.pace, &self.notice, async || {
                self.client.describe_stack_events().stack_name(&running.stack).set_next_token(next.clone()).send().await.map_err(fault)
            });
            let page = page.await?;
            for event in page.stack_events() {
                if began {
                    running.seen = event.event_id().map(str::to_owned);
                    return Ok(running);
                }
                let begins = event.resource_status().is_some_and(|status| status.as_str().ends_with("_IN_PROGRESS"));
                began = is_stack(event) && begins && event.resource_status_reason() == Some(BY_A_USER);
            }
            next = onward(next, page.next_token)?;
            if next.is_none() {
                // It is the first thing that happened to the stack.
                if began {
                    running.seen = None;
                }
                return Ok(running);
            }
        }
    }

    /// All of a change set, once it is made; or what made it fail.
    pub(super) async fn changes(&self, change_set: &str) -> Result<Result<Vec<NativeChange>, String>, Fault> {
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = read(self.pace, &self.notice, async || {
                let call = self.client.describe_change_set().change_set_name(change_set).include_property_values(true).set_next_token(next.clone());
                call.send().await.map_err(fault)
            });
            let page = page.await?;
            match page.status() {
                Some(ChangeSetStatus::Failed) => return Ok(Err(page.status_reason().unwrap_or("no reason was given").to_owned())),
                Some(ChangeSetStatus::CreateComplete) => {}
                _ => {
                    tokio::time::sleep(self.pace.poll).await;
                    continue;
                }
            }
            found.extend(page.changes.unwrap_or_default());
            next = onward(next, page.next_token)?;
            if next.is_none() {
                return Ok(Ok(found));
            }
        }
    }

    /// What CloudFormation found wrong before it did anything. Older regions do not know the question, and then there is only the reason.
    pub(super) async fn early_reasons(&self, change_set: &str, otherwise: &str) -> Vec<Reason> {
        let answer = read(self.pace, &self.notice, async || {
            let filter = EventFilter::builder().failed_events(true).build();
            self.client.describe_events().change_set_name(change_set).filters(filter).send().await.map_err(fault)
        });
        let mut reasons: Vec<Reason> = Vec::new();
        for event in answer.await.map(|answer| answer.operation_events.unwrap_or_default()).unwrap_or_default() {
            let Some(text) = event.validation_status_reason().or(event.resource_status_reason()).or(event.hook_status_reason()) else { continue };
            let property = event.validation_path().and_then(|path| path.split_once("/Properties/")).map(|(_, rest)| rest.replace('/', "."));
            let reason = Reason {
                name: event.logical_resource_id().map(str::to_owned),
                ty: event.resource_type().unwrap_or_default().to_owned(),
                property,
                text: bounded(text),
            };
            if !reasons.contains(&reason) {
                reasons.push(reason);
            }
        }
        if reasons.is_empty() {
            reasons.push(Reason { name: None, ty: String::new(), property: None, text: bounded(otherwise) });
        }
        reasons
    }

    /// Waits for CloudFormation to begin with what it was asked for.
    pub(super) async fn begun(&self, happened: impl AsyncFn() -> Result<Option<()>, Fault>) -> Result<(), Trouble> {
        let doing = "execute the change set";
        for _ in 0..LOOKS {
            if read(self.pace, &self.notice, &happened).await.map_err(|why| why.trouble(doing))?.is_some() {
                return Ok(());
            }
            tokio::time::sleep(self.pace.poll).await;
        }
        Err(Fault::Strange("it was taken, and nothing begins".to_owned()).trouble(doing))
    }

    pub(super) async fn forget(&self, planned: &Planned) -> Result<(), Fault> {
        let gone =
            read(self.pace, &self.notice, async || self.client.delete_change_set().change_set_name(&planned.change_set).send().await.map_err(fault)).await;
        match gone {
            Err(why) if !why.is_missing() => return Err(why),
            _ => {}
        }
        if !planned.creates {
            return Ok(());
        }
        // Making the change set made an empty stack. It goes too, unless somebody else's change set is on it.
        let Some(stack) = self.find(&planned.stack).await?.filter(|stack| word(stack) == "REVIEW_IN_PROGRESS") else { return Ok(()) };
        let others = read(self.pace, &self.notice, async || self.client.list_change_sets().stack_name(&planned.stack).send().await.map_err(fault)).await?;
        if others.summaries().iter().any(|other| other.change_set_id() != Some(planned.change_set.as_str())) {
            return Ok(());
        }
        self.delete(stack.stack_id().unwrap_or_default(), &[]).await
    }

    pub(super) async fn resources(&self, stack: &str) -> Result<Vec<ResourceStatus>, Fault> {
        let mut found = Vec::new();
        let mut next: Option<String> = None;
        loop {
            let page = read(self.pace, &self.notice, async || {
                self.client.list_stack_resources().stack_name(stack).set_next_token(next.clone()).send().await.map_err(fault)
            });
            let page = page.await?;
            let there = page.stack_resource_summaries.unwrap_or_default().into_iter().map(|resource| ResourceStatus {
                how: resource.resource_status().map(|status| status.as_str().to_owned()).unwrap_or_default(),
                name: resource.logical_resource_id.unwrap_or_default(),
                ty: resource.resource_type.unwrap_or_default(),
                id: resource.physical_resource_id,
            });
            // While a stack is half removed, those that are out of it are listed too.
            found.extend(there.filter(|resource| !matches!(resource.how.as_str(), "DELETE_COMPLETE" | "DELETE_SKIPPED")));
            next = onward(next, page.next_token)?;
            if next.is_none() {
                return Ok(found);
            }
        }
    }

    /// Asks for the deletion of a stack, by its ARN.
    pub(super) async fn delete(&self, stack: &str, retain: &[String]) -> Result<(), Fault> {
        let token = token();
        let retain = (!retain.is_empty()).then(|| retain.to_vec());
        let send = async || {
            let call = self
                .client
                .delete_stack()
                .stack_name(stack)
                .client_request_token(&token)
                .set_retain_resources(retain.clone())
                .set_role_arn(self.options.role.clone());
            call.send().await.map(drop).map_err(fault)
        };
        let happened = async || {
            let stack = match self.find(stack).await? {
                Some(stack) => word(&stack).to_owned(),
                None => return Ok(Some(())),
            };
            Ok((stack == "DELETE_IN_PROGRESS" || stack == "DELETE_COMPLETE").then_some(()))
        };
        act(self.pace, &self.notice, send, happened).await
    }

    pub(super) fn next_after(&self, how: &str) -> String {
        match how {
            "CREATE_FAILED" | "UPDATE_FAILED" => "what was made stays; mend the cause, and `stackc deploy` goes on from there",
            "ROLLBACK_COMPLETE" | "ROLLBACK_FAILED" => "nothing of it is in use; mend the cause, and `stackc deploy` removes what is left and makes it anew",
            "UPDATE_ROLLBACK_COMPLETE" => "it runs as it did before; mend the cause and deploy again",
            "UPDATE_ROLLBACK_FAILED" => {
                "mend what kept it from going back, and `stackc deploy` goes on with it; `--skip NAME` leaves a resource as it is, for you to mend by hand"
            }
            "DELETE_FAILED" => "mend what kept it from going, and `stackc destroy` goes on; `--retain NAME` leaves a resource, outside of the stack",
            _ => "`stackc status` shows how it is",
        }
        .to_owned()
    }
}

/// The next page of a list; a cloud that names the same one again would never come to its end.
pub(super) fn onward(before: Option<String>, next: Option<String>) -> Result<Option<String>, Fault> {
    if next.is_some() && next == before { Err(Fault::Strange("a page of a list leads back to itself".to_owned())) } else { Ok(next) }
}
