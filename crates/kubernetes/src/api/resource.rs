//! A kind of object, and its path in the API.

use super::object::ObjectMeta;
use super::pod::Pod;
use super::review::{SelfSubjectAccessReview, TokenReview};
use super::secret::Secret;

/// A kind of object.
pub trait Resource {
    /// The API group. Empty for the core group.
    const GROUP: &'static str;
    const VERSION: &'static str;
    /// The plural name, as in a Role.
    const PLURAL: &'static str;

    fn meta(&self) -> &ObjectMeta;
}

macro_rules! resources {
    ($($kind:ty: $group:literal $version:literal $plural:literal;)*) => {$(
        impl Resource for $kind {
            const GROUP: &'static str = $group;
            const VERSION: &'static str = $version;
            const PLURAL: &'static str = $plural;

            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
        }
    )*};
}

resources! {
    Pod: "" "v1" "pods";
    Secret: "" "v1" "secrets";
    SelfSubjectAccessReview: "authorization.k8s.io" "v1" "selfsubjectaccessreviews";
    TokenReview: "authentication.k8s.io" "v1" "tokenreviews";
}
