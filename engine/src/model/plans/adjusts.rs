//! Caps and minimums of lines, and the accumulators that count toward them.

use super::facts::KeySources;
use super::lines::LineScope;
use crate::codes::Code;
use crate::definition::settlement_plan::{AdjustDefinition, AmountDefinition, LineDefinition, TotalDefinition};
use crate::definition::{Kind, Operand};
use crate::model::checker::{Checker, Found};
use crate::record::Name;
use crate::settlement::accumulator::{Accumulator, Measure, SourceOf};
use crate::settlement::plan::{Adjust, AdjustKind, By, Cumulate, PAY, REMAINDER, ROUNDING, Used};

impl<'a> Checker<'a> {
    pub(super) fn adjusts(
        &mut self,
        found: Found<'a>,
        pointer: &str,
        written: &LineDefinition,
        scope: &LineScope<'_>,
    ) -> Vec<Adjust> {
        let mut adjusts: Vec<Adjust> = Vec::new();
        for (index, adjust) in written.adjust.iter().enumerate() {
            let place = format!("{pointer}/adjust/{index}");
            self.check_name(found, &format!("{place}/id"), &adjust.id);
            let taken = [PAY, REMAINDER, ROUNDING].contains(&adjust.id.as_str());
            if taken || adjusts.iter().any(|other| *other.id == *adjust.id) {
                let message = format!("another line would be called `{}.{}`", written.id, adjust.id);
                self.error(Code::DuplicateDefinition, found, format!("{place}/id"), message);
            }
            adjusts.extend(
                self.adjust_kind(found, &place, written, adjust, scope)
                    .map(|kind| Adjust { id: adjust.id.as_str().into(), kind }),
            );
        }
        if written.amount.is_none() && !written.adjust.is_empty() {
            let message = "only a line with an `amount` is capped or has a minimum";
            self.error(Code::BadProperty, found, format!("{pointer}/adjust"), message);
        }
        adjusts
    }

    fn adjust_kind(
        &mut self,
        found: Found<'a>,
        place: &str,
        line: &LineDefinition,
        written: &AdjustDefinition,
        scope: &LineScope<'_>,
    ) -> Option<AdjustKind> {
        let used = match &written.used {
            None => Some(Used::Nothing),
            Some(total) => self.used(found, &format!("{place}/used"), line, total, scope),
        };
        if written.days.is_some() && written.min.is_none() {
            self.error(Code::BadProperty, found, format!("{place}/days"), "only a minimum is prorated by days");
        }
        match (&written.cap, &written.min) {
            (Some(cap), None) => {
                let most = self.figure_of(found, &format!("{place}/cap"), cap, scope.names)?;
                Some(AdjustKind::Cap { most, used: used? })
            }
            (None, Some(min)) => {
                let least = self.figure_of(found, &format!("{place}/min"), min, scope.names)?;
                let days = match &written.days {
                    None => None,
                    Some(days) => {
                        let active =
                            self.expression(found, &format!("{place}/days/active"), &days.active.0, scope.names);
                        let period =
                            self.expression(found, &format!("{place}/days/period"), &days.period.0, scope.names);
                        Some((active?.0, period?.0))
                    }
                };
                let used = used?;
                if scope.facts.root.is_none() && !matches!(used, Used::Nothing) {
                    let hint = "settle it where the period ends: `\"on\": {\"close\": \"month\"}`";
                    let message = "what is missing to a minimum is known when the period is over";
                    self.diagnostics.error(Code::BadProperty, found.file, format!("{place}/min"), message).hint(hint);
                    return None;
                }
                Some(AdjustKind::Minimum { least, used, days })
            }
            _ => {
                let message = "an adjustment has exactly one of `cap` and `min`";
                self.error(Code::BadProperty, found, place, message);
                None
            }
        }
    }

    /// What counts toward a cap or minimum: the same line of other facts in their order, or a total.
    fn used(
        &mut self,
        found: Found<'a>,
        place: &str,
        line: &LineDefinition,
        written: &TotalDefinition,
        scope: &LineScope<'_>,
    ) -> Option<Used> {
        let own = self.accumulators.get(written.accumulator.as_str()).and_then(|total| counts_line(total, &line.id));
        let Some(own) = own else {
            let text = |operand: &Option<Operand>| match operand {
                Some(Operand::Expression(source)) => Some(source.0.clone()),
                _ => None,
            };
            let sources = KeySources { payer: text(&line.payer), payee: text(&line.payee) };
            return self.total(found, place, written, scope.names, scope.facts, &sources).map(Used::Total);
        };
        self.expect(found, format!("{place}/accumulator"), Kind::Accumulator, &written.accumulator);
        let refused = match own {
            _ if scope.facts.root.is_some() => "a cap over the line's own amounts counts facts, not periods",
            OwnLine::BesideOthers => "an accumulator that caps its own line counts nothing else",
            OwnLine::NotItsAmount => "an accumulator that caps its own line sums `amount`",
            OwnLine::Only(_) if is_cumulated(line) => "a line whose tiers count over facts has no cap over facts",
            OwnLine::Only(cumulate) => return Some(Used::Own(cumulate)),
        };
        self.error(Code::BadProperty, found, format!("{place}/accumulator"), refused);
        None
    }

    /// The lines accumulators count must be those of some plan.
    pub(super) fn accumulated_lines(&mut self) {
        let known: Vec<Name> =
            self.plans.values().flat_map(|plan| plan.lines.iter().map(|line| line.id.clone())).collect();
        for (name, found) in self.of_kind(Kind::Accumulator) {
            let lines: Vec<(usize, Name)> = match self.accumulators.get(&name) {
                Some(accumulator) => accumulator
                    .sources
                    .iter()
                    .enumerate()
                    .filter_map(|(index, source)| match &source.of {
                        SourceOf::Lines(line) => Some((index, line.clone())),
                        SourceOf::Facts { .. } => None,
                    })
                    .collect(),
                None => continue,
            };
            for (index, line) in lines {
                let base = crate::settlement::plan::base_of(&line);
                if !known.iter().any(|known| **known == *base) {
                    let pointer = format!("/of/{index}/line");
                    self.unknown(found, pointer, "line of a plan", &line, known.iter().map(|name| &**name));
                }
            }
        }
    }
}

/// How an accumulator counts a line.
enum OwnLine {
    Only(Cumulate),
    BesideOthers,
    NotItsAmount,
}

fn counts_line(accumulator: &Accumulator, line: &str) -> Option<OwnLine> {
    let own = |of: &SourceOf| matches!(of, SourceOf::Lines(name) if **name == *line);
    let source = accumulator.sources.iter().find(|source| own(&source.of))?;
    if accumulator.sources.len() > 1 {
        return Some(OwnLine::BesideOthers);
    }
    let sums = matches!(source.value.source(), "line.amount" | "line.gross") && !source.is_negative;
    if !sums || accumulator.measure != Measure::Sum {
        return Some(OwnLine::NotItsAmount);
    }
    let by = accumulator.by.iter().map(|by| match &**by {
        "payer" => By::Payer,
        "payee" => By::Payee,
        // The plan, the line and the currency are the same for all it counts here.
        other => By::Fixed(other.into()),
    });
    Some(OwnLine::Only(Cumulate { by: by.collect(), calendar: accumulator.calendar.clone() }))
}

fn is_cumulated(line: &LineDefinition) -> bool {
    matches!(&line.amount, Some(AmountDefinition::Apply(apply)) if apply.cumulate.is_some())
}
