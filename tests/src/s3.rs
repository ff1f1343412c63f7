//! A bucket on the loopback that speaks as much of S3 as the product asks: put, get, delete, list, uploads in parts. Every
//! request must carry a signature (version 4) that is right for its content; what is not signed so is refused.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Request, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, Mac};
use http_body_util::BodyExt;
use packwork::auth::Secret;
use packwork::files::{self, BucketSettings, Files};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

pub const BUCKET: &str = "papers";
pub const REGION: &str = "eu-test-1";
pub const KEY: &str = "AKTEST";
pub const SECRET: &str = "a secret of the test";
/// When everything in the bucket was written.
pub const WRITTEN: &str = "2026-03-15T02:00:00.000Z";

/// A running server; it ends with its test.
pub struct Bucket {
    state: Arc<Mutex<Content>>,
    address: String,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Content {
    objects: BTreeMap<String, Bytes>,
    /// Parts by upload and number.
    uploads: BTreeMap<String, BTreeMap<u32, Bytes>>,
    begun: u64,
    /// Every request, as `METHOD name?query`.
    asked: Vec<String>,
    /// So many requests from now on fail.
    failing: usize,
    largest: usize,
}

impl Drop for Bucket {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Bucket {
    pub async fn start() -> Bucket {
        let state = Arc::new(Mutex::new(Content::default()));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("a bound socket has an address"));
        let router = Router::new().fallback(answer).with_state(state.clone());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.expect("the loopback serves") });
        Bucket { state, address, task }
    }

    /// Attachments in this bucket.
    pub fn files(&self, bytes_max: u64) -> Files {
        let bucket = files::Bucket::open(&self.settings()).expect("the settings are whole");
        Files::in_bucket(bucket, bytes_max)
    }

    pub fn settings(&self) -> BucketSettings {
        BucketSettings {
            endpoint: Some(self.address.clone()),
            region: REGION.to_owned(),
            bucket: BUCKET.to_owned(),
            prefix: "tenant/main".to_owned(),
            keys: Some((KEY.to_owned(), Secret::new(SECRET))),
        }
    }

    /// Names and contents of what is in the bucket.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        self.lock().objects.clone()
    }

    pub fn put(&self, name: &str, content: &'static [u8]) {
        self.lock().objects.insert(name.to_owned(), Bytes::from_static(content));
    }

    /// Uploads in parts that were neither completed nor given up.
    pub fn unfinished(&self) -> usize {
        self.lock().uploads.len()
    }

    pub fn asked(&self) -> Vec<String> {
        self.lock().asked.clone()
    }

    /// The largest body of one request.
    pub fn largest(&self) -> usize {
        self.lock().largest
    }

    /// The next requests are answered with 503.
    pub fn fail(&self, requests: usize) {
        self.lock().failing = requests;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Content> {
        self.state.lock().expect("no request panics while it holds the content")
    }
}

async fn answer(State(state): State<Arc<Mutex<Content>>>, request: Request<Body>) -> Response {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return StatusCode::BAD_REQUEST.into_response() };
    let body = body.to_bytes();
    if let Err(wrong) = signed(&head.method, &head.uri, &head.headers, &body) {
        return refused(StatusCode::FORBIDDEN, "SignatureDoesNotMatch", &wrong);
    }
    let mut content = state.lock().expect("no request panics while it holds the content");
    content.asked.push(format!("{} {}", head.method, head.uri));
    content.largest = content.largest.max(body.len());
    if content.failing > 0 {
        content.failing -= 1;
        return refused(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", "not now");
    }
    let query = pairs(head.uri.query().unwrap_or_default());
    let asked = |name: &str| query.iter().find(|(known, _)| known == name).map(|(_, value)| plain(value));
    let Some(name) =
        head.uri.path().strip_prefix(&format!("/{BUCKET}")).map(|name| plain(name.trim_start_matches('/')))
    else {
        return refused(StatusCode::NOT_FOUND, "NoSuchBucket", "there is one bucket");
    };
    let upload = asked("uploadId");
    match (head.method.as_str(), upload) {
        ("GET", _) if name.is_empty() => list(&content, &asked("prefix").unwrap_or_default()),
        ("POST", None) if asked("uploads").is_some() => {
            content.begun += 1;
            let id = format!("upload-{}", content.begun);
            content.uploads.insert(id.clone(), BTreeMap::new());
            xml(format!("<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"))
        }
        ("PUT", Some(id)) => match (content.uploads.get_mut(&id), asked("partNumber").and_then(|at| at.parse().ok())) {
            (Some(parts), Some(at)) => {
                parts.insert(at, body.clone());
                (StatusCode::OK, [("etag", tag(&body))]).into_response()
            }
            _ => refused(StatusCode::NOT_FOUND, "NoSuchUpload", &id),
        },
        ("POST", Some(id)) => match content.uploads.remove(&id) {
            Some(parts) => {
                let parts: Vec<Bytes> = parts.into_values().collect();
                let whole = parts.concat();
                let etag = tag(&whole);
                content.objects.insert(name, whole.into());
                xml(format!("<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"))
            }
            None => refused(StatusCode::NOT_FOUND, "NoSuchUpload", &id),
        },
        ("DELETE", Some(id)) => {
            content.uploads.remove(&id);
            StatusCode::NO_CONTENT.into_response()
        }
        ("PUT", None) => {
            let etag = tag(&body);
            content.objects.insert(name, body);
            (StatusCode::OK, [("etag", etag)]).into_response()
        }
        ("GET" | "HEAD", None) => match content.objects.get(&name) {
            Some(object) => {
                let headers = [("etag", tag(object)), ("last-modified", "Sun, 15 Mar 2026 02:00:00 GMT".to_owned())];
                (StatusCode::OK, headers, object.clone()).into_response()
            }
            None => refused(StatusCode::NOT_FOUND, "NoSuchKey", &name),
        },
        ("DELETE", None) => {
            content.objects.remove(&name);
            StatusCode::NO_CONTENT.into_response()
        }
        _ => refused(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", &name),
    }
}

fn list(content: &Content, prefix: &str) -> Response {
    let entry = |(name, object): (&String, &Bytes)| {
        let (etag, size) = (tag(object), object.len());
        format!(
            "<Contents><Key>{name}</Key><LastModified>{WRITTEN}</LastModified><ETag>{etag}</ETag><Size>{size}</Size></Contents>"
        )
    };
    let found: String = content.objects.iter().filter(|(name, _)| name.starts_with(prefix)).map(entry).collect();
    xml(format!("<ListBucketResult><IsTruncated>false</IsTruncated>{found}</ListBucketResult>"))
}

fn xml(text: String) -> Response {
    let text = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{text}");
    (StatusCode::OK, [("content-type", "application/xml")], text).into_response()
}

fn refused(status: StatusCode, code: &str, message: &str) -> Response {
    let text = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>{message}</Message></Error>");
    (status, [("content-type", "application/xml")], text).into_response()
}

fn tag(content: &[u8]) -> String {
    format!("\"{:x}-{:x}\"", content.len(), content.first().copied().unwrap_or_default())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn pairs(query: &str) -> Vec<(String, String)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    let split =
        |pair: &str| pair.split_once('=').map_or((pair.to_owned(), String::new()), |(k, v)| (k.into(), v.into()));
    let mut pairs: Vec<_> = pairs.map(split).collect();
    pairs.sort();
    pairs
}

/// Without percent signs.
fn plain(encoded: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = encoded.as_bytes();
    while let [first, after @ ..] = rest {
        let code = (*first == b'%').then(|| after.get(..2)).flatten();
        let code = code.and_then(|code| u8::from_str_radix(std::str::from_utf8(code).ok()?, 16).ok());
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Whether the signature is that of this request by the test's key; what is wrong otherwise.
fn signed(method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), String> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.map(str::trim).ok_or_else(|| format!("there is no header `{name}`"))
    };
    let given = header("authorization")?;
    let given = given.strip_prefix("AWS4-HMAC-SHA256 ").ok_or("it is not signed by version 4")?;
    let part = |name: &str| {
        let mut parts = given.split(',').map(str::trim);
        parts.find_map(|part| part.strip_prefix(&format!("{name}="))).ok_or_else(|| format!("there is no `{name}`"))
    };
    let (credential, names, signature) = (part("Credential")?, part("SignedHeaders")?, part("Signature")?);
    let moment = header("x-amz-date")?;
    let day = moment.get(..8).unwrap_or_default();
    let scope = format!("{day}/{REGION}/s3/aws4_request");
    if credential != format!("{KEY}/{scope}") {
        return Err(format!("`{credential}` is not the test's key"));
    }
    let digest = header("x-amz-content-sha256")?;
    if digest != hex(&Sha256::digest(body)) {
        return Err("the content is not the one that was signed".to_owned());
    }
    let mut lines = String::new();
    for name in names.split(';') {
        lines.push_str(&format!("{name}:{}\n", header(name)?));
    }
    let query: Vec<String> =
        pairs(uri.query().unwrap_or_default()).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let asked = format!("{method}\n{}\n{}\n{lines}\n{names}\n{digest}", uri.path(), query.join("&"));
    let text = format!("AWS4-HMAC-SHA256\n{moment}\n{scope}\n{}", hex(&Sha256::digest(asked.as_bytes())));
    let mut key = format!("AWS4{SECRET}").into_bytes();
    for step in [day, REGION, "s3", "aws4_request"] {
        key = mac(&key, step);
    }
    match hex(&mac(&key, &text)) == signature {
        true => Ok(()),
        false => Err(format!("the signature is not that of `{asked}`")),
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length will do");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}
