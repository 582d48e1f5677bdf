//! `sql`: queries the backend, or the data folder if no backend runs.

use std::io::Read as _;
use std::process::ExitCode;

use anyhow::Context as _;
use axum::http::Method;
use pganalytics_server::{ErrorDetail, ErrorPosition};
use serde_json::{Map, Value, json};

use crate::client::{Client, ClientArgs, Refused};
use crate::output;
use crate::table::table;

/// Query with SQL
///
/// The SQL is DataFusion's, which is similar to PostgreSQL's: date_bin(interval '1 minute', ts), now(). Counters are stored as deltas:
/// sum(calls) over a range is the number of calls in it. `pganalytics views` lists the tables.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    pganalytics sql \"select server, up from pganalytics_server order by ts desc limit 5\"\n  \
    pganalytics sql --format csv < report.sql > report.csv\n  \
    pganalytics sql -p server=db-1:5432 'select max(size) from pg_database where server = $server'")]
pub(crate) struct Args {
    /// The statement; read from stdin if it is missing or '-'
    // A statement may begin with a comment: two hyphens are no option here.
    #[arg(value_name = "STATEMENT", allow_hyphen_values = true)]
    statement: Option<String>,
    /// The format of the rows
    #[arg(short, long, default_value = "table")]
    format: Format,
    /// The value of a $name in the statement; numbers, true, false and null are not texts
    #[arg(short, long = "param", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, Value)>,
    /// The most rows; the backend has its own limit
    #[arg(long, value_name = "ROWS")]
    max_rows: Option<usize>,
    #[command(flatten)]
    client: ClientArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people; long cells are cut
    Table,
    /// Comma-separated values with a header
    Csv,
    /// {"columns":[…],"rows":[…],…}
    Json,
}

fn parameter(text: &str) -> Result<(String, Value), String> {
    let (name, value) = text.split_once('=').ok_or("give NAME=VALUE")?;
    let value = match serde_json::from_str(value) {
        Ok(value @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_))) => value,
        _ => Value::String(value.to_owned()),
    };
    Ok((name.trim_start_matches('$').to_owned(), value))
}

pub(crate) async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let statement = match args.statement.as_deref() {
        Some("-") | None => {
            let mut text = String::new();
            std::io::stdin().read_to_string(&mut text).context("read the statement from stdin")?;
            text
        }
        Some(statement) => statement.to_owned(),
    };
    anyhow::ensure!(!statement.trim().is_empty(), "no statement: give one as an argument or on stdin");
    let client = Client::open(&args.client).await?;
    let mut body = json!({
        "query": statement,
        "format": if args.format == Format::Csv { "csv" } else { "json" },
        "parameters": args.parameters.into_iter().collect::<Map<_, _>>(),
    });
    if let Some(rows) = args.max_rows {
        body["max_rows"] = rows.into();
    }
    let reply = client.call(Method::POST, &["sql"], Some(&body)).await;
    client.close().await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => match error.downcast::<Refused>() {
            Ok(Refused(detail)) => {
                output::remark(explain(&detail, &statement));
                return Ok(ExitCode::FAILURE);
            }
            Err(error) => return Err(error),
        },
    };
    match args.format {
        Format::Csv => output::print(&reply.body)?,
        Format::Json => output::print([&reply.body[..], b"\n"].concat())?,
        Format::Table => {
            let answer: Value = serde_json::from_slice(&reply.body).context("read the response")?;
            output::print(shown(&answer)?)?;
        }
    }
    if reply.truncated {
        output::remark("there are more rows: group, filter, or increase --max-rows (the backend's own limit is its --max-rows)");
    }
    Ok(ExitCode::SUCCESS)
}

fn shown(answer: &Value) -> anyhow::Result<String> {
    let columns = answer["columns"].as_array().context("read the columns of the response")?;
    let names: Vec<String> = columns.iter().map(|column| column["name"].as_str().unwrap_or_default().to_owned()).collect();
    let rows = answer["rows"].as_array().context("read the rows of the response")?;
    let rows: Vec<Vec<Value>> = rows.iter().map(|row| row.as_array().cloned().unwrap_or_default()).collect();
    let count = match rows.len() {
        1 => "1 row".to_owned(),
        count => format!("{count} rows"),
    };
    Ok(format!("{}({count}, {} ms)\n", table(&names, &rows), answer["elapsed_ms"]))
}

/// The error, its line with a caret under the place, and the remedy.
fn explain(detail: &ErrorDetail, statement: &str) -> String {
    let mut text = format!("error: {}", detail.message);
    if let Some(ErrorPosition { line, column }) = detail.position
        && let Some(source) = usize::try_from(line).ok().and_then(|line| statement.lines().nth(line.checked_sub(1)?))
    {
        let number = line.to_string();
        let margin = " ".repeat(number.len());
        // Tabs stay tabs, so that the caret is under its place for any tab width.
        let before: String = source
            .chars()
            .take(usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1))
            .map(|c| if c == '\t' { '\t' } else { ' ' })
            .collect();
        text.push_str(&format!("\n{margin} |\n{number} | {source}\n{margin} | {before}^"));
    }
    if let Some(remedy) = &detail.remedy {
        text.push_str(&format!("\nremedy: {remedy}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use pganalytics_server::ErrorCode;

    use super::*;

    #[test]
    fn an_error_shows_its_line_with_a_caret() {
        let detail = ErrorDetail {
            code: ErrorCode::SqlPlan,
            message: "column 'cals' does not exist".into(),
            remedy: Some("did you mean 'calls'?".into()),
            position: Some(ErrorPosition { line: 2, column: 5 }),
        };
        insta::assert_snapshot!(explain(&detail, "select\n\tab cals\nfrom pg_stat_statements"), @r"
        error: column 'cals' does not exist
          |
        2 | 	ab cals
          | 	   ^
        remedy: did you mean 'calls'?
        ");
    }

    #[test]
    fn an_error_with_a_position_outside_the_statement_shows_no_line() {
        let detail = ErrorDetail {
            code: ErrorCode::SqlPlan,
            message: "no".into(),
            remedy: None,
            position: Some(ErrorPosition { line: 9, column: 1 }),
        };
        assert_eq!(explain(&detail, "select 1"), "error: no");
    }

    #[test]
    fn a_parameter_that_parses_as_a_number_is_a_number() {
        assert_eq!(parameter("n=5"), Ok(("n".into(), json!(5))));
        assert_eq!(parameter("$s=db-1:5432"), Ok(("s".into(), json!("db-1:5432"))));
        assert_eq!(parameter("s=\"5\""), Ok(("s".into(), json!("5"))));
        assert_eq!(parameter("o={}"), Ok(("o".into(), json!("{}"))));
        assert!(parameter("n").is_err());
    }
}
