//! `stackc fmt`.

use super::{MessageFormat, Outcome, files, report, wrong_call};
use similar::TextDiff;
use stackc::source::Sources;
use std::io::Read;
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Arguments {
    /// Files, or folders with all the `.kdl` files in them
    #[arg(default_value = "stack.kdl", value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Write nothing, name what would change; exit code 1 when anything would
    #[arg(long)]
    check: bool,
    /// Write nothing, show what would change
    #[arg(long)]
    diff: bool,
    /// Read the text from standard input and print it in its form
    #[arg(long, conflicts_with = "paths")]
    stdin: bool,
}

/// What became of a text.
enum Found {
    /// It has its form.
    Same,
    /// It would have another.
    Other { there: String, form: String },
}

pub fn run(arguments: &Arguments, format: MessageFormat) -> Outcome {
    if arguments.stdin {
        return stdin(arguments, format);
    }
    let mut paths = Vec::new();
    for path in &arguments.paths {
        if !path.is_dir() {
            paths.push(path.clone());
        } else if let Err(error) = walk(path, &mut paths) {
            return wrong_call(format!("cannot read the folder {}: {error}", path.display()));
        }
    }
    if paths.is_empty() {
        return wrong_call("there are no `.kdl` files there");
    }
    let (mut changed, mut failed) = (0, false);
    for path in &paths {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return wrong_call(format!("cannot read {}: {error}", path.display())),
        };
        let name = path.display().to_string();
        match form(&name, bytes, format) {
            Err(()) => failed = true,
            Ok(Found::Same) => {}
            Ok(Found::Other { there, form }) => {
                changed += 1;
                if arguments.diff {
                    put!("{}", TextDiff::from_lines(&there, &form).unified_diff().header(&name, &name));
                } else if arguments.check {
                    put!("{name}\n");
                } else if let Err(error) = replace(path, &form) {
                    return wrong_call(format!("cannot write {name}: {error}"));
                } else {
                    say!("{name}");
                }
            }
        }
    }
    let (only_looked, all) = (arguments.check || arguments.diff, paths.len());
    match (changed, only_looked) {
        (0, _) if failed => {}
        (0, _) => say!("{all} of {all} files have their form"),
        (_, true) => say!("{changed} of {all} files would change; `stackc fmt` writes them"),
        (_, false) => say!("{changed} of {all} files written"),
    }
    if failed || changed > 0 && arguments.check { Outcome::WrongInput } else { Outcome::Done }
}

fn stdin(arguments: &Arguments, format: MessageFormat) -> Outcome {
    let mut bytes = Vec::new();
    let limit = u64::try_from(stackc::syntax::MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    if let Err(error) = std::io::stdin().lock().take(limit).read_to_end(&mut bytes) {
        return wrong_call(format!("cannot read standard input: {error}"));
    }
    match form("standard input", bytes.clone(), format) {
        Err(()) => Outcome::WrongInput,
        Ok(Found::Other { there, form }) if arguments.diff => {
            put!("{}", TextDiff::from_lines(&there, &form).unified_diff().header("standard input", "standard input"));
            if arguments.check { Outcome::WrongInput } else { Outcome::Done }
        }
        Ok(Found::Other { .. }) if arguments.check => Outcome::WrongInput,
        Ok(_) if arguments.check || arguments.diff => Outcome::Done,
        Ok(Found::Other { form, .. }) => files::print(&form),
        Ok(Found::Same) => files::print(&String::from_utf8(bytes).unwrap_or_default()),
    }
}

/// A text in its form; what is wrong with it is reported here.
fn form(name: &str, bytes: Vec<u8>, format: MessageFormat) -> Result<Found, ()> {
    let there = String::from_utf8(bytes).map_err(|error| {
        say!("stackc: {name} is not UTF-8 text: byte {} does not belong to it", error.utf8_error().valid_up_to());
    })?;
    let mut sources = Sources::default();
    let file = sources.add(name, there.clone());
    let read = stackc::syntax::read_on(file, &there);
    match stackc::syntax::format(&there).filter(|_| read.problems.is_empty()) {
        Some(form) if form == there => Ok(Found::Same),
        Some(form) => Ok(Found::Other { there, form }),
        None => {
            report::report(&read.problems, &sources, format, false);
            Err(())
        }
    }
}

/// Writes a file in place of itself: where a link leads, and readable by whom it was.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let path = path.canonicalize()?;
    let permissions = std::fs::metadata(&path)?.permissions();
    files::write(&path, text)?;
    std::fs::set_permissions(&path, permissions)
}

/// Every `.kdl` file below a folder that people write: no lock files, nothing in folders that begin with a dot.
fn walk(folder: &Path, found: &mut Vec<PathBuf>) -> std::io::Result<()> {
    let mut entries: Vec<std::fs::DirEntry> = std::fs::read_dir(folder)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        let kind = entry.file_type()?;
        if kind.is_dir() && !name.starts_with('.') {
            walk(&path, found)?;
        } else if kind.is_file() && name.ends_with(".kdl") && !name.ends_with(".lock.kdl") {
            found.push(path);
        }
    }
    Ok(())
}
