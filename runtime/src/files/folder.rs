//! Attachments in a folder, one file each. A file is written under `incoming` while it comes, and gets its place once its
//! row is committed; what is left behind by a crash is put right or removed later.

use super::{ABANDONED, Body, Digest, Error, Incoming};
use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use packwork_engine::moment::Moment;
use std::fmt::Display;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

/// Bytes read at once.
const BLOCK: usize = 64 * 1024;

#[derive(Clone, Debug)]
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    fn incoming(&self, id: Uuid) -> PathBuf {
        self.0.join("incoming").join(id.simple().to_string())
    }

    /// Spread over folders by the last digits, which are the random ones.
    fn place(&self, id: Uuid) -> PathBuf {
        let name = id.simple().to_string();
        self.0.join(&name[name.len() - 2..]).join(name)
    }

    pub(super) async fn receive<B, E>(
        &self,
        id: Uuid,
        digest: Digest,
        blocks: impl Stream<Item = Result<B, E>>,
    ) -> Result<Incoming, Error>
    where
        B: AsRef<[u8]>,
        E: Display,
    {
        let path = self.incoming(id);
        fs::create_dir_all(self.0.join("incoming")).await?;
        let received = write(&path, digest, blocks).await;
        if received.is_err() {
            let _ = fs::remove_file(&path).await;
        }
        received
    }

    pub(super) async fn settle(&self, id: Uuid) -> io::Result<()> {
        let place = self.place(id);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::rename(self.incoming(id), place).await
    }

    pub(super) async fn discard(&self, id: Uuid) {
        let _ = fs::remove_file(self.incoming(id)).await;
    }

    /// A crash between row and rename is mended here.
    pub(super) async fn read(&self, id: Uuid) -> io::Result<Body> {
        let file = match File::open(self.place(id)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.settle(id).await.map_err(|_| error)?;
                File::open(self.place(id)).await?
            }
            opened => opened?,
        };
        Ok(blocks(file))
    }

    /// Reads wherever it lies, and changes nothing.
    pub(super) async fn look(&self, id: Uuid) -> io::Result<Body> {
        match File::open(self.place(id)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => File::open(self.incoming(id)).await.map(blocks),
            opened => opened.map(blocks),
        }
    }

    pub(super) async fn remove(&self, id: Uuid) -> io::Result<()> {
        match fs::remove_file(self.place(id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn abandoned(&self, now: Moment) -> io::Result<Vec<Uuid>> {
        let mut found = Vec::new();
        let mut entries = match fs::read_dir(self.0.join("incoming")).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(found),
            entries => entries?,
        };
        while let Some(entry) = entries.next_entry().await? {
            let changed = entry.metadata().await?.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
            let age = Duration::from_micros(now.micros().unsigned_abs()).checked_sub(changed);
            let id = entry.file_name().to_str().and_then(|name| Uuid::parse_str(name).ok());
            if let Some(id) = id.filter(|_| age.is_some_and(|age| age > ABANDONED)) {
                found.push(id);
            }
        }
        Ok(found)
    }
}

async fn write<B, E>(
    path: &Path,
    mut digest: Digest,
    blocks: impl Stream<Item = Result<B, E>>,
) -> Result<Incoming, Error>
where
    B: AsRef<[u8]>,
    E: Display,
{
    let mut file = File::create(path).await?;
    let mut blocks = std::pin::pin!(blocks);
    while let Some(block) = blocks.next().await {
        let block = block.map_err(|error| Error::BrokenOff(error.to_string()))?;
        digest.take(block.as_ref())?;
        file.write_all(block.as_ref()).await?;
    }
    file.sync_all().await?;
    Ok(digest.finish())
}

fn blocks(file: File) -> Body {
    let next = |mut file: File| async move {
        let mut block = vec![0; BLOCK];
        let read = file.read(&mut block).await?;
        block.truncate(read);
        Ok((read > 0).then_some((Bytes::from(block), file)))
    };
    stream::try_unfold(file, next).boxed()
}
