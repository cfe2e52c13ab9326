//! Any bytes: an error or a fold, and a fold opens, folds to itself, and is never a panic.
#![no_main]

use bnfold::model::Model;
use bnfold::plan::Options;

fn fold(bytes: Vec<u8>) -> bnfold::Result<Vec<u8>> {
    let model = Model::from_bytes(bytes)?;
    let graph = bnfold::constants::build(&model)?;
    let mut out = Vec::new();
    bnfold::fold::write_to(&graph, &Options::default(), &mut out)?;
    Ok(out)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(once) = fold(data.to_vec()) else { return };
    let twice = fold(once.clone()).expect("what was written opens and folds");
    assert_eq!(once, twice, "folding twice is folding once");
});
