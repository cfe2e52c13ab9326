//! Whether the second model contradicts the operators' specification on inputs that the first one takes: then both differ, as one
//! of them has no answer. That an engine does not run a model says nothing of that kind; the slow reference is asked here.

use std::collections::BTreeMap;

use super::pair::told;
use super::side::Side;
use crate::engine::CouldNotRun;
use crate::engine::array::Array;
use crate::engine::bind::InputSpec;
use crate::engine::computed;
use crate::engine::load::load;
use crate::onnx::ModelProto;
use crate::reference::{self, ReferenceError};

/// How many products the first model may take in the reference: a second or two.
const MOST_PRODUCTS: u64 = 1 << 26;

/// What the second of two models contradicts on these inputs, and what they are, while the first computes something of them;
/// `products` is what the first costs. `None` where nothing is found, where an operator is unknown, and where it would take too long.
pub(super) fn found(
    (before, after): (&Side, &Side),
    freeze: bool,
    (specs, values): (&[InputSpec], &BTreeMap<String, Array>),
    products: u64,
) -> Option<String> {
    if products > MOST_PRODUCTS {
        return None;
    }
    let (one, two) = (whole(before, freeze).ok()?, whole(after, freeze).ok()?);
    reference::evaluate(&one, values).ok()?;
    match reference::evaluate(&two, values) {
        Err(ReferenceError::Invalid(why)) => Some(format!("{why}; on {}", told(specs))),
        _ => None,
    }
}

/// A model with all of its constants inside.
fn whole(side: &Side, freeze: bool) -> Result<ModelProto, CouldNotRun> {
    let mut model = load(side)?;
    computed::settle(&mut model, side, freeze)?;
    Ok(model)
}
