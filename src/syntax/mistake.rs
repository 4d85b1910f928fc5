//! The mistakes of a text, as they are found.

pub use crate::diag::syntax::Mistake;

/// Most that are kept of one file: who has more, has another kind of file.
pub const MOST: usize = 50;

/// The mistakes of a file, in the order in which they were found.
#[derive(Debug, Default)]
pub struct Mistakes {
    /// First byte, one past the last, what.
    pub found: Vec<(usize, usize, Mistake)>,
}

impl Mistakes {
    /// Takes one in, unless there are so many that they say nothing any more.
    pub fn push(&mut self, start: usize, end: usize, mistake: Mistake) {
        // KDL 1 shows in every line, and is told once.
        let repeats = matches!(mistake, Mistake::Kdl1(_)) && self.found.iter().any(|(.., there)| matches!(there, Mistake::Kdl1(_)));
        if self.found.len() < MOST && !repeats {
            self.found.push((start, end, mistake));
        }
    }
}
