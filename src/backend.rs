//! Where Terraform keeps its state: `state s3 bucket=acme-state region=eu-west-1` in a stack, in the words of Terraform's own backends. `specs/backends.kdl` has them.

use crate::diag::{self, Diagnostic};
use crate::source::FileId;
use crate::syntax::{self, Node, Scalar};

/// The backends, read when a stack names one.
const TABLE: &str = include_str!("../specs/backends.kdl");

/// A backend, with its settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backend {
    /// Terraform's name of it.
    pub kind: String,
    /// Its settings; `{name}` and `{target}` in them stand for the running stack's name and the target until [`Backend::settled`].
    pub settings: Vec<(String, Setting)>,
    /// The settings that say where the state is, outermost first.
    place: Vec<String>,
    /// Whether each running stack has a state of its own there.
    pub apart: bool,
}

/// The value of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// Text; a number is one too.
    Text(String),
    /// A yes or no.
    Flag(bool),
}

impl Backend {
    /// Reads a `state` node. `one_of_many` says that the stack has stages or instances, which must not share a state.
    ///
    /// # Errors
    /// Everything that is wrong with it, each at its place.
    pub fn read(node: &Node, one_of_many: bool) -> Result<Backend, Vec<Diagnostic>> {
        let (table, _) = syntax::read(FileId(u32::MAX), TABLE);
        let kinds: Vec<&str> = table.iter().filter_map(|kind| kind.arg_str(0)).collect();
        let Some(word) = node.args.first() else {
            return Err(vec![diag::check::missing_property(node.name.span, "kind", "`state`", &format!("one of {}", diag::list(&kinds)))]);
        };
        let Some(kind) = word.as_str().and_then(|word| table.iter().find(|kind| kind.arg_str(0) == Some(word))) else {
            return Err(vec![diag::check::not_one_of(word.span, "state", word.as_str().unwrap_or_default(), &kinds)]);
        };
        let name = kind.arg_str(0).unwrap_or_default();
        let of = format!("the state `{name}`");
        let words = |about: &'static str| {
            kind.children().iter().filter(move |child| child.name.text == about).flat_map(|child| &child.args).filter_map(|arg| arg.as_str())
        };
        let takes: Vec<&str> = words("takes").collect();
        let mut problems: Vec<Diagnostic> = Vec::new();
        for extra in node.args.iter().skip(1) {
            problems.push(diag::check::too_many_values(extra.span, "state", "one kind"));
        }
        let mut settings: Vec<(String, Setting)> = Vec::new();
        let unknown = |key: &syntax::Ident| diag::check::unknown_property(key.span, &key.text, &of, &takes);
        for child in node.children() {
            problems.push(unknown(&child.name));
        }
        for (index, (key, value)) in node.props.iter().enumerate() {
            if !takes.contains(&key.text.as_str()) {
                problems.push(unknown(key));
                continue;
            }
            if let Some((first, _)) = node.props.iter().take(index).find(|(first, _)| first.text == key.text) {
                problems.push(diag::check::duplicate_property(key.span, &key.text, first.span));
            }
            match &value.scalar {
                _ if value.tag.is_some() => problems.push(diag::check::wrong_type(value.span, &key.text, "a plain value", "a form")),
                Scalar::String(text) if has_password(text) => problems.push(diag::check::constraint(
                    value.span,
                    format!("`{}` has a password in it", key.text),
                    "a password in an address",
                    "leave it out: Terraform reads credentials from its own environment variables".to_owned(),
                )),
                Scalar::String(text) => settings.push((key.text.clone(), Setting::Text(text.clone()))),
                Scalar::Integer(number) => settings.push((key.text.clone(), Setting::Text(number.to_string()))),
                Scalar::Bool(flag) => settings.push((key.text.clone(), Setting::Flag(*flag))),
                other => problems.push(diag::check::wrong_type(value.span, &key.text, "text, or a yes or no", other.kind())),
            }
        }
        let has = |settings: &[(String, Setting)], name: &str| settings.iter().any(|(known, _)| known == name);
        for missing in words("required").filter(|name| !node.props.iter().any(|(key, _)| key.text == *name)) {
            problems.push(diag::check::missing_property(node.span, missing, &of, "the backend cannot do without it"));
        }
        let mut apart = true;
        let place = kind.children().iter().find(|child| child.name.text == "place");
        if let Some((place, setting)) = place.and_then(|place| Some((place, place.arg_str(0)?))) {
            let given = node.props.iter().find(|(key, _)| key.text == setting);
            apart = given.is_none_or(|(_, value)| value.as_str().is_some_and(|text| text.contains("{name}")));
            if let Some((_, value)) = given.filter(|_| one_of_many && !apart) {
                problems.push(diag::check::constraint(
                    value.span,
                    "all stages and instances would share one state".to_owned(),
                    &format!("`{setting}` is the same for all of them"),
                    "put `{name}` into it, in whose place the running stack's name is put".to_owned(),
                ));
            }
            if let (None, Some(default)) = (given, place.prop_str("default")) {
                settings.push((setting.to_owned(), Setting::Text(default.to_owned())));
            }
        }
        for set in kind.children().iter().filter(|child| child.name.text == "set") {
            let (Some(name), Some(Scalar::Bool(flag))) = (set.arg_str(0), set.args.get(1).map(|value| &value.scalar)) else { continue };
            if !has(&settings, name) && !set.prop_str("unless").is_some_and(|other| has(&settings, other)) {
                settings.push((name.to_owned(), Setting::Flag(*flag)));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let place = words("within").chain(words("place")).map(str::to_owned).collect();
        Ok(Backend { kind: name.to_owned(), settings, place, apart })
    }

    /// Reads what was said on a command line, such as `s3 bucket=acme-state`; nothing said is a file in the working folder.
    ///
    /// # Errors
    /// The first thing that is wrong with it, as a sentence without its full stop.
    pub fn said(said: Option<&str>, one_of_many: bool) -> Result<Backend, String> {
        let (nodes, problems) = syntax::read(FileId(u32::MAX), &format!("state {}", said.unwrap_or("local")));
        match nodes.as_slice() {
            [node] if problems.is_empty() => Backend::read(node, one_of_many).map_err(|problems| {
                // A help that only says the message's name again adds nothing to one line.
                let help = |problem: &Diagnostic| problem.help.clone().filter(|help| !help.starts_with('`'));
                let text = |problem: &Diagnostic| help(problem).map_or_else(|| problem.message.clone(), |help| format!("{}: {help}", problem.message));
                problems.first().map(text).unwrap_or_default()
            }),
            _ => Err("a state is a kind and its settings, such as `s3 bucket=acme-state region=eu-west-1`".to_owned()),
        }
    }

    /// The backend of one running stack.
    pub fn settled(&self, name: &str, target: &str) -> Backend {
        let mut settled = self.clone();
        for (_, setting) in &mut settled.settings {
            if let Setting::Text(text) = setting {
                *text = text.replace("{name}", name).replace("{target}", target);
            }
        }
        settled
    }

    /// Whether the state is a file on this machine.
    pub fn is_local(&self) -> bool {
        self.place.iter().all(|setting| setting == "path")
    }

    /// Where the state is, for a person.
    pub fn place(&self) -> String {
        let text = |name: &String| match self.settings.iter().find(|(known, _)| known == name) {
            Some((_, Setting::Text(text))) => Some(text.as_str()),
            _ => None,
        };
        let place = self.place.iter().filter_map(text).collect::<Vec<_>>().join("/");
        // An address says by itself what it is.
        if place.contains("://") { place } else { format!("{} {place}", self.kind) }
    }
}

/// Whether a text is an address with somebody's password, such as `https://ana:secret@git.example`.
fn has_password(text: &str) -> bool {
    let host = text.split_once("://").and_then(|(_, rest)| rest.split(['/', '?', '#']).next());
    host.and_then(|host| host.rsplit_once('@')).is_some_and(|(user, _)| user.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_running_stack_has_a_state_of_its_own() {
        let backend = Backend::said(Some("s3 bucket=acme region=eu-west-1"), true).unwrap().settled("shop-prod", "tf-aws");
        assert_eq!(backend.place(), "s3 acme/stackc/shop-prod/tf-aws.tfstate");
        assert!(backend.settings.contains(&("use_lockfile".to_owned(), Setting::Flag(true))));
        assert!(Backend::said(Some("s3 bucket=acme key=\"shop.tfstate\""), true).unwrap_err().contains("share one state"));
        assert!(Backend::said(Some("s3 bucket=acme key=\"shop.tfstate\""), false).is_ok());
        let named = Backend::said(Some("s3 bucket=acme key=\"{name}.tfstate\" dynamodb_table=locks encrypt=#false"), true).unwrap();
        assert_eq!(named.settled("shop", "tf-aws").place(), "s3 acme/shop.tfstate");
        assert!(!named.settings.iter().any(|(name, _)| name == "use_lockfile"));
        assert!(named.settings.contains(&("encrypt".to_owned(), Setting::Flag(false))));
        let http = Backend::said(Some("http address=\"https://ana@git.example/{name}:1\""), true).unwrap();
        assert_eq!(http.settled("shop", "tf-aws").place(), "https://ana@git.example/shop:1");
        let local = Backend::said(None, true).unwrap();
        assert!(local.is_local());
        assert!(!named.is_local());
    }

    #[test]
    fn what_does_not_fit_is_said() {
        for (said, what) in [
            ("", "`state` needs `kind`"),
            ("s3", "needs `bucket`"),
            ("s4 bucket=a", "`state` cannot be `s4`"),
            ("s3 bucket=a secret_key=b", "has no property `secret_key`"),
            ("s3 buckt=a", "did you mean `bucket`"),
            ("s3 bucket=a; s3 bucket=b", "a kind and its settings"),
            ("s3 bucket=a { key b; }", "has no property `key`"),
            ("s3 bucket=#null", "`bucket` takes text"),
            ("s3 other bucket=a", "takes one kind"),
            ("http address=\"https://ana:pw@git.example/{name}\"", "`address` has a password in it"),
        ] {
            let got = Backend::said(Some(said), true).unwrap_err();
            assert!(got.contains(what), "{said}: {got}");
        }
    }

    #[test]
    fn the_table_can_be_read() {
        let (table, problems) = syntax::read(FileId(0), TABLE);
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(table.len(), 5);
        for kind in &table {
            let names: Vec<&str> =
                kind.children().iter().filter(|child| child.name.text == "takes").flat_map(|child| &child.args).filter_map(|arg| arg.as_str()).collect();
            let named = kind.children().iter().filter(|child| ["place", "within", "required", "set"].contains(&child.name.text.as_str()));
            for name in named.flat_map(|child| &child.args).filter_map(|arg| arg.as_str()) {
                assert!(names.contains(&name), "{name} of {:?}", kind.arg_str(0));
            }
        }
    }
}
