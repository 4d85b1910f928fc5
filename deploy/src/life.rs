//! The verbs, the same for every engine: look, plan, show, refuse or ask, do, follow, explain.

use crate::arguments::{Losses, OutputFormat, Place, PlanFormat, PrintFormat, Values, Verb};
use crate::compile::Compiled;
use crate::engine::{Drift, Ending, Engine, Event, Progress, State, Trouble, Wanted, What};
use crate::interrupt::{self, Pressed};
use crate::lock::LockFile;
use crate::question::Answer;
use crate::screen::Screen;
use crate::table::Detail;
use crate::watch::Watch;
use crate::{Outcome, explain, markdown, params, table};
use serde_json::json;
use stackc::diag::Diagnostic;
use std::time::Duration;

/// How often a stack is made fit for change, or waited for, before a deploy gives up.
const ROUNDS: usize = 4;

/// Said at the first Ctrl-C where an operation ends with us.
const ASKED_TO_STOP: &str = "\nit is asked to stop: it ends what it is at, and keeps what was done\nCtrl-C once more kills it, and what it is making then may stay in the cloud with nobody knowing";

fn detail(long: bool) -> Detail {
    if long { Detail::All } else { Detail::Nodes }
}

/// Says why something was not done; `goes_on` when an operation is under way all the same.
fn told(compiled: &Compiled, screen: &Screen, trouble: Trouble, goes_on: Option<&str>) -> Outcome {
    let goes_on = goes_on.map(|what| format!(" {what}")).unwrap_or_default();
    match trouble {
        Trouble::Call(text) | Trouble::Cannot(text) => {
            screen.say(format!("stackc: {text}"));
            Outcome::WrongCall
        }
        Trouble::Refused { what, reasons, next } => {
            screen.report(explain::refused(compiled, &what, &reasons, next.as_deref()), &compiled.sources);
            Outcome::Refused
        }
        Trouble::Resumable { what, next } => {
            screen.say(format!("stackc: {what}.{goes_on}\n  next: {next}; then the same command takes it up again"));
            Outcome::Refused
        }
    }
}

/// A verb under way.
pub struct Life<E> {
    engine: E,
    compiled: Compiled,
    screen: Screen,
    lock: LockFile,
    /// How long a second Ctrl-C is waited for.
    second_press: Duration,
}

/// How following ended.
enum Followed {
    /// With the operation, after these events.
    Ended(Ending, Vec<Event>),
    /// Before it, and all was said.
    Left(Outcome),
}

impl<E: Engine> Life<E> {
    /// Runs a verb with an engine, if there is one.
    pub async fn begin(engine: Result<E, Trouble>, compiled: Compiled, screen: Screen, lock: LockFile, verb: Verb, place: &Place) -> Outcome {
        match engine {
            Ok(engine) => Life { engine, compiled, screen, lock, second_press: Duration::from_millis(place.second_ms) }.verb(verb).await,
            Err(trouble) => told(&compiled, &screen, trouble, None),
        }
    }

    async fn verb(mut self, verb: Verb) -> Outcome {
        if let Verb::Plan { losses, .. } | Verb::Deploy { losses, .. } = &verb {
            if let Some(running) = self.lock.running(&self.engine.site()) {
                self.compiled.learn(running);
            }
            // What the lock file tells needs no cloud.
            let mut found = self.lock.judge(&self.engine.site(), &self.compiled, &losses.allow_replace);
            found.extend(self.not_here(losses));
            let refused = found.iter().any(Diagnostic::is_error);
            if !found.is_empty() {
                self.screen.report(found, &self.compiled.sources);
            }
            if refused {
                return Outcome::WrongInput;
            }
        }
        let ended = match verb {
            Verb::Plan { values, losses, format, long, detailed_exitcode, revert_drift, .. } => {
                self.plan(&values, &losses, (format, detail(long)), detailed_exitcode, revert_drift).await
            }
            Verb::Deploy { values, losses, yes, long, skip, revert_drift, .. } => self.deploy(&values, &losses, (yes, detail(long)), &skip, revert_drift).await,
            Verb::Status { format, .. } => self.status(format).await,
            Verb::Outputs { format, name, .. } => self.outputs(format, name.as_deref()).await,
            Verb::Events { last, follow, format, .. } => self.events(last, follow, format).await,
            Verb::Drift { format, detailed_exitcode, .. } => self.drift(format, detailed_exitcode).await,
            Verb::Destroy { losses, yes, retain, empty, .. } => self.destroy(&losses, yes, &retain, &empty).await,
        };
        match ended {
            Ok(outcome) => outcome,
            Err(trouble) => told(&self.compiled, &self.screen, trouble, None),
        }
    }

    /// What is to be said of a stack that runs elsewhere, and would be made here a second time.
    fn not_here(&self, losses: &Losses) -> Option<Diagnostic> {
        let (place, span) = self.lock.only_elsewhere(&self.engine.site()).filter(|_| !losses.elsewhere)?;
        let message = format!("the lock file knows `{}` in another place ({place}), and not in this one ({})", self.compiled.name, self.engine.place());
        let diagnostic = Diagnostic::error("D0705", self.compiled.span, message, "it would be made a second time").related(span, "runs there");
        Some(
            diagnostic
                .help("log in to the other account or region; a second copy is given a name of its own with `--instance NAME`, or is meant with --elsewhere"),
        )
    }

    // ---- plan and deploy ----------------------------------------------------------------------------------------------

    async fn plan(&mut self, values: &Values, losses: &Losses, shown_as: (PlanFormat, Detail), detailed: bool, revert_drift: bool) -> Result<Outcome, Trouble> {
        match self.engine.state().await? {
            State::Busy(how, _) => {
                return Err(Trouble::Resumable {
                    what: format!("something is going on in the stack ({how})"),
                    next: "let it come to its end (`stackc events --follow`)".to_owned(),
                });
            }
            State::Stuck { how, cure } => {
                let does = cure.map_or_else(|why| why, |cure| format!("with `stackc deploy`, {}", cure.does));
                return Err(Trouble::refused(format!("nothing can be planned while the stack is in {how}"), does));
            }
            State::Absent | State::Settled => {}
        }
        let wanted = match self.wanted(values, losses, revert_drift).await? {
            Ok(wanted) => wanted,
            Err(outcome) => return Ok(outcome),
        };
        let mut plan = self.engine.plan(&wanted).await?;
        if let Some(planned) = plan.with.take() {
            let shown = crate::engine::Plan { with: Some(()), changes: plan.changes, notes: plan.notes };
            self.show(&shown, shown_as);
            self.engine.discard(planned).await?;
            let refused = explain::guarded(&self.compiled, &shown.changes, &losses.allow_replace);
            if !refused.is_empty() {
                self.screen.report(refused, &self.compiled.sources);
                return Ok(Outcome::WrongInput);
            }
            return Ok(if detailed { Outcome::Changes } else { Outcome::Done });
        }
        self.show(&plan, shown_as);
        Ok(Outcome::Done)
    }

    fn show<P>(&self, plan: &crate::engine::Plan<P>, (format, detail): (PlanFormat, Detail)) {
        let place = self.engine.place();
        match format {
            PlanFormat::Table => self.screen.print(&table::plan(&self.compiled, &place, plan, detail)),
            PlanFormat::Markdown => self.screen.print(&markdown::plan(&self.compiled, &place, plan)),
            PlanFormat::Json => self.screen.print(&format!("{:#}\n", table::plan_json(&self.compiled, &place, self.engine.site().account.as_deref(), plan))),
        }
    }

    /// What is to run, with a value for every parameter; or how it ended when one is missing.
    async fn wanted(&mut self, values: &Values, losses: &Losses, revert_drift: bool) -> Result<Result<Wanted, Outcome>, Trouble> {
        let given = match params::given(values, &self.compiled.origins.params, &mut self.screen) {
            Ok(given) => given,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let previous = self.engine.previous().await?;
        let asks = self.screen.asks();
        let found = match params::settle(&self.compiled, given, &previous, self.engine.forgets_secrets(), asks, &mut self.screen).await {
            Ok(found) => found,
            Err(outcome) => return Ok(Err(outcome)),
        };
        if !found.missing.is_empty() {
            self.screen.report(found.missing, &self.compiled.sources);
            return Ok(Err(Outcome::WrongInput));
        }
        found.notes.iter().for_each(|note| self.screen.say(note));
        let protect = self.compiled.protected().iter().map(|origin| origin.address.clone()).collect();
        let allowed = losses.allow_replace.iter().flat_map(|name| self.known(name)).collect();
        Ok(Ok(Wanted { template: self.compiled.template.clone(), params: found.given, protect, allowed, revert_drift }))
    }

    async fn deploy(
        &mut self,
        values: &Values,
        losses: &Losses,
        (yes, detail): (bool, Detail),
        skip: &[String],
        revert_drift: bool,
    ) -> Result<Outcome, Trouble> {
        if let Some(outcome) = self.make_fit(yes, skip).await? {
            return Ok(outcome);
        }
        let wanted = match self.wanted(values, losses, revert_drift).await? {
            Ok(wanted) => wanted,
            Err(outcome) => return Ok(outcome),
        };
        let plan = self.engine.plan(&wanted).await?;
        self.screen.say(table::plan(&self.compiled, &self.engine.place(), &plan, detail).trim_end());
        let Some(planned) = plan.with else {
            self.engine.finish(&wanted).await?;
            self.print_outputs(OutputFormat::Table).await?;
            return self.renew_lock().await;
        };
        let refused = explain::guarded(&self.compiled, &plan.changes, &losses.allow_replace);
        if !refused.is_empty() {
            self.engine.discard(planned).await?;
            self.screen.report(refused, &self.compiled.sources);
            return Ok(Outcome::WrongInput);
        }
        let question = format!("{} ({}): {}. Do this?", self.compiled.name, self.engine.place(), table::counts(&self.compiled, &plan.changes));
        if let Some(outcome) = self.agreed(&question, yes).await {
            self.engine.discard(planned).await?;
            return Ok(outcome);
        }
        let running = self.engine.apply(planned).await?;
        let mut watch = match detail {
            Detail::All => Watch::default(),
            Detail::Nodes => Watch::of_plan(&self.compiled, &self.screen, &plan.changes),
        };
        match self.follow(running, &mut watch).await {
            Followed::Left(outcome) => Ok(outcome),
            Followed::Ended(Ending::Done, _) => {
                self.screen.say(format!("{} is deployed: {}", self.compiled.name, watch.summary()));
                self.engine.finish(&wanted).await?;
                self.print_outputs(OutputFormat::Table).await?;
                self.renew_lock().await
            }
            Followed::Ended(Ending::Gone, events) => Err(Trouble::Refused {
                what: "somebody removed the stack while it was being deployed".to_owned(),
                reasons: explain::reasons(&events),
                next: None,
            }),
            Followed::Ended(Ending::Failed { how, next, .. }, events) => Ok(self.failed(&how, &next, &events)),
        }
    }

    /// Says in the lock file what runs now, where that is wanted.
    async fn renew_lock(&mut self) -> Result<Outcome, Trouble> {
        let site = self.engine.site();
        if !self.lock.is_kept(&site) {
            return Ok(Outcome::Done);
        }
        let there = self.engine.status().await?.resources;
        Ok(self.lock.renew(&site, &self.compiled, &there, &self.screen).await)
    }

    /// Waits for what goes on, and mends what keeps the stack from being changed. How it ended, if it cannot be changed.
    async fn make_fit(&mut self, yes: bool, skip: &[String]) -> Result<Option<Outcome>, Trouble> {
        for _ in 0..ROUNDS {
            match self.engine.state().await? {
                State::Absent | State::Settled => return Ok(None),
                State::Busy(how, running) => {
                    self.screen.say(format!("{} is being changed already ({how}); following that first", self.compiled.name));
                    match self.follow(running, &mut Watch::default()).await {
                        Followed::Left(outcome) => return Ok(Some(outcome)),
                        // To go on over a failure that nobody has seen yet would be to make it again.
                        Followed::Ended(Ending::Failed { how, next, .. }, events) => return Ok(Some(self.failed(&how, &next, &events))),
                        Followed::Ended(..) => {}
                    }
                }
                State::Stuck { how, cure: Err(why) } => return Err(Trouble::refused(format!("the stack is in {how}, and cannot be changed"), why)),
                State::Stuck { how, cure: Ok(cure) } => {
                    self.screen.say(format!("{} is in {how}: {}", self.compiled.name, cure.does));
                    if let Some(outcome) = self.agreed("Do that?", yes).await {
                        return Ok(Some(outcome));
                    }
                    let skip: Vec<String> = skip.iter().flat_map(|name| self.known(name)).collect();
                    let running = self.engine.cure(cure.with, &skip).await?;
                    match self.follow(running, &mut Watch::default()).await {
                        Followed::Left(outcome) => return Ok(Some(outcome)),
                        Followed::Ended(Ending::Failed { how, next, .. }, events) => return Ok(Some(self.failed(&how, &next, &events))),
                        Followed::Ended(..) => {}
                    }
                }
            }
        }
        Err(Trouble::Resumable { what: "the stack does not come to rest".to_owned(), next: "see what changes it (`stackc events`)".to_owned() })
    }

    /// The addresses of what the user calls by a name.
    fn known(&self, name: &str) -> Vec<String> {
        let names = self.compiled.addresses(name);
        if names.is_empty() { vec![name.to_owned()] } else { names }
    }

    /// Whether somebody agrees; how it ended, if not.
    async fn agreed(&self, question: &str, yes: bool) -> Option<Outcome> {
        if yes {
            return None;
        }
        match self.screen.ask(question).await {
            Answer::Given(true) => None,
            Answer::Given(false) => {
                self.screen.say("nothing was done");
                Some(Outcome::Done)
            }
            Answer::Left => Some(self.screen.left()),
            Answer::Nobody => {
                self.screen.say("stackc: nobody is there to be asked, and nothing was done: `--yes` agrees beforehand");
                Some(Outcome::WrongCall)
            }
        }
    }

    /// Follows an operation to its end.
    async fn follow(&mut self, mut running: E::Running, watch: &mut Watch) -> Followed {
        let mut seen = Vec::new();
        let mut pressed = 0;
        loop {
            let progress = tokio::select! {
                progress = self.engine.follow(&mut running) => progress,
                () = interrupt::next() => {
                    if self.engine.goes_on_alone(&running) {
                        watch.close();
                        return Followed::Left(self.left(&running).await);
                    }
                    pressed += 1;
                    self.screen.say(if pressed == 1 { ASKED_TO_STOP } else { "\nkilled" });
                    if let Err(trouble) = self.engine.cancel(&running).await {
                        told(&self.compiled, &self.screen, trouble, None);
                    }
                    continue;
                }
            };
            match progress {
                Ok(Progress::Going(events)) => {
                    watch.show(&events, &self.compiled, &self.screen);
                    seen.extend(events);
                }
                Ok(Progress::Ended(events, ending)) => {
                    watch.show(&events, &self.compiled, &self.screen);
                    watch.close();
                    seen.extend(events);
                    if let (Ending::Failed { next, .. }, true) = (&ending, pressed > 0) {
                        self.screen.say(format!("stopped, as you asked: {next}"));
                        return Followed::Left(Outcome::Left);
                    }
                    return Followed::Ended(ending, seen);
                }
                Err(trouble) => {
                    watch.close();
                    let goes_on = self.engine.goes_on_alone(&running).then_some("What was begun goes on in the cloud.");
                    return Followed::Left(told(&self.compiled, &self.screen, trouble, goes_on));
                }
            }
        }
    }

    /// After Ctrl-C.
    async fn left(&mut self, running: &E::Running) -> Outcome {
        self.screen.say("\nnobody waits any longer, and it goes on in the cloud: the same command takes it up again, `stackc events --follow` only looks\nCtrl-C once more cancels it");
        if interrupt::second(self.second_press).await == Pressed::Twice {
            match self.engine.cancel(running).await {
                Ok(becomes) => self.screen.say(format!("cancelled: {becomes}; `stackc events --follow` shows it")),
                Err(trouble) => {
                    told(&self.compiled, &self.screen, trouble, None);
                }
            }
        }
        Outcome::Left
    }

    /// What the cloud refused, at the user's lines, and how the stack is now.
    fn failed(&self, how: &str, next: &str, events: &[Event]) -> Outcome {
        self.screen.report(explain::refused(&self.compiled, "the cloud gave up", &explain::reasons(events), None), &self.compiled.sources);
        self.screen.say(format!("{} is in {how}: {next}", self.compiled.name));
        Outcome::Refused
    }

    // ---- destroy ------------------------------------------------------------------------------------------------------

    async fn destroy(&mut self, losses: &Losses, yes: bool, retain: &[String], empty: &[String]) -> Result<Outcome, Trouble> {
        let mut protected = self.compiled.protected();
        if !protected.is_empty() && matches!(self.engine.state().await?, State::Stuck { .. }) {
            // A stack that is half removed cannot be deployed without `protect` first; what it has left behind already cannot be lost.
            let there = self.engine.status().await?.resources;
            protected.retain(|origin| there.iter().any(|resource| resource.name == origin.address));
        }
        let protected: Vec<Diagnostic> = protected
            .iter()
            .map(|origin| {
                let label = self.compiled.label(&origin.address);
                Diagnostic::error("D0704", origin.origin.user, format!("`{label}` is protected, and so is its stack"), "says `protect`")
                    .help("take `protect` out, deploy that, and destroy then")
            })
            .collect();
        if !protected.is_empty() {
            self.screen.report(protected, &self.compiled.sources);
            return Ok(Outcome::WrongInput);
        }
        loop {
            match self.engine.state().await? {
                State::Absent => {
                    self.screen.say(format!("there is no stack `{}` ({}): nothing to remove", self.compiled.name, self.engine.place()));
                    return Ok(self.lock.forget(&self.engine.site(), &self.screen).await);
                }
                State::Busy(how, running) => {
                    self.screen.say(format!("{} is being changed already ({how}); following that first", self.compiled.name));
                    match self.follow(running, &mut Watch::default()).await {
                        Followed::Left(outcome) => return Ok(outcome),
                        // What a person has to mend before a removal goes on is told; a failed update is no hindrance.
                        Followed::Ended(Ending::Failed { how, next, removal: true }, events) => return Ok(self.failed(&how, &next, &events)),
                        Followed::Ended(..) => {}
                    }
                }
                State::Settled | State::Stuck { .. } => break,
            }
        }
        let there = self.engine.status().await?.resources;
        let kept: Vec<String> = retain.iter().flat_map(|name| self.known(name)).collect();
        let holds = |resource: &&crate::engine::ResourceStatus| self.compiled.guarded(&resource.name, &resource.ty).is_some() && !kept.contains(&resource.name);
        let mut data: Vec<&str> = there.iter().filter(holds).map(|resource| self.compiled.user_name(&resource.name)).collect();
        data.sort_unstable();
        data.dedup();
        data.retain(|name| !losses.allow_replace.iter().any(|allowed| allowed == name));
        self.screen.say(format!(
            "{} ({}): {} resource{} to remove",
            self.compiled.name,
            self.engine.place(),
            there.len(),
            if there.len() == 1 { "" } else { "s" }
        ));
        self.screen.say(table::removal(&self.compiled, &there, &kept).trim_end());
        if !data.is_empty() {
            let names = data.join(", ");
            let answer = self.screen.ask_value(&format!("This holds data: {names}. Type {} to remove it all", self.compiled.name), None, false).await;
            match answer {
                Answer::Given(answer) if answer == self.compiled.name => {}
                Answer::Left => return Ok(self.screen.left()),
                Answer::Given(_) => {
                    self.screen.say("nothing was done");
                    return Ok(Outcome::Done);
                }
                Answer::Nobody => {
                    let allow: Vec<String> = data.iter().map(|name| format!("--allow-replace {name}")).collect();
                    self.screen.say(format!("stackc: nothing was done, since this holds data: {names}; allow it by name ({})", allow.join(" ")));
                    return Ok(Outcome::WrongCall);
                }
            }
        } else if let Some(outcome) = self.agreed(&format!("Remove all {} from {}?", self.compiled.name, self.engine.place()), yes).await {
            return Ok(outcome);
        }
        if let Some(outcome) = self.cleared(&kept, empty).await? {
            return Ok(outcome);
        }
        let mut running = self.engine.destroy(&kept).await?;
        let going = there.iter().map(|resource| resource.name.clone()).filter(|name| !kept.contains(name));
        let mut watch = Watch::of_removal(&self.compiled, &self.screen, going);
        let mut again = true;
        loop {
            match self.follow(running, &mut watch).await {
                Followed::Left(outcome) => return Ok(outcome),
                Followed::Ended(Ending::Done | Ending::Gone, _) => {
                    self.screen.say(format!("{} is removed: {}", self.compiled.name, watch.summary()));
                    return Ok(self.lock.forget(&self.engine.site(), &self.screen).await);
                }
                Followed::Ended(Ending::Failed { how, next, .. }, events) => {
                    let failed: Vec<String> = explain::reasons(&events).into_iter().filter_map(|reason| reason.name).collect();
                    // Only what could not be removed is left behind, and only where that was agreed to.
                    if !again || failed.is_empty() || !failed.iter().all(|name| kept.contains(name)) {
                        return Ok(self.failed(&how, &next, &events));
                    }
                    again = false;
                    let labels: Vec<String> = failed.iter().map(|name| self.compiled.label(name)).collect();
                    self.screen.say(format!("{} cannot be removed, and stays outside of the stack", labels.join(", ")));
                    running = self.engine.destroy(&failed).await?;
                }
            }
        }
    }

    /// Takes out of the way what would keep the stack from going, each by name; how it ended, if something stays.
    async fn cleared(&mut self, kept: &[String], empty: &[String]) -> Result<Option<Outcome>, Trouble> {
        let empty: Vec<String> = empty.iter().flat_map(|name| self.known(name)).collect();
        let found = self.engine.obstacles().await?;
        let mut agreed = Vec::new();
        for obstacle in found.into_iter().filter(|obstacle| !kept.contains(&obstacle.name)) {
            let (label, user) = (self.compiled.label(&obstacle.name), self.compiled.user_name(&obstacle.name).to_owned());
            let what = format!("{label} ({}) {}", obstacle.id, obstacle.what);
            if !empty.contains(&obstacle.name) {
                match self.screen.ask_value(&format!("{what}. Type {user} to delete all that is in it"), None, false).await {
                    Answer::Given(answer) if answer == user => {}
                    Answer::Left => return Ok(Some(self.screen.left())),
                    Answer::Given(_) => {
                        self.screen.say("nothing was done");
                        return Ok(Some(Outcome::Done));
                    }
                    Answer::Nobody => {
                        self.screen.say(format!(
                            "stackc: {what}, and nothing was done: `--empty {user}` deletes all that is in it, `--retain {user}` leaves it behind"
                        ));
                        return Ok(Some(Outcome::WrongCall));
                    }
                }
            }
            agreed.push((label, obstacle));
        }
        for (label, obstacle) in agreed {
            self.engine.clear(&obstacle).await?;
            self.screen.say(format!("{label} is empty now"));
        }
        Ok(None)
    }

    // ---- looking ------------------------------------------------------------------------------------------------------

    async fn print_outputs(&mut self, format: OutputFormat) -> Result<(), Trouble> {
        let found = self.engine.outputs().await?;
        let known = &self.compiled.origins.outputs;
        let mut outputs: Vec<(&str, &str)> = found
            .iter()
            .map(|(name, value)| (known.iter().find(|output| output.name == *name).map_or(name.as_str(), |output| output.user_name.as_str()), value.as_str()))
            .collect();
        outputs.sort_unstable();
        let text = match format {
            OutputFormat::Table => {
                let width = outputs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
                outputs.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
            }
            OutputFormat::Json => {
                let object: serde_json::Map<String, serde_json::Value> = outputs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                format!("{:#}\n", serde_json::Value::Object(object))
            }
            OutputFormat::Env => {
                let name = |name: &str| name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                outputs.iter().map(|(key, value)| format!("{}='{}'\n", name(key), value.replace('\'', "'\\''"))).collect()
            }
        };
        self.screen.print(&text);
        Ok(())
    }

    async fn outputs(&mut self, format: OutputFormat, name: Option<&str>) -> Result<Outcome, Trouble> {
        if let Some(name) = name {
            let Some(known) = self.compiled.origins.outputs.iter().find(|output| output.user_name == name) else {
                let names = stackc::diag::list(self.compiled.origins.outputs.iter().map(|output| &output.user_name));
                return Err(Trouble::Call(format!("the stack has no output `{name}`: it has {names}")));
            };
            let found = self.engine.outputs().await?;
            let Some((_, value)) = found.iter().find(|(of, _)| *of == known.name) else {
                return Err(Trouble::Call(format!("what runs has no output `{name}` yet: `stackc deploy` makes it")));
            };
            self.screen.print(&format!("{value}\n"));
            return Ok(Outcome::Done);
        }
        self.print_outputs(format).await?;
        Ok(Outcome::Done)
    }

    async fn status(&mut self, format: PrintFormat) -> Result<Outcome, Trouble> {
        let status = self.engine.status().await?;
        let place = self.engine.place();
        // As with all that asks after what is not there.
        let there = if status.how.is_some() { Outcome::Done } else { Outcome::WrongCall };
        if format == PrintFormat::Json {
            let resources: Vec<_> = status
                .resources
                .iter()
                .map(|resource| {
                    let (name, ty, id, how) = (&resource.name, &resource.ty, &resource.id, &resource.how);
                    json!({ "resource": self.compiled.user_name(name), "label": self.compiled.label(name), "name": name, "type": ty, "id": id, "status": how })
                })
                .collect();
            let facts: serde_json::Map<String, serde_json::Value> = status.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let whole =
                json!({ "stack": self.compiled.name, "place": place, "status": status.how, "reason": status.reason, "facts": facts, "resources": resources });
            self.screen.print(&format!("{whole:#}\n"));
            return Ok(there);
        }
        let mut text = format!("{} ({place}): {}\n", self.compiled.name, status.how.as_deref().unwrap_or("not there"));
        for (name, value) in status.reason.iter().map(|reason| ("reason", reason)).chain(status.facts.iter().map(|(name, value)| (name.as_str(), value))) {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        for resource in &status.resources {
            let id = resource.id.as_deref().unwrap_or("");
            text.push_str(&format!("  {:<22}  {:<44}  {id}\n", resource.how.to_ascii_lowercase().replace('_', " "), self.compiled.label(&resource.name)));
        }
        self.screen.print(&text);
        Ok(there)
    }

    async fn events(&mut self, last: usize, follow: bool, format: PrintFormat) -> Result<Outcome, Trouble> {
        let state = if follow { Some(self.engine.state().await?) } else { None };
        let events = self.engine.events(last).await?;
        if format == PrintFormat::Json {
            let events: Vec<_> = events.iter().map(|event| self.event_json(event)).collect();
            self.screen.print(&format!("{:#}\n", json!({ "stack": self.compiled.name, "place": self.engine.place(), "events": events })));
            return Ok(Outcome::Done);
        }
        let mut text = String::new();
        for event in &events {
            let label = event.name.as_ref().map_or_else(|| format!("stack {}", self.compiled.name), |name| self.compiled.label(name));
            let reason = event.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
            text.push_str(&format!("{} UTC  {label:<44}  {}{reason}\n", moment(event.at), event.word.to_ascii_lowercase().replace('_', " ")));
        }
        self.screen.print(&text);
        match state {
            Some(State::Busy(_, running)) => match self.follow(running, &mut Watch::default()).await {
                Followed::Left(outcome) => Ok(outcome),
                Followed::Ended(Ending::Failed { how, next, .. }, events) => Ok(self.failed(&how, &next, &events)),
                Followed::Ended(..) => Ok(Outcome::Done),
            },
            _ => Ok(Outcome::Done),
        }
    }

    fn event_json(&self, event: &Event) -> serde_json::Value {
        let user = event.name.as_deref().map(|name| self.compiled.user_name(name));
        let label = event.name.as_deref().map(|name| self.compiled.label(name));
        let at = format!("{}Z", moment(event.at).replace(' ', "T"));
        json!({ "at": at, "resource": user, "label": label, "name": event.name, "type": event.ty, "status": event.word, "reason": event.reason })
    }

    async fn drift(&mut self, format: PrintFormat, detailed: bool) -> Result<Outcome, Trouble> {
        let Drift { drifted, unchecked, notes, next } = self.engine.drift().await?;
        if format == PrintFormat::Json {
            let unchecked: Vec<String> = unchecked.iter().map(|name| self.compiled.label(name)).collect();
            let whole = json!({ "stack": self.compiled.name, "place": self.engine.place(), "drifted": table::changes_json(&self.compiled, &drifted), "unchecked": unchecked, "notes": notes });
            self.screen.print(&format!("{whole:#}\n"));
        } else {
            let head = if drifted.is_empty() && notes.is_empty() {
                "as it was deployed".to_owned()
            } else if drifted.is_empty() {
                "nothing was found that is no longer as deployed".to_owned()
            } else {
                format!("{} no longer as deployed", drifted.len())
            };
            let mut text = format!("{} ({}): {head}\n", self.compiled.name, self.engine.place());
            text.push_str(&table::lines(&self.compiled, &drifted, |change| if change.what == What::Remove { "removed" } else { "changed" }));
            if !unchecked.is_empty() {
                text.push_str(&format!("  {} could not be compared: the cloud cannot compare resources of their types\n", unchecked.len()));
            }
            for note in &notes {
                text.push_str(&format!("  {note}\n"));
            }
            if !drifted.is_empty() {
                let next = next.unwrap_or("`stackc deploy --revert-drift` puts back what was changed");
                text.push_str(&format!("  {next}\n"));
            }
            self.screen.print(&text);
        }
        Ok(if detailed && !drifted.is_empty() { Outcome::Changes } else { Outcome::Done })
    }
}

/// `2026-11-25 14:03:07`, in UTC.
fn moment(at: f64) -> String {
    let seconds = at.max(0.0) as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's "civil from days", for days since 1970.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    fn moments_are_those_of_the_calendar() {
        assert_eq!(super::moment(0.0), "1970-01-01 00:00:00");
        assert_eq!(super::moment(951_827_696.0), "2000-02-29 12:34:56");
        assert_eq!(super::moment(1_735_689_599.9), "2024-12-31 23:59:59");
    }
}
