//! A folder with a stack, what is done with it, and what is looked for in all that is seen and left.

use crate::product::root;
use std::cell::RefCell;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

pub const SHOP: &str = r#"stack shop {
    param api-key secret=#true about="key of the payment service"

    registry images keep=20
    secret pay value=(get)api-key

    output images (get)images.url
}
"#;

pub const SECRET: &str = "s3cr3t-kEy-\"of\"-the-shop";

/// A run takes seconds; on a busy machine, and with a provider that waits, minutes.
const LIMIT: Duration = Duration::from_secs(600);

/// A folder with a stack, and what was done with it.
pub struct Run {
    pub folder: TempDir,
    pub environment: Vec<(String, String)>,
    pub log: RefCell<String>,
    /// Whether Terraform keeps a secret in its state, as the stack is warned of.
    pub told: bool,
}

pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    pub fn new(stack: &str, target: &str, environment: Vec<(String, String)>) -> Run {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("stack.kdl"), stack).unwrap();
        let run = Run { folder, environment, log: RefCell::default(), told: target == "tf-openstack" };
        run.with("STACKC_TARGET", target)
    }

    pub fn with(mut self, name: &str, value: &str) -> Run {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With the fake in Terraform's place.
    pub fn faked(how: &str) -> Run {
        Run::faked_as(how, &["terraform"])
    }

    /// With the fake in the place of these programs.
    pub fn faked_as(how: &str, programs: &[&str]) -> Run {
        let run = Run::new(SHOP, "tf-aws", Vec::new()).with("FAKE", how);
        let bin = run.folder.path().join("bin");
        fs::create_dir(&bin).unwrap();
        for program in programs {
            // By another process: what is open for writing here, or in a child that a test beside this one starts, cannot be run.
            let fake = root().join("deploy/tests/terraform/fake.sh");
            let copied = Command::new("install").args(["-m", "755"]).arg(fake).arg(bin.join(program)).status();
            assert!(copied.unwrap().success());
        }
        // As in a slim image: what the fake itself needs, and nothing that lists or signals processes.
        for tool in ["cat", "mkdir", "sh", "sleep"] {
            std::os::unix::fs::symlink(Path::new("/bin").join(tool), bin.join(tool)).unwrap();
        }
        run.with("PATH", &bin.display().to_string())
    }

    pub fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("stack.kdl");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the stack has no `{from}`");
        fs::write(&path, text.replacen(from, to, 1)).unwrap();
        self.log.borrow_mut().push_str(&format!("# in stack.kdl: {from} → {to}\n\n"));
    }

    /// All of them, where `edit` takes the first.
    pub fn edit_all(&self, from: &str, to: &str) {
        let path = self.folder.path().join("stack.kdl");
        fs::write(&path, fs::read_to_string(&path).unwrap().replace(from, to)).unwrap();
        self.note(&format!("in stack.kdl, everywhere: {from} → {to}"));
    }

    pub fn note(&self, text: &str) {
        self.log.borrow_mut().push_str(&format!("# {text}\n\n"));
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackc-deploy"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.folder.path());
        command.envs([("STACKC_PARAM_API_KEY", SECRET), ("STACKC_POLL_MS", "20"), ("STACKC_ANSWER_MS", "3000")]);
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, writes down what is seen, and looks for the secret in all that is seen and left.
    pub fn any(&self, arguments: &[&str]) -> Ended {
        let child = self.command(arguments).spawn().unwrap();
        let ended = until_end(child, arguments);
        self.record(arguments, &ended);
        ended
    }

    pub fn record(&self, arguments: &[&str], ended: &Ended) {
        assert!(!leaks(&format!("{}{}", ended.stdout, ended.stderr)), "{arguments:?} leaks the secret");
        self.clean(&self.folder.path().join(".stackc"), arguments);
        let mut log = self.log.borrow_mut();
        log.push_str(&format!("$ stackc {}\n{}", arguments.join(" "), ended.stderr));
        if !ended.stdout.is_empty() {
            log.push_str(&format!("--- standard output\n{}", ended.stdout));
        }
        log.push_str(&format!("--- ends with {}\n\n", ended.code.map_or("a signal".to_owned(), |code| code.to_string())));
    }

    /// No file that is left may hold the secret, but a state that Terraform itself keeps in the clear.
    pub fn clean(&self, folder: &Path, arguments: &[&str]) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
            if path.is_dir() {
                if name != "providers" {
                    self.clean(&path, arguments);
                }
                continue;
            }
            let goes_on = folder.join("running.json").exists();
            assert!(goes_on || !name.starts_with("plan-") && name != "running.log", "{arguments:?} leaves {name}");
            let kept_by_terraform = name.starts_with("terraform.tfstate") && self.told;
            let text = String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned();
            assert!(kept_by_terraform || !leaks(&text), "{arguments:?} leaves the secret in {}", path.display());
        }
    }

    pub fn ends(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = self.any(arguments);
        assert_eq!(ended.code, Some(code), "{}", self.log.borrow());
        ended
    }

    pub fn ok(&self, arguments: &[&str]) -> Ended {
        self.ends(arguments, 0)
    }

    /// Begins a run, and waits until standard error has a line with these words.
    pub fn begin(&self, arguments: &[&str], until: &str) -> Begun {
        let mut child = self.command(arguments).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while !said.contains(until) {
            let length = said.len();
            lines.read_line(&mut said).unwrap();
            assert!(said.len() > length, "it ended before `{until}`:\n{said}");
        }
        Begun { child, lines, said }
    }

    /// Runs it to an end with this code, and writes nothing down of what it prints.
    pub fn quietly(&self, arguments: &[&str], code: i32) -> Ended {
        let before = self.log.borrow().len();
        let ended = self.ends(arguments, code);
        self.log.borrow_mut().truncate(before);
        ended
    }

    /// The process that applies.
    pub fn applying(&self) -> String {
        let text = fs::read_to_string(self.folder.path().join(".stackc/tf-aws/running.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["process"].to_string()
    }

    pub fn snapshot(&self, name: &str) {
        self.snapshot_of(name, true);
    }

    /// With the stack in it or not.
    pub fn snapshot_of(&self, name: &str, shown: bool) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(root().join("snapshots/deploy"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        // How fast it is and what goes first are this machine's, and what the cloud makes up is new each time.
        settings.add_filter(r"(?m)^ +\d+:\d\d  .*\n", "");
        settings.add_filter(r"(is deployed|is removed): .*", "$1: TIME");
        settings.add_filter(r"arn:aws:secretsmanager:\S+", "ARN");
        settings.add_filter(r"RequestID:(\s+│)?\s+[0-9A-Za-z-]+", "RequestID: ID");
        settings.add_filter(r"kill -INT \d+", "kill -INT PROCESS");
        settings.add_filter(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "UUID");
        settings.add_filter(r"127\.0\.0\.1:\d+", "127.0.0.1:PORT");
        // What the provider without a cloud makes up.
        settings.add_filter(r"\b([0-9a-f]{32}|1[0-9]{15})\b", "MADE-UP");
        settings.add_filter(r"203\.0\.113\.\d+", "203.0.113.0");
        let text = if shown {
            format!("{}\n{}", fs::read_to_string(self.folder.path().join("stack.kdl")).unwrap(), self.log.borrow())
        } else {
            self.log.borrow().clone()
        };
        settings.bind(|| insta::assert_snapshot!(name, text));
    }
}

/// A run under way.
pub struct Begun {
    pub child: Child,
    pub lines: BufReader<std::process::ChildStderr>,
    pub said: String,
}

impl Begun {
    pub fn signal(&self, signal: &str) {
        send(signal, &self.child.id().to_string());
    }

    pub fn end(mut self) -> Ended {
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.lines, &mut rest).unwrap();
        let mut ended = until_end(self.child, &["begun before"]);
        ended.stderr = format!("{}{}", self.said, String::from_utf8_lossy(&rest));
        ended
    }
}

pub fn send(signal: &str, process: &str) {
    assert!(Command::new("kill").args([signal, process]).status().unwrap().success());
}

/// Whether the secret stands in a text, quoted in whatever way.
pub fn leaks(text: &str) -> bool {
    SECRET.split('"').filter(|part| part.len() > 4).any(|part| text.contains(part))
}

fn until_end(child: Child, arguments: &[&str]) -> Ended {
    let id = child.id().to_string();
    let (done, waiting) = std::sync::mpsc::channel::<()>();
    let what = format!("{arguments:?}");
    let guard = std::thread::spawn(move || {
        if waiting.recv_timeout(LIMIT).is_err() {
            eprintln!("{what} hangs");
            send("-KILL", &id);
        }
    });
    let output = child.wait_with_output().unwrap();
    let _ = done.send(());
    guard.join().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr) }
}
