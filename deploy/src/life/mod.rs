//! The verbs, the same for every engine: look, plan, show, refuse or ask, do, follow, explain.

mod back;
mod destroy;
mod gates;
mod jobs;
mod look;
mod operate;
mod plan;
mod saved;

pub use look::moment;

use crate::arguments::{Gates, Losses, OutputFormat, Place, Values, Verb};
use crate::compile::{Compiled, Part};
use crate::engine::wire::Pace;
use crate::engine::{Ending, Engine, Event, Given, Progress, State, Trouble, Wanted, What};
use crate::interrupt::{self, Pressed};
use crate::lock::LockFile;
use crate::question::Answer;
use crate::screen::Screen;
use crate::table::Detail;
use crate::watch::Watch;
use crate::{Outcome, explain, params, table};
use stackc::diag::Diagnostic;
use std::collections::BTreeMap;
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
    /// Which running stack is meant, and by what it is looked.
    place: Place,
    /// Values of parameters that ran before, to go back to.
    back: BTreeMap<String, String>,
    /// What takes up again what was begun and not waited for.
    again: &'static str,
}

/// How a deploy is done.
struct How {
    yes: bool,
    /// Whether somebody has agreed to the whole of it already, as long as nothing is lost.
    agreed: bool,
    /// What would be lost by the whole of it, as it was shown and agreed to.
    lost: Vec<String>,
    /// Whether the whole of it was shown.
    shown: bool,
    gates: Gates,
    wait_for_gates: Option<u64>,
    detail: Detail,
    no_wait: bool,
    skip: Vec<String>,
    revert_drift: bool,
}

/// How one step of a deploy ended.
enum Stepped {
    /// Done, or there was nothing to do.
    Done,
    /// It is a part, and would remove this.
    Impossible(String),
    /// Otherwise, and all was said.
    Left(Outcome),
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
            Ok(engine) => {
                let second_press = Duration::from_millis(place.second_ms);
                // A plan is done once, and no second time.
                let again = match &verb {
                    Verb::Deploy { saved: Some(_), .. } => "`stackc deploy` without the plan",
                    Verb::Back { .. } => "`stackc deploy`",
                    _ => "the same command",
                };
                Life { engine, compiled, screen, lock, second_press, place: place.clone(), back: BTreeMap::new(), again }.verb(verb).await
            }
            Err(trouble) => told(&compiled, &screen, trouble, None),
        }
    }

    async fn verb(mut self, verb: Verb) -> Outcome {
        if let Verb::Plan { losses, .. } | Verb::Deploy { losses, .. } | Verb::Back { losses, .. } = &verb {
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
            Verb::Plan { values, losses, gates, format, long, out, detailed_exitcode, revert_drift, .. } => {
                let how = plan::Look { gates, shown_as: (format, detail(long)), out, detailed: detailed_exitcode, revert_drift };
                self.plan(&values, &losses, how).await
            }
            Verb::Deploy { values, losses, gates, wait_for_gates, yes, long, no_wait, skip, revert_drift, saved, .. } => {
                let how = How { yes, agreed: false, lost: Vec::new(), shown: false, gates, wait_for_gates, detail: detail(long), no_wait, skip, revert_drift };
                match saved {
                    Some(saved) => self.deploy_saved(&saved, &values, &losses, how).await,
                    None => self.deploy(&values, &losses, how).await,
                }
            }
            Verb::Back { values, losses, gates, yes, long, failed, no_wait, .. } => {
                let wait_for_gates = None;
                let how = How {
                    yes,
                    agreed: false,
                    lost: Vec::new(),
                    shown: false,
                    gates,
                    wait_for_gates,
                    detail: detail(long),
                    no_wait,
                    skip: Vec::new(),
                    revert_drift: false,
                };
                self.go_back(&values, &losses, failed, how).await
            }
            Verb::Status { format, long, .. } => self.status(format, long).await,
            // Of no one stack, and done before one is compiled.
            Verb::List { .. } => Ok(Outcome::Done),
            Verb::Outputs { format, name, .. } => self.outputs(format, name.as_deref()).await,
            Verb::Events { last, follow, format, .. } => self.events(last, follow, format).await,
            Verb::Drift { format, detailed_exitcode, .. } => self.drift(format, detailed_exitcode).await,
            Verb::Run { job, arguments, no_wait, .. } => self.run(&job, &arguments, no_wait).await,
            Verb::Logs { node, follow, failed, since, .. } => self.logs(&operate::Wish { node, follow, failed, since }).await,
            Verb::Shell { service, .. } => self.shell(&service).await,
            Verb::Destroy { losses, yes, retain, empty, .. } => self.destroy(&losses, yes, &retain, &empty).await,
        };
        match ended {
            Ok(outcome) => outcome,
            Err(trouble) => told(&self.compiled, &self.screen, trouble, None),
        }
    }

    /// How long to wait for what.
    fn pace(&self) -> Pace {
        crate::begin::pace(&self.place)
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

    /// What is to run, with a value for every parameter; or how it ended when one is missing.
    async fn wanted(&mut self, values: &Values, losses: &Losses, revert_drift: bool) -> Result<Result<Wanted, Outcome>, Trouble> {
        let given = match params::given(values, &self.compiled.origins.params, &mut self.screen) {
            Ok(given) => given,
            Err(outcome) => return Ok(Err(outcome)),
        };
        // Who goes back means the values of before, whatever the environment of the last deploy still has.
        let given = given.into_iter().chain(self.back.clone()).collect();
        let previous = self.engine.previous().await?;
        let asks = self.screen.asks();
        let found = match params::settle(&self.compiled.origins.params, given, &previous, self.engine.forgets_secrets(), asks, &mut self.screen).await {
            Ok(found) => found,
            Err(outcome) => return Ok(Err(outcome)),
        };
        if !found.missing.is_empty() {
            self.screen.report(found.missing, &self.compiled.sources);
            return Ok(Err(Outcome::WrongInput));
        }
        found.notes.iter().for_each(|note| self.screen.say(note));
        Ok(Ok(self.wanted_of(found.given, losses, revert_drift)))
    }

    /// What is to run, with these values.
    fn wanted_of(&self, params: BTreeMap<String, Given>, losses: &Losses, revert_drift: bool) -> Wanted {
        let protect = self.compiled.protected().iter().map(|origin| origin.address.clone()).collect();
        let allowed = losses.allow_replace.iter().flat_map(|name| self.known(name)).collect();
        Wanted { template: self.compiled.template.clone(), params, protect, allowed, revert_drift, only: None }
    }

    async fn deploy(&mut self, values: &Values, losses: &Losses, how: How) -> Result<Outcome, Trouble> {
        if let Some(outcome) = self.make_fit(how.yes, &how.skip).await? {
            return Ok(outcome);
        }
        let wanted = match self.wanted(values, losses, how.revert_drift).await? {
            Ok(wanted) => wanted,
            Err(outcome) => return Ok(outcome),
        };
        if self.compiled.graph.gates.is_empty() {
            return self.whole(&wanted, losses, &how).await;
        }
        let mut how = how;
        match self.jobs_due(&wanted, losses, &mut how).await? {
            Ok(due) => self.in_steps(&wanted, losses, how, due).await,
            Err(outcome) => Ok(outcome),
        }
    }

    /// Deploys all of it.
    async fn whole(&mut self, wanted: &Wanted, losses: &Losses, how: &How) -> Result<Outcome, Trouble> {
        match self.step(wanted, losses, how, None).await? {
            Stepped::Left(outcome) => Ok(outcome),
            Stepped::Done | Stepped::Impossible(_) => {
                self.print_outputs(OutputFormat::Table).await?;
                self.renew_lock(wanted, &[]).await
            }
        }
    }

    /// Plans, asks, does and follows one template: that of all, or of a part, which removes nothing.
    async fn step(&mut self, wanted: &Wanted, losses: &Losses, how: &How, part: Option<&Part>) -> Result<Stepped, Trouble> {
        let plan = self.engine.plan(wanted).await?;
        let going = plan.changes.iter().find(|change| part.is_some() && change.what == What::Remove).map(|change| self.compiled.label(&change.name));
        if let Some(going) = going {
            if let Some(planned) = plan.with {
                self.engine.discard(planned).await?;
            }
            return Ok(Stepped::Impossible(going));
        }
        if let (Some(_), None) = (part, &plan.with) {
            self.engine.finish(wanted).await?;
            return Ok(Stepped::Done);
        }
        self.carry_out(plan, wanted, losses, how, part).await
    }

    /// Shows what was planned, asks, does it and follows it.
    async fn carry_out(
        &mut self,
        plan: crate::engine::Plan<E::Planned>,
        wanted: &Wanted,
        losses: &Losses,
        how: &How,
        part: Option<&Part>,
    ) -> Result<Stepped, Trouble> {
        let lost: Vec<String> = plan.changes.iter().filter(|change| change.what.loses()).map(|change| change.name.clone()).collect();
        let known = how.agreed && lost.iter().all(|name| how.lost.contains(name));
        let behind = part.filter(|part| !part.waiting.is_empty()).map(|part| self.behind(part));
        let ready = part.and_then(|part| part.jobs.as_ref()).map(|jobs| self.ready(jobs)).unwrap_or_default();
        // Of the part that comes before a job, all was shown with the whole.
        if !(how.shown && known && part.is_some_and(|part| part.jobs.is_some())) {
            self.screen.say(table::plan(&self.compiled, &self.engine.place(), &plan, how.detail).trim_end());
            ready.iter().for_each(|job| self.screen.say(format!("  {:<12}  {job}", "then run")));
            behind.iter().for_each(|behind| self.screen.say(format!("  {:<12}  {behind}", "then add")));
        }
        let Some(planned) = plan.with else {
            self.engine.finish(wanted).await?;
            return Ok(Stepped::Done);
        };
        let refused = explain::guarded(&self.compiled, &plan.changes, &losses.allow_replace);
        if !refused.is_empty() {
            self.engine.discard(planned).await?;
            self.screen.report(refused, &self.compiled.sources);
            return Ok(Stepped::Left(Outcome::WrongInput));
        }
        let then: String = ready.into_iter().chain(behind).map(|then| format!(", then {then}")).collect();
        let question = format!("{} ({}): {}{then}. Do this?", self.compiled.name, self.engine.place(), table::counts(&self.compiled, &plan.changes));
        if let Some(outcome) = self.agreed(&question, how.yes || known).await {
            self.engine.discard(planned).await?;
            return Ok(Stepped::Left(outcome));
        }
        let running = self.engine.apply(planned).await?;
        let jobs = part.and_then(|part| part.jobs.as_ref());
        if how.no_wait && jobs.is_some() {
            self.screen.say("--no-wait: what comes before a job, and the job, are waited for all the same, since the rest follows only then");
        } else if how.no_wait && self.engine.goes_on_alone(&running) {
            self.screen.say(format!("{} is being deployed, and not waited for: {} takes it up again, and sees it through", self.compiled.name, self.again));
            return Ok(Stepped::Left(Outcome::Begun));
        }
        if how.no_wait && jobs.is_none() {
            self.screen.say("--no-wait: what applies this ends with this command, so it is waited for");
        }
        let mut watch = match how.detail {
            Detail::All => Watch::default(),
            Detail::Nodes => Watch::of_plan(&self.compiled, &self.screen, &plan.changes),
        };
        match self.follow(running, &mut watch).await {
            Followed::Left(outcome) => Ok(Stepped::Left(outcome)),
            Followed::Ended(Ending::Done, _) => {
                let all = match (part, jobs.is_some_and(|jobs| jobs.runs && !jobs.ready.is_empty())) {
                    (_, true) => "has what the job needs",
                    (Some(_), false) => "is deployed as far as it can be",
                    (None, false) => "is deployed",
                };
                self.screen.say(format!("{} {all}: {}", self.compiled.name, watch.summary()));
                self.engine.finish(wanted).await?;
                Ok(Stepped::Done)
            }
            Followed::Ended(Ending::Gone, events) => Err(Trouble::Refused {
                what: "somebody removed the stack while it was being deployed".to_owned(),
                reasons: explain::reasons(&events),
                next: None,
            }),
            Followed::Ended(Ending::Failed { how, next, .. }, events) => {
                let outcome = self.failed(&how, &next, &events);
                self.last_words(&events).await;
                Ok(Stepped::Left(outcome))
            }
        }
    }

    /// Says in the lock file what runs now, where that is wanted.
    async fn renew_lock(&mut self, wanted: &Wanted, waiting: &[String]) -> Result<Outcome, Trouble> {
        let site = self.engine.site();
        if !self.lock.is_kept(&site) {
            return Ok(Outcome::Done);
        }
        let there = self.engine.status().await?.resources;
        let ran = self.ran(wanted).await?;
        Ok(self.lock.renew(&site, &self.compiled, ran, (&there, waiting), &self.screen).await)
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
                Some(Outcome::Left)
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
        let can = self.engine.can_cancel(running);
        let more = can.map_or_else(|why| why.to_owned(), |()| "Ctrl-C once more cancels it".to_owned());
        self.screen.say(format!(
            "\nnobody waits any longer, and it goes on in the cloud: {} takes it up again, `stackc events --follow` only looks\n{more}",
            self.again
        ));
        if can.is_err() {
            return Outcome::Left;
        }
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
}
