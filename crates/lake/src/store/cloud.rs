//! Object stores of cloud providers, with the credentials that the provider's own tools use.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::SpawnedReqwestConnector;
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::prefix::PrefixStore;
use object_store::{ObjectStore, RetryConfig};
use tokio::runtime::Handle;
use url::Url;

/// How long a request to the store is retried. A query that cannot read its files fails before its own deadline.
const REPEATED: Duration = Duration::from_secs(10);

/// Opens the store of a URL. Requests run on the caller's runtime, because connections are shared: on the threads of a query, one that
/// computes without a pause would hold up the requests of others.
pub(crate) fn cloud(url: &Url) -> anyhow::Result<Arc<dyn ObjectStore>> {
    let here = SpawnedReqwestConnector::new(Handle::try_current().context("open a store outside of a runtime")?);
    let retry = RetryConfig { retry_timeout: REPEATED, ..RetryConfig::default() };
    let context = || format!("set up {url}");
    let objects: Arc<dyn ObjectStore> = match url.scheme() {
        "s3" => Arc::new(
            AmazonS3Builder::from_env().with_url(url.as_str()).with_retry(retry).with_http_connector(here).build().with_context(context)?,
        ),
        "gs" => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_url(url.as_str())
                .with_retry(retry)
                .with_http_connector(here)
                .build()
                .with_context(context)?,
        ),
        _ => Arc::new(
            MicrosoftAzureBuilder::from_env()
                .with_url(url.as_str())
                .with_retry(retry)
                .with_http_connector(here)
                .build()
                .with_context(context)?,
        ),
    };
    let prefix = url.path().trim_matches('/');
    Ok(if prefix.is_empty() { objects } else { Arc::new(PrefixStore::new(objects, prefix)) })
}
