//! Why reading files failed: the store does not answer, or a file is damaged.

/// Why files could not be read.
#[derive(Debug)]
pub(crate) enum Blame {
    /// A file is missing or differs from what was written: its id, its name, and the remedy.
    Damaged { id: i64, file: String, remedy: String },
    /// The store does not answer; its own message.
    Away(String),
}

/// The store's own message, if the fault is not a missing or damaged file.
pub(crate) fn away(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        match error.downcast_ref::<object_store::Error>() {
            Some(object_store::Error::NotFound { .. }) => return None,
            Some(error) => return Some(error.to_string()),
            None => cause = error.source(),
        }
    }
    None
}
