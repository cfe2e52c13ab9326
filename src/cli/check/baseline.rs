//! The findings that a repository had when it took up the check: they are no findings until they are written anew.
//!
//! Files are named as seen from the baseline's own folder, so that the check may be started from any folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use bnfold::report::{BaselineFile, CheckReport, CheckedFile};
use bnfold::write::AtomicFile;
use bnfold::{Error, ErrorKind, Result, report};

use crate::cli::arguments::Check;

/// Where a baseline is unless another place is named.
const NAME: &str = "bnfold-baseline.json";

/// Findings that are known: by file, the names of nodes.
pub struct Baseline {
    /// Its own file.
    pub path: PathBuf,
    files: BTreeMap<String, BTreeSet<String>>,
}

impl Baseline {
    /// What a baseline that is written anew knows so far: what is no baseline may be replaced by one.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn before(arguments: &Check) -> Result<Baseline> {
        let empty = Baseline::empty(arguments);
        match Baseline::read(arguments) {
            _ if !empty.path.exists() => Ok(empty),
            Err(error) if error.kind == ErrorKind::Foreign => Ok(empty),
            read => read,
        }
    }

    /// A baseline that knows nothing yet.
    fn empty(arguments: &Check) -> Baseline {
        Baseline { path: arguments.baseline.clone().unwrap_or_else(|| NAME.into()), files: BTreeMap::new() }
    }

    /// The baseline that is named, or the usual one where there is one.
    ///
    /// # Errors
    /// It cannot be read, or is no baseline.
    pub fn read(arguments: &Check) -> Result<Baseline> {
        let mut baseline = Baseline::empty(arguments);
        if arguments.baseline.is_none() && !baseline.path.exists() {
            return Ok(baseline);
        }
        let failed = |e: std::io::Error| {
            Error::io("cannot read the baseline", e)
                .file(&baseline.path)
                .remedy("the same command with --write-baseline writes it")
        };
        let text = std::fs::read_to_string(&baseline.path).map_err(failed)?;
        let layout: std::result::Result<BaselineFile, _> = serde_json::from_str(&text);
        match layout {
            Ok(layout) if layout.schema == report::schema("baseline") => baseline.files = layout.files,
            Ok(layout) => {
                let what = format!(
                    "this is a baseline of layout `{}`, and this program reads {}",
                    layout.schema,
                    report::schema("baseline")
                );
                return Err(foreign(&baseline.path, what));
            }
            Err(error) => return Err(foreign(&baseline.path, format!("this is no baseline: {error}"))),
        }
        Ok(baseline)
    }

    /// Takes what is known out of a file's findings.
    pub fn forget(&self, file: &mut CheckedFile) {
        let Some(known) = self.files.get(&self.key(&file.file)) else { return };
        let all = file.findings.len();
        file.findings.retain(|site| !known.contains(&site.node.name));
        file.known = (all - file.findings.len()) as u64;
        if file.findings.is_empty() {
            file.command = None;
        }
    }

    /// What it names that is no longer there, in sentences.
    pub fn gone(&self, report: &CheckReport) -> Vec<String> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let seen: BTreeMap<String, u64> = report.files.iter().map(|file| (self.key(&file.file), file.known)).collect();
        let sentence = |(file, nodes): (&String, &BTreeSet<String>)| {
            let what = match seen.get(file) {
                None if folder.join(file).exists() => return None,
                None => format!("names `{file}`, which is gone"),
                Some(known) => match (nodes.len() as u64).saturating_sub(*known) {
                    0 => return None,
                    1 => format!("names a finding in `{file}` that is gone"),
                    count => format!("names {count} findings in `{file}` that are gone"),
                },
            };
            Some(format!("{}: {what}; the same command with --write-baseline brings it up to date", self.path.display()))
        };
        self.files.iter().filter_map(sentence).collect()
    }

    /// Writes the findings of a report, beside what is known of files that are there and were not looked at: a hook that gets
    /// the changed files alone must not forget the others. Returns how many there are of each.
    ///
    /// # Errors
    /// The system refuses; the baseline is then as it was.
    pub fn write(&self, report: &CheckReport) -> Result<(usize, usize)> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let looked: BTreeMap<String, &CheckedFile> =
            report.files.iter().filter(|file| file.error.is_none()).map(|file| (self.key(&file.file), file)).collect();
        let mut files = self.files.clone();
        files.retain(|file, _| !looked.contains_key(file) && folder.join(file).exists());
        let count = |files: &BTreeMap<String, BTreeSet<String>>| files.values().map(BTreeSet::len).sum::<usize>();
        let kept = count(&files);
        let nodes = |file: &CheckedFile| file.findings.iter().map(|site| site.node.name.clone()).collect::<BTreeSet<_>>();
        files.extend(looked.into_iter().map(|(key, file)| (key, nodes(file))).filter(|(_, nodes)| !nodes.is_empty()));
        let written = count(&files) - kept;
        let text = crate::cli::console::encode(&BaselineFile { schema: report::schema("baseline"), files })?;
        AtomicFile::of_text(&self.path, &text)?;
        Ok((written, kept))
    }

    /// A file as seen from the baseline's folder, with `/` between folders.
    fn key(&self, file: &str) -> String {
        let parent = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = (Path::new(file).canonicalize(), parent.canonicalize());
        let below = match &real {
            (Ok(file), Ok(folder)) => file.strip_prefix(folder).unwrap_or(file),
            _ => Path::new(file),
        };
        below.display().to_string().replace('\\', "/")
    }
}

fn foreign(path: &Path, what: String) -> Error {
    Error::new(ErrorKind::Foreign, what).file(path).remedy("the same command with --write-baseline writes it anew")
}
