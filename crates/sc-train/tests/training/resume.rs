//! A run that was killed goes on as if it had not been.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use sc_model::Record;
use sc_test::dataset;

/// A learning rate that state.json gives back only if it is read to the last digit.
const THREE_EPOCHS: &[&str] = &["--epochs", "3", "--learning-rate", "0.0019257004232823137"];

/// `sc-train train` with a small batch.
pub fn train(data: &Path, out: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sc-train"));
    command.arg("train").arg("--data").arg(data).arg("--out").arg(out);
    command.args(["--batch-size", "16"]).args(more).stderr(Stdio::piped());
    command
}

/// Runs to the end, which must be a good one.
pub fn succeed(mut command: Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output
}

/// Waits for a file and kills the run at once, as `kill -9` does.
pub fn kill_when_there(mut command: Command, file: &Path) {
    let mut run = command.spawn().unwrap();
    let start = Instant::now();
    while !file.exists() {
        assert!(start.elapsed() < Duration::from_mins(5), "{} did not come", file.display());
        assert!(run.try_wait().unwrap().is_none(), "the run ended before {}", file.display());
        std::thread::sleep(Duration::from_millis(5));
    }
    run.kill().unwrap();
    run.wait().unwrap();
}

#[test]
fn a_killed_run_resumes_to_the_same_record_bit_for_bit() {
    let dir = tempfile::tempdir().unwrap();
    let [data, whole, killed] = ["data", "whole", "killed"].map(|name| dir.path().join(name));
    dataset::write(&data);
    succeed(train(&data, &whole, THREE_EPOCHS));

    kill_when_there(train(&data, &killed, THREE_EPOCHS), &killed.join("checkpoint-0001"));
    assert!(!killed.join("model.safetensors").exists(), "killed too late to prove anything");
    succeed(train(&data, &killed, &[THREE_EPOCHS, &["--resume"]].concat()));

    let read = |run: &Path, file: &str| fs::read(run.join(file)).unwrap();
    assert!(
        read(&whole, "model.safetensors") == read(&killed, "model.safetensors"),
        "the resumed run's record differs from the uninterrupted run's"
    );
    let lines = String::from_utf8(read(&killed, "metrics.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 3);
    assert!(killed.join("report.html").exists() && killed.join("report.json").exists());
}

#[test]
fn a_run_is_not_resumed_with_other_settings_nor_trained_again_if_it_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| dir.path().join(name));
    dataset::write(&data);
    succeed(train(&data, &out, &["--epochs", "1"]));
    let trained = fs::metadata(out.join("model.safetensors")).unwrap().modified().unwrap();

    let refused = train(&data, &out, &["--epochs", "1", "--resume", "--seed", "9"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("other settings"), "{error}");

    let refused = train(&data, &out, &["--epochs", "1"]).output().unwrap();
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success() && error.contains("--resume"), "{error}");

    let skipped = succeed(train(&data, &out, &["--if-missing"]));
    let said = String::from_utf8(skipped.stdout).unwrap();
    assert!(said.contains("nothing to train"), "{said}");
    assert_eq!(fs::metadata(out.join("model.safetensors")).unwrap().modified().unwrap(), trained);
}

#[test]
fn the_log_names_the_epoch_whose_weights_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| dir.path().join(name));
    dataset::write(&data);
    let said = String::from_utf8(succeed(train(&data, &out, &["--epochs", "2"])).stderr).unwrap();
    let kept = Record::load(&out.join("model.safetensors")).unwrap().header.training.kept_epoch;
    let last = said.lines().rfind(|line| line.starts_with("epoch ")).unwrap();
    assert!(last.contains(&format!("(kept: epoch {kept})")), "{last}");
}

#[test]
fn a_run_of_some_minutes_plans_its_epochs() {
    let dir = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| dir.path().join(name));
    dataset::write(&data);
    let mut run = train(&data, &out, &["--minutes", "1"]);
    run.args(["--epoch-clips", "16"]);
    assert_eq!(run.output().unwrap().status.code(), Some(2), "the clips of an epoch are planned too");

    kill_when_there(train(&data, &out, &["--minutes", "1"]), &out.join("checkpoint-0001"));
    let state = fs::read_to_string(out.join("checkpoint-0001/state.json")).unwrap();
    let config = &serde_json::from_str::<serde_json::Value>(&state).unwrap()["config"];
    let (epochs, examples) = (config["epochs"].as_u64().unwrap(), config["epoch_examples"].as_u64().unwrap());
    assert!((4..=40).contains(&epochs) && (16..1_000_000).contains(&examples), "{config}");
    assert_eq!(config["learning_rate"], 0.004);
}

#[test]
fn a_run_begins_with_another_models_weights() {
    let dir = tempfile::tempdir().unwrap();
    let [data, first, second] = ["data", "first", "second"].map(|name| dir.path().join(name));
    dataset::write(&data);
    succeed(train(&data, &first, &["--epochs", "6"]));
    let model = first.join("model.safetensors");
    let init = ["--init", model.to_str().unwrap()];

    succeed(train(&data, &second, &[&init[..], &["--epochs", "1", "--learning-rate", "0.0002"]].concat()));
    let losses = |run: &Path| -> Vec<f64> {
        let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        let epoch = |line| serde_json::from_str::<serde_json::Value>(line).unwrap();
        lines.lines().map(|line| epoch(line)["train_loss"].as_f64().unwrap()).collect()
    };
    let (first, second) = (losses(&first), losses(&second));
    assert!(second[0] < f64::midpoint(first[0], first[5]), "{second:?} after {first:?}");

    let mean = dir.path().join("mean");
    succeed(train(&data, &mean, &[&init[..], &init, &["--epochs", "0"]].concat()));
    let [first, mean] = [&model, &mean.join("model.safetensors")].map(|path| Record::load(path).unwrap());
    assert_eq!(mean.weights, first.weights, "without training, the mean of twice the same is the same");
    assert_eq!(mean.header.training.epochs, 0);
    let again = train(&data, &dir.path().join("mean"), &[&init[..], &["--epochs", "0"]].concat()).output();
    let error = String::from_utf8(again.unwrap().stderr).unwrap();
    assert!(error.contains("model.safetensors is of an earlier run: name another --out"), "{error}");
    let begun = train(&data, &dir.path().join("mean"), &["--epochs", "1", "--resume"]).output().unwrap();
    let error = String::from_utf8_lossy(&begun.stderr);
    assert!(
        !begun.status.success() && error.contains("name another --out"),
        "nothing to go on with: {error}"
    );

    let out = dir.path().join("untrained");
    let refused = train(&data, &out, &["--epochs", "0"]).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("by --init"), "{error}");

    let out = dir.path().join("new");
    let refused =
        train(&data, &out, &[&init[..], &["--epochs", "0", "--words", "all"]].concat()).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("--epochs 0 does not train it"), "{error}");

    let out = dir.path().join("wider");
    let refused = train(&data, &out, &[&init[..], &["--width", "2"]].concat()).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("--init is another network"), "{error}");
}

#[test]
fn a_recipe_of_the_hardest_words_takes_a_teacher() {
    let dir = tempfile::tempdir().unwrap();
    let [data, teacher, out] = ["data", "teacher", "out"].map(|name| dir.path().join(name));
    dataset::write(&data);
    let recipe = dir.path().join("recipe.toml");
    fs::write(&recipe, "[unknown]\nhardest_of = 3\n").unwrap();
    let recipe = ["--epochs", "1", "--recipe", recipe.to_str().unwrap()];

    let refused = train(&data, &out, &recipe).output().unwrap();
    let error = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && error.contains("hardest_of needs a --teacher"), "{error}");

    succeed(train(&data, &teacher, &["--epochs", "1"]));
    let teacher = teacher.join("model.safetensors");
    succeed(train(&data, &out, &[&recipe[..], &["--teacher", teacher.to_str().unwrap()]].concat()));
    let trained = Record::load(&out.join("model.safetensors")).unwrap();
    assert_eq!(trained.header.training.recipe.unwrap()["unknown"]["hardest_of"], 3);
}
