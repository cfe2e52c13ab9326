//! What the user may say about what is folded, and the same as words of a command.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::files;
use super::input::{self, Input};
use bnfold::plan;

/// What decides what is folded.
#[derive(Args, Clone, Debug)]
pub struct Planning {
    /// Take BatchNormalization of opset 6 and older without `is_test` for inference
    #[arg(long)]
    pub assume_inference: bool,
    /// Treat initializers that are also inputs as constants, and remove them from the inputs
    #[arg(long)]
    pub freeze_initializers: bool,
    /// Make no scale of quantised weights negative: ONNX allows it, some runtimes do not
    #[arg(long)]
    pub positive_scales: bool,
    /// Replace calls of the model's own functions by the functions' bodies
    #[arg(long)]
    pub inline: bool,
    /// Where only a scale can be folded, keep the shift as an Add: never, where no weight is stored twice for it, or always
    #[arg(long, value_enum, default_value_t, value_name = "WHEN", help_heading = "What to fold")]
    pub partial: Partial,
    /// Leave branches of one value apart, and operators in a row, that could be one operator
    #[arg(long, help_heading = "What to fold")]
    pub no_branches: bool,
    /// Let LayerNormalization and its kin hand their scale and bias to what follows, as those who quantise want it
    #[arg(long, help_heading = "What to fold")]
    pub normalizations: bool,
    /// Leave a node as it is, by its name or an output's
    #[arg(long, value_name = "NODE", help_heading = "What to fold")]
    pub skip: Vec<String>,
    /// Fold these nodes alone; `*` and `?` stand for characters of a name
    #[arg(long, value_name = "GLOB", help_heading = "What to fold")]
    pub only: Vec<String>,
    /// Move maps in one direction alone
    #[arg(long, value_enum, default_value_t, value_name = "WAY", help_heading = "What to fold")]
    pub direction: Direction,
    /// Use these operators alone to take maps in or hand them on, for example Conv,Relu
    #[arg(long, value_delimiter = ',', value_name = "OPERATORS", help_heading = "What to fold")]
    pub rules: Vec<String>,
    /// Make no form that these engines refuse, get wrong or are slow at: names, with or without @VERSION, `any` or `none`
    #[arg(long = "for", value_delimiter = ',', value_parser = engine, value_name = "ENGINE", help_heading = "What to fold")]
    pub engines: Vec<String>,
    /// Replace BatchNormalizations that stay
    #[arg(long, value_enum, value_name = "OPERATORS", help_heading = "What to fold")]
    pub lower: Option<Lower>,
}

/// Whether a BatchNormalization of which only the scale can move becomes an Add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Partial {
    Never,
    #[default]
    Auto,
    Always,
}

/// Where maps may move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Direction {
    Backward,
    Forward,
    #[default]
    Both,
}

/// What targets without BatchNormalization have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Lower {
    MulAdd,
    DepthwiseConv,
}

fn engine(name: &str) -> Result<String, String> {
    let known = plan::target(&[name]).map(|_| name.to_owned());
    known.map_err(|error| error.to_string())
}

impl Planning {
    /// Opens a model as these options read it.
    ///
    /// # Errors
    /// The file cannot be read or is not a model.
    pub fn open(&self, path: &Path) -> bnfold::Result<Input> {
        let input = input::open(path)?;
        if self.inline { input.inlined() } else { Ok(input) }
    }

    /// The graph of a model as these options read it.
    ///
    /// # Errors
    /// The graph is not well-formed.
    pub fn graph<'m>(&self, model: &'m bnfold::model::Model) -> bnfold::Result<bnfold::model::Graph<'m>> {
        if self.freeze_initializers { bnfold::constants::build_frozen(model) } else { bnfold::constants::build(model) }
    }

    /// The options that were given, as words of a command.
    pub fn words(&self) -> Vec<String> {
        let switches = [
            (self.assume_inference, "--assume-inference"),
            (self.freeze_initializers, "--freeze-initializers"),
            (self.positive_scales, "--positive-scales"),
            (self.inline, "--inline"),
            (self.no_branches, "--no-branches"),
            (self.normalizations, "--normalizations"),
        ];
        let mut words: Vec<String> = switches.iter().filter(|(given, _)| *given).map(|(_, word)| (*word).to_owned()).collect();
        let mut choice = |option: &str, value: Option<clap::builder::PossibleValue>| {
            words.extend(value.map(|value| format!("{option}={}", value.get_name())));
        };
        choice("--partial", self.partial.to_possible_value().filter(|_| self.partial != Partial::default()));
        choice("--direction", self.direction.to_possible_value().filter(|_| self.direction != Direction::default()));
        choice("--lower", self.lower.and_then(|lower| lower.to_possible_value()));
        for (option, given) in
            [("--skip", &self.skip), ("--only", &self.only), ("--rules", &self.rules), ("--for", &self.engines)]
        {
            words.extend(given.iter().map(|value| format!("{option}={value}")));
        }
        words
    }

    /// The same as a person would type them.
    pub fn quoted(&self) -> impl Iterator<Item = String> {
        self.words().into_iter().map(|word| match word.split_once('=') {
            Some((option, value)) => format!("{option}={}", files::quoted(value.as_ref()).trim_start_matches("./")),
            None => word,
        })
    }

    /// The options for a plan.
    pub fn options(&self) -> plan::Options {
        plan::Options {
            assume_inference: self.assume_inference,
            positive_scales: self.positive_scales,
            excluded: vec![],
            partial: match self.partial {
                Partial::Never => plan::Partial::Never,
                Partial::Auto => plan::Partial::Auto,
                Partial::Always => plan::Partial::Always,
            },
            skip: self.skip.clone(),
            only: self.only.clone(),
            way: match self.direction {
                Direction::Backward => Some(plan::Way::Back),
                Direction::Forward => Some(plan::Way::Ahead),
                Direction::Both => None,
            },
            rules: self.rules.clone(),
            keep_branches: self.no_branches,
            normalizations: self.normalizations,
            // Each name was looked up when it was read.
            target: plan::target(&self.engines).unwrap_or_default(),
            substitute: self.lower.map(|lower| match lower {
                Lower::MulAdd => plan::Substitute::MulAdd,
                Lower::DepthwiseConv => plan::Substitute::DepthwiseConv,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::arguments::{Arguments, Verb};
    use super::*;

    fn planning(words: &[&str]) -> Planning {
        match Arguments::parse_from(["bnfold", "inspect", "m"].iter().chain(words)).verb {
            Verb::Inspect(inspect) => inspect.planning,
            _ => panic!(),
        }
    }

    #[test]
    fn choices_can_be_handed_to_another_process() {
        let given = planning(&["--partial", "never", "--skip", "a b", "--skip=-c", "--only", "*", "--direction", "forward"]);
        let words = given.words();
        let again = planning(&words.iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(format!("{given:?}"), format!("{again:?}"));
        assert_eq!(
            given.quoted().collect::<Vec<_>>().join(" "),
            "--partial=never --direction=forward --skip='a b' --skip=-c --only='*'"
        );
        let lists =
            planning(&["--rules", "Conv,Relu", "--lower", "mul-add", "--assume-inference", "--no-branches", "--normalizations"]);
        assert_eq!(
            lists.words(),
            ["--assume-inference", "--no-branches", "--normalizations", "--lower=mul-add", "--rules=Conv", "--rules=Relu"]
        );
        assert_eq!(planning(&["--for", "any"]).words(), ["--for=any"]);
        assert!(planning(&[]).words().is_empty());
    }
}
