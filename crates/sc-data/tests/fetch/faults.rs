//! Servers that break off, lie or fall silent, and a disk that is full.

use std::{fs, thread, time::Duration};

use sc_data::{ArchiveSource, FetchError, Outcome};
use sc_test::archive_server::{Served, Server};
#[cfg(target_os = "linux")]
use sc_test::limited::limited;

use crate::{Case, archive, command, names, served, stderr};

/// A file that two fetches can meet at, long enough to be cut in ten.
fn tenth() -> usize {
    archive(1).len() / 10
}

#[test]
fn a_server_that_closes_at_each_tenth_gives_the_whole_file() {
    let server = Server::start(Served { cuts: vec![tenth(); 10], ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);
    assert_eq!(server.served().requests.len(), 11);
}

#[test]
fn a_mirror_that_makes_progress_is_not_given_up_for_what_another_has_left() {
    let left = Server::start(Served { cuts: vec![9 * tenth(), 0, 0, 0], ..served(&archive(1)) });
    let mirror = Server::start(Served { cuts: vec![tenth(); 10], ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&left, &mirror], &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);
    assert_eq!([&left, &mirror].map(|server| server.served().requests.len()), [4, 11]);
}

#[test]
fn what_follows_the_length_that_was_named_is_left_alone() {
    let too_much = [archive(1), vec![7; 1 << 20]].concat();
    let claimed_len = Some(archive(1).len() as u64);
    let server = Server::start(Served { claimed_len, ..served(&too_much) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.run().unwrap();
    assert_eq!(case.content(), 1);
}

#[test]
fn redirects_in_a_circle_are_said_and_not_tried_again() {
    let circle = vec!["302 Found\r\nLocation: /archive.tar.gz"; 1000];
    let server = Server::start(Served { errors: circle, ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    let Err(FetchError::Connection { source, .. }) = case.run() else { panic!("no error of the connection") };
    assert!(source.is_redirect(), "{source}");
    assert!(server.served().requests.len() <= 11, "{} requests", server.served().requests.len());
}

#[test]
fn a_server_that_never_sends_is_given_up() {
    let server = Server::start(Served { cuts: vec![0; 100], stalls: true, ..served(&archive(1)) });
    let mut case = Case::from_servers(&[&server], &archive(1));
    case.fetch.silence = Duration::from_millis(200);
    assert!(matches!(case.run(), Err(FetchError::Broken { .. })));
    assert_eq!(server.served().requests.len(), 4);
}

#[test]
fn of_two_fetches_at_once_one_works_and_the_other_says_so() {
    let server = Server::start(Served { cuts: vec![tenth(); 10], ..served(&archive(1)) });
    let case = Case::from_servers(&[&server], &archive(1));
    let fetch = || case.fetch.run(&mut |_| thread::sleep(Duration::from_millis(5)));
    let results =
        thread::scope(|scope| [scope.spawn(fetch), scope.spawn(fetch)].map(|run| run.join().unwrap()));
    let n_fetched = results.iter().filter(|result| matches!(result, Ok(Outcome::Fetched))).count();
    assert_eq!(n_fetched, 1, "{results:?}");
    for result in results {
        assert!(matches!(result, Ok(_) | Err(FetchError::Busy(_))), "{result:?}");
    }
    assert_eq!(case.content(), 1);
}

#[test]
fn a_fetch_that_begins_as_another_ends_finds_all_there_and_leaves_nothing() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), archive(1)).unwrap();
    for _ in 0..50 {
        let case = Case::new(ArchiveSource::File(file.path().into()), &archive(1));
        let fetch = || loop {
            match case.fetch.run(&mut |_| ()) {
                Err(FetchError::Busy(_)) => {}
                result => break result.unwrap(),
            }
        };
        let outcomes =
            thread::scope(|scope| [scope.spawn(fetch), scope.spawn(fetch)].map(|run| run.join().unwrap()));
        assert_ne!(outcomes[0], outcomes[1], "one fetches, and the other finds all there");
        assert_eq!(case.content(), 1);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_said_and_the_fetch_goes_on_once_there_is_room() {
    let server = Server::start(served(&archive(1)));
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("clips");
    let mut fetch = command(&dest, &archive(1));
    fetch.args(["--url", &server.url]);

    let refused = limited(&fetch, "-f 50").output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let said = stderr(&refused);
    assert!(said.contains("archive.part") && said.contains("File too large"), "{said}");
    assert!(!dest.exists());

    assert!(fetch.status().unwrap().success());
    assert!(server.served().requests[1].contains("range: bytes=51200-\r\n"));
    assert_eq!(names(dir.path()), ["clips"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_server_that_sends_without_an_end_is_cut_off_by_the_disk() {
    let server = Server::start(Served { is_endless: true, ..served(&archive(1)) });
    let dir = tempfile::tempdir().unwrap();
    let dest = dir.path().join("clips");
    let mut fetch = command(&dest, &archive(1));
    fetch.args(["--url", &server.url]);
    let refused = limited(&fetch, "-f 3000").output().unwrap();
    assert!(stderr(&refused).contains("archive.part"), "{}", stderr(&refused));
    assert!(fs::metadata(dir.path().join("clips.fetch/archive.part")).unwrap().len() <= 3000 << 10);
    assert!(!dest.exists());
}
