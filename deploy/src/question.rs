//! Questions to whoever sits at the terminal. Ctrl-C at one means no: what was made ready for the answer is still put away.

use crate::interrupt;
use std::io::{self, ErrorKind};
use tokio::sync::oneshot;

/// How a question ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<T> {
    /// With what was typed.
    Given(T),
    /// Nobody is there to answer, or the input ended.
    Nobody,
    /// With Ctrl-C.
    Left,
}

/// Waits for what `read` asks for and gets from the terminal, or for Ctrl-C.
pub async fn typed(read: impl FnOnce() -> io::Result<Option<String>> + Send + 'static) -> Answer<String> {
    // Before the question is seen: whoever reads it may press Ctrl-C at once.
    interrupt::listen();
    let (sender, receiver) = oneshot::channel();
    // It cannot be called back from its reading; it ends with the program.
    std::thread::spawn(move || sender.send(read()));
    tokio::select! {
        answer = receiver => match answer {
            Ok(Ok(Some(answer))) => Answer::Given(answer),
            // A secret is read key by key, Ctrl-C among them.
            Ok(Err(error)) if error.kind() == ErrorKind::Interrupted => Answer::Left,
            Ok(Ok(None) | Err(_)) | Err(_) => Answer::Nobody,
        },
        () = interrupt::next() => Answer::Left,
    }
}
