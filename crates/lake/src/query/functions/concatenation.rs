//! `a || b` with a bounded result.

use std::sync::Arc;

use arrow::array::ArrayRef;
use arrow::compute::kernels::concat_elements::concat_elements_dyn;
use arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::bound::{is_constant, within};

/// Replaces `a || b` with [`Concatenation`]. An operator cannot be replaced by name, as functions are.
#[derive(Debug)]
pub(crate) struct BoundedConcatenation {
    function: Arc<ScalarUDF>,
}

impl BoundedConcatenation {
    pub(crate) fn new() -> Self {
        Self { function: Arc::new(ScalarUDF::from(Concatenation::new())) }
    }
}

impl FunctionRewrite for BoundedConcatenation {
    fn name(&self) -> &'static str {
        "bounded_concatenation"
    }

    fn rewrite(&self, expr: Expr, _: &DFSchema, _: &ConfigOptions) -> Result<Transformed<Expr>> {
        Ok(match expr {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::StringConcat, right }) => {
                Transformed::yes(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(&self.function), vec![*left, *right])))
            }
            other => Transformed::no(other),
        })
    }
}

/// Concatenates two texts. The result is null if either text is null.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Concatenation {
    signature: Signature,
}

impl Concatenation {
    fn new() -> Self {
        Self { signature: Signature::user_defined(Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Concatenation {
    fn name(&self) -> &'static str {
        "||"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        Ok(vec![DataType::Utf8View; types.len()])
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8View)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        within(self.name(), &args)?;
        let scalar = is_constant(&args);
        let rows = if scalar { 1 } else { args.number_rows };
        let sides = args.args.iter().map(|arg| arg.to_array(rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let [left, right] = sides.as_slice() else {
            return Err(DataFusionError::Plan("|| requires two texts".into()));
        };
        let both = concat_elements_dyn(left, right)?;
        if scalar { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&both, 0)?)) } else { Ok(ColumnarValue::Array(both)) }
    }
}
