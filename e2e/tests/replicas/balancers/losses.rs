//! Backends that are killed, stopped or drained: no client sees an error.

use anyhow::Result;
use e2e::servers::balancer::Software;
use e2e::wait::{PATIENCE, until};

use super::stream::{Stream, answered, three};

pub(super) async fn a_killed_backend_causes_no_client_an_error(software: Software) -> Result<()> {
    let (mut backends, balancer) = three(software).await?;
    let stream = Stream::start(&balancer.api);
    stream.more(50).await?;
    for backend in &mut backends {
        backend.kill();
        stream.more(100).await?;
        backend.run().await?;
        // The balancer asks it again before the next backend dies.
        let before = answered(&backend.api).await?;
        until("requests to come back to the backend", PATIENCE, async || Ok((answered(&backend.api).await? > before + 10).then_some(())))
            .await?;
    }
    stream.end(&balancer).await
}

/// HAProxy asks /readyz, so it sends no requests to a draining backend, which would still answer.
pub(super) async fn a_draining_backend_gets_no_requests_before_it_stops_answering() -> Result<()> {
    let (mut backends, balancer) = three(Software::Haproxy).await?;
    let stream = Stream::start(&balancer.api);
    stream.more(50).await?;
    let drained = &backends[1];
    drained.terminate()?;
    until("the balancer to notice the draining backend", PATIENCE, async || {
        Ok(balancer.log().contains("Server pganalytics/backend-2 is DOWN").then_some(()))
    })
    .await?;
    // The backend still answers, but gets no more requests.
    let before = answered(&drained.api).await?;
    stream.more(100).await?;
    assert_eq!(answered(&drained.api).await?, before, "requests were sent to a draining backend");
    backends[1].stop()?;
    stream.more(100).await?;
    stream.end(&balancer).await
}

pub(super) async fn stopping_backends_one_by_one_causes_no_client_an_error(software: Software) -> Result<()> {
    let (mut backends, balancer) = three(software).await?;
    let stream = Stream::start(&balancer.api);
    for backend in &mut backends {
        stream.more(50).await?;
        backend.stop()?;
        stream.more(50).await?;
        backend.run().await?;
        let before = answered(&backend.api).await?;
        until("requests to come back to the backend", PATIENCE, async || Ok((answered(&backend.api).await? > before + 10).then_some(())))
            .await?;
    }
    stream.end(&balancer).await
}
