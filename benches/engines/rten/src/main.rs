//! Runs models in rten for `worker.py`, which writes one line of JSON for each: {model, feeds: {name: {type, dims, data}}}.

use std::io::{BufRead, Write, stdin, stdout};
use std::panic::catch_unwind;

use anyhow::{Context, Result, bail};
use rten::{Model, Value as Found};
use rten_tensor::prelude::*;
use serde_json::{Value, from_value, json};

fn tensor(feed: &Value) -> Result<Found> {
    let dims: Vec<usize> = from_value(feed["dims"].clone())?;
    let data = feed["data"].clone();
    // It takes whole numbers of 64 bits as those of 32.
    Ok(match feed["type"].as_str() {
        Some("float32") => Found::from_shape(dims, from_value::<Vec<f32>>(data)?)?,
        Some("int64") => Found::from_shape(dims, from_value::<Vec<i32>>(data)?)?,
        kind => bail!("no input of {kind:?}"),
    })
}

fn found(line: &str) -> Result<Value> {
    let job: Value = serde_json::from_str(line)?;
    let model = Model::load_file(job["model"].as_str().context("no model")?)?;
    let feeds = job["feeds"].as_object().context("no feeds")?;
    let given = feeds.iter().map(|(name, feed)| Ok((model.node_id(name)?, tensor(feed)?.into()))).collect::<Result<_>>()?;
    let value = |made: Found| match made {
        Found::FloatTensor(tensor) => Ok(json!({ "dims": tensor.shape(), "data": tensor.to_vec() })),
        other => bail!("an output is {:?}", other.dtype()),
    };
    model.run(given, model.output_ids(), None)?.into_iter().map(value).collect::<Result<Vec<_>>>().map(Value::from)
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
