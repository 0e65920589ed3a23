//! What happens to a training and to teaching when the program is killed, the disk is full, or a file is damaged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sc_model::Record;
#[cfg(target_os = "linux")]
use sc_test::limited::limited;
use sc_test::{dataset, wav};

use crate::resume::{kill_when_there, succeed, train};

const MODEL: &str = "model.safetensors";
const EPOCHS: &[&str] = &["--epochs", "4", "--resume"];

/// A small data set, and a run on it that nothing disturbed.
struct Unbroken {
    dir: tempfile::TempDir,
    data: PathBuf,
    record: Vec<u8>,
    /// The time that the run took.
    time: Duration,
}

impl Unbroken {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [data, whole] = ["data", "whole"].map(|name| dir.path().join(name));
        dataset::write(&data);
        let start = Instant::now();
        succeed(train(&data, &whole, EPOCHS));
        Self { record: fs::read(whole.join(MODEL)).unwrap(), time: start.elapsed(), dir, data }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn train(&self) -> Command {
        train(&self.data, &self.out(), EPOCHS)
    }

    /// Removes the samples that were decoded, so that the next run decodes them again.
    fn forget_samples(&self) {
        fs::remove_file(self.data.with_extension("samples")).unwrap();
    }

    fn assert_same_record(&self) {
        let record = fs::read(self.out().join(MODEL)).unwrap();
        assert!(record == self.record, "the record differs from that of the unbroken run");
    }
}

/// The names in a folder, in order.
fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// Runs a command for so long and kills it, as `kill -9` does. Returns false if it ended well before.
fn kill_after(mut command: Command, time: Duration) -> bool {
    let mut run = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(time);
    let ended = run.try_wait().unwrap();
    assert!(ended.is_none_or(|status| status.success()), "{ended:?}");
    run.kill().unwrap();
    run.wait().unwrap();
    ended.is_none()
}

/// Kills a training so many times and goes on each time. One that comes to its end begins anew.
fn survive_kills(n_kills: usize) {
    let unbroken = Unbroken::new();
    let mut random = ChaCha8Rng::seed_from_u64(20);
    let mut n_killed = 0;
    unbroken.forget_samples();
    while n_killed < n_kills {
        if kill_after(unbroken.train(), unbroken.time.mul_f64(random.random_range(0.0..0.8))) {
            n_killed += 1;
        } else {
            unbroken.assert_same_record();
            fs::remove_dir_all(unbroken.out()).unwrap();
            unbroken.forget_samples();
        }
    }
    succeed(unbroken.train());
    unbroken.assert_same_record();
    assert_eq!(names(unbroken.dir.path()), ["data", "data.samples", "out", "whole"], "half files are left");
}

#[test]
fn a_run_that_is_killed_at_any_moment_comes_to_the_same_record() {
    survive_kills(3);
}

#[test]
#[ignore = "minutes: `just soak` runs it"]
fn a_run_that_is_killed_fifty_times_comes_to_the_same_record() {
    survive_kills(50);
}

/// Fails with exit code 1, and says each of `parts`.
#[track_caller]
fn assert_refused(mut command: Command, parts: &[&str]) {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    for part in parts {
        assert!(said.contains(part), "no `{part}` in: {said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_run_goes_on_once_there_is_room() {
    let unbroken = Unbroken::new();
    let (out, run) = (unbroken.out(), unbroken.train());
    unbroken.forget_samples();
    assert_refused(limited(&run, "-f 100"), &["data.samples", "File too large"]);
    assert_eq!(names(unbroken.dir.path()), ["data", "whole"], "half a cache is left");

    kill_when_there(unbroken.train(), &out.join("checkpoint-0001"));
    let metrics = || fs::read_to_string(out.join("metrics.jsonl")).unwrap();
    for (limit, file) in [("-f 0", "metrics.jsonl"), ("-f 100", "checkpoint-000")] {
        assert_refused(limited(&run, limit), &["cannot write", file, "File too large"]);
        let last: serde_json::Value = serde_json::from_str(metrics().lines().last().unwrap()).unwrap();
        assert!(last["epoch"].as_u64() >= Some(1), "{file}");
    }
    assert!(!out.join("checkpoint.part").exists(), "half a checkpoint is left");
    succeed(unbroken.train());
    unbroken.assert_same_record();
}

/// Stops a run after its first epoch.
fn with_a_checkpoint() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let [data, out] = ["data", "out"].map(|name| dir.path().join(name));
    dataset::write(&data);
    kill_when_there(train(&data, &out, EPOCHS), &out.join("checkpoint-0001"));
    let checkpoint = names(&out).into_iter().rfind(|name| name.starts_with("checkpoint-0")).unwrap();
    (dir, data, out.join(checkpoint))
}

#[test]
fn a_damaged_checkpoint_is_named_with_the_way_out() {
    let (dir, data, checkpoint) = with_a_checkpoint();
    let run = || train(&data, &dir.path().join("out"), EPOCHS);
    let way_out = "is damaged, or of another release: remove it to train from the beginning";
    for name in names(&checkpoint) {
        let file = checkpoint.join(&name);
        let whole = fs::read(&file).unwrap();
        for cut in [0, whole.len() / 2, whole.len() - 1] {
            fs::write(&file, &whole[..cut]).unwrap();
            assert_refused(run(), &[checkpoint.to_str().unwrap(), way_out, &name]);
        }
        fs::write(&file, whole).unwrap();
    }
    let state = checkpoint.join("state.json");
    let whole = fs::read_to_string(&state).unwrap();
    fs::write(&state, whole.replace("\"kept.safetensors\"", "\"another.safetensors\"")).unwrap();
    assert_refused(run(), &[way_out, "kept.safetensors is not what was written"]);
    fs::write(&state, whole).unwrap();
    fs::remove_file(checkpoint.join("kept.safetensors")).unwrap();
    assert_refused(run(), &[way_out, "kept.safetensors"]);
    fs::remove_dir_all(&checkpoint).unwrap();
    succeed(run());
}

#[test]
fn recordings_that_changed_since_a_checkpoint_are_refused() {
    let (dir, data, _) = with_a_checkpoint();
    let run = || train(&data, &dir.path().join("out"), EPOCHS);
    let held_out = fs::read_to_string(data.join("validation_list.txt")).unwrap();
    let mut clips = names(&data.join("yes")).into_iter().filter(|name| !held_out.contains(name));
    let clip = data.join("yes").join(clips.next().unwrap());
    let whole = fs::read(&clip).unwrap();

    wav::write(&clip, &dataset::spoken("yes", 120.0)[..12_000]);
    assert_refused(run(), &["other settings or recordings", "data_digest was"]);
    fs::remove_file(&clip).unwrap();
    assert_refused(run(), &["other settings or recordings", "data_digest was"]);
    fs::write(&clip, whole).unwrap();
    succeed(run());
}

/// Teaches *lamp* to the model that is built in, by the recordings in `takes`.
fn teach(takes: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sc-train"));
    command.args(["teach", "--word"]).arg(format!("lamp={}", takes.display())).arg("--out").arg(out);
    command
}

fn record_takes(folder: &Path) {
    for take in 0..5_u8 {
        let samples = dataset::spoken("stop", 110.0 + 20.0 * f32::from(take));
        wav::write(&folder.join(format!("{take}.wav")), &samples);
    }
}

#[test]
fn teaching_that_is_killed_leaves_a_model_that_loads() {
    let dir = tempfile::tempdir().unwrap();
    let [takes, out] = ["takes", "words.safetensors"].map(|name| dir.path().join(name));
    record_takes(&takes);
    let start = Instant::now();
    succeed(teach(&takes, &out));
    let time = start.elapsed();
    let mut random = ChaCha8Rng::seed_from_u64(20);
    for _ in 0..20 {
        kill_after(teach(&takes, &out), time.mul_f64(random.random_range(0.5..1.0)));
        assert_eq!(Record::load(&out).unwrap().header.taught.len(), 1);
    }
}

#[test]
fn a_run_that_goes_on_does_not_replace_a_model_to_which_words_were_taught() {
    let (dir, data, _) = with_a_checkpoint();
    let [takes, out] = ["takes", "out"].map(|name| dir.path().join(name));
    record_takes(&takes);
    succeed(teach(&takes, &out.join(MODEL)));
    assert_refused(train(&data, &out, EPOCHS), &["model.safetensors knows lamp, which this would lose"]);
}

#[cfg(target_os = "linux")]
#[test]
fn teaching_on_a_full_disk_leaves_the_model_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let [takes, out] = ["takes", "words.safetensors"].map(|name| dir.path().join(name));
    record_takes(&takes);
    Record::shipped().unwrap().save(&out).unwrap();
    let before = fs::read(&out).unwrap();

    let command = limited(&teach(&takes, &out), "-f 100");
    assert_refused(command, &["cannot write", "words.safetensors", "File too large"]);
    assert!(fs::read(&out).unwrap() == before);
    assert_eq!(names(dir.path()), ["takes", "words.safetensors"]);
}
