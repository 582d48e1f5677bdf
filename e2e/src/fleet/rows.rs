//! The rows of a fleet, made from its shape: any batch at any time, byte for byte the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_array::builder::{BooleanBuilder, Float64Builder, Int64Builder, StringBuilder, TimestampMicrosecondBuilder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::SchemaRef;
use pganalytics_views::wire::{self, Header, Limits};
use pganalytics_views::{Kind, Type, View, ViewSet, schema};
use serde::{Deserialize, Serialize};

use super::population::{self, Cell, FLOAT_MARK, HABITS, Habit};
use super::shape::{Shape, mix};

/// The PostgreSQL that all servers run: columns it does not have are null.
const MAJOR: u32 = 17;
/// Of a thousand, how often a counter of rare things moves.
const RARE: u64 = 30;
/// Parts of names of counters that hardly ever move in a healthy server.
const RARE_NAMES: [&str; 20] = [
    "temp_",
    "local_",
    "jit_",
    "plan",
    "parallel",
    "conflicts",
    "deadlocks",
    "checksum",
    "abandoned",
    "fatal",
    "killed",
    "restartpoint",
    "fsync",
    "toast",
    "tidx",
    "failed",
    "errors",
    "dropped",
    "stream",
    "spill",
];

/// Rows and the sum of their marks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub rows: u64,
    pub mark: i64,
}

impl Sum {
    fn add(&mut self, mark: i64) {
        self.rows += 1;
        self.mark += mark;
    }

    /// Both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self { rows: self.rows + other.rows, mark: self.mark + other.mark }
    }
}

/// Sums by view.
pub type Sums = BTreeMap<String, Sum>;

/// One row, as the judge looks for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub ts: i64,
    /// Which one of the view's population.
    pub number: u32,
    pub mark: i64,
}

/// Makes the rows.
#[derive(Debug)]
pub struct Rows {
    shape: Shape,
    views: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    habit: Habit,
    view: Arc<View>,
    schema: SchemaRef,
    interval_us: i64,
    population: u32,
    columns: Vec<Make>,
    mark_is_float: bool,
}

/// How a column's values are made.
#[derive(Debug)]
enum Make {
    Ts,
    Server,
    Interval,
    /// Of each row of the population.
    Fixed(Vec<Cell>),
    Mark,
    /// A random number below a power of two; of rare things mostly 0.
    Number {
        bits: u32,
        rare: bool,
    },
    /// Some time ago.
    Ago,
    Yes,
    Null,
}

/// The rows of one snapshot.
struct Snapshot {
    ts: i64,
    key: u64,
}

impl Rows {
    /// # Errors
    /// When the shape is out of bounds, or a view is not as it was when this was written.
    pub fn new(shape: &Shape) -> Result<Self> {
        shape.check()?;
        let views = ViewSet::builtin().context("read the views")?;
        let views = HABITS.into_iter().map(|habit| Known::new(habit, &views, shape)).collect::<Result<_>>()?;
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

    /// SQL of a view's mark as an integer.
    #[must_use]
    pub fn mark_sql(&self, view: &str) -> String {
        match self.known(view) {
            Some((_, known)) if known.mark_is_float => format!("cast({} * {FLOAT_MARK} as bigint)", known.habit.mark),
            Some((_, known)) => known.habit.mark.to_owned(),
            None => "null".to_owned(),
        }
    }

    /// The most rows one server ships of a view in one snapshot.
    #[must_use]
    pub fn population(&self, view: &str) -> u32 {
        self.known(view).map_or(0, |(_, known)| known.population)
    }

    /// The batch of a collector, and what is in it; nothing, where it is closed more often than anything is read.
    ///
    /// # Errors
    /// When it cannot be encoded, which larger fleets are cut into more collectors against.
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
            .with_context(|| format!("encode batch {sequence} of collector {collector}; give each fewer servers"))?;
        Ok((batch, sums))
    }

    /// What a server ships of a view within a time.
    #[must_use]
    pub fn sum(&self, view: &str, collector: u32, server: u32, within: (i64, i64)) -> Sum {
        let mut sum = Sum::default();
        self.each(view, collector, server, within, |row| sum.add(row.mark));
        sum
    }

    /// Each row that a server ships of a view within a time.
    pub fn each(&self, view: &str, collector: u32, server: u32, within: (i64, i64), mut row: impl FnMut(Row)) {
        let Some((index, known)) = self.known(view) else { return };
        for snapshot in self.snapshots(index, collector, server, within) {
            known.rows(&snapshot, |number, mark| row(Row { ts: snapshot.ts, number, mark }));
        }
    }

    /// A row's labels, as the judge compares them.
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

    fn known(&self, view: &str) -> Option<(usize, &Known)> {
        self.views.iter().enumerate().find(|(_, known)| known.view.name == view)
    }

    fn snapshots(&self, index: usize, collector: u32, server: u32, (from, to): (i64, i64)) -> impl Iterator<Item = Snapshot> {
        let known = &self.views[index];
        let who = mix(self.shape.seed ^ mix((u64::from(collector) << 32) | u64::from(server)));
        // The server's own place within every interval, as the collector's schedule has it: 0 to 2^20.
        let phase = (who >> 44).cast_signed();
        let late = if self.shape.settled { (mix(who ^ 1) % known.habit.every.cast_unsigned()).cast_signed() } else { 0 };
        let begin = self.shape.origin_us + ((known.interval_us * phase) >> 20) + known.interval_us * late;
        let step = known.interval_us * known.habit.every;
        let first = (from.max(begin) - begin + step - 1) / step;
        let key = mix(who ^ index as u64);
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

impl Known {
    fn new(habit: Habit, views: &ViewSet, shape: &Shape) -> Result<Self> {
        let view =
            Arc::clone(views.get(habit.view).with_context(|| format!("the view {} is gone: adapt the fleet's population", habit.view))?);
        let mark = view.column(habit.mark).with_context(|| format!("{}.{} is gone: choose another mark", habit.view, habit.mark))?;
        ensure!(matches!(mark.r#type, Type::Int8 | Type::Float8), "{}.{} is no number: choose another mark", habit.view, habit.mark);
        let mark_is_float = mark.r#type == Type::Float8;
        let population = population::count(habit.view, shape);
        let mut columns = vec![Make::Ts, Make::Server, Make::Interval];
        for column in &view.columns {
            columns.push(if column.name == habit.mark {
                Make::Mark
            } else if !column.is_in(MAJOR) {
                Make::Null
            } else {
                match (column.kind, column.r#type) {
                    (Kind::Label | Kind::Text, _) => {
                        Make::Fixed((0..population).map(|row| population::cell(habit.view, &column.name, row, shape)).collect())
                    }
                    (Kind::Counter | Kind::Gauge, Type::Timestamptz) => Make::Ago,
                    (_, Type::Bool) => Make::Yes,
                    (_, Type::Text) => Make::Null,
                    // The version of all servers is one.
                    _ if column.name == "version_num" => Make::Fixed(vec![Cell::Integer(170_006); population as usize]),
                    (kind, r#type) => Make::Number {
                        bits: match r#type {
                            Type::Duration => 33,
                            Type::Float8 => 10,
                            _ if column.unit.as_deref() == Some("bytes") => 30,
                            _ => 14,
                        },
                        rare: kind == Kind::Counter && RARE_NAMES.iter().any(|rare| column.name.contains(rare)),
                    },
                }
            });
        }
        let interval_us = i64::try_from(view.interval.as_micros()).context("the view's interval")?;
        Ok(Self { habit, schema: schema(&view), interval_us, population, columns, mark_is_float, view })
    }

    /// The rows that moved: their numbers and marks.
    fn rows(&self, snapshot: &Snapshot, mut row: impl FnMut(u32, i64)) {
        for number in 0..self.population {
            let chance = mix(snapshot.key ^ u64::from(number));
            if chance % 1_000 < self.habit.active {
                row(number, 1 + log_uniform(mix(chance), self.habit.mark_bits));
            }
        }
    }
}

/// Below 2^bits; small numbers are as likely as large ones, as in most counters.
fn log_uniform(random: u64, bits: u32) -> i64 {
    let bits = 1 + (random & 0xffff) % u64::from(bits);
    ((random >> 16) & ((1 << bits) - 1)).cast_signed()
}

enum Builder {
    Integer(Int64Builder),
    Time(TimestampMicrosecondBuilder),
    Float(Float64Builder),
    Text(StringBuilder),
    Bool(BooleanBuilder),
}

impl Builder {
    fn new(data_type: &arrow_schema::DataType) -> Result<Self> {
        use arrow_schema::DataType;
        Ok(match data_type {
            DataType::Int64 => Self::Integer(Int64Builder::new()),
            DataType::Timestamp(..) => Self::Time(TimestampMicrosecondBuilder::new().with_timezone("UTC")),
            DataType::Float64 => Self::Float(Float64Builder::new()),
            DataType::Utf8 => Self::Text(StringBuilder::new()),
            DataType::Boolean => Self::Bool(BooleanBuilder::new()),
            other => anyhow::bail!("no column of the views is {other}"),
        })
    }

    fn integer(&mut self, value: i64) {
        match self {
            Self::Integer(builder) => builder.append_value(value),
            Self::Time(builder) => builder.append_value(value),
            #[expect(clippy::cast_precision_loss, reason = "a mark of a few bits, or a made-up number")]
            Self::Float(builder) => builder.append_value(value as f64 / FLOAT_MARK as f64),
            _ => self.null(),
        }
    }

    fn text(&mut self, value: &str) {
        match self {
            Self::Text(builder) => builder.append_value(value),
            _ => self.null(),
        }
    }

    fn bool(&mut self, value: bool) {
        match self {
            Self::Bool(builder) => builder.append_value(value),
            _ => self.null(),
        }
    }

    fn null(&mut self) {
        match self {
            Self::Integer(builder) => builder.append_null(),
            Self::Time(builder) => builder.append_null(),
            Self::Float(builder) => builder.append_null(),
            Self::Text(builder) => builder.append_null(),
            Self::Bool(builder) => builder.append_null(),
        }
    }

    fn finish(self) -> ArrayRef {
        match self {
            Self::Integer(mut builder) => Arc::new(builder.finish()),
            Self::Time(mut builder) => Arc::new(builder.finish()),
            Self::Float(mut builder) => Arc::new(builder.finish()),
            Self::Text(mut builder) => Arc::new(builder.finish()),
            Self::Bool(mut builder) => Arc::new(builder.finish()),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use std::collections::BTreeSet;

    use pganalytics_views::ViewSet;
    use pganalytics_views::wire::{Limits, decode};

    use super::{Rows, Shape, Sum};

    fn rows() -> Rows {
        Rows::new(&Shape { collectors: 2, servers: 3, ..Shape::new(7, 6, 1_800_000_000_000_000) }).unwrap()
    }

    #[test]
    fn every_built_in_view_is_shipped() {
        let shipped: BTreeSet<String> = rows().views().map(|view| view.name.clone()).collect();
        // The simulated servers run in no pod, whose log could be read.
        let of_servers = |name: &String| !["kubernetes_pod", "postgres_log"].contains(&name.as_str());
        let known: BTreeSet<String> = ViewSet::builtin().unwrap().iter().map(|view| view.name.clone()).filter(of_servers).collect();
        assert_eq!(shipped, known, "a view came or went: adapt HABITS");
    }

    #[test]
    fn no_two_rows_of_a_server_share_their_labels() {
        let rows = rows();
        for view in rows.views() {
            let labels: BTreeSet<_> = (0..rows.population(&view.name)).map(|number| rows.labels(&view.name, number)).collect();
            assert_eq!(labels.len(), rows.population(&view.name) as usize, "{}", view.name);
        }
    }

    #[test]
    fn a_batch_is_made_again_byte_for_byte_and_another_seed_makes_another() {
        let other = Rows::new(&Shape { seed: 8, ..rows().shape().clone() }).unwrap();
        assert_eq!(rows().batch(1, 7).unwrap(), rows().batch(1, 7).unwrap());
        assert_ne!(rows().batch(1, 7).unwrap().0, other.batch(1, 7).unwrap().0);
    }

    #[test]
    fn batches_hold_what_the_judge_expects_and_follow_one_another_without_gap_or_overlap() {
        let rows = rows();
        for view in rows.views() {
            let mut shipped = Sum::default();
            for sequence in 1..=40 {
                let (_, sums) = rows.batch(0, sequence).unwrap();
                shipped = shipped.and(sums.get(&view.name).copied().unwrap_or_default());
            }
            let (from, to) = (rows.shape().window(1).0, rows.shape().window(40).1);
            let expected = (0..3).map(|server| rows.sum(&view.name, 0, server, (from, to))).fold(Sum::default(), Sum::and);
            assert_eq!(shipped, expected, "{}", view.name);
            assert!(shipped.rows > 0, "{}", view.name);
        }
    }

    #[test]
    fn a_shipped_batch_decodes_to_the_sums_it_was_shipped_with() {
        let (bytes, sums) = rows().batch(1, 3).unwrap();
        let batch = decode(&bytes, &Limits::default()).unwrap();
        assert_eq!((batch.header.sequence, batch.header.collector), (3, rows().shape().collector_id(1)));
        let found: Vec<_> = batch.header.frames.iter().map(|frame| (frame.view.clone(), frame.rows)).collect();
        assert_eq!(found, sums.iter().map(|(view, sum)| (view.clone(), sum.rows)).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_shipped_once_a_day_comes_at_the_start_or_is_spread_over_the_day() {
        let within = |shape: &Shape, minutes: i64| {
            let rows = Rows::new(shape).unwrap();
            let within = (shape.origin_us, shape.origin_us + minutes * 60_000_000);
            let sums = (0..shape.servers).map(|server| rows.sum("pg_settings", 0, server, within));
            sums.fold(Sum::default(), Sum::and).rows
        };
        let fresh = Shape { servers: 40, ..Shape::new(7, 40, 1_800_000_000_000_000) };
        let settled = Shape { settled: true, ..fresh.clone() };
        assert_eq!((within(&fresh, 5), within(&fresh, 1_440)), (40 * 360, 40 * 360));
        assert!(within(&settled, 60) < 10 * 360);
        assert_eq!(within(&settled, 1_440), 40 * 360);
    }

    #[test]
    fn about_39_percent_of_the_statements_move_in_a_minute() {
        let rows = rows();
        let (from, _) = rows.shape().window(1);
        let sum = rows.sum("pg_stat_statements", 0, 0, (from, from + 600_000_000));
        assert!((1_800..2_100).contains(&sum.rows), "{} of 5,000", sum.rows);
    }
}
