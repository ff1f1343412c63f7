//! The bytes of attachments, in a folder or in a bucket: taken in under a bound and hashed on the way, kept once their row
//! is committed, read in blocks, removed after their row. Knows no rows and no rights.

#[cfg(feature = "s3")]
mod bucket;
mod folder;
mod kind;
#[cfg(feature = "s3")]
mod wire;

#[cfg(feature = "s3")]
pub use bucket::{Bucket, Settings as BucketSettings};
pub use kind::{Kind, kind_of};

use crate::auth::token::hex;
use bytes::Bytes;
use folder::Folder;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use packwork_engine::moment::Moment;
use sha2::{Digest as _, Sha256};
use std::fmt::Display;
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use uuid::Uuid;

/// How much of the content tells its kind.
const HEAD: usize = 8 * 1024;
/// What is incoming for longer than any upload takes was left behind.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Where attachments lie, and how large one may be.
#[derive(Clone, Debug)]
pub struct Files {
    place: Place,
    pub bytes_max: u64,
}

#[derive(Clone, Debug)]
enum Place {
    Folder(Folder),
    #[cfg(feature = "s3")]
    Bucket(Bucket),
}

/// The bytes of an attachment, in blocks.
pub type Body = BoxStream<'static, io::Result<Bytes>>;

/// A file that came in whole and waits for its row.
#[derive(Debug)]
pub struct Incoming {
    pub size: u64,
    pub sha256: String,
    pub kind: Kind,
}

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    #[error("the upload broke off: {0}")]
    BrokenOff(String),
    #[error("the place of attachments failed")]
    Io(#[from] io::Error),
}

/// What is learnt of a file while it passes.
struct Digest {
    name: String,
    bytes_max: u64,
    size: u64,
    head: Vec<u8>,
    hash: Sha256,
}

impl Digest {
    fn of(name: &str, bytes_max: u64) -> Digest {
        Digest { name: name.to_owned(), bytes_max, size: 0, head: Vec::new(), hash: Sha256::new() }
    }

    fn take(&mut self, block: &[u8]) -> Result<(), Error> {
        self.size += block.len() as u64;
        if self.size > self.bytes_max {
            return Err(Error::TooLarge(self.bytes_max));
        }
        self.head.extend_from_slice(&block[..block.len().min(HEAD.saturating_sub(self.head.len()))]);
        self.hash.update(block);
        Ok(())
    }

    fn finish(self) -> Incoming {
        let kind = kind_of(&self.head, &self.name);
        Incoming { size: self.size, sha256: hex(&self.hash.finalize()), kind }
    }
}

impl Files {
    pub fn new(folder: PathBuf, bytes_max: u64) -> Files {
        Files { place: Place::Folder(Folder(folder)), bytes_max }
    }

    #[cfg(feature = "s3")]
    pub fn in_bucket(bucket: Bucket, bytes_max: u64) -> Files {
        Files { place: Place::Bucket(bucket), bytes_max }
    }

    /// Takes in what comes, at most so many bytes, without ever holding all of it.
    pub async fn receive<B, E>(
        &self,
        id: Uuid,
        name: &str,
        bytes_max: u64,
        blocks: impl Stream<Item = Result<B, E>>,
    ) -> Result<Incoming, Error>
    where
        B: AsRef<[u8]>,
        E: Display,
    {
        let digest = Digest::of(name, bytes_max.min(self.bytes_max));
        match &self.place {
            Place::Folder(folder) => folder.receive(id, digest, blocks).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.receive(id, digest, blocks).await,
        }
    }

    /// An incoming file is kept: its row is committed.
    pub async fn settle(&self, id: Uuid) -> io::Result<()> {
        match &self.place {
            Place::Folder(folder) => folder.settle(id).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.settle(id).await,
        }
    }

    /// Its row was not written.
    pub async fn discard(&self, id: Uuid) {
        match &self.place {
            Place::Folder(folder) => folder.discard(id).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.discard(id).await,
        }
    }

    pub async fn read(&self, id: Uuid) -> io::Result<Body> {
        match &self.place {
            Place::Folder(folder) => folder.read(id).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.read(id).await,
        }
    }

    /// Size and digest of what lies there; changes nothing. `None` where nothing is.
    pub async fn measure(&self, id: Uuid) -> io::Result<Option<(u64, String)>> {
        let found = match &self.place {
            Place::Folder(folder) => folder.look(id).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.read(id).await,
        };
        let mut blocks = match found {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        let (mut hash, mut size) = (Sha256::new(), 0_u64);
        while let Some(block) = blocks.next().await {
            let block = block?;
            size += block.len() as u64;
            hash.update(&block);
        }
        Ok(Some((size, hex(&hash.finalize()))))
    }

    pub async fn remove(&self, id: Uuid) -> io::Result<()> {
        match &self.place {
            Place::Folder(folder) => folder.remove(id).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.remove(id).await,
        }
    }

    /// Files that came long ago and were neither kept nor discarded.
    pub async fn abandoned(&self, now: Moment) -> io::Result<Vec<Uuid>> {
        match &self.place {
            Place::Folder(folder) => folder.abandoned(now).await,
            #[cfg(feature = "s3")]
            Place::Bucket(bucket) => bucket.abandoned(now).await,
        }
    }
}
