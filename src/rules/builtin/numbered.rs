//! `(call)numbered`: items that say their own place.

use super::{Builtin, Type, text, value};
use crate::native::{Val, ValKind};

pub const BUILTIN: Builtin = Builtin {
    name: "numbered",
    about: "The objects of a list, each with its place among them, counted from 1, as one more property, or as one of an object in it (`properties.priority`).",
    takes: &[("property", Type::KnownText)],
    variadic: false,
    body: true,
    apart: false,
    gives: Type::Any,
    run: |args| {
        let property = text(args, 0)?;
        let list = value(args, 1)?;
        let ValKind::List(items) = list.kind else { return Err("what is in braces has to be a list".to_owned()) };
        let numbered = items.into_iter().enumerate().map(|(index, mut item)| {
            let place = i64::try_from(index + 1).unwrap_or(i64::MAX);
            let origin = item.origin;
            let (inside, name) = property.split_once('.').map_or((None, property), |(inside, name)| (Some(inside), name));
            let ValKind::Map(fields) = &mut item.kind else { return Err("only objects can be numbered".to_owned()) };
            let fields = match inside {
                None => fields,
                Some(inside) => match fields.iter_mut().find(|(name, _)| name == inside).map(|(_, val)| &mut val.kind) {
                    Some(ValKind::Map(fields)) => fields,
                    _ => return Err(format!("there is no object `{inside}` to put the number into")),
                },
            };
            fields.push((name.to_owned(), Val::new(ValKind::Integer(place), origin)));
            Ok(item)
        });
        Ok(ValKind::List(numbered.collect::<Result<_, String>>()?))
    },
};
