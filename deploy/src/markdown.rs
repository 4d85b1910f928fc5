//! A plan as Markdown, for a comment on a pull request.

use crate::compile::Compiled;
use crate::engine::{Plan, PropertyChange};
use crate::table;

/// The whole plan: its counts, a table of what changes, and what is made anew behind a fold.
pub fn plan<P>(compiled: &Compiled, place: &str, plan: &Plan<P>) -> String {
    let mut text = format!("### {} ({place}): {}\n", plain(&compiled.name), table::counts(compiled, &plan.changes));
    let groups = table::groups(compiled, &plan.changes);
    let (made, changed): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.is_made());
    if !changed.is_empty() {
        text.push_str("\n| what | resource | changes |\n|---|---|---|\n");
        for change in changed.iter().flat_map(|group| &group.changes) {
            let mut cell: Vec<String> = Vec::new();
            let remarks = table::remarks(compiled, change);
            if !remarks.is_empty() {
                cell.push(format!("**{}**", plain(remarks.trim_start_matches("  (").trim_end_matches(')'))));
            }
            if table::follows(change) {
                cell.push("follows".to_owned());
            } else {
                cell.extend(table::properties(compiled, change).iter().map(property));
            }
            let ty = if compiled.origins.resource(&change.name).is_none() { format!(" ({})", change.ty) } else { String::new() };
            let label = plain(&format!("{}{ty}", compiled.label(&change.name)));
            text.push_str(&format!("| {} | {label} | {} |\n", table::word(compiled, change), cell.join("<br>")));
        }
    }
    if !made.is_empty() {
        text.push_str("\n<details><summary>What is made</summary>\n\n");
        for group in &made {
            let count = group.changes.len();
            text.push_str(&format!("- {}: {count} resource{}\n", plain(&group.name), if count == 1 { "" } else { "s" }));
        }
        text.push_str("\n</details>\n");
    }
    for note in &plan.notes {
        text.push_str(&format!("\n{}\n", plain(note)));
    }
    text
}

fn property(property: &PropertyChange) -> String {
    let value = |value: &Option<String>| value.as_deref().map_or_else(|| "(none)".to_owned(), |value| code(&table::short(value)));
    let values = match (&property.old, &property.new) {
        (None, None) => String::new(),
        (old, new) => format!(": {} → {}", value(old), value(new)),
    };
    format!("{}{values}{}", code(&property.path), if property.replaces { " *forces a replacement*" } else { "" })
}

/// A text in which Markdown and a table of it find nothing of theirs.
fn plain(text: &str) -> String {
    let marks = |c: char| matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&' | '~');
    text.chars().flat_map(|c| marks(c).then_some('\\').into_iter().chain([if c == '\n' { ' ' } else { c }])).collect()
}

/// A text as code: behind more backticks than it has in a row, with a table's bar escaped, which is one in code as well.
fn code(text: &str) -> String {
    let run = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(run + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|").replace('\n', " "))
}

#[cfg(test)]
mod tests {
    use super::{code, plain};

    #[test]
    fn nothing_in_a_text_is_markdown() {
        assert_eq!(plain("a|b *c* <img>\n# d"), "a\\|b \\*c\\* \\<img\\> \\# d");
        assert_eq!(code("a`b|c"), "``a`b\\|c``");
        assert_eq!(code("`"), "`` ` ``");
    }
}
