use std::path::Path;
fn main() {
    if std::env::args().nth(1).as_deref() == Some(bnfold::verify::execute::VERB) {
        let status = bnfold::verify::execute::child_main(std::io::stdin().lock(), std::io::stdout().lock());
        std::process::exit(status.into());
    }
    let a: Vec<String> = std::env::args().collect();
    let run = || -> bnfold::Result<()> {
        let model = bnfold::model::Model::open(Path::new(&a[1]))?;
        let graph = bnfold::model::Graph::build(&model)?;
        let (p, s) = bnfold::fold::stage(&graph, &Default::default(), Path::new(&a[2]), &mut |_| {})?;
        for k in &p.plan.kept {
            eprintln!("kept {} {:?} | {:?}", graph.describe(k.site), k.back.reason, k.ahead.reason);
        }
        eprintln!("{} folds", p.plan.folds().len());
        s.publish(false)
    };
    if let Err(e) = run() {
        eprintln!("error: {e}");
        std::process::exit(2)
    }
}
