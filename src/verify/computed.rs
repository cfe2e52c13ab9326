//! Constants that a file computes from constants, evaluated by the slow reference operator by operator, each result rounded to
//! its own type; only dequantised numbers are exact. The folder has another evaluator; a misreading would have to be made twice.

use crate::model::computed::{Call, Numbers, Operand};
use crate::model::integers::whole;
use crate::model::number::Element;
use crate::model::tensor::{data_type, element};
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::{AttributeProto, NodeProto, TensorProto};
use crate::reference::{self, Array, Data};

/// The elements of a result.
///
/// # Errors
/// Why there are none.
pub fn evaluate(call: &Call<'_>) -> Result<Numbers, String> {
    let node = stated(call);
    let mut inputs: Vec<Option<Array>> = call.inputs.iter().map(|input| input.as_ref().map(array)).collect();
    if let ("DequantizeLinear", Some(element), Some(Some(x))) = (node.op_type(), element(call.data_type), inputs.first_mut())
        && let Data::Int(values) = &mut x.data
    {
        // An integer becomes a number of that type before it is multiplied.
        values.iter_mut().for_each(|value| *value = element.round(*value as f64) as i64);
    }
    let made = reference::node(&node, call.opset, &inputs).map_err(|error| error.to_string())?;
    let result = made.into_iter().next().ok_or("nothing is computed")?;
    if !result.dims.iter().map(|dim| *dim as u64).eq(call.dims.iter().copied()) {
        return Err(format!("the result is {:?}, not {:?}", result.dims, call.dims));
    }
    Ok(match (result.data, element(call.data_type)) {
        (Data::Float(values), Some(_)) if call.is_exact() => Numbers::Floats(values),
        (Data::Float(values), Some(element)) => Numbers::Floats(values.iter().map(|value| element.round(*value)).collect()),
        (Data::Int(values), None) => {
            let (least, most) = whole(call.data_type).ok_or("the result is of another type")?.range();
            if values.iter().any(|value| !(least..=most).contains(value)) {
                return Err("an integer leaves its type".to_owned());
            }
            Numbers::Integers(values)
        }
        (Data::Bool(values), None) => Numbers::Booleans(values),
        _ => return Err("the result is of another type".to_owned()),
    })
}

/// The node with what it takes from elsewhere written into it: the type that it is to be like, the elements of a tensor.
fn stated(call: &Call<'_>) -> NodeProto {
    let mut node = call.node.clone();
    if node.op_type() == "CastLike" {
        node.op_type = Some("Cast".to_owned());
        node.input.truncate(1);
        node.attribute = vec![int("to", call.data_type)];
    }
    if node.op_type() == "QuantizeLinear" {
        node.attribute.retain(|attribute| attribute.name() != "output_dtype");
        node.attribute.push(int("output_dtype", call.data_type));
        // Up to the operator set that has it, as by default: the type of the scale.
        let scale = call.inputs.get(1).and_then(Option::as_ref).map_or(0, |scale| scale.data_type);
        if !node.attribute.iter().any(|attribute| attribute.name() == "precision" && attribute.i() != 0) {
            node.attribute.push(int("precision", scale));
        }
    }
    for attribute in node.attribute.iter_mut().filter(|attribute| attribute.name() == "value") {
        attribute.t = call.value.map(tensor);
    }
    node
}

fn int(name: &str, number: i32) -> AttributeProto {
    let r#type = Some(AttributeType::Int.into());
    AttributeProto { name: Some(name.to_owned()), r#type, i: Some(number.into()), ..AttributeProto::default() }
}

/// A constant as a message; f64 holds every float.
fn tensor(operand: &Operand) -> TensorProto {
    let (kind, bytes): (i32, Vec<u8>) = match &*operand.numbers {
        Numbers::Floats(values) => (data_type(Element::F64), values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Numbers::Integers(values) => (7, values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Numbers::Booleans(values) => (9, values.iter().map(|v| u8::from(*v)).collect()),
    };
    let dims = operand.dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect();
    TensorProto { dims, data_type: Some(kind), raw_data: Some(bytes), ..TensorProto::default() }
}

fn array(operand: &Operand) -> Array {
    let data = match &*operand.numbers {
        Numbers::Floats(values) => Data::Float(values.clone()),
        Numbers::Integers(values) => Data::Int(values.clone()),
        Numbers::Booleans(values) => Data::Bool(values.clone()),
    };
    Array { dims: operand.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(usize::MAX)).collect(), data }
}
