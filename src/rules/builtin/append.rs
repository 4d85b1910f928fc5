//! `(call)append`: a value and a list become one list.

use super::{Builtin, Type};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "append",
    about: "One list of all its arguments, the items of lists among them taken one by one.",
    takes: &[("value", Type::Any)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::Items,
    run: |args| {
        let mut items = Vec::new();
        for arg in args {
            match &arg.kind {
                ValKind::List(more) => items.extend(more.iter().cloned()),
                ValKind::Absent => {}
                _ => items.push(arg.clone()),
            }
        }
        Ok(ValKind::List(items))
    },
};
