//! The real binary as a process: started, asked over HTTP, killed. Blocking on purpose: who kills processes wants no
//! runtime in between. Knows nothing of what is stored.

use serde_json::Value as Json;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longer than anything these tests wait for: what takes longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Launch<'a> {
    pub binary: &'a Path,
    pub data: &'a Path,
    pub packs: &'a Path,
    /// PostgreSQL instead of the file in `data`.
    pub database: Option<&'a str>,
}

/// A running `packwork serve`; killed with its value.
#[derive(Debug)]
pub struct Process {
    child: Child,
    pub address: SocketAddr,
    pub token: String,
}

impl Launch<'_> {
    /// Starts the process and waits for nothing.
    pub fn spawn(&self) -> io::Result<Child> {
        // A file that may not grow is an error of writing, not the end of the process: tests of full disks want that.
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""]).arg(self.binary);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(self.data).arg("--packs-dir").arg(self.packs);
        command.env_remove("PACKWORK_DATABASE").env("PACKWORK_LOG", "error");
        if let Some(database) = self.database {
            command.env("PACKWORK_DATABASE", database);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()
    }

    /// Starts the process and waits until it answers.
    pub fn start(&self) -> io::Result<Process> {
        let mut child = self.spawn()?;
        let output = child.stdout.take().ok_or_else(|| io::Error::other("the output is piped"))?;
        let mut lines = BufReader::new(output).lines();
        let listening = lines.by_ref().map_while(Result::ok).find_map(|line| {
            line.strip_prefix("Packwork listens on http://").and_then(|address| address.parse::<SocketAddr>().ok())
        });
        let Some(address) = listening else {
            let ended = child.wait()?;
            return Err(io::Error::other(format!("the server ended before it listened: {ended}")));
        };
        let mut process = Process { child, address, token: String::new() };
        Client::new(address, "").send("GET", "/healthz", None, None)?;
        let note = std::fs::read_to_string(self.data.join("server.json"))?;
        let note: Json = serde_json::from_str(&note)?;
        process.token = note["token"].as_str().unwrap_or_default().to_owned();
        Ok(process)
    }
}

impl Process {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn client(&self) -> Client {
        Client::new(self.address, &self.token)
    }

    /// The most memory the process held so far, in KiB.
    pub fn peak_rss_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(u64::MAX)
    }

    /// `kill -9`, and waits until the system has cleared the process away.
    pub fn kill(mut self) -> io::Result<()> {
        self.child.kill()?;
        self.child.wait().map(|_| ())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One kept-alive connection.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    token: String,
    stream: Option<BufReader<TcpStream>>,
}

/// An answer that came back whole.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub json: Json,
}

impl Client {
    pub fn new(address: SocketAddr, token: &str) -> Client {
        Client { address, token: token.to_owned(), stream: None }
    }

    /// Sends a request; an error means that nobody knows what became of it.
    pub fn send(&mut self, method: &str, path: &str, body: Option<&Json>, key: Option<&str>) -> io::Result<Answer> {
        self.send_telling(&|| {}, method, path, body, key)
    }

    /// The same; `told` hears when the request is on its way and before its answer is read.
    pub fn send_telling(
        &mut self,
        told: &dyn Fn(),
        method: &str,
        path: &str,
        body: Option<&Json>,
        key: Option<&str>,
    ) -> io::Result<Answer> {
        let sent = self.exchange(told, method, path, body, key);
        if sent.is_err() {
            self.stream = None;
        }
        sent
    }

    fn exchange(
        &mut self,
        told: &dyn Fn(),
        method: &str,
        path: &str,
        body: Option<&Json>,
        key: Option<&str>,
    ) -> io::Result<Answer> {
        let mut reader = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect_timeout(&self.address, PATIENCE)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        let body = body.map(Json::to_string).unwrap_or_default();
        let key = key.map(|key| format!("idempotency-key: {key}\r\n")).unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: packwork\r\nauthorization: Bearer {}\r\naccept-language: en\r\n\
             content-type: application/json\r\n{key}content-length: {}\r\n\r\n{body}",
            self.token,
            body.len()
        );
        reader.get_mut().write_all(head.as_bytes())?;
        told();
        let answer = read_answer(&mut reader)?;
        self.stream = Some(reader);
        Ok(answer)
    }
}

fn read_answer(reader: &mut impl BufRead) -> io::Result<Answer> {
    let cut = || io::Error::new(io::ErrorKind::UnexpectedEof, "the answer was cut off");
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
    let mut length = 0;
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(cut());
        }
        let header = line.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            break;
        }
        if let Some(value) = header.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(|_| cut())?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    Ok(Answer { status, json: serde_json::from_slice(&body).unwrap_or(Json::Null) })
}
