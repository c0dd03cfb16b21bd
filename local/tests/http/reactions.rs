use serde_json::json;

use crate::support::App;

#[tokio::test(flavor = "multi_thread")]
async fn the_author_of_an_old_clients_reaction_is_answered_as_from() {
    let app = App::start().await;
    let old = json!({ "annotationId": "r", "icon": "👍", "user": { "userId": "u1" } });
    let metadata = json!({ "organizationId": "acme", "documentId": "doc" });
    app.ok("reactions/save", &json!({ "reactionAnnotation": { "r": old }, "metadata": metadata })).await;
    let request = json!({ "organizationId": "acme", "documentIds": ["doc"] });
    let answer = app.ok("reactions/get", &request).await;
    assert_eq!(answer, json!({ "r": { "annotationId": "r", "icon": "👍", "from": { "userId": "u1" } } }));
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_merge_and_a_null_clears() {
    let app = App::start().await;
    for reaction in [json!({ "icon": "a", "extra": 0 }), json!({ "icon": null })] {
        let metadata = json!({ "organizationId": "acme" });
        let request = json!({ "reactionAnnotation": { "r": reaction }, "metadata": metadata, "event": "reaction.add" });
        app.ok("reactions/save", &request).await;
    }
    let answer = app.ok("reactions/get", &json!({ "organizationId": "acme", "reactionAnnotationIds": ["r"] })).await;
    assert_eq!(answer, json!({ "r": { "annotationId": "r", "icon": null, "extra": 0 } }));
}
