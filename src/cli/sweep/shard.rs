//! A sweep on many machines: each takes a part of the models, and the reports of all parts are put together.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use bnfold::report::{self, SweepReport};
use bnfold::{Error, ErrorKind, Result};

use crate::cli::files::Found;

/// A part of the models: every `of`th from the `part`th on, so that large neighbours do not fall to one machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// Its number, from 1 on.
    part: usize,
    /// How many parts there are.
    of: usize,
}

impl Shard {
    /// Reads `K/N`.
    ///
    /// # Errors
    /// It is another text, or K is not among 1 to N.
    pub fn parse(text: &str) -> std::result::Result<Shard, String> {
        let numbers = text.split_once('/').map(|(part, of)| (part.trim().parse(), of.trim().parse()));
        match numbers {
            Some((Ok(part), Ok(of))) if part >= 1 && part <= of => Ok(Shard { part, of }),
            _ => Err(format!("`{text}` is no part; give for example 2/5, the second of five")),
        }
    }

    /// The models of this part.
    pub fn of(self, models: Vec<Found>) -> Vec<Found> {
        let mine = |(at, _): &(usize, Found)| at % self.of == self.part - 1;
        models.into_iter().enumerate().filter(mine).map(|(_, found)| found).collect()
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.part, self.of)
    }
}

/// The reports of all parts as one, with the models in the order in which one machine would have taken them.
///
/// # Errors
/// A report cannot be read, is of another version or of no part, or a part is missing or there twice.
pub fn merged(paths: &[PathBuf]) -> Result<SweepReport> {
    let mut parts: BTreeMap<usize, SweepReport> = BTreeMap::new();
    let mut count = None;
    for path in paths {
        let (shard, report) = read(path)?;
        let wrong = |what: String| Error::new(ErrorKind::Choice, what).file(path);
        match *count.get_or_insert(shard.of) {
            of if of == shard.of => {}
            of => {
                return Err(wrong(format!("this is part {shard}, and the others are parts of {of}"))
                    .remedy("name the reports of one sweep"));
            }
        }
        if parts.insert(shard.part, report).is_some() {
            return Err(wrong(format!("part {shard} is there twice")).remedy("name each report once"));
        }
    }
    let of = count.unwrap_or(0);
    if let Some(missing) = (1..=of).find(|part| !parts.contains_key(part)) {
        let error = Error::new(ErrorKind::Choice, format!("part {missing}/{of} is missing"));
        let how = format!("run `bnfold sweep` with --shard {missing}/{of} --format json and the same paths and options");
        return Err(error.remedy(how + ", and name its report, too"));
    }
    same_models(&parts, of)?;
    let longest = parts.values().map(|report| report.models.len()).max().unwrap_or(0);
    let models = (0..longest).flat_map(|at| parts.values().filter_map(move |report| report.models.get(at))).cloned().collect();
    Ok(SweepReport { schema: report::schema("sweep"), version: report::VERSION.to_owned(), shard: None, whole: None, models })
}

/// Each part chose its models out of those that it found. Where they found others, one is missing or there twice.
fn same_models(parts: &BTreeMap<usize, SweepReport>, of: usize) -> Result<()> {
    let mut all = parts.iter().map(|(part, report)| (part, report.whole.unwrap_or(0)));
    let Some((first, whole)) = all.next() else { return Ok(()) };
    let Some((part, found)) = all.find(|(_, found)| *found != whole) else { return Ok(()) };
    let what = format!("part {part}/{of} was chosen out of {found} models, and part {first}/{of} out of {whole}");
    Err(Error::new(ErrorKind::Choice, what).remedy("sweep all parts over the same files, which nobody changes meanwhile"))
}

fn read(path: &Path) -> Result<(Shard, SweepReport)> {
    let text = std::fs::read(path).map_err(|e| Error::io("cannot read the report", e).file(path).remedy("check the path"))?;
    let wrong = |what: String| Error::new(ErrorKind::Foreign, what).file(path);
    let report: SweepReport = serde_json::from_slice(&text).map_err(|e| {
        wrong(format!("this is no report of a sweep: {e}")).remedy("name what `bnfold sweep --shard K/N --format json` wrote")
    })?;
    if report.schema != report::schema("sweep") || report.version != report::VERSION {
        let what = format!("this is a report of bnfold {}, and this is bnfold {}", report.version, report::VERSION);
        return Err(wrong(what).remedy("sweep all parts and merge them with one version"));
    }
    match report.shard.as_deref().map(Shard::parse) {
        Some(Ok(shard)) => Ok((shard, report)),
        _ => Err(wrong("this is the report of a whole sweep, not of a part".to_owned()).remedy("name reports of `--shard K/N`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_disjoint_and_all_there_is() {
        let all: Vec<Found> = (0..7).map(|n| Found { path: n.to_string().into(), below: n.to_string().into() }).collect();
        let mut seen = Vec::new();
        for part in 1..=3 {
            seen.extend(Shard { part, of: 3 }.of(all.clone()));
        }
        seen.sort_by(|a, b| a.path.cmp(&b.path));
        assert_eq!(seen, all);
    }

    #[test]
    fn what_is_no_part_is_refused() {
        assert_eq!(Shard::parse("2/3").map(|shard| shard.to_string()).as_deref(), Ok("2/3"));
        for text in ["0/3", "4/3", "2", "a/b", "1/0", "-1/2"] {
            assert!(Shard::parse(text).is_err(), "{text}");
        }
    }
}
