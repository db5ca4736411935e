//! Whole-vault tests over an in-process network.

mod custody;
mod emergency;
mod epochs;
mod letters;
mod moves;
mod mutation;
mod patients;
mod pipeline;
mod sealing;
mod sharing;
mod snapshot;
mod vectors;
