//! Which objects of a kind.

/// Which objects of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scope {
    /// Of one namespace; of all where `None`.
    pub namespace: Option<String>,
    /// As in `spec.nodeName=node-1`.
    pub fields: Option<String>,
}
