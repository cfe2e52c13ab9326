//! The model as read: bytes, messages, graph, constants, shapes.
//!
//! Everything here is immutable. It knows ONNX's format and names; it knows nothing of maps, laws and folding.

pub mod computed;
pub mod external;
pub mod functions;
pub mod graph;
mod inline;
pub mod integers;
mod magnitudes;
pub mod node_view;
pub mod number;
mod open;
pub mod order;
pub mod quantised;
pub mod scaler;
pub mod scan;
pub mod shape;
pub mod small_float;
pub mod tensor;
pub mod text;

pub use functions::Functions;
pub use graph::{Graph, Node, NodeId, Origin, Scope, ScopeId, ScopeKind, TensorId, Use, Value, ValueId};
pub use node_view::{ConstantFact, Fault, InputFact, NodeView, NotConstant, Unreadable};
pub use number::Element;
pub use open::Model;
pub use quantised::Grain;
pub use scaler::Scaler;
pub use shape::{Dim, Extent, Shape};
pub use tensor::{Home, Payload, Tensor};
