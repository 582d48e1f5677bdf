//! A Secret. Its values are never printed.

use std::collections::BTreeMap;
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::object::ObjectMeta;

/// A Secret. `Debug` prints the names of its keys, but no values.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Secret {
    pub metadata: ObjectMeta,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<BTreeMap<String, Bytes>>,
}

/// A value of a Secret: base64 on the wire, never printed.
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
        // base64's own error would quote a byte of the value.
        STANDARD.decode(text).map(Self).map_err(|_| serde::de::Error::custom("a value is not base64"))
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
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
}
