//! Parses specs and rules, packs the provider facts, collects the error pages: what is embedded costs nothing until it is used.

// A build script stops the build by panicking, and does I/O.
#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, clippy::disallowed_methods, clippy::disallowed_macros, missing_docs)]

#[path = "src/syntax/oracle.rs"]
mod oracle;
#[path = "src/source.rs"]
#[allow(dead_code)]
mod source;
#[path = "src/syntax/node.rs"]
#[allow(dead_code)]
mod syntax;

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Size from which on a piece of a facts file is closed, in bytes: small enough that unpacking one is not felt.
const PIECE: usize = 12 * 1024;

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    let mut code = String::new();

    let specs = kdl_files(&root, "specs/portable", &out, &mut code, "SPECS");
    let keeper = specs.iter().find(|path| fs::read_to_string(root.join(path)).is_ok_and(|text| text.contains("keeps-secret-parameters=#true")));
    let keeper = keeper.and_then(|path| Path::new(path).file_stem()).map(|stem| stem.to_string_lossy().into_owned());
    writeln!(code, "/// The portable type that keeps secret parameters.\npub static SECRET_KEEPER: Option<&str> = {keeper:?};").expect("a string takes it");
    kdl_files(&root, "targets", &out, &mut code, "RULES");
    facts(&root, &out, &mut code);
    pages(&root, &mut code);

    fs::write(out.join("embedded.rs"), code).expect("OUT_DIR can be written");
}

fn watch(path: &Path) {
    println!("cargo:rerun-if-changed={}", path.display());
}

fn walk(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    watch(folder);
    let mut entries: Vec<PathBuf> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for entry in entries {
        if entry.is_dir() {
            walk(&entry, ending, found);
        } else if entry.extension().is_some_and(|extension| extension == ending) {
            found.push(entry);
        }
    }
}

fn kdl_files(root: &Path, folder: &str, out: &Path, code: &mut String, name: &str) -> Vec<String> {
    let mut files = Vec::new();
    walk(&root.join(folder), "kdl", &mut files);
    let mut paths = Vec::new();
    let mut entries = String::new();
    for (index, file) in files.iter().enumerate() {
        watch(file);
        let text = fs::read_to_string(file).expect("a spec or rule file can be read");
        let path = file.strip_prefix(root).expect("it lies below the root").to_string_lossy().replace('\\', "/");
        let nodes = oracle::read(source::FileId(0), &text).unwrap_or_else(|problem| panic!("{path}: {problem}"));
        let packed = out.join(format!("{name}-{index}.tree"));
        fs::write(&packed, postcard::to_allocvec(&nodes).expect("a tree can be packed")).expect("OUT_DIR can be written");
        writeln!(entries, "    KdlFile {{ path: {path:?}, text: include_str!({file:?}), tree: include_bytes!({packed:?}) }},").expect("a string takes it");
        paths.push(path);
    }
    writeln!(code, "/// Every file below `{folder}`.\npub static {name}: &[KdlFile] = &[\n{entries}];").expect("a string takes it");
    paths
}

fn facts(root: &Path, out: &Path, code: &mut String) {
    let mut files = Vec::new();
    walk(&root.join("specs/providers"), "facts", &mut files);
    let mut entries = String::new();
    for file in &files {
        watch(file);
        let text = fs::read_to_string(file).expect("a facts file can be read");
        let name = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let mut blocks: Vec<(String, &str)> = Vec::new();
        let mut starts: Vec<usize> = text.match_indices("\n=").map(|(at, _)| at + 1).collect();
        starts.push(text.len());
        for pair in starts.windows(2) {
            let block = &text[pair[0]..pair[1]];
            let mut words = block[1..].lines().next().unwrap_or("").split('\t');
            let key = format!("{} {}", words.next().unwrap_or(""), words.next().unwrap_or(""));
            blocks.push((key, block));
        }
        let corrections = corrections(&file.with_extension("corrections"));
        let corrected: Vec<(String, String)> = blocks.into_iter().map(|(key, block)| corrected(key, block, &corrections)).collect();
        let mut blocks: Vec<(String, &str)> = corrected.iter().map(|(key, block)| (key.clone(), block.as_str())).collect();
        blocks.sort_by(|a, b| a.0.cmp(&b.0));
        let mut packed: Vec<u8> = Vec::new();
        let mut pieces = String::new();
        let mut piece = String::new();
        let mut first = "";
        for (index, (key, block)) in blocks.iter().enumerate() {
            if piece.is_empty() {
                first = key;
            }
            piece.push_str(block);
            if piece.len() >= PIECE || index + 1 == blocks.len() {
                let start = packed.len();
                packed.extend(lz4_flex::compress_prepend_size(piece.as_bytes()));
                write!(pieces, "({first:?}, {start}, {}), ", packed.len()).expect("a string takes it");
                piece.clear();
            }
        }
        let path = out.join(format!("{name}.facts"));
        fs::write(&path, packed).expect("OUT_DIR can be written");
        writeln!(entries, "    FactsFile {{ name: {name:?}, pieces: &[{pieces}], packed: include_bytes!({path:?}) }},").expect("a string takes it");
    }
    writeln!(code, "/// Every facts file below `specs/providers`.\npub static FACTS: &[FactsFile] = &[\n{entries}];").expect("a string takes it");
}

/// Lines that replace or add to those of a facts file: type, object within it, member, and the whole line.
type Correction = (String, String, String, String);

/// Reads a corrections file: comments with the reasons, a type's line, an object's line where it is not the type itself, members.
fn corrections(path: &Path) -> Vec<Correction> {
    watch(path);
    let text = fs::read_to_string(path).unwrap_or_default();
    let (mut key, mut object, mut reason) = (String::new(), String::new(), false);
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut words = line.split('\t');
        let first = words.next().unwrap_or("");
        match first.chars().next() {
            None => reason = false,
            Some('#') => reason = true,
            Some('=') => {
                key = format!("{} {}", &first[1..], words.next().unwrap_or(""));
                object = String::new();
            }
            Some('@') => object = first.to_owned(),
            Some(_) => {
                assert!(reason, "{}:{}: a correction has its reason above it", path.display(), index + 1);
                found.push((key.clone(), object.clone(), first.to_owned(), line.to_owned()));
            }
        }
    }
    found
}

fn corrected(key: String, block: &str, corrections: &[Correction]) -> (String, String) {
    let mine: Vec<&Correction> = corrections.iter().filter(|(of, ..)| *of == key).collect();
    if mine.is_empty() {
        return (key, block.to_owned());
    }
    let mut object = String::new();
    let mut text = String::new();
    let mut used = 0;
    for line in block.lines() {
        if line.starts_with('@') {
            object = line.to_owned();
        }
        let name = line.split('\t').next().unwrap_or("");
        let replacement = mine.iter().find(|(_, of, member, _)| *of == object && member == name);
        used += usize::from(replacement.is_some());
        if let Some((.., new)) = replacement {
            assert!(keeps(line, new), "{key}: the correction `{new}` loses what the facts say: `{line}`");
        }
        text.push_str(replacement.map_or(line, |(.., line)| line));
        text.push('\n');
    }
    assert_eq!(used, mine.len(), "{key}: a correction is of a member that the facts do not have");
    (key, text)
}

/// Whether a corrected line has the type of the one that it replaces, and what that says of secrets, of values that are only written, and of replacements.
fn keeps(old: &str, new: &str) -> bool {
    fn field(line: &str, at: usize) -> &str {
        line.split('\t').nth(at).unwrap_or("")
    }
    field(old, 1) == field(new, 1) && field(old, 2).chars().filter(|flag| "nvlsw".contains(*flag)).all(|flag| field(new, 2).contains(flag))
}

fn pages(root: &Path, code: &mut String) {
    let mut files = Vec::new();
    walk(&root.join("docs/errors"), "md", &mut files);
    walk(&root.join("docs/deploy-errors"), "md", &mut files);
    let mut entries = String::new();
    for file in &files {
        watch(file);
        let name = file.file_stem().expect("it has a name").to_string_lossy().into_owned();
        writeln!(entries, "    ({name:?}, include_str!({file:?})),").expect("a string takes it");
    }
    writeln!(code, "/// For each diagnostic code, its page below `docs/errors`, or `docs/deploy-errors` for those of deploying.\npub static PAGES: &[(&str, &str)] = &[\n{entries}];")
        .expect("a string takes it");
}
