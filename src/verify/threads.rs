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

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_made_stands_in_order_and_once() {
        let items: Vec<usize> = (0..1000).collect();
        let made = super::each(&items, |index, item| (index, item * 2));
        assert_eq!(made, items.iter().map(|item| (*item, item * 2)).collect::<Vec<_>>());
        assert_eq!(super::each(&[] as &[u8], |index, _| index), [0_usize; 0]);
    }
}
