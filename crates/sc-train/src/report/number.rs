//! Numbers as a reader sees them.

use serde::Serialize;
use serde_json::Value;

use crate::StreamFigures;
use crate::evaluation::with_interval;

/// A share as a percentage with so many decimals.
pub(super) fn percent(share: f64, decimals: usize) -> String {
    format!("{:.decimals$} %", 100.0 * share)
}

/// A share as a percentage with one decimal; a dash where there is none.
pub(super) fn percent_or_dash(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |share| percent(share, 1))
}

/// A part as a percentage of a whole, with one decimal; a dash of nothing.
pub(super) fn percent_of(part: usize, whole: usize) -> String {
    percent_or_dash((whole > 0).then(|| part as f64 / whole as f64))
}

/// The share of the keywords that was found, with its interval, in percent. Empty without a keyword.
pub(super) fn found(figures: &StreamFigures) -> String {
    if figures.keywords == 0 { String::new() } else { with_interval(figures.found, figures.found_interval) }
}

/// The median latency in seconds. Empty if nothing was found.
pub(super) fn latency(figures: &StreamFigures) -> String {
    figures.latency_median_s.map_or_else(String::new, |seconds| format!("{seconds:.2}"))
}

/// A value as JSON, by its text: each number has the digits that it is written with. Put into a value at once, single
/// precision would get those of double.
pub(crate) fn as_written(value: &impl Serialize) -> Value {
    serde_json::to_string(value).and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
}

/// A setting as it was typed: 1 instead of 1.0.
pub(super) fn as_typed(setting: &Value) -> String {
    match setting {
        Value::String(text) => text.clone(),
        Value::Number(number) if number.is_f64() => number.as_f64().unwrap_or_default().to_string(),
        Value::Array(settings) => {
            format!("[{}]", settings.iter().map(as_typed).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_either_precision_have_the_digits_that_they_were_typed_with() {
        let typed = as_written(&(0.1_f32, 0.001_925_700_423_282_313_7, 1.0, 2));
        assert_eq!(as_typed(&typed), "[0.1, 0.0019257004232823137, 1, 2]");
    }
}
