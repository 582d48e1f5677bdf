//! Whether the history is whole: the catalog, the files, their sums, and the hot batches. It changes nothing, and may run beside backends.

use std::collections::HashMap;
use std::sync::Arc;

use ::parquet::file::FOOTER_SIZE;
use ::parquet::file::metadata::{FooterTail, ParquetMetaData, ParquetMetaDataReader};
use anyhow::Context as _;
use futures::StreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::path::Path as ObjectPath;
use serde::Serialize;

use crate::catalog::files::{self as catalog, LiveFile};
use crate::meta::database::statement;
use crate::meta::{Meta, explain};
use crate::model::shape::Shapes;
use crate::options::LakeOptions;
use crate::store::{Listed, Store};
use crate::write::ingest::decode_known;

/// Files read at once: enough to keep a disk or an object store busy, and few megabytes of memory.
const AT_ONCE: usize = 4;
/// Hot batches read at once.
const BATCHES_AT_ONCE: i64 = 64;

/// What a look at a lake found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// Live files.
    pub files: u64,
    /// Their rows, by the catalog.
    pub rows: u64,
    /// Their bytes, by the catalog.
    pub bytes: u64,
    /// Batches that are not in files yet.
    pub hot_batches: u64,
    /// Files that no catalog names: what a crash or a running compaction leaves. They do no harm, and are deleted after a day.
    pub orphans: u64,
    /// What is wrong, each with the place and what to do. Empty where all is well.
    pub problems: Vec<String>,
}

/// How much of a file is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Its name and size, by listing the store.
    Names,
    /// All of it: its sum and its footer too.
    Contents,
}

/// Looks through a lake. `looked_at` is told the number of files done and of all, now and then.
///
/// # Errors
/// When the meta store or the list of files cannot be read: then nothing is known. What is wrong with a file is no error but a problem.
pub(crate) async fn verify(options: &LakeOptions, meta: &Meta, depth: Depth, looked_at: impl Fn(u64, u64)) -> anyhow::Result<Verified> {
    let store = Store::attach(&options.store, &options.folder, meta)?;
    let shapes = Arc::new(Shapes::new(&options.views));
    // Listed first: what is registered meanwhile is in neither, and what is retired meanwhile is looked up again.
    let listed: HashMap<String, Listed> = store.list().await?.into_iter().map(|file| (file.path.clone(), file)).collect();
    let live = catalog::live(meta).await?;
    let mut verified = Verified { files: live.len() as u64, ..Verified::default() };
    for file in &live {
        verified.rows += file.rows;
        verified.bytes += file.bytes;
    }
    let named = catalog::paths(meta).await?;
    let is_file = |path: &str| path.starts_with("table=") && path.ends_with(".parquet");
    verified.orphans = listed.keys().filter(|path| is_file(path) && !named.contains(*path)).count() as u64;

    let mut looks = futures::stream::iter(&live)
        .map(|file| {
            let (store, listed, shapes) = (&store, listed.get(&file.path()), &shapes);
            async move { (file, look(store, file, listed, shapes, depth).await) }
        })
        .buffer_unordered(AT_ONCE);
    let mut done = 0;
    while let Some((file, looked)) = looks.next().await {
        done += 1;
        looked_at(done, verified.files);
        if let Err(problem) = looked
            // Compaction may have replaced it, and deleted it, since the catalog was read.
            && catalog::is_live(meta, file.id).await?
        {
            verified.problems.push(format!(
                "{}: {problem:#}; restore it from a backup, or give its {} rows up: delete from files where id = {}",
                store.shown(&file.path()),
                file.rows,
                file.id
            ));
        }
    }
    drop(looks);
    hot_batches(meta, &shapes, &mut verified).await?;
    verified.problems.sort_unstable();
    Ok(verified)
}

/// One file, as the catalog has it.
async fn look(store: &Store, file: &LiveFile, listed: Option<&Listed>, shapes: &Shapes, depth: Depth) -> anyhow::Result<()> {
    let listed = listed.context("it is not there")?;
    anyhow::ensure!(listed.bytes == file.bytes, "it has {} bytes, and was written with {}", listed.bytes, file.bytes);
    if depth == Depth::Names {
        return Ok(());
    }
    let sum = store.checksum(&file.path()).await.context("read it")?;
    anyhow::ensure!(sum == file.crc32, "its CRC-32 is {sum:08x}, and was written as {:08x}", file.crc32);
    let footer = footer(store, file).await.context("read its footer")?;
    agrees(&footer, file, shapes)
}

async fn footer(store: &Store, file: &LiveFile) -> anyhow::Result<ParquetMetaData> {
    let objects = store.objects();
    let path = ObjectPath::from(file.path());
    let end = file.bytes.checked_sub(FOOTER_SIZE as u64).context("it is too short for a Parquet file")?;
    let tail = objects.get_range(&path, end..file.bytes).await?;
    let length = FooterTail::try_from(tail.as_ref())?.metadata_length() as u64;
    let start = end.checked_sub(length).context("its footer is longer than itself")?;
    Ok(ParquetMetaDataReader::decode_metadata(&objects.get_range(&path, start..end).await?)?)
}

/// Whether a footer says what the catalog does.
fn agrees(footer: &ParquetMetaData, file: &LiveFile, shapes: &Shapes) -> anyhow::Result<()> {
    let metadata = footer.file_metadata();
    let rows = metadata.num_rows();
    anyhow::ensure!(u64::try_from(rows).ok() == Some(file.rows), "it has {rows} rows, and the catalog says {}", file.rows);
    let of = metadata.key_value_metadata().into_iter().flatten().find(|pair| pair.key == "pganalytics.view");
    let of = of.and_then(|pair| pair.value.as_deref()).unwrap_or_default();
    anyhow::ensure!(of == file.view, "it is a file of table '{of}', and the catalog says {}", file.view);
    // A file may lack columns that its table got later; it has none that its table has not.
    if let Some(shape) = shapes.get(&file.view) {
        for column in metadata.schema_descr().columns() {
            let name = column.path().parts().first().map_or("", String::as_str);
            anyhow::ensure!(shape.stored.field_with_name(name).is_ok(), "its column {name} is none of table {}", file.view);
        }
    }
    Ok(())
}

/// The batches that are not in files yet.
async fn hot_batches(meta: &Meta, shapes: &Arc<Shapes>, verified: &mut Verified) -> anyhow::Result<()> {
    let (compacted,): (i64,) = meta.database().one(statement("select compacted from history")).await.map_err(explain)?;
    let mut after = compacted;
    loop {
        let select = statement("select id, body from batches where id > $1 order by id limit $2").bind(after).bind(BATCHES_AT_ONCE);
        let rows: Vec<(i64, Vec<u8>)> = meta.database().all(select).await.map_err(explain)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        after = *last;
        for (id, body) in rows {
            verified.hot_batches += 1;
            let shapes = Arc::clone(shapes);
            let decoded = tokio::task::spawn_blocking(move || decode_known(id, &body, &shapes)).await.context("decode a batch")?;
            if let Err(problem) = decoded {
                verified.problems.push(format!(
                    "batch {id} in the meta store is damaged ({problem:#}): restore it, or give it up: delete from batches where id = {id}"
                ));
            }
        }
    }
}
