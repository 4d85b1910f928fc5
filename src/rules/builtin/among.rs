//! `(call)among`: a value that has to be one of several.

use super::{Builtin, Type, text, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "among",
    about: "The value itself, when it is one of the list and known when building; `wanted` says what it has to be.",
    takes: &[("value", Type::Any), ("list", Type::List), ("wanted", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let given = value(args, 0)?;
        let word = |kind: &ValKind| match kind {
            ValKind::Text(text) => Some(text.clone()),
            ValKind::Integer(number) => Some(number.to_string()),
            _ => None,
        };
        let list = match value(args, 1)?.kind {
            ValKind::List(items) => items.iter().filter_map(|item| word(&item.kind)).collect(),
            _ => Vec::new(),
        };
        match word(&given.kind) {
            Some(word) if list.contains(&word) => Ok(given.kind),
            _ => Err(format!("it has to be {}", text(args, 2)?)),
        }
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn takes_one_of_the_list_only() {
        let val = |kind| Val::new(kind, Origin::default());
        let call = |kind| {
            (BUILTIN.run)(&[val(kind), val(ValKind::List(vec![val(ValKind::Integer(80)), val(ValKind::Integer(443))])), val(ValKind::Text("a port".into()))])
        };
        assert!(matches!(call(ValKind::Integer(443)), Ok(ValKind::Integer(443))));
        assert!(call(ValKind::Integer(8443)).is_err());
        assert!(call(ValKind::Param(0)).is_err());
    }
}
