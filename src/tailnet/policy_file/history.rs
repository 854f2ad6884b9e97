//! The texts that this process has read and sent, by their versions: what a merge starts from, and
//! how it is told whose text is live.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
};

use super::PolicyFile;

/// As many texts are kept of each kind; the oldest go first.
const KEPT: usize = 16;

/// Cheap to clone; clones remember the same.
#[derive(Clone, Default)]
pub(crate) struct Memory(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    read: VecDeque<PolicyFile>,
    sent: VecDeque<PolicyFile>,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    /// `file` was read.
    pub(super) fn read(&self, file: &PolicyFile) {
        self.keep(file.clone(), |held| &mut held.read);
    }

    /// The API answered `text` with the version `etag`, whatever it made of it.
    pub(super) fn sent(&self, etag: &str, text: &str) {
        let file = PolicyFile { text: text.to_owned(), etag: etag.to_owned() };
        self.keep(file, |held| &mut held.sent);
    }

    /// The text of the version `etag`.
    pub(super) fn text(&self, etag: &str) -> Option<String> {
        let held = self.0.lock().ok()?;
        let mut all = held.read.iter().chain(&held.sent);
        all.find(|it| it.etag == etag).map(|it| it.text.clone())
    }

    /// Whether the version `etag` is what came of write `text`.
    pub(super) fn came_of(&self, etag: &str, text: &str) -> bool {
        let held = self.0.lock();
        held.is_ok_and(|held| held.sent.iter().any(|it| it.etag == etag && it.text == text))
    }

    fn keep(&self, file: PolicyFile, list: fn(&mut Held) -> &mut VecDeque<PolicyFile>) {
        // Without a version nobody asks for it.
        let (false, Ok(mut held)) = (file.etag.is_empty(), self.0.lock()) else { return };
        let list = list(&mut held);
        list.retain(|it| it.etag != file.etag);
        list.push_front(file);
        list.truncate(KEPT);
    }
}
