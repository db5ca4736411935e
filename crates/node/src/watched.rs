//! A value, and those who wait for it to change: woken in the order in which they began to wait.
//!
//! Tokio's `watch` wakes them in random order. Then no run of a simulation is like another.

use commonware_utils::sync::Mutex;
use std::sync::Arc;
use tokio::sync::Notify;

struct Shared<T> {
    /// The value, and how often it has changed.
    value: Mutex<(u64, T)>,
    changed: Notify,
}

/// The value; cheap to clone.
pub struct Watched<T>(Arc<Shared<T>>);

impl<T> Clone for Watched<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Clone> Watched<T> {
    /// A value that nobody waits for yet.
    pub fn new(value: T) -> Self {
        Self(Arc::new(Shared { value: Mutex::new((0, value)), changed: Notify::new() }))
    }

    /// The value now.
    pub fn get(&self) -> T {
        self.0.value.lock().1.clone()
    }

    /// Changes the value, and wakes everybody if `change` says that it has changed.
    pub fn update(&self, change: impl FnOnce(&mut T) -> bool) {
        let mut value = self.0.value.lock();
        if change(&mut value.1) {
            value.0 += 1;
            drop(value);
            self.0.changed.notify_waiters();
        }
    }

    /// Follows the value from now on.
    pub fn follow(&self) -> Follower<T> {
        Follower { seen: self.0.value.lock().0, watched: self.clone() }
    }

    async fn wait(&self, mut enough: impl FnMut(u64, &T) -> bool) -> (u64, T) {
        loop {
            let notified = self.0.changed.notified();
            tokio::pin!(notified);
            // From here on no change is missed.
            notified.as_mut().enable();
            {
                let value = self.0.value.lock();
                if enough(value.0, &value.1) {
                    return value.clone();
                }
            }
            notified.await;
        }
    }
}

/// Follows a value. Waiting may be broken off at any time.
pub struct Follower<T> {
    watched: Watched<T>,
    seen: u64,
}

impl<T: Clone> Follower<T> {
    /// Waits until the value has changed since it was last waited for; the value then.
    pub async fn changed(&mut self) -> T {
        let seen = self.seen;
        let (now, value) = self.watched.wait(|now, _| now != seen).await;
        self.seen = now;
        value
    }

    /// Waits until the value is as wished.
    pub async fn wait_for(&mut self, mut wished: impl FnMut(&T) -> bool) -> T {
        let (now, value) = self.watched.wait(|_, value| wished(value)).await;
        self.seen = now;
        value
    }
}
