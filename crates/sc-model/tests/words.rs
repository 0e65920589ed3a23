//! Words taught by a few recordings are found again, and nothing else changes.
#![allow(clippy::unwrap_used)] // in what the tests share, too

use std::sync::Arc;

use sc_data::Waveform;
use sc_model::words::{Reason, Recording, TeachError, check, forget, join, teach};
use sc_model::{Backend, Classifier, Detector, DetectorConfig, Record, compact, self_test_waveform};
use sc_test::dataset::spoken;

/// A word that glides between two timbres, 16 kHz samples.
fn take(timbre: &str, pitch_hz: f32) -> Vec<f32> {
    spoken(timbre, pitch_hz).iter().map(|sample| f32::from(*sample) / 32_768.0).collect()
}

/// Two hisses, 16 kHz samples: like no glide.
fn hisses(seed: u32) -> Vec<f32> {
    let mut state = seed;
    let mut hiss = |i: usize| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let is_loud = (3_000..6_000).contains(&i) || (9_000..12_000).contains(&i);
        if is_loud { state as f32 / u32::MAX as f32 - 0.5 } else { 0.0 }
    };
    (0..16_000).map(&mut hiss).collect()
}

fn recordings(takes: Vec<Vec<f32>>) -> Vec<Recording> {
    let named = takes.into_iter().enumerate();
    named.map(|(i, samples)| Recording::new(i.to_string(), Ok(samples))).collect()
}

fn five(timbre: &str) -> Vec<Vec<f32>> {
    [110.0, 130.0, 150.0, 170.0, 190.0].map(|pitch_hz| take(timbre, pitch_hz)).to_vec()
}

/// The shipped record with the word *lamp*, of the timbre of `stop`.
fn with_lamp() -> Record {
    teach(&Record::shipped().unwrap(), "lamp", recordings(five("stop"))).unwrap().0
}

fn classifier(record: &Record) -> Classifier {
    Classifier::new(record, Backend::Native).unwrap()
}

/// The error of teaching `name` by `takes`.
fn refusal(record: &Record, name: &str, takes: Vec<Vec<f32>>) -> TeachError {
    match teach(record, name, recordings(takes)) {
        Ok((_, taught)) => panic!("taught: {taught:?}"),
        Err(error) => error,
    }
}

#[test]
fn a_taught_word_is_found_and_reported() {
    let (record, taught) = teach(&Record::shipped().unwrap(), "lamp", recordings(five("stop"))).unwrap();
    assert_eq!(taught.used.len(), 5, "{taught:?}");
    assert!(taught.recall_leave_one_out > 0.7 && taught.false_accepts <= 0.01, "{taught:?}");

    let heard = classifier(&record).classify(&Waveform::from_samples(&take("stop", 140.0)));
    assert!(heard.label == "lamp" && heard.accepted, "{heard:?}");
    assert!((heard.predictions.iter().map(|scored| scored.probability).sum::<f32>() - 1.0).abs() < 1e-5);
    for timbre in ["yes", "no", "bed"] {
        let other = classifier(&record).classify(&Waveform::from_samples(&take(timbre, 140.0)));
        assert!(other.label != "lamp" || !other.accepted, "{timbre}: {other:?}");
    }
}

#[test]
fn a_taught_word_is_detected_in_a_stream() {
    let silence = vec![0.0; 16_000];
    let sound = [silence.clone(), take("stop", 140.0), silence].concat();
    let mut detector = Detector::new(Arc::new(classifier(&with_lamp())), &DetectorConfig::default());
    let mut found = detector.push(&sound);
    found.extend(detector.finish());
    assert_eq!(found.iter().map(|word| word.label.as_str()).collect::<Vec<_>>(), ["lamp"], "{found:?}");
}

#[test]
fn what_is_not_the_taught_word_is_answered_as_before() {
    let (before, after) = (Classifier::shipped(Backend::Native).unwrap(), classifier(&with_lamp()));
    for waveform in [Waveform::silence(), self_test_waveform(), Waveform::from_samples(&take("yes", 120.0))] {
        let (old, new) = (before.classify(&waveform), after.classify(&waveform));
        assert_eq!((&old.label, old.accepted), (&new.label, new.accepted));
        assert!((old.confidence - new.confidence).abs() < 1e-6, "{old:?} {new:?}");
    }
}

#[test]
fn a_threshold_for_all_answers_is_that_for_one_answer_and_leaves_the_confidence() {
    let record = with_lamp();
    let lamp = Waveform::from_samples(&take("stop", 140.0));
    let usual = classifier(&record).classify(&lamp);
    let just_above = usual.confidence.next_up();
    for threshold in [0.0, 0.5, usual.confidence, just_above, 1.0] {
        let heard = classifier(&record).with_threshold(threshold).classify(&lamp);
        assert_eq!(heard, classifier(&record).classify_at(&lamp, threshold).0);
        let is_enough = threshold < just_above;
        assert_eq!(heard.label == "lamp" && heard.accepted, is_enough, "{threshold}: {heard:?}");
    }
}

#[test]
fn a_taught_word_keeps_its_confidence_when_the_records_threshold_changes() {
    let mut record = with_lamp();
    let lamp = Waveform::from_samples(&take("stop", 140.0));
    let usual = classifier(&record).classify(&lamp).confidence;
    for threshold in [0.3, 0.99, 0.0] {
        record.header.set_threshold(threshold);
        let (heard, _) = classifier(&record).classify_at(&lamp, 0.0);
        assert!((heard.confidence - usual).abs() < 1e-5, "{threshold}: {heard:?}, before {usual}");
    }
}

#[test]
fn a_record_with_taught_words_is_read_as_it_was_written() {
    let record = with_lamp();
    let again = Record::from_bytes(&record.to_bytes().unwrap()).unwrap();
    assert_eq!(again, record);
    assert_eq!((again.header.format_version, again.header.labels.names()[12].as_str()), (2, "lamp"));
}

#[test]
fn two_words_are_told_apart_and_each_can_be_forgotten() {
    let (record, _) = teach(&with_lamp(), "допомога", recordings(five("no"))).unwrap();
    for (timbre, word) in [("stop", "lamp"), ("no", "допомога")] {
        let heard = classifier(&record).classify(&Waveform::from_samples(&take(timbre, 160.0)));
        assert!(heard.label == word && heard.accepted, "{word}: {heard:?}");
    }
    let left = forget(&record, "lamp").unwrap();
    assert_eq!(left.header.labels.names()[12..], ["допомога"]);
    assert_eq!(classifier(&left).classify(&Waveform::from_samples(&take("no", 160.0))).label, "допомога");
    assert_eq!(forget(&left, "допомога").unwrap(), Record::shipped().unwrap());
    let error = forget(&left, "lamp").unwrap_err();
    assert_eq!(error.reason(), "not_taught");
    let error = error.to_string();
    assert!(error.contains("`lamp`") && error.contains("допомога"), "{error}");
}

#[test]
fn a_word_is_the_same_however_its_accents_are_written() {
    let (record, taught) =
        teach(&Record::shipped().unwrap(), "cafe\u{301}", recordings(five("stop"))).unwrap();
    assert_eq!((taught.name.as_str(), record.header.labels.names()[12].as_str()), ("caf\u{e9}", "caf\u{e9}"));
    let error = refusal(&record, "caf\u{e9}", five("no")).to_string();
    assert!(error.contains("knows `caf\u{e9}` already"), "{error}");
    assert_eq!(forget(&record, "cafe\u{301}").unwrap(), Record::shipped().unwrap());
}

#[test]
fn faulty_recordings_are_left_out_with_their_reason() {
    let quiet = take("stop", 120.0).iter().map(|sample| 0.005 * sample).collect();
    let clipped = take("stop", 120.0).iter().map(|sample| (20.0 * sample).clamp(-1.0, 1.0)).collect();
    let cut_off = take("stop", 120.0)[8_000..].to_vec();
    let other = hisses(1);
    let mut all = recordings([five("stop"), vec![quiet, clipped, cut_off, other]].concat());
    all.push(Recording::new("9".into(), Err("no audio".into())));

    let (_, taught) = teach(&Record::shipped().unwrap(), "lamp", all).unwrap();

    assert_eq!(taught.used, ["0", "1", "2", "3", "4"]);
    let mut left_out: Vec<_> = taught.left_out.iter().map(|l| (l.name.as_str(), l.reason)).collect();
    left_out.sort_by_key(|(name, _)| *name);
    let expected = [
        ("5", Reason::TooQuiet),
        ("6", Reason::Clipped),
        ("7", Reason::CutOff),
        ("8", Reason::Unlike),
        ("9", Reason::Unreadable),
    ];
    assert_eq!(left_out, expected);
}

/// The numbers of the takes that teaching would leave out, with the reason.
fn faults(takes: Vec<Vec<f32>>) -> Vec<(String, Reason)> {
    let left_out = check(&Record::shipped().unwrap(), recordings(takes)).unwrap();
    left_out.into_iter().map(|left_out| (left_out.name, left_out.reason)).collect()
}

#[test]
fn recordings_are_checked_before_they_teach() {
    let quiet: Vec<f32> = take("stop", 120.0).iter().map(|sample| 0.005 * sample).collect();
    let clipped: Vec<f32> =
        take("stop", 120.0).iter().map(|sample| (20.0 * sample).clamp(-1.0, 1.0)).collect();
    let named = |faults: &[(usize, Reason)]| {
        faults.iter().map(|(i, reason)| (i.to_string(), *reason)).collect::<Vec<_>>()
    };
    // One alone, as soon as it is there.
    assert_eq!(faults(vec![clipped.clone()]), named(&[(0, Reason::Clipped)]));
    assert_eq!(faults(five("stop")[..2].to_vec()), []);
    assert_eq!(faults(five("stop")), []);
    let others = [five("stop"), vec![quiet, clipped, hisses(1)]].concat();
    assert_eq!(faults(others), named(&[(5, Reason::TooQuiet), (6, Reason::Clipped), (7, Reason::Unlike)]));
    // Where teaching refuses two words, the fewer are named, or else the later.
    let mixed = [five("stop")[..2].to_vec(), vec![hisses(1), hisses(2)]].concat();
    assert_eq!(faults(mixed), named(&[(3, Reason::Unlike), (2, Reason::Unlike)]));
}

#[test]
fn what_teaches_no_word_is_refused() {
    let record = Record::shipped().unwrap();
    let silence = vec![vec![0.0; 16_000]; 5];
    let two_words = [five("stop")[..3].to_vec(), vec![hisses(1), hisses(2), hisses(3)]].concat();
    let too_many = vec![take("stop", 120.0); 51];
    for (error, reason, part) in [
        (refusal(&record, "lamp", five("stop")[..2].to_vec()), "too_few", "2 of 2 recordings"),
        (refusal(&record, "lamp", silence), "too_few", "too quiet"),
        (refusal(&record, "lamp", two_words), "unlike", "not like the others"),
        (refusal(&record, "lamp", too_many), "too_many", "51 recordings: expected 3 to 50"),
        (refusal(&record, "yes", five("stop")), "known", "knows `yes` already"),
        (refusal(&with_lamp(), "Lamp", five("no")), "known", "knows `lamp` already"),
        (refusal(&record, "a/b", five("stop")), "name", "cannot be the name"),
        (refusal(&record, &"a".repeat(200), five("stop")), "name", "at most 40"),
        (refusal(&with_lamp(), "light", five("stop")), "heard_as", "heard as `lamp`"),
        (refusal(&Record { words: None, ..record.clone() }, "lamp", five("stop")), "no_space", "no bank"),
    ] {
        assert_eq!(error.reason(), reason, "{error}");
        assert!(error.to_string().contains(part), "{part}: {error}");
    }
}

#[test]
fn words_of_another_copy_are_joined_and_answer_as_surely() {
    let (light, _) = teach(&Record::shipped().unwrap(), "light", recordings(five("no"))).unwrap();
    let mut lamp = with_lamp();
    lamp.header.set_threshold(0.5);

    let (joined, names) = join(&light, &lamp).unwrap();

    assert_eq!(names, ["lamp"]);
    for (timbre, before) in [("stop", &with_lamp()), ("no", &light)] {
        let sound = Waveform::from_samples(&take(timbre, 140.0));
        let [before, after] = [before, &joined].map(|record| classifier(record).classify(&sound));
        assert!(after.label == before.label && after.accepted, "{after:?}, {before:?}");
        assert!((after.confidence - before.confidence).abs() < 1e-4, "{after:?}, {before:?}");
    }
    assert_eq!(join(&joined, &light).unwrap(), (joined, Vec::new()), "it has them already");
}

#[test]
fn words_that_would_mean_something_else_are_not_joined() {
    let (shipped, lamp) = (Record::shipped().unwrap(), with_lamp());
    let (other_lamp, _) = teach(&shipped, "lamp", recordings(five("no"))).unwrap();
    let reason = |record: &Record, other: &Record| join(record, other).unwrap_err().reason();
    assert_eq!(reason(&lamp, &other_lamp), "known");
    assert_eq!(reason(&lamp, &shipped), "none_taught");
    for change in [
        |record: &mut Record| record.header.log_mel.win_length = 400,
        |record: &mut Record| record.header.network.stem[1].stride[0] = 2,
        |record: &mut Record| record.weights = compact(record).unwrap().weights,
        |record: &mut Record| record.words = compact(record).unwrap().words,
    ] {
        let mut other = shipped.clone();
        change(&mut other);
        assert_eq!(reason(&other, &lamp), "other_network", "{:?}", other.header);
    }
    assert_eq!(reason(&Record { words: None, ..shipped }, &lamp), "no_space");
}
