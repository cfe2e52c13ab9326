//! Both models in the slow reference, whole and as the operators' specification says, where an engine says too little: that it does
//! not run one of them, or that both agree by what it takes for granted.

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

/// How many products the first model may take in the reference, each loop run once: a second or two.
const MOST_PRODUCTS: u64 = 1 << 26;
/// How many rounds a loop may have.
const MOST_ROUNDS: u64 = 16;

type Values = BTreeMap<String, Array>;

/// What both models make of these inputs, each If and loop as its own values say; or what the second contradicts, and on which
/// inputs, while the first computes something of them: then both differ, as one of them has no answer. `products` is what the
/// first costs. `None` where an operator is unknown, and where it would take too long.
pub(super) fn both(
    (before, after): (&Side, &Side),
    freeze: bool,
    (specs, values): (&[InputSpec], &Values),
    products: u64,
) -> Option<Result<(Values, Values), String>> {
    if products > MOST_PRODUCTS {
        return None;
    }
    let (one, two) = (whole(before, freeze).ok()?, whole(after, freeze).ok()?);
    let one = reference::evaluate_within(&one, values, MOST_ROUNDS).ok()?;
    match reference::evaluate_within(&two, values, MOST_ROUNDS) {
        Ok(two) => Some(Ok((one, two))),
        Err(ReferenceError::Invalid(why)) => Some(Err(format!("{why}; on {}", told(specs)))),
        Err(_) => None,
    }
}

/// A model with all of its constants inside.
fn whole(side: &Side, freeze: bool) -> Result<ModelProto, CouldNotRun> {
    let mut model = load(side)?;
    computed::settle(&mut model, side, freeze)?;
    Ok(model)
}
