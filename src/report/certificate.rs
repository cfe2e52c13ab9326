//! The certificate file: what was shown about two files, bound to their bytes, so that anybody can show it again.
//!
//! A statement, not a proof: whoever doubts it judges the files again, with this program or another. Nothing is read or judged
//! here; `docs/schemas/certificate.schema.json` describes the layout, and `docs/certificate.md` what the parts mean.

mod conditions;

use crate::verify::verdict::TESTED;
use crate::verify::{Execution, Outcome, Site, Verdict};

pub use conditions::{Conditions, Limits};

/// The name of the layout.
pub const SCHEMA: &str = "bnfold.certificate/2";

/// How far a share of a limit may be from the one that is stated: other processors add up in another order.
const SHARE: f64 = 1e-3;
/// The same, relative, for what is computed from constants without an engine.
const COMPUTED: f64 = 1e-9;

/// What was shown about two files.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Certificate {
    /// The name of this layout.
    pub schema: String,
    /// The version of the program that judged.
    pub bnfold: String,
    /// The first model.
    pub before: Subject,
    /// The second model.
    pub after: Subject,
    /// How it was judged.
    pub conditions: Conditions,
    /// How far constants may be off.
    pub limits: Limits,
    /// What the verdict rests on.
    pub layers: Vec<Layer>,
    /// How far what was shown reaches.
    pub claims: Claims,
    /// What was found.
    pub verdict: Verdict,
}

/// How far what was shown reaches: for all inputs, or for those that were tried. Sites are called by their values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Claims {
    /// Sites whose constants were compared one by one: these are right for all inputs.
    pub for_all_inputs: Vec<String>,
    /// Sites that were tested by random numbers instead.
    pub by_random_numbers: Vec<Tested>,
    /// Sites that only runs say something about.
    pub by_runs: Vec<String>,
    /// The inputs with the shapes that the whole was run with; empty if it was not run.
    pub sizes: Vec<String>,
    /// What was assumed for these runs: extents that the model leaves open, branches, iterations.
    pub assumed: Vec<String>,
    /// Nodes that have no meaning to the judge: the same on both sides, their outputs drawn at random.
    pub opaque: Vec<String>,
}

/// A site that was tested by random numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Tested {
    /// The site.
    pub site: String,
    /// At which sizes, in words.
    pub how: String,
}

impl Claims {
    /// What a verdict bears out.
    fn of(verdict: &Verdict) -> Claims {
        let mut claims = Claims::default();
        for site in &verdict.sites {
            let value = site.value.clone();
            match &site.certificate {
                None => claims.by_runs.push(value),
                Some(found) => match found.notes.iter().find(|note| note.starts_with(TESTED)) {
                    Some(note) => claims.by_random_numbers.push(Tested { site: value, how: note.clone() }),
                    None => claims.for_all_inputs.push(value),
                },
            }
        }
        if let Execution::Ran { inputs, assumptions, .. } = &verdict.execution {
            (claims.sizes, claims.assumed) = (inputs.clone(), assumptions.clone());
        }
        claims
    }

    /// What is claimed and was not found again.
    fn refuted_by(&self, found: &Claims) -> Vec<String> {
        let beyond = self.for_all_inputs.iter().filter(|site| !found.for_all_inputs.contains(site));
        let beyond =
            beyond.map(|site| format!("`{site}`: stated for all inputs, but its constants were not compared one by one"));
        let again = |tested: &Tested| found.by_random_numbers.contains(tested) || found.for_all_inputs.contains(&tested.site);
        let tested = self.by_random_numbers.iter().filter(|tested| !again(tested));
        let tested = tested.map(|tested| format!("`{}`: it was not tested as is stated: {}", tested.site, tested.how));
        let lists = [
            ("the sizes that were run", &self.sizes, &found.sizes),
            ("what was assumed", &self.assumed, &found.assumed),
            ("the opaque nodes", &self.opaque, &found.opaque),
        ];
        let other = lists.into_iter().filter(|(_, stated, found)| stated != found);
        let other = other.map(|(what, stated, found)| format!("{what}: stated {stated:?}, found {found:?}"));
        beyond.chain(tested).chain(other).collect()
    }
}

/// A model with all its files.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Subject {
    /// The model file.
    pub model: HashedFile,
    /// Its side files, by their locations in the model.
    pub sides: Vec<HashedFile>,
}

/// A file and its content, as a hash.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct HashedFile {
    /// Its path, as it was named.
    pub file: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, in hexadecimal digits.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = "^[0-9a-f]{64}$")))]
    pub sha256: String,
}

/// A part of the evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Layer {
    /// `structure`, `constants` (one by one), `random` (numbers in their place), `alone` or `whole`.
    #[cfg_attr(feature = "schema", schemars(extend("enum" = ["structure", "constants", "random", "alone", "whole"])))]
    pub name: String,
    /// How many sites it says something about; for `whole` and `structure`, whether it ran, as 1 or 0.
    pub count: usize,
    /// Why it is not complete, if it is not.
    pub missing: Option<String>,
}

impl Certificate {
    /// States a verdict about two files.
    pub fn new(before: Subject, after: Subject, conditions: Conditions, verdict: Verdict) -> Certificate {
        let limits = Limits::of(verdict.tier);
        let layers = layers(&verdict, conditions.quick);
        let claims = Claims::of(&verdict);
        let (schema, bnfold) = (SCHEMA.to_owned(), super::VERSION.to_owned());
        Certificate { schema, bnfold, before, after, conditions, limits, layers, claims, verdict }
    }

    /// What another judgement of the same files does not bear out. Empty if all that is stated holds.
    pub fn refuted_by(&self, found: &Certificate) -> Vec<String> {
        let mut refuted = Vec::new();
        if self.schema != SCHEMA {
            refuted.push(format!("the layout is {}, which is not known here", self.schema));
        }
        let (stated, now) = (&self.verdict, &found.verdict);
        if now.outcome > stated.outcome {
            refuted.push(format!("it says `{}`, found: {}", stated.outcome.words(), now.outcome.words()));
        }
        if self.limits != found.limits || stated.tier != now.tier {
            refuted.push("its limits are not those of its tier".to_owned());
        }
        if stated.rounded_once == Some(true) && now.rounded_once != Some(true) {
            refuted.push("it says that every constant was rounded once".to_owned());
        }
        for layer in &self.layers {
            let again = found.layers.iter().find(|other| other.name == layer.name);
            if again.is_none_or(|again| again.count < layer.count || again.missing.is_some() && layer.missing.is_none()) {
                let now = again.map_or(0, |again| again.count);
                refuted.push(format!("it rests on {} of {}, found: {now}", layer.name, layer.count));
            }
        }
        refuted.extend(self.claims.refuted_by(&found.claims));
        if (&stated.differences, &stated.unmatched) != (&now.differences, &now.unmatched) {
            refuted.push("the differences that are no folds are others".to_owned());
        }
        for site in &now.sites {
            match stated.sites.iter().find(|other| other.value == site.value && other.before == site.before) {
                Some(other) => refuted.extend(worse(other, site).map(|what| format!("`{}`: {what}", site.value))),
                None => refuted.push(format!("it says nothing of the fold at `{}`", site.value)),
            }
        }
        if stated.sites.len() != now.sites.len() {
            refuted.push(format!("it lists {} folds, found: {}", stated.sites.len(), now.sites.len()));
        }
        refuted
    }

    /// Whether what is stated is that the models are equal.
    pub fn is_favourable(&self) -> bool {
        matches!(self.verdict.outcome, Outcome::Equal | Outcome::EqualWithinRounding)
    }
}

fn layers(verdict: &Verdict, quick: bool) -> Vec<Layer> {
    let layer = |name: &str, count, missing| Layer { name: name.to_owned(), count, missing };
    let all = verdict.sites.len();
    let claims = Claims::of(verdict);
    let (constants, random) = (claims.for_all_inputs.len(), claims.by_random_numbers.len());
    let alone = verdict.sites.iter().filter_map(|site| site.alone.as_ref());
    let skipped = alone.clone().find_map(|alone| alone.skipped.clone());
    let alone = alone.filter(|alone| alone.skipped.is_none()).count();
    let short = |count: usize, why: &str| (count < all).then(|| why.to_owned());
    let alone_missing = if quick { Some("not asked for".to_owned()) } else { skipped.or(short(alone, "not run")) };
    let whole = match &verdict.execution {
        Execution::Ran { .. } => layer("whole", 1, None),
        Execution::SideBySide { .. } => layer("whole", 0, Some("side by side only, as the files are not matched".to_owned())),
        Execution::NotRun { reason, .. } => layer("whole", 0, Some(reason.clone())),
        Execution::NotNeeded => layer("whole", 0, Some("not needed".to_owned())),
    };
    vec![
        layer("structure", 1, None),
        layer("constants", constants, short(constants, "constants of another form")),
        layer("random", random, short(constants + random, "neither constants nor numbers that say something")),
        layer("alone", alone, alone_missing.filter(|_| all > 0)),
        whole,
    ]
}

/// What is worse at a site than stated, or otherwise than stated.
fn worse(stated: &Site, found: &Site) -> Option<String> {
    if (&stated.after, &stated.changed, &stated.rounding) != (&found.after, &found.changed, &found.rounding) {
        return Some("its nodes or constants are others than stated".to_owned());
    }
    if found.outcome > stated.outcome {
        return Some(format!("stated as {}, found: {}", stated.outcome.words(), found.outcome.words()));
    }
    let above = |what: &str, stated: f64, found: f64, slack: f64| {
        // A number that is none is no statement.
        (!stated.is_finite() || found > stated + slack).then(|| format!("the {what} is {found:.6}, stated as {stated:.6}"))
    };
    let computed = |what, stated: f64, found: f64| above(what, stated, found, stated.abs() * COMPUTED);
    if let (Some(s), Some(f)) = (&stated.certificate, &found.certificate) {
        let shares = computed("share of the limit of its constants", s.worst, f.worst)
            .or_else(|| computed("share of the limit for constants that were rounded once", s.once, f.once))
            .or_else(|| computed("distance in ulp", s.ulp, f.ulp))
            .or_else(|| computed("distance in units", s.units, f.units))
            .or_else(|| computed("distance of its biases in units", s.shift_units, f.shift_units));
        let place = (s.place != f.place && shares.is_none()).then(|| "the place of the largest share is another".to_owned());
        if let Some(what) = shares.or(place) {
            return Some(what);
        }
    }
    if let (Some(s), Some(f)) = (&stated.alone, &found.alone) {
        let shares = above("share of the limit with zeros", s.zeros, f.zeros, SHARE)
            .or_else(|| above("share of the limit with dense numbers", s.dense, f.dense, SHARE))
            .or_else(|| above("share of the limit with impulses", s.impulses, f.impulses, SHARE))
            .or_else(|| above("share of the limit of the control", s.control, f.control, 1.0));
        if shares.is_some() {
            return shares;
        }
    }
    match (stated.worst, found.worst) {
        (Some(stated), Some(found)) => above("share of the limit in the run of the whole", stated, found, SHARE),
        (Some(_), None) => Some("no run came by it".to_owned()),
        (None, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Tier;
    use crate::verify::{Alone, Certificate as Constants};

    fn stated() -> Certificate {
        let site = Site {
            value: "y".into(),
            before: vec![],
            after: vec![],
            changed: vec![],
            rounding: None,
            worst: Some(0.5),
            place: None,
            certificate: Some(Constants { worst: 0.5, ulp: 0.4, ..Constants::default() }),
            alone: Some(Alone { dense: 0.25, ..Alone::default() }),
            outcome: Outcome::EqualWithinRounding,
            reason: None,
        };
        let execution = Execution::NotRun { reason: "r".into(), second: false };
        let outcome = Outcome::EqualWithinRounding;
        let (sites, differences, unmatched, own_type) = (vec![site], vec![], vec![], vec![]);
        let verdict =
            Verdict { outcome, tier: Tier::Own, rounded_once: Some(true), sites, differences, unmatched, execution, own_type };
        let file = HashedFile { file: "m".into(), bytes: 1, sha256: "0".into() };
        let subject = Subject { model: file, sides: vec![] };
        Certificate::new(subject.clone(), subject, Conditions::default(), verdict)
    }

    #[test]
    fn only_constants_that_were_compared_are_claimed_for_all_inputs() {
        let mut certificate = stated();
        assert_eq!(certificate.claims.for_all_inputs, ["y"]);
        let constants = certificate.verdict.sites[0].certificate.as_mut().unwrap();
        constants.notes.push(format!("{TESTED}, and more"));
        let claims = Claims::of(&certificate.verdict);
        assert_eq!((claims.for_all_inputs.len(), claims.by_random_numbers[0].site.as_str()), (0, "y"));
        assert_eq!(layers(&certificate.verdict, true)[1].count, 0);
        certificate.verdict.sites[0].certificate = None;
        assert_eq!(Claims::of(&certificate.verdict).by_runs, ["y"]);
    }

    #[test]
    fn each_statement_that_is_too_good_is_refuted() {
        let found = stated();
        assert_eq!(stated().refuted_by(&found), Vec::<String>::new());
        let changes: [fn(&mut Certificate); 12] = [
            |c| c.verdict.sites[0].worst = Some(0.4),
            |c| c.verdict.sites[0].certificate.as_mut().unwrap().ulp = 0.39,
            |c| c.verdict.sites[0].certificate.as_mut().unwrap().worst = f64::NAN,
            |c| c.verdict.sites[0].alone.as_mut().unwrap().dense = 0.2,
            |c| c.verdict.outcome = Outcome::Equal,
            |c| c.verdict.sites.clear(),
            |c| c.limits = Limits::of(Tier::Foreign),
            |c| c.layers[4] = Layer { name: "whole".into(), count: 1, missing: None },
            |c| c.claims.for_all_inputs.push("another".into()),
            |c| c.claims.by_random_numbers.push(Tested { site: "z".into(), how: String::new() }),
            |c| c.claims.sizes.push("x: float[1]".into()),
            |c| c.claims.opaque.push("plugin".into()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let mut changed = stated();
            change(&mut changed);
            assert_ne!(changed.refuted_by(&found), Vec::<String>::new(), "{index}");
        }
        let mut modest = stated();
        modest.verdict.sites[0].worst = Some(0.6);
        assert_eq!(modest.refuted_by(&found), Vec::<String>::new());
    }
}
