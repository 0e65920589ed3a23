//! Choices are made on one half of the validation split, and figures are of the other.

use std::path::Path;

use sc_data::{Half, SpeechCommands, Split};
use sc_model::{Record, Training};
use sc_test::{dataset, wav};

use crate::resume::{succeed, train};

/// Replaces the held-out validation clips by others of the same length.
fn spoil_held_out_clips(data: &Path) {
    let dataset = SpeechCommands::open(data).unwrap();
    for clip in dataset.clips_in(Split::Validation).map(|clip| &dataset.clips()[clip]) {
        if Half::of_speaker(&clip.speaker) == Half::HeldOut {
            let other = if clip.word == "yes" { "stop" } else { "yes" };
            wav::write(&data.join(&clip.path), &dataset::spoken(other, 150.0));
        }
    }
}

#[test]
fn no_choice_depends_on_the_held_out_half() {
    let dir = tempfile::tempdir().unwrap();
    let record = |name: &str, change: fn(&Path)| {
        let [data, run] = ["data", "run"].map(|part| dir.path().join(name).join(part));
        dataset::write(&data);
        change(&data);
        succeed(train(&data, &run, &["--epochs", "6"]));
        Record::load(&run.join("model.safetensors")).unwrap()
    };
    let (as_it_was, spoilt) = (record("as-it-was", |_| ()), record("spoilt", spoil_held_out_clips));

    let [good, bad] = [&as_it_was, &spoilt].map(|record| record.header.training.validation["accuracy"]);
    assert!(bad < good, "{bad} after {good}: the figures are not of the held-out half");

    let mut chosen = spoilt;
    let Training { validation, whole_validation, .. } = as_it_was.header.training.clone();
    chosen.header.training = Training { validation, whole_validation, ..chosen.header.training };
    assert!(chosen == as_it_was, "{:?}, before {:?}", chosen.header, as_it_was.header);
    let whole = &as_it_was.header.training.whole_validation;
    assert!(whole["clips"] > as_it_was.header.training.validation["clips"], "{whole:?}");
}
