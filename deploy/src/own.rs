//! The folder `.stackc` beside a stack's file: nobody else can look into it, and nothing in it belongs into a repository but the
//! providers' versions.

use std::fs::{self, File, TryLockError};
use std::io::{Error, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What git leaves out of it: state and plans can hold secrets.
const IGNORED: &str = "*\n!*/\n!.gitignore\n!.terraform.lock.hcl\n";

/// Between two tries to get a lock that somebody has.
const LOOK: Duration = Duration::from_millis(20);

/// The folder beside a stack's file, made when it is not there.
///
/// # Errors
/// Says why it cannot be made.
pub fn folder(beside: &Path) -> std::io::Result<PathBuf> {
    let path = beside.join(".stackc");
    private_folder(&path)?;
    let ignore = path.join(".gitignore");
    if !ignore.exists() {
        fs::write(&ignore, IGNORED)?;
    }
    Ok(path)
}

/// A folder that only its owner can look into.
///
/// # Errors
/// Says why it cannot be made.
pub fn private_folder(path: &Path) -> std::io::Result<()> {
    fs::create_dir_all(path)?;
    #[cfg(unix)]
    fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// A file that only its owner can read.
///
/// # Errors
/// Says why it cannot be written.
pub fn private_file(path: &Path, content: impl AsRef<[u8]>) -> std::io::Result<()> {
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    match file.write_all(content.as_ref()) {
        Err(error) if error.kind() == ErrorKind::WriteZero => Err(Error::other("the disk is full")),
        other => other,
    }
}

/// Keeps others out of something for as long as the file is open: the system lets it go when we end, however that is.
///
/// # Errors
/// [`ErrorKind::WouldBlock`] when somebody else has it for longer than that.
pub async fn hold(path: &Path, patience: Duration) -> std::io::Result<File> {
    let file = File::options().create(true).truncate(false).write(true).open(path)?;
    let asked = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if asked.elapsed() < patience => tokio::time::sleep(LOOK).await,
            Err(TryLockError::WouldBlock) => return Err(ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
}
