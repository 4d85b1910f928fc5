//! Terraform or OpenTofu as another program: finding it, running it, asking it to stop. What it is given beyond its arguments goes by the environment.

use super::super::Trouble;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use sysinfo::{Pid, ProcessRefreshKind, ProcessStatus, ProcessesToUpdate, Signal, System, UpdateKind};

/// Where AWS's clients look for keys before they look at a profile ("Configuration and credential precedence" in the guide to AWS's tools).
const KEYS_OF_AWS: [&str; 5] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"];

/// How often is looked whether it has come to its end.
const LOOK: Duration = Duration::from_millis(15);

/// How long it has to stop after it was asked to.
const STOPPING: Duration = Duration::from_secs(20);

/// What would make it do something else than it is told to; values of parameters come from the stack and the call, as with every engine.
const STEERING: [&str; 5] = ["TF_WORKSPACE", "TF_DATA_DIR", "TF_CLI_ARGS", "TF_LOG_PATH", "TF_VAR_"];

/// The program.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    /// What a person calls it.
    pub title: &'static str,
    /// Its version, as it says it.
    version: String,
}

/// What a run said, and how it ended.
#[derive(Debug)]
pub struct Said {
    /// Its exit code; none when it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Program {
    /// Finds it: the one that is asked for, or the first that is there.
    pub fn find(wanted: Option<&str>) -> Result<Program, Trouble> {
        let candidates: Vec<&str> = wanted.map_or_else(|| vec!["terraform", "tofu"], |wanted| vec![wanted]);
        for candidate in candidates {
            let Ok(output) = Command::new(candidate).arg("version").env("CHECKPOINT_DISABLE", "1").stdin(Stdio::null()).output() else { continue };
            let version = String::from_utf8_lossy(&output.stdout).into_owned();
            let title = [("Terraform v", "Terraform"), ("OpenTofu v", "OpenTofu")].into_iter().find_map(|(word, title)| {
                let (_, version) = version.split_once(word)?;
                Some((title, version.split_whitespace().next().unwrap_or_default().to_owned()))
            });
            if let Some((title, version)) = title {
                // A path is one from here, and it is started from elsewhere.
                let path = if candidate.contains('/') { std::fs::canonicalize(candidate).unwrap_or_else(|_| candidate.into()) } else { candidate.into() };
                return Ok(Program { path, title, version });
            }
        }
        Err(Trouble::Call(match wanted {
            Some(wanted) => format!("`{wanted}` is neither Terraform nor OpenTofu, or does not start: --engine takes the name or the path of one"),
            None => "neither `terraform` nor `tofu` is on PATH: install one, or name it with --engine".to_owned(),
        }))
    }

    /// Sees to it that it is this version at least; both programs count alike, from 1.5 on each for itself.
    ///
    /// # Errors
    /// That it is too old, for what is wanted of it.
    pub fn at_least(&self, wanted: (u32, u32), what: &str) -> Result<(), Trouble> {
        let mut numbers = self.version.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(major), Some(minor)) if (major, minor) < wanted => Err(Trouble::Call(format!(
                "{what} needs {} {}.{} or later, and `{}` is {}: install a newer one, or name another with --engine",
                self.title,
                wanted.0,
                wanted.1,
                self.name(),
                self.version
            ))),
            // What says no version that can be read has its own word to say.
            _ => Ok(()),
        }
    }

    /// Its name, for a command that a person is told to type.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn command(&self, folder: &Path, arguments: &[&str], variables: &[(String, String)]) -> Command {
        let mut command = Command::new(&self.path);
        for (name, _) in std::env::vars_os() {
            if STEERING.iter().any(|steering| name.to_string_lossy().starts_with(steering)) {
                command.env_remove(&name);
            }
        }
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        // A profile that is named goes before keys that the environment has by chance, which the provider would take first.
        if variables.iter().any(|(name, _)| name == "AWS_PROFILE") {
            for name in KEYS_OF_AWS {
                command.env_remove(name);
            }
        }
        command.env("TF_IN_AUTOMATION", "1").env("TF_INPUT", "0").env("CHECKPOINT_DISABLE", "1");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs it to its end. When it says nothing for too long, it is stopped.
    pub async fn run(&self, folder: &Path, arguments: &[&str], variables: &[(String, String)], patience: Duration) -> Result<Said, Trouble> {
        let mut command = self.command(folder, arguments, variables);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|error| self.does_not_start(&error))?;
        let (out, err) = (collect(child.stdout.take()), collect(child.stderr.take()));
        let mut heard = (0, Instant::now());
        let mut stopped: Option<Instant> = None;
        let status = loop {
            if let Some(status) = child.try_wait().map_err(|error| self.does_not_start(&error))? {
                break status;
            }
            let length = out.length() + err.length();
            if length > heard.0 {
                heard = (length, Instant::now());
            }
            match stopped {
                None if heard.1.elapsed() > patience => {
                    interrupt(child.id());
                    stopped = Some(Instant::now());
                }
                Some(at) if at.elapsed() > STOPPING => drop(child.kill()),
                _ => {}
            }
            tokio::time::sleep(LOOK).await;
        };
        if stopped.is_some() {
            let verb = arguments.first().copied().unwrap_or_default();
            return Err(Trouble::Resumable {
                what: format!("`{} {verb}` said nothing for {} s, and was stopped", self.name(), patience.as_secs()),
                next: "see whether the cloud can be reached from here".to_owned(),
            });
        }
        Ok(Said { code: status.code(), out: out.text(), err: err.text() })
    }

    /// Starts it so that it goes on whatever becomes of us, writing what it says into a file.
    pub fn start(&self, folder: &Path, arguments: &[&str], variables: &[(String, String)], log: File) -> Result<Child, Trouble> {
        let mut command = self.command(folder, arguments, variables);
        let errors = log.try_clone().map_err(|error| self.does_not_start(&error))?;
        command.stdout(log).stderr(errors);
        // A Ctrl-C in a terminal reaches all of a group: twice, it would make Terraform give up without keeping its state.
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        command.spawn().map_err(|error| self.does_not_start(&error))
    }

    fn does_not_start(&self, error: &std::io::Error) -> Trouble {
        Trouble::Call(format!("cannot run `{}`: {error}", self.name()))
    }
}

/// What a pipe gave so far.
struct Collected {
    bytes: Arc<Mutex<Vec<u8>>>,
    reader: Option<std::thread::JoinHandle<()>>,
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> Collected {
    let bytes: Arc<Mutex<Vec<u8>>> = Arc::default();
    let filled = Arc::clone(&bytes);
    let reader = pipe.map(|mut pipe| {
        std::thread::spawn(move || {
            let mut chunk = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut chunk) {
                if let (Ok(mut bytes), Some(read)) = (filled.lock(), chunk.get(..count)) {
                    bytes.extend_from_slice(read);
                }
            }
        })
    });
    Collected { bytes, reader }
}

impl Collected {
    fn length(&self) -> usize {
        self.bytes.lock().map(|bytes| bytes.len()).unwrap_or_default()
    }

    fn text(mut self) -> String {
        if let Some(reader) = self.reader.take() {
            // A thread that reads a pipe ends with the pipe.
            let _ = reader.join();
        }
        self.bytes.lock().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

/// Asks a process to stop, as Ctrl-C in a terminal does.
pub fn interrupt(id: u32) {
    signal(Signal::Interrupt, id);
}

/// Ends a process at once.
pub fn kill(id: u32) {
    signal(Signal::Kill, id);
}

fn signal(signal: Signal, id: u32) {
    if let Some(process) = look(id).as_ref().and_then(|system| system.process(Pid::from_u32(id))) {
        // Where a system has no such signal (Windows knows no interrupt for one process), what can be done is to end it. When it is gone
        // already, there is nothing to be done.
        let _ = process.kill_with(signal).unwrap_or_else(|| process.kill());
    }
}

/// What the system knows of a process; none where it cannot be asked.
fn look(id: u32) -> Option<System> {
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing().with_cmd(UpdateKind::Always);
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[Pid::from_u32(id)]), true, what);
    Some(system)
}

/// Whether a process is there and was started with this argument: its number alone may be another's by now.
pub fn is_running(id: u32, argument: &str) -> bool {
    // What cannot be known is taken for there: a second one beside it would do harm.
    let Some(system) = look(id) else { return true };
    system.process(Pid::from_u32(id)).is_some_and(|process| {
        let over = matches!(process.status(), ProcessStatus::Zombie | ProcessStatus::Dead);
        !over && process.cmd().iter().any(|given| given == argument)
    })
}
