//! BatchNormalizations that stay, as operators that every target has. Their constants stay where they were: the scale at input
//! 1, the shift at input 2.

use crate::double_double::DoubleDouble;
use crate::law::{Array, Host, Law, Parameter, Reason, Step};
use crate::map::Affine;
use crate::model::{Element, NodeId, Shape};
use crate::plan::choice::Substitute;
use crate::plan::route::{aligned, check_types, one_type};
use crate::plan::view::View;

/// What changes in a BatchNormalization that becomes another operator.
///
/// # Errors
/// Why it cannot.
pub(super) fn substitute(view: &View<'_>, site: NodeId, form: Substitute) -> Result<Vec<Parameter>, Reason> {
    let Law::Map(map) = view.law(site)? else { return Err(Reason::NotAffine) };
    if !matches!(map.host, Host::Statistics { .. }) {
        return Err(Reason::NotAffine);
    }
    let opset = view.graph.scope(view.graph.node(site).scope).opset.unwrap_or(0);
    let element = one_type(view, site)?;
    let value = view.draft.input(view.graph, site, 0).ok_or(Reason::UnknownShape)?;
    let made = view.draft.output(view.graph, site, 0).ok_or(Reason::NoReader)?;
    let shape = view.shape(value).or_else(|| view.shape(made));
    let rank = shape.map(Shape::rank).ok_or(Reason::UnknownShape)?;
    let mut parameters = match form {
        Substitute::MulAdd if opset < 7 => return Err(Reason::Opset),
        Substitute::MulAdd => constants(&map.placed.map, |count| aligned(count, map.placed.axis.unwrap_or(0), rank)),
        Substitute::DepthwiseConv if rank < 3 => return Err(Reason::UnknownShape),
        Substitute::DepthwiseConv if element == Element::BF16 && opset < 22 => return Err(Reason::Opset),
        Substitute::DepthwiseConv => {
            let mut parameters = constants(&map.placed.map, |count| aligned(count, 0, rank));
            if let Some(Parameter::Replace { value, .. }) = parameters.last_mut() {
                value.dims.truncate(1);
            }
            parameters
        }
    };
    check_types(view, site, &Step { parameters: parameters.clone(), ..Step::default() })?;
    let operator = if form == Substitute::MulAdd { "Add" } else { "Conv" };
    parameters.push(Parameter::Become(operator));
    Ok(parameters)
}

/// Scale and shift, each in the shape for that many channels.
fn constants(map: &Affine, dims: impl Fn(u64) -> Vec<u64>) -> Vec<Parameter> {
    let constant = |(input, values): (usize, &Vec<DoubleDouble>)| {
        let value = Array { dims: dims(values.len() as u64), values: values.clone() };
        Parameter::Replace { input, value }
    };
    [(1, &map.scale), (2, &map.shift)].map(constant).to_vec()
}
