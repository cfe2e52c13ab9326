//! Fields that the schema does not know. Nobody can say what they mean, so they must be the same in both files and stand at the
//! same places.

use std::ops::Range;

use crate::error::Result;
use crate::model::Model;
use crate::model::scan::{Form, form, kind_name, message};
use crate::verify::constants;
use crate::wire::Window;

/// What a message holds of such fields: its own and those of messages in it, by field number and what they are called.
#[derive(Default)]
struct Unknown {
    own: Vec<Range<u64>>,
    inner: Vec<((u32, Vec<u8>), Unknown)>,
}

/// Whether both files hold the same fields that nobody knows.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn same(a: &Model, b: &Model) -> Result<bool> {
    if a.scan.unknown_fields == 0 && b.scan.unknown_fields == 0 {
        return Ok(true);
    }
    let of =
        |model: &Model| Ok::<_, crate::Error>(collect(&mut Window::new(model.file(0)), message("ModelProto"), 0..model.len())?.1);
    alike((a, &of(a)?), (b, &of(b)?))
}

/// The field that says what a message of some kind is called: nodes by the first value that they make, as they need no name.
fn naming(kind: usize) -> Option<u32> {
    match kind_name(kind) {
        "NodeProto" => Some(2),
        "AttributeProto" | "ValueInfoProto" | "FunctionProto" => Some(1),
        "TensorProto" => Some(8),
        _ => None,
    }
}

fn collect(window: &mut Window<'_>, kind: usize, range: Range<u64>) -> Result<(Vec<u8>, Unknown)> {
    let (mut name, mut found) = (None, Unknown::default());
    let mut rest = range;
    while let Some(field) = window.field(rest.clone())? {
        rest.start = field.range.end;
        match form(kind, &field) {
            None => found.own.push(field.range),
            Some(Form::Message(inner)) => {
                let (name, inner) = collect(window, inner, field.payload)?;
                if !inner.own.is_empty() || !inner.inner.is_empty() {
                    found.inner.push(((field.number, name), inner));
                }
            }
            Some(_) if naming(kind) == Some(field.number) && name.is_none() => name = Some(window.bytes(field.payload)?),
            Some(_) => {}
        }
    }
    found.inner.sort_by(|(one, _), (two, _)| one.cmp(two));
    Ok((name.unwrap_or_default(), found))
}

fn alike(a: (&Model, &Unknown), b: (&Model, &Unknown)) -> Result<bool> {
    let (one, two) = (a.1, b.1);
    if one.inner.len() != two.inner.len() || !constants::same_ranges((a.0, &one.own), (b.0, &two.own))? {
        return Ok(false);
    }
    for ((name, x), (other, y)) in one.inner.iter().zip(&two.inner) {
        if name != other || !alike((a.0, x), (b.0, y))? {
            return Ok(false);
        }
    }
    Ok(true)
}
