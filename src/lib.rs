//! stub
#![forbid(unsafe_code)]

/// The ONNX messages, compiled from `proto/onnx.proto`.
#[allow(missing_docs, clippy::all)]
pub mod onnx {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}

pub mod verify;
