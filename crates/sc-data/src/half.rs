//! Two halves of a split: one to choose by, one to measure on.

use std::fmt;
use std::ops::Range;

use crate::{N_SAMPLES, Sha256Digest};

/// Half of a split. A speaker is in exactly one, and no sample of noise is in both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Half {
    /// Choices are made by its clips: of an epoch, a temperature, a threshold.
    Development,
    /// The figures are of its clips, which took no part in these choices.
    HeldOut,
}

impl Half {
    /// Both halves, in the order they are used.
    pub const ALL: [Self; 2] = [Self::Development, Self::HeldOut];

    /// The half of a speaker, by the first bit of the SHA-256 of their name.
    ///
    /// [`Split::of_speaker`](crate::Split::of_speaker) reads a SHA-1, so the two do not depend on each other.
    pub fn of_speaker(speaker: &str) -> Self {
        let [first, ..] = *Sha256Digest::of(speaker.as_bytes()).as_bytes();
        if first < 0x80 { Self::Development } else { Self::HeldOut }
    }

    /// The half of the second of noise that begins at the sample `offset`, in a split that may use the samples
    /// `range`: the first half of the samples is for development. A second that needs samples of both has none.
    pub(crate) fn of_noise(offset: usize, range: &Range<usize>) -> Option<Self> {
        let middle = usize::midpoint(range.start, range.end);
        if offset + N_SAMPLES <= middle {
            Some(Self::Development)
        } else if offset >= middle {
            Some(Self::HeldOut)
        } else {
            None
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Development => "development",
            Self::HeldOut => "held-out",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Split;

    /// Another rule would measure a record on speakers that chose its threshold.
    #[test]
    fn a_speaker_stays_in_their_half() {
        assert_eq!(Half::of_speaker("0a7c2a8d"), Half::Development);
        assert_eq!(Half::of_speaker("bb05582b"), Half::HeldOut);
    }

    #[test]
    fn half_of_each_splits_speakers_are_held_out() {
        let speakers = || (0..10_000).map(|n| format!("{n:08x}"));
        for split in Split::ALL {
            let of_split = || speakers().filter(|speaker| Split::of_speaker(speaker) == split);
            let n_held_out = of_split().filter(|speaker| Half::of_speaker(speaker) == Half::HeldOut).count();
            let share = n_held_out as f64 / of_split().count() as f64;
            assert!((0.45..0.55).contains(&share), "{share} of {split}");
        }
    }

    #[test]
    fn no_sample_of_noise_is_in_both_halves() {
        let range = 80_000..160_000; // the middle is 120,000
        for (offset, half) in [
            (80_000, Some(Half::Development)),
            (104_000, Some(Half::Development)),
            (104_001, None),
            (119_999, None),
            (120_000, Some(Half::HeldOut)),
            (144_000, Some(Half::HeldOut)),
        ] {
            assert_eq!(Half::of_noise(offset, &range), half, "{offset}");
        }
    }
}
