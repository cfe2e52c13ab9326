//! Absolute models of operators that give numbers a size of their own, made of what they are in the site's own run.

use std::collections::HashMap;

use super::{CouldNotRun, Forcing, Kind, lost, make};
use crate::onnx::NodeProto;
use crate::verify::certify::gates::bounds;

impl Forcing {
    /// What a normalisation makes of its input has no size of its own: its true result without bias, and the bias beside it.
    pub(super) fn normalisation(
        &mut self,
        node: &NodeProto,
        absolute: &HashMap<String, String>,
        outputs: &[String],
    ) -> Result<(), CouldNotRun> {
        let Some(output) = outputs.first().and_then(|name| absolute.get(name)) else { return Err(lost("a normalisation")) };
        let mut scaled = node.clone();
        let bias = node.input.get(2).filter(|name| !name.is_empty()).cloned();
        if let (Some(bias), Some(place)) = (&bias, scaled.input.get_mut(2)) {
            *place = self.magnitude(bias, Kind::Zero)?;
        }
        let (core, size) = (self.names.fresh(&format!("{output}/core")), self.names.fresh(&format!("{output}/size")));
        scaled.output = vec![core.clone()];
        self.added.push(scaled);
        let Some(bias) = bias else {
            self.added.push(make("Abs", &[&core], output));
            return Ok(());
        };
        self.added.push(make("Abs", &[&core], &size));
        let mut shifted = node.clone();
        if let [_, scale, place, ..] = &mut shifted.input[..] {
            *scale = self.magnitude(scale, Kind::Zero)?;
            *place = self.magnitude(&bias, Kind::Positive)?;
        }
        let shift = self.names.fresh(&format!("{output}/shift"));
        shifted.output = vec![shift.clone()];
        self.added.push(shifted);
        self.added.push(make("Add", &[&size, &shift], output));
        Ok(())
    }

    /// What a recurrence makes, and beside it what a difference of its constants may do to it.
    pub(super) fn recurrence(
        &mut self,
        node: &NodeProto,
        absolute: &HashMap<String, String>,
        outputs: &[String],
    ) -> Result<(), CouldNotRun> {
        let made = node.output.iter().zip(outputs).filter(|(made, _)| !made.is_empty());
        let bounded = made.map(|(made, output)| Ok((made.clone(), absolute.get(output).ok_or_else(|| lost(output))?.clone())));
        let bounded = bounded.collect::<Result<Vec<_>, CouldNotRun>>()?;
        let first = node.output.first().cloned().unwrap_or_default();
        let added = bounds(node, &bounded, &mut |what| self.names.fresh(&format!("{first}/{what}")));
        self.added.extend(added);
        Ok(())
    }
}
