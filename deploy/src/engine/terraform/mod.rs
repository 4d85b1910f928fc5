//! Terraform and OpenTofu, driven as programs: a saved plan is what is shown, and what is applied. The state is Terraform's own business; where it is kept, the
//! user says.
//!
//! Each running stack has a working folder beside its file. What applies there is a process of its own, which outlives us: who comes next finds it by
//! `running.json`, and follows what it writes into its log.

mod calls;
mod changes;
mod folder;
mod process;
mod running;
mod saved;

use super::{Drift, Engine, Event, Given, Obstacle, Plan, Previous, Progress, ResourceStatus, Site, State, Status, Trouble, Wanted};

use folder::forget;
use process::Program;
pub use running::Running;
use serde_json::{Value, json};
use stackc::backend::{Backend, Setting};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

/// The template.
const TEMPLATE: &str = "main.tf.json";
/// Where the state is kept.
const BACKEND: &str = "backend.tf.json";
/// What the folder was made ready for.
const READY: &str = "ready.json";
/// Which process applies, and what.
const RUNNING: &str = "running.json";
/// What it says.
const LOG: &str = "running.log";
/// Held by whoever works in the folder.
const LOCK: &str = "lock";
/// The versions of the providers.
const PROVIDERS: &str = ".terraform.lock.hcl";
/// Since when a state in S3 can be locked by a file beside it: Terraform's changelog of 1.10, and OpenTofu's of 1.10.
const LOCK_FILES: (u32, u32) = (1, 10);
/// What stands in Terraform's refusal to remove something protected.
const PROTECTION: &str = "prevent_destroy";
/// A state that could not be kept where it should.
const UNSAVED: &str = "errored.tfstate";

/// Which stack is meant, and how it is brought to life.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The program: `terraform`, `tofu`, or a path.
    pub program: Option<String>,
    /// Where the state is kept, as the call says it.
    pub state: Option<String>,
    /// Where the stack says that it is kept.
    pub stack_state: Option<Backend>,
    /// The folder that the stack's file is in.
    pub beside: PathBuf,
    /// The running stack's name.
    pub name: String,
    /// The target.
    pub target: String,
    /// The stage and the instance, as far as there are any.
    pub parts: Vec<String>,
    /// The template.
    pub template: String,
    /// Its parameters: the name in the template, whether it is a number, and the value that the environment gives.
    pub params: Vec<(String, bool, Option<String>)>,
    /// Further environment.
    pub environment: Vec<(String, String)>,
    /// Between two looks.
    pub poll: Duration,
    /// How long it may say nothing while it plans.
    pub patience: Duration,
    /// How long another's lock is waited for.
    pub lock: Duration,
}

/// The engine of every target whose format is Terraform's.
pub struct Terraform {
    options: Options,
    program: Program,
    backend: Backend,
    folder: PathBuf,
    notice: Rc<dyn Fn(&str)>,
    /// Nobody else works in the folder while this is open.
    held: Option<File>,
    /// Where a removal failed, by addresses.
    failed: Vec<String>,
}

/// A saved plan.
#[derive(Debug)]
pub struct Planned {
    file: PathBuf,
    variables: Vec<(String, String)>,
    /// What Terraform has against it: then it is only to be shown.
    protection: Option<Trouble>,
}

impl Terraform {
    /// Finds the program and the folder. Nothing is changed yet.
    pub fn new(options: Options, in_ci: bool, notice: Rc<dyn Fn(&str)>) -> Result<Terraform, Trouble> {
        if in_ci && options.state.is_none() && options.stack_state.is_none() {
            return Err(Trouble::Call(
                "in CI a state in the working folder is lost with the machine, and nothing was done: say where it is kept, in the stack (`state s3 bucket=acme-state region=eu-west-1`), by --state or by STACKC_STATE (`local` insists)".to_owned(),
            ));
        }
        let backend = match (&options.state, &options.stack_state) {
            (None, Some(backend)) => backend.clone(),
            (said, _) => Backend::said(said.as_deref(), !options.parts.is_empty()).map_err(|why| Trouble::Call(format!("--state: {why}")))?,
        };
        if !backend.apart && !options.parts.is_empty() {
            return Err(Trouble::Call(
                "this copy and the others would share one state: put `{name}` into where the stack's `state` is, in whose place the running stack's name is put".to_owned(),
            ));
        }
        let backend = backend.settled(&options.name, &options.target);
        let program = Program::find(options.program.as_deref())?;
        if let Some(version) = required(&options.template) {
            program.at_least(version, "the template")?;
        }
        if backend.settings.contains(&("use_lockfile".to_owned(), Setting::Flag(true))) {
            program.at_least(LOCK_FILES, "a state that is locked by a file (`use_lockfile`)")?;
        }
        let own = [options.target.as_str()].into_iter().chain(options.parts.iter().map(String::as_str)).collect::<Vec<_>>().join(".");
        let folder = options.beside.join(".stackc").join(own);
        Ok(Terraform { options, program, backend, folder, notice, held: None, failed: Vec::new() })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The folder, as a person would type it.
    fn shown(&self) -> String {
        self.folder.display().to_string()
    }

    /// A call of the program, as a person would type it.
    fn by_hand(&self, arguments: &str) -> String {
        format!("`{} -chdir={} {arguments}`", self.program.name(), self.shown())
    }

    /// The resources that the state has.
    async fn resources(&self) -> Result<Vec<Value>, Trouble> {
        let state = self.json(&["show", "-json"], "read the state").await?;
        let all = state.pointer("/values/root_module/resources").and_then(Value::as_array).cloned().unwrap_or_default();
        Ok(all.into_iter().filter(|resource| changes::text(resource, "mode") == "managed").collect())
    }

    fn absent(&self) -> Trouble {
        Trouble::Call(format!("there is no stack `{}` in {}; `stackc deploy` makes it", self.options.name, self.place()))
    }

    /// The template, without the protection of what may be replaced or removed this time.
    fn lifted(&self, wanted: &Wanted) -> String {
        let allowed: Vec<&String> = wanted.protect.iter().filter(|name| wanted.allowed.contains(name)).collect();
        let Some(mut template) = serde_json::from_str::<Value>(&wanted.template).ok().filter(|_| !allowed.is_empty()) else { return wanted.template.clone() };
        for name in allowed {
            let path = format!("/resource/{}/lifecycle/prevent_destroy", name.replace('.', "/"));
            if let Some(protection) = template.pointer_mut(&path) {
                *protection = json!(false);
            }
        }
        format!("{template:#}\n")
    }

    /// Where the state is, for a person.
    fn kept_in(&self) -> String {
        if self.backend.is_local() { self.shown() } else { self.backend.place() }
    }

    /// Whether the state that could not be kept was pushed since. Terraform leaves its file then: it goes with this.
    async fn was_pushed(&self) -> Result<bool, Trouble> {
        let kept = self.run(&["state", "pull"], &[]).await?;
        if kept.code != Some(0) {
            return Err(self.refusal("read the state", &kept));
        }
        let unsaved = fs::read_to_string(self.path(UNSAVED)).unwrap_or_default();
        let read = |text: &str| serde_json::from_str::<Value>(text).ok();
        let same = |kept: &Value, unsaved: &Value| ["lineage", "outputs", "resources"].iter().all(|field| kept.get(field) == unsaved.get(field));
        let pushed = matches!((read(&kept.out), read(&unsaved)), (Some(kept), Some(unsaved)) if same(&kept, &unsaved));
        if pushed {
            forget(&self.path(UNSAVED));
        }
        Ok(pushed)
    }

    fn push(&self) -> String {
        format!(
            "{} holds what could not be kept in {}: push it once ({})",
            self.path(UNSAVED).display(),
            self.kept_in(),
            self.by_hand(&format!("state push {UNSAVED}"))
        )
    }
}

impl Engine for Terraform {
    type Planned = Planned;
    type Running = Running;
    type Cure = std::convert::Infallible;

    fn place(&self) -> String {
        format!("{}, state in {}", self.program.title, self.kept_in())
    }

    fn site(&self) -> Site {
        // The folder is named as it is seen from where the command runs, and the program may be either of two. Whose the credentials are, only its providers know.
        let place = if self.backend.is_local() { "local state".to_owned() } else { format!("state in {}", self.backend.place()) };
        Site { place, account: None }
    }

    fn goes_on_alone(&self, running: &Running) -> bool {
        // What somebody else began is theirs to stop.
        running.child.is_none()
    }

    async fn state(&mut self) -> Result<State<Terraform>, Trouble> {
        if let Some(running) = self.under_way() {
            return Ok(State::Busy("an apply is under way".to_owned(), running));
        }
        self.ready().await?;
        if self.path(UNSAVED).exists() && !self.was_pushed().await? {
            return Ok(State::Stuck { how: "an unsaved state".to_owned(), cure: Err(self.push()) });
        }
        Ok(if self.resources().await?.is_empty() { State::Absent } else { State::Settled })
    }

    async fn previous(&mut self) -> Result<BTreeMap<String, Previous>, Trouble> {
        // Terraform keeps no parameters: each call gives all of them.
        Ok(BTreeMap::new())
    }

    async fn plan(&mut self, wanted: &Wanted) -> Result<Plan<Planned>, Trouble> {
        let lifted = self.lifted(wanted);
        self.ready_for(&lifted).await?;
        let given = wanted.params.iter().filter_map(|(name, given)| match given {
            Given::Value(value) => Some((format!("TF_VAR_{name}"), self.spelled(name, value))),
            Given::Previous => None,
        });
        let variables: Vec<(String, String)> = given.collect();
        let doing = "plan this, and nothing was changed";
        let targets: Vec<String> = wanted.only.iter().flat_map(|only| &only.addresses).map(|address| format!("-target={address}")).collect();
        let targets: Vec<&str> = targets.iter().map(String::as_str).collect();
        let (file, plan, protection) = match self.planned(&targets, &variables, doing).await {
            Ok((file, plan)) => (file, plan, None),
            Err(refused) if refused.is_about(PROTECTION) => {
                // Terraform does not say why something protected would go. The plan without the protection does, and is never applied.
                let open = Wanted { allowed: wanted.protect.clone(), ..wanted.clone() };
                self.ready_for(&self.lifted(&open)).await?;
                let shown = self.planned(&targets, &variables, doing).await;
                self.ready_for(&lifted).await?;
                let Ok((file, plan)) = shown else { return Err(refused) };
                (file, plan, Some(refused))
            }
            Err(trouble) => return Err(trouble),
        };
        let found = changes::changes(&plan);
        let drifted = changes::drifted(&plan);
        let mut notes = Vec::new();
        if drifted.iter().any(|drift| found.iter().any(|change| change.name == drift.name)) {
            notes.push("others changed some of this since the last deploy, and it is put back, too: `stackc drift` shows what".to_owned());
        }
        let nothing = protection.is_none() && (plan.get("applyable") == Some(&json!(false)) || found.is_empty() && !outputs_change(&plan));
        if nothing {
            forget(&file);
            return Ok(Plan { changes: found, notes, with: None });
        }
        if found.is_empty() {
            notes.push("only outputs change".to_owned());
        }
        Ok(Plan { changes: found, notes, with: Some(Planned { file, variables, protection }) })
    }

    async fn keep(&mut self, planned: Planned) -> Result<Value, Trouble> {
        if let Some(refused) = planned.protection {
            forget(&planned.file);
            return Err(refused);
        }
        let kept = self.kept(&planned.file).await;
        forget(&planned.file);
        kept
    }

    async fn take_up(&mut self, kept: &Value, wanted: &Wanted) -> Result<Result<Plan<Planned>, String>, Trouble> {
        self.taken_up(kept, wanted).await
    }

    fn keeps_value(&self, param: &str) -> bool {
        // Terraform leaves out of a plan what it calls ephemeral, and asks for it again.
        let template: Value = serde_json::from_str(&self.options.template).unwrap_or_default();
        template.pointer(&format!("/variable/{param}/ephemeral")) != Some(&json!(true))
    }

    fn what_a_plan_holds(&self) -> Option<&'static str> {
        Some("Terraform's own plan is in it, and in that all of the state, secrets too: keep it as you keep a password")
    }

    async fn discard(&mut self, planned: Planned) -> Result<(), Trouble> {
        forget(&planned.file);
        Ok(())
    }

    async fn apply(&mut self, planned: Planned) -> Result<Running, Trouble> {
        if let Some(refused) = planned.protection {
            forget(&planned.file);
            return Err(refused);
        }
        self.begin(&planned).await.inspect_err(|_| forget(&planned.file))
    }

    async fn finish(&mut self, _wanted: &Wanted) -> Result<(), Trouble> {
        Ok(())
    }

    async fn cure(&mut self, cure: std::convert::Infallible, _skip: &[String]) -> Result<Running, Trouble> {
        match cure {}
    }

    async fn follow(&mut self, running: &mut Running) -> Result<Progress, Trouble> {
        if running.looked {
            tokio::time::sleep(self.options.poll.min(Duration::from_millis(200))).await;
        }
        running.looked = true;
        // Whether it ended is asked first, so that what it said last is read in any case.
        let ended = match &mut running.child {
            Some(child) => child.try_wait().map_err(|error| self.unusable(&error))?.map(|status| status.code()),
            None => (!process::is_running(running.id, &running.plan)).then_some(None),
        };
        let mut events = self.heard(running);
        self.failed.extend(events.iter().filter(|event| event.step == super::Step::Failed).filter_map(|event| event.name.clone()));
        let Some(code) = ended else { return Ok(Progress::Going(events)) };
        if code != Some(0) && !running.failed && !running.plain.trim().is_empty() {
            let said = plain(&running.plain);
            if let Some(lock) = changes::lock(&said) {
                return Err(self.locked(&lock));
            }
            let at = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map(|since| since.as_secs_f64()).unwrap_or_default();
            events.push(Event { at, name: None, ty: String::new(), step: super::Step::Failed, word: "refused".to_owned(), reason: Some(said), goes: false });
        }
        if let Some(lock) = events.iter().filter_map(|event| event.reason.as_deref()).find_map(changes::lock) {
            return Err(self.locked(&lock));
        }
        let ending = self.ending(running, code, running.failed);
        for file in [RUNNING, LOG, running.plan.as_str()] {
            forget(&self.path(file));
        }
        Ok(Progress::Ended(events, ending))
    }

    /// First it is asked to end what it is at and to keep its state; asked again, it is killed.
    async fn cancel(&mut self, running: &Running) -> Result<&'static str, Trouble> {
        if running.child.is_none() {
            return Err(Trouble::Cannot(format!(
                "another began it, and can stop it; when nobody is there any more, `kill -INT {}` asks it to stop",
                running.id
            )));
        }
        if running.asked.get() == 0 {
            process::interrupt(running.id);
        } else {
            process::kill(running.id);
        }
        running.asked.set(running.asked.get() + 1);
        Ok("what was done stays")
    }

    async fn outputs(&mut self) -> Result<Vec<(String, String)>, Trouble> {
        self.ready().await?;
        let outputs = self.json(&["output", "-json"], "read the outputs").await?;
        let outputs = outputs.as_object().cloned().unwrap_or_default();
        if outputs.is_empty() && self.resources().await?.is_empty() {
            return Err(self.absent());
        }
        let value = |output: &Value| match output.get("value") {
            _ if output.get("sensitive") == Some(&json!(true)) => "(secret)".to_owned(),
            Some(Value::String(text)) => text.clone(),
            other => other.map(ToString::to_string).unwrap_or_default(),
        };
        Ok(outputs.iter().map(|(name, output)| (name.clone(), value(output))).collect())
    }

    async fn status(&mut self) -> Result<Status, Trouble> {
        let facts = |under_way: &str| vec![("under way".to_owned(), under_way.to_owned()), ("folder".to_owned(), self.shown())];
        if self.under_way().is_some() {
            return Ok(Status {
                how: Some("an apply is under way".to_owned()),
                facts: facts("an apply: `stackc events --follow` shows it"),
                ..Status::default()
            });
        }
        let facts = facts("nothing");
        self.ready().await?;
        let resources = self.resources().await?;
        if resources.is_empty() {
            return Ok(Status::default());
        }
        let found = resources.iter().map(|resource| ResourceStatus {
            name: changes::text(resource, "address").to_owned(),
            ty: changes::text(resource, "type").to_owned(),
            id: resource.pointer("/values/id").and_then(Value::as_str).map(str::to_owned),
            how: if resource.get("tainted") == Some(&json!(true)) { "half made" } else { "there" }.to_owned(),
        });
        let resources: Vec<ResourceStatus> = found.collect();
        let half = resources.iter().any(|resource| resource.how != "there");
        let reason = half
            .then(|| "what is half made is made anew by the next `stackc deploy`; if it holds data or is protected, with `--allow-replace NAME`".to_owned());
        Ok(Status { how: Some(if half { "half made" } else { "deployed" }.to_owned()), reason, facts, resources })
    }

    async fn events(&mut self, most: usize) -> Result<Vec<Event>, Trouble> {
        let Some(mut running) = self.under_way() else {
            return Err(Trouble::Cannot(format!("{} keeps no events: `stackc status` shows how the stack is", self.program.title)));
        };
        let events = self.heard(&mut running);
        let surplus = events.len().saturating_sub(most);
        Ok(events.into_iter().skip(surplus).collect())
    }

    async fn drift(&mut self) -> Result<Drift, Trouble> {
        self.ready().await?;
        if self.resources().await?.is_empty() {
            return Err(self.absent());
        }
        let (file, plan) = self.planned_with_any("-refresh-only", "compare the stack with what was deployed").await?;
        forget(&file);
        Ok(Drift { drifted: changes::drifted(&plan), ..Drift::default() })
    }

    async fn obstacles(&mut self) -> Result<Vec<Obstacle>, Trouble> {
        // Terraform does not look into buckets: one that is not empty refuses to go, and that is said at its line.
        Ok(Vec::new())
    }

    async fn clear(&mut self, _obstacle: &Obstacle) -> Result<(), Trouble> {
        Err(Trouble::Cannot(format!("{} does not empty what it did not fill", self.program.title)))
    }

    async fn destroy(&mut self, retain: &[String]) -> Result<Running, Trouble> {
        self.ready().await?;
        for name in std::mem::take(&mut self.failed).into_iter().filter(|name| retain.contains(name)) {
            let said = self.run(&["state", "rm", "-no-color", &name], &[]).await?;
            if said.code != Some(0) {
                return Err(self.refusal("leave a resource behind", &said));
            }
        }
        let (file, _) = self.planned_with_any("-destroy", "plan the removal, and nothing was removed").await?;
        let planned = Planned { file, variables: self.any_values(), protection: None };
        self.begin(&planned).await.inspect_err(|_| forget(&planned.file))
    }
}

/// The version that a template asks for with `>=`.
fn required(template: &str) -> Option<(u32, u32)> {
    let template: Value = serde_json::from_str(template).ok()?;
    let mut numbers = template.pointer("/terraform/required_version")?.as_str()?.strip_prefix(">=")?.trim().split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Whether a plan changes outputs.
fn outputs_change(plan: &Value) -> bool {
    let changes = plan.get("output_changes").and_then(Value::as_object);
    changes.is_some_and(|changes| changes.values().any(|change| change.pointer("/actions/0").and_then(Value::as_str) != Some("no-op")))
}

/// What Terraform says to a person, without the frame that it draws around it.
fn plain(said: &str) -> String {
    let lines = said.lines().map(|line| line.trim_start_matches(['│', '╷', '╵']).trim()).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.collect();
    // What comes before its errors is how it came to them.
    let from = lines.iter().position(|line| line.starts_with("Error: ")).unwrap_or(0);
    lines.get(from..).unwrap_or_default().join("\n").trim_start_matches("Error: ").to_owned()
}

/// Terraform's block for a backend.
fn block(backend: &Backend) -> Value {
    let settings = backend.settings.iter().map(|(name, setting)| {
        let value = match setting {
            Setting::Text(text) => json!(text.replace("${", "$${").replace("%{", "%%{")),
            Setting::Flag(flag) => json!(flag),
        };
        (name.clone(), value)
    });
    json!({ "terraform": { "backend": { &backend.kind: settings.collect::<serde_json::Map<String, Value>>() } } })
}
