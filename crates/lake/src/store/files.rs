//! Operations on the files of the history.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures::{StreamExt as _, TryStreamExt as _};
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStore, ObjectStoreExt as _};

/// The suffix of a file name until the file is complete.
pub(crate) const UNFINISHED: &str = "tmp";
/// The object written at start to check that the store is writable.
pub(crate) const PROBE: &str = "pganalytics-probe";

/// The files.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    pub(super) objects: Arc<dyn ObjectStore>,
    pub(super) place: Place,
}

#[derive(Debug, Clone)]
pub(super) enum Place {
    /// Files are written beside their final place and renamed.
    Folder(PathBuf),
    /// Files are written to a local folder and then uploaded.
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

    /// The place of a file, as shown to people.
    pub(crate) fn shown(&self, path: &str) -> String {
        match &self.place {
            Place::Folder(root) => root.join(path).display().to_string(),
            Place::Remote { shown, .. } => format!("{shown}/{path}"),
        }
    }

    /// Deletes a file. A missing file is no error.
    pub(crate) async fn delete(&self, path: &str) -> anyhow::Result<()> {
        match self.objects.delete(&ObjectPath::from(path)).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot delete {}", self.shown(path))),
        }
        if let Some(day) = self.root().and_then(|root| root.join(path).parent().map(Path::to_path_buf)) {
            // Fails while the folder holds other files, as intended.
            let _ = std::fs::remove_dir(day);
        }
        Ok(())
    }

    /// The CRC-32 of a file in the store.
    pub(crate) async fn checksum(&self, path: &str) -> anyhow::Result<u32> {
        let mut hasher = crc32fast::Hasher::new();
        let mut content = self.objects.get(&ObjectPath::from(path)).await?.into_stream();
        while let Some(bytes) = content.try_next().await? {
            hasher.update(&bytes);
        }
        Ok(hasher.finalize())
    }

    /// Lists all files.
    pub(crate) async fn list(&self) -> anyhow::Result<Vec<Listed>> {
        let listed = self.objects.list(None).map(|entry| {
            let entry = entry?;
            Ok::<_, object_store::Error>(Listed { path: entry.location.to_string(), bytes: entry.size, modified: entry.last_modified })
        });
        listed.try_collect().await.with_context(|| format!("cannot list {}", self.shown("")))
    }

    /// Checks that the store answers and that its bucket exists and may be listed.
    pub(crate) async fn answers(&self) -> anyhow::Result<()> {
        let nothing = ObjectPath::from(PROBE);
        self.objects.list(Some(&nothing)).try_next().await.with_context(|| format!("cannot list {}", self.shown("")))?;
        Ok(())
    }
}
