//! What happens when the program is interrupted: its temporary files go, its children are told, and it ends as the shell expects.

use std::collections::BTreeSet;
#[cfg(unix)]
use std::io::Write as _;
use std::process::Child;
#[cfg(unix)]
use std::sync::Arc;
use std::sync::{Mutex, MutexGuard, PoisonError};

static CHILDREN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Waits for signals from now on, in a thread of its own.
#[cfg(unix)]
pub fn watch() {
    use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
    use signal_hook::iterator::Signals;

    // Who starts the program may ignore that children end, and that is inherited: nobody could wait for one then.
    let _ = signal_hook::flag::register(SIGCHLD, Arc::default());
    // Without it the program works as well; it only leaves its temporary files when it is interrupted.
    let Ok(mut signals) = Signals::new([SIGHUP, SIGINT, SIGTERM]) else { return };
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            stop_children();
            bnfold::write::remove_temporary_files();
            bnfold::api::scratch::remove_all();
            clear_line();
            // Whoever closed it does not want to know.
            let _ = writeln!(std::io::stderr(), "error: interrupted; what was not finished is as it was");
            std::process::exit(128 + signal);
        }
    });
}

/// Elsewhere the system's own way of ending programs is left alone.
#[cfg(not(unix))]
pub fn watch() {}

/// A child that is told when this program is interrupted.
#[derive(Debug)]
pub struct Told(u32);

impl Told {
    /// Remembers a child while the value lives.
    pub fn of(child: &Child) -> Told {
        children().insert(child.id());
        Told(child.id())
    }
}

impl Drop for Told {
    fn drop(&mut self) {
        children().remove(&self.0);
    }
}

fn children() -> MutexGuard<'static, BTreeSet<u32>> {
    CHILDREN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What showed that something lasts does not stay on a terminal.
#[cfg(unix)]
fn clear_line() {
    use std::io::IsTerminal as _;
    let mut stderr = std::io::stderr();
    if stderr.is_terminal() {
        // Whoever closed it sees nothing anyway.
        let _ = stderr.write_all(b"\r\x1b[2K");
    }
}

#[cfg(unix)]
fn stop_children() {
    let ids = children().clone();
    for child in ids.into_iter().filter_map(|id| i32::try_from(id).ok()).filter_map(rustix::process::Pid::from_raw) {
        // It may have ended by itself.
        let _ = rustix::process::kill_process(child, rustix::process::Signal::TERM);
    }
}
