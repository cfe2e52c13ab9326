//! A fold carried out: the model read, the result judged and put where it belongs.

use std::path::Path;
use std::time::Instant;

use super::{Fold, IN_MEMORY, Receive};
use crate::api::certificate;
use crate::api::input::{self, Input};
use crate::api::judged::{self, Terms, Tried};
use crate::error::{Error, ErrorKind, Result};
use crate::fold;
use crate::model::{Graph, Model};
use crate::report::{FoldReport, InspectReport};

impl Fold {
    pub(super) fn read(&self, input: Input) -> Result<Input> {
        if self.inline { input.inlined() } else { Ok(input) }
    }

    pub(super) fn graph<'m>(&self, model: &'m Model) -> Result<Graph<'m>> {
        if self.verify.freeze { crate::constants::build_frozen(model) } else { crate::constants::build(model) }
    }

    fn terms(&self) -> Terms {
        Terms {
            plan: self.plan.clone(),
            verify: (!self.no_verify).then(|| self.verify.clone()),
            allow_unverified: self.allow_unverified,
            idle: self.certificate.is_some(),
            save_failure: self.save_failure.clone(),
            external: self.external.clone(),
            passing: false,
        }
    }

    pub(super) fn inspected(&self, input: Input) -> Result<InspectReport> {
        let input = self.read(input)?;
        let named = |e: Error| e.file(&input.name);
        let graph = self.graph(&input.model).map_err(named)?;
        let plan = fold::examine(&graph, &self.plan).map_err(named)?;
        Ok(judged::inspected(&input, &plan))
    }

    pub(super) fn written(&self, model: &Path, output: &Path) -> Result<FoldReport> {
        let started = Instant::now();
        let input = self.read(Input::open(model)?)?;
        let named = |e: Error| e.file(model);
        let graph = self.graph(&input.model).map_err(named)?;
        let tried = judged::tried(&self.terms(), &graph, (model, output), &mut |_| {}).map_err(named)?;
        if let Some(refusal) = tried.refusal(self.allow_unverified) {
            return Err(named(refusal));
        }
        let mut report = tried.report(&input, output.display().to_string())?;
        let certificate = self.certified(&input, model, &tried, output)?;
        // What is already there need not be replaced by itself.
        if !(report.unchanged && model == output) {
            tried.staged.publish(self.fsync)?;
        }
        if let (Some(path), Some(certificate)) = (&self.certificate, certificate) {
            certificate::write(path, &certificate)?;
        }
        report.written = true;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    fn certified(
        &self,
        input: &Input,
        file: &Path,
        tried: &Tried<'_>,
        output: &Path,
    ) -> Result<Option<certificate::Certificate>> {
        match (&self.certificate, &tried.verdict) {
            (Some(_), Some(verdict)) => certificate::of(input, (file, &tried.staged, output), &self.verify, verdict).map(Some),
            _ => Ok(None),
        }
    }

    /// Nothing is judged, so that no file is needed.
    pub(super) fn straight(&self, input: &Input, graph: &Graph<'_>, receive: &mut Receive<'_>) -> Result<FoldReport> {
        crate::verify::asked(graph, &self.verify)?;
        let prepared = fold::prepare_examined(graph, &self.plan, &fold::as_they_are(graph.model))?;
        let mut after = input.census();
        if !prepared.is_unchanged() {
            let writer = prepared.writer(graph.model)?;
            receive(length(prepared.bytes())?, &mut |buffer| {
                writer.fill(buffer)?;
                after = input::census_of(&&*buffer, 0)?;
                Ok(())
            })?;
        }
        Ok(judged::described(input, IN_MEMORY.to_owned(), &prepared, after))
    }

    /// What is judged is read from files, as the engine does it in a process of its own.
    pub(super) fn by_files(&self, input: &Input, graph: &Graph<'_>, receive: &mut Receive<'_>) -> Result<FoldReport> {
        let mut scratch = None;
        let output = input::folder(&mut scratch)?.join("output.onnx");
        let before = input.file(&mut scratch)?;
        let ours = |e: Error| e.renamed(&before, &input.name);
        let tried = judged::tried(&self.terms(), graph, (&before, &output), &mut |_| {}).map_err(ours)?;
        if let Some(refusal) = tried.refusal(self.allow_unverified) {
            return Err(refusal);
        }
        let report = tried.report(input, IN_MEMORY.to_owned())?;
        if let (Some(path), Some(certificate)) =
            (&self.certificate, self.certified(input, &before, &tried, Path::new(IN_MEMORY))?)
        {
            certificate::write(path, &certificate)?;
        }
        if !report.unchanged {
            let file = crate::wire::FileSource::open(&tried.staged.model);
            let file = file.map_err(|e| Error::io("cannot read the result again", e))?;
            let read = |e| Error::io("cannot read the result again", e);
            receive(length(tried.staged.bytes)?, &mut |buffer| {
                crate::wire::Source::read_exact_at(&file, buffer, 0).map_err(read)
            })?;
        }
        Ok(report)
    }
}

fn length(bytes: u64) -> Result<usize> {
    usize::try_from(bytes).map_err(|_| Error::new(ErrorKind::Target, "the result is larger than memory can be"))
}
