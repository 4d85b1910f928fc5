//! Our facts about Terraform providers against schemas from elsewhere. These are no part of the project, so a machine may well be
//! without them, and CI too: then the test says so.

use crate::engines::{both, python, say};
use crate::product::root;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// One of the schemas from elsewhere, unpacked into a folder.
pub fn schema(name: &str, folder: &Path) -> Option<PathBuf> {
    let packed =
        env::var_os("STACKC_SCHEMAS").map_or_else(|| root().join("../shared/schemas"), PathBuf::from).join("terraform").join(format!("{name}.json.zst"));
    let to = folder.join(format!("{name}.json"));
    let done = Command::new("zstd").args(["-dqfo"]).arg(&to).arg(packed).output().ok()?;
    done.status.success().then_some(to)
}

#[test]
fn our_facts_differ_only_where_it_is_known_why() {
    let Some(python) = python() else { return };
    let folder = TempDir::new().unwrap();
    for name in ["openstack", "azurerm", "azuredevops"] {
        let Some(schema) = schema(name, folder.path()) else {
            say(&format!("skipped: the facts about {name} were not compared with a schema from elsewhere (name a folder of them in STACKC_SCHEMAS)"));
            continue;
        };
        let facts = root().join(format!("specs/providers/terraform-{name}.facts"));
        let output = Command::new(&python).arg(root().join("tests/engines/compare_schemas.py")).args([&facts, &schema]).output().unwrap();
        assert!(output.status.success(), "{}", both(&output));
        let found = String::from_utf8_lossy(&output.stdout).into_owned();
        let known = fs::read_to_string(root().join(format!("tests/engines/differences/terraform-{name}.txt"))).unwrap();
        let known: Vec<&str> = known.lines().filter(|line| !line.starts_with('#')).collect();
        let new: Vec<&str> = found.lines().filter(|line| !known.contains(line)).collect();
        let gone: Vec<&&str> = known.iter().filter(|line| !found.lines().any(|other| other == **line)).collect();
        assert!(new.is_empty() && gone.is_empty(), "{name}: new differences {new:#?}, and no longer one {gone:#?}");
    }
}
