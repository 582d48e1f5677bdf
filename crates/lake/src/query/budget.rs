//! What one statement may make in memory that DataFusion does not count: texts of functions, and copies of constants and of wide rows.
//!
//! Such values exist for one batch of rows at a time. So the batches of a statement become smaller, the more of them it makes: the bound of a
//! batch stays the same, and the bound of a row too.

use std::any::Any;

use datafusion::common::config::{ConfigEntry, ConfigExtension, ConfigOptions, ExtensionOptions};
use datafusion::error::{DataFusionError, Result};

use super::stop::Stop;

/// Rows in a batch between operators: DataFusion's default.
pub(crate) const BATCH_ROWS: usize = 8_192;
/// Rows in a batch of a statement that makes texts, shared by the calls that make them.
const TEXT_ROWS: usize = 1_024;
/// The least rows in a batch.
const LEAST_ROWS: usize = 64;
/// The most bytes of text that one call may make for a row, on average over a batch.
const ROW_TEXT: usize = 16 << 10;
/// The least bytes of text that one call may make from a batch.
const LEAST_TEXT: usize = 1 << 20;
/// The most bytes of one batch that are copies of constants, or of one wide row.
const COPIES: usize = 128 << 20;
/// The most bytes of constants in a statement. A parameter counts at each of its places.
const MAX_CONSTANTS: usize = 1 << 20;

/// The bounds of one statement, as an extension of DataFusion's configuration, where functions find them.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    /// Rows in a batch.
    pub(crate) rows: usize,
    /// The most bytes of text that one call may make from a batch.
    pub(crate) text: usize,
    /// Whether the statement must stop.
    pub(crate) stop: Stop,
}

impl Budget {
    /// The bounds while a statement is planned: its constants are computed then.
    pub(crate) fn of_planning(stop: Stop) -> Self {
        Self { rows: BATCH_ROWS, text: LEAST_TEXT, stop }
    }

    /// The bounds of a statement with `calls` calls that make texts, and `constants` bytes of constants.
    ///
    /// # Errors
    /// If the constants are too long.
    pub(crate) fn of(calls: usize, constants: usize, stop: Stop) -> Result<Self> {
        if constants > MAX_CONSTANTS {
            let message = format!("the constants of the statement have {constants} bytes in all, at most {MAX_CONSTANTS} are allowed");
            return Err(DataFusionError::ResourcesExhausted(message));
        }
        let of_texts = TEXT_ROWS.checked_div(calls).unwrap_or(BATCH_ROWS);
        let of_constants = COPIES / constants.max(1);
        let rows = of_texts.min(of_constants).clamp(LEAST_ROWS, BATCH_ROWS);
        let text = (ROW_TEXT * rows.min(TEXT_ROWS)).max(LEAST_TEXT);
        Ok(Self { rows, text, stop })
    }

    /// The bounds of the statement whose configuration this is.
    pub(crate) fn within(config: &ConfigOptions) -> Self {
        config.extensions.get::<Self>().cloned().unwrap_or_else(|| Self::of_planning(Stop::default()))
    }

    /// The most bytes of a row that an operator may copy once for each row of a batch.
    pub(crate) fn copied_row(&self) -> usize {
        COPIES / self.rows
    }
}

impl ConfigExtension for Budget {
    const PREFIX: &'static str = "pganalytics_budget";
}

impl ExtensionOptions for Budget {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn cloned(&self) -> Box<dyn ExtensionOptions> {
        Box::new(self.clone())
    }

    fn set(&mut self, key: &str, _: &str) -> Result<()> {
        Err(DataFusionError::Configuration(format!("{key} cannot be set")))
    }

    fn entries(&self) -> Vec<ConfigEntry> {
        Vec::new()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
mod tests {
    use super::*;

    #[test]
    fn a_batch_makes_no_more_the_more_calls_and_constants_there_are() {
        let of = |calls, constants| Budget::of(calls, constants, Stop::default()).unwrap();
        assert_eq!(of(0, 100).rows, BATCH_ROWS);
        assert_eq!((of(1, 0).rows, of(1, 0).text), (1_024, 16 << 20));
        for calls in 1..16 {
            let budget = of(calls, 0);
            assert!(budget.text * calls <= 16 << 20, "{calls}");
            assert!(budget.text / budget.rows >= ROW_TEXT, "{calls}");
        }
        assert_eq!(of(900, 0).rows, LEAST_ROWS);
        for constants in [1, 20_000, 100_000, MAX_CONSTANTS] {
            assert!(of(0, constants).rows * constants <= COPIES, "{constants}");
        }
        assert_eq!(of(0, MAX_CONSTANTS).copied_row(), MAX_CONSTANTS);
        assert!(Budget::of(0, MAX_CONSTANTS + 1, Stop::default()).is_err());
    }
}
