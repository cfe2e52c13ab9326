//! Opening a file: what it is, its messages, its side files.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message as _;

use crate::error::{Error, ErrorKind, Result};
use crate::model::external::{self, SideFile};
use crate::model::inline;
use crate::model::order;
use crate::model::scaler::{self, Scaler};
use crate::model::scan::{self, Scan};
use crate::onnx::{GraphProto, ModelProto, TensorProto};
use crate::wire::splice::Piece;
use crate::wire::{FileSource, Source, Spliced, Window};

/// A model as read: messages without the elements of tensors, and where everything is.
#[derive(Debug)]
pub struct Model {
    /// The messages, decoded from the skeleton.
    pub proto: ModelProto,
    /// Where they are in the file.
    pub scan: Scan,
    /// The file's path, if it has one.
    pub path: Option<PathBuf>,
    source: Bytes,
    sides: Vec<SideFile>,
    side_index: BTreeMap<String, usize>,
    inlined: bool,
    sorted: bool,
    scalers: Vec<Scaler>,
}

/// Bytes in memory that this model may not be the only one to keep.
struct Shared(Arc<dyn AsRef<[u8]> + Send + Sync>);

impl Source for Shared {
    fn len(&self) -> u64 {
        Source::len(&(*self.0).as_ref())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        (*self.0).as_ref().read_exact_at(buffer, offset)
    }
}

enum Bytes {
    File(FileSource),
    Memory(Shared),
    Spliced(Box<Spliced<Bytes>>),
}

impl std::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.source().len())
    }
}

impl Bytes {
    fn source(&self) -> &dyn Source {
        match self {
            Bytes::File(file) => file,
            Bytes::Memory(bytes) => bytes,
            Bytes::Spliced(spliced) => &**spliced,
        }
    }

    /// The file that was opened, if there is one.
    fn file(&self) -> Option<&FileSource> {
        match self {
            Bytes::File(file) => Some(file),
            Bytes::Memory(_) => None,
            Bytes::Spliced(spliced) => spliced.source().file(),
        }
    }
}

impl Source for Bytes {
    fn len(&self) -> u64 {
        self.source().len()
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.source().read_exact_at(buffer, offset)
    }
}

impl Model {
    /// Opens a model file and its side files. Reads the graph, not the weights.
    ///
    /// # Errors
    /// The file cannot be read, is not an ONNX model, is damaged, or a side file is missing or not allowed.
    pub fn open(path: &Path) -> Result<Model> {
        Model::open_moved(path, &[])
    }

    /// Opens a model file whose side files are still under other names: location in the model, and path.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn open_moved(path: &Path, moved: &[(String, PathBuf)]) -> Result<Model> {
        let open = || {
            let metadata = std::fs::metadata(path).map_err(|e| Error::io("cannot open", e).remedy("check the path"))?;
            if metadata.is_dir() {
                return Err(Error::new(ErrorKind::Foreign, "this is a folder").remedy("name a model file in it"));
            }
            let remedy = "check the path, and whether you may read the file";
            let file = FileSource::open(path).map_err(|e| Error::io("cannot open", e).remedy(remedy))?;
            Model::read(Bytes::File(file), Some(path), moved)
        };
        open().map_err(|e| e.file(path))
    }

    /// Reads a model from memory. Side files are not found this way.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_bytes(bytes: Vec<u8>) -> Result<Model> {
        Model::from_shared(Arc::new(bytes))
    }

    /// Reads a model from memory that somebody else keeps, too, without a copy. Side files are not found this way.
    ///
    /// # Errors
    /// As [`Model::open`].
    pub fn from_shared(bytes: Arc<dyn AsRef<[u8]> + Send + Sync>) -> Result<Model> {
        Model::read(Bytes::Memory(Shared(bytes)), None, &[])
    }

    /// The locations of side files that the model names, each as often as it is named, whether they are open or not.
    ///
    /// # Errors
    /// A tensor that says that its elements are elsewhere, and not where.
    pub fn side_locations(&self) -> Result<Vec<String>> {
        let mut locations = Vec::new();
        collect_locations(&self.proto, &mut locations)?;
        Ok(locations)
    }

    fn read(source: Bytes, path: Option<&Path>, moved: &[(String, PathBuf)]) -> Result<Model> {
        let mut model = Model::parse(source, path)?;
        while let Some(pieces) = order::pieces(&model)? {
            model = Model { sorted: true, ..model.respliced(pieces, "with its nodes in order it is too large")? };
        }
        if let Some((pieces, scalers)) = scaler::pieces(&model)? {
            model = Model { scalers, ..model.respliced(pieces, "with its Scalers written out it is too large")? };
        }
        model.open_sides(moved)?;
        Ok(model)
    }

    /// The model that pieces of its file make.
    fn respliced(self, pieces: Vec<Piece>, too_large: &str) -> Result<Model> {
        let Model { path, source, sides, side_index, inlined, sorted, scalers, .. } = self;
        let spliced = Spliced::new(source, pieces).ok_or_else(|| Error::new(ErrorKind::Graph, too_large))?;
        let source = Bytes::Spliced(Box::new(spliced));
        Ok(Model { sides, side_index, inlined, sorted, scalers, ..Model::parse(source, path.as_deref())? })
    }

    /// A model without its side files.
    fn parse(source: Bytes, path: Option<&Path>) -> Result<Model> {
        let len = source.source().len();
        let scan = {
            let mut window = Window::new(source.source());
            scan::scan(&mut window, len)
        };
        let mut scan = match scan {
            Ok(scan) if scan.known_fields > 0 && !scan.graph.pieces.is_empty() => scan,
            Ok(scan) => return Err(foreign(source.source()).unwrap_or_else(|| no_graph(&scan))),
            Err(error) => return Err(foreign(source.source()).unwrap_or(error)),
        };
        let skeleton = std::mem::take(&mut scan.skeleton);
        // The lists of a long graph have their sizes before they are filled.
        let (node, initializer) = (Vec::with_capacity(scan.graph.nodes.len()), Vec::with_capacity(scan.graph.initializers.len()));
        let mut proto =
            ModelProto { graph: Some(GraphProto { node, initializer, ..GraphProto::default() }), ..ModelProto::default() };
        proto.merge(&skeleton[..]).map_err(|e| {
            foreign(source.source()).unwrap_or_else(|| Error::new(ErrorKind::Wire, format!("the messages do not decode: {e}")))
        })?;
        drop(skeleton);
        let (sides, side_index, inlined, sorted, scalers) = (Vec::new(), BTreeMap::new(), false, false, Vec::new());
        Ok(Model { proto, scan, path: path.map(Path::to_path_buf), source, sides, side_index, inlined, sorted, scalers })
    }

    /// The model with calls of its functions replaced by their bodies: as if the file had been written that way. What cannot be
    /// replaced, because a function imports another version of an operator set, is given a graph, or grows too large, stays.
    ///
    /// # Errors
    /// Functions that call themselves, a file that cannot be read.
    pub fn inlined(self) -> Result<Model> {
        let Some(pieces) = inline::pieces(&self)? else { return Ok(self) };
        Ok(Model { inlined: true, ..self.respliced(pieces, "with its functions inlined it is too large")? })
    }

    /// By function: whether [`Model::inlined`] replaces its calls.
    ///
    /// # Errors
    /// Functions that call themselves.
    pub fn inlinable(&self) -> Result<Vec<bool>> {
        Ok(inline::inlined(&self.proto, &crate::model::Functions::of(&self.proto)?).0)
    }

    /// How many nodes there are where each call of a function stands for the nodes of its body: a small file can have very many.
    pub fn expanded(&self) -> usize {
        match (&self.proto.graph, crate::model::Functions::of(&self.proto)) {
            (Some(graph), Ok(functions)) => inline::size(graph, &functions, &vec![true; functions.len()]),
            _ => usize::MAX,
        }
    }

    /// Whether calls of functions were replaced, so that this is not what the file says.
    pub fn is_inlined(&self) -> bool {
        self.inlined
    }

    /// Whether nodes of the file stand out of order, which ONNX does not allow, and were put in order.
    pub fn is_sorted(&self) -> bool {
        self.sorted
    }

    /// Nodes of the file that are read as several others: each a difference and a product.
    pub fn scalers(&self) -> &[Scaler] {
        &self.scalers
    }

    /// Bytes of file `index`: 0 is the model itself, others are side files.
    pub fn file(&self, index: usize) -> &dyn Source {
        match index.checked_sub(1).and_then(|i| self.sides.get(i)) {
            Some(side) => &side.source,
            None => self.source.source(),
        }
    }

    /// The side files, in order of first mention; the first has index 1 in [`Model::file`].
    pub fn sides(&self) -> &[SideFile] {
        &self.sides
    }

    /// The size of the model file in bytes, side files not counted.
    pub fn len(&self) -> u64 {
        self.source.source().len()
    }

    /// The size of all its files in bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.sides.iter().fold(self.len(), |sum, side| sum.saturating_add(side.source.len()))
    }

    /// Whether the model file has no bytes; an open model always has some.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the files are still as they were when they were opened.
    ///
    /// # Errors
    /// One of them is not, or cannot be looked at.
    pub fn check_unchanged(&self) -> Result<()> {
        let own = self.source.file().map(|file| (file, self.path.clone().unwrap_or_default()));
        let sides = self.sides.iter().map(|s| (&s.source, s.path.clone()));
        for (file, path) in own.into_iter().chain(sides) {
            match file.unchanged() {
                Ok(true) => {}
                Ok(false) => {
                    return Err(Error::new(ErrorKind::Changed, "the file changed while it was read")
                        .file(&path)
                        .remedy("run again when nobody writes it"));
                }
                Err(error) => return Err(Error::io("cannot look at the file again", error).file(&path)),
            }
        }
        Ok(())
    }

    /// The file and bytes of a tensor of `size` bytes that lives in a side file.
    pub(crate) fn side_range(&self, proto: &TensorProto, size: u64) -> Result<crate::model::Payload> {
        let entry = external::entry(proto)?;
        let Some(&index) = self.side_index.get(&entry.location) else {
            return Err(Error::new(ErrorKind::ExternalData, format!("the side file `{}` is not open", entry.location))
                .remedy("give the model as a file, so that its folder is known"));
        };
        let length = entry.length.unwrap_or(size);
        let end = entry.offset.checked_add(size).filter(|end| *end <= self.file(index).len());
        let (Some(end), true) = (end, length >= size) else {
            let what = format!(
                "{size} bytes at {} of the side file `{}` are needed, the entry gives {length} and the file has {}",
                entry.offset,
                entry.location,
                self.file(index).len()
            );
            return Err(Error::new(ErrorKind::ExternalData, what).remedy("the side file belongs to another model or was cut off"));
        };
        Ok(crate::model::Payload::Bytes { file: index, range: Range { start: entry.offset, end } })
    }

    fn open_sides(&mut self, moved: &[(String, PathBuf)]) -> Result<()> {
        let locations = self.side_locations()?;
        let Some(path) = self.path.clone() else { return Ok(()) };
        let folder = path.parent().unwrap_or(Path::new(".")).to_path_buf();
        for location in locations {
            if self.side_index.contains_key(&location) {
                continue;
            }
            if let Some((_, real)) = moved.iter().find(|(name, _)| *name == location) {
                self.sides.push(SideFile { location: location.clone(), ..external::open_named(real)? });
                self.side_index.insert(location, self.sides.len());
                continue;
            }
            // A model that is itself reached through a link may have its side files beside the real file.
            let side = external::open(&folder, &location).or_else(|error| match path.canonicalize() {
                Ok(real) if real.parent() != folder.canonicalize().ok().as_deref() => {
                    external::open(real.parent().unwrap_or(&folder), &location).map_err(|_| error)
                }
                _ => Err(error),
            })?;
            self.sides.push(side);
            self.side_index.insert(location, self.sides.len());
        }
        Ok(())
    }
}

fn collect_locations(model: &ModelProto, into: &mut Vec<String>) -> Result<()> {
    let mut tensors = Vec::new();
    let mut graphs: Vec<_> = model.graph.iter().collect();
    let mut nodes: Vec<_> = model.functions.iter().flat_map(|f| &f.node).collect();
    while !graphs.is_empty() || !nodes.is_empty() {
        for graph in std::mem::take(&mut graphs) {
            tensors.extend(&graph.initializer);
            tensors.extend(graph.sparse_initializer.iter().flat_map(|s| s.values.iter().chain(&s.indices)));
            nodes.extend(&graph.node);
        }
        for attribute in std::mem::take(&mut nodes).into_iter().flat_map(|n| &n.attribute) {
            tensors.extend(attribute.t.iter().chain(&attribute.tensors));
            graphs.extend(attribute.g.iter().chain(&attribute.graphs));
        }
    }
    for tensor in tensors.into_iter().filter(|t| t.data_location() == crate::onnx::tensor_proto::DataLocation::External) {
        into.push(external::entry(tensor).map_err(|e| e.at(format!("tensor `{}`", tensor.name())))?.location);
    }
    Ok(())
}

fn no_graph(scan: &Scan) -> Error {
    let what = if scan.known_fields == 0 { "this is not an ONNX model" } else { "the model has no graph" };
    Error::new(ErrorKind::Foreign, what).remedy("name a file that an ONNX exporter wrote")
}

/// What a file that is not an ONNX model is instead, where its first bytes tell.
fn foreign(source: &dyn Source) -> Option<Error> {
    let len = source.len();
    let mut head = vec![0; usize::try_from(len.min(512)).unwrap_or(0)];
    source.read_exact_at(&mut head, 0).ok()?;
    let error = |what: &str, remedy: &str| Some(Error::new(ErrorKind::Foreign, what).remedy(remedy));
    let at4 = head.get(4..8).unwrap_or_default();
    match &head[..] {
        [] => error("the file is empty", "export or download it again"),
        h if h.starts_with(b"version https://git-lfs") => error("this is a Git LFS pointer, not the model", "run `git lfs pull`"),
        h if h.starts_with(b"PK\x03\x04") => {
            error("this is a ZIP archive (as PyTorch and Keras write them)", "unpack it, or export the model to ONNX")
        }
        h if h.starts_with(b"\x89HDF") => error("this is an HDF5 file", "export the model to ONNX"),
        h if h.starts_with(b"GGUF") => error("this is a GGUF file", "export the model to ONNX"),
        [0x1f, 0x8b, ..] => error("this is a gzip archive", "unpack it first"),
        [0x80, 0x02, ..] => error("this is a Python pickle", "export the model to ONNX"),
        _ if at4 == b"TFL3" => error("this is a TensorFlow Lite model", "convert it to ONNX first"),
        _ if at4 == b"ORTM" => error("this is a model in ONNX Runtime's own format", "use the .onnx file that it was made from"),
        h if h.get(8) == Some(&b'{') && u64::from_le_bytes(h[..8].try_into().ok()?) < len => {
            error("this is a safetensors file: weights without a graph", "export the model to ONNX")
        }
        h if h.iter().all(|b| matches!(b, b'\t' | b'\n' | b'\r' | 32..=126 | 128..)) && std::str::from_utf8(h).is_ok() => {
            error("this is a text file", "name a binary ONNX model")
        }
        _ => None,
    }
}
