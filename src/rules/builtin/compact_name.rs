//! `(call)compact-name`: a name of letters and digits only, for what takes no dashes.

use super::{Builtin, Type, hash, integer, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "compact-name",
    about: "The texts one behind the other, in lower case and without all but letters and digits; when cut, or when that makes other names the same, ended by a hash of the whole.",
    takes: &[("limit", Type::KnownNumber), ("text", Type::KnownText)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let limit = usize::try_from(integer(args, 0)?).unwrap_or(0);
        let parts: Vec<&str> = (1..args.len()).map(|index| text(args, index)).collect::<Result<_, _>>()?;
        let kept = |text: &str| text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect::<String>();
        let whole = parts.join("-");
        let name: String = parts.iter().map(|part| kept(part)).collect();
        if name.len() <= limit && parts.iter().all(|part| kept(part) == *part) {
            return Ok(ValKind::Text(name));
        }
        let tail = format!("{:06x}", hash(&whole) & 0x00ff_ffff);
        let room = limit.saturating_sub(tail.len());
        Ok(ValKind::Text(name.chars().take(room).chain(tail.chars().take(limit)).collect()))
    },
};
