//! Absolute models of operators that give numbers a size of their own, made of what they are in the site's own run.

use std::collections::HashMap;

use super::{CouldNotRun, Forcing, Kind, lost, make};
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::{AttributeProto, NodeProto};

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

    /// Activations change nothing by more than it was changed before them. Sums before them are no more than the products of
    /// the norms of what is multiplied (Cauchy and Schwarz).
    pub(super) fn recurrence(
        &mut self,
        node: &NodeProto,
        absolute: &HashMap<String, String>,
        outputs: &[String],
    ) -> Result<(), CouldNotRun> {
        let mut norms = Vec::new();
        for name in node.input.iter().take(4).filter(|name| !name.is_empty()) {
            let norm = self.names.fresh(&format!("{name}/norm"));
            let mut reduced = make("ReduceL2", &[name], &norm);
            reduced.attribute.push(AttributeProto {
                name: Some("keepdims".to_owned()),
                r#type: Some(AttributeType::Int.into()),
                i: Some(0),
                ..AttributeProto::default()
            });
            self.added.push(reduced);
            norms.push(norm);
        }
        let [x, weight, rest @ ..] = &norms[..] else { return Err(lost("a recurrence")) };
        let mut sum = self.names.fresh(&format!("{weight}/product"));
        self.added.push(make("Mul", &[x, weight], &sum));
        for term in rest {
            let next = self.names.fresh(&format!("{term}/sum"));
            self.added.push(make("Add", &[&sum, term], &next));
            sum = next;
        }
        for (made, output) in node.output.iter().zip(outputs).filter(|(made, _)| !made.is_empty()) {
            let Some(absolute) = absolute.get(output) else { return Err(lost(output)) };
            let size = self.names.fresh(&format!("{output}/size"));
            self.added.push(make("Abs", &[made], &size));
            self.added.push(make("Add", &[&size, &sum], absolute));
        }
        Ok(())
    }
}
