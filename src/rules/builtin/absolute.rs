//! `(call)absolute`: a DNS name with the dot that ends it.

use super::{Builtin, Type, value};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "absolute",
    about: "A DNS name, or a record's value that ends with one, with a dot behind it; one that is there already is kept.",
    takes: &[("name", Type::Text)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::Text,
    run: |args| {
        let name = value(args, 0)?;
        Ok(match name.kind {
            ValKind::Text(text) if text.ends_with('.') => ValKind::Text(text),
            ValKind::Text(text) => ValKind::Text(text + "."),
            _ => {
                let origin = name.origin;
                ValKind::Concat(vec![name, Val::text(".", origin)])
            }
        })
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn ends_with_one_dot() {
        for name in ["10 mx.shop.example", "10 mx.shop.example."] {
            let got = (BUILTIN.run)(&[Val::text(name, Origin::default())]);
            assert!(matches!(got, Ok(ValKind::Text(text)) if text == "10 mx.shop.example."));
        }
        let got = (BUILTIN.run)(&[Val::new(ValKind::Param(0), Origin::default())]);
        assert!(matches!(got, Ok(ValKind::Concat(pieces)) if pieces.len() == 2));
    }
}
