//! Registers versions, those of a workspace together: while Postgres flushes a group, the next gathers.
//! They would take turns at the workspace's revision anyway, each with a transaction of its own.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use herdbook_blobs::{Blob, BlobError, Blobs};
use herdbook_core::WorkspaceId;
use herdbook_postgres::DatabaseError;
use tokio::sync::oneshot;

use crate::{
    RegistryError,
    store::{
        Store,
        registration::{NewVersion, Registered},
    },
    version::File,
};

/// Versions that are registered together, and the files that they may have together: a large version is not
/// to make the small ones wait long.
const GROUP: usize = 64;
const FILES: usize = 10_000;

type Answer = Result<Registered, RegistryError>;

/// A version on its way.
struct Entry {
    new: NewVersion,
    reply: oneshot::Sender<Answer>,
}

/// Registers the versions of a process; cheap to clone.
#[derive(Clone)]
pub(crate) struct Registrar {
    store: Store,
    blobs: Blobs,
    /// What waits, by workspace. A workspace is among them while somebody registers for it.
    waiting: Arc<Mutex<HashMap<WorkspaceId, Vec<Entry>>>>,
}

impl Registrar {
    pub(crate) fn new(store: Store, blobs: Blobs) -> Self {
        Self {
            store,
            blobs,
            waiting: Arc::default(),
        }
    }

    /// Registers a version. If its request id was used before, the version made then is returned.
    pub(crate) async fn register(&self, workspace: WorkspaceId, new: NewVersion) -> Answer {
        let (reply, answer) = oneshot::channel();
        let entry = Entry { new, reply };
        let idle = match self.waiting().entry(workspace) {
            std::collections::hash_map::Entry::Occupied(mut waiting) => {
                waiting.get_mut().push(entry);
                false
            }
            std::collections::hash_map::Entry::Vacant(nobody) => {
                nobody.insert(vec![entry]);
                true
            }
        };
        if idle {
            tokio::spawn(self.clone().register_all(workspace));
        }
        let stopped = |_| DatabaseError::unavailable("the process is stopping");
        answer.await.map_err(stopped)?
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<WorkspaceId, Vec<Entry>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Registers what waits in `workspace`, until nothing does.
    async fn register_all(self, workspace: WorkspaceId) {
        while let Some(group) = self.next_group(workspace) {
            self.register_group(workspace, group).await;
        }
    }

    fn next_group(&self, workspace: WorkspaceId) -> Option<Vec<Entry>> {
        let mut all = self.waiting();
        let waiting = all
            .get_mut(&workspace)
            .filter(|waiting| !waiting.is_empty());
        let Some(waiting) = waiting else {
            all.remove(&workspace);
            return None;
        };
        let mut files = 0;
        let fitting = waiting.iter().take(GROUP).take_while(|entry| {
            files += entry.new.files.len();
            files <= FILES
        });
        let count = fitting.count().max(1);
        Some(waiting.drain(..count).collect())
    }

    /// Registers versions together and answers their callers.
    async fn register_group(&self, workspace: WorkspaceId, group: Vec<Entry>) {
        let asked: Vec<&NewVersion> = group.iter().map(|entry| &entry.new).collect();
        match self.store.register(workspace, &asked).await {
            Ok(answers) => {
                for (entry, answer) in group.into_iter().zip(answers) {
                    // The caller may be gone.
                    let _ = entry.reply.send(answer);
                }
            }
            // One that is refused is not to keep the others from it.
            Err(error) if error.is_of_one() => {
                for entry in group {
                    let answer = self.register_one(workspace, &entry.new).await;
                    let _ = entry.reply.send(answer);
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for entry in group {
                    let _ = entry.reply.send(Err(RegistryError::Shared(error.clone())));
                }
            }
        }
    }

    async fn register_one(&self, workspace: WorkspaceId, new: &NewVersion) -> Answer {
        let mut answers = self.store.register(workspace, &[new]).await;
        if matches!(answers, Err(RegistryError::Blob(BlobError::Gone(_)))) {
            // They may be there all the same, put by a version of Herdbook that did not count.
            let blobs: Vec<Blob> = new.files.iter().map(File::blob).collect();
            self.blobs.adopt(&blobs).await?;
            answers = self.store.register(workspace, &[new]).await;
        }
        answers?.pop().ok_or(RegistryError::Damaged)?
    }
}
