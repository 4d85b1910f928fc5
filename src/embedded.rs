//! What `build.rs` put into the binary: specs, rules, provider facts, error pages. Nothing of it costs anything until it is used.

use crate::source::Sources;
use crate::syntax::Node;

/// A KDL file parsed when stackc was built.
#[derive(Debug, Clone, Copy)]
pub struct KdlFile {
    /// Path from the project's root, such as `targets/aws/database.kdl`.
    pub path: &'static str,
    /// Its text, for messages that point into it.
    pub text: &'static str,
    /// Its tree, packed.
    pub tree: &'static [u8],
}

impl KdlFile {
    /// The file's name without folder and ending.
    pub fn stem(&self) -> &'static str {
        let name = self.path.rsplit('/').next().unwrap_or(self.path);
        name.strip_suffix(".kdl").unwrap_or(name)
    }

    /// The tree, with the file made known so that messages can point into it.
    pub fn load(&self, sources: &mut Sources) -> Vec<Node> {
        let file = sources.add(self.path, self.text);
        let mut nodes: Vec<Node> = postcard::from_bytes(self.tree).unwrap_or_default();
        nodes.iter_mut().for_each(|node| node.set_file(file));
        nodes
    }
}

/// A facts file, cut into pieces of whole types, each packed on its own.
#[derive(Debug, Clone, Copy)]
pub struct FactsFile {
    /// The file's name without ending, such as `cloudformation`.
    pub name: &'static str,
    /// For each piece: its first type's key, where it starts, where it ends in `packed`.
    pub pieces: &'static [(&'static str, u32, u32)],
    /// All pieces behind one another.
    pub packed: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
