//! A removal: what is protected stays, what holds data goes by name only, what stands in the way is cleared by name.

use super::{Followed, Life};
use crate::arguments::Losses;
use crate::engine::{Ending, Engine, State, Trouble};
use crate::question::Answer;
use crate::watch::Watch;
use crate::{Outcome, explain, table};
use stackc::diag::Diagnostic;

impl<E: Engine> Life<E> {
    pub(super) async fn destroy(&mut self, losses: &Losses, yes: bool, retain: &[String], empty: &[String]) -> Result<Outcome, Trouble> {
        let mut protected = self.compiled.protected();
        if !protected.is_empty() && matches!(self.engine.state().await?, State::Stuck { .. }) {
            // A stack that is half removed cannot be deployed without `protect` first; what it has left behind already cannot be lost.
            let there = self.engine.status().await?.resources;
            protected.retain(|origin| there.iter().any(|resource| resource.name == origin.address));
        }
        let protected: Vec<Diagnostic> = protected
            .iter()
            .map(|origin| {
                let label = self.compiled.label(&origin.address);
                Diagnostic::error("D0704", origin.origin.user, format!("`{label}` is protected, and so is its stack"), "says `protect`")
                    .help("take `protect` out, deploy that, and destroy then")
            })
            .collect();
        if !protected.is_empty() {
            self.screen.report(protected, &self.compiled.sources);
            return Ok(Outcome::WrongInput);
        }
        loop {
            match self.engine.state().await? {
                State::Absent => {
                    self.screen.say(format!("there is no stack `{}` ({}): nothing to remove", self.compiled.name, self.engine.place()));
                    return Ok(self.lock.forget(&self.engine.site(), &self.screen).await);
                }
                State::Busy(how, running) => {
                    self.screen.say(format!("{} is being changed already ({how}); following that first", self.compiled.name));
                    match self.follow(running, &mut Watch::default()).await {
                        Followed::Left(outcome) => return Ok(outcome),
                        // What a person has to mend before a removal goes on is told; a failed update is no hindrance.
                        Followed::Ended(Ending::Failed { how, next, removal: true }, events) => return Ok(self.failed(&how, &next, &events)),
                        Followed::Ended(..) => {}
                    }
                }
                State::Settled | State::Stuck { .. } => break,
            }
        }
        let there = self.engine.status().await?.resources;
        let kept: Vec<String> = retain.iter().flat_map(|name| self.known(name)).collect();
        let holds = |resource: &&crate::engine::ResourceStatus| self.compiled.guarded(&resource.name, &resource.ty).is_some() && !kept.contains(&resource.name);
        let mut data: Vec<&str> = there.iter().filter(holds).map(|resource| self.compiled.user_name(&resource.name)).collect();
        data.sort_unstable();
        data.dedup();
        data.retain(|name| !losses.allow_replace.iter().any(|allowed| allowed == name));
        self.screen.say(format!(
            "{} ({}): {} resource{} to remove",
            self.compiled.name,
            self.engine.place(),
            there.len(),
            if there.len() == 1 { "" } else { "s" }
        ));
        self.screen.say(table::removal(&self.compiled, &there, &kept).trim_end());
        if !data.is_empty() {
            let names = data.join(", ");
            let answer = self.screen.ask_value(&format!("This holds data: {names}. Type {} to remove it all", self.compiled.name), None, false).await;
            match answer {
                Answer::Given(answer) if answer == self.compiled.name => {}
                Answer::Left => return Ok(self.screen.left()),
                Answer::Given(_) => {
                    self.screen.say("nothing was done");
                    return Ok(Outcome::Left);
                }
                Answer::Nobody => {
                    let allow: Vec<String> = data.iter().map(|name| format!("--allow-replace {name}")).collect();
                    self.screen.say(format!("stackc: nothing was done, since this holds data: {names}; allow it by name ({})", allow.join(" ")));
                    return Ok(Outcome::WrongCall);
                }
            }
        } else if let Some(outcome) = self.agreed(&format!("Remove all {} from {}?", self.compiled.name, self.engine.place()), yes).await {
            return Ok(outcome);
        }
        if let Some(outcome) = self.cleared(&kept, empty).await? {
            return Ok(outcome);
        }
        let mut running = self.engine.destroy(&kept).await?;
        let going = there.iter().map(|resource| resource.name.clone()).filter(|name| !kept.contains(name));
        let mut watch = Watch::of_removal(&self.compiled, &self.screen, going);
        let mut again = true;
        loop {
            match self.follow(running, &mut watch).await {
                Followed::Left(outcome) => return Ok(outcome),
                Followed::Ended(Ending::Done | Ending::Gone, _) => {
                    self.screen.say(format!("{} is removed: {}", self.compiled.name, watch.summary()));
                    return Ok(self.lock.forget(&self.engine.site(), &self.screen).await);
                }
                Followed::Ended(Ending::Failed { how, next, .. }, events) => {
                    let failed: Vec<String> = explain::reasons(&events).into_iter().filter_map(|reason| reason.name).collect();
                    // Only what could not be removed is left behind, and only where that was agreed to.
                    if !again || failed.is_empty() || !failed.iter().all(|name| kept.contains(name)) {
                        return Ok(self.failed(&how, &next, &events));
                    }
                    again = false;
                    let labels: Vec<String> = failed.iter().map(|name| self.compiled.label(name)).collect();
                    self.screen.say(format!("{} cannot be removed, and stays outside of the stack", labels.join(", ")));
                    running = self.engine.destroy(&failed).await?;
                }
            }
        }
    }

    /// Takes out of the way what would keep the stack from going, each by name; how it ended, if something stays.
    async fn cleared(&mut self, kept: &[String], empty: &[String]) -> Result<Option<Outcome>, Trouble> {
        let empty: Vec<String> = empty.iter().flat_map(|name| self.known(name)).collect();
        let found = self.engine.obstacles().await?;
        let mut agreed = Vec::new();
        for obstacle in found.into_iter().filter(|obstacle| !kept.contains(&obstacle.name)) {
            let (label, user) = (self.compiled.label(&obstacle.name), self.compiled.user_name(&obstacle.name).to_owned());
            let what = format!("{label} ({}) {}", obstacle.id, obstacle.what);
            if !empty.contains(&obstacle.name) {
                match self.screen.ask_value(&format!("{what}. Type {user} to delete all that is in it"), None, false).await {
                    Answer::Given(answer) if answer == user => {}
                    Answer::Left => return Ok(Some(self.screen.left())),
                    Answer::Given(_) => {
                        self.screen.say("nothing was done");
                        return Ok(Some(Outcome::Left));
                    }
                    Answer::Nobody => {
                        self.screen.say(format!(
                            "stackc: {what}, and nothing was done: `--empty {user}` deletes all that is in it, `--retain {user}` leaves it behind"
                        ));
                        return Ok(Some(Outcome::WrongCall));
                    }
                }
            }
            agreed.push((label, obstacle));
        }
        for (label, obstacle) in agreed {
            self.engine.clear(&obstacle).await?;
            self.screen.say(format!("{label} is empty now"));
        }
        Ok(None)
    }
}
