//! What a program does that is told to end while a file is being written. In a process of its own: it removes the
//! temporary files of the whole process.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::Write;

use bnfold::write::{AtomicFile, remove_temporary_files, temporary_files};

#[test]
fn no_temporary_file_outlives_an_orderly_interruption() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Vec::new();
    for name in ["model.data", "model.onnx"] {
        let mut file = AtomicFile::create(&folder.path().join(name), 0o644).unwrap();
        file.write_all(b"half of it").unwrap();
        files.push(file);
    }
    assert_eq!(temporary_files().len(), 2);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    remove_temporary_files();
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    // What still runs then cannot put anything in place any more.
    for file in files {
        assert!(file.publish(false).is_err());
    }
    assert!(temporary_files().is_empty());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
