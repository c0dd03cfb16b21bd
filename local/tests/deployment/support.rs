//! The repository's files, and a server of a test's own.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use local::{Function, Options, Server};

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A file of the repository.
pub(crate) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A running server with stores in memory.
pub(crate) async fn server() -> Server {
    Server::start(Options::default()).await.unwrap()
}

/// The functions of a server.
pub(crate) fn functions(server: &Server) -> Vec<Function> {
    local::functions(&server.setup()).unwrap()
}

/// The log fields that `docs/field-inventory.md` lists.
pub(crate) fn listed_fields() -> BTreeSet<String> {
    let inventory = read("docs/field-inventory.md");
    let (_, list) = inventory.split_once("Log fields: ").unwrap();
    let (list, _) = list.split_once(". ").unwrap();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
