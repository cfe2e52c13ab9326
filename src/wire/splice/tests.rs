//! Edits of messages written by hand, and of random trees of messages, compared with the same
//! tree written again from scratch.

use proptest::prelude::*;

use super::*;

/// Writes the pieces out; a lazy piece becomes bytes of its index.
fn written(source: &[u8], pieces: &[Piece]) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Copy(range) => {
                out.extend_from_slice(&source[range.start as usize..range.end as usize]);
            }
            Piece::Bytes(bytes) => out.extend_from_slice(bytes),
            Piece::Lazy { index, len } => out.resize(out.len() + *len as usize, *index as u8),
        }
    }
    assert_eq!(total(pieces), Some(out.len() as u64));
    out
}

fn edited(source: &[u8], edits: Vec<Edit>) -> Result<Vec<u8>, SpliceError> {
    let bytes = source.to_vec();
    let pieces = splice(&bytes, 0..bytes.len() as u64, edits)?;
    Ok(written(source, &pieces))
}

fn edit(parent: Range<u64>, at: Range<u64>, with: &[u8]) -> Edit {
    Edit { parent, at, with: vec![Piece::Bytes(with.to_vec())] }
}

/// 1: { 2: {}, 3: 5 }, 4: 6
const SMALL: [u8; 8] = [0x0a, 0x04, 0x12, 0x00, 0x18, 0x05, 0x20, 0x06];

#[test]
fn no_edit_copies_everything_as_one_range() {
    let source = SMALL.to_vec();
    assert_eq!(splice(&source, 0..8, vec![]).unwrap(), [Piece::Copy(0..8)]);
    let empty = Vec::new();
    assert_eq!(splice(&empty, 0..0, vec![]).unwrap(), []);
}

#[test]
fn one_position_means_three_places() {
    // Byte 6 ends the message 2..6 and begins the field 4; byte 4 ends the empty message 4..4
    // and begins the field 3.
    let inner = edited(&SMALL, vec![edit(2..6, 6..6, &[0x28, 7])]).unwrap();
    assert_eq!(inner, [0x0a, 0x06, 0x12, 0, 0x18, 5, 0x28, 7, 0x20, 6]);
    let outer = edited(&SMALL, vec![edit(0..8, 6..6, &[0x28, 7])]).unwrap();
    assert_eq!(outer, [0x0a, 0x04, 0x12, 0, 0x18, 5, 0x28, 7, 0x20, 6]);
    let both = vec![
        edit(0..8, 6..8, &[]),
        edit(2..6, 4..4, &[0x30, 2]),
        edit(0..8, 6..6, &[0x28, 8]),
        edit(2..6, 6..6, &[0x28, 7]),
        edit(4..4, 4..4, &[0x30, 1]),
        edit(0..8, 6..6, &[0x28, 9]),
    ];
    let expected = [0x0a, 0x0a, 0x12, 2, 0x30, 1, 0x30, 2, 0x18, 5, 0x28, 7, 0x28, 8, 0x28, 9];
    assert_eq!(edited(&SMALL, both).unwrap(), expected);
}

#[test]
fn a_header_is_kept_if_its_length_is_and_shortened_if_not() {
    // 1 with a padded tag and a padded length: { 3: 5 }
    let source = [0x8a, 0x00, 0x82, 0x00, 0x18, 0x05];
    let kept = splice(&source.to_vec(), 0..6, vec![edit(4..6, 4..6, &[0x20, 6])]).unwrap();
    assert_eq!(kept, [Piece::Copy(0..4), Piece::Bytes(vec![0x20, 6])]);
    let longer = edited(&source, vec![edit(4..6, 6..6, &[0x20, 6])]).unwrap();
    assert_eq!(longer, [0x8a, 0x00, 0x04, 0x18, 5, 0x20, 6]);
    let emptied = edited(&source, vec![edit(4..6, 4..6, &[])]).unwrap();
    assert_eq!(emptied, [0x8a, 0x00, 0x00]);
}

#[test]
fn lengths_count_what_is_lazy_and_grow_their_own_bytes() {
    let lazy = Piece::Lazy { index: 9, len: 300 };
    let header = Piece::Bytes(vec![0x0a, 0xac, 0x02]);
    let new = Edit { parent: 2..6, at: 4..6, with: vec![header, lazy] };
    let out = edited(&SMALL, vec![new]).unwrap();
    assert_eq!(out[..8], [0x0a, 0xb1, 0x02, 0x12, 0, 0x0a, 0xac, 0x02]);
    assert_eq!(out[8..308], [9; 300]);
    assert_eq!(out[308..], [0x20, 6]);
}

#[test]
fn edits_that_do_not_fit_are_refused() {
    let refuse = |edits| edited(&SMALL, edits).unwrap_err();
    let not_a_field = [(2..6, 3..3), (2..6, 4..5), (0..8, 1..1), (0..8, 2..2), (2..6, 6..7)];
    for (parent, at) in not_a_field {
        let error = refuse(vec![edit(parent, at, &[])]);
        assert!(matches!(error, SpliceError::NotAField(_)), "{error}");
    }
    for parent in [2..5, 3..3, 6..8, 7..8, 0..7, 1..6, 2..9, 8..8] {
        let error = refuse(vec![edit(parent.clone(), parent.start..parent.start, &[])]);
        let no_message = matches!(error, SpliceError::NoSuchMessage(_));
        assert!(no_message || matches!(error, SpliceError::Wire(_)), "{error}");
    }
    let overlapping = [
        vec![edit(0..8, 0..6, &[]), edit(0..8, 0..8, &[])],
        vec![edit(0..8, 0..6, &[]), edit(2..6, 4..6, &[])],
        vec![edit(0..8, 0..6, &[]), edit(4..4, 4..4, &[])],
        vec![edit(2..6, 2..6, &[]), edit(2..6, 4..4, &[])],
    ];
    for edits in overlapping {
        let error = refuse(edits);
        assert!(matches!(error, SpliceError::Overlap(_)), "{error}");
    }
    let copy = |range| Edit { parent: 0..8, at: 8..8, with: vec![Piece::Copy(range)] };
    assert!(matches!(refuse(vec![copy(7..9)]), SpliceError::OutOfSource(_)));
    for len in [MAX_LENGTH - 3, u64::MAX] {
        let with = vec![Piece::Lazy { index: 0, len }];
        let error = refuse(vec![Edit { parent: 2..6, at: 6..6, with }]);
        assert!(matches!(error, SpliceError::TooLong), "{error}");
    }
}

#[test]
fn hostile_nesting_is_refused_before_the_stack_ends() {
    let mut source = Vec::new();
    let mut starts = Vec::new();
    for _ in 0..5000 {
        let mut outer = vec![0x0a];
        varint::encode(source.len() as u64, &mut outer);
        starts.push(outer.len() as u64);
        outer.append(&mut source);
        source = outer;
    }
    let deepest: u64 = starts.iter().sum();
    assert_eq!(deepest, source.len() as u64);
    let error = edited(&source, vec![edit(deepest..deepest, deepest..deepest, &[])]).unwrap_err();
    assert!(error.to_string().contains("deeper"), "{error}");
}

/// A tree of messages, its leaves, and what is done to each of them.
#[derive(Debug, Clone)]
struct Tree {
    number: u32,
    content: Content,
    before: Vec<u8>,
    removed: bool,
    /// Bytes by which tag and length are longer than needed.
    padding: (usize, usize),
    after: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Content {
    Number(u64),
    Message(Vec<Tree>),
}

fn padded(value: u64, padding: usize, out: &mut Vec<u8>) {
    varint::encode(value, out);
    for _ in 0..padding {
        if let Some(last) = out.last_mut() {
            *last |= 0x80;
        }
        out.push(0);
    }
}

impl Tree {
    fn old(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match &self.content {
            Content::Number(value) => {
                padded(u64::from(self.number) << 3, self.padding.0, &mut out);
                varint::encode(*value, &mut out);
            }
            Content::Message(fields) => {
                let payload: Vec<u8> = fields.iter().flat_map(Tree::old).collect();
                padded(u64::from(self.number) << 3 | 2, self.padding.0, &mut out);
                padded(payload.len() as u64, self.padding.1, &mut out);
                out.extend(payload);
            }
        }
        out
    }

    fn changed(&self) -> Vec<u8> {
        let mut out = self.before.clone();
        match &self.content {
            _ if self.removed => {}
            Content::Number(_) => out.extend(self.old()),
            Content::Message(fields) => {
                let old: usize = fields.iter().map(|field| field.old().len()).sum();
                let mut payload: Vec<u8> = fields.iter().flat_map(Tree::changed).collect();
                payload.extend(&self.after);
                let padding = if payload.len() == old { self.padding.1 } else { 0 };
                padded(u64::from(self.number) << 3 | 2, self.padding.0, &mut out);
                padded(payload.len() as u64, padding, &mut out);
                out.extend(payload);
            }
        }
        out
    }

    /// The edits that lead from `old` to `changed`, when `old` begins at `start` within `parent`.
    fn edits(&self, parent: &Range<u64>, start: u64, edits: &mut Vec<Edit>) {
        let len = self.old().len() as u64;
        if !self.before.is_empty() {
            edits.push(edit(parent.clone(), start..start, &self.before));
        }
        if self.removed {
            edits.push(edit(parent.clone(), start..start + len, &[]));
        } else if let Content::Message(fields) = &self.content {
            let lengths: u64 = fields.iter().map(|field| field.old().len() as u64).sum();
            let payload = start + len - lengths..start + len;
            let mut at = payload.start;
            for field in fields {
                field.edits(&payload, at, edits);
                at += field.old().len() as u64;
            }
            if !self.after.is_empty() {
                edits.push(edit(payload.clone(), at..at, &self.after));
            }
        }
    }
}

fn inserted() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![3 => Just(vec![]), 1 => Just(vec![0x78, 1]), 1 => Just([0x78, 1].repeat(70))]
}

fn tree() -> impl Strategy<Value = Tree> {
    let number = any::<u64>().prop_map(Content::Number);
    let with = |content: BoxedStrategy<Content>| {
        let edits = (inserted(), prop::bool::weighted(0.2), inserted());
        (1..40u32, content, edits, (0..2usize, 0..3usize)).prop_map(|(number, content, (before, removed, after), padding)| {
            let after = if matches!(content, Content::Message(_)) { after } else { vec![] };
            Tree { number, content, before, removed, padding, after }
        })
    };
    with(number.boxed())
        .prop_recursive(5, 60, 6, move |inner| with(prop::collection::vec(inner, 0..6).prop_map(Content::Message).boxed()))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    #[test]
    fn splicing_equals_writing_again(fields in prop::collection::vec(tree(), 0..5), seed: u64) {
        let old: Vec<u8> = fields.iter().flat_map(Tree::old).collect();
        let new: Vec<u8> = fields.iter().flat_map(Tree::changed).collect();
        let root = 0..old.len() as u64;
        let (mut edits, mut at) = (Vec::new(), 0);
        for field in &fields {
            field.edits(&root, at, &mut edits);
            at += field.old().len() as u64;
        }
        if !edits.is_empty() {
            let half = seed as usize % edits.len();
            edits.rotate_left(half);
        }
        prop_assert_eq!(edited(&old, edits).unwrap(), new);
    }

    #[test]
    fn any_bytes_and_any_edits_end_without_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..60),
        edits in prop::collection::vec((0..62u64, 0..62u64, 0..62u64, 0..62u64), 0..6),
    ) {
        let edits = edits.into_iter().map(|(a, b, c, d)| edit(a..b, c..d, &[0x08, 1])).collect();
        let _ = edited(&bytes, edits);
    }
}
