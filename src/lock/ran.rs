//! The values of its parameters that a running stack has, and those that it had before: what `stackc back` goes back to.

use super::read::unknown;
use super::value::word;
use crate::diag::Diagnostic;
use crate::syntax::Node;
use std::collections::BTreeMap;

/// Values by the parameters' names in the stack. A secret one is never among them.
pub type Values = BTreeMap<String, String>;

/// With which values a stack runs. None where a file of before does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ran {
    /// Those that it has.
    pub now: Option<Values>,
    /// Those that it had before these, if it had others.
    pub before: Option<Values>,
}

impl Ran {
    /// What was known until now comes before it, unless it is the same.
    pub fn follow(&mut self, known: &Ran) {
        self.before = match &known.now {
            Some(now) if self.now.as_ref() != Some(now) => Some(now.clone()),
            _ => known.before.clone(),
        };
    }

    /// Reads one of the two.
    pub(super) fn read(&mut self, node: &Node) -> Result<(), Diagnostic> {
        let slot = match node.name.text.as_str() {
            "now" => &mut self.now,
            "before" if self.now.is_some() => &mut self.before,
            _ => return Err(unknown(node.span)),
        };
        if slot.is_some() || !node.args.is_empty() || !node.props.is_empty() {
            return Err(unknown(node.span));
        }
        let mut values = Values::new();
        for child in node.children() {
            let value = child.arg_str(0).filter(|_| child.args.len() == 1 && child.args.iter().all(|arg| arg.tag().is_none()));
            let plain = child.tag().is_none() && child.props.is_empty() && child.children.is_none();
            let Some(value) = value.filter(|_| plain) else { return Err(unknown(child.span)) };
            if values.insert(child.name.text.clone(), value.to_owned()).is_some() {
                return Err(unknown(child.span));
            }
        }
        *slot = Some(values);
        Ok(())
    }

    pub(super) fn write(&self, out: &mut String) {
        for (name, values) in [("now", &self.now), ("before", &self.before)] {
            match values {
                None => {}
                Some(values) if values.is_empty() => out.push_str(&format!("    (values){name}\n")),
                Some(values) => {
                    out.push_str(&format!("    (values){name} {{\n"));
                    values.iter().for_each(|(name, value)| out.push_str(&format!("        {} {}\n", word(name), word(value))));
                    out.push_str("    }\n");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ran(now: &str, before: Option<&str>) -> Ran {
        let values = |value: &str| Values::from([("image".to_owned(), value.to_owned())]);
        Ran { now: Some(values(now)), before: before.map(values) }
    }

    #[test]
    fn what_ran_last_comes_before() {
        let after = |new: &str, known: &Ran| {
            let mut found = ran(new, None);
            found.follow(known);
            found
        };
        assert_eq!(after("b", &Ran::default()), ran("b", None));
        assert_eq!(after("b", &ran("a", None)), ran("b", Some("a")));
        assert_eq!(after("b", &ran("b", Some("a"))), ran("b", Some("a")), "a deploy of the same is none");
        assert_eq!(after("a", &ran("b", Some("a"))), ran("a", Some("b")), "there and back");
    }
}
