//! The project's documents, and the commands and programs in them.
//!
//! A block of code is marked by the words after its fence:
//!
//! - `sh`: a test runs each command, in the order of the document.
//! - `sh no_run`: a command that takes too long for a test, or needs more than a test has. Its options are checked.
//! - `python`: a test runs the program. `python no_run`: a test only compiles it.
//! - `rust`: the program is also in the documentation of its crate, whose test runs it.
//!
//! Lines `# …` right after a command are what the command prints, in this order. An ellipsis stands for any text, and any
//! text may stand between two lines.

use std::cell::LazyCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command as Process, Output};
use std::{fs, io};

use sc_data::{Limits, decode};
use tempfile::TempDir;

use crate::{dataset, wav};

/// Programs that tests run as the documents show them: those of the workspace, and `curl` against a server.
pub const RUN: [&str; 4] = ["sc-data", "sc-train", "sc-server", "curl"];

/// A document, by its path from the top of the repository.
pub struct Document {
    /// The path, with `/` on every system.
    pub path: String,
    /// The text.
    pub text: String,
}

/// A block of code.
#[derive(Clone, Debug)]
pub struct Snippet {
    /// The document and the line of the fence, for messages.
    pub place: String,
    /// The first word after the fence.
    pub language: String,
    /// True unless the fence says `no_run`.
    pub runs: bool,
    /// The lines between the fences.
    pub code: String,
}

/// A command of a shell.
#[derive(Clone, Debug)]
pub struct Command {
    /// The document and the line, for messages.
    pub place: String,
    /// The command, on one line. `cargo run --release -p sc-train --` is written as `sc-train`.
    pub text: String,
    /// True if a test runs it.
    pub runs: bool,
    /// What it prints, if the document shows it: the lines, with an ellipsis between them.
    pub prints: Option<String>,
}

/// Returns the top of the repository.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the documents whose commands are kept true: the guide, the packages' READMEs, and all at the top of the
/// repository but the changelog.
pub fn documents() -> Vec<Document> {
    let packages = ["crates/sc-python/README.md", "crates/sc-web/js/README.md"].map(str::to_owned);
    let mut paths: Vec<String> = [".", "docs/src"].into_iter().flat_map(markdown_in).collect();
    paths.retain(|path| path != "CHANGELOG.md");
    paths.extend(packages);
    paths.into_iter().map(document).collect()
}

/// Returns the document of a path.
pub fn document(path: String) -> Document {
    let text = fs::read_to_string(repository().join(&path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    Document { path, text }
}

fn markdown_in(folder: &str) -> Vec<String> {
    let entries = fs::read_dir(repository().join(folder)).unwrap().map(|entry| entry.unwrap().path());
    let markdown = entries.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let mut names: Vec<_> =
        markdown.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    names.sort();
    names.into_iter().map(|name| format!("{folder}/{name}").trim_start_matches("./").to_owned()).collect()
}

impl Document {
    /// Returns the blocks of code, in their order.
    pub fn snippets(&self) -> Vec<Snippet> {
        let mut snippets = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((at, line)) = lines.next() {
            let Some(words) = line.strip_prefix("```") else { continue };
            let code = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```");
            snippets.push(Snippet {
                place: format!("{}:{}", self.path, at + 1),
                language: words.split(' ').next().unwrap_or_default().to_owned(),
                runs: !words.ends_with(" no_run"),
                code: code.flat_map(|line| [line, "\n"]).collect(),
            });
        }
        snippets
    }

    /// Returns the commands of all blocks of the shell, and those between backticks that begin with a program of
    /// the workspace.
    pub fn commands(&self) -> Vec<Command> {
        let blocks = self.snippets().into_iter().filter(|snippet| snippet.language == "sh");
        blocks.flat_map(|snippet| snippet.commands()).chain(self.commands_in_text()).collect()
    }

    fn commands_in_text(&self) -> Vec<Command> {
        let spans = self.text.lines().enumerate().flat_map(|(at, line)| {
            line.split('`').skip(1).step_by(2).map(move |span| (at, span)).collect::<Vec<_>>()
        });
        let begins =
            |span: &str| ["sc-data ", "sc-train ", "sc-server ", "just "].iter().any(|p| span.starts_with(p));
        let commands = spans.filter(|(_, span)| begins(span));
        commands
            .map(|(at, span)| Command {
                place: format!("{}:{}", self.path, at + 1),
                text: span.to_owned(),
                runs: false,
                prints: None,
            })
            .collect()
    }
}

impl Snippet {
    /// Returns the commands of the block. One that ends in `\` or `|` goes on in the next line.
    pub fn commands(&self) -> Vec<Command> {
        let mut commands: Vec<Command> = Vec::new();
        let joined = self.code.replace("\\\n", " ").replace("|\n", "| ");
        for line in joined.lines().filter(|line| !line.trim().is_empty()) {
            match (line.strip_prefix("# "), commands.last_mut()) {
                (Some(output), Some(command)) => command.add_output(output),
                (Some(_), None) => {}
                (None, _) => commands.push(Command {
                    place: self.place.clone(),
                    text: without_cargo(line),
                    runs: self.runs,
                    prints: None,
                }),
            }
        }
        commands
    }
}

/// Writes `cargo run --release -p PROGRAM -- …` as `PROGRAM …`.
fn without_cargo(line: &str) -> String {
    let line = line.replace("cargo run --release -p ", "");
    RUN.iter().fold(line, |line, program| line.replace(&format!("{program} -- "), &format!("{program} ")))
}

impl Command {
    /// Adds a line to what the command prints.
    fn add_output(&mut self, line: &str) {
        let before = self.prints.take().map(|before| before + "…");
        self.prints = Some(before.unwrap_or_default() + line);
    }

    /// Returns the words of each program that the command starts, with its name first, up to a redirection or a comment.
    pub fn programs(&self) -> Vec<Vec<&str>> {
        let end = self.text.find(" #").unwrap_or(self.text.len());
        let words: Vec<&str> = self.text[..end].split_whitespace().collect();
        let between = |word: &&str| ["|", "&&", "||", ";", "{", "}", "do", "done", ">"].contains(word);
        words.split(between).filter(|words| !words.is_empty()).map(<[&str]>::to_vec).collect()
    }

    /// Returns the words of one program, if the command starts it.
    pub fn program(&self, name: &str) -> Option<Vec<&str>> {
        self.programs().into_iter().find(|words| words[0] == name)
    }

    /// Runs the command in a folder, with a folder of programs before those of the system. Returns `None` if a program
    /// of the command is not installed.
    pub fn run(&self, text: &str, folder: &Path, programs: Option<&Path>) -> Option<Output> {
        let system = std::env::var_os("PATH").unwrap_or_default();
        let paths = programs.into_iter().map(Path::to_owned).chain(std::env::split_paths(&system));
        let path = std::env::join_paths(paths).unwrap();
        let missing = self.programs().iter().any(|words| !installed(words[0], &path));
        let run = || Process::new("sh").args(["-c", text]).current_dir(folder).env("PATH", &path).output();
        (!missing).then(|| run().unwrap())
    }

    /// Checks that a run succeeded, and that it printed what the document shows.
    #[track_caller]
    pub fn assert_right(&self, output: &Output) {
        let stdout = String::from_utf8_lossy(&output.stdout);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {}\n{stdout}{stderr}", self.place, self.text);
        let Some(expected) = &self.prints else { return };
        assert!(
            matches(&stdout, expected),
            "{}: {}\nprints  {stdout}\nnot like {expected}",
            self.place,
            self.text
        );
    }
}

fn installed(program: &str, path: &std::ffi::OsStr) -> bool {
    let found =
        Process::new("sh").args(["-c", &format!("command -v '{program}'")]).env("PATH", path).output();
    found.is_ok_and(|output| output.status.success())
}

/// Runs a program of Python. Returns `None` if Python is not installed.
pub fn python(code: &str, folder: &Path) -> Option<Output> {
    match Process::new("python3").args(["-c", code]).current_dir(folder).output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        output => Some(output.unwrap()),
    }
}

/// Returns true if `text` has the parts of `pattern` in their order. An ellipsis stands for any text.
pub fn matches(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

/// Returns a folder with the files that a document speaks of: the page's examples, and what a user brings.
pub fn folder(document: &Document) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let at = |path: &str| folder.path().join(path);
    copy_files("assets/web/examples", &at("assets/web/examples"));
    let example = |name: &str, to: &str| copy(&at("assets/web/examples").join(name), &at(to));
    example("several.mp3", "meeting.wav");
    example("noise.mp3", "my-noise/fan.mp3");
    let banana =
        decode(&fs::read(at("assets/web/examples/banana.mp3")).unwrap(), &Limits::default()).unwrap();
    for take in 1..=5_u8 {
        // Each is softer: one that is the same as another teaches nothing.
        let gain = 30_000.0 / f32::from(take);
        let samples: Vec<i16> = banana.iter().map(|sample| (sample * gain) as i16).collect();
        wav::write(&at(&format!("recordings/banana/{take}.wav")), &samples);
    }
    fs::write(at("words.csv"), "label,start_s,end_s\ngo,0.46,0.77\n").unwrap();
    let speaks_of = |path: &str| document.text.contains(path);
    let say = |path: &str, word: &str, pitch_hz: f32| wav::write(&at(path), &dataset::spoken(word, pitch_hz));
    if speaks_of("my-clips") {
        say("my-clips/yes/1.wav", "yes", 120.0);
        say("my-clips/no/1.wav", "no", 120.0);
    }
    if speaks_of("my-words") {
        for take in 0..8_u8 {
            let pitch_hz = 100.0 + 8.0 * f32::from(take);
            say(&format!("my-words/hello/{take}.wav"), "stop", pitch_hz);
            say(&format!("my-words/lamp/{take}.wav"), "bed", pitch_hz);
        }
    }
    if speaks_of("data/speech_commands") {
        dataset::write(&at("data/speech_commands_v0.02"));
    }
    folder
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn copy_files(from: &str, to: &Path) {
    for entry in fs::read_dir(repository().join(from)).unwrap() {
        let entry = entry.unwrap();
        copy(&entry.path(), &to.join(entry.file_name()));
    }
}

/// Runs every command of a program that the documents show, and checks the options of those that are not run.
///
/// `completes` returns a command as the test runs it.
#[track_caller]
pub fn try_program(name: &str, program: &str, completes: impl Fn(&str) -> String) {
    let mut helps = Helps { program, texts: BTreeMap::new() };
    let mut n_commands = 0;
    for document in documents() {
        let folder = LazyCell::new(|| folder(&document));
        for command in document.commands().iter().filter(|command| command.program(name).is_some()) {
            n_commands += 1;
            helps.assert_options(command, name);
            if command.runs {
                let text = completes(&command.text);
                if let Some(output) = command.run(&text, folder.path(), Path::new(program).parent()) {
                    command.assert_right(&output);
                }
            }
        }
    }
    assert!(n_commands > 0, "no document shows {name}");
}

/// The help of a program and of its subcommands.
struct Helps<'a> {
    program: &'a str,
    texts: BTreeMap<String, String>,
}

impl Helps<'_> {
    /// Checks that the subcommand and each option of a command are in the program's help.
    #[track_caller]
    fn assert_options(&mut self, command: &Command, name: &str) {
        let words = command.program(name).unwrap_or_default();
        let subcommand = words.get(1).filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '-'));
        let subcommand = subcommand.filter(|word| !word.starts_with('-')).copied().unwrap_or_default();
        let help = self.of(subcommand, &command.place);
        for option in words.iter().filter(|word| word.starts_with("--") && word.len() > 2) {
            let option = option.split('=').next().unwrap_or_default();
            let known = help.split(|c: char| !(c.is_alphanumeric() || c == '-')).any(|word| word == option);
            assert!(known, "{}: {name} {subcommand} has no {option}", command.place);
        }
    }

    /// Returns the help of a subcommand, or of the program for an empty name.
    #[track_caller]
    fn of(&mut self, subcommand: &str, place: &str) -> &str {
        self.texts.entry(subcommand.to_owned()).or_insert_with(|| {
            let arguments = [subcommand, "--help"].into_iter().filter(|argument| !argument.is_empty());
            let output = Process::new(self.program).args(arguments).output().unwrap();
            assert!(
                output.status.success(),
                "{place}: {subcommand}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
            String::from_utf8(output.stdout).unwrap()
        })
    }
}
