//! The part of the API's objects that is read or written here, under the API's own names.
//!
//! # Why not a crate of all types
//! Of a pod's hundreds of fields some thirty matter; the rest (managed fields above all, often half of the bytes) is passed over while it is
//! parsed and takes no memory. Whatever the API adds, leaves out or sets to null is no error. `k8s-openapi` and `kube` would bring a
//! hundred kinds, and with kube's client a second HTTP stack, a YAML and a JSONPath parser, into a collector that is to stay small.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of object.
pub trait Resource {
    /// Empty for the core's.
    const GROUP: &'static str;
    const VERSION: &'static str;
    /// As a Role names it.
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

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ObjectMeta {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_version: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creation_timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner_references: Option<Vec<OwnerReference>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct OwnerReference {
    pub kind: String,
    pub name: String,
    pub controller: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Pod {
    pub metadata: ObjectMeta,
    pub spec: Option<PodSpec>,
    pub status: Option<PodStatus>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodSpec {
    pub node_name: Option<String>,
    pub containers: Vec<Container>,
    pub volumes: Option<Vec<Volume>>,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Container {
    pub name: String,
    pub image: Option<String>,
    pub ports: Option<Vec<ContainerPort>>,
    pub resources: Option<ResourceRequirements>,
    pub volume_mounts: Option<Vec<VolumeMount>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerPort {
    pub name: Option<String>,
    pub container_port: i32,
}

#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ResourceRequirements {
    pub requests: Option<BTreeMap<String, Quantity>>,
    pub limits: Option<BTreeMap<String, Quantity>>,
}

/// Kubernetes' numbers: "500m", "2", "1Gi", "1e3".
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quantity(pub String);

impl<'de> Deserialize<'de> for Quantity {
    /// A whole number may come without quotes.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Self(text),
            other => Self(other.to_string()),
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct VolumeMount {
    pub name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Volume {
    pub name: String,
    pub persistent_volume_claim: Option<PersistentVolumeClaimVolumeSource>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PersistentVolumeClaimVolumeSource {
    pub claim_name: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct PodStatus {
    pub phase: Option<String>,
    #[serde(rename = "podIP")]
    pub pod_ip: Option<String>,
    pub container_statuses: Option<Vec<ContainerStatus>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct ContainerStatus {
    pub name: String,
    #[serde(rename = "containerID")]
    pub container_id: Option<String>,
    pub ready: bool,
    pub started: Option<bool>,
    pub restart_count: i32,
    pub last_state: Option<ContainerState>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ContainerState {
    pub terminated: Option<Terminated>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Terminated {
    pub reason: Option<String>,
    pub exit_code: i32,
}

/// A Secret. Its `Debug` tells names, no value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Secret {
    pub metadata: ObjectMeta,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, Bytes>>,
}

/// A value of a Secret: base64 on the wire, never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?.unwrap_or_default();
        // base64's own error would cite a byte of it.
        STANDARD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("a value is not base64"))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SelfSubjectAccessReview {
    pub metadata: ObjectMeta,
    pub spec: SelfSubjectAccessReviewSpec,
    #[serde(skip_serializing)]
    pub status: Option<SubjectAccessReviewStatus>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct SelfSubjectAccessReviewSpec {
    pub resource_attributes: ResourceAttributes,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct ResourceAttributes {
    pub verb: String,
    pub group: String,
    pub resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct SubjectAccessReviewStatus {
    pub allowed: bool,
    pub reason: Option<String>,
}

#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TokenReview {
    pub metadata: ObjectMeta,
    pub spec: TokenReviewSpec,
    #[serde(skip_serializing)]
    pub status: Option<TokenReviewStatus>,
}

/// What is asked. No `Debug`: it holds a token.
#[derive(Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct TokenReviewSpec {
    pub token: String,
    pub audiences: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct TokenReviewStatus {
    pub authenticated: bool,
    pub audiences: Option<Vec<String>>,
    pub error: Option<String>,
    pub user: Option<UserInfo>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct UserInfo {
    pub username: Option<String>,
}

/// A page of a collection.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, bound = "K: Deserialize<'de>")]
pub(crate) struct List<K> {
    pub metadata: ListMeta,
    pub items: Option<Vec<K>>,
}

impl<K> Default for List<K> {
    fn default() -> Self {
        Self { metadata: ListMeta::default(), items: None }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(crate) struct ListMeta {
    pub resource_version: String,
    #[serde(rename = "continue")]
    pub next: Option<String>,
}

/// What the API says where it did not do it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Status {
    pub code: u16,
    pub reason: String,
    pub message: String,
}

/// A line of a watch.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "type", content = "object", rename_all = "UPPERCASE")]
pub(crate) enum WatchEvent<K> {
    Added(K),
    Modified(K),
    Deleted(K),
    Bookmark(Bookmark),
    Error(Status),
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Bookmark {
    pub metadata: ObjectMeta,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secrets_values_are_never_shown_and_travel_as_base64() -> serde_json::Result<()> {
        let text = r#"{"kind":"Secret","metadata":{"name":"a","creationTimestamp":null},"data":{"password":"aHVudGVyMg==","none":null}}"#;
        let secret: Secret = serde_json::from_str(text)?;
        assert_eq!(secret.data.as_ref().and_then(|data| data.get("password")).map(|bytes| bytes.0.as_slice()), Some(&b"hunter2"[..]));
        assert!(!format!("{secret:?}").contains("hunter2") && !format!("{secret:?}").contains("104, 117"));
        assert!(serde_json::to_string(&secret)?.contains("aHVudGVyMg=="));
        let error = serde_json::from_str::<Secret>(r#"{"data":{"password":"hunter2!"}}"#).expect_err("no base64").to_string();
        assert!(!error.contains("hunter2"), "{error}");
        Ok(())
    }

    #[test]
    fn what_is_null_absent_or_new_in_a_pod_is_no_error() -> serde_json::Result<()> {
        for text in [
            "{}",
            r#"{"metadata":{},"spec":null,"status":null}"#,
            r#"{"spec":{"containers":[{"name":"a","ports":null,"resources":{"limits":{"cpu":2}},"new":[1]}],"volumes":null},
                "status":{"podIP":null,"containerStatuses":[{"name":"a","lastState":{}}],"new":{}}}"#,
        ] {
            serde_json::from_str::<Pod>(text)?;
        }
        Ok(())
    }
}
