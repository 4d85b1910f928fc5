//! Heat, by its REST API. What an update would do is worked out from the templates, and what was planned is applied only to the stack that was looked at.

mod api;
mod clouds;
mod compare;
mod plan;
mod stack;
mod swift;

use super::wire::{Fault, Notice, Pace, act, token};
use super::{Cure, Drift, Ending, Engine, Event, Obstacle, Plan, Previous, Progress, PropertyChange, Site, State, Status, Trouble, Wanted, What};
pub use api::Api;
use plan::Planned;
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Seen, Stack};
use std::collections::BTreeMap;

/// Where to find Heat, and which stack is meant.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The stack's name there.
    pub stack: String,
    /// The region, over that of the environment and of clouds.yaml.
    pub region: Option<String>,
    /// The cloud of clouds.yaml, over OS_CLOUD.
    pub profile: Option<String>,
    /// Heat's address, over that of the catalogue.
    pub endpoint: Option<String>,
}

/// The engine of `hot`.
pub struct Heat {
    api: Api,
    options: Options,
    /// Types of resources by their names, for the events, which do not say them.
    types: BTreeMap<String, String>,
}

/// An operation of a stack.
#[derive(Debug)]
pub struct Running {
    /// The stack's id, which stays its own when another of its name is made.
    id: String,
    /// What was seen of its events.
    seen: Seen,
    /// What it is.
    verb: Verb,
    /// The tag that our change left; none where it is somebody else's.
    tag: Option<String>,
    /// Whether the stack's own event of an end was seen.
    ended: bool,
    /// How often it was looked since the last event.
    looks: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Deploy,
    Attached,
    Resume,
    /// What is to stay is marked; the removal comes after.
    Mark,
    Destroy,
}

/// What it takes to make a stack fit again.
#[derive(Debug)]
pub struct Resume(String);

/// How often a stack is looked at that has stopped and has not said so.
const ENOUGH: usize = 20;

impl Heat {
    /// Logs in, by what every client of OpenStack uses: flags, clouds.yaml, environment.
    pub async fn new(options: Options, pace: Pace, notice: Notice) -> Result<Heat, Trouble> {
        let api = Api::new(options.profile.as_deref(), options.region.as_deref(), options.endpoint.as_deref(), pace, notice).await?;
        Ok(Heat { api, options, types: BTreeMap::new() })
    }

    async fn stack(&self) -> Result<Option<Stack>, Trouble> {
        self.find(None).await.map_err(|why| why.trouble("look at the stack"))
    }

    async fn existing(&self) -> Result<Stack, Trouble> {
        self.stack().await?.ok_or_else(|| Trouble::Call(format!("there is no stack `{}` in {}; `stackc deploy` makes it", self.options.stack, self.place())))
    }

    /// Follows from here on, or from where what goes on began.
    async fn running(&mut self, id: &str, verb: Verb, tag: Option<String>) -> Result<Running, Fault> {
        if self.types.is_empty() {
            self.types = match self.template(id).await {
                Ok(template) => compare::types(&template),
                Err(why) if why.is_missing() => BTreeMap::new(),
                Err(why) => return Err(why),
            };
        }
        let seen = match self.from(id, verb == Verb::Attached).await {
            Ok(seen) => seen,
            Err(why) if why.is_missing() => Seen::default(),
            Err(why) => return Err(why),
        };
        Ok(Running { id: id.to_owned(), seen, verb, tag, ended: false, looks: 0 })
    }

    /// Asks for something of `…/actions`; `happened` says by Heat's word for the stack whether it did.
    async fn ask(&self, id: &str, action: &str, happened: fn(&str) -> bool) -> Result<(), Fault> {
        let (path, body) = (self.path(id, "/actions"), json!({ action: Value::Null }));
        let send = async || self.api.heat(Method::POST, &path, Some(&body)).await.map(drop);
        let looked = async || Ok(self.find(Some(id)).await?.filter(|stack| happened(stack.how())).map(drop));
        act(self.api.pace, &self.api.notice, send, looked).await
    }

    /// Asks for the removal of a stack.
    async fn delete(&self, id: &str) -> Result<(), Fault> {
        let path = self.path(id, "");
        let send = async || match self.api.heat(Method::DELETE, &path, None).await {
            Err(why) if why.is_missing() => Ok(()),
            answer => answer.map(drop),
        };
        let happened = async || Ok(self.find(Some(id)).await?.is_none_or(|stack| stack.how() == "DELETE_IN_PROGRESS").then_some(()));
        act(self.api.pace, &self.api.notice, send, happened).await
    }

    /// What to do when it ended like this.
    fn next_after(&self, how: &str) -> &'static str {
        match how {
            "CREATE_FAILED" => "what was made stays; mend the cause, and `stackc deploy` goes on from there (`stackc destroy` removes it)",
            "ROLLBACK_COMPLETE" => "it runs as it did before; mend the cause and deploy again",
            // Heat makes anew what failed before it deletes the old one, which a name that can be there only once does not allow.
            "ROLLBACK_FAILED" | "UPDATE_FAILED" => {
                "some of it is as it was and some as it should become; mend the cause, and `stackc deploy` goes on from there. Where Heat makes something anew that is there already \
                 (`Duplicate`, `already exists`), take it out of stack.kdl, deploy, put it back, and deploy again"
            }
            "DELETE_FAILED" => {
                "mend what kept it from going, and `stackc destroy` goes on; what was kept with `protect` or --retain holds its network until it is removed by hand"
            }
            "INIT_COMPLETE" => "Heat did not begin with it: `stackc destroy` removes it",
            _ => "`stackc status` shows how it is",
        }
    }

    /// How what is followed ended, by Heat's word for the stack; none while it goes on.
    fn ending(&self, running: &Running, stack: &Stack) -> Option<Ending> {
        let how = stack.how();
        let enough = running.looks > ENOUGH;
        // Right after it was asked for, the stack may still show the state of before; and a failure is followed by the way back.
        let over = !stack.is_busy() && (running.ended || running.verb == Verb::Attached) && !stack.goes_back();
        if !over && !enough || how.ends_with("_IN_PROGRESS") {
            return None;
        }
        let good = match running.verb {
            Verb::Deploy | Verb::Mark => matches!(how, "CREATE_COMPLETE" | "UPDATE_COMPLETE"),
            Verb::Resume => how == "RESUME_COMPLETE",
            // That a look found something is no failure of a change.
            Verb::Attached => how == "CHECK_FAILED" || how.ends_with("_COMPLETE") && how != "ROLLBACK_COMPLETE" && how != "INIT_COMPLETE",
            Verb::Destroy => false,
        };
        let failed = || Ending::Failed { how: how.to_owned(), next: self.next_after(how).to_owned(), removal: how.starts_with("DELETE") };
        Some(if good { Ending::Done } else { failed() })
    }

    fn events_for_a_person(&self, id: &str, events: &[Value]) -> Vec<Event> {
        events.iter().map(|event| stack::event(event, id, &self.types)).collect()
    }
}

impl Engine for Heat {
    type Planned = Planned;
    type Running = Running;
    type Cure = Resume;

    fn place(&self) -> String {
        format!("Heat, project {}, {}", self.api.project, self.api.region)
    }

    fn site(&self) -> Site {
        Site { place: format!("Heat, {}", self.api.region), account: Some(self.api.project.clone()) }
    }

    fn goes_on_alone(&self, _running: &Running) -> bool {
        true
    }

    async fn state(&mut self) -> Result<State<Heat>, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(State::Absent) };
        let (how, id) = (stack.how().to_owned(), stack.id().to_owned());
        Ok(match how.as_str() {
            _ if stack.is_busy() => {
                let running = self.running(&id, Verb::Attached, None).await.map_err(|why| why.trouble("look at the stack's events"))?;
                State::Busy(how, running)
            }
            "SUSPEND_COMPLETE" | "SUSPEND_FAILED" => {
                State::Stuck { how, cure: Ok(Cure { does: "the stack sleeps, and is woken up (`resume`)".to_owned(), with: Resume(id) }) }
            }
            "DELETE_FAILED" => State::Stuck { how, cure: Err("the stack is half removed, and can only be removed: go on with `stackc destroy`".to_owned()) },
            // Heat goes on from all others, failed ones among them: what was made of a creation that failed is used.
            _ => State::Settled,
        })
    }

    async fn previous(&mut self) -> Result<BTreeMap<String, Previous>, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(BTreeMap::new()) };
        let params = stack.params();
        if params.is_empty() {
            return Ok(BTreeMap::new());
        }
        let template = self.template(stack.id()).await.map_err(|why| why.trouble("read the running stack's template"))?;
        let known = |name: String, value: String| {
            let default = plan::default(&template, &name).map(|default| if plan::same(&template, &name, &default, &value) { value.clone() } else { default });
            (name, Previous { value, default })
        };
        Ok(params.into_iter().map(|(name, value)| known(name, value)).collect())
    }

    async fn plan(&mut self, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        if wanted.only.is_some() {
            // No rule of OpenStack's has a job that something waits for, since Nova does not tell how it ended.
            return Err(Trouble::Cannot("Heat changes a stack as a whole, and no part of it by itself".to_owned()));
        }
        self.planned(wanted).await
    }

    async fn keep(&mut self, planned: Planned) -> Result<Value, Trouble> {
        Ok(json!({ "stack": planned.seen() }))
    }

    async fn take_up(&mut self, kept: &Value, wanted: &Wanted) -> Result<Result<Plan<Planned>, String>, Trouble> {
        let plan = self.planned(wanted).await?;
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
        Ok(())
    }

    async fn apply(&mut self, planned: Planned) -> Result<Running, Trouble> {
        self.applied(planned).await
    }

    async fn finish(&mut self, _wanted: &Wanted) -> Result<(), Trouble> {
        // What protects stands in the template: its deletion policies.
        Ok(())
    }

    async fn cure(&mut self, cure: Resume, _skip: &[String]) -> Result<Running, Trouble> {
        let running = self.running(&cure.0, Verb::Resume, None).await.map_err(|why| why.trouble("look at the stack's events"))?;
        self.ask(&cure.0, "resume", |how| how.starts_with("RESUME")).await.map_err(|why| why.trouble("wake the stack up"))?;
        Ok(running)
    }

    async fn follow(&mut self, running: &mut Running) -> Result<Progress, Trouble> {
        tokio::time::sleep(self.api.pace.poll).await;
        let stack = self.find(Some(&running.id)).await.map_err(|why| why.trouble("follow the stack"))?;
        running.looks += 1;
        let events = match self.events_since(&running.id, &mut running.seen).await {
            Ok(events) => events,
            Err(why) if why.is_missing() => Vec::new(),
            Err(why) => return Err(why.trouble("read the stack's events")),
        };
        if !events.is_empty() {
            running.looks = 0;
        }
        running.ended |= events.iter().any(|event| stack::is_stack(event, &running.id) && stack::is_end(event));
        let events = self.events_for_a_person(&running.id, &events);
        let Some(stack) = stack else { return Ok(Progress::Ended(events, Ending::Gone)) };
        if running.tag.as_ref().is_some_and(|tag| !stack.tags().contains(&tag.as_str())) {
            let how = stack.how();
            return Err(Trouble::Resumable {
                what: format!("somebody else began another change before this one came to its end, and Heat goes on with that ({how})"),
                next: "let the other change come to its end".to_owned(),
            });
        }
        let Some(ending) = self.ending(running, &stack) else { return Ok(Progress::Going(events)) };
        if running.verb == Verb::Mark && ending == Ending::Done {
            self.delete(&running.id).await.map_err(|why| why.trouble("delete the stack"))?;
            (running.verb, running.tag, running.ended, running.looks) = (Verb::Destroy, None, false, 0);
            return Ok(Progress::Going(events));
        }
        Ok(Progress::Ended(events, ending))
    }

    async fn cancel(&mut self, running: &Running) -> Result<&'static str, Trouble> {
        let stack = self.find(Some(&running.id)).await.map_err(|why| why.trouble("look at the stack"))?;
        match stack.as_ref().map(Stack::how).unwrap_or_default() {
            "UPDATE_IN_PROGRESS" => {
                let happened = |how: &str| how.starts_with("ROLLBACK");
                self.ask(&running.id, "cancel_update", happened).await.map_err(|why| why.trouble("cancel the update"))?;
                Ok("the stack goes back to what it was")
            }
            "CREATE_IN_PROGRESS" => {
                let happened = |how: &str| how == "CREATE_FAILED";
                self.ask(&running.id, "cancel_without_rollback", happened).await.map_err(|why| why.trouble("cancel the creation"))?;
                Ok("Heat ends what it is at; what was made stays, and the next `stackc deploy` goes on from there")
            }
            how => Err(Trouble::Cannot(format!("there is nothing to cancel: the stack is in {how}"))),
        }
    }

    async fn outputs(&mut self) -> Result<Vec<(String, String)>, Trouble> {
        let stack = self.existing().await?;
        let stack = self.with_outputs(stack.id()).await.map_err(|why| why.trouble("read the stack's outputs"))?;
        let known = stack.outputs().into_iter().filter_map(|(name, value)| match value {
            Ok(value) => Some((name, value)),
            Err(why) => {
                (self.api.notice)(&format!("the output {name} is not known: {why}"));
                None
            }
        });
        Ok(known.collect())
    }

    async fn status(&mut self) -> Result<Status, Trouble> {
        let Some(stack) = self.stack().await? else { return Ok(Status::default()) };
        let resources = self.resources(stack.id()).await.map_err(|why| why.trouble("list the stack's resources"))?;
        let facts = vec![("id".to_owned(), stack.id().to_owned()), ("last changed".to_owned(), stack.changed().to_owned())];
        let resources = resources.into_iter().map(|(resource, _)| resource).collect();
        Ok(Status { how: Some(stack.how().to_owned()), reason: stack.reason(), facts, resources })
    }

    async fn events(&mut self, most: usize) -> Result<Vec<Event>, Trouble> {
        let stack = self.existing().await?;
        let events = self.last_events(stack.id(), most).await.map_err(|why| why.trouble("read the stack's events"))?;
        Ok(self.events_for_a_person(stack.id(), &events))
    }

    async fn drift(&mut self) -> Result<Drift, Trouble> {
        let stack = self.existing().await?;
        let (id, doing) = (stack.id().to_owned(), "let Heat look at what is there");
        // A look that somebody began already is as good as ours.
        let looks = stack.how() == "CHECK_IN_PROGRESS";
        if stack.is_busy() && !looks {
            return Err(Trouble::Resumable {
                what: format!("something is going on in the stack ({})", stack.how()),
                next: "let it come to its end (`stackc events --follow`)".to_owned(),
            });
        }
        let mut seen = self.from(&id, looks).await.map_err(|why| why.trouble(doing))?;
        if !looks {
            self.ask(&id, "check", |how| how == "CHECK_IN_PROGRESS").await.map_err(|why| why.trouble(doing))?;
        }
        for quiet in 0.. {
            tokio::time::sleep(self.api.pace.poll).await;
            let how = self.find(Some(&id)).await.map_err(|why| why.trouble(doing))?.map(|stack| stack.how().to_owned()).unwrap_or_default();
            let events = self.events_since(&id, &mut seen).await.map_err(|why| why.trouble(doing))?;
            let over = events.iter().any(|event| stack::is_stack(event, &id) && stack::is_end(event));
            if over || quiet > ENOUGH && !how.ends_with("_IN_PROGRESS") {
                break;
            }
        }
        let mut drift = Drift::default();
        for (resource, reason) in self.resources(&id).await.map_err(|why| why.trouble(doing))? {
            if resource.how == "CHECK_FAILED" {
                let small = reason.to_ascii_lowercase();
                let gone = ["notfound", "not found", "could not be found", "404"].iter().any(|word| small.contains(word));
                let found = PropertyChange { path: "found".to_owned(), old: None, new: Some(reason), replaces: false, because: None };
                let what = if gone { What::Remove } else { What::Change };
                drift.drifted.push(super::Change { name: resource.name, ty: resource.ty, what, fate: None, properties: vec![found] });
            } else if resource.how != "CHECK_COMPLETE" || reason.contains("not supported") {
                drift.unchecked.push(resource.name);
            }
        }
        drift.next = Some("the next `stackc deploy` replaces what was not found; a container is better made again by hand");
        drift.notes.push("Heat looks whether each is there and in order; it compares no properties".to_owned());
        Ok(drift)
    }

    async fn obstacles(&mut self) -> Result<Vec<Obstacle>, Trouble> {
        self.filled_containers().await.map_err(|why| why.trouble("look for what is in the stack's containers"))
    }

    async fn clear(&mut self, obstacle: &Obstacle) -> Result<(), Trouble> {
        self.empty(&obstacle.id).await.map_err(|why| why.trouble("empty the container"))
    }

    async fn destroy(&mut self, retain: &[String]) -> Result<Running, Trouble> {
        let stack = self.existing().await?;
        let id = stack.id().to_owned();
        let there = self.resources(&id).await.map_err(|why| why.trouble("list the stack's resources"))?;
        let kept: Vec<String> = there.into_iter().map(|(resource, _)| resource.name).filter(|name| retain.contains(name)).collect();
        if !kept.is_empty() && stack.how().starts_with("DELETE") {
            return Err(Trouble::Cannot(format!(
                "Heat leaves nothing behind of a stack whose removal has begun: remove {} by hand, or what keeps it from going, and destroy then without --retain",
                kept.join(", ")
            )));
        }
        if !kept.is_empty() {
            return self.mark(&stack, &kept).await;
        }
        let running = self.running(&id, Verb::Destroy, None).await.map_err(|why| why.trouble("look at the stack's events"))?;
        self.delete(&id).await.map_err(|why| why.trouble("delete the stack"))?;
        Ok(running)
    }
}

impl Heat {
    /// Begins a removal after which these stay: Heat keeps what its template says, so the running template says it first.
    async fn mark(&mut self, stack: &Stack, kept: &[String]) -> Result<Running, Trouble> {
        let doing = "mark what is to stay";
        let mut template = self.template(stack.id()).await.map_err(|why| why.trouble(doing))?;
        for name in kept {
            if let Some(resource) = template.get_mut("resources").and_then(|resources| resources.get_mut(name)).and_then(Value::as_object_mut) {
                resource.insert("deletion_policy".to_owned(), json!("retain"));
            }
        }
        let tag = token();
        let body = json!({ "template": template, "parameters": {}, "tags": stack.tagged(&tag), "disable_rollback": true });
        let running = self.running(stack.id(), Verb::Mark, Some(tag.clone())).await.map_err(|why| why.trouble("look at the stack's events"))?;
        self.change(stack.id(), &body, &tag).await.map_err(|why| why.trouble(doing))?;
        Ok(running)
    }
}
