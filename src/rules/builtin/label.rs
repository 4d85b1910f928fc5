//! `(call)label`: a variable's name as a name that has dashes.

use super::{Builtin, Type, hash, text};
use crate::native::ValKind;

pub const BUILTIN: Builtin = Builtin {
    name: "label",
    about: "`DATA_PASSWORD` as `data-password`; what would become the same as another is ended by a hash of itself.",
    takes: &[("text", Type::KnownText)],
    variadic: false,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let text = text(args, 0)?;
        let words: Vec<String> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
        let label = words.join("-");
        // Only one spelling of a label goes without a hash, so that no two are the same.
        if words.join("_").to_ascii_uppercase() == text {
            return Ok(ValKind::Text(label));
        }
        let tail = format!("{:06x}", hash(text) & 0x00ff_ffff);
        Ok(ValKind::Text(if label.is_empty() { format!("x-{tail}") } else { format!("{label}-{tail}") }))
    },
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::native::{Origin, Val};

    fn label(text: &str) -> String {
        match (BUILTIN.run)(&[Val::text(text, Origin::default())]) {
            Ok(ValKind::Text(label)) => label,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn no_two_labels_are_the_same() {
        assert_eq!(label("DATA_PASSWORD"), "data-password");
        let others = ["data_password", "DATA__PASSWORD", "_DATA_PASSWORD", "Data_Password", "DATA-PASSWORD", "_"];
        let mut found: Vec<String> = others.iter().map(|text| label(text)).collect();
        found.push(label("DATA_PASSWORD"));
        found.sort();
        found.dedup();
        assert_eq!(found.len(), others.len() + 1);
        assert!(found.iter().all(|label| label.starts_with(|c: char| c.is_ascii_alphanumeric()) && !label.ends_with('-')));
    }
}
