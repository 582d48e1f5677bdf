//! What a window operator holds: counted as its rows go in and come out, and reserved.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::TaskContext;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_expr::PhysicalExpr;

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

/// Which rows a window operator keeps.
#[derive(Debug)]
pub(crate) enum Keeps {
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

impl Holding {
    pub(crate) fn new(keeps: Keeps, results: usize) -> Self {
        Self { keeps: Arc::new(keeps), results, starting: Mutex::default() }
    }

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
