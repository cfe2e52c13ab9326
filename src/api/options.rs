//! Options that [`Fold`](super::Fold) and [`Verify`](super::Verify) share, under the names of the command line.

/// Where maps may move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// Only into what comes before.
    Backward,
    /// Only into what comes behind.
    Forward,
    /// Both ways.
    #[default]
    Both,
}

/// The options of runs, as methods of a builder that keeps them in a field of the type `VerifyOptions`.
macro_rules! run_options {
    ($field:ident) => {
        /// The size of a symbolic dimension of the inputs, for the runs: `--dim NAME=SIZE`. May be called several times.
        #[must_use]
        pub fn dim(mut self, name: impl Into<String>, size: usize) -> Self {
            self.$field.dims.push((name.into(), size));
            self
        }

        /// The shape of an input, for the runs: `--input-shape NAME:DIMS`. May be called several times.
        #[must_use]
        pub fn input_shape(mut self, name: impl Into<String>, dims: impl Into<Vec<usize>>) -> Self {
            self.$field.shapes.push((name.into(), dims.into()));
            self
        }

        /// The shape of a value that an operator makes whose meaning is not known: `--value-shape NAME:DIMS`.
        #[must_use]
        pub fn value_shape(mut self, name: impl Into<String>, dims: impl Into<Vec<usize>>) -> Self {
            self.$field.values.push((name.into(), dims.into()));
            self
        }

        /// Inputs to run with instead of synthetic ones: an npz, npy or pb file, or a folder of them.
        #[must_use]
        pub fn inputs(mut self, path: impl Into<std::path::PathBuf>) -> Self {
            self.$field.inputs = Some(path.into());
            self
        }

        /// The seed of synthetic inputs; 0 by default.
        #[must_use]
        pub fn seed(mut self, seed: u64) -> Self {
            self.$field.seed = seed;
            self
        }

        /// How many sets of synthetic inputs are run; at least one, which is the default.
        #[must_use]
        pub fn samples(mut self, samples: u16) -> Self {
            self.$field.samples = usize::from(samples.max(1));
            self
        }

        /// Tells how far this value of the second model is from the first's. May be called several times.
        #[must_use]
        pub fn tap(mut self, value: impl Into<String>) -> Self {
            self.$field.taps.push(value.into());
            self
        }

        /// Leaves out the runs of each fold alone and those in the models' own types.
        #[must_use]
        pub fn quick(mut self, quick: bool) -> Self {
            (self.$field.regions, self.$field.own_type) = (!quick, !quick);
            self
        }

        /// Seconds that a run may take, 600 by default. Without [`engine`](Self::engine) nothing keeps this limit.
        #[must_use]
        pub fn timeout(mut self, seconds: u64) -> Self {
            self.$field.timeout = seconds.max(1);
            self
        }

        /// Bytes of memory that a run may take, half of what is free by default. Without [`engine`](Self::engine) nothing keeps
        /// this limit.
        #[must_use]
        pub fn memory(mut self, bytes: u64) -> Self {
            self.$field.memory = Some(bytes);
            self
        }

        /// The `bnfold` program in whose process the models are run, with limits of time and memory.
        ///
        /// By default they are run in this process: what the engine does to hostile models (it can hang, use up the memory or
        /// overflow the stack) it does to the caller then. The running program is never started again by itself: it would not
        /// know what it is asked.
        ///
        /// A library without the feature `tract`, but with `remote`, lets this program judge as a whole.
        #[must_use]
        pub fn engine(mut self, program: impl Into<std::path::PathBuf>) -> Self {
            self.$field.runner = crate::verify::Runner::Program(program.into());
            self
        }
    };
}

pub(super) use run_options;
