//! A view's marks, and their meaning for the rows of a snapshot.

use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};

use arrow_array::cast::AsArray;
use arrow_array::{Array, StringArray};
use arrow_schema::DataType;
use pganalytics_views::{Kind, Says, View};

use super::cell::{Cell, NULL};
use super::rows::Snapshot;

/// The meaning of a view's marks.
#[derive(Debug)]
pub(super) struct Plan {
    says: Vec<Says>,
    /// For each mark that names parts, and for each counter of the view: whether the mark covers the counter.
    covers: Vec<Vec<bool>>,
    /// For each mark that names parts: whether the counters of a new part may appear one interval late.
    settling: Vec<bool>,
    /// For each counter: whether it is a sum over other objects than the row's own.
    sums: Vec<bool>,
    /// For each counter: whether its fall proves that all counters of the row started again from zero.
    restarts: Vec<bool>,
}

impl Plan {
    pub(super) fn new(view: &View) -> Self {
        let counters: Vec<&str> =
            view.columns.iter().filter(|column| column.kind == Kind::Counter).map(|column| column.name.as_str()).collect();
        let listed = |names: &[String]| counters.iter().map(|counter| names.iter().any(|name| name == counter)).collect::<Vec<_>>();
        let says: Vec<Says> = view.marks.iter().map(|mark| mark.says.clone()).collect();
        let mut sums = vec![false; counters.len()];
        let (mut covers, mut settling) = (Vec::new(), Vec::new());
        for mark in &says {
            let Says::Parts { of, settles } = mark else { continue };
            settling.push(*settles);
            let covered = if of.is_empty() { vec![true; counters.len()] } else { listed(of) };
            if !of.is_empty() {
                sums.iter_mut().zip(&covered).for_each(|(sums, covered)| *sums |= covered);
            }
            covers.push(covered);
        }
        Self { says, covers, settling, sums, restarts: listed(&view.restarts_with) }
    }

    /// The number of marks that a slot remembers as numbers.
    pub(super) fn numbers(&self) -> usize {
        self.says.iter().filter(|says| is_remembered(says)).count()
    }

    /// The number of marks that a slot remembers as texts.
    pub(super) fn parts(&self) -> usize {
        self.covers.len()
    }

    pub(super) fn covers(&self, part: usize, counter: usize) -> bool {
        self.covers[part][counter]
    }

    /// The text that a slot remembers for the parts: their names, and [`UNSETTLED`] if the next interval has no delta either.
    pub(super) fn remember<'a>(&self, part: usize, before: Option<&str>, now: Option<&'a str>) -> Option<Cow<'a, str>> {
        let was_unsettled = before.is_some_and(|before| before.split(',').next() == Some(UNSETTLED));
        // If the mark covers all counters, the row itself is new. Otherwise only the parts are new, and they count from zero.
        let is_new = before.is_none() && self.covers[part].iter().all(|covered| *covered);
        if self.settling[part] && !was_unsettled && (is_new || is_part_gone(before, now)) {
            return now.map(|now| Cow::Owned(format!("{UNSETTLED},{now}")));
        }
        now.map(Cow::Borrowed)
    }

    pub(super) fn sums(&self, counter: usize) -> bool {
        self.sums[counter]
    }

    pub(super) fn restarts(&self, counter: usize) -> bool {
        self.restarts[counter]
    }

    /// The marks of a snapshot.
    pub(super) fn of<'a>(&self, snapshot: &'a Snapshot) -> Marks<'a> {
        let mut marks = Marks::default();
        for (says, column) in self.says.iter().zip(&snapshot.marks) {
            let value = || match column.data_type() {
                DataType::Utf8 => Value::Text(column.as_string::<i32>()),
                _ => Value::Cell(Cell::new(column)),
            };
            match says {
                Says::Since => marks.numbers.push((Remembered::Since, value())),
                Says::Witness => marks.numbers.push((Remembered::Witness, value())),
                Says::SomeReset => marks.numbers.push((Remembered::SomeReset, value())),
                Says::Parts { .. } => marks.parts.push(column.as_string::<i32>()),
                Says::AllReset => marks.all_reset.push((value(), only(&value(), snapshot.rows).unwrap_or(NULL))),
                Says::Horizon => marks.horizon = only(&value(), snapshot.rows),
                Says::Born => marks.born = Some(value()),
            }
        }
        marks
    }
}

/// The value of a mark whose non-null values are the same in all rows.
fn only(value: &Value<'_>, rows: usize) -> Option<i64> {
    (0..rows).map(|row| value.number(row)).find(|number| *number != NULL)
}

fn is_remembered(says: &Says) -> bool {
    matches!(says, Says::Since | Says::Witness | Says::SomeReset)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Remembered {
    Since,
    Witness,
    SomeReset,
}

enum Value<'a> {
    Cell(Cell<'a>),
    Text(&'a StringArray),
}

impl Value<'_> {
    /// The value as a number. A text is represented by its hash.
    fn number(&self, row: usize) -> i64 {
        match self {
            Self::Cell(cell) => cell.value(row),
            Self::Text(cells) if cells.is_null(row) => NULL,
            Self::Text(cells) => {
                let mut hasher = DefaultHasher::new();
                cells.value(row).hash(&mut hasher);
                i64::from_ne_bytes(hasher.finish().to_ne_bytes()).max(NULL + 1)
            }
        }
    }
}

/// The marks of one snapshot.
#[derive(Default)]
pub(super) struct Marks<'a> {
    numbers: Vec<(Remembered, Value<'a>)>,
    parts: Vec<&'a StringArray>,
    all_reset: Vec<(Value<'a>, i64)>,
    pub(super) horizon: Option<i64>,
    born: Option<Value<'a>>,
}

/// The changes that a row's marks show since the last snapshot.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Changes {
    /// The row's counters started again from zero.
    pub(super) since: bool,
    /// A witness fell, so the row's counters started again from zero.
    pub(super) witness: bool,
    /// The counters of this row or of another row were reset.
    pub(super) some_reset: bool,
}

impl Marks<'_> {
    /// The numbers of a row that a slot remembers.
    pub(super) fn numbers(&self, row: usize) -> impl Iterator<Item = i64> {
        self.numbers.iter().map(move |(_, value)| value.number(row))
    }

    pub(super) fn part(&self, part: usize, row: usize) -> Option<&str> {
        let cells = self.parts[part];
        cells.is_valid(row).then(|| cells.value(row))
    }

    /// Compares a row's marks with the marks that its slot remembers.
    pub(super) fn changes(&self, row: usize, remembered: &[i64]) -> Changes {
        let mut changes = Changes::default();
        for ((what, value), before) in self.numbers.iter().zip(remembered) {
            let (now, before) = (value.number(row), *before);
            let both = now != NULL && before != NULL;
            match what {
                Remembered::Since => changes.since |= both && now != before,
                Remembered::Witness => changes.witness |= matches!(value, Value::Cell(cell) if cell.less(now, before)),
                Remembered::SomeReset => changes.some_reset |= now != before,
            }
        }
        changes
    }

    pub(super) fn has_some_reset(&self) -> bool {
        self.numbers.iter().any(|(what, _)| *what == Remembered::SomeReset)
    }

    /// The time of the reset of this row or of another row.
    pub(super) fn some_reset(&self, row: usize) -> i64 {
        self.numbers.iter().find(|(what, _)| *what == Remembered::SomeReset).map_or(NULL, |(_, value)| value.number(row))
    }

    pub(super) fn born(&self, row: usize) -> Option<i64> {
        self.born.as_ref().map(|born| born.number(row)).filter(|born| *born != NULL)
    }

    /// The values of the counters that only a reset of all rows resets.
    pub(super) fn all_reset(&self) -> Vec<i64> {
        self.all_reset.iter().map(|(_, value)| *value).collect()
    }

    /// Whether a counter that only a reset of all rows resets fell.
    pub(super) fn all_were_reset(&self, before: &[i64]) -> bool {
        let fell = |((value, now), before): (&(Value<'_>, i64), &i64)| matches!(value, Value::Cell(cell) if cell.less(*now, *before));
        self.all_reset.iter().zip(before).any(fell)
    }
}

/// A name that no part in a snapshot has.
const UNSETTLED: &str = "~";

/// Whether a part of `before` is missing in `now`. Both are lists of names separated by commas; null is an empty list.
pub(super) fn is_part_gone(before: Option<&str>, now: Option<&str>) -> bool {
    let Some(before) = before.filter(|before| !before.is_empty() && now != Some(*before)) else { return false };
    let mut now: Vec<&str> = now.unwrap_or_default().split(',').collect();
    now.sort_unstable();
    before.split(',').any(|part| now.binary_search(&part).is_err())
}
