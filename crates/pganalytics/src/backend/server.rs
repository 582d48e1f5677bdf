//! The server's options.

use std::sync::Arc;

use anyhow::Context as _;
use pganalytics_kubernetes::{Access, Client};
use pganalytics_server::tls::Tls;
use pganalytics_server::{Redis, ServerOptions, ServiceAccounts};

use super::args::BackendArgs;

impl BackendArgs {
    pub(super) fn server(&self, tls: Option<Arc<Tls>>, redis: Option<Redis>) -> anyhow::Result<ServerOptions> {
        Ok(ServerOptions {
            service_accounts: self.service_accounts()?,
            tls,
            client_bind: self.tls_client_bind,
            redis,
            session_lifetime: self.session_lifetime.0,
            request_timeout: self.request_timeout.0,
            trusted_proxy: self.trusted_proxy,
            audit_statements: self.audit_statements,
            ui: self.ui.clone(),
        })
    }

    /// The ServiceAccounts whose collectors may enrol, and the Kubernetes API that reviews their tokens.
    fn service_accounts(&self) -> anyhow::Result<Option<ServiceAccounts>> {
        if self.kubernetes_collectors.is_empty() {
            return Ok(None);
        }
        let access = match (&self.kubernetes_api_url, &self.kubernetes_token_file) {
            (Some(url), Some(token_file)) => {
                Access { url: url.clone(), token_file: token_file.clone(), ca_file: self.kubernetes_ca_file.clone(), namespace: None }
            }
            _ => Access::of_pod().context("--kubernetes-collectors needs the Kubernetes API")?,
        };
        Ok(Some(ServiceAccounts::new(Client::new(access)?, self.kubernetes_collectors.iter().cloned())))
    }
}
