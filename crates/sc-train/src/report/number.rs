//! Numbers as a reader sees them.

use serde_json::Value;

/// A share as a percentage with so many decimals.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// A part as a percentage of a whole, with one decimal; nothing of nothing is 0 %.
pub(super) fn percent_of(part: usize, whole: usize) -> String {
    percent(part as f64 / whole.max(1) as f64, 1)
}

/// A setting as it was typed: some have single precision, which in full would show its rounding.
pub(super) fn as_typed(setting: &Value) -> String {
    match setting {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => (number.as_f64().unwrap_or_default() as f32).to_string(),
        Value::Array(settings) => {
            format!("[{}]", settings.iter().map(as_typed).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}
