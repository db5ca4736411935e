//! What may happen once happens once, though many try at the same moment.

use std::sync::Arc;
use tokio::sync::Barrier;

/// How many race.
pub(crate) const RACERS: usize = 100;

/// Runs `make(0)` to `make(n - 1)` as tasks of their own that wait for one another before they begin; returns their
/// answers in order. The test's runtime must have several threads, or nobody races.
pub(crate) async fn race<T, F>(n: usize, make: impl Fn(usize) -> F) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let flavour = tokio::runtime::Handle::current().runtime_flavor();
    assert_ne!(flavour, tokio::runtime::RuntimeFlavor::CurrentThread, "a race needs several threads");
    let start = Arc::new(Barrier::new(n));
    let tasks: Vec<_> = (0..n)
        .map(|at| {
            let (start, run) = (Arc::clone(&start), make(at));
            tokio::spawn(async move {
                start.wait().await;
                run.await
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(n);
    for task in tasks {
        answers.push(task.await.expect("no racer panics"));
    }
    answers
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_looks_and_then_writes_has_more_than_one_winner() {
    use std::collections::HashSet;
    use std::sync::Mutex;
    let used: Arc<Mutex<HashSet<u8>>> = Arc::default();
    let take = |_| {
        let used = Arc::clone(&used);
        async move {
            let free = !used.lock().expect("lock").contains(&7);
            tokio::task::yield_now().await;
            free && {
                used.lock().expect("lock").insert(7);
                true
            }
        }
    };
    let won = race(RACERS, take).await.into_iter().filter(|won| *won).count();
    assert!(won > 1, "the race does not show the planted bug: {won} winner");
}
