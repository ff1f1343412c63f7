//! Clients that create and update with idempotency keys, know what was acknowledged, and repeat what was not. Knows
//! nothing of who kills the server meanwhile.

use packwork::entropy::Entropy;
use packwork_tests::process::{Client, Process};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::io;

/// Chances: out of a seed, so that a failure can be seen again.
pub(super) fn below(entropy: &Entropy, limit: u64) -> u64 {
    u64::from_be_bytes(entropy.bytes()) % limit
}

/// A record as its only writer knows it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Parcel {
    pub(super) id: String,
    pub(super) version: u64,
    pub(super) count: u64,
    /// Weights of its rows, in thousandths.
    pub(super) rows: Vec<u64>,
}

/// One request that must be applied exactly once.
#[derive(Clone, Debug)]
struct Operation {
    key: String,
    code: String,
    count: u64,
    rows: Vec<u64>,
    /// The record to update, and the version it is at; none for a new one.
    of: Option<(String, u64)>,
    /// Sent before, without an answer.
    repeated: bool,
}

/// One writer with the records it made.
pub(super) struct Writer {
    name: String,
    entropy: Entropy,
    pub(super) parcels: BTreeMap<String, Parcel>,
    pending: Option<Operation>,
    /// Requests acknowledged.
    pub(super) acknowledged: u64,
    /// Answers that only a repeat could bring.
    pub(super) repeats: u64,
    /// Requests that were answered with `unavailable`, or not at all.
    pub(super) refused: u64,
}

impl Writer {
    pub(super) fn new(name: &str, seed: u64) -> Writer {
        Writer {
            name: name.to_owned(),
            entropy: Entropy::seeded(seed),
            parcels: BTreeMap::new(),
            pending: None,
            acknowledged: 0,
            repeats: 0,
            refused: 0,
        }
    }

    /// Writes until the server is gone; `told` hears of every request that is on its way.
    pub(super) fn write(&mut self, server: (std::net::SocketAddr, String), told: &dyn Fn()) {
        let mut client = Client::new(server.0, &server.1);
        while self.step(&mut client, told).is_ok() {}
    }

    /// Writes until so many more requests are acknowledged, of which `told` hears; what is refused for now is repeated.
    pub(super) fn insist(&mut self, server: &Process, more: u64, told: &dyn Fn()) {
        let mut client = server.client();
        let wanted = self.acknowledged + more;
        while self.acknowledged < wanted {
            match self.step(&mut client, &|| {}) {
                Ok(()) => told(),
                Err(_) => self.refused += 1,
            }
        }
    }

    /// Repeats what is not acknowledged yet.
    pub(super) fn settle(&mut self, server: &Process) {
        if self.pending.is_some() {
            self.step(&mut server.client(), &|| {}).expect("nobody kills the server now");
        }
    }

    fn step(&mut self, client: &mut Client, sent: &dyn Fn()) -> io::Result<()> {
        let mut operation = self.pending.take().unwrap_or_else(|| self.next());
        self.pending = Some(Operation { repeated: true, ..operation.clone() });
        let (method, path) = match &operation.of {
            None => ("POST", "/api/v1/records/parcel".to_owned()),
            Some((id, _)) => ("PATCH", format!("/api/v1/records/parcel/{id}")),
        };
        let answer = client.send_telling(sent, method, &path, Some(&operation.body()), Some(&operation.key))?;
        if answer.status == 503 {
            assert_eq!(answer.json["code"], "unavailable", "{:#}", answer.json);
            return Err(io::Error::other("unavailable"));
        }
        let version = operation.of.take().map_or(1, |(_, version)| version + 1);
        assert!(
            matches!(answer.status, 200 | 201),
            "{operation:?} was answered with {} {:#}",
            answer.status,
            answer.json
        );
        let parcel = Parcel {
            id: answer.json["id"].as_str().unwrap_or_default().to_owned(),
            version,
            count: operation.count,
            rows: operation.rows,
        };
        assert_eq!(parcel, seen(&answer.json), "{}", operation.key);
        self.parcels.insert(operation.code, parcel);
        self.pending = None;
        self.acknowledged += 1;
        self.repeats += u64::from(operation.repeated);
        Ok(())
    }

    fn next(&self) -> Operation {
        let number = self.acknowledged;
        let rows = (0..below(&self.entropy, 4)).map(|_| below(&self.entropy, 100_000)).collect();
        let count = below(&self.entropy, 1_000_000);
        let key = format!("{}-{number}", self.name);
        let known = self.parcels.len() as u64;
        if known == 0 || below(&self.entropy, 3) == 0 {
            return Operation { code: key.clone(), key, count, rows, of: None, repeated: false };
        }
        let chosen = usize::try_from(below(&self.entropy, known)).expect("it is below a length");
        let (code, parcel) = self.parcels.iter().nth(chosen).expect("it is below the length");
        let of = Some((parcel.id.clone(), parcel.version));
        Operation { key, code: code.clone(), count, rows, of, repeated: false }
    }
}

impl Operation {
    fn body(&self) -> Json {
        let rows: Vec<Json> = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, weight)| json!({"name": at.to_string(), "weight": kilograms(*weight)}))
            .collect();
        let mut body = json!({"code": self.code, "count": self.count, "value": "12.50", "rows": rows});
        if let Some((_, version)) = &self.of {
            body["version"] = (*version).into();
        }
        body
    }
}

fn kilograms(thousandths: u64) -> String {
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// The record in an answer; what is computed must fit what it is computed from.
pub(super) fn seen(json: &Json) -> Parcel {
    let number =
        |json: &Json| json.as_str().and_then(|text| text.replace('.', "").parse::<u64>().ok()).unwrap_or(u64::MAX);
    let rows: Vec<u64> = json["rows"].as_array().into_iter().flatten().map(|row| number(&row["weight"])).collect();
    let count = number(&json["count"]);
    assert_eq!(number(&json["twice"]), count * 2, "{json:#}");
    assert_eq!(number(&json["weight"]), rows.iter().sum::<u64>(), "{json:#}");
    Parcel {
        id: json["id"].as_str().unwrap_or_default().to_owned(),
        version: json["version"].as_u64().unwrap_or_default(),
        count,
        rows,
    }
}
