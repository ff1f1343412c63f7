//! Where attachments lie: the same in a folder and in a bucket; over a real exchange on the loopback.

use futures_util::{StreamExt, stream};
use packwork::files::{Bucket, BucketSettings, Error, Files};
use packwork_engine::moment::Moment;
use packwork_tests::s3;
use sha2::{Digest, Sha256};
use std::path::PathBuf;
use uuid::Uuid;

/// What goes to a bucket as one part.
const PART: usize = 5 * 1_024 * 1_024;
const MOST: u64 = 2 * PART as u64 + 7;

type Blocks = Vec<Result<Vec<u8>, String>>;

struct Place {
    files: Files,
    bucket: Option<s3::Bucket>,
    folder: Option<PathBuf>,
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(folder) = &self.folder {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

fn folder() -> Place {
    let name: [u8; 8] = packwork::entropy::Entropy::system().bytes();
    let folder = std::env::temp_dir().join(format!("packwork-files-{:016x}", u64::from_be_bytes(name)));
    Place { files: Files::new(folder.clone(), MOST), bucket: None, folder: Some(folder) }
}

async fn bucket() -> Place {
    let bucket = s3::Bucket::start().await;
    Place { files: bucket.files(MOST), bucket: Some(bucket), folder: None }
}

fn id(at: u128) -> Uuid {
    Uuid::from_u128(0x0190_b0a0_0000_7000_8000_0000_0000_0000 + at)
}

/// So many bytes that do not repeat, in blocks of an odd size.
fn blocks(bytes: usize) -> (Vec<u8>, Blocks) {
    let all: Vec<u8> = (0..bytes).map(|at| u8::try_from((at * 7 + at / 251) % 256).unwrap_or(0)).collect();
    let blocks = all.chunks(65_521).map(|block| Ok(block.to_vec())).collect();
    (all, blocks)
}

async fn read(files: &Files, id: Uuid) -> std::io::Result<Vec<u8>> {
    let mut body = files.read(id).await?;
    let mut all = Vec::new();
    while let Some(block) = body.next().await {
        all.extend_from_slice(&block?);
    }
    Ok(all)
}

/// Later than any upload takes, whatever the clock of this machine says.
fn much_later() -> Moment {
    Moment::parse("2999-01-01T00:00:00Z").expect("the constant is a moment")
}

async fn what_is_kept_comes_back(place: Place) {
    let files = &place.files;
    for (at, bytes) in [0, 1, 65_521, PART, PART + 1].into_iter().enumerate() {
        let id = id(at as u128);
        let (all, blocks) = blocks(bytes);
        let incoming = files.receive(id, "a.bin", u64::MAX, stream::iter(blocks)).await.expect("it fits");
        let digest: String = Sha256::digest(&all).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((incoming.size, &incoming.sha256), (all.len() as u64, &digest));
        files.settle(id).await.expect("it is kept");
        assert_eq!(read(files, id).await.expect("it is there"), all, "{bytes} bytes");
        assert_eq!(files.measure(id).await.expect("it can be read"), Some((all.len() as u64, digest)));
    }
    assert_eq!(files.abandoned(much_later()).await.expect("it lists"), [] as [Uuid; 0]);
    files.remove(id(3)).await.expect("it goes");
    files.remove(id(3)).await.expect("what is gone may go again");
    assert_eq!(files.measure(id(3)).await.expect("it looks"), None);
    assert_eq!(read(files, id(3)).await.expect_err("it is gone").kind(), std::io::ErrorKind::NotFound);
    assert_eq!(read(files, id(2)).await.expect("its neighbour stays").len(), 65_521);
}

#[tokio::test]
async fn what_is_kept_comes_back_from_a_folder() {
    what_is_kept_comes_back(folder()).await;
}

#[tokio::test]
async fn what_is_kept_comes_back_from_a_bucket() {
    what_is_kept_comes_back(bucket().await).await;
}

async fn what_is_not_kept_leaves_nothing(place: Place) {
    let files = &place.files;
    // The bound of the installation, that of the call, an upload that breaks off: before and after the first part.
    let (_, mut broken) = blocks(PART + 70_000);
    broken.push(Err("the line is dead".to_owned()));
    for (at, most, blocks) in [
        (1, u64::MAX, blocks(2 * PART + 8).1),
        (2, 100, blocks(101).1),
        (3, u64::MAX, broken),
        (4, u64::MAX, vec![Ok(b"begin".to_vec()), Err("the line is dead".to_owned())]),
    ] {
        let refused = files.receive(id(at), "a.bin", most, stream::iter(blocks)).await.expect_err("it is refused");
        match at {
            1 => assert!(matches!(refused, Error::TooLarge(MOST)), "{refused:?}"),
            2 => assert!(matches!(refused, Error::TooLarge(100)), "{refused:?}"),
            _ => assert!(matches!(refused, Error::BrokenOff(_)), "{refused:?}"),
        }
        assert_eq!(files.measure(id(at)).await.expect("it looks"), None);
    }
    files.receive(id(5), "a.bin", 100, stream::iter(blocks(100).1)).await.expect("the bound itself fits");
    files.discard(id(5)).await;
    assert_eq!(files.measure(id(5)).await.expect("it looks"), None);
    // What a crash left behind is found, and may still be kept.
    for at in [6, 7] {
        files.receive(id(at), "a.bin", 100, stream::iter(blocks(7).1)).await.expect("it fits");
    }
    assert_eq!(files.abandoned(Moment::from_micros(0)).await.expect("it lists"), [] as [Uuid; 0]);
    let mut left = files.abandoned(much_later()).await.expect("it lists");
    left.sort();
    assert_eq!(left, [id(6), id(7)]);
    files.settle(id(6)).await.expect("it is kept");
    files.discard(id(7)).await;
    assert_eq!(files.abandoned(much_later()).await.expect("it lists"), [] as [Uuid; 0]);
    assert_eq!(read(files, id(6)).await.expect("it is there").len(), 7);
    files.remove(id(6)).await.expect("it goes");
    if let Some(bucket) = &place.bucket {
        assert_eq!((bucket.objects().len(), bucket.unfinished()), (0, 0));
    }
}

#[tokio::test]
async fn what_is_not_kept_leaves_nothing_in_a_folder() {
    what_is_not_kept_leaves_nothing(folder()).await;
}

#[tokio::test]
async fn what_is_not_kept_leaves_nothing_in_a_bucket() {
    what_is_not_kept_leaves_nothing(bucket().await).await;
}

#[tokio::test]
async fn a_bucket_is_asked_in_small_bodies_and_tried_again() {
    let place = bucket().await;
    let bucket = place.bucket.as_ref().expect("it is a bucket");
    bucket.fail(2);
    let (all, blocks) = blocks(2 * PART + 7);
    place.files.receive(id(1), "a.bin", u64::MAX, stream::iter(blocks)).await.expect("the third try works");
    place.files.settle(id(1)).await.expect("it is kept");
    assert_eq!(read(&place.files, id(1)).await.expect("it is there"), all);
    assert_eq!(bucket.largest(), PART);
    let names: Vec<String> = bucket.objects().into_keys().collect();
    assert_eq!(names, [format!("tenant/main/files/{}", id(1).simple())]);
    let parts = bucket.asked().iter().filter(|asked| asked.contains("partNumber")).count();
    assert_eq!(parts, 3, "{:?}", bucket.asked());
}

#[tokio::test]
async fn a_wrong_key_is_an_error_and_no_missing_file() {
    let place = bucket().await;
    let bucket = place.bucket.as_ref().expect("it is a bucket");
    let keys = Some((s3::KEY.to_owned(), packwork::auth::Secret::new("another secret")));
    let settings = BucketSettings { keys, ..bucket.settings() };
    assert!(!format!("{settings:?}").contains("another secret"), "secrets do not print");
    let files = Files::in_bucket(Bucket::open(&settings).expect("the settings are whole"), MOST);
    assert!(!format!("{files:?}").contains("another secret"), "secrets do not print");
    let refused = files.receive(id(1), "a.bin", 100, stream::iter(blocks(7).1)).await.expect_err("it is refused");
    assert!(matches!(refused, Error::Io(_)), "{refused:?}");
    assert!(files.measure(id(1)).await.is_err(), "a bucket that refuses tells nothing of what is in it");
    assert!(bucket.objects().is_empty());
}
