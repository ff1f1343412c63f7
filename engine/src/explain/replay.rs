//! A line that was computed again, told to a person.

use super::Teller;
use crate::settlement::replay::{Replay, StepKind};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

/// What came of computing a line again, in words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Replayed {
    pub agrees: bool,
    pub sentence: String,
    pub steps: Vec<ReplayedStep>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ReplayedStep {
    pub step: StepKind,
    pub title: String,
    pub stored: String,
    /// Nothing where the figure was given and not computed.
    pub computed: Option<String>,
    pub agrees: bool,
}

impl Teller<'_> {
    pub fn replay(&self, replay: &Replay) -> Replayed {
        let wrong = replay.steps.iter().filter(|step| !step.agrees).count();
        let sentence = match replay.agrees {
            true => self.say(
                "复算一致：{{ count }} 步均与记录相符",
                "computed again: all {{ count }} steps agree with what is stored",
                json!({"count": replay.steps.len()}),
            ),
            false => self.say(
                "复算不一致：{{ count }} 步中有 {{ wrong }} 步与记录不符",
                "computed again: {{ wrong }} of {{ count }} steps differ from what is stored",
                json!({"count": replay.steps.len(), "wrong": wrong}),
            ),
        };
        let digits = |number: Decimal| number.normalize().to_string();
        let steps = replay.steps.iter().map(|step| ReplayedStep {
            step: step.step,
            title: self.replay_title(step.step),
            stored: digits(step.stored),
            computed: step.computed.map(digits),
            agrees: step.agrees,
        });
        Replayed { agrees: replay.agrees, sentence, steps: steps.collect() }
    }

    fn replay_title(&self, step: StepKind) -> String {
        match step {
            StepKind::Trace => self.word("计算过程", "Trace"),
            StepKind::Converted => self.word("折算", "Conversion"),
            StepKind::Parts => self.word("计价", "Price"),
            StepKind::Given => self.word("给定金额", "Given amount"),
            StepKind::Entitled => self.word("累计应计", "Earned so far"),
            StepKind::Due => self.word("本期差额", "Difference due"),
            StepKind::Share => self.word("分润", "Share"),
            StepKind::Remainder => self.word("未分出", "Remainder"),
            StepKind::Cap => self.word("封顶扣减", "Cut by the cap"),
            StepKind::Minimum => self.word("保底补足", "Made up to the minimum"),
            StepKind::TakenBack => self.word("冲回原明细", "Taken back"),
            StepKind::Rounding => self.word("明细取整", "Rounding"),
            StepKind::TaxRounding => self.word("税额取整", "Rounding of the tax"),
            StepKind::Net => self.word("不含税", "Net"),
            StepKind::Tax => self.word("税额", "Tax"),
            StepKind::Gross => self.word("价税合计", "Gross"),
        }
    }
}
