//! Reading files, and writing them beside their place and renaming, so that none is ever half there.

use super::{Input, Outcome, wrong_call};
use stackc::Compiler;
use stackc::diag::Diagnostic;
use stackc::expand::Files;
use stackc::lock::{self, Lock};
use stackc::source::{FileId, Sources};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

/// Opens a stack's file and the rule files laid over the built-in ones.
pub fn open(input: &Input) -> Result<(Compiler, Sources, FileId), Outcome> {
    let bytes = std::fs::read(&input.file).map_err(|error| {
        let hint = if input.file.as_os_str() == "stack.kdl" { " (name a file, or write one with `stackc init`)" } else { "" };
        wrong_call(format!("cannot read {}: {error}{hint}", input.file.display()))
    })?;
    let text = String::from_utf8(bytes).map_err(|error| {
        say!("stackc: {} is not UTF-8 text: byte {} does not belong to it", input.file.display(), error.utf8_error().valid_up_to());
        Outcome::WrongInput
    })?;
    let mut compiler = compiler(input.rules.as_deref())?;
    compiler.lets.clone_from(&input.lets);
    let folder = input.file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
    compiler.parts = Files::new(move |path| part(&folder, path));
    let mut sources = Sources::default();
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    let file = sources.add(input.file.display().to_string(), text);
    Ok((compiler, sources, file))
}

/// A file beside a stack: the name that it is shown by, and its text. A link may lead to it, but not out of the stack's folder.
fn part(folder: &Path, path: &str) -> Result<(String, String), String> {
    let place = folder.join(path);
    let real = place.canonicalize().map_err(|error| match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        _ => format!("it cannot be read: {error}"),
    })?;
    if !folder.canonicalize().is_ok_and(|folder| real.starts_with(folder)) {
        return Err("a link leads out of the folder of the stack".to_owned());
    }
    let file = std::fs::File::open(&real).map_err(|error| format!("it cannot be read: {error}"))?;
    if !file.metadata().is_ok_and(|about| about.is_file()) {
        return Err("it is no file".to_owned());
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(stackc::syntax::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    file.take(limit).read_to_end(&mut bytes).map_err(|error| format!("it cannot be read: {error}"))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let text = text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text);
    Ok((place.display().to_string(), text))
}

/// A copy's name, as it may be given.
pub fn copy_name(name: &str) -> Result<String, String> {
    stackc::check::flaw_of_name(name).map_or_else(|| Ok(name.to_owned()), Err)
}

/// A `let`, as it may be set: its name and its text.
pub fn let_of(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("it has no `=`: write NAME=VALUE")?;
    stackc::check::flaw_of_name(name).map_or_else(|| Ok((name.to_owned(), value.to_owned())), Err)
}

/// The lock file of a stack's file: `stack.lock.kdl` beside `stack.kdl`.
pub fn lock_of(file: &Path) -> PathBuf {
    file.with_extension("lock.kdl")
}

/// Reads the lock file beside a stack's file, if there is one.
pub fn open_lock(file: &Path, sources: &mut Sources) -> Result<Option<Result<Lock, Diagnostic>>, Outcome> {
    let path = lock_of(file);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(wrong_call(format!("cannot read the lock file {}: {error}", path.display()))),
    };
    let file = sources.add(path.display().to_string(), text.clone());
    Ok(Some(lock::read(file, &text)))
}

/// A compiler, with the rule files of a folder laid over the built-in ones.
pub fn compiler(folder: Option<&Path>) -> Result<Compiler, Outcome> {
    let mut compiler = Compiler::new(overlay(folder)?);
    if let Some(folder) = folder {
        compiler.files.shown_in(&folder.display().to_string());
    }
    Ok(compiler)
}

/// The rule files of a folder, by their path below it.
fn overlay(folder: Option<&Path>) -> Result<Vec<(String, String)>, Outcome> {
    let Some(folder) = folder else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    walk(folder, folder, &mut found).map_err(|error| wrong_call(format!("cannot read the rules in {}: {error}", folder.display())))?;
    if found.is_empty() {
        return Err(wrong_call(format!("{} holds no rule files such as aws/database.kdl", folder.display())));
    }
    found.sort();
    if let Some((path, _)) = found.iter().find(|(path, _)| path.matches('/').count() != 1) {
        return Err(wrong_call(format!("{}/{path} is no rule file: they lie at CLOUD/TYPE.kdl, such as aws/database.kdl", folder.display())));
    }
    Ok(found)
}

fn walk(root: &Path, folder: &Path, found: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            walk(root, &path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "kdl") {
            let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().replace('\\', "/");
            found.push((name, std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

/// Writes a file whole, or not at all.
pub fn write(path: &Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut beside = tempfile::Builder::new().prefix(".stackc-").permissions_like_a_file().tempfile_in(folder)?;
    beside.write_all(text.as_bytes())?;
    beside.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Temporary files are private to their owner; a template is to be read by others as any file is.
trait LikeAFile {
    fn permissions_like_a_file(&mut self) -> &mut Self;
}

impl LikeAFile for tempfile::Builder<'_, '_> {
    #[cfg(unix)]
    fn permissions_like_a_file(&mut self) -> &mut Self {
        use std::os::unix::fs::PermissionsExt;
        self.permissions(std::fs::Permissions::from_mode(0o666))
    }

    #[cfg(not(unix))]
    fn permissions_like_a_file(&mut self) -> &mut Self {
        self
    }
}

/// Prints an artefact, and says so when nobody reads it any more.
pub fn print(text: &str) -> Outcome {
    match std::io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Outcome::Done,
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Outcome::Done,
        Err(error) => wrong_call(format!("cannot write to standard output: {error}")),
    }
}
