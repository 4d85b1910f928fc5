//! Rules as they are written: what is in parentheses has become a form, what is bare is the provider's.

use crate::provider::NativeKind;
use crate::source::Span;
use crate::syntax::{Ident, Scalar};

/// The name of the output that an operator's client reads, which only `handle` writes.
pub const HANDLE: &str = "handle";

/// The key of a handle that names the client.
pub const KIND: &str = "kind";

/// A dotted path such as `network.private-subnets`, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    /// Its parts; never empty.
    pub parts: Vec<String>,
    /// Where.
    pub span: Span,
}

impl std::fmt::Display for Path {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.parts.join("."))
    }
}

/// What a rule is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// `lower TYPE`.
    Type(String),
    /// `find TYPE`: of what exists already.
    Find(String),
    /// `EDGE FROM… TO`.
    Edge {
        /// The edge's name, such as `connect`.
        edge: String,
        /// The types it starts from.
        from: Vec<String>,
        /// The type it leads to.
        to: String,
    },
}

impl std::fmt::Display for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Subject::Type(ty) => f.write_str(ty),
            Subject::Find(ty) => write!(f, "find {ty}"),
            Subject::Edge { edge, from, to } => write!(f, "{edge} {} {to}", from.join(" ")),
        }
    }
}

/// One rule of a file, for one target.
#[derive(Debug)]
pub struct Rule {
    /// What it is about.
    pub subject: Subject,
    /// Tables, of the whole file's rule.
    pub tables: Vec<Table>,
    /// Pairs of values that go together.
    pub pairs: Vec<Pairs>,
    /// What it makes.
    pub body: Vec<Statement>,
    /// Where it stands.
    pub span: Span,
}

/// `(table)size small=… large=…`: one value for each of a property's. A table of no property is a list of rows, to be gone over.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// The property whose values it is over, if it is over one.
    pub of: Option<String>,
    /// Whether it stands beside the targets, and the block of another one reads it.
    pub shared: bool,
    /// For each value of the property, what it becomes.
    pub rows: Vec<(Ident, Scalar)>,
    /// Where it stands.
    pub span: Span,
}

/// `pairs cpu memory { … }`: which values of a second property go with one of a first.
#[derive(Debug, Clone)]
pub struct Pairs {
    /// The first property.
    pub first: String,
    /// The second property.
    pub second: String,
    /// Why, in a sentence.
    pub why: String,
    /// For each first value, the second ones; numbers as [`number_text`] writes them.
    pub rows: Vec<(String, Vec<String>)>,
    /// Where they stand.
    pub span: Span,
}

/// A statement of a rule's body.
#[derive(Debug)]
pub enum Statement {
    /// `resource ROLE TYPE { … }` or `data ROLE TYPE { … }`.
    Resource(Box<ResourceRule>),
    /// `output NAME value`.
    Output {
        /// Its name.
        name: Ident,
        /// Its value.
        value: Expr,
        /// Where it stands.
        span: Span,
    },
    /// `output NAME` without a value: in this arm there is none.
    NoOutput(Ident),
    /// `param NAME default=… about=…`: a value that the cloud does not tell, and the deployer has to.
    Param(RuleParam),
    /// `gate NAME LOOK …`: what has to be so before what waits for it can be made.
    Gate(Box<GateRule>),
    /// `takes EDGE FROM…` or `refuses EDGE FROM… "why"`: which edges can lead to what was found.
    Takes(Takes),
    /// Statements that hold for some stacks, or several times.
    Form(Form<Statement>),
    /// `(unsupported)`, `(degraded)` or `(emulated)`.
    Loss(Loss),
}

/// A parameter that a rule asks for.
#[derive(Debug)]
pub struct RuleParam {
    /// Its name; in the template, that of the resource comes before it, except in the cloud's own rule.
    pub name: Ident,
    /// What it is for.
    pub about: String,
    /// Whether it is kept out of sight.
    pub secret: bool,
    /// Whether it is several texts.
    pub list: bool,
    /// In a rule that finds: whether it may be left out, and is then asked of nobody.
    pub optional: bool,
    /// The type that the format has for it, such as `AWS::EC2::VPC::Id`, or the name of a check of its own.
    pub ty: Option<Ident>,
    /// Its default.
    pub default: Option<Scalar>,
}

/// Which edges can lead to what exists already: in a rule that finds.
#[derive(Debug, Clone)]
pub struct Takes {
    /// The edge's name.
    pub edge: Ident,
    /// The types that it starts from.
    pub from: Vec<Ident>,
    /// Why it cannot, if it cannot.
    pub refused: Option<String>,
    /// Where it stands.
    pub span: Span,
}

/// A gate: `gate NAME LOOK field=value… do="what a person does"`.
#[derive(Debug)]
pub struct GateRule {
    /// Its name, by which resources wait for it.
    pub name: Ident,
    /// How it is looked up.
    pub look: Ident,
    /// What has to be known for that.
    pub fields: Vec<(Ident, Expr)>,
    /// What a person does.
    pub act: Expr,
    /// Where it stands.
    pub span: Span,
}

/// What stands under a condition, or is repeated.
#[derive(Debug)]
pub enum Form<T> {
    /// `(when)path { … }`.
    When(Path, Vec<T>),
    /// `(match)path { value { … } … }`.
    Match(Path, Vec<(Ident, Vec<T>)>),
    /// `(each)path { … }` or `(secret)path { … }`.
    Each(Each<T>),
}

impl<T> Form<T> {
    /// What decides it, or is gone over.
    pub fn over(&self) -> &Path {
        match self {
            Form::When(path, _) | Form::Match(path, _) => path,
            Form::Each(each) => &each.over,
        }
    }

    /// What stands in its braces, arm by arm.
    pub fn bodies(&self) -> impl Iterator<Item = &[T]> {
        let (one, arms) = match self {
            Form::When(_, body) => (Some(body), &[] as &[_]),
            Form::Each(each) => (Some(&each.body), &[] as &[_]),
            Form::Match(_, arms) => (None, arms.as_slice()),
        };
        one.into_iter().chain(arms.iter().map(|(_, body)| body)).map(Vec::as_slice)
    }
}

/// Something repeated for each item of a list, map, block or number.
#[derive(Debug)]
pub struct Each<T> {
    /// What is gone over.
    pub over: Path,
    /// The name of the item inside.
    pub name: String,
    /// Whether it goes over the secret values only, rather than over the others.
    pub secret: bool,
    /// What is repeated.
    pub body: Vec<T>,
}

/// What a target cannot do, or does in another way.
#[derive(Debug, Clone)]
pub struct Loss {
    /// How much is lost.
    pub grade: Grade,
    /// The property, output or type.
    pub subject: Path,
    /// Why, or how.
    pub reason: String,
    /// What to do instead.
    pub instead: Option<String>,
    /// Which ordinary applications do not run because of it, if there are such.
    pub breaks: Option<String>,
    /// Where it is declared.
    pub span: Span,
}

/// How much of a property a target keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// The same effect by other means.
    Emulated,
    /// Something is missing.
    Degraded,
    /// Not there at all.
    Unsupported,
}

/// A native resource that a rule makes.
#[derive(Debug)]
pub struct ResourceRule {
    /// Whether it is made, looked up, or made for one run only.
    pub kind: NativeKind,
    /// Its role in the rule, which becomes part of its name; `main` does not.
    pub role: Ident,
    /// The provider's type.
    pub ty: Ident,
    /// The resource that it is a part of.
    pub parent: Option<Box<Expr>>,
    /// Resources that have to exist before it.
    pub after: Vec<Expr>,
    /// Resources that have to wait for it.
    pub before: Vec<Expr>,
    /// Gates that it waits for, each by its path.
    pub waits: Vec<Path>,
    /// The property that says whether it stays when the stack no longer has it.
    pub keep: Option<Expr>,
    /// What happens otherwise: `delete` or `snapshot`.
    pub snapshot: bool,
    /// Whether it stays otherwise as well, for the engine cannot tell it from the one that takes its place.
    pub stays: bool,
    /// Which one it is of those that take each other's place: another number makes another one, and the earlier goes when nothing reads it any more.
    pub turn: Option<Box<Expr>>,
    /// Whether it is made once: in an edge's rule for all edges between the same two resources, in a type's rule for all that would be the same.
    pub once: bool,
    /// In a loop: it is made once for all items for which this leads to the same resource.
    pub once_by: Option<Path>,
    /// It is made once in the stack for all that give the same text, and named by that.
    pub shared: Option<Expr>,
    /// Of those that give the same text, this one is left out where another is made, whatever stands in it.
    pub yields: bool,
    /// Whether a replacement is made first.
    pub create_first: bool,
    /// Whether each change makes a new revision, and no replacement of one loses anything.
    pub revision: bool,
    /// Properties whose later changes are somebody else's.
    pub ignore: Vec<Ignore>,
    /// What has to be so once it was made or changed.
    pub expect: Vec<Expect>,
    /// Its properties.
    pub body: Vec<Item>,
    /// Where it stands.
    pub span: Span,
}

/// `ignore="a b" ignore-when=path`.
#[derive(Debug)]
pub struct Ignore {
    /// The properties, by their names or their paths.
    pub names: Vec<String>,
    /// Only when this holds, if it is given.
    pub when: Option<Path>,
}

/// `(expect)attribute value "why not"`: what can be read from a resource once the cloud says that it is done. Some are done when they have gone back.
#[derive(Debug)]
pub struct Expect {
    /// What is read.
    pub attribute: Ident,
    /// What it has to be.
    pub value: Expr,
    /// What it means when it is something else.
    pub why: String,
}

/// An item of an object's or a list's body.
#[derive(Debug)]
pub enum Item {
    /// `Name value`.
    Property(Ident, Expr),
    /// `- value`.
    Element(Expr),
    /// Items that are there for some stacks, or several times.
    Form(Form<Item>),
}

/// A value and where it stands.
#[derive(Debug)]
pub struct Expr {
    /// The value.
    pub kind: ExprKind,
    /// Where.
    pub span: Span,
}

/// The forms of a value.
#[derive(Debug)]
pub enum ExprKind {
    /// Something that could not be read, and was reported.
    Broken,
    /// A plain value.
    Literal(Scalar),
    /// `(get)path`.
    Get(Path),
    /// `(ref)role`.
    Ref(String),
    /// `(attr)role.path`.
    Attr(String, String),
    /// `(table)name`.
    Table(String),
    /// `(fmt)"…"`.
    Fmt(Vec<Expr>),
    /// Several values.
    List(Vec<Expr>),
    /// An object or a list in braces.
    Body(Vec<Item>),
    /// `(call)name …`.
    Call {
        /// The built-in.
        name: String,
        /// Its arguments.
        args: Vec<Expr>,
        /// What stands in braces.
        body: Vec<Item>,
    },
}

/// A number as a word: without a fraction when it has none.
pub fn number_text(number: f64) -> String {
    number.to_string()
}
