//! Recognises acknowledgements: answers of the backend itself, for this collector and this batch.
//!
//! Any other answer with status 200 comes from a proxy, a captive portal or another API. The batch then stays in the spool.

use reqwest::Response;
use reqwest::header::CONTENT_TYPE;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

/// The maximum bytes read of an answer. The backend's answers are far shorter.
const ANSWER_CAP: usize = 64 << 10;

/// The backend's answer to a batch that is committed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct Acknowledgement {
    pub(super) collector: Uuid,
    pub(super) sequence: u64,
    /// The batch was committed before.
    pub(super) duplicate: bool,
    /// The collector's newest committed batch, if this batch is older.
    pub(super) mark: Option<u64>,
    /// The views and columns that the backend does not know.
    #[serde(default)]
    pub(super) unknown: Vec<String>,
}

/// The backend's answer to an enrolment or a renewal.
#[derive(Debug, Deserialize)]
pub(super) struct Named {
    pub(super) collector: Uuid,
}

/// Reads the text of an answer, up to [`ANSWER_CAP`]. A read error ends the text early.
pub(super) async fn text(mut answer: Response) -> String {
    let mut bytes = Vec::new();
    while let Ok(Some(chunk)) = answer.chunk().await {
        bytes.extend_from_slice(&chunk[..chunk.len().min(ANSWER_CAP - bytes.len())]);
        if bytes.len() == ANSWER_CAP {
            break;
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Parses a successful answer. The error describes any other answer without quoting its text, which may hold anything.
pub(super) async fn content<T: DeserializeOwned>(answer: Response) -> Result<T, String> {
    let kind = answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("no content type").to_owned();
    let status = answer.status();
    parse(&text(answer).await).ok_or_else(|| {
        format!(
            "the answer {status} ({kind}) does not come from the backend: another service answers at this address; check [backend] url \
             and the proxies"
        )
    })
}

fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_answer_of_the_backend_is_an_acknowledgement() {
        let id = Uuid::from_u128(7);
        let answer = format!(r#"{{"collector":"{id}","sequence":3,"duplicate":false,"rows":2,"later":1}}"#);
        assert_eq!(parse(&answer), Some(Acknowledgement { collector: id, sequence: 3, duplicate: false, mark: None, unknown: Vec::new() }));
        let behind = format!(r#"{{"collector":"{id}","sequence":3,"duplicate":true,"rows":2,"mark":9,"unknown":["v"]}}"#);
        assert_eq!(
            parse(&behind),
            Some(Acknowledgement { collector: id, sequence: 3, duplicate: true, mark: Some(9), unknown: vec!["v".into()] })
        );
        for strange in ["", "<html>ok</html>", "{}", "null", "[]", r#"{"status":"ok"}"#, r#"{"sequence":3,"duplicate":false}"#] {
            assert_eq!(parse::<Acknowledgement>(strange), None, "{strange}");
        }
    }
}
