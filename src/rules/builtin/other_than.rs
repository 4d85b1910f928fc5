//! `(call)other-than`: a text that must not be one of some.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "other-than",
    about: "The text, which has to be none of the words; `pg_*` stands for all that begin so, `*pg*` for all that have it anywhere.",
    takes: &[("text", Type::KnownText), ("word", Type::KnownText)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let given = text(args, 0)?;
        for index in 1..args.len() {
            let word = text(args, index)?;
            let same = match (word.strip_prefix('*'), word.strip_suffix('*')) {
                (Some(_), Some(_)) => given.contains(word.trim_matches('*')),
                (None, Some(beginning)) => given.starts_with(beginning),
                _ => given == word,
            };
            if same {
                return Err(format!("`{given}` is taken: the cloud keeps `{word}` for itself"));
            }
        }
        Ok(ValKind::Text(given.to_owned()))
    },
};
