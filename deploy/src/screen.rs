//! All that is printed and asked. Results go to standard output, everything else to standard error; a secret that came in goes out as stars, wherever it turns up.

use crate::arguments::MessageFormat;
use crate::question::{self, Answer};
use crate::{Outcome, report};
use indicatif::{MultiProgress, ProgressBar};
use stackc::diag::Diagnostic;
use stackc::source::Sources;
use std::io::{BufRead, IsTerminal, Write};
use std::rc::Rc;

/// Shorter ones would turn up in words that have nothing to do with them.
const SHORTEST_HIDDEN: usize = 4;

/// Whether a terminal acts on a character instead of showing it: control characters, and those that turn the direction of a line
/// (Unicode's Bidi_Control).
fn is_order(c: char) -> bool {
    c.is_control() && !matches!(c, '\n' | '\t') || matches!(c, '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Where everything is printed.
pub struct Screen {
    secrets: Vec<String>,
    format: MessageFormat,
    /// Whether somebody sees standard error as it is written.
    terminal: bool,
    /// Whether somebody can answer.
    asks: bool,
    bars: MultiProgress,
}

impl Screen {
    /// A screen; with `no_input`, nobody is asked.
    pub fn new(format: MessageFormat, no_input: bool) -> Screen {
        let terminal = std::io::stderr().is_terminal();
        Screen { secrets: Vec::new(), format, terminal, asks: !no_input && terminal && std::io::stdin().is_terminal(), bars: MultiProgress::new() }
    }

    /// From now on, this value is printed as stars.
    pub fn hide(&mut self, secret: &str) {
        // A value of several lines would be printed line by line, and in JSON with its quotes escaped.
        for line in secret.lines().map(str::trim).filter(|line| line.chars().count() >= SHORTEST_HIDDEN) {
            let escaped = serde_json::Value::from(line).to_string();
            for form in [line, escaped.trim_start_matches('"').strip_suffix('"').unwrap_or(line)] {
                if !self.secrets.iter().any(|known| known == form) {
                    self.secrets.push(form.to_owned());
                }
            }
        }
        self.secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// A text with stars in the place of secrets, and without what a terminal would take for an order: much of it comes from elsewhere.
    pub fn veil(&self, text: &str) -> String {
        let text = self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret, "****"));
        if text.chars().any(is_order) { text.chars().map(|c| if is_order(c) { char::REPLACEMENT_CHARACTER } else { c }).collect() } else { text }
    }

    /// A line for whoever watches.
    pub fn say(&self, text: impl AsRef<str>) {
        let text = self.veil(text.as_ref());
        if self.terminal {
            // A line above the bars, if there are any.
            self.bars.suspend(|| say!("{text}"));
        } else {
            say!("{text}");
        }
    }

    /// For an engine that waits something out.
    pub fn notice(&self) -> Rc<dyn Fn(&str)> {
        let (bars, terminal) = (self.bars.clone(), self.terminal);
        Rc::new(move |text| if terminal { bars.suspend(|| say!("{text}")) } else { say!("{text}") })
    }

    /// A result, whole lines.
    pub fn print(&self, text: &str) {
        let text = self.veil(text);
        // Nobody reads on: that is no fault.
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Diagnostics, as the caller wants them.
    pub fn report(&self, diagnostics: Vec<Diagnostic>, sources: &Sources) {
        let veiled: Vec<Diagnostic> = diagnostics
            .into_iter()
            .map(|mut diagnostic| {
                diagnostic.message = self.veil(&diagnostic.message);
                diagnostic.primary.text = self.veil(&diagnostic.primary.text);
                diagnostic.help = diagnostic.help.map(|help| self.veil(&help));
                diagnostic.related.iter_mut().for_each(|label| label.text = self.veil(&label.text));
                diagnostic
            })
            .collect();
        report::report(&veiled, sources, self.format, false);
    }

    /// A bar below what is said, on a terminal.
    pub fn bar(&self, bar: impl FnOnce() -> ProgressBar) -> Option<ProgressBar> {
        self.terminal.then(|| self.bars.add(bar()))
    }

    /// Whether somebody can answer.
    pub fn asks(&self) -> bool {
        self.asks
    }

    /// After Ctrl-C at a question.
    pub fn left(&self) -> Outcome {
        self.say("\nnothing was done");
        Outcome::Left
    }

    /// Asks for a yes.
    pub async fn ask(&self, question: &str) -> Answer<bool> {
        match self.line(&format!("{question} [y/N] ")).await {
            Answer::Given(answer) => Answer::Given(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes")),
            Answer::Nobody => Answer::Nobody,
            Answer::Left => Answer::Left,
        }
    }

    /// Asks for a value; a secret is not shown while it is typed. What is empty is none.
    pub async fn ask_value(&mut self, name: &str, about: Option<&str>, secret: bool) -> Answer<String> {
        let about = about.map(|about| format!(" ({about})")).unwrap_or_default();
        let prompt = format!("{name}{about}: ");
        let answer = if !secret {
            self.line(&prompt).await
        } else if self.asks {
            let prompt = self.veil(&prompt);
            question::typed(move || rpassword::prompt_password(prompt).map(Some)).await
        } else {
            Answer::Nobody
        };
        match answer {
            Answer::Given(value) if value.is_empty() => Answer::Nobody,
            Answer::Given(value) if secret => {
                self.hide(&value);
                Answer::Given(value)
            }
            other => other,
        }
    }

    async fn line(&self, prompt: &str) -> Answer<String> {
        if !self.asks {
            return Answer::Nobody;
        }
        let prompt = self.veil(prompt);
        question::typed(move || {
            std::io::stderr().lock().write_all(prompt.as_bytes())?;
            let mut answer = String::new();
            let read = std::io::stdin().lock().read_line(&mut answer)?;
            Ok((read > 0).then(|| answer.trim_end_matches(['\r', '\n']).to_owned()))
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_veiled_in_every_form() {
        let mut screen = Screen::new(MessageFormat::Human, true);
        screen.hide("one \"quoted\" value\nand a second line\nabc");
        let text = serde_json::json!({ "is": "one \"quoted\" value" }).to_string();
        assert_eq!(screen.veil(&text), "{\"is\":\"****\"}");
        assert_eq!(screen.veil("one \"quoted\" value, and a second line, abc"), "****, ****, abc");
    }

    #[test]
    fn what_a_terminal_would_obey_is_not_printed() {
        let screen = Screen::new(MessageFormat::Human, true);
        assert_eq!(screen.veil("\u{1b}[2Jgone\r\u{9b}1m\u{202e}txt\u{7}\n\tstays"), "\u{fffd}[2Jgone\u{fffd}\u{fffd}1m\u{fffd}txt\u{fffd}\n\tstays");
    }
}
