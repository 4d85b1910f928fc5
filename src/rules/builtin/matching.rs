//! `(call)matching`: a text that has to look a certain way on this cloud.

use super::{Builtin, Type, text, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "matching",
    about: "The text itself, when it matches the regular expression somewhere; `wanted` says what it has to be. A parameter's default is looked at too.",
    takes: &[("text", Type::Text), ("expression", Type::KnownText), ("wanted", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| {
        let given = value(args, 0)?;
        let expression = regex_lite::Regex::new(text(args, 1)?).map_err(|error| error.to_string())?;
        match &given.kind {
            ValKind::Text(known) if !expression.is_match(known) => Err(format!("it has to be {}", text(args, 2)?)),
            _ => Ok(given.kind),
        }
    },
};
