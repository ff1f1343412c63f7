//! A server in a process of its own: started, asked where it listens, its memory and processor time read from outside,
//! stopped by closing its standard input.

use crate::{part, process};
use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, Stdio};

pub struct Server {
    child: Child,
    /// The server ends when this closes.
    held: Option<ChildStdin>,
    pub port: u16,
}

impl Server {
    pub fn start(part: &str, rest: &[&str]) -> Result<Server> {
        let mut command = part::command(part, rest)?;
        // Its log goes where nobody reads it; that it is written costs what it costs.
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().with_context(|| format!("starting the server `{part}`"))?;
        let held = child.stdin.take();
        let output = child.stdout.take().context("the server has no output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).context("waiting for the server")?;
        let said: Json = serde_json::from_str(&line).with_context(|| format!("`{part}` did not start: `{line}`"))?;
        let Some(port) = said["port"].as_u64().and_then(|port| u16::try_from(port).ok()) else {
            bail!("`{part}` did not start: {}", said["error"].as_str().unwrap_or_default());
        };
        Ok(Server { child, held, port })
    }

    pub fn rss_kib(&self) -> u64 {
        process::rss_kib(self.child.id())
    }

    pub fn peak_rss_kib(&self) -> u64 {
        process::peak_rss_kib_of(self.child.id())
    }

    pub fn cpu_ms(&self) -> u64 {
        process::cpu_ms_of(self.child.id())
    }

    pub fn process(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.held.take());
        let _ = self.child.wait();
    }
}

/// Of a server's own process: says where it listens and serves until its standard input closes.
pub async fn serve(router: axum::Router) -> Result<()> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.context("listening")?;
    println!("{}", serde_json::json!({"port": listener.local_addr().context("asking for the port")?.port()}));
    let (closing, closed) = tokio::sync::oneshot::channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = closing.send(());
    });
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served.context("serving"),
        _ = closed => Ok(()),
    }
}
