//! The labels of a task: one table, index <-> name.
