//! Cases of rounding, allocation, tax, discounts and the order of a document's steps.

use super::Family;
use super::asked::{answers, answers_of, by_name, computed};
use super::documents::{self, Document};
use super::place::{Place, Posted, engine_only, place};
use super::planned::{Company, company};
use super::read::Input;
use super::world::{PLACES, all_shown, evaluate, formula, shown, sum};
use anyhow::{Context, Result, anyhow, bail};
use packwork_engine::definition::RateText;
use packwork_engine::settlement::adjust::Days;
use packwork_engine::settlement::allocation::{Method, allocate};
use packwork_engine::settlement::discount::{SharedDiscount, Stacking, cascade, cascade_in_units, stacked};
use packwork_engine::settlement::rounding::{Rounding, round, round_to_places};
use packwork_engine::settlement::tax::{
    Policy, TaxKind, Taxable, Taxed, TaxedDocument, credit_series, tax_document, tax_line, tax_lines,
};
use packwork_engine::value::Value;
use rust_decimal::Decimal;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

pub const FAMILIES: &[(&str, Family)] = &[
    ("rounding", rounding),
    ("allocation.first", |input| allocation(input, "first")),
    ("allocation.last", |input| allocation(input, "last")),
    ("allocation.largest_remainder", |input| allocation(input, "largest_remainder")),
    ("allocation.running", |input| allocation(input, "running")),
    ("tax.inclusive", |input| taxed(input, TaxKind::Inclusive)),
    ("tax.exclusive", |input| taxed(input, TaxKind::Exclusive)),
    ("tax.exclusive_after_discount", exclusive_after_discount),
    ("tax.rounding_policy", rounding_policy),
    ("tax.credit_note", credit_note),
    ("tax.credit_note_series", credit_note_series),
    ("discount.cascade", discount_cascade),
    ("document.order", document_order),
    ("proration.daily", proration_daily),
];

/// Digits after the point of weights, and of what is not rounded to money yet.
const WEIGHT_PLACES: u32 = 8;

/// Minor units: amounts are whole numbers of them.
const MINOR: u32 = 0;

/// A number of per cent as a share, read as a definition reads it.
pub fn share(percent: &Input<'_>) -> Result<Decimal> {
    let rate: RateText = serde_json::from_value(json!(format!("{}%", percent.digits()?)))?;
    Ok(rate.0)
}

fn rounding(input: &Input<'_>) -> Result<Json> {
    let mode = rounding_mode(&input.get("mode")?)?;
    let rounded = |value: &Input<'_>, places: &Input<'_>| -> Result<Decimal> {
        let number = fraction(value)?;
        let places = i32::try_from(places.integer()?).map_err(|_| places.wrong("number of places"))?;
        round_to_places(number, places, mode).ok_or_else(|| anyhow!("{number} has too many digits"))
    };
    let mut asked = Vec::new();
    match input.find("value") {
        Some(value) => asked.extend(input.get("places")?.several().into_iter().map(|places| (value.clone(), places))),
        None => {
            for item in input.get("values")?.items()? {
                let places = item.find("places").map_or_else(|| input.get("places"), Ok)?;
                asked.push((item.find("value").unwrap_or_else(|| item.clone()), places));
            }
        }
    }
    let values: Vec<Decimal> = match place() {
        Place::Engine => asked.iter().map(|(value, places)| rounded(value, places)).collect::<Result<_>>()?,
        Place::Http(_) => by_formulas(&asked, mode)?,
    };
    Ok(json!({"value": values.first().copied().map(shown), "values": all_shown(values)}))
}

/// A mode of rounding by our name, or by one that others have for it.
fn rounding_mode(mode: &Input<'_>) -> Result<Rounding> {
    let ours = match mode.text()?.to_lowercase().replace(['-', ' '], "_").as_str() {
        "ceiling" => "ceil".to_owned(),
        "truncate" | "trunc" | "toward_zero" => "down".to_owned(),
        "away_from_zero" => "up".to_owned(),
        "bankers" | "banker" => "half_even".to_owned(),
        other => other.to_owned(),
    };
    Input::of(&json!(ours)).named()
}

/// A number, or a fraction of numbers: `15/78*2`.
fn fraction(value: &Input<'_>) -> Result<Decimal> {
    match value.decimal() {
        Ok(number) => Ok(number),
        Err(_) => evaluate(value.text()?, &BTreeMap::new())?.as_decimal().ok_or_else(|| value.wrong("number")),
    }
}

/// Values rounded by the function that formulas have.
fn by_formulas(asked: &[(Input<'_>, Input<'_>)], mode: Rounding) -> Result<Vec<Decimal>> {
    let mut formulas: Vec<(String, String)> = Vec::new();
    let mode = json!(mode);
    for (index, (value, places)) in asked.iter().enumerate() {
        let number = value.text().map_or_else(|_| value.digits(), |text| Ok(text.to_owned()))?;
        let source = format!("round({number}, {}, {mode})", places.integer()?);
        formulas.push((format!("value{index}"), source));
    }
    let formulas: Vec<(&str, &str)> = formulas.iter().map(|(name, source)| (name.as_str(), source.as_str())).collect();
    let values = computed(&formulas, &BTreeMap::new())?;
    let value = |(name, _): &(&str, &str)| values.get(*name).and_then(Value::as_decimal);
    formulas.iter().map(value).collect::<Option<_>>().context("a rounded value is no number")
}

fn allocation(input: &Input<'_>, method: &str) -> Result<Json> {
    input.only(&["total", "unit", "weights"])?;
    let method: Method = serde_json::from_value(json!(method))?;
    let weights: Vec<Decimal> = input.get("weights")?.items()?.iter().map(fraction).collect::<Result<_>>()?;
    let total = input.get("total")?.decimal()?;
    // Without a unit it is that of the places the total is written with.
    let unit = input.find("unit").map_or(Ok(Decimal::new(1, total.scale())), |unit| unit.decimal())?;
    if place() != Place::Engine {
        return shared(total, &weights, unit, method);
    }
    let shares = allocate(total, &weights, unit, method)?;
    Ok(json!({"shares": all_shown(shares)}))
}

/// What the rows of a document have of its total.
fn shared(total: Decimal, weights: &[Decimal], unit: Decimal, method: Method) -> Result<Json> {
    let scale = unit.normalize().scale();
    if unit != Decimal::new(1, scale) {
        engine_only("units that are no power of ten")?;
    }
    let mut part = documents::share(scale, "total", "weight");
    part["share"]["method"] = json!(method);
    let document = Document {
        fields: json!({"total": documents::number(scale)}),
        row_fields: json!({"weight": documents::number(WEIGHT_PLACES), "part": part}),
        figures: json!({"total": total.to_string()}),
        rows: weights.iter().map(|weight| json!({"weight": weight.to_string()})).collect(),
    };
    Ok(json!({"shares": all_shown(document.write()?.of_rows("part")?)}))
}

/// An amount with its rate, as a case writes it; `kind` may say it is exempt, zero or not taxed.
fn taxable(line: &Input<'_>, kind: TaxKind) -> Result<Taxable> {
    let amount = line.either(if kind == TaxKind::Inclusive { &["gross", "amount"] } else { &["net", "amount"] })?;
    let kind = line.find("kind").map_or(Ok(kind), |kind| kind.named())?;
    let rate = match kind {
        TaxKind::Inclusive | TaxKind::Exclusive => line.rate()?,
        TaxKind::Exempt | TaxKind::Zero | TaxKind::NotTaxed => Decimal::ZERO,
    };
    Ok(Taxable { amount: amount.decimal()?, kind, rate })
}

fn taxed(input: &Input<'_>, kind: TaxKind) -> Result<Json> {
    let (places, mode) =
        (input.places()?, input.find("rounding").map_or(Ok(Rounding::HalfUp), |mode| rounding_mode(&mode))?);
    if let Some(lines) = input.find("lines") {
        let lines: Vec<Taxable> = lines.items()?.iter().map(|line| taxable(line, kind)).collect::<Result<_>>()?;
        if place() != Place::Engine {
            let posted = tax_of_sales(input, &lines, mode)?;
            let total = |figure: fn(&Posted) -> Decimal| sum(&posted.iter().map(figure).collect::<Vec<_>>()).map(shown);
            let (net, tax, gross) = (total(|line| line.net)?, total(|line| line.tax)?, total(|line| line.gross)?);
            let document = documents::taxed(kind, &lines, places, mode)?;
            let figure = |name: &str| document.figure(name).map(shown);
            return Ok(json!({
                "taxes": all_shown(posted.iter().map(|line| line.tax)),
                "net": net,
                "tax": tax,
                "total": gross,
                "per_line": {"net": net, "tax": tax, "total": gross},
                "per_document": {"net": figure("net")?, "tax": figure("tax")?, "total": figure("gross")?},
                "difference": figure("difference")?,
            }));
        }
        let single = tax_lines(&lines, places, mode)?;
        let document = tax_document(&lines, places, mode)?;
        let totals = |of: &TaxedDocument| json!({"tax": shown(of.tax), "net": shown(of.net), "total": shown(of.gross)});
        return Ok(json!({
            "taxes": all_shown(single.lines.iter().map(|line| line.tax)),
            "net": shown(single.net),
            "tax": shown(single.tax),
            "total": shown(single.gross),
            "per_line": totals(&single),
            "per_document": totals(&document),
            "difference": shown(document.difference),
        }));
    }
    if let Some(discount) = input.find("discount_percent") {
        if place() != Place::Engine {
            return discounted(input, kind, share(&discount)?);
        }
        let price = input.either(&["gross", "net"])?.decimal()?;
        let left = stacked(price, &[share(&discount)?], Stacking::Additive)?.amount;
        let rate = input.rate().unwrap_or_default();
        let taxed = tax_line(Taxable { amount: round(left, places, mode), kind, rate }, places, mode)?;
        let gross = shown(taxed.gross);
        return Ok(json!({"grand_total": gross, "total": gross, "net": shown(taxed.net), "tax": shown(taxed.tax)}));
    }
    if place() != Place::Engine {
        let lines = tax_of_sales(input, &[taxable(input, kind)?], mode)?;
        let line = lines.first().context("the sale has a line")?;
        return Ok(json!({"net": shown(line.net), "tax": shown(line.tax), "total": shown(line.gross)}));
    }
    let taxed = tax_line(taxable(input, kind)?, places, mode)?;
    Ok(json!({"net": shown(taxed.net), "tax": shown(taxed.tax), "total": shown(taxed.gross)}))
}

/// A sale at a price less a discount, by a plan. There is no line of nothing.
fn discounted(input: &Input<'_>, kind: TaxKind, discount: Decimal) -> Result<Json> {
    let price = input.either(&["gross", "net"])?.decimal()?;
    let tax = json!({"rate": input.rate().unwrap_or_default().to_string(), "mode": kind});
    let line = json!({"payee": "record.party", "amount": "record.amount * (1 - record.rate)", "tax": tax});
    let mut company = Company::open(company(&[price]).settling_sales(line))?;
    company.party("seller", json!({}))?;
    company.sale("seller", 0, price, json!({"rate": discount.to_string()}))?;
    let lines = company.run("2026")?;
    let total = |figure: fn(&Posted) -> Decimal| shown(lines.iter().map(figure).sum());
    Ok(json!({
        "grand_total": total(|line| line.gross),
        "total": total(|line| line.gross),
        "net": total(|line| line.net),
        "tax": total(|line| line.tax),
    }))
}

/// Sales of these amounts, whose line is taxed by the rate of each.
fn tax_of_sales(input: &Input<'_>, lines: &[Taxable], mode: Rounding) -> Result<Vec<Posted>> {
    let kind = lines.first().context("there are no lines")?.kind;
    if lines.iter().any(|line| line.kind != kind) || kind == TaxKind::NotTaxed {
        engine_only("taxes of several kinds on one document")?;
    }
    let tax = json!({"rate": "record.rate", "mode": kind, "round": mode});
    let line = json!({"payee": "record.party", "amount": "record.amount", "tax": tax});
    let figures: Vec<Decimal> = lines.iter().map(|line| line.amount).collect();
    let mut definitions = company(&figures);
    if let Some(currency) = input.find("currency") {
        definitions = definitions.currency(currency.text()?);
    }
    let mut company = Company::open(definitions.settling_sales(line))?;
    company.party("seller", json!({}))?;
    for (day, line) in lines.iter().enumerate() {
        company.sale("seller", day, line.amount, json!({"rate": line.rate.to_string()}))?;
    }
    company.run("2026")
}

/// Amounts with their rates in per cent, as a document in minor units.
fn document(amounts: &[Decimal], rates: &[Decimal], places: u32, policy: Policy) -> Result<TaxedDocument> {
    let rate_of = |index: usize| if rates.len() == 1 { rates.first() } else { rates.get(index) };
    let mut lines = Vec::new();
    for (index, amount) in amounts.iter().enumerate() {
        let rate = *rate_of(index).with_context(|| format!("line {index} has no tax rate"))?;
        lines.push(Taxable { amount: *amount, kind: TaxKind::Exclusive, rate });
    }
    Ok(match policy {
        Policy::Line => tax_lines(&lines, places, Rounding::HalfUp)?,
        Policy::Document => tax_document(&lines, places, Rounding::HalfUp)?,
    })
}

fn shares(percents: &Input<'_>) -> Result<Vec<Decimal>> {
    percents.several().iter().map(share).collect()
}

fn less(amounts: &[Decimal], taken: &[Decimal]) -> Result<Vec<Decimal>> {
    let pairs = amounts.iter().zip(taken);
    pairs.map(|(amount, taken)| formula("amount - taken", &[("amount", *amount), ("taken", *taken)])).collect()
}

fn exclusive_after_discount(input: &Input<'_>) -> Result<Json> {
    let rates = shares(&input.get("tax_percent")?)?;
    if let Some(lines) = input.find("lines_minor") {
        let lines = lines.decimals()?;
        if place() != Place::Engine {
            return with_a_coupon(&lines, &rates, input.get("coupon_minor")?.decimal()?);
        }
        let coupon = SharedDiscount { amount: input.get("coupon_minor")?.decimal()?, lines: Vec::new() };
        let split = cascade_in_units(&lines, &[coupon], Decimal::ONE)?;
        let document = document(&less(&lines, &split)?, &rates, MINOR, Policy::Document)?;
        return Ok(json!({
            "coupon_split": all_shown(split),
            "taxes": all_shown(document.lines.iter().map(|line| line.tax)),
            "subtotal": shown(document.net),
            "tax": shown(document.tax),
            "total": shown(document.gross),
        }));
    }
    let amount = input.get("amount")?.decimal()?;
    if place() != Place::Engine {
        let reduction = input.get("discount")?.decimal()?;
        let tax = json!({"rate": rates.first().context("there is no tax rate")?.to_string(), "mode": "exclusive"});
        let line = json!({"payee": "record.party", "amount": "record.amount - record.fixed", "tax": tax});
        let mut company = Company::open(company(&[amount, reduction]).settling_sales(line))?;
        company.party("seller", json!({}))?;
        company.sale("seller", 0, amount, json!({"fixed": reduction.to_string()}))?;
        let lines = company.run("2026")?;
        let line = lines.first().context("the sale has a line")?;
        return Ok(json!({"tax": shown(line.tax), "net": shown(line.net), "total": shown(line.gross)}));
    }
    let discount = SharedDiscount { amount: input.get("discount")?.decimal()?, lines: Vec::new() };
    let left = less(&[amount], &cascade(&[amount], &[discount])?)?;
    let document = document(&left, &rates, PLACES, Policy::Document)?;
    Ok(json!({"tax": shown(document.tax), "net": shown(document.net), "total": shown(document.gross)}))
}

/// A row's fields of amounts and rates, one rate for all or one each.
fn rows_of(amounts: &[Decimal], rates: &[Decimal]) -> Result<Vec<Json>> {
    let rate_of = |index: usize| if rates.len() == 1 { rates.first() } else { rates.get(index) };
    let row = |(index, amount): (usize, &Decimal)| {
        let rate = rate_of(index).with_context(|| format!("line {index} has no tax rate"))?;
        Ok(json!({"amount": amount.to_string(), "rate": rate.to_string()}))
    };
    amounts.iter().enumerate().map(row).collect()
}

/// A document whose rows share a coupon, and a tax that is rounded once.
fn with_a_coupon(lines: &[Decimal], rates: &[Decimal], coupon: Decimal) -> Result<Json> {
    let (mut fields, mut row_fields) = documents::taxes(TaxKind::Exclusive, "left", MINOR, Rounding::HalfUp);
    fields.insert("coupon".to_owned(), documents::number(MINOR));
    row_fields.insert("amount".to_owned(), documents::number(MINOR));
    row_fields.insert("part".to_owned(), documents::share(MINOR, "coupon", "amount"));
    row_fields.insert("left".to_owned(), documents::formula(MINOR, "amount - part"));
    let document = Document {
        fields: Json::Object(fields),
        row_fields: Json::Object(row_fields),
        figures: json!({"coupon": coupon.to_string()}),
        rows: rows_of(lines, rates)?,
    };
    let document = document.write()?;
    Ok(json!({
        "coupon_split": all_shown(document.of_rows("part")?),
        "taxes": all_shown(document.of_rows("row_tax")?),
        "subtotal": shown(document.figure("net")?),
        "tax": shown(document.figure("tax")?),
        "total": shown(document.figure("gross")?),
    }))
}

fn rounding_policy(input: &Input<'_>) -> Result<Json> {
    if let Some(lines) = input.find("gross_lines") {
        let rate = share(&input.get("tax_percent_included")?)?;
        let lines: Vec<Taxable> =
            lines.decimals()?.into_iter().map(|amount| Taxable { amount, kind: TaxKind::Inclusive, rate }).collect();
        if place() != Place::Engine {
            let document = documents::taxed(TaxKind::Inclusive, &lines, PLACES, Rounding::HalfUp)?;
            let (tax, own) = (document.figure("tax")?, document.figure("own_taxes")?);
            return Ok(json!({"tax_document": shown(tax), "sum_of_line_tax": shown(own)}));
        }
        return Ok(json!({
            "tax_document": shown(tax_document(&lines, PLACES, Rounding::HalfUp)?.tax),
            "sum_of_line_tax": shown(tax_lines(&lines, PLACES, Rounding::HalfUp)?.tax),
        }));
    }
    let (unit, quantity) = (input.get("unit")?.decimal()?, input.get("quantity")?.decimal()?);
    let rate = share(&input.get("tax_percent")?)?;
    if place() != Place::Engine {
        let percent = input.find("discount_percent").map_or(Ok(Decimal::ZERO), |percent| share(&percent))?;
        let numbers = [("unit", unit), ("quantity", quantity), ("rate", rate), ("percent", percent)];
        return answers(
            &[
                ("exact", "unit * quantity * (1 - percent)"),
                ("rounded", "round(exact, 2, \"half_up\")"),
                ("tax_on_line", "round(exact * rate, 2, \"half_up\")"),
                ("tax_on_unit_times_qty", "round(unit * rate, 2, \"half_up\") * quantity"),
                ("round_globally_total", "round(exact + tax_on_line, 2, \"half_up\")"),
                ("round_per_line_total", "rounded + round(rounded * rate, 2, \"half_up\")"),
            ],
            &by_name(&numbers),
        );
    }
    let tax_of = |amount: Decimal| -> Result<Taxed> {
        Ok(tax_line(Taxable { amount, kind: TaxKind::Exclusive, rate }, PLACES, Rounding::HalfUp)?)
    };
    let line = formula("unit * quantity", &[("unit", unit), ("quantity", quantity)])?;
    let discount = input.find("discount_percent").map_or(Ok(Decimal::ZERO), |percent| share(&percent))?;
    let line = stacked(line, &[discount], Stacking::Additive)?.amount;
    let of_unit = tax_of(unit)?.tax;
    Ok(json!({
        "tax_on_line": shown(tax_of(line)?.tax),
        "tax_on_unit_times_qty": shown(formula("tax * quantity", &[("tax", of_unit), ("quantity", quantity)])?),
        "round_globally_total": shown(round(tax_of(line)?.gross, PLACES, Rounding::HalfUp)),
        "round_per_line_total": shown(tax_of(round(line, PLACES, Rounding::HalfUp))?.gross),
    }))
}

/// The part of what was invoiced that is given back, by formulas; under the names that cases of days and of credits have.
fn unused_by_formulas(amount: Decimal, rate: Decimal, days: Days, places: u32) -> Result<Json> {
    let numbers = [
        ("amount", amount),
        ("rate", rate),
        ("unused", days.active),
        ("period", days.period),
        ("places", Decimal::from(places)),
    ];
    answers(
        &[
            ("invoice_tax", "round(amount * rate, places, \"half_up\")"),
            ("credit_net", "round(amount * unused / period, places, \"half_up\")"),
            ("credit_total", "round((amount + invoice_tax) * unused / period, places, \"half_up\")"),
            ("subtotal", "credit_net"),
            ("tax", "credit_total - credit_net"),
            ("total", "credit_total"),
        ],
        &by_name(&numbers),
    )
}

/// The part of what was invoiced that is given back: of the net and of the whole, each rounded once.
fn unused_part(amount: Decimal, rate: Decimal, days: Days, places: u32) -> Result<(Decimal, Decimal, Taxed)> {
    let invoiced = tax_line(Taxable { amount, kind: TaxKind::Exclusive, rate }, places, Rounding::HalfUp)?;
    let net = round(days.of(invoiced.net)?, places, Rounding::HalfUp);
    let total = round(days.of(invoiced.gross)?, places, Rounding::HalfUp);
    Ok((net, total, invoiced))
}

fn days(input: &Input<'_>) -> Result<Days> {
    Ok(Days { active: input.get("unused_days")?.decimal()?, period: input.get("period_days")?.decimal()? })
}

fn credit_note(input: &Input<'_>) -> Result<Json> {
    let rate = share(&input.get("tax_percent")?)?;
    let amount = input.get("plan_minor")?.decimal()?;
    if place() != Place::Engine {
        return unused_by_formulas(amount, rate, days(input)?, MINOR);
    }
    let (net, total, invoiced) = unused_part(amount, rate, days(input)?, MINOR)?;
    let tax = formula("total - net", &[("total", total), ("net", net)])?;
    Ok(json!({"subtotal": shown(net), "tax": shown(tax), "total": shown(total), "invoice_tax": shown(invoiced.tax)}))
}

fn credit_note_series(input: &Input<'_>) -> Result<Json> {
    let rates = shares(&input.get("tax_percent")?)?;
    let rate = *rates.first().context("there is no tax rate")?;
    if place() != Place::Engine {
        let items = input.get("invoice_items_minor")?.decimals()?;
        let lines: Vec<Taxable> =
            items.into_iter().map(|amount| Taxable { amount, kind: TaxKind::Exclusive, rate }).collect();
        let document = documents::taxed(TaxKind::Exclusive, &lines, MINOR, Rounding::HalfUp)?;
        let figure = |name: &str| document.figure(name).map(shown);
        let mut answer = json!({
            "invoice_tax": figure("tax")?,
            "invoice_total": figure("gross")?,
            "naive_credit_sum": figure("gross_of_lines")?,
        });
        if let Some(credits) = input.find("credit_items_minor") {
            let (taxes, totals) = credited(document.figure("tax")?, &credits.decimals()?, rate)?;
            answer["credit_taxes"] = all_shown(taxes);
            answer["credit_totals"] = all_shown(totals);
        }
        return Ok(answer);
    }
    let invoice = document(&input.get("invoice_items_minor")?.decimals()?, &rates, MINOR, Policy::Document)?;
    let mut answer = json!({"invoice_tax": shown(invoice.tax), "invoice_total": shown(invoice.gross)});
    if let Some(credits) = input.find("credit_items_minor") {
        let credits = credit_series(&invoice, &credits.decimals()?, rate, MINOR, Rounding::HalfUp)?;
        answer["credit_taxes"] = all_shown(credits.iter().map(|credit| credit.tax));
        answer["credit_totals"] = all_shown(credits.iter().map(|credit| credit.gross));
    } else {
        // Each item credited on its own, as if it were the only one.
        let items = input.get("invoice_items_minor")?.decimals()?;
        answer["naive_credit_sum"] = shown(document(&items, &rates, MINOR, Policy::Line)?.gross);
    }
    Ok(answer)
}

/// Credits as rows that take back the invoice's tax in their order: each its own, and no more than what is left.
fn credited(invoice_tax: Decimal, credits: &[Decimal], rate: Decimal) -> Result<(Vec<Decimal>, Vec<Decimal>)> {
    let mut tax = documents::share(MINOR, "taken_back", "own_tax");
    tax["share"]["method"] = json!("in_order");
    let document = Document {
        fields: json!({
            "invoice_tax": documents::number(MINOR),
            "own_taxes": documents::sum("own_tax"),
            "taken_back": documents::formula(MINOR, "min(invoice_tax, own_taxes)"),
        }),
        row_fields: json!({
            "amount": documents::number(MINOR),
            "rate": documents::number(WEIGHT_PLACES),
            "own_tax": documents::formula(MINOR, "round(amount * rate, 0, \"half_up\")"),
            "tax": tax,
            "total": documents::formula(MINOR, "amount + tax"),
        }),
        figures: json!({"invoice_tax": invoice_tax.to_string()}),
        rows: rows_of(credits, &[rate])?,
    };
    let document = document.write()?;
    Ok((document.of_rows("tax")?, document.of_rows("total")?))
}

fn discount_cascade(input: &Input<'_>) -> Result<Json> {
    if input.has("order_discount_amount") {
        return order_discount(input);
    }
    let lines = input.get("lines_minor")?.decimals()?;
    let mut discounts = Vec::new();
    for discount in input.get("discounts")?.items()? {
        let members = discount
            .find("lines")
            .map_or(Ok(Vec::new()), |lines| lines.items()?.iter().map(Input::count).collect::<Result<Vec<_>>>())?;
        discounts.push(SharedDiscount { amount: discount.get("amount")?.decimal()?, lines: members });
    }
    if place() != Place::Engine {
        return cascading(&lines, &discounts, &shares(&input.get("tax_percent")?)?);
    }
    let taken = cascade(&lines, &discounts)?;
    let rates = shares(&input.get("tax_percent")?)?;
    let left = less(&lines, &taken)?;
    let single = document(&left, &rates, MINOR, Policy::Line)?;
    let whole = document(&left, &rates, MINOR, Policy::Document)?;
    let minor = |amount: Decimal| shown(round(amount, MINOR, Rounding::HalfUp));
    Ok(json!({
        "line_discounts_5dp": all_shown(taken.iter().map(|taken| round(*taken, 5, Rounding::HalfUp))),
        "line_taxes": all_shown(single.lines.iter().map(|line| line.tax)),
        "fees": shown(sum(&lines)?),
        "discount": minor(sum(&taken)?),
        "net": minor(whole.net),
        "document_tax": shown(whole.tax),
        "sum_of_line_tax": shown(single.tax),
        "total": minor(whole.gross),
    }))
}

/// Each discount is shared by what is left of the lines it holds for, with many digits; tax is rounded at the end.
fn cascading(lines: &[Decimal], discounts: &[SharedDiscount], rates: &[Decimal]) -> Result<Json> {
    let last = format!("left{}", discounts.len());
    let (mut fields, mut row_fields) = documents::taxes(TaxKind::Exclusive, &last, MINOR, Rounding::HalfUp);
    let mut rows = rows_of(lines, rates)?;
    let mut figures = Map::new();
    row_fields.insert("amount".to_owned(), documents::number(MINOR));
    row_fields.insert("left0".to_owned(), documents::formula(WEIGHT_PLACES, "amount"));
    for (index, discount) in discounts.iter().enumerate() {
        let (place, before) = (index + 1, index);
        for (line, row) in rows.iter_mut().enumerate() {
            let holds = discount.lines.is_empty() || discount.lines.contains(&line);
            row[format!("holds{place}")] = json!(holds);
        }
        figures.insert(format!("discount{place}"), json!(discount.amount.to_string()));
        fields.insert(format!("discount{place}"), documents::number(MINOR));
        fields.insert(format!("most{place}"), documents::sum(&format!("base{place}")));
        let taken = format!("min(discount{place}, most{place})");
        fields.insert(format!("taken{place}"), documents::formula(WEIGHT_PLACES, &taken));
        let base = format!("if holds{place} {{ left{before} }} else {{ 0 }}");
        let holds = json!({"type": "boolean", "title": "Holds"});
        row_fields.insert(format!("holds{place}"), holds);
        row_fields.insert(format!("base{place}"), documents::formula(WEIGHT_PLACES, &base));
        let part = documents::share(WEIGHT_PLACES, &format!("taken{place}"), &format!("base{place}"));
        row_fields.insert(format!("part{place}"), part);
        let left = format!("left{before} - part{place}");
        row_fields.insert(format!("left{place}"), documents::formula(WEIGHT_PLACES, &left));
    }
    fields.insert("fees".to_owned(), documents::sum("amount"));
    for (name, source) in [("rounded_net", "taxed"), ("rounded_discount", "fees - taxed"), ("rounded_total", "gross")] {
        fields.insert(name.to_owned(), documents::formula(MINOR, &format!("round({source}, 0, \"half_up\")")));
    }
    let taken = format!("round(amount - {last}, 5, \"half_up\")");
    row_fields.insert("taken".to_owned(), documents::formula(5, &taken));
    let document = Document {
        fields: Json::Object(fields),
        row_fields: Json::Object(row_fields),
        figures: Json::Object(figures),
        rows,
    };
    let document = document.write()?;
    let figure = |name: &str| document.figure(name).map(shown);
    Ok(json!({
        "line_discounts_5dp": all_shown(document.of_rows("taken")?),
        "line_taxes": all_shown(document.of_rows("own_tax")?),
        "fees": figure("fees")?,
        "discount": figure("rounded_discount")?,
        "net": figure("rounded_net")?,
        "document_tax": figure("tax")?,
        "sum_of_line_tax": figure("own_taxes")?,
        "total": figure("rounded_total")?,
    }))
}

/// An order whose rows have discounts of their own, share one of the whole in cents, and have the tax that is included.
fn discounted_order(input: &Input<'_>) -> Result<Json> {
    let rate = input.get("tax_rate_included")?.digits()?;
    let mut rows = Vec::new();
    for line in input.get("lines")?.items()? {
        let percent = line.find("discount_percent").map_or(Ok(Decimal::ZERO), |percent| share(&percent))?;
        rows.push(json!({
            "unit": line.get("unit")?.digits()?,
            "quantity": line.get("quantity")?.digits()?,
            "percent": percent.to_string(),
            "rate": rate,
        }));
    }
    let (mut fields, mut row_fields) = documents::taxes(TaxKind::Inclusive, "payable", PLACES, Rounding::HalfUp);
    fields.insert("reduction".to_owned(), documents::number(PLACES));
    for name in ["unit", "quantity", "percent"] {
        row_fields.insert(name.to_owned(), documents::number(WEIGHT_PLACES));
    }
    let own = "round(unit * quantity * (1 - percent), 2, \"half_up\")";
    row_fields.insert("reduced".to_owned(), documents::formula(PLACES, own));
    row_fields.insert("part".to_owned(), documents::share(PLACES, "reduction", "reduced"));
    row_fields.insert("payable".to_owned(), documents::formula(PLACES, "reduced - part"));
    let reduction = input.get("order_discount_amount")?.digits()?;
    let document = Document {
        fields: Json::Object(fields),
        row_fields: Json::Object(row_fields),
        figures: json!({"reduction": reduction}),
        rows,
    };
    let document = document.write()?;
    let figure = |name: &str| document.figure(name).map(shown);
    Ok(json!({
        "line_net": all_shown(document.of_rows("reduced")?),
        "order_discount_split": all_shown(document.of_rows("part")?),
        "payable": all_shown(document.of_rows("payable")?),
        "total": figure("gross")?,
        "tax": figure("tax")?,
        "net": figure("net")?,
    }))
}

/// Discounts of lines, then one of the whole order in cents, then the tax that is included.
fn order_discount(input: &Input<'_>) -> Result<Json> {
    if place() != Place::Engine {
        return discounted_order(input);
    }
    let mut nets = Vec::new();
    for line in input.get("lines")?.items()? {
        let names = [("unit", line.get("unit")?.decimal()?), ("quantity", line.get("quantity")?.decimal()?)];
        let discount = line.find("discount_percent").map_or(Ok(Decimal::ZERO), |percent| share(&percent))?;
        let net = stacked(formula("unit * quantity", &names)?, &[discount], Stacking::Additive)?.amount;
        nets.push(round(net, PLACES, Rounding::HalfUp));
    }
    let whole = SharedDiscount { amount: input.get("order_discount_amount")?.decimal()?, lines: Vec::new() };
    let split = cascade_in_units(&nets, &[whole], Decimal::new(1, PLACES))?;
    let payable = less(&nets, &split)?;
    let rate = input.get("tax_rate_included")?.decimal()?;
    let lines: Vec<Taxable> =
        payable.iter().map(|amount| Taxable { amount: *amount, kind: TaxKind::Inclusive, rate }).collect();
    let document = tax_document(&lines, PLACES, Rounding::HalfUp)?;
    Ok(json!({
        "line_net": all_shown(nets),
        "order_discount_split": all_shown(split),
        "payable": all_shown(payable),
        "total": shown(document.gross),
        "tax": shown(document.tax),
        "net": shown(document.net),
    }))
}

/// Tax on what is charged; coupon and prepaid credit come off the total, each down to nothing.
fn document_order(input: &Input<'_>) -> Result<Json> {
    let charges = [input.get("subscription")?.decimal()?, input.get("usage")?.decimal()?];
    let rates = shares(&input.get("tax_percent")?)?;
    if place() != Place::Engine {
        let mut numbers = by_name(&[("subscription", charges[0]), ("usage", charges[1]), ("rate", rates[0])]);
        for credit in ["coupon", "prepaid"] {
            numbers.insert(credit.to_owned(), input.find(credit).map_or(Ok(Decimal::ZERO), |credit| credit.decimal())?);
        }
        let formulas = [
            ("net", "subscription + usage"),
            ("total_before_credits", "net + round(net * rate, 2, \"half_up\")"),
            ("after_coupon", "max(total_before_credits - coupon, 0)"),
            ("due", "max(after_coupon - prepaid, 0)"),
        ];
        return answers(&formulas, &numbers);
    }
    let total = document(&charges, &rates, PLACES, Policy::Document)?.gross;
    let credits = ["coupon", "prepaid"].iter().filter_map(|name| input.find(name));
    let credits = credits.map(|credit| Ok(SharedDiscount { amount: credit.decimal()?, lines: Vec::new() }));
    let taken = cascade(&[total], &credits.collect::<Result<Vec<_>>>()?)?;
    Ok(json!({"total_before_credits": shown(total), "due": all_shown(less(&[total], &taken)?)[0]}))
}

fn proration_daily(input: &Input<'_>) -> Result<Json> {
    if input.has("unused_days") {
        let rate = input.find("tax_percent").map_or(Ok(Decimal::ZERO), |percent| share(&percent))?;
        let amount = input.get("amount")?.decimal()?;
        if place() != Place::Engine {
            return unused_by_formulas(amount, rate, days(input)?, PLACES);
        }
        let (net, total, _) = unused_part(amount, rate, days(input)?, PLACES)?;
        return Ok(json!({"credit_net": shown(net), "credit_total": shown(total)}));
    }
    let period = input.get("period")?.items()?;
    let [from, to] = period.as_slice() else { bail!("a period has a first day and an end") };
    let (from, to, change) = (from.date()?, to.date()?, input.get("change_date")?.date()?);
    if place() != Place::Engine {
        let (old, new) = (input.get("old_price")?.decimal()?, input.get("new_price")?.decimal()?);
        let dates = [("first_day", from), ("last_day", to), ("change_day", change)];
        let dates = dates.into_iter().map(|(name, date)| (name.to_owned(), Value::Date(date)));
        let prices = by_name(&[("old_price", old), ("new_price", new)]);
        let given = prices.into_iter().map(|(name, price)| (name, Value::Decimal(price))).chain(dates).collect();
        let part = "days_between(change_day, last_day) / days_between(first_day, last_day)";
        let (repair, charge) = (
            format!("-round(old_price * {part}, 2, \"half_up\")"),
            format!("round(new_price * {part}, 2, \"half_up\")"),
        );
        return answers_of(&[("repair", &repair), ("new_charge", &charge)], &given);
    }
    let days_between = |from: packwork_engine::moment::Date, to| -> Result<Decimal> {
        let span = from.until(to).context("the days between two dates")?;
        Ok(Decimal::from(span.get_days()))
    };
    let rest = Days { active: days_between(change, to)?, period: days_between(from, to)? };
    let part = |price: &str| -> Result<Decimal> {
        Ok(round(rest.of(input.get(price)?.decimal()?)?, PLACES, Rounding::HalfUp))
    };
    Ok(
        json!({"repair": shown(formula("-unused", &[("unused", part("old_price")?)])?), "new_charge": shown(part("new_price")?)}),
    )
}
