//! Replaces functions of DataFusion with these.

use std::sync::Arc;

use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::ScalarUDF;
use datafusion::logical_expr::registry::FunctionRegistry as _;

use super::allowed::restrict;
use super::bounded::{BOUNDED, Bounded};
use super::concatenation::BoundedConcatenation;
use super::now::Now;
use super::to_char::ToChar;

/// Replaces functions of DataFusion with these, and removes functions that are not allowed.
pub(crate) fn register(state: &mut SessionState) -> Result<()> {
    let inner_to_char = state.scalar_functions().get("to_char").map(Arc::clone);
    state.register_udf(Arc::new(ScalarUDF::from(Now::new())))?;
    for name in BOUNDED {
        if let Some(inner) = state.scalar_functions().get(*name).map(Arc::clone) {
            state.register_udf(Arc::new(ScalarUDF::from(Bounded { inner })))?;
        }
    }
    if let Some(inner) = inner_to_char {
        state.register_udf(Arc::new(ScalarUDF::from(ToChar { inner: Bounded { inner } })))?;
    }
    restrict(state)?;
    state.register_function_rewrite(Arc::new(BoundedConcatenation::new()))?;
    Ok(())
}
