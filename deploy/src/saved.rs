//! A plan in a file, so that what was looked at is what is done later, perhaps by somebody else: which stack, where, of
//! what, and what the engine needs to do exactly that. No value of a secret is in it in plain, but for what Terraform
//! puts into its own.

use crate::arguments::{Place, Verb};
use crate::engine::{Change, Given, Site, Wanted};
use crate::{Outcome, own, wrong_call};
use aws_smithy_types::base64;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use stackc::origins::ParamOrigin;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// What such a file begins with, and of which kind it is.
const KIND: (&str, u64) = ("stackc-plan", 1);
/// Over all that stands before it.
const CHECK: &str = "check";
/// The stackc that made it, which makes the same template of the same stack.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The largest file that is read, in bytes.
const LARGEST: u64 = 256 * 1024 * 1024;

/// A plan that was read from a file.
#[derive(Debug, Clone)]
pub struct Saved {
    /// Where it was read, for a person.
    pub shown: String,
    whole: Value,
}

/// What a file is written of.
pub struct Parts<'p> {
    /// The running stack's name.
    pub name: &'p str,
    /// The target.
    pub target: &'p str,
    /// Where it is planned.
    pub site: &'p Site,
    /// The call.
    pub place: &'p Place,
    /// What may be lost, as the call says it.
    pub allowed: &'p [String],
    /// What is planned.
    pub wanted: &'p Wanted,
    /// The stack's parameters.
    pub params: &'p [ParamOrigin],
    /// What is to be done; none where nothing is.
    pub with: Option<Value>,
    /// What changes.
    pub changes: &'p [Change],
}

/// What a text is told by from every other.
pub fn digest(text: &str) -> String {
    let sum = Sha256::digest(text.as_bytes());
    sum.iter().fold("sha256:".to_owned(), |text, byte| format!("{text}{byte:02x}"))
}

/// Bytes as a file of text can have them.
pub fn packed(bytes: &[u8]) -> String {
    base64::encode(bytes)
}

/// And back.
pub fn unpacked(text: &str) -> Option<Vec<u8>> {
    base64::decode(text).ok()
}

/// What changes, without any value: those may be secret, and the engine's own part has them.
pub fn outline(changes: &[Change]) -> Value {
    let mut lines: Vec<Value> = changes
        .iter()
        .map(|change| {
            let mut paths: Vec<&str> = change.properties.iter().map(|property| property.path.as_str()).collect();
            paths.sort_unstable();
            json!({ "what": change.what.word(), "name": change.name, "type": change.ty, "properties": paths })
        })
        .collect();
    lines.sort_by_key(Value::to_string);
    Value::Array(lines)
}

/// Whether a file is taken for a plan, and not for a stack: it is JSON, which no stack begins like, or is called so.
pub fn is_one(path: &Path) -> bool {
    if path.extension().is_some_and(|extension| extension == "plan") {
        return true;
    }
    let mut start = [0; 256];
    let read = File::open(path).and_then(|mut file| file.read(&mut start)).unwrap_or(0);
    start.get(..read).unwrap_or_default().iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Whether a plan may be written there: nothing of anybody else's is written over.
///
/// # Errors
/// Says why not.
pub fn may_write(path: &Path) -> Result<(), String> {
    if path.extension().is_some_and(|extension| extension == "kdl") {
        return Err(format!("--out {}: a file of that name is a stack's; call a plan shop.plan", path.display()));
    }
    let other = path.exists() && Saved::read(path).is_err() && std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
    if other { Err(format!("--out {} is there already, and no plan of stackc's: it is not written over", path.display())) } else { Ok(()) }
}

impl Parts<'_> {
    /// Writes the file, which nobody else can read.
    ///
    /// # Errors
    /// Says why it cannot be written.
    pub fn write(&self, path: &Path, keeps: impl Fn(&str) -> bool) -> std::io::Result<()> {
        let place = self.place;
        let known = |param: &&ParamOrigin| self.wanted.params.contains_key(&param.name);
        let params = self.params.iter().filter(known).map(|param| {
            let value = match self.wanted.params.get(&param.name) {
                Some(Given::Previous) => json!("previous"),
                _ if keeps(&param.name) => json!("kept"),
                _ if param.secret => json!("again"),
                Some(Given::Value(value)) => json!({ "value": value }),
                None => Value::Null,
            };
            (param.name.clone(), value)
        });
        let mut whole = json!({
            KIND.0: KIND.1,
            "stackc": VERSION,
            "stack": self.name,
            "target": self.target,
            "place": self.site.place,
            "account": self.site.account,
            "file": place.input.file,
            "stage": place.input.stage,
            "instance": place.input.instance,
            "rules": place.input.rules,
            "region": place.region,
            "resource-group": place.resource_group,
            "template": digest(&self.wanted.template),
            "params": params.collect::<Map<String, Value>>(),
            "allow-replace": self.allowed,
            "revert-drift": self.wanted.revert_drift,
            "changes": outline(self.changes),
            "with": self.with,
        });
        let check = digest(&whole.to_string());
        if let Some(members) = whole.as_object_mut() {
            members.insert(CHECK.to_owned(), json!(check));
        }
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        // One that is there may be anybody's to read.
        let _ = std::fs::remove_file(path);
        own::private_file(path, format!("{whole:#}\n"))
    }
}

impl Saved {
    /// Reads a plan, and sees to it that nobody has changed it since.
    ///
    /// # Errors
    /// Says what is wrong with it, behind its name.
    pub fn read(path: &Path) -> Result<Saved, String> {
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
        file.take(LARGEST).read_to_end(&mut bytes).map_err(|error| format!("cannot be read: {error}"))?;
        let whole: Value = serde_json::from_slice(&bytes).map_err(|_| "is damaged, or no plan of stackc's".to_owned())?;
        let Some(kind) = whole.get(KIND.0).and_then(Value::as_u64) else { return Err("is no plan of stackc's".to_owned()) };
        let version = whole.get("stackc").and_then(Value::as_str).unwrap_or_default();
        if kind != KIND.1 || version != VERSION {
            return Err(format!("was made by stackc {version}, and this is stackc {VERSION}"));
        }
        let mut rest = whole.clone();
        let check = rest.as_object_mut().and_then(|members| members.shift_remove(CHECK));
        if check != Some(json!(digest(&rest.to_string()))) {
            return Err("is damaged, or was changed by hand".to_owned());
        }
        Ok(Saved { shown: path.display().to_string(), whole })
    }

    /// A text that stands in it.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.whole.get(name).and_then(Value::as_str)
    }

    /// What the engine kept; none where there was nothing to do.
    pub fn with(&self) -> Option<&Value> {
        self.whole.get("with").filter(|with| !with.is_null())
    }

    /// What was to change, as [`outline`] says it.
    pub fn changes(&self) -> Option<&Value> {
        self.whole.get("changes")
    }

    /// Of a parameter, by its name in the template: the value that stands there, or where it is.
    pub fn param(&self, name: &str) -> Option<Kept<'_>> {
        let param = self.whole.get("params")?.get(name)?;
        Some(match param.as_str() {
            Some("previous") => Kept::Previous,
            Some("again") => Kept::Again,
            Some(_) => Kept::Elsewhere,
            None => Kept::Value(param.get("value").and_then(Value::as_str).unwrap_or_default()),
        })
    }

    fn names(&self, name: &str) -> Vec<String> {
        let list = self.whole.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        list.iter().filter_map(|name| Some(name.as_str()?.to_owned())).collect()
    }

    /// Says that it is not done, and why.
    pub fn refused(&self, why: &str) -> Outcome {
        refused(&self.shown, why)
    }
}

/// Where the value of a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept<'s> {
    /// In the file.
    Value(&'s str),
    /// In the running stack.
    Previous,
    /// In the engine's own part, or in the cloud.
    Elsewhere,
    /// Nowhere: it is secret, and given again.
    Again,
}

fn refused(shown: &str, why: &str) -> Outcome {
    say!("stackc: the plan {shown} {why}; nothing was done\n  next: plan anew (`stackc plan --out {shown}`), and look at it");
    Outcome::WrongInput
}

/// Where the call deploys a plan, what the plan says takes the place of what the call leaves out.
pub fn enter(verb: &mut Verb) -> Result<(), Outcome> {
    let Verb::Deploy { place, values, losses, skip, revert_drift, saved, .. } = verb else { return Ok(()) };
    if !is_one(&place.input.file) {
        return Ok(());
    }
    let shown = place.input.file.display().to_string();
    let plan = Saved::read(&place.input.file).map_err(|why| refused(&shown, &why))?;
    let taken = [
        ("--allow-replace", !losses.allow_replace.is_empty()),
        ("--skip", !skip.is_empty()),
        ("--revert-drift", *revert_drift),
        ("--params", values.params_file.is_some()),
    ];
    if let Some((option, _)) = taken.iter().find(|(_, given)| *given) {
        return Err(wrong_call(format!("{option} belongs to `stackc plan --out {shown}`: what is in a plan is done as it is")));
    }
    let settle = |option: &str, given: &mut Option<String>| {
        let planned = plan.text(option).map(str::to_owned);
        if given.is_some() && *given != planned {
            let planned = planned.map_or_else(|| format!("without --{option}"), |planned| format!("for --{option} {planned}"));
            return Err(wrong_call(format!("the plan {shown} was made {planned}: leave --{option} out, or plan anew")));
        }
        *given = planned;
        Ok(())
    };
    settle("stage", &mut place.input.stage)?;
    settle("instance", &mut place.input.instance)?;
    settle("target", &mut place.target)?;
    settle("region", &mut place.region)?;
    settle("resource-group", &mut place.resource_group)?;
    place.input.rules = plan.text("rules").map(PathBuf::from);
    place.input.file = plan.text("file").map(PathBuf::from).unwrap_or_default();
    if !place.input.file.exists() {
        let file = place.input.file.display();
        return Err(wrong_call(format!("the plan {shown} is of {file}, which is not there: deploy it from where it was made")));
    }
    losses.allow_replace = plan.names("allow-replace");
    *revert_drift = plan.whole.get("revert-drift") == Some(&json!(true));
    *saved = Some(Box::new(plan));
    Ok(())
}
