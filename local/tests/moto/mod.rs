//! Servers of moto, an implementation of AWS's services that others wrote.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running server. It ends with the program that started it, whose end closes its standard input.
pub(crate) struct Moto {
    /// What it printed when it was ready.
    pub(crate) ready: String,
    _process: Child,
}

impl Moto {
    /// Starts a script of this folder, with the tools that `scripts/setup` installs.
    pub(crate) fn start(script: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert!(Command::new(root.join("scripts/setup")).status().unwrap().success(), "scripts/setup");
        let mut process = Command::new(root.join(".tools/bin/python"))
            .current_dir(root)
            .arg(root.join("local/tests/moto").join(script))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut ready = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        Self { ready: ready.trim().to_owned(), _process: process }
    }
}
