//! `(call)fqdn`: a label and a zone's domain become a name.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "fqdn",
    about: "The full name of a label in a domain; `@` is the domain itself.",
    takes: &[("label", Type::KnownText), ("domain", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let (label, domain) = (text(args, 0)?, text(args, 1)?);
        Ok(ValKind::Text(if label == "@" { domain.to_owned() } else { format!("{label}.{domain}") }))
    },
};
