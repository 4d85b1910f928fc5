//! Ctrl-C: once means that nobody waits any longer, twice that the cloud should stop as well. From the first wait on, none is missed, whatever is being done when it comes.

use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// How often it was pressed, and nobody has taken notice yet.
static PRESSED: AtomicUsize = AtomicUsize::new(0);
static WAKE: Notify = Notify::const_new();
static LISTENS: Once = Once::new();

/// What was pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pressed {
    /// Once.
    Once,
    /// Twice.
    Twice,
}

/// From now on a Ctrl-C ends nothing by itself, and programs that are started are not kept from hearing theirs.
pub fn listen() {
    LISTENS.call_once(|| {
        #[cfg(unix)]
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt());
        #[cfg(windows)]
        let signal = tokio::signal::windows::ctrl_c();
        // Without a way to hear it, Ctrl-C ends the program as it ends any.
        let Ok(mut signal) = signal else { return };
        tokio::spawn(async move {
            while signal.recv().await.is_some() {
                PRESSED.fetch_add(1, Ordering::SeqCst);
                WAKE.notify_one();
            }
        });
    });
}

/// Waits for the next Ctrl-C.
pub async fn next() {
    listen();
    while PRESSED.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |count| count.checked_sub(1)).is_err() {
        WAKE.notified().await;
    }
}

/// Waits a moment for a second one.
pub async fn second(within: Duration) -> Pressed {
    tokio::select! {
        () = next() => Pressed::Twice,
        () = tokio::time::sleep(within) => Pressed::Once,
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    /// Presses it, and waits until it was heard.
    async fn press(heard: usize) {
        let id = std::process::id().to_string();
        assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
        while PRESSED.load(Ordering::SeqCst) < heard {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[test]
    fn none_is_missed_while_nobody_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            listen();
            press(1).await;
            press(2).await;
            next().await;
            assert_eq!(second(Duration::from_secs(60)).await, Pressed::Twice);
            assert_eq!(second(Duration::from_millis(1)).await, Pressed::Once);
        });
    }
}
