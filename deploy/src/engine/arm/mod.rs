//! Azure Resource Manager: a what-if says what would change, and a deployment stack in a resource group is what runs, so that Azure itself removes what the template
//! no longer has.

mod api;
mod calls;
mod changes;
mod errors;
mod follow;
mod login;
mod moments;
mod names;
mod parts;

use super::overlay::{Words, overlay};
use super::rest::{Answer, is_text};
use super::wire::{Fault, act, token};
use super::{
    Change, Drift, Ending, Engine, Event, Obstacle, Plan, Previous, Progress, Reason, ResourceStatus, Site, State, Status, Step, Trouble, Wanted, What,
};
use crate::saved::digest;
pub use api::Api;
use api::{DEPLOYMENTS, GROUPS, is_conflict};
pub use calls::{connect, connect_as_provider};
use names::{Id, Names};
use parts::Stack;
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Where to find Azure, and which stack is meant.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The stack's name there.
    pub stack: String,
    /// The resource group, over the stack's own name.
    pub group: Option<String>,
    /// Where the group is made.
    pub region: Option<String>,
    /// Another address than Azure's own.
    pub endpoint: Option<String>,
    /// The parameters: name in the template, name in the stack, and the value that the environment has.
    pub params: Vec<(String, String, Option<String>)>,
}

/// The engine of `arm`.
pub struct Arm {
    api: Api,
    options: Options,
    subscription: String,
    group: String,
}

/// A plan that waits.
pub struct Planned {
    body: Value,
    run: String,
    /// How the stack was when it was planned.
    mark: String,
    deployment: Option<String>,
    /// Where the group is made, when it has to be.
    location: Option<String>,
    template: Value,
}

impl Planned {
    /// What tells the stack that was looked at from how it is after any change.
    fn seen(&self) -> String {
        digest(&json!([self.mark, self.deployment, self.location]).to_string())
    }
}

/// An operation under way.
#[derive(Debug)]
pub struct Running {
    verb: Verb,
    /// How the stack was before.
    mark: String,
    /// The deployment of before, whose operations are old.
    before: Option<String>,
    names: Names,
    seen: BTreeMap<String, String>,
    word: String,
    told: Vec<Option<String>>,
    /// Where the removal's end is told.
    location: Option<String>,
    /// Vaults that go, and stay for a while behind the scenes.
    vaults: Vec<String>,
    group: bool,
    looks: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Verb {
    /// A deploy of ours, by the mark that it leaves.
    Deploy(String),
    Attached,
    Destroy,
}

/// How often a state is looked at that may still be the one of before.
const PATIENCE: usize = 20;

impl Engine for Arm {
    type Planned = Planned;
    type Running = Running;
    type Cure = std::convert::Infallible;

    fn place(&self) -> String {
        format!("Azure, subscription {}, resource group {}", self.subscription, self.group)
    }

    fn site(&self) -> Site {
        Site { place: format!("Azure, resource group {}", self.group), account: Some(self.subscription.clone()) }
    }

    fn goes_on_alone(&self, _running: &Running) -> bool {
        true
    }

    fn forgets_secrets(&self) -> Option<&'static str> {
        Some("Azure gives no secret back, so that each deploy takes it again")
    }

    async fn state(&mut self) -> Result<State<Arm>, Trouble> {
        let Some(stack) = self.stack().await? else {
            // What a first deploy or a removal left that was cut off.
            let left = self.is_ours_and_empty().await.map_err(|why| why.trouble("look at the resource group"))?;
            return Ok(if left.is_ok() { State::Settled } else { State::Absent });
        };
        if stack.is_settled() {
            return Ok(State::Settled);
        }
        let mut running = self.running(Verb::Attached, &stack).await.map_err(|why| why.trouble("look at the stack's operations"))?;
        // The operations of what goes on now are not old.
        running.before = if stack.is_deploying() { None } else { running.before };
        Ok(State::Busy(follow::words(stack.state()), running))
    }

    async fn previous(&mut self) -> Result<BTreeMap<String, Previous>, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(BTreeMap::new()) };
        let template = self.deployed().await.map_err(|why| why.trouble("read the running stack's template"))?.unwrap_or_default();
        Ok(stack
            .params(&template)
            .into_iter()
            .map(|(name, value)| {
                let default = template.pointer(&format!("/parameters/{name}/defaultValue")).map(parts::plain);
                (name, Previous { value: parts::plain(&value), default })
            })
            .collect())
    }

    async fn plan(&mut self, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        let doing = "plan this";
        let template: Value = serde_json::from_str(&wanted.template).map_err(|error| Trouble::refused("the template is no JSON", error.to_string()))?;
        let stack = self.stack().await?;
        let group = self.group().await.map_err(|why| why.trouble("look at the resource group"))?;
        let old = if stack.is_some() { self.deployed().await.map_err(|why| why.trouble("read the running stack's template"))? } else { None };
        let before = stack.as_ref().map(|stack| stack.params(old.as_ref().unwrap_or(&Value::Null))).unwrap_or_default();
        let (template, given) = match (&wanted.only, &stack, &old) {
            (None, ..) => (template, wanted.params.clone()),
            (Some(only), Some(_), Some(old)) => {
                let part: Value = serde_json::from_str(&only.template).unwrap_or_default();
                let values = before.iter().map(|(name, value)| (name.clone(), parts::plain(value))).collect();
                overlay(Words::Arm, old, &part, &values, &wanted.params)
            }
            (Some(_), Some(_), None) => {
                let why = "Azure does not give back the template that the stack runs by, so that no part of it can be changed by itself";
                return Err(Trouble::Cannot(why.to_owned()));
            }
            (Some(only), None, _) => (serde_json::from_str(&only.template).unwrap_or_default(), wanted.params.clone()),
        };
        let params = parts::params(&template, &given, &before)?;
        let run = token();
        let body = parts::body(&template, &params, &run);
        let (mark, deployment) = (stack.as_ref().map(Stack::mark).unwrap_or_default(), stack.as_ref().and_then(|stack| stack.deployment().map(str::to_owned)));
        let mut names = Names::of(&template);
        if group.is_none() {
            let Some(location) = self.options.region.clone() else {
                return Err(Trouble::Call(format!(
                    "the resource group `{}` is not there yet, and is made by this: say where with --region, such as westeurope (`az account list-locations` lists them)",
                    self.group
                )));
            };
            let added = names.made().map(|(name, ty)| Change { name: name.to_owned(), ty: ty.to_owned(), what: What::Add, fate: None, properties: Vec::new() });
            let notes = vec![
                format!("the resource group {} is made in {location}", self.group),
                "Azure looks at the template only once its resource group is there".to_owned(),
            ];
            let changes = added.collect();
            return Ok(Plan { changes, notes, with: Some(Planned { body, run, mark, deployment, location: Some(location), template }) });
        }
        let answer = match self.what_if(&template, &params).await {
            Ok(answer) => answer,
            Err(Fault::Said(_, text)) => return Err(self.refused(&json!({ "message": text }), &names)),
            Err(why) => return Err(why.trouble(doing)),
        };
        if answer.get("status").and_then(Value::as_str).is_some_and(|status| !status.eq_ignore_ascii_case("Succeeded")) || answer.get("error").is_some() {
            return Err(self.refused(answer.get("error").unwrap_or(&Value::Null), &names));
        }
        if let Some(stack) = &stack {
            names.learn(&self.operations(stack.deployment()).await.map_err(|why| why.trouble("read the stack's operations"))?);
        }
        let managed: BTreeSet<String> = stack.as_ref().map(|stack| stack.resources().map(|(id, _)| id.to_ascii_lowercase()).collect()).unwrap_or_default();
        let secret = parts::secrets(&template);
        let values: Vec<String> = secret.iter().filter_map(|name| params.pointer(&format!("/{name}/value")).map(parts::plain)).collect();
        let around = changes::Around { names: &names, managed: &managed, old: old.as_ref(), new: &template, secrets: &values };
        let changes::Foreseen { mut changes, mut notes, ids, unforeseen } = changes::foreseen(&answer, &around);
        if let Some(stack) = &stack {
            changes.extend(parts::removed(stack, &names, &ids, &unforeseen)?);
        }
        let (region, there) = (self.options.region.as_deref(), group.as_ref().and_then(|group| group.get("location")).and_then(Value::as_str));
        if let (Some(region), Some(there)) = (region, there.filter(|there| Some(*there) != region)) {
            notes.push(format!("--region {region} counts only when a resource group is made, and {} is there already, in {there}", self.group));
        }
        let rewritten = parts::rewritten(&template, &secret, &changes);
        if !rewritten.is_empty() {
            let names: Vec<&str> = secret.iter().map(|name| self.user_name(name)).collect();
            notes.push(format!("Azure does not say whether {} is another than before: what has it is written again", names.join(", ")));
            changes.extend(rewritten);
        }
        let mut nothing = changes.is_empty();
        if nothing && let Some(why) = parts::all_the_same(stack.as_ref(), old.as_ref(), &template, parts::is_same(&before, &params)) {
            notes.push(why.to_owned());
            nothing = false;
        }
        Ok(Plan { changes, notes, with: (!nothing).then_some(Planned { body, run, mark, deployment, location: None, template }) })
    }

    async fn keep(&mut self, planned: Planned) -> Result<Value, Trouble> {
        Ok(json!({ "stack": planned.seen() }))
    }

    async fn take_up(&mut self, kept: &Value, wanted: &Wanted) -> Result<Result<Plan<Planned>, String>, Trouble> {
        let plan = self.plan(wanted).await?;
        Ok(match plan.with.as_ref().map(Planned::seen) {
            Some(seen) if kept.get("stack") == Some(&json!(seen)) => Ok(plan),
            Some(_) => Err("is overtaken: the stack was changed since".to_owned()),
            None => Err("is done already: nothing of it is left to do".to_owned()),
        })
    }

    fn keeps_value(&self, _param: &str) -> bool {
        false
    }

    async fn discard(&mut self, _planned: Planned) -> Result<(), Trouble> {
        // A what-if leaves nothing in Azure.
        Ok(())
    }

    async fn apply(&mut self, planned: Planned) -> Result<Running, Trouble> {
        let stack = self.stack().await?;
        if stack.as_ref().map(Stack::mark).unwrap_or_default() != planned.mark {
            return Err(Trouble::overtaken("it is no longer as it was"));
        }
        if let Some(location) = &planned.location {
            let path = format!("{}?api-version={GROUPS}", self.group_path());
            let body = json!({ "location": location, "tags": { "stackc": self.options.stack } });
            let send = async || self.api.send(Method::PUT, &path, Some(&body)).await?.with("/id", is_text).map(drop);
            let happened = async || Ok(self.group().await?.map(drop));
            // Another may have made it since: then it is there, and stays as it is.
            if self.group().await.map_err(|why| why.trouble("look at the resource group"))?.is_none() {
                act(self.api.pace, &self.api.notice, send, happened).await.map_err(|why| why.trouble("make the resource group"))?;
            }
        }
        let path = self.stack_path("");
        let send = async || self.api.send(Method::PUT, &path, Some(&planned.body)).await?.with("/id", is_text).map(drop);
        let happened = async || Ok(self.find().await?.filter(|stack| stack.run() == Some(planned.run.as_str())).map(drop));
        let names = Names::of(&planned.template);
        match act(self.api.pace, &self.api.notice, send, happened).await {
            Ok(()) => Ok(parts::running(Verb::Deploy(planned.run), planned.mark, planned.deployment, names)),
            Err(why) if is_conflict(&why) => Err(Trouble::overtaken(parts::text(&why))),
            Err(Fault::Said(code, text)) if code == "400" => Err(self.refused(&json!({ "message": text }), &names)),
            Err(why) => Err(why.trouble("deploy the stack")),
        }
    }

    async fn finish(&mut self, _wanted: &Wanted) -> Result<(), Trouble> {
        // What is protected has a lock of the template's own.
        Ok(())
    }

    async fn cure(&mut self, cure: std::convert::Infallible, _skip: &[String]) -> Result<Running, Trouble> {
        match cure {}
    }

    async fn follow(&mut self, running: &mut Running) -> Result<Progress, Trouble> {
        if running.looks > 0 {
            tokio::time::sleep(self.api.pace.poll).await;
        }
        running.looks += 1;
        let Some(stack) = self.stack().await? else { return self.gone(running, Vec::new()).await };
        if let Verb::Deploy(run) = &running.verb
            && stack.run() != Some(run.as_str())
        {
            // Right after it was asked for, the stack may still show what was before.
            if stack.mark() == running.mark && running.looks <= PATIENCE {
                return Ok(Progress::Going(Vec::new()));
            }
            return Err(Trouble::overtaken("another deploy came in"));
        }
        let mut events = Vec::new();
        let fresh = stack.deployment().is_some() && stack.deployment() != running.before.as_deref();
        if fresh && running.verb != Verb::Destroy {
            let operations = self.operations(stack.deployment()).await.map_err(|why| why.trouble("read the stack's operations"))?;
            running.names.learn(&operations);
            events = follow::events(&operations, &running.names, &mut running.seen);
        }
        running.told.extend(events.iter().filter(|event| event.step == Step::Failed).map(|event| event.name.clone()));
        // Right after a removal was asked for, the stack may still show the state of before.
        let mut over = stack.is_settled();
        let mut why = stack.error().and_then(errors::first);
        if over && running.verb == Verb::Destroy && stack.mark() == running.mark {
            let ended = self.removal_ended(running).await.map_err(|why| why.trouble("look at the removal"))?;
            over = matches!(ended, Some(Err(_))) || running.looks > PATIENCE;
            why = ended.and_then(Result::err).or(why);
        }
        let stale = running.verb == Verb::Destroy && stack.mark() == running.mark && !over;
        let state = follow::words(stack.state());
        if !stale && running.word != state {
            running.word.clone_from(&state);
            let step = if over { follow::step(&state) } else { Step::Begins };
            if over {
                events.extend(follow::failed(&stack.body, &running.names, &running.told, stack.at));
            }
            let reason = why.filter(|_| step == Step::Failed);
            events.push(Event {
                at: stack.at,
                name: None,
                ty: "Microsoft.Resources/deploymentStacks".to_owned(),
                step,
                word: state.clone(),
                reason,
                goes: false,
            });
        }
        if !over {
            return Ok(Progress::Going(events));
        }
        let ending = match (&running.verb, state.as_str()) {
            (Verb::Deploy(_) | Verb::Attached, "succeeded") => Ending::Done,
            (verb, _) => {
                let removal = *verb == Verb::Destroy;
                let next = if removal {
                    "mend what kept it from going, and `stackc destroy` goes on"
                } else {
                    "what was made stays; mend the cause, and `stackc deploy` goes on from there"
                };
                Ending::Failed { how: state, next: next.to_owned(), removal }
            }
        };
        Ok(Progress::Ended(events, ending))
    }

    async fn cancel(&mut self, _running: &Running) -> Result<&'static str, Trouble> {
        let stack = self.existing().await?;
        let Some(deployment) = stack.deployment().filter(|_| stack.is_deploying()) else {
            return Err(Trouble::Cannot(format!("there is no deployment to cancel: the stack is {}", follow::words(stack.state()))));
        };
        let path = format!("{deployment}/cancel?api-version={DEPLOYMENTS}");
        let send = async || self.api.send(Method::POST, &path, None).await.map(drop);
        let happened = async || Ok(self.find().await?.is_none_or(|stack| !stack.is_deploying()).then_some(()));
        act(self.api.pace, &self.api.notice, send, happened).await.map_err(|why| why.trouble("cancel the deployment"))?;
        Ok("what was done stays, and the next `stackc deploy` goes on from there")
    }

    async fn outputs(&mut self) -> Result<Vec<(String, String)>, Trouble> {
        Ok(self.existing().await?.outputs())
    }

    async fn status(&mut self) -> Result<Status, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(Status::default()) };
        let doing = "list the stack's resources";
        let template = self.deployed().await.map_err(|why| why.trouble(doing))?;
        let names = self.names(&stack, template.as_ref()).await.map_err(|why| why.trouble(doing))?;
        let resources: Vec<ResourceStatus> = stack
            .resources()
            .map(|(id, how)| {
                let ty = Id::of(id).map(|id| id.ty).unwrap_or_default();
                ResourceStatus { name: names.or_short(id, None), ty, id: Some(id.to_owned()), how: follow::words(how) }
            })
            .collect();
        let locks = resources.iter().filter(|resource| parts::is_lock(&resource.ty)).count();
        let mut facts = vec![("id".to_owned(), stack.text("/id").to_owned())];
        let changed = Some(stack.text("/systemData/lastModifiedAt")).filter(|at| !at.is_empty());
        facts.extend(changed.map(|at| ("last changed".to_owned(), at.to_owned())));
        facts.push((
            "protection from removal".to_owned(),
            if locks == 0 { "off".to_owned() } else { format!("{locks} lock{}", if locks == 1 { "" } else { "s" }) },
        ));
        Ok(Status { how: Some(stack.state().to_owned()), reason: stack.error().and_then(errors::first), facts, resources })
    }

    async fn events(&mut self, most: usize) -> Result<Vec<Event>, Trouble> {
        let stack = self.existing().await?;
        let doing = "read the stack's operations";
        let operations = self.operations(stack.deployment()).await.map_err(|why| why.trouble(doing))?;
        let template = self.deployed().await.map_err(|why| why.trouble(doing))?;
        let mut names = template.as_ref().map(Names::of).unwrap_or_default();
        names.learn(&operations);
        let mut events = follow::events(&operations, &names, &mut BTreeMap::new());
        let told: Vec<Option<String>> = events.iter().filter(|event| event.step == Step::Failed).map(|event| event.name.clone()).collect();
        let at = moments::seconds(stack.text("/systemData/lastModifiedAt")).unwrap_or(stack.at);
        events.extend(follow::failed(&stack.body, &names, &told, at));
        let surplus = events.len().saturating_sub(most);
        Ok(events.into_iter().skip(surplus).collect())
    }

    async fn drift(&mut self) -> Result<Drift, Trouble> {
        let stack = self.existing().await?;
        let doing = "compare the stack with what was deployed";
        let Some(template) = self.deployed().await.map_err(|why| why.trouble(doing))? else {
            return Err(Trouble::Cannot(
                "Azure does not give back the template that this stack was deployed with, and there is nothing else to compare with".to_owned(),
            ));
        };
        let mut params: serde_json::Map<String, Value> = stack.params(&template).into_iter().map(|(name, value)| (name, json!({ "value": value }))).collect();
        // A secret is not given back. The environment's is taken, or one that nobody has; what differs by it is no drift.
        let mut hidden = Vec::new();
        for name in parts::secrets(&template) {
            let given = self.options.params.iter().find(|(known, ..)| *known == name).and_then(|(.., value)| value.clone());
            let value = given.unwrap_or_else(token);
            hidden.push(value.clone());
            params.insert(name, json!({ "value": value }));
        }
        let names = self.names(&stack, Some(&template)).await.map_err(|why| why.trouble(doing))?;
        let answer = match self.what_if(&template, &Value::Object(params)).await {
            Ok(answer) => answer,
            Err(why) => return Err(why.trouble(doing)),
        };
        if let Some(error) = answer.get("error").filter(|error| !error.is_null()) {
            return Err(Trouble::Refused { what: format!("could not {doing}"), reasons: errors::reasons(error, &names), next: None });
        }
        let (drifted, unchecked) = changes::drifted(&answer, &names, &template, &hidden);
        Ok(Drift { drifted, unchecked, next: Some("every `stackc deploy` puts back what was changed"), ..Drift::default() })
    }

    async fn obstacles(&mut self) -> Result<Vec<Obstacle>, Trouble> {
        // A storage account or a registry goes with all that is in it.
        Ok(Vec::new())
    }

    async fn clear(&mut self, _obstacle: &Obstacle) -> Result<(), Trouble> {
        Err(Trouble::Cannot("in Azure a bucket goes with all that is in it: there is nothing to empty".to_owned()))
    }

    async fn destroy(&mut self, retain: &[String]) -> Result<Running, Trouble> {
        if !retain.is_empty() {
            return Err(Trouble::Cannot("a deployment stack of Azure removes all of its resources or none: --retain is not for Azure".to_owned()));
        }
        let Some(stack) = self.stack().await? else {
            return Ok(parts::running(Verb::Destroy, String::new(), None, Names::default()));
        };
        let mut running = self.running(Verb::Destroy, &stack).await.map_err(|why| why.trouble("look at the stack's operations"))?;
        let of = |wanted: fn(&str) -> bool| stack.resources().filter(move |(id, _)| Id::of(id).is_some_and(|id| wanted(&id.ty)));
        let locked: Vec<Reason> = of(parts::is_lock).map(|(id, _)| parts::locked(id, &running.names)).collect();
        if !locked.is_empty() {
            let next = Some("take `protect` out of stack.kdl, deploy that, and destroy then".to_owned());
            return Err(Trouble::Refused { what: "the stack is protected from removal".to_owned(), reasons: locked, next });
        }
        running.vaults = of(|ty| ty.eq_ignore_ascii_case("Microsoft.KeyVault/vaults")).filter_map(|(id, _)| Id::of(id).map(|id| id.name)).collect();
        let actions = "&unmanageAction.Resources=delete&unmanageAction.ResourceGroups=detach&unmanageAction.ManagementGroups=detach&unmanageAction.ResourcesWithoutDeleteSupport=detach";
        let path = format!("{}{actions}", self.stack_path(""));
        let send = async || match self.api.send(Method::DELETE, &path, None).await {
            Ok(answer) => Ok(parts::location(&answer)),
            Err(why) if api::is_missing(&why) => Ok(None),
            Err(why) => Err(why),
        };
        let mark = running.mark.clone();
        let happened = async || Ok(self.find().await?.is_none_or(|stack| stack.mark() != mark).then_some(None));
        match act(self.api.pace, &self.api.notice, send, happened).await {
            Ok(location) => {
                running.location = location;
                Ok(running)
            }
            Err(why) if is_conflict(&why) => Err(Trouble::overtaken(parts::text(&why))),
            Err(why) => Err(why.trouble("remove the stack")),
        }
    }
}
