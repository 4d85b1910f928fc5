//! `(call)bare-domain`: the domain in which a name, or a wildcard for names, is proved.

use super::{Builtin, Type, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "bare-domain",
    about: "The domain name without the `*.` before it.",
    takes: &[("name", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let name = text(args, 0)?;
        Ok(ValKind::Text(name.strip_prefix("*.").unwrap_or(name).to_owned()))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn a_wildcard_goes() {
        for (name, bare) in [("*.shop.example", "shop.example"), ("shop.example", "shop.example")] {
            let got = (BUILTIN.run)(&[Val::text(name, Origin::default())]);
            assert!(matches!(got, Ok(ValKind::Text(text)) if text == bare), "{name}");
        }
    }
}
