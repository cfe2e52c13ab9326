//! What engines make of the forms that a fold can leave, as data: a table of what was measured, and what of it counts where a
//! user names engines. What writes and judges files asks for forms, by name, and never for engines.

mod table;

use crate::law::Reason;

pub use table::{ENGINES, MEASURED, ROWS};

/// A form that a fold can leave, where the file had none before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Form {
    /// An Add of a constant behind a Relu or a Clip.
    AddBehindActivation,
    /// A product of matrices in float16 or float64 that has a term: a Gemm with C.
    ProductWithTerm,
    /// Beside quantised data and weights a bias that is no int32 in units of their scales.
    QuantisedBias,
    /// Weights of a convolution in uint8 or in 16 bits with a scale for each channel, where one was for all.
    ScalePerChannel,
    /// Weights of a product of matrices with a scale for each column, where one of one element was for all.
    ScalePerColumn,
    /// A product of matrices, sums of 32 products or more, whose weights of 8 bits, or of 4 without sign, have taken a map
    /// in.
    RoundedProduct,
    /// An Add in the place of a BatchNormalization, in a value of four axes.
    AddLeft,
    /// The same in a float value that convolutions make and read, which some engines hold in blocks of channels: 16 channels or
    /// more, or an activation behind it.
    AddInBlocks,
    /// Functions of the model: no fold makes them, `--inline` takes them away.
    Functions,
}

/// What an engine does with a form, where it took the model as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It does not load the file.
    Refused,
    /// It loads it and gives other numbers.
    Wrong,
    /// It computes with activations that it has rounded to 8 bits, as it does with such weights by default, but did not before.
    Rounded,
    /// It is slower than before. This counts for any engine only where the engine is one of those that must not be.
    Slow,
    /// It does not load the file, before as after.
    Before,
}

/// An engine that was measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Engine {
    /// What `--for` calls it.
    pub name: &'static str,
    /// The versions that were measured, oldest first.
    pub versions: &'static [&'static str],
    /// Whether a fold for any engine must not be slower in it.
    pub timed: bool,
}

/// One thing that was seen.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The engine, by name.
    pub engine: &'static str,
    /// The versions in which it was seen.
    pub versions: &'static [&'static str],
    /// The form.
    pub form: Form,
    /// What happens.
    pub effect: Effect,
    /// The same as a clause whose subject is the engine.
    pub what: &'static str,
    /// Where it is shown.
    pub evidence: &'static str,
}

/// An engine that a user named, and the version that stands for it where one was named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    engine: &'static Engine,
    version: Option<&'static str>,
}

/// The engines that a fold is for. What speaks against a form for one of them speaks against it for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Any engine: no form that a measured one refuses, gets wrong or rounds for, nor one that a timed one is slow at.
    pub any: bool,
    /// These: nothing of all that in them.
    pub these: Vec<Asked>,
}

impl Default for Target {
    fn default() -> Target {
        Target { any: true, these: vec![] }
    }
}

impl Form {
    /// Every form.
    pub const ALL: [Form; 9] = [
        Form::AddBehindActivation,
        Form::ProductWithTerm,
        Form::QuantisedBias,
        Form::ScalePerChannel,
        Form::ScalePerColumn,
        Form::RoundedProduct,
        Form::AddLeft,
        Form::AddInBlocks,
        Form::Functions,
    ];

    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Form::AddBehindActivation => "add-behind-activation",
            Form::ProductWithTerm => "product-with-term",
            Form::QuantisedBias => "quantised-bias",
            Form::ScalePerChannel => "scale-per-channel",
            Form::ScalePerColumn => "scale-per-column",
            Form::RoundedProduct => "rounded-product",
            Form::AddLeft => "add-left",
            Form::AddInBlocks => "add-in-blocks",
            Form::Functions => "functions",
        }
    }

    /// Why a map stays that would leave this form; nothing where another form takes its place.
    pub fn reason(self) -> Option<Reason> {
        match self {
            Form::ProductWithTerm => Some(Reason::ProductWithTerm),
            Form::QuantisedBias => Some(Reason::QuantisedBias),
            Form::ScalePerChannel => Some(Reason::ScalePerChannel),
            Form::ScalePerColumn => Some(Reason::ScalePerColumn),
            Form::RoundedProduct => Some(Reason::RoundedProduct),
            Form::AddLeft => Some(Reason::AddLeft),
            Form::AddInBlocks => Some(Reason::AddInBlocks),
            Form::AddBehindActivation | Form::Functions => None,
        }
    }
}

impl Effect {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Effect::Refused => "refused",
            Effect::Wrong => "wrong",
            Effect::Rounded => "rounded",
            Effect::Slow => "slow",
            Effect::Before => "before",
        }
    }
}

impl Row {
    /// What was seen, as a clause.
    pub fn clause(&self) -> String {
        format!("{} {} {}", self.engine, self.versions.join(" and "), self.what)
    }
}

impl Asked {
    /// An engine by name, with or without a version: `NAME` or `NAME@VERSION`. Of a version that was not measured the nearest
    /// one tells: the newest that begins with the same numbers, or the newest at all.
    pub fn of(text: &str) -> Option<Asked> {
        let (name, version) = text.split_once('@').map_or((text, None), |(name, version)| (name, Some(version)));
        let engine = ENGINES.iter().find(|engine| engine.name.eq_ignore_ascii_case(name))?;
        let same = |measured: &str, wanted: &str| {
            measured.split('.').zip(wanted.split('.')).take_while(|(one, other)| one == other).count()
        };
        let nearest = |wanted: &str| engine.versions.iter().copied().max_by_key(|measured| same(measured, wanted));
        Some(Asked { engine, version: version.and_then(nearest) })
    }

    fn concerns(&self, row: &Row) -> bool {
        row.engine == self.engine.name && self.version.is_none_or(|version| row.versions.contains(&version))
    }
}

impl std::fmt::Display for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.version {
            Some(version) => write!(f, "{}@{version}", self.engine.name),
            None => f.write_str(self.engine.name),
        }
    }
}

impl Target {
    /// The rows that speak against a form.
    pub fn against(&self, form: Form) -> impl Iterator<Item = &'static Row> + '_ {
        ROWS.iter().filter(move |row| row.form == form && self.counts(row))
    }

    /// Whether no such form is made.
    pub fn avoids(&self, form: Form) -> bool {
        self.against(form).next().is_some()
    }

    /// The rows that kept a map, of a reason that one may give.
    pub fn behind(&self, reason: Reason) -> impl Iterator<Item = &'static Row> + '_ {
        ROWS.iter().filter(move |row| row.form.reason() == Some(reason) && self.counts(row))
    }

    fn counts(&self, row: &Row) -> bool {
        let timed = || ENGINES.iter().any(|engine| engine.timed && engine.name == row.engine);
        let always = match row.effect {
            Effect::Refused | Effect::Wrong | Effect::Rounded => true,
            Effect::Slow => timed(),
            Effect::Before => false,
        };
        self.any && always || row.effect != Effect::Before && self.these.iter().any(|asked| asked.concerns(row))
    }

    /// What of a form was seen in the engines that it means, or in all if it names none.
    pub fn seen(&self, form: Form) -> impl Iterator<Item = &'static Row> + '_ {
        ROWS.iter().filter(move |row| row.form == form && (self.names_none() || self.these.iter().any(|a| a.concerns(row))))
    }

    fn names_none(&self) -> bool {
        self.any || self.these.is_empty()
    }

    /// The engines that it means, each with the versions that were measured.
    pub fn engines(&self) -> Vec<String> {
        let meant = |engine: &&Engine| self.names_none() || self.these.iter().any(|asked| asked.engine.name == engine.name);
        let versions = |engine: &'static Engine| {
            let asked = self.these.iter().find(|asked| asked.engine.name == engine.name).and_then(|asked| asked.version);
            let measured = engine.versions.iter().filter(move |version| asked.is_none_or(|asked| asked == **version));
            measured.map(move |version| format!("{} {version}", engine.name))
        };
        ENGINES.iter().filter(meant).flat_map(versions).collect()
    }

    /// The words of the option `--for`; none where nothing was asked.
    pub fn words(&self) -> Vec<String> {
        let all = self.any.then(|| "any".to_owned()).into_iter().chain(self.these.iter().map(Asked::to_string));
        let words: Vec<String> = all.collect();
        if words.is_empty() { vec!["none".to_owned()] } else { words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_of_a_measured_engine_and_says_all() {
        for row in ROWS {
            let engine = ENGINES.iter().find(|engine| engine.name == row.engine).unwrap();
            assert!(!row.versions.is_empty() && row.versions.iter().all(|version| engine.versions.contains(version)));
            assert!(!row.what.is_empty() && !row.evidence.is_empty(), "{row:?}");
            let named = row.evidence.split([';', ' ', ':']).filter(|word| word.ends_with(".sh") || word.ends_with(".md"));
            for file in named {
                assert!(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(file).is_file(), "{file} of {row:?}");
            }
        }
        assert!(Form::ALL.iter().all(|form| ROWS.iter().any(|row| row.form == *form)), "a form without a row");
    }

    #[test]
    fn a_version_is_read_as_the_nearest_measured_one() {
        let name = |text: &str| Asked::of(text).map(|asked| asked.to_string());
        let two = ENGINES.iter().find(|engine| engine.versions.len() == 2).unwrap();
        let major = |version: &str| version.split('.').next().unwrap().to_owned();
        for version in two.versions {
            assert_eq!(name(&format!("{}@{}.99", two.name, major(version))), Some(format!("{}@{version}", two.name)));
        }
        assert_eq!(name(two.name), Some(two.name.to_owned()));
        assert_eq!(name("nothing"), None);
    }

    #[test]
    fn speed_counts_for_any_engine_where_it_is_timed() {
        let none = Target { any: false, these: vec![] };
        for slow in ROWS.iter().filter(|row| row.effect == Effect::Slow) {
            let engine = ENGINES.iter().find(|engine| engine.name == slow.engine).unwrap();
            assert_eq!(Target::default().against(slow.form).any(|row| row.engine == engine.name), engine.timed, "{slow:?}");
            let asked = Target { these: vec![Asked::of(slow.engine).unwrap()], ..none.clone() };
            assert!(asked.avoids(slow.form));
        }
        assert!(Form::ALL.iter().all(|form| !none.avoids(*form)));
    }
}
