//! Every diagnostic: the smallest input that leads to it and what is printed then, and the page that explains it.
//! The cases are below `tests/errors`, the pages in `docs/errors`, what is printed below `snapshots/errors`; none is listed here. Cases of a
//! stage are called by their codes; those in `also` say in their first lines what they lead to.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_macros
)]

#[path = "errors/case.rs"]
mod case;
mod support;

use case::Case;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use support::{blocks, root, same, walk};

/// The stages, by the digit of their codes.
const STAGES: [(char, &str); 5] = [('1', "syntax"), ('2', "check"), ('3', "rules"), ('4', "lower"), ('5', "lock")];

/// Every code of `src/diag`, with what its comment says it is for.
fn codes() -> BTreeMap<String, String> {
    let pattern = regex_lite::Regex::new(r#""([EW]0\d{3})""#).unwrap();
    let comment = regex_lite::Regex::new(r"/// ([EW]0\d{3}): (.*)\.").unwrap();
    let mut codes: BTreeMap<String, String> = BTreeMap::new();
    for file in walk(&root().join("src/diag"), "rs") {
        let text = std::fs::read_to_string(file).unwrap();
        for found in pattern.captures_iter(&text) {
            assert!(codes.insert(found[1].to_owned(), String::new()).is_none(), "{} stands twice in src/diag", &found[1]);
        }
        for found in comment.captures_iter(&text) {
            if let Some(about) = codes.get_mut(&found[1]) {
                found[2].clone_into(about);
            }
        }
    }
    assert!(codes.len() > 50, "only {} codes were found", codes.len());
    codes
}

fn stage_of(code: &str) -> &'static str {
    let digit = code.chars().nth(2).unwrap();
    STAGES.iter().find(|(number, _)| *number == digit).map(|(_, stage)| *stage).unwrap_or_else(|| panic!("{code} is of no stage"))
}

/// Every case: its code, its stage, its path.
fn cases() -> Vec<(String, String, PathBuf)> {
    let mut found = Vec::new();
    for (_, stage) in STAGES {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(root().join("tests/errors").join(stage)).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        found.extend(paths.into_iter().map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), stage.to_owned(), path)));
    }
    found
}

/// The case of a code.
fn case_of(code: &str) -> Case {
    let (.., path) = cases().into_iter().find(|(name, ..)| name == code).unwrap_or_else(|| panic!("{code} has no case"));
    Case::open(&path)
}

#[test]
fn every_case_leads_to_its_code_and_to_nothing_else() {
    let mut problems = Vec::new();
    for (code, stage, path) in cases() {
        let case = Case::open(&path);
        let report = case.run();
        let name = format!("{stage}/{code}");
        problems.extend(case.flaw().map(|flaw| format!("{name}: {flaw}")));
        problems.extend(report.flaws.iter().map(|flaw| format!("{name}: {flaw}")));
        if report.codes != [code.as_str()] {
            problems.push(format!("{name} leads to {:?}\n{}", report.codes, report.text));
            continue;
        }
        let exit = i32::from(code.starts_with('E'));
        if report.exit != Some(exit) {
            problems.push(format!("{name} ends with {:?}, not with {exit}", report.exit));
        }
        problems.extend(same(&root().join(format!("snapshots/errors/{name}.txt")), &case.snapshot(&report)).err());
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Further inputs, each with the codes in its first line: what must not be reported besides, and what must not go unnoticed.
#[test]
fn every_further_case_leads_to_the_codes_in_its_first_line() {
    let mut problems = Vec::new();
    let paths = walk(&root().join("tests/errors/also"), "kdl");
    assert!(paths.len() >= 10, "only {} further cases were found", paths.len());
    let mut kept = Vec::new();
    for path in paths {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected: Vec<&str> = text.trim_start_matches("// ").split(':').next().unwrap_or_default().split(", ").collect();
        let case = Case::open(&path);
        let report = case.run();
        problems.extend(report.flaws.iter().map(|flaw| format!("also/{name}: {flaw}")));
        let snapshot = root().join(format!("snapshots/errors/also/{name}.txt"));
        kept.push(snapshot.clone());
        if report.codes == expected {
            problems.extend(same(&snapshot, &case.snapshot(&report)).err());
        } else {
            problems.push(format!("also/{name} leads to {:?}, not to {expected:?}\n{}", report.codes, report.text));
        }
    }
    let dead: Vec<PathBuf> = walk(&root().join("snapshots/errors/also"), "txt").into_iter().filter(|file| !kept.contains(file)).collect();
    assert!(dead.is_empty(), "nothing makes these snapshots any more: {dead:?}");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_code_has_a_case_and_a_page_and_nothing_is_dead() {
    let codes = codes();
    let wanted: BTreeSet<String> = codes.keys().map(|code| format!("{}/{code}", stage_of(code))).collect();
    let same_as_wanted = |what: &str, found: Vec<String>| {
        let found: BTreeSet<String> = found.into_iter().collect();
        // A snapshot that is missing is reported where it is compared.
        let missing: Vec<_> = wanted.difference(&found).filter(|_| !what.starts_with("snapshots")).collect();
        let dead: Vec<_> = found.difference(&wanted).collect();
        assert!(missing.is_empty() && dead.is_empty(), "{what}: missing {missing:?}; for no code of src/diag {dead:?}");
    };
    let stem = |path: &PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
    same_as_wanted("tests/errors", cases().into_iter().map(|(code, stage, _)| format!("{stage}/{code}")).collect());
    let pages = walk(&root().join("docs/errors"), "md");
    same_as_wanted("docs/errors", pages.iter().map(|page| format!("{}/{}", stage_of(&stem(page)), stem(page))).collect());
    let mut snapshots = walk(&root().join("snapshots/errors"), "txt");
    snapshots.retain(|file| !file.starts_with(root().join("snapshots/errors/also")));
    let of_stage = |file: &PathBuf| format!("{}/{}", file.parent().unwrap().file_name().unwrap().to_string_lossy(), stem(file));
    same_as_wanted("snapshots/errors", snapshots.iter().map(of_stage).collect());
    for (code, about) in &codes {
        assert!(!about.is_empty(), "no comment in src/diag says what {code} is for");
    }
}

#[test]
fn every_page_has_the_same_form() {
    let mut problems = Vec::new();
    for page in walk(&root().join("docs/errors"), "md") {
        let code = page.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        let mut wrong = |what: String| problems.push(format!("docs/errors/{code}.md: {what}"));
        let lines: Vec<&str> = text.lines().collect();
        if lines.first().is_none_or(|title| !title.starts_with(&format!("# {code}: ")) || title.ends_with('.')) {
            wrong(format!("its title is not `# {code}: …`"));
        }
        let sections: Vec<&str> = lines.iter().filter_map(|line| line.strip_prefix("## ")).collect();
        if sections != ["What it means", "Why", "What to do"] {
            wrong(format!("its sections are {sections:?}"));
        }
        if let Some(line) = lines.iter().find(|line| line.chars().count() > 130) {
            wrong(format!("a line is too long: {line}"));
        }
        let case = case_of(&code);
        let kinds: Vec<String> = blocks(&text).into_iter().map(|(words, ..)| words).collect();
        let count = |kind: &str| kinds.iter().filter(|words| *words == kind).count();
        // A rule that is shown besides the two stacks does not count.
        let rules: usize = blocks(&text).iter().filter(|(words, ..)| words == "kdl rules").map(|(.., block)| block.lines().count() + 3).sum();
        let length = lines.len() - if stage_of(&code) == "rules" { 0 } else { rules };
        if !(15..=35).contains(&length) {
            wrong(format!("it has {length} lines; 15 to 35 are wanted"));
        }
        let unknown: Vec<&String> = kinds.iter().filter(|words| !["kdl", "kdl fail", "kdl lock", "kdl rules", "text"].contains(&words.as_str())).collect();
        if !unknown.is_empty() {
            wrong(format!("blocks marked {unknown:?} are not tested"));
        }
        if stage_of(&code) == "rules" {
            if count("kdl rules") < 2 || count("kdl fail") + count("kdl") > 0 {
                wrong("it shows a wrong and a right rule as `kdl rules`".to_owned());
            }
        } else if count("kdl") != 1 || count("kdl fail") != usize::from(!case.is_generated()) {
            wrong("it shows one stack that fails as `kdl fail`, unless that is too large, and one that is good as `kdl`".to_owned());
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn every_stack_on_a_page_does_what_the_page_says() {
    let mut problems = Vec::new();
    for page in walk(&root().join("docs/errors"), "md") {
        let code = page.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&page).unwrap();
        let blocks = blocks(&text);
        // A page that needs a rule of a team's own shows it, and it is laid over the built-in ones for the stack that fails.
        let rules: Vec<&String> = blocks.iter().filter(|(words, ..)| words == "kdl rules").map(|(.., block)| block).collect();
        // So does a page that needs a lock file; one that can be read lies beside the stack that is good, too.
        let lock = blocks.iter().find(|(words, ..)| words == "kdl lock").map(|(.., block)| block);
        let readable = lock.filter(|text| stackc::lock::read(stackc::source::FileId(0), text).is_ok());
        for (words, line, block) in &blocks {
            let place = format!("docs/errors/{code}.md:{line}");
            match words.as_str() {
                "kdl" => {
                    let mut case = Case::of_stack(block);
                    if let Some(lock) = readable {
                        case = case.with_lock(lock);
                    }
                    let report = case.run();
                    if report.exit != Some(0) || !report.codes.is_empty() {
                        problems.push(format!("{place}: this stack is not good\n{}", report.text));
                    }
                }
                "kdl fail" => {
                    let mut case = Case::of_stack(block);
                    if let Some(lock) = lock {
                        case = case.with_lock(lock);
                    }
                    for rules in &rules {
                        case = case.with_rules(&place_of_rules(rules), rules);
                    }
                    let report = case.run_with(case_of(&code).own_arguments());
                    if report.codes != [code.as_str()] {
                        problems.push(format!("{place}: this stack leads to {:?}\n{}", report.codes, report.text));
                    }
                }
                "kdl rules" => {
                    let (_, errors) = stackc::syntax::read(stackc::source::FileId(0), block);
                    problems.extend(errors.first().map(|error| format!("{place}: {}", error.message)));
                }
                _ => {}
            }
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// Where a rule file lies, from the type that it is about.
fn place_of_rules(text: &str) -> String {
    let (nodes, _) = stackc::syntax::read(stackc::source::FileId(0), text);
    let ty = nodes.iter().find_map(|node| node.args.last()?.as_str()).unwrap_or("none").to_owned();
    format!("aws/{ty}.kdl")
}
