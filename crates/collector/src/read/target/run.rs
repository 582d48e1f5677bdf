//! One task per target, restarted after a panic.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::link::Link;
use super::state::{Common, Target};
use super::{follower, reader, sampler};
use crate::config::TargetOptions;

/// The wait before a panicked task restarts. Other targets are not affected.
const RESTART_AFTER: Duration = Duration::from_secs(10);

/// Reads a target until `stop` is cancelled.
pub(crate) async fn run(options: TargetOptions, link: Arc<Link>, common: Arc<Common>, stop: CancellationToken) {
    loop {
        let target = Arc::new(Target::new(options.clone(), Arc::clone(&link), Arc::clone(&common)));
        let token = stop.clone();
        let all = tokio::spawn(async move {
            let reading = reader::run(Arc::clone(&target), token.clone());
            let sampling = sampler::run(Arc::clone(&target), token.clone());
            let following = follower::run(target, token);
            tokio::join!(reading, sampling, following);
        });
        match all.await {
            Ok(()) => return,
            Err(error) => {
                // The panic handler has already printed the message to stderr.
                tracing::error!(server = options.name, %error, "the task that reads a target panicked; restarting it");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RESTART_AFTER) => {}
                }
            }
        }
    }
}
