//! The functions that rewriting calls, by name.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{AggregateUDF, Expr, ScalarUDF};

/// The functions that rewriting calls.
#[derive(Debug)]
pub(crate) struct Functions {
    scalar: HashMap<String, Arc<ScalarUDF>>,
    first_value: Option<Arc<AggregateUDF>>,
}

impl Functions {
    pub(crate) fn new(scalar: HashMap<String, Arc<ScalarUDF>>, first_value: Option<Arc<AggregateUDF>>) -> Self {
        Self { scalar, first_value }
    }

    pub(crate) fn call(&self, name: &str, args: Vec<Expr>) -> Result<Expr> {
        let function = self.scalar.get(name).ok_or_else(|| DataFusionError::Internal(format!("function {name} is not registered")))?;
        Ok(Expr::ScalarFunction(ScalarFunction::new_udf(Arc::clone(function), args)))
    }

    pub(crate) fn first_value(&self) -> Result<Arc<AggregateUDF>> {
        self.first_value.clone().ok_or_else(|| DataFusionError::Internal("function first_value is not registered".into()))
    }
}
