//! Compares one file with its entry in the catalog.

use ::parquet::basic::Type as PhysicalType;
use ::parquet::file::FOOTER_SIZE;
use ::parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};
use ::parquet::schema::types::ColumnDescPtr;
use anyhow::Context as _;
use arrow::datatypes::DataType;
use object_store::ObjectStoreExt as _;
use object_store::path::Path as ObjectPath;

use crate::model::{LiveFile, Shape};
use crate::store::{Listed, Store};

/// How much of a file is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Name and size, from the listing of the store.
    Names,
    /// Name, size, checksum and footer.
    Contents,
}

/// Checks one file against its entry in the catalog.
pub(crate) async fn check_file(store: &Store, file: &LiveFile, listed: Option<&Listed>, depth: Depth) -> anyhow::Result<()> {
    let listed = listed.context("the file is missing")?;
    anyhow::ensure!(listed.bytes == file.bytes, "it has {} bytes, but was written with {} bytes", listed.bytes, file.bytes);
    if depth == Depth::Names {
        return Ok(());
    }
    let sum = store.checksum(&file.path()).await.context("cannot read the file")?;
    anyhow::ensure!(sum == file.crc32, "its CRC-32 is {sum:08x}, but was {:08x} when written", file.crc32);
    let footer = footer(store, file).await.context("cannot read its footer")?;
    agrees(&footer, file)
}

async fn footer(store: &Store, file: &LiveFile) -> anyhow::Result<ParquetMetaData> {
    let objects = store.objects();
    let path = ObjectPath::from(file.path());
    let end = file.bytes.checked_sub(FOOTER_SIZE as u64).context("it is too short for a Parquet file")?;
    let tail = objects.get_range(&path, end..file.bytes).await?;
    let length = FooterTail::try_from(tail.as_ref())?.metadata_length() as u64;
    let start = end.checked_sub(length).context("its footer is longer than the file")?;
    Ok(ParquetMetaDataReader::decode_metadata(&objects.get_range(&path, start..end).await?)?)
}

/// The first column of a file that its table lacks, or has with another type. `None` if there is none.
pub(super) async fn unknown_column(store: &Store, file: &LiveFile, shape: &Shape) -> anyhow::Result<Option<String>> {
    let footer = footer(store, file).await?;
    let name = |column: &ColumnDescPtr| column.path().parts().first().cloned().unwrap_or_default();
    let is_known = |column: &ColumnDescPtr| {
        let field = shape.stored.field_with_name(&name(column));
        field.is_ok_and(|field| is_read_as(column.physical_type(), field.data_type()))
    };
    Ok(footer.file_metadata().schema_descr().columns().iter().find(|column| !is_known(column)).map(name))
}

/// Whether values of a file can be read as a type without a failure. Numbers of one kind can be read as the other kind.
fn is_read_as(physical: PhysicalType, data_type: &DataType) -> bool {
    match data_type {
        DataType::Boolean => physical == PhysicalType::BOOLEAN,
        DataType::Int64 | DataType::Float64 | DataType::Timestamp(..) => matches!(physical, PhysicalType::INT64 | PhysicalType::DOUBLE),
        _ => physical == PhysicalType::BYTE_ARRAY,
    }
}

/// Checks that a footer agrees with the catalog.
fn agrees(footer: &ParquetMetaData, file: &LiveFile) -> anyhow::Result<()> {
    let metadata = footer.file_metadata();
    let rows = metadata.num_rows();
    anyhow::ensure!(u64::try_from(rows).ok() == Some(file.rows), "it has {rows} rows, but the catalog says {}", file.rows);
    let of = metadata.key_value_metadata().into_iter().flatten().find(|pair| pair.key == "pganalytics.view");
    let of = of.and_then(|pair| pair.value.as_deref()).unwrap_or_default();
    anyhow::ensure!(of == file.view, "it is a file of table '{of}', but the catalog says {}", file.view);
    // A file may lack columns that were added to its table later, and may have columns that only other backends know.
    Ok(())
}
