//! Reports as a table for a terminal, and as Markdown.

use super::{Report, overview, place, subject, to_accept, word};
use crate::check::Model;
use crate::native::MetLoss;
use crate::rules::Grade;
use crate::source::Sources;

/// How wide the table is, in characters.
const WIDTH: usize = 100;

/// Reports for a terminal.
pub fn table(model: &Model, reports: &[Report], from: Option<&str>, sources: &Sources) -> String {
    let mut text = format!("{}{}\n", model.name, stage_and_from(model, from));
    text.push_str(&grid(model, reports));
    if !model.differs.is_empty() {
        text.push_str("\n  Otherwise by target, to be looked at in a move:\n");
        model.differs.iter().for_each(|(what, at)| text.push_str(&wrap("  - ", &format!("{what} ({})", place(*at, sources)))));
    }
    for report in reports {
        let model = model.on(&report.target);
        text.push_str(&format!("\n{} ({}): {} of 100, {}\n", report.target, report.about, report.score, counts(report)));
        for refusal in &report.refusals {
            text.push_str(&row("refused", &place(refusal.primary.span, sources), &format!("{}: {}", refusal.message, refusal.primary.text)));
        }
        for node in &report.nodes {
            let title = format!("{} {}", node.ty, node.name);
            if node.losses.is_empty() {
                continue;
            }
            text.push_str(&format!("\n  {title} ({})\n", place(node.span, sources)));
            if let Some(reason) = node.accepted() {
                text.push_str(&wrap("    accepted: ", reason));
            }
            for loss in &node.losses {
                let line = format!("line {}", sources.line_column(loss.user).0);
                let what = subject(loss, node, model);
                text.push_str(&row(word(Some(loss.grade)), &line, &format!("{what}: {}{}", loss.reason, notes(loss))));
            }
        }
        if let Some(line) = untouched(report, from) {
            text.push('\n');
            text.push_str(&wrap("  ", &line));
        }
        let moves = moves(report);
        if !moves.is_empty() {
            text.push_str("\n  To move:\n");
            moves.iter().for_each(|line| text.push_str(&wrap("  - ", line)));
        }
    }
    text
}

/// The worst of each resource on each target, when there are several to compare.
fn grid(model: &Model, reports: &[Report]) -> String {
    if reports.len() < 2 {
        return String::new();
    }
    let rows = overview(model, reports);
    let first = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let widths: Vec<usize> = reports.iter().map(|report| report.target.len().max("unsupported".len())).collect();
    let line = |head: &str, cells: Vec<String>| {
        let cells: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("  {head:<first$}  {}", cells.join("  ")).trim_end().to_owned() + "\n"
    };
    let mut text = format!("\n{}", line("", reports.iter().map(|report| report.target.clone()).collect()));
    for (name, grades) in &rows {
        text.push_str(&line(name, grades.iter().map(|grade| grade.map_or("·", |grade| word(Some(grade))).to_owned()).collect()));
    }
    text.push_str(&line("score of 100", reports.iter().map(|report| report.score.to_string()).collect()));
    text
}

/// Reports as Markdown.
pub fn markdown(model: &Model, reports: &[Report], from: Option<&str>, sources: &Sources) -> String {
    let mut text = format!(
        "# Portability of {}{}\n\n| target | score | unsupported | degraded | emulated |\n|---|---|---|---|---|\n",
        cell(&model.name),
        stage_and_from(model, from)
    );
    for report in reports {
        let count = |grade| report.count(grade);
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} |\n",
            report.target,
            report.score,
            count(Grade::Unsupported) + report.refusals.len(),
            count(Grade::Degraded),
            count(Grade::Emulated)
        ));
    }
    if reports.len() > 1 {
        let targets: Vec<&str> = reports.iter().map(|report| report.target.as_str()).collect();
        text.push_str(&format!("\n| resource | {} |\n|---|{}\n", targets.join(" | "), "---|".repeat(targets.len())));
        for (name, grades) in overview(model, reports) {
            let grades: Vec<&str> = grades.iter().map(|grade| grade.map_or("", |grade| word(Some(grade)))).collect();
            text.push_str(&format!("| {} | {} |\n", cell(&name), grades.join(" | ")));
        }
    }
    if !model.differs.is_empty() {
        text.push_str("\nOtherwise by target, to be looked at in a move:\n\n");
        for (what, at) in &model.differs {
            text.push_str(&format!("- {what} (line {})\n", sources.line_column(*at).0));
        }
    }
    for report in reports {
        let model = model.on(&report.target);
        text.push_str(&format!("\n## {}: {} of 100\n", report.target, report.score));
        if report.has_losses() {
            text.push_str("\n| resource | grade | what | why | line |\n|---|---|---|---|---|\n");
        }
        for refusal in &report.refusals {
            let line = sources.line_column(refusal.primary.span).0;
            text.push_str(&format!("| | refused | {} | {} | {line} |\n", cell(&refusal.message), cell(&refusal.primary.text)));
        }
        for node in &report.nodes {
            if let Some(reason) = node.accepted() {
                text.push_str(&format!("| {} {} | accepted | | {} | {} |\n", node.ty, cell(&node.name), cell(reason), sources.line_column(node.span).0));
            }
            for loss in &node.losses {
                text.push_str(&format!(
                    "| {} {} | {} | {} | {}{} | {} |\n",
                    node.ty,
                    cell(&node.name),
                    word(Some(loss.grade)),
                    cell(&subject(loss, node, model)),
                    cell(&loss.reason),
                    cell(&notes(loss)),
                    sources.line_column(loss.user).0
                ));
            }
        }
        if let Some(line) = untouched(report, from) {
            text.push_str(&format!("\n{}\n", cell(&line)));
        }
        let moves = moves(report);
        if !moves.is_empty() {
            text.push_str("\nTo move:\n\n");
            moves.iter().for_each(|line| text.push_str(&format!("- {}\n", line.replace('\n', " "))));
        }
    }
    text
}

/// The resources that lose nothing, in one line.
pub(super) fn untouched(report: &Report, from: Option<&str>) -> Option<String> {
    let names: Vec<String> = report.nodes.iter().filter(|node| node.losses.is_empty()).map(|node| format!("{} {}", node.ty, node.name)).collect();
    let word = if from.is_some() { "no worse" } else { "exact" };
    (!names.is_empty()).then(|| format!("{word}: {}", names.join(", ")))
}

/// What a move to the target takes: refusals to mend, losses to accept, answers to give, data to carry.
pub(super) fn moves(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    if !report.refusals.is_empty() {
        lines.push(format!("change what the target refuses ({})", number(report.refusals.len(), "place")));
    }
    for (node, accept) in to_accept(report) {
        lines.push(format!("in {} {}: {accept}", node.ty, node.name));
    }
    for ask in &report.asks {
        let default = match (&ask.default, ask.secret) {
            (_, true) => " (secret)".to_owned(),
            (Some(default), _) if default.is_empty() => " (may stay empty)".to_owned(),
            (Some(default), _) => format!(" ({default} unless you say otherwise)"),
            (None, _) => " (has to be given)".to_owned(),
        };
        lines.push(format!("answer {}{default}: {}", ask.name, ask.about));
    }
    for node in report.nodes.iter().filter(|node| node.found && node.worst() != Some(Grade::Unsupported)) {
        lines.push(format!("have {} {} there: it is found, not made", node.ty, node.name));
    }
    for node in &report.nodes {
        if let Some(carry) = &node.carry {
            lines.push(format!("carry over {} {}: {carry}", node.ty, node.name));
        }
    }
    lines
}

/// What is to be said of a loss besides its reason.
pub(super) fn notes(loss: &MetLoss) -> String {
    let mut notes = String::new();
    if let Some(who) = &loss.breaks {
        notes.push_str(&format!("; does not run there: {who}"));
    }
    if let Some(instead) = &loss.instead {
        notes.push_str(&format!("; instead: {instead}"));
    }
    if !loss.given {
        notes.push_str(" (by default)");
    }
    notes
}

pub(super) fn counts(report: &Report) -> String {
    let counts: Vec<String> = [Grade::Unsupported, Grade::Degraded, Grade::Emulated]
        .into_iter()
        .filter(|grade| report.count(*grade) > 0)
        .map(|grade| format!("{} {}", report.count(grade), word(Some(grade))))
        .chain((!report.refusals.is_empty()).then(|| format!("{} refused", report.refusals.len())))
        .collect();
    if counts.is_empty() { "nothing is lost".to_owned() } else { counts.join(", ") }
}

pub(super) fn stage_and_from(model: &Model, from: Option<&str>) -> String {
    let stage = model.stage.as_ref().map(|stage| format!(", stage {stage}")).unwrap_or_default();
    let from = from.map(|from| format!(": what is worse than on {from}")).unwrap_or_default();
    format!("{stage}{from}")
}

fn number(count: usize, word: &str) -> String {
    format!("{count} {word}{}", if count == 1 { "" } else { "s" })
}

fn row(grade: &str, line: &str, text: &str) -> String {
    wrap(&format!("    {grade:<12}{line:<10}"), text)
}

/// Text after a head, its further lines set in below it.
fn wrap(head: &str, text: &str) -> String {
    let indent = head.chars().count();
    let mut out = head.to_owned();
    let mut column = indent;
    for (index, word) in text.split_whitespace().enumerate() {
        let length = word.chars().count();
        if index > 0 && column + 1 + length > WIDTH {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            column = indent;
        } else if index > 0 {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

/// Text for a cell of a table.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('\n', " ").replace('<', "&lt;")
}
