//! Any bytes that fold: no part of the judge calls the fold wrong, and none panics. What it cannot judge, it may leave open.
#![no_main]

use bnfold::model::Model;
use bnfold::plan::Options;
use bnfold::verify::certify::{Certified, certify};
use bnfold::verify::{Tier, align, region};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(model) = Model::from_bytes(data.to_vec()) else { return };
    let Ok(graph) = bnfold::constants::build(&model) else { return };
    let mut out = Vec::new();
    if bnfold::fold::write_to(&graph, &Options::default(), &mut out).is_err() {
        return;
    }
    let folded = Model::from_bytes(out).expect("what was written opens");
    let read = |model| bnfold::verify::graph(model, false).expect("what was read and what was written are graphs");
    let (graph, folded) = (read(&model), read(&folded));
    let Ok(alignment) = align::align(&graph, &folded) else { return };
    assert!(alignment.differences.is_empty(), "a fold changes nothing outside of regions: {:?}", alignment.differences);
    let Ok(judged) = region::judge(&graph, &folded, &alignment) else { return };
    assert!(judged.differences.is_empty(), "every region of ours may be a fold: {:?}", judged.differences);
    for site in &judged.sites {
        match certify(&graph, &folded, site, Tier::Own) {
            Ok(Certified::Differs(why)) => panic!("{why}"),
            Ok(Certified::Certificate(certificate)) => assert!(certificate.worst <= 1.0, "{certificate:?}"),
            _ => {}
        }
    }
});
