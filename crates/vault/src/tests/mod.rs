//! Whole-vault tests over an in-process network.

mod custody;
mod letters;
mod patients;
mod pipeline;
mod sealing;
mod sharing;
mod vectors;
