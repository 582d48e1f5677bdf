//! Starting and stopping the backend.

use std::net::Ipv4Addr;
use std::sync::Arc;

use anyhow::Context as _;
use pganalytics_server::lake::{AnswerCache, Lake};
use pganalytics_server::{App, accounts, generate_operator_token};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::admin::admin_password;
use super::args::BackendArgs;
use crate::access::{Access, url_of};
use crate::output;
use crate::settings::Span;

/// A backend that listens, and does not serve yet.
pub(crate) struct Backend {
    listener: TcpListener,
    /// With TLS: the local port for programs of this machine.
    local_listener: Option<TcpListener>,
    app: App,
    pub(crate) lake: Lake,
    url: String,
    /// The URL for programs of this machine.
    pub(crate) local_url: String,
    drain_delay: Option<Span>,
}

impl Backend {
    /// Checks the settings, binds the port, opens the data folder, creates the first admin, and writes `cli.json` for the command line.
    pub(crate) async fn open(args: &BackendArgs) -> anyhow::Result<Self> {
        let mut options = args.lake()?;
        let password = admin_password()?;
        let tls = args.tls()?.map(Arc::new);
        let listener = pganalytics_server::bind(args.listen).await?;
        let address = listener.local_addr().context("read the address of the listener")?;
        let local_listener = match &tls {
            None => None,
            Some(_) => Some(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.context("listen on loopback for the command line")?),
        };
        if tls.is_none() && !address.ip().to_canonical().is_loopback() && !args.trusted_proxy {
            tracing::warn!(listen = %address, "passwords and tokens are unencrypted: other machines can reach this plain HTTP port");
        }
        let redis = args.redis().await?;
        options.answers = redis.clone().map(|redis| Arc::new(redis) as Arc<dyn AnswerCache>);
        let lake = Lake::open(options).await?;
        let generated = accounts::first_admin(lake.meta(), password).await?;
        let url = url_of(if tls.is_some() { "https" } else { "http" }, address);
        let local_url = match &local_listener {
            None => url.clone(),
            Some(listener) => url_of("http", listener.local_addr().context("read the address of the listener")?),
        };
        let operator = generate_operator_token();
        Access::write(&args.data, &local_url, &operator)?;
        if let Some(password) = generated {
            // The password is shown only now.
            output::line(format!("pganalytics admin user={} password={}", accounts::FIRST_ADMIN, password.expose()))?;
        }
        let app = App::with_operator(lake.clone(), args.server(tls, redis)?, Some(&operator))?;
        tracing::info!(listen = %address, data = %args.data.display(), views = lake.views().iter().len(), "backend opened");
        Ok(Self { listener, local_listener, app, lake, url, local_url, drain_delay: args.drain_delay })
    }

    /// Serves until `stop`. `companion` runs alongside and ends first, so that its last batches are still accepted. Then the running
    /// requests and the background work finish, and the data folder is closed. If any part ends by itself, all parts end.
    pub(crate) async fn run(
        self,
        stop: CancellationToken,
        companion: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) -> anyhow::Result<()> {
        let Self { listener, local_listener, app, lake, url, drain_delay, .. } = self;
        let (end_server, end_lake) = (CancellationToken::new(), CancellationToken::new());
        let mut server = {
            let (app, end) = (app.clone(), end_server.clone());
            let local = {
                let (app, end) = (app.clone(), end.clone());
                async move {
                    if let Some(listener) = local_listener {
                        pganalytics_server::serve_local(listener, app, end).await;
                    }
                }
            };
            tokio::spawn(async move { tokio::join!(Box::pin(pganalytics_server::serve(listener, app, end)), Box::pin(local)).0 })
        };
        let background = {
            let (lake, end) = (lake.clone(), end_lake.clone());
            tokio::spawn(async move { lake.run(end).await })
        };
        let mut companion = tokio::spawn(companion);
        output::line(format!("pganalytics ready url={url}"))?;

        let mut served = None;
        let accompanied = tokio::select! {
            result = &mut companion => Some(flat(result)),
            result = &mut server => { served = Some(flat(result)); None }
            () = stop.cancelled() => None,
        };
        // In this order: load balancers stop sending requests, the collector ships its last batches, requests finish, files are written.
        app.drain();
        stop.cancel();
        let accompanied = match accompanied {
            Some(result) => result,
            None => flat(companion.await),
        };
        // Until its next check of /readyz a load balancer still sends requests.
        if let (None, Some(Span(delay))) = (&served, drain_delay) {
            tracing::info!(drain.delay_ms = delay.as_millis() as u64, "no longer ready; still answering requests");
            if let Ok(result) = tokio::time::timeout(delay, &mut server).await {
                served = Some(flat(result));
            }
        }
        end_server.cancel();
        let served = match served {
            Some(result) => result,
            None => flat(server.await),
        };
        end_lake.cancel();
        let background = background.await.context("run the background work");
        lake.close().await;
        tracing::info!("stopped");
        served.and(accompanied).and(background)
    }
}

fn flat(result: Result<anyhow::Result<()>, tokio::task::JoinError>) -> anyhow::Result<()> {
    result.context("a part of the process panicked")?
}
