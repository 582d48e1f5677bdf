//! What an error from reading files comes from: a store that is away, or a file that is damaged.

/// Why files could not be read.
#[derive(Debug)]
pub(crate) enum Blame {
    /// One is not as it was written, or not there; which, and what to do about it.
    Damaged { file: String, remedy: String },
    /// The store gives none; in its own words.
    Away(String),
}

/// The store's own words, where it is not the file that is missing or damaged.
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
