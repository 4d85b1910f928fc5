//! Values of the stack's parameters: from the call, a file, the environment, the running stack, a question. A secret never comes from the command line unless
//! the caller insists, since a shell's history and the list of processes show it.

use crate::arguments::Values;
use crate::engine::{Given, Previous};
use crate::question::Answer;
use crate::screen::Screen;
use crate::{Outcome, wrong_call};
use serde_json::Value;
use serde_json::value::RawValue;
use stackc::diag::{self, Diagnostic};
use stackc::origins::ParamOrigin;
use std::collections::BTreeMap;
use std::env::VarError;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// By the parameters' names in the template.
    pub given: BTreeMap<String, Given>,
    /// What is worth knowing of where a value comes from.
    pub notes: Vec<String>,
    /// What is missing, at the lines of the parameters.
    pub missing: Vec<Diagnostic>,
}

/// The texts of a value that is several: with commas between them, or a list in JSON.
pub fn parts(value: &str) -> Vec<String> {
    if let Ok(texts) = serde_json::from_str(value) {
        return texts;
    }
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}

/// The environment's name for a parameter.
pub fn variable(name: &str) -> String {
    format!("STACKC_PARAM_{}", name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// The largest file of parameters, or of one value, in bytes: CloudFormation takes 200 parameters of 4,096 bytes, and no other engine more of both.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Values that were given, by the user's names.
pub fn given(values: &Values, params: &[ParamOrigin], screen: &mut Screen) -> Result<BTreeMap<String, String>, Outcome> {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for param in params {
        let variable = variable(&param.user_name);
        match std::env::var(&variable) {
            Ok(value) => given.insert(param.user_name.clone(), value),
            Err(VarError::NotPresent) => continue,
            Err(VarError::NotUnicode(_)) => return Err(wrong_call(format!("the value that {variable} gives is no text in UTF-8"))),
        };
    }
    if let Some(path) = &values.params_file {
        given.extend(file(path, params)?);
    }
    for argument in &values.params {
        let Some((name, value)) = argument.split_once('=') else {
            // What has no `=` may be a value, and a secret one.
            let of = params.iter().find(|param| param.user_name == *argument).map(|param| format!(": `{}` has none", param.user_name));
            return Err(wrong_call(format!("`--param` takes NAME=VALUE, and one of them has no `=`{}", of.unwrap_or_default())));
        };
        let param = known(name, params)?;
        let value = match value.strip_prefix('@') {
            Some(path) => {
                let text = read(Path::new(path), &format!("the value of `{name}` from {path}"))?;
                text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text).to_owned()
            }
            None if param.secret && !values.secrets_in_arguments => {
                screen.hide(value);
                return Err(wrong_call(format!(
                    "`{name}` is secret, and a shell's history would keep it: give `--param {name}=@FILE`, set {} or let it be asked for (--secrets-in-arguments insists)",
                    variable(name)
                )));
            }
            None => value.to_owned(),
        };
        given.insert(name.to_owned(), value);
    }
    for param in params.iter().filter(|param| param.secret) {
        if let Some(value) = given.get(&param.user_name) {
            screen.hide(value);
        }
    }
    Ok(given)
}

fn known<'p>(name: &str, params: &'p [ParamOrigin]) -> Result<&'p ParamOrigin, Outcome> {
    params.iter().find(|param| param.user_name == name).ok_or_else(|| {
        let names: Vec<&str> = params.iter().map(|param| param.user_name.as_str()).collect();
        let meant = diag::did_you_mean(name, names.iter().copied()).map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
        // A long one is no name, and perhaps a value.
        let shown = if name.chars().count() > 64 { "of that name".to_owned() } else { format!("`{name}`") };
        wrong_call(format!("the template has no parameter {shown}: it has {}{meant}", diag::list(&names)))
    })
}

/// A file's text, if it is one and no larger than a file of parameters can be; `what` it is read for is said when not.
fn read(path: &Path, what: &str) -> Result<String, Outcome> {
    let cannot = |why: &dyn std::fmt::Display| wrong_call(format!("cannot read {what}: {why}"));
    let file = File::open(path).map_err(|error| cannot(&error))?;
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes).map_err(|error| cannot(&error))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(cannot(&"it has more than 1 MiB, and no engine takes that much"));
    }
    String::from_utf8(bytes).map_err(|error| cannot(&format!("byte {} is not UTF-8 text", error.utf8_error().valid_up_to())))
}

/// Lines NAME=VALUE, or one JSON object.
fn file(path: &Path, params: &[ParamOrigin]) -> Result<BTreeMap<String, String>, Outcome> {
    let shown = path.display();
    let text = read(path, &shown.to_string())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut found = BTreeMap::new();
    let mut put = |name: &str, value: String, place: &str| match found.insert(known(name, params)?.user_name.clone(), value) {
        None => Ok(()),
        Some(_) => Err(wrong_call(format!("{shown}{place}: `{name}` is given a second time"))),
    };
    if text.trim_start().starts_with('{') {
        let object: Members = serde_json::from_str(text)
            .map_err(|error| wrong_call(format!("{shown} is no JSON object of parameters: line {}, column {}", error.line(), error.column())))?;
        for (name, value) in object.0 {
            let value = match serde_json::from_str(value.get()) {
                Ok(Value::String(text)) => text,
                // Digit by digit as it stands there.
                Ok(Value::Number(_) | Value::Bool(_)) => value.get().to_owned(),
                _ => {
                    known(&name, params)?;
                    return Err(wrong_call(format!("{shown}: the value of `{name}` is neither a text, a number, true nor false")));
                }
            };
            put(&name, value, "")?;
        }
        return Ok(found);
    }
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let place = format!(", line {}", index + 1);
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong_call(format!("{shown}{place}: a line is NAME=VALUE")));
        };
        let name = name.trim();
        let name = name.strip_prefix("export ").map_or(name, str::trim_start);
        let value = unquoted(value).ok_or_else(|| wrong_call(format!("{shown}{place}: the value of `{name}` has a quote that does not end")))?;
        put(name, value, &place)?;
    }
    Ok(found)
}

/// The members of a JSON object in their order, those of one name too, which a map would take for one.
struct Members(Vec<(String, Box<RawValue>)>);

impl<'d> serde::Deserialize<'d> for Members {
    fn deserialize<D: serde::Deserializer<'d>>(from: D) -> Result<Members, D::Error> {
        struct Visitor;
        impl<'d> serde::de::Visitor<'d> for Visitor {
            type Value = Members;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_map<A: serde::de::MapAccess<'d>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        from.deserialize_map(Visitor)
    }
}

/// A value as a shell would read it when it begins with a quote (so are the lines of `stackc outputs --format env`), and else as it stands
/// between blanks. None when a quote does not end, or something but a comment comes behind.
fn unquoted(value: &str) -> Option<String> {
    let trimmed = value.trim();
    if !trimmed.starts_with(['\'', '"']) {
        return Some(trimmed.to_owned());
    }
    let mut text = String::new();
    let mut rest = trimmed.chars();
    loop {
        match rest.next() {
            None => return Some(text),
            Some('\'') => loop {
                match rest.next()? {
                    '\'' => break,
                    c => text.push(c),
                }
            },
            Some('"') => loop {
                match rest.next()? {
                    '"' => break,
                    '\\' => match rest.next()? {
                        c @ ('"' | '\\' | '$' | '`') => text.push(c),
                        c => text.extend(['\\', c]),
                    },
                    c => text.push(c),
                }
            },
            Some('\\') => text.push(rest.next()?),
            Some(c) if c.is_whitespace() => {
                let behind = rest.as_str().trim_start();
                return (behind.is_empty() || behind.starts_with('#')).then_some(text);
            }
            Some(c) => text.push(c),
        }
    }
}

/// What each parameter is to be; how it ended, when it was left at a question. What was set by hand before stays so; what came from the file's default follows the file.
pub async fn settle(
    params: &[ParamOrigin],
    mut given: BTreeMap<String, String>,
    previous: &BTreeMap<String, Previous>,
    forgets: Option<&str>,
    ask: bool,
    screen: &mut Screen,
) -> Result<Found, Outcome> {
    let mut found = Found::default();
    for param in params {
        if let Some(value) = given.remove(&param.user_name) {
            if let Some(problem) = unfit(param, &value) {
                found.missing.push(problem);
            }
            found.given.insert(param.name.clone(), Given::Value(value));
            continue;
        }
        match previous.get(&param.name) {
            Some(_) if param.secret || !param.has_default => {
                found.given.insert(param.name.clone(), Given::Previous);
            }
            Some(before) if before.default.as_deref() != Some(before.value.as_str()) => {
                found.notes.push(format!("`{}` stays {}, as it was set before; `--set {}=…` changes it", param.user_name, before.value, param.user_name));
                found.given.insert(param.name.clone(), Given::Previous);
            }
            _ if param.has_default => {}
            _ if ask => match screen.ask_value(&param.user_name, param.about.as_deref(), param.secret).await {
                Answer::Given(value) => {
                    if let Some(problem) = unfit(param, &value) {
                        found.missing.push(problem);
                    }
                    found.given.insert(param.name.clone(), Given::Value(value));
                }
                Answer::Nobody => found.missing.push(missing(param, forgets)),
                Answer::Left => return Err(screen.left()),
            },
            _ => found.missing.push(missing(param, forgets)),
        }
    }
    Ok(found)
}

/// `forgets` says why a secret has to be given each time.
fn missing(param: &ParamOrigin, forgets: Option<&str>) -> Diagnostic {
    let name = &param.user_name;
    let variable = variable(name);
    let help = if param.secret {
        let why = forgets.map(|why| format!("{why}: ")).unwrap_or_default();
        format!("{why}set {variable}, give `--param {name}=@FILE`, or run this in a terminal, where it is asked for")
    } else {
        format!("give `--param {name}=VALUE`, or set {variable}")
    };
    Diagnostic::error("D0601", param.span, format!("the parameter `{name}` has no value"), "has no default, and was not given").help(help)
}

fn unfit(param: &ParamOrigin, value: &str) -> Option<Diagnostic> {
    let number = value.parse::<f64>().is_ok_and(f64::is_finite);
    let name = &param.user_name;
    let (what, why, help) = if param.number && !number {
        let help = "give a number, with a dot before its fraction".to_owned();
        (format!("the value given for `{name}` is no number"), "declared as a number here".to_owned(), help)
    } else if !param.limits.allow(value) {
        let why = param.limits.why.clone().unwrap_or_else(|| "declared so here".to_owned());
        (format!("the value given for `{name}` is not one that goes"), why, format!("give {}", param.limits.wanted()))
    } else {
        return None;
    };
    Some(Diagnostic::error("D0602", param.span, what, why).help(help))
}

#[cfg(test)]
mod tests {
    use super::{parts, unquoted};

    #[test]
    fn several_texts_stand_between_commas_or_in_a_list() {
        assert_eq!(parts("subnet-1, subnet-2"), ["subnet-1", "subnet-2"]);
        assert_eq!(parts("[\"a,b\",\"c\"]"), ["a,b", "c"]);
        assert!(parts("").is_empty());
    }

    #[test]
    fn values_are_read_as_a_shell_reads_them() {
        let value = |text: &str| unquoted(text);
        assert_eq!(value("plain # text ").as_deref(), Some("plain # text"));
        assert_eq!(value("'it'\\''s $5' # so").as_deref(), Some("it's $5"));
        assert_eq!(value(" \"a \\\"b\\\" \\n\"").as_deref(), Some("a \"b\" \\n"));
        assert_eq!(value("''").as_deref(), Some(""));
        for broken in ["'open", "\"open\\\"", "'a' b", "'a'\\"] {
            assert_eq!(value(broken), None, "{broken}");
        }
    }
}
