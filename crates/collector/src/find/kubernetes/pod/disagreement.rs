//! Detects a label that contradicts the server.

use crate::find::kubernetes::recognise::Role;

/// How many readings in a row must disagree before a warning. After a failover, the label follows some seconds later.
const DISAGREEMENTS: u32 = 3;
/// Detects that a label contradicts the server for longer than a failover takes.
#[derive(Debug, Default)]
pub(crate) struct Disagreement {
    seen: u32,
}

impl Disagreement {
    /// Returns the warning, once.
    pub(crate) fn look(&mut self, label: Option<Role>, in_recovery: Option<bool>) -> Option<String> {
        let (Some(label), Some(standby)) = (label, in_recovery) else { return None };
        let is = if standby { Role::Standby } else { Role::Primary };
        if label == is {
            self.seen = 0;
            return None;
        }
        self.seen = self.seen.saturating_add(1);
        (self.seen == DISAGREEMENTS).then(|| {
            format!(
                "the pod's label says {}, but the server is a {}: the server's role is used; check the operator",
                label.name(),
                is.name()
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_lags_behind_a_failover_is_not_reported() {
        let mut disagreement = Disagreement::default();
        let mut look = |label, standby| disagreement.look(Some(label), Some(standby)).is_some();
        assert_eq!([look(Role::Primary, true), look(Role::Primary, true), look(Role::Standby, true)], [false; 3]);
        assert_eq!([look(Role::Primary, true), look(Role::Primary, true)], [false; 2]);
        assert!(look(Role::Primary, true));
        assert!(!look(Role::Primary, true), "reported once");
    }
}
