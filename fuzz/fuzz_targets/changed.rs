#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bnfold_fuzz::run(bnfold_fuzz::targets::models::changed, data));
