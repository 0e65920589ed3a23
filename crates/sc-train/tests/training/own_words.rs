//! Words of one's own, from a folder as people keep it.

use std::fs;
use std::path::Path;
use std::process::Command;

use sc_model::Record;
use sc_test::dataset::spoken;
use sc_test::wav;

use crate::resume::{succeed, train};

/// The words, and the sounds that stand for them.
const WORDS: [(&str, &str); 4] = [("lights", "yes"), ("музика", "no"), ("computer", "stop"), ("lamp", "bed")];

/// Every word by each speaker, as `<word>/<speaker>/1.wav`.
fn record(root: &Path, words: &[(&str, &str)], speakers: impl Iterator<Item = u8>) {
    for speaker in speakers {
        for (word, sound) in words {
            let samples = spoken(sound, 100.0 + 8.0 * f32::from(speaker));
            wav::write(&root.join(format!("{word}/speaker {speaker}/1.wav")), &samples);
        }
    }
}

/// Adds files that are no recordings.
fn litter(root: &Path) {
    for (name, content) in [
        ("README.md", "my words"),
        ("lights/README.txt", "said by us"),
        ("lights/.DS_Store", "x"),
        ("computer/speaker 1/broken.wav", "RIFF"),
        ("музика/empty.wav", ""),
        ("papers/a.pdf", "%PDF"),
    ] {
        let path = root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
}

#[test]
fn words_of_ones_own_are_learnt_from_a_folder_with_junk_in_it() {
    let dir = tempfile::tempdir().unwrap();
    let [data, out, others] = ["data", "out", "others"].map(|name| dir.path().join(name));
    record(&data, &WORDS, 0..12);
    litter(&data);
    let output = succeed(train(&data, &out, &["--words", "lights,музика,computer", "--epochs", "1"]));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in ["begins with the model that is built in", "README.txt", "broken.wav", "empty.wav", "a.pdf"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let model = out.join("model.safetensors");
    let labels = Record::load(&model).unwrap().header.labels;
    assert_eq!(labels.names(), ["lights", "музика", "computer", "_unknown_", "_silence_"]);
    let card = fs::read_to_string(out.join("MODEL_CARD.md")).unwrap();
    assert!(card.contains("--words 'lights,музика,computer'") && !card.contains("CC BY"), "{card}");

    record(&others, &WORDS[..3], 13..18);
    let mut evaluate = Command::new(env!("CARGO_BIN_EXE_sc-train"));
    evaluate.args(["evaluate", "--json", "--clips"]).arg(&others).arg("--model").arg(&model);
    let figures: serde_json::Value = serde_json::from_slice(&succeed(evaluate).stdout).unwrap();
    assert_eq!(figures["n"], 15, "{figures}");
    assert!(figures["accuracy"].as_f64().unwrap() > 0.8, "{figures}");
}

#[test]
fn words_that_cannot_be_learnt_are_refused_with_the_reason() {
    let dir = tempfile::tempdir().unwrap();
    let [data, few] = ["data", "few"].map(|name| dir.path().join(name));
    record(&data, &WORDS, 0..5);
    litter(&data);
    record(&few, &WORDS, 0..1);
    let recipe = dir.path().join("recipe.toml");
    fs::write(&recipe, "word_weight = 0.3\n").unwrap();
    let recipe = format!("--recipe={}", recipe.display());
    for (data, arguments, expected) in [
        (&data, ["--words", "lights,dog"], "no recording of dog"),
        (&data, ["--words", "papers"], "none of the 1 files"),
        (&data, ["--words", "lights,lights"], "each given once"),
        (&data, ["--words", "../lights"], "letter or digit first"),
        (&data, ["--task", "12"], "or --words"),
        (&few, ["--words", "lights"], "record more"),
        (&data, ["--words=lights", recipe.as_str()], "no word of"), // two recordings of each are left to train on
    ] {
        let output = train(data, &dir.path().join("out"), &arguments).arg("--epochs=1").output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && error.contains(expected), "{arguments:?}: {error}");
    }
}

#[test]
fn a_training_without_other_words_says_that_they_are_not_measured() {
    let dir = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| dir.path().join(name));
    record(&data, &WORDS[..2], 0..12);
    let output = succeed(train(&data, &out, &["--words", "all", "--epochs", "1", "--epoch-clips", "32"]));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no recording of another word is held out"), "{said}");
    let card = fs::read_to_string(out.join("MODEL_CARD.md")).unwrap();
    assert!(card.contains("How many was not measured"), "{card}");
}

#[cfg(target_os = "linux")] // elsewhere the two folders may be one
#[test]
fn words_that_differ_in_capital_letters_alone_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| dir.path().join(name));
    record(&data, &[("lights", "yes"), ("Lights", "yes")], 0..1);
    let output = train(&data, &out, &["--words", "all"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Lights and lights are taken for two words"), "{said}");
}
