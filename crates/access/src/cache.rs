//! What the database said a moment ago.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Entries a cache may have before it is emptied.
const CACHED: usize = 10_000;

/// Values that are believed for a while.
pub(crate) struct Cache<K, V>(Mutex<Entries<K, V>>);

struct Entries<K, V> {
    believed: HashMap<K, (Instant, V)>,
    /// How often it was all forgotten.
    generation: u64,
}

impl<K, V> Default for Cache<K, V> {
    fn default() -> Self {
        Self(Mutex::new(Entries {
            believed: HashMap::new(),
            generation: 0,
        }))
    }
}

impl<K: Hash + Eq, V: Clone> Cache<K, V> {
    /// The value as it is believed, or else as `ask` says, which also tells for how long that may be believed.
    /// An answer to a question from before [`Self::clear`] is not kept: it may be what was to be forgotten.
    pub(crate) async fn get_or_ask<E>(
        &self,
        key: K,
        ask: impl Future<Output = Result<(V, Duration), E>>,
    ) -> Result<V, E> {
        let generation = {
            let entries = self.entries();
            match entries.believed.get(&key) {
                Some((until, value)) if Instant::now() < *until => return Ok(value.clone()),
                _ => entries.generation,
            }
        };
        let (value, trust) = ask.await?;
        let mut entries = self.entries();
        if entries.generation == generation {
            entries.believe(key, value.clone(), trust);
        }
        Ok(value)
    }

    /// The value as it is believed, or else as `make` has it, to be believed for as long as that says.
    pub(crate) fn get_or_make<E>(
        &self,
        key: K,
        make: impl FnOnce() -> Result<(V, Duration), E>,
    ) -> Result<V, E> {
        if let Some((until, value)) = self.entries().believed.get(&key)
            && Instant::now() < *until
        {
            return Ok(value.clone());
        }
        let (value, trust) = make()?;
        self.entries().believe(key, value.clone(), trust);
        Ok(value)
    }

    pub(crate) fn clear(&self) {
        let mut entries = self.entries();
        entries.believed.clear();
        entries.generation += 1;
    }

    fn entries(&self) -> MutexGuard<'_, Entries<K, V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq, V> Entries<K, V> {
    fn believe(&mut self, key: K, value: V, trust: Duration) {
        if self.believed.len() >= CACHED {
            self.believed.clear();
        }
        self.believed.insert(key, (Instant::now() + trust, value));
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    async fn answer(value: &str, trust: Duration) -> Result<(String, Duration), Infallible> {
        Ok((value.to_owned(), trust))
    }

    #[tokio::test]
    async fn believes_for_as_long_as_told() {
        let cache = Cache::default();
        let Ok(_) = cache.get_or_ask("key", answer("first", HOUR)).await;
        let Ok(kept) = cache.get_or_ask("key", answer("second", HOUR)).await;
        assert_eq!(kept, "first");
        let Ok(_) = cache
            .get_or_ask("brief", answer("first", Duration::ZERO))
            .await;
        let Ok(anew) = cache.get_or_ask("brief", answer("second", HOUR)).await;
        assert_eq!(anew, "second");
    }

    #[test]
    fn makes_what_is_not_believed_any_more() {
        let cache = Cache::default();
        let make = |value: &str, trust| Ok::<_, Infallible>((value.to_owned(), trust));
        let Ok(_) = cache.get_or_make("key", || make("first", HOUR));
        let Ok(kept) = cache.get_or_make("key", || make("second", HOUR));
        assert_eq!(kept, "first");
        let Ok(_) = cache.get_or_make("brief", || make("first", Duration::ZERO));
        let Ok(anew) = cache.get_or_make("brief", || make("second", HOUR));
        assert_eq!(anew, "second");
    }

    #[tokio::test]
    async fn an_answer_to_a_question_from_before_all_was_forgotten_is_not_kept() {
        let cache = Cache::default();
        let overtaken = async {
            cache.clear();
            answer("before", HOUR).await
        };
        let Ok(_) = cache.get_or_ask("key", overtaken).await;
        let Ok(now) = cache.get_or_ask("key", answer("after", HOUR)).await;
        assert_eq!(now, "after");
    }
}
