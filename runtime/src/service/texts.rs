//! Words of the product itself that stand in answers; the packs' words are the model's.

use super::Locale;
use packwork_engine::model::Model;
use packwork_engine::object::{Field, Object};
use packwork_engine::query::Part;
use packwork_engine::settlement::line::StatementStatus;

macro_rules! words {
    ($($name:ident = $en:literal, $zh:literal;)*) => {
        $(pub fn $name(locale: Locale) -> &'static str {
            match locale { Locale::English => $en, Locale::Chinese => $zh }
        })*
    };
}

words! {
    edit = "Edit", "编辑";
    delete = "Delete", "删除";
    others = "Others", "其他";
    none = "None", "无";
    issue = "Issue", "出账";
    confirm = "Confirm", "确认";
    pay = "Record payment", "登记付款";
    not_settled = "Not charged", "未计费";
    pending = "Waiting to be charged", "待计费";
    charged = "Charged", "已计费";
    billed = "Billed", "已出账";
    confirmed = "Confirmed", "已确认";
    paid = "Paid", "已付款";
    reversed = "Reversed", "已冲红";
    reverse = "Reverse", "冲红";
    dispute = "Dispute", "提出异议";
    accept = "Accept as it is", "维持原明细";
    uphold = "Uphold", "异议成立";
    ledger_entries = "Ledger entries", "分录";
    write_off = "Write off", "核销欠款";
    reason = "Reason", "原因";
    options = "What columns take", "填写说明";
    column = "Column", "列";
    takes = "Values", "可填内容";
    yes = "Yes", "是";
    no = "No", "否";
    currency = "Currency", "币种";
    no_right = "You are not allowed to do this", "您没有权限";
}

/// Column headings of a file of ledger entries.
pub fn entry_headings(locale: Locale) -> [&'static str; 10] {
    match locale {
        Locale::English => [
            "Posted at",
            "Period",
            "Posting",
            "Account",
            "Account title",
            "Payer",
            "Payee",
            "Debit",
            "Credit",
            "Currency",
        ],
        Locale::Chinese => {
            ["记账时间", "账期", "记账规则", "科目", "科目名称", "付款方", "收款方", "借方", "贷方", "币种"]
        }
    }
}

pub fn statement_status(locale: Locale, status: StatementStatus) -> &'static str {
    match (status, locale) {
        (StatementStatus::Draft, Locale::English) => "Draft",
        (StatementStatus::Draft, Locale::Chinese) => "草稿",
        (StatementStatus::Issued, _) => billed(locale),
        (StatementStatus::Confirmed, _) => confirmed(locale),
        (StatementStatus::Paid, _) => paid(locale),
        (StatementStatus::Reversed, _) => reversed(locale),
    }
}

/// A date's title with the part of it that is meant.
pub fn with_part(locale: Locale, title: &str, part: Part) -> String {
    let (english, chinese) = match part {
        Part::Year => ("year", "年"),
        Part::Quarter => ("quarter", "季度"),
        Part::Month => ("month", "月"),
        Part::Week => ("week", "周"),
        Part::Day => ("day", "日"),
        Part::Weekday => ("weekday", "星期"),
        Part::Hour => ("hour", "小时"),
        Part::Currency => ("currency", "币种"),
    };
    match locale {
        Locale::English => format!("{title} ({english})"),
        Locale::Chinese => format!("{title}（{chinese}）"),
    }
}

pub fn object_title(model: &Model, locale: Locale, object: &str) -> String {
    let kind = match model.rate_tables.contains_key(object) {
        true => "rate_table",
        false => "object",
    };
    model.texts.get(locale.as_str(), &format!("{kind}/{object}/title"))
}

pub fn field_title(model: &Model, locale: Locale, field: &Field) -> String {
    model.texts.get(locale.as_str(), &field.text)
}

pub fn option_title(model: &Model, locale: Locale, field: &Field, option: &str) -> String {
    model.texts.get(locale.as_str(), &format!("{}/{option}/title", field.options_text))
}

pub fn state_title(model: &Model, locale: Locale, object: &Object, state: &str) -> String {
    match &object.lifecycle {
        Some(lifecycle) => {
            model.texts.get(locale.as_str(), &format!("lifecycle/{}/states/{state}/title", lifecycle.name))
        }
        None => state.to_owned(),
    }
}

pub fn restore(locale: Locale) -> &'static str {
    match locale {
        Locale::Chinese => "恢复",
        Locale::English => "Restore",
    }
}

pub fn transition_title(model: &Model, locale: Locale, object: &Object, transition: &str) -> String {
    match &object.lifecycle {
        Some(lifecycle) => {
            model.texts.get(locale.as_str(), &format!("lifecycle/{}/transitions/{transition}/title", lifecycle.name))
        }
        None => transition.to_owned(),
    }
}
