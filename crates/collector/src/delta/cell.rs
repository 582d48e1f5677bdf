//! A column as integers, so that counters of both types are held in the same way.
//!
//! An integer is unchanged, a float becomes its bits, and [`NULL`] represents null.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};

/// Represents null. No counter has this value: integers start at zero, and as a float the value is −0, which [`bits`] turns into 0.
pub(super) const NULL: i64 = i64::MIN;

/// The integer that represents a float counter.
fn bits(value: f64) -> i64 {
    if value.is_nan() {
        NULL
    } else {
        // −0 + 0 is 0.
        i64::from_ne_bytes((value + 0.0).to_ne_bytes())
    }
}

/// The float that an integer represents.
pub(super) fn float(value: i64) -> f64 {
    f64::from_ne_bytes(value.to_ne_bytes())
}

/// One column as integers.
pub(super) enum Cell<'a> {
    Int(&'a [i64], Option<&'a arrow_array::Int64Array>),
    Time(&'a arrow_array::TimestampMicrosecondArray),
    Float(&'a arrow_array::Float64Array),
    /// A column of another type. Definitions with such a counter are refused.
    Other,
}

impl<'a> Cell<'a> {
    pub(super) fn new(column: &'a ArrayRef) -> Self {
        if let Some(cells) = column.as_primitive_opt::<Int64Type>() {
            Self::Int(cells.values(), (cells.null_count() > 0).then_some(cells))
        } else if let Some(cells) = column.as_primitive_opt::<Float64Type>() {
            Self::Float(cells)
        } else if let Some(cells) = column.as_primitive_opt::<TimestampMicrosecondType>() {
            Self::Time(cells)
        } else {
            Self::Other
        }
    }

    pub(super) fn value(&self, row: usize) -> i64 {
        match self {
            Self::Int(values, nulls) => {
                if nulls.is_some_and(|cells| cells.is_null(row)) {
                    NULL
                } else {
                    values[row]
                }
            }
            Self::Float(cells) => {
                if cells.is_null(row) {
                    NULL
                } else {
                    bits(cells.value(row))
                }
            }
            Self::Time(cells) => {
                if cells.is_null(row) {
                    NULL
                } else {
                    cells.value(row)
                }
            }
            Self::Other => NULL,
        }
    }

    pub(super) fn less(&self, value: i64, than: i64) -> bool {
        match self {
            _ if value == NULL || than == NULL => false,
            Self::Float(_) => float(value) < float(than),
            _ => value < than,
        }
    }

    pub(super) fn minus(&self, value: i64, before: i64) -> i64 {
        match self {
            _ if value == NULL || before == NULL => NULL,
            Self::Float(_) => bits(float(value) - float(before)),
            _ => value.saturating_sub(before),
        }
    }

    /// The sum of two values. Null counts as zero, but the sum of two nulls is null.
    pub(super) fn plus(&self, a: i64, b: i64) -> i64 {
        match self {
            _ if a == NULL => b,
            _ if b == NULL => a,
            Self::Float(_) => bits(float(a) + float(b)),
            _ => a.saturating_add(b),
        }
    }

    pub(super) fn not_negative(&self, value: i64) -> i64 {
        match self {
            _ if value == NULL => NULL,
            Self::Float(_) => bits(float(value).max(0.0)),
            _ => value.max(0),
        }
    }

    pub(super) fn is_zero_or_null(&self, value: i64) -> bool {
        match self {
            _ if value == NULL => true,
            Self::Float(_) => float(value) == 0.0,
            _ => value == 0,
        }
    }
}
