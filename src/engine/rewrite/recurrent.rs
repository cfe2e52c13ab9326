//! LSTM, GRU and RNN (ONNX opset 7 to 22) as a Scan over products, sums and activations: the engine's own have f32 inside, run
//! a reverse network forward and always take the default activations.

use super::super::proto::{attribute, float, input, int, label, make, text, with_graph, with_int, with_ints};
use super::Writer;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::type_proto::{Tensor, Value};
use crate::onnx::{GraphProto, NodeProto, TypeProto, ValueInfoProto};

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Rnn,
    Gru,
    Lstm,
}

/// What is known of a recurrence before anything is run.
struct Shape {
    kind: Kind,
    hidden: i64,
    /// For each direction: whether it runs backward, and its activations.
    directions: Vec<(bool, Vec<Activation>)>,
    batch_first: bool,
    clip: Option<f32>,
    resets_late: bool,
    couples: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Activation {
    Sigmoid,
    Tanh,
    Relu,
}

/// A bound on what is written out as positions.
const MOST_HIDDEN: i64 = 1 << 16;

/// Whether a recurrence can be written out: its hidden size is stated, all its sequences are as long as the input, and its
/// activations are Sigmoid, Tanh or Relu.
pub(crate) fn can_be_written(node: &NodeProto) -> bool {
    shape(node).is_some()
}

fn shape(node: &NodeProto) -> Option<Shape> {
    use Activation::{Sigmoid, Tanh};
    let (kind, own): (Kind, &[Activation]) = match node.op_type() {
        "RNN" => (Kind::Rnn, &[Tanh]),
        "GRU" => (Kind::Gru, &[Sigmoid, Tanh]),
        "LSTM" => (Kind::Lstm, &[Sigmoid, Tanh, Tanh]),
        _ => return None,
    };
    let hidden = int(node, "hidden_size").filter(|size| (1..=MOST_HIDDEN).contains(size))?;
    if input(node, 4).is_some() || (0..3).any(|index| input(node, index).is_none()) {
        return None;
    }
    let backward: &[bool] = match text(node, "direction") {
        None | Some(b"forward") => &[false],
        Some(b"reverse") => &[true],
        Some(b"bidirectional") => &[false, true],
        _ => return None,
    };
    let named = match attribute(node, "activations") {
        None => own.repeat(backward.len()),
        Some(attribute) => attribute.strings.iter().map(|name| activation(name)).collect::<Option<Vec<_>>>()?,
    };
    if named.len() != own.len() * backward.len() {
        return None;
    }
    let directions = backward.iter().copied().zip(named.chunks(own.len()).map(<[Activation]>::to_vec)).collect();
    let flag = |name: &str| int(node, name).unwrap_or(0) != 0;
    Some(Shape {
        kind,
        hidden,
        directions,
        batch_first: flag("layout"),
        clip: float(node, "clip"),
        resets_late: flag("linear_before_reset"),
        couples: flag("input_forget"),
    })
}

/// ONNX compares their names without regard to case.
fn activation(name: &[u8]) -> Option<Activation> {
    match name.to_ascii_lowercase().as_slice() {
        b"sigmoid" => Some(Activation::Sigmoid),
        b"tanh" => Some(Activation::Tanh),
        b"relu" => Some(Activation::Relu),
        _ => None,
    }
}

impl Kind {
    fn gates(self) -> i64 {
        match self {
            Kind::Rnn => 1,
            Kind::Gru => 3,
            Kind::Lstm => 4,
        }
    }
}

/// One direction of a recurrence inside its Scan; matrices are turned, so that rows of numbers are multiplied from the left.
struct Cell<'s> {
    shape: &'s Shape,
    activations: &'s [Activation],
    recurrence: String,
    bias: Option<String>,
    peephole: Option<String>,
    /// What new names begin with.
    prefix: String,
}

impl Writer {
    /// Whether it wrote the recurrence out.
    pub(crate) fn recurrent(&mut self, node: &NodeProto) -> bool {
        let Some(shape) = shape(node) else {
            return false;
        };
        let prefix = label(node).to_owned();
        let Some(x) = input(node, 0) else {
            return false;
        };
        let x = match shape.batch_first {
            true => self.turned(x, &[1, 0, 2], &format!("{prefix}/steps")),
            false => x.to_owned(),
        };
        let mut made: [Vec<String>; 3] = Default::default();
        for (index, (backward, activations)) in shape.directions.iter().enumerate() {
            let prefix = format!("{prefix}/direction{index}");
            let direction = Direction { node, shape: &shape, index, backward: *backward, activations, prefix };
            let outputs = self.direction(&direction, &x);
            for (all, output) in made.iter_mut().zip(outputs) {
                all.push(output);
            }
        }
        for (place, (all, axis)) in made.iter().zip([1, 0, 0]).enumerate() {
            let Some(output) = node.output.get(place).filter(|name| !name.is_empty() && !all.is_empty()) else {
                continue;
            };
            let all: Vec<&str> = all.iter().map(String::as_str).collect();
            let joined = match shape.batch_first {
                true => self.names.fresh(&format!("{output}/joined")),
                false => output.clone(),
            };
            self.nodes.push(with_int(make("Concat", &all, &joined), "axis", axis));
            if shape.batch_first {
                let order: &[i64] = if place == 0 { &[2, 0, 1, 3] } else { &[1, 0, 2] };
                self.nodes.push(with_ints(make("Transpose", &[&joined], output), "perm", order));
            }
        }
        true
    }

    /// The sequence and the last states of one direction, each with an axis for the directions.
    fn direction(&mut self, direction: &Direction<'_>, x: &str) -> Vec<String> {
        let Direction { node, shape, prefix, .. } = direction;
        let named = |what: &str| format!("{prefix}/{what}");
        let rows = shape.kind.gates() * shape.hidden;
        let weight = self.of_direction(node, 1, direction, 0, &named("W"));
        let recurrence = self.of_direction(node, 2, direction, 0, &named("R"));
        let [weight, recurrence] = [weight, recurrence].map(|name| self.turned(&name, &[1, 0], &format!("{name}/turned")));
        let mut gates = self.emit("MatMul", &[x, &weight], &named("product"));
        let mut bias = None;
        if input(node, 3).is_some() {
            let both = self.of_direction(node, 3, direction, 0, &named("B"));
            let own = self.part(&both, (0, rows), 0, &named("Wb"));
            gates = self.emit("Add", &[&gates, &own], &named("gates"));
            bias = Some(self.part(&both, (rows, rows), 0, &named("Rb")));
        }
        let has_peephole = shape.kind == Kind::Lstm && input(node, 7).is_some();
        let peephole = has_peephole.then(|| self.of_direction(node, 7, direction, 0, &named("P")));
        let states = if shape.kind == Kind::Lstm { 2 } else { 1 };
        let axis = i64::from(shape.batch_first);
        let mut inputs: Vec<String> = (0..states)
            .map(|state| match input(node, 5 + state) {
                Some(_) => self.of_direction(node, 5 + state, direction, axis, &named(&format!("state{state}"))),
                None => self.zeros(&gates, shape.hidden, &named(&format!("state{state}"))),
            })
            .collect();
        inputs.push(gates);
        let cell = Cell { shape, activations: direction.activations, recurrence, bias, peephole, prefix: named("body") };
        let body = self.body(&cell, states);
        let inputs: Vec<&str> = inputs.iter().map(String::as_str).collect();
        let mut scan = make("Scan", &inputs, "");
        scan.output = (0..states).map(|state| self.names.fresh(&named(&format!("last{state}")))).collect();
        scan.output.push(self.names.fresh(&named("all")));
        let way = i64::from(direction.backward);
        scan = with_ints(scan, "scan_input_directions", &[way]);
        scan = with_ints(scan, "scan_output_directions", &[way]);
        scan = with_graph(with_int(scan, "num_scan_inputs", 1), "body", body);
        let outputs = scan.output.clone();
        self.nodes.push(scan);
        let (last, all) = outputs.split_at(states);
        let mut made: Vec<String> = all.iter().map(|all| self.with_axis(all, 1, &named("Y"))).collect();
        made.extend(last.iter().map(|last| self.with_axis(last, 0, &named("Y_h"))));
        made
    }

    /// What one step does: from the states and the gates' share of the input to the next states and what is given out.
    fn body(&mut self, cell: &Cell<'_>, states: usize) -> GraphProto {
        let outside = std::mem::take(&mut self.nodes);
        let names: Vec<String> = (0..=states).map(|at| self.names.fresh(&cell.named(&format!("input{at}")))).collect();
        let inputs: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut made = match (cell.shape.kind, inputs.as_slice()) {
            (Kind::Lstm, [h, c, gates]) => self.lstm(cell, h, c, gates),
            (Kind::Gru, [h, gates]) => vec![self.gru(cell, h, gates)],
            (_, [h, gates]) => {
                let recurrent = self.recurrent_sum(cell, h, &cell.recurrence, cell.bias.as_deref(), "hidden");
                let sum = self.emit("Add", &[gates, &recurrent], &cell.named("sum"));
                vec![self.activated(cell, 0, sum, "next")]
            }
            _ => vec![],
        };
        if let Some(next) = made.first() {
            made.push(self.emit("Identity", &[next], &cell.named("given")));
        }
        let tensor = Tensor { elem_type: Some(DataType::Double.into()), shape: None };
        let double = TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() };
        let value = |name: &String| ValueInfoProto {
            name: Some(name.clone()),
            r#type: Some(double.clone()),
            ..ValueInfoProto::default()
        };
        let (input, output) = (names.iter().map(value).collect(), made.iter().map(value).collect());
        let node = std::mem::replace(&mut self.nodes, outside);
        GraphProto { name: Some("step".to_owned()), node, input, output, ..GraphProto::default() }
    }

    /// Gates in the order input, output, forget, cell; peepholes in the order input, output, forget.
    fn lstm(&mut self, cell: &Cell<'_>, h: &str, c: &str, gates: &str) -> Vec<String> {
        let recurrent = self.recurrent_sum(cell, h, &cell.recurrence, cell.bias.as_deref(), "hidden");
        let sum = self.emit("Add", &[gates, &recurrent], &cell.named("sum"));
        let [input, output, forget, new] =
            [(0, "i"), (1, "o"), (2, "f"), (3, "c")].map(|(at, name)| self.own_part(cell, &sum, at, name));
        let input = self.peeping(cell, input, 0, c);
        let input = self.activated(cell, 0, input, "input");
        let forget = match cell.shape.couples {
            true => {
                let one = self.scalar(1.0, &cell.named("one"));
                self.emit("Sub", &[&one, &input], &cell.named("forget"))
            }
            false => {
                let forget = self.peeping(cell, forget, 2, c);
                self.activated(cell, 0, forget, "forget")
            }
        };
        let new = self.activated(cell, 1, new, "new");
        let kept = self.emit("Mul", &[&forget, c], &cell.named("kept"));
        let added = self.emit("Mul", &[&input, &new], &cell.named("added"));
        let next = self.emit("Add", &[&kept, &added], &cell.named("cell"));
        let output = self.peeping(cell, output, 1, &next);
        let output = self.activated(cell, 0, output, "output");
        let seen = cell.activations.get(2).copied().unwrap_or(Activation::Tanh);
        let seen = self.function(seen, &next, &cell.named("seen"));
        vec![self.emit("Mul", &[&output, &seen], &cell.named("next")), next]
    }

    /// Gates in the order update, reset, hidden.
    fn gru(&mut self, cell: &Cell<'_>, h: &str, gates: &str) -> String {
        let recurrent = self.recurrent_sum(cell, h, &cell.recurrence, cell.bias.as_deref(), "hidden");
        let sum = self.emit("Add", &[gates, &recurrent], &cell.named("sum"));
        let [update, reset] = [(0, "z"), (1, "r")].map(|(at, name)| self.own_part(cell, &sum, at, name));
        let update = self.activated(cell, 0, update, "update");
        let reset = self.activated(cell, 0, reset, "reset");
        let own = self.own_part(cell, gates, 2, "own");
        let hidden = match cell.shape.resets_late {
            true => {
                let hidden = self.own_part(cell, &recurrent, 2, "h");
                self.emit("Mul", &[&reset, &hidden], &cell.named("late"))
            }
            false => {
                let size = cell.shape.hidden;
                let kept = self.emit("Mul", &[&reset, h], &cell.named("kept"));
                let matrix = self.part(&cell.recurrence, (2 * size, size), 1, &cell.named("Rh"));
                let bias = cell.bias.as_ref().map(|bias| self.part(bias, (2 * size, size), 0, &cell.named("Rbh")));
                self.recurrent_sum(cell, &kept, &matrix, bias.as_deref(), "early")
            }
        };
        let new = self.emit("Add", &[&own, &hidden], &cell.named("new/sum"));
        let new = self.activated(cell, 1, new, "new");
        let one = self.scalar(1.0, &cell.named("one"));
        let rest = self.emit("Sub", &[&one, &update], &cell.named("rest"));
        let added = self.emit("Mul", &[&rest, &new], &cell.named("added"));
        let old = self.emit("Mul", &[&update, h], &cell.named("old"));
        self.emit("Add", &[&added, &old], &cell.named("next"))
    }

    fn recurrent_sum(&mut self, cell: &Cell<'_>, h: &str, matrix: &str, bias: Option<&str>, wanted: &str) -> String {
        let product = self.emit("MatMul", &[h, matrix], &cell.named(&format!("{wanted}/product")));
        match bias {
            Some(bias) => self.emit("Add", &[&product, bias], &cell.named(wanted)),
            None => product,
        }
    }

    /// The numbers of one gate out of those of all.
    fn own_part(&mut self, cell: &Cell<'_>, all: &str, at: i64, wanted: &str) -> String {
        let size = cell.shape.hidden;
        self.part(all, (at * size, size), 1, &cell.named(wanted))
    }

    fn peeping(&mut self, cell: &Cell<'_>, sum: String, at: i64, c: &str) -> String {
        let Some(peephole) = &cell.peephole else {
            return sum;
        };
        let size = cell.shape.hidden;
        let weight = self.part(peephole, (at * size, size), 0, &cell.named("peephole"));
        let seen = self.emit("Mul", &[&weight, c], &cell.named("peephole/product"));
        self.emit("Add", &[&sum, &seen], &cell.named("peephole/sum"))
    }

    /// The activation with this number, of what is clipped before it.
    fn activated(&mut self, cell: &Cell<'_>, which: usize, mut value: String, wanted: &str) -> String {
        if let Some(clip) = cell.shape.clip {
            let [most, least] = [f64::from(clip), -f64::from(clip)].map(|bound| self.scalar(bound, &cell.named("clip")));
            value = self.emit("Min", &[&value, &most], &cell.named("clipped"));
            value = self.emit("Max", &[&value, &least], &cell.named("clipped"));
        }
        let activation = cell.activations.get(which).copied().unwrap_or(Activation::Tanh);
        self.function(activation, &value, &cell.named(wanted))
    }

    fn function(&mut self, activation: Activation, value: &str, wanted: &str) -> String {
        match activation {
            Activation::Tanh => self.emit("Tanh", &[value], wanted),
            Activation::Relu => self.emit("Relu", &[value], wanted),
            Activation::Sigmoid => {
                let output = self.names.fresh(wanted);
                self.sigmoid(value, &output);
                output
            }
        }
    }

    /// An input's part for one direction, without the axis of the directions.
    fn of_direction(&mut self, node: &NodeProto, at: usize, direction: &Direction<'_>, axis: i64, wanted: &str) -> String {
        let index = i64::try_from(direction.index).unwrap_or(0);
        self.one(input(node, at).unwrap_or_default(), index, axis, wanted)
    }

    /// `length` positions of an axis from `first` on.
    fn part(&mut self, value: &str, (first, length): (i64, i64), axis: i64, wanted: &str) -> String {
        let positions: Vec<i64> = (first..first.saturating_add(length)).collect();
        self.picked(value, &positions, axis, wanted)
    }

    /// A state of zeros, with as many rows as the steps have.
    fn zeros(&mut self, steps: &str, hidden: i64, wanted: &str) -> String {
        let shape = self.emit("Shape", &[steps], &format!("{wanted}/steps"));
        let rows = self.part(&shape, (1, 1), 0, &format!("{wanted}/rows"));
        let hidden = self.numbers(&[hidden], &format!("{wanted}/hidden"));
        let shape = self.joined(&[&rows, &hidden], &format!("{wanted}/shape"));
        let zero = self.scalar(0.0, &format!("{wanted}/zero"));
        self.emit("Expand", &[&zero, &shape], wanted)
    }

    fn turned(&mut self, value: &str, order: &[i64], wanted: &str) -> String {
        let output = self.names.fresh(wanted);
        self.nodes.push(with_ints(make("Transpose", &[value], &output), "perm", order));
        output
    }

    fn with_axis(&mut self, value: &str, axis: i64, wanted: &str) -> String {
        if self.opset >= 13 {
            let axes = self.numbers(&[axis], &format!("{wanted}/axes"));
            return self.emit("Unsqueeze", &[value, &axes], wanted);
        }
        let output = self.names.fresh(wanted);
        self.nodes.push(with_ints(make("Unsqueeze", &[value], &output), "axes", &[axis]));
        output
    }
}

/// One direction of a recurrence, as it stands in its node.
struct Direction<'n> {
    node: &'n NodeProto,
    shape: &'n Shape,
    index: usize,
    backward: bool,
    activations: &'n [Activation],
    prefix: String,
}

impl Cell<'_> {
    fn named(&self, what: &str) -> String {
        format!("{}/{what}", self.prefix)
    }
}
