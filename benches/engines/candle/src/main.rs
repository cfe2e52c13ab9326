//! Runs models in candle-onnx for `worker.py`, which writes one line of JSON for each: {model, feeds: {name: {type, dims, data}}}.

use std::collections::HashMap;
use std::io::{BufRead, Write, stdin, stdout};
use std::panic::catch_unwind;

use anyhow::{Context, Result, bail};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, from_value, json};

fn tensor(feed: &Value) -> Result<Tensor> {
    let dims: Vec<usize> = from_value(feed["dims"].clone())?;
    let data = feed["data"].clone();
    Ok(match feed["type"].as_str() {
        Some("int64") => Tensor::from_vec(from_value::<Vec<i64>>(data)?, dims, &Device::Cpu)?,
        Some("float32") => Tensor::from_vec(from_value::<Vec<f32>>(data)?, dims, &Device::Cpu)?,
        Some("float64") => Tensor::from_vec(from_value::<Vec<f64>>(data)?, dims, &Device::Cpu)?,
        kind => bail!("no input of {kind:?}"),
    })
}

fn found(line: &str) -> Result<Value> {
    let job: Value = serde_json::from_str(line)?;
    let model = candle_onnx::read_file(job["model"].as_str().context("no model")?)?;
    let feeds = job["feeds"].as_object().context("no feeds")?;
    let given = feeds.iter().map(|(name, feed)| Ok((name.clone(), tensor(feed)?))).collect::<Result<HashMap<_, _>>>()?;
    let names: Vec<String> = model.graph.iter().flat_map(|graph| &graph.output).map(|value| value.name.clone()).collect();
    let made = candle_onnx::simple_eval(&model, given)?;
    let value = |name: &String| {
        let tensor = made.get(name).context("an output is missing")?.to_dtype(DType::F64)?;
        Ok(json!({ "dims": tensor.dims(), "data": tensor.flatten_all()?.to_vec1::<f64>()? }))
    };
    names.iter().map(value).collect::<Result<Vec<_>>>().map(Value::from)
}

fn main() -> Result<()> {
    for line in stdin().lock().lines() {
        let line = line?;
        let answer = match catch_unwind(|| found(&line)) {
            Ok(Ok(values)) => json!({ "ok": values }),
            Ok(Err(error)) => json!({ "error": format!("{error:#}").lines().next() }),
            Err(_) => json!({ "error": "it panicked" }),
        };
        writeln!(stdout(), "{answer}")?;
    }
    Ok(())
}
