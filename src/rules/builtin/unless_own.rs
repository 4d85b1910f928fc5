//! `(call)unless-own`: an item that is left out where the cloud says the same by itself.

use super::{Builtin, Type, text, value};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "unless-own",
    about: "What stands in braces, unless the name is one that the cloud gives a value by itself: left out where it is the same value, and else refused with the reason.",
    takes: &[("name", Type::KnownText), ("value", Type::Any), ("own", Type::KnownText), ("its", Type::Any), ("why", Type::KnownText)],
    variadic: false,
    body: true,
    apart: false,
    gives: Type::Any,
    run: |args| {
        if text(args, 0)? != text(args, 2)? {
            return Ok(value(args, 5)?.kind);
        }
        let same = |given: &ValKind, own: &ValKind| match (given, own) {
            (ValKind::Text(given), ValKind::Integer(own)) | (ValKind::Integer(own), ValKind::Text(given)) => *given == own.to_string(),
            _ => false,
        };
        let (given, own) = (value(args, 1)?, value(args, 3)?);
        if given.alike(&own) || same(&given.kind, &own.kind) { Ok(ValKind::Absent) } else { Err(text(args, 4)?.to_owned()) }
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn is_left_out_where_it_is_the_same() {
        let text = |text: &str| Val::text(text, Origin::default());
        let port = |number| Val::new(ValKind::Integer(number), Origin::default());
        let run = |name: &str, value: &str| (BUILTIN.run)(&[text(name), text(value), text("PORT"), port(80), text("it is set"), text("all")]);
        assert!(matches!(run("PORT", "80"), Ok(ValKind::Absent)));
        assert!(matches!(run("PORT", "81"), Err(why) if why == "it is set"));
        assert!(matches!(run("HOST", "80"), Ok(ValKind::Text(text)) if text == "all"));
    }
}
