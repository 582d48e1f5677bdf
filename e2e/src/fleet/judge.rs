//! The judge: knows every row that was ever acknowledged, asks the backend, and says what is missing, doubled, altered or foreign.
//!
//! # Promise
//! Exact counts. A row is found by (server, view, ts, labels) and its mark. Only rows are excused that belong to the one batch that a
//! collector had in flight at the end: the backend may have it whole or not at all; in part is a defect too.
//!
//! # How
//! First one question per view and group of servers: rows, distinct rows, sum of marks, a sum of marks weighted by time, for each
//! server. Where a server's answer is not what its ledger says, all its rows of that view are read and compared one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::ledger::History;
use super::rows::{Row, Rows, Sum};
use crate::drive::backend::Api;

/// Rows in one answer: the backend's own cap where it is not told otherwise.
const MAX_ROWS: u64 = 10_000;
/// Rows that one question groups: they must fit in the memory a query may take.
const GROUPED: u64 = 250_000;
/// Differences of each kind that are told one by one; the others are counted.
const TOLD: usize = 20;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    Missing,
    Doubled,
    Altered,
    /// Nobody has shipped it.
    Foreign,
    /// A batch that was never acknowledged is there in part.
    Torn,
}

/// One row that is not as it was acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    pub wrong: Wrong,
    pub view: String,
    pub server: String,
    pub ts: i64,
    pub labels: Vec<Option<String>>,
    /// The mark it should have, and those it has.
    pub expected: Option<i64>,
    pub found: Vec<i64>,
    /// The batch it came with.
    pub batch: Option<u64>,
}

/// Of durations: the middle, the 99th of a hundred, the longest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Spread {
    pub p50: Duration,
    pub p99: Duration,
    pub max: Duration,
}

impl Spread {
    #[must_use]
    pub fn of(mut durations: Vec<Duration>) -> Self {
        durations.sort_unstable();
        let at =
            |part: usize| durations.get((durations.len() * part / 100).min(durations.len().saturating_sub(1))).copied().unwrap_or_default();
        Self { p50: at(50), p99: at(99), max: at(100) }
    }
}

/// The verdict.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    pub batches: u64,
    pub rows: u64,
    /// Rows the backend has of the fleet.
    pub found: u64,
    pub missing: u64,
    pub doubled: u64,
    pub altered: u64,
    pub foreign: u64,
    /// Batches that are there in part.
    pub torn: u64,
    /// Batches in flight at the end that the backend had committed, whole.
    pub unacknowledged: u64,
    /// Batches acknowledged as known already.
    pub duplicates: u64,
    /// Batches that were refused for good: errors after retry.
    pub refused: u64,
    /// Tries that came to nothing, by what came of them: errors before retry.
    pub failures: BTreeMap<String, u64>,
    /// Request to acknowledgement.
    pub acknowledgement: Spread,
    /// First request to acknowledgement, over all tries.
    pub wait: Spread,
    /// The first ones of each kind, by view, server and ts.
    pub differences: Vec<Difference>,
}

impl Verdict {
    /// Nothing acknowledged is missing, nothing is there twice, altered, torn or foreign, and no batch was refused.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.missing + self.doubled + self.altered + self.foreign + self.torn + self.refused == 0
    }

    fn tell(&mut self, difference: Difference) {
        match difference.wrong {
            Wrong::Missing => self.missing += 1,
            Wrong::Doubled => self.doubled += difference.found.len() as u64 - 1,
            Wrong::Altered => self.altered += 1,
            Wrong::Foreign => self.foreign += difference.found.len() as u64,
            Wrong::Torn => {}
        }
        if self.differences.iter().filter(|told| told.wrong == difference.wrong).count() < TOLD {
            self.differences.push(difference);
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let verdict = if self.is_clean() { "CLEAN: nothing acknowledged is missing, nothing is there twice" } else { "NOT CLEAN" };
        writeln!(f, "{verdict}\n\n| | |\n|---|---:|")?;
        let failed: u64 = self.failures.values().sum();
        for (what, count) in [
            ("batches acknowledged", self.batches),
            ("rows acknowledged", self.rows),
            ("rows found", self.found),
            ("rows missing", self.missing),
            ("rows doubled", self.doubled),
            ("rows altered", self.altered),
            ("rows foreign", self.foreign),
            ("batches torn", self.torn),
            ("batches committed whose answer was lost at the end", self.unacknowledged),
            ("replays acknowledged as such", self.duplicates),
            ("errors seen by clients before retry", failed),
            ("errors after retry (batches refused)", self.refused),
        ] {
            writeln!(f, "| {what} | {count} |")?;
        }
        for (what, spread) in [("acknowledgement", self.acknowledgement), ("acknowledgement with retries", self.wait)] {
            writeln!(f, "| {what} p50 / p99 / max | {:.1} / {:.1} / {:.1} ms |", ms(spread.p50), ms(spread.p99), ms(spread.max))?;
        }
        for (kind, count) in &self.failures {
            writeln!(f, "| … {kind} | {count} |")?;
        }
        for difference in &self.differences {
            writeln!(
                f,
                "{:?} {} server={} ts={} labels={:?} expected={:?} found={:?} batch={:?}",
                difference.wrong,
                difference.view,
                difference.server,
                difference.ts,
                difference.labels,
                difference.expected,
                difference.found,
                difference.batch
            )?;
        }
        Ok(())
    }
}

/// What a server should have of a view.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Total {
    sum: Sum,
    /// Marks times seconds, modulo a prime: a row at another time changes it.
    weighted: i64,
}

impl Total {
    fn add(&mut self, row: &Row) {
        self.sum.rows += 1;
        self.sum.mark += row.mark;
        self.weighted += weight(row.mark, row.ts);
    }

    fn and(self, other: Self) -> Self {
        Self { sum: self.sum.and(other.sum), weighted: self.weighted + other.weighted }
    }
}

/// Small enough that sums of a billion rows fit.
const PRIME: i64 = 999_983;

fn weight(mark: i64, ts: i64) -> i64 {
    (mark % PRIME) * (ts % 9_973)
}

/// Judges all views of all servers. `every_row` compares each row even where the sums agree.
///
/// # Errors
/// When the backend does not answer, or the ledger is of another build of the fleet.
pub async fn judge(api: &Api, history: &History, every_row: bool) -> Result<Verdict> {
    let rows = Rows::new(&history.shape)?;
    let mut verdict = summary(history);
    let ledger = Ledgered::new(&rows, history)?;
    // Of each collector: views in which its batch in flight is there, and in which it is not.
    let mut in_flight: Vec<(BTreeSet<String>, BTreeSet<String>)> = vec![Default::default(); history.shape.collectors as usize];
    let views: Vec<String> = rows.views().map(|view| view.name.clone()).collect();
    for view in &views {
        let mut first = 0;
        while first < history.shape.collectors {
            let last = ledger.group(view, first);
            let found = totals(api, &rows, view, first, last).await?;
            for collector in first..=last {
                for server in 0..history.shape.servers {
                    let (acknowledged, pending) = ledger.totals(view, collector, server);
                    let found = found.get(&history.shape.server(collector, server)).copied().unwrap_or_default();
                    verdict.found += found.rows;
                    let clean = found.distinct == found.rows && !every_row;
                    let has = &mut in_flight[collector as usize];
                    if clean && found.total == acknowledged && pending.sum.rows > 0 {
                        has.1.insert(view.clone());
                    } else if clean && pending.sum.rows > 0 && found.total == acknowledged.and(pending) {
                        has.0.insert(view.clone());
                    } else if !clean || found.total != acknowledged {
                        let (there, not) = ledger.compare(api, view, collector, server, &mut verdict).await?;
                        has.0.extend(there.then(|| view.clone()));
                        has.1.extend(not.then(|| view.clone()));
                    }
                }
            }
            first = last + 1;
        }
    }
    for (collector, (there, not)) in in_flight.into_iter().enumerate() {
        verdict.unacknowledged += u64::from(!there.is_empty() && not.is_empty());
        if !there.is_empty() && !not.is_empty() {
            verdict.torn += 1;
            verdict.tell(Difference {
                wrong: Wrong::Torn,
                view: format!("there: {there:?}, not there: {not:?}"),
                server: history.shape.collector_name(u32::try_from(collector).unwrap_or(u32::MAX)),
                ts: 0,
                labels: Vec::new(),
                expected: None,
                found: Vec::new(),
                batch: Some(ledger.last[collector] + 1),
            });
        }
    }
    Ok(verdict)
}

/// What the ledger alone tells.
fn summary(history: &History) -> Verdict {
    let mut verdict = Verdict::default();
    let (mut tries, mut waits) = (Vec::new(), Vec::new());
    for entry in &history.entries {
        for (kind, count) in &entry.failures {
            *verdict.failures.entry(kind.clone()).or_default() += u64::from(*count);
        }
        if entry.refused.is_some() {
            verdict.refused += 1;
            continue;
        }
        verdict.batches += 1;
        verdict.rows += entry.sums.values().map(|sum| sum.rows).sum::<u64>();
        verdict.duplicates += u64::from(entry.duplicate);
        tries.push(Duration::from_micros(entry.try_us));
        waits.push(Duration::from_micros(entry.whole_us));
    }
    verdict.acknowledgement = Spread::of(tries);
    verdict.wait = Spread::of(waits);
    verdict
}

/// What the ledger says of each collector.
struct Ledgered<'a> {
    rows: &'a Rows,
    /// The last sequence answered for good.
    last: Vec<u64>,
    refused: BTreeSet<(u32, u64)>,
}

impl<'a> Ledgered<'a> {
    fn new(rows: &'a Rows, history: &History) -> Result<Self> {
        let mut last = vec![0; history.shape.collectors as usize];
        let mut refused = BTreeSet::new();
        let mut acknowledged: BTreeMap<(u32, String), Sum> = BTreeMap::new();
        for entry in &history.entries {
            *last.get_mut(entry.collector as usize).context("a collector of the ledger's fleet")? = entry.sequence;
            if entry.refused.is_some() {
                refused.insert((entry.collector, entry.sequence));
                continue;
            }
            for (view, sum) in &entry.sums {
                let known = acknowledged.entry((entry.collector, view.clone())).or_default();
                *known = known.and(*sum);
            }
        }
        let this = Self { rows, last, refused };
        for ((collector, view), sum) in acknowledged {
            let made = (0..history.shape.servers).map(|server| this.totals(&view, collector, server).0.sum).fold(Sum::default(), Sum::and);
            ensure!(
                made == sum,
                "the ledger has {sum:?} of {view} from collector {collector}, this build makes {made:?}: judge with the build that shipped"
            );
        }
        Ok(this)
    }

    /// The batch of a time.
    fn sequence(&self, ts: i64) -> u64 {
        let shape = self.rows.shape();
        u64::try_from((ts - shape.origin_us).div_euclid(i64::from(shape.flush_ms) * 1_000)).unwrap_or(0) + 1
    }

    fn acknowledged(&self, collector: u32, ts: i64) -> bool {
        let sequence = self.sequence(ts);
        sequence <= self.last[collector as usize] && !self.refused.contains(&(collector, sequence))
    }

    /// Acknowledged, and in flight at the end.
    fn totals(&self, view: &str, collector: u32, server: u32) -> (Total, Total) {
        let (mut acknowledged, mut pending) = (Total::default(), Total::default());
        let end = self.rows.shape().window(self.last[collector as usize]).1;
        self.rows.each(view, collector, server, (self.rows.shape().origin_us, end), |row| {
            if self.refused.is_empty() || self.acknowledged(collector, row.ts) {
                acknowledged.add(&row);
            }
        });
        self.rows.each(view, collector, server, self.pending(collector), |row| pending.add(&row));
        (acknowledged, pending)
    }

    fn pending(&self, collector: u32) -> (i64, i64) {
        match self.rows.shape().batches {
            Some(batches) if self.last[collector as usize] >= batches => (0, 0),
            _ => self.rows.shape().window(self.last[collector as usize] + 1),
        }
    }

    /// The last collector of a group whose rows one question may count.
    fn group(&self, view: &str, first: u32) -> u32 {
        let shape = self.rows.shape();
        let (mut rows, mut servers) = (0, 0);
        for collector in first..shape.collectors {
            rows += self.totals(view, collector, 0).0.sum.rows * u64::from(shape.servers);
            servers += u64::from(shape.servers);
            if collector > first && (rows > GROUPED || servers > MAX_ROWS) {
                return collector - 1;
            }
        }
        shape.collectors - 1
    }

    /// Compares a server's rows of a view one by one. Whether rows of the batch in flight are there, and whether any is not.
    async fn compare(&self, api: &Api, view: &str, collector: u32, server: u32, verdict: &mut Verdict) -> Result<(bool, bool)> {
        let shape = self.rows.shape();
        let name = shape.server(collector, server);
        let mut found: HashMap<(i64, Vec<Option<String>>), Vec<i64>> = HashMap::new();
        let per_snapshot = u64::from(self.rows.population(view)).max(1);
        // From before the first row to after the last, in pieces that one answer holds.
        let (from, to) = (shape.origin_us, self.pending(collector).1.max(shape.window(self.last[collector as usize]).1));
        let interval = self.rows.views().find(|known| known.name == view).map_or(1, |known| known.interval.as_micros());
        let step =
            i64::try_from(interval).unwrap_or(i64::MAX / 4).saturating_mul(i64::try_from(MAX_ROWS / 4 / per_snapshot).unwrap_or(1).max(1));
        let mut cuts = vec![i64::MIN / 4];
        cuts.extend((0..).map(|at| from + at * step).take_while(|at| *at < to));
        cuts.extend([to, i64::MAX / 4]);
        for piece in cuts.windows(2) {
            self.read(api, view, &name, (piece[0], piece[1]), &mut found).await?;
        }
        let mut there = false;
        let mut not = false;
        let mut differences = Vec::new();
        let mut look = |row: Row, acknowledged: bool| {
            let labels = self.rows.labels(view, row.number);
            let marks = found.remove(&(row.ts, labels.clone()));
            if !acknowledged {
                there |= marks.is_some();
                not |= marks.is_none();
            }
            let wrong = match marks.as_deref() {
                None | Some([]) if acknowledged => Wrong::Missing,
                None | Some([]) => return,
                Some([one]) if *one == row.mark => return,
                Some([_]) => Wrong::Altered,
                Some(_) => Wrong::Doubled,
            };
            differences.push(Difference {
                wrong,
                view: view.to_owned(),
                server: name.clone(),
                ts: row.ts,
                labels,
                expected: Some(row.mark),
                found: marks.unwrap_or_default(),
                batch: Some(self.sequence(row.ts)),
            });
        };
        self.rows.each(view, collector, server, (from, shape.window(self.last[collector as usize]).1), |row| {
            if self.acknowledged(collector, row.ts) {
                look(row, true);
            }
        });
        self.rows.each(view, collector, server, self.pending(collector), |row| look(row, false));
        for ((ts, labels), marks) in found {
            let batch = Some(self.sequence(ts));
            let (view, server) = (view.to_owned(), name.clone());
            differences.push(Difference { wrong: Wrong::Foreign, view, server, ts, labels, expected: None, found: marks, batch });
        }
        differences.sort_by(|a, b| (a.ts, &a.labels).cmp(&(b.ts, &b.labels)));
        differences.into_iter().for_each(|difference| verdict.tell(difference));
        Ok((there, not))
    }

    async fn read(
        &self,
        api: &Api,
        view: &str,
        server: &str,
        within: (i64, i64),
        found: &mut HashMap<(i64, Vec<Option<String>>), Vec<i64>>,
    ) -> Result<()> {
        let mut pieces = vec![within];
        while let Some((from, to)) = pieces.pop() {
            let labels: String = self.labels_sql(view);
            let mark = self.rows.mark_sql(view);
            let query = format!(
                "select cast(ts as bigint), {mark}{labels} from {view} where server = '{server}' \
                 and cast(ts as bigint) >= {from} and cast(ts as bigint) < {to}"
            );
            let (rows, truncated) = ask(api, &query).await?;
            if truncated {
                ensure!(to - from > 1, "{view} has more than {MAX_ROWS} rows of {server} at {from}");
                let middle = from + (to - from) / 2;
                pieces.extend([(from, middle), (middle, to)]);
                continue;
            }
            for row in rows {
                let mut cells = row.into_iter();
                let ts = integer(cells.next().as_ref()).context("a ts")?;
                // A mark that is null was altered.
                let mark = integer(cells.next().as_ref()).unwrap_or(i64::MIN);
                found.entry((ts, cells.map(text).collect())).or_default().push(mark);
            }
        }
        Ok(())
    }

    fn labels_sql(&self, view: &str) -> String {
        let known = self.rows.views().find(|known| known.name == view);
        known.map(|known| known.labels().map(|column| format!(", {}", column.name)).collect()).unwrap_or_default()
    }
}

/// What the backend has of one server and view.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    rows: u64,
    distinct: u64,
    total: Total,
}

async fn totals(api: &Api, rows: &Rows, view: &str, first: u32, last: u32) -> Result<HashMap<String, Found>> {
    let labels: String = rows
        .views()
        .find(|known| known.name == view)
        .map(|known| known.labels().map(|column| format!(", {}", column.name)).collect())
        .unwrap_or_default();
    let (from, to) = rows.shape().server_range(first, last);
    let mark = rows.mark_sql(view);
    let query = format!(
        "select server, sum(copies), count(*), sum(mark), sum(weighted) from (\
           select server, count(*) as copies, sum({mark}) as mark, sum(({mark} % {PRIME}) * (cast(ts as bigint) % 9973)) as weighted \
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

async fn ask(api: &Api, query: &str) -> Result<(Vec<Vec<Value>>, bool)> {
    let body = json!({ "query": query, "max_rows": MAX_ROWS });
    let mut answer = api.request(Method::POST, "/api/v1/sql", Some(&body)).await.with_context(|| query.to_owned())?;
    let truncated = answer["truncated"] != json!(false);
    Ok((serde_json::from_value(answer["rows"].take()).context("read the rows")?, truncated))
}

/// Integers beyond 2^53 come as text.
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Spread, Total, Verdict};
    use crate::fleet::rows::Row;

    #[test]
    fn a_spread_names_the_middle_the_99th_and_the_longest() {
        let spread = Spread::of((1..=200).map(Duration::from_millis).collect());
        assert_eq!([spread.p50, spread.p99, spread.max].map(|of| of.as_millis()), [101, 199, 200]);
        assert_eq!(Spread::of(Vec::new()), Spread::default());
    }

    #[test]
    fn a_row_at_another_time_and_two_that_changed_marks_are_seen_in_the_sums() {
        let total = |rows: &[(i64, i64)]| {
            let mut total = Total::default();
            rows.iter().for_each(|(ts, mark)| total.add(&Row { ts: *ts, number: 0, mark: *mark }));
            total
        };
        let good = total(&[(1_000, 5), (2_000, 9)]);
        assert_ne!(good, total(&[(1_000, 9), (2_000, 5)]));
        assert_ne!(good, total(&[(1_001, 5), (2_000, 9)]));
        assert_ne!(good, total(&[(1_000, 5)]));
    }

    #[test]
    fn any_single_defect_makes_a_verdict_unclean() {
        let defects: [fn(&mut Verdict); 6] = [
            |verdict| verdict.missing = 1,
            |verdict| verdict.doubled = 1,
            |verdict| verdict.altered = 1,
            |verdict| verdict.foreign = 1,
            |verdict| verdict.torn = 1,
            |verdict| verdict.refused = 1,
        ];
        for defect in defects {
            let mut verdict = Verdict::default();
            assert!(verdict.is_clean());
            defect(&mut verdict);
            assert!(!verdict.is_clean() && verdict.to_string().starts_with("NOT CLEAN"));
        }
    }
}
