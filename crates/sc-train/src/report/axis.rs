//! A linear scale from values to positions in a chart.

/// About so many lines of a grid read well at the charts' size.
const TICKS: f64 = 7.0;

/// A scale from `low` at the position `start` to `high` at `end`.
pub(super) struct Axis {
    pub low: f64,
    pub high: f64,
    pub start: f64,
    pub end: f64,
}

impl Axis {
    /// From just below the least to just above the greatest of `values`, but not below zero.
    pub fn around(values: impl Iterator<Item = f64>, start: f64, end: f64) -> Self {
        let bounds = values.filter(|value| value.is_finite()).fold(None, |bounds, value| {
            let (low, high) = bounds.unwrap_or((value, value));
            Some((value.min(low), value.max(high)))
        });
        let (low, high) = bounds.unwrap_or((0.0, 1.0));
        let margin = ((high - low) * 0.06).max(1e-3);
        Self { low: (low - margin).max(0.0), high: high + margin, start, end }
    }

    /// The position of a value.
    pub fn at(&self, value: f64) -> f64 {
        self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)
    }

    /// Round values on the axis: multiples of 1, 2 or 5 times a power of ten.
    pub fn ticks(&self) -> impl Iterator<Item = f64> {
        let step = self.step();
        let (first, last) = ((self.low / step).ceil() as i64, (self.high / step).floor() as i64);
        (first..=last).map(move |i| i as f64 * step)
    }

    /// A tick's value with the decimals that tell it from its neighbours.
    pub fn label(&self, tick: f64) -> String {
        let decimals = (-self.step().log10().floor()).max(0.0) as usize;
        format!("{tick:.decimals$}")
    }

    fn step(&self) -> f64 {
        let rough = (self.high - self.low) / TICKS;
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough);
        power * factor.unwrap_or(10.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_within_the_axis() {
        let axis = Axis { low: 0.13, high: 1.08, start: 0.0, end: 1.0 };
        let ticks: Vec<String> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(ticks, ["0.2", "0.4", "0.6", "0.8", "1.0"]);
    }

    #[test]
    fn ticks_close_together_have_labels_of_their_own() {
        let axis = Axis::around([98.29, 98.52].into_iter(), 0.0, 1.0);
        let labels: Vec<String> = axis.ticks().map(|tick| axis.label(tick)).collect();
        assert_eq!(labels, ["98.30", "98.35", "98.40", "98.45", "98.50"]);
    }

    #[test]
    fn an_axis_of_one_value_has_a_length() {
        let axis = Axis::around([0.5].into_iter(), 0.0, 100.0);
        assert!((axis.at(0.5) - 50.0).abs() < 1e-9, "{}", axis.at(0.5));
    }
}
