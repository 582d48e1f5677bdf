//! The SQL tables: one per view, over the view's hot rows and files in one snapshot.
//!
//! A table is a [`StoredTable`] under a projection that converts nanoseconds to milliseconds. The projection is a plain logical plan, so
//! DataFusion's optimizer sees through it: filters, columns and limits reach the files, and a query divides only the durations that it
//! needs, once per row.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::datatypes::{DataType, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider, view::ViewTable};
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableProviderFilterPushDown, TableType, cast, lit};
use datafusion::physical_plan::ExecutionPlan;

use super::reads::Reads;
use super::recent::Unsummed;
use super::stored::StoredTable;
use crate::model::{NANOSECONDS, Shape};
use crate::parquet::Files;
use crate::present::Contents;

/// A view's table in one snapshot.
pub(crate) fn table(
    shape: &Arc<Shape>,
    contents: Contents,
    unsummed: Option<Unsummed>,
    files: &Files,
    reads: &Arc<Reads>,
) -> Result<Arc<dyn TableProvider>> {
    let name = TableReference::bare(shape.name());
    let columns = shape.stored.fields().iter().enumerate().map(|(at, field)| {
        let column = Expr::Column(Column::new(Some(name.clone()), field.name()));
        match shape.is_duration(at) {
            true => (cast(column, DataType::Float64) / lit(NANOSECONDS)).alias(field.name()),
            false => column,
        }
    });
    let columns: Vec<Expr> = columns.collect();
    let shows_all_as_stored = (0..columns.len()).all(|at| !shape.is_duration(at));
    let stored = Arc::new(StoredTable { shape: Arc::clone(shape), contents, unsummed, files: files.clone(), reads: Arc::clone(reads) });
    if shows_all_as_stored {
        return Ok(stored);
    }
    let plan = LogicalPlanBuilder::scan(name, provider_as_source(stored), None)?.project(columns)?.build()?;
    Ok(Arc::new(ShownTable(ViewTable::new(plan, None))))
}

/// A table that reports itself as a base table but gives the optimizer its plan.
#[derive(Debug)]
struct ShownTable(ViewTable);

#[async_trait]
impl TableProvider for ShownTable {
    fn get_logical_plan(&self) -> Option<Cow<'_, LogicalPlan>> {
        self.0.get_logical_plan()
    }

    fn schema(&self) -> SchemaRef {
        self.0.schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        self.0.supports_filters_pushdown(filters)
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.0.scan(state, projection, filters, limit).await
    }
}
