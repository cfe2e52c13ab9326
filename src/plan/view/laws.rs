//! The laws of nodes where many maps meet. Each map asks for them, and to read one takes as long as the node has inputs: they are
//! kept until the draft or what is known of shapes changes.

use std::sync::Arc;

use super::View;
use crate::law::{Law, Reason};
use crate::model::NodeId;
use crate::plan::draft::Draft;

/// Laws of nodes with no more inputs and outputs than this are read whenever somebody asks.
const MOST_READ_ANEW: usize = 2;

impl View<'_> {
    /// Changes the draft while maps are on their way.
    pub(in crate::plan) fn decide(&mut self, change: impl FnOnce(Draft) -> Draft) {
        self.draft = change(std::mem::take(&mut self.draft));
        self.laws.take();
    }

    /// As [`View::law`], read once for all maps that meet at a node.
    ///
    /// # Errors
    /// As [`View::law`].
    pub(in crate::plan) fn law_of_meeting(&self, id: NodeId) -> std::result::Result<Arc<Law>, Reason> {
        let node = self.graph.node(id);
        if node.inputs.len().max(node.outputs.len()) <= MOST_READ_ANEW {
            return self.law(id).map(Arc::new);
        }
        if let Some(law) = self.laws.borrow().get(&id) {
            let is_same = |anew| matches!((anew, &**law), (Law::Carry(one), Law::Carry(two)) if one == *two);
            debug_assert!(self.law(id).is_ok_and(is_same), "a law changes with the draft alone");
            return Ok(law.clone());
        }
        let law = Arc::new(self.law(id)?);
        if matches!(*law, Law::Carry(_)) {
            self.laws.borrow_mut().insert(id, law.clone());
        }
        Ok(law)
    }
}
