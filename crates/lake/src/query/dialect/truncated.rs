//! `date_trunc()` without a time zone: DataFusion's, which keeps the order of times, with PostgreSQL's types.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::sort_properties::{ExprProperties, SortProperties};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility};

use super::kinds::{Family, TIMESTAMP, refused, timestamptz, type_name};

/// DataFusion's `date_trunc`, of timestamps and dates.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Truncated {
    inner: Arc<ScalarUDF>,
    signature: Signature,
}

impl Truncated {
    pub(crate) fn new(inner: Arc<ScalarUDF>) -> Self {
        Self { inner, signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Truncated {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let [_, time] = types else { return Err(refused("date_trunc takes a field, a time, and perhaps a time zone")) };
        let time = match Family::of(time) {
            Family::Timestamp => TIMESTAMP,
            Family::Timestamptz | Family::Date | Family::Null => timestamptz(),
            _ => return Err(refused(format!("date_trunc takes a timestamp, not {}; cast a text with ::timestamptz", type_name(time)))),
        };
        Ok(vec![DataType::Utf8, time])
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        Ok(self.coerce_types(types)?.swap_remove(1))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        self.inner.invoke_with_args(args)
    }

    fn output_ordering(&self, inputs: &[ExprProperties]) -> Result<SortProperties> {
        self.inner.output_ordering(inputs)
    }
}
