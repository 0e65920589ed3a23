//! `sc-train` as a user runs it, on recordings made here. What a sound is taken for is not the matter.
#![allow(clippy::unwrap_used)] // in what the tests share, too

use std::f32::consts::TAU;
use std::fs;
use std::io::{BufRead, BufReader, Write};
#[cfg(unix)]
use std::os::{fd::OwnedFd, unix::net::UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use sc_data::{Limits, LogMelConfig, Task};
use sc_model::{Classifier, Header, KeywordCnnConfig, Record, Weights, self_test_waveform};
use sc_test::dataset::spoken;
use sc_test::wav;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A model with random weights, which answers anything but answers.
static MODEL: LazyLock<PathBuf> = LazyLock::new(|| {
    let labels = Task::Commands.labels();
    let log_mel = LogMelConfig::default();
    let network = KeywordCnnConfig::new(log_mel.n_frames(), log_mel.n_mels, labels.names().len());
    let weights = Weights::random(&network, 0);
    let header = Header { threshold: 0.1, ..Header::untrained(labels, log_mel, network) };
    let mut record = Record { header, weights, words: None };
    record.header.self_test = Classifier::untested(&record).logits(&self_test_waveform());

    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("random.safetensors");
    record.save(&path).unwrap();
    path
});

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_sc-train"))
}

fn sc_train(command: &str) -> Command {
    let mut sc_train = program();
    sc_train.arg(command).arg("--model").arg(&*MODEL);
    sc_train
}

fn run(command: &str, arguments: &[&str], path: &Path) -> Output {
    sc_train(command).args(arguments).arg(path).output().unwrap()
}

/// A folder of recordings.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn file(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A tone of so many seconds.
    fn wav(&self, name: &str, seconds: u32) -> PathBuf {
        let sample = |i: u32| (8_000.0 * (i as f32 / 16_000.0 * 440.0 * TAU).sin()) as i16;
        let path = self.path().join(name);
        wav::write(&path, &(0..seconds * 16_000).map(sample).collect::<Vec<_>>());
        path
    }
}

/// The page's example, in which the model that is built in hears several words.
fn several_mp3() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/web/examples/several.mp3")
}

/// Its samples.
fn several() -> Vec<f32> {
    sc_data::decode(&fs::read(several_mp3()).unwrap(), &Limits::default()).unwrap()
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[track_caller]
fn assert_refused(output: &Output, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains(expected), "expected `{expected}` in: {stderr}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn classify_answers_in_the_order_given_and_tells_of_what_it_could_not_read() {
    let folder = Folder::new();
    let files = [folder.wav("z.wav", 1), folder.file("broken.wav", b"no audio"), folder.wav("a.wav", 2)];
    let output = sc_train("classify").arg("--json").args(&files).output().unwrap();
    assert_eq!(output.status.code(), Some(1));

    let stdout = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let paths: Vec<_> = lines.iter().map(|line| PathBuf::from(line["path"].as_str().unwrap())).collect();
    assert_eq!(paths, files);
    for line in [&lines[0], &lines[2]] {
        assert_eq!(line["label"], line["predictions"][0]["label"]);
        assert!(line["confidence"].is_number() && line["accepted"].is_boolean(), "{line}");
    }
    assert!(lines[1]["error"].is_string() && lines[1].get("label").is_none(), "{}", lines[1]);
}

#[test]
fn a_path_that_cannot_be_opened_is_an_error_in_every_shard_before_anything_is_written() {
    let folder = Folder::new();
    let (wav, missing) = (folder.wav("a.wav", 1), folder.path().join("missing.wav"));
    let out = folder.path().join("answers");
    for (format, shard) in [("json", "0/2"), ("json", "1/2"), ("csv", "0/1")] {
        let mut command = sc_train("classify");
        command.args(["--format", format, "--shard", shard, "--output"]).args([&out, &wav, &missing]);
        assert_refused(&command.output().unwrap(), "missing.wav: No such file");
        assert!(!out.exists(), "{format} {shard}");
    }
    let both = sc_train("classify").arg("--json").args([&wav, &missing]).output().unwrap();
    assert_refused(&both, "missing.wav: No such file");
}

#[cfg(unix)]
#[test]
fn a_row_appears_before_the_next_recording_has_come() {
    let folder = Folder::new();
    let (wav, pipe) = (folder.wav("a.wav", 1), folder.path().join("pipe.wav"));
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut command = sc_train("classify");
    command.args(["--format", "csv"]).args([&wav, &pipe]).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert_eq!(rows.next().unwrap(), "path,label,confidence,accepted");
    assert!(rows.next().unwrap().contains("a.wav"));

    fs::copy(&wav, &pipe).unwrap();
    assert!(rows.next().unwrap().contains("pipe.wav"));
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_variable_that_is_empty_counts_as_not_set() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", 1);
    let mut command = sc_train("classify");
    let output = command.env("SC_SHARD", "").env("SC_OUTPUT", "").arg(&wav).output().unwrap();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
}

#[test]
fn detect_hears_more_than_ten_minutes() {
    let folder = Folder::new();
    let file = folder.wav("long.wav", 605);
    let line = json(&run("classify", &["--json", "--detect"], &file));
    assert_eq!(line["duration_s"], 605.0, "{line}");
}

#[cfg(unix)]
#[test]
fn a_word_on_standard_input_is_printed_before_the_sound_ends() {
    let samples: Vec<i16> = several().into_iter().map(|sample| (30_000.0 * sample) as i16).collect();
    let mut wav = wav::encode(&samples, 16_000);
    wav[40..44].fill(0xFF); // as a recorder writes it that does not know when it is stopped
    let mut command = program();
    command.args(["classify", "--detect", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut microphone = child.stdin.take().unwrap();
    microphone.write_all(&wav).unwrap();
    let mut rows = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(rows.next().unwrap().starts_with("go "));

    drop(microphone);
    assert!(rows.last().unwrap().starts_with("stop "));
    assert!(child.wait().unwrap().success());
}

#[cfg(unix)]
#[test]
fn standard_input_may_be_a_socket() {
    let wav = wav::encode(&vec![0; 16_000], 16_000);
    for arguments in [&["classify", "-"][..], &["classify", "--detect", "-"]] {
        let (mut microphone, socket) = UnixStream::pair().unwrap();
        let mut command = program();
        command.args(arguments).stdin(OwnedFd::from(socket)).stdout(Stdio::piped());
        let child = command.spawn().unwrap();
        microphone.write_all(&wav).unwrap();
        drop(microphone);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}

/// A WAV file of 20 s that begins with `samples`. The second of its blocks cannot be decoded.
fn damaged(mut samples: Vec<f32>) -> Vec<u8> {
    samples.resize(20 * 16_000, 0.0);
    samples.push(f32::NAN);
    let mut floats = wav::encode(&[], 16_000);
    (floats[20], floats[32], floats[34]) = (3, 4, 32); // floats, four bytes in a frame, 32 bits
    floats[40..44].fill(0xFF);
    floats.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    floats
}

#[test]
fn words_before_a_damaged_place_are_kept_and_the_place_is_said() {
    let folder = Folder::new();
    let file = folder.file("floats.wav", &damaged(several()));

    let detect =
        |format| program().args(["classify", "--detect", "--format", format]).arg(&file).output().unwrap();
    let place = "heard up to 20.0 s only: the recording holds a sample that is not a finite number; `ffmpeg";
    let output = detect("json");
    let line = json(&output);
    assert!(line["error"].as_str().unwrap().starts_with(place), "{line}");
    assert!(line["detections"].as_array().unwrap().len() > 1, "{line}");
    assert_eq!(output.status.code(), Some(1));
    let output = detect("csv");
    assert!(String::from_utf8_lossy(&output.stderr).contains(place), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).lines().count() > 2, "{output:?}");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn detect_says_that_a_recording_was_cut_off_and_a_clip_that_was_is_still_answered() {
    let folder = Folder::new();
    let file = folder.wav("half.wav", 4);
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let output = run("classify", &["--detect", "--json"], &file);
    let line = json(&output);
    let place = "heard up to 2.0 s only: the rest of the file is damaged or missing";
    assert!(line["error"].as_str().is_some_and(|error| error.starts_with(place)), "{line}");
    assert_eq!(output.status.code(), Some(1));
    assert!(run("classify", &[], &file).status.success());
}

#[test]
fn a_label_track_is_of_one_recording() {
    let folder = Folder::new();
    let file = folder.wav("a.wav", 1);
    // With the model that hears words in it.
    let output =
        program().args(["classify", "--format", "audacity", "--detect"]).arg(several_mp3()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let labels = String::from_utf8(output.stdout).unwrap();
    let fields: Vec<usize> = labels.lines().map(|line| line.split('\t').count()).collect();
    assert!(fields.len() > 1 && fields.iter().all(|n| *n == 3), "{labels}");
    assert_refused(&run("classify", &["--format", "srt"], &file), "needs --detect");
    folder.wav("b.wav", 1);
    let both = run("classify", &["--format", "srt", "--detect"], folder.path());
    assert_refused(&both, "2 recordings: this format is for one");
}

#[test]
fn a_format_without_a_line_for_an_unreadable_file_tells_of_it_by_the_exit_status() {
    let folder = Folder::new();
    folder.wav("recordings/a.wav", 1);
    folder.file("recordings/broken.wav", b"no audio");
    for (format, status) in [("csv", 1), ("json", 0)] {
        let table = folder.path().join(format);
        let mut command = sc_train("classify");
        command.args(["--format", format, "--output"]).arg(&table).arg(folder.path().join("recordings"));
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{output:?}");
        assert_eq!(lines(&table).len(), 2);
    }
}

#[test]
fn a_training_without_a_keyword_says_which_folders_it_wants() {
    let folder = Folder::new();
    for speaker in 0..80 {
        folder.wav(&format!("lamp/{speaker:08x}_nohash_0.wav"), 1);
    }
    folder.file("validation_list.txt", b"");
    folder.file("testing_list.txt", b"");
    let train = program()
        .args(["train", "--data"])
        .arg(folder.path())
        .arg("--out")
        .arg(folder.path().join("run"))
        .output()
        .unwrap();
    assert_refused(&train, "has no keyword: expected folders named yes, no, up");
}

#[test]
fn noise_that_is_too_short_to_be_heard_is_counted_before_a_training() {
    let folder = Folder::new();
    folder.wav("data/lamp/1.wav", 1);
    folder.wav("data/_background_noise_/hum.wav", 1);
    folder.wav("data/_background_noise_/wind.wav", 2);
    folder.file("data/_background_noise_/README.md", b"no sound");
    let [data, out] = ["data", "out"].map(|name| folder.path().join(name));
    let train = program().args(["train", "--data"]).arg(data).arg("--out").arg(out).output().unwrap();
    assert_refused(&train, "too short for training (expected 1.25 s or more): 1");
}

fn lines(path: &Path) -> Vec<String> {
    fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

#[test]
fn the_shards_of_a_folder_are_together_the_whole() {
    let folder = Folder::new();
    let recordings = folder.path().join("recordings");
    for i in 0..7 {
        folder.wav(&format!("recordings/{i}.wav"), 1);
    }
    folder.file("recordings/broken.wav", b"no audio");
    let classify = |name: &str, shard: &[&str]| {
        let output = folder.path().join(name);
        let mut command = sc_train("classify");
        let done = command.arg("--json").args(shard).arg("--output").arg(&output).arg(&recordings).output();
        assert!(done.as_ref().is_ok_and(|done| done.status.success()), "{done:?}");
        lines(&output)
    };

    let mut whole = classify("whole.jsonl", &[]);
    let shards = ["0/3", "1/3", "2/3"].map(|shard| classify(&shard.replace('/', "of"), &["--shard", shard]));
    let mut together = shards.concat();

    assert_eq!(whole.len(), 8, "{whole:?}");
    whole.sort();
    together.sort();
    assert_eq!(together, whole);
}

#[test]
fn a_shard_that_is_done_is_left_alone_and_one_without_recordings_is_empty() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", 1);
    let done = folder.file("done.jsonl", b"as it was");
    let output = sc_train("classify").args(["--json", "--output"]).args([&done, &wav]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&done), ["as it was"]);

    let mut sizes: Vec<usize> = ["0/2", "1/2"]
        .map(|shard| {
            let file = folder.path().join(format!("{}.jsonl", &shard[..1]));
            let mut command = sc_train("classify");
            command.env("SC_SHARD", shard).env("SC_OUTPUT", &file); // as schedulers hand them over
            let output = command.arg("--json").arg(&wav).output().unwrap();
            assert!(output.status.success(), "{output:?}");
            lines(&file).len()
        })
        .into();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 1]);
}

#[test]
fn an_output_that_cannot_be_written_is_named() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", 1);
    let output =
        sc_train("classify").args(["--json", "--output", "missing/out.jsonl"]).arg(wav).output().unwrap();
    assert_refused(&output, "cannot write missing/out.jsonl");
}

#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let folder = Folder::new();
    folder.wav("a.wav", 1);
    let mut child = sc_train("classify")
        .arg("--json")
        .arg(folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}

#[test]
fn a_missing_model_is_named() {
    let folder = Folder::new();
    let wav = folder.wav("a.wav", 1);
    let output = program().args(["classify", "--model", "missing.safetensors"]).arg(wav).output().unwrap();
    assert_refused(&output, "missing.safetensors");
}

#[test]
fn clips_of_ones_own_are_evaluated_by_folder() {
    let folder = Folder::new();
    folder.wav("yes/1.wav", 1);
    folder.wav("no/1.wav", 1);
    folder.file("no/broken.wav", b"no audio");
    let output = run("evaluate", &["--json", "--clips"], folder.path());
    assert!(output.status.success(), "{output:?}");

    let figures = json(&output);
    let rows = figures["confusion"].as_array().unwrap();
    let total: u64 = rows.iter().flat_map(|row| row.as_array().unwrap()).map(|n| n.as_u64().unwrap()).sum();
    assert_eq!((figures["n"].as_u64(), total), (Some(2), 2));
    assert_eq!(rows.len(), figures["labels"].as_array().unwrap().len());
    assert_eq!(rows.len(), figures["per_label"].as_array().unwrap().len());
    assert_eq!(figures["unreadable"].as_array().unwrap().len(), 1);
}

#[test]
fn a_clip_that_training_takes_is_evaluated_too() {
    let folder = Folder::new();
    folder.wav("yes/long.wav", 61);
    let figures = json(&run("evaluate", &["--json", "--clips"], folder.path()));
    assert_eq!(figures["n"], 1, "{figures}");
    let table = json(&run("evaluate", &["--conditions", "--json", "--clips"], folder.path()));
    assert_eq!(table["conditions"][0]["n"], 1, "{table}");
}

#[test]
fn a_clip_that_cannot_be_read_is_named_beside_the_conditions() {
    let folder = Folder::new();
    folder.wav("yes/a.wav", 1);
    folder.file("yes/broken.wav", b"no audio");
    let table = json(&run("evaluate", &["--conditions", "--json", "--clips"], folder.path()));
    assert_eq!(table["conditions"][0]["n"], 1, "{table}");
    assert!(table["unreadable"][0]["path"].as_str().unwrap().ends_with("broken.wav"), "{table}");
}

#[test]
fn where_no_clip_can_be_read_the_first_is_named_with_the_reason() {
    let folder = Folder::new();
    folder.file("yes/broken.wav", b"no audio");
    let path = folder.path();
    for output in [
        run("evaluate", &["--clips"], path),
        run("evaluate", &["--conditions", "--clips"], path),
        few_shot(path),
    ] {
        assert_refused(&output, "broken.wav: ");
    }
}

#[test]
fn a_folder_that_is_no_label_is_named() {
    let folder = Folder::new();
    folder.wav("banana/1.wav", 1);
    assert_refused(&run("evaluate", &["--clips"], folder.path()), "banana");
}

#[test]
fn an_empty_split_is_an_error_that_says_so() {
    let folder = Folder::new();
    folder.wav("data/yes/067f61e2_nohash_0.wav", 1); // a speaker of the validation split
    let data = folder.path().join("data");
    assert_refused(&run("evaluate", &["--split", "testing", "--data"], &data), "the testing split");

    let output = run("evaluate", &["--split", "validation", "--json", "--data"], &data);
    assert_eq!(json(&output)["per_label"][0]["n"], 1, "{output:?}");
}

#[test]
fn a_data_set_of_words_that_the_model_does_not_know_asks_for_another_model() {
    let folder = Folder::new();
    folder.wav("data/banana/067f61e2_nohash_0.wav", 1); // a speaker of the validation split
    let data = folder.path().join("data");
    for stream in [None, Some("--stream")] {
        let mut command = sc_train("evaluate");
        let output =
            command.args(stream).args(["--split", "validation", "--data"]).arg(&data).output().unwrap();
        assert_refused(&output, "data is named after a keyword of the model (yes, no, up");
    }
}

#[test]
fn what_is_left_out_of_a_data_set_is_said_once() {
    let folder = Folder::new();
    folder.wav("data/yes/ann.wav", 1);
    folder.file("data/yes/bob.wav", b"no audio");
    folder.file("data/validation_list.txt", b"yes/ann.wav\nyes/bob.wav");
    folder.file("data/testing_list.txt", b"");
    let output = run("evaluate", &["--split", "validation", "--data"], &folder.path().join("data"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(said.matches("left out: ").count(), 1, "{said}");
    assert!(said.contains("if this model was trained on these recordings"), "{said}");
}

#[test]
fn samples_go_to_the_users_cache_where_nothing_can_be_written_beside_the_data_set() {
    let folder = Folder::new();
    folder.wav("data/yes/067f61e2_nohash_0.wav", 1); // a speaker of the validation split
    folder.file("data.samples/in the way", b"");
    let mut command = sc_train("evaluate");
    command.env("XDG_CACHE_HOME", folder.path().join("cache"));
    command.args(["--split", "validation", "--json", "--data"]).arg(folder.path().join("data"));
    let output = command.output().unwrap();
    assert_eq!(json(&output)["per_label"][0]["n"], 1, "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("the samples are kept in"), "{output:?}");
    assert_eq!(fs::read_dir(folder.path().join("cache/speech-commands")).unwrap().count(), 1);
}

#[test]
fn an_open_set_hears_short_recordings_once_and_long_ones_every_half_second() {
    let folder = Folder::new();
    folder.wav("short.wav", 6);
    folder.wav("deep/er/long.wav", 10);
    folder.file("notes.txt", b"no audio");
    let output = run("evaluate", &["--open-set", "--json", "--clips"], folder.path());
    assert!(output.status.success(), "{output:?}");

    let figures = json(&output);
    assert_eq!((&figures["recordings"], &figures["windows"]), (&2.into(), &20.into()));
    let share = figures["accepted"].as_f64().unwrap() / 20.0;
    assert!((figures["share"].as_f64().unwrap() - share).abs() < 1e-12, "{figures}");
    assert!(figures["unreadable"][0]["path"].as_str().unwrap().ends_with("notes.txt"), "{figures}");
}

#[test]
fn an_open_set_without_recordings_is_an_error() {
    let folder = Folder::new();
    folder.file("notes.txt", b"no audio");
    assert_refused(&run("evaluate", &["--open-set", "--clips"], folder.path()), "notes.txt");
}

/// Five recordings of a word of this timbre, in a folder of its own.
fn five(folder: &Folder, name: &str, timbre: &str) -> PathBuf {
    for pitch_hz in [110, 130, 150, 170, 190] {
        let samples = sc_test::dataset::spoken(timbre, pitch_hz as f32);
        folder.file(&format!("{name}/{pitch_hz}.wav"), &wav::encode(&samples, 16_000));
    }
    folder.path().join(name)
}

#[test]
fn a_word_is_taught_by_a_folder_answered_and_forgotten() {
    let folder = Folder::new();
    let lamp = five(&folder, "lamp", "stop");
    folder.file("lamp/notes.txt", b"no sound");
    fs::copy(lamp.join("110.wav"), lamp.join("copy.wav")).unwrap();
    let out = folder.path().join("taught.safetensors");
    let teach =
        |arguments: &[&str]| program().arg("teach").args(arguments).arg("--out").arg(&out).output().unwrap();

    let taught = teach(&["--json", "--word", &format!("lamp={}", lamp.display())]);
    assert!(taught.status.success(), "{}", String::from_utf8_lossy(&taught.stderr));
    let report: Value = serde_json::from_slice(&taught.stdout).unwrap();
    assert_eq!(report["words"][0]["used"].as_array().unwrap().len(), 5, "{report}");
    let left_out = report["words"][0]["left_out"].as_array().unwrap();
    let reasons: Vec<_> = left_out.iter().map(|file| file["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["repeated", "unreadable"], "{report}");

    let answer = |model: &Path| {
        let output =
            program().arg("classify").arg("--model").arg(model).arg(lamp.join("110.wav")).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(answer(&out).starts_with("lamp"), "{}", answer(&out));

    let model = out.display().to_string();
    let again = teach(&["--model", &model, "--word", &format!("lamp={}", lamp.display())]);
    let error = String::from_utf8(again.stderr).unwrap();
    assert!(!again.status.success() && error.contains("knows `lamp` already"), "{error}");
    assert!(teach(&["--model", &model, "--forget", "lamp"]).status.success());
    assert!(!answer(&out).starts_with("lamp"), "{}", answer(&out));
}

/// Makes a model stricter by recordings without a keyword: `model`, or the one that is built in.
fn tune(model: Option<&Path>, background: &Path, out: &Path) -> Output {
    let mut tune = program();
    tune.args(["tune", "--json", "--background"]).arg(background).arg("--out").arg(out);
    if let Some(model) = model {
        tune.arg("--model").arg(model);
    }
    tune.output().unwrap()
}

#[test]
fn a_taught_word_that_alarms_by_mistake_is_made_stricter_until_it_does_not() {
    let folder = Folder::new();
    let word = format!("lamp={}", five(&folder, "lamp", "stop").display());
    let [taught, tuned] = ["taught.safetensors", "tuned.safetensors"].map(|name| folder.path().join(name));
    let teach = program().args(["teach", "--word", &word, "--out"]).arg(&taught).output().unwrap();
    assert!(teach.status.success(), "{teach:?}");
    let silence = vec![0; 16_000];
    let radio = [silence.clone(), spoken("stop", 140.0), silence].concat();
    folder.file("room/radio.wav", &wav::encode(&radio, 16_000));
    folder.file("room/notes.txt", b"no audio");
    let room = folder.path().join("room");
    let lamp = |report: &Value| {
        let words = report["words"].as_array().unwrap();
        words.iter().find(|word| word["name"] == "lamp").cloned()
    };

    let report = json(&tune(Some(&taught), &room, &tuned));
    let word = lamp(&report).unwrap();
    let alarms = (&word["taught"], &word["before"], &word["after"], &report["allowed"]);
    assert_eq!(alarms, (&true.into(), &1.into(), &0.into(), &0.into()), "{report}");
    assert!(word["least_score_before"].as_f64() < word["least_score_after"].as_f64(), "{report}");
    assert!(report["unreadable"][0]["path"].as_str().unwrap().ends_with("notes.txt"), "{report}");
    let least_score = |model: &Path| Record::load(model).unwrap().header.taught[0].least_score;
    assert!(least_score(&tuned) > least_score(&taught));
    let again = json(&tune(Some(&tuned), &room, &tuned));
    assert_eq!(lamp(&again), None, "{again}");

    let mut command = program();
    command.args(["tune", "--model"]).arg(&taught).arg("--background").arg(&room).arg("--out").arg(&tuned);
    let said = String::from_utf8(command.output().unwrap().stdout).unwrap();
    assert!(said.contains("taught words made stricter; the threshold stays 0."), "{said}");
}

#[test]
fn the_beginning_of_a_damaged_background_is_heard_and_the_place_is_said() {
    let folder = Folder::new();
    let background = folder.file("room.wav", &damaged(Vec::new()));
    let report = json(&tune(None, &background, &folder.path().join("tuned.safetensors")));
    let recording = &report["heard_in_part"][0];
    assert!(recording["path"].as_str().unwrap().ends_with("room.wav"), "{report}");
    assert!(recording["error"].as_str().unwrap().starts_with("heard up to 20.0 s only: "), "{report}");
}

#[test]
fn a_keyword_that_alarms_by_mistake_raises_the_threshold() {
    let folder = Folder::new();
    let out = folder.path().join("tuned.safetensors");
    let words = several_mp3();
    let report = json(&tune(None, &words, &out));
    let word = &report["words"][0];
    assert!(word["taught"] == false && word["before"].as_u64() > Some(0), "{report}");
    let [before, after] =
        ["threshold_before", "threshold_after"].map(|name| report[name].as_f64().unwrap() as f32);
    assert!(before < after, "{report}");
    assert!((Record::load(&out).unwrap().header.threshold - after).abs() < 1e-6, "{report}");
}

#[test]
fn a_background_in_which_a_keyword_may_be_said_is_told_of() {
    let folder = Folder::new();
    let words = several_mp3();
    let output = tune(None, &words, &folder.path().join("tuned.safetensors"));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("hardly heard any more: the keywords (threshold 0.99"), "{said}");
}

#[test]
fn a_quiet_room_changes_nothing() {
    let folder = Folder::new();
    let quiet = folder.file("quiet.wav", &wav::encode(&vec![0; 48_000], 16_000));
    let out = folder.path().join("tuned.safetensors");
    let mut tune = program();
    let output = tune.args(["tune", "--background"]).arg(quiet).arg("--out").arg(&out).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("tuned.safetensors: nothing to change"), "{said}");
    assert!(Record::load(&out).unwrap() == Record::shipped().unwrap());
}

#[test]
fn a_background_without_a_second_of_sound_is_an_error() {
    let folder = Folder::new();
    let out = folder.path().join("out.safetensors");
    let short = folder.file("short.wav", &wav::encode(&[0; 8_000], 16_000));
    let notes = folder.file("notes/notes.txt", b"no audio");
    for (background, expected) in [
        (&*short, "no second of sound in"),
        (notes.parent().unwrap(), "notes.txt: "),
        (Path::new("missing.wav"), "missing.wav: No such file"),
    ] {
        assert_refused(&tune(None, background, &out), expected);
    }
    assert!(!out.exists());
}

#[test]
fn a_model_is_not_replaced_by_one_that_lacks_its_words() {
    let folder = Folder::new();
    let word = |name, timbre| format!("{name}={}", five(&folder, name, timbre).display());
    let (lamp, light) = (word("lamp", "stop"), word("light", "no"));
    let out = folder.path().join("taught.safetensors");
    let write = |arguments: &[&str]| program().args(arguments).arg("--out").arg(&out).output().unwrap();
    assert!(write(&["teach", "--word", &lamp]).status.success());
    let before = fs::read(&out).unwrap();
    let quiet = folder.file("quiet.wav", &wav::encode(&vec![0; 16_000], 16_000)).display().to_string();
    let (teach, tune) = (["teach", "--word", light.as_str()], ["tune", "--background", quiet.as_str()]);
    for arguments in [&teach[..], &tune, &["compact"]] {
        assert_refused(&write(arguments), "knows lamp, which this would lose: name another --out, or begin");
    }
    assert!(fs::read(&out).unwrap() == before);

    let model = out.display().to_string();
    assert!(write(&["teach", "--model", &model, "--word", &light]).status.success());
    assert!(write(&["compact", "--model", &model]).status.success());
    assert_eq!(Record::load(&out).unwrap().header.taught.len(), 2);
}

#[test]
fn a_file_that_is_no_model_is_not_replaced_by_one() {
    let folder = Folder::new();
    let recording = folder.wav("recording.wav", 1);
    let before = fs::read(&recording).unwrap();
    let word = format!("lamp={}", five(&folder, "lamp", "stop").display());
    let path = recording.display().to_string();
    for arguments in [
        &["teach", "--word", word.as_str()][..],
        &["tune", "--background", path.as_str()],
        &["bank", "--data", "data"],
        &["compact"],
    ] {
        let output = program().args(arguments).arg("--out").arg(&recording).output().unwrap();
        assert_refused(
            &output,
            "recording.wav is no model that this program reads: name another --out: not a usable model",
        );
    }
    assert!(fs::read(&recording).unwrap() == before);
    let empty = folder.file("empty", b""); // as `mktemp` makes it
    assert!(run("compact", &["--out"], &empty).status.success());
}

#[test]
fn an_export_replaces_an_onnx_file_and_no_other() {
    let folder = Folder::new();
    let model = fs::read(&*MODEL).unwrap();
    for out in [
        folder.file("words.safetensors", &model),
        folder.file("words.onnx", &model),
        folder.wav("recording.wav", 1),
    ] {
        let before = fs::read(&out).unwrap();
        assert_refused(&run("export", &["--onnx"], &out), "is no ONNX file: name another --onnx");
        assert!(fs::read(&out).unwrap() == before);
    }
    folder.file("OTHER.ONNX", b"another program's");
    for name in ["new.onnx", "new", "OTHER.ONNX"] {
        for _ in 0..2 {
            assert!(run("export", &["--onnx"], &folder.path().join(name)).status.success(), "{name}");
        }
    }
}

/// Returns true if a command ends well within a minute.
#[cfg(unix)]
fn ends_well(mut command: Command) -> bool {
    let mut run = command.stderr(Stdio::null()).spawn().unwrap();
    let has_ended = (0..600).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        run.try_wait().unwrap().is_some()
    });
    run.kill().unwrap();
    let status = run.wait().unwrap();
    has_ended && status.success()
}

#[cfg(unix)]
#[test]
fn an_export_does_not_wait_for_what_comes_out_of_a_pipe() {
    let folder = Folder::new();
    let pipe = folder.path().join("pipe.onnx");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let mut export = sc_train("export");
    export.arg("--onnx").arg(&pipe);
    std::thread::spawn(move || fs::read(pipe));
    assert!(ends_well(export));
}

#[cfg(unix)]
#[test]
fn a_folder_that_another_program_holds_is_not_waited_for_for_ever() {
    let folder = Folder::new();
    let holder = fs::File::open(folder.path()).unwrap();
    holder.lock().unwrap();
    let mut compact = sc_train("compact");
    compact.arg("--out").arg(folder.path().join("small.safetensors"));
    assert!(ends_well(compact));
}

#[test]
fn of_two_words_that_are_taught_to_a_file_at_once_none_is_lost_in_silence() {
    let folder = Folder::new();
    let out = folder.path().join("taught.safetensors");
    let runs = [("lamp", "stop"), ("light", "no")].map(|(name, timbre)| {
        let word = format!("{name}={}", five(&folder, name, timbre).display());
        let mut teach = program();
        teach.args(["teach", "--word", &word, "--out"]).arg(&out).stdout(Stdio::null()).stderr(Stdio::null());
        (name, teach.spawn().unwrap())
    });
    let runs = runs.map(|(name, mut run)| (name, run.wait().unwrap().success()));
    let labels = Record::load(&out).unwrap().header.labels;
    for (name, is_taught) in runs {
        assert_eq!(labels.has_keyword(name), is_taught, "{name}");
    }
}

#[test]
fn words_of_two_devices_are_joined() {
    let folder = Folder::new();
    let [lamp, light, both] = ["one", "two", "both"].map(|name| folder.path().join(name));
    let teach = |arguments: &[&str], out: &Path| {
        program().arg("teach").args(arguments).arg("--out").arg(out).output().unwrap()
    };
    for (out, name, timbre) in [(&lamp, "lamp", "stop"), (&light, "light", "no")] {
        let word = format!("{name}={}", five(&folder, name, timbre).display());
        assert!(teach(&["--word", &word], out).status.success());
    }
    let [lamp, light] = [lamp, light].map(|path| path.display().to_string());

    let joined = teach(&["--model", &lamp, "--words-of", &light], &both);

    let shown = String::from_utf8(joined.stdout).unwrap();
    assert!(shown.contains("it knows lamp, light too"), "{shown}");
    let again = teach(&["--words-of", &light, "--words-of", &lamp, "--json"], &both);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap()["joined"], json!(["light", "lamp"]));
    let shipped = folder.path().join("shipped").display().to_string();
    Record::shipped().unwrap().save(Path::new(&shipped)).unwrap();
    let none = teach(&["--words-of", &shipped], &folder.path().join("none"));
    let error = String::from_utf8(none.stderr).unwrap();
    assert!(error.contains("shipped: that model was taught no word"), "{error}");
}

#[test]
fn a_model_without_a_bank_teaches_nothing_and_says_what_would() {
    let folder = Folder::new();
    let lamp = five(&folder, "lamp", "stop");
    let out = folder.path().join("taught.safetensors");
    let output = sc_train("teach")
        .arg("--word")
        .arg(format!("lamp={}", lamp.display()))
        .arg("--out")
        .arg(&out)
        .output();
    let error = String::from_utf8(output.unwrap().stderr).unwrap();
    assert!(error.contains("sc-train bank") && !out.exists(), "{error}");
}

#[test]
fn a_model_gets_its_bank_from_a_data_set_that_is_large_enough() {
    let folder = Folder::new();
    let [data, out] = ["data", "out.safetensors"].map(|name| folder.path().join(name));
    sc_test::dataset::write(&data);
    let bank =
        |data: &Path| sc_train("bank").arg("--data").arg(data).arg("--out").arg(&out).output().unwrap();
    let output = bank(&data);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains("out.safetensors: words can be taught"), "{said}");
    assert!(Record::load(&out).unwrap().words.is_some());

    five(&folder, "few/yes", "yes");
    assert_refused(
        &bank(&folder.path().join("few")),
        "expected 60 or more to train on, and 3 of one word; found ",
    );
    five(&folder, "few/other", "no");
    assert_refused(&bank(&folder.path().join("few")), "whose word is not known, as in a folder `other`");
}

#[test]
fn a_model_is_written_smaller_and_for_other_runtimes() {
    let folder = Folder::new();
    for (command, option, expected) in
        [("compact", "--out", " MB instead of "), ("export", "--onnx", ": 12 labels")]
    {
        let out = folder.path().join(command);
        let output = run(command, &[option], &out);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && said.contains(expected), "{said}");
        assert!(output.stdout.is_empty(), "the model may be written there");
        assert!(fs::metadata(&out).unwrap().len() > 0);
    }
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let small = folder.path().join("compact");
    assert!(size(&small) < size(&MODEL) / 3);
    assert_eq!(Record::load(&small).unwrap().header.labels.names().len(), 12);
}

/// Teaches each word of a folder by three recordings, and searches the others.
fn few_shot(words: &Path) -> Output {
    program().args(["evaluate", "--json", "--shots", "3", "--few-shot"]).arg(words).output().unwrap()
}

#[test]
fn others_are_searched_only_where_the_word_was_taught() {
    let folder = Folder::new();
    five(&folder, "words/lamp", "stop");
    for take in 0..5 {
        folder.file(&format!("words/quiet/{take}.wav"), &wav::encode(&vec![0; 16_000], 16_000));
    }
    let figures = json(&few_shot(&folder.path().join("words")));
    let quiet = &figures["words"][1];
    assert_eq!((&quiet["refused"], &quiet["n"], &quiet["n_others"]), (&10.into(), &20.into(), &0.into()));
    assert_eq!(figures["n_others"], 5 * 10, "{figures}");
}

#[test]
fn recordings_of_words_are_searched_among_the_others() {
    let folder = Folder::new();
    five(&folder, "words/lamp", "stop");
    five(&folder, "words/light", "no");
    let figures = json(&few_shot(&folder.path().join("words")));
    assert_eq!(figures["words"][0]["n"], 20, "two of five recordings, ten times: {figures}");
    assert!(figures["recall"].as_f64().unwrap() > 0.9, "{figures}");
    assert!(figures["false_accepts"].as_f64().unwrap() < 0.1, "{figures}");
}

#[test]
fn a_taught_word_is_searched_as_if_it_were_new_and_a_keyword_is_not() {
    let folder = Folder::new();
    let words = folder.path().join("words");
    let lamp = five(&folder, "words/lamp", "stop");
    five(&folder, "words/yes", "yes");
    five(&folder, "words/No", "no"); // a keyword too
    let taught = folder.path().join("taught.safetensors");
    let lamp = format!("lamp={}", lamp.display());
    assert!(program().args(["teach", "--word", &lamp, "--out"]).arg(&taught).status().unwrap().success());

    let mut evaluate = program();
    evaluate.args(["evaluate", "--json", "--shots", "3", "--few-shot"]).arg(&words);
    let figures = json(&evaluate.arg("--model").arg(&taught).output().unwrap());
    assert_eq!(figures["words"].as_array().unwrap().len(), 1, "{figures}");
    assert_eq!((&figures["words"][0]["name"], &figures["words"][0]["refused"]), (&"lamp".into(), &0.into()));

    fs::remove_file(words.join("lamp/110.wav")).unwrap();
    fs::remove_file(words.join("lamp/130.wav")).unwrap();
    assert_refused(&few_shot(&words), "or give fewer --shots");
}

#[test]
fn folders_that_are_not_searched_are_named_with_the_reason() {
    let folder = Folder::new();
    five(&folder, "words/lamp", "stop");
    five(&folder, "words/yes", "yes");
    let recording = wav::encode(&spoken("no", 120.0), 16_000);
    for name in ["light/1.wav", "-/1.wav", "_speech/1.wav", "loose.wav"] {
        folder.file(&format!("words/{name}"), &recording);
    }
    let words = folder.path().join("words");
    let named = "only among the others: - (expected a letter or digit first), light (recordings: 1), yes (a \
                 keyword)\n";
    let said = |output: Output| String::from_utf8(output.stderr).unwrap();
    let output = said(few_shot(&words));
    assert!(output.contains(named), "{output}");
    fs::remove_dir_all(words.join("lamp")).unwrap();
    let refusal = said(few_shot(&words));
    assert!(refusal.contains(named) && refusal.contains("or give fewer --shots"), "{refusal}");
}

#[test]
fn words_of_a_split_that_are_no_keyword_are_searched_among_all_its_clips() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    sc_test::dataset::write(&data);
    let evaluate = |shots: &str| {
        let split = ["evaluate", "--json", "--split", "validation"];
        program().args(split).args(["--few-shot", "--shots", shots, "--data"]).arg(&data).output().unwrap()
    };
    assert_refused(&evaluate("3"), "two words of 5 recordings");

    let list = data.join("validation_list.txt");
    let listed = fs::read_to_string(&list).unwrap();
    let files: Vec<String> =
        listed.lines().filter(|file| file.starts_with("bed/")).map(str::to_owned).collect();
    fs::create_dir(data.join("lamp")).unwrap();
    let mut longer = listed;
    for (i, file) in files.iter().enumerate() {
        let file = file.replace("bed", "lamp");
        wav::write(&data.join(&file), &spoken("stop", 115.0 + 7.0 * i as f32));
        longer.extend([&file, "\n"]);
    }
    fs::write(&list, longer).unwrap();
    let figures = json(&evaluate("3"));
    let names: Vec<_> =
        figures["words"].as_array().unwrap().iter().map(|word| word["name"].clone()).collect();
    assert_eq!(names, ["bed", "lamp"], "{figures}");
    assert_eq!(figures["n"], 2 * 3 * 10, "three of six recordings, ten times: {figures}");
    assert_eq!(figures["n_others"], 2 * 24 * 10, "all clips of the split but the word's own: {figures}");
    assert_refused(&evaluate("5"), "two words of 7 recordings");
}

#[test]
fn streams_without_noise_that_can_be_heard_say_how_long_it_must_be() {
    let folder = Folder::new();
    for name in ["yes/1.wav", "lamp/1.wav", "_background_noise_/hum.wav"] {
        folder.wav(&format!("data/{name}"), 2);
    }
    folder.file("data/validation_list.txt", b"yes/1.wav\nlamp/1.wav\n");
    folder.file("data/testing_list.txt", b"");
    let data = folder.path().join("data");
    let output = run("evaluate", &["--stream", "--split", "validation", "--data"], &data);
    assert_refused(&output, "expected files of 5 s or more in _background_noise_");
}

#[test]
fn streams_are_built_of_a_split_and_keywords_are_found_in_a_recording() {
    let folder = Folder::new();
    let data = folder.path().join("data");
    sc_test::dataset::write(&data);
    let arguments = ["--stream", "--stream-minutes", "1", "--split", "validation", "--json", "--data"];
    let table = json(&run("evaluate", &arguments, &data));
    let streams = table["streams"].as_array().unwrap();
    let long = streams.iter().filter(|stream| stream["seconds"].as_f64().unwrap() > 60.0);
    assert_eq!((streams.len(), long.count()), (5, 5), "{table}");

    let recording = folder.wav("long.wav", 3);
    let words = folder.path().join("words.csv");
    fs::write(&words, "label,start_s,end_s\nyes,0.5,1\n").unwrap();
    let evaluate = |words: &Path| {
        let mut evaluate = sc_train("evaluate");
        evaluate
            .args(["--stream", "--json", "--audio"])
            .args([&recording, Path::new("--truth"), words])
            .output()
            .unwrap()
    };
    let table = json(&evaluate(&words));
    assert_eq!(
        (&table["streams"][0]["keywords"], &table["streams"][0]["seconds"]),
        (&1.into(), &3.0.into()),
        "{table}"
    );
    assert_refused(&evaluate(&folder.path().join("missing.csv")), "missing.csv");
}

/// Evaluates the built-in model on a recording, with `input` as standard input.
fn evaluate_stream(audio: &Path, truth: &Path, input: &[u8]) -> Output {
    let mut command = program();
    command.args(["evaluate", "--stream", "--json", "--audio"]).arg(audio).arg("--truth").arg(truth);
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = pipes.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input); // a program that refuses does not read it
    child.wait_with_output().unwrap()
}

/// The words of the page's example. Between them, at 3 s, is one that is no keyword.
const SEVERAL: &str = "label,start_s,end_s\ngo,0.47,0.78\nleft,1.66,2.04\nright,4.35,4.73\nstop,5.62,6.07\n";

#[test]
fn words_that_are_missed_or_taken_for_another_are_named_and_so_are_false_alarms() {
    let folder = Folder::new();
    let errors = |table: &str| {
        let truth = folder.file("words.csv", table.as_bytes());
        json(&evaluate_stream(&several_mp3(), &truth, &[]))["errors"].clone()
    };
    assert_eq!(errors(SEVERAL), Value::Array(Vec::new()));

    let wrong = SEVERAL.replace("left", "yes").replace("right,4.35,4.73\n", "up,3.4,3.5\n");
    let errors = errors(&wrong);
    let field = |name: &str| -> Vec<_> {
        errors.as_array().unwrap().iter().map(|error| error[name].clone()).collect()
    };
    assert_eq!(field("kind"), ["taken_for_another", "missed", "false_alarm"], "{errors}");
    assert_eq!(field("said"), [Value::from("yes"), "up".into(), Value::Null], "{errors}");
    assert_eq!(field("heard"), [Value::from("left"), Value::Null, "right".into()], "{errors}");
    assert_eq!(field("start_s")[..2], [1.66, 3.4], "{errors}");
    assert!((4.3..4.4).contains(&field("start_s")[2].as_f64().unwrap()), "{errors}");
}

#[cfg(unix)]
#[test]
fn the_recording_or_the_table_may_come_from_standard_input_but_not_both() {
    let folder = Folder::new();
    let (pipe, truth) = (Path::new("-"), folder.file("words.csv", SEVERAL.as_bytes()));
    let samples: Vec<i16> = several().into_iter().map(|sample| (30_000.0 * sample) as i16).collect();
    let mut wav = wav::encode(&samples, 16_000);
    wav[40..44].fill(0xFF); // as ffmpeg writes it to a pipe
    let audio = folder.file("several.wav", &wav);
    for output in [evaluate_stream(pipe, &truth, &wav), evaluate_stream(&audio, pipe, SEVERAL.as_bytes())] {
        let table = json(&output);
        assert_eq!(table["streams"][0]["keywords"], 4, "{table}");
        assert_eq!(table["streams"][0]["found"], 1.0, "{table}");
    }
    assert_refused(
        &evaluate_stream(pipe, pipe, &[]),
        "standard input is the recording or the table, not both",
    );
}

#[test]
fn a_table_that_is_not_of_the_recording_is_told_of() {
    let folder = Folder::new();
    let evaluate =
        |table: &str| evaluate_stream(&several_mp3(), &folder.file("words.csv", table.as_bytes()), &[]);
    let late = format!("{SEVERAL}yes,20,21\n");
    assert_refused(
        &evaluate(&late),
        "words.csv: it goes on to 21.0 s (`yes`), but the recording is 7.1 s long",
    );
    assert_refused(&evaluate_stream(&several_mp3(), &several_mp3(), &[]), "save the table in UTF-8");
    let of_another = evaluate("path,label,start_s,end_s\nother.wav,go,0.47,0.78\n");
    let stderr = String::from_utf8_lossy(&of_another.stderr);
    assert!(stderr.contains("the table is of other.wav, not of "), "{stderr}");
    assert!(of_another.status.success(), "{stderr}");
}

#[test]
#[cfg_attr(not(feature = "flex"), ignore = "a build without Burn cannot train")]
fn every_command_of_the_documents_is_accepted() {
    sc_test::docs::try_program("sc-train", env!("CARGO_BIN_EXE_sc-train"), str::to_owned);
}
