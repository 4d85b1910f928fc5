//! Verbs that only look: outputs, status, events, drift.

use super::{Followed, Life};
use crate::arguments::{OutputFormat, PrintFormat};
use crate::engine::{Drift, Ending, Engine, Event, ResourceStatus, State, Trouble, What};
use crate::operate::Copies;
use crate::watch::Watch;
use crate::{Outcome, table};
use serde_json::json;

impl<E: Engine> Life<E> {
    pub(super) async fn print_outputs(&mut self, format: OutputFormat) -> Result<(), Trouble> {
        let found = self.engine.outputs().await?;
        let known = &self.compiled.origins.outputs;
        let mut outputs: Vec<(&str, &str)> = found
            .iter()
            // What only a client of ours reads is shown to nobody.
            .filter(|(name, _)| !known.iter().any(|output| output.name == *name && output.handle.is_some()))
            .map(|(name, value)| (known.iter().find(|output| output.name == *name).map_or(name.as_str(), |output| output.user_name.as_str()), value.as_str()))
            .collect();
        outputs.sort_unstable();
        let text = match format {
            OutputFormat::Table => {
                let width = outputs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
                outputs.iter().map(|(name, value)| format!("{name:<width$}  {value}\n")).collect()
            }
            OutputFormat::Json => {
                let object: serde_json::Map<String, serde_json::Value> = outputs.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
                format!("{:#}\n", serde_json::Value::Object(object))
            }
            OutputFormat::Env => {
                let name = |name: &str| name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
                outputs.iter().map(|(key, value)| format!("{}='{}'\n", name(key), value.replace('\'', "'\\''"))).collect()
            }
        };
        self.screen.print(&text);
        Ok(())
    }

    pub(super) async fn outputs(&mut self, format: OutputFormat, name: Option<&str>) -> Result<Outcome, Trouble> {
        if let Some(name) = name {
            let shown = || self.compiled.origins.outputs.iter().filter(|output| output.handle.is_none());
            let Some(known) = shown().find(|output| output.user_name == name) else {
                let names = stackc::diag::list(shown().map(|output| &output.user_name));
                return Err(Trouble::Call(format!("the stack has no output `{name}`: it has {names}")));
            };
            let found = self.engine.outputs().await?;
            let Some((_, value)) = found.iter().find(|(of, _)| *of == known.name) else {
                return Err(Trouble::Call(format!("what runs has no output `{name}` yet: `stackc deploy` makes it")));
            };
            self.screen.print(&format!("{value}\n"));
            return Ok(Outcome::Done);
        }
        self.print_outputs(format).await?;
        Ok(Outcome::Done)
    }

    pub(super) async fn status(&mut self, format: PrintFormat, long: bool) -> Result<Outcome, Trouble> {
        let status = self.engine.status().await?;
        let place = self.engine.place();
        // As with all that asks after what is not there.
        let there = if status.how.is_some() { Outcome::Done } else { Outcome::WrongCall };
        let runs = if status.resources.is_empty() { Vec::new() } else { self.what_runs().await? };
        if format == PrintFormat::Json {
            let resources: Vec<_> = status
                .resources
                .iter()
                .map(|resource| {
                    let (name, ty, id, how) = (&resource.name, &resource.ty, &resource.id, &resource.how);
                    json!({ "resource": self.compiled.user_name(name), "label": self.compiled.label(name), "name": name, "type": ty, "id": id, "status": how })
                })
                .collect();
            let of = |(ty, node, copies): &(String, String, Result<Copies, String>)| match copies {
                Ok(copies) => json!({
                    "type": ty, "resource": node, "wanted": copies.wanted, "running": copies.running, "healthy": copies.healthy, "image": copies.image,
                    "address": copies.address, "since": copies.since, "word": copies.word,
                }),
                Err(why) => json!({ "type": ty, "resource": node, "unknown": why }),
            };
            let runs: Vec<_> = runs.iter().map(of).collect();
            let facts: serde_json::Map<String, serde_json::Value> = status.facts.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
            let whole = json!({ "stack": self.compiled.name, "place": place, "status": status.how, "reason": status.reason, "facts": facts, "runs": runs, "resources": resources });
            self.screen.print(&format!("{whole:#}\n"));
            return Ok(there);
        }
        let mut text = format!("{} ({place}): {}\n", self.compiled.name, status.how.as_deref().unwrap_or("not there"));
        for (name, value) in status.reason.iter().map(|reason| ("reason", reason)).chain(status.facts.iter().map(|(name, value)| (name.as_str(), value))) {
            text.push_str(&format!("  {name}: {value}\n"));
        }
        for (ty, node, copies) in &runs {
            let how = copies.as_ref().map_or_else(|why| format!("could not be asked: {why}"), super::operate::running);
            text.push_str(&format!("  {ty} {node}: {how}\n"));
        }
        let words = |resource: &ResourceStatus| resource.how.to_ascii_lowercase().replace('_', " ");
        if long {
            for resource in &status.resources {
                let id = resource.id.as_deref().unwrap_or("");
                text.push_str(&format!("  {:<22}  {:<44}  {id}\n", words(resource), self.compiled.label(&resource.name)));
            }
        } else {
            // Those of a node that are alike have one line.
            let mut lines: Vec<(String, String, Vec<&ResourceStatus>)> = Vec::new();
            for resource in &status.resources {
                let (how, node) = (words(resource), table::node_of(&self.compiled, &resource.name));
                match lines.iter_mut().find(|(known, name, _)| *known == how && *name == node) {
                    Some((.., group)) => group.push(resource),
                    None => lines.push((how, node, vec![resource])),
                }
            }
            for (how, node, group) in lines {
                let (name, behind) = match group.as_slice() {
                    [one] => (self.compiled.label(&one.name), one.id.clone().unwrap_or_default()),
                    many => (node, format!("{} resources", many.len())),
                };
                text.push_str(format!("  {how:<22}  {name:<44}  {behind}").trim_end());
                text.push('\n');
            }
        }
        self.screen.print(&text);
        Ok(there)
    }

    pub(super) async fn events(&mut self, last: usize, follow: bool, format: PrintFormat) -> Result<Outcome, Trouble> {
        let state = if follow { Some(self.engine.state().await?) } else { None };
        let events = self.engine.events(last).await?;
        if format == PrintFormat::Json {
            let events: Vec<_> = events.iter().map(|event| self.event_json(event)).collect();
            self.screen.print(&format!("{:#}\n", json!({ "stack": self.compiled.name, "place": self.engine.place(), "events": events })));
            return Ok(Outcome::Done);
        }
        let mut text = String::new();
        for event in &events {
            let label = event.name.as_ref().map_or_else(|| format!("stack {}", self.compiled.name), |name| self.compiled.label(name));
            let reason = event.reason.as_ref().map(|reason| format!("  {reason}")).unwrap_or_default();
            text.push_str(&format!("{} UTC  {label:<44}  {}{reason}\n", moment(event.at), event.word.to_ascii_lowercase().replace('_', " ")));
        }
        self.screen.print(&text);
        match state {
            Some(State::Busy(_, running)) => match self.follow(running, &mut Watch::default()).await {
                Followed::Left(outcome) => Ok(outcome),
                Followed::Ended(Ending::Failed { how, next, .. }, events) => Ok(self.failed(&how, &next, &events)),
                Followed::Ended(..) => Ok(Outcome::Done),
            },
            _ => Ok(Outcome::Done),
        }
    }

    fn event_json(&self, event: &Event) -> serde_json::Value {
        let user = event.name.as_deref().map(|name| self.compiled.user_name(name));
        let label = event.name.as_deref().map(|name| self.compiled.label(name));
        let at = format!("{}Z", moment(event.at).replace(' ', "T"));
        json!({ "at": at, "resource": user, "label": label, "name": event.name, "type": event.ty, "status": event.word, "reason": event.reason })
    }

    pub(super) async fn drift(&mut self, format: PrintFormat, detailed: bool) -> Result<Outcome, Trouble> {
        let Drift { drifted, unchecked, notes, next } = self.engine.drift().await?;
        if format == PrintFormat::Json {
            let unchecked: Vec<String> = unchecked.iter().map(|name| self.compiled.label(name)).collect();
            let whole = json!({ "stack": self.compiled.name, "place": self.engine.place(), "drifted": table::changes_json(&self.compiled, &drifted), "unchecked": unchecked, "notes": notes });
            self.screen.print(&format!("{whole:#}\n"));
        } else {
            let head = if drifted.is_empty() && notes.is_empty() {
                "as it was deployed".to_owned()
            } else if drifted.is_empty() {
                "nothing was found that is no longer as deployed".to_owned()
            } else {
                format!("{} no longer as deployed", drifted.len())
            };
            let mut text = format!("{} ({}): {head}\n", self.compiled.name, self.engine.place());
            text.push_str(&table::lines(&self.compiled, &drifted, |change| if change.what == What::Remove { "removed" } else { "changed" }));
            if !unchecked.is_empty() {
                text.push_str(&format!("  {} could not be compared: the cloud cannot compare resources of their types\n", unchecked.len()));
            }
            for note in &notes {
                text.push_str(&format!("  {note}\n"));
            }
            if !drifted.is_empty() {
                let next = next.unwrap_or("`stackc deploy --revert-drift` puts back what was changed");
                text.push_str(&format!("  {next}\n"));
            }
            self.screen.print(&text);
        }
        Ok(if detailed && !drifted.is_empty() { Outcome::Changes } else { Outcome::Done })
    }
}

/// `2026-11-25 14:03:07`, in UTC.
pub fn moment(at: f64) -> String {
    let seconds = at.max(0.0) as u64;
    let (days, rest) = (seconds / 86_400, seconds % 86_400);
    // Howard Hinnant's "civil from days", for days since 1970.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month_shifted + 2) / 5 + 1;
    let month = if month_shifted < 10 { month_shifted + 3 } else { month_shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02}", rest / 3_600, rest / 60 % 60, rest % 60)
}

#[cfg(test)]
mod tests {
    #[test]
    pub(super) fn moments_are_those_of_the_calendar() {
        assert_eq!(super::moment(0.0), "1970-01-01 00:00:00");
        assert_eq!(super::moment(951_827_696.0), "2000-02-29 12:34:56");
        assert_eq!(super::moment(1_735_689_599.9), "2024-12-31 23:59:59");
    }
}
