//! `plan --out` and `deploy` of such a file: exactly what was shown is done, or nothing.

use super::{How, Life, Stepped};
use crate::arguments::{Losses, OutputFormat, Values};
use crate::engine::{Change, Engine, Given, Plan, State, Trouble, Wanted};
use crate::gates::Seen;
use crate::saved::{self, Kept, Parts, Saved};
use crate::{Outcome, params};
use std::collections::BTreeMap;
use std::path::Path;

impl<E: Engine> Life<E> {
    /// Whether a plan can be put into this file.
    pub(super) async fn can_save(&mut self, out: &Path, looked: &[super::gates::Looked]) -> Result<(), Trouble> {
        saved::may_write(out).map_err(Trouble::Call)?;
        let shut: Vec<usize> = looked.iter().filter(|looked| looked.seen != Seen::Open).map(|looked| looked.index).collect();
        if shut.is_empty() {
            return Ok(());
        }
        let there = self.there().await?;
        if self.compiled.part(&shut, &there).is_none() {
            return Ok(());
        }
        let names: Vec<&str> = looked.iter().filter(|looked| looked.seen != Seen::Open).map(|looked| looked.gate.name()).collect();
        Err(Trouble::Cannot(format!(
            "no plan is kept while {} is shut: a first deploy goes in steps, each planned once the one before it is done; `stackc deploy` does them",
            names.join(", ")
        )))
    }

    /// Puts a plan into a file.
    pub(super) async fn save(
        &mut self,
        out: &Path,
        (wanted, losses): (&Wanted, &Losses),
        (changes, planned): (&[Change], Option<E::Planned>),
    ) -> Result<(), Trouble> {
        let with = match planned {
            Some(planned) => Some(self.engine.keep(planned).await?),
            None => None,
        };
        let site = self.engine.site();
        let parts = Parts {
            name: &self.compiled.name,
            target: &self.compiled.target.name,
            site: &site,
            place: &self.place,
            allowed: &losses.allow_replace,
            wanted,
            params: &self.compiled.origins.params,
            with: with.clone(),
            changes,
        };
        if let Err(error) = parts.write(out, |param| self.engine.keeps_value(param)) {
            // What waits in the cloud waits for nobody.
            if let Some(with) = &with
                && let Ok(Plan { with: Some(planned), .. }) = self.engine.take_up(with, wanted).await?
            {
                self.engine.discard(planned).await?;
            }
            return Err(Trouble::Call(format!("{} cannot be written: {error}", out.display())));
        }
        let holds = with.as_ref().and_then(|_| self.engine.what_a_plan_holds()).map(|holds| format!("; {holds}")).unwrap_or_default();
        let out = out.display();
        self.screen.say(format!("{out} holds this plan: `stackc deploy {out}` does it, and nothing else{holds}"));
        Ok(())
    }

    /// Does what a file says, if that is still what would be done.
    pub(super) async fn deploy_saved(&mut self, saved: &Saved, values: &Values, losses: &Losses, how: How) -> Result<Outcome, Trouble> {
        let site = self.engine.site();
        let account = |account: Option<&str>| account.map(|account| format!(" of {account}")).unwrap_or_default();
        let (place, whose) = (saved.text("place").unwrap_or_default(), saved.text("account"));
        if (place, whose) != (site.place.as_str(), site.account.as_deref()) {
            let (theirs, ours) = (account(whose), account(site.account.as_deref()));
            return Ok(saved.refused(&format!("is for another place ({place}{theirs}), and this is {}{ours}", site.place)));
        }
        if saved.text("stack") != Some(self.compiled.name.as_str()) {
            let planned = saved.text("stack").unwrap_or_default();
            return Ok(saved.refused(&format!("is of the stack `{planned}`, and this is `{}`", self.compiled.name)));
        }
        if saved.text("template") != Some(saved::digest(&self.compiled.template).as_str()) {
            return Ok(saved.refused(&format!("was made before {} was changed, or what it is built with", self.place.input.file.display())));
        }
        match self.engine.state().await? {
            State::Absent | State::Settled => {}
            State::Busy(word, _) => return Ok(saved.refused(&format!("is overtaken: something goes on in the stack ({word})"))),
            State::Stuck { how: word, .. } => return Ok(saved.refused(&format!("is overtaken: the stack is in {word}"))),
        }
        let wanted = match self.wanted_again(saved, values, losses, how.revert_drift).await? {
            Ok(wanted) => wanted,
            Err(outcome) => return Ok(outcome),
        };
        let plan = match saved.with() {
            None => Plan { changes: Vec::new(), notes: Vec::new(), with: None },
            Some(with) => match self.engine.take_up(with, &wanted).await? {
                Ok(plan) => plan,
                Err(why) => return Ok(saved.refused(&why)),
            },
        };
        if saved.changes() != Some(&saved::outline(&plan.changes)) {
            if let Some(planned) = plan.with {
                self.engine.discard(planned).await?;
            }
            return Ok(saved.refused("is overtaken: what would be done now is not what it says"));
        }
        match self.carry_out(plan, &wanted, losses, &how, None).await {
            Ok(Stepped::Left(outcome)) => Ok(outcome),
            Ok(Stepped::Done | Stepped::Impossible(_)) => {
                self.print_outputs(OutputFormat::Table).await?;
                self.renew_lock(&wanted, &[]).await
            }
            // The same command would not go on from there.
            Err(Trouble::Resumable { what, next }) => {
                self.screen.say(format!("stackc: {what}; nothing of the plan was done\n  next: {next}, and plan anew"));
                Ok(Outcome::Refused)
            }
            Err(other) => Err(other),
        }
    }

    /// What was wanted when it was planned; of secrets that are kept nowhere, what is given now.
    async fn wanted_again(&mut self, saved: &Saved, values: &Values, losses: &Losses, revert_drift: bool) -> Result<Result<Wanted, Outcome>, Trouble> {
        let all = self.compiled.origins.params.clone();
        let kept = |name: &str| all.iter().find(|param| param.user_name == name).and_then(|param| saved.param(&param.name));
        let mut given = match params::given(values, &all, &mut self.screen) {
            Ok(given) => given,
            Err(outcome) => return Ok(Err(outcome)),
        };
        let named = values.params.iter().filter_map(|param| param.split_once('=')).map(|(name, _)| name);
        if let Some(name) = named.into_iter().find(|name| kept(name) != Some(Kept::Again)) {
            return Err(Trouble::Call(format!("`{name}` has its value in the plan: leave --param {name} out, or plan anew")));
        }
        given.retain(|name, _| kept(name) == Some(Kept::Again));
        let asks = self.screen.asks();
        let again: Vec<_> = all.iter().filter(|param| saved.param(&param.name) == Some(Kept::Again)).cloned().collect();
        let why = Some("a plan keeps no secret");
        let found = match params::settle(&again, given, &BTreeMap::new(), why, asks, &mut self.screen).await {
            Ok(found) => found,
            Err(outcome) => return Ok(Err(outcome)),
        };
        if !found.missing.is_empty() {
            self.screen.report(found.missing, &self.compiled.sources);
            return Ok(Err(Outcome::WrongInput));
        }
        let mut wanted = self.wanted_of(found.given, losses, revert_drift);
        for param in &all {
            let given = match saved.param(&param.name) {
                Some(Kept::Value(value)) => Given::Value(value.to_owned()),
                Some(Kept::Previous) => Given::Previous,
                Some(Kept::Again | Kept::Elsewhere) | None => continue,
            };
            wanted.params.insert(param.name.clone(), given);
        }
        Ok(Ok(wanted))
    }
}
