//! The lock file beside the stack: read before anything is done, and renewed by a deploy that was done. What it says and how it is compared is the compiler's.

use crate::arguments::{Input, Place, Verb};
use crate::compile::Compiled;
use crate::engine::{ResourceStatus, Site};
use crate::screen::Screen;
use crate::{Outcome, files, own, wrong_call};
use stackc::diag::Diagnostic;
use stackc::lock::{self, Lock, Ran, Running, Which};
use stackc::source::{Sources, Span};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

/// Held in `.stackc` by who writes the lock file.
const WRITING: &str = "writes-the-lock-file";

/// How long another is waited for, who writes it: that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// The lock file, as far as a verb has to do with it.
pub struct LockFile {
    input: Input,
    /// Which running stack this is about; its place is the engine's to say.
    which: Which,
    /// What the file said before anything was done; none when there is none, or the verb has nothing to do with it.
    before: Option<Lock>,
    /// Whether this stack is to stand in it from now on.
    wanted: bool,
}

impl LockFile {
    /// Reads the file, for the verbs that heed or renew it. One that cannot be read stops them: it is neither passed over nor written over.
    pub fn open(verb: &Verb, place: &Place, compiled: &mut Compiled, screen: &Screen) -> Result<LockFile, Outcome> {
        let which = Which {
            stack: compiled.stack.clone(),
            stage: place.input.stage.clone(),
            instance: place.input.instance.clone(),
            target: compiled.target.name.clone(),
            place: String::new(),
            account: None,
        };
        let heeds = matches!(verb, Verb::Plan { .. } | Verb::Deploy { .. } | Verb::Back { .. } | Verb::Destroy { .. });
        let before = match if heeds { files::open_lock(&place.input.file, &mut compiled.sources)? } else { None } {
            None => None,
            Some(Ok(lock)) => Some(lock),
            Some(Err(problem)) => {
                screen.report(vec![problem], &compiled.sources);
                return Err(Outcome::WrongInput);
            }
        };
        Ok(LockFile { input: place.input.clone(), which, before, wanted: matches!(verb, Verb::Deploy { lock: true, .. }) })
    }

    /// What the template would replace or remove of what runs there, as far as the file tells.
    pub fn judge(&self, site: &Site, compiled: &Compiled, allowed: &[String]) -> Vec<Diagnostic> {
        let running = self.before.as_ref().and_then(|before| before.get(&self.at(site)));
        running.map(|running| lock::judge(running, &compiled.origins, compiled.target.format, compiled.span, allowed)).unwrap_or_default()
    }

    /// What it says of the running stack.
    pub fn running(&self, site: &Site) -> Option<&Running> {
        self.before.as_ref()?.get(&self.at(site))
    }

    /// Where else the file says that the stack runs, when it does not say so of here: to deploy it here would be to make it a second time.
    pub fn only_elsewhere(&self, site: &Site) -> Option<(String, Span)> {
        let before = self.before.as_ref()?;
        let which = self.at(site);
        let other = before.elsewhere(&which).next().filter(|_| before.get(&which).is_none())?;
        let account = other.which.account.as_ref().map(|account| format!(" of {account}")).unwrap_or_default();
        Some((format!("{}{account}", other.which.place), other.span))
    }

    /// Whether a deploy that is done has to say in the file what runs now: when that was asked for, or it stands there already.
    pub fn is_kept(&self, site: &Site) -> bool {
        self.wanted || self.before.as_ref().is_some_and(|before| before.get(&self.at(site)).is_some())
    }

    /// Says in the file what runs now: all of the stack, but for what still waits for a gate, by addresses.
    pub async fn renew(&self, site: &Site, compiled: &Compiled, ran: Ran, (there, waiting): (&[ResourceStatus], &[String]), screen: &Screen) -> Outcome {
        let id = |ty: &str, address: &str| {
            let found = there.iter().find(|resource| resource.name == address && resource.ty == ty)?;
            found.id.as_deref().map(|id| screen.veil(id))
        };
        let mut origins = compiled.origins.clone();
        origins.resources.retain(|origin| !waiting.contains(&origin.address));
        let running = Running::new(self.at(site), ran, &origins, id);
        self.change(screen, |lock| lock.put(running)).await
    }

    /// Takes out of the file what no longer runs.
    pub async fn forget(&self, site: &Site, screen: &Screen) -> Outcome {
        if self.before.as_ref().is_none_or(|before| before.get(&self.at(site)).is_none()) {
            return Outcome::Done;
        }
        self.change(screen, |lock| {
            lock.take_out(&self.at(site));
        })
        .await
    }

    fn at(&self, site: &Site) -> Which {
        Which { place: site.place.clone(), account: site.account.clone(), ..self.which.clone() }
    }

    /// Changes the file as it is by now: another deploy may have written it meanwhile.
    async fn change(&self, screen: &Screen, how: impl FnOnce(&mut Lock)) -> Outcome {
        let path = files::lock_of(&self.input.file);
        let cannot = |error: std::io::Error| wrong_call(format!("all is done, but {} cannot be written: {error}", path.display()));
        // What one reads, changes and writes, no other may write in between.
        let held = match own::folder(self.input.file.parent().unwrap_or(Path::new(""))) {
            Ok(folder) => own::hold(&folder.join(WRITING), PATIENCE).await,
            Err(error) => Err(error),
        };
        let _held = match held {
            Ok(held) => held,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return cannot(std::io::Error::other("another stackc writes it, and does not end")),
            Err(error) => return cannot(error),
        };
        let mut sources = Sources::default();
        let mut lock = match files::open_lock(&self.input.file, &mut sources) {
            Err(outcome) => return outcome,
            Ok(None) => Lock::default(),
            Ok(Some(Ok(lock))) => lock,
            Ok(Some(Err(problem))) => {
                screen.report(vec![problem], &sources);
                return Outcome::WrongInput;
            }
        };
        let before = lock.text();
        how(&mut lock);
        if self.before.is_some() && lock.text() == before {
            return Outcome::Done;
        }
        match files::write(&path, &lock.text()) {
            Ok(()) => {
                screen.say(format!("{} is written anew: it belongs in the repository", path.display()));
                Outcome::Done
            }
            Err(error) => cannot(error),
        }
    }
}
