//! `(call)join`: a list becomes text.

use super::{Builtin, Type, text, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "join",
    about: "The items of a list with a separator between them.",
    takes: &[("separator", Type::KnownText), ("list", Type::List)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| Ok(ValKind::Join(text(args, 0)?.to_owned(), Box::new(value(args, 1)?))),
};
