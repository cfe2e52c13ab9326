//! Work on many things, as many at once as there are processors.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// More threads would wait for memory.
const MOST: usize = 8;

/// What `each` makes of every item, in order.
pub(super) fn each<T: Sync, R: Send>(items: &[T], each: impl Fn(usize, &T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from).min(items.len()).min(MOST);
    if threads < 2 {
        return items.iter().enumerate().map(|(index, item)| each(index, item)).collect();
    }
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(items.len())));
    let work = || {
        let mut own = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { break };
            own.push((index, each(index, item)));
        }
        found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).append(&mut own);
    };
    // A thread that panics panics here, too.
    std::thread::scope(|scope| (0..threads).for_each(|_| drop(scope.spawn(work))));
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_unstable_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, made)| made).collect()
}
