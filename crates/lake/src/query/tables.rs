//! The SQL catalog: the views' tables in one snapshot, and the dictionary.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::memory::{MemoryCatalogProvider, MemoryCatalogProviderList};
use datafusion::catalog::{CatalogProvider as _, CatalogProviderList as _, MemTable, SchemaProvider, TableProvider};
use datafusion::error::{DataFusionError, Result};

use super::reads::Reads;
use super::recent::Unsummed;
use super::schemas::{CATALOG, DICTIONARY, PUBLIC};
use super::table::table;
use crate::model::{Shape, Shapes};
use crate::parquet::Files;
use crate::present::{Present, Snapshot};
use crate::rollup::Binning;

/// The catalog of one query.
pub(crate) fn catalog(tables: Tables, dictionary: Arc<dyn SchemaProvider>) -> Result<Arc<MemoryCatalogProviderList>> {
    let catalog = MemoryCatalogProvider::new();
    catalog.register_schema(PUBLIC, Arc::new(tables))?;
    catalog.register_schema(DICTIONARY, dictionary)?;
    let list = MemoryCatalogProviderList::new();
    list.register_catalog(CATALOG.into(), Arc::new(catalog));
    Ok(Arc::new(list))
}

/// The views' tables in one snapshot.
#[derive(Debug)]
pub(crate) struct Tables {
    pub(crate) shapes: Arc<Shapes>,
    pub(crate) files: Files,
    pub(crate) present: Arc<Present>,
    pub(crate) snapshot: Snapshot,
    pub(crate) reads: Arc<Reads>,
}

impl Tables {
    fn unsummed(&self, rollup: &Shape, view: &str) -> Result<Option<Unsummed>> {
        let Some(shape) = self.shapes.get(view) else { return Ok(None) };
        let binning = Binning::new(rollup, shape).map_err(|error| DataFusionError::External(error.into()))?;
        let contents = self.snapshot.get(view).cloned().unwrap_or_default();
        Ok(Some(Unsummed { shape: Arc::clone(shape), binning: Arc::new(binning), contents }))
    }
}

#[async_trait]
impl SchemaProvider for Tables {
    fn table_names(&self) -> Vec<String> {
        self.shapes.iter().map(|shape| shape.name().to_owned()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let contents = self.snapshot.get(name).cloned().unwrap_or_default();
        let Some(shape) = self.shapes.get(name) else { return Ok(None) };
        if shape.is_made {
            self.reads.note_fresh();
            let rows = self.present.fleet(shape).map_err(|error| DataFusionError::External(error.into()))?;
            return Ok(Some(Arc::new(MemTable::try_new(Arc::clone(&shape.stored), vec![vec![rows]])?)));
        }
        let unsummed = match &shape.view.rollup {
            Some(origin) => self.unsummed(shape, &origin.view.name)?,
            None => None,
        };
        table(shape, contents, unsummed, &self.files, &self.reads).map(Some)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.shapes.get(name).is_some()
    }
}
