//! Folders of our own for what is only there while the program runs.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

static EXISTING: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// A folder that nobody else can read, removed with the value.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    /// Makes a folder where the system keeps temporary files.
    ///
    /// # Errors
    /// The system does not allow it.
    pub fn new() -> Result<Scratch> {
        const ATTEMPTS: u32 = 64;
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let base = std::env::temp_dir();
        let failed = |error| {
            let remedy = "set TMPDIR to a folder that can be written";
            Error::io("cannot create a temporary folder", error).file(&base).remedy(remedy)
        };
        for _ in 0..ATTEMPTS {
            let number = COUNTER.fetch_add(1, Ordering::Relaxed);
            let path = base.join(format!("bnfold-{}-{number}", std::process::id()));
            existing().push(path.clone());
            match create(&path) {
                Ok(()) => return Ok(Scratch(path)),
                Err(error) => {
                    leave(&path);
                    if error.kind() != io::ErrorKind::AlreadyExists {
                        return Err(failed(error));
                    }
                }
            }
        }
        Err(failed(io::ErrorKind::AlreadyExists.into()))
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What cannot be removed is left to the system's own tidying.
        let _ = std::fs::remove_dir_all(&self.0);
        leave(&self.0);
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Removes all of them: the last act before the program ends by a signal.
pub fn remove_all() {
    for path in existing().iter() {
        let _ = std::fs::remove_dir_all(path);
    }
}

fn leave(path: &Path) {
    existing().retain(|other| other != path);
}

fn existing() -> MutexGuard<'static, Vec<PathBuf>> {
    EXISTING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_private_and_go_with_the_value() {
        let (one, two) = (Scratch::new().unwrap(), Scratch::new().unwrap());
        assert_ne!(one.path(), two.path());
        std::fs::write(one.path().join("f"), "x").unwrap();
        #[cfg(unix)]
        {
            let mode = std::os::unix::fs::PermissionsExt::mode(&one.path().metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o700);
        }
        let path = one.path().to_path_buf();
        drop(one);
        assert!(!path.exists());
    }
}
