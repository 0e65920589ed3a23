//! The splits of a dataset for training, validation and testing. Each speaker is in exactly one.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    fmt, fs, io,
    ops::Range,
    path::{Path, PathBuf},
    str::FromStr,
};

use serde::Serialize;
use sha1::{Digest, Sha1};

use crate::{Clip, DatasetError, Half, N_SAMPLES};

/// Speakers are not split if fewer are left to train on.
const LEAST_TO_TRAIN_ON: usize = 2;

/// The files that name the clips of a split, one path a line.
const VALIDATION_LIST: &str = "validation_list.txt";
const TESTING_LIST: &str = "testing_list.txt";

/// A part of the dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Split {
    /// The clips that the network learns from.
    #[serde(rename = "training")]
    Train,
    /// The clips that choices are made by.
    #[serde(rename = "validation")]
    Validation,
    /// The clips that the result is measured on, once.
    #[serde(rename = "testing")]
    Test,
}

impl Split {
    /// All splits, in the order of their use.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// Returns a speaker's split by the published rule (`which_set` in the archive's README): by the SHA-1 of
    /// their names, a tenth of the speakers are for validation and a tenth for testing.
    pub fn of_speaker(speaker: &str) -> Self {
        const MAX_WAVS_PER_CLASS: u32 = (1 << 27) - 1;
        let [.., a, b, c, d] = <[u8; 20]>::from(Sha1::digest(speaker));
        let hash = u32::from_be_bytes([a, b, c, d]) & MAX_WAVS_PER_CLASS;
        let percent = f64::from(hash) * (100.0 / f64::from(MAX_WAVS_PER_CLASS));
        match percent {
            ..10.0 => Self::Validation,
            ..20.0 => Self::Test,
            _ => Self::Train,
        }
    }

    /// Returns the part of a noise file of `n_samples` that this split may use. Training uses the first four
    /// fifths, and never the rest.
    pub(crate) fn noise_range(self, n_samples: usize) -> Range<usize> {
        let boundary = n_samples / 5 * 4;
        match self {
            Self::Train => 0..boundary,
            Self::Validation | Self::Test => boundary..n_samples,
        }
    }

    /// Returns the offsets at which a second of this split may begin in a noise file of `n_samples`: none if its part is
    /// shorter.
    pub fn noise_starts(self, n_samples: usize) -> Range<usize> {
        let Range { start, end } = self.noise_range(n_samples);
        start..(end + 1).saturating_sub(N_SAMPLES).max(start)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Train => "training",
            Self::Validation => "validation",
            Self::Test => "testing",
        }
    }
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Split {
    type Err = DatasetError;

    fn from_str(name: &str) -> Result<Self, DatasetError> {
        Self::ALL
            .into_iter()
            .find(|split| split.name() == name)
            .ok_or_else(|| DatasetError::Split(name.to_owned()))
    }
}

/// Assigns a split to each clip by the dataset's two lists. Returns `None` unless it has both.
///
/// # Errors
/// [`DatasetError::SpeakerInTwoSplits`] if the lists put a speaker in two splits: results would be too good.
pub(crate) fn by_lists(root: &Path, clips: &[Clip]) -> Result<Option<Vec<Split>>, DatasetError> {
    let validation = read_list(&root.join(VALIDATION_LIST))?;
    let testing = read_list(&root.join(TESTING_LIST))?;
    if validation.is_some() != testing.is_some() {
        tracing::warn!(
            "of {VALIDATION_LIST} and {TESTING_LIST} only one is there, and is ignored: add the other, if only empty"
        );
    }
    let Some((validation, testing)) = validation.zip(testing) else { return Ok(None) };
    for (name, list) in [(VALIDATION_LIST, &validation), (TESTING_LIST, &testing)] {
        if !list.is_empty() && !clips.iter().any(|clip| list.contains(&clip.path)) {
            tracing::warn!(
                "no line of {name} names a recording: expected paths in the data set, as word/file.wav"
            );
        }
    }
    let splits: Vec<Split> = clips
        .iter()
        .map(|clip| match &clip.path {
            path if validation.contains(path) => Split::Validation,
            path if testing.contains(path) => Split::Test,
            _ => Split::Train,
        })
        .collect();
    check_speakers(clips, &splits)?;
    Ok(Some(splits))
}

/// Assigns a split to each clip by [`Split::of_speaker`], but so that every split gets some of the clips that count,
/// given by their index. If these are of too few speakers, or of some that all belong to one half, each clip becomes a
/// speaker of its own, and the second value is true.
pub(crate) fn by_speaker(clips: &mut [Clip], counts: impl Fn(usize) -> bool) -> (Vec<Split>, bool) {
    let mut speakers = Speakers::of(clips, &counts);
    let is_few = !speakers.fill();
    if is_few {
        for clip in clips.iter_mut().filter(|clip| speakers.0.contains_key(&clip.speaker)) {
            clip.speaker = clip.path.display().to_string();
        }
        speakers = Speakers::of(clips, counts);
        speakers.fill();
    }
    let by_rule = |clip: &Clip| Split::of_speaker(&clip.speaker);
    let of_clip =
        |clip: &Clip| speakers.0.get(&clip.speaker).map_or_else(|| by_rule(clip), |(split, _)| *split);
    (clips.iter().map(of_clip).collect(), is_few)
}

/// The split of each speaker, with the number of the clips that count.
struct Speakers(BTreeMap<String, (Split, usize)>);

impl Speakers {
    /// Splits the speakers by the rule.
    fn of(clips: &[Clip], counts: impl Fn(usize) -> bool) -> Self {
        let mut speakers = BTreeMap::new();
        for (_, clip) in clips.iter().enumerate().filter(|(index, _)| counts(*index)) {
            let by_rule = (Split::of_speaker(&clip.speaker), 0);
            speakers.entry(clip.speaker.clone()).or_insert(by_rule).1 += 1;
        }
        Self(speakers)
    }

    /// Moves a speaker of training into each half of validation, and into testing, where the rule has put none. Returns
    /// false if there is none to move, or if too few are left to train on.
    fn fill(&mut self) -> bool {
        let parts = [
            (Split::Validation, Some(Half::Development), 20),
            (Split::Validation, Some(Half::HeldOut), 20),
            (Split::Test, None, 10),
        ];
        let n_clips: usize = self.0.values().map(|(_, n_clips)| n_clips).sum();
        let is_filled =
            parts.into_iter().all(|(split, half, share)| self.fill_part(split, half, n_clips / share));
        let to_train_on = self.0.values().filter(|(split, _)| *split == Split::Train);
        is_filled && to_train_on.count() >= LEAST_TO_TRAIN_ON
    }

    /// Moves the speaker whose number of clips is nearest to the share that the rule gives a part of many speakers.
    fn fill_part(&mut self, split: Split, half: Option<Half>, wanted: usize) -> bool {
        let fits = |speaker: &str| half.is_none_or(|half| Half::of_speaker(speaker) == half);
        if self.0.iter().any(|(speaker, (its, _))| *its == split && fits(speaker)) {
            return true;
        }
        let movable = self.0.iter_mut().filter(|(speaker, (its, _))| *its == Split::Train && fits(speaker));
        let nearest = movable.min_by_key(|(_, (_, n_clips))| n_clips.abs_diff(wanted));
        nearest.map(|(_, (its, _))| *its = split).is_some()
    }
}

/// Reads a list of one path a line. Returns `None` if there is no such file.
fn read_list(path: &Path) -> Result<Option<HashSet<PathBuf>>, DatasetError> {
    match fs::read_to_string(path) {
        Ok(text) => {
            let lines = text.trim_start_matches('\u{FEFF}').lines(); // a byte-order mark, as some editors write it
            let paths = lines.map(|line| line.trim().trim_start_matches("./"));
            Ok(Some(paths.filter(|path| !path.is_empty()).map(PathBuf::from).collect()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(DatasetError::io(path)(error)),
    }
}

fn check_speakers(clips: &[Clip], splits: &[Split]) -> Result<(), DatasetError> {
    let mut seen = HashMap::new();
    for (clip, &split) in clips.iter().zip(splits) {
        let first = *seen.entry(&clip.speaker).or_insert(split);
        if first != split {
            return Err(DatasetError::SpeakerInTwoSplits {
                speaker: clip.speaker.clone(),
                splits: [first.name(), split.name()],
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clips(paths: &[&str]) -> Vec<Clip> {
        paths.iter().filter_map(|path| Clip::parse(Path::new(path))).collect()
    }

    #[test]
    fn the_rule_agrees_with_the_published_lists() {
        // From validation_list.txt and testing_list.txt of v0.02; the last is in neither.
        assert_eq!(Split::of_speaker("067f61e2"), Split::Validation);
        assert_eq!(Split::of_speaker("bb05582b"), Split::Test);
        assert_eq!(Split::of_speaker("0a7c2a8d"), Split::Train);
    }

    #[test]
    fn about_a_tenth_of_all_speakers_goes_to_validation_and_to_testing() {
        let splits: Vec<_> = (0..10_000).map(|n| Split::of_speaker(&format!("{n:08x}"))).collect();
        for split in [Split::Validation, Split::Test] {
            let n = splits.iter().filter(|&&s| s == split).count();
            assert!((900..1100).contains(&n), "{n} of 10,000 speakers in {split}");
        }
    }

    #[test]
    fn the_lists_decide_where_there_are_any() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("validation_list.txt"), "yes/a_nohash_0.wav\r\n").unwrap();
        fs::write(dir.path().join("testing_list.txt"), "./yes/b_nohash_0.wav\n").unwrap();
        let clips = clips(&["yes/a_nohash_0.wav", "yes/b_nohash_0.wav", "yes/067f61e2_nohash_0.wav"]);
        let splits = by_lists(dir.path(), &clips).unwrap();
        assert_eq!(splits, Some(vec![Split::Validation, Split::Test, Split::Train]));
    }

    /// The speakers of a split without lists.
    fn speakers_by_split(names: &[String]) -> BTreeMap<Split, Vec<String>> {
        let paths = names.iter().flat_map(|name| ["yes", "no"].map(|word| format!("{word}/{name}.wav")));
        let mut clips: Vec<_> = paths.filter_map(|path| Clip::parse(Path::new(&path))).collect();
        let (splits, _) = by_speaker(&mut clips, |_| true);
        let mut by_split: BTreeMap<Split, Vec<String>> = BTreeMap::new();
        for (clip, split) in clips.into_iter().zip(splits) {
            by_split.entry(split).or_default().push(clip.speaker);
        }
        by_split
    }

    #[test]
    fn a_byte_order_mark_hides_no_line() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("validation_list.txt"), "\u{FEFF}yes/a_nohash_0.wav\n").unwrap();
        fs::write(dir.path().join("testing_list.txt"), "\u{FEFF}\n").unwrap();
        let splits = by_lists(dir.path(), &clips(&["yes/a_nohash_0.wav"])).unwrap();
        assert_eq!(splits, Some(vec![Split::Validation]));
        let testing = read_list(&dir.path().join("testing_list.txt")).unwrap();
        assert_eq!(testing, Some(HashSet::new()), "a blank line names no recording");
    }

    #[test]
    fn training_keeps_the_speaker_of_most_clips() {
        let takes = [("alice", 120), ("bob", 6), ("cyd", 6), ("dina", 6), ("edna", 6), ("flora", 6)];
        let of =
            |(name, n): (&'static str, u32)| (0..n).map(move |take| format!("yes/{name}_nohash_{take}.wav"));
        let paths: Vec<_> = takes.into_iter().flat_map(of).collect();
        let mut clips: Vec<_> = paths.iter().filter_map(|path| Clip::parse(Path::new(path))).collect();
        let (splits, is_few) = by_speaker(&mut clips, |_| true);
        assert!(!is_few && Split::ALL.iter().all(|split| splits.contains(split)), "{splits:?}");
        assert!(splits[..120].iter().all(|split| *split == Split::Train), "{splits:?}");
    }

    #[test]
    fn no_split_and_no_half_of_validation_is_empty_from_five_speakers_on() {
        for n in [5, 6, 12, 40] {
            let names: Vec<String> = (0..n).map(|i| format!("speaker {i}")).collect();
            let by_split = speakers_by_split(&names);
            assert_eq!(by_split.len(), 3, "{by_split:?}");
            for half in Half::ALL {
                let of_half =
                    by_split[&Split::Validation].iter().filter(|name| Half::of_speaker(name) == half);
                assert!(of_half.count() >= 1, "{by_split:?}");
            }
        }
    }

    #[test]
    fn of_fewer_speakers_or_of_too_few_to_train_on_each_file_is_one() {
        // Of the five, the rule leaves cyd and sara to train on, and they are needed for validation.
        for names in [&["ann"][..], &["fritz", "ben", "cyd", "willi", "sara"]] {
            let takes = |name| (0..20).map(move |take| format!("yes/{name}_nohash_{take}.wav"));
            let paths: Vec<String> = names.iter().flat_map(takes).collect();
            let mut clips: Vec<_> = paths.iter().filter_map(|path| Clip::parse(Path::new(path))).collect();
            let (splits, is_few) = by_speaker(&mut clips, |_| true);
            assert!(is_few && clips.iter().map(|clip| &clip.speaker).eq(&paths), "{clips:?}");
            assert!(Split::ALL.iter().all(|split| splits.contains(split)), "{splits:?}");
        }
    }

    #[test]
    fn a_speaker_torn_apart_by_the_lists_is_named() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("validation_list.txt"), "yes/ann_nohash_0.wav\n").unwrap();
        fs::write(dir.path().join("testing_list.txt"), "").unwrap();
        let error = by_lists(dir.path(), &clips(&["yes/ann_nohash_0.wav", "no/ann_nohash_0.wav"]));
        assert!(error.unwrap_err().to_string().contains("speaker ann is in both"));
    }

    #[test]
    fn noise_to_train_on_and_noise_to_validate_on_do_not_overlap() {
        assert_eq!(Split::Train.noise_range(100), 0..80);
        assert_eq!(Split::Validation.noise_range(100), 80..100);
    }

    #[test]
    fn a_second_of_noise_lies_within_its_splits_part_of_the_file() {
        assert_eq!(Split::Train.noise_starts(80_000), 0..48_001);
        assert_eq!(Split::Validation.noise_starts(80_000), 64_000..64_001);
        assert_eq!(Split::Train.noise_starts(20_000), 0..1);
        for (split, n_samples) in [(Split::Train, 19_999), (Split::Test, 79_990), (Split::Train, 0)] {
            assert!(split.noise_starts(n_samples).is_empty(), "{n_samples} for {split}");
        }
    }

    #[test]
    fn a_split_survives_being_written_and_read() {
        for split in Split::ALL {
            assert_eq!(split.to_string().parse::<Split>().unwrap(), split);
        }
    }

    proptest! {
        #[test]
        fn a_speaker_never_changes_split(speaker in "[0-9a-f]{8}", words in proptest::collection::vec("[a-z]{2,8}", 2..9)) {
            let speakers = (0..400).map(|n| format!("{n:08x}")).chain([speaker.clone()]);
            let of = |speaker: String| words.iter().enumerate().map(move |(n, word)| format!("{word}/{speaker}_nohash_{n}.wav"));
            let paths = speakers.flat_map(of);
            let mut clips: Vec<_> = paths.filter_map(|path| Clip::parse(Path::new(&path))).collect();
            let (splits, _) = by_speaker(&mut clips, |_| true);
            prop_assert!(clips.iter().zip(splits).all(|(clip, split)| split == Split::of_speaker(&clip.speaker)));
        }
    }
}
