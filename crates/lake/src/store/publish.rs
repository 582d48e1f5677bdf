//! Makes a complete file durable under its name.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use object_store::path::Path as ObjectPath;
use object_store::{ObjectStoreExt as _, WriteMultipart};

use super::files::{Place, Store, UNFINISHED};

/// Bytes in a part of an upload; smaller files are sent in one request. S3 accepts 10,000 parts, so a file may have 80 GB.
const PART: usize = 8 << 20;
/// Parts in flight at once. With the part being read, they bound the memory of an upload.
const PARTS_AT_ONCE: usize = 2;

impl Store {
    /// Where a file is written before it is published.
    pub(crate) fn unfinished(&self, path: &str) -> anyhow::Result<PathBuf> {
        let unfinished = match &self.place {
            Place::Folder(root) => root.join(path).with_extension(UNFINISHED),
            Place::Remote { scratch, .. } => scratch.join(path.replace('/', "-")).with_extension(UNFINISHED),
        };
        if let Some(parent) = unfinished.parent() {
            std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
        }
        Ok(unfinished)
    }

    /// Makes a complete file durable under its name. Blocks: call it within the runtime, on a thread that may block.
    pub(crate) fn publish(&self, unfinished: &Path, path: &str) -> anyhow::Result<()> {
        let target = match &self.place {
            Place::Folder(root) => root.join(path),
            Place::Remote { .. } => {
                tokio::runtime::Handle::current().block_on(self.send(unfinished, path))?;
                return std::fs::remove_file(unfinished).with_context(|| format!("cannot remove {}", unfinished.display()));
            }
        };
        std::fs::rename(unfinished, &target).with_context(|| format!("cannot rename a file to {}", target.display()))?;
        // Sync the folder's entry too, and the entries of the folders above, which may be new.
        for folder in target.ancestors().skip(1).take(3) {
            File::open(folder).and_then(|folder| folder.sync_all()).with_context(|| format!("cannot sync {}", folder.display()))?;
        }
        Ok(())
    }

    async fn send(&self, unfinished: &Path, path: &str) -> anyhow::Result<()> {
        let mut file = File::open(unfinished).with_context(|| format!("cannot open {}", unfinished.display()))?;
        let target = ObjectPath::from(path);
        let context = || format!("write {}", self.shown(path));
        let mut part = next_part(&mut file).with_context(|| format!("cannot read {}", unfinished.display()))?;
        if part.len() < PART {
            self.objects.put(&target, part.into()).await.with_context(context)?;
            return Ok(());
        }
        let upload = self.objects.put_multipart(&target).await.with_context(context)?;
        let mut upload = WriteMultipart::new_with_chunk_size(upload, PART);
        while !part.is_empty() {
            upload.wait_for_capacity(PARTS_AT_ONCE).await.with_context(context)?;
            upload.put(part.into());
            part = next_part(&mut file).with_context(|| format!("cannot read {}", unfinished.display()))?;
        }
        upload.finish().await.with_context(context)?;
        Ok(())
    }
}

fn next_part(file: &mut File) -> std::io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(PART);
    file.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}
