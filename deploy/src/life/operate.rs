//! Verbs for what runs: `run`, `logs`, `shell`. Whichever engine made a node, its handle says which client of `operate/` asks for it.

use super::Life;
use super::jobs::Due;
use crate::Outcome;
use crate::engine::{Engine, Event, Step, Trouble, arm, heat};
use crate::interrupt;
use crate::operate::aws::Aws;
use crate::operate::azure::ContainerApps;
use crate::operate::ecs::Ecs;
use crate::operate::google::CloudRun;
use crate::operate::nova::Nova;
use crate::operate::{Client, Copies, Failure, Handle, How, Line, Reading, Run};
use stackc::emit::Format;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The kinds of what is kept running.
const SERVICES: [&str; 5] = ["ecs-service", "container-app", "cloud-run-service", "cloud-run-worker-pool", "nova-service"];

/// How many lines of what failed are shown without being asked for.
pub(super) const LAST_LINES: usize = 20;

/// How often the log is read once what was run has ended: its last lines come late.
const LATE_LOOKS: usize = 3;

/// What `logs` is to show.
pub(super) struct Wish {
    pub node: String,
    pub follow: bool,
    pub failed: bool,
    pub since: Duration,
}

/// What is done with a client, whichever it is.
enum Errand<'a> {
    Run {
        job: &'a str,
        arguments: &'a [String],
        no_wait: bool,
    },
    /// Starts a job in the midst of a deploy.
    Before(&'a Due),
    Logs(&'a Wish),
    Shell,
}

/// The client of a node.
enum Asked {
    Ecs(Box<Ecs>),
    ContainerApps(Box<ContainerApps>),
    CloudRun(Box<CloudRun>),
    Nova(Box<Nova>),
}

fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).ok().and_then(|since| i64::try_from(since.as_millis()).ok()).unwrap_or_default()
}

impl<E: Engine> Life<E> {
    pub(super) async fn run(&mut self, job: &str, arguments: &[String], no_wait: bool) -> Result<Outcome, Trouble> {
        self.errand(job, Errand::Run { job, arguments, no_wait }).await
    }

    pub(super) async fn logs(&mut self, wish: &Wish) -> Result<Outcome, Trouble> {
        self.errand(&wish.node, Errand::Logs(wish)).await
    }

    pub(super) async fn shell(&mut self, node: &str) -> Result<Outcome, Trouble> {
        self.errand(node, Errand::Shell).await
    }

    /// Starts the job of a deploy, and follows it to its end.
    pub(super) async fn start_before(&mut self, due: &Due) -> Result<Outcome, Trouble> {
        self.errand(&due.job, Errand::Before(due)).await
    }

    async fn errand(&mut self, node: &str, errand: Errand<'_>) -> Result<Outcome, Trouble> {
        let handle = self.handle(node).await?;
        match self.client(&handle).await? {
            Asked::Ecs(client) => self.with(*client, errand).await,
            Asked::ContainerApps(client) => self.with(*client, errand).await,
            Asked::CloudRun(client) => self.with(*client, errand).await,
            Asked::Nova(client) => self.with(*client, errand).await,
        }
    }

    /// The client that a node says it is asked by.
    async fn client(&self, handle: &Handle) -> Result<Asked, Trouble> {
        let (place, notice) = (&self.place, self.screen.notice());
        let (profile, endpoint) = (place.profile.as_deref(), place.endpoint_url.as_deref());
        Ok(match handle.kind.as_str() {
            "ecs-task" | "ecs-service" => {
                let aws = Aws::new(handle.text("region")?, profile, endpoint, self.pace(), notice).await?;
                Asked::Ecs(Box::new(Ecs::new(aws, handle)?))
            }
            "container-app-job" | "container-app" => {
                let by_azure = self.compiled.target.format == Format::Arm;
                let connect = if by_azure { arm::connect } else { arm::connect_as_provider };
                let api = connect(endpoint, self.pace(), notice)?;
                Asked::ContainerApps(Box::new(ContainerApps::new(api, handle)?))
            }
            "nova-job" | "nova-service" => {
                let (api, compute) = heat::Api::nova(profile, place.region.as_deref(), self.pace(), notice).await?;
                Asked::Nova(Box::new(Nova::new(api, compute, handle)?))
            }
            _ => Asked::CloudRun(Box::new(CloudRun::new(handle, self.pace(), notice)?)),
        })
    }

    /// What the running stack says of a node.
    async fn handle(&mut self, node: &str) -> Result<Handle, Trouble> {
        let handles = self.compiled.origins.outputs.iter().filter_map(|output| Some((output, output.handle.as_ref()?)));
        let handles: Vec<(&str, &str)> = handles.map(|(output, (_, of))| (output.name.as_str(), of.as_str())).collect();
        let Some((name, _)) = handles.iter().find(|(_, of)| *of == node) else {
            let names = stackc::diag::list(handles.iter().map(|(_, of)| of));
            let there = if handles.is_empty() { "the stack has no such node".to_owned() } else { format!("there are {names}") };
            return Err(Trouble::Call(format!("`{node}` is nothing that runs containers: {there}")));
        };
        let name = (*name).to_owned();
        let found = self.engine.outputs().await?;
        let text = found.iter().find(|(of, _)| *of == name).map(|(_, text)| text.as_str());
        let missing = || Trouble::Call(format!("what runs does not say yet how `{node}` is asked: `stackc deploy` makes it do so"));
        Handle::read(node, text.ok_or_else(missing)?)
    }

    async fn with<C: Client>(&mut self, client: C, errand: Errand<'_>) -> Result<Outcome, Trouble> {
        match errand {
            Errand::Run { job, arguments, no_wait } => self.run_with(&client, job, arguments, no_wait).await,
            Errand::Before(due) => self.before_with(&client, due).await,
            Errand::Logs(wish) if wish.failed => self.failed_log(&client, wish).await,
            Errand::Logs(wish) => self.log(&client, wish).await,
            Errand::Shell => self.shell_with(&client).await,
        }
    }

    async fn run_with<C: Client>(&mut self, client: &C, job: &str, arguments: &[String], no_wait: bool) -> Result<Outcome, Trouble> {
        let began = Instant::now();
        // What is pressed while it is being started is heard afterwards: else a job would run that nobody was told of.
        interrupt::listen();
        let run = match client.start(arguments).await {
            Ok(run) => run,
            Err(Trouble::Resumable { what, next }) => {
                self.screen
                    .say(format!("stackc: {what}\n  next: {next}; see whether it was started all the same (`stackc logs {job}`) before you start it again"));
                return Ok(Outcome::Refused);
            }
            Err(trouble) => return Err(trouble),
        };
        self.screen.say(format!("{job} is started: {} {}", client.unit(), run.short));
        if no_wait {
            self.screen.say(format!("it is not waited for: `stackc logs {job} --follow` shows what it prints"));
            return Ok(Outcome::Begun);
        }
        let show = |lines: &[Line]| self.lines(lines, false);
        let end = tokio::select! {
            end = self.follow_run(client, job, &run, &show) => end,
            () = interrupt::next() => {
                self.screen.say(format!("\nnobody watches any longer, and the job goes on: `stackc logs {job} --follow` comes back to it"));
                return Ok(Outcome::Left);
            }
        };
        match end {
            Ok(How::Status(0)) => {
                self.screen.say(format!("{job} is done: {} s", began.elapsed().as_secs()));
                self.late(client, job);
                Ok(Outcome::Done)
            }
            Ok(How::Status(status)) => {
                self.screen.say(format!("stackc: {job} ended with {status}: `stackc logs {job}` shows all that it printed"));
                Ok(u8::try_from(status).map_or(Outcome::NoStatus, Outcome::Status))
            }
            Ok(How::Failed(why) | How::Goes(why)) => {
                self.screen.say(format!("stackc: {job} ended with no status of its own: {why}"));
                self.late(client, job);
                Ok(Outcome::NoStatus)
            }
            Err(trouble) => {
                match trouble {
                    Trouble::Resumable { what, next } => self.screen.say(format!("stackc: {what}\n  next: {next}")),
                    trouble => drop(super::told(&self.compiled, &self.screen, trouble, None)),
                }
                self.screen.say(format!("the job goes on, as far as is known: `stackc logs {job} --follow` comes back to it"));
                Ok(Outcome::Refused)
            }
        }
    }

    pub(super) fn late<C: Client>(&self, client: &C, job: &str) {
        if let Some(late) = client.late() {
            self.screen.say(format!("{late}: `stackc logs {job}` shows it then"));
        }
    }

    /// Shows what a run prints, until it has ended.
    pub(super) async fn follow_run<C: Client>(&self, client: &C, job: &str, run: &Run, show: &dyn Fn(&[Line])) -> Result<How, Trouble> {
        let mut reading = client.log_of(run);
        let mut word = String::new();
        loop {
            // Looked at first, so that what it printed until then is read afterwards.
            let how = client.look(run).await?;
            show(&client.read(&mut reading).await?);
            match how {
                How::Goes(now) if now != word => {
                    self.screen.say(format!("{job}: {now}"));
                    word = now;
                }
                How::Goes(_) => {}
                end => {
                    for _ in 0..LATE_LOOKS {
                        tokio::time::sleep(self.pace().poll).await;
                        show(&client.read(&mut reading).await?);
                    }
                    return Ok(end);
                }
            }
            tokio::time::sleep(self.pace().poll).await;
        }
    }

    /// Prints lines of a log, the containers' own words; with several copies, each says of which.
    fn lines(&self, lines: &[Line], copies: bool) {
        let mut whole = String::new();
        for line in lines {
            let copy = if copies { format!("{}  ", line.copy.chars().take(12).collect::<String>()) } else { String::new() };
            // What has no time, such as a console's lines, has the time 0.
            let moment = if copies && line.at > 0 { format!("{}  ", super::moment(line.at as f64 / 1000.0)) } else { String::new() };
            whole.push_str(&format!("{moment}{copy}{}\n", line.text.replace('\n', "\n    ")));
        }
        self.screen.print(&whole);
    }

    async fn log<C: Client>(&mut self, client: &C, wish: &Wish) -> Result<Outcome, Trouble> {
        let since = now() - i64::try_from(wish.since.as_millis()).unwrap_or(i64::MAX);
        let mut reading = Reading { since: since.max(0), ..Reading::default() };
        let found = client.read(&mut reading).await?;
        self.lines(&found, true);
        if !wish.follow {
            if found.is_empty() {
                self.screen.say(format!("{} printed nothing in this time: `--since 24h` looks further back", wish.node));
            }
            return Ok(Outcome::Done);
        }
        loop {
            tokio::select! {
                () = tokio::time::sleep(self.pace().poll) => {}
                () = interrupt::next() => return Ok(Outcome::Left),
            }
            tokio::select! {
                found = client.read(&mut reading) => self.lines(&found?, true),
                () = interrupt::next() => return Ok(Outcome::Left),
            }
        }
    }

    async fn failed_log<C: Client>(&mut self, client: &C, wish: &Wish) -> Result<Outcome, Trouble> {
        let Some(mut failure) = client.failed().await? else {
            self.screen.say(format!("the cloud knows of no {} of {} that failed", client.unit(), wish.node));
            return Ok(Outcome::Done);
        };
        self.screen.say(format!("{} {} {}", client.unit(), failure.copy, failure.why));
        self.lines(&client.read(&mut failure.reading).await?, false);
        Ok(Outcome::Done)
    }

    /// The vendor's own program, in the terminal; where it is not there, what it would be called with.
    async fn shell_with<C: Client>(&mut self, client: &C) -> Result<Outcome, Trouble> {
        let (words, besides) = client.shell().await?;
        let Some((program, rest)) = words.split_first() else { return Ok(Outcome::WrongCall) };
        let missing: Vec<&str> = std::iter::once(program.as_str()).chain(besides.iter().copied()).filter(|name| !on_path(name)).collect();
        if !missing.is_empty() {
            let names = stackc::diag::list(&missing);
            self.screen.say(format!("stackc: a shell is opened by the cloud's own program, and {names} is not on PATH; this is the command:"));
            self.screen.print(&format!("{}\n", quoted(&words)));
            return Ok(Outcome::WrongCall);
        }
        // Its Ctrl-C is the shell's.
        interrupt::listen();
        let status = std::process::Command::new(program).args(rest).status();
        let status = status.map_err(|why| Trouble::Call(format!("{program} cannot be started: {why}")))?;
        Ok(match status.code() {
            Some(0) => Outcome::Done,
            code => code.and_then(|code| u8::try_from(code).ok()).map_or(Outcome::NoStatus, Outcome::Status),
        })
    }

    /// The handles of what is kept running, of those that the running stack tells, in the template's order: the type and the name of the node.
    async fn services(&mut self) -> Result<Vec<(String, Handle)>, Trouble> {
        let known: Vec<(String, String, String)> =
            (self.compiled.origins.outputs.iter()).filter_map(|output| output.handle.clone().map(|(ty, node)| (output.name.clone(), ty, node))).collect();
        if known.is_empty() {
            return Ok(Vec::new());
        }
        let found = self.engine.outputs().await?;
        let of = |name: &str| found.iter().find(|(of, _)| of == name).map(|(_, text)| text.as_str());
        let handles = known.iter().filter_map(|(name, ty, node)| Some((ty.clone(), Handle::read(node, of(name)?).ok()?)));
        Ok(handles.filter(|(_, handle)| SERVICES.contains(&handle.kind.as_str())).collect())
    }

    /// How the services run, each with its type and its name; in the place of one that this caller may not ask for stands why.
    pub(super) async fn what_runs(&mut self) -> Result<Vec<(String, String, Result<Copies, String>)>, Trouble> {
        let mut found = Vec::new();
        for (ty, handle) in self.services().await? {
            let copies = match self.copies(&handle).await {
                Ok(copies) => Ok(copies),
                // Who may not ask, or is not logged in for it, sees all else; what may pass is trouble, as with what the engine is asked.
                Err(Trouble::Call(why) | Trouble::Cannot(why)) => Err(why),
                Err(Trouble::Refused { reasons, .. }) => Err(reasons.into_iter().map(|reason| reason.text).collect::<Vec<_>>().join("; ")),
                Err(trouble) => return Err(trouble),
            };
            found.push((ty, handle.node, copies));
        }
        Ok(found)
    }

    async fn copies(&self, handle: &Handle) -> Result<Copies, Trouble> {
        match self.client(handle).await? {
            Asked::Ecs(client) => client.copies().await,
            Asked::ContainerApps(client) => client.copies().await,
            Asked::CloudRun(client) => client.copies().await,
            Asked::Nova(client) => client.copies().await,
        }
    }

    /// After a deploy that failed at services: what their failed copies printed last. That it cannot be had is said, and changes nothing.
    pub(super) async fn last_words(&mut self, events: &[Event]) {
        let failed = events.iter().filter(|event| event.step == Step::Failed).filter_map(|event| event.name.as_deref());
        let nodes: Vec<String> = failed.map(|address| self.compiled.user_name(address).to_owned()).collect();
        let Ok(services) = self.services().await else { return };
        for (_, handle) in services.into_iter().filter(|(_, handle)| nodes.contains(&handle.node)) {
            let node = handle.node.clone();
            match self.failure(&handle).await {
                Ok(Some((failure, lines))) => {
                    self.screen.say(format!("{node}: {} {}; its last lines:", failure.copy, failure.why));
                    lines.iter().for_each(|line| self.screen.say(format!("  | {}", line.text)));
                    self.screen.say(format!("  more of it: `stackc logs {node} --failed`"));
                }
                Ok(None) => self.screen.say(format!("{node}: `stackc logs {node}` shows what it printed")),
                Err(_) => self.screen.say(format!("{node}: its log could not be read; `stackc logs {node} --failed` tries again")),
            }
        }
    }

    /// What of a service failed last, with its last lines.
    async fn failure(&self, handle: &Handle) -> Result<Option<(Failure, Vec<Line>)>, Trouble> {
        match self.client(handle).await? {
            Asked::Ecs(client) => last_lines(&*client).await,
            Asked::ContainerApps(client) => last_lines(&*client).await,
            Asked::CloudRun(client) => last_lines(&*client).await,
            Asked::Nova(client) => last_lines(&*client).await,
        }
    }
}

/// What failed last, with its last lines.
async fn last_lines<C: Client>(client: &C) -> Result<Option<(Failure, Vec<Line>)>, Trouble> {
    let Some(mut failure) = client.failed().await? else { return Ok(None) };
    failure.reading.last = Some(LAST_LINES);
    let mut lines = client.read(&mut failure.reading).await?;
    lines.drain(..lines.len().saturating_sub(LAST_LINES));
    Ok(Some((failure, lines)))
}

/// How a service runs, in a line.
pub(super) fn running(copies: &Copies) -> String {
    let counted = match (copies.running, copies.wanted) {
        (Some(running), Some(wanted)) => Some(format!("{running} of {wanted} running")),
        (Some(running), None) => Some(format!("{running} running")),
        (None, Some(wanted)) => Some(format!("{wanted} wanted")),
        (None, None) => None,
    };
    let healthy = copies.healthy.map(|healthy| format!("{healthy} healthy"));
    let since = copies.since.as_ref().map(|since| format!("since {since}"));
    let parts = [counted, healthy, copies.word.clone(), copies.image.clone(), copies.address.clone(), since];
    parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// Whether a program is there.
fn on_path(name: &str) -> bool {
    let names = [name.to_owned(), format!("{name}{}", std::env::consts::EXE_SUFFIX), format!("{name}.cmd")];
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| names.iter().any(|name| folder.join(name).is_file()))
}

/// A command as a shell reads it.
fn quoted(words: &[String]) -> String {
    let plain = |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=@,".contains(c));
    let words = words.iter().map(|word| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) });
    words.collect::<Vec<_>>().join(" ")
}
