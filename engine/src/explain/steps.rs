//! What totals, chains, entitlements, caps, minimums and returns made of an amount, told to a person.

use super::{Node, Reference, Teller, leaf, money, plain};
use crate::model::Model;
use crate::money::places_of;
use crate::record::Name;
use crate::settlement::line::Line;
use crate::settlement::plan::{DERIVED, PAY, REMAINDER, ROUNDING, base_of};
use crate::settlement::trace::{
    AdjustTrace, ChainPart, ChainTrace, DOCUMENT, DueTrace, MemberTrace, MirrorTrace, PriceTrace, TotalTrace, Trace,
};
use rust_decimal::Decimal;
use serde_json::json;
use uuid::Uuid;

impl Teller<'_> {
    /// One sentence for a line that a step beyond its price made.
    pub(super) fn step_sentence(&self, line: &Line) -> Option<String> {
        let (trace, places) = (&line.trace, places_of(&line.currency));
        if let Some(adjusted) = &trace.adjusted {
            return Some(self.adjusted_words(adjusted, places));
        }
        if let Some(chain) = &trace.chain {
            return Some(self.chain_words(line, chain, places));
        }
        if let Some(mirrored) = &trace.mirrored {
            return Some(self.mirrored_words(mirrored, line.gross, places));
        }
        if let Some(rounded) = trace.rounded.first().filter(|rounded| rounded.point == DOCUMENT) {
            return Some(self.say(
                "整单计税 {{ before }} 舍入为 {{ after }}，本行分得尾差 {{ share }}",
                "the statement's tax of {{ before }} is rounded to {{ after }}; {{ share }} of the difference is here",
                json!({"before": plain(rounded.before), "after": money(rounded.after, places), "share": money(line.tax, places)}),
            ));
        }
        trace.due.as_ref().map(|due| self.due_words(due, trace.price.as_ref(), places))
    }

    /// Nodes of what a line was made by beyond its price.
    pub(super) fn steps(&self, line: &Line, places: u32) -> Vec<Node> {
        let trace = &line.trace;
        let mut nodes = Vec::new();
        nodes.extend(trace.chain.as_ref().map(|chain| self.chain(chain, places)));
        nodes.extend(trace.due.as_ref().map(|due| self.due(due, places)));
        nodes.extend(trace.adjusted.as_ref().map(|adjusted| self.adjusted(adjusted, places)));
        nodes.extend(trace.mirrored.as_ref().map(|mirrored| self.mirrored(line, mirrored, places)));
        nodes
    }

    /// A total of an accumulator.
    pub(super) fn total(&self, total: &TotalTrace) -> Node {
        let note = self.say(
            "{{ period }} 内 {{ until }} 之前的 {{ count }} 笔",
            "{{ count }} before {{ until }} in {{ period }}",
            json!({"period": total.period, "until": total.until.to_string(), "count": total.count}),
        );
        let label = self.text(&format!("accumulator/{}/title", total.accumulator));
        Node { note: Some(note), ..leaf(label, plain(total.total)) }
    }

    fn chain_words(&self, line: &Line, chain: &ChainTrace, places: u32) -> String {
        let amount = money(line.gross.abs(), places);
        match &chain.part {
            ChainPart::Member(place) => match chain.members.get(*place) {
                Some(member) => self.member_words(chain, member, places),
                None => amount,
            },
            ChainPart::Bonus(id) => self.say(
                "平级奖励 {{ id }}：{{ amount }}",
                "peer bonus {{ id }}: {{ amount }}",
                json!({"id": id, "amount": amount}),
            ),
            ChainPart::Remainder => self.say(
                "分润池 {{ pool }} 中未分出 {{ amount }}",
                "{{ amount }} of the pool of {{ pool }} went to nobody of the chain",
                json!({"pool": money(chain.pool, places), "amount": money(chain.remainder, places)}),
            ),
        }
    }

    fn member_words(&self, chain: &ChainTrace, member: &MemberTrace, places: u32) -> String {
        let amount = money(member.amount, places);
        match member.figure {
            // A step larger than the whole is a gap of prices, not a share.
            Some(figure) if member.step > Decimal::ONE => self.say(
                "下级价 {{ below }} − 本级价 {{ own }} = {{ amount }}",
                "price below {{ below }} − own price {{ own }} = {{ amount }}",
                json!({"below": money(figure + member.step, places), "own": money(figure, places), "amount": amount}),
            ),
            Some(figure) if figure != member.step => self.say(
                "{{ base }} × {{ step }}（本级 {{ own }}，下级已得 {{ below }}）= {{ amount }}",
                "{{ base }} × {{ step }} (own rate {{ own }}, {{ below }} earned below) = {{ amount }}",
                json!({"base": money(chain.base, places), "step": percent(member.step), "own": percent(figure),
                       "below": percent(figure - member.step), "amount": amount}),
            ),
            _ => format!("{} × {} = {amount}", money(chain.base, places), percent(member.step)),
        }
    }

    fn chain(&self, chain: &ChainTrace, places: u32) -> Node {
        let mut children = vec![leaf(self.word("分润基数", "Base"), money(chain.base, places))];
        if !chain.pool.is_zero() {
            children.push(leaf(self.word("分润池", "Pool"), money(chain.pool, places)));
        }
        for (place, member) in chain.members.iter().enumerate() {
            let object = Name::from(member.object.as_str());
            let title = (self.title)(&object, member.party).unwrap_or_else(|| member.party.to_string());
            let label =
                self.say("第 {{ n }} 级 {{ who }}", "Level {{ n }}, {{ who }}", json!({"n": place + 1, "who": title}));
            let note = match &member.reason {
                Some(reason) => self.reason(reason, member.skipped.as_deref()),
                None => self.member_words(chain, member, places),
            };
            let value = money(member.amount, places);
            let reference = Reference { object: member.object.clone(), id: member.party, title };
            children.push(Node { note: Some(note), reference: Some(reference), ..leaf(label, value) });
        }
        if !chain.remainder.is_zero() {
            children.push(leaf(self.word("未分出", "To nobody"), money(chain.remainder, places)));
        }
        Node { children, ..leaf(self.word("分润链", "Chain"), self.text(&format!("chain/{}/title", chain.chain))) }
    }

    /// Why a party gets nothing, or not all.
    fn reason(&self, reason: &str, skipped: Option<&str>) -> String {
        match reason {
            "skipped" => self.say(
                "跳过（{{ why }}），由上级顶替",
                "passed over ({{ why }}); those above move up",
                json!({"why": skipped.unwrap_or_default()}),
            ),
            "peer" => self.word("与下级同级，无级差", "as high as a party below: no step"),
            "outranked" => self.word("低于下级，不计", "below a party that stands under it"),
            "beyond_levels" => self.word("超出分润层级", "the chain pays fewer levels"),
            _ => self.word("分润比例已封顶", "the share that may be given away is used up"),
        }
    }

    fn due_words(&self, due: &DueTrace, price: Option<&PriceTrace>, places: u32) -> String {
        let params = json!({
            "period": due.period,
            "volume": price.map(|price| money(price.quantity, places)).unwrap_or_default(),
            "entitled": money(due.entitled, places),
            "posted": money(due.posted, places),
            "rest": money(due.entitled - due.posted, places),
        });
        if price.is_none_or(|price| price.schedule.is_none()) {
            return self.say(
                "{{ period }} 应付 {{ entitled }}，此前已付 {{ posted }}，本次 {{ rest }}",
                "{{ entitled }} to be paid for {{ period }}, {{ posted }} before, {{ rest }} now",
                params,
            );
        }
        let mut words = self.say(
            "{{ period }} 累计 {{ volume }}，应计 {{ entitled }}，此前已计 {{ posted }}，本期 {{ rest }}",
            "{{ volume }} so far in {{ period }} earn {{ entitled }}, {{ posted }} before, {{ rest }} now",
            params,
        );
        if let Some(rest) = price.and_then(|price| price.to_next) {
            words.push_str(&self.say(
                "，再 {{ rest }} 进入下一档",
                "; {{ rest }} more reach the next tier",
                json!({"rest": money(rest, places)}),
            ));
        }
        words
    }

    fn due(&self, due: &DueTrace, places: u32) -> Node {
        let mut children = vec![
            leaf(self.word("应计", "Earned"), money(due.entitled, places)),
            leaf(self.word("此前已计", "Posted before"), money(due.posted, places)),
        ];
        if let Some(growth) = due.growth {
            children.push(leaf(self.word("增长率", "Growth"), percent(growth)));
        }
        if let Some(from) = &due.retroactive_from {
            let from = match from.as_str() {
                "first_threshold" => self.word("首个有返利的门槛以上", "what lies above the first tier that earns"),
                _ => self.word("所达档位门槛以上", "what lies above the reached tier's threshold"),
            };
            children.push(leaf(self.word("追溯范围", "Counts"), from));
        }
        let label = self.say("{{ period }} 差额", "Difference of {{ period }}", json!({"period": due.period}));
        Node { children, ..leaf(label, money(due.entitled - due.posted, places)) }
    }

    fn adjusted_words(&self, adjusted: &AdjustTrace, places: u32) -> String {
        let params = json!({
            "limit": money(adjusted.limit, places),
            "used": money(adjusted.used, places),
            "amount": money(adjusted.amount, places),
            "counted": money(adjusted.used + adjusted.amount, places),
        });
        match &*adjusted.kind {
            "cap" => self.say(
                "封顶 {{ limit }}：此前已用 {{ used }}，本笔 {{ amount }} 超出部分扣减",
                "capped at {{ limit }}: {{ used }} used before, what of {{ amount }} is above is cut",
                params,
            ),
            _ => self.say(
                "保底 {{ limit }}：已计 {{ counted }}，补足差额",
                "at least {{ limit }}: {{ counted }} counted, the difference is made up",
                params,
            ),
        }
    }

    fn adjusted(&self, adjusted: &AdjustTrace, places: u32) -> Node {
        let label = match &*adjusted.kind {
            "cap" => self.word("封顶", "Cap"),
            _ => self.word("保底", "Minimum"),
        };
        let mut children = vec![
            leaf(self.word("此前已用", "Counted before"), money(adjusted.used, places)),
            leaf(self.word("本笔金额", "Amount without it"), money(adjusted.amount, places)),
        ];
        if let Some([active, period]) = adjusted.days {
            children.push(leaf(self.word("计费天数", "Days in use"), format!("{active} / {period}")));
        }
        Node { children, ..leaf(label, money(adjusted.limit, places)) }
    }

    fn mirrored_words(&self, mirrored: &MirrorTrace, amount: Decimal, places: u32) -> String {
        self.say(
            "原明细 {{ original }}：{{ of }} 中累计退回 {{ until }}，冲回 {{ amount }}",
            "of the line of {{ original }}: {{ until }} of {{ of }} came back, {{ amount }} taken back",
            json!({"original": money(mirrored.amount, places), "of": money(mirrored.of, places),
                   "until": money(mirrored.until, places), "amount": money(amount.abs(), places)}),
        )
    }

    fn mirrored(&self, line: &Line, mirrored: &MirrorTrace, places: u32) -> Node {
        let object = Name::from(mirrored.object.as_str());
        let title = (self.title)(&object, mirrored.fact).unwrap_or_else(|| mirrored.fact.to_string());
        Node {
            label: self.word("退回的原单", "What came back"),
            value: title.clone(),
            note: Some(self.mirrored_words(mirrored, line.gross, places)),
            children: vec![
                leaf(self.word("原明细金额", "Original line"), money(mirrored.amount, places)),
                leaf(self.word("此前已退", "Came back before"), money(mirrored.before, places)),
            ],
            reference: Some(Reference { object: mirrored.object.clone(), id: mirrored.fact, title }),
        }
    }
}

/// What people call a line of a plan. One that is derived from another is called after it, where it has no title of its own.
pub fn line_title(model: &Model, locale: &str, plan: &str, line: &str) -> String {
    let path = |line: &str| format!("settlement_plan/{plan}/lines/{line}/title");
    if let Some(title) = model.texts.find(locale, &path(line)) {
        return title;
    }
    let base = model.texts.get(locale, &path(base_of(line)));
    let is_chinese = locale.starts_with("zh");
    match (line.split_once(DERIVED).map(|(_, part)| part), is_chinese) {
        (None, _) => base,
        (Some(PAY), true) => format!("{base}（支付）"),
        (Some(PAY), false) => format!("{base} (payment)"),
        (Some(REMAINDER), true) => format!("{base}（未分出）"),
        (Some(REMAINDER), false) => format!("{base} (remainder)"),
        (Some(ROUNDING), true) => format!("{base}（税额尾差）"),
        (Some(ROUNDING), false) => format!("{base} (rounding of tax)"),
        (Some(part), true) => format!("{base}（{part}）"),
        (Some(part), false) => format!("{base} ({part})"),
    }
}

/// Records that the steps of a line name.
pub(super) fn named(trace: &Trace) -> Vec<(Name, Uuid)> {
    let members = trace.chain.iter().flat_map(|chain| &chain.members);
    let members = members.map(|member| (Name::from(member.object.as_str()), member.party));
    let mirrored = trace.mirrored.iter().map(|mirrored| (Name::from(mirrored.object.as_str()), mirrored.fact));
    members.chain(mirrored).collect()
}

fn percent(share: Decimal) -> String {
    format!("{} %", plain(share * Decimal::ONE_HUNDRED))
}
