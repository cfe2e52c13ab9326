//! What the engine takes for granted where models choose: it runs each branch of every If, each body of a loop once, and reads some
//! operators alike in all versions. Two models that choose differently may be the same all the same, and others that agree so may
//! differ; the slow reference says how it really is.

use super::compare::{Answer, Tolerance};
use super::{PairRun, RUNS, Runner, Values};
use crate::engine::array::Data;
use crate::engine::inputs::seeded_inputs;
use crate::engine::{CouldNotRun, InputSpec};

impl Runner<'_> {
    /// Whether the engine takes something for granted.
    pub(super) fn guesses(&self) -> bool {
        self.one.chooses || self.two.chooses || self.one.version != self.two.version
    }

    /// Keeps of what the engine found apart what the reference finds apart: an engine may compute one of two words for the same
    /// worse than the other. Where the reference cannot be asked, the engine is believed, but where it takes something for granted.
    pub(super) fn confirm(&self, run: &mut PairRun, values: &Values, tolerance: &Tolerance) {
        let made = self.pair.slowly(self.one, &run.inputs, values);
        if let Some(Err(first @ CouldNotRun::FirstHasNone(_))) = &made {
            let unclear = |(name, place)| (name, format!("{place}, but {first}"));
            return run.unclear.extend(std::mem::take(&mut run.apart).into_iter().map(unclear));
        }
        let made = made.and_then(Result::ok);
        let turned: Vec<_> = if self.guesses() { self.turned(&run.inputs, values) } else { vec![] };
        for (name, place) in std::mem::take(&mut run.apart) {
            let answer = made.as_ref().and_then(|made| match self.guesses() {
                true => self.answer(&name, made, values),
                false => Some(tolerance.compare(&name, made.1.get(&name)?, made.0.get(&name)?)),
            });
            let otherwise = || {
                turned.iter().find_map(|(all, values, made)| match self.answer(&name, made, values)? {
                    Answer::Apart(place) => Some(Answer::Apart(format!("{place}, where all booleans that are read are {all}"))),
                    _ => None,
                })
            };
            let answer = match answer {
                Some(Answer::Apart(place)) => Some(Answer::Apart(place)),
                other => otherwise().or(other),
            };
            match answer {
                Some(Answer::Apart(_)) if !self.guesses() => run.apart.push((name, place)),
                Some(Answer::Apart(place)) => run.apart.push((name, place)),
                Some(Answer::Agree) if self.guesses() => run.agree.push(name),
                Some(Answer::Agree) => {
                    run.unclear.push((name, format!("{place}, but by the slow reference both agree: the engine is off")));
                }
                Some(Answer::Unclear(why)) => run.unclear.push((name, why)),
                None if !self.guesses() => run.apart.push((name, place)),
                None => {
                    let why =
                        format!("{place}, but there is an If, a loop or another operator set, and this run goes its own way");
                    run.unclear.push((name, why));
                }
            }
        }
    }

    /// What the reference makes of the same inputs where all booleans are true, and where all are false: an If is most often told
    /// by one, and goes its other way then.
    fn turned(&self, specs: &[InputSpec], values: &Values) -> Vec<(bool, Values, (Values, Values))> {
        let made = |all: bool| {
            let mut turned = values.clone();
            let mut booleans = 0;
            for (_, value) in turned.iter_mut().filter(|(name, _)| !self.given.contains_key(*name)) {
                let Data::Bool(elements) = &mut value.data else { continue };
                elements.iter_mut().for_each(|element| *element = all);
                booleans += 1;
            }
            let made = if booleans > 0 { self.pair.slowly(self.one, specs, &turned)?.ok()? } else { return None };
            Some((all, turned, made))
        };
        [true, false].into_iter().filter_map(made).collect()
    }

    /// Asks about the ordinary runs of models that agree. Only what is another in all of them, two at least, is told: what a model
    /// chooses by its data may be a matter of rounding.
    pub(super) fn ask_again(&self, runs: &mut [PairRun]) -> Result<(), CouldNotRun> {
        let mut ordinary: Vec<&mut PairRun> = runs.iter_mut().filter(|run| run.numbers.is_empty()).collect();
        let mut all = Vec::new();
        for run in &ordinary {
            let values = seeded_inputs(&run.inputs, run.seed.unwrap_or(self.pair.seed), self.given)?;
            let Some(Ok(made)) = self.pair.slowly(self.one, &run.inputs, &values) else { return Ok(()) };
            let apart = run.agree.iter().filter_map(|name| match self.answer(name, &made, &values)? {
                Answer::Apart(place) => Some((name.clone(), place)),
                _ => None,
            });
            all.push(apart.collect::<Vec<_>>());
        }
        if all.len() < RUNS || all.iter().any(Vec::is_empty) {
            return Ok(());
        }
        for (run, apart) in ordinary.iter_mut().zip(all) {
            run.agree.retain(|name| apart.iter().all(|(other, _)| other != name));
            run.apart = apart;
        }
        Ok(())
    }

    /// What is said of an output by what the reference makes of it.
    fn answer(&self, name: &str, (expected, found): &(Values, Values), values: &Values) -> Option<Answer> {
        let tolerance = Tolerance::rough(self.unit, self.one.jumps || self.two.jumps, values, expected);
        Some(match tolerance.compare(name, found.get(name)?, expected.get(name)?) {
            Answer::Apart(place) => Answer::Apart(format!("{place}, by the slow reference")),
            other => other,
        })
    }
}
