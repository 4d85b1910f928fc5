//! What is known and has a reason: a file of lines, `what :: why`. One that nothing needs any more is a fault of the list.

use crate::product::root;
use regex_lite::{Regex, escape};
use std::collections::BTreeMap;

/// The lines of a file, and whether each was needed.
pub struct Listed {
    lines: BTreeMap<String, bool>,
}

impl Listed {
    /// Reads a file of the project. Lines that begin with `#` are for a reader.
    pub fn read(file: &str) -> Listed {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let read = |line: &str| {
            let (what, why) = line.split_once(" :: ").unwrap_or_else(|| panic!("{file}: `{line}` has no reason"));
            assert!(!why.trim().is_empty(), "{file}: `{line}` has no reason");
            (what.trim().to_owned(), false)
        };
        Listed { lines: lines.map(read).collect() }
    }

    /// Whether it is listed, by a line in which `*` stands for anything.
    pub fn has(&mut self, what: &str) -> bool {
        let fits = |line: &str| Regex::new(&format!("^{}$", escape(line).replace("\\*", ".*"))).is_ok_and(|line| line.is_match(what));
        let mut found = false;
        for (_, used) in self.lines.iter_mut().filter(|(line, _)| fits(line)) {
            (*used, found) = (true, true);
        }
        found
    }

    /// The lines that nothing needed.
    pub fn unused(&self) -> Vec<String> {
        self.lines.iter().filter(|(_, used)| !**used).map(|(line, _)| line.clone()).collect()
    }
}
