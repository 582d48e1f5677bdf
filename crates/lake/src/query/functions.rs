//! SQL functions that differ from DataFusion's own.
//!
//! - Functions that can make much text of little (`repeat`, `lpad`, `||`, …) are bounded: their results are not in DataFusion's account of
//!   memory, and `repeat('x', 10000000000)` would take the process with it. The most a call can make is reckoned before it is made.
//! - `now()` is to the microsecond, as in PostgreSQL and as `ts` is. DataFusion's nanoseconds would cast `ts` in every comparison.

use std::sync::Arc;

use arrow::array::cast::AsArray as _;
use arrow::array::types::Int64Type;
use arrow::array::{Array as _, ArrayRef};
use arrow::compute::cast;
use arrow::compute::kernels::concat_elements::concat_elements_dyn;
use arrow::datatypes::{DataType, TimeUnit};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::FunctionRewrite;
use datafusion::logical_expr::registry::FunctionRegistry as _;
use datafusion::logical_expr::simplify::{ExprSimplifyResult, SimplifyContext};
use datafusion::logical_expr::{
    BinaryExpr, ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// Bytes of text that one call may make of one batch of rows: 8,192 texts of 16 kB.
const MAX_TEXT: usize = 128 << 20;
/// Bytes of a constant text: DataFusion writes constants into the names of columns, again and again.
const MAX_CONSTANT: usize = 64 << 10;
/// The functions that are bounded, beside `||`.
const BOUNDED: &[&str] = &["concat", "concat_ws", "encode", "lpad", "overlay", "regexp_replace", "repeat", "replace", "rpad", "to_char"];
/// Bytes of the longest UTF-8 character.
const CHARACTER: usize = 4;
/// What one character of a `to_char` format becomes at most: `%c` is a whole date.
const FORMATTED: usize = 32;

/// Puts these functions in the place of DataFusion's.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    state.register_udf(Arc::new(ScalarUDF::from(Now::new())))?;
    for name in BOUNDED {
        if let Some(inner) = state.scalar_functions().get(*name).map(Arc::clone) {
            state.register_udf(Arc::new(ScalarUDF::from(Bounded { inner })))?;
        }
    }
    state.register_function_rewrite(Arc::new(BoundedConcatenation { function: Arc::new(ScalarUDF::from(Concatenation::new())) }))?;
    Ok(())
}

/// A function of DataFusion's with a bound in front. It is not simplified, since that would put the unbounded one back.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Bounded {
    inner: Arc<ScalarUDF>,
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

fn is_constant(args: &ScalarFunctionArgs) -> bool {
    args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)))
}

fn within(function: &str, args: &ScalarFunctionArgs) -> Result<()> {
    let bytes = most(function, args)?;
    let (what, limit) = if is_constant(args) { ("a constant", MAX_CONSTANT) } else { ("one batch of rows", MAX_TEXT) };
    if bytes <= limit {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!(
        "{function} could make {bytes} bytes of text of {what}, at most {limit} are allowed; make shorter texts"
    )))
}

/// The most bytes that a call can make.
fn most(function: &str, args: &ScalarFunctionArgs) -> Result<usize> {
    let rows = if is_constant(args) { 1 } else { args.number_rows };
    let texts = args.args.iter().map(|arg| Text::of(arg, rows)).collect::<Result<Vec<_>>>()?;
    let text = |at: usize| texts.get(at).copied().unwrap_or_default();
    let all = || texts.iter().fold(0usize, |sum, text| sum.saturating_add(text.total));
    let number = |at: usize| args.args.get(at).map_or(Ok(0), largest);
    Ok(match function {
        "repeat" => text(0).total.saturating_mul(number(1)?),
        "lpad" | "rpad" => rows.saturating_mul(number(1)?).saturating_mul(CHARACTER).saturating_add(text(0).total),
        "replace" => (text(0).total / text(1).shortest.max(1))
            .saturating_add(rows)
            .saturating_mul(text(2).longest.max(1))
            .saturating_add(text(0).total),
        "regexp_replace" => text(0).total.saturating_add(rows).saturating_mul(text(2).longest.max(1)).saturating_add(text(0).total),
        "to_char" => text(1).total.saturating_mul(FORMATTED),
        "encode" => text(0).total.saturating_mul(2),
        "concat_ws" => text(0).total.saturating_mul(texts.len()).saturating_add(all()),
        _ => all(),
    })
}

/// Sizes of one argument's texts; of another type's, nothing.
#[derive(Debug, Clone, Copy, Default)]
struct Text {
    total: usize,
    shortest: usize,
    longest: usize,
}

impl Text {
    fn of(arg: &ColumnarValue, rows: usize) -> Result<Self> {
        Ok(match arg {
            ColumnarValue::Scalar(value) => {
                let size = match value {
                    ScalarValue::Binary(Some(bytes)) | ScalarValue::BinaryView(Some(bytes)) | ScalarValue::LargeBinary(Some(bytes)) => {
                        bytes.len()
                    }
                    _ => value.try_as_str().flatten().map_or(0, str::len),
                };
                Self { total: size.saturating_mul(rows.max(1)), shortest: size, longest: size }
            }
            ColumnarValue::Array(array) => {
                let sizes: Vec<usize> = match array.data_type() {
                    DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Dictionary(..) => {
                        let Ok(texts) = cast(array, &DataType::Utf8View) else { return Ok(Self::default()) };
                        texts.as_string_view().iter().flatten().map(str::len).collect()
                    }
                    DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
                        cast(array, &DataType::BinaryView)?.as_binary_view().iter().flatten().map(<[u8]>::len).collect()
                    }
                    _ => return Ok(Self::default()),
                };
                Self {
                    total: sizes.iter().sum(),
                    shortest: sizes.iter().copied().min().unwrap_or(0),
                    longest: sizes.iter().copied().max().unwrap_or(0),
                }
            }
        })
    }
}

/// The largest of an argument's numbers.
fn largest(arg: &ColumnarValue) -> Result<usize> {
    let array = match arg {
        ColumnarValue::Scalar(value) => value.to_array()?,
        ColumnarValue::Array(array) => Arc::clone(array),
    };
    let numbers = cast(&array, &DataType::Int64)?;
    let largest = numbers.as_primitive::<Int64Type>().iter().flatten().max().unwrap_or(0);
    Ok(usize::try_from(largest).unwrap_or(0))
}

/// `a || b`, which is an operator and so cannot be replaced by name.
#[derive(Debug)]
struct BoundedConcatenation {
    function: Arc<ScalarUDF>,
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

/// Two texts, one after the other; null if either is.
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
            return Err(DataFusionError::Plan("|| takes two texts".into()));
        };
        let both = concat_elements_dyn(left, right)?;
        if scalar { Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&both, 0)?)) } else { Ok(ColumnarValue::Array(both)) }
    }
}

/// The moment the query began.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Now {
    signature: Signature,
    aliases: Vec<String>,
}

impl Now {
    fn new() -> Self {
        Self { signature: Signature::nullary(Volatility::Stable), aliases: vec!["current_timestamp".into()] }
    }
}

impl ScalarUDFImpl for Now {
    fn name(&self) -> &'static str {
        "now"
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))
    }

    fn simplify(&self, args: Vec<Expr>, context: &SimplifyContext) -> Result<ExprSimplifyResult> {
        let Some(now) = context.query_execution_start_time() else { return Ok(ExprSimplifyResult::Original(args)) };
        let now = ScalarValue::TimestampMicrosecond(Some(now.timestamp_micros()), Some("UTC".into()));
        Ok(ExprSimplifyResult::Simplified(Expr::Literal(now, None)))
    }

    fn invoke_with_args(&self, _: ScalarFunctionArgs) -> Result<ColumnarValue> {
        Err(DataFusionError::Internal("now() stands for a moment, and was not replaced by it".into()))
    }
}
