//! Opens the store and checks that it is writable.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;

use super::cloud::cloud;
use super::files::{PROBE, Place, Store};
use super::postgres::Objects;
use super::url::StoreUrl;
use crate::meta::Meta;
use crate::meta::database::Database;

/// The folder of the Parquet files within the data folder.
const FOLDER: &str = "lake";
/// The folder within the data folder in which files are written before their upload.
const SCRATCH: &str = "scratch";

impl Store {
    /// Opens the store. Checks that a remote store is writable.
    ///
    /// # Errors
    /// If the folder cannot be created, the bucket does not exist or is not writable, or credentials are missing.
    pub(crate) async fn open(url: &StoreUrl, folder: &Path, meta: &Meta) -> anyhow::Result<Self> {
        let root = match url {
            StoreUrl::DataFolder => Some(folder.join(FOLDER)),
            StoreUrl::Folder(path) => Some(path.clone()),
            StoreUrl::Cloud(_) | StoreUrl::Database => None,
        };
        if let Some(root) = root {
            create(&root)?;
            return Self::attach(url, folder, meta);
        }
        let store = Self::attach(url, folder, meta)?;
        if let Place::Remote { scratch, .. } = &store.place {
            // Files that an earlier process did not upload are of no use.
            let _ = std::fs::remove_dir_all(scratch);
            std::fs::create_dir_all(scratch).with_context(|| format!("cannot create {}", scratch.display()))?;
        }
        store.probe().await.with_context(|| {
            format!(
                "cannot write to {url}: check that it exists, that these credentials may read, write, list and delete in it, and that \
                     the endpoint is correct"
            )
        })?;
        Ok(store)
    }

    /// Opens the store for reading, without changing anything.
    ///
    /// # Errors
    /// If the folder does not exist.
    pub(crate) fn attach(url: &StoreUrl, folder: &Path, meta: &Meta) -> anyhow::Result<Self> {
        let remote = |objects, shown: String| Self { objects, place: Place::Remote { scratch: folder.join(SCRATCH), shown } };
        Ok(match url {
            StoreUrl::DataFolder => Self::folder(&folder.join(FOLDER))?,
            StoreUrl::Folder(path) => Self::folder(path)?,
            StoreUrl::Cloud(url) => remote(cloud(url)?, url.as_str().trim_end_matches('/').to_owned()),
            StoreUrl::Database => match meta.database() {
                Database::Postgres(pool) => remote(Arc::new(Objects::new(pool.clone())), "the meta store's table objects".into()),
                Database::Sqlite { .. } => bail!("--store database requires --database-url: the history is stored in that PostgreSQL"),
            },
        })
    }

    fn folder(root: &Path) -> anyhow::Result<Self> {
        let objects = LocalFileSystem::new_with_prefix(root).with_context(|| format!("cannot open {}", root.display()))?;
        Ok(Self { objects: Arc::new(objects), place: Place::Folder(root.to_path_buf()) })
    }

    async fn probe(&self) -> anyhow::Result<()> {
        let path = ObjectPath::from(format!("{PROBE}-{}", uuid::Uuid::new_v4().simple()));
        self.objects.put(&path, PROBE.as_bytes().to_vec().into()).await?;
        self.objects.list(Some(&path)).try_collect::<Vec<_>>().await?;
        self.objects.get(&path).await?;
        self.objects.delete(&path).await?;
        Ok(())
    }
}

fn create(root: &Path) -> anyhow::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root);
    made.with_context(|| format!("cannot create {}; choose a folder in which this user may write", root.display()))
}
