//! The answer: what was shown about two models, by what, and how near to the limit.

mod runs;

pub use runs::{Execution, OwnOutput, OwnType, Tap, WholeRun};

/// What is said of two models. There are these four; who reads a verdict has to answer each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Outcome {
    /// No difference was found in the files; nothing had to be run.
    Equal,
    /// The files differ by folds, each of which is right to within the rounding of its constants.
    EqualWithinRounding,
    /// Nothing failed, but evidence is missing.
    NotJudged,
    /// Something differs beyond rounding.
    Differs,
}

impl Outcome {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Equal => "equal",
            Outcome::EqualWithinRounding => "equal within rounding",
            Outcome::NotJudged => "not judged",
            Outcome::Differs => "differs",
        }
    }
}

/// How strictly folded constants are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Tier {
    /// Computed in f64 and rounded once: our own folds.
    Own,
    /// Computed by any sane arithmetic in the model's type: 8 units.
    Foreign,
}

impl Tier {
    /// The number of units of roundoff that the relay allows.
    pub fn units(self) -> f64 {
        match self {
            Tier::Own => 1.001,
            Tier::Foreign => 8.0,
        }
    }
}

/// Why a site is not judged that no run came to because the models were not run.
pub(crate) const NOT_RUN: &str = "the models were not run";

/// What is noted of a certificate that comes from a test of the site as a whole.
pub const TESTED: &str = "tested by random numbers";

/// What the constants of a site are, held against what those of the first model ask for.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    /// The strictest tier that holds; absent if none does.
    pub tier: Option<Tier>,
    /// The largest distance in units of its limit (1.0 is the limit), in the tier that was asked for.
    pub worst: f64,
    /// The same for constants that were rounded once.
    pub once: f64,
    /// The largest distance of a weight or factor in units of its own last place.
    pub ulp: f64,
    /// The same in units of roundoff, relative to it.
    pub units: f64,
    /// The largest distance of a bias or shift in units of roundoff of the magnitudes that are summed up in it.
    pub shift_units: f64,
    /// Where the largest share of the limit was; absent if all constants are exact.
    pub place: Option<Deviation>,
    /// What else is worth knowing.
    pub notes: Vec<String>,
}

/// What came of a site that was run alone, in f64: shares of the limit, where 1.0 is the limit.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Alone {
    /// With zeros, which test the shift.
    pub zeros: f64,
    /// With dense random numbers.
    pub dense: f64,
    /// With impulses, which name the tap.
    pub impulses: f64,
    /// The engine against the reference, on the first model's side.
    pub control: f64,
    /// Where the largest share was: index in the value, found and expected.
    pub place: Option<String>,
    /// Why it was not run alone, if it was not.
    pub skipped: Option<String>,
}

impl Alone {
    /// The largest share of all.
    pub fn worst(&self) -> f64 {
        self.zeros.max(self.dense).max(self.impulses)
    }
}

/// A number of a constant and what it should be.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Deviation {
    /// The node of the second model.
    pub node: String,
    /// The constant by name; absent where there is none and its place should not be empty.
    pub constant: Option<String>,
    /// The value that differs, where the constants say nothing one by one.
    pub value: Option<String>,
    /// Which element of a weight or value, or the channel of a bias, factor or shift.
    pub index: Vec<u64>,
    /// What is there.
    pub found: f64,
    /// What should be there.
    pub expected: f64,
    /// How far it may be off.
    pub limit: f64,
}

impl Certificate {
    /// Whether every constant was held against what it should be, so that it holds for all inputs.
    pub fn is_one_by_one(&self) -> bool {
        !self.notes.iter().any(|note| note.starts_with(TESTED))
    }

    /// The worst of two.
    #[must_use]
    pub fn and(mut self, other: Certificate) -> Certificate {
        let weaker = |tier: Option<Tier>| match tier {
            Some(Tier::Own) => 0,
            Some(Tier::Foreign) => 1,
            None => 2,
        };
        if weaker(other.tier) > weaker(self.tier) {
            self.tier = other.tier;
        }
        if other.worst > self.worst {
            self.place = other.place;
        }
        self.worst = self.worst.max(other.worst);
        self.once = self.once.max(other.once);
        self.ulp = self.ulp.max(other.ulp);
        self.units = self.units.max(other.units);
        self.shift_units = self.shift_units.max(other.shift_units);
        self.notes.extend(other.notes);
        self
    }
}

impl std::fmt::Display for Deviation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.constant, &self.value) {
            (Some(name), _) => write!(f, "constant `{name}` {:?}", self.index)?,
            (None, Some(name)) => write!(f, "element {:?} of `{name}` for random numbers", self.index)?,
            (None, None) => write!(f, "no constant for the shift of channel {:?}", self.index)?,
        }
        write!(f, ": found {:e}, expected {:e}, limit {:.3e}", self.found, self.expected, self.limit)
    }
}

/// A node of a place where two models differ.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SiteNode {
    /// Its number: nodes are counted as they stand in the file, nested graphs right after their node, functions last.
    pub index: usize,
    /// Its operator type.
    pub operator: String,
    /// Its name, or else operator and first output; with the way to its graph unless that is the main one.
    pub name: String,
    /// What it produces, by name in its graph.
    pub outputs: Vec<String>,
}

/// What the rounding of a site's constants may do.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Rounding {
    /// The unit roundoff of their type; of the coarsest if there are several.
    pub unit: f64,
    /// How many rounded constants a contribution to an output passes one after the other, at most.
    pub roundings: usize,
    /// How many lost digits because they are among the smallest numbers of their type.
    pub lost: u64,
}

/// A place where the two models differ and what was found there.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Site {
    /// The value at which both models agree again.
    pub value: String,
    /// The nodes of the first model, in order.
    pub before: Vec<SiteNode>,
    /// The nodes of the second model.
    pub after: Vec<SiteNode>,
    /// The constants of the second model that the first has not, by name.
    pub changed: Vec<String>,
    /// What their rounding may do; absent where the place is no fold by its form.
    pub rounding: Option<Rounding>,
    /// The largest difference in units of its limit (1.0 is the limit); absent if it was not run.
    pub worst: Option<f64>,
    /// Where that was: index in the value, found and expected.
    pub place: Option<String>,
    /// What its constants are; absent where they say nothing one by one.
    pub certificate: Option<Certificate>,
    /// What it makes when it is run alone; absent if that was not done.
    pub alone: Option<Alone>,
    /// What is said of it.
    pub outcome: Outcome,
    /// Why, where it is not equal within rounding.
    pub reason: Option<String>,
}

impl Site {
    /// The first node of the first model, by name.
    pub fn node(&self) -> &str {
        self.before.first().map_or("", |node| node.name.as_str())
    }
}

/// A place where two models differ, or where their files do.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Difference {
    /// The graph, node, value or constant.
    pub place: String,
    /// What differs.
    pub what: String,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Verdict {
    /// What is said.
    pub outcome: Outcome,
    /// How strictly.
    pub tier: Tier,
    /// Whether the folds also hold the own tier (each constant rounded once); absent if nothing was run.
    pub rounded_once: Option<bool>,
    /// Every place where the models differ by a fold.
    pub sites: Vec<Site>,
    /// What shows that the models differ, beside what sites show: an interface, or an output in a run.
    pub differences: Vec<Difference>,
    /// Places where the files could not be matched. By itself that says nothing about what the models compute.
    #[cfg_attr(feature = "serde", serde(default))]
    pub unmatched: Vec<Difference>,
    /// The runs.
    pub execution: Execution,
    /// Plain runs of both models beside the judgement, one for each engine.
    #[cfg_attr(feature = "serde", serde(default))]
    pub own_type: Vec<OwnType>,
}
