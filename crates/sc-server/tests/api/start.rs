//! What the program refuses before it serves, and what it passes over.

use std::process::Command;

/// Runs the program, which only prints its settings, with a variable. Returns what it prints, or its error.
fn run_with(variable: &str, value: &str) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sc-server"));
    let output = command.env(variable, value).arg("--print-config").output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

#[test]
fn a_variable_that_is_no_setting_stops_the_start() {
    let expected = "error: no setting SC_API_KEY: did you mean SC_API_KEYS?\n";
    assert_eq!(run_with("SC_API_KEY", "secret"), Err(expected.into()));
}

#[cfg(target_os = "linux")]
#[test]
fn what_nobody_can_read_is_no_panic() {
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();
    let print = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sc-server"));
        command.arg("--print-config");
        command
    };
    assert_eq!(print().env("SC_API_KEY", "secret").stderr(full()).status().unwrap().code(), Some(1));
    assert_eq!(print().stdout(full()).status().unwrap().code(), Some(1));
}

#[test]
fn an_empty_variable_is_as_good_as_not_set() {
    for name in ["SC_RATE_LIMIT", "SC_API_KEYS", "SC_TLS_CERT", "SC_WORKERS", "SC_CONFIG", "SC_API_KEY"] {
        assert_eq!(run_with(name, ""), run_with("PORT", ""), "{name}");
    }
}
