//! Copies of a running backend's data folder: the order in docs/backup.md makes a complete copy, and the shorter orders do not.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;

use anyhow::{Context, Result, anyhow, bail, ensure};
use e2e::api::Api;
use e2e::drive::{Backend, Settings};
use e2e::judge::Shipper;
use e2e::machine::programs::{binary, checkout, installed};
use e2e::wait::{PATIENCE, until};

/// The document's commands for a running backend with a data folder.
const HEADING: &str = "**Running.**";

/// A backend that writes and merges all the time, since a collector ships all the time.
struct Busy {
    backend: Backend,
    shipping: JoinHandle<Result<Shipper>>,
    stop: Arc<AtomicBool>,
    /// The number of acknowledged rows. A batch has one row, whose number is the batch's.
    acknowledged: Arc<AtomicI64>,
}

impl Busy {
    async fn start() -> Result<Self> {
        // A replaced file is deleted after twice the query deadline.
        let backend = Backend::start_with(Settings::flags(&["--compact-every", "1s", "--query-deadline", "4s"])).await?;
        let mut shipper = Shipper::new(&backend.api, "shipper").await?;
        let (stop, acknowledged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(0)));
        // On a thread of its own, with connections of its own: the test waits for files and programs meanwhile.
        let shipping = std::thread::spawn({
            let (api, stop, acknowledged) = (Api::new(&backend.api.url)?, Arc::clone(&stop), Arc::clone(&acknowledged));
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
                runtime.block_on(async {
                    while !stop.load(Ordering::SeqCst) {
                        shipper.ship_batches(&api, 1).await?;
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                    Ok(shipper)
                })
            }
        });
        let busy = Self { backend, shipping, stop, acknowledged };
        until("the first files", PATIENCE, async || Ok((!files(&busy.backend.data()).is_empty()).then_some(()))).await?;
        Ok(busy)
    }

    /// Waits until a file that exists now has been merged and deleted.
    async fn a_file_is_gone(&self) -> Result<()> {
        let before = files(&self.backend.data());
        until("a merged file to be deleted", PATIENCE, async || Ok((!before.is_subset(&files(&self.backend.data()))).then_some(()))).await
    }

    /// Waits until there is a file that does not exist now.
    async fn a_file_is_new(&self) -> Result<()> {
        let before = files(&self.backend.data());
        until("a new file", PATIENCE, async || Ok((!files(&self.backend.data()).is_subset(&before)).then_some(()))).await
    }

    /// Stops shipping and the backend. Returns the collector, and the backend with its data folder.
    async fn end(mut self) -> Result<(Shipper, Backend)> {
        self.stop.store(true, Ordering::SeqCst);
        let shipping = self.shipping;
        let ended = tokio::task::spawn_blocking(move || shipping.join()).await.context("wait for the collector")?;
        let shipper = ended.map_err(|_| anyhow!("the collector panicked"))??;
        shipper.judge(&self.backend.api).await?;
        self.backend.stop()?;
        Ok((shipper, self.backend))
    }
}

/// The Parquet files of a data folder, by their paths in it.
fn files(data: &Path) -> BTreeSet<PathBuf> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![data.join("lake")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path if path.extension().is_some_and(|extension| extension == "parquet") => {
                    found.extend(path.strip_prefix(data).map(Path::to_path_buf));
                }
                _ => {}
            }
        }
    }
    found
}

/// The document's commands, with the folders of this test.
struct Commands {
    data: PathBuf,
    copy: PathBuf,
    lines: Vec<String>,
}

impl Commands {
    fn new(backend: &Backend, copy: PathBuf) -> Result<Self> {
        installed("sqlite3").context("install sqlite3: apt install sqlite3")?;
        let document = std::fs::read_to_string(checkout().join("docs/backup.md")).context("read docs/backup.md")?;
        let block = document.split(HEADING).nth(1).and_then(|rest| rest.split("```sh\n").nth(1)?.split("```").next());
        let lines: Vec<_> = block.context("the commands in docs/backup.md")?.lines().map(ToOwned::to_owned).collect();
        let [first, files, meta, again, verify] = &lines[..] else { bail!("docs/backup.md has other commands: {lines:?}") };
        let is_right = first.contains("data=pganalytics-data; copy=")
            && files.contains("\"$data/lake/.\"")
            && meta.contains("meta.db")
            && again.starts_with("cp ")
            && verify.starts_with("pganalytics lake verify");
        ensure!(is_right, "docs/backup.md has other commands: {lines:?}");
        Ok(Self { data: backend.data(), copy, lines })
    }

    async fn run(&self, line: usize) -> Result<(bool, String)> {
        let folder = binary("pganalytics")?.parent().context("the folder of pganalytics")?.to_path_buf();
        let path = std::env::join_paths([folder].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())))?;
        let (data, copy) = (self.data.display(), self.copy.display());
        let script = format!("set -eu; umask 077; data='{data}'; copy='{copy}'; mkdir -p \"$copy/lake\"\n{}", self.lines[line]);
        let output = tokio::process::Command::new("bash").args(["-c", &script]).env("PATH", path).output().await.context("run bash")?;
        Ok((output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()))
    }

    async fn must(&self, line: usize) -> Result<()> {
        let (ok, output) = self.run(line).await?;
        ensure!(ok, "{}: {output}", self.lines[line]);
        Ok(())
    }

    async fn files(&self) -> Result<()> {
        self.must(1).await
    }

    async fn meta_store(&self) -> Result<()> {
        self.must(2).await
    }

    async fn files_again(&self) -> Result<()> {
        self.must(3).await
    }

    /// What `lake verify` says about the copy.
    async fn verify(&self) -> Result<(bool, String)> {
        self.run(4).await
    }
}

#[tokio::test]
async fn files_then_meta_store_then_files_is_a_complete_copy_while_the_backend_writes_and_merges() -> Result<()> {
    let busy = Busy::start().await?;
    let folder = tempfile::tempdir()?;
    let commands = Commands::new(&busy.backend, folder.path().join("copy"))?;
    commands.files().await?;
    // The first copy may take hours: files of it are merged and deleted, and others are new.
    busy.a_file_is_gone().await?;
    let before = busy.acknowledged.load(Ordering::SeqCst);
    commands.meta_store().await?;
    let after = busy.acknowledged.load(Ordering::SeqCst) + 1;
    commands.files_again().await?;
    let (ok, output) = commands.verify().await?;
    ensure!(ok && output.contains("no problems"), "{output}");
    ensure!(files(&commands.copy).len() > files(&commands.data).len(), "the copy also has files from before");
    let (shipper, _) = busy.end().await?;

    // The copy is a data folder. A backend on it has every row up to one moment: the one of step 2.
    let settings = Settings { data: Some(commands.copy.clone()), ..Settings::flags(&["--compact-every", "1s"]) };
    let mut restored = Backend::start_with(settings).await?;
    let (rows, different, sum) = shipper.counted(&restored.api).await?;
    ensure!((before..=after).contains(&rows), "{rows} rows, not between {before} and {after}");
    ensure!(rows == different && sum == rows * (rows + 1) / 2, "not the first {rows} rows: {different} different ones, sum {sum}");
    restored.api.all_rows_in_files().await?;
    ensure!(shipper.counted(&restored.api).await? == (rows, different, sum), "compaction changed the rows");
    restored.stop()
}

#[tokio::test]
async fn the_shorter_orders_make_copies_that_verify_refuses() -> Result<()> {
    let busy = Busy::start().await?;
    let folder = tempfile::tempdir()?;

    let files_first = Commands::new(&busy.backend, folder.path().join("files-first"))?;
    files_first.files().await?;
    busy.a_file_is_new().await?;
    files_first.meta_store().await?;

    let meta_first = Commands::new(&busy.backend, folder.path().join("meta-first"))?;
    meta_first.meta_store().await?;
    // The catalog of the copy names files that are deleted before their turn.
    busy.a_file_is_gone().await?;
    meta_first.files().await?;
    busy.end().await?;

    for commands in [files_first, meta_first] {
        let (ok, output) = commands.verify().await?;
        ensure!(!ok && output.contains("restore it from a backup"), "{}: {output}", commands.copy.display());
    }
    Ok(())
}

#[tokio::test]
async fn an_old_meta_store_in_a_folder_with_newer_files_destroys_them_so_a_restore_needs_an_empty_folder() -> Result<()> {
    let busy = Busy::start().await?;
    let folder = tempfile::tempdir()?;
    let commands = Commands::new(&busy.backend, folder.path().join("copy"))?;
    commands.files().await?;
    commands.meta_store().await?;
    commands.files_again().await?;
    let old = files(&commands.copy);
    busy.a_file_is_new().await?;
    let (_, stopped) = busy.end().await?;
    let mixed = folder.path().join("mixed");
    ensure!(std::process::Command::new("cp").arg("-a").args([&stopped.data(), &mixed]).status()?.success(), "copy the folder");
    let newer: BTreeSet<_> = files(&mixed).difference(&old).cloned().collect();
    ensure!(!newer.is_empty(), "no file is newer than the copy");
    for part in ["meta.db-wal", "meta.db-shm"] {
        let _ = std::fs::remove_file(mixed.join(part));
    }
    std::fs::copy(commands.copy.join("meta.db"), mixed.join("meta.db"))?;
    let mut backend = Backend::start_with(Settings { data: Some(mixed.clone()), ..Settings::flags(&["--compact-every", "1h"]) }).await?;
    let left = files(&mixed);
    backend.stop()?;
    ensure!(left.is_disjoint(&newer), "a file that the old catalog does not name is still there");
    Ok(())
}
