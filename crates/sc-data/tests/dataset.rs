//! A folder of recordings to examples and samples, over the public interface.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a failed test")]

use std::{cell::Cell, collections::BTreeMap, fs, path::Path};

use sc_data::{
    Clip, DatasetError, Example, N_SAMPLES, SILENCE, SampleCache, Source, SpeechCommands, Split, Task,
    UNKNOWN, Waveform, Words, labelled_clips,
};
use sc_test::wav;
use tempfile::TempDir;

/// Speakers by the published rule: see `split.rs`.
const TRAINER: &str = "0a7c2a8d";
const VALIDATOR: &str = "067f61e2";

/// Twenty takes of "yes", ten each of three other words, one trainer's "no", and ten seconds of noise.
fn dataset() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (word, n) in [("yes", 20), ("dog", 10), ("marvin", 10), ("other", 10)] {
        for take in 0..n {
            let path = dir.path().join(format!("{word}/{VALIDATOR}_nohash_{take}.wav"));
            wav::write(&path, &vec![take; N_SAMPLES / 2]);
        }
    }
    wav::write(&dir.path().join(format!("no/{TRAINER}_nohash_0.wav")), &vec![-7; N_SAMPLES]);
    wav::write(&dir.path().join("_background_noise_/hum.wav"), &vec![16_384; 10 * N_SAMPLES]);
    let of_validator = |word| (0..60).map(move |take| format!("{word}/{VALIDATOR}_nohash_{take}.wav"));
    let list: Vec<_> = ["yes", "dog", "marvin", "other", "go"].into_iter().flat_map(of_validator).collect();
    fs::write(dir.path().join("validation_list.txt"), list.join("\n")).unwrap();
    fs::write(dir.path().join("testing_list.txt"), "").unwrap();
    dir
}

fn open(dir: &TempDir) -> (SpeechCommands, SampleCache) {
    let dataset = SpeechCommands::open(dir.path()).unwrap();
    let cache = SampleCache::open(&dataset, &dir.path().join("samples"), |_| ()).unwrap();
    (dataset.split_by(|clip| cache.is_readable(clip)), cache)
}

/// What the fixture's file name ends with, and what its samples are.
fn take(clip: &Clip) -> i16 {
    let stem = clip.path.file_stem().unwrap().to_str().unwrap();
    stem.rsplit('_').next().unwrap().parse().unwrap()
}

fn count_by_label(examples: &[Example]) -> BTreeMap<usize, usize> {
    examples.iter().fold(BTreeMap::new(), |mut counts, example| {
        *counts.entry(example.label).or_default() += 1;
        counts
    })
}

#[test]
fn clips_come_in_the_order_of_their_paths_with_their_split() {
    let dir = dataset();
    let dataset = SpeechCommands::open(dir.path()).unwrap();
    assert_eq!(dataset.clips().len(), 51);
    assert!(dataset.clips().is_sorted_by_key(|clip| &clip.path));
    assert_eq!(dataset.clips_in(Split::Train).count(), 1);
    assert_eq!(dataset.noise(), [Path::new("_background_noise_/hum.wav")]);
    assert_eq!(dataset.words_without_label(&Task::Words.labels()), ["other"]);
}

#[test]
fn a_word_of_two_normal_forms_is_named_once() {
    let dir = tempfile::tempdir().unwrap();
    for word in ["cafe\u{301}", "cafz", "caf\u{E9}"] {
        wav::write(&dir.path().join(format!("{word}/ann.wav")), &[1; 100]);
    }
    let dataset = SpeechCommands::open(dir.path()).unwrap();
    assert_eq!(dataset.words_without_label(&Task::Words.labels()), ["cafz", "caf\u{E9}"]);
}

#[test]
fn a_folder_that_is_no_dataset_is_named_with_the_way_out() {
    let dir = tempfile::tempdir().unwrap();
    let missing = SpeechCommands::open(dir.path().join("nowhere")).unwrap_err().to_string();
    assert!(missing.contains("nowhere") && missing.contains("sc-data fetch"), "{missing}");
    let empty = SpeechCommands::open(dir.path()).unwrap_err().to_string();
    assert!(empty.contains("sc-data fetch"), "{empty}");
}

#[test]
fn examples_are_made_as_the_official_test_is() {
    let dir = dataset();
    let (dataset, cache) = open(&dir);
    let labels = Task::Commands.labels();
    let examples = dataset.examples(Split::Validation, &labels, &cache, 1);

    let index = |name| labels.index(name).unwrap();
    let expected = [(index("yes"), 20), (index(UNKNOWN), 2), (index(SILENCE), 2)];
    assert_eq!(count_by_label(&examples), BTreeMap::from(expected));
    assert_eq!(examples, dataset.examples(Split::Validation, &labels, &cache, 1));
    assert_ne!(examples, dataset.examples(Split::Validation, &labels, &cache, 2));
}

#[test]
fn unknown_examples_are_spread_over_their_words() {
    let dir = dataset();
    let (dataset, cache) = open(&dir);
    let labels = Task::Commands.labels();
    let unknown = labels.index(UNKNOWN).unwrap();
    let examples = dataset.examples(Split::Validation, &labels, &cache, 1);
    let words = examples.iter().filter(|example| example.label == unknown).map(|example| {
        let Source::Clip(clip) = example.source else { panic!("unknown is speech, got {example:?}") };
        dataset.clips()[clip].word.as_str()
    });
    assert_eq!(words.collect::<Vec<_>>(), ["dog", "marvin"]);
}

#[test]
fn silence_is_untrained_noise_from_none_to_full_level() {
    let dir = dataset();
    let (dataset, cache) = open(&dir);
    let examples = dataset.examples(Split::Validation, &Task::Commands.labels(), &cache, 1);
    let noise = examples.iter().filter_map(|example| match example.source {
        Source::Noise { offset, gain, .. } => Some((offset, gain)),
        Source::Clip(_) => None,
    });
    let (offsets, gains): (Vec<_>, Vec<_>) = noise.unzip();
    assert!(offsets.iter().all(|offset| (8 * N_SAMPLES..=9 * N_SAMPLES).contains(offset)), "{offsets:?}");
    assert_eq!(gains, [0.0, 1.0]);
}

#[test]
fn the_cache_returns_what_the_files_hold() {
    let dir = dataset();
    let (dataset, cache) = open(&dir);
    for (index, clip) in dataset.clips().iter().enumerate() {
        let waveform = cache.waveform(Source::Clip(index)).unwrap();
        let expected = if clip.word == "no" { vec![-7; N_SAMPLES] } else { vec![take(clip); N_SAMPLES / 2] };
        assert_eq!(waveform, Waveform::from_i16(&expected), "{}", clip.path.display());
    }
    let noise = Source::Noise { file: 0, offset: 9 * N_SAMPLES, gain: 0.5 };
    assert_eq!(cache.waveform(noise).unwrap().samples(), vec![0.25; N_SAMPLES]);
    assert_eq!(cache.noise_len(0), 10 * N_SAMPLES);
}

#[test]
fn the_cache_is_built_again_only_if_a_file_or_the_cache_changed() {
    let dir = dataset();
    let path = dir.path().join("samples");
    let is_built = || {
        let dataset = SpeechCommands::open(dir.path()).unwrap();
        let heard = Cell::new(false);
        SampleCache::open(&dataset, &path, |_| heard.set(true)).unwrap();
        heard.get()
    };
    assert!(is_built(), "there is none yet");
    assert!(!is_built(), "nothing changed");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 2]).unwrap();
    assert!(is_built(), "it is truncated");
    fs::write(&path, "not a cache").unwrap();
    assert!(is_built(), "it is something else");
    wav::write(&dir.path().join("yes/new.wav"), &[1; 100]);
    assert!(is_built(), "a clip was added");
    wav::write(&dir.path().join("yes/new.wav"), &[1; 200]);
    assert!(is_built(), "a clip was changed");
    assert!(!is_built(), "nothing changed since");
}

#[test]
fn the_files_done_end_at_the_number_of_clips_and_noise_files() {
    let dir = dataset();
    let dataset = SpeechCommands::open(dir.path()).unwrap();
    let n_done = Cell::new(0);
    SampleCache::open(&dataset, &dir.path().join("samples"), |done| n_done.set(done)).unwrap();
    assert_eq!(n_done.get(), dataset.clips().len() + dataset.noise().len());
}

#[test]
fn a_cache_without_a_file_that_can_be_read_by_now_is_built_again() {
    let dir = own_words();
    let path = dir.path().join("lights/now.wav");
    let is_readable = || {
        let (dataset, cache) = open(&dir);
        cache.is_readable(dataset.clips().iter().position(|clip| clip.path.ends_with("now.wav")).unwrap())
    };
    let wav = wav::encode(&[1; 100], 16_000);
    fs::write(&path, vec![0; wav.len()]).unwrap();
    assert!(!is_readable());
    let time = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, wav).unwrap(); // as if decoding had learned to read the same file
    fs::File::options().write(true).open(&path).unwrap().set_modified(time).unwrap();
    assert!(is_readable());
}

#[test]
fn an_unreadable_clip_is_left_out() {
    let dir = dataset();
    for take in 0..50 {
        wav::write(&dir.path().join(format!("go/{VALIDATOR}_nohash_{take}.wav")), &[1; 100]);
    }
    fs::write(dir.path().join(format!("go/{VALIDATOR}_nohash_7.wav")), "RIFF, but no more").unwrap();
    let (dataset, cache) = open(&dir);
    let unreadable: Vec<_> = (0..dataset.clips().len()).filter(|&clip| !cache.is_readable(clip)).collect();
    let [clip] = unreadable[..] else { panic!("expected one, got {unreadable:?}") };
    assert_eq!((dataset.clips()[clip].word.as_str(), take(&dataset.clips()[clip])), ("go", 7));

    let labels = Task::Commands.labels();
    let examples = dataset.examples(Split::Validation, &labels, &cache, 1);
    assert_eq!(count_by_label(&examples)[&labels.index("go").unwrap()], 49);
}

#[test]
fn a_dataset_with_many_unreadable_clips_is_refused() {
    let dir = dataset();
    let damaged = dir.path().join(format!("yes/{VALIDATOR}_nohash_20.wav"));
    fs::write(damaged, "").unwrap(); // one of 52: more than one in a hundred
    let dataset = SpeechCommands::open(dir.path()).unwrap();
    let error = SampleCache::open(&dataset, &dir.path().join("samples"), |_| ()).unwrap_err();
    assert!(matches!(error, DatasetError::Unreadable { n_unreadable: 1, n_files: 52, .. }), "{error}");
}

#[test]
fn the_official_test_archive_is_one_folder_a_label() {
    let dir = tempfile::tempdir().unwrap();
    for file in ["yes/a.wav", "_silence_/b_nohash_0.wav", "_unknown_/c.wav"] {
        wav::write(&dir.path().join(file), &[1]);
    }
    let labels = Task::Commands.labels();
    let clips = labelled_clips(dir.path(), &labels).unwrap();
    let found: Vec<_> = clips.iter().map(|&(_, label)| labels.names()[label].as_str()).collect();
    assert_eq!(found, [SILENCE, UNKNOWN, "yes"]);

    fs::create_dir(dir.path().join("marvin")).unwrap();
    let error = labelled_clips(dir.path(), &labels).unwrap_err().to_string();
    assert!(error.contains("marvin") && error.contains("yes, no, up"), "{error}");
}

#[test]
fn names_in_an_error_change_nothing_that_a_terminal_shows() {
    let name = "lamp\u{1b}[31m";
    for error in [
        DatasetError::NoClipOf { word: "bed".into(), root: "data".into(), folders: vec![name.into()] },
        DatasetError::NoReadableClipOf { folder: name.into(), n_files: 1 },
        DatasetError::SpeakerInTwoSplits { speaker: name.into(), splits: ["training", "testing"] },
        DatasetError::NotALabel { folder: name.into(), expected: Vec::new() },
        DatasetError::Unreadable { path: name.into(), n_unreadable: 1, n_files: 1 },
    ] {
        let text = error.to_string();
        assert!(text.contains("lamp\\u{1b}[31m"), "{text}");
    }
}

/// Recordings of three words in several formats, by six speakers, with what else lies in such folders.
fn own_words() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str| dir.path().join(name);
    for (speaker, word) in ["ann", "bob", "cyd", "dina", "edna", "flora"]
        .iter()
        .flat_map(|s| ["lights", "допомога"].map(|w| (s, w)))
    {
        wav::write(&file(&format!("{word}/{speaker}/1.wav")), &[1_000; N_SAMPLES / 2]);
    }
    let media = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/media"));
    fs::copy(media.join("word.mp3"), file("lights/ann/2.mp3")).unwrap();
    fs::create_dir_all(file("radio")).unwrap();
    fs::copy(media.join("word.mp3"), file("radio/bob_nohash_0")).unwrap(); // the content says what it is
    let mut long = vec![0; 3 * N_SAMPLES];
    long[N_SAMPLES..2 * N_SAMPLES].copy_from_slice(&[9_000, -9_000].repeat(N_SAMPLES / 2));
    wav::write(&file("lights/bob/long.wav"), &long);
    for (name, content) in [
        ("lights/README.txt", "mine"),
        ("lights/ann/.DS_Store", "x"),
        ("lights/empty.wav", ""),
        ("lights/cut.wav", "RIFF"),
    ] {
        fs::write(file(name), content).unwrap();
    }
    fs::create_dir_all(file("papers")).unwrap();
    fs::write(file("papers/a.pdf"), "%PDF").unwrap();
    dir
}

#[test]
fn any_folder_of_folders_is_a_dataset_and_what_is_no_audio_is_left_out() {
    let dir = own_words();
    let (dataset, cache) = open(&dir);
    let unreadable = (0..dataset.clips().len()).filter(|&clip| !cache.is_readable(clip));
    let unreadable: Vec<_> = unreadable.map(|clip| dataset.clips()[clip].path.to_str().unwrap()).collect();
    assert_eq!(unreadable, ["lights/README.txt", "lights/cut.wav", "lights/empty.wav", "papers/a.pdf"]);
    assert_eq!(dataset.clips().len(), 19);
    let of_validation = dataset.readable_in(Split::Validation, &cache).count();
    assert!(of_validation >= 4, "two speakers of two words, but {of_validation} clips");
    assert!(!dataset.has_few_speakers());

    let long = dataset.clips().iter().position(|clip| clip.path.ends_with("long.wav")).unwrap();
    let loudest = Waveform::from_i16(&[9_000, -9_000].repeat(N_SAMPLES / 2));
    assert_eq!(cache.waveform(Source::Clip(long)).unwrap(), loudest);
    let speakers: BTreeMap<&str, Split> = dataset
        .clips()
        .iter()
        .zip(dataset.splits())
        .map(|(clip, split)| (clip.speaker.as_str(), *split))
        .collect();
    for (clip, split) in dataset.clips().iter().zip(dataset.splits()) {
        assert_eq!(speakers[clip.speaker.as_str()], *split, "{clip:?}");
    }
}

#[test]
fn labels_are_the_words_that_are_named_or_all_that_can_be_read() {
    let dir = own_words();
    let (dataset, cache) = open(&dir);
    let labels = |words: &str| dataset.labels(&words.parse().unwrap(), &cache);
    assert_eq!(labels("all").unwrap().names(), ["lights", "radio", "допомога", UNKNOWN, SILENCE]);
    let named = labels("допомога,lights").unwrap();
    assert_eq!(named.names(), ["допомога", "lights", UNKNOWN, SILENCE]);
    assert_eq!(named.index_of_word("radio"), named.index(UNKNOWN));
    for (words, expected) in [
        ("lights,lamp", "no recording of lamp"),
        ("lamp", "lights, papers, radio"),
        ("papers", "none of the 1 files"),
    ] {
        let error = labels(words).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    wav::write(&dir.path().join("_hidden/a.wav"), &[1; 100]);
    let (dataset, cache) = open(&dir);
    let error = dataset.labels(&Words::All, &cache).unwrap_err().to_string();
    assert!(error.contains("_hidden") && error.contains("letter or digit first"), "{error}");
}

#[test]
fn every_split_has_keywords_however_many_others_speak() {
    let dir = own_words();
    let names = (0..100).map(|n| format!("{n:08x}"));
    for name in names.filter(|name| Split::of_speaker(name) == Split::Train) {
        wav::write(&dir.path().join(format!("aloud/{name}_nohash_0.wav")), &[9; 100]);
    }
    let (dataset, cache) = open(&dir);
    let labels = dataset.labels(&"lights".parse().unwrap(), &cache).unwrap();
    let dataset = dataset.split_for(&labels, &cache);
    for split in Split::ALL {
        let mut words = dataset.clips_in(split).map(|clip| dataset.clips()[clip].word.as_str());
        assert!(words.any(|word| word == "lights"), "no keyword in {split}");
    }
}
