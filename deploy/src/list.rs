//! `list`: the running stacks, stages and copies of an account or a project, as its cloud knows them; no stack is compiled
//! for it. Terraform keeps no list, so there it is said what is known here.

use crate::arguments::{MessageFormat, Place, PrintFormat};
use crate::begin::{self, pace};
use crate::engine::arm::Arm;
use crate::engine::cfn::Cfn;
use crate::engine::heat::Heat;
use crate::engine::{Engine, Listed, Trouble};
use crate::screen::Screen;
use crate::{Outcome, compile, files};
use serde_json::{Value, json};
use stackc::emit::Format;
use stackc::rules::Target;
use stackc::source::Sources;
use std::path::Path;

/// What was found, and where it was looked.
struct Found {
    place: String,
    account: Option<String>,
    stacks: Vec<Listed>,
    notes: Vec<String>,
}

/// What is said of a list that nobody keeps.
const NO_LIST: &str =
    "Terraform keeps no list: this is what stack.lock.kdl and the folder .stackc know here; what was deployed from elsewhere is in its own state";

/// Lists what runs.
pub async fn run(place: &Place, format: PrintFormat, messages: MessageFormat) -> Outcome {
    let target = match compile::target(place, messages) {
        Ok(target) => target,
        Err(outcome) => return outcome,
    };
    let screen = Screen::new(messages, place.no_input);
    let found = match look(&target, place, &screen).await {
        Ok(Ok(found)) => found,
        Ok(Err(outcome)) => return outcome,
        Err(trouble) => return told(&screen, trouble),
    };
    screen.print(&match format {
        PrintFormat::Json => format!("{:#}\n", as_json(&target, &found)),
        PrintFormat::Table => table(&found),
    });
    Outcome::Done
}

fn told(screen: &Screen, trouble: Trouble) -> Outcome {
    match trouble {
        Trouble::Call(text) | Trouble::Cannot(text) => {
            screen.say(format!("stackc: {text}"));
            Outcome::WrongCall
        }
        Trouble::Resumable { what, next } => {
            screen.say(format!("stackc: {what}\n  next: {next}"));
            Outcome::Refused
        }
        Trouble::Refused { what, reasons, .. } => {
            let why: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
            screen.say(format!("stackc: {what}: {}", why.join("; ")));
            Outcome::Refused
        }
    }
}

async fn look(target: &Target, place: &Place, screen: &Screen) -> Result<Result<Found, Outcome>, Trouble> {
    let none = String::new;
    let of = |place: String, account, stacks| Found { place, account, stacks, notes: Vec::new() };
    let mut found = match target.format {
        Format::CloudFormation => {
            let engine = Cfn::new(begin::for_cloudformation(none(), place), pace(place), screen.notice()).await?;
            of(engine.place(), engine.site().account, engine.list().await?)
        }
        Format::Heat => {
            let engine = Heat::new(begin::for_heat(none(), place), pace(place), screen.notice()).await?;
            of(engine.place(), engine.site().account, engine.list().await?)
        }
        Format::Arm => {
            // The group is that of one stack; a list is of the subscription.
            let engine = Arm::new(begin::for_azure("all".to_owned(), Vec::new(), place), pace(place), screen.notice()).await?;
            let account = engine.site().account;
            of(format!("Azure, subscription {}", account.clone().unwrap_or_default()), account, engine.list().await?)
        }
        Format::Terraform => match known_here(target, place, screen) {
            Ok(stacks) => Found { place: "Terraform".to_owned(), account: None, stacks, notes: vec![NO_LIST.to_owned()] },
            Err(outcome) => return Ok(Err(outcome)),
        },
    };
    found.stacks.sort_by(|one, other| (&one.name, &one.within).cmp(&(&other.name, &other.within)));
    Ok(Ok(found))
}

/// The stacks of a target that the lock file has, and those whose working folder is there.
fn known_here(target: &Target, place: &Place, screen: &Screen) -> Result<Vec<Listed>, Outcome> {
    let mut sources = Sources::default();
    let lock = match files::open_lock(&place.input.file, &mut sources)? {
        None => None,
        Some(Ok(lock)) => Some(lock),
        Some(Err(problem)) => {
            screen.report(vec![problem], &sources);
            return Err(Outcome::WrongInput);
        }
    };
    let mut found: Vec<Listed> = Vec::new();
    for running in lock.iter().flat_map(|lock| &lock.stacks).filter(|running| running.which.target == target.name) {
        let which = &running.which;
        let parts: Vec<String> = [&which.stage, &which.instance].into_iter().flatten().cloned().collect();
        let name = [std::slice::from_ref(&which.stack), parts.as_slice()].concat().join("-");
        let within = Some(which.place.clone()).filter(|place| !place.is_empty());
        found.push(Listed { name, stack: Some(which.stack.clone()), which: parts, how: "in the lock file".to_owned(), changed: None, within });
    }
    let beside = place.input.file.parent().unwrap_or(Path::new("")).join(".stackc");
    let entries = std::fs::read_dir(&beside).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
    for entry in entries.iter().filter(|entry| entry.path().is_dir()) {
        let folder = entry.file_name().to_string_lossy().into_owned();
        let mut parts = folder.split('.').map(str::to_owned);
        if parts.next().as_deref() != Some(target.name.as_str()) {
            continue;
        }
        let parts: Vec<String> = parts.collect();
        if !found.iter().any(|known| known.which == parts) {
            let how = "worked on from here, perhaps running".to_owned();
            found.push(Listed {
                name: folder.clone(),
                stack: None,
                which: parts,
                how,
                changed: None,
                within: Some(beside.join(&folder).display().to_string()),
            });
        }
    }
    Ok(found)
}

/// What an engine's description of a stack says: `shop (prod, green)`.
pub fn described(about: &str) -> (Option<String>, Vec<String>) {
    match about.split_once(" (").and_then(|(stack, which)| Some((stack, which.strip_suffix(')')?))) {
        Some((stack, which)) => (Some(stack.to_owned()), which.split(", ").map(str::to_owned).collect()),
        None => (Some(about.to_owned()).filter(|about| !about.is_empty()), Vec::new()),
    }
}

fn table(found: &Found) -> String {
    let count = match found.stacks.len() {
        0 => "no stack of stackc's".to_owned(),
        1 => "1 stack of stackc's".to_owned(),
        many => format!("{many} stacks of stackc's"),
    };
    let mut text = format!("{}: {count}\n", found.place);
    let line = |listed: &Listed| {
        let of = listed.stack.as_ref().filter(|stack| !listed.which.is_empty() || **stack != listed.name);
        let of = of.map(|stack| format!("{stack}: {}", listed.which.join(", "))).unwrap_or_default();
        let how = listed.how.to_ascii_lowercase().replace('_', " ");
        [listed.name.clone(), how, listed.changed.clone().unwrap_or_default(), of.trim_end_matches(": ").to_owned(), listed.within.clone().unwrap_or_default()]
    };
    let lines: Vec<[String; 5]> = found.stacks.iter().map(line).collect();
    let width = |column: usize| lines.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for line in &lines {
        let cells: Vec<String> = line.iter().zip(&widths).filter(|(_, width)| **width > 0).map(|(cell, width)| format!("{cell:<width$}")).collect();
        text.push_str(&format!("  {}\n", cells.join("  ").trim_end()));
    }
    found.notes.iter().for_each(|note| text.push_str(&format!("  {note}\n")));
    text
}

fn as_json(target: &Target, found: &Found) -> Value {
    let one = |listed: &Listed| {
        json!({
            "name": listed.name, "stack": listed.stack, "which": listed.which, "status": listed.how, "changed": listed.changed, "within": listed.within
        })
    };
    let stacks: Vec<Value> = found.stacks.iter().map(one).collect();
    json!({ "target": target.name, "place": found.place, "account": found.account, "stacks": stacks, "notes": found.notes })
}
