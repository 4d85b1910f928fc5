//! The documentation is executed: every KDL block is compiled, every generated page is compared with what generates it.
#![allow(
    missing_docs,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use support::{blocks, root, same, stackc, stderr, stdout, walk};

#[test]
fn every_stack_in_the_documentation_builds() {
    let mut pages = walk(&root().join("docs"), "md");
    pages.retain(|page| !page.starts_with(root().join("docs/errors")));
    pages.extend(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"].map(|page| root().join(page)));
    let mut count = 0;
    let mut problems = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        // Files that lie beside the stacks of the page.
        let mut beside: Vec<(String, String)> = Vec::new();
        for (words, line, block) in blocks(&text) {
            let place = format!("{}:{line}", page.strip_prefix(root()).unwrap().display());
            match words.as_str() {
                "kdl" => {
                    count += 1;
                    let folder = tempfile::tempdir().unwrap();
                    std::fs::write(folder.path().join("stack.kdl"), block).unwrap();
                    for (path, text) in &beside {
                        let path = folder.path().join(path);
                        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                        std::fs::write(path, text).unwrap();
                    }
                    // A page speaks of the language, and need not accept what single targets lack.
                    let output = stackc(folder.path(), &["check", "--target", "all", "--message-format", "json"]);
                    let errors = stdout(&output).lines().filter(|line| line.contains("\"severity\":\"error\"") && !line.contains("\"code\":\"E0404\"")).count();
                    if output.status.code() == Some(2) || errors > 0 {
                        problems.push(format!("{place}\n{}{}", stdout(&output), stderr(&output)));
                    }
                }
                "kdl rules" | "kdl spec" => {
                    let (_, errors) = stackc::syntax::read(stackc::source::FileId(0), &block);
                    if !errors.is_empty() {
                        problems.push(format!("{place}: {errors:?}"));
                    }
                }
                "kdl lock" => problems.extend(stackc::lock::read(stackc::source::FileId(0), &block).err().map(|error| format!("{place}: {}", error.message))),
                words if words.starts_with("kdl file=") => beside.push((words["kdl file=".len()..].to_owned(), block)),
                words if words.starts_with("kdl") => problems.push(format!("{place}: a block marked `{words}` is not tested")),
                _ => {}
            }
        }
    }
    assert!(count >= 10, "only {count} stacks were found in the documentation");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The rows of a page's table of defaults, `TYPE.PROPERTY` and its value, say what the specs say.
#[test]
fn the_defaults_that_the_page_names_are_those_of_the_types() {
    use stackc::portable::{Catalogue, Kind, Property};
    use stackc::syntax::Scalar;
    let page = std::fs::read_to_string(root().join("docs/portability.md")).unwrap();
    let (catalogue, mut sources) = (Catalogue::default(), stackc::source::Sources::default());
    let mut seen = 0;
    for row in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let path: Vec<&str> = cells[1].trim_matches('`').split('.').collect();
        let ty = catalogue.get(path[0], &mut sources).unwrap_or_else(|| panic!("{row}: no such type"));
        let mut properties: &[Property] = &ty.properties;
        let mut found = None;
        for name in &path[1..] {
            let property = properties.iter().find(|property| property.name == *name).unwrap_or_else(|| panic!("{row}: no such property"));
            if let Kind::Block(block) = &property.kind {
                properties = &block.fields;
            }
            found = Some(property);
        }
        let property = found.unwrap();
        let default = match property.default.as_ref().unwrap_or_else(|| panic!("{row}: it has no default")) {
            Scalar::String(text) => text.clone(),
            Scalar::Integer(number) => number.to_string(),
            Scalar::Bool(flag) => format!("#{flag}"),
            other => panic!("{row}: {other:?}"),
        };
        let unit = property.unit.as_ref().map(|unit| format!(" {unit}")).unwrap_or_default();
        assert_eq!(cells[2], format!("`{default}`{unit}"), "{row}");
        seen += 1;
    }
    assert!(seen >= 15, "only {seen} defaults were found");
}

#[test]
fn the_reference_of_types_is_current() {
    let page = "# Portable types\n\nGenerated from `specs/portable` by `stackc explain --markdown`.\n\n".to_owned()
        + &stdout(&stackc(root(), &["explain", "--markdown"]));
    same(&root().join("docs/types.md"), &page).unwrap();
}

#[test]
fn the_matrix_of_targets_is_current() {
    let page = "# Types and targets\n\nGenerated from `targets/` by `stackc targets --matrix`. *exact*: everything that the type says is built. Otherwise, how many of\nits properties are emulated (the same effect by other means), degraded or unsupported; a stack that meets one is told so at its line.\n\n"
        .to_owned()
        + &stdout(&stackc(root(), &["targets", "--matrix"]));
    same(&root().join("docs/targets.md"), &page).unwrap();
}

#[test]
fn what_init_writes_builds() {
    let folder = tempfile::tempdir().unwrap();
    let output = stackc(folder.path(), &["init", "My Shop 2"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let output = stackc(folder.path(), &["check", "My Shop 2/stack.kdl", "--target", "all"]);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(std::fs::read_to_string(folder.path().join("My Shop 2/stack.kdl")).unwrap().contains("stack my-shop-2 {"));
    let again = stackc(folder.path(), &["init", "My Shop 2"]);
    assert_eq!(again.status.code(), Some(2), "init must not write over a stack");
}
