//! Settings that something is drawn from.

use rand::distr::uniform::SampleUniform;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

/// Larger numbers are no setting of a sound.
const LARGEST: f64 = 1e6;

/// A range that numbers are drawn from evenly, written `[low, high]`: from `low` to below `high`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[T; 2]", into = "[T; 2]", bound = "T: Number + Serialize + for<'a> Deserialize<'a>")]
pub struct Span<T: Number> {
    low: T,
    high: T,
}

/// The numbers that a [`Span`] may hold.
pub trait Number: SampleUniform + PartialOrd + Copy + Into<f64> {}

impl Number for f32 {}
impl Number for u32 {}

impl<T: Number> Span<T> {
    /// The range from `low` to below `high`; of two equal numbers, that number alone.
    pub const fn new(low: T, high: T) -> Self {
        Self { low, high }
    }

    /// Draws a number. Two equal bounds draw nothing from `rng`.
    pub fn draw(self, rng: &mut impl Rng) -> T {
        if self.low < self.high { rng.random_range(self.low..self.high) } else { self.low }
    }
}

impl<T: Number> TryFrom<[T; 2]> for Span<T> {
    type Error = String;

    fn try_from([low, high]: [T; 2]) -> Result<Self, String> {
        let (from, to): (f64, f64) = (low.into(), high.into());
        if from <= to && -LARGEST <= from && to <= LARGEST {
            return Ok(Self { low, high });
        }
        Err(format!("[{from}, {to}]: expected [low, high] of numbers up to {LARGEST}, the lower one first"))
    }
}

impl<T: Number> From<Span<T>> for [T; 2] {
    fn from(Span { low, high }: Span<T>) -> Self {
        [low, high]
    }
}

/// A probability, from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

impl Probability {
    /// Never.
    pub const NEVER: Self = Self(0.0);

    /// A probability that the source code names.
    ///
    /// # Panics
    /// If it is not within 0 to 1.
    pub const fn new(probability: f64) -> Self {
        assert!(probability >= 0.0 && probability <= 1.0, "expected a probability from 0 to 1");
        Self(probability)
    }

    /// Draws whether it happens. What never happens draws nothing from `rng`.
    pub fn draw(self, rng: &mut impl Rng) -> bool {
        self.0 > 0.0 && rng.random_bool(self.0)
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(probability: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&probability) {
            return Ok(Self(probability));
        }
        Err(format!("{probability}: expected a probability from 0 to 1"))
    }
}

impl From<Probability> for f64 {
    fn from(Probability(probability): Probability) -> Self {
        probability
    }
}

/// Draws an index, each as often as its weight says. Without any weight it is the last.
pub fn choose(weights: &[u32], rng: &mut impl Rng) -> usize {
    let total: u32 = weights.iter().sum();
    let mut left = if total > 0 { rng.random_range(0..total) } else { 0 };
    for (index, weight) in weights.iter().enumerate() {
        if left < *weight {
            return index;
        }
        left -= weight;
    }
    weights.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_span_draws_from_its_range_and_refuses_what_is_none() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let span = Span::new(2.0_f32, 3.0);
        assert!((0..100).all(|_| (2.0..3.0).contains(&span.draw(&mut rng))));
        assert_eq!(Span::new(4, 4).draw(&mut rng), 4);
        for wrong in [[2.0, 1.0], [f32::NAN, 1.0], [0.0, f32::INFINITY]] {
            assert!(Span::try_from(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_probability_lies_between_never_and_always() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(!Probability::NEVER.draw(&mut rng) && Probability::new(1.0).draw(&mut rng));
        for wrong in [-0.1, 1.1, f64::NAN] {
            assert!(Probability::try_from(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn choices_come_as_often_as_their_weights_say() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let mut counts = [0; 3];
        (0..1_000).for_each(|_| counts[choose(&[1, 0, 3], &mut rng)] += 1);
        assert_eq!(counts[1], 0);
        assert!((200..300).contains(&counts[0]), "{counts:?}");
        assert_eq!(choose(&[0, 0], &mut rng), 1);
    }
}
