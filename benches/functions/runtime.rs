//! Lambda's runtime API, played for one function's process at a time.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use http::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Mutex, mpsc};

/// A clock tick of Linux's process accounting.
const TICK: Duration = Duration::from_millis(10);

struct Runtime {
    asked: mpsc::Sender<()>,
    events: Mutex<mpsc::Receiver<Bytes>>,
    answers: mpsc::Sender<Bytes>,
}

async fn next(State(runtime): State<Arc<Runtime>>) -> impl IntoResponse {
    runtime.asked.send(()).await.unwrap();
    let event = runtime.events.lock().await.recv().await.unwrap_or_default();
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(29);
    let headers = [
        ("lambda-runtime-aws-request-id", "8476a536-e9f4-11e8-9739-2dfe598c3fcd".to_owned()),
        ("lambda-runtime-deadline-ms", deadline.as_millis().to_string()),
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:us-east-1:000000000000:function:f".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event)
}

async fn answered(State(runtime): State<Arc<Runtime>>, body: Bytes) -> StatusCode {
    runtime.answers.send(body).await.unwrap();
    StatusCode::ACCEPTED
}

/// A function's process, and the ends of its runtime API.
pub(crate) struct Function {
    child: Child,
    asked: mpsc::Receiver<()>,
    events: mpsc::Sender<Bytes>,
    answers: mpsc::Receiver<Bytes>,
}

impl Function {
    /// Starts it; how long it took until it asked for its first event.
    pub(crate) async fn start(binary: &Path, environment: &[(String, String)]) -> (Self, Duration) {
        let (asked_sender, asked) = mpsc::channel(1);
        let (events, event_receiver) = mpsc::channel(1);
        let (answer_sender, answers) = mpsc::channel(1);
        let runtime = Runtime { asked: asked_sender, events: Mutex::new(event_receiver), answers: answer_sender };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(answered))
            .layer(axum::extract::DefaultBodyLimit::disable())
            .with_state(Arc::new(runtime));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        let mut command = Command::new(binary);
        command.envs(environment.iter().cloned()).env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        for (name, value) in [("NAME", "f"), ("VERSION", "1"), ("MEMORY_SIZE", "256")] {
            command.env(format!("AWS_LAMBDA_FUNCTION_{name}"), value);
        }
        let started = Instant::now();
        let child = command.stdout(Stdio::null()).spawn().unwrap();
        let mut function = Self { child, asked, events, answers };
        function.asked.recv().await.unwrap();
        (function, started.elapsed())
    }

    /// Invokes it; how long that took.
    pub(crate) async fn invoke(&mut self, event: &Bytes) -> Duration {
        let started = Instant::now();
        self.events.send(event.clone()).await.unwrap();
        let answer = self.answers.recv().await.unwrap();
        let took = started.elapsed();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["statusCode"], 200, "{answer}");
        self.asked.recv().await.unwrap();
        took
    }

    /// Its largest resident set so far, in megabytes.
    pub(crate) fn peak(&self) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        let kilobytes: f64 = line.trim().trim_end_matches(" kB").parse().unwrap();
        kilobytes / 1024.0
    }

    /// The processor time that it has used, to the hundredth of a second.
    pub(crate) fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // After the name in parentheses, which may hold spaces; user and system time are the 14th and 15th field.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u32>().unwrap()).sum::<u32>();
        TICK * ticks
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
