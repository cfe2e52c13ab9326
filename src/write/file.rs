//! Files that appear under their names only when they are complete.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::copy::Sink;
use super::{place, registry};
use crate::error::{Error, Result};

/// How often another name is tried when a temporary name is taken.
const ATTEMPTS: u32 = 16;

/// A file that is written under a temporary name in the folder of its target and renamed when it is complete.
///
/// Until [`AtomicFile::publish`] nothing can be seen at the target; afterwards all of it. A value that is dropped
/// instead, for whatever reason, removes its temporary file. The new file has the mode and, where the system allows it,
/// the owner of the file that it replaces. Other hard links to that file keep the old content.
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    /// The target as the caller named it.
    named: PathBuf,
    /// The target with links followed.
    target: PathBuf,
    temporary: Temporary,
}

/// The name of a temporary file, which is removed with the value.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing left to remove; and there is nobody to tell about a failure.
        let _ = std::fs::remove_file(&self.0);
        registry::leave(&self.0);
    }
}

impl AtomicFile {
    /// Writes a text to a file, all of it or nothing.
    ///
    /// # Errors
    /// The system refuses; what was there is then as it was.
    pub fn of_text(target: &Path, text: &str) -> Result<()> {
        let mut file = AtomicFile::create(target, 0o644)?;
        std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|e| Error::unwritten("cannot write", e).file(target))?;
        file.publish(false)
    }

    /// Begins a file that will be `target`. `mode` is used if nothing is replaced, as far as the umask of the process
    /// allows: the mode of the input, as `cp` does.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Target`] when the target is a folder, a device, read-only, or a link that leads nowhere;
    /// [`crate::ErrorKind::Io`] when the folder does not exist or does not let us create files. Both name the target.
    pub fn create(target: &Path, mode: u32) -> Result<Self> {
        Self::begin(target, mode).map_err(|error| error.file(target))
    }

    fn begin(target: &Path, mode: u32) -> Result<Self> {
        let place = place::find(target)?;
        // While it is incomplete, nobody else needs to read a file that will get the mode of another one.
        let initial = if place.replaced.is_some() { 0o600 } else { mode & 0o777 };
        let (file, temporary) = create_beside(&place.path, initial)?;
        if let Some(replaced) = &place.replaced {
            // Only a privileged process may give files away. Without that the file is ours, as a new one would be.
            let _ = fchown(&file, Some(replaced.uid()), Some(replaced.gid()));
            let mode = Permissions::from_mode(replaced.mode() & 0o777);
            file.set_permissions(mode).map_err(|error| Error::unwritten("cannot set the mode", error))?;
        }
        Ok(Self { file, named: target.to_path_buf(), target: place.path, temporary })
    }

    /// Where the file is until it is published.
    #[must_use]
    pub fn temporary(&self) -> &Path {
        &self.temporary.0
    }

    /// Puts the file in its place. With `fsync`, content and name are on the disk when this returns; without, a crash of
    /// the *system* soon after may lose the new file, as with `cp`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Io`]; the target is then as it was, and the temporary file is removed. An exception is a
    /// failure to flush the folder, after the file was put in place.
    pub fn publish(self, fsync: bool) -> Result<()> {
        if fsync {
            self.flush_content()?;
        }
        self.rename(fsync)
    }

    fn flush_content(&self) -> Result<()> {
        let synced = self.file.sync_all();
        synced.map_err(|error| Error::unwritten("cannot flush to the disk", error).file(&self.named))
    }

    fn rename(self, fsync: bool) -> Result<()> {
        let renamed = std::fs::rename(&self.temporary.0, &self.target);
        renamed.map_err(|error| Error::unwritten("cannot put the new file in place", error).file(&self.named))?;
        if fsync {
            let folder = File::open(place::folder(&self.target)).and_then(|folder| folder.sync_all());
            folder.map_err(|error| Error::unwritten("cannot flush the folder to the disk", error).file(&self.named))?;
        }
        Ok(())
    }
}

/// Creates a file that did not exist, in the folder of `path`.
fn create_beside(path: &Path, mode: u32) -> Result<(File, Temporary)> {
    let mut attempt = 0;
    loop {
        let name = place::temporary_name(path);
        // It is entered before it exists: an interruption in between removes nothing, one after it removes the file.
        registry::enter(&name);
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&name) {
            Ok(file) => return Ok((file, Temporary(name))),
            Err(error) => {
                registry::leave(&name);
                attempt += 1;
                if error.kind() != io::ErrorKind::AlreadyExists || attempt == ATTEMPTS {
                    return Err(Error::unwritten("cannot create a file in this folder", error));
                }
            }
        }
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for AtomicFile {
    /// Claims the room on the disk. Where the file system cannot do that, the room is found while writing.
    fn reserve(&mut self, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        match rustix::io::retry_on_intr(|| rustix::fs::fallocate(&self.file, FallocateFlags::empty(), 0, len)) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn file(&self) -> Option<&File> {
        Some(&self.file)
    }

    fn path(&self) -> Option<&Path> {
        Some(&self.named)
    }
}

/// Files that belong together: side files, then the model that refers to them.
///
/// They are put in place one after the other, in the order in which they were added, and only when all are complete.
/// Between the first and the last rename a reader can see new side files beside the old model.
#[derive(Debug, Default)]
pub struct Publication {
    files: Vec<AtomicFile>,
}

impl Publication {
    /// Nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a complete file.
    pub fn add(&mut self, file: AtomicFile) {
        self.files.push(file);
    }

    /// Puts all files in place.
    ///
    /// # Errors
    /// As [`AtomicFile::publish`]. Files after the one that failed are not touched; if files before it were replaced
    /// already, the error names them.
    pub fn publish(self, fsync: bool) -> Result<()> {
        if fsync {
            self.files.iter().try_for_each(AtomicFile::flush_content)?;
        }
        let mut replaced: Vec<PathBuf> = Vec::new();
        for file in self.files {
            let named = file.named.clone();
            file.rename(fsync).map_err(|error| already(error, &replaced))?;
            replaced.push(named);
        }
        Ok(())
    }
}

fn already(error: Error, replaced: &[PathBuf]) -> Error {
    if replaced.is_empty() {
        return error;
    }
    let names: Vec<String> = replaced.iter().map(|path| format!("`{}`", path.display())).collect();
    error.remedy(format!("{} was already written and belongs to the new model; run again", names.join(", ")))
}

#[cfg(test)]
mod tests;
