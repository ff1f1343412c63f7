//! A file of a record, as it is known beside its bytes. Knows neither where the bytes lie nor how they came.

use crate::moment::Moment;
use crate::record::Name;
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq)]
pub struct Attachment {
    pub id: Uuid,
    pub object: Name,
    /// Absent while it waits for the record it was sent for.
    pub record: Option<Uuid>,
    /// The field that names it, or that it was sent for; absent for a file of the record as a whole.
    pub field: Option<Name>,
    pub name: String,
    /// As read from the content.
    pub media_type: String,
    pub size: i64,
    pub sha256: String,
    pub uploaded_by: Option<Uuid>,
    pub uploaded_at: Moment,
}

impl Attachment {
    pub fn is_image(&self) -> bool {
        self.media_type.starts_with("image/")
    }
}

/// What becomes of a file when a decision is carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum FileChange {
    /// It is taken in.
    Add(Attachment),
    /// It becomes that of a record's field.
    Claim { id: Uuid, object: Name, record: Uuid, field: Name },
    /// No field names it any more.
    Drop { id: Uuid, at: Moment },
}
