//! `collector`: who ships, and shutting one out.

use anyhow::Context as _;
use axum::http::Method;
use clap::Subcommand;
use serde_json::{Value, json};

use crate::client::{Client, ClientArgs};
use crate::output;
use crate::table::table;

/// List, revoke and forget collectors
///
/// Through the running backend, or on the data folder where none runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics collector list\n  \
    pganalytics collector revoke db-1\n  \
    pganalytics collector forget db-1\n\n\
    A collector comes here with a token of kind enrolment (pganalytics token create NAME --kind enrolment), which it exchanges for a \
    credential of its own, or with a token of kind collector.")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List collectors, with what is wrong with each
    List {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Shut a collector out, at once: nothing is taken from it, whatever it shows; it keeps its batches
    Revoke {
        /// The collector's name or id
        collector: String,
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Forget a collector's credentials, and that it was revoked: it is not listed until it is seen again, and may enrol anew
    Forget {
        /// The collector's name or id
        collector: String,
        #[command(flatten)]
        client: ClientArgs,
    },
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    let (Action::List { client } | Action::Revoke { client, .. } | Action::Forget { client, .. }) = &args.action;
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
            output::remark(format!("revoked {name} ({id}); it keeps its batches until it is forgotten here and enrols anew"));
            Ok(())
        }
        Action::Forget { collector, .. } => {
            let (id, name) = find(all, collector)?;
            client.json(Method::DELETE, &["collectors", &id], None).await?;
            output::remark(format!("forgot {name} ({id}); it comes back where it has a good enrolment token or a collector's token"));
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

/// The id and the name of the one that is meant.
fn find(all: &[Value], wanted: &str) -> anyhow::Result<(String, String)> {
    let text = |collector: &Value, key: &str| collector[key].as_str().unwrap_or_default().to_owned();
    let by = |key: &str| all.iter().filter(|collector| text(collector, key) == wanted).collect::<Vec<_>>();
    let mut found = by("id");
    if found.is_empty() {
        found = by("name");
    }
    match found[..] {
        [one] => Ok((text(one, "id"), text(one, "name"))),
        [] => anyhow::bail!("there is no collector '{wanted}'; pganalytics collector list shows them"),
        _ => anyhow::bail!("{} collectors are called '{wanted}': name one by its id (pganalytics collector list)", found.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_have_is_not_guessed_at() {
        let all = [json!({"id": "1", "name": "a"}), json!({"id": "2", "name": "a"}), json!({"id": "3", "name": "b"})];
        assert_eq!(find(&all, "2").ok(), Some(("2".into(), "a".into())));
        assert_eq!(find(&all, "b").ok(), Some(("3".into(), "b".into())));
        assert!(find(&all, "a").is_err_and(|error| error.to_string().contains("2 collectors are called 'a'")));
        assert!(find(&all, "c").is_err_and(|error| error.to_string().contains("collector list")));
    }
}
