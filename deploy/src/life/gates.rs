//! A first deploy in steps: what waits for nobody is made, what somebody has to do is shown and looked for, and the
//! rest follows by itself. A gate holds back only what is not there yet; once all that waits for it is there, nobody
//! looks at it any more.

use super::jobs::Due;
use super::{How, Life, Stepped};
use crate::arguments::{Gates, Losses};
use crate::compile::{Jobs, Part};
use crate::engine::{Engine, Only, Trouble, Wanted};
use crate::gates::{Looker, Seen};
use crate::{Outcome, interrupt, table};
use serde_json::{Value, json};
use stackc::gates::{Evidence, Gate, Look};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// How long a gate is waited for, in minutes, where nobody says: at a terminal, and in a log.
const MINUTES: (u64, u64) = (24 * 60, 60);

/// The longest time between two looks, in the time between two looks at what goes on.
const SLOWEST: u32 = 20;

/// How often a log says that it still waits.
const REMINDER: Duration = Duration::from_secs(600);

/// A gate that counts, and how it is.
pub(super) struct Looked {
    pub(super) index: usize,
    pub(super) gate: Gate,
    pub(super) seen: Seen,
    /// What is looked for, where all of it is known.
    pub(super) evidence: Option<Vec<String>>,
}

impl<E: Engine> Life<E> {
    /// Deploys step by step, and starts these jobs before what waits for them.
    pub(super) async fn in_steps(&mut self, wanted: &Wanted, losses: &Losses, mut how: How, mut due: Vec<Due>) -> Result<Outcome, Trouble> {
        let began = Instant::now();
        loop {
            let there = self.there().await?;
            let looked = self.looked_at(&how.gates).await?;
            let shut: Vec<usize> = looked.iter().filter(|looked| looked.seen != Seen::Open).map(|looked| looked.index).collect();
            let shut_alone = self.compiled.part(&shut, &there);
            let held_back = shut_alone.as_ref().map_or(0, |part| part.waiting.len());
            let jobs: Vec<usize> = due.iter().map(|due| due.gate).collect();
            let part = if jobs.is_empty() { shut_alone } else { Some(self.compiled.before(&jobs, &shut, &there)) };
            if shut.is_empty() && part.as_ref().and_then(|part| part.jobs.as_ref()).is_some_and(|jobs| jobs.ready.is_empty()) {
                let names = due.iter().map(|due| due.job.as_str()).collect::<Vec<_>>().join(", ");
                let why = format!("by the rules of this target, job {names} needs what waits for its end");
                return Err(Trouble::refused("the job cannot be started before the rest, and nothing was changed", why));
            }
            let Some(part) = part else {
                for looked in looked.iter().filter(|looked| looked.seen != Seen::Open) {
                    self.screen.say(format!("{} is not waited for: something that runs needs what waits for it", looked.gate.name()));
                }
                return self.whole(wanted, losses, &how).await;
            };
            for address in &part.let_through {
                self.screen.say(format!("{} is not held back: something that runs needs it", self.compiled.label(address)));
            }
            let first = match &part.jobs {
                None => Wanted { template: part.template.clone(), protect: protected(wanted, &part.addresses, &[]), ..wanted.clone() },
                // What runs stays in it, and stays protected.
                Some(_) => {
                    let only = Some(Only { template: part.template.clone(), addresses: part.addresses.clone() });
                    Wanted { only, protect: protected(wanted, &part.addresses, &there), ..wanted.clone() }
                }
            };
            match self.step(&first, losses, &how, Some(&part)).await? {
                Stepped::Left(outcome) => return Ok(outcome),
                Stepped::Done => {
                    how.agreed = true;
                    // What stays as it runs is not yet what the lock file would say.
                    let stays = part.jobs.as_ref().is_some_and(|jobs| jobs.runs);
                    if !stays && let outcome @ (Outcome::WrongCall | Outcome::WrongInput) = self.renew_lock(wanted, &part.waiting).await? {
                        return Ok(outcome);
                    }
                }
                Stepped::Impossible(going) if part.jobs.is_some() => {
                    let why = format!("what the job needs cannot be had without removing {going}, which something that runs has");
                    return Err(Trouble::refused("the job cannot be started before the rest, and nothing was changed", why));
                }
                Stepped::Impossible(going) => {
                    // What runs would be gone before what takes its place is there.
                    let unknown = looked.iter().find(|looked| looked.seen != Seen::Open && looked.evidence.is_none());
                    let all = unknown.map(|looked| format!(", and all is made at once, without waiting for {}", looked.gate.name()));
                    let all_at_once = all.is_some();
                    let all = all.unwrap_or_default();
                    self.screen.say(format!("nothing is made beforehand, since {going} would be removed by that{all}"));
                    if all_at_once {
                        return self.whole(wanted, losses, &how).await;
                    }
                }
            }
            if let Some(Jobs { ready, .. }) = part.jobs.as_ref().filter(|jobs| !jobs.ready.is_empty()) {
                for due in due.extract_if(.., |due| ready.contains(&due.gate)) {
                    if let Some(outcome) = self.run_before(&due).await? {
                        return Ok(outcome);
                    }
                }
                continue;
            }
            if let Some(outcome) = self.wait(&how, held_back, began).await? {
                return Ok(outcome);
            }
        }
    }

    /// Waits until more can be made; how it ended, if it did not come to that.
    async fn wait(&mut self, how: &How, held_back: usize, began: Instant) -> Result<Option<Outcome>, Trouble> {
        let terminal = std::io::stderr().is_terminal();
        let minutes = how.wait_for_gates.unwrap_or(if terminal { MINUTES.0 } else { MINUTES.1 });
        let there = self.there().await?;
        let mut looked = self.looked_at(&how.gates).await?;
        let shut = |looked: &[Looked]| looked.iter().filter(|looked| looked.seen != Seen::Open).map(|looked| looked.index).collect::<Vec<_>>();
        let held = |life: &Self, looked: &[Looked]| life.compiled.part(&shut(looked), &there).map_or(0, |part| part.waiting.len());
        let all = held(self, &looked);
        // What was made has told what to look for, and some of it is so already.
        if all < held_back {
            return Ok(None);
        }
        self.screen.say(format!("{} waits with {all} resource{}:", self.compiled.name, if all == 1 { "" } else { "s" }));
        for one in looked.iter().filter(|looked| looked.seen != Seen::Open) {
            self.screen.say(format!("  {}: {}: {}\n    now: {}", one.gate.name(), wanted_of(one), one.gate.act, one.seen.words()));
        }
        if how.no_wait || minutes == 0 {
            self.screen.say("not waited for: the same command looks again, and goes on from here");
            return Ok(Some(Outcome::Begun));
        }
        interrupt::listen();
        self.screen.say("it goes on by itself once it can; Ctrl-C leaves it, and the same command goes on from here");
        let base = Duration::from_millis(self.place.poll_ms.max(1));
        let (mut pause, mut told) = (base, Instant::now());
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = interrupt::next() => {
                    self.screen.say("\nleft; nothing is lost: the same command looks again, and goes on from here");
                    return Ok(Some(Outcome::Left));
                }
            }
            pause = (pause * 3 / 2).min(base * SLOWEST);
            let now = self.looked_at(&how.gates).await?;
            for (one, _) in now.iter().zip(&looked).filter(|(one, before)| one.seen != before.seen) {
                let name = one.gate.name();
                match &one.seen {
                    Seen::Open => self.screen.say(format!("{name} is open")),
                    seen => self.screen.say(format!("{name}: {}", seen.words())),
                }
                told = Instant::now();
            }
            let fewer = held(self, &now) < all;
            looked = now;
            if fewer {
                return Ok(None);
            }
            if began.elapsed() >= Duration::from_secs(minutes.saturating_mul(60)) {
                let left = looked.iter().filter(|looked| looked.seen != Seen::Open);
                let names: Vec<&str> = left.map(|looked| looked.gate.name()).collect();
                self.screen.say(format!(
                    "{} did not open in {minutes} min, and nothing is lost: the same command goes on from here; --wait-for-gates MINUTES waits longer",
                    names.join(", ")
                ));
                return Ok(Some(Outcome::Begun));
            }
            if told.elapsed() >= REMINDER {
                told = Instant::now();
                self.screen.say(format!("still waiting, for {} min by now", began.elapsed().as_secs() / 60));
            }
        }
    }

    /// The gates that count, each looked at.
    pub(super) async fn looked_at(&mut self, gates: &Gates) -> Result<Vec<Looked>, Trouble> {
        if self.compiled.graph.gates.is_empty() {
            return Ok(Vec::new());
        }
        let known: Vec<&String> = self.compiled.graph.gates.iter().flat_map(|gate| &gate.names).collect();
        if let Some(unknown) = gates.open.iter().find(|name| !known.contains(name)) {
            return Err(Trouble::Call(format!("--open {unknown}: there is no such gate; the stack has {}", stackc::diag::list(known))));
        }
        let looker = Looker::new(&self.place, gates)?;
        let there = self.there().await?;
        let outputs = if there.is_empty() { Vec::new() } else { self.engine.outputs().await? };
        let mut found = Vec::new();
        let looked_for = self.compiled.graph.gates.iter().enumerate().filter(|(_, gate)| gate.look != Look::Run);
        for (index, gate) in looked_for {
            if self.compiled.waiting_for(index).iter().all(|address| there.contains(address)) {
                continue;
            }
            let value = |evidence: &Evidence| match evidence {
                Evidence::Known(text) => Some(text.clone()),
                Evidence::Output(name) => {
                    let own = self.compiled.target.format.output_name(name);
                    outputs.iter().find(|(output, _)| *output == own).map(|(_, value)| value.clone())
                }
            };
            let evidence: Option<Vec<String>> = gate.evidence.iter().map(value).collect();
            let seen = match &evidence {
                _ if gate.names.iter().any(|name| gates.open.contains(name)) => Seen::Open,
                None => Seen::Shut("what it is about is not made yet".to_owned()),
                Some(evidence) => looker.look(gate, evidence).await,
            };
            found.push(Looked { index, gate: gate.clone(), seen, evidence });
        }
        Ok(found)
    }

    /// The addresses of what runs.
    pub(super) async fn there(&mut self) -> Result<Vec<String>, Trouble> {
        Ok(self.engine.status().await?.resources.into_iter().map(|resource| resource.name).collect())
    }

    /// What waits, in words: how many resources, of which of the user's nodes.
    pub(super) fn behind(&self, part: &Part) -> String {
        let mut nodes: Vec<String> = Vec::new();
        for node in part.waiting.iter().map(|address| table::node_of(&self.compiled, address)) {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        }
        let count = part.waiting.len();
        format!("{count} resource{}: {}", if count == 1 { "" } else { "s" }, nodes.join(", "))
    }

    fn held_by(&self, looked: &Looked) -> Option<Part> {
        self.compiled.part(&[looked.index], &[])
    }

    /// Notes of a plan.
    pub(super) fn notes_of(&self, looked: &[Looked]) -> Vec<String> {
        let shut = looked.iter().filter(|looked| looked.seen != Seen::Open);
        shut.flat_map(|looked| {
            let behind = self.held_by(looked).map(|part| self.behind(&part)).unwrap_or_default();
            let gate = &looked.gate;
            [
                format!("{} is shut: {}", gate.name(), looked.seen.words()),
                format!("  behind it {behind}"),
                format!("  to open it, {}: {}", wanted_of(looked), gate.act),
            ]
        })
        .collect()
    }

    /// The same for a program.
    pub(super) fn looked_json(&self, looked: &[Looked]) -> Value {
        let one = |looked: &Looked| {
            let gate = &looked.gate;
            let open = match looked.seen {
                Seen::Open => json!(true),
                Seen::Shut(_) => json!(false),
                Seen::Unknown(_) => Value::Null,
            };
            let evidence = gate.look.fields().iter().enumerate();
            let evidence: serde_json::Map<String, Value> =
                evidence.map(|(place, field)| ((*field).to_owned(), json!(looked.evidence.as_ref().and_then(|evidence| evidence.get(place))))).collect();
            let waiting = self.held_by(looked).map(|part| part.waiting).unwrap_or_default();
            json!({
                "names": gate.names, "look": gate.look.word(), "open": open, "seen": looked.seen.words(), "evidence": evidence, "do": gate.act, "waiting": waiting
            })
        };
        looked.iter().map(one).collect()
    }
}

/// What is protected of these, by their addresses.
fn protected(wanted: &Wanted, made: &[String], there: &[String]) -> Vec<String> {
    wanted.protect.iter().filter(|address| made.contains(address) || there.contains(address)).cloned().collect()
}

/// What has to be done, in words, as far as it is known.
fn wanted_of(looked: &Looked) -> String {
    let gate = &looked.gate;
    gate.wanted(&|name| {
        let place = gate.evidence.iter().position(|known| *known == Evidence::Output(name.to_owned()))?;
        looked.evidence.as_ref()?.get(place).cloned()
    })
}
