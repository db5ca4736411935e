//! Whole-vault tests over an in-process network.

mod audit;
mod audit_scale;
mod custody;
mod disk;
mod emergency;
mod epochs;
mod erasure;
mod figures;
mod keys;
mod letters;
mod merges;
mod moves;
mod mutation;
mod patients;
mod pipeline;
mod proxies;
mod rekey;
mod sealing;
mod sharing;
mod snapshot;
mod suites;
mod vectors;
