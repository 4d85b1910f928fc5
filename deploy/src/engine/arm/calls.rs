//! What the engine asks Azure, and what it understands of the answers.

use super::super::Engine;
use super::super::rest::{Rest, has, is_text};
use super::super::wire::{self, Fault, Notice, Pace, act};
use super::super::{Ending, Event, Listed, Progress, Step, Trouble};
use super::api::{self, Api, DEPLOYMENTS, GROUPS, STACKS};
use super::login::{self, Login, Way};
use super::names::Names;
use super::parts::{self, OF, Stack};
use super::{Arm, Options, Running, Verb, errors, follow};
use crate::list::described;
use reqwest::Method;
use serde_json::{Value, json};

fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Connects to Azure's manager, by what Azure's own tools would use.
///
/// # Errors
/// [`Trouble::Call`] says what is missing.
pub fn connect(endpoint: Option<&str>, pace: Pace, notice: Notice) -> Result<Api, Trouble> {
    connect_as(Way::find(&set, parts::cli().is_some()).map_err(Trouble::Call)?, endpoint, pace, notice)
}

/// Connects to Azure's manager as who Terraform's provider comes as, whose variables have other names (`ARM_CLIENT_ID`).
///
/// # Errors
/// [`Trouble::Call`] says what is missing. Of a machine's own identity nobody knows whether there is one, unless the provider is told to take it.
pub fn connect_as_provider(endpoint: Option<&str>, pace: Pace, notice: Notice) -> Result<Api, Trouble> {
    let either = |name: &str| set(name).or_else(|| set(&name.replacen("AZURE_", "ARM_", 1)));
    match Way::find(&either, parts::cli().is_some()).map_err(Trouble::Call)? {
        Way::Machine { .. } if set("ARM_USE_MSI").as_deref() != Some("true") => Err(Trouble::Call(login::HOW.to_owned())),
        way => connect_as(way, endpoint, pace, notice),
    }
}

fn connect_as(way: Way, endpoint: Option<&str>, pace: Pace, notice: Notice) -> Result<Api, Trouble> {
    let endpoint = parts::endpoint(endpoint, set("AZURE_AUTHORITY_HOST").as_deref()).map_err(Trouble::Call)?;
    let rest = Rest::new(pace, login::AGAIN, &[]).map_err(|why| Trouble::Call(format!("cannot begin to talk to Azure: {why}")))?;
    let login = Login::new(way, &endpoint, &rest, pace);
    Ok(Api::new(rest, login, endpoint, pace, notice))
}

impl Arm {
    /// Connects, by what Azure's own tools would use.
    ///
    /// # Errors
    /// [`Trouble::Call`] says what is missing.
    pub async fn new(options: Options, pace: Pace, notice: Notice) -> Result<Arm, Trouble> {
        let api = connect(options.endpoint.as_deref(), pace, notice)?;
        let subscription = match (set("AZURE_SUBSCRIPTION_ID"), parts::cli()) {
            (Some(subscription), _) => subscription,
            (None, Some(cli)) => parts::subscription(cli, pace.answer).await.map_err(Trouble::Call)?,
            (None, None) => return Err(Trouble::Call("no subscription is set: set AZURE_SUBSCRIPTION_ID, or log in with `az login`".to_owned())),
        };
        let group = options.group.clone().unwrap_or_else(|| options.stack.clone());
        for (what, name) in [("a subscription", &subscription), ("a resource group", &group), ("a stack", &options.stack)] {
            if name.is_empty() || name.len() > 90 || !name.chars().all(|c| c.is_alphanumeric() || "-_.()".contains(c)) {
                return Err(Trouble::Call(format!("`{name}` is no name of {what} in Azure: letters, digits, `-`, `_`, `.` and brackets make one, 90 at most")));
            }
        }
        Ok(Arm { api, options, subscription, group })
    }

    pub(super) fn group_path(&self) -> String {
        format!("/subscriptions/{}/resourceGroups/{}", self.subscription, self.group)
    }

    pub(super) fn stack_path(&self, rest: &str) -> String {
        let name = &self.options.stack;
        format!("{}/providers/Microsoft.Resources/deploymentStacks/{name}{rest}?api-version={STACKS}", self.group_path())
    }

    /// The stack as it is, with the cloud's clock; none when there is none.
    pub(super) async fn find(&self) -> Result<Option<Stack>, Fault> {
        let Some(answer) = self.api.find(&self.stack_path("")).await? else { return Ok(None) };
        answer.with("/id", is_text)?;
        answer.with("/properties", Value::is_object)?;
        Ok(Some(Stack::of(answer)))
    }

    pub(super) async fn stack(&self) -> Result<Option<Stack>, Trouble> {
        self.find().await.map_err(|why| why.trouble("look at the stack"))
    }

    pub(super) async fn existing(&self) -> Result<Stack, Trouble> {
        let absent = || Trouble::Call(format!("there is no stack `{}` in {}; `stackc deploy` makes it", self.options.stack, self.place()));
        self.stack().await?.ok_or_else(absent)
    }

    /// The resource group; none when there is none.
    pub(super) async fn group(&self) -> Result<Option<Value>, Fault> {
        let path = format!("{}?api-version={GROUPS}", self.group_path());
        let Some(answer) = self.api.find(&path).await? else { return Ok(None) };
        answer.with("/id", is_text)?;
        Ok(Some(answer.body))
    }

    /// Whether the group was made for this stack, and nothing is left in it.
    pub(super) async fn is_ours_and_empty(&self) -> Result<Result<(), Option<String>>, Fault> {
        let Some(group) = self.group().await? else { return Ok(Err(None)) };
        if group.pointer("/tags/stackc").and_then(Value::as_str) != Some(self.options.stack.as_str()) {
            return Ok(Err(None));
        }
        let resources = format!("{}/resources?api-version={GROUPS}", self.group_path());
        let stacks = format!("{}/providers/Microsoft.Resources/deploymentStacks?api-version={STACKS}", self.group_path());
        let mut left = self.api.list(&resources).await?;
        left.extend(self.api.list(&stacks).await?);
        let names: Vec<&str> = left.iter().filter_map(|left| left.get("name").and_then(Value::as_str)).take(3).collect();
        Ok(if left.is_empty() { Ok(()) } else { Err(Some(format!("other things are in it ({})", names.join(", ")))) })
    }

    /// The stacks of ours in all resource groups of the subscription: each has our mark.
    pub async fn list(&self) -> Result<Vec<Listed>, Trouble> {
        let doing = |why: Fault| why.trouble("list the stacks");
        let groups = format!("/subscriptions/{}/resourcegroups?api-version={GROUPS}", self.subscription);
        let mut found = Vec::new();
        for group in self.api.all(&groups).await.map_err(doing)? {
            let group = has(&group, "/name", is_text).map_err(doing)?.as_str().unwrap_or_default().to_owned();
            let stacks = format!("/subscriptions/{}/resourceGroups/{group}/providers/Microsoft.Resources/deploymentStacks", self.subscription);
            for stack in self.api.list(&format!("{stacks}?api-version={STACKS}")).await.map_err(doing)? {
                let stack = Stack { body: stack, at: 0.0 };
                if stack.run().is_none() {
                    continue;
                }
                let (of, which) = described(stack.text(&format!("/tags/{OF}")));
                let changed = Some(stack.text("/systemData/lastModifiedAt").to_owned()).filter(|at| !at.is_empty());
                let within = Some(format!("resource group {group}"));
                found.push(Listed { name: stack.text("/name").to_owned(), stack: of, which, how: follow::words(stack.state()), changed, within });
            }
        }
        Ok(found)
    }

    /// The operations of a deployment; none when Azure keeps them no longer.
    pub(super) async fn operations(&self, deployment: Option<&str>) -> Result<Vec<Value>, Fault> {
        let Some(id) = deployment else { return Ok(Vec::new()) };
        self.api.list(&format!("{id}/operations?api-version={DEPLOYMENTS}")).await
    }

    /// The template that the stack was deployed with.
    pub(super) async fn deployed(&self) -> Result<Option<Value>, Fault> {
        let path = self.stack_path("/exportTemplate");
        let answer = wire::read(self.api.pace, &self.api.notice, async || self.api.send(Method::POST, &path, None).await).await;
        match answer {
            Ok(answer) => answer.with("/template", Value::is_object).cloned().map(Some),
            Err(why) if api::is_missing(&why) => Ok(None),
            Err(why) => Err(why),
        }
    }

    /// Names of the running stack's resources.
    pub(super) async fn names(&self, stack: &Stack, template: Option<&Value>) -> Result<Names, Fault> {
        let mut names = template.map(Names::of).unwrap_or_default();
        names.learn(&self.operations(stack.deployment()).await?);
        Ok(names)
    }

    /// What would change, if a template was deployed.
    pub(super) async fn what_if(&self, template: &Value, params: &Value) -> Result<Value, Fault> {
        let path = format!("{}/providers/Microsoft.Resources/deployments/{}/whatIf?api-version={DEPLOYMENTS}", self.group_path(), self.options.stack);
        let settings = json!({ "resultFormat": "FullResourcePayloads" });
        let body = json!({ "properties": { "mode": "Incremental", "template": template, "parameters": params, "whatIfSettings": settings } });
        let answer = self.api.ask(&path, &body).await?;
        has(&answer, "/status", is_text)?;
        if answer.get("status").and_then(Value::as_str).is_some_and(|status| status.eq_ignore_ascii_case("Succeeded")) {
            has(&answer, "/properties/changes", Value::is_array)?;
        }
        Ok(answer)
    }

    /// What Azure refuses beforehand, with its reasons.
    pub(super) fn refused(&self, error: &Value, names: &Names) -> Trouble {
        let reasons = errors::reasons(error, names);
        Trouble::Refused { what: "Azure refuses this change, and nothing was changed".to_owned(), reasons, next: None }
    }

    pub(super) fn user_name<'n>(&'n self, param: &'n str) -> &'n str {
        self.options.params.iter().find(|(name, ..)| name == param).map_or(param, |(_, user, _)| user)
    }

    pub(super) async fn running(&self, verb: Verb, stack: &Stack) -> Result<Running, Fault> {
        let template = self.deployed().await?;
        let names = self.names(stack, template.as_ref()).await?;
        Ok(parts::running(verb, stack.mark(), stack.deployment().map(str::to_owned), names))
    }

    /// Removes the group, if it was made for the stack and is empty, and follows that; what became of it, once that is known.
    pub(super) async fn group_goes(&self, running: &mut Running) -> Result<Option<Option<String>>, Fault> {
        if running.group {
            return Ok(self.group().await?.is_none().then_some(None));
        }
        if let Err(why) = self.is_ours_and_empty().await? {
            return Ok(Some(why));
        }
        let path = format!("{}?api-version={GROUPS}", self.group_path());
        let send = async || match self.api.send(Method::DELETE, &path, None).await?.status {
            202 => Ok(()),
            // Then it is looked whether it goes: any server in between can answer so.
            status => Err(Fault::Strange(format!("{status} where the removal of a resource group is answered by 202"))),
        };
        let happened = async || {
            let group = self.group().await?;
            let state = group.as_ref().and_then(|group| group.pointer("/properties/provisioningState")).and_then(Value::as_str);
            Ok((group.is_none() || state == Some("Deleting")).then_some(()))
        };
        match act(self.api.pace, &self.api.notice, send, happened).await {
            Ok(()) => {
                running.group = true;
                Ok(None)
            }
            Err(Fault::Said(code, _)) if code == "404" => Ok(Some(None)),
            // Another can be removing it as well, and who may remove resources may not always remove their group.
            Err(Fault::Said(_, text)) => Ok(Some(Some(text))),
            Err(why) => Err(why),
        }
    }

    /// The end of a removal, as its own address tells it; none while it goes on, or where nobody tells.
    pub(super) async fn removal_ended(&self, running: &Running) -> Result<Option<Result<(), String>>, Fault> {
        let Some(location) = &running.location else { return Ok(None) };
        match self.api.find(location).await {
            Ok(None) => Ok(None),
            Ok(Some(answer)) => Ok(parts::ended(&answer)),
            Err(Fault::Said(_, text)) => Ok(Some(Err(text))),
            Err(why) => Err(why),
        }
    }

    /// After the stack itself is gone.
    pub(super) async fn gone(&self, running: &mut Running, mut events: Vec<Event>) -> Result<Progress, Trouble> {
        if running.verb != Verb::Destroy {
            return Ok(Progress::Ended(events, Ending::Gone));
        }
        let Some(left) = self.group_goes(running).await.map_err(|why| why.trouble("remove the resource group"))? else { return Ok(Progress::Going(events)) };
        for vault in std::mem::take(&mut running.vaults) {
            (self.api.notice)(&format!("the Key Vault {vault} is kept by Azure until its retention ends: its name is free only then"));
        }
        if let Some(why) = left {
            (self.api.notice)(&format!("the resource group {} stays: {why}", self.group));
        }
        let ty = "Microsoft.Resources/deploymentStacks".to_owned();
        events.push(Event { at: self.api.clock(), name: None, ty, step: Step::Done, word: "deleted".to_owned(), reason: None, goes: true });
        Ok(Progress::Ended(events, Ending::Gone))
    }
}
