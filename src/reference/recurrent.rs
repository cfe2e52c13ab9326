//! RNN, GRU and LSTM.

use super::arithmetic::{greater, lesser};
use super::array::{at, count, flat, size};
use super::call::Call;
use super::{Array, ReferenceError, invalid, unsupported};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rnn,
    Gru,
    Lstm,
}

impl Kind {
    fn gates(self) -> usize {
        match self {
            Kind::Rnn => 1,
            Kind::Gru => 3,
            Kind::Lstm => 4,
        }
    }
}

pub(super) fn rnn(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    recurrent(call, Kind::Rnn)
}

pub(super) fn gru(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    recurrent(call, Kind::Gru)
}

pub(super) fn lstm(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    recurrent(call, Kind::Lstm)
}

/// A function with its two numbers.
#[derive(Clone, Copy)]
struct Activation {
    function: fn(f64, f64, f64) -> f64,
    alpha: f64,
    beta: f64,
}

/// The function of a name, which is read without regard to case, its numbers as the specification has them where none are given.
fn activation(name: &str, alpha: Option<f64>, beta: Option<f64>) -> Result<Activation, ReferenceError> {
    type Function = fn(f64, f64, f64) -> f64;
    let (function, first, second): (Function, f64, f64) = match name.to_ascii_lowercase().as_str() {
        "sigmoid" => (|x, _, _| 1.0 / (1.0 + (-x).exp()), 0.0, 0.0),
        "tanh" => (|x, _, _| x.tanh(), 0.0, 0.0),
        "relu" => (|x, _, _| greater(x, 0.0), 0.0, 0.0),
        "affine" => (|x, a, b| a * x + b, 1.0, 0.0),
        "leakyrelu" => (|x, a, _| if x < 0.0 { a * x } else { x }, f64::from(0.01_f32), 0.0),
        "thresholdedrelu" => (|x, a, _| if x >= a { x } else { 0.0 }, 1.0, 0.0),
        "scaledtanh" => (|x, a, b| a * (b * x).tanh(), 1.0, 1.0),
        "hardsigmoid" => (|x, a, b| lesser(greater(a * x + b, 0.0), 1.0), f64::from(0.2_f32), 0.5),
        "elu" => (|x, a, _| if x < 0.0 { a * x.exp_m1() } else { x }, 1.0, 0.0),
        "softsign" => (|x, _, _| x / (1.0 + x.abs()), 0.0, 0.0),
        "softplus" => (|x, _, _| x.max(0.0) + (-x.abs()).exp().ln_1p(), 0.0, 0.0),
        _ => return unsupported(format!("the activation {name} in a recurrent operator")),
    };
    Ok(Activation { function, alpha: alpha.unwrap_or(first), beta: beta.unwrap_or(second) })
}

impl Activation {
    fn of(&self, x: f64) -> f64 {
        (self.function)(x, self.alpha, self.beta)
    }
}

/// The activations of each direction: those that the attribute names, else the operator's own.
fn activations(call: &Call, kind: Kind, directions: usize) -> Result<Vec<Vec<Activation>>, ReferenceError> {
    let own = match kind {
        Kind::Rnn => ["Tanh"].as_slice(),
        Kind::Gru => &["Sigmoid", "Tanh"],
        Kind::Lstm => &["Sigmoid", "Tanh", "Tanh"],
    };
    let Some(attribute) = call.attribute("activations") else {
        let own = own.iter().map(|name| activation(name, None, None)).collect::<Result<Vec<_>, _>>()?;
        return Ok(vec![own; directions]);
    };
    // The numbers belong to those functions, in order, that have some.
    let numbers = |name: &str| call.attribute(name).map_or(vec![], |all| all.floats.clone());
    let (mut alphas, mut betas) = (numbers("activation_alpha").into_iter(), numbers("activation_beta").into_iter());
    let mut all = Vec::new();
    for name in attribute.strings.iter().map(|name| String::from_utf8_lossy(name).to_ascii_lowercase()) {
        let has_beta = matches!(name.as_str(), "affine" | "scaledtanh" | "hardsigmoid");
        let has_alpha = has_beta || matches!(name.as_str(), "leakyrelu" | "thresholdedrelu" | "elu");
        let alpha = has_alpha.then(|| alphas.next()).flatten().map(f64::from);
        let beta = has_beta.then(|| betas.next()).flatten().map(f64::from);
        all.push(activation(&name, alpha, beta)?);
    }
    if all.len() != own.len() * directions {
        return invalid("activations do not fit the directions");
    }
    Ok(all.chunks(own.len()).map(<[Activation]>::to_vec).collect())
}

/// What one direction needs besides its inputs, each a matrix or vector of that direction.
struct Cell<'a> {
    kind: Kind,
    hidden: usize,
    weight: &'a [f64],
    recurrence: &'a [f64],
    bias: &'a [f64],
    peephole: &'a [f64],
    activations: &'a [Activation],
    clip: f64,
    resets_late: bool,
    couples: bool,
}

fn dot(matrix: &[f64], row: usize, vector: &[f64]) -> f64 {
    let values = matrix.iter().skip(row * vector.len());
    values.zip(vector).map(|(a, b)| a * b).sum()
}

impl Cell<'_> {
    fn bias(&self, index: usize) -> f64 {
        self.bias.get(index).copied().unwrap_or(0.0)
    }

    /// W·x + its bias, for a row of the stacked gates.
    fn input_sum(&self, row: usize, x: &[f64]) -> f64 {
        dot(self.weight, row, x) + self.bias(row)
    }

    /// R·h + its bias.
    fn hidden_sum(&self, row: usize, h: &[f64]) -> f64 {
        dot(self.recurrence, row, h) + self.bias(self.kind.gates() * self.hidden + row)
    }

    fn activate(&self, which: usize, x: f64) -> Result<f64, ReferenceError> {
        Ok(at(self.activations, which)?.of(lesser(greater(x, -self.clip), self.clip)))
    }

    /// The next hidden state and cell state.
    fn step(&self, x: &[f64], h: &[f64], c: &[f64]) -> Result<(Vec<f64>, Vec<f64>), ReferenceError> {
        match self.kind {
            Kind::Rnn => {
                let rows = 0..self.hidden;
                let next = rows.map(|row| self.activate(0, self.input_sum(row, x) + self.hidden_sum(row, h)));
                Ok((next.collect::<Result<_, _>>()?, Vec::new()))
            }
            Kind::Gru => Ok((self.gru(x, h)?, Vec::new())),
            Kind::Lstm => self.lstm(x, h, c),
        }
    }

    fn gru(&self, x: &[f64], h: &[f64]) -> Result<Vec<f64>, ReferenceError> {
        let n = self.hidden;
        let gate = |row: usize| self.activate(0, self.input_sum(row, x) + self.hidden_sum(row, h));
        let update = (0..n).map(gate).collect::<Result<Vec<_>, _>>()?;
        let reset = (n..2 * n).map(gate).collect::<Result<Vec<_>, _>>()?;
        let kept: Vec<f64> = h.iter().zip(&reset).map(|(h, r)| h * r).collect();
        let mut next = Vec::new();
        for index in 0..n {
            let row = 2 * n + index;
            let recurrent =
                if self.resets_late { at(&reset, index)? * self.hidden_sum(row, h) } else { self.hidden_sum(row, &kept) };
            let new = self.activate(1, self.input_sum(row, x) + recurrent)?;
            let update = at(&update, index)?;
            next.push((1.0 - update) * new + update * at(h, index)?);
        }
        Ok(next)
    }

    /// Gates in the order input, output, forget, cell; peepholes in the order input, output, forget.
    fn lstm(&self, x: &[f64], h: &[f64], c: &[f64]) -> Result<(Vec<f64>, Vec<f64>), ReferenceError> {
        let n = self.hidden;
        let sum = |row: usize| self.input_sum(row, x) + self.hidden_sum(row, h);
        let peep = |row: usize, c: f64| self.peephole.get(row).map_or(0.0, |weight| weight * c);
        let (mut next_h, mut next_c) = (Vec::new(), Vec::new());
        for index in 0..n {
            let old = at(c, index)?;
            let input = self.activate(0, sum(index) + peep(index, old))?;
            let forget =
                if self.couples { 1.0 - input } else { self.activate(0, sum(2 * n + index) + peep(2 * n + index, old))? };
            let cell = forget * old + input * self.activate(1, sum(3 * n + index))?;
            let output = self.activate(0, sum(n + index) + peep(n + index, cell))?;
            next_h.push(output * at(self.activations, 2)?.of(cell));
            next_c.push(cell);
        }
        Ok((next_h, next_c))
    }
}

/// The elements of one direction of a parameter with these dims; none if it is absent.
fn part<'a>(parameter: Option<&'a Array>, dims: &[usize], direction: usize) -> Result<&'a [f64], ReferenceError> {
    let Some(parameter) = parameter else {
        return Ok(&[]);
    };
    if parameter.dims != dims {
        return invalid(format!("a parameter of dims {:?}, not {dims:?}", parameter.dims));
    }
    let length = count(dims.get(1..).unwrap_or(&[]))?;
    Ok(parameter.floats()?.chunks(length.max(1)).nth(direction).unwrap_or(&[]))
}

/// For each direction whether it goes from the end.
fn reversed(call: &Call, directions: usize) -> Result<&'static [bool], ReferenceError> {
    Ok(match (call.text_or("direction", "forward")?, directions) {
        ("forward", 1) => &[false],
        ("reverse", 1) => &[true],
        ("bidirectional", 2) => &[false, true],
        (direction, _) => return invalid(format!("{directions} directions, but {direction}")),
    })
}

/// The parameters of one direction, of so many directions, hidden numbers and features.
fn cell<'a>(
    call: &'a Call,
    kind: Kind,
    [directions, hidden, features]: [usize; 3],
    direction: usize,
    activations: &'a [Activation],
) -> Result<Cell<'a>, ReferenceError> {
    let rows = hidden.saturating_mul(kind.gates());
    let peephole = call.optional(7).filter(|_| kind == Kind::Lstm);
    Ok(Cell {
        kind,
        hidden,
        weight: part(Some(call.input(1)?), &[directions, rows, features], direction)?,
        recurrence: part(Some(call.input(2)?), &[directions, rows, hidden], direction)?,
        bias: part(call.optional(3), &[directions, rows.saturating_mul(2)], direction)?,
        peephole: part(peephole, &[directions, hidden.saturating_mul(3)], direction)?,
        activations,
        clip: call.float_or("clip", f32::INFINITY)?,
        resets_late: call.int_or("linear_before_reset", 0)? != 0,
        couples: call.int_or("input_forget", 0)? != 0,
    })
}

fn recurrent(call: &Call, kind: Kind) -> Result<Vec<Array>, ReferenceError> {
    let (x, weight) = (call.input(0)?, call.input(1)?);
    let is_batch_first = call.int_or("layout", 0)? != 0;
    let ([first, second, features], [directions, rows, _]) = (&x.dims[..], &weight.dims[..]) else {
        return invalid("input and weight need rank 3");
    };
    let (batch, length) = if is_batch_first { (*first, *second) } else { (*second, *first) };
    let (directions, hidden) = (*directions, rows / kind.gates());
    let reversed = reversed(call, directions)?;
    if size(call.int_or("hidden_size", hidden as i64)?)? != hidden || *rows != hidden * kind.gates() {
        return invalid("hidden_size differs from the weight's rows");
    }
    count(&[batch])?;
    count(&[hidden])?;
    let lengths: Vec<usize> = match call.optional(4) {
        Some(lengths) => lengths.ints()?.iter().map(|&length| size(length)).collect::<Result<_, _>>()?,
        None => vec![length; batch],
    };
    let all_activations = activations(call, kind, directions)?;
    let y_dims = [length, directions, batch, hidden];
    let h_dims = [directions, batch, hidden];
    let mut y = vec![0.0; count(&y_dims)?];
    let (mut last_h, mut last_c) = (Vec::new(), Vec::new());
    let values = x.floats()?;
    for (direction, (&reversed, activations)) in reversed.iter().zip(&all_activations).enumerate() {
        let cell = cell(call, kind, [directions, hidden, *features], direction, activations)?;
        for sample in 0..batch {
            let start = |index: usize| initial(call.optional(index), is_batch_first, &h_dims, direction, sample);
            let mut h = start(5)?;
            let mut c = if kind == Kind::Lstm { start(6)? } else { Vec::new() };
            let steps = at(&lengths, sample)?.min(length);
            for step in 0..steps {
                let step = if reversed { steps - 1 - step } else { step };
                let row = if is_batch_first { sample * length + step } else { step * batch + sample };
                let input = values.get(row * features..(row + 1) * features).unwrap_or(&[]);
                (h, c) = cell.step(input, &h, &c)?;
                let offset = flat(&[step, direction, sample, 0], &y_dims);
                y.iter_mut().skip(offset).zip(&h).for_each(|(place, value)| *place = *value);
            }
            last_h.extend(h);
            last_c.extend(c);
        }
    }
    let mut outputs = vec![Array::float(y_dims, y), Array::float(h_dims, last_h)];
    if kind == Kind::Lstm {
        outputs.push(Array::float(h_dims, last_c));
    }
    if is_batch_first {
        return outputs.iter().map(batch_first).collect();
    }
    Ok(outputs)
}

/// The initial state of one sample, zeros if it is absent.
fn initial(
    state: Option<&Array>,
    is_batch_first: bool,
    dims: &[usize; 3],
    direction: usize,
    sample: usize,
) -> Result<Vec<f64>, ReferenceError> {
    let [directions, batch, hidden] = *dims;
    let Some(state) = state else {
        return Ok(vec![0.0; hidden]);
    };
    let wanted = if is_batch_first { [batch, directions, hidden] } else { *dims };
    if state.dims != wanted {
        return invalid(format!("an initial state of dims {:?}, not {wanted:?}", state.dims));
    }
    let row = if is_batch_first { sample * directions + direction } else { direction * batch + sample };
    Ok(state.floats()?.iter().skip(row * hidden).take(hidden).copied().collect())
}

/// [length, directions, batch, hidden] as [batch, length, directions, hidden]; the states likewise.
fn batch_first(array: &Array) -> Result<Array, ReferenceError> {
    let order: &[usize] = if array.dims.len() == 4 { &[2, 0, 1, 3] } else { &[1, 0, 2] };
    let dims = order.iter().map(|&axis| at(&array.dims, axis)).collect::<Result<Vec<_>, _>>()?;
    array.pick(&dims, |position| {
        let mut source = vec![0; order.len()];
        for (&place, &axis) in position.iter().zip(order) {
            if let Some(target) = source.get_mut(axis) {
                *target = place;
            }
        }
        flat(&source, &array.dims)
    })
}
