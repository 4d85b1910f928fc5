//! A case: files that stackc has something to say of. Comments that begin with `//!` tell how it is run:
//! `//! stackc check …` is the command line, when it is another than the usual one; `//! repeat 500: line {}` stands for so many lines,
//! with their numbers in the place of the braces.
#![allow(dead_code)]

use super::support::{stackc, stderr, stdout, walk};
use std::path::Path;

/// The file that a stack is in when a case does not bring one with a name of its own.
const STACK: &str = "stack.kdl";
/// What a case without a stack is run with: rules are checked whole, whatever the stack has in it.
const EMPTY: &str = "stack empty\n";

pub struct Case {
    /// Paths and texts, as they are written in the repository.
    files: Vec<(String, String)>,
    /// The file of the stack.
    stack: String,
}

pub struct Report {
    /// The codes reported, each as often as it was.
    pub codes: Vec<String>,
    /// The exit code.
    pub exit: Option<i32>,
    /// What the program printed for a person.
    pub text: String,
    /// What is wrong with the report itself, whatever it says.
    pub flaws: Vec<String>,
}

impl Case {
    /// A file such as `E0205.kdl`, or a folder with `stack.kdl` or a folder of rules or both.
    pub fn open(path: &Path) -> Case {
        if path.is_dir() {
            let read =
                |file: &std::path::PathBuf| (file.strip_prefix(path).unwrap().to_string_lossy().replace('\\', "/"), std::fs::read_to_string(file).unwrap());
            Case::new(walk(path, "kdl").iter().map(read).collect(), STACK)
        } else {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            Case::new(vec![(name.clone(), std::fs::read_to_string(path).unwrap())], &name)
        }
    }

    pub fn new(files: Vec<(String, String)>, stack: &str) -> Case {
        Case { files, stack: stack.to_owned() }
    }

    /// A stack of this text.
    pub fn of_stack(text: &str) -> Case {
        Case::new(vec![(STACK.to_owned(), text.to_owned())], STACK)
    }

    /// Lays a rule file over the built-in ones: `aws/database.kdl` and its text.
    pub fn with_rules(mut self, path: &str, text: &str) -> Case {
        self.files.push((format!("targets/{path}"), text.to_owned()));
        self
    }

    /// Puts a lock file beside the stack.
    pub fn with_lock(mut self, text: &str) -> Case {
        self.files.push(("stack.lock.kdl".to_owned(), text.to_owned()));
        self
    }

    /// Whether its stack is too large to be written out.
    pub fn is_generated(&self) -> bool {
        self.files.iter().any(|(_, text)| text.lines().any(|line| line.starts_with("//! repeat ")))
    }

    /// What a case asks for besides the usual command line.
    pub fn own_arguments(&self) -> Option<Vec<String>> {
        let line = self.files.iter().find_map(|(_, text)| text.lines().find_map(|line| line.strip_prefix("//! stackc ")))?;
        Some(line.split(' ').map(str::to_owned).collect())
    }

    fn arguments(&self, own: Option<Vec<String>>) -> Vec<String> {
        let mut arguments = own.unwrap_or_else(|| ["check", "--target", "cfn"].map(str::to_owned).to_vec());
        if self.files.iter().any(|(path, _)| path.starts_with("targets/")) {
            arguments.extend(["--targets", "targets"].map(str::to_owned));
        }
        if self.stack != STACK {
            arguments.push(self.stack.clone());
        }
        arguments
    }

    /// What is wrong with the case itself.
    pub fn flaw(&self) -> Option<String> {
        let first = self.files.iter().find(|(path, _)| *path == self.stack).or(self.files.first());
        match first {
            Some((_, text)) if text.starts_with("// ") && text.lines().next().is_some_and(|line| line.ends_with('.')) => None,
            _ => Some("its first line is no sentence in a comment".to_owned()),
        }
    }

    /// Runs it in a folder of its own.
    pub fn run(&self) -> Report {
        self.run_with(self.own_arguments())
    }

    /// Runs it with arguments instead of the usual ones.
    pub fn run_with(&self, arguments: Option<Vec<String>>) -> Report {
        let folder = tempfile::tempdir().unwrap();
        let mut files = self.files.clone();
        if !files.iter().any(|(path, _)| *path == self.stack) {
            files.push((self.stack.clone(), EMPTY.to_owned()));
        }
        for (path, text) in &files {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, written_out(text)).unwrap();
        }
        let arguments = self.arguments(arguments);
        let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let shown = stackc(folder.path(), &words);
        let listed = stackc(folder.path(), &[words.as_slice(), &["--message-format", "json"]].concat());
        let (mut codes, mut flaws) = (Vec::new(), Vec::new());
        for line in stdout(&listed).lines() {
            let diagnostic: serde_json::Value = serde_json::from_str(line).unwrap();
            codes.push(diagnostic["code"].as_str().unwrap().to_owned());
            flaws.extend(flaw_of(&diagnostic).map(|flaw| format!("{flaw}: {line}")));
        }
        let printed: Vec<String> = stderr(&shown).lines().map(|line| format!("{}\n", line.trim_end())).collect();
        let text = format!("$ stackc {}\n{}", words.join(" "), printed.concat());
        Report { codes, exit: shown.status.code(), text, flaws }
    }

    /// Its files and what stackc says of them, to be read on its own.
    pub fn snapshot(&self, report: &Report) -> String {
        let mut text = String::new();
        for (path, file) in &self.files {
            if self.files.len() > 1 || *path != self.stack {
                text.push_str(&format!("--- {path}\n"));
            }
            text.push_str(file);
            text.push('\n');
        }
        format!("{text}{}exit code {}\n", report.text, report.exit.map_or("none".to_owned(), |code| code.to_string()))
    }
}

fn written_out(text: &str) -> String {
    let mut all = String::new();
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("//! repeat ").and_then(|rest| rest.split_once(": ")) {
            Some((count, line)) => (1..=count.parse::<usize>().unwrap()).for_each(|number| all.push_str(&line.replace("{}", &number.to_string()))),
            None => all.push_str(line),
        }
    }
    all
}

/// What a diagnostic lacks that every one should have.
fn flaw_of(diagnostic: &serde_json::Value) -> Option<&'static str> {
    let text = |name: &str| diagnostic[name].as_str().unwrap_or_default();
    if text("message").is_empty() || text("message").ends_with('.') {
        return Some("a message is a clause without a full stop");
    }
    if text("why").is_empty() || text("why").ends_with('.') {
        return Some("a label is a clause without a full stop");
    }
    if text("help").is_empty() {
        return Some("there is no help");
    }
    let [message, why, help] = [text("message"), text("why"), text("help")];
    if [message, why, help].iter().any(|text| text.contains("``") || text.contains("  ")) {
        return Some("there is a gap in a text");
    }
    let places = std::iter::once(&diagnostic["at"]).chain(diagnostic["related"].as_array().into_iter().flatten().map(|related| &related["at"]));
    let nowhere = |place: &serde_json::Value| place["file"].as_str().is_none_or(str::is_empty) || place["line"].as_u64().is_none_or(|line| line == 0);
    places.into_iter().any(nowhere).then_some("a place is in no file")
}
