//! What every engine does, in words that belong to none of them. One file per engine below `engine/`; `life` drives whichever it is given.
//!
//! An engine says what it finds and does what it is told; it asks nobody and prints nothing. What it cannot do at all it answers with [`Trouble::Cannot`].

pub mod arm;
pub mod cfn;
pub mod heat;
mod overlay;
pub mod rest;
pub mod terraform;
pub mod wire;

use std::collections::BTreeMap;

/// What is to run.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The template.
    pub template: String,
    /// Values of its parameters, by their names in the template.
    pub params: BTreeMap<String, Given>,
    /// What is protected, by the names in the template: it must be neither replaced nor removed, nor the whole be removed by mistake.
    pub protect: Vec<String>,
    /// What of it may be replaced or removed this time.
    pub allowed: Vec<String>,
    /// Whether what was changed by others is to be put back, too.
    pub revert_drift: bool,
    /// Only this part of it is made or changed; all else stays as it runs.
    pub only: Option<Only>,
}

/// A part of what is to run, with all that it needs.
#[derive(Debug, Clone, Default)]
pub struct Only {
    /// Its template, with the parameters of the whole.
    pub template: String,
    /// The addresses of what it has.
    pub addresses: Vec<String>,
}

/// The value of a parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// This one.
    Value(String),
    /// The one that the running stack has.
    Previous,
}

/// What the running stack knows of a parameter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Previous {
    /// Its value; for a secret, nothing that can be read.
    pub value: String,
    /// The default that its template gave it.
    pub default: Option<String>,
}

/// How a stack is, as far as it matters for what comes next.
#[derive(Debug)]
pub enum State<E: Engine + ?Sized> {
    /// There is none.
    Absent,
    /// Nothing is going on, and it can be changed.
    Settled,
    /// Something is going on: the cloud's word for it, and what to follow.
    Busy(String, E::Running),
    /// It cannot be changed before something is done.
    Stuck {
        /// The cloud's word for it.
        how: String,
        /// What would be done, such as "delete what is left of it, and make it anew"; none when only a person can say.
        cure: Result<Cure<E::Cure>, String>,
    },
}

/// What would make a stack fit for change again.
#[derive(Debug)]
pub struct Cure<C> {
    /// What it does, as a sentence without its full stop.
    pub does: String,
    /// What the engine needs to do it.
    pub with: C,
}

/// What a deploy would do.
#[derive(Debug)]
pub struct Plan<P> {
    /// Everything that changes; empty when nothing does.
    pub changes: Vec<Change>,
    /// What else is to be known.
    pub notes: Vec<String>,
    /// What the engine needs to do it; none when there is nothing to do.
    pub with: Option<P>,
}

/// In the place of a value that is known only once the change is made.
pub const KNOWN_AFTER: &str = "(known after it)";

/// What becomes of the data of a resource that nothing is kept of.
pub const DATA_GOES: &str = "its data goes with it";

/// Where a stack is, as a lock file keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The engine, and its region or group or state: `CloudFormation, eu-west-1`.
    pub place: String,
    /// Whose it is: AWS's account, Azure's subscription, OpenStack's project. None where the engine does not know.
    pub account: Option<String>,
}

/// What happens to one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Its address: its name in the template, on Terraform with its type before it.
    pub name: String,
    /// The provider's type.
    pub ty: String,
    /// What happens.
    pub what: What,
    /// What becomes of the data of what is replaced or removed, when the engine knows.
    pub fate: Option<&'static str>,
    /// What changes in it.
    pub properties: Vec<PropertyChange>,
}

/// What can happen to a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// It is made.
    Add,
    /// It exists, and the stack takes it over.
    Adopt,
    /// It is changed in place.
    Change,
    /// Another takes its place.
    Replace,
    /// Perhaps another takes its place: only known when it happens.
    MayReplace,
    /// It goes.
    Remove,
}

impl What {
    /// The word for it in a table and in JSON.
    pub fn word(self) -> &'static str {
        match self {
            What::Add => "add",
            What::Adopt => "adopt",
            What::Change => "change",
            What::Replace => "replace",
            What::MayReplace => "may replace",
            What::Remove => "remove",
        }
    }

    /// Whether what is there now may be gone afterwards.
    pub fn loses(self) -> bool {
        matches!(self, What::Replace | What::MayReplace | What::Remove)
    }
}

/// What changes in a resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PropertyChange {
    /// The property, or the path of what is in it.
    pub path: String,
    /// Its value now, where it is known.
    pub old: Option<String>,
    /// Its value afterwards, where it is known.
    pub new: Option<String>,
    /// Whether it is the reason for a replacement.
    pub replaces: bool,
    /// What causes it, when that is not the template: a parameter, another resource.
    pub because: Option<String>,
}

/// Something that happened in a running stack.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// When, as the cloud's clock says, in seconds since 1970.
    pub at: f64,
    /// The resource's address; none for the stack as a whole.
    pub name: Option<String>,
    /// The provider's type.
    pub ty: String,
    /// What happened.
    pub step: Step,
    /// The cloud's own word for it.
    pub word: String,
    /// The cloud's reason.
    pub reason: Option<String>,
    /// Whether what happens to it is that it goes.
    pub goes: bool,
}

/// How far something got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It begins.
    Begins,
    /// It is done.
    Done,
    /// It failed.
    Failed,
    /// Neither: a notice.
    Note,
}

/// What following a running operation gives.
#[derive(Debug)]
pub enum Progress {
    /// It goes on; this happened since the last time.
    Going(Vec<Event>),
    /// It came to its end, after this.
    Ended(Vec<Event>, Ending),
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// As it should.
    Done,
    /// The stack is gone, as it should be or not.
    Gone,
    /// The cloud gave up: its word for the state that the stack is in now, and what a person can do.
    Failed {
        /// The cloud's word.
        how: String,
        /// What to do next.
        next: String,
        /// Whether it was the removal of the whole that failed.
        removal: bool,
    },
}

/// How a stack is, for a person.
#[derive(Debug, Default)]
pub struct Status {
    /// The cloud's word for it; none when there is no such stack.
    pub how: Option<String>,
    /// The cloud's reason for it.
    pub reason: Option<String>,
    /// Further facts, each a name and a value.
    pub facts: Vec<(String, String)>,
    /// Its resources.
    pub resources: Vec<ResourceStatus>,
}

/// A running stack, as a list of all that run has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its name there.
    pub name: String,
    /// The name of the stack that it was made of, where the cloud has it.
    pub stack: Option<String>,
    /// The stage and the copy, as far as there are any.
    pub which: Vec<String>,
    /// The cloud's word for how it is.
    pub how: String,
    /// When it was changed last, as the cloud says it.
    pub changed: Option<String>,
    /// What it lies in, where a place has several of one name.
    pub within: Option<String>,
}

/// How a resource is.
#[derive(Debug, Clone)]
pub struct ResourceStatus {
    /// Its address: its name in the template, on Terraform with its type before it.
    pub name: String,
    /// The provider's type.
    pub ty: String,
    /// What the cloud calls it.
    pub id: Option<String>,
    /// The cloud's word for how it is.
    pub how: String,
}

/// What is no longer as it was deployed.
#[derive(Debug, Default)]
pub struct Drift {
    /// Resources that were changed or removed by somebody else.
    pub drifted: Vec<Change>,
    /// Addresses of resources that could not be compared.
    pub unchecked: Vec<String>,
    /// What else is to be known, such as what the cloud does not compare.
    pub notes: Vec<String>,
    /// What puts back what was changed, where that is not `stackc deploy --revert-drift`.
    pub next: Option<&'static str>,
}

/// What stands in the way of a removal, such as a bucket that is not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// The resource, by its address.
    pub name: String,
    /// What the cloud calls it.
    pub id: String,
    /// The provider's type.
    pub ty: String,
    /// What about it, such as "is not empty".
    pub what: String,
}

/// One reason that the cloud gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The resource, by its address; none when it is about the whole.
    pub name: Option<String>,
    /// The provider's type.
    pub ty: String,
    /// The property, when the cloud says which.
    pub property: Option<String>,
    /// What the cloud says.
    pub text: String,
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// The call is wrong: no credentials, no region, no program.
    Call(String),
    /// The engine cannot do it, in one sentence.
    Cannot(String),
    /// The cloud refused: what, its reasons, and what to do.
    Refused {
        /// What was refused.
        what: String,
        /// Why.
        reasons: Vec<Reason>,
        /// What to do.
        next: Option<String>,
    },
    /// Nothing is broken, and the same command goes on where this one stopped: what came in between, and what to do first.
    Resumable {
        /// What came in between.
        what: String,
        /// What to do before trying again.
        next: String,
    },
}

impl Trouble {
    /// A refusal with one reason, about the whole.
    pub fn refused(what: impl Into<String>, why: impl Into<String>) -> Trouble {
        let reasons = vec![Reason { name: None, ty: String::new(), property: None, text: why.into() }];
        Trouble::Refused { what: what.into(), reasons, next: None }
    }

    /// Whether it is a refusal whose reasons have these words.
    pub fn is_about(&self, words: &str) -> bool {
        matches!(self, Trouble::Refused { reasons, .. } if reasons.iter().any(|reason| reason.text.contains(words)))
    }

    /// Another change came before ours: how that is known.
    pub fn overtaken(how: &str) -> Trouble {
        Trouble::Resumable {
            what: format!("somebody else changed the stack since this was planned ({how})"),
            next: "let the other change come to its end".to_owned(),
        }
    }
}

/// A way to bring a template to life. The futures stay on one thread.
pub trait Engine {
    /// What was planned, and can be applied as it was shown.
    type Planned;
    /// An operation under way.
    type Running: std::fmt::Debug;
    /// What it takes to make a stack fit for change again.
    type Cure: std::fmt::Debug;

    /// Where the stack is, for a person: `CloudFormation, eu-west-1`.
    fn place(&self) -> String;

    /// What of the place tells the stack from others of its name, whoever asks from wherever.
    fn site(&self) -> Site;

    /// Whether an operation goes on when nobody follows it. One that does not is asked to stop by the first `cancel`, and killed by the second.
    fn goes_on_alone(&self, running: &Self::Running) -> bool;

    /// Why a secret of the running stack has to be given again, where its cloud gives none back.
    fn forgets_secrets(&self) -> Option<&'static str> {
        None
    }

    /// How the stack is.
    async fn state(&mut self) -> Result<State<Self>, Trouble>;

    /// The parameters of the running stack, by their names in the template; none when there is no stack, or the engine keeps none.
    async fn previous(&mut self) -> Result<BTreeMap<String, Previous>, Trouble>;

    /// What a deploy would do. Nothing of the stack is changed.
    async fn plan(&mut self, wanted: &Wanted) -> Result<Plan<Self::Planned>, Trouble>;

    /// What a file has to keep of a plan, so that it can be done later; the plan waits until then.
    async fn keep(&mut self, planned: Self::Planned) -> Result<serde_json::Value, Trouble>;

    /// A plan that was kept; why it is not to be done any more, as words behind "the plan", when the stack is another by now.
    async fn take_up(&mut self, kept: &serde_json::Value, wanted: &Wanted) -> Result<Result<Plan<Self::Planned>, String>, Trouble>;

    /// Whether a plan that is kept has the value of a parameter in it, or its cloud has, by its name in the template.
    fn keeps_value(&self, param: &str) -> bool;

    /// What else is to be known of a file with such a plan, as words without a full stop.
    fn what_a_plan_holds(&self) -> Option<&'static str> {
        None
    }

    /// Forgets a plan, and takes away all that planning left in the cloud.
    async fn discard(&mut self, planned: Self::Planned) -> Result<(), Trouble>;

    /// Begins what was planned.
    async fn apply(&mut self, planned: Self::Planned) -> Result<Self::Running, Trouble>;

    /// What is left to do after an operation that was done: protection, rules for later changes.
    async fn finish(&mut self, wanted: &Wanted) -> Result<(), Trouble>;

    /// Begins to make a stack fit for change again; the resources of these names in the template are left as they are.
    async fn cure(&mut self, cure: Self::Cure, skip: &[String]) -> Result<Self::Running, Trouble>;

    /// Waits a moment, and says what happened meanwhile.
    async fn follow(&mut self, running: &mut Self::Running) -> Result<Progress, Trouble>;

    /// Whether an operation can be stopped, as far as that is known before it is asked for; why not, as a sentence without its full stop.
    fn can_cancel(&self, _running: &Self::Running) -> Result<(), &'static str> {
        Ok(())
    }

    /// Stops an operation, and says what becomes of the stack, as a sentence without its full stop.
    async fn cancel(&mut self, running: &Self::Running) -> Result<&'static str, Trouble>;

    /// The outputs of the running stack, by their names in the template.
    async fn outputs(&mut self) -> Result<Vec<(String, String)>, Trouble>;

    /// How the running stack is, with all of its resources.
    async fn status(&mut self) -> Result<Status, Trouble>;

    /// The last things that happened, oldest first.
    async fn events(&mut self, most: usize) -> Result<Vec<Event>, Trouble>;

    /// What is no longer as it was deployed.
    async fn drift(&mut self) -> Result<Drift, Trouble>;

    /// What stands in the way of removing the stack.
    async fn obstacles(&mut self) -> Result<Vec<Obstacle>, Trouble>;

    /// Takes an obstacle out of the way, for good.
    async fn clear(&mut self, obstacle: &Obstacle) -> Result<(), Trouble>;

    /// Begins to remove the stack. Where an earlier removal failed at one of these resources, by their names in the template, it is left behind.
    /// An engine whose cloud has to be told beforehand leaves them behind in any case.
    async fn destroy(&mut self, retain: &[String]) -> Result<Self::Running, Trouble>;
}
