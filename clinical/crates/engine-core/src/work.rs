//! Where requests are worked on.
//!
//! The backend calls SQLite on the thread that asks it. On the few threads that take requests in, a search of seconds
//! would hold up every other request; so only what is short is done there. The rest is done on threads of its own, so many
//! at a time that connections to the database are left for what is short, and that writers, of which SQLite lets one write,
//! hold up no reader.

use std::{future::Future, num::NonZero, sync::Arc, thread::available_parallelism};

use tokio::{runtime::Handle, sync::Semaphore, task::spawn_blocking};

use crate::Error;

/// What a request asks of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// One resource by its id.
    Short,
    /// A search, a history, a validation: it takes as long as it takes.
    Long,
    /// Something that may change the store.
    Write,
}

/// Writers at a time: one writes, the other reads and validates what came.
const WRITERS: usize = 2;

/// Connections that one request may hold at once.
const CONNECTIONS_EACH: usize = 2;

/// Threads that take requests in: the node, on the same machine, needs the other half of its processors.
pub fn takers() -> usize {
    (processors() / 2).max(1)
}

/// Connections of the pool, for all that is worked on at once.
pub(crate) fn connections() -> usize {
    CONNECTIONS_EACH * (WRITERS + readers() + takers())
}

fn readers() -> usize {
    processors().max(2)
}

fn processors() -> usize {
    available_parallelism().map_or(1, NonZero::get)
}

/// Gives what takes long its turn.
pub(crate) struct Turns {
    readers: Arc<Semaphore>,
    writers: Arc<Semaphore>,
}

impl Turns {
    pub(crate) fn new() -> Self {
        Self { readers: Arc::new(Semaphore::new(readers())), writers: Arc::new(Semaphore::new(WRITERS)) }
    }

    /// Runs it to its end: what takes long goes on when nobody waits for it any more.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: Work,
        answering: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let turns = match work {
            Work::Short => return Ok(answering.await),
            Work::Long => &self.readers,
            Work::Write => &self.writers,
        };
        let stopped = |error: String| Error::Store(format!("request: {error}"));
        let turn = Arc::clone(turns).acquire_owned().await.map_err(|error| stopped(error.to_string()))?;
        let runtime = Handle::current();
        let running = spawn_blocking(move || {
            let _turn = turn;
            runtime.block_on(answering)
        });
        running.await.map_err(|error| stopped(error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn as_many_searches_as_may_run_hold_up_neither_a_read_nor_a_write() {
        let turns = Arc::new(Turns::new());
        let (release, released) = mpsc::sync_channel::<()>(readers() + 1);
        let released = Arc::new(std::sync::Mutex::new(released));
        let searches: Vec<_> = (0..readers() + 1)
            .map(|_| {
                let (turns, released) = (Arc::clone(&turns), Arc::clone(&released));
                // Blocks its thread, as SQLite does.
                tokio::spawn(async move {
                    turns.run(Work::Long, async move { released.lock().expect("lock").recv() }).await
                })
            })
            .collect();
        assert_eq!(turns.run(Work::Short, async { 1 }).await.expect("read"), 1);
        assert_eq!(turns.run(Work::Write, async { 2 }).await.expect("written"), 2);
        for _ in &searches {
            release.send(()).expect("sent");
        }
        for search in searches {
            search.await.expect("ended").expect("had its turn").expect("was released");
        }
    }

    #[tokio::test]
    async fn one_that_panics_is_an_error_and_gives_its_turn_back() {
        let turns = Turns::new();
        for _ in 0..=WRITERS {
            assert!(turns.run::<()>(Work::Write, async { panic!("planted") }).await.is_err());
        }
        assert_eq!(turns.run(Work::Write, async { 1 }).await.expect("written"), 1);
    }
}
