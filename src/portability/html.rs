//! Reports as one HTML file that needs nothing else, and prints.

use super::picture::picture;
use super::text::{counts, moves, notes, stage_and_from, untouched};
use super::{Report, overview, subject, word};
use crate::check::Model;
use crate::rules::Grade;
use crate::source::Sources;

const STYLE: &str = "
:root { color-scheme: light dark; --ink: #1c2128; --paper: #ffffff; --line: #c9d1d9; --exact: #1a7f37; --emulated: #0969da; --degraded: #9a6700; --unsupported: #cf222e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --line: #3d444d; --exact: #3fb950; --emulated: #58a6ff; --degraded: #d29922; --unsupported: #f85149 } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 72rem; margin: 2rem auto; padding: 0 1rem }
table { border-collapse: collapse; width: 100%; margin: 1rem 0 }
th, td { text-align: left; vertical-align: top; padding: .35rem .6rem; border-bottom: 1px solid var(--line) }
td.grade { white-space: nowrap; font-weight: 600 }
.exact { --grade: var(--exact) } .emulated { --grade: var(--emulated) } .degraded { --grade: var(--degraded) } .unsupported, .refused { --grade: var(--unsupported) }
td.grade { color: var(--grade) }
svg { width: 100%; height: auto; margin: 1rem 0 } svg text { font: 12px system-ui, sans-serif; fill: var(--ink) } svg .type { font-size: 10px; opacity: .75 } svg .title { font-weight: 600 }
svg .node { fill: var(--paper); stroke: var(--grade); stroke-width: 2 } svg .frame { fill: none; stroke: var(--grade); stroke-dasharray: 5 4 }
svg .link { fill: none; stroke: var(--ink); stroke-opacity: .45 } svg .tip { fill: var(--ink); fill-opacity: .55 }
.legend span { margin-right: 1.2rem; color: var(--grade); font-weight: 600 }
section { break-inside: auto } tr, svg { break-inside: avoid }
@media print { :root { --ink: #000; --paper: #fff; --line: #999; --exact: #116329; --emulated: #0550ae; --degraded: #7d4e00; --unsupported: #a40e26 } body { margin: 0; max-width: none; font-size: 10pt } section + section { break-before: page } }
";

/// Reports as an HTML document.
pub fn html(model: &Model, reports: &[Report], from: Option<&str>, sources: &Sources) -> String {
    let title = format!("Portability of {}{}", model.name, stage_and_from(model, from));
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" content=\"width=device-width\">\n<title>{0}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{0}</h1>\n",
        escape(&title)
    );
    text.push_str("<table>\n<tr><th>target</th><th>score of 100</th><th>losses</th></tr>\n");
    for report in reports {
        let (name, counts) = (escape(&report.target), counts(report));
        text.push_str(&format!("<tr><td><a href=\"#{name}\">{name}</a></td><td>{}</td><td>{counts}</td></tr>\n", report.score));
    }
    text.push_str("</table>\n<p class=\"legend\">");
    for grade in ["exact", "emulated", "degraded", "unsupported"] {
        text.push_str(&format!("<span class=\"{grade}\">{grade}</span>"));
    }
    text.push_str("</p>\n");
    if reports.len() > 1 {
        let heads: String = reports.iter().map(|report| format!("<th>{}</th>", escape(&report.target))).collect();
        text.push_str(&format!("<table>\n<tr><th>resource</th>{heads}</tr>\n"));
        for (name, grades) in overview(model, reports) {
            let said = |grade: Option<Grade>| if from.is_some() && grade.is_none() { "no worse" } else { word(grade) };
            let cells: String = grades.iter().map(|grade| format!("<td class=\"grade {}\">{}</td>", word(*grade), said(*grade))).collect();
            text.push_str(&format!("<tr><td>{}</td>{cells}</tr>\n", escape(&name)));
        }
        text.push_str("</table>\n");
    }
    if !model.differs.is_empty() {
        text.push_str("<p>Otherwise by target, to be looked at in a move:</p>\n<ul>\n");
        for (what, at) in &model.differs {
            text.push_str(&format!("<li>{} (line {})</li>\n", escape(what), sources.line_column(*at).0));
        }
        text.push_str("</ul>\n");
    }
    for report in reports {
        let model = model.on(&report.target);
        text.push_str(&format!(
            "<section id=\"{}\">\n<h2>{0}: {} of 100</h2>\n<p>{}</p>\n{}",
            escape(&report.target),
            report.score,
            escape(&report.about),
            picture(model, report)
        ));
        if report.has_losses() {
            text.push_str("<table>\n<tr><th>resource</th><th>grade</th><th>what</th><th>why</th><th>line</th></tr>\n");
        }
        for refusal in &report.refusals {
            row(&mut text, "", "refused", &refusal.message, &refusal.primary.text, sources.line_column(refusal.primary.span).0);
        }
        for node in &report.nodes {
            let name = format!("{} {}", node.ty, node.name);
            if let Some(reason) = node.accepted() {
                row(&mut text, &name, "accepted", "", reason, sources.line_column(node.span).0);
            }
            for loss in &node.losses {
                let why = format!("{}{}", loss.reason, notes(loss));
                row(&mut text, &name, word(Some(loss.grade)), &subject(loss, node, model), &why, sources.line_column(loss.user).0);
            }
        }
        if report.has_losses() {
            text.push_str("</table>\n");
        }
        if let Some(line) = untouched(report, from) {
            text.push_str(&format!("<p>{}</p>\n", escape(&line)));
        }
        let moves = moves(report);
        if !moves.is_empty() {
            text.push_str("<h3>To move</h3>\n<ul>\n");
            moves.iter().for_each(|line| text.push_str(&format!("<li>{}</li>\n", escape(line))));
            text.push_str("</ul>\n");
        }
        text.push_str("</section>\n");
    }
    text.push_str("</body>\n</html>\n");
    text
}

fn row(text: &mut String, name: &str, grade: &str, what: &str, why: &str, line: usize) {
    text.push_str(&format!(
        "<tr><td>{}</td><td class=\"grade {grade}\">{grade}</td><td>{}</td><td>{}</td><td>{line}</td></tr>\n",
        escape(name),
        escape(what),
        escape(why)
    ));
}

/// Text as it may stand in HTML, in an attribute too.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // XML has no way to hold most control characters, and a page no use for them.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
