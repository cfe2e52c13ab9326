#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| bnfold_fuzz::run("certificate", data));
