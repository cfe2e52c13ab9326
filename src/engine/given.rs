//! Values that somebody gives for inputs: NumPy's files, and test data as ONNX keeps it beside models.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use npyz::NpyFile;
use prost::Message as _;

use super::CouldNotRun;
use super::array::Array;
use super::inputs::{read_npy, read_npz};
use crate::onnx::TensorProto;

/// Sets of test data that are used without being asked for, at most: each is a run more of both models.
const MOST_SETS: usize = 3;
/// No test data is larger.
const LARGEST: u64 = 2 << 30;

/// Values for inputs, by name or by position.
#[derive(Debug, Clone, Default)]
pub struct Given {
    named: BTreeMap<String, Array>,
    ordered: BTreeMap<usize, Array>,
}

impl Given {
    /// Reads a `.npz`, `.npy` or `.pb` file, or a folder with `input_0.pb` and so on, or with `.npy` files named like inputs.
    ///
    /// # Errors
    /// A file that cannot be read, another format, and elements that are no numbers.
    pub fn read(path: &Path) -> Result<Given, CouldNotRun> {
        let mut given = Given::default();
        if !path.is_dir() {
            given.file(path, 0)?;
            return match given.named.is_empty() && given.ordered.is_empty() {
                true => Err(CouldNotRun::file(path, "there are no arrays in it")),
                false => Ok(given),
            };
        }
        let entries = fs::read_dir(path).map_err(|error| CouldNotRun::file(path, error))?;
        let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
        files.sort();
        for file in files {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            match (extension(&file).as_str(), stem.strip_prefix("input_").and_then(|number| number.parse().ok())) {
                ("pb", Some(number)) => given.file(&file, number)?,
                ("npy", _) => {
                    given.named.insert(stem, numpy(&file)?);
                }
                _ => {}
            }
        }
        if given.named.is_empty() && given.ordered.is_empty() {
            return Err(CouldNotRun::file(path, "there are no inputs (input_0.pb, or .npy files) in it"));
        }
        Ok(given)
    }

    fn file(&mut self, path: &Path, number: usize) -> Result<(), CouldNotRun> {
        match extension(path).as_str() {
            "npy" => {
                self.ordered.insert(number, numpy(path)?);
            }
            "pb" => {
                let failed = |error: &dyn std::fmt::Display| CouldNotRun::file(path, error);
                if fs::metadata(path).map_err(|error| failed(&error))?.len() > LARGEST {
                    return Err(failed(&"it is too large"));
                }
                let bytes = fs::read(path).map_err(|error| failed(&error))?;
                let tensor = TensorProto::decode(&bytes[..]).map_err(|error| failed(&error))?;
                // Names in test data are often those of another export; what counts is the position.
                self.ordered.insert(number, Array::from_tensor(&tensor).map_err(|error| failed(&error))?);
            }
            _ => self.named.extend(read_npz(path)?),
        }
        Ok(())
    }

    /// The values by the names of a model's inputs, which are given in their order.
    ///
    /// # Errors
    /// Values for inputs that do not exist.
    pub fn by_name(&self, inputs: &[&str]) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        let mut found = self.named.clone();
        for (number, value) in &self.ordered {
            let name = inputs.get(*number).ok_or_else(|| {
                let why = format!("a value is given for input number {number}, but the model has {}", inputs.len());
                CouldNotRun::Model(why)
            })?;
            found.insert((*name).to_owned(), value.clone());
        }
        match found.keys().find(|name| !inputs.contains(&name.as_str())) {
            Some(name) => {
                let why = format!("a value is given for it, but the model has no such input, only: {}", inputs.join(", "));
                Err(CouldNotRun::Input { input: name.clone(), why })
            }
            None => Ok(found),
        }
    }
}

fn extension(path: &Path) -> String {
    path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase()).unwrap_or_default()
}

fn numpy(path: &Path) -> Result<Array, CouldNotRun> {
    let failed = |error| CouldNotRun::file(path, error);
    let file = fs::File::open(path).map_err(failed)?;
    read_npy(NpyFile::new(std::io::BufReader::new(file)).map_err(failed)?).map_err(failed)
}

/// The folders `test_data_set_*` beside a model.
pub fn data_sets(model: &Path) -> Vec<PathBuf> {
    let folder = match model.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("test_data_set_"));
    // A folder that cannot be listed has no test data; nobody asked for any.
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut sets: Vec<PathBuf> = entries.filter(|path| named(path) && path.join("input_0.pb").is_file()).collect();
    sets.sort();
    sets.truncate(MOST_SETS);
    sets
}

#[cfg(test)]
mod tests {
    use super::super::array::Data;
    use super::*;

    fn array(value: f64) -> Array {
        Array { dims: vec![1], data: Data::Float(vec![value]) }
    }

    fn tensor(value: f32) -> Vec<u8> {
        TensorProto { dims: vec![1], data_type: Some(1), float_data: vec![value], ..TensorProto::default() }.encode_to_vec()
    }

    #[test]
    fn test_data_is_found_and_taken_in_order() {
        let folder = tempfile::tempdir().unwrap();
        for set in ["test_data_set_1", "test_data_set_0", "other"] {
            fs::create_dir(folder.path().join(set)).unwrap();
            fs::write(folder.path().join(set).join("input_0.pb"), tensor(1.0)).unwrap();
            fs::write(folder.path().join(set).join("input_1.pb"), tensor(2.0)).unwrap();
            fs::write(folder.path().join(set).join("output_0.pb"), tensor(3.0)).unwrap();
        }
        let sets = data_sets(&folder.path().join("model.onnx"));
        assert_eq!(sets, ["test_data_set_0", "test_data_set_1"].map(|name| folder.path().join(name)));
        let found = Given::read(&sets[0]).unwrap().by_name(&["a", "b"]).unwrap();
        assert_eq!(found, BTreeMap::from([("a".to_owned(), array(1.0)), ("b".to_owned(), array(2.0))]));
        assert!(Given::read(&sets[0]).unwrap().by_name(&["a"]).is_err());
        let one = Given::read(&sets[0].join("input_1.pb")).unwrap().by_name(&["a"]).unwrap();
        assert_eq!(one, BTreeMap::from([("a".to_owned(), array(2.0))]));
        fs::write(folder.path().join("other").join("input_0.pb"), b"\xff\xff").unwrap();
        assert!(Given::read(&folder.path().join("other")).is_err());
        assert!(Given::read(folder.path()).is_err());
    }

    #[test]
    fn values_for_nothing_are_refused_by_name() {
        let given = Given { named: BTreeMap::from([("z".to_owned(), array(1.0))]), ordered: BTreeMap::new() };
        assert!(given.by_name(&["a"]).unwrap_err().to_string().contains("`z`"));
    }
}
