//! A function of DataFusion with a bounded result, computed in parts that stop when the query must.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::{Array as _, ArrayRef};
use arrow::compute::concat;
use arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::bound::{bytes, within};
use crate::query::budget::Budget;

/// The bounded functions, in addition to `||` and `to_char`: those whose result may be longer than their arguments, and those that take
/// long over long texts.
pub(crate) const BOUNDED: &[&str] = &[
    "btrim",
    "concat",
    "concat_ws",
    "contains",
    "decode",
    "encode",
    "initcap",
    "left",
    "lower",
    "lpad",
    "ltrim",
    "overlay",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "rpad",
    "rtrim",
    "split_part",
    "strpos",
    "substr",
    "substr_index",
    "translate",
    "upper",
];
/// The functions whose second argument is a size. DataFusion panics at very small sizes.
const SIZED: &[&str] = &["lpad", "repeat", "rpad"];
/// The bytes of text that are computed at once. Between such parts, a query that must stop does.
const PART: usize = 256 << 10;
/// Rows that are computed at once if each may have a pattern of its own. A compiled pattern takes up to 10 MB, and all are kept for a call.
const PATTERNS: usize = 8;

/// A function of DataFusion with a bounded result. It has no `simplify`, because simplifying would bring back the unbounded function.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Bounded {
    pub(crate) inner: Arc<ScalarUDF>,
}

impl ScalarUDFImpl for Bounded {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if SIZED.contains(&self.name())
            && let Some(size) = args.args.get_mut(1)
        {
            *size = not_negative(size);
        }
        within(self.name(), &args)?;
        let stop = Budget::within(&args.config_options).stop;
        stop.check()?;
        let rows = args.number_rows;
        let has_rows = args.args.iter().any(|arg| matches!(arg, ColumnarValue::Array(_)));
        let mut each = (rows.saturating_mul(PART) / bytes(&args)?.max(1)).max(1);
        if self.name().starts_with("regexp_") && matches!(args.args.get(1), Some(ColumnarValue::Array(_))) {
            each = each.min(PATTERNS);
        }
        if !has_rows || each >= rows {
            return self.inner.invoke_with_args(args);
        }
        let mut parts: Vec<ArrayRef> = Vec::new();
        for from in (0..rows).step_by(each) {
            stop.check()?;
            let count = each.min(rows - from);
            let part = |arg: &ColumnarValue| match arg {
                ColumnarValue::Array(array) => ColumnarValue::Array(array.slice(from, count)),
                ColumnarValue::Scalar(value) => ColumnarValue::Scalar(value.clone()),
            };
            let part = ScalarFunctionArgs {
                args: args.args.iter().map(part).collect(),
                arg_fields: args.arg_fields.clone(),
                number_rows: count,
                return_field: Arc::clone(&args.return_field),
                config_options: Arc::clone(&args.config_options),
            };
            parts.push(self.inner.invoke_with_args(part)?.into_array(count)?);
        }
        Ok(ColumnarValue::Array(concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?))
    }
}

/// A size of at least 0: as in PostgreSQL, a negative size makes an empty text.
fn not_negative(size: &ColumnarValue) -> ColumnarValue {
    match size {
        ColumnarValue::Scalar(ScalarValue::Int64(Some(size))) => ColumnarValue::Scalar(ScalarValue::Int64(Some((*size).max(0)))),
        ColumnarValue::Array(sizes) => match sizes.as_primitive_opt::<Int64Type>() {
            Some(sizes) => ColumnarValue::Array(Arc::new(sizes.unary::<_, Int64Type>(|size| size.max(0)))),
            None => size.clone(),
        },
        ColumnarValue::Scalar(_) => size.clone(),
    }
}
