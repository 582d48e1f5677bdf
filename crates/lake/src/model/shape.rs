//! The two shapes of a table: as rows are stored (hot and in Parquet), and as SQL shows them.
//!
//! Stored: the view's schema of [`pganalytics_views::schema`] with texts as `Utf8View`, which groups and compares faster than
//! `Utf8` and shares the bytes it came in. Shown: the same, but a duration is a Float64 of milliseconds instead of an Int64 of
//! nanoseconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use pganalytics_views::{Kind, SERVER, TS, Tier, Type, View, ViewSet, schema};

/// Nanoseconds in the millisecond that durations are shown in.
pub(crate) const NANOSECONDS: f64 = 1_000_000.0;

/// The positions of the first columns of every table.
pub(crate) const TS_AT: usize = 0;
pub(crate) const SERVER_AT: usize = 1;

/// One table.
#[derive(Debug)]
pub(crate) struct Shape {
    pub(crate) view: Arc<View>,
    /// The schema of stored rows.
    pub(crate) stored: SchemaRef,
    /// The schema that SQL shows.
    pub(crate) shown: SchemaRef,
    /// The backend computes the rows from other views. No collector ships them, and no file holds them.
    pub(crate) is_made: bool,
    /// The sort order of rows in a file: server, labels…, ts.
    pub(crate) order: Vec<usize>,
}

impl Shape {
    fn new(view: &Arc<View>, is_made: bool) -> Self {
        let wire = schema(view);
        let stored: Vec<Field> = wire
            .fields()
            .iter()
            .map(|field| match field.data_type() {
                DataType::Utf8 => field.as_ref().clone().with_data_type(DataType::Utf8View),
                _ => field.as_ref().clone(),
            })
            .collect();
        let is_duration = |name: &str| view.column(name).is_some_and(|column| column.r#type == Type::Duration);
        let shown: Vec<Field> = stored
            .iter()
            .map(|field| if is_duration(field.name()) { field.clone().with_data_type(DataType::Float64) } else { field.clone() })
            .collect();
        let labels = view.columns.iter().filter(|column| column.kind == Kind::Label).map(|column| column.name.as_str());
        let order = [SERVER].into_iter().chain(labels).chain([TS]).filter_map(|name| wire.index_of(name).ok()).collect();
        Self { view: Arc::clone(view), stored: Arc::new(Schema::new(stored)), shown: Arc::new(Schema::new(shown)), is_made, order }
    }

    /// The same table with more columns at the end of its stored rows.
    pub(crate) fn with(&self, columns: &[FieldRef]) -> Self {
        let all = |known: &SchemaRef| Arc::new(Schema::new(known.fields().iter().chain(columns).cloned().collect::<Vec<_>>()));
        let (stored, shown) = (all(&self.stored), all(&self.shown));
        Self { view: Arc::clone(&self.view), stored, shown, is_made: self.is_made, order: self.order.clone() }
    }

    pub(crate) fn name(&self) -> &str {
        &self.view.name
    }

    /// Whether the column at this position is stored in nanoseconds and shown in milliseconds.
    pub(crate) fn is_duration(&self, at: usize) -> bool {
        self.stored.field(at).data_type() != self.shown.field(at).data_type()
    }
}

/// All tables, by name.
#[derive(Debug)]
pub(crate) struct Shapes(BTreeMap<String, Arc<Shape>>);

impl Shapes {
    pub(crate) fn new(views: &ViewSet) -> Self {
        let is_made = |view: &View| views.made().any(|made| made.name == view.name);
        Self(views.tables().into_iter().map(|view| (view.name.clone(), Arc::new(Shape::new(view, is_made(view))))).collect())
    }

    pub(crate) fn get(&self, view: &str) -> Option<&Arc<Shape>> {
        self.0.get(view)
    }

    /// The table of a view that collectors ship. `None` for rollups and for views that the backend computes.
    pub(crate) fn collected(&self, view: &str) -> Option<&Arc<Shape>> {
        self.get(view).filter(|shape| shape.view.rollup.is_none() && !shape.is_made)
    }

    /// The rollups of a view, the finest first.
    pub(crate) fn rollups(&self, view: &str) -> impl Iterator<Item = (&Arc<Shape>, Tier)> {
        let of_view = move |shape: &&Arc<Shape>| shape.view.rollup.as_ref().is_some_and(|origin| origin.view.name == view);
        let mut rollups: Vec<_> = self.iter().filter(of_view).filter_map(|shape| Some((shape, shape.view.rollup.as_ref()?.tier))).collect();
        rollups.sort_by_key(|(_, tier)| *tier);
        rollups.into_iter()
    }

    /// Whether a table has rollups.
    pub(crate) fn has_rollups(&self, shape: &Shape) -> bool {
        self.rollups(shape.name()).next().is_some()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Shape>> {
        self.0.values()
    }
}
