//! Recurrences as far as a fold may change them: what enters their gates from the input, `W·x + Wb` (ONNX LSTM, GRU and RNN,
//! opset 7 to 22). It is linear, so that it tells a wrong constant where the activations behind it would hide one.

use super::fact::Read;
use crate::error::Result;
use crate::model::{Graph, TensorId};
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto};
use crate::verify::align::canonical;
use crate::verify::constants;
use crate::verify::region::{Form, Site, numbers, without_shapes};
use crate::verify::verdict::Deviation;

/// Whether an operator is one.
pub(crate) fn is_recurrence(operator: &str) -> bool {
    matches!(operator, "LSTM" | "GRU" | "RNN")
}

/// Puts the gates of a recurrence in place of its outputs. `magnitudes` is for the absolute model.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn stand_in(graph: &Graph<'_>, form: &Form, magnitudes: bool, body: &mut GraphProto) -> Result<()> {
    let node = graph.node(form.node).proto;
    let size = |value: f64| if magnitudes { value.abs() } else { value };
    let Some(weight) = constant(form, 1) else { return Ok(()) };
    // [directions, gates, channels] becomes [channels, directions and gates].
    let channels = graph.tensor(weight).dims.last().map_or(0, |dim| usize::try_from(*dim).unwrap_or(0)).max(1);
    let stored = graph.tensor(weight).floats(graph.model)?;
    let rows = stored.len() / channels;
    let turned = (0..channels).flat_map(|channel| stored.iter().skip(channel).step_by(channels)).map(|value| size(*value));
    let weight = store(body, &[channels, rows], turned);
    let (own, _) = halves(graph, form, rows)?;
    let bias = store(body, &[rows], own.into_iter().map(size));
    let name = node.output.iter().find(|name| !name.is_empty()).cloned().unwrap_or_default();
    let (product, sum) = (format!("{name}\u{1}product"), format!("{name}\u{1}gates"));
    let x = node.input.first().map_or("", String::as_str);
    body.node.push(plain("MatMul", &[x, &weight], &product));
    body.node.push(plain("Add", &[&product, &bias], &sum));
    let outputs = node.output.iter().filter(|name| !name.is_empty());
    body.node.extend(outputs.map(|output| plain("Identity", &[&sum], output)));
    Ok(())
}

/// Nodes that say how large a difference of the constants of a recurrence may become in each output: `outputs` are what the node
/// makes and the names for its bounds. Activations change nothing by more than it was changed before them; sums before them are
/// no more than the products of the norms of what is multiplied (Cauchy and Schwarz).
pub(crate) fn bounds(node: &NodeProto, outputs: &[(String, String)], fresh: &mut dyn FnMut(&str) -> String) -> Vec<NodeProto> {
    let mut added = Vec::new();
    let mut sum = String::new();
    for (index, name) in node.input.iter().take(4).filter(|name| !name.is_empty()).enumerate() {
        let norm = fresh("norm");
        let mut reduced = plain("ReduceL2", &[name], &norm);
        let keep = AttributeProto { name: Some("keepdims".to_owned()), i: Some(0), ..AttributeProto::default() };
        reduced.attribute.push(AttributeProto { r#type: Some(AttributeType::Int.into()), ..keep });
        added.push(reduced);
        if index == 0 {
            sum = norm;
            continue;
        }
        let next = fresh("sum");
        added.push(plain(if index == 1 { "Mul" } else { "Add" }, &[&sum, &norm], &next));
        sum = next;
    }
    for (made, bound) in outputs {
        let size = fresh("size");
        added.push(plain("Abs", &[made], &size));
        added.push(plain("Add", &[&size, &sum], bound));
    }
    added
}

fn plain(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

/// The recurrences of both sides, each with the one that makes the same output. What stands in for one is linear and the same at all
/// of its outputs, so that a node that reads them would be shown nothing.
fn paired<'f>(
    (a, ours): (&Graph<'_>, &'f [Form]),
    (b, theirs): (&Graph<'_>, &'f [Form]),
    site: &Site,
) -> Read<Vec<[&'f Form; 2]>> {
    let other = || Err("recurrences that are not the same, one for one, in both files".to_owned());
    let made = |graph: &Graph<'_>, form: &Form, name: &str| {
        let at = graph.node(form.node).proto.output.iter().position(|output| output == name);
        at.filter(|_| is_recurrence(&form.operator))
    };
    let is_read = |graph: &Graph<'_>, forms: &[Form]| {
        let read = forms.iter().flat_map(|form| &graph.node(form.node).proto.input).filter(|name| !name.is_empty());
        read.into_iter().any(|name| forms.iter().any(|form| made(graph, form, name).is_some()))
    };
    if is_read(a, ours) || is_read(b, theirs) {
        return Err("what a recurrence makes is read inside".to_owned());
    }
    let mut pairs = Vec::new();
    for (one, two) in numbers(a, &site.region) {
        let maker = |graph: &Graph<'_>, forms: &'f [Form], name: &str| {
            forms.iter().find_map(|form| Some((form, made(graph, form, name)?)))
        };
        match (maker(a, ours, &one), maker(b, theirs, &two)) {
            (None, None) => {}
            (Some((old, at)), Some((new, there)))
                if at == there
                    && old.operator == new.operator
                    && canonical(a.node(old.node).proto) == canonical(b.node(new.node).proto) =>
            {
                pairs.push([old, new]);
            }
            _ => return other(),
        }
    }
    Ok(pairs)
}

/// What of the recurrences of a site no fold changes, and yet is another: all but the weights and the bias of the input.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn changed(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Result<Read<Option<Deviation>>> {
    let sides = (without_shapes(a, site.forms.0.clone()), without_shapes(b, site.forms.1.clone()));
    let pairs = match paired((a, &sides.0), (b, &sides.1), site) {
        Ok(pairs) => pairs,
        Err(why) => return Ok(Err(why)),
    };
    // Under one name both files may make something else inside.
    let inside = |graph: &Graph<'_>, forms: &[Form], form: &Form, input: usize| {
        let read = graph.node(form.node).inputs.get(input).copied().flatten();
        read.is_some() && forms.iter().any(|form| graph.node(form.node).outputs.contains(&read))
    };
    for [ours, theirs] in pairs {
        let rows = constant(ours, 1).map_or(0, |weight| {
            let dims = &a.tensor(weight).dims;
            dims.iter().take(dims.len().saturating_sub(1)).map(|dim| usize::try_from(*dim).unwrap_or(0)).product()
        });
        let at = |input: usize| Deviation {
            node: b.describe(theirs.node),
            constant: b.node(theirs.node).proto.input.get(input).cloned(),
            value: None,
            index: vec![],
            found: f64::NAN,
            expected: f64::NAN,
            limit: 0.0,
        };
        for input in KEPT {
            if inside(a, &sides.0, ours, *input) || inside(b, &sides.1, theirs, *input) {
                return Ok(Err(format!("`{}` reads at input {input} what the region makes", b.describe(theirs.node))));
            }
            match another((a, ours), (b, theirs), *input)? {
                Other::Nothing => {}
                Other::Value => return Ok(Err(format!("`{}` reads another value at input {input}", b.describe(theirs.node)))),
                Other::Number(None) => return Ok(Ok(Some(at(*input)))),
                Other::Number(Some((place, expected, found))) => {
                    return Ok(Ok(Some(Deviation { index: vec![place], found, expected, ..at(*input) })));
                }
            }
        }
        let ((_, old), (_, new)) = (halves(a, ours, rows)?, halves(b, theirs, rows)?);
        if let Some((place, (expected, found))) = old.iter().zip(&new).enumerate().find(|(_, (old, new))| old != new) {
            return Ok(Ok(Some(Deviation { index: vec![place as u64], found: *found, expected: *expected, ..at(3) })));
        }
    }
    Ok(Ok(None))
}

/// The inputs of a recurrence that no fold changes: recurrent weights, lengths, initial states, peepholes.
const KEPT: &[usize] = &[2, 4, 5, 6, 7];

/// What a node reads at an input that another one does not.
enum Other {
    Nothing,
    /// A constant: the place of the first number that is another, the other one's and its own.
    Number(Option<(u64, f64, f64)>),
    /// Something of which no number is known, or nothing.
    Value,
}

fn another((a, ours): (&Graph<'_>, &Form), (b, theirs): (&Graph<'_>, &Form), input: usize) -> Result<Other> {
    let value = |graph: &Graph<'_>, form: &Form| graph.node(form.node).inputs.get(input).copied().flatten();
    let (old, new) = match (value(a, ours), value(b, theirs)) {
        (None, None) => return Ok(Other::Nothing),
        (Some(old), Some(new)) => (old, new),
        _ => return Ok(Other::Value),
    };
    Ok(match (a.constant(old), b.constant(new)) {
        (Ok((old, _)), Ok((new, _))) if constants::same((a, old), (b, new))? => Other::Nothing,
        (Ok((old, _)), Ok((new, _))) if a.tensor(old).element().is_some() && b.tensor(new).element().is_some() => {
            let (expected, found) = (a.tensor(old).floats(a.model)?, b.tensor(new).floats(b.model)?);
            let first = (0..).zip(expected.iter().zip(&found)).find(|(_, (expected, found))| expected != found);
            Other::Number(first.map(|(place, (expected, found))| (place, *expected, *found)))
        }
        (Ok(_), Ok(_)) => Other::Number(None),
        (Err(_), Err(_)) if a.value(old).name == b.value(new).name => Other::Nothing,
        _ => Other::Value,
    })
}

fn constant(form: &Form, input: usize) -> Option<TensorId> {
    form.constants.iter().find(|(at, _)| *at == input).map(|(_, tensor)| *tensor)
}

/// The two halves of the bias, `[directions, 2·gates]`: of the input and of the recurrence; zeros if there is none.
fn halves(graph: &Graph<'_>, form: &Form, rows: usize) -> Result<(Vec<f64>, Vec<f64>)> {
    let Some(tensor) = constant(form, 3).map(|id| graph.tensor(id)) else { return Ok((vec![0.0; rows], vec![0.0; rows])) };
    let directions = tensor.dims.first().map_or(1, |dim| usize::try_from(*dim).unwrap_or(1)).max(1);
    let each = (rows / directions).max(1);
    let stored = tensor.floats(graph.model)?;
    let half = |first: usize| stored.chunks(each).skip(first).step_by(2).flatten().copied().collect();
    Ok((half(0), half(1)))
}

fn store(body: &mut GraphProto, dims: &[usize], values: impl Iterator<Item = f64>) -> String {
    let name = super::small::fresh(body);
    body.initializer.push(TensorProto {
        dims: dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect(),
        data_type: Some(DataType::Double.into()),
        name: Some(name.clone()),
        raw_data: Some(values.flat_map(f64::to_le_bytes).collect()),
        ..TensorProto::default()
    });
    name
}
