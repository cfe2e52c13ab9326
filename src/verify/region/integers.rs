//! Integers of quantised constants: a fold changes the scales beside them and nothing else.

use super::Form;
use crate::error::Result;
use crate::model::computed::Recipe;
use crate::model::{Graph, Tensor};
use crate::verify::constants;

/// The integers that a constant is made of.
fn gathered<'r>(recipe: &'r Recipe, found: &mut Vec<&'r Tensor>) {
    match recipe.dequantised() {
        Some(parts) => found.push(parts.integers),
        None => {
            recipe.inputs.iter().flatten().filter_map(Tensor::recipe).filter(|r| r.quantised).for_each(|r| gathered(r, found))
        }
    }
}

fn of<'g>(graph: &'g Graph<'_>, forms: &[Form]) -> Vec<&'g Tensor> {
    let mut found = Vec::new();
    let recipes = forms.iter().flat_map(|form| &form.constants).filter_map(|(_, tensor)| graph.tensor(*tensor).recipe());
    recipes.filter(|recipe| recipe.quantised).for_each(|recipe| gathered(recipe, &mut found));
    found
}

/// The first integers of the second side that are none of the first one's.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn changed<'b>(a: (&Graph<'_>, &[Form]), b: (&'b Graph<'_>, &[Form])) -> Result<Option<&'b Tensor>> {
    let (ours, theirs) = (of(a.0, a.1), of(b.0, b.1));
    for tensor in theirs {
        let mut known = false;
        for other in &ours {
            known = known || constants::alike((other, a.0.model), (tensor, b.0.model))?;
        }
        if !known {
            return Ok(Some(tensor));
        }
    }
    Ok(None)
}
