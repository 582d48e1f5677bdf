//! Compares the backend's rows with the ledger's: by sums, and row by row where the sums differ.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::Result;

use super::answers::{MAX_ROWS, Marks, read, totals};
use super::expected::Expected;
use super::verdict::{Difference, Spread, Verdict, Wrong};
use crate::api::Api;
use crate::fleet::ledger::History;
use crate::fleet::rows::{Row, Rows};

/// Judges all views of all servers. With `every_row`, compares each row even if the sums agree.
///
/// # Errors
/// If the backend does not answer, or the ledger was written by another build.
pub async fn judge(api: &Api, history: &History, every_row: bool) -> Result<Verdict> {
    let rows = Rows::new(&history.shape)?;
    let mut verdict = summary(history);
    let expected = Expected::new(&rows, history)?;
    // For each collector: the views in which its batch in flight is there, and those in which it is missing.
    let mut in_flight: Vec<(BTreeSet<String>, BTreeSet<String>)> = vec![Default::default(); history.shape.collectors as usize];
    let views: Vec<String> = rows.views().map(|view| view.name.clone()).collect();
    for view in &views {
        let mut first = 0;
        while first < history.shape.collectors {
            let last = expected.group(view, first);
            let found = totals(api, &rows, view, first, last).await?;
            for collector in first..=last {
                for server in 0..history.shape.servers {
                    let (acknowledged, pending) = expected.totals(view, collector, server);
                    let found = found.get(&history.shape.server(collector, server)).copied().unwrap_or_default();
                    verdict.found += found.rows;
                    let clean = found.distinct == found.rows && !every_row;
                    let has = &mut in_flight[collector as usize];
                    if clean && found.total == acknowledged && pending.sum.rows > 0 {
                        has.1.insert(view.clone());
                    } else if clean && pending.sum.rows > 0 && found.total == acknowledged.and(pending) {
                        has.0.insert(view.clone());
                    } else if !clean || found.total != acknowledged {
                        let (there, missing) = compare(api, &expected, view, collector, server, &mut verdict).await?;
                        has.0.extend(there.then(|| view.clone()));
                        has.1.extend(missing.then(|| view.clone()));
                    }
                }
            }
            first = last + 1;
        }
    }
    for (collector, (there, missing)) in in_flight.into_iter().enumerate() {
        verdict.unacknowledged += u64::from(!there.is_empty() && missing.is_empty());
        if !there.is_empty() && !missing.is_empty() {
            verdict.torn += 1;
            verdict.add(Difference {
                wrong: Wrong::Torn,
                view: format!("there: {there:?}, missing: {missing:?}"),
                server: history.shape.collector_name(u32::try_from(collector).unwrap_or(u32::MAX)),
                ts: 0,
                labels: Vec::new(),
                expected: None,
                found: Vec::new(),
                batch: Some(expected.last[collector] + 1),
            });
        }
    }
    Ok(verdict)
}

/// The figures that the ledger alone has.
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

/// Compares a server's rows of a view one by one. Returns whether a row of the batch in flight is there, and whether one is missing.
async fn compare(
    api: &Api,
    expected: &Expected<'_>,
    view: &str,
    collector: u32,
    server: u32,
    verdict: &mut Verdict,
) -> Result<(bool, bool)> {
    let rows = expected.rows;
    let shape = rows.shape();
    let name = shape.server(collector, server);
    let mut found = Marks::new();
    let per_snapshot = u64::from(rows.population(view)).max(1);
    // From before the first row to after the last, in pieces that fit into one answer.
    let (from, to) = (shape.origin_us, expected.pending(collector).1.max(shape.window(expected.last[collector as usize]).1));
    let interval = rows.views().find(|known| known.name == view).map_or(1, |known| known.interval.as_micros());
    let step =
        i64::try_from(interval).unwrap_or(i64::MAX / 4).saturating_mul(i64::try_from(MAX_ROWS / 4 / per_snapshot).unwrap_or(1).max(1));
    let mut cuts = vec![i64::MIN / 4];
    cuts.extend((0..).map(|at| from + at * step).take_while(|at| *at < to));
    cuts.extend([to, i64::MAX / 4]);
    for piece in cuts.windows(2) {
        read(api, rows, view, &name, (piece[0], piece[1]), &mut found).await?;
    }
    let (mut there, mut missing) = (false, false);
    let mut differences = Vec::new();
    let mut check = |row: Row, acknowledged: bool| {
        let labels = rows.labels(view, row.number);
        let marks = found.remove(&(row.ts, labels.clone()));
        if !acknowledged {
            there |= marks.is_some();
            missing |= marks.is_none();
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
            batch: Some(expected.sequence(row.ts)),
        });
    };
    rows.each(view, collector, server, (from, shape.window(expected.last[collector as usize]).1), |row| {
        if expected.acknowledged(collector, row.ts) {
            check(row, true);
        }
    });
    rows.each(view, collector, server, expected.pending(collector), |row| check(row, false));
    for ((ts, labels), marks) in found {
        let batch = Some(expected.sequence(ts));
        let (view, server) = (view.to_owned(), name.clone());
        differences.push(Difference { wrong: Wrong::Foreign, view, server, ts, labels, expected: None, found: marks, batch });
    }
    differences.sort_by(|a, b| (a.ts, &a.labels).cmp(&(b.ts, &b.labels)));
    differences.into_iter().for_each(|difference| verdict.add(difference));
    Ok((there, missing))
}
