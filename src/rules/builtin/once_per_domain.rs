//! `(call)once-per-domain`: objects about domain names, without those that say the same of a wildcard.

use super::{Builtin, Type, text, value};
use crate::native::{Val, ValKind};
use std::collections::HashSet;

pub const BUILTIN: Builtin = Builtin {
    name: "once-per-domain",
    about: "The objects of a list, without those whose domain name in the property is an earlier one's but for the `*.` before it.",
    takes: &[("property", Type::KnownText)],
    variadic: false,
    body: true,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let property = text(args, 0)?;
        let list = value(args, 1)?;
        let ValKind::List(mut items) = list.kind else { return Err("what is in braces has to be a list".to_owned()) };
        let mut seen = HashSet::new();
        let bare = |item: &Val| match &item.kind {
            ValKind::Map(fields) => fields.iter().find(|(name, _)| name == property).and_then(|(_, val)| match &val.kind {
                ValKind::Text(name) => Some(name.strip_prefix("*.").unwrap_or(name).to_owned()),
                _ => None,
            }),
            _ => None,
        };
        items.retain(|item| bare(item).is_none_or(|name| seen.insert(name)));
        Ok(ValKind::List(items))
    },
};

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn a_wildcard_is_proved_by_the_record_of_the_name_that_it_stands_below() {
        let val = |kind| Val::new(kind, Origin::default());
        let text = |text: &str| Val::text(text, Origin::default());
        let items = ["*.shop.example", "shop.example", "www.shop.example"].map(|name| val(ValKind::Map(vec![("Name".to_owned(), text(name))])));
        match (BUILTIN.run)(&[text("Name"), val(ValKind::List(items.to_vec()))]) {
            Ok(ValKind::List(left)) => assert_eq!(left.len(), 2),
            other => panic!("{other:?}"),
        }
    }
}
