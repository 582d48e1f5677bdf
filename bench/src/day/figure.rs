//! Figures (b) and (c): the same day is fed to pgAnalytics, VictoriaMetrics and Prometheus, each over the protocol of its collectors. There is one snapshot
//! per minute of history, fed as fast as it is acknowledged. Then the bytes on disk and two queries are measured.
//!
//! pgAnalytics gets the changed rows, as deltas. The peers get what an exporter exposes: the total of every counter, every minute. No two stores work at
//! the same time.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail};
use chrono::{DateTime, Days, NaiveTime, Utc};
use serde_json::{Value, json};

use super::history::{COLUMNS, EXEC_TIME, History, MINUTES, SAMPLES, STATEMENTS};
use super::ours::{Backend, SERVER};
use crate::peers::{Kind, Store};
use crate::peers::{Request, SAMPLES_PER_REQUEST, Series};
use crate::table::{Goal, Line, print};
use e2e::machine::meter;

/// Measured rounds of the queries, after one round to warm up.
const ROUNDS: usize = 11;
const TOP: usize = 20;

/// The figures to print.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) disk: bool,
    pub(crate) queries: bool,
    pub(crate) ingest: bool,
    pub(crate) prometheus: bool,
}

/// The cost of one store.
#[derive(Default)]
struct Cost {
    name: String,
    /// CPU until the last sample was acknowledged, and until all data were merged.
    acknowledged: f64,
    settled: f64,
    bytes: f64,
    /// The bytes of rollups among them.
    rollups: f64,
    wire: f64,
    memory: f64,
    top: Vec<f64>,
    one: Vec<f64>,
}

/// The whole UTC day before today, in seconds.
struct Day {
    start: u64,
}

impl Day {
    fn yesterday() -> Result<Self> {
        let today = Utc::now().date_naive().checked_sub_days(Days::new(1)).context("yesterday")?.and_time(NaiveTime::MIN).and_utc();
        Ok(Self { start: today.timestamp().unsigned_abs() })
    }

    fn minute(&self, minute: usize) -> u64 {
        self.start + minute as u64 * 60
    }

    fn last(&self) -> u64 {
        self.minute(MINUTES - 1)
    }

    fn text(seconds: u64) -> Result<String> {
        let time = DateTime::from_timestamp(seconds.cast_signed(), 0).context("a time")?;
        Ok(time.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }
}

/// Measures and prints the figures.
///
/// # Errors
/// If a store does not start, refuses samples or answers wrongly.
pub(crate) async fn run(wanted: Wanted) -> Result<()> {
    let day = Day::yesterday()?;
    let mut costs = Vec::new();

    let mut backend = Backend::start().await?;
    costs.push(feed_ours(&mut backend, &day).await?);
    let mut stores = Vec::new();
    for kind in [Kind::VictoriaMetrics, Kind::Prometheus] {
        if kind == Kind::VictoriaMetrics || wanted.prometheus {
            let mut store = Store::start(kind).await?;
            costs.push(feed_peer(&mut store, &day, wanted).await?);
            stores.push(store);
        }
    }
    if wanted.queries {
        ask(&backend, &stores, &day, &mut costs).await?;
    }
    report(&costs, wanted);
    Ok(())
}

async fn feed_ours(backend: &mut Backend, day: &Day) -> Result<Cost> {
    eprintln!("feeding pgAnalytics");
    let mut history = History::new();
    let before = backend.cpu()?;
    let mut wire = 0;
    while let Some(minute) = history.advance() {
        let ts_us = (day.minute(minute) * 1_000_000).cast_signed();
        let batch = backend.batch(&history, ts_us, minute == 0)?;
        wire += batch.len();
        backend.ingest(batch).await?;
    }
    let acknowledged = backend.cpu()? - before;
    let memory = backend.peak_memory()?;
    let settling = backend.settle().await?;
    let cost = Cost {
        name: format!("pgAnalytics {}", env!("CARGO_PKG_VERSION")),
        acknowledged,
        settled: acknowledged + settling,
        bytes: meter::folder_bytes(&backend.lake())? as f64,
        rollups: backend.rollup_bytes()? as f64,
        wire: wire as f64,
        memory,
        ..Cost::default()
    };
    eprintln!(
        "  lake {} B, whole data folder {} B, CPU {:.2} s, peak memory {:.0} MB",
        cost.bytes,
        meter::folder_bytes(&backend.data())?,
        cost.settled,
        cost.memory / 1e6
    );
    Ok(cost)
}

async fn feed_peer(store: &mut Store, day: &Day, wanted: Wanted) -> Result<Cost> {
    eprintln!("feeding {} {}", store.name(), store.version);
    let mut history = History::new();
    let series: Vec<Series> = history
        .statements
        .iter()
        .flat_map(|statement| {
            let queryid = statement.queryid.to_string();
            let labels = [("job", "postgres"), ("instance", SERVER), ("datname", statement.datname), ("user", statement.usename)];
            let series = |name| Series::new(labels.into_iter().chain([("__name__", name), ("queryid", queryid.as_str())]));
            COLUMNS.iter().map(|column| series(column.series)).collect::<Vec<_>>()
        })
        .collect();
    let before = store.cpu()?;
    let mut request = Request::default();
    let mut wire = 0;
    while let Some(minute) = history.advance() {
        let timestamp_ms = day.minute(minute) * 1_000;
        let values = history.totals.iter().flat_map(|row| row.iter().zip(&COLUMNS).map(|(value, column)| *value as f64 / column.divisor));
        let values: Vec<f64> = values.collect();
        for (at, (series, value)) in series.iter().zip(&values).enumerate() {
            request.push(series, *value, timestamp_ms);
            if request.samples() == SAMPLES_PER_REQUEST || at + 1 == values.len() {
                let body = request.take()?;
                wire += body.len();
                store.write(body).await?;
            }
        }
    }
    let acknowledged = store.cpu()? - before;
    // Prometheus settles in a new process.
    let memory = store.peak_memory()?;
    let settled = match store.kind {
        Kind::VictoriaMetrics => {
            store.settle().await?;
            store.cpu()? - before
        }
        Kind::Prometheus => {
            if wanted.disk || wanted.queries {
                store.settle().await?;
            }
            acknowledged
        }
    };
    let cost = Cost {
        name: format!("{} {}", store.name(), store.version),
        acknowledged,
        settled,
        bytes: store.bytes()? as f64,
        wire: wire as f64,
        memory,
        ..Cost::default()
    };
    eprintln!("  {} B, CPU {:.2} s, peak memory {:.0} MB", cost.bytes, cost.settled, cost.memory / 1e6);
    Ok(cost)
}

/// Asks the stores in turn. Each round asks for another statement.
async fn ask(backend: &Backend, stores: &[Store], day: &Day, costs: &mut [Cost]) -> Result<()> {
    eprintln!("asking");
    let (truth, ids) = truth();
    let (from, to) = (Day::text(day.start)?, Day::text(day.start + 86_400)?);
    let bounds = format!("server = '{SERVER}' and ts >= timestamp '{from}' and ts < timestamp '{to}'");
    let top = format!(
        "select queryid, sum(total_exec_time) as total from pg_stat_statements where {bounds} group by queryid order by total desc limit {TOP}"
    );
    let names: Vec<&str> = COLUMNS.iter().map(|column| column.name).collect();
    let one = format!("select ts, {} from pg_stat_statements where {bounds} and queryid = $queryid order by ts", names.join(", "));
    let peers_top = format!("topk({TOP}, sum by (queryid) (increase({}[24h])))", COLUMNS[EXEC_TIME].series);

    for round in 0..=ROUNDS {
        // From a statement that is always called to one that is rarely called.
        let id = ids[round * STATEMENTS / (ROUNDS + 1)];
        let (took, rows) = backend.sql(&top, &BTreeMap::new()).await?;
        let found: Vec<i64> = rows.iter().filter_map(|row| identifier(row.first()?)).collect();
        if found != truth {
            bail!("pgAnalytics answers a wrong top {TOP}: {found:?} instead of {truth:?}");
        }
        let parameters = BTreeMap::from([("queryid", json!(id))]);
        let (took_one, rows) = backend.sql(&one, &parameters).await?;
        if rows.is_empty() {
            bail!("pgAnalytics has no rows of statement {id}");
        }
        if round > 0 {
            costs[0].top.push(took.as_secs_f64());
            costs[0].one.push(took_one.as_secs_f64());
        }
        for (store, cost) in stores.iter().zip(&mut costs[1..]) {
            let (took, rows) = store.query(&peers_top, day.last()).await?;
            // The peers extrapolate, so neighbours may change places. The set must be nearly the same.
            let expected: BTreeSet<i64> = truth.iter().copied().collect();
            let known = rows.iter().filter(|(id, _)| expected.contains(id)).count();
            if known + 2 < TOP {
                bail!("{} answers a wrong top {TOP}: {rows:?}", store.name());
            }
            let selector = format!("{{instance=\"{SERVER}\",queryid=\"{id}\"}}");
            let (took_one, values) = store.range(&selector, day.start, day.last()).await?;
            if values != COLUMNS.len() * MINUTES {
                bail!("{} has {values} values of statement {id} instead of {}", store.name(), COLUMNS.len() * MINUTES);
            }
            if round > 0 {
                cost.top.push(took.as_secs_f64());
                cost.one.push(took_one.as_secs_f64());
            }
        }
    }
    Ok(())
}

/// The ids of the statements that took most of the day's time, and of all statements.
fn truth() -> (Vec<i64>, Vec<i64>) {
    let mut history = History::new();
    let mut sums = vec![0; STATEMENTS];
    while history.advance().is_some() {
        for (sum, row) in sums.iter_mut().zip(&history.deltas) {
            *sum += row[EXEC_TIME];
        }
    }
    let mut order: Vec<usize> = (0..STATEMENTS).collect();
    order.sort_by_key(|at| std::cmp::Reverse(sums[*at]));
    let id = |at: &usize| history.statements[*at].queryid;
    (order.iter().take(TOP).map(id).collect(), history.statements.iter().map(|statement| statement.queryid).collect())
}

/// Large integers are strings in JSON.
fn identifier(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A line of the table: name, unit, goal against VictoriaMetrics, and value.
type Figure = (&'static str, &'static str, Goal, fn(&Cost) -> f64);

const DISK: [Figure; 2] = [
    ("on disk, a sample, with rollups", "B", Goal::AtMost(0.75), |cost| cost.bytes / SAMPLES as f64),
    ("on disk, a sample, the samples alone", "B", Goal::AtMost(0.75), |cost| (cost.bytes - cost.rollups) / SAMPLES as f64),
];
const QUERIES: [Figure; 2] = [
    ("top 20 of 2,000 statements over 24 h, HTTP", "ms", Goal::AtMost(0.2), |cost| meter::median(cost.top.clone()) * 1e3),
    ("one statement's 24 h, all columns, HTTP", "ms", Goal::AtMost(0.5), |cost| meter::median(cost.one.clone()) * 1e3),
];
const INGEST: [Figure; 4] = [
    ("samples a CPU second, merged at the end", "M", Goal::AtLeast(10.0), |cost| SAMPLES as f64 / cost.settled / 1e6),
    ("samples a CPU second, until acknowledged", "M", Goal::None, |cost| SAMPLES as f64 / cost.acknowledged / 1e6),
    ("on the wire, a sample", "B", Goal::AtMost(1.0 / 30.0), |cost| cost.wire / SAMPLES as f64),
    ("peak memory while fed", "MB", Goal::None, |cost| cost.memory / 1e6),
];

fn report(costs: &[Cost], wanted: Wanted) {
    let Some((ours, peers)) = costs.split_first() else { return };
    let tables: [(bool, &str, &[Figure]); 3] =
        [(wanted.disk, "Disk", &DISK), (wanted.queries, "Queries", &QUERIES), (wanted.ingest, "Ingest", &INGEST)];
    for (_, title, figures) in tables.iter().filter(|(wanted, ..)| *wanted) {
        let mut lines = Vec::new();
        for (figure, unit, goal, value) in *figures {
            for peer in peers {
                let goal = if peer.name.starts_with("VictoriaMetrics") { *goal } else { Goal::None };
                let (figure, peer_name) = ((*figure).to_owned(), peer.name.clone());
                lines.push(Line { figure, ours: value(ours), peer: value(peer), peer_name, unit, goal });
            }
        }
        print(title, &lines);
    }
}
