//! Selects objects of a kind.

/// A selection of objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// The namespace. `None`: all namespaces.
    pub namespace: Option<String>,
    /// A field selector, such as `spec.nodeName=node-1`.
    pub fields: Option<String>,
}
