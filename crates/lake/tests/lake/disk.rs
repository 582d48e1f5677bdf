//! A full disk: refused batches are not stored, and acknowledged batches are not lost.

use std::process::Command;

use chrono::Utc;
use pganalytics_lake::{IngestError, Lake};

use crate::rows::{Row, batch};
use crate::world::{one, options};

/// The child process of the test below: ships until the disk is full, and prints the last acknowledged sequence.
#[tokio::test]
async fn ship_until_the_disk_is_full() {
    let Some(folder) = std::env::var_os("PGANALYTICS_TEST_FULL_DISK") else { return };
    let lake = Lake::open(options(folder.as_ref())).await.unwrap();
    // Texts that do not compress well.
    let texts = |sequence: u64| {
        (0..2_000u128).map(move |i| {
            let mixed = (u128::from(sequence) * 2_000 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            Row { datname: Some(format!("{mixed:032x}")), ..Row::new(Utc::now(), "a", 1, 1) }
        })
    };
    let mut acknowledged = 0;
    let error = loop {
        match lake.ingest(batch(acknowledged + 1, &texts(acknowledged + 1).collect::<Vec<_>>())).await {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, IngestError::Store(_)), "{error}");
    assert!(error.to_string().contains("disk"), "{error}");
    // The refused batch left no rows, and the acknowledged rows can still be queried.
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, (acknowledged * 2_000).to_string());
    println!("acknowledged={acknowledged}");
}

#[tokio::test]
async fn a_full_disk_refuses_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 4096; exec \"$0\" \"$@\"";
    let output = Command::new("bash")
        .args(["-c", script])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "disk::ship_until_the_disk_is_full", "--nocapture"])
        .env("PGANALYTICS_TEST_FULL_DISK", folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    let acknowledged: u64 = said.split("acknowledged=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap().parse().unwrap();
    assert!(acknowledged > 0);

    let lake = Lake::open(options(folder.path())).await.unwrap();
    assert_eq!(one(&lake, "select count(*) from pg_stat_statements").await, (acknowledged * 2_000).to_string());
    let next = lake.ingest(batch(acknowledged + 1, &[Row::new(Utc::now(), "a", 1, 1)])).await.unwrap();
    assert!(!next.duplicate, "the refused batch must not count as committed");
}
