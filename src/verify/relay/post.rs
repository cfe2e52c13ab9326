//! Values handed from the thread that makes them to those that read them, and dropped behind the last reader.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::engine::array::{Array, Data};

/// Bytes that may lie here before who makes more waits.
const ROOM: usize = 128 << 20;

/// Whose value it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Of {
    /// The second model's.
    Leader,
    /// The absolute model's.
    Limits,
}

/// What lies between threads.
#[derive(Default)]
pub(super) struct Post {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Default)]
struct Inner {
    values: HashMap<(Of, String), (Arc<Array>, usize)>,
    bytes: usize,
    /// Threads that wait for a value, or will never ask for one again: while there is one, nobody waits for room.
    waiting: usize,
    /// Whose values nobody brings any more.
    over: Vec<Of>,
    closed: bool,
}

/// One that brings values, until it is dropped.
pub(super) struct Maker<'p>(&'p Post, Of);

/// One that reads values, until it is dropped.
pub(super) struct Reader<'p>(&'p Post);

impl Post {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The one that brings these values.
    pub fn maker(&self, of: Of) -> Maker<'_> {
        Maker(self, of)
    }

    /// One that reads values.
    pub fn reader(&self) -> Reader<'_> {
        Reader(self)
    }

    /// Says that nobody needs anything any more.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn wait<'g>(&self, guard: MutexGuard<'g, Inner>) -> MutexGuard<'g, Inner> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }
}

impl Maker<'_> {
    /// Brings a value that is read so many times. False if nobody needs it any more.
    pub fn put(&self, name: &str, value: Arc<Array>, readers: usize) -> bool {
        let mut inner = self.0.lock();
        while inner.bytes > ROOM && inner.waiting == 0 && !inner.closed {
            inner = self.0.wait(inner);
        }
        if readers > 0 {
            inner.bytes += bytes(&value);
            inner.values.insert((self.1, name.to_owned()), (value, readers));
        }
        self.0.changed.notify_all();
        !inner.closed
    }
}

impl Drop for Maker<'_> {
    fn drop(&mut self) {
        self.0.lock().over.push(self.1);
        self.0.changed.notify_all();
    }
}

impl Reader<'_> {
    /// Reads a value once it is there. None if nobody will bring it.
    pub fn take(&self, of: Of, name: &str) -> Option<Arc<Array>> {
        let key = (of, name.to_owned());
        let mut inner = self.0.lock();
        inner.waiting += 1;
        self.0.changed.notify_all();
        while !inner.closed && !inner.over.contains(&of) && !inner.values.contains_key(&key) {
            inner = self.0.wait(inner);
        }
        inner.waiting -= 1;
        let (value, readers) = inner.values.get_mut(&key)?;
        *readers -= 1;
        let (value, last) = (Arc::clone(value), *readers == 0);
        if last {
            inner.values.remove(&key);
            inner.bytes -= bytes(&value);
            self.0.changed.notify_all();
        }
        Some(value)
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.0.lock().waiting += 1;
        self.0.changed.notify_all();
    }
}

fn bytes(value: &Array) -> usize {
    match &value.data {
        Data::Bool(all) => all.len(),
        other => other.len() * 8,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(elements: usize) -> Arc<Array> {
        Arc::new(Array { dims: vec![elements], data: Data::Float(vec![1.0; elements]) })
    }

    #[test]
    fn what_is_read_by_all_is_dropped_and_who_is_ahead_waits() {
        let post = Post::default();
        let large = ROOM / 8 + 1;
        let most = std::thread::scope(|scope| {
            scope.spawn(|| {
                let maker = post.maker(Of::Leader);
                for name in ["a", "b", "c", "d"] {
                    assert!(maker.put(name, value(large), 1));
                }
            });
            let reader = post.reader();
            let mut most = 0;
            for name in ["a", "b", "c", "d"] {
                std::thread::sleep(std::time::Duration::from_millis(5));
                most = post.lock().bytes.max(most);
                assert!(reader.take(Of::Leader, name).is_some());
            }
            most
        });
        assert!(most <= 2 * large * 8, "{most}");
        assert_eq!(post.lock().bytes, 0);
    }

    #[test]
    fn another_order_and_a_value_that_never_comes_hold_nobody() {
        let post = Post::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let maker = post.maker(Of::Leader);
                for name in ["a", "b", "c"] {
                    maker.put(name, value(ROOM / 8 + 1), 1);
                }
            });
            let reader = post.reader();
            assert!(reader.take(Of::Leader, "c").is_some());
            assert!(reader.take(Of::Leader, "nowhere").is_none());
            assert!(reader.take(Of::Leader, "a").is_some());
        });
    }
}
