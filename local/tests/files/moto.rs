//! A moto server for all tests of this program.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

/// The process ends with this one, whose end closes its standard input.
static SERVER: OnceLock<(Child, String)> = OnceLock::new();

/// Its URL.
pub(crate) fn url() -> String {
    let start = || {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        assert!(Command::new(root.join("scripts/setup")).status().unwrap().success(), "scripts/setup");
        let mut child = Command::new(root.join(".tools/bin/python"))
            .arg(root.join("local/tests/files/moto_server.py"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (child, line.trim().to_owned())
    };
    SERVER.get_or_init(start).1.clone()
}
