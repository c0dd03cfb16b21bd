use shared::Error;
use shared::access::Access;
use shared::operation::{Answer, Json, Operation};
use shared::scope::Caller;
use storage::form::{self, DeleteAttachmentResolverRequest};
use storage::writer::Saved;
use storage::{FileRemover, FileWriter, Storage};

/// `recordings/upload`: stores a recording's file, and answers its link.
#[derive(Debug)]
pub struct Upload;

impl Operation for Upload {
    const NAME: &'static str = "recordings-upload";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/recordings/upload";
    type Store = FileWriter;
    type Request = form::Upload;
    type Answer = Answer<Saved>;

    async fn run(files: &FileWriter, caller: &Caller, upload: form::Upload) -> Result<Self::Answer, Error> {
        Ok(Answer::with(upload.save(files, caller, Storage::Recordings).await?, 1))
    }
}

/// `recordings/upload/delete`: deletes a recording's file. One that is gone is deleted already.
#[derive(Debug)]
pub struct UploadDelete;

impl Operation for UploadDelete {
    const NAME: &'static str = "recordings-upload-delete";
    const ACCESS: Access = Access::Write;
    const PATH: &'static str = "/api/velt/recordings/upload/delete";
    type Store = FileRemover;
    type Request = Json<DeleteAttachmentResolverRequest>;
    type Answer = Answer<()>;

    async fn run(files: &FileRemover, caller: &Caller, Json(request): Self::Request) -> Result<Self::Answer, Error> {
        Ok(Answer::done(files.delete(&request.open(caller, Storage::Recordings)?).await?))
    }
}
