//! Reserves the rows that a window operator holds.
//!
//! `WindowAggExec` holds all rows, and copies them once. `BoundedWindowAggExec` holds the rows whose results are still open, and the rows
//! behind them that later frames reach: those of the whole partition, if a frame starts at its first row.

use std::sync::Arc;

use datafusion::common::ScalarValue;
use datafusion::error::Result;
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::holding::{Holding, Keeps};
use super::passing::{Check, Passing};

/// A frame that reaches back this many rows needs no reservation.
const SHORT_FRAME: u64 = 100_000;
/// Window functions that look at no frame, and hold nothing behind the current row.
const FRAMELESS: &[&str] = &["row_number", "rank", "dense_rank", "lag", "lead"];

/// A window operator that reserves what it holds. Other operators stay as they are.
///
/// # Errors
/// If DataFusion cannot rebuild the plan.
pub(crate) fn reserving(window: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let (keeps, results) = if let Some(all) = window.downcast_ref::<WindowAggExec>() {
        (Keeps::All, all.window_expr().len())
    } else if let Some(bounded) = window.downcast_ref::<BoundedWindowAggExec>() {
        let exprs = bounded.window_expr();
        let keeps = match exprs.iter().find(|expr| looks_back(expr)) {
            Some(expr) => Keeps::Group(expr.partition_by().to_vec()),
            None => Keeps::Open,
        };
        (keeps, exprs.len())
    } else {
        return Ok(window);
    };
    let holding = Arc::new(Holding::new(keeps, results));
    let into = |input: &Arc<dyn ExecutionPlan>| -> Arc<dyn ExecutionPlan> {
        Arc::new(Passing::new(Arc::clone(input), Check::IntoWindow(Arc::clone(&holding))))
    };
    let inputs = window.children().into_iter().map(into).collect();
    let window = replace_children_if_necessary(window, inputs)?;
    Ok(Arc::new(Passing::new(window, Check::OutOfWindow(holding))))
}

/// Whether an expression reaches back over any number of rows.
fn looks_back(expr: &Arc<dyn WindowExpr>) -> bool {
    if let Some(standard) = expr.as_any().downcast_ref::<StandardWindowExpr>() {
        let name = standard.get_standard_func_expr().name();
        if FRAMELESS.iter().any(|frameless| name.starts_with(frameless)) {
            return false;
        }
    }
    let frame = expr.get_window_frame();
    match &frame.start_bound {
        WindowFrameBound::CurrentRow => frame.units != WindowFrameUnits::Rows,
        WindowFrameBound::Following(_) => false,
        WindowFrameBound::Preceding(ScalarValue::UInt64(Some(rows))) => frame.units != WindowFrameUnits::Rows || *rows > SHORT_FRAME,
        WindowFrameBound::Preceding(_) => true,
    }
}
