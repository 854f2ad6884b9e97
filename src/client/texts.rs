//! The policy file texts that this process has read and sent, by version. They are the base of a
//! merge, and tell whether the live text was sent from here.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
};

/// How many texts of each kind are kept; the oldest are dropped first.
const MAX_TEXTS: usize = 16;

/// A text and its version.
#[derive(Clone)]
struct Versioned {
    etag: String,
    text: String,
}

/// The policy file texts of a tailnet. Cheap to clone; clones share the texts.
#[derive(Clone, Default)]
pub(crate) struct Texts(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    read: VecDeque<Versioned>,
    sent: VecDeque<Versioned>,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Texts").finish_non_exhaustive()
    }
}

impl Texts {
    /// Keeps a text that was read.
    pub(crate) fn read(&self, etag: &str, text: &str) {
        self.keep(etag, text, |held| &mut held.read);
    }

    /// Keeps a text that was sent, with the version that the API gave it.
    pub(crate) fn sent(&self, etag: &str, text: &str) {
        self.keep(etag, text, |held| &mut held.sent);
    }

    /// The text of the version `etag`.
    pub(crate) fn text(&self, etag: &str) -> Option<String> {
        let held = self.0.lock().ok()?;
        let mut all = held.read.iter().chain(&held.sent);
        all.find(|it| it.etag == etag).map(|it| it.text.clone())
    }

    /// Whether the version `etag` is the result of sending `text`.
    pub(crate) fn came_of(&self, etag: &str, text: &str) -> bool {
        let held = self.0.lock();
        held.is_ok_and(|held| held.sent.iter().any(|it| it.etag == etag && it.text == text))
    }

    fn keep(&self, etag: &str, text: &str, list: fn(&mut Held) -> &mut VecDeque<Versioned>) {
        // A text without a version cannot be looked up.
        let (false, Ok(mut held)) = (etag.is_empty(), self.0.lock()) else { return };
        let file = Versioned { etag: etag.to_owned(), text: text.to_owned() };
        let list = list(&mut held);
        list.retain(|it| it.etag != file.etag);
        list.push_front(file);
        list.truncate(MAX_TEXTS);
    }
}
