//! Inputs that nobody would write: libFuzzer makes them up, led by what of the compiler each of them reaches (`fuzz/`).

use crate::{Outcome, root, run};
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

/// What takes the inputs, and the folders whose files they begin with.
const PARTS: [(&str, &[&str]); 5] = [
    ("read", &["examples", "tests/errors", "specs/portable"]),
    ("format", &["examples", "tests/errors", "targets"]),
    ("stack", &["examples", "tests/errors"]),
    ("rules", &["targets"]),
    ("lock", &["tests/errors/lock"]),
];

/// How long each part gets when nobody says, in seconds.
const SECONDS: u32 = 30;

/// How many inputs each part gets at most in that time.
const SAMPLE: u32 = 4_000;

/// What has the compiler say which of its branches an input has met, on a stable Rust.
const COVERED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
                       -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing";

/// Builds the fuzzer and gives each part its time, two at once. Inputs that were of use stay below `target/fuzz`, where the next run goes on from them.
pub fn fuzz(arguments: &[&str]) -> Outcome<ExitCode> {
    let (seconds, parts) = match arguments {
        [] => (SECONDS, PARTS.to_vec()),
        [seconds, wanted @ ..] => {
            let seconds = seconds.parse().map_err(|_| format!("`{seconds}` is no number of seconds"))?;
            let known = |name: &&str| PARTS.iter().find(|(part, _)| part == name).copied().ok_or_else(|| format!("there is no part `{name}`"));
            let parts = if wanted.is_empty() { PARTS.to_vec() } else { wanted.iter().map(known).collect::<Outcome<_>>()? };
            (seconds, parts)
        }
    };
    if Command::new("c++").arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_err() {
        if env::var_os("CI").is_some_and(|value| !value.is_empty()) {
            return Err("libFuzzer is C++, and there is no `c++` here".to_owned());
        }
        eprintln!("skipped: the fuzzer, since libFuzzer is C++ and there is no `c++` here (on Debian: the package g++)");
        return Ok(ExitCode::SUCCESS);
    }
    let folder = root().join("target/fuzz");
    let program = build(&folder)?;
    let mut failed = Vec::new();
    for both in parts.chunks(2) {
        let found: Vec<Outcome<()>> = std::thread::scope(|scope| {
            let threads: Vec<_> = both.iter().map(|(part, seeds)| scope.spawn(|| one(&program, &folder, part, seeds, seconds))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".to_owned()))).collect()
        });
        failed.extend(found.into_iter().filter_map(Result::err));
    }
    failed.iter().for_each(|fault| eprintln!("{fault}"));
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The fuzzer's program. The target is named, so that its flags are not those of build scripts.
fn build(folder: &Path) -> Outcome<PathBuf> {
    let version = Command::new("rustc").arg("-vV").output().map_err(|fault| format!("rustc does not start: {fault}"))?;
    let version = String::from_utf8_lossy(&version.stdout).into_owned();
    let host = version.lines().find_map(|line| line.strip_prefix("host: ")).ok_or("rustc does not say for which machine it builds")?.to_owned();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["build", "--release", "--locked", "--quiet", "--target", &host]).current_dir(root().join("fuzz"));
    run(command.env("CARGO_TARGET_DIR", folder).env("RUSTFLAGS", COVERED))?;
    Ok(folder.join(host).join("release/stackc-fuzz"))
}

/// Gives a part its time.
fn one(program: &Path, folder: &Path, part: &str, seeds: &[&str], seconds: u32) -> Outcome<()> {
    let (kept, begun, found) = (folder.join("kept").join(part), folder.join("seeds").join(part), folder.join("found"));
    let cannot = |fault: std::io::Error| format!("{part}: {fault}");
    let _ = fs::remove_dir_all(&begun);
    for folder in [&kept, &begun, &found] {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    for (index, path) in seeds.iter().flat_map(|folder| kdl(&root().join(folder))).enumerate() {
        let text = fs::read_to_string(&path).map_err(cannot)?;
        // The first line of a rule file says which one it is.
        let beyond = path.strip_prefix(root().join("targets")).ok().filter(|_| part == "rules");
        let text = beyond.map_or(text.clone(), |path| format!("{}\n{text}", path.display()));
        fs::write(begun.join(format!("{index:04}")), text).map_err(cannot)?;
    }
    let mut command = Command::new(program);
    command.env("STACKC_FUZZ", part).arg(&kept).arg(&begun).arg(root().join("fuzz/corpus").join(part));
    command.args([format!("-max_total_time={seconds}"), format!("-artifact_prefix={}/{part}-", found.display())]);
    command.args(["-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1"]);
    if seconds == SECONDS {
        // The sample of each test run is the same one: what is found by chance is found by the longer runs.
        command.args(["-seed=1", &format!("-runs={SAMPLE}")]);
    }
    let output = command.output().map_err(cannot)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        let figure = |name: &str| said.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("?").trim().to_owned();
        let (runs, new) = (figure("stat::number_of_executed_units:"), figure("stat::new_units_added:"));
        println!("fuzz {part}: {runs} inputs, {new} of them new in what they reach; nothing was found");
        return Ok(());
    }
    let shown: Vec<&str> = said.lines().filter(|line| !line.starts_with(['#', '\t']) && !line.contains("NEW_FUNC")).collect();
    let from = shown.iter().position(|line| line.contains("panicked") || line.contains("ERROR")).unwrap_or(0);
    let shown = shown.get(from..).unwrap_or_default();
    Err(format!("fuzz {part}:\n{}\nwith an input that is kept: fuzz/corpus/{part}/ is for it", shown.get(..shown.len().min(40)).unwrap_or_default().join("\n")))
}

/// The KDL files of a folder and those in it, always in one order.
fn kdl(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for path in fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()) {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "kdl") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
