//! What the server runs on: this machine, or a host that whoever found it knows.

use std::sync::Arc;
use std::time::Instant;

use pganalytics_views::View;

use super::memory::Reader;
use crate::clock::now_us;
use crate::read::probe::host;

impl Reader {
    pub(super) fn read_machine(&mut self, view: &Arc<View>) {
        if !self.is_local() {
            return;
        }
        let begun = Instant::now();
        match host::read(view, now_us()) {
            Ok(snapshot) => self.ship(view, None, &snapshot, begun.elapsed()),
            Err(error) => self.target.was_not_read(&view.name, None, begun.elapsed(), &format!("{error:#}")),
        }
    }

    pub(super) fn read_its_host(&mut self, view: &Arc<View>) {
        let Some(at) = self.target.link.host() else { return };
        let begun = Instant::now();
        if let Some(what) = at.contradicts(self.in_recovery) {
            tracing::warn!(server = self.target.options.name, "{what}");
        }
        match at.read(view, self.in_recovery, now_us()) {
            Ok(snapshot) => self.ship(view, None, &snapshot, begun.elapsed()),
            Err(error) => self.target.was_not_read(&view.name, None, begun.elapsed(), &format!("{error:#}")),
        }
    }
}
