//! How wide a row is: the bytes of its texts and lists, which an operator may copy many times.

use arrow::array::cast::AsArray as _;
use arrow::array::{Array, ArrayRef, RecordBatch};
use arrow::datatypes::DataType;
use datafusion::error::{DataFusionError, Result};

/// The most bytes that the elements of one list may become, with the copies of the other columns.
const MAX_UNNESTED: usize = 64 << 20;

/// Rejects rows of more than `most` bytes.
///
/// # Errors
/// If there is such a row.
pub(crate) fn copied(rows: &RecordBatch, most: usize) -> Result<()> {
    let widest = rows.columns().iter().fold(0usize, |sum, column| sum.saturating_add(widest(column)));
    if widest <= most {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!(
        "a row has {widest} bytes of texts and lists, and a join, a subquery or a window function copies at most {most}; join first, and \
         aggregate after that"
    )))
}

/// Rejects rows that `unnest` would copy too often.
///
/// # Errors
/// If there is such a row.
pub(crate) fn unnested(rows: &RecordBatch, most: usize) -> Result<()> {
    let lists = rows.columns().iter().map(longest).max().unwrap_or(0);
    // The widest list is the one that is unnested, or it counts as a copied column.
    let mut widths: Vec<usize> = rows.columns().iter().map(widest).collect();
    widths.sort_unstable();
    widths.pop();
    let others = widths.iter().fold(0usize, |sum, width| sum.saturating_add(*width));
    let bytes = lists.saturating_mul(others);
    if bytes <= MAX_UNNESTED && others <= most.max(MAX_UNNESTED / lists.max(1)) {
        return Ok(());
    }
    Err(DataFusionError::ResourcesExhausted(format!(
        "unnest would copy {others} bytes for each of the {lists} elements of a list; unnest first, and join after that"
    )))
}

/// The bytes of the widest value of a column, as far as each row has its own copy.
fn widest(column: &ArrayRef) -> usize {
    let of = |offsets: &[usize], bytes: usize, values: usize| {
        let longest = offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
        longest.saturating_mul(bytes.div_ceil(values.max(1)))
    };
    match column.data_type() {
        DataType::Utf8 => of(&small(column.as_string::<i32>().value_offsets()), 1, 1),
        DataType::LargeUtf8 => of(&large(column.as_string::<i64>().value_offsets()), 1, 1),
        DataType::Binary => of(&small(column.as_binary::<i32>().value_offsets()), 1, 1),
        DataType::LargeBinary => of(&large(column.as_binary::<i64>().value_offsets()), 1, 1),
        DataType::List(_) => {
            let list = column.as_list::<i32>();
            of(&small(list.value_offsets()), list.values().get_array_memory_size(), list.values().len())
        }
        DataType::LargeList(_) => {
            let list = column.as_list::<i64>();
            of(&large(list.value_offsets()), list.values().get_array_memory_size(), list.values().len())
        }
        DataType::Struct(_) => column.as_struct().columns().iter().fold(0usize, |sum, column| sum.saturating_add(widest(column))),
        other if other.is_nested() => column.get_array_memory_size(),
        _ => 0,
    }
}

/// The number of elements of the longest list of a column.
fn longest(column: &ArrayRef) -> usize {
    let of = |offsets: Vec<usize>| offsets.windows(2).map(|pair| pair[1].saturating_sub(pair[0])).max().unwrap_or(0);
    match column.data_type() {
        DataType::List(_) => of(small(column.as_list::<i32>().value_offsets())),
        DataType::LargeList(_) => of(large(column.as_list::<i64>().value_offsets())),
        _ => 0,
    }
}

fn small(offsets: &[i32]) -> Vec<usize> {
    offsets.iter().map(|offset| usize::try_from(*offset).unwrap_or(0)).collect()
}

fn large(offsets: &[i64]) -> Vec<usize> {
    offsets.iter().map(|offset| usize::try_from(*offset).unwrap_or(0)).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, LargeStringArray, ListArray, StringArray, StringViewArray};
    use arrow::datatypes::Int64Type;

    use super::*;

    fn rows(columns: Vec<ArrayRef>) -> RecordBatch {
        RecordBatch::try_from_iter(columns.into_iter().enumerate().map(|(at, column)| (format!("c{at}"), column))).unwrap()
    }

    #[test]
    fn the_widest_row_counts_and_views_do_not() {
        let texts: ArrayRef = Arc::new(StringArray::from(vec![Some("a"), None, Some("abcdef")]));
        let large: ArrayRef = Arc::new(LargeStringArray::from(vec!["abcd", "", ""]));
        let views: ArrayRef = Arc::new(StringViewArray::from(vec!["x".repeat(1_000); 3]));
        let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
        let rows = rows(vec![texts, large, views, numbers]);
        assert!(copied(&rows, 10).is_ok());
        assert!(copied(&rows, 9).unwrap_err().to_string().contains("10 bytes"));
        // A slice counts its own rows only.
        assert!(copied(&rows.slice(0, 2), 5).is_ok());
    }

    #[test]
    fn a_list_that_copies_a_wide_text_too_often_is_rejected() {
        let list = |elements: usize| -> ArrayRef {
            Arc::new(ListArray::from_iter_primitive::<Int64Type, _, _>([Some((0..elements).map(|n| Some(n as i64)).collect::<Vec<_>>())]))
        };
        let text: ArrayRef = Arc::new(StringArray::from(vec!["x".repeat(1_000)]));
        assert!(unnested(&rows(vec![list(1_000_000)]), 16_000).is_ok());
        assert!(unnested(&rows(vec![list(10_000), Arc::clone(&text)]), 16_000).is_ok());
        assert!(unnested(&rows(vec![list(100_000), text]), 16_000).is_err());
    }
}
