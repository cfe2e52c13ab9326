//! The attack: models with one field, one element or one connection changed, whatever that is, and the judge held to what the slow
//! reference makes of them. Nothing that changes the function may be called equal, in any mode; nothing that means nothing may be
//! called different.
//!
//! The long form, which goes on where another ended, over as many threads as are wanted:
//! `BNFOLD_DAMAGES=100000 BNFOLD_DAMAGES_FROM=0 BNFOLD_THREADS=2 cargo test --release --test attack_study -- --nocapture`.
//! `BNFOLD_CORPUS` adds a folder of models, or several with `:` between, `BNFOLD_PAIRS` a folder of NAME.before.onnx and
//! NAME.after.onnx that compute the same, and `BNFOLD_SAVE_DAMAGES` names a folder for what is wrong.
#![cfg(feature = "tract")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "attack/nets.rs"]
mod hidden;
mod judged;
mod maker;
#[path = "study/nets.rs"]
#[allow(dead_code)]
mod nets;
#[path = "attack/table.rs"]
mod table;

use std::cell::Cell;
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use bnfold::faults::effect::{Effect, Oracle};
use bnfold::faults::walk::{Damage, Walk};
use bnfold::model::Model;
use bnfold::verify::{Outcome, Runner, Tier, VerifyOptions, verify};
use table::Table;

thread_local! {
    /// Whether a panic is caught, and told as a finding.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// Runs something that may panic; `None` if it did.
fn caught<T>(run: impl FnOnce() -> T) -> Option<T> {
    CAUGHT.set(true);
    let result = catch_unwind(AssertUnwindSafe(run)).ok();
    CAUGHT.set(false);
    result
}

/// How many damages a pair of models has in one go.
const EACH: usize = 20;

/// A model and another that computes the same.
struct Pair {
    name: String,
    before: Vec<u8>,
    after: Vec<u8>,
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok().and_then(|n| n.parse().ok())
}

/// Adds a line to the list of what was not judged.
fn note(folder: &Path, line: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(folder.join("not_judged.txt")).unwrap();
    writeln!(file, "{}", line.replace('\n', " ")).unwrap();
}

/// Keeps both files of what was not judged, to be looked at by hand.
fn keep(folder: &Path, name: &str, before: &Path, after: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    for (file, end) in [(before, "before"), (after, "after")] {
        std::fs::copy(file, folder.join(format!("{name}.{end}.onnx"))).unwrap();
    }
}

/// Folds a model; the model again where it does not fold.
fn folded(bytes: &[u8]) -> Option<Vec<u8>> {
    caught(|| {
        let model = Model::from_bytes(bytes.to_vec()).ok()?;
        let graph = bnfold::constants::build(&model).ok()?;
        let mut out = Vec::new();
        bnfold::fold::write_to(&graph, &bnfold::plan::Options::default(), &mut out).ok()?;
        Some(out)
    })?
}

/// The models that are given as files and texts, small ones.
fn given() -> Vec<Pair> {
    let mut pairs = Vec::new();
    let mut push = |name: String, before: Vec<u8>| {
        if let Some(after) = folded(&before) {
            pairs.push(Pair { name, before, after });
        }
    };
    for sample in
        bnfold::ops::OPERATORS.iter().flat_map(|o| o.samples).chain(bnfold::plan::SAMPLES).chain(bnfold::constants::SAMPLES)
    {
        push(format!("sample {}", sample.name), bnfold::sample::encode(sample.text).unwrap());
    }
    let corpus = std::env::var("BNFOLD_CORPUS").unwrap_or_default();
    let data = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data");
    for path in corpus.split(':').filter(|f| !f.is_empty()).chain([data]).flat_map(|folder| models(Path::new(folder))) {
        let bytes = std::fs::read(&path).unwrap();
        if bytes.len() < 2 << 20 {
            push(path.display().to_string(), bytes);
        }
    }
    for before in std::env::var("BNFOLD_PAIRS").ok().iter().flat_map(|folder| models(Path::new(folder))) {
        let after = PathBuf::from(before.display().to_string().replace(".before.", ".after."));
        if before != after {
            let [one, two] = [&before, &after].map(|path| std::fs::read(path).unwrap());
            pairs.push(Pair { name: before.display().to_string(), before: one, after: two });
        }
    }
    pairs
}

fn models(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|e| e == "onnx")).collect();
    files.sort();
    files
}

/// The pair of a number: nets that hide something, nets of the other studies, what is given.
fn pair(index: usize, given: &[Pair]) -> Option<Pair> {
    let own = |name: String, before: Vec<u8>| Some(Pair { after: folded(&before)?, name, before });
    match index % 6 {
        0..=2 => {
            let at = index / 6 * 3 + index % 6;
            let (name, before) = hidden::hidden(at, at as u64 + 1);
            // Every other one is folded as other tools do, forward through what stands between.
            if let Some(after) = hidden::forwarded(&before).filter(|_| index % 2 == 1) {
                return Some(Pair { name: format!("forward {at}: {name}"), before, after });
            }
            own(format!("hidden {at}: {name}"), before)
        }
        3 => own(format!("net {}", index / 6), nets::net(index / 6).bytes),
        4 => own(format!("graph {}", index / 6), bnfold::sample::encode(&maker::graph(index as u64 / 6)).unwrap()),
        _ => {
            let pair = given.get(index / 6 * 7919 % given.len())?;
            Some(Pair { name: pair.name.clone(), before: pair.before.clone(), after: pair.after.clone() })
        }
    }
}

/// The ways to judge.
fn modes() -> [(&'static str, VerifyOptions); 4] {
    let of = |tier: Tier, quick: bool| VerifyOptions {
        tier,
        runner: Runner::InProcess,
        // What overflows in its own type is seen there alone.
        own_type: !quick && tier == Tier::Foreign,
        regions: !quick,
        ..VerifyOptions::default()
    };
    [
        ("default", of(Tier::Foreign, false)),
        ("quick", of(Tier::Foreign, true)),
        ("exact", of(Tier::Own, false)),
        ("exact and quick", of(Tier::Own, true)),
    ]
}

/// What one thread works with.
struct Worker<'t> {
    folder: tempfile::TempDir,
    saved: Option<PathBuf>,
    table: &'t Mutex<Table>,
}

impl Worker<'_> {
    /// All damages of a pair.
    fn pair(&self, index: usize, pair: &Pair) {
        // One in four is damaged before the fold: the first of the two is wrong then.
        let turned = index % 4 == 3;
        let (kept, hurt) = if turned { (&pair.after, &pair.before) } else { (&pair.before, &pair.after) };
        let oracle = match Oracle::new(kept, hurt, 3) {
            Ok(oracle) if turned => oracle.of_the_first(),
            Ok(oracle) => oracle,
            Err(why) => {
                self.table.lock().unwrap().left_out(&pair.name, &why);
                return;
            }
        };
        let Some(walk) = Walk::new(hurt) else { return };
        if !self.right(pair) {
            // Everything would be refused.
            return;
        }
        for seed in (0_u64..).take(EACH) {
            if let Some(damage) = walk.draw((index as u64) << 16 | seed) {
                let place = format!("{} ({index}, {seed}{})", pair.name, if turned { ", the first" } else { "" });
                self.damage(&oracle, (kept, turned), &damage, &place);
            }
        }
    }

    fn judge(&self, before: &Path, after: &Path, options: &VerifyOptions) -> Result<(Outcome, String), String> {
        match caught(|| verify(before, after, options)) {
            Some(Ok(verdict)) => Ok((verdict.outcome, table::why(&verdict))),
            Some(Err(error)) => Ok((Outcome::NotJudged, error.to_string())),
            None => Err("the judge panicked".to_owned()),
        }
    }

    fn files(&self, before: &[u8], after: &[u8]) -> [PathBuf; 2] {
        [("before.onnx", before), ("after.onnx", after)].map(|(name, bytes)| {
            let path = self.folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        })
    }

    /// The undamaged pair, which the reference has found to be the same. Returns whether it is not refused.
    fn right(&self, pair: &Pair) -> bool {
        let [before, after] = self.files(&pair.before, &pair.after);
        let found = self.judge(&before, &after, &modes()[0].1);
        self.table.lock().unwrap().right(&pair.name, &found);
        if let (Some(folder), Ok((Outcome::NotJudged, why))) = (&self.saved, &found) {
            note(folder, &format!("right | {} | {why}", pair.name));
            keep(&folder.join("not_judged"), &format!("right {}", pair.name), &before, &after);
        }
        let refused = !found.is_ok_and(|(outcome, _)| outcome != Outcome::Differs);
        if let (Some(folder), true) = (&self.saved, refused) {
            std::fs::create_dir_all(folder).unwrap();
            for (file, name) in [(before, "refused.before.onnx"), (after, "refused.after.onnx")] {
                std::fs::copy(file, folder.join(name)).unwrap();
            }
        }
        !refused
    }

    fn damage(&self, oracle: &Oracle, (kept, turned): (&[u8], bool), damage: &Damage, place: &str) {
        let opens = |bytes| Model::from_bytes(bytes).is_ok_and(|model| bnfold::constants::build(&model).is_ok());
        let effect =
            if !opens(damage.bytes.clone()) { Effect::Excluded("it does not open".into()) } else { oracle.effect(&damage.bytes) };
        if matches!(effect, Effect::Excluded(_)) {
            self.table.lock().unwrap().row(&damage.kind).excluded += 1;
            return;
        }
        let bytes = if turned { (&damage.bytes[..], kept) } else { (kept, &damage.bytes[..]) };
        let [before, after] = self.files(bytes.0, bytes.1);
        let changed = matches!(effect, Effect::Changed(_));
        let start = Instant::now();
        let mut found = Vec::new();
        for (name, options) in modes() {
            // What means nothing is asked in one way, and what is not clear only for a panic.
            if changed || name == "default" {
                found.push((name, self.judge(&before, &after, &options)));
            }
        }
        let seconds = start.elapsed().as_secs_f64();
        let wrong = self.table.lock().unwrap().enter(damage, &effect, &found, place, seconds);
        if let (Some(folder), true, Some((_, Ok((Outcome::NotJudged, why))))) = (&self.saved, changed, found.first()) {
            note(folder, &format!("{} | {place} | {} | {why}", damage.kind, damage.place));
            keep(&folder.join("not_judged"), place, &before, &after);
        }
        if let (Some(folder), Some(sort)) = (&self.saved, wrong) {
            self.save(
                &folder.join(sort),
                bytes,
                damage,
                &format!("{place}\n{}\n{}\n{effect:?}\n{found:#?}\n", damage.kind, damage.place),
            );
        }
    }

    /// Keeps what is wrong, the smallest of each kind.
    fn save(&self, folder: &Path, bytes: (&[u8], &[u8]), damage: &Damage, said: &str) {
        let name: String = damage.kind.chars().map(|c| if c.is_alphanumeric() || c == '.' { c } else { '_' }).collect();
        let net = said.split(" (").next().unwrap().rsplit('/').next().unwrap();
        let net: String = net.chars().filter(|c| c.is_alphabetic()).take(24).collect();
        let stem = folder.join(format!("{name}.{net}"));
        std::fs::create_dir_all(folder).unwrap();
        let at = |end: &str| PathBuf::from(format!("{}.{end}", stem.display()));
        let smaller = std::fs::metadata(at("after.onnx")).is_ok_and(|file| file.len() <= bytes.1.len() as u64);
        if !smaller {
            std::fs::write(at("before.onnx"), bytes.0).unwrap();
            std::fs::write(at("after.onnx"), bytes.1).unwrap();
            std::fs::write(at("txt"), said).unwrap();
        }
    }
}

#[test]
fn nothing_that_changes_the_function_is_accepted() {
    let wanted = number("BNFOLD_DAMAGES").unwrap_or(1200);
    let from = number("BNFOLD_DAMAGES_FROM").unwrap_or(0) / EACH;
    let threads = number("BNFOLD_THREADS").unwrap_or(2);
    let saved = std::env::var_os("BNFOLD_SAVE_DAMAGES").map(PathBuf::from);
    let (table, next) = (Mutex::new(Table::default()), AtomicUsize::new(from));
    let given = given();
    // Findings are told at the end; what panics is one of them.
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !CAUGHT.get() {
            usual(info);
        }
    }));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let worker = Worker { folder: tempfile::tempdir().unwrap(), saved: saved.clone(), table: &table };
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= from + wanted / EACH {
                        break;
                    }
                    if let Some(pair) = pair(index, &given) {
                        worker.pair(index, &pair);
                    }
                    if let (Some(folder), 0) = (&saved, index % 50) {
                        std::fs::create_dir_all(folder).unwrap();
                        std::fs::write(folder.join("table.md"), format!("up to pair {index}\n\n{}", table.lock().unwrap()))
                            .unwrap();
                    }
                }
            });
        }
    });
    let _ = std::panic::take_hook();
    let table = table.into_inner().unwrap();
    eprintln!("{table}");
    table.check();
}
