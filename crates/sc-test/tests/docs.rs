//! What the documents promise without a program: links, files, recipes, arguments, and the same in every language.
#![allow(clippy::unwrap_used, reason = "a test fails by its panic, helpers included")]

use std::fs;

use sc_test::docs::{Document, RUN, Snippet, document, documents, matches, python, repository};

fn read(path: &str) -> String {
    document(path.to_owned()).text
}

fn snippets() -> impl Iterator<Item = Snippet> {
    documents().into_iter().flat_map(|document| document.snippets())
}

#[test]
fn readme_is_a_door_and_no_corridor() {
    for path in ["README.md", "README.uk.md"] {
        let n_lines = read(path).lines().count();
        assert!(n_lines <= 120, "{path} has {n_lines} lines");
    }
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        for target in links(&document) {
            let (path, anchor) = target.split_once('#').unwrap_or((&target, ""));
            let folder = repository().join(&document.path).parent().unwrap().to_owned();
            let file = if path.is_empty() { repository().join(&document.path) } else { folder.join(path) };
            assert!(file.exists(), "{}: {target} is not there", document.path);
            let text = if anchor.is_empty() { String::new() } else { fs::read_to_string(&file).unwrap() };
            let known = anchor.is_empty() || text.lines().any(|line| anchor_of(line) == anchor);
            assert!(known, "{}: {target} has no such heading", document.path);
        }
    }
}

/// The targets within the repository, of Markdown's links and of pictures.
fn links(document: &Document) -> Vec<String> {
    let prose: String = document.text.split("```").step_by(2).collect();
    let after = |begin: &'static str, end: char| {
        prose.split(begin).skip(1).filter_map(move |rest| rest.split(end).next()).map(str::to_owned).collect()
    };
    let all: [Vec<String>; 3] = [after("](", ')'), after("src=\"", '"'), after("srcset=\"", '"')];
    all.into_iter().flatten().filter(|target| !target.contains("://")).collect()
}

/// The anchor of a heading, as GitHub and mdBook make it.
fn anchor_of(line: &str) -> String {
    let Some(heading) = line.strip_prefix('#') else { return String::new() };
    let heading = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
    heading.chars().filter(|c| c.is_alphanumeric() || "-_".contains(*c)).collect()
}

#[test]
fn every_block_is_run_or_says_that_it_is_not() {
    for snippet in snippets() {
        let place = &snippet.place;
        match snippet.language.as_str() {
            "sh" => {
                for command in snippet.commands().iter().filter(|command| command.runs) {
                    let runs = RUN.iter().any(|program| command.program(program).is_some());
                    assert!(runs, "{place}: no test runs `{}`: mark the block `no_run`", command.text);
                }
            }
            "python" if snippet.runs => {
                let runs = ["urllib", "speech_commands", "onnxruntime"]
                    .iter()
                    .any(|name| snippet.code.contains(name));
                assert!(runs, "{place}: no test runs this program: mark it `no_run`");
            }
            "text" | "rust" => {} // a program of Rust is looked for below
            "html" if place.starts_with("crates/sc-web/js/") => {} // `just test-web-package` opens the page
            language => assert!(!snippet.runs, "{place}: no test runs `{language}`: mark it `no_run`"),
        }
    }
}

#[test]
fn every_python_program_compiles() {
    for snippet in snippets().filter(|snippet| snippet.language == "python") {
        let code = format!("compile({:?}, 'document', 'exec')", snippet.code);
        let Some(output) = python(&code, &repository()) else { return };
        assert!(output.status.success(), "{}: {}", snippet.place, String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn every_rust_program_is_in_the_documentation_of_its_crate() {
    let documented = read("crates/sc-model/src/lib.rs").replace("//! ", "");
    let documented: Vec<&str> = documented.lines().filter(|line| !line.starts_with('#')).collect();
    let documented = documented.join("\n");
    for snippet in snippets().filter(|snippet| snippet.language == "rust") {
        for line in snippet.code.lines().filter(|line| !line.is_empty()) {
            assert!(documented.contains(line), "{}: no documentation test has `{line}`", snippet.place);
        }
    }
}

#[test]
fn every_file_that_a_command_names_is_there() {
    let folders = ["assets/", "bench/", "crates/", "docker/", "docs/", ".github/"];
    for command in documents().iter().flat_map(Document::commands) {
        for word in command.text.split([' ', '=', '@', '(', ')', '\'', '"']) {
            let path = word.trim_start_matches("./").trim_end_matches('`');
            if folders.iter().any(|folder| path.starts_with(folder)) {
                assert!(repository().join(path).exists(), "{}: {path} is not there", command.place);
            }
        }
    }
}

#[test]
fn every_recipe_of_just_is_in_the_justfile() {
    let justfile = read("justfile");
    let known = |name: &str| {
        let heading = |line: &str| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', ':']));
        justfile.lines().any(heading)
    };
    for command in documents().iter().flat_map(Document::commands) {
        let recipe = command.program("just").and_then(|words| words.get(1).map(|word| (*word).to_owned()));
        let recipe = recipe.filter(|recipe| !recipe.starts_with('-'));
        assert!(recipe.as_deref().is_none_or(known), "{}: just has no {recipe:?}", command.place);
    }
}

#[test]
fn every_argument_of_a_container_is_in_its_file() {
    let dockerfile = read("docker/Dockerfile");
    for command in documents().iter().flat_map(Document::commands) {
        let words: Vec<&str> = command.text.split([' ', '=', '"']).collect();
        for pair in words.windows(2) {
            let line = match pair[0] {
                "--build-arg" => format!("ARG {}", pair[1]),
                "--target" => format!(" AS {}", pair[1]),
                _ => continue,
            };
            let known = dockerfile.lines().any(|known| known.contains(&line));
            assert!(known, "{}: docker/Dockerfile has no `{line}`", command.place);
        }
    }
}

#[test]
fn every_cargo_command_names_a_package_of_the_workspace() {
    for command in documents().iter().flat_map(Document::commands) {
        let Some(words) = command.program("cargo") else { continue };
        for pair in words.windows(2).filter(|pair| pair[0] == "-p") {
            let manifest = repository().join("crates").join(pair[1]).join("Cargo.toml");
            assert!(manifest.exists(), "{}: no package {}", command.place, pair[1]);
        }
    }
}

/// The commands of a document without their comments, and the numbers of its tables.
fn essence(path: &str) -> (Vec<String>, Vec<String>) {
    let document = document(path.to_owned());
    let code = document.snippets().into_iter().filter(|snippet| snippet.language != "text");
    let lines = code.flat_map(|snippet| snippet.code.lines().map(str::to_owned).collect::<Vec<_>>());
    let without_comment = |line: String| line.split("  #").next().unwrap_or_default().trim().to_owned();
    let rows = document.text.lines().filter(|line| line.starts_with('|')).collect::<String>();
    // 1,768 and 1768 are the same number, and so are 98.3 and 98,3.
    let rows: String = rows.chars().filter(|c| !c.is_whitespace()).collect();
    let numbers = rows.split(|c: char| !(c.is_ascii_digit() || ".,".contains(c)));
    let numbers = numbers.map(|n| n.replace(['.', ','], "")).filter(|n| !n.is_empty()).collect();
    (lines.map(without_comment).collect(), numbers)
}

#[test]
fn every_language_shows_the_same_commands_and_figures() {
    for path in ["README", "docs/src/getting-started"] {
        let (english, ukrainian) = (essence(&format!("{path}.md")), essence(&format!("{path}.uk.md")));
        assert_eq!(ukrainian, english, "{path}");
    }
}

#[test]
fn every_fence_is_closed() {
    for document in documents() {
        assert_eq!(document.text.matches("```").count() % 2, 0, "{}", document.path);
    }
}

#[test]
fn the_programs_of_the_shell_are_parsed() {
    let text =
        "```sh\ncargo run --release -p sc-train -- teach |\n    jq .  # why\n# {…}\n```\n`just serve`\n";
    let commands = Document { path: "x.md".to_owned(), text: text.to_owned() }.commands();
    assert_eq!(commands[0].programs(), [vec!["sc-train", "teach"], vec!["jq", "."]]);
    assert_eq!(commands[0].prints.as_deref(), Some("{…}"));
    assert_eq!(commands[1].program("just"), Some(vec!["just", "serve"]));
}

#[test]
fn lines_of_output_come_in_their_order() {
    let text = "```sh\nsc-train classify DIR\n# yes  … %\n# no   … %\n```\n";
    let commands = Document { path: "x.md".to_owned(), text: text.to_owned() }.commands();
    let prints = commands[0].prints.as_deref().unwrap();
    assert_eq!(prints, "yes  … %…no   … %");
    assert!(matches("yes  99 %\nno   98 %\n", prints));
    assert!(!matches("no   98 %\nyes  99 %\n", prints));
}
