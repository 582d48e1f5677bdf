//! One task a target, begun anew where it ends in a defect.

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::link::Link;
use super::state::{Common, Target};
use super::{follower, reader, sampler};
use crate::config::TargetOptions;

/// After a panic in a target's task; its other targets never notice.
const RESTART_AFTER: Duration = Duration::from_secs(10);

/// Reads a target until told to stop.
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
                // The panic's own message is on stderr already.
                tracing::error!(server = options.name, %error, "reading a target ended in a defect; it begins anew");
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(RESTART_AFTER) => {}
                }
            }
        }
    }
}
