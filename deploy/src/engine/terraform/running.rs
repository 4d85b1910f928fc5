//! An apply under way: what it wrote into its log, and how it ended.

use super::changes;
use super::{LOG, Terraform, UNSAVED};
use crate::engine::{Ending, Event, Step};
use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::process::Child;

/// An apply under way.
#[derive(Debug)]
pub struct Running {
    /// Its process; none when it is not ours.
    pub(super) child: Option<Child>,
    pub(super) id: u32,
    /// The saved plan that it applies, by which its process is known.
    pub(super) plan: String,
    /// How much of its log was read, and the line that is not whole yet.
    read: u64,
    rest: String,
    /// Whether it said that it failed.
    pub(super) failed: bool,
    /// What the cloud calls the resources that are under way, by their addresses.
    ids: BTreeMap<String, String>,
    /// What failed, and has no reason yet: its name in the template, and its type.
    unexplained: Vec<(String, String)>,
    /// What it said that is no JSON.
    pub(super) plain: String,
    pub(super) looked: bool,
    /// How often it was asked to stop.
    pub(super) asked: Cell<u32>,
}

impl Terraform {
    /// How an apply ended, and what it takes to go on.
    pub(super) fn ending(&self, running: &Running, code: Option<i32>, failed: bool) -> Ending {
        if self.path(UNSAVED).exists() {
            return Ending::Failed { how: "an unsaved state".to_owned(), next: self.push(), removal: false };
        }
        match code {
            Some(0) => Ending::Done,
            None if running.child.is_none() && !failed => Ending::Done,
            _ => {
                let killed = if code.is_none() && running.child.is_some() { format!("{} was killed; ", self.program.title) } else { String::new() };
                let mended = if running.asked.get() == 0 { ", once the cause is mended" } else { "" };
                Ending::Failed {
                    how: "between before and after".to_owned(),
                    next: format!("{killed}what is done is kept in its state, and the same command goes on from there{mended}"),
                    removal: false,
                }
            }
        }
    }

    /// What the log has since it was read last, and whether it has an error.
    pub(super) fn heard(&self, running: &mut Running) -> Vec<Event> {
        let mut events = Vec::new();
        let Ok(mut log) = File::open(self.path(LOG)) else { return events };
        let mut bytes = Vec::new();
        if log.seek(SeekFrom::Start(running.read)).is_err() || log.read_to_end(&mut bytes).is_err() {
            return events;
        }
        running.read += bytes.len() as u64;
        running.rest.push_str(&String::from_utf8_lossy(&bytes));
        let whole = running.rest.rfind('\n').map_or(0, |at| at + 1);
        let rest = running.rest.split_off(whole);
        for text in std::mem::replace(&mut running.rest, rest).lines() {
            match changes::line(text) {
                Some(line) => {
                    let event = changes::event(&line);
                    events.extend(event.map(|event| running.understood(event, &line)));
                }
                None => running.plain.push_str(&format!("{text}\n")),
            }
        }
        running.failed |= events.iter().any(|event| event.step == Step::Failed);
        events
    }
}

impl Running {
    pub(super) fn of(child: Option<Child>, id: u32, plan: String) -> Running {
        let id = child.as_ref().map_or(id, Child::id);
        Running {
            child,
            id,
            plan,
            read: 0,
            rest: String::new(),
            failed: false,
            ids: BTreeMap::new(),
            unexplained: Vec::new(),
            plain: String::new(),
            looked: false,
            asked: Cell::new(0),
        }
    }

    /// An event, with its resource where Terraform does not say which: what it says of a removal that failed names none.
    fn understood(&mut self, mut event: Event, line: &Value) -> Event {
        let kind = changes::text(line, "type");
        match (&event.name, kind) {
            (Some(name), "apply_start") => {
                let id = line.pointer("/hook/id_value").and_then(Value::as_str).unwrap_or_default();
                self.ids.insert(name.clone(), id.to_owned());
            }
            (Some(name), "apply_errored") => self.unexplained.push((name.clone(), event.ty.clone())),
            (Some(name), "diagnostic") => self.unexplained.retain(|(known, _)| known != name),
            (None, "diagnostic") => {
                let reason = event.reason.as_deref().unwrap_or_default();
                let named = |(name, _): &&(String, String)| self.ids.get(name).is_some_and(|id| !id.is_empty() && reason.contains(id.as_str()));
                let only = if self.unexplained.len() == 1 { self.unexplained.first() } else { None };
                if let Some((name, ty)) = self.unexplained.iter().find(named).or(only).cloned() {
                    self.unexplained.retain(|(known, _)| *known != name);
                    (event.name, event.ty) = (Some(name), ty);
                }
            }
            _ => {}
        }
        event
    }
}
