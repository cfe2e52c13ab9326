//! Side files: tensors whose elements are outside of the model file.
//!
//! Models come from strangers. A location is followed only to a regular file inside the model's folder: no absolute path, no
//! way out through `..`, symbolic links or hard links, no device. It knows nothing of what tensors mean.

use std::fs::File;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, ErrorKind, Result};
use crate::onnx::TensorProto;
use crate::wire::{FileSource, Source};

/// An opened side file.
#[derive(Debug)]
pub struct SideFile {
    /// As the model names it.
    pub location: String,
    /// Where it is.
    pub path: PathBuf,
    /// Its bytes.
    pub source: FileSource,
}

/// What a tensor says about its elements in a side file.
#[derive(Debug)]
pub(crate) struct Entry {
    pub location: String,
    pub offset: u64,
    pub length: Option<u64>,
}

/// Reads the entries `location`, `offset` and `length`; others (`checksum`, `prepacked*`) are not needed for reading.
pub(crate) fn entry(proto: &TensorProto) -> Result<Entry> {
    let get = |key: &str| proto.external_data.iter().rev().find(|e| e.key() == key).map(|e| e.value().to_owned());
    let number = |key: &str| match get(key) {
        None => Ok(None),
        Some(text) => text.trim().parse::<u64>().map(Some).map_err(|_| {
            Error::new(ErrorKind::ExternalData, format!("external data has the {key} `{text}`, which is not a position"))
        }),
    };
    let location = get("location").ok_or_else(|| Error::new(ErrorKind::ExternalData, "external data has no location"))?;
    Ok(Entry { location, offset: number("offset")?.unwrap_or(0), length: number("length")? })
}

fn refuse(location: &str, why: &str) -> Error {
    Error::new(ErrorKind::ExternalData, format!("the side file `{location}` {why}"))
        .remedy("side files must be regular files inside the model's folder; move it there and correct the location")
}

/// Opens a side file below `folder`.
///
/// # Errors
/// Locations that lead or could lead out of the folder, files that are missing or are not regular.
pub(crate) fn open(folder: &Path, location: &str) -> Result<SideFile> {
    if location.is_empty() || location.contains(['\0', '\\']) || Path::new(location).is_absolute() {
        return Err(refuse(location, "is not named by a relative path"));
    }
    if location.as_bytes().get(1) == Some(&b':') {
        return Err(refuse(location, "is named by a drive"));
    }
    let mut depth = 0i32;
    for part in Path::new(location).components() {
        depth += match part {
            Component::ParentDir => -1,
            Component::Normal(_) => 1,
            _ => 0,
        };
        if depth < 0 {
            return Err(refuse(location, "leads out of the model's folder"));
        }
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let path = folder.join(location);
    let file = open_beneath(folder, location, &path)?;
    let metadata = file.metadata().map_err(|e| Error::io("cannot look at the side file", e).file(&path))?;
    if !metadata.is_file() {
        return Err(refuse(location, "is not a regular file"));
    }
    #[cfg(unix)]
    if std::os::unix::fs::MetadataExt::nlink(&metadata) > 1 {
        return Err(refuse(location, "has more than one name (hard links), so it may belong to something else"));
    }
    let source = FileSource::new(file).map_err(|e| Error::io("cannot look at the side file", e).file(&path))?;
    Ok(SideFile { location: location.to_owned(), path, source })
}

/// Opens a side file that the caller names by its path.
///
/// # Errors
/// As [`open`], for the last part of the path.
pub(crate) fn open_named(path: &Path) -> Result<SideFile> {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    open(path.parent().unwrap_or(Path::new("")), &name)
}

fn missing(location: &str, path: &Path, error: std::io::Error) -> Error {
    let found = if error.kind() == std::io::ErrorKind::NotFound { "is missing" } else { "cannot be opened" };
    Error { source: Some(error), ..Error::new(ErrorKind::ExternalData, format!("the side file `{location}` {found}")) }
        .remedy(format!("put it at {}", path.display()))
}

#[cfg(target_os = "linux")]
fn open_beneath(folder: &Path, location: &str, path: &Path) -> Result<File> {
    use rustix::fs::{Mode, OFlags, ResolveFlags};
    let base = File::open(folder).map_err(|e| Error::io("cannot open the model's folder", e).file(folder))?;
    // NONBLOCK: a FIFO must not hang the open; what is not a regular file is refused right after.
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS | ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(&base, location, flags, Mode::empty(), resolve) {
        Ok(descriptor) => Ok(File::from(descriptor)),
        Err(rustix::io::Errno::XDEV | rustix::io::Errno::LOOP) => Err(refuse(location, "is or passes a symbolic link")),
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => open_checked(folder, location, path),
        Err(error) => Err(missing(location, path, error.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn open_beneath(folder: &Path, location: &str, path: &Path) -> Result<File> {
    open_checked(folder, location, path)
}

/// Plain means for systems without `openat2`: the resolved path must be the path itself.
fn open_checked(folder: &Path, location: &str, path: &Path) -> Result<File> {
    let base = folder.canonicalize().map_err(|e| Error::io("cannot find the model's folder", e).file(folder))?;
    let real = path.canonicalize().map_err(|e| missing(location, path, e))?;
    let normal: PathBuf = Path::new(location).components().filter(|c| matches!(c, Component::Normal(_))).collect();
    if real != base.join(normal) {
        return Err(refuse(location, "is or passes a symbolic link, or goes back with `..`"));
    }
    if !real.is_file() {
        return Err(refuse(location, "is not a regular file"));
    }
    File::open(&real).map_err(|e| missing(location, path, e))
}

impl SideFile {
    /// The size of the file in bytes.
    pub fn len(&self) -> u64 {
        self.source.len()
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
