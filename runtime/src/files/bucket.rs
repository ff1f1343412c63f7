//! Attachments in a bucket (Amazon S3, MinIO and the like). An object is written at its place at once; a mark under
//! `incoming` stands beside it until its row is committed, so that what a crash left behind is found without reading the
//! whole bucket. Where the bytes go over the wire is [`super::wire`]'s business.

use super::wire::Wire;
use super::{ABANDONED, Body, Digest, Error, Incoming};
use crate::auth::Secret;
use futures_util::{Stream, StreamExt, TryStreamExt};
use object_store::aws::{AmazonS3, AmazonS3Builder};
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload, RetryConfig};
use packwork_engine::moment::Moment;
use std::fmt::Display;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Bytes of one part of an upload: the least S3 takes, and all of a file that memory holds at once.
const PART: usize = 5 * 1_024 * 1_024;
/// Tries of one request, and how long they take together: people wait for an upload.
const TRIES: usize = 4;
const TRYING: Duration = Duration::from_secs(30);

/// Where a bucket is and how to get in.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Absent for Amazon's own.
    pub endpoint: Option<String>,
    pub region: String,
    pub bucket: String,
    /// What stands before every name in the bucket.
    pub prefix: String,
    /// Absent where the machine itself has a role.
    pub keys: Option<(String, Secret)>,
}

#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<AmazonS3>,
    prefix: String,
}

impl Bucket {
    pub fn open(settings: &Settings) -> Result<Bucket, Error> {
        let retry = RetryConfig { max_retries: TRIES - 1, retry_timeout: TRYING, ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::new()
            .with_bucket_name(&settings.bucket)
            .with_region(&settings.region)
            .with_virtual_hosted_style_request(false)
            // One object goes at a time, and not everything that speaks S3 takes lists.
            .with_disable_bulk_delete(true)
            .with_http_connector(Wire)
            .with_retry(retry);
        if let Some(endpoint) = &settings.endpoint {
            builder = builder.with_endpoint(endpoint).with_allow_http(endpoint.starts_with("http://"));
        }
        if let Some((key, secret)) = &settings.keys {
            builder = builder.with_access_key_id(key).with_secret_access_key(secret.expose());
        }
        let store = Arc::new(builder.build().map_err(io::Error::other)?);
        Ok(Bucket { store, prefix: settings.prefix.trim_matches('/').to_owned() })
    }

    fn named(&self, folder: &str, id: Uuid) -> Path {
        Path::from(format!("{}/{folder}/{}", self.prefix, id.simple()))
    }

    fn place(&self, id: Uuid) -> Path {
        self.named("files", id)
    }

    fn mark(&self, id: Uuid) -> Path {
        self.named("incoming", id)
    }

    pub(super) async fn receive<B, E>(
        &self,
        id: Uuid,
        mut digest: Digest,
        blocks: impl Stream<Item = Result<B, E>>,
    ) -> Result<Incoming, Error>
    where
        B: AsRef<[u8]>,
        E: Display,
    {
        self.store.put(&self.mark(id), PutPayload::new()).await.map_err(io::Error::other)?;
        let sent = self.send(id, &mut digest, blocks).await;
        if let Err(error) = sent {
            self.discard(id).await;
            return Err(error);
        }
        Ok(digest.finish())
    }

    /// A small file goes as a whole, a large one in parts, one after another.
    async fn send<B, E>(
        &self,
        id: Uuid,
        digest: &mut Digest,
        blocks: impl Stream<Item = Result<B, E>>,
    ) -> Result<(), Error>
    where
        B: AsRef<[u8]>,
        E: Display,
    {
        let place = self.place(id);
        let mut blocks = std::pin::pin!(blocks);
        let mut part = Vec::new();
        let mut upload = None;
        let sent: Result<(), Error> = async {
            while let Some(block) = blocks.next().await {
                let block = block.map_err(|error| Error::BrokenOff(error.to_string()))?;
                digest.take(block.as_ref())?;
                let mut rest = block.as_ref();
                while !rest.is_empty() {
                    let (now, later) = rest.split_at(rest.len().min(PART - part.len()));
                    part.extend_from_slice(now);
                    rest = later;
                    if part.len() == PART {
                        let begun = match &mut upload {
                            Some(begun) => begun,
                            none => none.insert(self.store.put_multipart(&place).await.map_err(io::Error::other)?),
                        };
                        begun.put_part(std::mem::take(&mut part).into()).await.map_err(io::Error::other)?;
                    }
                }
            }
            match &mut upload {
                None => drop(self.store.put(&place, std::mem::take(&mut part).into()).await.map_err(io::Error::other)?),
                Some(begun) => {
                    if !part.is_empty() {
                        begun.put_part(std::mem::take(&mut part).into()).await.map_err(io::Error::other)?;
                    }
                    begun.complete().await.map_err(io::Error::other)?;
                }
            }
            Ok(())
        }
        .await;
        if let (Err(_), Some(mut begun)) = (&sent, upload) {
            let _ = begun.abort().await;
        }
        sent
    }

    pub(super) async fn settle(&self, id: Uuid) -> io::Result<()> {
        self.delete(&self.mark(id)).await
    }

    pub(super) async fn discard(&self, id: Uuid) {
        // The mark goes last: what fails here is tried again by housekeeping.
        if self.delete(&self.place(id)).await.is_ok() {
            let _ = self.delete(&self.mark(id)).await;
        }
    }

    pub(super) async fn remove(&self, id: Uuid) -> io::Result<()> {
        self.delete(&self.place(id)).await
    }

    async fn delete(&self, path: &Path) -> io::Result<()> {
        match self.store.delete(path).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    pub(super) async fn read(&self, id: Uuid) -> io::Result<Body> {
        match self.store.get(&self.place(id)).await {
            Ok(found) => Ok(found.into_stream().map_err(io::Error::other).boxed()),
            Err(error @ object_store::Error::NotFound { .. }) => Err(io::Error::new(io::ErrorKind::NotFound, error)),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    pub(super) async fn abandoned(&self, now: Moment) -> io::Result<Vec<Uuid>> {
        let folder = Path::from(format!("{}/incoming", self.prefix));
        let marks: Vec<_> = self.store.list(Some(&folder)).try_collect().await.map_err(io::Error::other)?;
        let before = now.micros() - i64::try_from(ABANDONED.as_micros()).unwrap_or(i64::MAX);
        let old = marks.into_iter().filter(|mark| mark.last_modified.timestamp_micros() < before);
        Ok(old.filter_map(|mark| Uuid::parse_str(mark.location.filename()?).ok()).collect())
    }
}
