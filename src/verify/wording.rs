//! The same function in other words: values that are computed twice or once, values that have other names, and nodes that are
//! written otherwise.
//!
//! What a value inside a model is called says nothing about what the model computes, and neither does how often it is computed.
//! Here the second file's names are guessed from who makes and who reads a value, and twins within a file are found. A guess
//! need not be right: whatever names come of it, the files are judged with them as strictly as with their own. This must not
//! know what a fold is.

mod aliases;
mod classes;
mod names;
mod numbers;
mod outputs;
mod products;
mod rows;
mod spelling;
mod unread;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::model::{Graph, Model};
use crate::onnx::{GraphProto, NodeProto};
use crate::verify::align::Read;
use crate::verify::measure::Measures;
use prost::Message as _;

/// What is read instead of what in one file, and what is called otherwise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Wording {
    /// Values that are computed twice, each with the first that is computed alike.
    pub twins: BTreeMap<String, String>,
    /// Values that are called otherwise: the name in the file and the name instead. No two get the same.
    pub renamed: BTreeMap<String, String>,
    /// Nodes that are written otherwise, as messages, by the first value that each makes in the file.
    pub nodes: BTreeMap<String, Vec<u8>>,
    /// Whether there are nodes that nobody reads, which go.
    pub unread: bool,
}

impl Wording {
    /// The nodes of a file that can be written otherwise.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(graph: &Graph<'_>) -> Result<Wording> {
        let measures = Measures::of(graph)?;
        Ok(Wording { nodes: spelling::otherwise(Read { graph, measures: &measures }), ..Wording::default() })
    }

    /// Words in which the nodes that nobody reads go.
    pub fn read(graph: &Graph<'_>) -> Wording {
        Wording { unread: unread::any(graph), ..Wording::default() }
    }

    /// Whether everything stays as it is.
    pub fn is_empty(&self) -> bool {
        self.twins.is_empty() && self.renamed.is_empty() && self.nodes.is_empty() && !self.unread
    }

    /// The names of values in the file, by those that they were given.
    pub fn original(&self) -> BTreeMap<&str, &str> {
        self.renamed.iter().map(|(old, new)| (new.as_str(), old.as_str())).collect()
    }

    /// Puts the main graph of a model into these words. Nested graphs stay: what they read is left alone by [`between`].
    pub fn apply(&self, graph: &mut GraphProto) {
        if self.is_empty() {
            return;
        }
        let renamed = |name: &mut String| {
            if let Some(new) = self.renamed.get(name.as_str()) {
                name.clone_from(new);
            }
        };
        for node in &mut graph.node {
            let other = node.output.first().and_then(|name| self.nodes.get(name));
            if let Some(other) = other.and_then(|bytes| NodeProto::decode(&bytes[..]).ok()) {
                *node = other;
            }
            for name in &mut node.input {
                if let Some(twin) = self.twins.get(name.as_str()) {
                    name.clone_from(twin);
                }
                renamed(name);
            }
            node.output.iter_mut().for_each(renamed);
        }
        // What is computed otherwise in between may have other extents there.
        graph.value_info.retain(|info| !self.nodes.contains_key(info.name()));
        graph.value_info.iter_mut().filter_map(|info| info.name.as_mut()).for_each(renamed);
        unread::removed(graph);
    }

    /// A model in these words.
    pub fn put(&self, mut model: Model) -> Model {
        if let Some(graph) = model.proto.graph.as_mut() {
            self.apply(graph);
        }
        model
    }
}

/// The names with which two files may say the same, for the first and for the second; empty where they do already. Values whose
/// names are `kept`, that stand among a graph's inputs or outputs or that nested graphs read keep their names.
///
/// # Errors
/// A file that cannot be read.
pub fn between(a: &Graph<'_>, b: &Graph<'_>, kept: &[String]) -> Result<(Wording, Wording)> {
    let measures = (Measures::of(a)?, Measures::of(b)?);
    let read = (Read { graph: a, measures: &measures.0 }, Read { graph: b, measures: &measures.1 });
    let (ours, theirs) = (classes::number(read.0)?, classes::number(read.1)?);
    let renamed = names::guess((read.0, &ours), (read.1, &theirs), kept)?;
    let kept: BTreeSet<&str> = kept.iter().map(String::as_str).collect();
    let first = Wording { twins: ours.twins(a, &kept), ..Wording::read(a) };
    Ok((first, Wording { twins: theirs.twins(b, &kept), renamed, ..Wording::read(b) }))
}
