//! Progress of what lasts: shown after half a second, on a terminal only.

use std::borrow::Cow;
use std::path::Path;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::console::Console;
use bnfold::report::text;

/// What ends sooner is not shown.
const PATIENCE: Duration = Duration::from_millis(500);

/// Something that may last. It ends when it is dropped, and leaves no trace on the terminal.
#[derive(Debug)]
pub struct Activity {
    bar: ProgressBar,
    /// Bytes of the file that is being written.
    file: u64,
    /// Bytes of files before it.
    earlier: u64,
    /// Dropped to end the wait.
    end: Option<Sender<()>>,
    reveal: Option<JoinHandle<()>>,
}

impl Activity {
    /// Begins something that has `total` bytes to do, or nobody knows how much.
    pub fn begin(console: &Console, what: impl Into<Cow<'static, str>>, total: Option<u64>) -> Activity {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden()).with_message(what);
        let template = match total {
            Some(_) => "{msg} [{wide_bar}] {bytes}/{total_bytes} {eta}",
            None => "{spinner} {wide_msg} {elapsed}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        if !console.shows_progress() {
            return Activity { bar, file: 0, earlier: 0, end: None, reveal: None };
        }
        let (end, wait) = channel();
        let shown = bar.clone();
        let reveal = std::thread::spawn(move || {
            if wait.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                shown.set_draw_target(ProgressDrawTarget::stderr());
                shown.enable_steady_tick(Duration::from_millis(100));
            }
        });
        Activity { bar, file: 0, earlier: 0, end: Some(end), reveal: Some(reveal) }
    }

    /// Begins with one of many models.
    pub fn model(console: &Console, file: &Path, (number, of): (usize, usize)) -> Activity {
        let name = file.file_name().map_or_else(String::new, |name| text::name(&name.to_string_lossy()));
        Activity::begin(console, format!("[{number}/{of}] {name}"), None)
    }

    /// Begins to judge so many folds.
    pub fn verifying(console: &Console, folds: usize) -> Activity {
        Activity::begin(console, format!("verifying {}", text::counted(folds as u64, "fold")), None)
    }

    /// So many of many are done.
    pub fn counted(&self, (done, of): (usize, usize), what: &str) {
        self.bar.set_message(format!("[{done}/{of}] {what}"));
    }

    /// So much of the file that is being written is done; less than before means that the next file has begun.
    pub fn reached(&mut self, done: u64) {
        if done < self.file {
            self.earlier = self.earlier.saturating_add(self.file);
        }
        self.file = done;
        self.bar.set_position(self.earlier.saturating_add(done));
    }
}

impl Drop for Activity {
    fn drop(&mut self) {
        drop(self.end.take());
        // A thread that broke down has shown nothing, which is all that can be lost.
        let _ = self.reveal.take().map(JoinHandle::join);
        self.bar.finish_and_clear();
    }
}
