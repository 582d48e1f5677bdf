//! The three families in turn.

use pganalytics_kubernetes::api::Pod;

use super::annotated::Annotated;
use super::{coroot, datadog, ours};

/// Reads the three families; the first that says anything is taken. `operated`: whether an operator's labels say already that the pod is a
/// server.
///
/// # Errors
/// What cannot be followed, and the remedy. Never holds a value that could be a password.
pub(crate) fn read(pod: &Pod, operated: bool) -> Result<Annotated, String> {
    let Some(annotations) = pod.metadata.annotations.as_ref() else { return Ok(Annotated::default()) };
    for family in [ours::read(annotations, operated)?, coroot::read(annotations)?] {
        if family != Annotated::default() {
            return Ok(family);
        }
    }
    datadog::read(pod, annotations)
}
