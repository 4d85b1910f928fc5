//! Sending to the cloud. What only reads is repeated until patience runs out. What changes something is sent once: when its answer is lost, it is looked
//! whether it happened before it is sent again, since a client that repeats by itself would do it twice.

use super::Trouble;
use std::time::{Duration, Instant};

/// What a call ended with, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many calls: it did not happen, and can be tried later.
    Throttled(String),
    /// The answer was lost, or the cloud had a fault of its own: whether it happened is not known.
    Lost(String),
    /// The credentials are no longer good: what the cloud says, and how to log in again.
    Expired(String, &'static str),
    /// There are no credentials: what to do about it, and what the client says.
    NoCredentials(&'static str, String),
    /// The cloud said no: its code and its message.
    Said(String, String),
    /// What came back is no answer of this cloud's, so that nothing follows from it: what it is instead.
    Strange(String),
}

impl Fault {
    /// Whether it is the cloud's answer that there is no such thing.
    pub fn is_missing(&self) -> bool {
        matches!(self, Fault::Said(code, text) if code.contains("NotFound") || code == "404" || text.contains("does not exist"))
    }

    /// What a person is told; `doing` is what did not succeed, such as "make the change set".
    pub fn trouble(self, doing: &str) -> Trouble {
        match self {
            Fault::Throttled(text) => Trouble::Resumable {
                what: format!("could not {doing}: the cloud answers that there are too many calls ({text})"),
                next: "wait a few minutes".to_owned(),
            },
            Fault::Lost(text) => Trouble::Resumable {
                what: format!("could not {doing}: no answer from the cloud ({text})"),
                next: "see whether the network and the cloud are there".to_owned(),
            },
            Fault::Expired(text, again) => {
                Trouble::Resumable { what: format!("could not {doing}: the credentials are no longer good ({text})"), next: again.to_owned() }
            }
            Fault::NoCredentials(how, text) => Trouble::Call(format!("{how} ({text})")),
            Fault::Said(_, text) => Trouble::refused(format!("could not {doing}"), text),
            Fault::Strange(text) => Trouble::Resumable {
                what: format!("could not {doing}: what came back is no answer of the cloud's ({text})"),
                next: "see what answers at this address: a proxy or a login page may stand between".to_owned(),
            },
        }
    }
}

/// How long to wait for what.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Between two looks at what goes on.
    pub poll: Duration,
    /// For a cloud that does not answer, until giving up.
    pub patience: Duration,
    /// For one answer.
    pub answer: Duration,
}

/// What is told while something is waited out.
pub type Notice = std::rc::Rc<dyn Fn(&str)>;

/// Waits between tries, longer each time, until patience runs out.
struct Waiting {
    began: Instant,
    next: Duration,
    told: bool,
}

impl Waiting {
    fn new(pace: Pace) -> Waiting {
        Waiting { began: Instant::now(), next: pace.poll / 4, told: false }
    }

    /// Waits, or says that it was enough.
    async fn again(&mut self, pace: Pace, why: &Fault, notice: &Notice) -> bool {
        if self.began.elapsed() + self.next > pace.patience {
            return false;
        }
        if !self.told {
            self.told = true;
            match why {
                Fault::Throttled(_) => notice("the cloud asks for fewer calls; waiting"),
                _ => notice("no answer from the cloud; trying again"),
            }
        }
        tokio::time::sleep(self.next).await;
        self.next = (self.next * 2).min(Duration::from_secs(20));
        true
    }
}

/// Reads, again and again until there is an answer.
pub async fn read<T>(pace: Pace, notice: &Notice, call: impl AsyncFn() -> Result<T, Fault>) -> Result<T, Fault> {
    let mut waiting = Waiting::new(pace);
    loop {
        match call().await {
            Err(why @ (Fault::Throttled(_) | Fault::Lost(_))) if waiting.again(pace, &why, notice).await => {}
            answer => return answer,
        }
    }
}

/// Changes something. `happened` looks whether it did, and gives what its answer would have been.
pub async fn act<T>(
    pace: Pace,
    notice: &Notice,
    send: impl AsyncFn() -> Result<T, Fault>,
    happened: impl AsyncFn() -> Result<Option<T>, Fault>,
) -> Result<T, Fault> {
    let mut waiting = Waiting::new(pace);
    loop {
        match send().await {
            Err(why @ Fault::Throttled(_)) => {
                if !waiting.again(pace, &why, notice).await {
                    return Err(why);
                }
            }
            // Whatever stood between, the call may have gone through it.
            Err(why @ (Fault::Lost(_) | Fault::Strange(_))) => {
                let patient = waiting.again(pace, &why, notice).await;
                if let Some(answer) = read(pace, notice, &happened).await? {
                    return Ok(answer);
                }
                if !patient {
                    return Err(why);
                }
            }
            answer => return answer,
        }
    }
}

/// A word that no other run has.
pub fn token() -> String {
    use std::hash::{BuildHasher, Hasher};
    format!("stackc-{:016x}", std::collections::hash_map::RandomState::new().build_hasher().finish())
}
