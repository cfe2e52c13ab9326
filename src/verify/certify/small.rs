//! The nodes of a region as a model of their own, with their constants widened to f64: small enough to be run by anybody.
//!
//! Beside it stands the absolute model: every constant replaced by its magnitude, the mean of a BatchNormalization by its
//! negative magnitude, so that it sums up what the region may lose by rounding.

use super::gates::{bounds, is_recurrence, stand_in};
use crate::error::Result;
use crate::model::{Graph, TensorId};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::type_proto::{Tensor, Value};
use crate::onnx::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto, ValueInfoProto};
use crate::verify::region::Form;
use crate::verify::table::{self, Bound, Sign};

/// What stands for a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Recurrence {
    /// The operator, as an engine runs it.
    #[cfg_attr(not(feature = "tract"), expect(dead_code, reason = "without an engine nothing runs the operator"))]
    Itself,
    /// What enters its gates from the input.
    Gates,
}

/// The side of a region in one file as a model.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn model(
    graph: &Graph<'_>,
    forms: &[Form],
    inputs: &[String],
    outputs: &[String],
    absolute: bool,
    recurrence: Recurrence,
) -> Result<ModelProto> {
    let mut body = GraphProto { name: Some("region".to_owned()), ..GraphProto::default() };
    let mut opset = None;
    for form in forms {
        let node = graph.node(form.node);
        opset = opset.or(graph.scope(node.scope).opset);
        if recurrence == Recurrence::Gates && is_recurrence(&form.operator) {
            stand_in(graph, form, absolute, &mut body)?;
            continue;
        }
        let mut copy = NodeProto { name: None, doc_string: None, ..node.proto.clone() };
        if copy.op_type() == "Dropout" {
            copy.op_type = Some("Identity".to_owned());
            copy.attribute.clear();
            copy.input.truncate(1);
            copy.output.truncate(1);
        }
        // All is computed in f64.
        if copy.op_type() == "Cast" {
            copy.op_type = Some("Identity".to_owned());
            copy.attribute.clear();
        }
        for (input, tensor) in settings(graph, form) {
            let name = fresh(&body);
            let mut setting = setting(graph, tensor)?;
            setting.name = Some(name.clone());
            body.initializer.push(setting);
            if let Some(place) = copy.input.get_mut(input) {
                *place = name;
            }
        }
        let table = is_table(form).then(|| Rows::of(graph, form, forms)).flatten();
        if table.is_some() {
            copy.op_type = Some("Identity".to_owned());
            copy.attribute.clear();
            copy.input.truncate(1);
        }
        for (input, tensor) in &form.constants {
            let tensor = graph.tensor(*tensor);
            let name = fresh(&body);
            let dims = table.as_ref().map_or(&tensor.dims, |rows| &rows.dims);
            let mut values = tensor.floats(graph.model)?;
            if let Some(rows) = &table {
                values = rows.all(&values);
            }
            if absolute {
                let size = |value: f64| match table::sign(&form.operator, *input) {
                    Sign::Positive => value.abs(),
                    Sign::Negative => -value.abs(),
                    Sign::Kept => value,
                };
                values.iter_mut().for_each(|value| *value = size(*value));
            }
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            body.initializer.push(TensorProto {
                dims: dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect(),
                data_type: Some(DataType::Double.into()),
                name: Some(name.clone()),
                raw_data: Some(bytes),
                ..TensorProto::default()
            });
            if let Some(place) = copy.input.get_mut(*input) {
                *place = name;
            }
        }
        if absolute {
            match table::row(copy.op_type()).bound {
                Bound::Recurrence => bounded(&mut body, copy),
                _ => {
                    let output = copy.output.first().cloned().unwrap_or_default();
                    body.node.extend(table::absolute(copy, &mut |what| format!("{output}\u{1}{what}")));
                }
            }
            continue;
        }
        body.node.push(copy);
    }
    body.input = inputs.iter().map(|name| value(name)).collect();
    body.output = outputs.iter().map(|name| value(name)).collect();
    let import = OperatorSetIdProto { version: Some(opset.unwrap_or(1)), domain: Some(String::new()) };
    Ok(ModelProto { ir_version: Some(8), opset_import: vec![import], graph: Some(body), ..ModelProto::default() })
}

/// Whether a node hands on rows of a table of constants.
pub(crate) fn is_table(form: &Form) -> bool {
    form.operator == "Gather" && form.constants.first().is_some_and(|(input, _)| *input == 0)
}

/// A table of which every row is asked for, one after the other and the first once more, until there are as many as no constant
/// beside it has numbers: what belongs to a place and not to a row does not fit then.
struct Rows {
    /// The extents, with as many axes for the rows as the numbers that ask for them have.
    dims: Vec<u64>,
    /// Numbers in a row, its extents behind the axis; in all rows of the table; and in the first ones that are put behind it.
    sizes: [usize; 3],
}

impl Rows {
    fn of(graph: &Graph<'_>, form: &Form, forms: &[Form]) -> Option<Rows> {
        let node = graph.node(form.node);
        let table = graph.tensor(form.constants.first()?.1);
        let chosen = graph.declared_shape(node.inputs.get(1).copied().flatten()?)?.rank();
        let axis = node.proto.attribute.iter().find(|a| a.name() == "axis").map_or(0, |a| a.i());
        let axis = usize::try_from(if axis < 0 { axis + table.dims.len() as i64 } else { axis }).ok()?;
        let (count, behind) = table.dims.get(axis..)?.split_first()?;
        let beside: Vec<u64> = forms.iter().flat_map(|f| &f.constants).flat_map(|(_, t)| graph.tensor(*t).dims.clone()).collect();
        let more = (1..=*count).find(|more| !beside.contains(&(count + more)))?;
        let ones = vec![1; chosen.checked_sub(1)?];
        let dims = [table.dims.get(..axis)?, &ones, &[count + more], behind].concat();
        let row = usize::try_from(behind.iter().product::<u64>()).ok()?;
        let sizes = [row, row.checked_mul(usize::try_from(*count).ok()?)?, row.checked_mul(usize::try_from(more).ok()?)?];
        Some(Rows { dims, sizes })
    }

    /// The numbers of all these rows.
    fn all(&self, values: &[f64]) -> Vec<f64> {
        let [row, table, more] = self.sizes;
        let parts = values.chunks(table.max(1));
        parts.flat_map(|part| part.iter().chain(part.iter().take(row).cycle().take(more))).copied().collect()
    }
}

/// No name of a file has this character.
pub(super) fn fresh(body: &GraphProto) -> String {
    format!("\u{1}{}", body.initializer.len())
}

/// The constants that a node reads as settings: shapes, axes, bounds.
fn settings(graph: &Graph<'_>, form: &Form) -> Vec<(usize, TensorId)> {
    let node = graph.node(form.node);
    let unread = |input: &usize| form.constants.iter().all(|(at, _)| at != input) && form.operator != "Dropout";
    let inputs = (0..node.inputs.len()).filter(unread);
    inputs.filter_map(|input| Some((input, graph.constant(node.inputs.get(input).copied().flatten()?).ok()?.0))).collect()
}

fn setting(graph: &Graph<'_>, tensor: TensorId) -> Result<TensorProto> {
    let tensor = graph.tensor(tensor);
    let (element, bytes): (DataType, Vec<u8>) = match (tensor.element(), tensor.data_type) {
        (Some(_), _) => (DataType::Double, tensor.floats(graph.model)?.iter().flat_map(|v| v.to_le_bytes()).collect()),
        (None, 9) => (DataType::Bool, tensor.booleans(graph.model)?.iter().map(|v| u8::from(*v)).collect()),
        _ => (DataType::Int64, tensor.integers(graph.model)?.iter().flat_map(|v| v.to_le_bytes()).collect()),
    };
    let dims = tensor.dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect();
    Ok(TensorProto { dims, data_type: Some(element.into()), raw_data: Some(bytes), ..TensorProto::default() })
}

fn value(name: &str) -> ValueInfoProto {
    let tensor = Tensor { elem_type: Some(DataType::Double.into()), shape: None };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

/// A recurrence that makes, in place of its outputs, what a difference of its constants may do to them.
fn bounded(body: &mut GraphProto, mut node: NodeProto) {
    let made = |output: &String| (format!("{output}\u{1}"), output.clone());
    let outputs: Vec<(String, String)> = node.output.iter().filter(|output| !output.is_empty()).map(made).collect();
    node.output.iter_mut().filter(|output| !output.is_empty()).for_each(|output| output.push('\u{1}'));
    let mut count = 0;
    let added = bounds(&node, &outputs, &mut |what| {
        count += 1;
        format!("{}\u{1}{what}{count}", outputs.first().map_or("", |(_, output)| output))
    });
    body.node.push(node);
    body.node.extend(added);
}
