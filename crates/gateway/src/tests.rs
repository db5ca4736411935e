//! Tests over the whole public router: a fake engine on a real socket, a chain in memory, a vault in memory.

mod abuse;
mod fhir;
mod matrix;
pub(crate) mod routes;
pub(crate) mod world;
