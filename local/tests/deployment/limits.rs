//! The README's table of limits is that of the code.

use std::collections::BTreeMap;

use crate::support::read;

/// Where limits are that users meet: whole files, or single constants of a file.
const PLACES: [(&str, &[&str]); 3] = [
    ("shared/src/limits.rs", &[]),
    ("shared/src/contract.rs", &["LONGEST_ID"]),
    ("storage/src/form.rs", &["FORM_FILE_BYTES"]),
];

/// A whole number as the code or the README writes it: `5_000.0`, `6 * 1024 * 1024`, `5,000`.
fn number(text: &str) -> u64 {
    let factor = |text: &str| text.trim().trim_end_matches(".0").replace(['_', ','], "").parse::<u64>().unwrap();
    text.split('*').map(factor).product()
}

#[test]
fn every_limit_is_in_the_readme() {
    let mut limits = BTreeMap::new();
    for (file, names) in PLACES {
        for line in read(file).lines().filter_map(|line| line.strip_prefix("pub const ")) {
            let (name, rest) = line.split_once(": ").unwrap();
            let (_, value) = rest.split_once(" = ").unwrap();
            if names.is_empty() || names.contains(&name) {
                limits.insert(name.to_owned(), number(value.trim_end_matches(';')));
            }
        }
    }
    let readme = read("README.md");
    let (_, table) = readme.split_once("| What | Most |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let told: BTreeMap<String, u64> = rows
        .map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
            let most = cells[1].split(' ').next().unwrap();
            (cells[cells.len() - 1].trim_matches('`').to_owned(), number(most))
        })
        .collect();
    assert_eq!(told, limits);
}
