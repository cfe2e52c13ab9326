//! Walks over the elements of an array by the distance of neighbours along each axis: what moves or repeats elements is
//! nothing but another set of distances.

/// Indices of elements, in the row-major order of the result.
pub(super) struct Walk {
    /// Per axis of the result: its extent, and how far the source moves along it.
    axes: Vec<(u64, i64)>,
    position: Vec<u64>,
    at: i64,
    left: u64,
}

impl Walk {
    /// A walk over a result with these extents and distances in the source, from source element `start` on.
    pub fn new(axes: Vec<(u64, i64)>, start: i64) -> Walk {
        let left = axes.iter().map(|(size, _)| *size).product();
        Walk { position: vec![0; axes.len()], axes, at: start, left }
    }

    /// A walk over an array that is repeated along axes of extent one to the shape `dims`.
    pub fn broadcast(from: &[u64], dims: &[u64]) -> Walk {
        let own = distances(from);
        let missing = dims.len().saturating_sub(from.len());
        let step = |axis: usize| match axis.checked_sub(missing) {
            Some(axis) if from[axis] != 1 => own[axis],
            _ => 0,
        };
        Walk::new(dims.iter().enumerate().map(|(axis, size)| (*size, step(axis))).collect(), 0)
    }
}

/// How far apart neighbours along each axis are.
pub(super) fn distances(dims: &[u64]) -> Vec<i64> {
    let mut steps = vec![1i64; dims.len()];
    for axis in (1..dims.len()).rev() {
        steps[axis - 1] = steps[axis].saturating_mul(dims[axis] as i64);
    }
    steps
}

impl Iterator for Walk {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        self.left = self.left.checked_sub(1)?;
        let now = usize::try_from(self.at).ok()?;
        for ((size, step), position) in self.axes.iter().zip(&mut self.position).rev() {
            *position += 1;
            self.at += step;
            if *position < *size {
                break;
            }
            self.at -= step * *position as i64;
            *position = 0;
        }
        Some(now)
    }
}
