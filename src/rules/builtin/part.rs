//! `(call)part`: a piece of a text that is several things in a row, such as a mail server with its preference.

use super::{Builtin, Type, integer, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "part",
    about: "Of a text cut at its spaces into so many parts, the one at a place, counted from 0: a number as such, and without the quotes around it.",
    takes: &[("text", Type::Text), ("place", Type::KnownNumber), ("parts", Type::KnownNumber)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let (whole, place, count) = (text(args, 0)?, integer(args, 1)?, integer(args, 2)?);
        let (place, count) = (usize::try_from(place).unwrap_or(0), usize::try_from(count).unwrap_or(1));
        let mut parts: Vec<&str> = Vec::new();
        let mut rest = whole.trim();
        while parts.len() + 1 < count {
            let Some((part, more)) = rest.split_once(' ') else { break };
            parts.push(part);
            rest = more.trim_start();
        }
        parts.push(rest);
        if parts.len() != count {
            return Err(format!("`{whole}` has to be {count} things with spaces between them"));
        }
        let part = parts.get(place).copied().unwrap_or_default();
        let bare = part.strip_prefix('"').and_then(|part| part.strip_suffix('"'));
        Ok(match (bare, part.parse::<i64>()) {
            (Some(bare), _) => ValKind::Text(bare.to_owned()),
            (None, Ok(number)) => ValKind::Integer(number),
            (None, Err(_)) => ValKind::Text(part.to_owned()),
        })
    },
};
