//! Registers the functions and operators of this dialect.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::registry::FunctionRegistry as _;

use super::functions::Functions;
use super::maths::{CHECKED, Checked};
use super::operators::Operators;
use super::truncated::Truncated;
use super::{arithmetic, averages, casts, fields, intervals, maths, patterns, templates, zones};

/// Registers the functions and operators of this dialect, and returns the functions.
pub(crate) fn register(state: &mut SessionState) -> Result<Arc<Functions>> {
    let groups = [
        arithmetic::operators(),
        averages::functions(),
        casts::casts(),
        fields::functions(),
        intervals::functions(),
        maths::functions(),
        patterns::functions(),
        templates::functions(),
        vec![zones::timezone()],
    ];
    for function in groups.into_iter().flatten() {
        state.register_udf(Arc::new(ScalarUDF::from(function)))?;
    }
    for name in CHECKED {
        if let Some(inner) = state.scalar_functions().get(*name).map(Arc::clone) {
            state.register_udf(Arc::new(ScalarUDF::from(Checked::new(inner))))?;
        }
    }
    if let Some(inner) = state.scalar_functions().get("date_trunc").map(Arc::clone) {
        state.register_udf(Arc::new(ScalarUDF::from(Truncated::new(inner))))?;
    }
    let functions =
        Arc::new(Functions::new(state.scalar_functions().clone(), state.aggregate_functions().get("first_value").map(Arc::clone)));
    state.register_expr_planner(Arc::new(Operators { functions: Arc::clone(&functions) }))?;
    Ok(functions)
}
