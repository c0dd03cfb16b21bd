//! Files, over HTTP and through their links: against the embedded S3, and against moto's, which others wrote.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that fails here says where")]

mod direct;
mod forms;
mod links;
#[path = "../moto/mod.rs"]
mod moto;
mod parts;
mod records;
mod rotation;
mod store;
mod support;

/// Runs each scenario against both.
macro_rules! scenarios {
    ($($module:ident::$name:ident,)*) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::$module::$name(crate::support::App::embedded().await).await;
            })*
        }
        mod by_moto {
            $(#[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                crate::$module::$name(crate::support::App::by_moto().await).await;
            })*
        }
    };
}

scenarios! {
    forms::both_styles_and_any_order_of_parts_store_the_bytes_exactly,
    forms::any_name_is_taken_and_comes_back,
    forms::long_and_deceiving_names_are_cut_and_their_links_work,
    forms::a_part_is_a_file_however_its_headers_are_written,
    forms::an_attachment_without_an_id_gets_one,
    forms::ids_that_no_link_can_hold_are_refused,
    forms::the_same_upload_twice_is_one_object_and_one_link,
    forms::another_content_is_another_object_and_both_stay_until_the_delete,
    forms::documents_organizations_and_scopes_keep_their_files_apart,
    forms::what_is_no_upload_is_refused_and_leaves_nothing,
    links::a_file_is_read_by_its_link_whole_and_in_ranges,
    links::what_is_not_proven_safe_is_downloaded,
    links::no_declared_type_is_served_inside_a_page,
    links::what_browsers_can_play_is_inside_the_page,
    links::a_deleted_file_is_gone_and_its_delete_can_be_repeated,
    links::a_changed_link_is_refused,
    direct::a_posted_file_is_reachable_once_it_is_finished,
    direct::a_finish_can_be_repeated_and_finds_the_same_object_as_a_form,
    direct::what_was_not_uploaded_as_said_is_refused,
    direct::what_is_posted_again_after_the_finish_changes_nothing,
    records::files_follow_a_renamed_document,
    records::a_thread_takes_its_files_with_it,
    records::a_recording_takes_its_files_with_it,
    records::files_that_a_record_named_before_go_with_it,
    records::a_deleted_file_is_not_brought_back_by_a_late_retry,
}
