//! The objects of the API, with only the fields that are used, under the API's own names.
//!
//! # Why not a crate of all types
//! About thirty of a pod's hundreds of fields are used. The parser skips the rest, which then takes no memory; managed fields alone are often
//! half of the bytes. Fields that the API adds, omits or sets to null are no error. `k8s-openapi` and `kube` would add a hundred kinds, and
//! kube's client a second HTTP stack, a YAML parser and a JSONPath parser. The collector should stay small.

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
