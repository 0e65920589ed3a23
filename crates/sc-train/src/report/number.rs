//! Numbers as a reader sees them.

/// A share as a percentage with so many decimals.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// A part as a percentage of a whole, with one decimal; nothing of nothing is 0 %.
pub(super) fn percent_of(part: usize, whole: usize) -> String {
    percent(part as f64 / whole.max(1) as f64, 1)
}
