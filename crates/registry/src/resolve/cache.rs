//! What references meant when they were read, as far as the log has not changed it since.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use herdbook_core::WorkspaceId;
use quick_cache::{Weighter, unsync};

use super::Resolved;
use crate::{
    reference::{Pointer, Reference},
    store::resolve::Progress,
};

/// Bytes that are kept, about.
pub(super) const BYTES: u64 = 64 << 20;
/// Models that fit, about: what the cache is laid out for.
const MODELS: usize = 16_384;
/// References to one model that are kept.
const POINTERS: usize = 64;
/// Records of the log by which a workspace is brought forward; beyond, it is forgotten.
pub(super) const RECORDS: i64 = 1_000;

/// All that is kept.
#[derive(Debug)]
pub(super) struct Cache(Mutex<State>);

#[derive(Debug)]
struct State {
    /// Revisions at which what is kept of each workspace is right.
    positions: HashMap<WorkspaceId, i64>,
    models: unsync::Cache<(WorkspaceId, String), Model, ByWeight>,
}

/// What is kept of a model.
#[derive(Debug, Default)]
struct Model {
    /// With the revisions at which they were read.
    pointers: HashMap<Pointer, (Arc<Resolved>, i64)>,
    /// Bytes in memory, about.
    weight: u64,
}

#[derive(Debug, Clone)]
struct ByWeight;

impl Weighter<(WorkspaceId, String), Model> for ByWeight {
    fn weight(&self, (_, name): &(WorkspaceId, String), model: &Model) -> u64 {
        model.weight + name.len() as u64 + 256
    }
}

impl Cache {
    /// One of about `bytes` at most.
    pub(super) fn new(bytes: u64) -> Self {
        Self(Mutex::new(State {
            positions: HashMap::new(),
            models: unsync::Cache::with_weighter(MODELS, bytes, ByWeight),
        }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `reference` means, and the revision at which it is known to.
    pub(super) fn get(
        &self,
        workspace: WorkspaceId,
        reference: &Reference,
    ) -> Option<(Arc<Resolved>, i64)> {
        let state = self.state();
        let position = *state.positions.get(&workspace)?;
        let model = state.models.get(&(workspace, reference.model.clone()))?;
        let (resolved, read) = model.pointers.get(&reference.version)?;
        Some((resolved.clone(), position.max(*read)))
    }

    /// Keeps what was read at `revision`, unless the log was followed beyond: what it changed since would
    /// not be dropped any more.
    pub(super) fn keep(
        &self,
        workspace: WorkspaceId,
        reference: &Reference,
        resolved: &Arc<Resolved>,
        revision: i64,
    ) {
        let mut state = self.state();
        let position = state.positions.get(&workspace);
        if position.is_none_or(|position| *position > revision) {
            return;
        }
        let key = (workspace, reference.model.clone());
        let mut model = state
            .models
            .remove(&key)
            .map(|(_, model)| model)
            .unwrap_or_default();
        if model.pointers.len() >= POINTERS {
            model = Model::default();
        }
        let kept = (resolved.clone(), revision);
        model.weight += weight(resolved);
        if let Some((before, _)) = model.pointers.insert(reference.version.clone(), kept) {
            model.weight -= weight(&before);
        }
        state.models.insert(key, model);
    }

    /// The revisions at which what is kept of `workspaces` is right; 0 of those of which nothing is.
    pub(super) fn positions(&self, workspaces: &BTreeSet<WorkspaceId>) -> Vec<(WorkspaceId, i64)> {
        let state = self.state();
        let position = |workspace| state.positions.get(workspace).copied().unwrap_or_default();
        let positions = workspaces
            .iter()
            .map(|workspace| (*workspace, position(workspace)));
        positions.collect()
    }

    /// Drops what was changed according to the log, and is right at the new revisions then.
    pub(super) fn bring_forward(&self, progress: Vec<Progress>) {
        let mut state = self.state();
        for Progress {
            workspace,
            revision,
            changed,
        } in progress
        {
            // A record without a model, such as of a shared policy, is about many.
            match changed.filter(|models| models.iter().all(|name| !name.is_empty())) {
                Some(models) => models.into_iter().for_each(|name| {
                    state.models.remove(&(workspace, name));
                }),
                None => state.models.retain(|(owner, _), _| *owner != workspace),
            }
            state.positions.insert(workspace, revision);
        }
    }
}

/// Bytes in memory, about.
fn weight(resolved: &Resolved) -> u64 {
    let texts = [&resolved.model, &resolved.label, &resolved.stage];
    let texts: usize = texts.into_iter().map(String::len).sum();
    let files: usize = resolved
        .files
        .iter()
        .map(|file| size_of_val(file) + file.path.len())
        .sum();
    (size_of::<Resolved>() + texts + files + 64) as u64
}

#[cfg(test)]
mod tests {
    use herdbook_core::Digest;

    use super::*;
    use crate::version::File;

    const HERE: WorkspaceId = WorkspaceId(1);

    fn reference(model: &str, name: &str) -> Reference {
        Reference::parse(&format!("{model}@{name}")).unwrap()
    }

    fn resolved(model: &str, number: i64) -> Arc<Resolved> {
        Arc::new(Resolved {
            model: model.to_owned(),
            number,
            label: String::new(),
            stage: "Production".to_owned(),
            digest: Digest([0; 32]),
            files: vec![File {
                path: "weights.bin".to_owned(),
                size: 1,
                digest: Digest([0; 32]),
            }],
        })
    }

    fn progress(workspace: WorkspaceId, revision: i64, changed: Option<&[&str]>) -> Vec<Progress> {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        vec![Progress {
            workspace,
            revision,
            changed: changed.map(names),
        }]
    }

    /// A cache with the models `a` and `b` in two workspaces at revision 5.
    fn filled() -> Cache {
        let cache = Cache::new(BYTES);
        for workspace in [HERE, WorkspaceId(2)] {
            cache.bring_forward(progress(workspace, 5, None));
            for model in ["a", "b"] {
                cache.keep(
                    workspace,
                    &reference(model, "latest"),
                    &resolved(model, 1),
                    5,
                );
            }
        }
        cache
    }

    fn kept(cache: &Cache, workspace: WorkspaceId) -> Vec<&'static str> {
        let is_kept = |model: &&str| cache.get(workspace, &reference(model, "latest")).is_some();
        ["a", "b"].into_iter().filter(is_kept).collect()
    }

    #[test]
    fn only_what_the_log_names_is_dropped() {
        let cache = filled();
        cache.bring_forward(progress(HERE, 6, Some(&["a", "other"])));
        assert_eq!(kept(&cache, HERE), ["b"]);
        assert_eq!(kept(&cache, WorkspaceId(2)), ["a", "b"]);
        assert_eq!(cache.get(HERE, &reference("b", "latest")).unwrap().1, 6);
    }

    #[test]
    fn what_may_concern_all_drops_all_of_the_workspace() {
        for changed in [None, Some(&["b", ""][..])] {
            let cache = filled();
            cache.bring_forward(progress(HERE, 6, changed));
            assert_eq!(kept(&cache, HERE), [""; 0]);
            assert_eq!(kept(&cache, WorkspaceId(2)), ["a", "b"]);
        }
    }

    #[test]
    fn what_was_read_before_the_log_was_followed_is_not_kept() {
        let cache = filled();
        cache.bring_forward(progress(HERE, 7, Some(&["a"])));
        let latest = reference("a", "latest");
        cache.keep(HERE, &latest, &resolved("a", 1), 6);
        assert_eq!(cache.get(HERE, &latest), None);
        cache.keep(HERE, &latest, &resolved("a", 2), 7);
        assert_eq!(cache.get(HERE, &latest).unwrap().0.number, 2);
        cache.keep(WorkspaceId(3), &latest, &resolved("a", 2), 7);
        assert_eq!(cache.get(WorkspaceId(3), &latest), None);
    }

    #[test]
    fn no_more_is_kept_than_fits() {
        let cache = Cache::new(1 << 20);
        cache.bring_forward(progress(HERE, 1, None));
        for model in 0..10_000 {
            let model = model.to_string();
            cache.keep(HERE, &reference(&model, "latest"), &resolved(&model, 1), 1);
        }
        assert!(cache.state().models.weight() <= 1 << 20);
        assert!(cache.state().models.len() > 100);
        for number in 0..1_000 {
            cache.keep(
                HERE,
                &reference("a", &format!("x{number}")),
                &resolved("a", 1),
                1,
            );
        }
        let state = cache.state();
        let model = state.models.peek(&(HERE, "a".to_owned())).unwrap();
        assert!(model.pointers.len() <= POINTERS);
    }
}
