//! `(call)exchange`: a text whose beginning is exchanged for another, where it begins so.

use super::{Builtin, Type, text, value};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "exchange",
    about: "The text with another beginning, where it begins with the given one; where that is known only when deployed, by the format's own `replace` with an expression (Terraform).",
    takes: &[("text", Type::Text), ("beginning", Type::KnownText), ("other", Type::Text)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| {
        let (given, other) = (value(args, 0)?, value(args, 2)?);
        let beginning = text(args, 1)?;
        let origin = given.origin;
        let pieces = match &given.kind {
            ValKind::Concat(pieces) => pieces.clone(),
            _ => vec![given.clone()],
        };
        let known = pieces.first().and_then(|piece| if let ValKind::Text(text) = &piece.kind { Some(text) } else { None });
        match known {
            Some(known) if known.starts_with(beginning) => {
                let rest = Val::text(known.get(beginning.len()..).unwrap_or_default(), origin);
                let all = std::iter::once(other).chain(std::iter::once(rest)).chain(pieces.iter().skip(1).cloned()).flat_map(parts);
                Ok(ValKind::Concat(all.collect()))
            }
            // No longer or shorter text can begin so.
            Some(known) if !beginning.starts_with(known.as_str()) => Ok(given.kind),
            _ => {
                let escaped: String = beginning.chars().flat_map(|c| if c.is_ascii_alphanumeric() { vec![c] } else { vec!['\\', c] }).collect();
                Ok(ValKind::Call("replace".to_owned(), vec![given, Val::text(format!("/^{escaped}/"), origin), other]))
            }
        }
    },
};

fn parts(val: Val) -> Vec<Val> {
    match val.kind {
        ValKind::Concat(pieces) => pieces,
        _ => vec![val],
    }
}

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn what_is_known_is_exchanged_and_the_rest_is_left_to_the_format() {
        let val = |kind| Val::new(kind, Origin::default());
        let text = |text: &str| Val::text(text, Origin::default());
        let run = |given: Val| (BUILTIN.run)(&[given, text("ghcr.io/"), text("mirror/")]).expect("a value");
        assert!(matches!(run(text("ghcr.io/a/b:1")), ValKind::Concat(pieces) if pieces.len() == 2));
        assert!(matches!(run(text("quay.io/a/b:1")), ValKind::Text(text) if text == "quay.io/a/b:1"));
        let tagged = val(ValKind::Concat(vec![text("ghcr.io/a/b:"), val(ValKind::Param(0))]));
        assert!(matches!(run(tagged), ValKind::Concat(pieces) if pieces.len() == 3));
        assert!(matches!(run(val(ValKind::Param(0))), ValKind::Call(name, args) if name == "replace" && args.len() == 3));
    }
}
