//! Reads the texts of statements whose ids were shipped and whose texts are not known yet.

use std::sync::Arc;
use std::time::Instant;

use pganalytics_views::View;

use super::memory::Reader;
use crate::clock::now_us;
use crate::delta;
use crate::read::cost::Reading;
use crate::read::probe::texts::ReadTexts;

pub(super) const TEXTS: &str = "pg_stat_statements_text";

impl Reader {
    /// Reads the texts of statements whose ids were shipped and whose texts are not known yet.
    pub(super) async fn read_texts(&mut self, view: &Arc<View>) {
        if !self.target.is_up() || !self.texts.wants(Instant::now()) {
            return;
        }
        let Some(extension) = view.extension.clone() else { return };
        let begun = Instant::now();
        // A missing extension is already reported as an error of `pg_stat_statements`.
        let Ok(home) = self.home(&extension).await else { return };
        let mut texts = std::mem::take(&mut self.texts);
        texts.at(&format!("{:?}.{}", home.database, home.installed.schema));
        let place = home.database.as_deref();
        let outcome = match self.take(place).await {
            Ok(mut session) => {
                let outcome = self.patiently(texts.read(&mut session, view, &home.installed.schema, now_us())).await;
                self.put(place, session, &outcome);
                outcome
            }
            Err(error) => Err(error),
        };
        self.texts = texts;
        match outcome {
            Ok(ReadTexts { snapshot, took, trouble }) => match delta::already_deltas(view, &self.target.options.name, &snapshot, None) {
                Ok(rows) => {
                    let count = rows.num_rows() as u64;
                    self.target.common.gather.add(&view.name, rows);
                    let reading = Reading { duration: took, rows_read: count, rows_shipped: count, rows_cut: snapshot.cut };
                    self.target.was_read(&view.name, None, reading);
                    if let Some(why) = trouble {
                        self.target.lacks(&view.name, None, &why);
                    }
                }
                Err(error) => self.target.was_not_read(&view.name, None, took, &error.to_string()),
            },
            Err(error) => {
                let text = self.after(&error, view);
                self.target.was_not_read(&view.name, None, begun.elapsed(), &text);
            }
        }
    }
}
