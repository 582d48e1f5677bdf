//! The part of the API's objects that is read or written here, under the API's own names.
//!
//! # Why not a crate of all types
//! Of a pod's hundreds of fields some thirty matter; the rest (managed fields above all, often half of the bytes) is passed over while it is
//! parsed and takes no memory. Whatever the API adds, leaves out or sets to null is no error. `k8s-openapi` and `kube` would bring a
//! hundred kinds, and with kube's client a second HTTP stack, a YAML and a JSONPath parser, into a collector that is to stay small.

mod object;
mod page;
mod pod;
mod resource;
mod review;
mod secret;

pub use object::{ObjectMeta, OwnerReference};
pub(crate) use page::{List, Status, WatchEvent};
pub use pod::{
    Container, ContainerPort, ContainerState, ContainerStatus, PersistentVolumeClaimVolumeSource, Pod, PodSpec, PodStatus, Quantity,
    ResourceRequirements, Terminated, Volume, VolumeMount,
};
pub use resource::Resource;
pub use review::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SubjectAccessReviewStatus, TokenReview, TokenReviewSpec,
    TokenReviewStatus, UserInfo,
};
pub use secret::{Bytes, Secret};
