//! A view of the fleet, and how each column's values are made.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use arrow_schema::SchemaRef;
use pganalytics_views::{Kind, Type, View, ViewSet, schema};

use crate::fleet::population::{self, Cell, Habit};
use crate::fleet::shape::{Shape, mix};

/// The PostgreSQL that all servers run: columns it does not have are null.
const MAJOR: u32 = 17;
/// Of a thousand readings, how many change a rare counter.
pub(super) const RARE: u64 = 30;
/// Parts of the names of rare counters, which hardly ever change in a healthy server.
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

/// A view, and how its rows are made.
#[derive(Debug)]
pub(super) struct Recipe {
    pub(super) habit: Habit,
    pub(super) view: Arc<View>,
    pub(super) schema: SchemaRef,
    pub(super) interval_us: i64,
    pub(super) population: u32,
    pub(super) columns: Vec<Make>,
    pub(super) mark_is_float: bool,
}

/// How a column's values are made.
#[derive(Debug)]
pub(super) enum Make {
    Ts,
    Server,
    Interval,
    /// The same value in all snapshots, one per row of the population.
    Fixed(Vec<Cell>),
    Mark,
    /// A random number below a power of two. A rare counter is mostly 0.
    Number {
        bits: u32,
        rare: bool,
    },
    /// A time before the snapshot.
    Ago,
    Yes,
    Null,
}

/// The rows of one snapshot.
pub(super) struct Snapshot {
    pub(super) ts: i64,
    pub(super) key: u64,
}

impl Recipe {
    pub(super) fn new(habit: Habit, views: &ViewSet, shape: &Shape) -> Result<Self> {
        let view = Arc::clone(
            views.get(habit.view).with_context(|| format!("the view {} no longer exists: adapt the fleet's population", habit.view))?,
        );
        let mark = view
            .column(habit.mark)
            .with_context(|| format!("the column {}.{} no longer exists: choose another mark", habit.view, habit.mark))?;
        ensure!(
            matches!(mark.r#type, Type::Int8 | Type::Float8),
            "the column {}.{} is not a number: choose another mark",
            habit.view,
            habit.mark
        );
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
                    // All servers have the same version.
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

    /// Calls `row` with number and mark of each row that a snapshot ships.
    pub(super) fn rows(&self, snapshot: &Snapshot, mut row: impl FnMut(u32, i64)) {
        for number in 0..self.population {
            let chance = mix(snapshot.key ^ u64::from(number));
            if chance % 1_000 < self.habit.active {
                row(number, 1 + log_uniform(mix(chance), self.habit.mark_bits));
            }
        }
    }
}

/// A number below 2^bits. Small numbers are as likely as large ones, as in most counters.
pub(super) fn log_uniform(random: u64, bits: u32) -> i64 {
    let bits = 1 + (random & 0xffff) % u64::from(bits);
    ((random >> 16) & ((1 << bits) - 1)).cast_signed()
}
