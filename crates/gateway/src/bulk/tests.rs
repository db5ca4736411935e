//! Bulk data over the real routes, with a fake engine.

mod export;
