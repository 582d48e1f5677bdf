//! Builds the Arrow columns of a view's rows.

use std::sync::Arc;

use anyhow::{Result, bail};
use arrow_array::ArrayRef;
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_schema::DataType;

use crate::fleet::population::FLOAT_MARK;

/// Builds a column of any type that views have. A value of another type is null.
pub(super) enum Builder {
    Integer(Int64Builder),
    Time(TimestampMicrosecondBuilder),
    Float(Float64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
}

impl Builder {
    pub(super) fn new(data_type: &DataType) -> Result<Self> {
        Ok(match data_type {
            DataType::Int64 => Self::Integer(Int64Builder::new()),
            DataType::Timestamp(..) => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            other => bail!("no column of a view has the type {other}"),
        })
    }

    pub(super) fn integer(&mut self, value: i64) {
        match self {
            Self::Integer(builder) => builder.append_value(value),
            Self::Time(builder) => builder.append_value(value),
            #[expect(clippy::cast_precision_loss, reason = "a mark of a few bits, or a made-up number")]
            Self::Float(builder) => builder.append_value(value as f64 / FLOAT_MARK as f64),
            _ => self.null(),
        }
    }

    pub(super) fn text(&mut self, value: &str) {
        match self {
            Self::Text(builder) => builder.append_value(value),
            _ => self.null(),
        }
    }

    pub(super) fn bool(&mut self, value: bool) {
        match self {
            Self::Bool(builder) => builder.append_value(value),
            _ => self.null(),
        }
    }

    pub(super) fn null(&mut self) {
        match self {
            Self::Integer(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
        }
    }

    pub(super) fn finish(self) -> ArrayRef {
        match self {
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
        }
    }
}
