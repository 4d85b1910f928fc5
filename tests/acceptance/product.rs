//! The program under test, and the stacks that it is asked to build.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// One build that the acceptance tests ask for: an example, with one of its stages or none.
pub struct Variant {
    /// The example's folder name, followed by the stage's name if there is one.
    pub name: String,
    /// The stack file.
    pub file: PathBuf,
    /// The stage that is overlaid.
    pub stage: Option<String>,
}

impl Variant {
    /// Whether the stack is written for a target: it names it, or it names none.
    pub fn is_for(&self, target: &str) -> bool {
        let text = fs::read_to_string(&self.file).expect("the example's text");
        let named = text.lines().find_map(|line| line.trim_start().strip_prefix("targets "));
        named.is_none_or(|named| named.split_whitespace().any(|name| name == target))
    }

    /// Builds this variant for one target below `out` and returns the folder that was written.
    pub fn build(&self, target: &str, options: &[&str], out: &Path) -> PathBuf {
        let mut options = options.to_vec();
        let mut folder = target.to_owned();
        if let Some(stage) = &self.stage {
            options.extend(["--stage", stage]);
            folder = format!("{target}.{stage}");
        }
        build(&self.file, target, &options, out);
        out.join(folder)
    }
}

/// Every example, found by walking `examples/` and `examples/apps/`, as it is and in each of its stages.
pub fn variants() -> Vec<Variant> {
    let below = |folder: &str| fs::read_dir(root().join(folder)).expect("a folder of examples").map(|entry| entry.expect("an entry of it").path());
    let mut folders: Vec<PathBuf> = below("examples").chain(below("examples/apps")).filter(|folder| folder.join("stack.kdl").is_file()).collect();
    folders.sort();
    assert!(!folders.is_empty(), "no example was found, so nothing would be judged");

    let mut variants = Vec::new();
    for folder in folders {
        let file = folder.join("stack.kdl");
        let example = folder.file_name().unwrap().to_string_lossy().into_owned();
        for stage in stages(&fs::read_to_string(&file).expect("the example's text")) {
            let name = format!("{example}, stage {stage}");
            variants.push(Variant { name, file: file.clone(), stage: Some(stage) });
        }
        variants.push(Variant { name: example, file, stage: None });
    }
    variants
}

/// The names of the stages that a stack declares. The examples are laid out one node a line, so that no parser is
/// needed here that could be wrong in the same way as the one under test.
fn stages(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim_start().strip_prefix("stage "))
        .filter_map(|rest| rest.split([' ', '{']).find(|word| !word.is_empty()))
        .map(|name| name.trim_matches('"').to_owned())
        .collect()
}

/// Runs `stackc build` and fails with its diagnostics if it refuses.
pub fn build(file: &Path, target: &str, options: &[&str], out: &Path) {
    let output = try_build(file, target, options, out);
    assert!(
        output.status.success(),
        "stackc build {} --target {target} {} refused:\n{}{}",
        file.display(),
        options.join(" "),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
}

/// Runs `stackc build`, whatever comes of it.
pub fn try_build(file: &Path, target: &str, options: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stackc"))
        .arg("build")
        .arg(file)
        .args(["--target", target, "-o"])
        .arg(out)
        .args(options)
        .current_dir(root())
        .output()
        .expect("stackc starts")
}

/// The folder of the package, from which the examples and the scripts are found.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
