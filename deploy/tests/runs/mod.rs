//! Running the program against a fake, and writing down what was seen.
#![allow(dead_code)]

use std::cell::RefCell;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A small stack with a parameter, a secret and something that holds data.
pub const SHOP: &str = r#"stack shop {
    param image default="acme/shop:1.2" about="container image of the shop"
    param api-key secret=#true about="key of the payment service"

    network main
    service web network=main {
        image (get)image
        port 3000
        env API_KEY=(get)api-key
    }
    bucket media versioned=#true

    output files (get)media.domain
}
"#;

/// The smallest stack that has something to lose.
pub const FILES: &str = r#"stack shop {
    targets cfn
    bucket media versioned=#true
    registry images

    output files (get)media.domain
}
"#;

/// What goes in as a secret, and must come out nowhere.
pub const SECRET: &str = "s3cr3t-kEy-\"of\"-the-shop";

/// How long a run may take before it counts as one that hangs.
pub const LIMIT: Duration = Duration::from_secs(30);

/// A fake of a cloud.
pub trait Cloud {
    /// Starts one.
    fn start() -> Self;

    /// What the program finds in its environment: where the cloud is, who asks, and for which target.
    fn environment(&self) -> Vec<(&'static str, String)>;

    /// What changed something in the cloud, in order.
    fn acts(&self) -> Vec<String>;

    /// Every call, in order.
    fn calls(&self) -> Vec<String>;
}

/// A folder with a stack, a fake cloud, and what was done with them.
pub struct Run<C> {
    pub fake: C,
    pub folder: tempfile::TempDir,
    pub log: RefCell<String>,
    seen: RefCell<usize>,
    /// Further environment.
    pub patience: u64,
    pub answer: u64,
    /// How long a run may take before it counts as one that hangs.
    pub limit: Duration,
}

/// How a run ended.
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl<C: Cloud> Run<C> {
    pub fn new(stack: &str) -> Run<C> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("stack.kdl"), stack).unwrap();
        Run { fake: C::start(), folder, log: RefCell::default(), seen: RefCell::new(0), patience: 300, answer: 5_000, limit: LIMIT }
    }

    /// Changes the stack's file.
    pub fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("stack.kdl");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "the stack has no `{from}`");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        self.log.borrow_mut().push_str(&format!("# in stack.kdl: {from} → {to}\n\n"));
    }

    /// Says what happened beside the commands.
    pub fn note(&self, text: &str) {
        self.log.borrow_mut().push_str(&format!("# {text}\n\n"));
    }

    /// The command, ready to be started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stackc-deploy"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.envs(self.fake.environment()).envs([("STACKC_PARAM_API_KEY", SECRET), ("STACKC_PARAM_TOKEN", SECRET), ("STACKC_POLL_MS", "1")]);
        command.env("STACKC_PATIENCE_MS", self.patience.to_string()).env("STACKC_ANSWER_MS", self.answer.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    /// Runs it to its end, or ends it when it hangs.
    pub fn finish(&self, arguments: &[&str]) -> Ended {
        let began = Instant::now();
        let child = self.command(arguments).spawn().unwrap();
        let (id, limit) = (child.id(), self.limit);
        let (done, waiting) = std::sync::mpsc::channel::<()>();
        let guard = std::thread::spawn(move || {
            if waiting.recv_timeout(limit).is_err() {
                let _ = Command::new("kill").arg("-9").arg(id.to_string()).status();
            }
        });
        let output: Output = child.wait_with_output().unwrap();
        let _ = done.send(());
        guard.join().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let ended = Ended { code: output.status.code(), stdout: text(&output.stdout), stderr: text(&output.stderr), took: began.elapsed() };
        let escaped = SECRET.replace('"', "\\\"");
        for (name, text) in [("standard output", &ended.stdout), ("standard error", &ended.stderr)] {
            assert!(!text.contains(SECRET) && !text.contains(&escaped), "{arguments:?} leaks the secret to {name}:\n{text}");
        }
        ended
    }

    /// Starts it, and presses Ctrl-C once or twice when what it does has begun and is followed. That has to go on meanwhile.
    #[cfg(unix)]
    pub fn interrupted(&self, arguments: &[&str], presses: usize, mut begun: impl FnMut(&C) -> bool) -> Ended {
        use std::io::Read;
        let began = Instant::now();
        let until = |holds: &mut dyn FnMut() -> bool| {
            while !holds() {
                assert!(began.elapsed() < LIMIT, "{arguments:?} does not come to where it is interrupted");
                std::thread::sleep(Duration::from_millis(2));
            }
        };
        // Whoever presses twice is waited for; whoever presses once is not.
        let second = if presses == 1 { "1" } else { "30000" };
        let mut child = self.command(arguments).env("STACKC_SECOND_MS", second).spawn().unwrap();
        let text = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let (mut stderr, into) = (child.stderr.take().unwrap(), std::sync::Arc::clone(&text));
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = stderr.read(&mut piece) {
                into.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
            }
        });
        until(&mut || begun(&self.fake));
        let looked = self.fake.calls().len();
        until(&mut || self.fake.calls().len() > looked + 4);
        let press = || assert!(Command::new("kill").arg("-INT").arg(child.id().to_string()).status().unwrap().success());
        press();
        if presses == 2 {
            until(&mut || text.lock().unwrap().contains("Ctrl-C once more cancels it"));
            press();
        }
        let output = child.wait_with_output().unwrap();
        reader.join().unwrap();
        let stderr = text.lock().unwrap().clone();
        Ended { code: output.status.code(), stdout: String::from_utf8_lossy(&output.stdout).into_owned(), stderr, took: began.elapsed() }
    }

    /// Runs it, and writes down what is seen.
    pub fn any(&self, arguments: &[&str]) -> Ended {
        let ended = self.finish(arguments);
        let mut log = self.log.borrow_mut();
        log.push_str(&format!("$ stackc {}\n{}", arguments.join(" "), ended.stderr));
        if !ended.stdout.is_empty() {
            log.push_str(&format!("--- standard output\n{}", ended.stdout));
        }
        let acts = self.fake.acts();
        let new = acts.get(*self.seen.borrow()..).unwrap_or_default().join(", ");
        *self.seen.borrow_mut() = acts.len();
        log.push_str(&format!(
            "--- ends with {}; done in the cloud: {}\n\n",
            ended.code.map_or("a signal".to_owned(), |code| code.to_string()),
            if new.is_empty() { "nothing" } else { &new }
        ));
        drop(log);
        ended
    }

    /// Runs it; it has to end with 0.
    pub fn ok(&self, arguments: &[&str]) -> Ended {
        self.ends(arguments, 0)
    }

    /// Runs it; it has to end with this code.
    pub fn ends(&self, arguments: &[&str], code: i32) -> Ended {
        let ended = self.any(arguments);
        assert_eq!(ended.code, Some(code), "{}", self.log.borrow());
        ended
    }
}

/// Compares what was seen with the snapshot of this name.
pub fn snapshot<C: Cloud>(name: &str, run: &Run<C>) {
    snapshot_without(name, run, &[]);
}

/// The same, with some patterns replaced: what is another in each run.
pub fn snapshot_without<C: Cloud>(name: &str, run: &Run<C>, fleeting: &[(&str, &str)]) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/deploy"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.add_filter(r"stackc-[0-9a-f]{16}", "stackc-TOKEN");
    for (pattern, instead) in fleeting {
        settings.add_filter(pattern, *instead);
    }
    let stack = std::fs::read_to_string(run.folder.path().join("stack.kdl")).unwrap();
    let text = format!("{stack}\n{}", run.log.borrow());
    settings.bind(|| insta::assert_snapshot!(name, text));
}

/// Runs the commands of a page that has a stack and at least so many of them, in order: they have to print what it says. `STACKC_BLESS=1` writes it there.
pub fn page<C: Cloud>(path: &Path, least: usize) {
    let page = std::fs::read_to_string(path).unwrap();
    let stack = page.split("```kdl\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let run = Run::<C>::new(stack);
    let mut expected = String::new();
    let mut count = 0;
    for (index, piece) in page.split("```console\n").enumerate() {
        if index == 0 {
            expected.push_str(piece);
            continue;
        }
        let (block, rest) = piece.split_once("```").unwrap();
        expected.push_str("```console\n");
        for command in block.lines().filter_map(|line| line.strip_prefix("$ stackc ")) {
            count += 1;
            let ended = run.finish(&command.split(' ').collect::<Vec<_>>());
            expected.push_str(&format!("$ stackc {command}\n{}{}", ended.stderr, ended.stdout));
        }
        expected.push_str("```");
        // What the lock file says behind the command that writes it.
        match rest.split_once("```kdl lock\n").and_then(|(before, rest)| Some((before, rest.split_once("```")?.1))) {
            Some((before, rest)) => {
                let lock = std::fs::read_to_string(run.folder.path().join("stack.lock.kdl")).unwrap();
                expected.push_str(&format!("{before}```kdl lock\n{lock}```{rest}"));
            }
            None => expected.push_str(rest),
        }
    }
    assert!(count >= least, "only {count} commands");
    if std::env::var_os("STACKC_BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(page == expected, "{} is not what is printed; if that is meant, run with STACKC_BLESS=1\n{expected}", path.display());
    }
}
