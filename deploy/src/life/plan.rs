//! `plan`: what a deploy would do, shown and perhaps put into a file.

use super::{Life, jobs};
use crate::arguments::{Gates, Losses, PlanFormat, Values};
use crate::engine::{Engine, State, Trouble};
use crate::table::Detail;
use crate::{Outcome, explain, markdown, table};
use std::path::PathBuf;

/// How a plan is made.
pub(super) struct Look {
    pub gates: Gates,
    pub shown_as: (PlanFormat, Detail),
    /// The file that it is put into.
    pub out: Option<PathBuf>,
    pub detailed: bool,
    pub revert_drift: bool,
}

impl<E: Engine> Life<E> {
    pub(super) async fn plan(&mut self, values: &Values, losses: &Losses, how: Look) -> Result<Outcome, Trouble> {
        match self.engine.state().await? {
            State::Busy(how, _) => {
                return Err(Trouble::Resumable {
                    what: format!("something is going on in the stack ({how})"),
                    next: "let it come to its end (`stackc events --follow`)".to_owned(),
                });
            }
            State::Stuck { how, cure } => {
                let does = cure.map_or_else(|why| why, |cure| format!("with `stackc deploy`, {}", cure.does));
                return Err(Trouble::refused(format!("nothing can be planned while the stack is in {how}"), does));
            }
            State::Absent | State::Settled => {}
        }
        let wanted = match self.wanted(values, losses, how.revert_drift).await? {
            Ok(wanted) => wanted,
            Err(outcome) => return Ok(outcome),
        };
        let mut looked = self.looked_at(&how.gates).await?;
        if let Some(out) = &how.out {
            self.can_save(out, &looked).await?;
        }
        let mut plan = self.engine.plan(&wanted).await?;
        plan.notes.extend(self.notes_of(&looked));
        let jobs = self.jobs_of(&plan.changes, &how.gates.open);
        plan.notes.extend(jobs.iter().map(jobs::Due::note));
        looked.extend(self.to_be_run(&jobs));
        let looked = self.looked_json(&looked);
        if let Some(planned) = plan.with.take() {
            let shown = crate::engine::Plan { with: Some(()), changes: plan.changes, notes: plan.notes };
            self.show(&shown, how.shown_as, looked);
            let refused = explain::guarded(&self.compiled, &shown.changes, &losses.allow_replace);
            if let (Some(_), Some(due), true) = (&how.out, jobs.first(), refused.is_empty()) {
                self.engine.discard(planned).await?;
                return Err(Trouble::Cannot(format!(
                    "no plan is kept that has a job to run first, since the rest is planned once {} has ended: `stackc deploy` does both, --open {} leaves the job out",
                    due.job, due.name
                )));
            }
            match &how.out {
                Some(out) if refused.is_empty() => self.save(out, (&wanted, losses), (&shown.changes, Some(planned))).await?,
                _ => self.engine.discard(planned).await?,
            }
            if !refused.is_empty() {
                self.screen.report(refused, &self.compiled.sources);
                return Ok(Outcome::WrongInput);
            }
            return Ok(if how.detailed { Outcome::Changes } else { Outcome::Done });
        }
        self.show(&plan, how.shown_as, looked);
        if let Some(out) = &how.out {
            self.save(out, (&wanted, losses), (&plan.changes, None)).await?;
        }
        Ok(Outcome::Done)
    }

    fn show<P>(&self, plan: &crate::engine::Plan<P>, (format, detail): (PlanFormat, Detail), gates: serde_json::Value) {
        let place = self.engine.place();
        match format {
            PlanFormat::Table => self.screen.print(&table::plan(&self.compiled, &place, plan, detail)),
            PlanFormat::Markdown => self.screen.print(&markdown::plan(&self.compiled, &place, plan)),
            PlanFormat::Json => {
                let mut whole = table::plan_json(&self.compiled, &place, self.engine.site().account.as_deref(), plan);
                if let Some(whole) = whole.as_object_mut().filter(|_| !self.compiled.graph.gates.is_empty()) {
                    whole.insert("gates".to_owned(), gates);
                }
                self.screen.print(&format!("{whole:#}\n"));
            }
        }
    }
}
