//! The built-ins: typed functions for what a rule cannot say, one a file. A rule calls them with `(call)`.

mod absolute;
mod address;
mod among;
mod append;
mod at_least;
mod at_most;
mod bare_domain;
mod compact_name;
mod concat;
mod cron;
mod cycle;
mod digest;
mod entry;
mod exchange;
mod first_fit;
mod flat;
mod fqdn;
mod function;
mod glob;
mod glob_regex;
mod index;
mod join;
mod json;
mod label;
mod margin;
mod matching;
mod numbered;
mod once_per_domain;
mod other_than;
mod part;
mod pick;
mod place;
mod priority;
mod relative;
mod replaced;
mod room;
mod round_up;
mod scale;
mod short_name;
mod strings;
mod subnet_cidr;
mod txt;
mod unless_own;
mod zone_txt;

pub use short_name::shorten;

use crate::native::{Val, ValKind};

/// The type of an argument or of a result, as far as built-ins care.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Text, known or not.
    Text,
    /// Text known when building.
    KnownText,
    /// A number known when building.
    KnownNumber,
    /// A list.
    List,
    /// As a result: the items of all arguments in one list, those of lists one by one.
    Items,
    /// As a result: an item of the list that it takes.
    Item,
    /// Anything.
    Any,
}

/// A built-in.
pub struct Builtin {
    /// Its name behind `(call)`.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub about: &'static str,
    /// What it takes; the last may come several times when `variadic`.
    pub takes: &'static [(&'static str, Type)],
    /// Whether the last argument may come several times, or not at all.
    pub variadic: bool,
    /// Whether it takes something in braces, as one more argument at the end.
    pub body: bool,
    /// Whether a whole number that it gives must not be given again: to another edge with the same other end, or by a type's own rule to another resource.
    pub apart: bool,
    /// What it gives.
    pub gives: Type,
    /// Does it; the reason when it cannot.
    pub run: fn(&[Val]) -> Result<ValKind, String>,
}

/// All built-ins, in the order of their names.
pub static ALL: &[Builtin] = &[
    absolute::BUILTIN,
    address::BUILTIN,
    among::BUILTIN,
    append::BUILTIN,
    at_least::BUILTIN,
    at_most::BUILTIN,
    bare_domain::BUILTIN,
    compact_name::BUILTIN,
    concat::BUILTIN,
    cron::BUILTIN,
    cycle::BUILTIN,
    digest::BUILTIN,
    entry::BUILTIN,
    exchange::BUILTIN,
    first_fit::BUILTIN,
    flat::BUILTIN,
    fqdn::BUILTIN,
    function::BUILTIN,
    glob::BUILTIN,
    glob_regex::BUILTIN,
    index::BUILTIN,
    join::BUILTIN,
    json::BUILTIN,
    label::BUILTIN,
    margin::BUILTIN,
    matching::BUILTIN,
    numbered::BUILTIN,
    once_per_domain::BUILTIN,
    other_than::BUILTIN,
    part::BUILTIN,
    pick::BUILTIN,
    place::BUILTIN,
    priority::BUILTIN,
    relative::BUILTIN,
    replaced::BUILTIN,
    room::BUILTIN,
    round_up::BUILTIN,
    scale::BUILTIN,
    short_name::BUILTIN,
    strings::BUILTIN,
    subnet_cidr::BUILTIN,
    txt::BUILTIN,
    unless_own::BUILTIN,
    zone_txt::BUILTIN,
];

/// The built-in of this name.
pub fn find(name: &str) -> Option<&'static Builtin> {
    ALL.iter().find(|builtin| builtin.name == name)
}

fn text(args: &[Val], index: usize) -> Result<&str, String> {
    match args.get(index).map(|val| &val.kind) {
        Some(ValKind::Text(text)) => Ok(text),
        _ => Err(format!("argument {} has to be text that is known when building", index + 1)),
    }
}

fn integer(args: &[Val], index: usize) -> Result<i64, String> {
    match args.get(index).map(|val| &val.kind) {
        Some(ValKind::Integer(number)) => Ok(*number),
        _ => Err(format!("argument {} has to be a whole number that is known when building", index + 1)),
    }
}

fn number(args: &[Val], index: usize) -> Result<f64, String> {
    match args.get(index).map(|val| &val.kind) {
        #[allow(clippy::cast_precision_loss)]
        Some(ValKind::Integer(number)) => Ok(*number as f64),
        Some(ValKind::Number(number)) => Ok(*number),
        _ => Err(format!("argument {} has to be a number that is known when building", index + 1)),
    }
}

fn value(args: &[Val], index: usize) -> Result<Val, String> {
    args.get(index).cloned().ok_or_else(|| format!("argument {} is missing", index + 1))
}

/// A short hash of a text, the same on every machine and in every release (FNV-1a, 32 bits).
fn hash(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}
