//! `stackc init`.

use super::{Outcome, files, wrong_call};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// The folder to write `stack.kdl` into; its name becomes the stack's
    #[arg(default_value = ".")]
    folder: PathBuf,
}

/// What a newcomer starts from: the smallest stack that shows a whole application.
const TEMPLATE: &str = include_str!("init.kdl");

pub fn run(arguments: &Arguments) -> Outcome {
    let path = arguments.folder.join("stack.kdl");
    if path.exists() {
        return wrong_call(format!("{} is there already; it is left as it is", path.display()));
    }
    let folder = std::path::absolute(&arguments.folder).unwrap_or_else(|_| arguments.folder.clone());
    let name: String = folder.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    let name: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let words: Vec<&str> = name.split('-').filter(|word| !word.is_empty()).collect();
    let mut name: String = words.join("-").chars().take(40).collect();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name = "shop".to_owned();
    }
    let text = TEMPLATE.replacen("stack shop", &format!("stack {}", name.trim_end_matches('-')), 1);
    match files::write(&path, &text) {
        Ok(()) => {
            say!("wrote {0}; next: stackc build {0} --target cfn", path.display());
            Outcome::Done
        }
        Err(error) => wrong_call(format!("cannot write {}: {error}", path.display())),
    }
}
