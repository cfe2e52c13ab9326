//! Models that show which branches become one, and which do not.

use crate::sample::{Expect, Sample};

/// Samples of parallel branches.
pub const SAMPLES: &[Sample] = &[];
