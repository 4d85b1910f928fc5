//! What several test programs share: the examples, and running the program.
#![allow(dead_code, clippy::disallowed_methods, clippy::disallowed_macros, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The project's root.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every folder of a stack below `examples/` and `examples/apps/`, in the order of the names.
pub fn examples() -> Vec<PathBuf> {
    let below = |folder: &str| std::fs::read_dir(root().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut folders: Vec<PathBuf> = below("examples").chain(below("examples/apps")).collect();
    folders.retain(|folder| folder.join("stack.kdl").is_file());
    folders.sort();
    assert!(!folders.is_empty(), "there are no examples");
    folders
}

/// Runs the program in a folder.
pub fn stackc(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stackc")).args(arguments).current_dir(folder).env_remove("NO_COLOR").output().unwrap()
}

/// What a run printed to standard error.
pub fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// What a run printed to standard output.
pub fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Whether snapshots are to be written anew instead of compared.
pub fn bless() -> bool {
    std::env::var_os("STACKC_BLESS").is_some()
}

/// Compares a file of the repository with what it should hold, or writes it when blessing.
pub fn same(path: &Path, expected: &str) -> Result<(), String> {
    if bless() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, expected).unwrap();
        return Ok(());
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    if there == expected {
        return Ok(());
    }
    let name = path.strip_prefix(root()).unwrap_or(path).display().to_string();
    let diff = similar::TextDiff::from_lines(there.as_str(), expected);
    Err(format!("{name} is not what it was; if that is meant, run with STACKC_BLESS=1 and read the change\n{}", diff.unified_diff().header(&name, "now")))
}

/// Every file below a folder with an ending, in the order of the paths.
pub fn walk(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|extension| extension == ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The fenced blocks of a Markdown text: the words behind the fence, the line, the text.
pub fn blocks(markdown: &str) -> Vec<(String, usize, String)> {
    let mut found = Vec::new();
    let mut open: Option<(String, usize, String)> = None;
    for (index, line) in markdown.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (None, Some(words)) => open = Some((words.trim().to_owned(), index + 1, String::new())),
            (Some(_), Some(_)) => found.extend(open.take()),
            (Some((_, _, text)), None) => {
                text.push_str(line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    found
}
