//! Where bytes come from: something with a length that can be read at any offset.

use std::io;

/// Bytes that can be read at any offset.
pub trait Source: Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there is no byte at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] when the source ends before the buffer is full, also when
    /// the offset lies past the end; otherwise what the system reports.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// What two sources have in common only if they are one file in one state, so that its bytes need not be compared.
    fn identity(&self) -> Option<Identity> {
        None
    }
}

/// A file in one state: length, time of change, device and inode.
pub type Identity = (u64, (i64, i64), (u64, u64));

impl Source for &[u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..start.checked_add(buffer.len())?))
            .ok_or(io::ErrorKind::UnexpectedEof)?;
        buffer.copy_from_slice(bytes);
        Ok(())
    }
}

impl Source for Vec<u8> {
    fn len(&self) -> u64 {
        self.as_slice().len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        self.as_slice().read_exact_at(buffer, offset)
    }
}

#[cfg(unix)]
pub use file::FileSource;

#[cfg(unix)]
mod file {
    use std::fs::{File, Metadata};
    use std::io;
    use std::os::unix::fs::{FileExt, MetadataExt};
    use std::path::Path;
    use std::sync::Mutex;

    use super::{Identity, Source};

    /// Reads of up to this many bytes are served from what was read last, as small constants lie side by side.
    const SMALL: usize = 4 << 10;

    /// How much a small read takes in.
    const AHEAD: u64 = 16 << 10;

    /// An opened file. It is read by offset and never mapped, so that a file which shrinks while
    /// it is in use is an error and not the death of the process.
    #[derive(Debug)]
    pub struct FileSource {
        file: File,
        stamp: Stamp,
        recent: Mutex<Recent>,
    }

    /// A piece of a file.
    #[derive(Debug, Default)]
    struct Recent {
        start: u64,
        bytes: Vec<u8>,
    }

    impl Recent {
        /// The bytes from `offset` on, if the piece has them.
        fn get(&self, offset: u64, length: usize) -> Option<&[u8]> {
            let start = usize::try_from(offset.checked_sub(self.start)?).ok()?;
            self.bytes.get(start..start.checked_add(length)?)
        }
    }

    /// What tells one state of a file from another.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Stamp {
        len: u64,
        modified: (i64, i64),
        inode: (u64, u64),
    }

    impl Stamp {
        fn of(metadata: &Metadata) -> Self {
            Self {
                len: metadata.len(),
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                inode: (metadata.dev(), metadata.ino()),
            }
        }
    }

    impl FileSource {
        /// Opens the file at `path` for reading.
        ///
        /// # Errors
        /// What the system reports on opening and on `fstat`.
        pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
            Self::new(File::open(path)?)
        }

        /// Reads from a file that is open already; remembers its length and time of change.
        ///
        /// # Errors
        /// What the system reports on `fstat`.
        pub fn new(file: File) -> io::Result<Self> {
            let stamp = Stamp::of(&file.metadata()?);
            Ok(Self { file, stamp, recent: Mutex::default() })
        }

        /// Whether the file still has the length, the time of change and the inode that it had
        /// when it was opened.
        ///
        /// # Errors
        /// What the system reports on `fstat`.
        pub fn unchanged(&self) -> io::Result<bool> {
            Ok(Stamp::of(&self.file.metadata()?) == self.stamp)
        }

        /// The opened file.
        pub fn file(&self) -> &File {
            &self.file
        }
    }

    impl Source for FileSource {
        fn len(&self) -> u64 {
            self.stamp.len
        }

        fn identity(&self) -> Option<Identity> {
            Some((self.stamp.len, self.stamp.modified, self.stamp.inode))
        }

        fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
            // What was appended since the file was opened does not exist for us; also, an offset
            // that no file can have is reported differently by each system.
            if offset.checked_add(buffer.len() as u64).is_none_or(|end| end > self.stamp.len) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            match self.recent.try_lock() {
                Ok(mut recent) if buffer.len() <= SMALL => {
                    if recent.get(offset, buffer.len()).is_none() {
                        let mut bytes = std::mem::take(&mut recent.bytes);
                        bytes.resize(AHEAD.min(self.stamp.len - offset) as usize, 0);
                        self.file.read_exact_at(&mut bytes, offset)?;
                        *recent = Recent { start: offset, bytes };
                    }
                    buffer.copy_from_slice(recent.get(offset, buffer.len()).ok_or(io::ErrorKind::UnexpectedEof)?);
                    Ok(())
                }
                // Others read at the same time, or much is read.
                _ => self.file.read_exact_at(buffer, offset),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn reading_past_the_end_is_an_error_for_memory_and_files() {
        let bytes: Vec<u8> = (0..100).collect();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bytes");
        std::fs::write(&path, &bytes).unwrap();
        let file = FileSource::open(&path).unwrap();
        for source in [&bytes as &dyn Source, &file] {
            assert_eq!(source.len(), 100);
            let mut buffer = [0; 10];
            source.read_exact_at(&mut buffer, 90).unwrap();
            assert_eq!(buffer[..], bytes[90..]);
            for offset in [91, 100, u64::MAX / 2] {
                let error = source.read_exact_at(&mut buffer, offset).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "{offset}");
            }
        }
    }

    #[test]
    fn small_reads_give_what_the_file_holds_wherever_they_are() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bytes");
        std::fs::write(&path, &bytes).unwrap();
        let file = FileSource::open(&path).unwrap();
        for step in 0..2000usize {
            let (start, length) = (step * step * 31 % 95_000, step * 17 % 5_000);
            let mut buffer = vec![0; length];
            file.read_exact_at(&mut buffer, start as u64).unwrap();
            assert_eq!(buffer, bytes[start..start + length], "{length} bytes at {start}");
        }
    }

    #[test]
    fn one_file_is_told_from_another_with_the_same_bytes_and_from_itself_changed() {
        let directory = tempfile::tempdir().unwrap();
        let (path, other) = (directory.path().join("bytes"), directory.path().join("other"));
        std::fs::write(&path, "same").unwrap();
        std::fs::write(&other, "same").unwrap();
        let open = |path| FileSource::open(path).unwrap();
        let first = open(&path);
        assert_eq!(first.identity(), open(&path).identity());
        assert_ne!(first.identity(), open(&other).identity());
        std::fs::write(&path, "changed").unwrap();
        assert_ne!(first.identity(), open(&path).identity());
        assert_eq!((&b"same"[..]).identity(), None);
    }

    #[test]
    fn a_file_that_grows_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("bytes");
        std::fs::write(&path, "before").unwrap();
        let file = FileSource::open(&path).unwrap();
        assert!(file.unchanged().unwrap());
        std::fs::write(&path, "before and after").unwrap();
        assert!(!file.unchanged().unwrap());
    }
}
