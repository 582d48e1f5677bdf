//! Reserves the rows that a window operator holds.
//!
//! `WindowAggExec` holds all rows, and copies them once. `BoundedWindowAggExec` holds the rows whose results are still open, and the rows
//! behind them that later frames reach: those of the whole partition, if a frame starts at its first row.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::logical_expr::{WindowFrameBound, WindowFrameUnits};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::window::{StandardWindowExpr, WindowExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::execution_plan::replace_children_if_necessary;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};

use super::passing::{Check, Passing};

/// A frame that reaches back this many rows needs no reservation.
const SHORT_FRAME: u64 = 100_000;
/// Window functions that look at no frame, and hold nothing behind the current row.
const FRAMELESS: &[&str] = &["row_number", "rank", "dense_rank", "lag", "lead"];
/// The bytes of a result: a number, or a view of a text.
const RESULT: usize = 16;

/// What a window operator holds.
#[derive(Debug)]
pub(crate) struct Holding {
    keeps: Arc<Keeps>,
    results: usize,
    /// From the start of a partition's output to the start of its input.
    starting: Mutex<HashMap<usize, Arc<Held>>>,
}

#[derive(Debug)]
enum Keeps {
    /// All rows, twice.
    All,
    /// The rows since the start of the current group of `partition by`.
    Group(Vec<Arc<dyn PhysicalExpr>>),
    /// The rows whose results are open.
    Open,
}

/// What a window operator holds of one partition of a plan.
#[derive(Debug)]
pub(crate) struct Held {
    keeps: Arc<Keeps>,
    results: usize,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    reservation: MemoryReservation,
    /// The rows that went in, and their bytes.
    rows: usize,
    bytes: usize,
    out: usize,
    /// The bytes of the current group, and its key.
    group: usize,
    key: Vec<ScalarValue>,
}

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
    let holding = Arc::new(Holding { keeps: Arc::new(keeps), results, starting: Mutex::default() });
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

impl Holding {
    /// Begins a partition's output.
    pub(crate) fn given(&self, partition: usize, context: &TaskContext) -> Arc<Held> {
        let reservation = MemoryConsumer::new("a window function").register(context.memory_pool());
        let state = State { reservation, rows: 0, bytes: 0, out: 0, group: 0, key: Vec::new() };
        let held = Arc::new(Held { keeps: Arc::clone(&self.keeps), results: self.results, state: Mutex::new(state) });
        self.starting.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, Arc::clone(&held));
        held
    }

    /// Begins the same partition's input.
    pub(crate) fn taken(&self, partition: usize) -> Result<Arc<Held>> {
        let held = self.starting.lock().unwrap_or_else(PoisonError::into_inner).remove(&partition);
        held.ok_or_else(|| DataFusionError::Internal("the input of a window without its output".into()))
    }
}

impl Held {
    /// Reserves rows that go in.
    pub(crate) fn take_in(&self, rows: &RecordBatch) -> Result<()> {
        if rows.num_rows() == 0 {
            return Ok(());
        }
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = bytes(rows) + rows.num_rows() * self.results * RESULT;
        state.rows += rows.num_rows();
        state.bytes += bytes;
        match self.keeps.as_ref() {
            Keeps::All | Keeps::Open => {}
            Keeps::Group(by) => {
                let (first, last) = (key(by, rows, 0)?, key(by, rows, rows.num_rows() - 1)?);
                // Rows are sorted by the key, so equal ends mean one group.
                let goes_on = first == last && (state.group == 0 || first == state.key);
                state.group = if goes_on { state.group + bytes } else { bytes };
                state.key = last;
            }
        }
        self.reserve(&mut state)
    }

    /// Frees what was held for rows that come out.
    pub(crate) fn let_out(&self, rows: &RecordBatch) -> Result<()> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.out += rows.num_rows();
        self.reserve(&mut state)
    }

    fn reserve(&self, state: &mut State) -> Result<()> {
        let open = state.rows.saturating_sub(state.out);
        let open = usize::try_from(state.bytes as u128 * open as u128 / state.rows.max(1) as u128).unwrap_or(usize::MAX);
        let needed = match self.keeps.as_ref() {
            Keeps::All => state.bytes.saturating_mul(2),
            Keeps::Group(_) => state.group.saturating_add(open),
            Keeps::Open => open,
        };
        state.reservation.try_resize(needed)
    }
}

/// The values of a row's key.
fn key(by: &[Arc<dyn PhysicalExpr>], rows: &RecordBatch, at: usize) -> Result<Vec<ScalarValue>> {
    let row = rows.slice(at, 1);
    by.iter().map(|expr| ScalarValue::try_from_array(&expr.evaluate(&row)?.into_array(1)?, 0)).collect()
}

/// The bytes of rows, as far as this batch needs them of its buffers.
fn bytes(rows: &RecordBatch) -> usize {
    let of = |column: &Arc<dyn Array>| match column.data_type() {
        DataType::Utf8View => rows.num_rows() * RESULT + column.as_string_view().lengths().map(|length| length as usize).sum::<usize>(),
        DataType::BinaryView => rows.num_rows() * RESULT + column.as_binary_view().lengths().map(|length| length as usize).sum::<usize>(),
        _ => column.to_data().get_slice_memory_size().unwrap_or_else(|_| column.get_array_memory_size()),
    };
    rows.columns().iter().map(of).sum()
}
