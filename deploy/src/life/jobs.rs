//! Jobs that have to end well before what is behind them changes, such as migrations with each deploy. A job is started
//! when the deploy changes it, or what waits for it; then what it needs is brought up first, and all else stays as it runs
//! until it has ended with 0.

use super::gates::Looked;
use super::operate::LAST_LINES;
use super::{How, Life};
use crate::arguments::Losses;
use crate::compile::Jobs;
use crate::engine::{Change, Engine, Trouble, Wanted};
use crate::gates::Seen;
use crate::operate::{self, Client, Line, Run};
use crate::{Outcome, explain, interrupt, table};
use stackc::gates::{self, Evidence};
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How often a log is looked at whose lines come long after a job that failed.
const LATE_LINES: usize = 60;

/// The longest time between two of these looks.
const LATE_PAUSE: Duration = Duration::from_secs(5);

/// A job that this deploy starts.
#[derive(Debug, Clone)]
pub(super) struct Due {
    /// Its gate.
    pub gate: usize,
    /// What the user calls the job.
    pub job: String,
    /// The gate's name.
    pub name: String,
    /// What waits for it, as `service web`.
    pub waiting: Vec<String>,
    /// Whether any of that changes: then the next deploy has the same reason to start the job.
    pub changes: bool,
    /// Whether some of that runs already.
    pub runs: bool,
}

impl Due {
    /// What a plan says of it.
    pub fn note(due: &Due) -> String {
        let change = if due.waiting.len() == 1 { "changes" } else { "change" };
        format!("job {} runs first ({}): {} {change} once it has ended well", due.job, due.name, all_of(&due.waiting))
    }
}

fn all_of(names: &[String]) -> String {
    match names.split_last() {
        Some((last, first)) if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        Some((last, _)) => last.clone(),
        None => String::new(),
    }
}

impl<E: Engine> Life<E> {
    /// The jobs that these changes are a reason for, but for those whose gate is taken for open.
    pub(super) fn jobs_of(&self, changes: &[Change], open: &[String]) -> Vec<Due> {
        let changed: Vec<String> = changes.iter().map(|change| table::node_of(&self.compiled, &change.name)).collect();
        self.jobs_with(open, &|node| changed.contains(node))
    }

    /// The jobs of which a node changes.
    fn jobs_with(&self, open: &[String], changes: &dyn Fn(&String) -> bool) -> Vec<Due> {
        let graph = &self.compiled.graph;
        let due = |gate: usize| {
            let known = graph.gates.get(gate).filter(|known| !known.names.iter().any(|name| open.contains(name)))?;
            let Some(Evidence::Known(job)) = known.evidence.first() else { return None };
            let nodes = self.compiled.nodes_of(gate);
            let waiting: Vec<String> = nodes.get(1..).unwrap_or_default().to_vec();
            let reason = nodes.iter().any(changes);
            let changes = waiting.iter().any(changes);
            reason.then(|| Due { gate, job: job.clone(), name: known.name().to_owned(), waiting, changes, runs: false })
        };
        gates::runs(graph).filter_map(due).collect()
    }

    /// The jobs that a deploy starts. Where something runs already, the plan of the whole tells, and it is shown and agreed
    /// to; else how the deploy ended.
    pub(super) async fn jobs_due(&mut self, wanted: &Wanted, losses: &Losses, how: &mut How) -> Result<Result<Vec<Due>, Outcome>, Trouble> {
        let all = self.jobs_with(&how.gates.open, &|_| true);
        if all.is_empty() {
            return Ok(Ok(all));
        }
        let there = self.there().await?;
        if there.is_empty() {
            return Ok(Ok(all));
        }
        let plan = self.engine.plan(wanted).await?;
        let mut due = self.jobs_of(&plan.changes, &how.gates.open);
        for one in &mut due {
            one.runs = self.compiled.waiting_for(one.gate).iter().any(|address| there.contains(address));
        }
        let Some(planned) = plan.with else { return Ok(Ok(due)) };
        self.engine.discard(planned).await?;
        if due.is_empty() {
            return Ok(Ok(due));
        }
        let mut shown = crate::engine::Plan { with: Some(()), changes: plan.changes, notes: plan.notes };
        shown.notes.extend(due.iter().map(Due::note));
        self.screen.say(table::plan(&self.compiled, &self.engine.place(), &shown, how.detail).trim_end());
        let refused = explain::guarded(&self.compiled, &shown.changes, &losses.allow_replace);
        if !refused.is_empty() {
            self.screen.report(refused, &self.compiled.sources);
            return Ok(Err(Outcome::WrongInput));
        }
        let jobs = due.iter().map(|due| due.job.as_str()).collect::<Vec<_>>().join(", ");
        let counts = table::counts(&self.compiled, &shown.changes);
        let question = format!("{} ({}): {counts}, and job {jobs} runs first. Do this?", self.compiled.name, self.engine.place());
        if let Some(outcome) = self.agreed(&question, how.yes).await {
            return Ok(Err(outcome));
        }
        (how.agreed, how.shown) = (true, true);
        how.lost = shown.changes.iter().filter(|change| change.what.loses()).map(|change| change.name.clone()).collect();
        Ok(Ok(due))
    }

    /// For a program: what opens only by a job that this deploy starts.
    pub(super) fn to_be_run(&self, due: &[Due]) -> Vec<Looked> {
        let one = |due: &Due| {
            let gate = self.compiled.graph.gates.get(due.gate)?.clone();
            let seen = Seen::Shut("its job runs with this deploy".to_owned());
            Some(Looked { index: due.gate, gate, seen, evidence: Some(vec![due.job.clone()]) })
        };
        due.iter().filter_map(one).collect()
    }

    /// The jobs that can be started behind a part, as `job migrate`.
    pub(super) fn ready(&self, jobs: &Jobs) -> Vec<String> {
        let job = |gate: &usize| self.compiled.nodes_of(*gate).into_iter().next();
        jobs.ready.iter().filter_map(job).collect()
    }

    /// Starts a job and follows it to its end; how the deploy ended, unless it ended well.
    pub(super) async fn run_before(&mut self, due: &Due) -> Result<Option<Outcome>, Trouble> {
        match self.start_before(due).await {
            Ok(Outcome::Done) => Ok(None),
            Ok(outcome) => Ok(Some(outcome)),
            Err(trouble) => {
                super::told(&self.compiled, &self.screen, trouble, None);
                self.stays(due);
                Ok(Some(Outcome::Refused))
            }
        }
    }

    /// Says what is as it was, and how to go on.
    fn stays(&self, due: &Due) {
        let (job, name) = (&due.job, &due.name);
        let stay = match (due.runs, due.waiting.len()) {
            (true, 1) => "stays as before",
            (true, _) => "stay as before",
            (false, 1) => "is not made yet",
            (false, _) => "are not made yet",
        };
        self.screen.say(format!("{} {stay}", all_of(&due.waiting)));
        let again = match due.changes {
            true => format!("the same command starts {job} again, and goes on once it ends well; --open {name} goes on without it"),
            false => format!("`stackc run {job}` starts it again; the next deploy does only when something of it or behind it changes"),
        };
        self.screen.say(format!("  next: {again}"));
    }

    pub(super) async fn before_with<C: Client>(&mut self, client: &C, due: &Due) -> Result<Outcome, Trouble> {
        let began = Instant::now();
        let job = due.job.as_str();
        // What is pressed while it is being started is heard afterwards.
        interrupt::listen();
        // Two at once would be at the same tables; what somebody started by hand may be something else.
        while let Some(run) = client.under_way().await? {
            self.screen.say(format!("{job} runs already ({} {}): that is waited for first", client.unit(), run.short));
            tokio::select! {
                ended = self.ended(client, &run) => ended?,
                () = interrupt::next() => return Ok(self.left_before(due)),
            }
        }
        let run = client.start(&[]).await?;
        self.screen.say(format!("{job} is started: {} {}", client.unit(), run.short));
        let seen = Cell::new(false);
        let show = |lines: &[Line]| {
            seen.set(seen.get() || !lines.is_empty());
            lines.iter().for_each(|line| self.screen.say(format!("  | {}", line.text)));
        };
        let end = tokio::select! {
            end = self.follow_run(client, job, &run, &show) => end?,
            () = interrupt::next() => return Ok(self.left_before(due)),
        };
        let how = match end {
            operate::How::Status(0) => {
                self.screen.say(format!("{job} is done: {} s", began.elapsed().as_secs()));
                if !seen.get() {
                    self.late(client, job);
                }
                return Ok(Outcome::Done);
            }
            operate::How::Status(status) => format!("ended with {status}"),
            operate::How::Failed(why) | operate::How::Goes(why) => format!("ended with no status of its own: {why}"),
        };
        self.screen.say(format!("stackc: {job} {how}"));
        if let Some(late) = client.late().filter(|_| !seen.get()) {
            self.screen.say(format!("{late}; it is waited for that"));
            tokio::select! {
                () = self.late_lines(client, &run) => {}
                () = interrupt::next() => {}
            }
        }
        self.screen.say(format!("  all that it printed: `stackc logs {job}`"));
        self.stays(due);
        Ok(Outcome::JobFailed)
    }

    /// Waits until a run has ended, however.
    async fn ended<C: Client>(&self, client: &C, run: &Run) -> Result<(), Trouble> {
        while let operate::How::Goes(_) = client.look(run).await? {
            tokio::time::sleep(self.pace().poll).await;
        }
        Ok(())
    }

    /// The last lines of a run whose cloud shows them late. That they cannot be had changes nothing.
    async fn late_lines<C: Client>(&self, client: &C, run: &Run) {
        let mut reading = client.log_of(run);
        reading.last = Some(LAST_LINES);
        for _ in 0..LATE_LINES {
            tokio::time::sleep((self.pace().poll * 10).min(LATE_PAUSE)).await;
            let Ok(lines) = client.read(&mut reading).await else { return };
            lines.iter().for_each(|line| self.screen.say(format!("  | {}", line.text)));
            if !lines.is_empty() {
                return;
            }
        }
    }

    /// After Ctrl-C.
    fn left_before(&self, due: &Due) -> Outcome {
        let job = &due.job;
        self.screen.say(format!("\nnobody watches any longer, and the job goes on: `stackc logs {job} --follow` comes back to it"));
        self.stays(due);
        Outcome::Left
    }
}
