//! `token`: tokens of programs and collectors.

use anyhow::Context as _;
use axum::http::Method;
use chrono::{TimeDelta, Utc};
use clap::Subcommand;
use pganalytics_server::lake::{Role, TokenKind};
use serde_json::{Value, json};

use crate::client::{Client, ClientArgs};
use crate::output;
use crate::settings::Span;
use crate::table::table;

/// Create, list and revoke tokens
///
/// Uses the running backend, or the data folder if no backend runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics token create db-1 --kind collector > token\n  \
    pganalytics token create fleet-2027 --kind enrolment --expires 30d --max-uses 50 > enrolment-token\n  \
    pganalytics token create grafana --kind api --role viewer --expires 365d\n  \
    pganalytics token revoke grafana")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Create a token; it is printed once, as the only output on stdout
    Create {
        name: String,
        /// api uses the API with a role; collector only ships batches; enrolment is exchanged for a collector's own credential
        #[arg(long)]
        kind: TokenKind,
        /// The role of an API token [default: viewer]
        #[arg(long)]
        role: Option<Role>,
        /// How long the token is valid; by default an enrolment token is valid for 7d, and other tokens never expire
        #[arg(long, value_name = "SPAN")]
        expires: Option<Span>,
        /// Maximum uses of an enrolment token; unlimited by default
        #[arg(long, value_name = "NUMBER")]
        max_uses: Option<u32>,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// List tokens
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Revoke a token immediately and permanently
    Revoke {
        /// The token's name or id
        #[arg(value_name = "TOKEN")]
        name_or_id: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Create { name, kind, role, expires, max_uses, client } => {
            let expires = match expires {
                None => None,
                Some(Span(span)) => {
                    let span = TimeDelta::from_std(span).context("--expires is too long")?;
                    Some(Utc::now().checked_add_signed(span).context("--expires is too long")?)
                }
            };
            let client = Client::open(&client).await?;
            let body = json!({"name": name, "kind": kind, "role": role, "expires": expires, "max_uses": max_uses});
            let made = client.json(Method::POST, &["tokens"], Some(&body)).await;
            client.close().await;
            output::line(made?["token"].as_str().context("read the token")?)
        }
        Action::List { client } => {
            let client = Client::open(&client).await?;
            let tokens = client.json(Method::GET, &["tokens"], None).await;
            client.close().await;
            let columns = ["id", "name", "kind", "role", "created", "expires", "last_used", "uses", "max_uses", "revoked"];
            let tokens = tokens?;
            let rows: Vec<Vec<Value>> = tokens
                .as_array()
                .context("read the list of tokens")?
                .iter()
                .map(|token| columns.iter().map(|column| token[column].clone()).collect())
                .collect();
            output::print(table(&columns.map(String::from), &rows))
        }
        Action::Revoke { name_or_id, client } => {
            let client = Client::open(&client).await?;
            let revoked = revoke(&client, &name_or_id).await;
            client.close().await;
            revoked
        }
    }
}

async fn revoke(client: &Client, token: &str) -> anyhow::Result<()> {
    let tokens = client.json(Method::GET, &["tokens"], None).await?;
    let tokens = tokens.as_array().context("read the list of tokens")?;
    // A name may look like an id, so names are compared first.
    let by = |key: &str| tokens.iter().find(|known| known[key].as_str().map_or_else(|| known[key].to_string(), str::to_owned) == token);
    let found = by("name").or_else(|| by("id"));
    let id = found.with_context(|| format!("there is no token '{token}'; pganalytics token list shows all tokens"))?["id"].to_string();
    client.json(Method::DELETE, &["tokens", &id], None).await.map(drop)
}
