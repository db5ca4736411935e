//! Salus node.
