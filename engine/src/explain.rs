//! Explanations: the trace of an amount told to a person, first one sentence, then the tree. Made when read;
//! nothing here is stored.

mod replay;
mod steps;

pub use replay::Replayed;
pub use steps::line_title;

use crate::model::Model;
use crate::money::places_of;
use crate::object::{FieldKind, Object};
use crate::record::Name;
use crate::settlement::line::{Line, TaxTreatment};
use crate::settlement::trace::{LookupTrace, PartTrace, PriceTrace, RoundedTrace, Trace};
use crate::template::render;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value as Json, json};
use std::str::FromStr;
use uuid::Uuid;

/// An explanation for people.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Explanation {
    pub sentence: String,
    pub tree: Vec<Node>,
}

/// One fact of an explanation, with what it rests on.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Node {
    pub label: String,
    pub value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
    #[serde(rename = "ref", skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reference {
    pub object: String,
    pub id: Uuid,
    pub title: String,
}

/// What an explanation is told with.
pub struct Teller<'a> {
    pub model: &'a Model,
    pub locale: &'a str,
    /// The title of a record, if the reader may know it.
    pub title: &'a dyn Fn(&Name, Uuid) -> Option<String>,
}

impl Teller<'_> {
    fn is_chinese(&self) -> bool {
        self.locale.starts_with("zh")
    }

    fn say(&self, chinese: &str, english: &str, params: Json) -> String {
        render(if self.is_chinese() { chinese } else { english }, params)
    }

    fn word(&self, chinese: &str, english: &str) -> String {
        if self.is_chinese() { chinese } else { english }.to_owned()
    }

    fn text(&self, path: &str) -> String {
        self.model.texts.get(self.locale, path)
    }

    /// One sentence for a line: what was priced, what it came to, where its group stands.
    pub fn line_sentence(&self, line: &Line) -> String {
        let places = places_of(&line.currency);
        let taken_back = line.takes_back();
        let price = line.trace.price.as_ref();
        let mut sentence = match (self.step_sentence(line), price) {
            (Some(sentence), _) => sentence,
            (None, Some(price)) if !price.parts.is_empty() => {
                format!(
                    "{}{} = {}",
                    parts(&price.parts, places),
                    self.made_up(price, places),
                    money(price_amount(&line.trace, price), places)
                )
            }
            _ => money(line.gross.abs(), places),
        };
        if let Some(price) = price {
            sentence.push_str(&self.group_words(line, price));
        }
        if taken_back {
            sentence = self.say(
                "冲销：{{ sentence }}，冲回 {{ amount }}",
                "Reversal: {{ sentence }}, taken back {{ amount }}",
                json!({"sentence": sentence, "amount": money(line.gross, places)}),
            );
        }
        match &line.corrects {
            Some(period) => self.say(
                "补记 {{ period }} 账期：{{ sentence }}",
                "Makes up for {{ period }}: {{ sentence }}",
                json!({"period": period, "sentence": sentence}),
            ),
            None => sentence,
        }
    }

    fn made_up(&self, price: &PriceTrace, places: u32) -> String {
        let Some(made_up) = price.made_up else { return String::new() };
        self.say(
            " + {{ amount }}（补前差）",
            " + {{ amount }} that earlier lines are short of",
            json!({"amount": money(made_up, places)}),
        )
    }

    fn group_words(&self, line: &Line, price: &PriceTrace) -> String {
        let (Some(before), Some(period)) = (price.before, &line.group_period) else { return String::new() };
        let so_far = plain(before + price.quantity);
        match price.to_next {
            Some(rest) => self.say(
                "，{{ period }} 累计 {{ so_far }}，再 {{ rest }} 进入下一档",
                "; {{ so_far }} so far in {{ period }}, {{ rest }} more reach the next tier",
                json!({"period": period, "so_far": so_far, "rest": plain(rest)}),
            ),
            None => self.say(
                "，{{ period }} 累计 {{ so_far }}，已在最高档",
                "; {{ so_far }} so far in {{ period }}, in the last tier",
                json!({"period": period, "so_far": so_far}),
            ),
        }
    }

    /// A line in full: look-ups with rows and versions, tier parts, roundings, tax.
    pub fn line(&self, line: &Line) -> Explanation {
        let trace = &line.trace;
        let places = places_of(&line.currency);
        let mut tree: Vec<Node> =
            trace.lookups.iter().map(|lookup| self.lookup(lookup, line.posted_at.to_string())).collect();
        tree.extend(trace.totals.iter().map(|total| self.total(total)));
        if let Some(price) = &trace.price {
            tree.push(self.price(line, price, places));
        }
        tree.extend(self.steps(line, places));
        for rounded in &trace.rounded {
            tree.push(self.rounding(rounded));
        }
        tree.push(self.tax(line, places));
        if let Some(reversed) = line.reverses {
            tree.push(leaf(self.word("冲销的明细", "Reversed line"), reversed.to_string()));
        }
        if let Some(held_until) = trace.held_until {
            let note = self.say("到期后列入结算单", "on a statement once it is over", json!({}));
            tree.push(Node { note: Some(note), ..leaf(self.word("暂缓至", "Held until"), held_until.to_string()) });
        }
        if let Some(period) = &line.corrects {
            let note = self.say(
                "{{ service }} 账期已关闭，记入 {{ period }}",
                "{{ service }} is closed; posted in {{ period }}",
                json!({"service": line.service_period, "period": line.period}),
            );
            tree.push(Node { note: Some(note), ..leaf(self.word("补记账期", "Makes up for"), period.to_string()) });
        }
        Explanation { sentence: self.line_sentence(line), tree }
    }

    fn lookup(&self, lookup: &LookupTrace, _posted: String) -> Node {
        let found = &*lookup.found;
        let base = format!("rate_table/{}", found.table);
        let children = found.inputs.iter().map(|(column, value)| {
            leaf(self.text(&format!("{base}/columns/{column}/title")), self.column_value(&found.table, column, value))
        });
        let mut children: Vec<Node> = children.collect();
        for (name, value) in &*found.values {
            children.push(leaf(self.text(&format!("{base}/values/{name}/title")), self.rate_value(value)));
        }
        if let Some(told) = &lookup.converted {
            let sum = format!(
                "{} {} × {} = {} {}",
                told.from,
                told.amount.normalize(),
                told.rate.normalize(),
                told.to,
                told.after
            );
            children.push(leaf(self.word("折算", "Conversion"), sum));
        }
        let note = self.say(
            "{{ date }} 有效，价目表第 {{ revision }} 版",
            "valid on {{ date }}, revision {{ revision }} of the table",
            json!({"date": lookup.date.to_string(), "revision": found.revision}),
        );
        Node {
            label: self.text(&format!("{base}/title")),
            value: self.say("行 {{ row }}", "row {{ row }}", json!({"row": found.row})),
            note: Some(note),
            children,
            reference: Some(Reference {
                object: found.table.to_string(),
                id: found.row_record,
                title: found.row.to_string(),
            }),
        }
    }

    /// The input of a column as people know it: the option's title, or the record's key as it was recorded.
    fn column_value(&self, table: &str, column: &str, value: &str) -> String {
        let field = self.model.objects.get(table).and_then(|object| object.field(column)).map(|(_, field)| field);
        match field {
            Some(field) if matches!(field.kind, FieldKind::Choice { .. }) => self
                .model
                .texts
                .find(self.locale, &format!("{}/{value}/title", field.options_text))
                .unwrap_or_else(|| value.to_owned()),
            Some(field) => match (&field.kind, Uuid::parse_str(value)) {
                (FieldKind::Id { to, .. }, Ok(id)) => {
                    to.iter().find_map(|object| (self.title)(object, id)).unwrap_or_else(|| value.to_owned())
                }
                _ => value.to_owned(),
            },
            None => value.to_owned(),
        }
    }

    fn rate_value(&self, value: &Json) -> String {
        if let Some(schedule) = value.get("schedule").and_then(Json::as_str) {
            return self.text(&format!("schedule/{schedule}/title"));
        }
        if let Some(number) = value.as_str().and_then(|text| Decimal::from_str(text).ok()) {
            return plain(number);
        }
        match (value.get("amount").and_then(Json::as_str), value.get("currency").and_then(Json::as_str)) {
            (Some(amount), Some(currency)) => format!("{} {currency}", trimmed(amount)),
            _ => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        }
    }

    fn price(&self, line: &Line, price: &PriceTrace, places: u32) -> Node {
        let mut children = vec![leaf(self.word("数量", "Quantity"), plain(price.quantity))];
        if let Some(before) = price.before {
            let note = line.group_period.as_deref().map(str::to_owned);
            children.push(Node { note, ..leaf(self.word("此前累计", "Counted before"), plain(before)) });
        }
        for (index, part) in price.parts.iter().enumerate() {
            let label = match price.schedule {
                Some(_) => self.say("第 {{ n }} 部分", "Part {{ n }}", json!({"n": index + 1})),
                None => self.word("单价 × 数量", "Price × quantity"),
            };
            children.push(Node { note: Some(part_words(part)), ..leaf(label, money(part.amount, places)) });
        }
        if let Some(made_up) = price.made_up {
            let label = self.word("补已结账期之前差额", "What earlier lines of the closed period are short of");
            children.push(leaf(label, money(made_up, places)));
        }
        if let Some(rest) = price.to_next {
            children.push(leaf(self.word("距下一档", "To the next tier"), plain(rest)));
        }
        let note = price.schedule.as_ref().map(|schedule| self.text(&format!("schedule/{schedule}/title")));
        Node {
            label: self.word("计价", "Pricing"),
            value: money_exact(price.amount, places),
            note,
            children,
            reference: None,
        }
    }

    fn rounding(&self, rounded: &RoundedTrace) -> Node {
        let point = match &*rounded.point {
            "tax" => self.word("税额取整", "Tax rounding"),
            _ => self.word("明细取整", "Line rounding"),
        };
        let mode = match &*rounded.mode {
            "half_up" => self.word("四舍五入", "half up"),
            "half_even" => self.word("四舍六入五成双", "half to even"),
            "half_down" => self.word("五舍六入", "half down"),
            "up" => self.word("远离零进位", "away from zero"),
            "down" => self.word("截断", "toward zero"),
            "ceil" => self.word("向上取整", "up"),
            _ => self.word("向下取整", "down"),
        };
        let note = self.say(
            "{{ mode }}，保留 {{ places }} 位",
            "{{ mode }}, {{ places }} digits",
            json!({"mode": mode, "places": rounded.places}),
        );
        Node { note: Some(note), ..leaf(point, format!("{} → {}", cut(rounded.before), rounded.after)) }
    }

    fn tax(&self, line: &Line, places: u32) -> Node {
        let percent = format!("{} %", plain(line.tax_rate * Decimal::ONE_HUNDRED));
        let (value, note) = match line.tax_kind {
            TaxTreatment::Inclusive => (
                money(line.tax, places),
                self.say(
                    "含税：{{ gross }} ÷ (1 + {{ rate }}) × {{ rate }}，不含税 {{ net }}",
                    "inclusive: {{ gross }} ÷ (1 + {{ rate }}) × {{ rate }}, net {{ net }}",
                    json!({"gross": money(line.gross, places), "net": money(line.net, places), "rate": percent}),
                ),
            ),
            TaxTreatment::Exclusive => (
                money(line.tax, places),
                self.say(
                    "价外税：{{ net }} × {{ rate }}",
                    "exclusive: {{ net }} × {{ rate }}",
                    json!({"net": money(line.net, places), "rate": percent}),
                ),
            ),
            TaxTreatment::Exempt => (money(Decimal::ZERO, places), self.word("免税", "exempt")),
            TaxTreatment::Zero => (money(Decimal::ZERO, places), self.word("零税率", "zero-rated")),
            TaxTreatment::NotTaxed => (
                money(Decimal::ZERO, places),
                self.word(
                    "付款方与收款方属于同一法人，不计税",
                    "payer and payee belong to one legal entity: not taxed",
                ),
            ),
        };
        Node { note: Some(note), ..leaf(self.word("税额", "Tax"), value) }
    }

    /// A computed field: where its value came from.
    pub fn field(&self, object: &Object, slot: usize, shown: &str, origins: &[Json]) -> Explanation {
        let title = self.text(&object.fields[slot].text);
        let tree: Vec<Node> = origins.iter().filter_map(|origin| self.origin(origin)).collect();
        let sentence = match tree.last() {
            Some(node) => self.say(
                "{{ title }} {{ shown }}：{{ why }}",
                "{{ title }} {{ shown }}: {{ why }}",
                json!({"title": title, "shown": shown, "why": node.note.clone().unwrap_or_else(|| node.value.clone())}),
            ),
            None => self.say(
                "{{ title }} 为 {{ shown }}",
                "{{ title }} is {{ shown }}",
                json!({"title": title, "shown": shown}),
            ),
        };
        Explanation { sentence, tree }
    }

    /// One origin of a computed value, as noted when it was computed.
    pub fn origin(&self, origin: &Json) -> Option<Node> {
        let text = |name: &str| origin.get(name).and_then(Json::as_str).unwrap_or_default();
        match text("kind") {
            "place" => {
                let object: Name = text("object").into();
                let found = Uuid::parse_str(text("record")).ok();
                let reference = found.map(|id| self.reference(&object, id));
                let note = match &reference {
                    Some(place) => self.say(
                        "地址“{{ address }}”位于{{ place }}",
                        "the address “{{ address }}” lies in {{ place }}",
                        json!({"address": text("text"), "place": place.title}),
                    ),
                    None => self.say(
                        "地址“{{ address }}”未能识别区域",
                        "no region was found in the address “{{ address }}”",
                        json!({"address": text("text")}),
                    ),
                };
                let value = reference.as_ref().map_or_else(|| "—".to_owned(), |place| place.title.clone());
                Some(Node {
                    label: self.word("地址识别", "Found from the address"),
                    value,
                    note: Some(note),
                    children: Vec::new(),
                    reference,
                })
            }
            "classification" => {
                let object: Name = text("object").into();
                let record = Uuid::parse_str(text("record")).ok().map(|id| self.reference(&object, id));
                let of = record.as_ref().map(|record| record.title.clone()).unwrap_or_default();
                let dimension = self.model.dimensions.values().find(|dimension| {
                    dimension.of == object && dimension.classifications.contains_key(text("classification"))
                });
                let class = dimension.and_then(|dimension| dimension.classifications.get(text("classification")));
                let value = class.map_or_else(
                    || text("value").to_owned(),
                    |class| self.text(&format!("{}/{}/title", class.text, text("value"))),
                );
                let at = origin
                    .pointer("/row/at")
                    .and_then(Json::as_str)
                    .and_then(|id| Uuid::parse_str(id).ok())
                    .map(|id| self.reference(&object, id).title);
                let note = match at {
                    Some(at) if at != of => self.say(
                        "{{ of }} 在 {{ date }} 按上级 {{ at }} 归为 {{ value }}",
                        "{{ of }} counts as {{ value }} on {{ date }}, as {{ at }} does",
                        json!({"of": of, "date": text("date"), "at": at, "value": value}),
                    ),
                    Some(_) => self.say(
                        "{{ of }} 在 {{ date }} 归为 {{ value }}",
                        "{{ of }} is {{ value }} on {{ date }}",
                        json!({"of": of, "date": text("date"), "value": value}),
                    ),
                    None => self.say(
                        "{{ of }} 没有单独归类，按默认 {{ value }}",
                        "{{ of }} is not classified; the default is {{ value }}",
                        json!({"of": of, "value": value}),
                    ),
                };
                Some(Node {
                    label: self.word("分级", "Classification"),
                    value,
                    note: Some(note),
                    children: Vec::new(),
                    reference: record,
                })
            }
            "rate" => {
                let base = format!("rate_table/{}", text("table"));
                let inputs = origin.get("inputs").and_then(Json::as_object);
                let children: Vec<Node> = inputs
                    .into_iter()
                    .flatten()
                    .map(|(column, value)| {
                        leaf(
                            self.text(&format!("{base}/columns/{column}/title")),
                            self.column_value(text("table"), column, value.as_str().unwrap_or_default()),
                        )
                    })
                    .collect();
                let table = self.text(&format!("{base}/title"));
                if let Some(code) = origin.get("missed").and_then(Json::as_str) {
                    let why = crate::codes::Code::ALL
                        .iter()
                        .find(|known| known.as_str() == code)
                        .map_or(code, |known| known.title(self.locale));
                    return Some(Node {
                        label: table,
                        value: "—".to_owned(),
                        note: Some(why.to_owned()),
                        children,
                        reference: None,
                    });
                }
                let values: Vec<String> = origin
                    .get("values")
                    .and_then(Json::as_object)
                    .into_iter()
                    .flatten()
                    .map(|(_, value)| self.rate_value(value))
                    .collect();
                let note = self.say(
                    "{{ table }}，行 {{ row }}，{{ date }} 有效，第 {{ revision }} 版：{{ values }}",
                    "{{ table }}, row {{ row }}, valid on {{ date }}, revision {{ revision }}: {{ values }}",
                    json!({"table": table, "row": text("row"), "date": text("date"), "revision": origin.get("revision"), "values": values.join("、")}),
                );
                let reference = Uuid::parse_str(text("row_record")).ok().map(|id| Reference {
                    object: text("table").to_owned(),
                    id,
                    title: text("row").to_owned(),
                });
                Some(Node { label: table, value: values.join("、"), note: Some(note), children, reference })
            }
            _ => None,
        }
    }

    fn reference(&self, object: &Name, id: Uuid) -> Reference {
        Reference { object: object.to_string(), id, title: (self.title)(object, id).unwrap_or_else(|| id.to_string()) }
    }
}

/// Records that an explanation of these origins names: load their titles first.
pub fn named_in_origins(model: &Model, origins: &[Json]) -> Vec<(Name, Uuid)> {
    let mut named = Vec::new();
    for origin in origins {
        let id_at = |pointer: &str| Uuid::parse_str(origin.pointer(pointer)?.as_str()?).ok();
        if let Some(object) = origin.get("object").and_then(Json::as_str) {
            named.extend([id_at("/record"), id_at("/row/at")].into_iter().flatten().map(|id| (Name::from(object), id)));
        }
        if let (Some(table), Some(inputs)) =
            (origin.get("table").and_then(Json::as_str), origin.get("inputs").and_then(Json::as_object))
        {
            let written = inputs.iter().filter_map(|(column, value)| Some((column.as_str(), value.as_str()?)));
            named.extend(named_in_inputs(model, table, written));
        }
    }
    named
}

/// Records that the explanation of a line names besides its parties and its fact.
pub fn named_in_line(model: &Model, line: &Line) -> Vec<(Name, Uuid)> {
    let lookups = line.trace.lookups.iter();
    let mut named: Vec<(Name, Uuid)> = steps::named(&line.trace);
    named.extend(lookups.flat_map(|lookup| {
        named_in_inputs(
            model,
            &lookup.found.table,
            lookup.found.inputs.iter().map(|(column, value)| (&**column, value.as_str())),
        )
    }));
    named
}

fn named_in_inputs<'i>(
    model: &Model,
    table: &str,
    inputs: impl Iterator<Item = (&'i str, &'i str)>,
) -> Vec<(Name, Uuid)> {
    let Some(object) = model.objects.get(table) else { return Vec::new() };
    let named = inputs.filter_map(|(column, value)| match &object.field(column)?.1.kind {
        FieldKind::Id { to, .. } => Some((to.first()?.clone(), Uuid::parse_str(value).ok()?)),
        _ => None,
    });
    named.collect()
}

fn leaf(label: String, value: String) -> Node {
    Node { label, value, ..Node::default() }
}

/// The amount that the parts come to, rounded as the line was.
fn price_amount(trace: &Trace, price: &PriceTrace) -> Decimal {
    trace.rounded.iter().find(|rounded| rounded.point == "line").map_or(price.amount, |rounded| rounded.after)
}

fn parts(parts: &[PartTrace], places: u32) -> String {
    let words: Vec<String> = parts.iter().map(part_words_at(places)).collect();
    words.join(" + ")
}

fn part_words_at(places: u32) -> impl Fn(&PartTrace) -> String {
    move |part| match part.flat {
        Some(flat) if part.rate.is_zero() => money(flat, places),
        Some(flat) => format!("{} × {} + {}", plain(part.quantity), rate(part.rate, places), money(flat, places)),
        None => format!("{} × {}", plain(part.quantity), rate(part.rate, places)),
    }
}

fn part_words(part: &PartTrace) -> String {
    part_words_at(2)(part)
}

/// At least the currency's digits, more where the number has more.
fn rate(number: Decimal, places: u32) -> String {
    let plain = number.normalize();
    let mut shown = plain;
    if plain.scale() < places {
        shown.rescale(places);
    }
    grouped(&shown.to_string())
}

fn money(amount: Decimal, places: u32) -> String {
    rate(amount, places)
}

fn money_exact(amount: Decimal, places: u32) -> String {
    rate(amount, places)
}

fn plain(number: Decimal) -> String {
    grouped(&number.normalize().to_string())
}

/// A long fraction is cut for the eye; the exact figure stands in the trace.
fn cut(number: Decimal) -> String {
    if number.scale() > 6 { format!("{}…", number.trunc_with_scale(6)) } else { number.to_string() }
}

fn trimmed(amount: &str) -> String {
    Decimal::from_str(amount).map_or_else(|_| amount.to_owned(), |amount| rate(amount, 2))
}

/// Thousands separators.
fn grouped(number: &str) -> String {
    let (sign, rest) = number.strip_prefix('-').map_or(("", number), |rest| ("-", rest));
    let (whole, fraction) = rest.split_once('.').map_or((rest, None), |(whole, fraction)| (whole, Some(fraction)));
    let mut shown = String::new();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    match fraction {
        Some(fraction) => format!("{sign}{shown}.{fraction}"),
        None => format!("{sign}{shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_keep_their_digits() {
        for (number, expect) in
            [("3575", "3,575.00"), ("95", "95.00"), ("0.125", "0.125"), ("-1234567.5", "-1,234,567.50")]
        {
            assert_eq!(money(number.parse().expect("the test's numbers are decimals"), 2), expect);
        }
        assert_eq!(plain("40.00".parse().expect("the test's numbers are decimals")), "40");
    }
}
