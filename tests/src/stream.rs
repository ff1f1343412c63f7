//! Requests and answers that are no JSON in one piece: files on their way in, files and events on their way out. Each
//! has a connection of its own. Blocking, as all that asks the real binary.

use crate::process::{Answer, PATIENCE, Process};
use serde_json::Value as Json;
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A file to be sent.
pub enum File<'a> {
    Bytes(&'a [u8]),
    /// Sent as it comes; nobody knows how long it is.
    Endless(&'a mut dyn Read),
}

/// Bytes sent at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Sends a file. Whoever refuses one in the middle is heard.
pub fn upload(server: &Process, path: &str, file: File<'_>) -> io::Result<Answer> {
    let mut stream = connect(server)?;
    let length = match &file {
        File::Bytes(bytes) => format!("content-length: {}", bytes.len()),
        File::Endless(_) => "transfer-encoding: chunked".to_owned(),
    };
    head(&mut stream, server, "POST", path, &[&length])?;
    let sent = match file {
        File::Bytes(bytes) => stream.write_all(bytes),
        File::Endless(file) => send_chunks(&mut stream, file),
    };
    // A server that has heard enough says so and hangs up.
    match sent {
        Err(error) if !matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => return Err(error),
        _ => {}
    }
    answer(stream)
}

/// Says how long a file is and waits for the answer before any of it.
pub fn announce(server: &Process, path: &str, length: u64) -> io::Result<Answer> {
    let mut stream = connect(server)?;
    head(&mut stream, server, "POST", path, &[&format!("content-length: {length}"), "expect: 100-continue"])?;
    answer(stream)
}

fn answer(stream: TcpStream) -> io::Result<Answer> {
    let mut answer = Incoming::read(stream)?;
    let status = answer.status;
    Ok(Answer { status, json: serde_json::from_str(&answer.text()?).unwrap_or(Json::Null) })
}

fn send_chunks(stream: &mut TcpStream, file: &mut dyn Read) -> io::Result<()> {
    let mut piece = vec![0; PIECE_BYTES];
    loop {
        let read = file.read(&mut piece)?;
        let mut framed = format!("{read:x}\r\n").into_bytes();
        framed.extend_from_slice(&piece[..read]);
        framed.extend_from_slice(b"\r\n");
        stream.write_all(&framed)?;
        if read == 0 {
            return Ok(());
        }
    }
}

/// Asks for what comes bit by bit.
pub fn open(server: &Process, path: &str, headers: &[&str]) -> io::Result<Incoming> {
    let mut stream = connect(server)?;
    head(&mut stream, server, "GET", path, headers)?;
    Incoming::read(stream)
}

fn connect(server: &Process) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&server.address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn head(stream: &mut TcpStream, server: &Process, method: &str, path: &str, headers: &[&str]) -> io::Result<()> {
    let more: String = headers.iter().map(|header| format!("{header}\r\n")).collect();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: packwork\r\nauthorization: Bearer {}\r\naccept-language: en\r\n\
         connection: close\r\n{more}\r\n",
        server.token
    );
    stream.write_all(head.as_bytes())
}

/// An answer on its way.
pub struct Incoming {
    pub status: u16,
    reader: BufReader<TcpStream>,
    chunked: bool,
    /// Bytes of the chunk, or of the whole, still to come.
    left: Option<usize>,
}

impl Incoming {
    fn read(stream: TcpStream) -> io::Result<Incoming> {
        let cut = || io::Error::new(ErrorKind::UnexpectedEof, "the answer was cut off");
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(cut)?;
        let mut answer = Incoming { status, reader, chunked: false, left: None };
        loop {
            line.clear();
            if answer.reader.read_line(&mut line)? == 0 {
                return Err(cut());
            }
            let header = line.trim_end().to_ascii_lowercase();
            match header.split_once(':').map(|(name, value)| (name, value.trim())) {
                None => return Ok(answer),
                Some(("content-length", length)) => answer.left = Some(length.parse().map_err(|_| cut())?),
                Some(("transfer-encoding", "chunked")) => answer.chunked = true,
                Some(_) => {}
            }
        }
    }

    /// All that still comes.
    pub fn text(&mut self) -> io::Result<String> {
        let mut text = String::new();
        self.read_to_string(&mut text)?;
        Ok(text)
    }

    /// The next event: its id and its data; none once the stream has ended.
    pub fn event(&mut self) -> io::Result<Option<(i64, Json)>> {
        let (mut id, mut data) = (0, Json::Null);
        loop {
            let Some(line) = self.line()? else { return Ok(None) };
            match line.split_once(": ") {
                Some(("id", text)) => id = text.parse().map_err(io::Error::other)?,
                Some(("data", text)) => data = serde_json::from_str(text)?,
                Some(_) => {}
                None if !data.is_null() => return Ok(Some((id, data))),
                None => {}
            }
        }
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        let (mut line, mut byte) = (Vec::new(), [0]);
        loop {
            match (self.read(&mut byte)?, byte[0]) {
                (0, _) if line.is_empty() => return Ok(None),
                (0, _) | (_, b'\n') => return String::from_utf8(line).map(Some).map_err(io::Error::other),
                (_, byte) => line.push(byte),
            }
        }
    }

    /// Begins the next chunk; its length.
    fn chunk(&mut self) -> io::Result<usize> {
        let mut line = String::new();
        while line.trim().is_empty() {
            line.clear();
            if self.reader.read_line(&mut line)? == 0 {
                return Err(io::Error::new(ErrorKind::UnexpectedEof, "the answer was cut off"));
            }
        }
        usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)
    }
}

impl Read for Incoming {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.chunked && self.left.is_none_or(|left| left == 0) {
            let length = self.chunk()?;
            if length == 0 {
                // Nothing more, however often it is asked.
                (self.chunked, self.left) = (false, Some(0));
                return Ok(0);
            }
            self.left = Some(length);
        }
        let wanted = self.left.map_or(into.len(), |left| left.min(into.len()));
        let read = self.reader.read(&mut into[..wanted])?;
        self.left = self.left.map(|left| left - read);
        Ok(read)
    }
}
