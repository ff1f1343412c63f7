//! The one table of codes. A code names one condition, is never reused, and has a page in
//! `docs/codes`. The class says what a caller can do about it; status codes are HTTP's business.

use serde::{Serialize, Serializer};
use std::fmt;

/// What kind of answer a refusal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// The input cannot be read as what it should be.
    Malformed,
    /// The input was read and breaks a rule.
    Invalid,
    /// The thing does not exist, or not for this caller.
    NotFound,
    /// The caller may not.
    Forbidden,
    /// Who is calling is not known.
    Unauthenticated,
    /// The state of things does not allow it now.
    Conflict,
    /// A version or key is needed and missing.
    Precondition,
    /// A named limit was reached.
    Limit,
    /// Something of ours failed.
    Internal,
}

macro_rules! codes {
    ($($name:ident = $text:literal, $class:ident, $en:literal, $zh:literal;)*) => {
        /// A stable code. See `docs/codes/` for a page of each.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $($name),* }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $text),* }
            }

            pub fn class(self) -> Class {
                match self { $(Code::$name => Class::$class),* }
            }

            /// A short title in the reader's language (`zh-CN` or `en`).
            pub fn title(self, locale: &str) -> &'static str {
                match self { $(Code::$name => if locale.starts_with("zh") { $zh } else { $en }),* }
            }
        }
    };
}

codes! {
    // reading input
    MalformedJson = "malformed_json", Malformed, "the body is not valid JSON", "请求内容不是有效的 JSON";
    UnknownField = "unknown_field", Invalid, "there is no such field", "没有这个字段";
    WrongType = "wrong_type", Invalid, "the value has the wrong type", "值的类型不对";
    TooManyDigits = "too_many_digits", Invalid, "the number has too many digits", "数字位数过多";
    OutOfRange = "out_of_range", Invalid, "the value is outside its range", "值超出允许范围";
    Required = "required", Invalid, "a value is required", "此项必填";
    NotAnOption = "not_an_option", Invalid, "the value is not one of the options", "值不在可选项内";
    ReadOnly = "read_only", Invalid, "the field is computed or kept by the system", "该字段由系统计算，不能填写";
    BadFilter = "bad_filter", Malformed, "the filter cannot be understood", "筛选条件无法识别";
    BadCursor = "bad_cursor", Malformed, "the cursor does not belong to this list", "翻页标记不属于此列表";
    BadParameter = "bad_parameter", Malformed, "a parameter cannot be understood", "参数无法识别";
    LiveField = "live_field", Invalid, "the field is computed when it is read", "该字段在读取时计算";
    MixedCurrencies = "mixed_currencies", Invalid, "amounts of several currencies do not add up", "不同币种的金额不能相加";
    // files of imports
    BadFile = "bad_file", Invalid, "the file cannot be imported as it is", "文件无法导入";
    BadRow = "bad_row", Invalid, "the row or cell cannot be read", "该行或单元格无法读取";
    BadMapping = "bad_mapping", Invalid, "the mapping does not fit", "列与字段的对应关系不正确";
    DuplicateRow = "duplicate_row", Invalid, "the file has this key more than once, or the record exists already", "文件中有重复的记录，或该记录已存在";
    ImportState = "import_state", Conflict, "the import's status does not allow this", "导入任务当前状态不允许此操作";
    // rules over records
    RuleBroken = "rule_broken", Invalid, "a rule of the object is broken", "不符合业务规则";
    ConstraintBroken = "constraint_broken", Invalid, "the record does not meet its constraints", "不符合约束条件";
    NotUnique = "not_unique", Invalid, "another record has this value", "已有相同的值";
    DuplicateRecord = "duplicate_record", Conflict, "the record looks like another one, which is not allowed", "与已有记录重复，不能保存";
    PossibleDuplicate = "possible_duplicate", Conflict, "the record looks like another one", "可能与已有记录重复";
    BadReference = "bad_reference", Invalid, "the referenced record does not exist", "引用的记录不存在";
    InUse = "in_use", Conflict, "other records refer to this one", "已被其他记录引用";
    BackFillIncomplete = "back_fill_incomplete", Conflict, "some records could not be completed", "部分记录未能补填";
    TablesInUse = "tables_in_use", Conflict, "others use the tables that have to change", "要变更的数据表正被占用";
    IncompatibleChange = "incompatible_change", Conflict, "the change would lose data", "此变更会丢失数据";
    // finding things
    NotFound = "not_found", NotFound, "not found", "没有找到";
    UnknownObject = "unknown_object", NotFound, "there is no such object", "没有这个对象";
    UnknownDefinition = "unknown_definition", NotFound, "there is no such definition", "没有这个定义";
    NoSuchRoute = "no_such_route", NotFound, "there is no such address", "没有这个地址";
    // who may
    Unauthenticated = "unauthenticated", Unauthenticated, "sign in first", "请先登录";
    BadCredentials = "bad_credentials", Unauthenticated, "user or password is wrong", "用户名或密码不正确";
    Forbidden = "forbidden", Forbidden, "not allowed for this user", "没有权限";
    CsrfMissing = "csrf_missing", Forbidden, "the request carries no valid CSRF token", "请求缺少有效的防伪标记";
    // state of things
    VersionRequired = "version_required", Precondition, "the version being changed must be given", "必须说明所修改的版本";
    StaleVersion = "stale_version", Conflict, "somebody else changed the record", "记录已被他人修改";
    UnknownTransition = "unknown_transition", Invalid, "there is no such transition", "没有这个操作";
    TransitionNotAllowed = "transition_not_allowed", Conflict, "the transition does not start from this state", "当前状态不能进行此操作";
    GuardRefused = "guard_refused", Conflict, "the condition of the transition does not hold", "不满足操作条件";
    IdempotencyMismatch = "idempotency_mismatch", Invalid, "the idempotency key was used with another request", "幂等键已用于另一个请求";
    JobActive = "job_active", Conflict, "a job is working on it", "已有任务正在处理";
    NotShared = "not_shared", Invalid, "the amount cannot be shared over the rows", "金额无法分摊到明细";
    // definitions
    BadDefinition = "bad_definition", Malformed, "the file is not a definition", "文件不是有效的定义";
    FileTooLarge = "file_too_large", Limit, "the file is too large", "文件过大";
    NotUtf8 = "not_utf8", Malformed, "the file is not UTF-8", "文件不是 UTF-8 编码";
    DuplicateKey = "duplicate_key", Malformed, "a name is written twice", "同一名称重复出现";
    UnusedFile = "unused_file", Invalid, "nothing reads the file", "该文件不会被读取";
    UnusedDefinition = "unused_definition", Invalid, "nothing uses the definition", "没有任何地方使用该定义";
    UndeclaredDependency = "undeclared_dependency", Invalid, "the definition uses a pack that its own does not require", "使用了未声明依赖的扩展包";
    UndeclaredCapability = "undeclared_capability", Invalid, "a script does what its pack has not asked leave for", "脚本使用了扩展包没有申请的能力";
    UnknownCapability = "unknown_capability", Invalid, "there is no such capability", "没有这种能力";
    CapabilityMissing = "capability_missing", Conflict, "the script's pack was not given leave for what it does", "脚本所属扩展包没有获得所需的能力";
    ScriptStopped = "script_stopped", Conflict, "an administrator has stopped the script", "脚本已被管理员停用";
    UnknownScript = "unknown_script", NotFound, "there is no such script", "没有这个脚本";
    UnknownProperty = "unknown_property", Invalid, "there is no such property", "没有这个属性";
    MissingProperty = "missing_property", Invalid, "a property is missing", "缺少属性";
    BadProperty = "bad_property", Invalid, "the property has a value it cannot have", "属性值不正确";
    BadName = "bad_name", Invalid, "names are snake_case, start with a letter and have at most 48 characters", "名称须为小写下划线格式，以字母开头，最多 48 个字符";
    DuplicateDefinition = "duplicate_definition", Invalid, "two definitions have one name", "定义重名";
    BreakingChange = "breaking_change", Conflict, "something that is used would be taken out or change its type", "被使用的内容不能移除或改变类型";
    DefinitionsChanged = "definitions_changed", Conflict, "other definitions came into force meanwhile", "期间定义已更新";
    StalePlan = "stale_plan", Conflict, "the definitions changed since the plan was made", "计划生成之后定义已被修改";
    UnknownPlan = "unknown_plan", NotFound, "there is no such plan", "没有这个计划";
    PlanBlocked = "plan_blocked", Conflict, "the plan cannot be applied as it is", "计划目前不能执行";
    ExtensionConflict = "extension_conflict", Invalid, "two packs extend a definition in ways that exclude each other", "两个扩展包对同一定义的扩展互相冲突";
    UnknownReference = "unknown_reference", Invalid, "the definition names something that does not exist", "引用了不存在的定义";
    UnreachableState = "unreachable_state", Invalid, "no transition leads to the state", "没有操作能到达该状态";
    NotKept = "not_kept", Invalid, "what is kept or decided is computed from what changes without it", "要保存或判断的内容依赖于会自行变化的值";
    FormulaCycle = "formula_cycle", Invalid, "formulas depend on each other in a circle", "公式循环依赖";
    TableOverlap = "table_overlap", Invalid, "two rows of a rate table overlap", "价格表的两行重叠";
    BadSchedule = "bad_schedule", Invalid, "the tiers of the schedule are wrong", "阶梯设置不正确";
    MissingText = "missing_text", Invalid, "a text is missing in one language", "缺少一种语言的文字";
    PackDependency = "pack_dependency", Invalid, "the packs this one requires are not there", "缺少所依赖的扩展包";
    PackCycle = "pack_cycle", Invalid, "packs require each other in a circle", "扩展包循环依赖";
    // packs as files
    BadArchive = "bad_archive", Malformed, "the file is not a pack archive", "文件不是扩展包归档";
    UnsafePath = "unsafe_path", Invalid, "a path leads out of the archive", "归档中的路径越出了范围";
    ArchiveLink = "archive_link", Invalid, "an archive holds files only, no links", "归档中只能有普通文件，不能有链接";
    DuplicateEntry = "duplicate_entry", Invalid, "the archive has a file twice", "归档中有重复的文件";
    ArchiveTooLarge = "archive_too_large", Limit, "the archive or a file in it is too large", "归档或其中的文件过大";
    ArchiveAltered = "archive_altered", Invalid, "the archive was changed after it was packed", "归档在打包后被改动过";
    BadSignature = "bad_signature", Forbidden, "the signature does not belong to the pack", "签名与扩展包不符";
    UnknownSigner = "unknown_signer", Forbidden, "nobody here trusts the signer", "签名者不在信任名单中";
    UnsignedPack = "unsigned_pack", Forbidden, "the pack is not signed", "扩展包没有签名";
    // expressions and scripts
    ScriptSyntax = "script_syntax", Invalid, "the expression cannot be read", "表达式有语法错误";
    ScriptUseless = "script_useless", Invalid, "the script says something that comes to nothing", "脚本中有不起作用的内容";
    ScriptUnknownName = "script_unknown_name", Invalid, "the expression names something that does not exist", "表达式引用了不存在的名称";
    ScriptType = "script_type", Invalid, "the expression mixes types that do not go together", "表达式的类型不匹配";
    ScriptLimit = "script_limit", Limit, "the script reached a limit", "脚本超出限制";
    ScriptFailed = "script_failed", Invalid, "the expression failed", "表达式计算失败";
    // settlement
    NoPrice = "no_price", Conflict, "no row of the rate table matches", "价格表中没有匹配的行";
    AmbiguousPrice = "ambiguous_price", Conflict, "two rows of the rate table match equally well", "价格表有两行同样匹配";
    NullInput = "null_input", Conflict, "an input of the look-up is empty", "查价所需的值为空";
    PricePending = "price_pending", Conflict, "the price is still pending", "待定价";
    PeriodClosed = "period_closed", Conflict, "the period is closed", "账期已关闭";
    PeriodNotReady = "period_not_ready", Conflict, "the period cannot be closed yet", "账期尚不能关闭";
    UnknownPeriod = "unknown_period", Invalid, "there is no such period", "没有这个账期";
    RunEnded = "run_ended", Conflict, "the run has ended", "该结算已结束";
    RunActive = "run_active", Conflict, "a run of this plan and period is active", "该方案和账期已有结算正在运行";
    AmountOverflow = "amount_overflow", Invalid, "the amount has more than 18 digits", "金额超过 18 位";
    ChainCycle = "chain_cycle", Conflict, "a party stands twice in its chain", "分润链中出现循环";
    ChainTooLong = "chain_too_long", Limit, "the chain has too many parties", "分润链层级过多";
    ChainLimit = "chain_limit", Conflict, "the chain would pay out more than it may", "分润超过允许的上限";
    PartyMissing = "party_missing", Conflict, "payer or payee is empty", "缺少付款方或收款方";
    StatementState = "statement_state", Conflict, "the statement's state does not allow this", "对账单当前状态不允许此操作";
    StatementDraft = "statement_draft", Conflict, "the statement is still a draft", "对账单还是草稿";
    StatementPaid = "statement_paid", Conflict, "the statement is paid", "对账单已付款";
    StatementReversed = "statement_reversed", Conflict, "the statement was taken back, or takes one back", "对账单已冲红，或本身是红字对账单";
    StatementFollowed = "statement_followed", Conflict, "a later statement builds on this one", "后续对账单以此为依据";
    LineDisputed = "line_disputed", Conflict, "the line is disputed already", "该明细已有未了结的异议";
    LineNotOnStatement = "line_not_on_statement", Conflict, "the line is not on this statement", "该明细不在此对账单上";
    DisputeSettled = "dispute_settled", Conflict, "the dispute is settled already", "该异议已了结";
    PositionOpen = "position_open", Conflict, "the other direction of the pair is not confirmed yet", "双方互抵的另一方向尚未确认";
    NoDebt = "no_debt", Conflict, "there is no debt to give up", "没有可核销的欠款";
    RowsImmutable = "rows_immutable", Conflict, "rows of a rate table are closed and added, never edited", "价格行只能关闭和新增，不能修改";
    FxRateMissing = "fx_rate_missing", Conflict, "there is no rate between the two currencies", "没有两种货币之间的汇率";
    RateRowInUse = "rate_row_in_use", Conflict, "a posted line rests on the row of the rate table", "已有结算行引用该价格行";
    RateGap = "rate_gap", Invalid, "the rate table has no row for some keys or days", "价格表存在未覆盖的组合或日期";
    RateUnreachable = "rate_unreachable", Invalid, "no look-up can find the row", "该价格行不会被匹配到";
    RateFalls = "rate_falls", Invalid, "a larger quantity costs less in total", "数量增加后总额反而减少";
    RateCliff = "rate_cliff", Invalid, "a price or total jumps at once", "价格或总额出现陡变";
    RateNotCovered = "rate_not_covered", Invalid, "an open period has days without a version of the row", "未关闭的账期内缺少有效版本";
    // limits
    BodyTooLarge = "body_too_large", Limit, "the body is too large", "请求内容过大";
    BadFileType = "bad_file_type", Invalid, "files of this type are not taken here", "不接受这种类型的文件";
    PageTooLarge = "page_too_large", Limit, "the page is too large", "每页条数过多";
    TooManyAttempts = "too_many_attempts", Limit, "too many attempts, wait a moment", "尝试次数过多，请稍后再试";
    TooManyRounds = "too_many_rounds", Limit, "the command needed too many rounds of reading", "命令读取数据的轮数过多";
    // ours
    Unavailable = "unavailable", Internal, "the service is not ready, try again", "服务暂不可用，请重试";
    Internal = "internal", Internal, "something failed on our side", "系统内部错误";
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}
