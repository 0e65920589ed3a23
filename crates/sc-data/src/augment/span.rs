//! Settings that something is drawn from.

use std::ops::RangeInclusive;

use rand::distr::uniform::SampleUniform;
use rand::{Rng, RngExt};
use serde::{Deserialize, Deserializer, Serialize};

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

    /// Refuses bounds that are not `allowed`, or of which the higher one is first.
    fn within(self, allowed: &RangeInclusive<f64>) -> Result<Self, String> {
        let (low, high): (f64, f64) = (self.low.into(), self.high.into());
        if low <= high && allowed.contains(&low) && allowed.contains(&high) {
            return Ok(self);
        }
        let (least, most) = allowed.clone().into_inner();
        Err(format!(
            "[{low}, {high}]: expected [low, high] of numbers from {least} to {most}, the lower one first"
        ))
    }
}

impl<T: Number> TryFrom<[T; 2]> for Span<T> {
    type Error = String;

    fn try_from(bounds: [T; 2]) -> Result<Self, String> {
        Self::new(bounds[0], bounds[1]).within(&(-LARGEST..=LARGEST))
    }
}

/// For `deserialize_with`: times in seconds, of 1 ms or more. A sound that fades in no time is none.
///
/// # Errors
/// If it is no such range.
pub fn times<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span<f32>, D::Error> {
    within(0.001..=LARGEST, deserializer)
}

/// For `deserialize_with`: shares that a filter keeps, from 0 to 0.9999. From 1 on, it grows without end.
///
/// # Errors
/// If it is no such range.
pub(super) fn shares<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span<f32>, D::Error> {
    within(0.0..=0.9999, deserializer)
}

fn within<'de, D: Deserializer<'de>>(
    allowed: RangeInclusive<f64>,
    deserializer: D,
) -> Result<Span<f32>, D::Error> {
    Span::deserialize(deserializer)?.within(&allowed).map_err(serde::de::Error::custom)
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

/// Draws a kind, each as often as its weight says. Without any weight it is the last.
///
/// # Panics
/// If there is no kind.
pub fn choose<T: Copy>(kinds: &[(u32, T)], rng: &mut impl Rng) -> T {
    let total: u64 = kinds.iter().map(|(weight, _)| u64::from(*weight)).sum();
    let mut left = match u32::try_from(total) {
        Ok(0) => 0,
        Ok(total) => rng.random_range(0..total).into(), // a number of 64 bits would be another one
        Err(_) => rng.random_range(0..total),
    };
    for &(weight, kind) in kinds {
        if left < u64::from(weight) {
            return kind;
        }
        left -= u64::from(weight);
    }
    kinds.last().expect("there is a kind").1
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;
    use crate::augment::NoiseRecipe;

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
    fn settings_that_would_make_no_numbers_are_refused() {
        for wrong in [
            r#"{ "drums": { "fall_s": [0, 0] } }"#,
            r#"{ "notes": { "decay_s": [-1, 1] } }"#,
            r#"{ "cries": { "radius": [0.9, 1.1] } }"#,
            r#"{ "coloured": { "keep": [1, 1] } }"#,
        ] {
            let error = serde_json::from_str::<NoiseRecipe>(wrong).unwrap_err().to_string();
            assert!(error.contains("numbers from 0"), "{wrong}: {error}");
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
        (0..1_000).for_each(|_| counts[choose(&[(1, 0_usize), (0, 1), (3, 2)], &mut rng)] += 1);
        assert_eq!(counts[1], 0);
        assert!((200..300).contains(&counts[0]), "{counts:?}");
        assert_eq!(choose(&[(0, "first"), (0, "last")], &mut rng), "last");
        let mut large = [0; 2];
        (0..1_000).for_each(|_| large[choose(&[(u32::MAX, 0_usize), (u32::MAX, 1)], &mut rng)] += 1);
        assert!((400..600).contains(&large[0]), "{large:?}");
    }
}
