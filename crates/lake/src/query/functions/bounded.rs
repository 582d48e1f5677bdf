//! A function of DataFusion with a bounded result.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature};

use super::bound::within;

/// The bounded functions, in addition to `||`.
pub(crate) const BOUNDED: &[&str] = &["concat", "concat_ws", "encode", "lpad", "overlay", "regexp_replace", "repeat", "replace", "rpad"];

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

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        within(self.name(), &args)?;
        self.inner.invoke_with_args(args)
    }
}
