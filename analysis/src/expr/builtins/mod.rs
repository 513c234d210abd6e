//! What the language has built in, and the functions that conditions have besides.

pub(crate) mod lists;
pub(crate) mod numbers;
pub(crate) mod text;
pub(crate) mod time;

macro_rules! builtins {
    ($($name:ident $text:literal),* $(,)?) => {
        /// Functions by name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Builtin { $($name),* }

        impl Builtin {
            pub(crate) fn named(name: &str) -> Option<Self> {
                match name {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }

            pub(crate) fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

builtins! {
    All "all", None "none", Any "any", One "one", Filter "filter", Map "map", Count "count",
    Sum "sum", Find "find", FindIndex "findIndex", FindLast "findLast",
    FindLastIndex "findLastIndex", GroupBy "groupBy", SortBy "sortBy", Reduce "reduce",
    Len "len", Type "type", Abs "abs", Ceil "ceil", Floor "floor", Round "round", Int "int",
    Float "float", String "string", Trim "trim", TrimPrefix "trimPrefix",
    TrimSuffix "trimSuffix", Upper "upper", Lower "lower", Split "split",
    SplitAfter "splitAfter", Replace "replace", Repeat "repeat", Join "join",
    IndexOf "indexOf", LastIndexOf "lastIndexOf", HasPrefix "hasPrefix",
    HasSuffix "hasSuffix", Max "max", Min "min", Mean "mean", Median "median",
    ToJson "toJSON", FromJson "fromJSON", ToBase64 "toBase64", FromBase64 "fromBase64",
    Now "now", Duration "duration", Date "date", Timezone "timezone",
    First "first", Last "last", Get "get", Take "take", Keys "keys", Values "values",
    ToPairs "toPairs", FromPairs "fromPairs", Reverse "reverse", Uniq "uniq",
    Concat "concat", Flatten "flatten", Sort "sort", BitAnd "bitand", BitOr "bitor",
    BitXor "bitxor", BitNand "bitnand", BitNot "bitnot", BitShl "bitshl", BitShr "bitshr",
    BitUshr "bitushr",
}

impl Builtin {
    /// For those that take a predicate: the least and the most arguments.
    pub(crate) fn with_predicate(self) -> Option<(usize, usize)> {
        match self {
            Self::All
            | Self::None
            | Self::Any
            | Self::One
            | Self::Filter
            | Self::Map
            | Self::Find
            | Self::FindIndex
            | Self::FindLast
            | Self::FindLastIndex
            | Self::GroupBy => Some((2, 2)),
            Self::Count | Self::Sum => Some((1, 2)),
            Self::SortBy | Self::Reduce => Some((2, 3)),
            _ => None,
        }
    }

    /// Whether its predicate answers yes or no.
    pub(crate) fn asks(self) -> bool {
        let values =
            matches!(self, Self::Map | Self::Sum | Self::GroupBy | Self::SortBy | Self::Reduce);
        self.with_predicate().is_some() && !values
    }

    /// What needs a clock or a calendar.
    pub(crate) fn of_time(self) -> bool {
        matches!(self, Self::Now | Self::Duration | Self::Date | Self::Timezone)
    }
}

/// The functions of conditions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    AsInt,
    AsFloat,
    IsNan,
    IsInf,
    IsNil,
    Default,
}

impl Function {
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "asInt" => Self::AsInt,
            "asFloat" => Self::AsFloat,
            "isNaN" => Self::IsNan,
            "isInf" => Self::IsInf,
            "isNil" => Self::IsNil,
            "default" => Self::Default,
            _ => return None,
        })
    }

    pub(crate) fn arity(self) -> usize {
        if self == Self::Default { 2 } else { 1 }
    }
}
