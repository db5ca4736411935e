/// Why the engine could not do what it was asked. Messages never hold clinical data.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The data folder or the database could not be used.
    #[error("clinical store: {0}")]
    Store(String),
    /// The definitions folder lacks what searching correctly needs.
    #[error("definitions: {0}")]
    Definitions(String),
    /// A share set was refused as a whole; nothing of it was stored.
    #[error("share refused: {0}")]
    Share(String),
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        // The driver's text can quote a statement, never a bound value.
        Self::Store(error.to_string())
    }
}
