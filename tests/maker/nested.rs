//! Graphs of nodes: two branches, and a body that is run twice. They read the graph around, and may have constants of their own.

use std::fmt::Write as _;

use super::{Maker, list};

impl Maker {
    /// The current value behind a choice of two graphs, or behind rounds of one.
    pub fn nested(&mut self, x: &str) {
        if self.inner.is_some() {
            return self.plain(x);
        }
        if self.pick(3) == 0 {
            return self.rounds(x);
        }
        let out = 1 + self.pick(4);
        let [one, other] = ["then_branch", "else_branch"].map(|name| {
            let (graph, made) = self.graph_of(x, out, "");
            format!("{name} = {name} () => (double[] {made}) {graph}")
        });
        self.asks = true;
        self.node(&format!("If <{one}, {other}> (condition)"));
        self.channels = out;
    }

    fn rounds(&mut self, x: &str) {
        let (trips, extents) = (format!("k{}", self.constants.len()), [&[2, self.channels], &self.spatial[..]].concat());
        self.constants.push(format!("int64 {trips} = {{2}}"));
        self.count += 1;
        let at = self.count;
        let (graph, made) = self.graph_of(&format!("s{at}"), self.channels, &format!("h{at} = Identity (g{at})\n"));
        let signature = format!("(int64 r{at}, bool g{at}, double[{}] s{at}) => (bool h{at}, double[] {made})", list(&extents));
        self.node(&format!("Loop <body = body {signature} {graph}> ({trips}, \"\", {x})"));
    }

    /// Constants and nodes of a graph that maps a value to one of so many channels, and what it makes; `first` stands before them.
    fn graph_of(&mut self, x: &str, out: usize, first: &str) -> (String, String) {
        let (around, channels) = (std::mem::replace(&mut self.nodes, first.to_owned()), self.channels);
        self.inner = Some(vec![]);
        self.value = x.to_owned();
        for mixes in [false, true, false] {
            let x = self.value.clone();
            if mixes {
                self.pointwise(&x, out);
                self.channels = out;
            } else {
                match self.pick(8) {
                    5 => self.plain(&x),
                    6 => self.parallel(&x),
                    7 => {}
                    kind => self.map_of(kind, &x),
                }
            }
        }
        self.channels = channels;
        let nodes = std::mem::replace(&mut self.nodes, around);
        let constants = self.inner.take().unwrap_or_default();
        let constants = if constants.is_empty() { String::new() } else { format!("<{}> ", constants.join(", ")) };
        (format!("{constants}{{ {nodes} }}"), self.value.clone())
    }

    /// A constant of the graph of a node: a Constant node, or from IR 4 on an initializer.
    pub fn constant_inside(&mut self, dims: &[usize], values: &[String]) -> Option<String> {
        self.inner.as_ref()?;
        let (kind, values) = (format!("double[{}]", list(dims)), values.join(", "));
        if dims.is_empty() || self.pick(2) == 0 {
            return None;
        }
        self.count += 1;
        let name = format!("b{}", self.count);
        let stored = self.ir_version > 3 && self.pick(2) == 0;
        match self.inner.as_mut().filter(|_| stored) {
            Some(own) => own.push(format!("{kind} {name} = {{{values}}}")),
            None => writeln!(self.nodes, "{name} = Constant <value = {kind} {{{values}}}> ()").unwrap(),
        }
        Some(name)
    }
}
