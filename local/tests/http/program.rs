//! The built program itself, started and stopped.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;

pub(crate) struct Program {
    child: Child,
    pub(crate) url: String,
    pub(crate) greeting: String,
    log: Option<JoinHandle<std::io::Result<String>>>,
}

impl Program {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_local"))
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
        let greeting: String = lines
            .by_ref()
            .map(Result::unwrap)
            .take_while(|line| line != "Ctrl-C stops.")
            .map(|line| line + "\n")
            .collect();
        let url = greeting.split_whitespace().find_map(|word| word.strip_suffix("/api/velt")).unwrap().to_owned();
        // Read all along: a full pipe would hold the program up.
        let mut errors = child.stderr.take().unwrap();
        let log = std::thread::spawn(move || {
            let mut log = String::new();
            errors.read_to_string(&mut log).map(|_| log)
        });
        Self { child, url, greeting, log: Some(log) }
    }

    pub(crate) fn port(&self) -> &str {
        self.url.rsplit_once(':').unwrap().1
    }

    /// Stops it as Ctrl-C does; what it logged.
    pub(crate) fn interrupt(mut self) -> String {
        let killed = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status().unwrap();
        assert!(killed.success());
        assert!(self.child.wait().unwrap().success(), "Ctrl-C is a clean end");
        self.log.take().unwrap().join().unwrap().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // A test that failed leaves it running; one that stopped it finds nothing to kill.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
