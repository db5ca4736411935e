//! Tests over the whole public router: a fake engine on a real socket, a chain in memory, a vault in memory.

mod abuse;
mod consent;
mod fhir;
pub(crate) mod fuzz;
mod limits;
mod matrix;
pub(crate) mod openapi;
pub(crate) mod people;
pub(crate) mod race;
pub(crate) mod routes;
mod secrets;
mod statement;
mod terminology;
mod views;
pub(crate) mod world;
