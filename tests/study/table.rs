//! What was found of each kind of fault, and by what.

use std::collections::BTreeMap;
use std::fmt;

use bnfold::faults::Fault;
use bnfold::verify::{Execution, Outcome, Site, Verdict};

/// What a verdict makes of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The files cannot be the same.
    Structure,
    /// The models were run, and differ.
    Execution,
    /// The wrong model does not run, although the right one does: it is not accepted, but nobody can say what it computes.
    NotJudged,
    /// It is taken for right.
    Nothing,
}

#[derive(Clone, Debug, Default)]
pub struct Row {
    pub excluded: usize,
    structure: usize,
    execution: usize,
    not_judged: usize,
    missed: usize,
    foreign_found: usize,
    foreign_missed: usize,
}

impl Row {
    pub fn own(&mut self, found: Found) {
        match found {
            Found::Structure => self.structure += 1,
            Found::Execution => self.execution += 1,
            Found::NotJudged => self.not_judged += 1,
            Found::Nothing => self.missed += 1,
        }
    }

    /// How many were made.
    pub fn seeded(&self) -> usize {
        self.structure + self.execution + self.not_judged + self.missed
    }

    pub fn foreign(&mut self, found: bool) {
        if found { self.foreign_found += 1 } else { self.foreign_missed += 1 }
    }
}

/// What each layer of the verdict sees of faults, by itself.
#[derive(Default)]
pub struct Layers {
    seeded: usize,
    structure: usize,
    constants: usize,
    alone: usize,
    relay: usize,
}

impl Layers {
    /// Counts a fault. What the files alone refuse is not run, and no layer beyond that is asked.
    pub fn count(&mut self, verdict: &Verdict) {
        self.seeded += 1;
        let ran = matches!(verdict.execution, Execution::Ran { .. });
        if !ran && !verdict.unmatched.is_empty() {
            self.structure += 1;
            return;
        }
        let any = |says: fn(&Site) -> bool| verdict.sites.iter().any(says);
        let far = |worst: Option<f64>| worst.is_some_and(|worst| worst > 1.0);
        self.constants += usize::from(any(|site| {
            let refused = site.outcome == Outcome::Differs && site.certificate.is_none();
            site.certificate.as_ref().is_some_and(|c| c.worst > 1.0) || (refused && site.worst.is_none_or(|w| w <= 1.0))
        }));
        self.alone += usize::from(verdict.sites.iter().any(|site| far(site.alone.as_ref().map(|alone| alone.worst()))));
        self.relay += usize::from(verdict.sites.iter().any(|site| far(site.worst)) || !verdict.differences.is_empty());
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rest = self.seeded - self.structure;
        write!(
            f,
            "{} faults, {} refused by structure; of the other {rest} constants alone see {}, sites alone {}, the relay alone {}",
            self.seeded, self.structure, self.constants, self.alone, self.relay
        )
    }
}

#[derive(Default)]
pub struct Table {
    rows: BTreeMap<usize, (Fault, Row)>,
    pub missed: Vec<String>,
    pub misnamed: Vec<String>,
    pub missed_in_structure: usize,
}

impl Table {
    pub fn row(&mut self, fault: Fault) -> &mut Row {
        let at = Fault::ALL.iter().position(|f| *f == fault).unwrap();
        &mut self.rows.entry(at).or_insert((fault, Row::default())).1
    }

    /// Demands what the verdict promises: none is missed in either tier, and each is named.
    pub fn check(&self, enough: usize) {
        let list = |all: &[String]| all.iter().take(20).map(|m| format!("\n  {m}")).collect::<String>();
        assert!(self.misnamed.is_empty(), "{} are found elsewhere:{}", self.misnamed.len(), list(&self.misnamed));
        assert_eq!(self.missed_in_structure, 0, "{}", list(&self.missed));
        assert!(self.missed.is_empty(), "{} are missed:{}", self.missed.len(), list(&self.missed));
        let all = self.all();
        assert_eq!((all.missed, all.foreign_missed), (0, 0), "{}", list(&self.missed));
        assert!(all.seeded() >= enough, "only {} faults", all.seeded());
        let never: Vec<String> = Fault::ALL.iter().filter(|f| !self.seeds(**f)).map(|f| f.name()).collect();
        assert!(enough < 500 || never.is_empty(), "never seeded: {never:?}");
    }

    fn seeds(&self, fault: Fault) -> bool {
        self.rows.values().any(|(other, row)| *other == fault && row.seeded() > 0)
    }

    fn all(&self) -> Row {
        let mut all = Row::default();
        for (_, row) in self.rows.values() {
            all.excluded += row.excluded;
            all.structure += row.structure;
            all.execution += row.execution;
            all.not_judged += row.not_judged;
            all.missed += row.missed;
            all.foreign_found += row.foreign_found;
            all.foreign_missed += row.foreign_missed;
        }
        all
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, row: &Row| {
            let own = row.seeded();
            let foreign = row.foreign_found + row.foreign_missed;
            writeln!(
                f,
                "| {name} | {own} | {} | {} | {} | {} | {foreign} | {} | {} |",
                row.structure, row.execution, row.not_judged, row.missed, row.foreign_missed, row.excluded
            )
        };
        writeln!(
            f,
            "| fault | seeded | by structure | by execution | not judged | missed | beyond 8 units | missed | excluded |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        for (fault, row) in self.rows.values() {
            line(f, &fault.name(), row)?;
        }
        line(f, "all", &self.all())
    }
}

/// A verdict in a line.
pub fn summary(verdict: &Verdict) -> String {
    let worst = verdict.sites.iter().filter_map(|s| s.worst).fold(0.0, f64::max);
    let wrong = verdict.sites.iter().filter(|s| s.outcome == Outcome::Differs);
    let sites: Vec<String> = wrong.map(|s| format!("{} ({})", s.value, s.reason.as_deref().unwrap_or(""))).collect();
    let differences: Vec<String> = verdict.differences.iter().map(|d| format!("{}: {}", d.place, d.what)).collect();
    let not_run = match &verdict.execution {
        Execution::NotRun { reason, .. } => reason.as_str(),
        _ => "",
    };
    format!("{}, worst {worst:.3}, sites {sites:?}, differences {differences:?} {not_run}", verdict.outcome.words())
}
