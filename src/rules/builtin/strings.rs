//! `(call)strings`: a text in pieces that a DNS TXT record can hold.

use super::{Builtin, Type, value};
use crate::native::{Val, ValKind};

/// The most bytes that one character string holds (RFC 1035, 3.3).
const STRING: usize = 255;

pub const BUILTIN: Builtin = Builtin {
    name: "strings",
    about: "The text as the list of character strings of a TXT record, each of 255 bytes at most and nothing escaped.",
    takes: &[("text", Type::Text)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::List,
    run: |args| {
        let whole = value(args, 0)?;
        let origin = whole.origin;
        // A value that is known only when deployed is one string.
        let ValKind::Text(text) = &whole.kind else { return Ok(ValKind::List(vec![whole])) };
        let mut pieces = vec![String::new()];
        for c in text.chars() {
            if pieces.last().is_some_and(|last| last.len() + c.len_utf8() > STRING) {
                pieces.push(String::new());
            }
            if let Some(last) = pieces.last_mut() {
                last.push(c);
            }
        }
        Ok(ValKind::List(pieces.into_iter().map(|piece| Val::text(piece, origin)).collect()))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn cuts_between_characters() {
        let Ok(ValKind::List(pieces)) = (BUILTIN.run)(&[Val::text("é".repeat(200), Origin::default())]) else { panic!("no list") };
        let lengths: Vec<usize> = pieces.iter().map(|piece| if let ValKind::Text(text) = &piece.kind { text.len() } else { 0 }).collect();
        assert_eq!(lengths, [254, 146]);
    }
}
