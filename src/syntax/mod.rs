//! KDL 2 text to a tree of our own, and its formatter. Knows no portable type and no cloud.
//!
//! `lex` cuts the text into tokens, `parse` makes a flat tree of borrowed words from them and goes on behind every mistake, `read` gives it
//! the shape that the stages behind it take. `format` works on the tokens alone.

mod braces;
mod format;
mod lex;
mod mistake;
mod node;
mod parse;
mod read;
mod text;
mod tree;

pub use format::{WIDTH, format};
pub use node::{Ident, Node, Part, Scalar, Value};
pub use parse::MAX_DEPTH;
pub use read::{Read, read, read_on};

/// Largest file, in bytes.
pub const MAX_BYTES: usize = 16 * 1024 * 1024;
