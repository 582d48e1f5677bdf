//! The type of a text without values.

/// A text without values. Only this room can make one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Redacted(String);

impl Redacted {
    pub(super) fn new(text: String) -> Self {
        Self(text)
    }

    #[must_use]
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}
