//! An archive from a server, or from a file, to a folder.

#![allow(clippy::unwrap_used, reason = "a fixture that cannot be made is a failed test")]

mod faults;
#[path = "../../../../fuzz/src/checks/archive.rs"]
mod unpacked;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use flate2::{Compression, write::GzEncoder};
use sc_data::{ArchiveSource, Fetch, FetchError, FetchEvent, Outcome, Sha256Digest};
use sc_test::archive_server::{Served, Server};
#[cfg(target_os = "linux")]
use sc_test::limited::limited;
use tempfile::TempDir;

const CLIP: &str = "yes/0a7c2a8d_nohash_0.wav";

/// Two samples at 16 kHz.
const WAV: &[u8] =
    b"RIFF\x28\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x80\x3e\0\0\0\x7d\0\0\x02\0\x10\0data\x04\0\0\0\0\0\x01\0";

/// An archive of one clip that holds `content`, not compressed, so that it is long enough to be cut.
fn archive(content: u8) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::none()));
    let mut header = tar::Header::new_gnu();
    header.set_size(100_000);
    header.set_cksum();
    builder.append_data(&mut header, format!("./{CLIP}"), &vec![content; 100_000][..]).unwrap();
    builder.into_inner().unwrap().finish().unwrap()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256Digest::of(bytes).to_string()
}

fn served(bytes: &[u8]) -> Served {
    Served { bytes: bytes.to_vec(), etag: "\"v1\"", ranges: true, ..Served::default() }
}

/// A fetch into a temporary folder.
struct Case {
    dir: TempDir,
    fetch: Fetch,
    notes: Vec<String>,
}

impl Case {
    fn new(source: ArchiveSource, expected: &[u8]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let fetch = Fetch {
            dest: dir.path().join("clips"),
            source,
            sha256: Sha256Digest::of(expected),
            silence: Duration::from_mins(1),
            retry_delay: Duration::from_millis(1),
        };
        Self { dir, fetch, notes: Vec::new() }
    }

    fn from_servers(servers: &[&Server], expected: &[u8]) -> Self {
        let urls = servers.iter().map(|server| server.url.clone()).collect();
        Self::new(ArchiveSource::Urls(urls), expected)
    }

    fn run(&mut self) -> Result<Outcome, FetchError> {
        self.fetch.run(&mut |event| {
            if let FetchEvent::Note(note) = event {
                self.notes.push(note);
            }
        })
    }

    /// The first byte of the only clip, once all is in its place and nothing else is left.
    fn content(&self) -> u8 {
        assert_eq!(names(self.dir.path()), ["clips"]);
        fs::read(self.fetch.dest.join(CLIP)).unwrap()[0]
    }
}

fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn command(dest: &Path, archive: &[u8]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sc-data"));
    command.args(["fetch", "--sha256", &sha256(archive), "--dest"]).arg(dest);
    command
}

fn stats(dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sc-data"));
    command.arg("stats").arg(dir);
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_run_does_nothing() {
    let server = Server::start(served(&archive(1)));
    let mut case = Case::from_servers(&[&server], &archive(1));
    assert_eq!(case.run().unwrap(), Outcome::Fetched);
    assert_eq!(case.content(), 1);
    assert_eq!(case.run().unwrap(), Outcome::AlreadyThere);
    assert_eq!(server.served().requests.len(), 1);
}

#[test]
fn a_download_that_breaks_off_goes_on_where_it_broke() {
    let server = Server::start(Served { cuts: vec![40_000, 30_000], ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);
    let requests = &server.served().requests;
    assert!(requests[1].contains("range: bytes=40000-\r\n"), "{}", requests[1]);
    assert!(requests[1].contains("if-range: \"v1\"\r\n"), "{}", requests[1]);
    assert!(requests[2].contains("range: bytes=70000-\r\n"), "{}", requests[2]);
}

#[test]
fn a_download_that_is_killed_goes_on_in_the_next_run() {
    let server = Server::start(Served { cuts: vec![40_000], stalls: true, ..served(&archive(1)) });
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("clips");
    let mut child =
        command(&dest, &archive(1)).args(["--url", &server.url]).stderr(Stdio::null()).spawn().unwrap();
    let part = dir.path().join("clips.fetch/archive.part");
    while fs::metadata(&part).map_or(0, |part| part.len()) < 40_000 {
        assert_eq!(child.try_wait().unwrap(), None);
        thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let output = command(&dest, &archive(1)).args(["--url", &server.url]).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(server.served().requests[1].contains("range: bytes=40000-\r\n"));
    assert_eq!(fs::read(dest.join(CLIP)).unwrap(), vec![1; 100_000]);
}

#[test]
fn a_server_without_ranges_sends_the_file_again() {
    let server = Server::start(Served { ranges: false, cuts: vec![40_000], ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);
    assert!(case.notes.iter().any(|note| note.contains("starting over")), "{:?}", case.notes);
}

#[test]
fn a_server_that_always_breaks_off_at_the_same_place_is_given_up() {
    let server = Server::start(Served { ranges: false, cuts: vec![40_000; 10], ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    assert!(matches!(case.run(), Err(FetchError::Broken { .. })));
    assert!(server.served().requests.len() < 10);
}

#[test]
fn a_file_that_changed_is_downloaded_from_its_start() {
    let server = Server::start(Served { cuts: vec![40_000; 4], ranges: false, ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(2));
    case.run().unwrap_err();
    *server.served() = Served { etag: "\"v2\"", ..served(&archive(2)) };
    case.run().unwrap();
    assert_eq!(case.content(), 2);
    assert!(case.notes.iter().any(|note| note.contains("starting over")), "{:?}", case.notes);
}

#[test]
fn a_range_beyond_the_end_starts_over() {
    let long = [archive(1), vec![0; 100_000]].concat();
    let server = Server::start(Served { cuts: vec![150_000, 0, 0, 0], ..served(&long) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.run().unwrap_err();
    *server.served() = served(&archive(1)); // shorter than what is here, under the same name
    case.run().unwrap();
    assert_eq!(case.content(), 1);
}

#[test]
fn a_wrong_digest_turns_to_the_next_mirror() {
    let servers = [Server::start(served(&archive(1))), Server::start(served(&archive(2)))];
    let mut case = Case::from_servers(&[&servers[0], &servers[1]], &archive(2));
    case.run().unwrap();
    assert_eq!(case.content(), 2);
    let note = &case.notes[0];
    assert!(note.contains(&sha256(&archive(1))) && note.contains(&sha256(&archive(2))), "{note}");
}

#[test]
fn a_file_with_a_wrong_digest_is_neither_unpacked_nor_kept() {
    let server = Server::start(served(&archive(1)));
    let mut case = Case::from_servers(&[&server], &archive(2));
    let message = case.run().unwrap_err().to_string();
    assert!(message.contains(&sha256(&archive(1))) && message.contains(&server.url), "{message}");
    assert!(message.contains("give its digest by --sha256"), "{message}");
    assert!(!case.fetch.dest.exists());
    assert_eq!(names(&case.dir.path().join("clips.fetch")), ["lock"]);
}

#[test]
fn a_busy_server_is_asked_again_but_not_one_without_the_file() {
    let server = Server::start(Served { errors: vec!["503 Unavailable"], ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);

    let server = Server::start(Served { errors: vec!["404 Not Found"; 2], ..served(&archive(1)) });
    let message = Case::from_servers(&[&server], &archive(1)).run().unwrap_err().to_string();
    assert!(message.contains(&server.url) && message.contains("404"), "{message}");
    assert_eq!(server.served().requests.len(), 1);
}

#[test]
fn what_is_no_url_of_a_server_is_tried_once_and_named_with_the_way_for_a_file() {
    for url in ["file:///home/ann/a.tgz", "a.tgz"] {
        let mut case = Case::new(ArchiveSource::Urls(vec![url.into()]), &archive(1));
        let message = case.run().unwrap_err().to_string();
        assert!(message.contains(url) && message.contains("given by --archive"), "{message}");
        assert!(!case.notes.iter().any(|note| note.contains("trying again")), "{:?}", case.notes);
    }
}

#[test]
fn a_file_too_large_for_the_disk_is_not_begun() {
    let server = Server::start(Served { claimed_len: Some(1 << 60), ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    assert!(matches!(case.run(), Err(FetchError::Space { .. })));
}

#[test]
fn two_runs_at_once_do_not_meet() {
    let mut case = Case::new(ArchiveSource::Urls(Vec::new()), &archive(1));
    let work = case.dir.path().join("clips.fetch");
    fs::create_dir(&work).unwrap();
    let lock = fs::File::create(work.join("lock")).unwrap();
    lock.lock().unwrap();
    assert!(matches!(case.run(), Err(FetchError::Busy(_))));
}

#[test]
fn a_folder_that_holds_something_else_is_left_alone() {
    let mut case = Case::new(ArchiveSource::Urls(Vec::new()), &archive(1));
    let file = case.fetch.dest.join("thesis.txt");
    fs::create_dir(&case.fetch.dest).unwrap();
    fs::write(&file, "four years").unwrap();
    assert!(matches!(case.run(), Err(FetchError::Occupied(_))));
    assert!(file.exists());
}

#[test]
fn a_file_in_the_place_of_the_folder_is_left_alone() {
    let mut case = Case::new(ArchiveSource::Urls(Vec::new()), &archive(1));
    fs::write(&case.fetch.dest, "four years").unwrap();
    assert!(matches!(case.run(), Err(FetchError::Occupied(_))));
    assert_eq!(names(case.dir.path()), ["clips"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_replaced_is_said_before_anything_is_downloaded() {
    let case = Case::new(ArchiveSource::Urls(Vec::new()), &archive(1));
    let empty = case.dir.path().join("empty");
    fs::create_dir(&empty).unwrap();
    std::os::unix::fs::symlink(&empty, &case.fetch.dest).unwrap();
    for dest in [case.fetch.dest.as_path(), &case.fetch.dest.join(""), Path::new(".")] {
        let mut fetch = command(dest, &archive(1));
        let refused = fetch.current_dir(&empty).args(["--url", "http://127.0.0.1:9/"]).output().unwrap();
        let said = stderr(&refused);
        assert!(said.contains("cannot be replaced") && said.contains("another one with --dest"), "{said}");
    }
    assert!(names(&empty).is_empty());
}

#[test]
fn an_archive_that_is_not_there_leaves_nothing_behind() {
    let mut case = Case::new(ArchiveSource::File("missing.tgz".into()), &archive(1));
    assert!(matches!(case.run(), Err(FetchError::Io { .. })));
    assert!(names(case.dir.path()).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_closed_or_full_output_is_no_panic() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive(1)).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut fetch = command(&dir.path().join("clips"), &archive(1));
    let refused = fetch.arg("--archive").arg(file.path()).stdout(full).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(stderr(&refused).contains("error: "), "{}", stderr(&refused));
}

#[cfg(target_os = "linux")]
#[test]
fn lines_that_nobody_can_read_end_no_fetch() {
    let server = Server::start(served(&archive(1)));
    let dir = tempfile::tempdir().unwrap();
    let fetch = |url: &str| {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let mut fetch = command(&dir.path().join("clips"), &archive(1));
        fetch.args(["--url", url]).stderr(full).output().unwrap().status.code()
    };
    assert_eq!(fetch("a.tgz"), Some(1));
    assert_eq!(fetch(&server.url), Some(0));
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_read_is_named_before_anything_is_downloaded() {
    let mut case = Case::new(ArchiveSource::Urls(Vec::new()), &archive(1));
    std::os::unix::fs::symlink("clips", &case.fetch.dest).unwrap(); // it leads to itself
    let Err(FetchError::Io { path, .. }) = case.run() else { panic!("no error of the folder") };
    assert_eq!(path, case.fetch.dest);
}

#[test]
fn an_archive_that_is_already_here_is_checked_unpacked_and_kept() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let source = || ArchiveSource::File(PathBuf::from(file.path()));
    fs::write(file.path(), archive(1)).unwrap();
    assert!(matches!(Case::new(source(), &archive(2)).run(), Err(FetchError::Digest { .. })));
    let mut case = Case::new(source(), &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);
    assert!(file.path().exists());
}

#[test]
fn the_proxy_of_the_environment_is_used() {
    let proxy = Server::start(served(&archive(1)));
    let dir = tempfile::tempdir().unwrap();
    let output = command(&dir.path().join("clips"), &archive(1))
        .args(["--url", "http://speech.invalid/a.tar.gz"])
        .env("http_proxy", &proxy.url)
        .env_remove("no_proxy")
        .env_remove("NO_PROXY")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let request = &proxy.served().requests[0];
    assert!(request.starts_with("get http://speech.invalid/a.tar.gz "), "{request}");
}

#[test]
fn a_mistyped_option_is_answered_with_the_right_one() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_sc-data")).args(["fetch", "--sha25", "x"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("'--sha256'"), "{}", stderr(&output));
}

#[test]
fn an_error_names_the_file_and_exits_with_1() {
    let output = stats("/nowhere".as_ref()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("/nowhere"), "{}", stderr(&output));
}

#[test]
fn a_folder_without_noise_has_0_s_of_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("yes")).unwrap();
    fs::write(dir.path().join("yes/ann_nohash_0.wav"), WAV).unwrap();
    let output = stats(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", stderr(&output));
    let stdout = String::from_utf8_lossy(&output.stdout);
    assert!(stdout.contains("\n0 s of background noise in 0 files\n"), "{stdout}");
}

#[cfg(unix)]
#[test]
fn a_link_to_nothing_and_a_list_without_the_other_are_said() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("yes")).unwrap();
    fs::write(dir.path().join("yes/ann_nohash_0.wav"), WAV).unwrap();
    fs::write(dir.path().join("testing_list.txt"), "yes/ann_nohash_0.wav").unwrap();
    std::os::unix::fs::symlink("nothing", dir.path().join("yes/bob\r.wav")).unwrap();
    let said = stderr(&stats(dir.path()).output().unwrap());
    assert!(said.contains("yes/bob\\r.wav") && said.contains("validation_list.txt"), "{said}");
}

#[cfg(target_os = "linux")]
#[test]
fn files_and_folders_whose_names_are_not_utf_8_are_said() {
    use std::{ffi::OsStr, os::unix::ffi::OsStrExt};
    let dir = tempfile::tempdir().unwrap();
    for path in [&b"yes/ann.wav"[..], b"yes/bob\xFF.wav", b"n\xF6/ann.wav"] {
        let path = dir.path().join(OsStr::from_bytes(path));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, WAV).unwrap();
    }
    let said = stderr(&stats(dir.path()).output().unwrap());
    for path in ["yes/bob\u{FFFD}.wav: its name is not UTF-8", "/n\u{FFFD}: its name is not UTF-8"] {
        assert!(said.contains(path), "{said}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_larger_than_the_memory_is_refused_for_its_size() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("yes")).unwrap();
    let video = fs::File::create(dir.path().join("yes/video.mp4")).unwrap();
    video.set_len(1 << 40).unwrap(); // without a byte on the disk
    let output = limited(&stats(dir.path()), "-v 16000000").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("yes/video.mp4: the file is larger than"), "{said}{}", stderr(&output));
}

#[test]
fn every_command_of_the_documents_is_accepted() {
    sc_test::docs::try_program("sc-data", env!("CARGO_BIN_EXE_sc-data"), str::to_owned);
}

#[test]
fn archives_that_fuzzing_found_are_unpacked_or_leave_nothing() {
    sc_test::fuzzed::replay("archive", unpacked::check_archive);
}
