//! The events that Velt's SDK names in a request, as a set with an end: a metric's dimension may not grow with what is sent.

/// `ResolverActions` and `CommentResolverSaveEvent` of `@veltdev/types` 6.0.6.
pub const EVENTS: [&str; 27] = [
    "comment_annotation.add",
    "comment_annotation.delete",
    "comment.add",
    "comment.delete",
    "comment.update",
    "reaction.add",
    "reaction.delete",
    "attachment.add",
    "attachment.delete",
    "recorder_annotation.add",
    "recorder_annotation.update",
    "recorder_annotation.delete",
    "activity.save",
    "comment_annotation.status_change",
    "comment_annotation.priority_change",
    "comment_annotation.assign",
    "comment_annotation.access_mode_change",
    "comment_annotation.custom_list_change",
    "comment_annotation.approve",
    "comment.accept",
    "comment.reject",
    "comment_annotation.suggestion_accept",
    "comment_annotation.suggestion_reject",
    "comment.reaction_add",
    "comment.reaction_delete",
    "comment_annotation.subscribe",
    "comment_annotation.unsubscribe",
];

/// What stands for every other event.
pub const OTHER: &str = "other";

/// The event, where it is one of [`EVENTS`]; [`OTHER`] where not.
#[must_use]
pub fn known(event: &str) -> &'static str {
    EVENTS.into_iter().find(|known| *known == event).unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_of_velts_or_other() {
        assert_eq!(known("comment.add"), "comment.add");
        for unknown in ["", "comment.add ", "Comment.add", "tell-nobody"] {
            assert_eq!(known(unknown), OTHER, "{unknown}");
        }
    }
}
