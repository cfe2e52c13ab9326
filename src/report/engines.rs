//! What engines make of a fold, out of the table of what was measured.

use crate::engines::{Effect, Form, MEASURED};
use crate::plan::{self, Plan};

/// What is known of a fold in the engines that it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EnginesReport {
    /// When the table was last measured.
    pub measured: String,
    /// What was asked with `--for`.
    pub asked: Vec<String>,
    /// The engines, with versions, that do nothing else with the forms of this fold than with those of the original.
    pub as_before: Vec<String>,
    /// What the others do.
    pub otherwise: Vec<EngineNote>,
}

/// What an engine does with a form that is in the result.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct EngineNote {
    /// The engine and the version that was measured.
    pub engine: String,
    /// A stable word for the form.
    pub form: String,
    /// `refused`, `wrong`, `rounded`, `slow`; `before`: refused, as before.
    pub effect: String,
    /// The same as a clause whose subject is the engine.
    pub what: String,
}

/// What is known of a plan.
pub fn engines(plan: &Plan<'_>) -> EnginesReport {
    let target = &plan.view.target;
    let made = plan::forms(&plan.view);
    let seen = made.iter().flat_map(|form: &Form| target.seen(*form));
    let otherwise: Vec<EngineNote> = seen
        .flat_map(|row| row.versions.iter().map(move |version| (row, format!("{} {version}", row.engine))))
        .map(|(row, engine)| EngineNote {
            engine,
            form: row.form.code().to_owned(),
            effect: row.effect.code().to_owned(),
            what: row.what.to_owned(),
        })
        .collect();
    let same = |engine: &String| otherwise.iter().all(|note| note.engine != *engine || note.effect == Effect::Before.code());
    let as_before = target.engines().into_iter().filter(same).collect();
    EnginesReport { measured: MEASURED.to_owned(), asked: target.words(), as_before, otherwise }
}
