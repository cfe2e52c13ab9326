//! Runs the model that it was built with in burn, for `worker.py`, which writes one line of JSON: {feeds: [{type, dims, data}, ...]},
//! the feeds in the order of the model's inputs.

use burn::tensor::{Device, Tensor, TensorData};
use serde_json::{Value, json};

#[allow(warnings)]
mod model {
    include!(concat!(env!("OUT_DIR"), "/model/model.rs"));
}
use model::Model;
include!(concat!(env!("OUT_DIR"), "/call.rs"));

fn given<const D: usize>(feed: &Value) -> Tensor<D> {
    let dims: Vec<usize> = serde_json::from_value(feed["dims"].clone()).expect("dims");
    let data: Vec<f32> = serde_json::from_value(feed["data"].clone()).expect("numbers");
    Tensor::from_data(TensorData::new(data, dims), &Device::default())
}

fn told<const D: usize>(tensor: Tensor<D>) -> Value {
    let dims: Vec<usize> = tensor.dims().to_vec();
    let data: Vec<f32> = tensor.into_data_as::<f32>().to_vec().expect("numbers");
    json!({ "dims": dims, "data": data })
}

/// What a model makes: one tensor or several.
trait Made {
    fn values(self) -> Vec<Value>;
}

impl<const A: usize> Made for Tensor<A> {
    fn values(self) -> Vec<Value> {
        vec![told(self)]
    }
}

impl<const A: usize, const B: usize> Made for (Tensor<A>, Tensor<B>) {
    fn values(self) -> Vec<Value> {
        vec![told(self.0), told(self.1)]
    }
}

fn made(values: impl Made) -> Vec<Value> {
    values.values()
}

fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).expect("a line");
    let job: Value = serde_json::from_str(&line).expect("JSON");
    let feeds: Vec<Value> = job["feeds"].as_array().expect("feeds").clone();
    println!("{}", json!({ "ok": call(&feeds) }));
}
