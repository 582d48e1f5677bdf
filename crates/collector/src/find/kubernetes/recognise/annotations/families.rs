//! Reads the three families of annotations in turn.

use pganalytics_kubernetes::api::Pod;

use super::annotated::Annotated;
use super::{coroot, datadog, ours};

/// Reads the three families and returns the first that asks for anything. `operated`: whether an operator's labels already mark the pod as
/// a server.
///
/// # Errors
/// The invalid annotation and the remedy. Never contains a value that could be a password.
pub(crate) fn read(pod: &Pod, operated: bool) -> Result<Annotated, String> {
    let Some(annotations) = pod.metadata.annotations.as_ref() else { return Ok(Annotated::default()) };
    for family in [ours::read(annotations, operated)?, coroot::read(annotations)?] {
        if family != Annotated::default() {
            return Ok(family);
        }
    }
    datadog::read(pod, annotations)
}
