//! The functions, as Lambda would run them: from an event's JSON to a response's JSON.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::future::BoxFuture;
use http::Method;
use lambda_http::Context;
use shared::access::{Access, Gate, backend_path};
use shared::edge;
use shared::operation::Operation;
use shared::setup::{Setup, SetupError, Store as _};

use crate::{event, live};

/// How long a function may take, as `template.yaml` sets it.
pub const TIMEOUT: Duration = Duration::from_secs(29);

/// One operation, ready to be invoked.
pub struct Function {
    /// Its name, which is that of its binary.
    pub name: &'static str,
    /// The method it is served by.
    pub method: Method,
    /// Who may call it.
    pub access: Access,
    /// The path it is served at.
    pub path: &'static str,
    invoke: Box<dyn Fn(String, String) -> BoxFuture<'static, serde_json::Result<String>> + Send + Sync>,
}

/// A route of the gateway to a function.
#[derive(Clone, Debug)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path; `{name}` stands for one segment.
    pub path: String,
    /// Who may call it.
    pub access: Access,
}

impl std::fmt::Display for Route {
    /// The route's key, as the gateway has it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl std::fmt::Debug for Function {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Function").field("name", &self.name).field("path", &self.path).finish_non_exhaustive()
    }
}

impl Function {
    fn of<O: Operation>(setup: &Setup) -> Result<Self, SetupError> {
        let opened = Arc::new((Gate::open(setup)?, O::Store::open(setup)?));
        let invoke = move |event: String, request_id: String| {
            let opened = Arc::clone(&opened);
            let invocation = async move {
                let (answer, line) = edge::invoke::<O>(&opened.0, &opened.1, &event, context(request_id)).await;
                tracing::info!("{}", live::text(&line));
                serde_json::to_string(&answer)
            };
            Box::pin(invocation) as BoxFuture<'static, _>
        };
        Ok(Self { name: O::NAME, method: O::METHOD, access: O::ACCESS, path: O::PATH, invoke: Box::new(invoke) })
    }

    /// The routes that it is served by: the operation's own, for Velt's operations that of the app's backend, and `HEAD` for
    /// `GET`.
    #[must_use]
    pub fn routes(&self) -> Vec<Route> {
        let own = (self.method.clone(), self.path.to_owned(), self.access);
        let backend = backend_path(self.path).map(|path| (self.method.clone(), path, Access::Backend));
        let head = (self.method == Method::GET).then(|| (Method::HEAD, self.path.to_owned(), self.access));
        let routes = std::iter::once(own).chain(backend).chain(head);
        routes.map(|(method, path, access)| Route { method, path, access }).collect()
    }

    /// The event of a request with this body of JSON at `path`, as the gateway sends it.
    ///
    /// # Panics
    /// `path` is no path.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a path that a test writes is one")]
    pub fn event(&self, path: &str, body: &str) -> String {
        let request = http::Request::builder().method(&self.method).uri(path);
        let request = request.header(http::header::CONTENT_TYPE, "application/json").body(());
        let (parts, ()) = request.expect("a path").into_parts();
        let route = format!("{} {}", self.method, self.path);
        event::of_request(&parts, body.as_bytes(), &route, "request").to_string()
    }

    /// Invokes the function with an event's JSON; its answer is the response's JSON.
    ///
    /// # Errors
    /// The answer has no JSON form.
    pub async fn invoke(&self, event: String, request_id: String) -> serde_json::Result<String> {
        (self.invoke)(event, request_id).await
    }
}

/// Every function of the bundle. `template.yaml`, the binaries and the events are held against this list.
///
/// # Errors
/// A setting is not valid.
pub fn functions(setup: &Setup) -> Result<Vec<Function>, SetupError> {
    Ok(vec![
        Function::of::<comments::Get>(setup)?,
        Function::of::<comments::Save>(setup)?,
        Function::of::<comments::Delete>(setup)?,
        Function::of::<documents::Rekey>(setup)?,
        Function::of::<reactions::Get>(setup)?,
        Function::of::<reactions::Save>(setup)?,
        Function::of::<reactions::Delete>(setup)?,
        Function::of::<recordings::Get>(setup)?,
        Function::of::<recordings::Save>(setup)?,
        Function::of::<recordings::Delete>(setup)?,
        Function::of::<recordings::Upload>(setup)?,
        Function::of::<recordings::UploadDelete>(setup)?,
        Function::of::<attachments::Save>(setup)?,
        Function::of::<files::Get>(setup)?,
        Function::of::<attachments::Delete>(setup)?,
        Function::of::<uploads::Start>(setup)?,
        Function::of::<uploads::Finish>(setup)?,
        Function::of::<activity::Get>(setup)?,
        Function::of::<activity::Save>(setup)?,
        Function::of::<notifications::Get>(setup)?,
        Function::of::<notifications::Save>(setup)?,
        Function::of::<notifications::Delete>(setup)?,
        Function::of::<users::Get>(setup)?,
        Function::of::<users::Save>(setup)?,
        Function::of::<users::Delete>(setup)?,
        Function::of::<users::Resolve>(setup)?,
    ])
}

fn context(request_id: String) -> Context {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mut context = Context::default();
    context.request_id = request_id;
    context.deadline = u64::try_from((now + TIMEOUT).as_millis()).unwrap_or(u64::MAX);
    context
}
