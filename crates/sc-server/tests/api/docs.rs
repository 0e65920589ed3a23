//! The requests, the settings and the clients that the documents show.

use sc_test::docs::{Document, documents, folder, python, repository, try_program};

use crate::{helpers::TestServer, words::teaching};

/// A document, with the server's address in place of the usual one.
fn asking(server: &TestServer, document: Document) -> Document {
    Document { text: document.text.replace("localhost:8000", &server.address.to_string()), ..document }
}

#[test]
fn every_curl_command_gets_the_answer_shown() {
    let mut n_commands = 0;
    for document in documents().into_iter().filter(|document| document.text.contains("curl ")) {
        let folder = folder(&document);
        let server = teaching(&folder.path().join("words.safetensors")); // as the guide starts it
        for command in asking(&server, document).commands() {
            if !command.runs || command.program("curl").is_none() {
                continue;
            }
            let text = command.text.replacen("curl", "curl -sS --fail-with-body", 1);
            let Some(output) = command.run(&text, folder.path(), None) else { continue }; // not installed
            command.assert_right(&output);
            n_commands += 1;
        }
    }
    assert!(n_commands >= 16 || !is_installed("curl"), "{n_commands} commands");
}

fn is_installed(program: &str) -> bool {
    std::process::Command::new(program).arg("--version").output().is_ok()
}

#[test]
fn every_python_client_prints_the_word() {
    let server = TestServer::start();
    let mut n_programs = 0;
    for snippet in documents().into_iter().flat_map(|document| asking(&server, document).snippets()) {
        if snippet.language != "python" || !snippet.code.contains("urllib") {
            continue;
        }
        let Some(output) = python(&snippet.code, &repository()) else { return }; // not installed
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(
            printed.starts_with("yes 0.") && printed.ends_with("True\n"),
            "{}: {printed}{}",
            snippet.place,
            String::from_utf8_lossy(&output.stderr)
        );
        n_programs += 1;
    }
    assert!(n_programs >= 1);
}

#[test]
fn every_command_of_the_server_is_accepted() {
    // A server would not end, so it prints its settings.
    let ends = |text: &str| {
        let ends_itself = ["--print-config", "healthcheck"].iter().any(|word| text.contains(word));
        let ending = if ends_itself { "sc-server" } else { "sc-server --print-config" };
        text.replacen("sc-server", ending, 1)
    };
    try_program("sc-server", env!("CARGO_BIN_EXE_sc-server"), ends);
}
