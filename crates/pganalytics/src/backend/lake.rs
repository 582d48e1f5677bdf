//! The lake's options.

use anyhow::Context as _;
use pganalytics_server::lake::{DatabaseUrl, LakeOptions, StoreUrl};
use pganalytics_views::ViewSet;

use super::args::BackendArgs;
use crate::settings::Size;

/// The least memory for hot rows: a few batches of a collector in which all statements have changed.
const LEAST_HOT: usize = 16 << 20;
/// The least memory for queries: a sort on many cores.
const LEAST_QUERY: usize = 16 << 20;

impl BackendArgs {
    /// The lake's options.
    pub(crate) fn lake(&self) -> anyhow::Result<LakeOptions> {
        let views = match &self.views {
            Some(folder) => ViewSet::with_folder(folder)?,
            None => ViewSet::builtin()?,
        };
        let mut options = LakeOptions::new(&self.data, views);
        options.database = self.database()?;
        options.store = match (&self.store, &options.database) {
            (Some(store), _) => store.clone(),
            (None, Some(_)) => StoreUrl::Database,
            (None, None) => StoreUrl::DataFolder,
        };
        anyhow::ensure!(
            options.store != StoreUrl::Database || options.database.is_some(),
            "--store database stores the history in the PostgreSQL of --database-url: give --database-url"
        );
        for (flag, Size(bytes), least) in [("--hot-memory", self.hot_memory, LEAST_HOT), ("--query-memory", self.query_memory, LEAST_QUERY)]
        {
            anyhow::ensure!(bytes >= least, "{flag} {} is too small: give at least {}", Size(bytes), Size(least));
        }
        options.hot_memory = self.hot_memory.0;
        options.query_memory = self.query_memory.0;
        options.spill_folder.clone_from(&self.spill_dir);
        options.spill_disk = self.spill_disk.0;
        options.query_deadline = self.query_deadline.0;
        options.max_rows = self.max_rows;
        options.compact_every = self.compact_every.0;
        options.retention = self.retention.0;
        Ok(options)
    }

    /// The shared database, if one is named.
    fn database(&self) -> anyhow::Result<Option<DatabaseUrl>> {
        let url: DatabaseUrl = match (&self.database_url, &self.database_url_file) {
            (Some(url), _) => url.expose().parse().context("--database-url")?,
            (None, Some(file)) => DatabaseUrl::from_file(file).context("--database-url-file")?,
            (None, None) => {
                anyhow::ensure!(
                    self.database_password_file.is_none(),
                    "--database-password-file needs --database-url or --database-url-file"
                );
                return Ok(None);
            }
        };
        Ok(Some(match &self.database_password_file {
            Some(file) => url.with_password_file(file).context("--database-password-file")?,
            None => url,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::super::args::tests::args;

    #[test]
    fn too_little_memory_is_an_error_with_the_minimum() {
        for (flag, least) in [("--hot-memory", "16MiB"), ("--query-memory", "16MiB")] {
            let problem = args(&[flag, "15MiB"]).and_then(|args| args.lake()).expect_err("refused").to_string();
            assert_eq!(problem, format!("{flag} 15MiB is too small: give at least {least}"));
            assert!(args(&[flag, least]).and_then(|args| args.lake()).is_ok());
        }
    }
}
