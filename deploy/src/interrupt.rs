//! Ctrl-C: once means that nobody waits any longer, twice that the cloud should stop as well.

use std::time::Duration;

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Once.
    Once,
    /// Twice.
    Twice,
}

/// Waits for the first Ctrl-C.
pub async fn first() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// From now on a Ctrl-C ends nothing by itself, and programs that are started are not kept from hearing theirs.
pub async fn listen() {
    let _ = tokio::time::timeout(Duration::ZERO, first()).await;
}

/// Waits a moment for a second one.
pub async fn second(within: Duration) -> Pressed {
    tokio::select! {
        () = first() => Pressed::Twice,
        () = tokio::time::sleep(within) => Pressed::Once,
    }
}
