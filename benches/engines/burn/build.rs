//! Makes Rust of the model that `BURN_MODEL` names, and a call with as many inputs as `BURN_INPUTS` says.

use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo:rerun-if-env-changed=BURN_MODEL");
    let model = env::var("BURN_MODEL").expect("BURN_MODEL names a model");
    let inputs: usize = env::var("BURN_INPUTS").ok().and_then(|n| n.parse().ok()).expect("BURN_INPUTS is a number");
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    let file = Path::new(&folder).join("model.onnx");
    fs::copy(&model, &file).expect("the model can be copied");
    burn_onnx::ModelGen::new()
        .input(file.to_str().expect("a path of text"))
        .out_dir("model/")
        .load_strategy(burn_onnx::LoadStrategy::Embedded)
        .run_from_script();
    let values: Vec<String> = (0..inputs).map(|at| format!("given(&feeds[{at}])")).collect();
    let call = format!("fn call(feeds: &[Value]) -> Vec<Value> {{ made(Model::default().forward({})) }}", values.join(", "));
    fs::write(Path::new(&folder).join("call.rs"), call).expect("the call can be written");
}
