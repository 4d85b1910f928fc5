//! Every verb against what can go wrong in each command of Terraform that it runs, by a fake of the program. Each cell ends in "done", "resumable" or "refused"; none
//! hangs, none applies twice, none leaks a secret. `cargo test -p stackc-deploy --test faults_terraform -- --nocapture` prints the matrix.
#![cfg(unix)]
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const STACK: &str = "stack shop {\n    targets tf-aws\n    param api-key secret=#true\n    secret pay value=(get)api-key\n    registry images\n}\n";
const SECRET: &str = "s3cr3t-kEy-of-the-shop";

/// A verb, and whether the stack is there before it.
const CASES: [(&str, bool, &[&str]); 6] = [
    ("plan", false, &["plan"]),
    ("deploy", false, &["deploy", "--yes"]),
    ("status", true, &["status"]),
    ("outputs", true, &["outputs"]),
    ("drift", true, &["drift"]),
    ("destroy", true, &["destroy", "--yes", "--allow-replace", "pay", "--allow-replace", "images"]),
];
const FAULTS: [&str; 7] = ["locked", "unreachable", "expired", "denied", "garbage", "killed", "killed after"];

struct Folder {
    folder: tempfile::TempDir,
}

impl Folder {
    fn new() -> Folder {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("stack.kdl"), STACK).unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        // By another process: what is open for writing here, or in a child that a test beside this one starts, cannot be run.
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/terraform/fake.sh");
        assert!(Command::new("install").args(["-m", "755"]).arg(fake).arg(folder.path().join("bin/terraform")).status().unwrap().success());
        Folder { folder }
    }

    fn run(&self, arguments: &[&str], fault: &str, at: &str) -> Output {
        let path = self.folder.path();
        let mut command = Command::new("timeout");
        // Whatever hangs is ended, and seen by its code.
        command.args(["--signal=KILL", "60"]).arg(env!("CARGO_BIN_EXE_stackc-deploy")).args(arguments).current_dir(path).env_clear();
        command.env("PATH", format!("{}:/usr/bin:/bin", path.join("bin").display())).env("HOME", path);
        command.envs([("STACKC_PARAM_API_KEY", SECRET), ("STACKC_POLL_MS", "5"), ("STACKC_ANSWER_MS", "1000"), ("FAULT", fault), ("AT", at)]);
        let output = command.env("CALLS", path.join("calls")).stdin(Stdio::null()).output().unwrap();
        let said = said(&output);
        assert!(!said.contains(SECRET), "{arguments:?} with {fault} at {at} leaks the secret:\n{said}");
        output
    }

    fn calls(&self) -> Vec<String> {
        fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default().lines().map(str::to_owned).collect()
    }

    fn applies(&self) -> usize {
        self.calls().iter().filter(|call| *call == "apply").count()
    }
}

fn said(output: &Output) -> String {
    format!("{:?}\n{}{}", output.status.code(), String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout))
}

/// A folder in which the stack is as the case wants it.
fn before(there: bool) -> Folder {
    let folder = Folder::new();
    if there {
        let output = folder.run(&["deploy", "--yes"], "", "");
        assert!(output.status.success(), "{}", said(&output));
    }
    folder
}

/// Runs a cell, and says how it ended, or what is wrong with it.
fn cell(there: bool, arguments: &[&str], fault: &str, at: &str) -> Result<&'static str, String> {
    let folder = before(there);
    let applied = folder.applies();
    let output = folder.run(arguments, fault, at);
    let text = said(&output);
    let how = match output.status.code() {
        Some(0) => "done",
        Some(3) if text.contains("takes it up again") => "resumable",
        Some(2 | 3) if output.stderr.iter().filter(|byte| **byte == b'\n').count() > 0 => "refused",
        _ => return Err(format!("neither done nor explained: {text}")),
    };
    let once = folder.applies() - applied;
    if once > 1 {
        return Err(format!("it applied {once} times: {text}"));
    }
    let again = folder.run(arguments, "", "");
    if !again.status.success() {
        return Err(format!("the same command does not take it up again: {}\nat first: {text}", said(&again)));
    }
    // What an apply did is not done again; what it did not do is.
    let (twice, whole) = (folder.applies() - applied, usize::from(arguments[0] == "deploy"));
    if fault == "killed after" && arguments[0] == "deploy" && twice != whole {
        return Err(format!("it applied {twice} times in all: {}\nat first: {text}", said(&again)));
    }
    Ok(how)
}

/// A verb's row of the matrix.
struct Row {
    line: String,
    cells: usize,
    wrong: Vec<String>,
}

fn row(name: &str, there: bool, arguments: &[&str]) -> Row {
    let folder = before(there);
    let known = folder.calls().len();
    let plain = folder.run(arguments, "", "");
    assert!(plain.status.success(), "{name}: {}", said(&plain));
    let mut commands = folder.calls().split_off(known);
    commands.sort();
    commands.dedup();
    assert!(!commands.is_empty(), "{name} runs nothing");
    let mut row = Row { line: format!("{name:<10}"), cells: 0, wrong: Vec::new() };
    for fault in FAULTS {
        let mut ends: Vec<&str> = Vec::new();
        for at in commands.iter().filter(|at| fault != "killed after" || *at == "apply") {
            row.cells += 1;
            match cell(there, arguments, fault, at) {
                Ok(how) if !ends.contains(&how) => ends.push(how),
                Ok(_) => {}
                Err(why) => row.wrong.push(format!("{name} × {fault} at {at}: {why}")),
            }
        }
        ends.sort_unstable();
        let ends = if ends.is_empty() { "-".to_owned() } else { ends.join(", ") };
        row.line.push_str(&format!("{ends:<22}"));
    }
    row
}

#[test]
fn every_verb_meets_every_fault() {
    // They wait more than they work.
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let threads: Vec<_> = CASES.iter().map(|(name, there, arguments)| scope.spawn(|| row(name, *there, arguments))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let mut table = format!("{:<10}", "");
    FAULTS.iter().for_each(|fault| table.push_str(&format!("{fault:<22}")));
    rows.iter().for_each(|row| table.push_str(&format!("\n{}", row.line)));
    let cells: usize = rows.iter().map(|row| row.cells).sum();
    let wrong: Vec<&str> = rows.iter().flat_map(|row| &row.wrong).map(String::as_str).collect();
    println!("{table}\n{cells} runs");
    assert!(cells > 60, "only {cells} runs");
    assert!(wrong.is_empty(), "{} of {cells}:\n{}\n{table}", wrong.len(), wrong.join("\n\n"));
}
