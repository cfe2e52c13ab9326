//! What happens when the program is interrupted: its temporary files go, its child is told, and it ends as the shell expects.

use std::process::Child;
use std::sync::{Mutex, MutexGuard, PoisonError};

static CHILD: Mutex<Option<u32>> = Mutex::new(None);

/// Waits for signals from now on, in a thread of its own.
#[cfg(unix)]
pub fn watch() {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Without it the program works as well; it only leaves its temporary files when it is interrupted.
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            stop_child();
            bnfold::write::remove_temporary_files();
            super::scratch::remove_all();
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere the system's own way of ending programs is left alone.
#[cfg(not(unix))]
pub fn watch() {}

/// The child that is told when this program is interrupted.
#[derive(Debug)]
pub struct Told;

impl Told {
    /// Remembers a child while the value lives.
    pub fn of(child: &Child) -> Told {
        *this() = Some(child.id());
        Told
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        *this() = None;
    }
}

fn this() -> MutexGuard<'static, Option<u32>> {
    CHILD.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(unix)]
fn stop_child() {
    let child = this().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
    if let Some(child) = child {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(child, rustix::process::Signal::TERM);
    }
}
