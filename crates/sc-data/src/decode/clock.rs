//! Where sound belongs by the time stamps of its packets.

use symphonia::core::units::{TimeBase, Timestamp};

/// Time that stamps may miss before silence stands for it, in seconds: codecs delay the first sound by as much, and the
/// stamps of Matroska are rounded.
const TOLERANCE_S: f64 = 0.1;
/// A longer gap is not believed: the stamps began anew, or are damaged.
const LONGEST_GAP_S: f64 = 3_600.0;
/// Silence of a file in all. A small file could say that it goes on for years.
const MOST_SILENCE_S: f64 = 86_400.0;

/// Compares the stamps of packets with their sound. A packet that was lost or is damaged leaves a gap, and so does sound
/// that begins later than the picture.
#[derive(Default)]
pub(super) struct Clock {
    /// The end of the last packet, in seconds by its stamp.
    end_s: Option<f64>,
    /// Seconds that sound is missing so far.
    missing_s: f64,
    /// Seconds of silence that stood for it before.
    silent: f64,
}

impl Clock {
    /// Begins with sound missing.
    pub fn late(seconds: f64) -> Self {
        Self { missing_s: if seconds > LONGEST_GAP_S { 0.0 } else { seconds }, ..Self::default() }
    }

    /// Begins anew with a file that follows in a chain.
    pub fn restart(&mut self) {
        *self = Self { silent: self.silent, ..Self::default() };
    }

    /// Begins at the first packet of a file, whatever is in it.
    pub fn begin(&mut self, start_s: f64) {
        self.end_s.get_or_insert(start_s);
    }

    /// Takes a packet of sound, and returns the seconds of silence that belong before it.
    pub fn gap_before(&mut self, start_s: f64, length_s: f64) -> f64 {
        let gap_s = start_s - self.end_s.unwrap_or(start_s);
        self.end_s = Some(start_s + length_s);
        if (-TOLERANCE_S..=LONGEST_GAP_S).contains(&gap_s) {
            self.missing_s += gap_s;
        } else {
            self.missing_s = 0.0;
        }
        if self.missing_s <= TOLERANCE_S {
            return 0.0;
        }
        let gap_s = std::mem::take(&mut self.missing_s).min(MOST_SILENCE_S - self.silent);
        self.silent += gap_s;
        gap_s
    }
}

/// Returns the seconds from the beginning of a file to a stamp.
pub(super) fn seconds(stamp: Timestamp, base: Option<TimeBase>) -> f64 {
    base.map_or(0.0, |base| stamp.get() as f64 * f64::from(base.numer.get()) / f64::from(base.denom.get()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The gaps before packets of 20 ms with these stamps.
    fn gaps(clock: &mut Clock, stamps: &[f64]) -> Vec<f64> {
        stamps.iter().map(|stamp| (clock.gap_before(*stamp, 0.02) * 1_000.0).round() / 1_000.0).collect()
    }

    #[test]
    fn silence_stands_for_what_is_missing_and_rounded_stamps_miss_nothing() {
        assert_eq!(
            gaps(&mut Clock::default(), &[0.0, 0.019, 0.041, 0.059, 10.0]),
            [0.0, 0.0, 0.0, 0.0, 9.92]
        );
    }

    #[test]
    fn many_short_gaps_become_one_of_their_length() {
        let stamps: Vec<f64> = (0..6).map(|i| f64::from(i) * 0.05).collect();
        assert_eq!(gaps(&mut Clock::default(), &stamps), [0.0, 0.0, 0.0, 0.0, 0.12, 0.0]);
    }

    #[test]
    fn stamps_that_begin_anew_or_leap_are_not_believed() {
        assert_eq!(gaps(&mut Clock::default(), &[50.0, 0.0, 0.02, 100_000.0, 100_000.02]), [0.0; 5]);
    }

    #[test]
    fn the_silence_of_a_file_has_an_end() {
        let mut clock = Clock::default();
        let hours: Vec<f64> = (0..30).map(|i| f64::from(i) * 3_600.0).collect();
        let before: f64 = gaps(&mut clock, &hours).iter().sum();
        clock.restart();
        let after: f64 = gaps(&mut clock, &hours).iter().sum();
        assert!((before + after - 86_400.0).abs() < 0.1, "{before} {after}");
    }

    #[test]
    fn sound_that_begins_behind_the_picture_or_late_by_an_edit_begins_with_silence() {
        let mut clock = Clock::default();
        clock.begin(2.0);
        clock.begin(3.0);
        assert_eq!(gaps(&mut clock, &[7.0, 7.02]), [5.0, 0.0]);
        assert_eq!(gaps(&mut Clock::late(5.0), &[0.0, 0.02]), [5.0, 0.0]);
    }
}
