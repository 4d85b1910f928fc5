//! What a person sees at a terminal, and what comes of the answers: a terminal of the test's own, with the fake CloudFormation behind.
#![cfg(target_os = "linux")]
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod fake;
mod runs;
mod wire;

use fake::Fake;
use runs::{Cloud, FILES, LIMIT, SECRET, SHOP};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Run = runs::Run<Fake>;

/// How large the terminal is.
const SIZE: Winsize = Winsize { ws_row: 40, ws_col: 110, ws_xpixel: 0, ws_ypixel: 0 };

/// A program at a terminal.
struct Terminal {
    keys: File,
    screen: Arc<Mutex<vt100::Parser>>,
    written: Arc<Mutex<Vec<u8>>>,
    reader: std::thread::JoinHandle<()>,
    child: Child,
}

impl Terminal {
    fn start(run: &Run, arguments: &[&str]) -> Terminal {
        let master = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY | rustix::pty::OpenptFlags::CLOEXEC).unwrap();
        rustix::pty::grantpt(&master).unwrap();
        rustix::pty::unlockpt(&master).unwrap();
        tcsetwinsize(&master, SIZE).unwrap();
        let name = rustix::pty::ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
        let slave = || Stdio::from(File::options().read(true).write(true).open(&name).unwrap());
        let asked = run.command(arguments);
        // With a session of its own, so that the terminal is the one that keys like Ctrl-C are pressed at.
        let mut command = Command::new("setsid");
        command.args(["--ctty", "--wait"]).arg(asked.get_program()).args(asked.get_args()).current_dir(asked.get_current_dir().unwrap()).env_clear();
        command.envs(asked.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.env_remove("STACKC_PARAM_API_KEY").env_remove("STACKC_PARAM_TOKEN").env("TERM", "xterm");
        let child = command.stdin(slave()).stdout(slave()).stderr(slave()).spawn().unwrap();
        let keys = File::from(master);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(SIZE.ws_row.try_into().unwrap(), SIZE.ws_col.try_into().unwrap(), 0)));
        let written = Arc::new(Mutex::new(Vec::new()));
        let (mut from, to, log) = (keys.try_clone().unwrap(), Arc::clone(&screen), Arc::clone(&written));
        let reader = std::thread::spawn(move || {
            let mut piece = [0; 4096];
            // It ends with the last program at the terminal.
            while let Ok(length @ 1..) = from.read(&mut piece) {
                to.lock().unwrap().process(&piece[..length]);
                log.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Terminal { keys, screen, written, reader, child }
    }

    fn text(&self) -> String {
        self.screen.lock().unwrap().screen().contents()
    }

    fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().unwrap()).into_owned()
    }

    /// Waits until something stands on the screen.
    fn shows(&self, text: &str) -> &Terminal {
        let began = Instant::now();
        while !self.text().contains(text) {
            assert!(began.elapsed() < LIMIT, "`{text}` does not come:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
        self
    }

    fn types(&self, keys: &str) -> &Terminal {
        (&self.keys).write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Whether keys are shown as they are typed.
    fn echoes(&self) -> bool {
        tcgetattr(&self.keys).unwrap().local_modes.contains(LocalModes::ECHO)
    }

    /// Waits until it is so with the keys' echo.
    fn until_echo(&self, is: bool) -> &Terminal {
        let began = Instant::now();
        while self.echoes() != is {
            assert!(began.elapsed() < LIMIT, "the echo does not become {is}:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
        self
    }

    /// How it ended, and what stands on the screen then.
    fn end(&mut self) -> (Option<i32>, String) {
        let began = Instant::now();
        let code = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status.code();
            }
            assert!(began.elapsed() < LIMIT, "it does not end:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        };
        // What was written last may still be on its way: all of it is here when there is nothing more to read.
        while !self.reader.is_finished() {
            assert!(began.elapsed() < LIMIT, "somebody is still at the terminal:\n{}", self.text());
            std::thread::sleep(Duration::from_millis(2));
        }
        let last = self.text();
        assert!(!self.written().contains(SECRET), "the secret is shown:\n{last}");
        (code, last)
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After a failed assertion it may still wait for an answer.
        let _ = self.child.kill();
    }
}

fn snapshot(name: &str, text: &str) {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots/deploy"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    // How often it has turned, and for how long, is this machine's.
    settings.add_filter(r"(?m)^  \S +\d+s  ", "  *    0s  ");
    settings.bind(|| insta::assert_snapshot!(name, text));
}

#[test]
fn a_deploy_asks_for_the_secret_and_for_a_yes() {
    let run = Run::new(SHOP);
    let mut terminal = Terminal::start(&run, &["deploy"]);
    terminal.shows("api-key (key of the payment service): ").until_echo(false).types(&format!("{SECRET}\n"));
    terminal.shows("Do this? [y/N]").until_echo(true).types("y\n");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(terminal.written().contains("bucket media") && terminal.written().contains("create complete"), "{}", terminal.written());
    snapshot("terminal-deploy", &text);
    assert!(run.fake.acts().iter().any(|act| act.contains("ExecuteChangeSet")), "{:?}", run.fake.acts());
}

#[test]
fn what_is_not_agreed_to_leaves_nothing_behind() {
    for (keys, code) in [("n\n", 130), ("\n", 130), ("\u{3}", 130), ("\u{4}", 2)] {
        let run = Run::new(FILES);
        let mut terminal = Terminal::start(&run, &["deploy"]);
        terminal.shows("Do this? [y/N]").types(keys);
        let (ended, text) = terminal.end();
        assert_eq!(ended, Some(code), "{keys:?}: {text}");
        assert!(text.contains("nothing was done"), "{keys:?}: {text}");
        assert!(!run.fake.with(|world| world.has_change_sets()), "{keys:?}: {:?}", run.fake.acts());
    }
}

#[test]
fn ctrl_c_at_a_secret_gives_the_terminal_back_as_it_was() {
    let run = Run::new(SHOP);
    let mut terminal = Terminal::start(&run, &["deploy"]);
    terminal.shows("api-key").until_echo(false).types("half of it\u{3}");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(terminal.echoes());
    assert!(!terminal.written().contains("half of it"), "{text}");
    assert_eq!(run.fake.acts(), Vec::<String>::new());
}

#[test]
fn what_holds_data_is_removed_when_its_name_is_typed() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    let mut terminal = Terminal::start(&run, &["destroy"]);
    terminal.shows("Type shop to remove it all").types("yes\n");
    let (code, text) = terminal.end();
    assert_eq!((code, text.contains("nothing was done")), (Some(130), true), "{text}");
    let mut terminal = Terminal::start(&run, &["destroy"]);
    terminal.shows("Type shop to remove it all").types("shop\n");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(0), "{text}");
    snapshot("terminal-destroy", &text);
}

#[test]
fn what_goes_on_is_seen_and_ctrl_c_twice_cancels_it() {
    let run = Run::new(FILES);
    run.ok(&["deploy", "--yes"]);
    run.edit("bucket media versioned=#true", "bucket media");
    run.fake.with(|world| world.script.hold = true);
    let mut terminal = Terminal::start(&run, &["deploy", "--yes"]);
    // Nothing comes to its end meanwhile, and what is under way has a line that moves.
    terminal.shows("stack shop  update in progress");
    terminal.types("\u{3}").shows("Ctrl-C once more cancels it").types("\u{3}").shows("cancelled");
    let (code, text) = terminal.end();
    assert_eq!(code, Some(130), "{text}");
    assert!(run.fake.acts().contains(&"CancelUpdateStack".to_owned()), "{:?}", run.fake.acts());
    snapshot("terminal-cancelled", &text);
}
