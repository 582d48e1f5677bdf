//! Our own annotations: `pganalytics.io/…`.

use std::collections::BTreeMap;

use super::annotated::{Annotated, login};
use super::value::{authentication, flag, number, secret_name, ssl};
use crate::find::kubernetes::recognise::manifest::get;

const OURS: &str = "pganalytics.io/";
/// The known keys. Any other key is taken to be misspelt.
const OUR_KEYS: [&str; 8] =
    ["scrape", "port", "database", "sslmode", "require-auth", "secret-name", "secret-username-key", "secret-password-key"];

/// Reads our annotations. Without `scrape` they count only on a pod that the operator's labels mark as a server. Operators copy annotations
/// to the pods of their jobs too, so annotations without `scrape` on any other pod are no error.
pub(super) fn read(annotations: &BTreeMap<String, String>, operated: bool) -> Result<Annotated, String> {
    let of = |key: &str| get(Some(annotations), &format!("{OURS}{key}"));
    let scrape = of("scrape");
    if scrape.is_none() && !operated {
        return Ok(Annotated::default());
    }
    let name = |key: &str| format!("annotation {OURS}{key}");
    for key in annotations.keys().filter_map(|key| key.strip_prefix(OURS)) {
        if !OUR_KEYS.contains(&key) {
            let nearest = OUR_KEYS.iter().max_by(|a, b| strsim::jaro_winkler(key, a).total_cmp(&strsim::jaro_winkler(key, b)));
            return Err(format!("{} is not a known annotation: did you mean {OURS}{}?", name(key), nearest.unwrap_or(&"scrape")));
        }
    }
    let secret = of("secret-name").map(|secret| secret_name(secret, &name("secret-name"))).transpose()?;
    let its_key = ["secret-username-key", "secret-password-key"].into_iter().find(|key| of(key).is_some());
    if let (None, Some(key)) = (secret, its_key) {
        return Err(format!("{} is set, but no Secret is named: name the Secret in {}", name(key), name("secret-name")));
    }
    Ok(Annotated {
        scrape: scrape.map(|scrape| flag(scrape, &name("scrape"))).transpose()?,
        port: of("port").map(|port| number(port, &name("port"))).transpose()?,
        database: of("database").map(Into::into),
        sslmode: of("sslmode").map(|mode| ssl(mode, &name("sslmode"))).transpose()?,
        require_auth: of("require-auth").map(|methods| authentication(methods, &name("require-auth"))).transpose()?,
        login: login(secret, None, of("secret-username-key"), of("secret-password-key")),
        ..Annotated::default()
    })
}
