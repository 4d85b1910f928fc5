//! `(call)zone-txt`: a text as the character strings of a TXT record, as a zone file has them.

use super::{Builtin, Type, txt};

pub const BUILTIN: Builtin = Builtin {
    name: "zone-txt",
    about: "The same as `txt`, with decimal escapes as in a zone file (RFC 1035, 5.1).",
    takes: &[("text", Type::Text)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| txt::strings(args, |byte| format!("\\{byte:03}")),
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn escapes_in_decimal() {
        let got = (BUILTIN.run)(&[Val::text("a\"b\\", Origin::default())]);
        assert!(matches!(got, Ok(ValKind::Text(text)) if text == "a\\034b\\092"));
    }
}
