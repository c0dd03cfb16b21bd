//! What of a save's payload is news, and what is only its sender's view, which may be stale. News changes what is stored; a
//! view fills in what is missing. Nothing brings back a deleted comment.

/// Velt's own fields of a thread that an event may be about, which is their whole list. Each other field is the app's.
pub(crate) const OWN_FIELDS: [&str; 10] = [
    "status",
    "priority",
    "assignedTo",
    "resolvedByUserId",
    "visibilityConfig",
    "customList",
    "suggestion",
    "from",
    "targetTextRange",
    "metadata",
];

/// What a save means, which its event and its `commentId` say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// What becomes of the comment that `commentId` names.
    pub(crate) named: Named,
    /// What becomes of the payload's other comments.
    pub(crate) others: Others,
    /// Which of Velt's own fields are news.
    own: Own,
    /// Whether the app's fields are.
    apps: bool,
    /// Whether a thread that was deleted is made anew.
    pub(crate) revives: bool,
}

/// What becomes of the comment that a save names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// It is stored if it is missing.
    Seen,
    /// It is stored as it came.
    Added,
    /// It is stored, and of a stored one each field stays that did not come.
    Updated,
    /// It is deleted.
    Deleted,
}

/// What becomes of the comments that a save does not name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Others {
    /// Those that are missing are stored.
    Seen,
    /// Those that the sender wrote are updated, and of the others those that are missing are stored.
    SetIfOwn,
    /// They are stored as they came.
    Set,
}

/// Which of [`OWN_FIELDS`] are news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Own {
    None,
    Only(&'static [&'static str]),
    All,
}

impl Meaning {
    /// What a save means.
    ///
    /// This is the whole table; `docs/decisions/0002-readings.md` has it in words, and a test of each row. An event of the
    /// thread is about the thread even if the request names a comment, as it does for a thread that is added. Any other event
    /// with a `commentId` is its sender's view, and an unknown one without is about the thread.
    #[rustfmt::skip]
    pub(crate) fn of(event: Option<&str>, names_comment: bool, by_user: bool) -> Self {
        use self::{Named::{Added, Deleted, Seen, Updated}, Own::{All, None, Only}};
        const STATUS: &[&str] = &["status", "resolvedByUserId"];
        let row = |named, others, own, apps, revives| Self { named, others, own, apps, revives };
        let (view, set) = (Others::Seen, if by_user { Others::SetIfOwn } else { Others::Set });
        match (event.unwrap_or_default(), names_comment) {
            // event                                                     named    others Velt's fields                app's  revives
            ("comment_annotation.add", _)                         => row(Seen,    view,  All,                         true,  true),
            ("comment.add", true)                                 => row(Added,   view,  None,                        true,  false),
            ("comment.update", true)                              => row(Updated, view,  None,                        true,  false),
            ("comment.delete", true)                              => row(Deleted, view,  None,                        false, false),
            ("", true)                                            => row(Updated, view,  None,                        false, false),
            ("", false)                                           => row(Seen,    set,   All,                         true,  true),
            ("comment_annotation.assign", _)                      => row(Seen,    view,  Only(&["assignedTo"]),       true,  false),
            ("comment_annotation.status_change", _)               => row(Seen,    view,  Only(STATUS),                true,  false),
            ("comment_annotation.priority_change", _)             => row(Seen,    view,  Only(&["priority"]),         true,  false),
            ("comment_annotation.access_mode_change", _)          => row(Seen,    view,  Only(&["visibilityConfig"]), true,  false),
            ("comment_annotation.custom_list_change", _)          => row(Seen,    view,  Only(&["customList"]),       true,  false),
            ("comment_annotation.suggestion_accept"
                | "comment_annotation.suggestion_reject", _)      => row(Seen,    view,  Only(&["suggestion"]),       true,  false),
            ("comment_annotation.approve"
                | "comment_annotation.subscribe"
                | "comment_annotation.unsubscribe", _)            => row(Seen,    view,  None,                        true,  false),
            (_, true)                                             => row(Seen,    view,  None,                        false, false),
            (_, false)                                            => row(Seen,    view,  All,                         true,  false),
        }
    }

    /// Whether a thread's field `name` is news. If not, it is stored only where it is missing.
    pub(crate) fn sets(self, name: &str) -> bool {
        if !OWN_FIELDS.contains(&name) {
            return self.apps;
        }
        match self.own {
            Own::None => false,
            Own::Only(fields) => fields.contains(&name),
            Own::All => true,
        }
    }
}
