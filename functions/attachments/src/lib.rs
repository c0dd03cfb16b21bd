//! The attachment provider: one Lambda function an operation; see `src/bin`.

use shared::Error;
use shared::access::Access;
use shared::operation::{Answer, Json, Operation};
use shared::scope::Caller;
use storage::form::{self, DeleteAttachmentResolverRequest};
use storage::writer::Saved;
use storage::{FileRemover, FileWriter, Storage};

/// `attachments/save`: stores a file, and answers its link.
#[derive(Debug)]
pub struct Save;

impl Operation for Save {
    const NAME: &'static str = "attachments-save";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/attachments/save";
    type Store = FileWriter;
    type Request = form::Upload;
    type Answer = Answer<Saved>;

    async fn run(files: &FileWriter, caller: &Caller, upload: form::Upload) -> Result<Self::Answer, Error> {
        Ok(Answer::with(upload.save(files, caller, Storage::Attachments).await?, 1))
    }
}

/// `attachments/delete`: deletes a file. One that is gone is deleted already.
#[derive(Debug)]
pub struct Delete;

impl Operation for Delete {
    const NAME: &'static str = "attachments-delete";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/attachments/delete";
    type Store = FileRemover;
    type Request = Json<DeleteAttachmentResolverRequest>;
    type Answer = Answer<()>;

    async fn run(files: &FileRemover, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        Ok(Answer::done(files.delete(&request.open(caller, Storage::Attachments)?).await?))
    }
}
