//! `verify` finds missing and changed files, names them, and changes nothing.

use std::path::Path;

use pganalytics_lake::{Depth, Lake, Verified};

use crate::folders::files;
use crate::rows::{Row, batch, noon};
use crate::world::{World, options};

async fn verify(folder: &Path, depth: Depth) -> Verified {
    Lake::verify(&options(folder), depth, |_, _| {}).await.unwrap()
}

async fn world() -> World {
    let world = World::new().await;
    world.ingest(batch(1, &[Row::new(noon(), "a", 1, 1), Row::new(noon(), "b", 1, 1)])).await.unwrap();
    world.lake.compact().await.unwrap();
    world.ingest(batch(2, &[Row::new(noon(), "c", 1, 1)])).await.unwrap();
    world
}

#[tokio::test]
async fn an_intact_lake_is_verified_while_a_process_uses_it() {
    let world = world().await;
    for depth in [Depth::Names, Depth::Contents] {
        let verified = verify(world.folder.path(), depth).await;
        assert_eq!((verified.problems.as_slice(), verified.hot_batches, verified.orphans), (&[][..], 1, 0));
        assert_eq!((verified.files > 0, verified.rows >= 2, verified.bytes > 0), (true, true, true));
    }
    assert_eq!(world.one("select count(*) from pg_stat_statements").await, "3");
}

#[tokio::test]
async fn a_missing_cut_or_changed_file_is_named_with_the_remedy() {
    let world = world().await;
    let file = files(world.folder.path()).into_iter().find(|path| path.to_string_lossy().contains("table=pg_stat_statements/")).unwrap();
    let whole = std::fs::read(&file).unwrap();
    let problem = async |depth| {
        let problems = verify(world.folder.path(), depth).await.problems;
        assert!(problems.len() == 1 && problems[0].starts_with(&file.display().to_string()), "{problems:?}");
        assert!(problems[0].contains("restore it from a backup, or give up its 2 rows: delete from files where id = "), "{problems:?}");
        problems[0].clone()
    };
    let mut changed = whole.clone();
    changed[10] ^= 1;
    std::fs::write(&file, &changed).unwrap();
    assert!(problem(Depth::Contents).await.contains("its CRC-32 is "));
    assert!(verify(world.folder.path(), Depth::Names).await.problems.is_empty(), "its size is unchanged");
    std::fs::write(&file, &whole[..whole.len() - 1]).unwrap();
    assert!(problem(Depth::Names).await.contains(&format!("it has {} bytes, but was written with {} bytes", whole.len() - 1, whole.len())));
    std::fs::remove_file(&file).unwrap();
    assert!(problem(Depth::Names).await.contains("the file is missing"));
}

#[tokio::test]
async fn a_file_of_another_table_or_of_no_catalog_is_reported() {
    let world = world().await;
    let file = files(world.folder.path()).into_iter().find(|path| path.to_string_lossy().contains("table=pg_stat_statements/")).unwrap();
    std::fs::copy(&file, file.with_file_name("999.parquet")).unwrap();
    let verified = verify(world.folder.path(), Depth::Contents).await;
    assert_eq!((verified.problems.as_slice(), verified.orphans), (&[][..], 1));
    assert!(file.with_file_name("999.parquet").exists(), "the file is not changed");
}

#[tokio::test]
async fn a_folder_without_a_lake_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let error = Lake::verify(&options(folder.path()), Depth::Names, |_, _| {}).await.unwrap_err();
    assert!(format!("{error:#}").contains("open the meta store"), "{error:#}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "nothing is created");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_registered_meanwhile_is_not_called_missing() {
    let world = World::new().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let writing = tokio::spawn({
        let (lake, stop) = (world.lake.clone(), stop.clone());
        async move {
            let mut sequence = 0;
            while !stop.is_cancelled() {
                sequence += 1;
                lake.ingest(batch(sequence, &[Row::new(noon(), "a", 1, 1)])).await.unwrap();
                lake.compact().await.unwrap();
            }
        }
    });
    for _ in 0..300 {
        let verified = verify(world.folder.path(), Depth::Names).await;
        assert!(verified.problems.is_empty(), "{:?}", verified.problems);
    }
    stop.cancel();
    writing.await.unwrap();
}
