//! The format of a file: its order, encodings and pages.

use ::parquet::basic::{Compression, Encoding, ZstdLevel};
use ::parquet::file::metadata::{KeyValue, SortingColumn};
use ::parquet::file::properties::{EnabledStatistics, WriterProperties};
use ::parquet::schema::types::ColumnPath;
use anyhow::Context as _;
use arrow::compute::SortOptions;
use arrow::datatypes::DataType;

use crate::model::Shape;

/// Level 3 is where zstd's ratio stops paying for its time: 110 M samples a second were written with it.
const ZSTD_LEVEL: i32 = 3;
/// Rows in a page: one statement's whole day is 1,440 rows, and reading it took 2.1 ms with pages of this size.
pub(crate) const PAGE_ROWS: usize = 4_096;
/// Rows in a row group, the unit that cores share a file by, and that a merge holds of each of its files: a server's day of 1.1 M rows then feeds
/// eight cores, and a merge stays within tens of megabytes.
const GROUP_ROWS: usize = 128 << 10;
/// The order of values within each column of the sort.
pub(crate) const ASCENDING: SortOptions = SortOptions { descending: false, nulls_first: true };

/// The properties of a table's files.
pub(crate) fn properties(shape: &Shape) -> anyhow::Result<WriterProperties> {
    let order = shape.order.iter().map(|at| {
        let column_idx = i32::try_from(*at).context("the table has more columns than Parquet supports")?;
        Ok(SortingColumn { column_idx, descending: ASCENDING.descending, nulls_first: ASCENDING.nulls_first })
    });
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("pganalytics {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_sorting_columns(Some(order.collect::<anyhow::Result<_>>()?))
        .set_key_value_metadata(Some(vec![KeyValue::new("pganalytics.view".into(), shape.name().to_owned())]));
    for field in shape.stored.fields() {
        let column = ColumnPath::from(field.name().as_str());
        let encoding = match field.data_type() {
            DataType::Int64 | DataType::Timestamp(..) => Some(Encoding::DELTA_BINARY_PACKED),
            DataType::Float64 => Some(Encoding::BYTE_STREAM_SPLIT),
            _ => None,
        };
        properties = properties.set_column_dictionary_enabled(column.clone(), encoding.is_none());
        if let Some(encoding) = encoding {
            properties = properties.set_column_encoding(column, encoding);
        }
    }
    Ok(properties.build())
}
