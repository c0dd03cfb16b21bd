use serde_json::{Value, json};

use crate::support::App;

fn save(recording: &Value) -> Value {
    let metadata = json!({ "organizationId": "acme", "documentId": "doc" });
    json!({ "recorderAnnotation": { "r": recording }, "event": "recorder_annotation.add", "metadata": metadata })
}

async fn stored(app: &App) -> Value {
    app.ok("recordings/get", &json!({ "organizationId": "acme", "recorderAnnotationIds": ["r"] })).await["r"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_is_kept_with_all_that_is_nested_in_it() {
    let app = App::start().await;
    let recording = json!({
        "annotationId": "r",
        "from": { "userId": "u1", "name": "Ann" },
        "attachment": null,
        "attachments": [{ "attachmentId": 123_456, "url": "https://files.example.com/a" }],
        "chunkUrls": { "0": "https://files.example.com/0", "1": "https://files.example.com/1" },
        "recordingEditVersions": { "1": { "attachment": null, "transcription": { "segments": [{ "text": "hi", "at": 0.1 }] } } },
    });
    let answer = app.post("recordings/save", &save(&recording)).await;
    assert!(answer.body.get("data").is_none(), "nothing was made of the recording");
    assert_eq!(stored(&app).await, recording);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transcript_of_megabytes_is_kept_replaced_and_deleted() {
    let app = App::start().await;
    let transcript = |text: &str| json!({ "segments": text.repeat(2_000_000 / text.len()) });
    let recording = json!({ "annotationId": "r", "transcription": transcript("é, "), "chunkUrls": { "0": "a" } });
    app.ok("recordings/save", &save(&recording)).await;
    assert_eq!(stored(&app).await, recording);
    app.ok("recordings/save", &save(&json!({ "transcription": transcript("other ") }))).await;
    let found = stored(&app).await;
    assert_eq!(found["transcription"], transcript("other "));
    assert_eq!(found["chunkUrls"], recording["chunkUrls"]);
    let delete = json!({ "recorderAnnotationId": "r", "metadata": { "organizationId": "acme" } });
    app.ok("recordings/delete", &delete).await;
    app.ok("recordings/delete", &delete).await;
    assert_eq!(stored(&app).await, Value::Null);
}
