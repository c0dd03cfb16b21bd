//! Every operation has its function and route in the template, its binary, its event, its line in the README and its place
//! in `cargo lambda watch`; and nothing else has.

use std::collections::BTreeSet;

use crate::support::{functions, read, root, server};
use crate::template::{Template, argument};

/// The function that stands before the operations.
const AUTHORIZER: &str = "authorizer";

pub(crate) type Names = BTreeSet<(String, String)>;

fn route(method: &http::Method, path: &str) -> String {
    format!("{method} {path}")
}

/// Every route: the name of its function, and method and path.
async fn routes() -> Names {
    let server = server().await;
    let named = |function: local::Function| {
        function.routes().into_iter().map(move |route| (function.name.to_owned(), route.to_string()))
    };
    functions(&server).into_iter().flat_map(named).collect()
}

/// The operations: name, and method and path.
pub(crate) async fn operations() -> Names {
    let server = server().await;
    functions(&server)
        .iter()
        .map(|function| (function.name.to_owned(), route(&function.method, function.path)))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_template_has_a_function_and_a_route_for_each_operation() {
    let template = Template::read();
    let mut deployed = Names::new();
    for (id, properties) in template.operations() {
        let name = argument(&properties["FunctionName"], "Sub").as_str().unwrap().strip_prefix("${AWS::StackName}-");
        let name = name.unwrap();
        assert_eq!(properties["CodeUri"], format!("target/lambda/{name}"), "{id}");
        let camel: String = name.split('-').map(|word| word[..1].to_uppercase() + &word[1..]).collect();
        assert_eq!(id, camel);
        for event in properties["Events"].as_mapping().unwrap().values() {
            let route = &event["Properties"];
            assert_eq!(argument(&route["ApiId"], "Ref"), "Api", "{id}");
            let route = format!("{} {}", route["Method"].as_str().unwrap(), route["Path"].as_str().unwrap());
            assert!(deployed.insert((name.to_owned(), route)), "{id} is there twice");
        }
    }
    assert_eq!(deployed, routes().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_operation_has_its_binary() {
    let mut binaries = BTreeSet::new();
    for package in root().join("functions").read_dir().unwrap() {
        let package = package.unwrap().file_name().into_string().unwrap();
        for binary in root().join("functions").join(&package).join("src/bin").read_dir().unwrap() {
            let name = binary.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
            assert!(name.starts_with(&package), "{name} is a function of {package}");
            if package != AUTHORIZER {
                binaries.insert(name);
            }
        }
    }
    let operations: BTreeSet<String> = operations().await.into_iter().map(|(name, _)| name).collect();
    assert_eq!(binaries, operations);
}

#[tokio::test(flavor = "multi_thread")]
async fn cargo_lambda_watch_answers_at_the_same_paths() {
    let manifest = read("Cargo.toml");
    let (_, lines) = manifest.split_once("[workspace.metadata.lambda.watch.router]\n").unwrap();
    let lines = lines.lines().take_while(|line| !line.is_empty()).filter(|line| !line.starts_with('#'));
    let watched = lines.map(|line| {
        let (path, name) = line.split_once(" = ").unwrap();
        (name.trim_matches('"').to_owned(), path.trim_matches('"').to_owned())
    });
    let paths = routes().await.into_iter().map(|(name, route)| (name, route.split_once(' ').unwrap().1.to_owned()));
    assert_eq!(watched.collect::<Names>(), paths.collect());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_readme_lists_each_operation() {
    let readme = read("README.md");
    let rows = readme.lines().filter(|line| line.starts_with("| `") && line.contains("` | `"));
    let rows = rows.map(|row| {
        let mut cells = row.split('`').skip(1).step_by(2);
        let (name, path) = (cells.next().unwrap(), cells.next().unwrap());
        // What is not said is a POST, as every operation of Velt's is.
        (name.to_owned(), if path.starts_with('/') { format!("POST {path}") } else { path.to_owned() })
    });
    assert_eq!(rows.collect::<Names>(), operations().await);
}
