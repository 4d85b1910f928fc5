//! The working folder: nobody else can look into it, and one at a time works in it.

use super::{BACKEND, LOCK, LOG, RUNNING, TEMPLATE, Terraform};
use crate::engine::Trouble;
use crate::own;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

impl Terraform {
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
