//! The program in a process of its own.

use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use sc_test::limited::limited;

/// A running server, killed when dropped.
pub struct Program {
    pub address: SocketAddr,
    child: Child,
    log: Option<JoinHandle<String>>,
}

impl Program {
    /// Starts `sc-server` at a free port.
    pub fn start(arguments: &[&OsStr]) -> Self {
        Self::run(command(arguments))
    }

    /// Does the same within a limit of `ulimit`.
    pub fn start_within(limit: &str, arguments: &[&OsStr]) -> Self {
        Self::run(limited(&command(arguments), limit))
    }

    fn run(mut command: Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let mut log = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = loop {
            let line = log.next().expect("the program has ended").unwrap();
            let after_scheme = line.split_once("://").and_then(|(_, rest)| rest.split_once(" answers"));
            if let Some((address, _)) = after_scheme {
                break address.parse().unwrap();
            }
        };
        // It is read at once: a full pipe would stop the program.
        let log = thread::spawn(move || log.map_while(Result::ok).collect::<Vec<_>>().join("\n"));
        Self { address, child, log: Some(log) }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.unwrap().success());
    }

    /// Kills it, and returns what it has logged.
    pub fn log_after_kill(mut self) -> String {
        self.child.kill().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    /// Waits for the end, and returns what it has logged.
    pub fn log_at_end(mut self) -> String {
        self.child.wait().unwrap();
        self.log.take().unwrap().join().unwrap()
    }

    /// Waits for the end.
    pub fn join(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

fn command(arguments: &[&OsStr]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sc-server"));
    command.args(["--host=127.0.0.1", "--port=0"]).args(arguments);
    command
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
