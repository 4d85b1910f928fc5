//! The working folder: nobody else can look into it, and one at a time works in it.

use super::{LOCK, LOG, RUNNING, Terraform};
use crate::engine::Trouble;
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, Instant};

impl Terraform {
    /// Makes the folder, and keeps others out of it; somebody who is in it is waited for.
    pub(super) async fn enter(&mut self) -> Result<(), Trouble> {
        if self.held.is_some() {
            return Ok(());
        }
        private_folder(&self.folder).map_err(|error| self.unusable(&error))?;
        // State and plans can hold secrets: of the whole folder, only the providers' versions belong into a repository.
        let ignore = self.folder.with_file_name(".gitignore");
        if !ignore.exists() {
            fs::write(&ignore, "*\n!*/\n!.gitignore\n!.terraform.lock.hcl\n").map_err(|error| self.unusable(&error))?;
        }
        let lock = File::options().create(true).truncate(false).write(true).open(self.path(LOCK)).map_err(|error| self.unusable(&error))?;
        let asked = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if asked.elapsed() < self.options.lock => tokio::time::sleep(Duration::from_millis(50)).await,
                Err(TryLockError::WouldBlock) => return Err(self.occupied()),
                Err(TryLockError::Error(error)) => return Err(self.unusable(&error)),
            }
        }
        self.held = Some(lock);
        Ok(())
    }

    pub(super) fn unusable(&self, error: &std::io::Error) -> Trouble {
        Trouble::Call(format!("the working folder {} cannot be used: {error}", self.shown()))
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

/// A folder that only its owner can look into.
pub(super) fn private_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// A file that only its owner can read.
pub(super) fn private_file(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    match std::io::Write::write_all(&mut file, text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::WriteZero => Err(std::io::Error::other("the disk is full")),
        other => other,
    }
}
