//! Makes any batch at any time, byte for byte the same, from the fleet's shape.

use std::sync::Arc;

use anyhow::{Context, Result};
use arrow_array::RecordBatch;
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{View, ViewSet};

use super::columns::Builder;
use super::recipe::{Make, RARE, Recipe, Snapshot, log_uniform};
use super::sum::{Row, Sum, Sums};
use crate::fleet::population::{self, Cell, FLOAT_MARK, HABITS};
use crate::fleet::shape::{Shape, mix};

/// Makes the rows of a fleet.
#[derive(Debug)]
pub struct Rows {
    shape: Shape,
    views: Vec<Recipe>,
}

impl Rows {
    /// # Errors
    /// If the shape is out of bounds, or a view no longer fits the fleet's population.
    pub fn new(shape: &Shape) -> Result<Self> {
        shape.check()?;
        let views = ViewSet::builtin().context("read the views")?;
        let views = HABITS.into_iter().map(|habit| Recipe::new(habit, &views, shape)).collect::<Result<_>>()?;
        Ok(Self { shape: shape.clone(), views })
    }

    #[must_use]
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The views a fleet ships.
    pub fn views(&self) -> impl Iterator<Item = &View> {
        self.views.iter().map(|known| known.view.as_ref())
    }

    /// SQL for a view's mark as an integer.
    #[must_use]
    pub fn mark_sql(&self, view: &str) -> String {
        match self.known(view) {
            Some((_, known)) if known.mark_is_float => format!("cast({} * {FLOAT_MARK} as bigint)", known.habit.mark),
            Some((_, known)) => known.habit.mark.to_owned(),
            None => "null".to_owned(),
        }
    }

    /// The largest number of rows that one server ships of a view in one snapshot.
    #[must_use]
    pub fn population(&self, view: &str) -> u32 {
        self.known(view).map_or(0, |(_, known)| known.population)
    }

    /// A batch of a collector with the sums of its rows. The batch has no rows if no view is read within its time.
    ///
    /// # Errors
    /// If the batch is too large: give the fleet more collectors.
    pub fn batch(&self, collector: u32, sequence: u64) -> Result<(Vec<u8>, Sums)> {
        let (from, to) = self.shape.window(sequence);
        let mut sums = Sums::new();
        let mut frames = Vec::new();
        for index in 0..self.views.len() {
            let Some((rows, sum)) = self.frame(index, collector, (from, to))? else { continue };
            let view = self.views[index].view.name.clone();
            sums.insert(view.clone(), sum);
            frames.push((view, rows));
        }
        let header = Header {
            collector: self.shape.collector_id(collector),
            collector_name: self.shape.collector_name(collector),
            sequence,
            created_us: to,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            dropped_rows: 0,
            status: None,
            frames: Vec::new(),
        };
        let batch = wire::encode(header, &frames, &Limits::default())
            .with_context(|| format!("cannot encode batch {sequence} of collector {collector}; use fewer servers per collector"))?;
        Ok((batch, sums))
    }

    /// The sum of the rows that a server ships of a view within a time.
    #[must_use]
    pub fn sum(&self, view: &str, collector: u32, server: u32, within: (i64, i64)) -> Sum {
        let mut sum = Sum::default();
        self.each(view, collector, server, within, |row| sum.add(row.mark));
        sum
    }

    /// Calls `row` for each row that a server ships of a view within a time.
    pub fn each(&self, view: &str, collector: u32, server: u32, within: (i64, i64), mut row: impl FnMut(Row)) {
        let Some((index, known)) = self.known(view) else { return };
        for snapshot in self.snapshots(index, collector, server, within) {
            known.rows(&snapshot, |number, mark| row(Row { ts: snapshot.ts, number, mark }));
        }
    }

    /// A row's labels as the judge compares them.
    #[must_use]
    pub fn labels(&self, view: &str, number: u32) -> Vec<Option<String>> {
        let Some((_, known)) = self.known(view) else { return Vec::new() };
        let text = |cell: Cell| match cell {
            Cell::Text(text) => Some(text),
            Cell::Integer(number) => Some(number.to_string()),
            Cell::Bool(value) => Some(value.to_string()),
            Cell::Null | Cell::Host | Cell::Identifier | Cell::Collector => None,
        };
        known.view.labels().map(|column| text(population::cell(view, &column.name, number, &self.shape))).collect()
    }

    fn known(&self, view: &str) -> Option<(usize, &Recipe)> {
        self.views.iter().enumerate().find(|(_, known)| known.view.name == view)
    }

    fn snapshots(&self, index: usize, collector: u32, server: u32, (from, to): (i64, i64)) -> impl Iterator<Item = Snapshot> {
        let known = &self.views[index];
        let server_key = mix(self.shape.seed ^ mix((u64::from(collector) << 32) | u64::from(server)));
        // Each server has its own place within every interval, as in the collector's schedule: 0 to 2^20.
        let phase = (server_key >> 44).cast_signed();
        let late = if self.shape.settled { (mix(server_key ^ 1) % known.habit.every.cast_unsigned()).cast_signed() } else { 0 };
        let begin = self.shape.origin_us + ((known.interval_us * phase) >> 20) + known.interval_us * late;
        let step = known.interval_us * known.habit.every;
        let first = (from.max(begin) - begin + step - 1) / step;
        let key = mix(server_key ^ index as u64);
        (first..)
            .map(move |round| Snapshot { ts: begin + round * step, key: mix(key ^ round.cast_unsigned()) })
            .take_while(move |snapshot| snapshot.ts < to)
    }

    fn frame(&self, index: usize, collector: u32, within: (i64, i64)) -> Result<Option<(RecordBatch, Sum)>> {
        let known = &self.views[index];
        let mut columns: Vec<Builder> = known.schema.fields().iter().map(|field| Builder::new(field.data_type())).collect::<Result<_>>()?;
        let mut sum = Sum::default();
        for server in 0..self.shape.servers {
            let name = self.shape.server(collector, server);
            for snapshot in self.snapshots(index, collector, server, within) {
                known.rows(&snapshot, |number, mark| {
                    sum.add(mark);
                    let mut random = mix(snapshot.key ^ (u64::from(number) << 32));
                    for (builder, make) in columns.iter_mut().zip(&known.columns) {
                        random = mix(random);
                        match make {
                            Make::Ts => builder.integer(snapshot.ts),
                            Make::Server => builder.text(&name),
                            Make::Interval => builder.integer(known.interval_us / 1_000),
                            Make::Fixed(cells) => match &cells[number as usize] {
                                Cell::Null => builder.null(),
                                Cell::Text(text) => builder.text(text),
                                Cell::Integer(value) => builder.integer(*value),
                                Cell::Bool(value) => builder.bool(*value),
                                Cell::Host => builder.text(name.trim_end_matches(":5432")),
                                Cell::Identifier => {
                                    builder
                                        .text(&(7_000_000_000_000_000_000 + u64::from(collector) * 1_000 + u64::from(server)).to_string());
                                }
                                Cell::Collector => builder.text(&self.shape.collector_name(collector)),
                            },
                            Make::Mark => builder.integer(mark),
                            Make::Number { rare: true, .. } if random % 1_000 >= RARE => builder.integer(0),
                            Make::Number { bits, .. } => builder.integer(log_uniform(random, *bits)),
                            Make::Ago => builder.integer(snapshot.ts - log_uniform(random, 36)),
                            Make::Yes => builder.bool(true),
                            Make::Null => builder.null(),
                        }
                    }
                });
            }
        }
        if sum.rows == 0 {
            return Ok(None);
        }
        let columns = columns.into_iter().map(Builder::finish).collect();
        let rows = RecordBatch::try_new(Arc::clone(&known.schema), columns).with_context(|| format!("make rows of {}", known.view.name))?;
        Ok(Some((rows, sum)))
    }
}
