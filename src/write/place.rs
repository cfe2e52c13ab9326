//! Where a result may be put: what stands there now, and what a failure of the system means for the user.

use std::ffi::{OsStr, OsString};
use std::fs::Metadata;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::Access;

use crate::error::{Error, ErrorKind, Result};

/// The place of a file that is to be written.
#[derive(Debug)]
pub(super) struct Place {
    /// The file itself, with links followed.
    pub(super) path: PathBuf,
    /// The file that stands there and will be replaced.
    pub(super) replaced: Option<Metadata>,
}

/// Looks at the place that `target` names. A symbolic link is followed, as `cp` does: what it points to is replaced.
pub(super) fn find(target: &Path) -> Result<Place> {
    let refuse = |what: &str, remedy: &str| Err(Error::new(ErrorKind::Target, what).remedy(remedy));
    if target.file_name().is_none() {
        return refuse("this does not name a file", "name a file");
    }
    match target.metadata() {
        Ok(metadata) if metadata.is_dir() => refuse("this is a folder", "name a file in it"),
        Ok(metadata) if !metadata.is_file() => {
            refuse("this is a device or a pipe and cannot be replaced", "write to standard output and redirect it")
        }
        Ok(metadata) => {
            if rustix::fs::access(target, Access::WRITE_OK).is_err() {
                if metadata.permissions().readonly() {
                    return refuse("this file is read-only", "make it writable or name another file");
                }
                return refuse("you may not write this file, which is another user's", "name another file");
            }
            let path = target.canonicalize().map_err(|error| Error::unwritten("cannot resolve the path", error))?;
            Ok(Place { path, replaced: Some(metadata) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if target.symlink_metadata().is_ok() {
                return refuse("this is a link to a file that does not exist", "remove the link or name another file");
            }
            Ok(Place { path: target.to_path_buf(), replaced: None })
        }
        Err(error) => Err(Error::unwritten("cannot look at the target", error)),
    }
}

/// The folder that holds `path`.
pub(super) fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A name beside `path` that nobody else is likely to use: hidden, and shorter than any system's limit.
pub(super) fn temporary_name(path: &Path) -> PathBuf {
    const LONGEST: usize = 180;
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let mixed =
        (u64::from(std::process::id()) << 32 | u64::from(COUNTER.fetch_add(1, Ordering::Relaxed))) ^ now.as_nanos() as u64;
    let number = mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 24;
    let name = path.file_name().unwrap_or(OsStr::new("model")).as_bytes();
    let mut temporary = OsString::from(".");
    temporary.push(OsString::from_vec(name.get(..LONGEST).unwrap_or(name).to_vec()));
    temporary.push(format!(".bnfold-{number:010x}.tmp"));
    folder(path).join(temporary)
}
