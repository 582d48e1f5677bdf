//! Types as PostgreSQL sorts them.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};
use datafusion::common::ScalarValue;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::Expr;

/// The digits after the point of a numeric whose digits nothing declares: of quotients, and of casts from float8 and text.
pub(crate) const SCALE: i8 = 18;
/// The digits of a numeric.
pub(crate) const DIGITS: u8 = 38;
pub(crate) const INTERVAL: DataType = DataType::Interval(IntervalUnit::MonthDayNano);
pub(crate) const TIMESTAMP: DataType = DataType::Timestamp(TimeUnit::Microsecond, None);

/// `timestamptz`.
pub(crate) fn timestamptz() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A type of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    /// An integer of so many bits.
    Integer(u8),
    /// A numeric with so many digits after the point.
    Numeric(i8),
    Real,
    Double,
}

/// Types between which PostgreSQL casts without being asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Null,
    Bool,
    Number(Number),
    Text,
    Date,
    Timestamp,
    Timestamptz,
    Time,
    Interval,
    Other,
}

impl Family {
    pub(crate) fn of(r#type: &DataType) -> Self {
        use Number::{Double, Integer, Numeric, Real};
        match r#type {
            DataType::Null => Self::Null,
            DataType::Boolean => Self::Bool,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::Number(Integer(16)),
            DataType::Int32 | DataType::UInt16 => Self::Number(Integer(32)),
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::Number(Integer(64)),
            DataType::Decimal32(_, scale)
            | DataType::Decimal64(_, scale)
            | DataType::Decimal128(_, scale)
            | DataType::Decimal256(_, scale) => Self::Number(Numeric(*scale)),
            DataType::Float16 | DataType::Float32 => Self::Number(Real),
            DataType::Float64 => Self::Number(Double),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Self::Text,
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::Timestamptz,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::Dictionary(_, values) => Self::of(values),
            _ => Self::Other,
        }
    }

    pub(crate) fn is_moment(self) -> bool {
        matches!(self, Self::Date | Self::Timestamp | Self::Timestamptz)
    }

    /// The name of the group of types that mix without a cast.
    pub(crate) fn group(self) -> &'static str {
        match self {
            Self::Null => "unknown",
            Self::Bool => "boolean",
            Self::Number(_) => "a number",
            Self::Text => "text",
            Self::Date | Self::Timestamp | Self::Timestamptz => "a time",
            Self::Time => "a time of day",
            Self::Interval => "an interval",
            Self::Other => "another type",
        }
    }
}

/// The name of a type in PostgreSQL.
pub(crate) fn type_name(r#type: &DataType) -> &'static str {
    match Family::of(r#type) {
        Family::Null => "unknown",
        Family::Bool => "boolean",
        Family::Number(Number::Integer(16)) => "smallint",
        Family::Number(Number::Integer(32)) => "integer",
        Family::Number(Number::Integer(_)) => "bigint",
        Family::Number(Number::Numeric(_)) => "numeric",
        Family::Number(Number::Real) => "real",
        Family::Number(Number::Double) => "double precision",
        Family::Text => "text",
        Family::Date => "date",
        Family::Timestamp => "timestamp",
        Family::Timestamptz => "timestamptz",
        Family::Time => "time",
        Family::Interval => "interval",
        Family::Other => "this type",
    }
}

/// The text of a string literal. PostgreSQL gives such a literal the type that its place needs.
pub(crate) fn unknown(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Literal(ScalarValue::Utf8(Some(text)) | ScalarValue::Utf8View(Some(text)) | ScalarValue::LargeUtf8(Some(text)), _) => {
            Some(text)
        }
        Expr::Alias(alias) => unknown(&alias.expr),
        _ => None,
    }
}

/// An error of the statement.
pub(crate) fn refused(message: impl Into<String>) -> DataFusionError {
    DataFusionError::Plan(message.into())
}

/// An error of a value.
pub(crate) fn invalid(message: impl Into<String>) -> DataFusionError {
    DataFusionError::Execution(message.into())
}
