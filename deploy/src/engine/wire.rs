//! Sending to the cloud. What only reads is repeated until patience runs out. What changes something is sent once: when its answer is lost, it is looked
//! whether it happened before it is sent again, since a client that repeats by itself would do it twice.

use super::Trouble;
use std::error::Error;
use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What a call ended with, by what can be done about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Too many calls: it did not happen, and can be tried later.
    Throttled(String),
    /// The answer was lost, or the cloud had a fault of its own: whether it happened is not known.
    Lost(String),
    /// Nothing answers at the address: there is no such name, or nobody listens. It did not happen.
    Unreachable(String),
    /// What answers cannot prove who it is: a certificate that is not good. It did not happen, and trying again changes nothing.
    Untrusted(String),
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
            Fault::Unreachable(text) => Trouble::Resumable {
                what: format!("could not {doing}: the cloud cannot be reached ({text})"),
                next: "look at the network, at the region and at the address of its API".to_owned(),
            },
            Fault::Untrusted(text) => Trouble::Resumable {
                what: format!("could not {doing}: what answers cannot prove that it is the cloud ({text})"),
                next: "see what answers at this address: the certificate of a proxy in between has to be among those that this machine trusts".to_owned(),
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

/// What became of a call that brought no answer, by what is at the bottom of its error; `text` is what a person is shown of it.
pub fn no_answer(error: &(dyn Error + 'static), text: String) -> Fault {
    let mut link = Some(error);
    while let Some(error) = link {
        // An error of the system hides what it was made of from `source`.
        let inside = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        let tls = error.downcast_ref::<rustls::Error>().or_else(|| inside?.downcast_ref());
        if let Some(rustls::Error::InvalidCertificate(_)) = tls {
            return Fault::Untrusted(text);
        }
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        let nobody = matches!(kind, Some(ErrorKind::ConnectionRefused | ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable));
        // The clients' connector has no other word for a name that is not found (hyper-util, `ConnectError::dns`).
        if nobody || error.to_string().starts_with("dns error") {
            return Fault::Unreachable(text);
        }
        link = error.source().or_else(|| inside.map(|inside| inside as &(dyn Error + 'static)));
    }
    Fault::Lost(text)
}

/// Whether the cloud has answered at all: before that, what cannot be reached is a wrong address sooner than a fault that passes.
static ANSWERED: AtomicBool = AtomicBool::new(false);

/// Takes note of what a call brought.
fn heard<T>(answer: &Result<T, Fault>) {
    if !matches!(answer, Err(Fault::Lost(_) | Fault::Unreachable(_) | Fault::Untrusted(_) | Fault::Strange(_))) {
        ANSWERED.store(true, Ordering::Relaxed);
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
                Fault::Lost(text) | Fault::Unreachable(text) => {
                    notice(&format!("no answer from the cloud ({text}); trying again for {} s at most", pace.patience.as_secs()));
                }
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
        let answer = call().await;
        heard(&answer);
        match answer {
            Err(Fault::Unreachable(text)) if !ANSWERED.load(Ordering::Relaxed) => return Err(Fault::Unreachable(text)),
            Err(why @ (Fault::Throttled(_) | Fault::Lost(_) | Fault::Unreachable(_))) if waiting.again(pace, &why, notice).await => {}
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
            Err(why @ (Fault::Throttled(_) | Fault::Unreachable(_))) => {
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
