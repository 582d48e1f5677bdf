//! `collector`: listing, revoking and forgetting collectors; setting their marks.

use anyhow::Context as _;
use axum::http::Method;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{Client, ClientArgs};
use crate::output;
use crate::table::table;

/// List, revoke and forget collectors, and set their marks
///
/// Uses the running backend, or the data folder if no backend runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics collector list\n  \
    pganalytics collector revoke db-1\n  \
    pganalytics collector forget db-1\n  \
    pganalytics collector reset-mark db-1 4711\n\n\
    A new collector needs a token of kind enrolment (pganalytics token create NAME --kind enrolment), which it exchanges for its own \
    credential, or a token of kind collector.")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List collectors with their problems
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Revoke a collector immediately: the backend refuses all its batches; the collector keeps them
    Revoke {
        /// The collector's name or id
        collector: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Forget a collector's credentials and revocation: it is not listed until it ships again, and may enrol again
    Forget {
        /// The collector's name or id
        collector: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Set a collector's mark after somebody else's batch moved it: batches above the number are new, all others are duplicates
    ResetMark {
        /// The collector's name or id
        collector: String,
        /// The last batch that the collector shipped itself, as stated in its log
        sequence: u64,
        #[command(flatten)]
        client: ClientArgs,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let (Action::List { client } | Action::Revoke { client, .. } | Action::Forget { client, .. } | Action::ResetMark { client, .. }) =
        &args.action;
    let client = Client::open(client).await?;
    let done = act(&client, &args.action).await;
    client.close().await;
    done
}

async fn act(client: &Client, action: &Action) -> anyhow::Result<()> {
    let all = client.json(Method::GET, &["collectors"], None).await?;
    let all = all.as_array().context("read the list of collectors")?;
    match action {
        Action::List { .. } => {
            let names = ["name", "id", "version", "last_seen", "lag_ms", "waiting", "dropped_rows", "credential", "trouble"];
            let rows: Vec<Vec<Value>> = all.iter().map(row).collect();
            output::print(table(&names.map(String::from), &rows))
        }
        Action::Revoke { collector, .. } => {
            let (id, name) = find(all, collector)?;
            client.json(Method::POST, &["collectors", &id, "revoke"], Some(&json!({}))).await?;
            output::remark(format!("revoked {name} ({id}); it keeps its batches until it is forgotten here and enrols again"));
            Ok(())
        }
        Action::Forget { collector, .. } => {
            let (id, name) = find(all, collector)?;
            client.json(Method::DELETE, &["collectors", &id], None).await?;
            output::remark(format!("forgot {name} ({id}); it returns if it has a valid enrolment token or a collector's token"));
            Ok(())
        }
        Action::ResetMark { collector, sequence, .. } => {
            let (id, name) = find(all, collector)?;
            client.json(Method::POST, &["collectors", &id, "mark"], Some(&json!({"sequence": sequence}))).await?;
            output::remark(format!("set the mark of {name} ({id}) to {sequence}; its batches above the mark are stored"));
            Ok(())
        }
    }
}

fn row(collector: &Value) -> Vec<Value> {
    let status = &collector["status"];
    let trouble = if collector["clock_wrong"] == true {
        json!(format!("clock {:+.0} s", collector["clock_skew_ms"].as_f64().unwrap_or_default() / 1000.0))
    } else {
        status["last_error"].clone()
    };
    let plain = ["name", "id", "version", "last_seen", "lag_ms"].iter().map(|key| collector[*key].clone());
    let rest = [status["spool_batches"].clone(), collector["dropped_rows"].clone(), collector["credential"]["kind"].clone(), trouble];
    plain.chain(rest).collect()
}

/// The id and name of the wanted collector.
fn find(all: &[Value], wanted: &str) -> anyhow::Result<(String, String)> {
    let text = |collector: &Value, key: &str| collector[key].as_str().unwrap_or_default().to_owned();
    let by = |key: &str| all.iter().filter(|collector| text(collector, key) == wanted).collect::<Vec<_>>();
    let mut found = by("id");
    if found.is_empty() {
        found = by("name");
    }
    match found[..] {
        [one] => Ok((text(one, "id"), text(one, "name"))),
        [] => anyhow::bail!("there is no collector '{wanted}'; pganalytics collector list shows all collectors"),
        _ => anyhow::bail!("{} collectors have the name '{wanted}': give the id instead (pganalytics collector list)", found.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ambiguous_name_is_an_error() {
        let all = [json!({"id": "1", "name": "a"}), json!({"id": "2", "name": "a"}), json!({"id": "3", "name": "b"})];
        assert_eq!(find(&all, "2").ok(), Some(("2".into(), "a".into())));
        assert_eq!(find(&all, "b").ok(), Some(("3".into(), "b".into())));
        assert!(find(&all, "a").is_err_and(|error| error.to_string().contains("2 collectors have the name 'a'")));
        assert!(find(&all, "c").is_err_and(|error| error.to_string().contains("collector list")));
    }
}
