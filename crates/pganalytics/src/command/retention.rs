//! `retention`: how long the history is kept.

use anyhow::Context as _;
use axum::http::Method;
use clap::Subcommand;
use serde_json::{Map, Value, json};

use crate::client::{Client, ClientArgs};
use crate::output;
use crate::table::table;

const PATH: &[&str] = &["settings", "retention"];

/// Show or change how long the history is kept
///
/// Uses the running backend, or the data folder if no backend runs. Backends apply a change at their next run, without a restart.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics retention show\n  \
    pganalytics retention set --raw 30 --5m 400 --1h 1827\n  \
    pganalytics retention set --table pg_stat_activity=7 --table pg_stat_activity_5m=90\n  \
    pganalytics retention set --table pg_stat_activity=default")]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the retention of each tier and table in days
    Show {
        #[command(flatten)]
        client: ClientArgs,
    },
    /// Change the named tiers and tables, in days or 'default'; the others stay
    Set {
        /// Rows as collected
        #[arg(long, value_name = "DAYS", value_parser = days)]
        raw: Option<Value>,
        /// Rollups of five minutes
        #[arg(long = "5m", value_name = "DAYS", value_parser = days)]
        five_minutes: Option<Value>,
        /// Rollups of an hour
        #[arg(long = "1h", value_name = "DAYS", value_parser = days)]
        hour: Option<Value>,
        /// Tables without rollups
        #[arg(long, value_name = "DAYS", value_parser = days)]
        facts: Option<Value>,
        /// One table; may be repeated
        #[arg(long = "table", value_name = "TABLE=DAYS", value_parser = table_days)]
        tables: Vec<(String, Value)>,
        #[command(flatten)]
        client: ClientArgs,
    },
}

/// A number of days, or null for the default.
fn days(text: &str) -> Result<Value, String> {
    match text {
        "default" => Ok(Value::Null),
        _ => text.parse::<u32>().map(Value::from).map_err(|_| format!("'{text}' is neither a number of days nor 'default'")),
    }
}

fn table_days(text: &str) -> Result<(String, Value), String> {
    let (table, value) = text.split_once('=').ok_or_else(|| format!("'{text}' is not like pg_stat_activity=7"))?;
    Ok((table.into(), days(value)?))
}

pub(crate) async fn run(args: Args) -> anyhow::Result<()> {
    match args.action {
        Action::Show { client } => {
            let retention = call(&client, Method::GET, None).await?;
            let object = |value: &Value| value.as_object().cloned().context("read the retention");
            let tiers = ["raw", "5m", "1h", "facts"].map(|tier| {
                let set = if retention["setting"][tier].is_null() { "default" } else { "set" };
                vec![tier.into(), retention["days"][tier].clone(), set.into()]
            });
            let tables = object(&retention["setting"]["tables"])?;
            let tables = tables.into_iter().map(|(table, days)| vec![table.into(), days, "set".into()]);
            let rows: Vec<Vec<Value>> = tiers.into_iter().chain(tables).collect();
            output::print(table(&["what", "days", ""].map(String::from), &rows))
        }
        Action::Set { raw, five_minutes, hour, facts, tables, client } => {
            let mut setting = call(&client, Method::GET, None).await?["setting"].take();
            for (tier, days) in [("raw", raw), ("5m", five_minutes), ("1h", hour), ("facts", facts)] {
                if let Some(days) = days {
                    setting[tier] = days;
                }
            }
            let mut of_tables: Map<String, Value> = setting["tables"].as_object().cloned().unwrap_or_default();
            for (table, days) in tables {
                match days {
                    Value::Null => drop(of_tables.remove(&table)),
                    days => drop(of_tables.insert(table, days)),
                }
            }
            setting["tables"] = json!(of_tables);
            call(&client, Method::PUT, Some(setting)).await?;
            output::remark("changed; older rows are deleted at the next run");
            Ok(())
        }
    }
}

async fn call(args: &ClientArgs, method: Method, body: Option<Value>) -> anyhow::Result<Value> {
    let client = Client::open(args).await?;
    let answer = client.json(method, PATH, body.as_ref()).await;
    client.close().await;
    answer
}
