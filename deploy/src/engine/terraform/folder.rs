//! The working folder: nobody else can look into it, and one at a time works in it.

use super::process::{self, Said};
use super::running::Running;
use super::{BACKEND, LOCK, LOG, PROVIDERS, READY, RUNNING, TEMPLATE, Terraform, block, plain};
use crate::engine::Trouble;
use crate::own::{self, private_file};
use serde_json::{Value, json};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

impl Terraform {
    /// An apply that somebody began here and that is still under way.
    pub(super) fn under_way(&self) -> Option<Running> {
        let known: Value = serde_json::from_str(&fs::read_to_string(self.path(RUNNING)).ok()?).ok()?;
        let (id, plan) = (u32::try_from(known.get("process")?.as_u64()?).ok()?, known.get("plan")?.as_str()?);
        process::is_running(id, plan).then(|| Running::of(None, id, plan.to_owned()))
    }

    /// Enters the folder, writes the template, and makes the program ready for it.
    pub(super) async fn ready(&mut self) -> Result<(), Trouble> {
        self.ready_for(&self.options.template.clone()).await
    }

    pub(super) async fn ready_for(&mut self, template: &str) -> Result<(), Trouble> {
        self.enter().await?;
        if self.under_way().is_some() {
            return Err(Trouble::Resumable {
                what: "what was begun here before is still under way".to_owned(),
                next: "let it come to its end (`stackc events --follow`)".to_owned(),
            });
        }
        self.sweep();
        self.only_ours()?;
        let backend = format!("{:#}\n", block(&self.backend));
        let required = serde_json::from_str::<Value>(template).ok().and_then(|template| template.get("terraform").cloned());
        let ready = json!({ "program": self.program.name(), "backend": block(&self.backend), "required": required }).to_string();
        let write = |name: &str, text: &str| private_file(&self.path(name), text).map_err(|error| self.unusable(&error));
        write(TEMPLATE, template)?;
        write(BACKEND, &backend)?;
        let locked = self.path(PROVIDERS).exists();
        if fs::read_to_string(self.path(READY)).is_ok_and(|known| known == ready) && self.path(".terraform").exists() {
            return Ok(());
        }
        let said = self.run(&["init", "-no-color"], &[]).await?;
        if said.code != Some(0) {
            return Err(self.not_ready(&said));
        }
        write(READY, &ready)?;
        if !locked && self.path(PROVIDERS).exists() {
            (self.notice)(&format!("{} holds the providers' versions: commit it, and every deploy takes the same", self.path(PROVIDERS).display()));
        }
        Ok(())
    }

    pub(super) fn not_ready(&self, said: &Said) -> Trouble {
        let text = plain(&format!("{}\n{}", said.out, said.err));
        if text.contains("Backend configuration changed") || text.contains("Backend initialization required") {
            return Trouble::Refused {
                what: format!("the state was kept elsewhere before, and is now to be in {}", self.kept_in()),
                reasons: Vec::new(),
                next: Some(format!("move it once ({}), or leave out `--state` as it was", self.by_hand("init -migrate-state"))),
            };
        }
        Trouble::refused(format!("{} cannot be made ready", self.program.title), text)
    }

    pub(super) fn occupied(&self) -> Trouble {
        Trouble::Resumable { what: format!("another stackc is at work in {}", self.shown()), next: "let it come to its end".to_owned() }
    }

    /// Makes the folder, and keeps others out of it; somebody who is in it is waited for.
    pub(super) async fn enter(&mut self) -> Result<(), Trouble> {
        if self.held.is_some() {
            return Ok(());
        }
        own::folder(&self.options.beside).and_then(|_| own::private_folder(&self.folder)).map_err(|error| self.unusable(&error))?;
        let lock = own::hold(&self.path(LOCK), self.options.lock).await.map_err(|error| match error.kind() {
            ErrorKind::WouldBlock => self.occupied(),
            _ => self.unusable(&error),
        })?;
        self.held = Some(lock);
        Ok(())
    }

    pub(super) fn unusable(&self, error: &std::io::Error) -> Trouble {
        Trouble::Call(format!("the working folder {} cannot be used: {error}", self.shown()))
    }

    /// Sees to it that Terraform reads nothing there but what is written for it: it takes up every file of these endings, programs
    /// that they name are run, and values that they give are taken
    /// (developer.hashicorp.com/terraform/language/files and /language/values/variables).
    ///
    /// # Errors
    /// The call cannot be done before somebody has looked at what lies there.
    pub(super) fn only_ours(&self) -> Result<(), Trouble> {
        let entries = fs::read_dir(&self.folder).map_err(|error| self.unusable(&error))?;
        let is_read = |name: &str| {
            let configuration = [".tf", ".tf.json", ".tofu", ".tofu.json", ".tfvars", ".tfvars.json"];
            configuration.iter().any(|ending| name.ends_with(ending)) && name != TEMPLATE && name != BACKEND
        };
        let mut found: Vec<String> = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).filter(|name| is_read(name)).collect();
        let linked = |name: &&&str| fs::symlink_metadata(self.path(name)).is_ok_and(|there| !there.is_file());
        found.extend([TEMPLATE, BACKEND, RUNNING, LOG].iter().filter(linked).map(|name| (*name).to_owned()));
        let workspace = self.path(".terraform").join("environment");
        if fs::read_to_string(&workspace).is_ok_and(|name| !matches!(name.trim(), "" | "default")) {
            found.push(".terraform/environment".to_owned());
        }
        found.sort();
        if found.is_empty() {
            return Ok(());
        }
        let (them, are) = if found.len() == 1 { ("it", "is") } else { ("them", "are") };
        let what = format!("{} {are} in {} and not stackc's, and {} would read {them}", found.join(", "), self.shown(), self.program.title);
        Err(Trouble::Call(format!("{what}: nothing was done; look at {them}, and take {them} away")))
    }

    /// Takes away what one who was killed left: a plan and a log can hold secrets.
    pub(super) fn sweep(&self) {
        let entries = fs::read_dir(&self.folder).map(|entries| entries.flatten().collect::<Vec<_>>()).unwrap_or_default();
        for entry in entries {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with("plan-") || name == RUNNING || name == LOG {
                forget(&entry.path());
            }
        }
    }
}

/// Removes a file, if it is there.
pub(super) fn forget(path: &Path) {
    // One that is gone is what was wanted; one that cannot be removed is in a folder that only its owner can read.
    let _ = fs::remove_file(path);
}
