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
mod runs;
mod wire;

use fake::Fake;
use std::path::Path;

type Run = runs::Run<Fake>;

#[test]
fn the_commands_of_the_page_print_what_it_says() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/deploy.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let stack = page.split("```kdl\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let run = Run::new(stack);
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
    assert!(count >= 5, "only {count} commands");
    if std::env::var_os("STACKC_BLESS").is_some() {
        std::fs::write(path, expected).unwrap();
    } else {
        assert!(page == expected, "docs/deploy.md is not what is printed; if that is meant, run with STACKC_BLESS=1\n{expected}");
    }
}

#[test]
fn every_code_is_on_the_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = std::fs::read_to_string(root.join("../docs/deploy.md")).unwrap();
    let mut codes = Vec::new();
    for entry in std::fs::read_dir(root.join("src")).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let text = std::fs::read_to_string(entry.path()).unwrap();
        codes.extend(text.match_indices("\"D0").map(|(at, _)| text[at + 1..at + 6].to_owned()));
    }
    assert!(codes.len() >= 5);
    for code in codes {
        assert!(page.contains(&format!("| {code} |")), "{code} is not on the page");
    }
}
