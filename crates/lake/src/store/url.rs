//! The place of the history, as written on the command line.

use std::path::PathBuf;
use std::str::FromStr;

use url::Url;

/// The place of the history, as written on the command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum StoreUrl {
    /// The folder `lake` in the data folder, for one process.
    #[default]
    DataFolder,
    /// A folder that all replicas share: `file:///path`.
    Folder(PathBuf),
    /// `s3://bucket/prefix`, `gs://bucket/prefix`, `az://container/prefix`.
    Cloud(Url),
    /// The PostgreSQL of the meta store, for installations without an object store: `database`.
    Database,
}

/// Why a text does not name a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreUrlError {
    #[error("'{0}' is not a store: use s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, file:///path, or database")]
    Form(String),
    #[error("a store's URL must not contain credentials, a user or parameters: {0}")]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stores_url_has_no_credentials() {
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
