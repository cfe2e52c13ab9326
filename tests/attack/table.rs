//! What came of the damages, by kind.

use std::collections::BTreeMap;
use std::fmt;

use bnfold::faults::effect::Effect;
use bnfold::faults::walk::Damage;
use bnfold::verify::{Execution, Outcome, Verdict};

/// What a judge said, or that it panicked.
type Found = Result<(Outcome, String), String>;

#[derive(Clone, Copy, Default)]
pub struct Row {
    changed: usize,
    refused: usize,
    not_judged: usize,
    accepted: usize,
    unchanged: usize,
    /// Unchanged, and said to differ.
    alarms: usize,
    unclear: usize,
    pub excluded: usize,
}

#[derive(Default)]
pub struct Table {
    rows: BTreeMap<String, Row>,
    accepted: Vec<String>,
    alarms: Vec<String>,
    meaningless: Vec<String>,
    panics: Vec<String>,
    right: BTreeMap<&'static str, usize>,
    refused: Vec<String>,
    left_out: BTreeMap<String, String>,
    seconds: f64,
}

fn is_equal(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Equal | Outcome::EqualWithinRounding)
}

impl Table {
    pub fn row(&mut self, kind: &str) -> &mut Row {
        self.rows.entry(kind.to_owned()).or_default()
    }

    pub fn left_out(&mut self, name: &str, why: &str) {
        self.left_out.insert(name.to_owned(), why.to_owned());
    }

    pub fn right(&mut self, name: &str, found: &Found) {
        match found {
            Err(why) => self.panics.push(format!("{name}, undamaged: {why}")),
            Ok((outcome, why)) => {
                *self.right.entry(outcome.words()).or_default() += 1;
                if *outcome == Outcome::Differs {
                    self.refused.push(format!("{name}: {why}"));
                }
            }
        }
    }

    /// Enters what came of a damage. Returns what is wrong with it, if something is.
    pub fn enter(
        &mut self,
        damage: &Damage,
        effect: &Effect,
        found: &[(&str, Found)],
        place: &str,
        seconds: f64,
    ) -> Option<&'static str> {
        self.seconds += seconds;
        let line = |said: &str| format!("{} in {place}: {}; {said}", damage.kind, damage.place);
        for (mode, found) in found {
            if let Err(why) = found {
                self.panics.push(line(&format!("{why} ({mode})")));
                return Some("panics");
            }
        }
        let said = |mode: &str| found.iter().find(|(name, _)| *name == mode).and_then(|(_, found)| found.as_ref().ok());
        let (outcome, why) = said("default").cloned()?;
        let row = self.rows.entry(damage.kind.clone()).or_default();
        match effect {
            Effect::Excluded(_) => row.excluded += 1,
            Effect::Unclear => row.unclear += 1,
            Effect::Unchanged => {
                row.unchanged += 1;
                if outcome == Outcome::Differs {
                    row.alarms += 1;
                    if damage.meaningless {
                        self.meaningless.push(line(&why));
                        return Some("meaningless");
                    }
                    self.alarms.push(line(&why));
                    return Some("alarms");
                }
            }
            Effect::Changed(how) => {
                row.changed += 1;
                let modes: Vec<&str> = found
                    .iter()
                    .filter(|(_, found)| found.as_ref().is_ok_and(|(o, _)| is_equal(*o)))
                    .map(|(mode, _)| *mode)
                    .collect();
                if !modes.is_empty() {
                    row.accepted += 1;
                    self.accepted.push(line(&format!("{how}; accepted by {modes:?}")));
                    return Some("accepted");
                }
                match outcome {
                    Outcome::Differs => row.refused += 1,
                    _ => row.not_judged += 1,
                }
            }
        }
        None
    }

    /// Fails if something is wrong.
    pub fn check(&self) {
        let all = self.all();
        let wrong = [("accepted", &self.accepted), ("said to differ", &self.meaningless), ("panics", &self.panics)];
        for (what, places) in wrong {
            assert!(places.is_empty(), "{} {what} of {}:\n{}", places.len(), all.changed, places.join("\n"));
        }
        assert!(self.refused.is_empty(), "right models are refused:\n{}", self.refused.join("\n"));
        assert!(all.changed > 100, "only {} damages changed anything", all.changed);
    }

    fn all(&self) -> Row {
        self.rows.values().fold(Row::default(), |a, b| Row {
            changed: a.changed + b.changed,
            refused: a.refused + b.refused,
            not_judged: a.not_judged + b.not_judged,
            accepted: a.accepted + b.accepted,
            unchanged: a.unchanged + b.unchanged,
            alarms: a.alarms + b.alarms,
            unclear: a.unclear + b.unclear,
            excluded: a.excluded + b.excluded,
        })
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = |f: &mut fmt::Formatter<'_>, name: &str, r: &Row| {
            let share = 100.0 * r.not_judged as f64 / r.changed.max(1) as f64;
            writeln!(
                f,
                "| {name} | {} | {} | {} | {share:.1} | {} | {} | {} | {} | {} |",
                r.changed, r.refused, r.not_judged, r.accepted, r.unchanged, r.alarms, r.unclear, r.excluded
            )
        };
        writeln!(
            f,
            "| damage | changed | refused | not judged | % | accepted | unchanged | said to differ | unclear | excluded |"
        )?;
        writeln!(f, "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")?;
        self.rows.iter().try_for_each(|(name, row)| line(f, name, row))?;
        line(f, "all", &self.all())?;
        let all = self.all();
        let each = 1e3 * self.seconds / (all.changed + all.unchanged + all.unclear).max(1) as f64;
        writeln!(f, "\nundamaged: {:?}; {each:.1} ms a damage; {} left out", self.right, self.left_out.len())?;
        let lists = [
            ("accepted", &self.accepted),
            ("meaningless, said to differ", &self.meaningless),
            ("panics", &self.panics),
            ("right, refused", &self.refused),
            ("unchanged, said to differ", &self.alarms),
        ];
        for (what, places) in lists {
            writeln!(f, "\n{}: {}", what, places.len())?;
            places.iter().take(400).try_for_each(|place| writeln!(f, "- {place}"))?;
        }
        self.left_out.iter().take(60).try_for_each(|(name, why)| writeln!(f, "left out {name}: {why}"))
    }
}

/// What a verdict rests on, in a line.
pub fn why(verdict: &Verdict) -> String {
    let differences = verdict.differences.iter().map(|d| format!("{}: {}", d.place, d.what));
    let sites = verdict.sites.iter().filter(|s| s.outcome != Outcome::EqualWithinRounding && s.outcome != Outcome::Equal);
    let sites = sites.map(|s| format!("{} ({})", s.value, s.reason.as_deref().unwrap_or("")));
    let not_run = match &verdict.execution {
        Execution::NotRun { reason, .. } => reason.as_str(),
        _ => "",
    };
    let all: Vec<String> = differences.chain(sites).take(3).collect();
    format!("{} {all:?} {not_run}", verdict.outcome.words())
}
