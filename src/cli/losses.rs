//! What targets do only in part, for a person: each once, with the lines and the targets that it is about.

use stackc::diag::Diagnostic;
use stackc::source::Sources;
use std::collections::BTreeMap;

/// How wide it is written, in columns.
const WIDTH: usize = 100;

/// What is lost at some lines: for each reason, the targets.
struct Lost {
    what: String,
    lines: Vec<(String, usize)>,
    reasons: Vec<(String, Vec<String>)>,
}

/// The losses of a run; nothing when there are none.
pub fn text(losses: &[&Diagnostic], sources: &Sources) -> String {
    let mut lost: Vec<Lost> = Vec::new();
    // A line and what is lost there, in the order of the lines, each reason with its targets.
    let mut places: BTreeMap<(String, usize, String), Vec<(String, Vec<String>)>> = BTreeMap::new();
    for found in losses {
        let Some((target, what)) = &found.loss else { continue };
        let span = found.primary.span;
        let file = sources.get(span.file).map(|source| source.name.clone()).unwrap_or_default();
        // Of which one it is, the line says.
        let what = what.split(" such as `").next().unwrap_or(what).to_owned();
        let reasons = places.entry((file, sources.line_column(span).0, what)).or_default();
        match reasons.iter_mut().find(|(reason, _)| *reason == found.primary.text) {
            Some((_, targets)) if targets.contains(target) => {}
            Some((_, targets)) => targets.push(target.clone()),
            None => reasons.push((found.primary.text.clone(), vec![target.clone()])),
        }
    }
    let count = places.len();
    for ((file, line, what), reasons) in places {
        match lost.iter_mut().find(|known| known.what == what && known.reasons == reasons) {
            Some(known) => known.lines.push((file, line)),
            None => lost.push(Lost { what, lines: vec![(file, line)], reasons }),
        }
    }
    if lost.is_empty() {
        return String::new();
    }
    let files = lost.iter().flat_map(|lost| &lost.lines).map(|(file, _)| file).collect::<std::collections::BTreeSet<_>>().len();
    let losses = if count == 1 { "1 loss" } else { &format!("{count} losses") };
    let mut text = format!("W0405\n\n  ⚠ {losses}: what a target does only in part\n");
    for Lost { what, lines, reasons } in &lost {
        let lines: Vec<String> = lines.iter().map(|(file, line)| if files > 1 { format!("{file}:{line}") } else { line.to_string() }).collect();
        let word = if lines.len() == 1 { "line" } else { "lines" };
        text.push_str(&wrapped("    ", &format!("{word} {}: {what}", lines.join(", "))));
        for (reason, targets) in reasons {
            text.push_str(&wrapped("      ", &format!("{}: {reason}", targets.join(", "))));
        }
    }
    text.push_str("  help: accept each by name, with the reason why it does no harm; `-v` shows where and how\n");
    text
}

fn wrapped(indent: &str, text: &str) -> String {
    let behind = format!("{indent}  ");
    let options = textwrap::Options::new(WIDTH).initial_indent(indent).subsequent_indent(&behind).break_words(false);
    let options = options.word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(text, options).join("\n") + "\n"
}
