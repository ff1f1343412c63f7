//! A plan told to people, in Chinese or English. Names and numbers only: nothing of it is read back.

use super::plan::{Incompatible, Lock, Offer, Planned, Step, TablePlan};

impl TablePlan {
    /// One sentence for each step and each refusal.
    pub fn sentences(&self, chinese: bool) -> Vec<String> {
        let steps = self.steps.iter().map(|planned| planned.sentence(chinese));
        steps.chain(self.refused.iter().map(|refused| refused.sentence(chinese))).collect()
    }
}

impl Planned {
    pub fn sentence(&self, chinese: bool) -> String {
        let what = if chinese { chinese_step(&self.step) } else { english_step(&self.step) };
        let rows = self.rows;
        let lock = match (chinese, self.lock) {
            (_, Lock::Nobody) if rows == 0 => return what,
            (false, Lock::Nobody) => return format!("{what} ({rows} rows)"),
            (true, Lock::Nobody) => return format!("{what}（{rows} 行）"),
            (false, Lock::Moment) => "others wait for a moment",
            (false, Lock::Reading) => "nobody writes to it while its rows are read",
            (false, Lock::Rewriting) => "others wait while its rows are written anew",
            (true, Lock::Moment) => "仅短暂加锁",
            (true, Lock::Reading) => "读取全部数据期间不能写入",
            (true, Lock::Rewriting) => "重写全部数据期间其他操作等待",
        };
        if chinese { format!("{what}（{rows} 行，{lock}）") } else { format!("{what} ({rows} rows; {lock})") }
    }
}

fn english_step(step: &Step) -> String {
    match step {
        Step::CreateTable { object, columns, .. } => {
            format!("make the table of `{object}` with {} columns", columns.len())
        }
        Step::RenameTable { object, from } => format!("rename the table of `{from}` to that of `{object}`"),
        Step::AddColumn { object, column, kind } => format!("add `{column}` ({kind}) to `{object}`"),
        Step::RenameColumn { object, from, to } => format!("rename `{from}` of `{object}` to `{to}`"),
        Step::WidenColumn { object, column, from, to } => {
            format!("give `{column}` of `{object}` {to} digits after the point instead of {from}")
        }
        Step::NarrowColumn { object, column, from, to } => {
            format!("give `{column}` of `{object}` {to} digits after the point instead of {from}, all others being 0")
        }
        Step::QuarantineColumn { object, column } => format!("put `{column}` of `{object}` aside; its values are kept"),
        Step::QuarantineTable { object } => format!("put the table of `{object}` aside; its records are kept"),
        Step::RestoreColumn { object, column } => format!("take `{column}` of `{object}` back with its values"),
        Step::RestoreTable { object, .. } => format!("take the table of `{object}` back with its records"),
        Step::MoveColumnAway { object, column, name } => {
            format!("keep the `{column}` of `{object}` that is aside as `{name}`: another one takes its name")
        }
        Step::MoveTableAway { object, name } => {
            format!("keep the table of `{object}` that is aside as `{name}`: another one takes its name")
        }
        Step::MakeTotals { object, field, of } => format!("add up `{of}` for `{field}` of `{object}`"),
        Step::MoveState { object, from, to } => {
            format!("move records of `{object}` from the state `{from}` to `{to}`")
        }
        Step::BackFill { object, column, .. } => {
            format!("fill `{column}` of `{object}` where it is empty, in the background")
        }
        Step::DropIndex { object, index } => format!("drop the index `{index}` of `{object}`"),
        Step::AddIndex { object, index, unique, columns } => {
            let kind = if *unique { "unique index" } else { "index" };
            format!("add the {kind} `{index}` on {columns} of `{object}`")
        }
    }
}

fn chinese_step(step: &Step) -> String {
    match step {
        Step::CreateTable { object, columns, .. } => format!("为 `{object}` 建表，共 {} 列", columns.len()),
        Step::RenameTable { object, from } => format!("将 `{from}` 的表改名为 `{object}` 的表"),
        Step::AddColumn { object, column, kind } => format!("为 `{object}` 增加列 `{column}`（{kind}）"),
        Step::RenameColumn { object, from, to } => format!("将 `{object}` 的列 `{from}` 改名为 `{to}`"),
        Step::WidenColumn { object, column, from, to } => {
            format!("将 `{object}` 的列 `{column}` 由 {from} 位小数扩为 {to} 位")
        }
        Step::NarrowColumn { object, column, from, to } => {
            format!("将 `{object}` 的列 `{column}` 由 {from} 位小数减为 {to} 位，其余各位均为 0")
        }
        Step::QuarantineColumn { object, column } => format!("停用 `{object}` 的列 `{column}`，数据保留"),
        Step::QuarantineTable { object } => format!("停用 `{object}` 的表，数据保留"),
        Step::RestoreColumn { object, column } => format!("恢复 `{object}` 的列 `{column}` 及其数据"),
        Step::RestoreTable { object, .. } => format!("恢复 `{object}` 的表及其数据"),
        Step::MoveColumnAway { object, column, name } => {
            format!("`{object}` 中已停用的列 `{column}` 改存为 `{name}`，为同名新列让位")
        }
        Step::MoveTableAway { object, name } => format!("已停用的 `{object}` 的表改存为 `{name}`，为同名新表让位"),
        Step::MakeTotals { object, field, of } => format!("为 `{object}` 的字段 `{field}` 汇总 `{of}`"),
        Step::MoveState { object, from, to } => format!("将 `{object}` 的记录由状态 `{from}` 移至 `{to}`"),
        Step::BackFill { object, column, .. } => format!("在后台补填 `{object}` 的列 `{column}` 的空值"),
        Step::DropIndex { object, index } => format!("删除 `{object}` 的索引 `{index}`"),
        Step::AddIndex { object, index, unique, columns } => {
            let kind = if *unique { "唯一索引" } else { "索引" };
            format!("为 `{object}` 的 {columns} 建{kind} `{index}`")
        }
    }
}

impl Incompatible {
    pub fn sentence(&self, chinese: bool) -> String {
        let Incompatible { object, field, from, to, rows, .. } = self;
        let offer = self.offer.words(chinese);
        match (self.offer, chinese) {
            (Offer::ReduceValues, true) => format!("拒绝：`{object}.{field}` 有 {rows} 行的数值放不进 {to}；{offer}"),
            (Offer::MakeDistinct, true) => {
                format!("拒绝：`{object}.{field}` 有 {rows} 组重复值，不能设为唯一；{offer}")
            }
            (Offer::GiveDefault, true) => {
                format!("拒绝：`{object}.{field}` 有 {rows} 行没有值，不能设为必填；{offer}")
            }
            (Offer::ShortenValues, true) => format!("拒绝：`{object}.{field}` 有 {rows} 行的文字过长；{offer}"),
            (Offer::ChooseOthers, true) => {
                format!("拒绝：`{object}.{field}` 有 {rows} 行使用了将去掉的选项；{offer}")
            }
            (_, true) => format!("拒绝：`{object}.{field}` 不能由 {from} 改为 {to}；{offer}"),
            (Offer::ReduceValues, false) => {
                format!("refused: {rows} rows of `{object}.{field}` hold what does not fit into {to}; {offer}")
            }
            (Offer::MakeDistinct, false) => {
                format!("refused: `{object}.{field}` has {rows} values more than once and cannot be unique; {offer}")
            }
            (Offer::GiveDefault, false) => {
                format!("refused: {rows} rows of `{object}.{field}` have no value, it cannot be required; {offer}")
            }
            (Offer::ShortenValues, false) => {
                format!("refused: {rows} rows of `{object}.{field}` are longer than {to}; {offer}")
            }
            (Offer::ChooseOthers, false) => {
                format!("refused: {rows} rows of `{object}.{field}` have an option that goes; {offer}")
            }
            (_, false) => format!("refused: `{object}.{field}` cannot become {to} from {from}; {offer}"),
        }
    }
}

impl Offer {
    pub fn words(self, chinese: bool) -> &'static str {
        match (self, chinese) {
            (Offer::NewField, false) => "add a field of the new type, convert into it, then drop this one",
            (Offer::RoundIntoNewField, false) => "add a field with fewer digits, round into it, then drop this one",
            (Offer::FirstIntoNewField, false) => {
                "add a field for one value, copy the first into it, then drop this one"
            }
            (Offer::ReduceValues, false) => "reduce those values first",
            (Offer::MakeDistinct, false) => "make the values differ first",
            (Offer::GiveDefault, false) => "give the field a default, or fill those rows first",
            (Offer::ShortenValues, false) => "shorten those values first",
            (Offer::ChooseOthers, false) => "keep the option, or choose another one in those rows first",
            (Offer::GiveDefault, true) => "请为字段设置默认值，或先填写这些行",
            (Offer::ShortenValues, true) => "请先缩短这些文字",
            (Offer::ChooseOthers, true) => "请保留该选项，或先为这些行改选其他选项",
            (Offer::NewField, true) => "请新增目标类型的字段，转换数据后再停用旧字段",
            (Offer::RoundIntoNewField, true) => "请新增小数位较少的字段，舍入写入后再停用旧字段",
            (Offer::FirstIntoNewField, true) => "请新增单值字段，取第一个值写入后再停用旧字段",
            (Offer::ReduceValues, true) => "请先调整这些数值",
            (Offer::MakeDistinct, true) => "请先消除重复值",
        }
    }
}
