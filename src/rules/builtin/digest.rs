//! `(call)digest`: a few digits that change with what they are made from.

use super::{Builtin, Type, hash};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "digest",
    about: "Eight hexadecimal digits made from texts, or lists of them: for the name of what is replaced when one of them changes.",
    takes: &[("text", Type::Any)],
    variadic: true,
    body: false,
    apart: false,
    gives: Type::KnownText,
    run: |args| {
        let mut texts = Vec::new();
        args.iter().try_for_each(|val| collect(val, &mut texts))?;
        Ok(ValKind::Text(format!("{:08x}", hash(&texts.join("\n")))))
    },
};

fn collect(val: &Val, texts: &mut Vec<String>) -> Result<(), String> {
    match &val.kind {
        ValKind::Text(text) => texts.push(text.clone()),
        ValKind::Integer(number) => texts.push(number.to_string()),
        ValKind::List(items) => items.iter().try_for_each(|item| collect(item, texts))?,
        ValKind::Absent => texts.push(String::new()),
        _ => return Err("what it is made from has to be known when building".to_owned()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::BUILTIN;
    use crate::native::{Origin, Val, ValKind};

    #[test]
    fn changes_with_each_of_its_texts() {
        let list = |items: &[&str]| Val::new(ValKind::List(items.iter().map(|item| Val::text(*item, Origin::default())).collect()), Origin::default());
        let digest = |args: &[Val]| if let Ok(ValKind::Text(text)) = (BUILTIN.run)(args) { text } else { panic!("a text") };
        let all = [digest(&[list(&["a", "b"])]), digest(&[list(&["ab"])]), digest(&[list(&["b", "a"])]), digest(&[])];
        assert!(all.iter().all(|text| text.len() == 8));
        assert!((1..all.len()).all(|index| !all[..index].contains(&all[index])), "{all:?}");
        assert!((BUILTIN.run)(&[Val::new(ValKind::Param(0), Origin::default())]).is_err());
    }
}
