//! Merges small files into larger ones. The first merge of new files also computes the rollups of their rows.

use std::sync::{Arc, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures::StreamExt as _;

use super::compactor::Compactor;
use super::due::due;
use super::file_check::unknown_column;
use crate::catalog::Fence;
use crate::model::{Change, Compaction, LiveFile, Shape};
use crate::parquet::{Blame, Draft};
use crate::rollup::{Binning, Combiner};

/// Why files could not be merged.
#[derive(Debug)]
enum MergeError {
    /// One of the files is damaged.
    Damaged {
        id: i64,
        file: String,
        remedy: String,
    },
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for MergeError {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

impl Compactor {
    /// Merges small files into larger ones.
    pub(crate) async fn merge(&self, fence: Fence, now: DateTime<Utc>) -> anyhow::Result<Compaction> {
        let _turn = self.tending.lock().await;
        self.follower.refresh().await?;
        let mut done = Compaction::default();
        // A view comes before its rollups in the order of names, so the files that it adds to its rollups are merged in the same run.
        for shape in self.shapes.iter() {
            loop {
                let resting = self.damaged.resting(Instant::now());
                let mut files = self.present.contents(shape.name()).files.to_vec();
                {
                    let foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
                    files.retain(|file| !resting.contains(&file.id) && !foreign.contains(&file.id));
                }
                let Some(inputs) = due(&files, now) else { break };
                if self.leaves_alone(shape, &inputs).await {
                    continue;
                }
                let merged = match self.merge_files(shape, &inputs, now).await {
                    Ok(merged) => merged,
                    Err(MergeError::Damaged { id, file, remedy }) => {
                        // One damaged file must not keep all others from being merged.
                        tracing::error!(
                            file.id = id,
                            error = file,
                            remedy,
                            "a damaged file of the history was skipped; the other files are merged"
                        );
                        self.damaged.add(id, Instant::now());
                        continue;
                    }
                    Err(MergeError::Other(error)) => {
                        let paths: Vec<_> = inputs.iter().map(|file| file.path()).collect();
                        return Err(error.context(format!("cannot merge {}", paths.join(", "))));
                    }
                };
                self.damaged.remove(inputs.iter().map(|file| file.id));
                done.files += merged.len() as u64;
                done.bytes += merged.iter().map(|file| file.bytes).sum::<u64>();
                done.merged += inputs.len() as u64;
                let version = self.commit(fence, &merged, &inputs, None).await?;
                let retired = inputs.iter().map(|file| file.id).collect();
                self.follower.publish(version, Change { added: merged, retired, ..Change::default() }).await?;
            }
        }
        Ok(done)
    }

    /// Remembers the files among these that have columns which are unknown here, or have another type. A merge would lose the columns. True if there are any.
    async fn leaves_alone(&self, shape: &Shape, inputs: &[Arc<LiveFile>]) -> bool {
        let mut found = false;
        for file in inputs {
            // A file that cannot be read is found by the merge.
            let Ok(Some(unknown)) = unknown_column(&self.store, file, shape).await else { continue };
            found = true;
            let is_first = {
                let mut foreign = self.foreign.lock().unwrap_or_else(PoisonError::into_inner);
                foreign.insert(file.id);
                foreign.len() == 1
            };
            if is_first {
                tracing::warn!(
                    file = file.path(),
                    column = unknown,
                    "files have columns that are unknown here, and are not merged until a backend knows them: upgrade the backend, or give it the \
                     same folder of views as the others"
                );
            }
        }
        found
    }

    /// Merges files into one, as a stream in their sort order. If the files are new, also writes one file of each rollup.
    async fn merge_files(&self, shape: &Arc<Shape>, inputs: &[Arc<LiveFile>], now: DateTime<Utc>) -> Result<Vec<LiveFile>, MergeError> {
        let day = inputs.first().context("nothing to merge")?.date;
        let expected: u64 = inputs.iter().map(|file| file.rows).sum();
        let are_new = inputs.iter().all(|file| !file.rolled_up);
        let mut rows = {
            // Reading starts here, on the current runtime. Entering makes these threads the current runtime.
            let _here = self.threads.handle().enter();
            self.files.merged(shape, inputs)?
        };
        let own = match &shape.view.rollup {
            Some(origin) => {
                let raw = self.shapes.get(&origin.view.name).with_context(|| format!("table {} has no rollup source", shape.name()))?;
                Some(Combiner::new(Arc::new(Binning::new(shape, raw)?)))
            }
            None => None,
        };
        let mut outputs = vec![(self.next_id().await?, Arc::clone(shape), own)];
        let mut binnings = Vec::new();
        for (rollup, _) in self.shapes.rollups(shape.name()).filter(|_| are_new) {
            let binning = Arc::new(Binning::new(rollup, shape)?);
            outputs.push((self.next_id().await?, Arc::clone(rollup), Some(Combiner::new(Arc::clone(&binning)))));
            binnings.push(binning);
        }
        let store = self.store.clone();
        let runtime = self.threads.handle().clone();
        let write = move || {
            let mut read = 0;
            let mut drafts = Vec::new();
            for (id, shape, combiner) in outputs {
                drafts.push((Draft::create(&store, &shape, day, id)?.rolled_up(), combiner));
            }
            while let Some(batch) = runtime.block_on(rows.next()) {
                let batch = batch?;
                read += batch.num_rows() as u64;
                for (at, (draft, combiner)) in drafts.iter_mut().enumerate() {
                    // The first draft is the table itself; the drafts after it are its rollups.
                    let partials = match at.checked_sub(1).and_then(|at| binnings.get(at)) {
                        Some(binning) => &binning.partials(&batch)?,
                        None => &batch,
                    };
                    match combiner {
                        Some(combiner) => draft.write(&combiner.push(partials)?)?,
                        None => draft.write(partials)?,
                    }
                }
            }
            let mut files = Vec::new();
            for (mut draft, combiner) in drafts {
                if let Some(last) = combiner.and_then(|mut combiner| combiner.finish()) {
                    draft.write(&last)?;
                }
                files.push(draft.finish(now)?);
            }
            anyhow::Ok((read, files))
        };
        let merged = self.threads.handle().spawn_blocking(write).await.context("cannot merge files")?;
        let (read, merged) = match merged {
            Ok(merged) => merged,
            Err(error) => {
                return Err(match self.files.blame(error.as_ref(), inputs).await {
                    Some(Blame::Damaged { id, file, remedy }) => MergeError::Damaged { id, file: format!("{file}: {error:#}"), remedy },
                    Some(Blame::Away(_)) | None => MergeError::Other(error),
                });
            }
        };
        if read != expected {
            self.discard(&merged).await;
            return Err(anyhow::anyhow!("{read} rows were read, but the catalog has {expected}; the files are kept").into());
        }
        Ok(merged)
    }
}
