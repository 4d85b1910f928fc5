//! `(call)relative`: a full name as a zone's records have it.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "relative",
    about: "A full name without the domain that it lies in; `@` when it is the domain itself.",
    takes: &[("name", Type::KnownText), ("domain", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let (name, domain) = (text(args, 0)?, text(args, 1)?);
        if name == domain {
            return Ok(ValKind::Text("@".to_owned()));
        }
        let label = name.strip_suffix(domain).and_then(|rest| rest.strip_suffix('.'));
        label.map(|label| ValKind::Text(label.to_owned())).ok_or_else(|| format!("`{name}` does not lie in `{domain}`"))
    },
};
