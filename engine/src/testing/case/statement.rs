//! Steps of statements in cases: which statement is meant, and which of its lines.

use super::{Answer, Refused, Run};
use indexmap::IndexMap;
use serde_json::{Map, Value as Json};

/// Steps that end disputes: each line has one of its own.
const SETTLING: [&str; 2] = ["accept", "uphold"];

impl Run<'_> {
    pub(super) fn advance(&mut self, step: &str, of: &IndexMap<String, Json>, with: &IndexMap<String, Json>) -> Answer {
        let all = self.world.statements();
        let Some(statement) = self.compare().statement(of, &all).and_then(|found| found["id"].as_str()) else {
            return Err(Refused::because("there is no such statement".to_owned()));
        };
        let mut input: Map<String, Json> = with.clone().into_iter().collect();
        let named = input.remove("lines");
        let lines = self.lines_of(statement, named.as_ref())?;
        if SETTLING.contains(&step) {
            let mut answer = Err(Refused::because("`lines` names no line of the statement".to_owned()));
            for line in lines {
                input.insert("line".to_owned(), Json::String(line));
                answer = Ok(self.world.advance(statement, step, &input)?);
            }
            return answer;
        }
        if named.is_some() {
            input.insert("lines".to_owned(), lines.into_iter().map(Json::String).collect());
        }
        self.world.advance(statement, step, &input)
    }

    /// The lines of a statement that facts have there.
    fn lines_of(&mut self, statement: &str, facts: Option<&Json>) -> Result<Vec<String>, Refused> {
        let mut found = Vec::new();
        let named = facts.and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
        if named.is_empty() {
            return Ok(found);
        }
        let lines = self.world.lines();
        for fact in named.iter().filter_map(Json::as_str) {
            let Some((_, id)) = self.locate(fact) else {
                return Err(Refused::because(format!("there is no record `{fact}`")));
            };
            let is_meant = |line: &&Json| {
                let on = line["statement"].get("id").unwrap_or(&line["statement"]);
                on.as_str() == Some(statement) && line["fact"]["id"].as_str() == Some(&*id)
            };
            let of_fact = lines.iter().filter(is_meant).filter_map(|line| line["id"].as_str().map(str::to_owned));
            let before = found.len();
            found.extend(of_fact);
            if found.len() == before {
                return Err(Refused::because(format!("`{fact}` has no line on the statement")));
            }
        }
        Ok(found)
    }
}
