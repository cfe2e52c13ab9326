//! A plan as edits of bytes. Numbers are rounded here or while they are written, each once.

pub mod loss;
mod message;
mod nodes;
pub mod rescale;
mod scalers;
mod settle;
mod sides;
mod storage;
mod tensors;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::double_double::DoubleDouble;
use crate::error::Result;
use crate::law::Reason;
use crate::model::{Graph, NodeId, TensorId};
use crate::plan::{Channels, Plan};
use crate::wire::splice::{Edit, Piece};

use rescale::Rescale;
pub use storage::Storage;

/// A weight times factors.
#[derive(Clone, Debug)]
pub struct Factored {
    /// The stored weight.
    pub tensor: TensorId,
    /// The factors.
    pub rescale: Rescale,
    /// Where its channels are.
    pub channels: Channels,
    /// One factor per output channel; empty means none.
    pub out: Vec<DoubleDouble>,
    /// One factor per input channel; empty means none.
    pub input: Vec<DoubleDouble>,
    /// The shift that is added to each output channel, where the same node adds one for each; else empty.
    pub shift: Vec<f64>,
    /// A node and input that read the result.
    pub reader: (NodeId, usize),
}

/// Stored elements that are copied to where they were not, or multiplied while they are copied.
#[derive(Clone, Debug)]
pub struct Scaled {
    /// Index among the files of the model.
    pub file: usize,
    /// The elements.
    pub range: Range<u64>,
    /// By what, if they are multiplied.
    pub factored: Option<Factored>,
}

/// New content for a part of a side file; its length stays.
#[derive(Clone, Debug)]
pub struct SideEdit {
    /// Index among the files of the model.
    pub file: usize,
    /// The part.
    pub range: Range<u64>,
    /// The content.
    pub with: Piece,
}

/// A plan as edits.
#[derive(Debug, Default)]
pub struct Lowered {
    /// Edits of the model file.
    pub edits: Vec<Edit>,
    /// Edits of side files.
    pub sides: Vec<SideEdit>,
    /// The side file that the result has beside those of the model.
    pub own: Vec<Piece>,
    /// What [`Piece::Lazy`] refers to.
    pub scaled: Vec<Scaled>,
    /// Weights in forms that are not copied, which were multiplied when the edits were made and perhaps did not survive it.
    pub held: Vec<Factored>,
    /// Nodes with weights that were summed up when the edits were made and did not survive it, with the reason.
    pub hurt: Vec<(NodeId, Reason)>,
    /// Whether nothing changes but that nodes which were read otherwise are what they were.
    pub idle: bool,
    /// Tensors whose elements moved from a side file into the model file, by their message.
    inlined: Vec<Range<u64>>,
}

/// Turns a plan into edits, of which the result keeps elements as `storage` says.
///
/// # Errors
/// A file that cannot be read.
pub fn lower(plan: &Plan<'_>, storage: &Storage) -> Result<Lowered> {
    let settlement = settle::settle(plan)?;
    let mut lowering = Lowering::new(plan, storage);
    for store in &settlement.stores {
        lowering.store(store)?;
    }
    for zeros in &settlement.zero_points {
        lowering.zero_points(zeros)?;
    }
    lowering.nodes(&settlement)?;
    lowering.stored(&settlement.dead)?;
    lowering.scalers();
    Ok(lowering.out)
}

/// The nodes of which changed constants do not survive in their type, with the reason: what [`lower`] and [`losses`] find, without
/// the rest of the edits.
///
/// # Errors
/// A file that cannot be read.
pub fn weigh(plan: &Plan<'_>) -> Result<Vec<(NodeId, Reason)>> {
    let storage = Storage::default();
    let lowering = Lowering::new(plan, &storage);
    let mut hurt = Vec::new();
    for change in settle::weights(plan) {
        hurt.extend(lowering.loss(&change)?.map(|reason| (change.reader.0, reason)));
    }
    Ok(hurt)
}

/// The nodes whose weights do not survive in their type, with the reason.
///
/// # Errors
/// A file that cannot be read.
pub fn losses(graph: &Graph<'_>, lowered: &Lowered) -> Result<Vec<(NodeId, Reason)>> {
    let mut hurt = lowered.hurt.clone();
    for factored in lowered.scaled.iter().filter_map(|s| s.factored.as_ref()).chain(&lowered.held) {
        if let Some(reason) = loss::loss(graph, factored, None)? {
            hurt.push((factored.reader.0, reason));
        }
    }
    Ok(hurt)
}

/// Work in progress.
struct Lowering<'p, 'g> {
    plan: &'p Plan<'g>,
    graph: &'p Graph<'g>,
    storage: &'p Storage,
    out: Lowered,
    /// Constants in side files whose bytes others use as well, once somebody asks.
    shared: OnceCell<BTreeSet<TensorId>>,
    /// New elements of tensors that get another place than they had, by where the tensor's message begins.
    moved: BTreeMap<u64, Piece>,
    /// How long the result's own side file is so far.
    own_len: u64,
    /// What lies in it as it was: file and range, and the fields that refer to it.
    known: BTreeMap<(usize, u64, u64), Vec<u8>>,
}

impl<'p, 'g> Lowering<'p, 'g> {
    fn new(plan: &'p Plan<'g>, storage: &'p Storage) -> Lowering<'p, 'g> {
        Lowering {
            plan,
            graph: plan.view.graph,
            storage,
            out: Lowered::default(),
            shared: OnceCell::new(),
            moved: BTreeMap::new(),
            own_len: 0,
            known: BTreeMap::new(),
        }
    }
}
