//! Files in S3, and the records in DynamoDB that say which there are.
//!
//! A file is an attachment of Velt's: of one storage scope ([`Storage`]), one organization, perhaps one document, and one
//! attachment id. What was uploaded for it is an object, named by its content's digest, so that a repeated upload lands on
//! the same object. An object is reachable only while the attachment's record names it.
//!
//! | module | what it knows |
//! |---|---|
//! | [`attachment`] | what identifies an attachment, its record, its object keys |
//! | [`kind`] | which bytes a browser may show inside a page, and as what |
//! | [`name`] | what a file may be called |
//! | [`link`] | the signed links that are stored in comments |
//! | [`named`] | the files that a record names |
//! | [`form`] | `multipart/form-data` uploads |
//! | [`bucket`] | the calls to S3 |
//! | [`direct`] | uploads from the browser to S3: presigned POST and parts |
//! | [`renamed`] | attachments of a document that was renamed |
//! | [`writer`], [`remover`], [`reader`] | saving, deleting and serving files, each with no more than it needs |
//!
//! S3 is linked only by the functions that use this crate.

pub mod attachment;
pub mod bucket;
pub mod direct;
pub mod form;
pub mod kind;
pub mod link;
pub mod name;
pub mod named;
pub mod reader;
pub mod remover;
pub mod renamed;
pub mod writer;

pub use attachment::{Attachment, Storage};
pub use reader::FileReader;
pub use remover::FileRemover;
pub use writer::FileWriter;
