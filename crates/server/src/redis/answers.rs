//! Answers to queries, shared by replicas.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use pganalytics_lake::{AnswerCache, MAX_KEPT};
use redis::aio::ConnectionManager;

use super::connection::Redis;

/// How long an answer is kept. After files are merged their answers have other names, so old answers are rarely requested.
const KEEP: Duration = Duration::from_secs(3600);

#[async_trait]
impl AnswerCache for Redis {
    async fn get(&self, name: &str) -> Option<Bytes> {
        let key = answer_key(name);
        let get = async |mut connection: ConnectionManager| {
            // Limits the response, whatever the key holds.
            redis::cmd("GETRANGE").arg(key).arg(0).arg(MAX_KEPT).query_async::<Vec<u8>>(&mut connection).await
        };
        self.run(get).await.filter(|bytes| !bytes.is_empty() && bytes.len() <= MAX_KEPT).map(Bytes::from)
    }

    async fn put(&self, name: &str, bytes: Vec<u8>) {
        let key = answer_key(name);
        let put = async |mut connection: ConnectionManager| {
            redis::cmd("SET").arg(key).arg(bytes).arg("EX").arg(KEEP.as_secs()).query_async::<()>(&mut connection).await
        };
        self.run(put).await;
    }
}

fn answer_key(name: &str) -> String {
    format!("pganalytics:answer:{name}")
}
