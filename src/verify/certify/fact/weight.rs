//! Weights as facts: Conv, ConvTranspose, Gemm and MatMul.

use super::{Axis, Bias, Fact, Mix, Named, Read, Reader};
use crate::double_double::DoubleDouble;
use crate::error::Result;

impl Reader<'_, '_> {
    pub(super) fn convolution(&self) -> Result<Read<Fact>> {
        let Some(weight) = self.named(1) else { return Ok(Err("a convolution without a constant weight".into())) };
        let tensor = self.graph.tensor(weight.tensor);
        let sizes: Option<Vec<usize>> = tensor.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let Some([outer, inner, kernel @ ..]) = sizes.as_deref() else {
            return Ok(Err("a convolution whose weight has too few axes".into()));
        };
        let (outer, inner) = (*outer, *inner);
        let groups = usize::try_from(self.int("group", 1)).unwrap_or(0);
        let taps = kernel.iter().product();
        let transposed = self.form.operator == "ConvTranspose";
        if groups == 0 || outer == 0 || outer % groups != 0 || inner == 0 || taps == 0 {
            return Ok(Err("a convolution whose groups do not divide its weight".into()));
        }
        let spread = inner.saturating_mul(groups);
        let channels = if transposed { (outer, spread) } else { (spread, outer) };
        let mix = Mix {
            weight,
            extents: [outer, inner, taps],
            made_first: !transposed,
            groups,
            channels,
            axes: (Axis::Front(1), Axis::Front(1)),
            rank: Some(kernel.len() + 2),
            gain: 1.0,
            bias: self.bias(channels.1, 1.0, |dims| matches!(dims, [_]))?,
            uneven: self.uneven(kernel, transposed),
            geometry: self.geometry(kernel),
        };
        Ok(Ok(Fact::Mix(Box::new(mix))))
    }

    /// A Pad that puts zeros around samples and channels, none between them. What it says must stand in the file.
    pub(super) fn zeros(&self) -> Result<Read<Fact>> {
        let other = |what: &str| Ok(Err(format!("a Pad {what}")));
        let opset = self.graph.scope(self.node.scope).opset.unwrap_or(1);
        let mode = self.node.proto.attribute.iter().find(|a| a.name() == "mode");
        if mode.is_some_and(|mode| mode.s() != b"constant") || self.node.inputs.get(3).copied().flatten().is_some() {
            return other("in another mode or along chosen axes");
        }
        let value = match self.named(2) {
            Some(named) => self.numbers(named)?,
            None => vec![self.float("value", 0.0)],
        };
        if value != [0.0] {
            return other("with something else than zeros");
        }
        let pads = match self.node.inputs.get(1).copied().flatten() {
            Some(input) if opset >= 11 => match self.graph.constant(input) {
                Ok((tensor, _)) => self.graph.tensor(tensor).integers(self.graph.model)?,
                Err(_) => return other("that is computed"),
            },
            None if (2..11).contains(&opset) => self.ints("pads").unwrap_or_default(),
            _ => return other("in another form"),
        };
        let (begins, ends) = pads.split_at(pads.len() / 2);
        match (begins, ends) {
            ([0, 0, begins @ ..], [0, 0, ends @ ..]) if begins.len() == ends.len() && pads.iter().all(|pad| *pad >= 0) => {
                Ok(Ok(Fact::Zeros([begins, ends].concat())))
            }
            _ => other("of samples or channels, or one that cuts off"),
        }
    }

    /// A bias that has a number for each channel, or one for all.
    fn bias(&self, channels: usize, gain: f64, fits: impl Fn(&[u64]) -> bool) -> Result<Read<Option<Bias>>> {
        let Some(named) = self.named(2) else { return Ok(Ok(None)) };
        let values = self.numbers(named)?;
        let dims = &self.graph.tensor(named.tensor).dims;
        let values = match values.len() {
            // An empty bias is none.
            0 => return Ok(Ok(None)),
            1 if channels != 1 && dims.iter().all(|d| *d == 1) => vec![values[0]; channels],
            count if count == channels && fits(dims) => values,
            _ => return Ok(Err("a bias that is not a number for each channel".into())),
        };
        Ok(Ok(Some((values.iter().map(|v| DoubleDouble::new(*v) * DoubleDouble::new(gain)).collect(), gain, named))))
    }

    fn automatic(&self) -> String {
        let mode = self.node.proto.attribute.iter().find(|a| a.name() == "auto_pad");
        mode.map_or_else(|| "NOTSET".to_owned(), |a| String::from_utf8_lossy(a.s()).into_owned())
    }

    fn pads(&self, kernel: &[usize]) -> Vec<i64> {
        match self.automatic().as_str() {
            "NOTSET" | "" => self.ints("pads").unwrap_or_else(|| vec![0; 2 * kernel.len()]),
            "VALID" => vec![0; 2 * kernel.len()],
            _ => vec![i64::MIN],
        }
    }

    fn uneven(&self, kernel: &[usize], transposed: bool) -> bool {
        let given = |name: &str| self.ints(name).unwrap_or_default();
        if !transposed {
            // Automatic pads are none where windows have a single tap.
            let single = kernel.iter().all(|taps| *taps == 1);
            return self.pads(kernel).iter().any(|pad| *pad != 0 && !(single && *pad == i64::MIN));
        }
        // Outputs of a transposed convolution see all taps at stride 1, but for those as near to the border as a kernel is
        // wide, unless they are cut off.
        let (pads, dilations) = (self.pads(kernel), given("dilations"));
        let all = kernel.iter().enumerate().all(|(axis, taps)| {
            let reach = dilations.get(axis).copied().unwrap_or(1).saturating_mul(*taps as i64 - 1);
            [axis, axis + kernel.len()].iter().all(|at| pads.get(*at).is_some_and(|pad| *pad >= reach))
        });
        let moved = given("strides").iter().any(|stride| *stride != 1) || given("output_padding").iter().any(|pad| *pad != 0);
        !all || moved || self.ints("output_shape").is_some()
    }

    fn geometry(&self, kernel: &[usize]) -> Vec<(&'static str, Vec<i64>)> {
        let ones = || vec![1; kernel.len()];
        let modes = ["NOTSET", "", "VALID", "SAME_UPPER", "SAME_LOWER"];
        let mode = modes.iter().position(|mode| *mode == self.automatic()).map_or(3, |at| at.saturating_sub(2));
        let output = self.ints("output_padding").unwrap_or_else(|| vec![0; kernel.len()]);
        vec![
            ("strides", self.ints("strides").unwrap_or_else(ones)),
            ("dilations", self.ints("dilations").unwrap_or_else(ones)),
            ("pads", self.pads(kernel)),
            ("auto_pad", vec![mode as i64]),
            ("group", vec![self.int("group", 1)]),
            ("output_padding", output),
            ("output_shape", self.ints("output_shape").unwrap_or_default()),
        ]
    }

    /// Gemm and MatMul: the weight is one of the factors, transposed or not, and MatMul may have a stack of them.
    pub(super) fn product(&self) -> Result<Read<Fact>> {
        let gemm = self.form.operator == "Gemm";
        let Some(weight) =
            self.form.constants.first().map(|(input, tensor)| Named { form: self.index, input: *input, tensor: *tensor })
        else {
            return Ok(Err("a product without a constant".into()));
        };
        let tensor = self.graph.tensor(weight.tensor);
        let sizes: Option<Vec<usize>> = tensor.dims.iter().map(|d| usize::try_from(*d).ok()).collect();
        let Some([stack @ .., rows, columns]) = sizes.as_deref() else {
            return Ok(Err("a product with a vector".into()));
        };
        let (rows, columns, left) = (*rows, *columns, weight.input == 0);
        if rows == 0 || columns == 0 || weight.input > 1 || gemm && !stack.is_empty() {
            return Ok(Err("a product whose weight has no elements".into()));
        }
        let transposed = |input: usize| gemm && self.int(if input == 0 { "transA" } else { "transB" }, 0) != 0;
        let made_first = left != transposed(weight.input);
        let (made, summed) = if made_first { (rows, columns) } else { (columns, rows) };
        let turned = transposed(1 - weight.input);
        let back = |last: bool| Axis::Back(usize::from(!last));
        let opset = self.graph.scope(self.node.scope).opset.unwrap_or(1);
        let wide = opset >= 7 || self.int("broadcast", 0) != 0;
        let beta = self.float("beta", 1.0);
        let bias = if gemm {
            self.bias(made, beta, |dims| match dims {
                [_] => !left && wide,
                [rows, columns] => wide && if left { *columns == 1 } else { *rows == 1 },
                _ => false,
            })?
        } else {
            Ok(None)
        };
        let mix = Mix {
            weight,
            extents: [rows, columns, 1],
            made_first,
            groups: 1,
            channels: (summed, made),
            axes: (back(left == turned), back(!left)),
            rank: gemm.then_some(2),
            gain: if gemm { self.float("alpha", 1.0) } else { 1.0 },
            bias,
            // What each of a stack of weights makes of a shift is another number.
            uneven: !stack.is_empty(),
            geometry: vec![
                ("the side of the weight", vec![i64::from(left)]),
                ("the transposition of the data", vec![i64::from(turned)]),
            ],
        };
        Ok(Ok(Fact::Mix(Box::new(mix))))
    }
}
