//! `examples/upload.js` and links to files in a real browser, from a page of another origin.

#![expect(clippy::unwrap_used, reason = "a test that fails here says where")]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::response::{Html, IntoResponse};
use axum::routing::{get, post};
use http::header;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::program::Program;

#[path = "../http/program.rs"]
#[allow(dead_code, reason = "others use more of it")]
mod program;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// The app: a page, its script, and where the page tells what it saw.
async fn app(results: mpsc::Sender<Value>) -> String {
    let script = || async { ([(header::CONTENT_TYPE, "text/javascript")], read("examples/upload.js")) };
    let result = move |body: String| async move {
        results.send(serde_json::from_str(&body).unwrap()).await.unwrap();
    };
    let router = Router::new()
        .route("/", get(|| async { Html(read("local/tests/browser/page.html")) }))
        .route("/isolated", get(isolated))
        .route("/upload.js", get(script))
        .route("/result", post(result));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// The page as one that takes only what says that it may be taken.
async fn isolated() -> impl IntoResponse {
    let headers = [("cross-origin-embedder-policy", "require-corp"), ("cross-origin-opener-policy", "same-origin")];
    (headers, Html(read("local/tests/browser/page.html")))
}

struct Browser(Child);

impl Browser {
    fn open(url: &str, profile: &Path) -> Self {
        assert!(Command::new(root().join("scripts/setup")).status().unwrap().success(), "scripts/setup");
        let arguments = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--autoplay-policy=no-user-gesture-required",
        ];
        let mut command = Command::new("chromium");
        command.args(arguments).arg(format!("--user-data-dir={}", profile.display())).arg(url);
        Self(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Its other processes end with this one.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_uploaded_with_progress_and_shown() {
    let (sender, mut results) = mpsc::channel(1);
    let app = app(sender).await;
    let program = Program::start(&["--in-memory", "--allow-origin", &app]);
    let profile = tempfile::tempdir().unwrap();
    let browser = Browser::open(&format!("{app}/?api={}", program.url), profile.path());
    let mut told = async || {
        let result = tokio::time::timeout(Duration::from_mins(4), results.recv()).await;
        let result: Value = result.unwrap_or_else(|_| panic!("the page told nothing")).unwrap();
        assert!(result.get("error").is_none(), "{result:#}");
        result
    };
    let result = told().await;
    drop(browser);
    let profile = tempfile::tempdir().unwrap();
    let link = percent_encoding::utf8_percent_encode(
        result["form"]["url"].as_str().unwrap(),
        percent_encoding::NON_ALPHANUMERIC,
    );
    let browser = Browser::open(&format!("{app}/isolated?api={}&link={link}", program.url), profile.path());
    let isolated = told().await;
    drop(browser);
    program.interrupt();
    let png = 70;
    let read = json!({ "bytes": png, "head": [200, png], "part": [206, "PNG"], "canvas": true });
    assert_eq!(result["script"], read, "{result:#}");
    assert_eq!(isolated["isolated"]["canvas"], json!(true), "{isolated:#}");
    assert_eq!(isolated["isolated"]["crossOriginIsolated"], json!(true), "{isolated:#}");
    assert_eq!(
        (&result["resumed"]["stopped"], &result["resumed"]["image"]),
        (&json!("stopped"), &json!("load")),
        "{result:#}"
    );
    assert!(result["resumed"]["first"].as_f64().unwrap() > 0.08, "what had arrived is not sent again: {result:#}");
    let recorded = result["recorded"].as_object().unwrap();
    assert!(recorded.len() >= 3, "{result:#}");
    for (kind, seen) in recorded {
        assert_eq!((&seen["event"], &seen["kind"]), (&json!("loadeddata"), &json!("inline")), "{kind}: {result:#}");
    }
    let chunks = &result["chunks"];
    assert!(chunks["count"].as_u64().unwrap() > 1, "{result:#}");
    assert_eq!([&chunks["played"], &chunks["joined"]], [&json!("loadeddata"); 2], "{result:#}");
    assert_eq!(chunks["left"], json!(0), "a recording takes its chunks with it: {result:#}");
    assert_eq!(result["hacked"], json!([]), "{result:#}");
    // Eight megabytes may be through before the browser tells of progress a second time.
    for (upload, least) in [("posted", 1), ("parts", 4)] {
        let progress: Vec<f64> = serde_json::from_value(result[upload]["progress"].clone()).unwrap();
        assert!(progress.is_sorted() && progress.len() >= least, "{upload}: {progress:?}");
        assert!((progress.last().unwrap() - 1.0).abs() < 1e-9, "{upload}: {progress:?}");
    }
    for shown in ["posted", "parts", "form"] {
        assert_eq!(result[shown]["image"], "load", "{shown}: {result:#}");
    }
    assert_eq!(result["video"]["video"], "loadeddata", "{result:#}");
    assert_eq!(result["html"]["hacked"], json!(false));
}
