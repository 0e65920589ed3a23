//! Finds the loudest sound among frames.

use std::ops::Range;

/// Share of the frames that are quieter than the level of the background. The quietest of all may be a gap in the sound.
const BACKGROUND: f32 = 0.1;

/// The logarithm of the power of frames.
pub struct Loudness {
    /// Of each frame.
    frames: Vec<f32>,
    /// Of the mean power around each.
    around: Vec<f32>,
    /// Of the background.
    background: f32,
}

impl Loudness {
    /// Takes log-mel frames, `[n, n_mels]`, and averages over `span` of them around each, or those that there are. Frames
    /// of no more power than `silence` hold no sound at all, as around a recording, or cut into it. They tell of its
    /// background only where fewer than `enough` others do: then they may be all that is beside a word.
    pub fn new(frames: &[f32], n_mels: usize, span: usize, silence: f32, enough: usize) -> Self {
        let powers: Vec<f32> =
            frames.chunks_exact(n_mels).map(|frame| frame.iter().map(|band| band.exp()).sum()).collect();
        let mean = |frame: usize| {
            let near = &powers[frame.saturating_sub(span / 2)..(frame + span / 2 + 1).min(powers.len())];
            near.iter().sum::<f32>() / near.len() as f32
        };
        Self {
            around: (0..powers.len()).map(|frame| mean(frame).ln()).collect(),
            frames: powers.iter().map(|power| power.ln()).collect(),
            background: background(&powers, silence, enough).ln(),
        }
    }

    /// Returns the frames of the sound around the loudest of the `candidates`. It does not begin before `earliest`, and may
    /// end after the candidates. The sound is louder than half-way between the background and the mean around the
    /// loudest, in the logarithm of power. It may have pauses of at most `longest_pause` frames.
    pub fn sound(&self, earliest: usize, candidates: Range<usize>, longest_pause: usize) -> Range<usize> {
        let loudest = self.around.iter().enumerate().take(candidates.end).skip(candidates.start);
        let Some((peak, loudest)) = loudest.max_by(|(_, a), (_, b)| a.total_cmp(b)) else { return 0..0 };
        let is_loud = |frame: &usize| self.frames[*frame] >= f32::midpoint(self.background, *loudest);
        let reach = |frames: &mut dyn Iterator<Item = usize>| {
            let mut last = peak;
            for frame in frames {
                if is_loud(&frame) {
                    last = frame;
                } else if frame.abs_diff(last) > longest_pause {
                    break;
                }
            }
            last
        };
        reach(&mut (earliest..peak).rev())..reach(&mut (peak..self.frames.len())) + 1
    }
}

/// Returns the power that [`BACKGROUND`] of the frames that tell of it do not reach, or none if there are no frames.
fn background(powers: &[f32], silence: f32, enough: usize) -> f32 {
    let (mut powers, silent): (Vec<f32>, Vec<f32>) = powers.iter().partition(|power| **power > silence);
    let missing = enough.saturating_sub(powers.len());
    powers.extend(silent.into_iter().take(missing));
    powers.sort_by(f32::total_cmp);
    powers.get((BACKGROUND * powers.len() as f32) as usize).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of one band, as loud as given.
    fn sound(loudness: &[f32]) -> Range<usize> {
        Loudness::new(loudness, 1, 1, 0.0, 0).sound(0, 0..loudness.len(), 2)
    }

    #[test]
    fn a_sound_reaches_as_far_as_it_is_loud_over_short_pauses() {
        assert_eq!(sound(&[-9.0, -9.0, -2.0, -1.0, -3.0, -9.0, -9.0]), 2..5);
        assert_eq!(sound(&[-9.0, -2.0, -9.0, -9.0, -1.0, -9.0, -9.0, -9.0, -2.0]), 1..5);
        assert_eq!(sound(&[-5.0]), 0..1);
        assert_eq!(Loudness::new(&[-1.0, -9.0, -2.0, -9.0], 1, 1, 0.0, 0).sound(1, 1..4, 0), 2..3);
    }

    #[test]
    fn silence_and_a_gap_are_the_background_where_there_is_little_else() {
        let mut loudness = vec![-14.0; 20];
        loudness.extend([-4.0; 20]);
        loudness.extend([-1.0, 0.0, -1.0]);
        loudness.extend([-4.0; 20]);
        loudness[30] = -13.0;
        let silence = (-13.9_f32).exp();
        let found = |enough| Loudness::new(&loudness, 1, 1, silence, enough).sound(0, 0..loudness.len(), 2);
        assert_eq!(found(43), 40..43);
        assert_eq!(found(63), 20..63);
    }

    #[test]
    fn a_sound_begins_before_the_candidates_and_a_click_is_none() {
        let loudness = [-9.0, -3.0, -3.0, -3.0, -3.0, -9.0, -9.0, -9.0, -2.5, -9.0, -9.0];
        let found = |span| Loudness::new(&loudness, 1, span, 0.0, 0).sound(0, 3..11, 0);
        assert_eq!(found(3), 1..5);
        assert_eq!(found(1), 8..9, "the loudest frame is a click");
    }
}
