//! Both models run plainly, in the types that they have: what is told beside the judgement and changes nothing
//! in it but where it is open and numbers overflow in the second model alone.

use super::{Graph, VerifyOptions, run};
use crate::beside::{Engine, OwnReport};
use crate::engine::CouldNotRun;
use crate::verify::OwnType;
use crate::verify::side::Side;
use crate::verify::wording::Wording;
use crate::verify::{Done, Job, Relay, RelayReport};

/// Longer reasons of an engine are cut.
const LONGEST_REASON: usize = 160;

/// Runs both models with each engine there is, as a relay ran, and on large numbers where a site is open; nothing if that was not
/// asked for.
pub(super) fn run(
    (relay, open): (&Relay, bool),
    report: Option<&RelayReport>,
    graphs: (&Graph<'_>, &Graph<'_>),
    options: &VerifyOptions,
) -> Vec<OwnType> {
    let mut sizes = relay.sizes.clone();
    // The sizes with which the relay ran; those of test data come with it.
    for spec in report.filter(|report| report.data_sets.is_empty()).iter().flat_map(|report| &report.inputs) {
        sizes.instead.entry(spec.name.clone()).or_insert_with(|| spec.dims.clone());
    }
    let job = crate::beside::OwnType {
        sizes,
        inputs: relay.inputs.clone(),
        data_sets: relay.data_sets.clone(),
        samples: relay.samples,
        large: open,
        ..plain((&relay.before, &relay.after), options)
    };
    each(&job, graphs, options)
}

/// What is run of two files that are taken as they stand.
pub(super) fn plain((before, after): (&Side, &Side), options: &VerifyOptions) -> crate::beside::OwnType {
    crate::beside::OwnType {
        before: Side { wording: Wording::default(), ..before.clone() },
        after: Side { wording: Wording::default(), ..after.clone() },
        sizes: run::sizes(options),
        inputs: options.inputs.clone(),
        data_sets: vec![],
        seed: options.seed,
        samples: 1,
        large: true,
        engine: Engine::Tract,
    }
}

/// Runs with each engine there is; nothing if that was not asked for.
pub(super) fn each(job: &crate::beside::OwnType, graphs: (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Vec<OwnType> {
    let job = |engine| crate::beside::OwnType { engine, ..job.clone() };
    let mut found = Vec::new();
    if options.own_type {
        found.push(told(crate::engine::ENGINE, job(Engine::Tract), graphs, options));
    }
    #[cfg(feature = "ort")]
    if let Some(library) = &options.ort_library {
        for (optimised, name) in [(false, "onnxruntime"), (true, "onnxruntime, optimised")] {
            if options.ort_optimised || !optimised {
                let engine = Engine::Onnxruntime { library: library.clone(), optimised };
                found.push(told(name, job(engine), graphs, options));
            }
        }
    }
    #[cfg(not(feature = "ort"))]
    if options.ort_library.is_some() {
        let missing = Some("this program was built without the feature ort".to_owned());
        found.push(OwnType { engine: "onnxruntime".to_owned(), missing, ..OwnType::default() });
    }
    found
}

fn told(engine: &str, job: crate::beside::OwnType, graphs: (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> OwnType {
    let report = match run::run(Job::OwnType(job), graphs, options) {
        Ok(Done::OwnType(report)) => Ok(report),
        Ok(_) => Err(CouldNotRun::Child("it answered another question".to_owned())),
        Err(why) => Err(why),
    };
    match report {
        Ok(OwnReport { engine, samples, inputs, assumptions, outputs }) => OwnType {
            engine,
            samples,
            assumptions: run::assumed(&assumptions, &inputs),
            inputs: inputs.iter().map(run::input).collect(),
            outputs,
            missing: None,
        },
        Err(why) => OwnType { engine: engine.to_owned(), missing: Some(short(&why.to_string())), ..OwnType::default() },
    }
}

/// The first sentence of a reason, without the engine's own trace.
fn short(why: &str) -> String {
    let line = why.lines().next().unwrap_or_default();
    match line.char_indices().nth(LONGEST_REASON) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line.to_owned(),
    }
}
