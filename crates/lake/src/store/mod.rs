//! Where the files of the history lie: a folder, an object store, or the meta store's PostgreSQL.
//!
//! # Promise
//! A file is durable under its name when [`Store::publish`] returns, and not there at all before. Files are never changed; who is live
//! is the catalog's to say. Credentials come from where each provider's own tools take them (environment, files they name, the machine's
//! or the workload's identity), never from the URL.

mod database;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::local::LocalFileSystem;
use object_store::path::Path as ObjectPath;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, ObjectStoreExt as _, RetryConfig, WriteMultipart};
use url::Url;

use crate::meta::Meta;
use crate::meta::database::Database;

/// The folder of the Parquet files within the data folder.
pub(crate) const FOLDER: &str = "lake";
/// What a file is called until it is complete.
pub(crate) const UNFINISHED: &str = "tmp";
/// Bytes of a part of an upload; smaller files go in one request. S3 takes 10,000 parts, so a file may have 80 GB.
const PART: usize = 8 << 20;
/// Parts on their way at once: with the one being read, what an upload takes of memory.
const PARTS_AT_ONCE: usize = 2;
/// For so long a request to the store is repeated: a query that cannot read its files says so before its own deadline.
const REPEATED: std::time::Duration = std::time::Duration::from_secs(10);
/// What is written at start to see whether it may be.
const PROBE: &str = "pganalytics-probe";

/// Where the history is, as it is written on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StoreUrl {
    /// The folder `lake` in the data folder; of one process.
    #[default]
    DataFolder,
    /// A folder that all replicas reach: `file:///path`.
    Folder(PathBuf),
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    Cloud(Url),
    /// The meta store's PostgreSQL, where there is no object store: `database`.
    Database,
}

/// Why a text is no store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error("'{0}' is no store: write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, file:///path, or database")]
    Form(String),
    #[error("a store's URL holds no credentials, user or parameters: {0}")]
    Credentials(&'static str),
}

impl FromStr for StoreUrl {
    type Err = StoreUrlError;

    fn from_str(text: &str) -> Result<Self, StoreUrlError> {
        if text == "database" {
            return Ok(Self::Database);
        }
        let url = Url::parse(text).map_err(|_| StoreUrlError::Form(text.into()))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err(StoreUrlError::Credentials(
                "set AWS_*, GOOGLE_* or AZURE_* variables, or use the machine's or workload's identity",
            ));
        }
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Folder).map_err(|()| StoreUrlError::Form(text.into())),
            "s3" | "gs" | "az" if url.host_str().is_some_and(|host| !host.is_empty()) => Ok(Self::Cloud(url)),
            _ => Err(StoreUrlError::Form(text.into())),
        }
    }
}

impl std::fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::DataFolder => f.write_str("the data folder"),
            Self::Folder(path) => write!(f, "file://{}", path.display()),
            Self::Cloud(url) => write!(f, "{url}"),
            Self::Database => f.write_str("database"),
        }
    }
}

/// The files.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    objects: Arc<dyn ObjectStore>,
    place: Place,
}

#[derive(Debug, Clone)]
enum Place {
    /// Files are written beside where they will be, and renamed.
    Folder(PathBuf),
    /// Files are written in a folder of this process, and then sent.
    Remote { scratch: PathBuf, shown: String },
}

/// A file as the store lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) modified: DateTime<Utc>,
}

impl Store {
    /// Opens it and, where it is remote, sees whether it can be written.
    ///
    /// # Errors
    /// A folder that cannot be made, a bucket that is not there or may not be written, credentials that are none.
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
            // What an earlier process did not send is of no use to anybody.
            let _ = std::fs::remove_dir_all(scratch);
            std::fs::create_dir_all(scratch).with_context(|| format!("create {}", scratch.display()))?;
        }
        store.probe().await.with_context(|| {
            format!("write to {url}: does it exist, may these credentials read, write, list and delete there, and is the endpoint right?")
        })?;
        Ok(store)
    }

    /// Opens it for reading, as it is.
    ///
    /// # Errors
    /// A folder that is not there.
    pub(crate) fn attach(url: &StoreUrl, folder: &Path, meta: &Meta) -> anyhow::Result<Self> {
        let remote = |objects, shown: String| Self { objects, place: Place::Remote { scratch: folder.join("scratch"), shown } };
        Ok(match url {
            StoreUrl::DataFolder => Self::folder(&folder.join(FOLDER))?,
            StoreUrl::Folder(path) => Self::folder(path)?,
            StoreUrl::Cloud(url) => remote(cloud(url)?, url.as_str().trim_end_matches('/').to_owned()),
            StoreUrl::Database => match meta.database() {
                Database::Postgres(pool) => remote(Arc::new(database::Objects::new(pool.clone())), "the meta store's table objects".into()),
                Database::Sqlite { .. } => bail!("--store database needs --database-url: the history then lies in that PostgreSQL"),
            },
        })
    }

    fn folder(root: &Path) -> anyhow::Result<Self> {
        let objects = LocalFileSystem::new_with_prefix(root).with_context(|| format!("open {}", root.display()))?;
        Ok(Self { objects: Arc::new(objects), place: Place::Folder(root.to_path_buf()) })
    }

    /// For reading.
    pub(crate) fn objects(&self) -> Arc<dyn ObjectStore> {
        Arc::clone(&self.objects)
    }

    /// The folder, where it is one.
    pub(crate) fn root(&self) -> Option<&Path> {
        match &self.place {
            Place::Folder(root) => Some(root),
            Place::Remote { .. } => None,
        }
    }

    /// A file's place as a person finds it.
    pub(crate) fn shown(&self, path: &str) -> String {
        match &self.place {
            Place::Folder(root) => root.join(path).display().to_string(),
            Place::Remote { shown, .. } => format!("{shown}/{path}"),
        }
    }

    /// Where a file is written before it is published.
    pub(crate) fn unfinished(&self, path: &str) -> anyhow::Result<PathBuf> {
        let unfinished = match &self.place {
            Place::Folder(root) => root.join(path).with_extension(UNFINISHED),
            Place::Remote { scratch, .. } => scratch.join(path.replace('/', "-")).with_extension(UNFINISHED),
        };
        if let Some(parent) = unfinished.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("create {}", parent.display()))?;
        }
        Ok(unfinished)
    }

    /// Makes a complete file durable under its name. Blocks; must be called where that is allowed, within the runtime.
    pub(crate) fn publish(&self, unfinished: &Path, path: &str) -> anyhow::Result<()> {
        let target = match &self.place {
            Place::Folder(root) => root.join(path),
            Place::Remote { .. } => {
                tokio::runtime::Handle::current().block_on(self.send(unfinished, path))?;
                return std::fs::remove_file(unfinished).with_context(|| format!("remove {}", unfinished.display()));
            }
        };
        std::fs::rename(unfinished, &target).with_context(|| format!("name {}", target.display()))?;
        // The folder's entry too; and the entries of the folders above, which may be new.
        for folder in target.ancestors().skip(1).take(3) {
            File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("sync {}", folder.display()))?;
        }
        Ok(())
    }

    async fn send(&self, unfinished: &Path, path: &str) -> anyhow::Result<()> {
        let mut file = File::open(unfinished).with_context(|| format!("open {}", unfinished.display()))?;
        let target = ObjectPath::from(path);
        let context = || format!("write {}", self.shown(path));
        let mut part = next_part(&mut file).with_context(|| format!("read {}", unfinished.display()))?;
        if part.len() < PART {
            self.objects.put(&target, part.into()).await.with_context(context)?;
            return Ok(());
        }
        let upload = self.objects.put_multipart(&target).await.with_context(context)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        while !part.is_empty() {
            upload.wait_for_capacity(PARTS_AT_ONCE).await.with_context(context)?;
            upload.put(part.into());
            part = next_part(&mut file).with_context(|| format!("read {}", unfinished.display()))?;
        }
        upload.finish().await.with_context(context)?;
        Ok(())
    }

    /// Deletes a file; one that is not there is deleted already.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        match self.objects.delete(&ObjectPath::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("delete {}", self.shown(path))),
        }
        if let Some(day) = self.root().and_then(|root| root.join(path).parent().map(Path::to_path_buf)) {
            // Fails while other files are in it, as it should.
            let _ = std::fs::remove_dir(day);
        }
        Ok(())
    }

    /// The CRC-32 of a file as it lies there.
    pub(crate) async fn checksum(&self, path: &str) -> anyhow::Result<u32> {
        let mut hasher = crc32fast::Hasher::new();
        let mut content = self.objects.get(&ObjectPath::from(path)).await?.into_stream();
        while let Some(bytes) = content.try_next().await? {
            hasher.update(&bytes);
        }
        Ok(hasher.finalize())
    }

    /// All files.
    pub(crate) async fn list(&self) -> anyhow::Result<Vec<Listed>> {
        let listed = self.objects.list(None).map(|entry| {
            let entry = entry?;
            Ok::<_, object_store::Error>(Listed { path: entry.location.to_string(), bytes: entry.size, modified: entry.last_modified })
        });
        listed.try_collect().await.with_context(|| format!("list {}", self.shown("")))
    }

    /// Whether it answers at all, with a bucket that is there and may be listed.
    pub(crate) async fn answers(&self) -> anyhow::Result<()> {
        let nothing = ObjectPath::from(PROBE);
        self.objects.list(Some(&nothing)).try_next().await.with_context(|| format!("list {}", self.shown("")))?;
        Ok(())
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
    made.with_context(|| format!("create {}; name a folder that this user may write", root.display()))
}

fn next_part(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(PART);
    file.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}

fn cloud(url: &Url) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let retry = RetryConfig { retry_timeout: REPEATED, ..RetryConfig::default() };
    let context = || format!("set up {url}");
    let objects: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => Arc::new(AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retry).build().with_context(context)?),
        "gs" => Arc::new(GoogleCloudStorageBuilder::from_env().with_url(url.as_str()).with_retry(retry).build().with_context(context)?),
        _ => Arc::new(MicrosoftAzureBuilder::from_env().with_url(url.as_str()).with_retry(retry).build().with_context(context)?),
    };
    let prefix = url.path().trim_matches('/');
    Ok(if prefix.is_empty() { objects } else { Arc::new(PrefixStore::new(objects, prefix)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_is_named_by_its_url_and_holds_no_credentials() {
        let parse = |text: &str| text.parse::<StoreUrl>();
        assert_eq!(parse("database"), Ok(StoreUrl::Database));
        assert_eq!(parse("file:///srv/lake"), Ok(StoreUrl::Folder("/srv/lake".into())));
        assert!(matches!(parse("s3://bucket/some/prefix"), Ok(StoreUrl::Cloud(_))));
        assert!(matches!(parse("s3://key:secret@bucket"), Err(StoreUrlError::Credentials(_))));
        for wrong in ["s3:///x", "ftp://x", "bucket"] {
            assert_eq!(parse(wrong), Err(StoreUrlError::Form(wrong.into())));
        }
    }
}
