//! A server of a test's own, and requests that read like requests.

use local::{Options, Server};
use reqwest::Response;
use serde_json::{Value, json};

/// A running server with stores in memory, and a client.
pub(crate) struct App {
    pub(crate) server: Server,
    pub(crate) http: reqwest::Client,
}

/// An answer: its status, and its body as JSON and as text.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    pub(crate) text: String,
}

impl App {
    pub(crate) async fn start() -> Self {
        Self::with(Options::default()).await
    }

    pub(crate) async fn with(options: Options) -> Self {
        Self { server: Server::start(options).await.unwrap(), http: reqwest::Client::new() }
    }

    pub(crate) fn url(&self, operation: &str) -> String {
        format!("{}/api/velt/{operation}", self.server.url())
    }

    /// Posts JSON to an operation, as `comments/save`.
    pub(crate) async fn post(&self, operation: &str, body: &Value) -> Answer {
        self.post_text(operation, body.to_string()).await
    }

    pub(crate) async fn post_text(&self, operation: &str, body: impl Into<reqwest::Body>) -> Answer {
        let request = self.http.post(self.url(operation)).header("content-type", "application/json").body(body);
        Answer::read(request.send().await.unwrap()).await
    }

    /// Posts, and expects a success.
    pub(crate) async fn ok(&self, operation: &str, body: &Value) -> Value {
        let answer = self.post(operation, body).await;
        assert_eq!(answer.status, 200, "{operation} answered {}", answer.text);
        assert_eq!(answer.body["success"], true);
        assert_eq!(answer.body["statusCode"], 200);
        answer.body["data"].clone()
    }

    /// Posts, and expects a failure of this status, in the answer's shape; its message.
    pub(crate) async fn refused(&self, status: u16, operation: &str, body: &Value) -> String {
        self.post(operation, body).await.refused(status)
    }

    /// The thread `id` of the organization `acme`; null when there is none.
    pub(crate) async fn thread(&self, id: &str) -> Value {
        let data = self.ok("comments/get", &json!({ "organizationId": "acme", "commentAnnotationIds": [id] })).await;
        data.get(id).cloned().unwrap_or(Value::Null)
    }

    /// Saves the thread `id` of the organization `acme`.
    pub(crate) async fn save_thread(&self, id: &str, thread: Value, event: &str, comment: impl Into<Value>) {
        let request = json!({
            "commentAnnotation": { id: thread },
            "event": event,
            "commentId": comment.into(),
            "metadata": { "organizationId": "acme", "documentId": "doc" },
        });
        self.ok("comments/save", &request).await;
    }
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        Self { status, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// Expects a failure of this status, in the answer's shape; its message.
    pub(crate) fn refused(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}", self.text);
        assert_eq!(self.body["success"], false, "{}", self.text);
        assert_eq!(self.body["statusCode"], status, "{}", self.text);
        assert!(self.body.get("data").is_none(), "{}", self.text);
        assert_eq!(self.body["error"], self.body["message"]);
        assert!(self.body["errorCode"].is_string(), "{}", self.text);
        self.body["message"].as_str().unwrap().to_owned()
    }
}

/// The providers whose records are saved, read and deleted alike, by the names of their requests' parts.
pub(crate) struct Provider {
    pub(crate) name: &'static str,
    pub(crate) records: &'static str,
    pub(crate) id: &'static str,
    pub(crate) ids: &'static str,
    /// The name of the id in a delete; none where there is no delete.
    pub(crate) delete_id: Option<&'static str>,
    /// Whether requests name the organization at their top, as well or instead of in `metadata`.
    pub(crate) organization_on_top: bool,
}

pub(crate) const PROVIDERS: [Provider; 5] = [
    Provider {
        name: "comments",
        records: "commentAnnotation",
        id: "annotationId",
        ids: "commentAnnotationIds",
        delete_id: Some("commentAnnotationId"),
        organization_on_top: false,
    },
    Provider {
        name: "reactions",
        records: "reactionAnnotation",
        id: "annotationId",
        ids: "reactionAnnotationIds",
        delete_id: Some("reactionAnnotationId"),
        organization_on_top: false,
    },
    Provider {
        name: "recordings",
        records: "recorderAnnotation",
        id: "annotationId",
        ids: "recorderAnnotationIds",
        delete_id: Some("recorderAnnotationId"),
        organization_on_top: false,
    },
    Provider {
        name: "activity",
        records: "activity",
        id: "id",
        ids: "activityIds",
        delete_id: None,
        organization_on_top: true,
    },
    Provider {
        name: "notifications",
        records: "notifications",
        id: "notificationId",
        ids: "notificationIds",
        delete_id: Some("notificationId"),
        organization_on_top: true,
    },
];

impl Provider {
    pub(crate) fn save_request(&self, organization: &str, id: &str, fields: &Value) -> Value {
        let mut request = json!({ self.records: { id: fields } });
        self.name_organization(&mut request, organization);
        request
    }

    /// A record saved with these fields, as it is answered: with its id.
    pub(crate) fn answered(&self, id: &str, fields: &Value) -> Value {
        let mut fields = fields.clone();
        fields[self.id] = json!(id);
        fields
    }

    pub(crate) fn get_request(&self, organization: &str, ids: &[&str]) -> Value {
        json!({ "organizationId": organization, self.ids: ids })
    }

    pub(crate) fn delete_request(&self, organization: &str, id: &str) -> Option<Value> {
        let mut request = json!({ self.delete_id?: id });
        self.name_organization(&mut request, organization);
        Some(request)
    }

    pub(crate) fn operation(&self, operation: &str) -> String {
        format!("{}/{operation}", self.name)
    }

    fn name_organization(&self, request: &mut Value, organization: &str) {
        if self.organization_on_top {
            request["organizationId"] = json!(organization);
        } else {
            request["metadata"] = json!({ "organizationId": organization });
        }
    }
}
