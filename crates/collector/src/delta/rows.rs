//! A snapshot's rows while they are read: one Arrow builder for each column, filled in the order of the view's columns.
//!
//! # Promise
//! Values arrive in PostgreSQL's text format and in any encoding. Bytes that are not UTF-8 become replacement characters. A number that cannot be
//! parsed becomes null and is counted; no value causes an error. No memory is allocated per cell. A text is cut at [`TEXT_CAP`].

use std::sync::Arc;

use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{Array, ArrayRef};
use pganalytics_views::{Type, View};

use super::text_format;

/// The largest number of bytes of a text cell. Names in PostgreSQL have at most 63 bytes; only statements and settings are longer. Without a
/// limit, one text could fill a whole batch.
pub(crate) const TEXT_CAP: usize = 64 * 1024;

/// Nanoseconds in a millisecond. Durations arrive as float8 milliseconds and are held as integer nanoseconds.
const NS_PER_MS: f64 = 1e6;

/// All rows of one view from one server (or one of its databases) at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    /// When the snapshot was taken, in microseconds since the epoch.
    pub ts_us: i64,
    /// One array for each column of the view, in the view's order; all null if the server's version lacks the column.
    pub columns: Vec<ArrayRef>,
    /// One array for each mark of the view, in the view's order.
    pub marks: Vec<ArrayRef>,
    pub rows: usize,
    /// The number of rows that the server has and that were not read. If there are any, a missing row may still exist.
    pub cut: u64,
}

/// Builds a [`Snapshot`].
#[derive(Debug)]
pub(crate) struct Rows {
    /// The view's columns, then its marks.
    columns: Vec<Cells>,
    /// How many of the builders are for the view's columns.
    shipped: usize,
    rows: usize,
    unreadable: u64,
}

#[derive(Debug)]
enum Cells {
    Bool(BooleanBuilder),
    Int8(Int64Builder),
    Duration(Int64Builder),
    Float8(Float64Builder),
    Text(StringBuilder),
    Timestamptz(TimestampMicrosecondBuilder),
}

impl Rows {
    /// Makes the builders for a view, with room for `rows`.
    #[must_use]
    pub(crate) fn new(view: &View, rows: usize) -> Self {
        let columns = view
            .columns
            .iter()
            .chain(view.marks.iter().map(|mark| &mark.column))
            .map(|column| match column.r#type {
                Type::Bool => Cells::Bool(BooleanBuilder::with_capacity(rows)),
                Type::Int8 => Cells::Int8(Int64Builder::with_capacity(rows)),
                Type::Duration => Cells::Duration(Int64Builder::with_capacity(rows)),
                Type::Float8 => Cells::Float8(Float64Builder::with_capacity(rows)),
                Type::Text => Cells::Text(StringBuilder::with_capacity(rows, rows * 16)),
                Type::Timestamptz => Cells::Timestamptz(TimestampMicrosecondBuilder::with_capacity(rows).with_timezone("UTC")),
            })
            .collect();
        Self { columns, shipped: view.columns.len(), rows: 0, unreadable: 0 }
    }

    #[must_use]
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// The number of cells whose text does not fit the column's type.
    #[must_use]
    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// Sets one cell of the current row from PostgreSQL's text format. Each column must be set once per row. The view's marks follow its
    /// columns.
    pub(crate) fn set_text_format(&mut self, column: usize, value: Option<&[u8]>) {
        let Some(cells) = self.columns.get_mut(column) else { return };
        let readable = match (cells, value) {
            (cells, None) => {
                cells.null();
                true
            }
            (Cells::Bool(cells), Some(value)) => append(value == b"t" || value == b"f", cells, |cells| cells.append_value(value == b"t")),
            (Cells::Int8(cells), Some(value)) => {
                let number = text_format::int(value);
                cells.append_option(number);
                number.is_some()
            }
            (Cells::Duration(cells), Some(value)) => {
                let number = text_format::float(value).and_then(nanoseconds);
                cells.append_option(number);
                number.is_some()
            }
            (Cells::Float8(cells), Some(value)) => {
                let number = text_format::float(value);
                cells.append_option(number);
                number.is_some()
            }
            (Cells::Text(cells), Some(value)) => {
                append_text(cells, value);
                true
            }
            (Cells::Timestamptz(cells), Some(value)) => {
                let time = text_format::timestamptz(value);
                cells.append_option(time);
                // Arrow has no value for PostgreSQL's 'infinity', so the cell becomes null. It is not counted as unreadable.
                time.is_some() || value.ends_with(b"infinity")
            }
        };
        self.unreadable += u64::from(!readable);
    }

    /// Sets a cell from a number, for probes; a duration is in nanoseconds.
    pub(crate) fn set_int(&mut self, column: usize, value: Option<i64>) {
        match self.columns.get_mut(column) {
            Some(Cells::Int8(cells) | Cells::Duration(cells)) => cells.append_option(value),
            Some(Cells::Timestamptz(cells)) => cells.append_option(value),
            Some(Cells::Bool(cells)) => cells.append_option(value.map(|value| value != 0)),
            #[expect(clippy::cast_precision_loss, reason = "a float column holds floats")]
            Some(Cells::Float8(cells)) => cells.append_option(value.map(|value| value as f64)),
            Some(Cells::Text(cells)) => cells.append_option(value.map(|value| value.to_string())),
            None => {}
        }
    }

    /// Sets a cell from a float, for probes; null if the column has another type.
    pub(crate) fn set_float(&mut self, column: usize, value: Option<f64>) {
        match self.columns.get_mut(column) {
            Some(Cells::Float8(cells)) => cells.append_option(value),
            Some(cells) => cells.null(),
            None => {}
        }
    }

    /// Sets a cell from a text, for probes; null if the column has another type.
    pub(crate) fn set_text(&mut self, column: usize, value: Option<&str>) {
        match (self.columns.get_mut(column), value) {
            (Some(Cells::Text(cells)), Some(value)) => append_text(cells, value.as_bytes()),
            (Some(cells), _) => cells.null(),
            (None, _) => {}
        }
    }

    /// Ends the current row. Marks that were not set are null.
    pub(crate) fn end_row(&mut self) {
        self.rows += 1;
        let (shipped, rows) = (self.shipped, self.rows);
        self.columns.iter_mut().skip(shipped).filter(|cells| cells.len() < rows).for_each(Cells::null);
        debug_assert!(self.columns.iter().all(|cells| cells.len() == self.rows), "every column is set once per row");
    }

    /// Finishes the snapshot.
    #[must_use]
    pub(crate) fn finish(self, ts_us: i64, cut: u64) -> Snapshot {
        let mut columns: Vec<_> = self.columns.into_iter().map(Cells::finish).collect();
        let marks = columns.split_off(self.shipped);
        Snapshot { ts_us, columns, marks, rows: self.rows, cut }
    }
}

impl Cells {
    fn null(&mut self) {
        match self {
            Self::Bool(cells) => cells.append_null(),
            Self::Int8(cells) | Self::Duration(cells) => cells.append_null(),
            Self::Float8(cells) => cells.append_null(),
            Self::Text(cells) => cells.append_null(),
            Self::Timestamptz(cells) => cells.append_null(),
        }
    }

    fn len(&self) -> usize {
        use arrow_array::builder::ArrayBuilder as _;
        match self {
            Self::Bool(cells) => cells.len(),
            Self::Int8(cells) | Self::Duration(cells) => cells.len(),
            Self::Float8(cells) => cells.len(),
            Self::Text(cells) => cells.len(),
            Self::Timestamptz(cells) => cells.len(),
        }
    }

    fn finish(self) -> ArrayRef {
        let array: Arc<dyn Array> = match self {
            Self::Bool(mut cells) => Arc::new(cells.finish()),
            Self::Int8(mut cells) | Self::Duration(mut cells) => Arc::new(cells.finish()),
            Self::Float8(mut cells) => Arc::new(cells.finish()),
            Self::Text(mut cells) => Arc::new(cells.finish()),
            Self::Timestamptz(mut cells) => Arc::new(cells.finish()),
        };
        array
    }
}

fn append(readable: bool, cells: &mut BooleanBuilder, value: impl FnOnce(&mut BooleanBuilder)) -> bool {
    if readable {
        value(cells)
    } else {
        cells.append_null()
    }
    readable
}

fn append_text(cells: &mut StringBuilder, value: &[u8]) {
    let cut = &value[..value.len().min(TEXT_CAP)];
    // A cut inside a character leaves at most one replacement character.
    match std::str::from_utf8(cut) {
        Ok(text) => cells.append_value(text),
        Err(error) if cut.len() < value.len() && error.error_len().is_none() => {
            cells.append_value(String::from_utf8_lossy(&cut[..error.valid_up_to()]));
        }
        Err(_) => cells.append_value(String::from_utf8_lossy(cut)),
    }
}

/// Milliseconds as integer nanoseconds.
#[must_use]
pub(crate) fn nanoseconds(milliseconds: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates, as intended")]
    milliseconds.is_finite().then(|| (milliseconds * NS_PER_MS).round() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::cast::AsArray;

    #[test]
    fn texts_of_any_encoding_are_accepted_and_cut_at_a_character() {
        let mut cells = StringBuilder::new();
        append_text(&mut cells, b"caf\xe9");
        let long = "é".repeat(TEXT_CAP);
        append_text(&mut cells, format!("x{long}").as_bytes());
        let array = cells.finish();
        assert_eq!(array.value(0), "caf\u{fffd}");
        assert_eq!(array.value(1).len(), TEXT_CAP - 1);
        assert!(array.value(1).ends_with('é'));
    }

    #[test]
    fn a_cell_that_is_not_a_number_becomes_null_and_is_counted() {
        let view = pganalytics_views::parse(
            "v.toml",
            "name='v'\nsummary='s'\nscope='server'\nsource='probe'\ninterval='1s'\n\
             [[columns]]\nname='a'\nkind='gauge'\ntype='int8'\nhelp='h'\n[[columns]]\nname='d'\nkind='gauge'\ntype='duration'\nhelp='h'",
        )
        .expect("a view");
        let mut rows = Rows::new(&view, 2);
        for (a, d) in [("12", "1.5"), ("x", "")] {
            rows.set_text_format(0, Some(a.as_bytes()));
            rows.set_text_format(1, Some(d.as_bytes()));
            rows.end_row();
        }
        assert_eq!(rows.unreadable(), 2);
        let snapshot = rows.finish(1, 0);
        let ints = snapshot.columns[0].as_primitive::<arrow_array::types::Int64Type>();
        let durations = snapshot.columns[1].as_primitive::<arrow_array::types::Int64Type>();
        assert_eq!((ints.value(0), ints.is_null(1)), (12, true));
        assert_eq!((durations.value(0), durations.is_null(1)), (1_500_000, true));
    }
}
