//! The page about deploying: its commands are run against the fake, and print what it says they print.
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
#[path = "gates/name_server.rs"]
mod name_server;
mod runs;
mod wire;

use fake::Fake;
use name_server::{NameServer, Says};
use runs::Cloud;
use std::path::Path;

#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy.md");
    runs::page::<Fake>(&path, 5);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operate.md");
    runs::page::<Fake>(&path, 5);
}

/// A cloud, and a name server that does not know the domain until it was asked some times.
struct Delegated {
    fake: Fake,
    server: NameServer,
}

impl Cloud for Delegated {
    fn start() -> Delegated {
        Delegated { fake: Fake::start(), server: NameServer::start_and_after(Says::Unknown, 4, Says::Servers(vec!["sitenameservers.example".to_owned()])) }
    }

    fn environment(&self) -> Vec<(&'static str, String)> {
        self.fake.environment().into_iter().chain([("STACKC_RESOLVER", self.server.address.to_string())]).collect()
    }

    fn acts(&self) -> Vec<String> {
        self.fake.acts()
    }

    fn calls(&self) -> Vec<String> {
        self.fake.calls()
    }
}

#[test]
fn the_commands_of_the_page_on_the_first_deploy_print_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/first-deploy.md");
    runs::page::<Delegated>(&path, 4);
}

#[test]
fn every_code_has_a_page_that_shows_what_is_printed() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).unwrap();
    let files = |folder: std::path::PathBuf| {
        let (mut found, mut folders) = (Vec::new(), vec![folder]);
        while let Some(folder) = folders.pop() {
            let entries = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
            entries.for_each(|path| if path.is_dir() { folders.push(path) } else { found.push(path) });
        }
        found.into_iter()
    };
    let list = read(root.join("../docs/deploy.md"));
    let mut codes = std::collections::BTreeSet::new();
    for path in files(root.join("src")) {
        let text = read(path);
        codes.extend(text.match_indices("\"D0").map(|(at, _)| text[at + 1..at + 6].to_owned()));
    }
    assert!(codes.len() >= 5);
    let snapshots: Vec<String> = files(root.join("../snapshots/deploy")).map(read).collect();
    for code in &codes {
        assert!(list.contains(&format!("| {code} |")), "{code} is not on the page about deploying");
        let page = read(root.join(format!("../docs/deploy-errors/{code}.md")));
        assert!(page.starts_with(&format!("# {code}: ")), "{code}");
        let sections: Vec<&str> = page.lines().filter_map(|line| line.strip_prefix("## ")).collect();
        assert_eq!(sections, ["What it means", "Why", "What to do"], "{code}");
        let shown = page.split("```text\n").nth(1).and_then(|rest| rest.split("\n```").next()).unwrap_or_else(|| panic!("{code} shows nothing"));
        let printed = format!("{code}\n\n{shown}\n");
        assert!(snapshots.iter().any(|snapshot| snapshot.contains(&printed)), "nothing prints what the page of {code} shows");
    }
    let pages: Vec<String> = files(root.join("../docs/deploy-errors")).map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect();
    assert_eq!(pages.len(), codes.len(), "pages of codes that nothing has: {pages:?}");
}
