//! The lock file: which resources run, under which names, and the values whose change would replace what holds data. With it, a build refuses such a change
//! without asking the cloud.
//!
//! It is KDL 2, one line a resource and one a value, in an order that no unrelated change moves; here it is read, written and compared, as text. What is in
//! parentheses is ours, what is bare the provider's.

mod fixed;
mod judge;
mod ran;
mod read;
mod value;

pub use fixed::{Fixed, fixed};
pub use judge::judge;
pub use ran::Ran;
pub use read::read;
pub use value::Kept;

use crate::check::Model;
use crate::emit::Format;
use crate::native::Removal;
use crate::origins::Origins;
use crate::provider::NativeKind;
use crate::source::Span;
use value::word;

/// The version that is written. Those before it are read: the first one did not know the account, the second one no parameters.
const VERSION: i64 = 3;

/// The first line: what the file is, for who finds it.
const ABOUT: &str = "// What runs of this stack, as `stackc deploy` left it: `stackc build` refuses what would lose its data. Commit it, and do not edit it.";

/// Everything that a lock file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    /// The running stacks.
    pub stacks: Vec<Running>,
}

/// Which running stack is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Which {
    /// The stack's name.
    pub stack: String,
    /// Its stage.
    pub stage: Option<String>,
    /// Which copy of it, when there are several side by side.
    pub instance: Option<String>,
    /// The target.
    pub target: String,
    /// Where it runs, as far as that tells it from others.
    pub place: String,
    /// Whose it is there: AWS's account, Azure's subscription, OpenStack's project. None where nobody says, or in a file of before.
    pub account: Option<String>,
}

impl Which {
    /// Whether both are the same stack, wherever they run.
    fn is_same_stack(&self, other: &Which) -> bool {
        (&self.stack, &self.stage, &self.instance, &self.target) == (&other.stack, &other.stage, &other.instance, &other.target)
    }

    /// Whether both may be the same running stack: where one of them does not know the account, the place has to do.
    fn may_be(&self, other: &Which) -> bool {
        let accounts = self.account.as_ref().zip(other.account.as_ref());
        self.is_same_stack(other) && self.place == other.place && accounts.is_none_or(|(one, another)| one == another)
    }
}

/// A running stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Running {
    /// Which one.
    pub which: Which,
    /// With which values of its parameters, and which those were before.
    pub ran: Ran,
    /// Its resources.
    pub resources: Vec<Locked>,
    /// Where it stands in the lock file.
    pub span: Span,
}

/// A resource of a running stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Locked {
    /// Whether it was made, or looked up for something whose values are kept.
    pub kind: NativeKind,
    /// Its name in the template.
    pub name: String,
    /// The provider's type.
    pub ty: String,
    /// What the cloud calls it.
    pub id: Option<String>,
    /// The user's resource that it comes from: its portable type and its name.
    pub of: Option<(String, String)>,
    /// Which part of the user's resource it is, in the rule's words.
    pub part: String,
    /// Why it must not be lost, if so.
    pub guard: Option<Guard>,
    /// The properties whose change would replace it, each with its value; none where the template gave none.
    pub fixed: Vec<(String, Option<Kept>)>,
    /// Where it stands in the lock file.
    pub span: Span,
}

/// Why a resource must not be lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It holds data.
    Data,
    /// The stack says so.
    Protected,
}

impl Guard {
    /// Its word in a lock file.
    fn word(self) -> &'static str {
        match self {
            Guard::Data => "data",
            Guard::Protected => "protected",
        }
    }

    /// What is to be said of the resource.
    fn clause(self) -> &'static str {
        match self {
            Guard::Data => "holds data",
            Guard::Protected => "is protected",
        }
    }
}

impl Running {
    /// A stack that runs now, by the origins of its template. `id` gives what the cloud calls a resource, by its type and its address.
    pub fn new(which: Which, ran: Ran, origins: &Origins, id: impl Fn(&str, &str) -> Option<String>) -> Running {
        let kept = origins.resources.iter().filter(|origin| origin.kind == NativeKind::Resource || !origin.fixed.is_empty());
        let mut resources: Vec<Locked> = kept
            .map(|origin| Locked {
                kind: origin.kind,
                name: origin.name.clone(),
                ty: origin.ty.clone(),
                id: id(&origin.ty, &origin.address).filter(|_| origin.kind == NativeKind::Resource),
                of: origin.of.clone(),
                part: origin.part.clone(),
                guard: match (origin.removal, origin.stateful) {
                    (Removal::Keep, _) => Some(Guard::Protected),
                    (_, true) => Some(Guard::Data),
                    (_, false) => None,
                },
                fixed: origin.fixed.iter().map(|fixed| (fixed.path.clone(), fixed.value.clone())).collect(),
                span: Span::default(),
            })
            .collect();
        resources.sort_by(|a, b| (&a.name, &a.ty, a.kind).cmp(&(&b.name, &b.ty, b.kind)));
        Running { which, ran, resources, span: Span::default() }
    }
}

impl Locked {
    /// What a person calls it: `database data: instance`.
    pub fn label(&self) -> String {
        match (&self.of, self.part.as_str()) {
            (Some((ty, of)), "") => format!("{ty} {of}"),
            (Some((ty, of)), part) => format!("{ty} {of}: {part}"),
            (None, _) => self.name.clone(),
        }
    }

    /// The user's own name for it.
    pub fn user_name(&self) -> &str {
        self.of.as_ref().map_or(&self.name, |(_, of)| of)
    }

    fn address(&self, format: Format) -> String {
        format.address(self.kind, &self.ty, &self.name)
    }
}

impl Lock {
    /// What runs of a stack, its stage and its copy on a target, wherever that is: a build cannot tell one place from another.
    pub fn of<'l>(&'l self, model: &'l Model, target: &'l str) -> impl Iterator<Item = &'l Running> {
        self.stacks.iter().filter(move |running| {
            let which = &running.which;
            (&which.stack, &which.stage, &which.instance, which.target.as_str()) == (&model.name, &model.stage, &model.instance, target)
        })
    }

    /// One running stack.
    pub fn get(&self, which: &Which) -> Option<&Running> {
        self.stacks.iter().find(|running| running.which == *which).or_else(|| self.stacks.iter().find(|running| running.which.may_be(which)))
    }

    /// The same stack where it runs elsewhere: in another place, or of another account.
    pub fn elsewhere(&self, which: &Which) -> impl Iterator<Item = &Running> {
        self.stacks.iter().filter(move |running| running.which.is_same_stack(which) && !running.which.may_be(which))
    }

    /// Puts a running stack in the place of what was known of it.
    pub fn put(&mut self, mut running: Running) {
        if let Some(known) = self.get(&running.which) {
            running.ran.follow(&known.ran);
        }
        self.take_out(&running.which);
        self.stacks.push(running);
        self.stacks.sort_by(|a, b| a.which.cmp(&b.which));
    }

    /// Forgets a running stack; whether it was known.
    pub fn take_out(&mut self, which: &Which) -> bool {
        let before = self.stacks.len();
        self.stacks.retain(|running| !running.which.may_be(which));
        self.stacks.len() != before
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let mut out = format!("{ABOUT}\nlock {VERSION}\n");
        for running in &self.stacks {
            let which = &running.which;
            out.push_str(&format!("\nstack {}", word(&which.stack)));
            let optional = [("stage", which.stage.clone()), ("instance", which.instance.clone())];
            let given = optional.into_iter().filter_map(|(name, value)| Some((name, value?)));
            let account = which.account.clone().map(|account| ("account", account));
            for (name, value) in given.chain([("target", which.target.clone()), ("place", which.place.clone())]).chain(account) {
                out.push_str(&format!(" {name}={}", word(&value)));
            }
            out.push_str(" {\n");
            running.ran.write(&mut out);
            running.resources.iter().for_each(|resource| resource.write(&mut out));
            out.push_str("}\n");
        }
        out
    }
}

impl Locked {
    fn write(&self, out: &mut String) {
        out.push_str(&format!("    {} {} {}", self.kind.word(), word(&self.name), word(&self.ty)));
        let of = self.of.as_ref().map(|(ty, of)| format!("{ty} {of}"));
        let part = Some(self.part.clone()).filter(|part| !part.is_empty());
        let guard = self.guard.map(|guard| guard.word().to_owned());
        for (name, value) in [("of", of), ("part", part), ("id", self.id.clone()), ("guard", guard)] {
            if let Some(value) = value {
                out.push_str(&format!(" {name}={}", word(&value)));
            }
        }
        if self.fixed.is_empty() {
            out.push('\n');
            return;
        }
        out.push_str(" {\n");
        for (path, value) in self.fixed.iter().filter_map(|(path, value)| Some((path, value.as_ref()?))) {
            out.push_str(format!("        {} {}", word(path), value.words()).trim_end());
            out.push('\n');
        }
        let absent: Vec<String> = self.fixed.iter().filter(|(_, value)| value.is_none()).map(|(path, _)| word(path)).collect();
        if !absent.is_empty() {
            out.push_str(&format!("        (absent)- {}\n", absent.join(" ")));
        }
        out.push_str("    }\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Sources;

    fn lock(text: &str) -> Result<Lock, Vec<&'static str>> {
        let mut sources = Sources::default();
        let file = sources.add("stack.lock.kdl", text.to_owned());
        read(file, text).map_err(|problem| vec![problem.code])
    }

    fn sample(values: Vec<(String, Option<Kept>)>) -> Lock {
        let which = Which {
            stack: "shop".to_owned(),
            stage: Some("prod".to_owned()),
            instance: None,
            target: "t".to_owned(),
            place: "a, b".to_owned(),
            account: Some("1".to_owned()),
        };
        let data = Locked {
            kind: NativeKind::Resource,
            name: "DataInstance".to_owned(),
            ty: "Some::Type".to_owned(),
            id: Some("shop-1/\"x\"".to_owned()),
            of: Some(("store".to_owned(), "data".to_owned())),
            part: "instance".to_owned(),
            guard: Some(Guard::Data),
            fixed: values,
            span: Span::default(),
        };
        let other = Locked { name: "Other".to_owned(), of: None, part: String::new(), id: None, guard: None, fixed: Vec::new(), ..data.clone() };
        Lock { stacks: vec![Running { which, ran: Ran::default(), resources: vec![data, other], span: Span::default() }] }
    }

    /// The same without where it was read.
    fn placeless(mut lock: Lock) -> Lock {
        for running in &mut lock.stacks {
            running.span = Span::default();
            running.resources.iter_mut().for_each(|resource| resource.span = Span::default());
        }
        lock
    }

    #[test]
    fn it_reads_as_a_person_would_write_it() {
        let values = vec![
            ("Engine".to_owned(), Some(Kept::Text("postgres".to_owned()))),
            ("Group".to_owned(), Some(Kept::Ref("DataGroup".to_owned()))),
            ("Kms".to_owned(), None),
            ("Zones".to_owned(), Some(Kept::List(vec![Kept::Text("a".to_owned()), Kept::Param("zone".to_owned())]))),
            ("Other".to_owned(), None),
        ];
        assert_eq!(
            sample(values).text(),
            format!(
                "{ABOUT}\nlock 3\n\nstack shop stage=prod target=t place=\"a, b\" account=\"1\" {{\n    resource DataInstance \"Some::Type\" of=\"store data\" part=instance id=\"shop-1/\\\"x\\\"\" guard=data {{\n        Engine postgres\n        Group (ref)DataGroup\n        Zones a (param)zone\n        (absent)- Kms Other\n    }}\n    resource Other \"Some::Type\"\n}}\n"
            )
        );
    }

    #[test]
    fn what_was_written_is_read_again() {
        let texts = [
            "",
            "a",
            "true",
            "-1",
            "0x1F",
            "a b",
            "quote \" and \\ and /",
            "line\nends\r\n\u{85}\u{2028}\u{b}",
            "\0\u{7f}\u{feff}\u{202e}é😀",
            "#\"raw\"#",
            "(ref)x",
            "${x} %{y}",
            "//",
            "{}",
            "inf",
            "r\"",
        ];
        let mut values: Vec<(String, Option<Kept>)> = Vec::new();
        for (index, text) in texts.iter().enumerate() {
            let text = (*text).to_owned();
            values.extend([
                (format!("t{index}"), Some(Kept::Text(text.clone()))),
                (text.clone() + "path", Some(Kept::Ref(text.clone()))),
                (format!("l{index}"), Some(Kept::List(vec![Kept::Text(text.clone()), Kept::Attr(text.clone())]))),
                (format!("s{index}"), Some(Kept::Spelt(text))),
            ]);
        }
        for value in [
            Kept::Bool(true),
            Kept::Integer(i64::MIN),
            Kept::Integer(0),
            Kept::Number(1.5),
            Kept::Number(-2e300),
            Kept::Number(1e-9),
            Kept::Secret,
            Kept::List(Vec::new()),
        ] {
            values.push((format!("{value:?}"), Some(value)));
        }
        values.extend([("gone".to_owned(), None), ("gone too".to_owned(), None)]);
        let lock = sample(values);
        let again = read(crate::source::FileId(0), &lock.text()).map(placeless);
        assert_eq!(again.as_ref().ok(), Some(&lock), "{:?}", again.as_ref().err());
        assert_eq!(again.ok().map(|again| again.text()), Some(lock.text()));
    }

    #[test]
    fn an_empty_one_stays_a_lock() {
        assert_eq!(lock(&Lock::default().text()), Ok(Lock::default()));
    }

    #[test]
    fn what_is_no_lock_is_refused() {
        let damaged = [
            "",
            "stack shop target=t place=p\n",
            "lock\n",
            "lock one\n",
            "lock 1\nlock 1\n",
            "lock 1\nstack shop target=t {\n}\n",
            "lock 1\nstack shop target=t place=p\nstack shop target=t place=p\n",
            "lock 1\nstack shop target=t place=p new=1\n",
            "lock 1\nstack shop target=t place=p { resource A; }\n",
            "lock 1\nstack shop target=t place=p { resource A T; resource A T; }\n",
            "lock 1\nstack shop target=t place=p { resource A T of=one; }\n",
            "lock 1\nstack shop target=t place=p { resource A T guard=maybe; }\n",
            "lock 1\nstack shop target=t place=p { resource A T { P (what)x; }; }\n",
            "lock 1\nstack shop target=t place=p { resource A T { P 1; P 2; }; }\n",
            "lock 1\nstack shop target=t place=p { resource A T { P #null; }; }\n",
            "lock 1\nstack shop target=t place=p { thing A T; }\n",
            "lock 3\nstack shop target=t place=p { (values)then { image a; }; }\n",
            "lock 3\nstack shop target=t place=p { (values)now { image 1; }; }\n",
            "lock 3\nstack shop target=t place=p { (values)now { image a; image b; }; }\n",
            "lock 3\nstack shop target=t place=p { (values)now; (values)now; }\n",
            "lock 3\nstack shop target=t place=p { (values)before { image a; }; }\n",
            "lock 1\n<<<<<<< ours\n",
            "lock 1\nstack shop target=t place=p {\n",
        ];
        for text in damaged {
            assert_eq!(lock(text), Err(vec!["E0503"]), "{text}");
        }
        assert_eq!(lock("lock 4\nanything {}\n"), Err(vec!["E0504"]));
    }

    #[test]
    fn a_stack_takes_the_place_of_what_was_known_of_it() {
        let mut lock = sample(Vec::new());
        let mut green = lock.stacks.first().cloned().unwrap();
        green.which.instance = Some("green".to_owned());
        lock.put(green.clone());
        lock.put(green.clone());
        assert_eq!(lock.stacks.len(), 2);
        let model = |instance: Option<&str>| Model {
            name: "shop".to_owned(),
            stage: Some("prod".to_owned()),
            instance: instance.map(str::to_owned),
            ..Model::default()
        };
        assert_eq!(lock.of(&model(None), "t").count(), 1);
        assert_eq!(lock.of(&model(Some("green")), "t").count(), 1);
        assert_eq!(lock.of(&model(Some("blue")), "t").count(), 0);
        assert!(lock.take_out(&green.which) && !lock.take_out(&green.which));
        assert_eq!(lock, sample(Vec::new()));
    }
}
