//! The functions that may be called. The list is explicit, so that a new version of DataFusion adds no function unnoticed.
//!
//! Functions that are left out, and why:
//!
//! - `arrow_cast`, `arrow_try_cast`, `cast_to_type`, `try_cast_to_type`: can make types of any size, such as `FixedSizeBinary(2147483647)`.
//! - `levenshtein`, `find_in_set`: run for a time that grows with the product or the sum of two texts' lengths. They never yield, so no
//!   deadline stops them.
//! - `median`, `approx_median`: not in PostgreSQL; `percentile_cont(0.5)` is.
//! - `to_local_time`, `from_unixtime`, `today`, `version`, `date_format`: not in PostgreSQL, or different there.
//! - `arrow_field`, `arrow_metadata`, `with_metadata`, `file_row_index`, `input_file_name`, `union_extract`, `union_tag`: of no use for
//!   statistics.

use datafusion::common::ScalarValue;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionState;
use datafusion::logical_expr::registry::FunctionRegistry as _;
use datafusion::logical_expr::{Expr, LogicalPlan};

use super::cost::{matched, windowed};

const SCALAR: &[&str] = &[
    "abs",
    "acos",
    "acosh",
    "arrow_typeof",
    "ascii",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bit_length",
    "btrim",
    "cbrt",
    "ceil",
    "char_length",
    "character_length",
    "chr",
    "coalesce",
    "concat",
    "concat_ws",
    "contains",
    "cos",
    "cosh",
    "cot",
    "current_date",
    "current_time",
    "current_timestamp",
    "date_bin",
    "date_part",
    "date_trunc",
    "datepart",
    "datetrunc",
    "decode",
    "degrees",
    "encode",
    "ends_with",
    "exp",
    "factorial",
    "floor",
    "gcd",
    "get_field",
    "greatest",
    "ifnull",
    "initcap",
    "instr",
    "isnan",
    "iszero",
    "lcm",
    "least",
    "left",
    "length",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "lpad",
    "ltrim",
    "make_date",
    "make_time",
    "named_struct",
    "nanvl",
    "now",
    "nullif",
    "nvl",
    "nvl2",
    "octet_length",
    "overlay",
    "pi",
    "position",
    "pow",
    "power",
    "radians",
    "rand",
    "random",
    "regexp_count",
    "regexp_instr",
    "regexp_like",
    "regexp_match",
    "regexp_replace",
    "repeat",
    "replace",
    "reverse",
    "right",
    "round",
    "row",
    "rpad",
    "rtrim",
    "signum",
    "sin",
    "sinh",
    "split_part",
    "sqrt",
    "starts_with",
    "strpos",
    "struct",
    "substr",
    "substr_index",
    "substring",
    "substring_index",
    "tan",
    "tanh",
    "to_char",
    "to_date",
    "to_hex",
    "to_time",
    "to_timestamp",
    "to_timestamp_micros",
    "to_timestamp_millis",
    "to_timestamp_nanos",
    "to_timestamp_seconds",
    "to_unixtime",
    "translate",
    "trim",
    "trunc",
    "upper",
    "uuid",
];

const AGGREGATE: &[&str] = &[
    "any_value",
    "approx_distinct",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "covar",
    "covar_pop",
    "covar_samp",
    "first_value",
    "grouping",
    "last_value",
    "max",
    "mean",
    "min",
    "nth_value",
    "percentile_cont",
    "quantile_cont",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "var",
    "var_pop",
    "var_population",
    "var_samp",
    "var_sample",
];

const WINDOW: &[&str] =
    &["cume_dist", "dense_rank", "first_value", "lag", "last_value", "lead", "nth_value", "ntile", "percent_rank", "rank", "row_number"];

const TABLE: &[&str] = &["generate_series", "range"];

/// Aggregates that have a size among their arguments, and the position of that argument.
const SIZED: &[(&str, usize)] = &[("approx_percentile_cont", 2), ("approx_percentile_cont_with_weight", 3)];
/// The most centroids of an approximate percentile. DataFusion's default is 100. Memory grows with this number, regardless of the rows.
const MAX_CENTROIDS: i64 = 1_000;

/// Removes every function that is not on the list.
pub(crate) fn restrict(state: &mut SessionState) -> Result<()> {
    let others =
        |names: Vec<String>, allowed: &'static [&'static str]| names.into_iter().filter(move |name| !allowed.contains(&name.as_str()));
    for name in others(state.scalar_functions().keys().cloned().collect(), SCALAR) {
        state.deregister_udf(&name)?;
    }
    for name in others(state.aggregate_functions().keys().cloned().collect(), AGGREGATE) {
        state.deregister_udaf(&name)?;
    }
    for name in others(state.window_functions().keys().cloned().collect(), WINDOW) {
        state.deregister_udwf(&name)?;
    }
    for name in others(state.table_functions().keys().cloned().collect(), TABLE) {
        state.deregister_udtf(&name)?;
    }
    Ok(())
}

/// Rejects a plan whose aggregates ask for too much memory.
///
/// # Errors
/// If an aggregate's size is not a literal within the bounds, or if its values as a window function would have no bounds. The error names
/// the function.
pub(crate) fn bounded(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            use datafusion::common::tree_node::TreeNode as _;
            expr.apply(|expr| {
                sized(expr)?;
                windowed(expr)?;
                matched(expr)?;
                Ok(TreeNodeRecursion::Continue)
            })
        })
    })?;
    Ok(())
}

fn sized(expr: &Expr) -> Result<()> {
    let (name, args) = match expr {
        Expr::AggregateFunction(call) => (call.func.name(), &call.params.args),
        Expr::WindowFunction(call) => (call.fun.name(), &call.params.args),
        _ => return Ok(()),
    };
    let Some(argument) = SIZED.iter().find(|(sized, _)| *sized == name).and_then(|(_, at)| args.get(*at)) else { return Ok(()) };
    match argument {
        Expr::Literal(value, _) if centroids(value).is_some_and(|size| (1..=MAX_CENTROIDS).contains(&size)) => Ok(()),
        _ => Err(DataFusionError::Plan(format!("{name}: the number of centroids must be a literal between 1 and {MAX_CENTROIDS}"))),
    }
}

fn centroids(value: &ScalarValue) -> Option<i64> {
    match value.cast_to(&arrow::datatypes::DataType::Int64) {
        Ok(ScalarValue::Int64(size)) => size,
        _ => None,
    }
}
