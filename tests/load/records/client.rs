//! The client of the measurement: keep-alive connections that send one request after the other and take down how long
//! each took. One thread; no library of HTTP between the clock and the socket.

use anyhow::{Context, Result, bail};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

/// A request, apart from what all requests to one server share.
pub struct Request {
    pub method: &'static str,
    pub path: String,
    /// JSON; none where empty.
    pub body: String,
    pub key: Option<String>,
}

impl Request {
    pub fn get(path: String) -> Request {
        Request { method: "GET", path, body: String::new(), key: None }
    }

    pub fn post(path: &str, body: String, key: Option<String>) -> Request {
        Request { method: "POST", path: path.to_owned(), body, key }
    }
}

/// One keep-alive connection.
pub struct Connection {
    stream: TcpStream,
    token: Option<String>,
    sent: Vec<u8>,
    received: Vec<u8>,
}

impl Connection {
    pub async fn open(port: u16, token: Option<&str>) -> Result<Connection> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting")?;
        stream.set_nodelay(true).context("setting the socket up")?;
        Ok(Connection { stream, token: token.map(str::to_owned), sent: Vec::new(), received: Vec::new() })
    }

    /// Sends a request and reads its answer: status and body.
    pub async fn ask(&mut self, request: &Request) -> Result<(u16, &[u8])> {
        self.write(request);
        self.stream.write_all(&self.sent).await.context("sending")?;
        self.received.clear();
        let head = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break end + 4;
            }
            self.read().await?;
        };
        let text = std::str::from_utf8(&self.received[..head]).context("reading the head of an answer")?;
        let status: u16 = text.get(9..12).and_then(|status| status.parse().ok()).context("an answer without status")?;
        let length = text.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok()).flatten()
        });
        let end = head + length.context("an answer without length")?;
        while self.received.len() < end {
            self.read().await?;
        }
        Ok((status, &self.received[head..end]))
    }

    fn write(&mut self, request: &Request) {
        let sent = &mut self.sent;
        sent.clear();
        let mut push = |text: &str| sent.extend_from_slice(text.as_bytes());
        for text in [request.method, " ", &request.path, " HTTP/1.1\r\nhost: load\r\n"] {
            push(text);
        }
        if let Some(token) = &self.token {
            push("authorization: Bearer ");
            push(token);
            push("\r\n");
        }
        if let Some(key) = &request.key {
            push("idempotency-key: ");
            push(key);
            push("\r\n");
        }
        if !request.body.is_empty() {
            push("content-type: application/json\r\ncontent-length: ");
            push(&request.body.len().to_string());
            push("\r\n");
        }
        push("\r\n");
        push(&request.body);
    }

    async fn read(&mut self) -> Result<()> {
        self.received.reserve(16 * 1024);
        match self.stream.read_buf(&mut self.received).await.context("reading an answer")? {
            0 => bail!("the server closed the connection"),
            _ => Ok(()),
        }
    }
}

fn find(within: &[u8], what: &[u8]) -> Option<usize> {
    within.windows(what.len()).position(|window| window == what)
}

/// What driving a server came to.
pub struct Driven {
    pub requests: u64,
    pub elapsed: Duration,
    /// Microseconds of each request, in order of size.
    pub latencies: Vec<u32>,
}

impl Driven {
    pub fn per_second(&self) -> u64 {
        let micros = u64::try_from(self.elapsed.as_micros()).unwrap_or(u64::MAX).max(1);
        self.requests * 1_000_000 / micros
    }

    pub fn percentile(&self, of_hundred: usize) -> u32 {
        let at = self.latencies.len() * of_hundred / 100;
        self.latencies.get(at.min(self.latencies.len().saturating_sub(1))).copied().unwrap_or(0)
    }
}

/// Sends requests over so many connections until the time is over. `request` gets a number no other request gets.
pub async fn drive(
    port: u16,
    token: Option<&str>,
    connections: u32,
    time: Duration,
    numbers: &Arc<AtomicU64>,
    request: Arc<dyn Fn(u64) -> Request + Send + Sync>,
) -> Result<Driven> {
    let mut opened = Vec::new();
    for _ in 0..connections {
        opened.push(Connection::open(port, token).await?);
    }
    let started = Instant::now();
    let end = started + time;
    let mut tasks = Vec::new();
    for mut connection in opened {
        let (numbers, request) = (numbers.clone(), request.clone());
        tasks.push(tokio::spawn(async move {
            let mut latencies = Vec::with_capacity(4_096);
            loop {
                let begun = Instant::now();
                if begun >= end {
                    return Ok::<_, anyhow::Error>(latencies);
                }
                let request = request(numbers.fetch_add(1, Ordering::Relaxed));
                let begun = Instant::now();
                let (status, body) = connection.ask(&request).await?;
                if !(200..300).contains(&status) {
                    let body = String::from_utf8_lossy(body);
                    bail!("{} {} was answered with {status}: {body}", request.method, request.path);
                }
                latencies.push(u32::try_from(begun.elapsed().as_micros()).unwrap_or(u32::MAX));
            }
        }));
    }
    let mut latencies = Vec::new();
    for task in tasks {
        latencies.extend(task.await.context("driving a connection")??);
    }
    let elapsed = started.elapsed();
    latencies.sort_unstable();
    Ok(Driven { requests: latencies.len() as u64, elapsed, latencies })
}
