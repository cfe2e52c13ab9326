//! Both models in the slow reference, whole and as the operators' specification says, where an engine says too little: that it does
//! not run one of them, or that both agree by what it takes for granted.

use std::collections::BTreeMap;

use super::pair::told;
use super::side::Side;
use crate::engine::CouldNotRun;
use crate::engine::array::Array;
use crate::engine::bind::InputSpec;
use crate::engine::computed;
use crate::engine::cost::Cost;
use crate::engine::load::load;
use crate::onnx::ModelProto;
use crate::reference::{self, ReferenceError};

/// What a model may cost in the reference, each loop run once: a second or two.
const PAYABLE: Cost = Cost { products: 1 << 26, bytes: 64 << 20 };
/// How many rounds a loop may have.
const MOST_ROUNDS: u64 = 16;

type Values = BTreeMap<String, Array>;

/// What both models make of these inputs, each If and loop as its own values say; or what one of them contradicts, and on which
/// inputs: the second differs if it has no answer where the first computes something, while what the first does not take is no
/// input. `cost` is that of one of them. `None` where an operator is unknown, and where it would take too long.
pub(super) fn both(
    (before, after): (&Side, &Side),
    freeze: bool,
    (specs, values): (&[InputSpec], &Values),
    cost: Cost,
) -> Option<Result<(Values, Values), CouldNotRun>> {
    if !cost.is_within(PAYABLE) {
        return None;
    }
    let (one, two) = (whole(before, freeze).ok()?, whole(after, freeze).ok()?);
    let told = |why: String| format!("{why}; on {}", told(specs));
    let made = |model| reference::evaluate_within(model, values, MOST_ROUNDS);
    match (made(&one), made(&two)) {
        (Ok(one), Ok(two)) => Some(Ok((one, two))),
        (Ok(_), Err(ReferenceError::Invalid(why))) => Some(Err(CouldNotRun::NoAnswer(told(why)))),
        (Err(ReferenceError::Invalid(why)), Ok(_) | Err(ReferenceError::Invalid(_))) => {
            Some(Err(CouldNotRun::FirstHasNone(told(why))))
        }
        _ => None,
    }
}

/// A model with all of its constants inside.
fn whole(side: &Side, freeze: bool) -> Result<ModelProto, CouldNotRun> {
    let mut model = load(side)?;
    computed::settle(&mut model, side, freeze)?;
    Ok(model)
}
