//! What the backend answers: sums by server, and single rows.

use std::collections::HashMap;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::total::{PRIME, TS_PRIME, Total};
use crate::api::Api;
use crate::fleet::rows::{Rows, Sum};

/// Rows in one answer: the backend's default limit.
pub(super) const MAX_ROWS: u64 = 10_000;

/// The marks of the rows with the same time and labels.
pub(super) type Marks = HashMap<(i64, Vec<Option<String>>), Vec<i64>>;

/// The rows that the backend has of one server and view.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) rows: u64,
    pub(super) distinct: u64,
    pub(super) total: Total,
}

/// The rows that the backend has of a view, by server, for the servers of these collectors.
pub(super) async fn totals(api: &Api, rows: &Rows, view: &str, first: u32, last: u32) -> Result<HashMap<String, Found>> {
    let labels = labels_sql(rows, view);
    let (from, to) = rows.shape().server_range(first, last);
    let mark = rows.mark_sql(view);
    let query = format!(
        "select server, sum(copies), count(*), sum(mark), sum(weighted) from (\
           select server, count(*) as copies, sum({mark}) as mark, sum(({mark} % {PRIME}) * (cast(extract(epoch from ts) * 1000000 as bigint) % {TS_PRIME})) as weighted \
           from {view} where server >= '{from}' and server < '{to}' group by server, ts{labels}) as keyed \
         group by server"
    );
    let (answer, truncated) = ask(api, &query).await?;
    ensure!(!truncated, "more than {MAX_ROWS} servers between {from} and {to}");
    let mut found = HashMap::new();
    for row in answer {
        let number = |at: usize| integer(row.get(at)).unwrap_or(0);
        let count = |at: usize| u64::try_from(number(at)).unwrap_or(0);
        let server = row.first().and_then(Value::as_str).context("a server's name")?.to_owned();
        let total = Total { sum: Sum { rows: count(1), mark: number(3) }, weighted: number(4) };
        found.insert(server, Found { rows: count(1), distinct: count(2), total });
    }
    Ok(found)
}

/// Reads a server's rows of a view within a time. Splits the time until each answer is whole.
pub(super) async fn read(api: &Api, rows: &Rows, view: &str, server: &str, within: (i64, i64), found: &mut Marks) -> Result<()> {
    let mut pieces = vec![within];
    while let Some((from, to)) = pieces.pop() {
        let labels = labels_sql(rows, view);
        let mark = rows.mark_sql(view);
        let query = format!(
            "select cast(extract(epoch from ts) * 1000000 as bigint), {mark}{labels} from {view} where server = '{server}' \
             and cast(extract(epoch from ts) * 1000000 as bigint) >= {from} and cast(extract(epoch from ts) * 1000000 as bigint) < {to}"
        );
        let (answer, truncated) = ask(api, &query).await?;
        if truncated {
            ensure!(to - from > 1, "{view} has more than {MAX_ROWS} rows of {server} at {from}");
            let middle = from + (to - from) / 2;
            pieces.extend([(from, middle), (middle, to)]);
            continue;
        }
        for row in answer {
            let mut cells = row.into_iter();
            let ts = integer(cells.next().as_ref()).context("a ts")?;
            // A mark that is null was altered.
            let mark = integer(cells.next().as_ref()).unwrap_or(i64::MIN);
            found.entry((ts, cells.map(text).collect())).or_default().push(mark);
        }
    }
    Ok(())
}

fn labels_sql(rows: &Rows, view: &str) -> String {
    let known = rows.views().find(|known| known.name == view);
    known.map(|known| known.labels().map(|column| format!(", {}", column.name)).collect()).unwrap_or_default()
}

async fn ask(api: &Api, query: &str) -> Result<(Vec<Vec<Value>>, bool)> {
    let body = json!({ "query": query, "max_rows": MAX_ROWS });
    let mut answer = api.request(Method::POST, "/api/v1/sql", Some(&body)).await.with_context(|| query.to_owned())?;
    let truncated = answer["truncated"] != json!(false);
    Ok((serde_json::from_value(answer["rows"].take()).context("read the rows")?, truncated))
}

/// Integers beyond 2^53 are strings in JSON.
fn integer(value: Option<&Value>) -> Option<i64> {
    match value? {
        Value::String(text) => text.parse().ok(),
        value => value.as_i64(),
    }
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text),
        other => Some(other.to_string()),
    }
}
