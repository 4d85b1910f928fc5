//! Going back: a deploy with the values of the parameters that ran before, as the lock file keeps them.

use super::{How, Life};
use crate::arguments::{Losses, Values};
use crate::engine::rest::bounded;
use crate::engine::{Engine, Given, Previous, Trouble, Wanted};
use crate::{Outcome, wrong_call};
use stackc::lock::Ran;
use std::collections::BTreeMap;

/// Said where nothing is known.
const UNKNOWN: &str = "nothing is known here of what ran before: stack.lock.kdl keeps it, of what is deployed with `stackc deploy --lock`";

impl<E: Engine> Life<E> {
    /// Deploys with the values that ran before; when the last deploy `failed`, which not every engine tells, with those that it was to replace.
    pub(super) async fn go_back(&mut self, values: &Values, losses: &Losses, failed: bool, how: How) -> Result<Outcome, Trouble> {
        let previous = self.engine.previous().await?;
        let Some(Ran { now: Some(now), before }) = self.lock.running(&self.engine.site()).map(|running| running.ran.clone()) else {
            return Ok(wrong_call(UNKNOWN));
        };
        let runs = self.in_the_cloud(&previous);
        // What the last deploy that ended well left is what ran before one that did not; what runs with the values of before already is on its way back.
        let of = |values: &BTreeMap<String, String>| runs.iter().all(|(name, value)| values.get(name).is_none_or(|known| known == value));
        let word = self.engine.status().await?.how.unwrap_or_default().to_ascii_lowercase();
        let failed = failed || word.contains("fail") || !of(&now) && !before.as_ref().is_some_and(of);
        let Some(to) = (if failed { Some(now.clone()) } else { before }) else {
            return Ok(wrong_call("it ran with no other values yet: what was changed in the file, its history takes back"));
        };
        let known = |name: &String| self.compiled.origins.params.iter().any(|param| param.user_name == *name && !param.secret);
        let (back, gone): (BTreeMap<_, _>, BTreeMap<_, _>) = to.into_iter().partition(|(name, _)| known(name));
        for name in gone.keys() {
            self.screen.say(format!("`{name}` is no parameter of the stack any more, and does not go back"));
        }
        for (name, value) in &back {
            let has = runs.get(name).or(now.get(name)).filter(|has| *has != value);
            if failed || has.is_some() || !now.contains_key(name) {
                let has = has.map(|has| format!(" (now {})", bounded(has))).unwrap_or_default();
                self.screen.say(format!("`{name}` goes back to {}{has}", bounded(value)));
            }
        }
        self.back = back;
        self.deploy(values, losses, how).await
    }

    /// The values that a deploy has left, by the parameters' names in the stack.
    pub(super) async fn ran(&mut self, wanted: &Wanted) -> Result<Ran, Trouble> {
        let asks = wanted.params.values().any(|given| *given == Given::Previous);
        let previous = if asks { self.engine.previous().await? } else { BTreeMap::new() };
        let runs = self.in_the_cloud(&previous);
        let shown = self.compiled.origins.params.iter().filter(|param| !param.secret);
        let value = |param: &stackc::origins::ParamOrigin| match wanted.params.get(&param.name) {
            Some(Given::Value(value)) => Some(value.clone()),
            Some(Given::Previous) => runs.get(&param.user_name).cloned(),
            None => param.default.clone(),
        };
        let values: BTreeMap<_, _> = shown.filter_map(|param| Some((param.user_name.clone(), value(param)?))).collect();
        Ok(Ran { now: (!values.is_empty()).then_some(values), before: None })
    }

    /// What the cloud says of the parameters that are not secret, by their names in the stack.
    fn in_the_cloud(&self, previous: &BTreeMap<String, Previous>) -> BTreeMap<String, String> {
        let shown = self.compiled.origins.params.iter().filter(|param| !param.secret);
        shown.filter_map(|param| Some((param.user_name.clone(), previous.get(&param.name)?.value.clone()))).collect()
    }
}
