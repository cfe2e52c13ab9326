//! What a folder looks like after success and after each kind of failure.

use std::fs;
use std::os::unix::fs::symlink;

use super::*;
use crate::error::ErrorKind;
use crate::wire::splice::Piece;
use crate::wire::{FileSource, Source};
use crate::write::{Rescaled, temporary_files, write_pieces};

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn begun(target: &Path, content: &[u8]) -> AtomicFile {
    let mut file = AtomicFile::create(target, 0o644).unwrap();
    file.reserve(content.len() as u64).unwrap();
    file.write_all(content).unwrap();
    file
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

/// A list of producers for pieces that have none.
fn none() -> [Rescaled<'static>; 0] {
    []
}

#[test]
fn nothing_is_seen_before_and_everything_after() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    for (fsync, old) in [(false, None), (true, Some("one"))] {
        let file = begun(&target, b"two");
        assert_eq!(fs::read_to_string(&target).ok().as_deref(), old);
        let temporary = file.temporary.0.clone();
        let name = temporary.file_name().unwrap().to_string_lossy().into_owned();
        assert!(name.starts_with(".model.onnx.bnfold-") && name.ends_with(".tmp"), "{name}");
        assert!(temporary_files().contains(&temporary));
        file.publish(fsync).unwrap();
        assert!(!temporary_files().contains(&temporary));
        assert_eq!(names(folder.path()), ["model.onnx"]);
        assert_eq!(fs::read_to_string(&target).unwrap(), "two");
        fs::write(&target, "one").unwrap();
    }
}

#[test]
fn a_file_may_be_copied_over_itself() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    let old: Vec<u8> = (0..1_000_000u32).map(|i| (i / 3) as u8).collect();
    fs::write(&target, &old).unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
    let source = FileSource::open(&target).unwrap();
    let mut file = AtomicFile::create(&target, 0o600).unwrap();
    let pieces = [Piece::Bytes(b"new".to_vec()), Piece::Copy(0..source.len())];
    write_pieces(&source, &pieces, &none(), &mut file, &mut |_| {}).unwrap();
    file.publish(false).unwrap();
    let new = fs::read(&target).unwrap();
    assert_eq!(&new[..3], b"new");
    assert!(new[3..] == old[..]);
    assert_eq!(mode(&target), 0o640);
    assert!(source.unchanged().unwrap());
}

#[test]
fn a_new_file_has_no_more_permissions_than_the_input() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("new.onnx");
    AtomicFile::create(&target, 0o100_440).unwrap().publish(false).unwrap();
    assert_eq!(mode(&target) & !0o440, 0);
    assert_eq!(mode(&target) & 0o400, 0o400);
}

#[test]
fn what_is_dropped_leaves_no_trace() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    fs::write(&target, "old").unwrap();
    drop(begun(&target, b"new"));
    let source = vec![0; 10];
    let mut file = AtomicFile::create(&target, 0o644).unwrap();
    let too_much = [Piece::Copy(0..1_000_000)];
    let error = write_pieces(&source, &too_much, &none(), &mut file, &mut |_| {}).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Changed);
    drop(file);
    let caught = std::panic::catch_unwind(|| {
        let _file = begun(&target, b"new");
        panic!("while a file is open");
    });
    assert!(caught.is_err());
    assert_eq!(names(folder.path()), ["model.onnx"]);
    assert_eq!(fs::read_to_string(&target).unwrap(), "old");
}

#[test]
fn no_room_is_known_before_the_first_byte() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    let mut file = AtomicFile::create(&target, 0o644).unwrap();
    let source = vec![0; 10];
    let huge = [Piece::Copy(0..1 << 60)];
    let error = write_pieces(&source, &huge, &none(), &mut file, &mut |_| panic!("nothing is written")).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Io, "{error}");
    assert_eq!(error.file.as_deref(), Some(target.as_path()));
    assert!(error.remedy.is_some(), "{error}");
    drop(file);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_link_is_followed_and_stays() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("sub/real.onnx"), folder.path().join("link.onnx"));
    fs::create_dir(folder.path().join("sub")).unwrap();
    fs::write(&real, "old").unwrap();
    symlink("sub/real.onnx", &link).unwrap();
    begun(&link, b"new").publish(false).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read_to_string(&real).unwrap(), "new");
    assert_eq!(names(folder.path()), ["link.onnx", "sub"]);
    assert_eq!(names(&folder.path().join("sub")), ["real.onnx"]);
}

#[test]
fn targets_that_cannot_be_replaced_are_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    fs::create_dir(path("folder")).unwrap();
    fs::write(path("file"), "").unwrap();
    symlink("nowhere", path("dangling")).unwrap();
    symlink("circle", path("circle")).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, path("pipe"), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let before = names(folder.path());
    let refused = [
        ("folder", "a folder"),
        ("dangling", "does not exist"),
        ("pipe", "a pipe"),
        ("missing/model.onnx", "create the folder"),
        ("file/model.onnx", "is a file"),
        ("circle", "cannot look"),
        ("..", "does not name a file"),
    ];
    for (name, reason) in refused {
        let error = AtomicFile::create(&path(name), 0o644).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.file, Some(path(name)));
        assert!(error.remedy.is_some(), "{error}");
    }
    assert!(AtomicFile::create(Path::new("/dev/null"), 0o644).is_err());
    assert!(AtomicFile::create(Path::new(""), 0o644).is_err());
    assert_eq!(names(folder.path()), before);
}

#[test]
fn a_read_only_file_is_not_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    fs::write(&target, "old").unwrap();
    fs::set_permissions(&target, Permissions::from_mode(0o444)).unwrap();
    if rustix::process::geteuid().is_root() {
        // Nothing is read-only for a privileged process; the mode is kept then.
        begun(&target, b"new").publish(false).unwrap();
        assert_eq!(mode(&target), 0o444);
    } else {
        let error = AtomicFile::create(&target, 0o644).unwrap_err();
        assert!(error.to_string().contains("read-only"), "{error}");
    }
}

#[test]
fn a_folder_that_vanishes_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let inner = folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    let file = begun(&inner.join("model.onnx"), b"new");
    fs::remove_dir_all(&inner).unwrap();
    let error = file.publish(true).unwrap_err();
    assert_eq!(error.kind, ErrorKind::Io);
    assert!(error.to_string().contains("model.onnx: cannot put the new file in place"), "{error}");
    assert!(names(folder.path()).is_empty());
}

#[test]
fn names_of_any_length_have_room_for_the_temporary_part() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["m".repeat(255), "é".repeat(127), "m".to_owned()] {
        begun(&folder.path().join(&name), b"new").publish(false).unwrap();
        assert!(names(folder.path()).contains(&name));
    }
    assert_eq!(names(folder.path()).len(), 3);
}

#[test]
fn of_two_writers_one_wins_whole() {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("model.onnx");
    let (first, second) = (begun(&target, &[1; 1000]), begun(&target, &[2; 2000]));
    second.publish(false).unwrap();
    first.publish(false).unwrap();
    assert_eq!(fs::read(&target).unwrap(), [1; 1000]);
    assert_eq!(names(folder.path()), ["model.onnx"]);
}

#[test]
fn files_that_belong_together_appear_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (data, model) = (folder.path().join("model.data"), folder.path().join("model.onnx"));
    for fsync in [false, true] {
        let mut publication = Publication::new();
        publication.add(begun(&data, b"data"));
        publication.add(begun(&model, b"model"));
        publication.publish(fsync).unwrap();
        assert_eq!(names(folder.path()), ["model.data", "model.onnx"]);
    }
    let mut publication = Publication::new();
    publication.add(begun(&data, b"new data"));
    publication.add(begun(&model, b"new model"));
    fs::remove_file(&model).unwrap();
    fs::create_dir(&model).unwrap();
    let error = publication.publish(false).unwrap_err();
    assert_eq!(error.file, Some(model.clone()));
    assert!(error.to_string().contains("model.data` was already written"), "{error}");
    // The other way round nothing is replaced.
    let mut publication = Publication::new();
    publication.add(begun_over(&model));
    publication.add(begun(&data, b"newer data"));
    assert!(publication.publish(false).is_err());
    assert_eq!(fs::read(&data).unwrap(), b"new data");
    assert_eq!(names(folder.path()), ["model.data", "model.onnx"]);
}

/// A file whose target becomes a folder after it was begun.
fn begun_over(target: &Path) -> AtomicFile {
    fs::remove_dir(target).unwrap();
    let file = begun(target, b"newer model");
    fs::create_dir(target).unwrap();
    file
}
