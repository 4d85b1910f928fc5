//! `(call)json`: an object as JSON text.

use super::{Builtin, Type, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "json",
    about: "What stands in braces, as JSON text; values that are known only when deployed are put in then.",
    takes: &[],
    variadic: false,
    body: true,
    apart: false,
    gives: Type::Text,
    run: |args| Ok(ValKind::Json(Box::new(value(args, 0)?))),
};
