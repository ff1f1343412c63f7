//! Caps and minimums of a line with their figures, and what counts toward them.

use super::amount::grouped;
use super::priced::{Adjusted, AdjustedKind, Counted};
use super::{Asking, Counts, Group, Shared, total};
use crate::codes::Code;
use crate::decide::Halt;
use crate::env::RecordEnv;
use crate::expr::Expr;
use crate::refusal::Refusal;
use crate::settlement::adjust::Days;
use crate::settlement::line::Party;
use crate::settlement::plan::{AdjustKind, PlanLine, Used};
use crate::settlement::trace::TotalTrace;
use crate::value::Value;
use rust_decimal::Decimal;

/// The adjustments, the group in which amounts add up toward a cap, and the totals that were read.
type Found = (Vec<Adjusted>, Option<Group>, Vec<TotalTrace>);

/// A cap or minimum that is empty is none.
pub(super) fn all(
    asking: &Asking<'_>,
    env: &RecordEnv<'_>,
    line: &PlanLine,
    parties: (&Party, &Party),
    shared: &Shared<'_>,
) -> Result<Found, Halt> {
    let mut adjusts = Vec::new();
    let mut group = None;
    let mut totals = Vec::new();
    for adjust in &line.adjusts {
        let (limit, used, days) = match &adjust.kind {
            AdjustKind::Cap { most, used } => (most, used, None),
            AdjustKind::Minimum { least, used, days } => (least, used, Some(days)),
        };
        // What is missing to a minimum is known when the period is over.
        if days.is_some() && asking.fact.period.is_some_and(|period| period.to > asking.reader.today()) {
            continue;
        }
        let Some(limit) = number(env, line, limit)? else { continue };
        if limit < Decimal::ZERO {
            let detail = format!("`{}` of the line `{}` is negative", adjust.id, line.id);
            return Err(Refusal::new(Code::OutOfRange, detail).with("line", &*line.id).into());
        }
        let used = match used {
            Used::Nothing => Counted::Known(Decimal::ZERO),
            Used::Own(cumulate) => {
                group = Some(grouped(asking, env, cumulate, parties, shared, Counts::Amount)?);
                Counted::Before
            }
            Used::Total(of) => {
                let trace = total::of(asking, env, &adjust.id, of)?;
                let used = trace.total;
                totals.push(trace);
                Counted::Known(used)
            }
        };
        let kind = match days {
            None => AdjustedKind::Cap,
            Some(None) => AdjustedKind::Minimum(None),
            Some(Some((active, period))) => match (number(env, line, active)?, number(env, line, period)?) {
                (Some(active), Some(period)) => AdjustedKind::Minimum(Some(Days { active, period })),
                _ => AdjustedKind::Minimum(None),
            },
        };
        adjusts.push(Adjusted { id: adjust.id.clone(), kind, limit, used });
    }
    Ok((adjusts, group, totals))
}

fn number(env: &RecordEnv<'_>, line: &PlanLine, expr: &Expr) -> Result<Option<Decimal>, Halt> {
    match env.eval(expr)? {
        Value::Null => Ok(None),
        value => match value.as_decimal() {
            Some(number) => Ok(Some(number)),
            None => {
                let detail = format!("`{}` of the line `{}` is a {}", expr.source(), line.id, value.kind());
                Err(Refusal::new(Code::ScriptType, detail).with("line", &*line.id).into())
            }
        },
    }
}
