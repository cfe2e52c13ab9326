//! The pipeline: open, plan, lower, write.

mod place;

use std::path::PathBuf;

use crate::edit::rescale::Damage;
use crate::edit::{self, Lowered, SideEdit, Storage, loss};
use crate::error::{Error, ErrorKind, Result};
use crate::law::Reason;
use crate::model::{Graph, Model, NodeId};
use crate::plan::{self, Options, Plan};
use crate::wire::splice::{Piece, SpliceError, splice, total};
use crate::write::{AtomicFile, Publication, Rescaled, Sink, Stream, write_pieces};

pub use place::{ExternalData, Place};

/// A protobuf message cannot be larger.
const LARGEST_FILE: u64 = i32::MAX as u64;

/// A plan together with the bytes that carry it out.
pub struct Prepared<'a> {
    /// What is folded and what stays.
    pub plan: Plan<'a>,
    lowered: Lowered,
    pieces: Vec<Piece>,
}

/// A new model that is written into memory.
pub struct Writer<'m> {
    model: &'m Model,
    pieces: &'m [Piece],
    lazies: Vec<Rescaled<'m>>,
}

impl Writer<'_> {
    /// Fills a buffer that is as long as the new model.
    ///
    /// # Errors
    /// The file cannot be read or has changed, or the buffer has another length.
    pub fn fill(&self, buffer: &mut [u8]) -> Result<()> {
        if total(self.pieces) != Some(buffer.len() as u64) {
            return Err(Error::new(ErrorKind::Target, "the buffer is not as long as the result"));
        }
        write_pieces(self.model.file(0), self.pieces, &self.lazies, &mut Stream(buffer), &mut |_| {})?;
        self.model.check_unchanged()
    }
}

/// A new model beside its target: complete, verified perhaps, but not yet published.
#[derive(Debug)]
pub struct Staged {
    publication: Publication,
    /// The new model under its temporary name.
    pub model: PathBuf,
    /// Where the side files that the new model names are until it is published; some are there to stay.
    pub sides: Vec<(String, PathBuf)>,
    /// The size of the new model file.
    pub bytes: u64,
}

/// Plans a fold, leaving out what would overflow or lose digits in the weights' own type. Reads every changed weight once.
///
/// # Errors
/// A file that cannot be read.
pub fn examine<'a>(graph: &'a Graph<'a>, options: &Options) -> Result<Plan<'a>> {
    // What is too large for a file is found when its bytes are counted.
    if graph.model.len() > LARGEST_FILE / 2 {
        return prepare_examined(graph, options, &as_they_are(graph.model)).map(|prepared| prepared.plan);
    }
    let mut options = options.clone();
    loop {
        let plan = plan::plan(graph, &options)?;
        let hurt = edit::weigh(&plan)?;
        if !exclude(&plan, &hurt, &mut options) {
            return Ok(plan);
        }
    }
}

/// As [`examine`], with the bytes to write; [`write_to`] finds the same while it writes, for free.
///
/// # Errors
/// As [`examine`] and [`prepare`].
pub fn prepare_examined<'a>(graph: &'a Graph<'a>, options: &Options, storage: &Storage) -> Result<Prepared<'a>> {
    let mut options = options.clone();
    loop {
        let prepared = prepare(graph, &options, storage)?;
        let hurt = edit::losses(graph, &prepared.lowered)?;
        if !exclude(&prepared.plan, &hurt, &mut options) {
            return Ok(prepared);
        }
    }
}

/// Plans a fold and turns it into bytes to write.
///
/// # Errors
/// A file that cannot be read, or a result larger than a protobuf message can be.
pub fn prepare<'a>(graph: &'a Graph<'a>, options: &Options, storage: &Storage) -> Result<Prepared<'a>> {
    let plan = plan::plan(graph, options)?;
    let mut lowered = edit::lower(&plan, storage)?;
    let edits = std::mem::take(&mut lowered.edits);
    let pieces = splice(graph.model.file(0), 0..graph.model.len(), edits).map_err(|e| match e {
        SpliceError::TooLong => too_large(storage),
        other => changed(graph.model, format!("the changes do not fit the file: {other}")),
    })?;
    if total(&pieces).is_none_or(|t| t > LARGEST_FILE) {
        return Err(too_large(storage));
    }
    Ok(Prepared { plan, lowered, pieces })
}

fn too_large(storage: &Storage) -> Error {
    let error = Error::new(ErrorKind::Target, "the model file would be larger than 2 GiB, which no reader of ONNX accepts");
    match storage {
        Storage::Keep(_) | Storage::Share { .. } => {
            error.remedy("put what is large in it into one side file, for example --external-data weights.data")
        }
        Storage::Inline => error
            .remedy("leave weights in side files: --external-data keep, or all in one, for example --external-data weights.data"),
        Storage::One(_) => error.remedy("the graph alone is too large; split it"),
    }
}

/// Side files under the names that the model has for them.
pub fn as_they_are(model: &Model) -> Storage {
    Storage::Keep(model.sides().iter().map(|side| side.location.clone()).collect())
}

/// Excludes the folds that went into nodes whose weights do not survive. False if there are none.
fn exclude(plan: &Plan<'_>, hurt: &[(NodeId, Reason)], options: &mut Options) -> bool {
    let mut found = false;
    for fold in plan.folds() {
        if let Some((_, reason)) = hurt.iter().find(|(node, _)| fold.into.contains(node)) {
            options.excluded.push((fold.site, *reason));
            found = true;
        }
    }
    found
}

impl Prepared<'_> {
    /// Whether the result is the input, byte for byte.
    pub fn is_unchanged(&self) -> bool {
        let copied = self.lowered.idle
            || matches!(&self.pieces[..], [] | [Piece::Copy(_)]) && self.lowered.sides.is_empty() && self.lowered.own.is_empty();
        let model = self.plan.view.graph.model;
        copied && !model.is_inlined() && !model.is_sorted()
    }

    /// The size of the new model file.
    pub fn bytes(&self) -> u64 {
        total(&self.pieces).unwrap_or(0)
    }

    /// What writes the new model file into memory, for a plan that was examined. It can be handed to another thread.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn writer<'m>(&'m self, model: &'m Model) -> Result<Writer<'m>> {
        Ok(Writer { model, pieces: &self.pieces, lazies: self.lazies(model)? })
    }

    /// Writes a file that is made of pieces of file number `source`. Returns the nodes whose weights do not survive in their type,
    /// with the reason; then what was written is not to be used.
    fn write(
        &self,
        model: &Model,
        (source, pieces): (usize, &[Piece]),
        sink: &mut dyn Sink,
        progress: &mut dyn FnMut(u64),
    ) -> Result<Vec<(NodeId, Reason)>> {
        let lazies = self.lazies(model)?;
        write_pieces(model.file(source), pieces, &lazies, sink, progress)?;
        self.hurt(&lazies)
    }

    fn lazies<'m>(&'m self, model: &'m Model) -> Result<Vec<Rescaled<'m>>> {
        let rescaled = |s: &'m edit::Scaled| {
            Rescaled::new(model.file(s.file), s.range.clone(), s.factored.as_ref().map(|factored| &factored.rescale))
        };
        self.lowered.scaled.iter().map(rescaled).collect()
    }

    /// The kernel only tells that something may be wrong; then the weight is looked at once more, exactly.
    fn hurt(&self, lazies: &[Rescaled<'_>]) -> Result<Vec<(NodeId, Reason)>> {
        let mut hurt = self.lowered.hurt.clone();
        let scaled = self.lowered.scaled.iter().zip(lazies);
        let written = scaled.filter_map(|(scaled, lazy)| Some((scaled.factored.as_ref()?, Some(lazy.damage()))));
        let damaged = written.filter(|(_, damage)| damage.is_some_and(Damage::any));
        for (factored, seen) in damaged.chain(self.lowered.held.iter().map(|held| (held, None))) {
            if let Some(reason) = loss::loss(self.plan.view.graph, factored, seen)? {
                hurt.push((factored.reader.0, reason));
            }
        }
        Ok(hurt)
    }

    /// The side files that the result brings: name, and pieces of which file of the model.
    fn side_files(&self, model: &Model, storage: &Storage) -> Vec<(String, usize, Vec<Piece>)> {
        match storage {
            Storage::Keep(names) => {
                let side = |(index, name): (usize, &String)| (name.clone(), index + 1, self.side(model, index + 1));
                names.iter().enumerate().map(side).collect()
            }
            Storage::Share { own, .. } | Storage::One(own) if !self.lowered.own.is_empty() => {
                vec![(own.clone(), 0, self.lowered.own.clone())]
            }
            Storage::Share { .. } | Storage::One(_) | Storage::Inline => vec![],
        }
    }

    /// Side file number `file` with its changes.
    fn side(&self, model: &Model, file: usize) -> Vec<Piece> {
        let mut edits: Vec<&SideEdit> = self.lowered.sides.iter().filter(|s| s.file == file).collect();
        edits.sort_by_key(|e| e.range.start);
        let mut pieces = Vec::new();
        let mut at = 0;
        for edit in edits {
            pieces.push(Piece::Copy(at..edit.range.start));
            pieces.push(edit.with.clone());
            at = edit.range.end;
        }
        pieces.push(Piece::Copy(at..model.file(file).len()));
        pieces
    }
}

/// What does not fit a file that is no more what it was is no fault of the edits.
fn changed(model: &Model, otherwise: String) -> Error {
    model.check_unchanged().err().unwrap_or_else(|| Error::new(ErrorKind::Graph, otherwise))
}

/// Plans a fold of a model and writes the result beside its target under a temporary name.
///
/// # Errors
/// A file that cannot be read or written; the target is as it was.
pub fn stage<'a, 'p>(
    graph: &'a Graph<'a>,
    options: &Options,
    place: impl Into<Place<'p>>,
    progress: &mut dyn FnMut(u64),
) -> Result<(Prepared<'a>, Staged)> {
    let (model, place) = (graph.model, place.into());
    let storage = place.storage(model)?;
    let mut options = options.clone();
    loop {
        let prepared = prepare(graph, &options, &storage)?;
        let mut file = AtomicFile::create(place.target, mode(model))?;
        let mut hurt = prepared.write(model, (0, &prepared.pieces), &mut file, progress)?;
        let mut sides: Vec<(String, PathBuf)> = match &storage {
            Storage::Share { locations, .. } => {
                locations.iter().cloned().zip(model.sides().iter().map(|side| side.path.clone())).collect()
            }
            Storage::Keep(_) | Storage::Inline | Storage::One(_) => vec![],
        };
        let mut publication = Publication::new();
        for (name, source, pieces) in prepared.side_files(model, &storage) {
            let mut side = AtomicFile::create(&place.beside(&name), mode(model))?;
            hurt.extend(prepared.write(model, (source, &pieces), &mut side, progress)?);
            sides.push((name, side.temporary().to_path_buf()));
            publication.add(side);
        }
        model.check_unchanged()?;
        if exclude(&prepared.plan, &hurt, &mut options) {
            continue;
        }
        let (path, bytes) = (file.temporary().to_path_buf(), prepared.bytes());
        publication.add(file);
        return Ok((prepared, Staged { publication, model: path, sides, bytes }));
    }
}

/// What says which places of a staged fold are not right: it returns the numbers of their nodes in the original.
pub type Judge<'j, 'a> = dyn FnMut(&Prepared<'a>, &Staged) -> Result<Vec<usize>> + 'j;

/// As [`stage`], but stages the fold anew without the nodes that a judge refuses, until it refuses none that was folded.
/// Returns those nodes, too.
///
/// # Errors
/// As [`stage`], and those of the judge.
pub fn stage_judged<'a, 'p>(
    graph: &'a Graph<'a>,
    options: &Options,
    place: impl Into<Place<'p>>,
    progress: &mut dyn FnMut(u64),
    judge: &mut Judge<'_, 'a>,
) -> Result<(Prepared<'a>, Staged, Vec<NodeId>)> {
    let (place, mut options) = (place.into(), options.clone());
    let mut dropped = Vec::new();
    loop {
        let (prepared, staged) = stage(graph, &options, place, progress)?;
        let refused = judge(&prepared, &staged)?;
        let folds = prepared.plan.folds().iter().map(|fold| fold.site).chain(prepared.plan.view.draft.spelled.iter().copied());
        // What was left out already is not asked for again, whatever is said of it.
        let folds: Vec<NodeId> = folds.filter(|site| refused.contains(&site.0) && !dropped.contains(site)).collect();
        if folds.is_empty() {
            return Ok((prepared, staged, dropped));
        }
        options.excluded.extend(folds.iter().map(|site| (*site, Reason::Unverified)));
        dropped.extend(folds);
    }
}

impl Staged {
    /// Puts the new model in its place, side files first.
    ///
    /// # Errors
    /// The system refuses; the target is then the old model.
    pub fn publish(self, fsync: bool) -> Result<()> {
        self.publication.publish(fsync)
    }
}

/// Folds a model and writes the result to a stream, for pipes and memory. Side files cannot be written this way.
///
/// # Errors
/// A file that cannot be read, a stream that cannot be written, a model with side files.
pub fn write_to<'a>(graph: &'a Graph<'a>, options: &Options, out: &mut dyn std::io::Write) -> Result<Prepared<'a>> {
    if !graph.model.sides().is_empty() {
        return Err(
            Error::new(ErrorKind::Target, "a model with side files cannot be written to a stream").remedy("name an output file")
        );
    }
    // A stream cannot be taken back, so what would be found while writing is found before.
    let prepared = prepare_examined(graph, options, &Storage::default())?;
    prepared.write(graph.model, (0, &prepared.pieces), &mut Stream(out), &mut |_| {})?;
    graph.model.check_unchanged()?;
    Ok(prepared)
}

fn mode(model: &Model) -> u32 {
    #[cfg(unix)]
    if let Some(metadata) = model.path.as_deref().and_then(|p| std::fs::metadata(p).ok()) {
        return std::os::unix::fs::PermissionsExt::mode(&metadata.permissions());
    }
    let _ = model;
    0o644
}
