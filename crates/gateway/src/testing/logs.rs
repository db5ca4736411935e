//! What this crate writes to its log, for tests that look for what must not be there.

use std::io;
use std::sync::{Arc, Mutex, OnceLock};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// Everything logged on this thread since it was made.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<Vec<u8>>>);

impl Logs {
    /// Listens until the guard is dropped, down to the finest level.
    pub(crate) fn listen() -> (Self, DefaultGuard) {
        let logs = Self::default();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(tracing::Level::TRACE)
            .with_writer(logs.clone())
            .finish();
        (logs, tracing::subscriber::set_default(subscriber))
    }

    /// Listens on all threads of this process, for good. Every test that calls it gets the same lines.
    pub(crate) fn everywhere() -> Self {
        static ALL: OnceLock<Logs> = OnceLock::new();
        let logs = ALL.get_or_init(|| {
            let logs = Self::default();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_writer(logs.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).expect("the first subscriber");
            logs
        });
        logs.clone()
    }

    /// The lines of this crate; libraries are silenced below `warn` where the node starts.
    pub(crate) fn own_text(&self) -> String {
        let bytes = self.0.lock().expect("lock").clone();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        text.lines().filter(|line| line.contains("salus")).collect::<Vec<_>>().join("\n")
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("lock").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Logs {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
