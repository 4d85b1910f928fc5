//! `(call)txt`: a text as the character strings of a DNS TXT record.

use super::{Builtin, Type, text};
use crate::native::{Val, ValKind};

/// The most characters that one character string gets. It may hold 255 (RFC 1035, 3.3), in which Designate counts the quotes around it.
const STRING: usize = 253;

pub const BUILTIN: Builtin = Builtin {
    name: "txt",
    about: "The text of a TXT record: what is not plain ASCII, and quotes and backslashes, as octal escapes; cut into strings of 253 characters with `\" \"` between them, without the outermost quotes.",
    takes: &[("text", Type::Text)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| strings(args, |byte| format!("\\{byte:03o}")),
};

/// The text in strings, with each byte that is not plain ASCII, and quotes and backslashes, as `escape` writes it.
pub(super) fn strings(args: &[Val], escape: fn(u8) -> String) -> Result<ValKind, String> {
    let Ok(plain) = text(args, 0) else {
        // A value that is known only when deployed goes in as it is.
        return args.first().map(|val| val.kind.clone()).ok_or_else(|| "there is no text".to_owned());
    };
    let mut strings = vec![String::new()];
    for byte in plain.bytes() {
        let escaped = match byte {
            b'"' | b'\\' | 0..0x20 | 0x7f.. => escape(byte),
            _ => char::from(byte).to_string(),
        };
        if strings.last().is_some_and(|last| last.len() + escaped.len() > STRING) {
            strings.push(String::new());
        }
        if let Some(last) = strings.last_mut() {
            last.push_str(&escaped);
        }
    }
    Ok(ValKind::Text(strings.join("\" \"")))
}

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    fn txt(text: &str) -> String {
        match (BUILTIN.run)(&[Val::text(text, Origin::default())]) {
            Ok(ValKind::Text(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn escapes_and_cuts() {
        assert_eq!(txt("v=spf1 -all"), "v=spf1 -all");
        assert_eq!(txt("a\"b\\é"), "a\\042b\\134\\303\\251");
        assert_eq!(txt(&"x".repeat(300)), format!("{}\" \"{}", "x".repeat(253), "x".repeat(47)));
    }
}
