//! Values of the stack's parameters: from the call, a file, the environment, the running stack, a question. A secret never comes from the command line unless
//! the caller insists, since a shell's history and the list of processes show it.

use crate::arguments::Values;
use crate::compile::Compiled;
use crate::engine::{Given, Previous};
use crate::question::Answer;
use crate::screen::Screen;
use crate::{Outcome, wrong_call};
use stackc::diag::{self, Diagnostic};
use stackc::origins::ParamOrigin;
use std::collections::BTreeMap;
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

/// The environment's name for a parameter.
pub fn variable(name: &str) -> String {
    format!("STACKC_PARAM_{}", name.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

/// Values that were given, by the user's names.
pub fn given(values: &Values, params: &[ParamOrigin], screen: &mut Screen) -> Result<BTreeMap<String, String>, Outcome> {
    let mut given: BTreeMap<String, String> = BTreeMap::new();
    for param in params {
        if let Ok(value) = std::env::var(variable(&param.user_name)) {
            given.insert(param.user_name.clone(), value);
        }
    }
    if let Some(path) = &values.params_file {
        given.extend(file(path, params)?);
    }
    for argument in &values.params {
        let Some((name, value)) = argument.split_once('=') else {
            return Err(wrong_call(format!("`--param` takes NAME=VALUE, and `{}` has no `=`", argument.chars().take(20).collect::<String>())));
        };
        let param = known(name, params)?;
        let value = match value.strip_prefix('@') {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(|error| wrong_call(format!("cannot read the value of `{name}` from {path}: {error}")))?;
                text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text)).unwrap_or(&text).to_owned()
            }
            None if param.secret && !values.secrets_in_arguments => {
                screen.hide(value);
                return Err(wrong_call(format!(
                    "`{name}` is secret, and a shell's history would keep it: give `--param {name}=@FILE`, set {} or let it be asked for (--secrets-in-arguments insists)",
                    format_args!("STACKC_PARAM_{}", name.to_ascii_uppercase().replace('-', "_"))
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
        wrong_call(format!("the template has no parameter `{name}`: it has {}{meant}", diag::list(&names)))
    })
}

/// Lines NAME=VALUE, or one JSON object.
fn file(path: &Path, params: &[ParamOrigin]) -> Result<BTreeMap<String, String>, Outcome> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| wrong_call(format!("cannot read {shown}: {error}")))?;
    let mut found = BTreeMap::new();
    if text.trim_start().starts_with('{') {
        let object: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text)
            .map_err(|error| wrong_call(format!("{shown} is no JSON object of parameters: line {}, column {}", error.line(), error.column())))?;
        for (name, value) in object {
            known(&name, params)?;
            found.insert(name, value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        }
        return Ok(found);
    }
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.trim_start().starts_with('#')) {
        let Some((name, value)) = line.split_once('=') else {
            return Err(wrong_call(format!("{shown}, line {}: a line is NAME=VALUE", index + 1)));
        };
        known(name.trim(), params)?;
        found.insert(name.trim().to_owned(), value.to_owned());
    }
    Ok(found)
}

/// What each parameter is to be; how it ended, when it was left at a question. What was set by hand before stays so; what came from the file's default follows the file.
pub async fn settle(
    compiled: &Compiled,
    mut given: BTreeMap<String, String>,
    previous: &BTreeMap<String, Previous>,
    forgets: Option<&str>,
    ask: bool,
    screen: &mut Screen,
) -> Result<Found, Outcome> {
    let mut found = Found::default();
    for param in &compiled.origins.params {
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
    let variable = name.to_ascii_uppercase().replace('-', "_");
    let help = if param.secret {
        let why = forgets.map(|why| format!("{why}: ")).unwrap_or_default();
        format!("{why}set STACKC_PARAM_{variable}, give `--param {name}=@FILE`, or run this in a terminal, where it is asked for")
    } else {
        format!("give `--param {name}=VALUE`, or set STACKC_PARAM_{variable}")
    };
    Diagnostic::error("D0601", param.span, format!("the parameter `{name}` has no value"), "has no default, and was not given").help(help)
}

fn unfit(param: &ParamOrigin, value: &str) -> Option<Diagnostic> {
    let number = value.parse::<f64>().is_ok_and(f64::is_finite);
    (param.number && !number).then(|| {
        Diagnostic::error("D0602", param.span, format!("the value given for `{}` is no number", param.user_name), "declared as a number here")
            .help("give a number, with a dot before its fraction")
    })
}
