//! How long a model takes in tract, optimised, before and after a fold; `benches/latency.py` calls it and writes the table.
//!
//! `cargo bench --bench tract_latency -- ROUNDS BEFORE AFTER INPUT=1x3x224x224 …` prints one line: the medians of both in
//! milliseconds, and the median of the ratios of rounds that follow one another.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use tract_onnx::prelude::{
    DatumType, InferenceFact, InferenceModelExt, IntoRunnable, TValue, TVec, Tensor, TypedModel, TypedSimplePlan,
};
use tract_onnx::tract_hir::internal::Framework;

/// The name and shape of an input.
type Shaped = (String, Vec<usize>);

fn loaded(path: &Path, shapes: &[Shaped]) -> Result<(Arc<TypedSimplePlan>, TVec<TValue>)> {
    let mut model = tract_onnx::onnx().with_ignore_value_info(true).model_for_path(path)?;
    let mut values = TVec::new();
    for index in 0..model.inputs.len() {
        let name = model.node(model.inputs[index].node).name.clone();
        let (_, shape) = shapes.iter().find(|(input, _)| *input == name).with_context(|| format!("no shape for `{name}`"))?;
        model.set_input_fact(index, InferenceFact::dt_shape(DatumType::F32, shape))?;
        // The same numbers in both models: a ramp, so that no product is a special number.
        let count: usize = shape.iter().product();
        let numbers: Vec<f32> = (0..count).map(|at| ((at * 37 % 211) as f32 - 105.0) / 64.0).collect();
        values.push(Tensor::from_shape(shape, &numbers)?.into());
    }
    let typed: TypedModel = model.into_optimized()?;
    Ok((typed.into_runnable()?, values))
}

fn seconds((plan, values): &(Arc<TypedSimplePlan>, TVec<TValue>)) -> Result<f64> {
    let start = Instant::now();
    plan.run(values.clone())?;
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

fn main() -> Result<()> {
    // Cargo hands `--bench` on.
    let words: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let [rounds, before, after, shapes @ ..] = &words[..] else { bail!("give ROUNDS BEFORE AFTER INPUT=SHAPE …") };
    let shape = |word: &String| -> Result<Shaped> {
        let (name, dims) = word.rsplit_once('=').context("INPUT=1x3x224x224")?;
        Ok((name.to_owned(), dims.split('x').map(str::parse).collect::<std::result::Result<_, _>>()?))
    };
    let shapes = shapes.iter().map(shape).collect::<Result<Vec<Shaped>>>()?;
    let (before, after) = (loaded(Path::new(before), &shapes)?, loaded(Path::new(after), &shapes)?);
    let (mut ones, mut twos, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    seconds(&before)?;
    seconds(&after)?;
    for round in 0..rounds.parse::<usize>()? {
        // Who goes first takes turns.
        let (one, two) = if round % 2 == 0 {
            let one = seconds(&before)?;
            (one, seconds(&after)?)
        } else {
            let two = seconds(&after)?;
            (seconds(&before)?, two)
        };
        ones.push(one);
        twos.push(two);
        ratios.push(two / one);
    }
    println!("{:.4} {:.4} {:.4}", median(ones) * 1e3, median(twos) * 1e3, median(ratios));
    Ok(())
}
