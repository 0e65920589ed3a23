//! The examples in README.md.

use std::{
    fs, io,
    path::Path,
    process::{Command, Output},
};

use crate::{helpers::TestServer, words::teaching};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// The blocks of code in a language.
fn blocks<'a>(readme: &'a str, language: &str) -> Vec<&'a str> {
    let begin = format!("```{language}\n");
    readme.split(&begin).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// Returns true if `text` has the parts of `pattern` in their order. An ellipsis stands for any text.
fn matches(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Runs a program at the top of the repository, unless it is not installed.
fn run(program: &str, code: &str) -> Option<Output> {
    match Command::new(program).args(["-c", code]).current_dir(REPOSITORY).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        output => Some(output.unwrap()),
    }
}

/// The README, with the server's address in place of the usual one.
fn readme(server: &TestServer) -> String {
    let readme = fs::read_to_string(Path::new(REPOSITORY).join("README.md")).unwrap();
    readme.replace("localhost:8000", &server.address.to_string())
}

#[test]
fn every_curl_example_gets_the_answer_shown() {
    let dir = tempfile::tempdir().unwrap();
    let server = teaching(&dir.path().join("my.safetensors")); // as README starts it
    let readme = readme(&server);
    if !run("sh", "command -v curl").is_some_and(|output| output.status.success()) {
        return; // not installed
    }
    let readme = readme.replace("|\n    ", "| "); // a command on two lines
    let lines: Vec<&str> = blocks(&readme, "sh").iter().flat_map(|block| block.lines()).collect();
    let mut n_examples = 0;
    let asks = |line: &str| line.starts_with("curl ") || line.contains("| curl ");
    for (i, line) in lines.iter().enumerate().filter(|(_, line)| asks(line)) {
        let output = run("sh", &line.replacen("curl", "curl -sS --fail-with-body", 1)).unwrap();
        let answer = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{line}: {answer}");
        if let Some(expected) =
            lines.get(i + 1).and_then(|next| next.strip_prefix("# ")).filter(|next| next.starts_with('{'))
        {
            assert!(matches(&answer, expected), "{line}\ngives   {answer}\nnot like {expected}");
        }
        n_examples += 1;
    }
    assert!(n_examples >= 8, "{n_examples} examples");
}

#[test]
fn the_python_example_prints_the_word() {
    let server = TestServer::start();
    let readme = readme(&server);
    let by_hand = blocks(&readme, "python").into_iter().find(|code| code.contains("urllib")).unwrap();
    let Some(output) = run("python3", by_hand) else { return };
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(matches(&printed, "yes 0.…True"), "{printed}{}", String::from_utf8_lossy(&output.stderr));
}
