//! `(call)short-name`: a name that fits a limit and is still this name only.

use super::{Builtin, Type, hash, integer, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "short-name",
    about: "The texts with dashes between them; when longer than the limit, cut and ended by a hash of the whole.",
    takes: &[("limit", Type::KnownNumber), ("text", Type::KnownText)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let limit = usize::try_from(integer(args, 0)?).unwrap_or(0);
        let parts: Vec<&str> = (1..args.len()).map(|index| text(args, index)).collect::<Result<_, _>>()?;
        Ok(ValKind::Text(shorten(parts.join("-"), limit)))
    },
};

/// The name itself, or as much of it as there is room for before a hash of the whole.
pub fn shorten(whole: String, limit: usize) -> String {
    if whole.len() <= limit {
        return whole;
    }
    let tail = format!("{:06x}", hash(&whole) & 0x00ff_ffff);
    let kept: String = whole.chars().take(limit.saturating_sub(tail.len() + 1)).collect();
    let kept = kept.trim_end_matches('-');
    if kept.is_empty() { tail.chars().take(limit).collect() } else { format!("{kept}-{tail}") }
}
