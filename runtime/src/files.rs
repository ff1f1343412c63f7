//! The bytes of attachments: a folder with one file each. A file is written under `incoming` while it comes, and gets
//! its place once its row is committed; what is left behind by a crash is put right or removed later.

mod kind;

pub use kind::{Kind, kind_of};

use crate::auth::token::hex;
use futures_util::{Stream, StreamExt, stream};
use packwork_engine::moment::Moment;
use sha2::{Digest, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use tokio::fs::{self, File};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use uuid::Uuid;

/// Bytes read or written at once.
const BLOCK: usize = 64 * 1024;
/// How much of the content tells its kind.
const HEAD: usize = 8 * 1024;
/// What lies in `incoming` for longer than any upload takes was left behind.
const ABANDONED: Duration = Duration::from_secs(3_600);

/// Where attachments lie, and how large one may be.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
    pub bytes_max: u64,
}

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
    #[error("the folder of attachments failed")]
    Io(#[from] io::Error),
}

impl Files {
    pub fn new(folder: PathBuf, bytes_max: u64) -> Files {
        Files { folder, bytes_max }
    }

    fn incoming(&self, id: Uuid) -> PathBuf {
        self.folder.join("incoming").join(id.simple().to_string())
    }

    /// Spread over folders by the last digits, which are the random ones.
    fn place(&self, id: Uuid) -> PathBuf {
        let name = id.simple().to_string();
        self.folder.join(&name[name.len() - 2..]).join(name)
    }

    /// Writes what comes, at most so many bytes, without ever holding all of it.
    pub async fn receive<B, E>(
        &self,
        id: Uuid,
        name: &str,
        bytes_max: u64,
        blocks: impl Stream<Item = Result<B, E>>,
    ) -> Result<Incoming, Error>
    where
        B: AsRef<[u8]>,
        E: std::fmt::Display,
    {
        let bytes_max = bytes_max.min(self.bytes_max);
        let path = self.incoming(id);
        fs::create_dir_all(self.folder.join("incoming")).await?;
        let received = self.write(&path, name, bytes_max, blocks).await;
        if received.is_err() {
            let _ = fs::remove_file(&path).await;
        }
        received
    }

    async fn write<B, E>(
        &self,
        path: &Path,
        name: &str,
        bytes_max: u64,
        blocks: impl Stream<Item = Result<B, E>>,
    ) -> Result<Incoming, Error>
    where
        B: AsRef<[u8]>,
        E: std::fmt::Display,
    {
        let mut file = File::create(path).await?;
        let mut hash = Sha256::new();
        let (mut size, mut head) = (0_u64, Vec::new());
        let mut blocks = std::pin::pin!(blocks);
        while let Some(block) = blocks.next().await {
            let block = block.map_err(|error| Error::BrokenOff(error.to_string()))?;
            let block = block.as_ref();
            size += block.len() as u64;
            if size > bytes_max {
                return Err(Error::TooLarge(bytes_max));
            }
            head.extend_from_slice(&block[..block.len().min(HEAD.saturating_sub(head.len()))]);
            hash.update(block);
            file.write_all(block).await?;
        }
        file.sync_all().await?;
        Ok(Incoming { size, sha256: hex(&hash.finalize()), kind: kind_of(&head, name) })
    }

    /// Gives an incoming file its place: its row is committed.
    pub async fn settle(&self, id: Uuid) -> io::Result<()> {
        let place = self.place(id);
        if let Some(folder) = place.parent() {
            fs::create_dir_all(folder).await?;
        }
        fs::rename(self.incoming(id), place).await
    }

    /// Its row was not written.
    pub async fn discard(&self, id: Uuid) {
        let _ = fs::remove_file(self.incoming(id)).await;
    }

    /// The bytes of an attachment, in blocks. A crash between row and rename is mended here.
    pub async fn read(&self, id: Uuid) -> io::Result<impl Stream<Item = io::Result<Vec<u8>>> + use<>> {
        let file = match File::open(self.place(id)).await {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.settle(id).await.map_err(|_| error)?;
                File::open(self.place(id)).await?
            }
            opened => opened?,
        };
        Ok(stream::try_unfold(file, |mut file| async move {
            let mut block = vec![0; BLOCK];
            let read = file.read(&mut block).await?;
            block.truncate(read);
            Ok((read > 0).then_some((block, file)))
        }))
    }

    /// Size and digest of what lies there, wherever it lies; changes nothing. `None` where nothing is.
    pub async fn measure(&self, id: Uuid) -> io::Result<Option<(u64, String)>> {
        let is_absent = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
        let opened = match File::open(self.place(id)).await {
            Err(error) if is_absent(&error) => File::open(self.incoming(id)).await,
            opened => opened,
        };
        let mut file = match opened {
            Err(error) if is_absent(&error) => return Ok(None),
            opened => opened?,
        };
        let (mut hash, mut size, mut block) = (Sha256::new(), 0_u64, vec![0; BLOCK]);
        loop {
            match file.read(&mut block).await? {
                0 => return Ok(Some((size, hex(&hash.finalize())))),
                read => {
                    size += read as u64;
                    hash.update(&block[..read]);
                }
            }
        }
    }

    pub async fn remove(&self, id: Uuid) -> io::Result<()> {
        match fs::remove_file(self.place(id)).await {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Files that came long ago and never got their place.
    pub async fn abandoned(&self, now: Moment) -> io::Result<Vec<Uuid>> {
        let mut found = Vec::new();
        let mut entries = match fs::read_dir(self.folder.join("incoming")).await {
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
