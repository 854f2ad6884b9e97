//! A receiver that remembers what it took, and fails when it is told to.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
};

use serde_json::Value;
use tailsteward::{alerts::Receivers, config};

use crate::support::{Reply, Seen, Server};

/// It takes notices, refuses them, or takes them and does not say so.
const TAKES: u8 = 0;
const REFUSES: u8 = 1;
const FORGETS_TO_ANSWER: u8 = 2;

pub(super) struct Double {
    server: Server,
    mood: Arc<AtomicU8>,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Double {
    pub(super) async fn start() -> Self {
        let (mood, taken) = (Arc::new(AtomicU8::new(TAKES)), Arc::new(Mutex::new(Vec::new())));
        let (now, into) = (Arc::clone(&mood), Arc::clone(&taken));
        let server = Server::start(move |seen: &Seen| {
            let mood = now.load(Ordering::SeqCst);
            if mood == REFUSES {
                return Reply::new(503);
            }
            let mut notice: Value = serde_json::from_str(&seen.body).unwrap();
            assert_eq!(seen.header("webhook-id").unwrap(), notice["id"], "one ID for each try");
            notice["try"] = seen.header("webhook-timestamp").unwrap().into();
            into.lock().unwrap().push(notice);
            if mood == FORGETS_TO_ANSWER { Reply::nothing() } else { Reply::new(200) }
        });
        Self { server: server.await, mood, taken }
    }

    /// From now on it refuses, or takes and does not say so.
    pub(super) fn fail(&self, answers: bool) {
        self.mood.store(if answers { REFUSES } else { FORGETS_TO_ANSWER }, Ordering::SeqCst);
    }

    pub(super) fn mend(&self) {
        self.mood.store(TAKES, Ordering::SeqCst);
    }

    /// All that it took, the same notice once.
    pub(super) fn received(&self) -> Vec<Value> {
        let mut seen = BTreeMap::new();
        let mut all = Vec::new();
        for notice in self.taken.lock().unwrap().iter() {
            let id = notice["id"].as_str().unwrap().to_owned();
            let lines = notice["lines"].clone();
            let first = seen.entry(id).or_insert_with(|| {
                all.push(notice.clone());
                lines.clone()
            });
            assert_eq!(*first, lines, "the same ID is the same notice");
        }
        all
    }

    /// How often it took a notice, those that came again included.
    pub(super) fn deliveries(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    /// The receiver `chat`, which posts here.
    pub(super) fn receivers(&self) -> Arc<Receivers> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let text = format!(
            "[[receiver]]\nname = \"chat\"\nkind = \"webhook\"\nurl = \"{}\"\nprivate = true\n",
            self.server.url()
        );
        std::fs::write(&path, text).unwrap();
        Arc::new(Receivers::new(config::receivers(Some(&path)).unwrap(), false).unwrap())
    }
}
