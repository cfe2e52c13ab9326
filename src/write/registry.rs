//! The temporary files that exist right now, so that a program which is interrupted can remove them.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

static EXISTING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// The paths of the temporary files of this process that are neither published nor removed.
#[must_use]
pub fn temporary_files() -> Vec<PathBuf> {
    existing().clone()
}

/// Removes them, as far as possible: the last act before a process ends by a signal. Not for signal handlers, which must
/// not lock; for a thread that waits for signals.
pub fn remove_temporary_files() {
    for path in existing().iter() {
        // Nobody is left to tell.
        let _ = std::fs::remove_file(path);
    }
}

pub(super) fn enter(path: &Path) {
    existing().push(path.to_path_buf());
}

pub(super) fn leave(path: &Path) {
    existing().retain(|other| other != path);
}

fn existing() -> MutexGuard<'static, Vec<PathBuf>> {
    EXISTING.lock().unwrap_or_else(PoisonError::into_inner)
}
