//! A record comes back as it was written, and anything else is refused by name.
#![allow(clippy::unwrap_used)] // in what the tests share, too

#[path = "../../../fuzz/src/checks/record.rs"]
mod fuzzed;

use std::collections::BTreeMap;

use proptest::prelude::*;
use sc_data::{LogMelConfig, Sha256Digest, Task, Waveform};
use sc_model::{
    Backend, BlockConfig, Classifier, ConvConfig, Error, Header, KeywordCnnConfig, Record, Training, Values,
    Weights, compact, self_test_waveform,
};

/// A small network with random weights and a self-test that fits.
fn record() -> Record {
    let labels = Task::Commands.labels();
    let log_mel = LogMelConfig::default();
    let network = KeywordCnnConfig {
        stem: vec![ConvConfig { channels: 16, kernel: [3, 3], stride: [2, 2] }],
        entry: 16,
        blocks: vec![BlockConfig { channels: 16, kernel: 3, stride: 2 }],
        ..KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, labels.names().len())
    };
    let weights = Weights::random(&network, 0);
    let mut record = Record { header: Header::untrained(labels, log_mel, network), weights, words: None };
    record.header.self_test = Classifier::untested(&record).logits(&self_test_waveform());
    record
}

/// Why a record changed by `change` is refused.
fn refusal(change: impl FnOnce(&mut Record)) -> String {
    let mut changed = record();
    change(&mut changed);
    let read = Record::from_bytes(&changed.to_bytes().unwrap());
    match read.and_then(|record| Classifier::new(&record, Backend::Native)) {
        Ok(_) => panic!("accepted"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_record_is_read_as_it_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    record().save(&path).unwrap();
    assert_eq!(Record::load(&path).unwrap(), record());
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn a_record_in_eight_bits_is_smaller_answers_alike_and_stays_as_it_is() {
    let shipped = Record::shipped().unwrap();
    let compacted = compact(&shipped).unwrap();
    let bytes = compacted.to_bytes().unwrap();
    assert!(bytes.len() < 900_000, "{} bytes", bytes.len());
    let read = Record::from_bytes(&bytes).unwrap();
    assert_eq!(read, compacted);
    assert_eq!(compact(&read).unwrap(), compacted);
    let [before, after] = [&shipped, &read]
        .map(|record| Classifier::new(record, Backend::Native).unwrap().logits(&self_test_waveform()));
    assert!(before.iter().zip(&after).all(|(a, b)| (a - b).abs() < 0.2), "{after:?}, in floats {before:?}");
}

#[test]
fn eight_bits_without_their_units_are_refused() {
    let bytes = compact(&record()).unwrap().to_bytes().unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let (_, metadata) = safetensors::SafeTensors::read_metadata(&bytes).unwrap();
    let tensors = file.tensors().into_iter().filter(|(name, _)| name != "entry.weight.units");
    let broken = safetensors::serialize(tensors, metadata.metadata().clone()).unwrap();
    let error = Record::from_bytes(&broken).unwrap_err().to_string();
    assert!(error.contains("expected a tensor `entry.weight.units` of 16 numbers"), "{error}");
}

#[test]
fn a_digest_is_of_the_bytes_that_the_record_was_read_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("model.safetensors");
    record().save(&path).unwrap();
    let expected = Sha256Digest::of(&std::fs::read(&path).unwrap());
    assert_eq!(Record::load_with_digest(&path).unwrap(), (record(), expected));
}

#[test]
fn figures_of_the_whole_split_are_kept_and_a_record_without_them_is_read() {
    let json = serde_json::to_string(&Training::default()).unwrap();
    assert!(!json.contains("whole_validation"), "{json}");
    assert_eq!(serde_json::from_str::<Training>(&json).unwrap(), Training::default());

    let whole_validation = BTreeMap::from([("accuracy".to_owned(), 0.75)]);
    let training = Training { whole_validation, ..Training::default() };
    let json = serde_json::to_string(&training).unwrap();
    assert_eq!(serde_json::from_str::<Training>(&json).unwrap(), training);
}

#[test]
fn what_differs_is_named() {
    let replace = |name: &'static str, shape: Vec<usize>, value: f32| {
        move |record: &mut Record| {
            let values = vec![value; shape.iter().product()];
            record.weights.insert(name.into(), Values { shape, values });
        }
    };
    let cases: Vec<(String, &[&str])> = vec![
        (refusal(|record| record.header.format_version = 9), &["format version 9", "versions 1 to 3"]),
        (refusal(replace("surplus", vec![2], 0.0)), &["extra", "`surplus`"]),
        (refusal(replace("head.bias", vec![3], 0.0)), &["`head.bias`", "[3]", "[12]"]),
        (refusal(replace("head.bias", vec![12], f32::NAN)), &["`head.bias`", "cannot be"]),
        (refusal(replace("entry.variance", vec![16], -1.0)), &["`entry.variance`", "cannot be"]),
        (refusal(|record| record.header.labels = Task::Words.labels()), &["36 labels", "12"]),
        (refusal(|record| record.header.self_test[3] += 1.0), &["self-test", "off by"]),
        (refusal(|record| record.header.self_test[3] = f32::INFINITY), &["header"]),
        (refusal(|record| record.header.threshold = 1.5), &["threshold of 1.5"]),
        (refusal(|record| record.header.temperature = 0.0), &["temperature of 0"]),
        (refusal(|record| record.header.log_mel.n_fft = 500), &["n_fft"]),
        (refusal(|record| record.header.log_mel.n_mels = 64), &["40", "64"]),
        (refusal(|record| record.header.network.entry = 17), &["17 channels", "multiple of 16"]),
        (refusal(|record| record.header.network.blocks[0].kernel = 4), &["kernel of 4", "odd"]),
    ];
    for (refusal, parts) in cases {
        assert!(parts.iter().all(|part| refusal.contains(part)), "{refusal:?} lacks one of {parts:?}");
    }
}

#[test]
fn a_missing_tensor_is_named() {
    let mut lacking = Weights::default();
    for (name, tensor) in record().weights.iter().filter(|(name, _)| *name != "head.bias") {
        lacking.insert(name.clone(), tensor.clone());
    }
    let refusal = refusal(|record| record.weights = lacking);
    assert!(refusal.contains("no tensor `head.bias`"), "{refusal}");
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let Err(error) = Classifier::load("no/such/model".as_ref(), Backend::Native) else { panic!("loaded") };
    assert!(matches!(error, Error::Read { .. }) && error.to_string().contains("no/such/model"), "{error}");
}

#[test]
fn probabilities_add_up_and_the_threshold_decides() {
    let classifier =
        |threshold| Classifier::new(&record(), Backend::Native).unwrap().with_threshold(threshold);
    for waveform in [Waveform::silence(), self_test_waveform()] {
        let prediction = classifier(0.0).classify(&waveform);
        let sum: f32 = prediction.predictions.iter().map(|scored| scored.probability).sum();
        assert!((sum - 1.0).abs() < 1e-5, "{sum}");
        assert!(prediction.predictions.is_sorted_by(|a, b| a.probability >= b.probability));
        assert_eq!(prediction.accepted, !prediction.label.starts_with('_'));
        assert!(!classifier(1.0).classify(&waveform).accepted);
    }
}

#[test]
fn threads_answer_as_one_does() {
    let classifier = Classifier::new(&record(), Backend::Native).unwrap();
    let waveform = self_test_waveform();
    let alone = classifier.classify(&waveform);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..20).for_each(|_| assert_eq!(classifier.classify(&waveform), alone)));
        }
    });
}

proptest! {
    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_panic(
        damage in proptest::collection::vec((0_usize..6_000, any::<u8>()), 1..20),
        length in 0_usize..20_000,
    ) {
        let mut bytes = record().to_bytes().unwrap();
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        bytes.truncate(bytes.len().saturating_sub(length % 7 * 1_000));
        if let Ok(record) = Record::from_bytes(&bytes) {
            let _ = Classifier::new(&record, Backend::Native);
        }
    }
}

#[test]
fn records_that_fuzzing_found_classify_or_are_refused() {
    sc_test::fuzzed::replay("record", fuzzed::check_record);
}
