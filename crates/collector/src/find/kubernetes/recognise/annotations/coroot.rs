//! Coroot's annotations: `coroot.com/postgres-scrape…`.

use std::collections::BTreeMap;

use super::annotated::{Annotated, login};
use super::value::{number, secret_name, ssl};
use crate::find::kubernetes::recognise::manifest::get;

const COROOT: &str = "coroot.com/postgres-scrape";

pub(super) fn read(annotations: &BTreeMap<String, String>) -> Result<Annotated, String> {
    // Coroot accepts only this word for yes.
    if get(Some(annotations), COROOT) != Some("true") {
        return Ok(Annotated::default());
    }
    let of = |key: &str| get(Some(annotations), &format!("{COROOT}-{key}"));
    let name = |key: &str| format!("annotation {COROOT}-{key}");
    let secret = of("credentials-secret-name").map(|secret| secret_name(secret, &name("credentials-secret-name"))).transpose()?;
    if secret.is_none() && of("credentials-password").is_some() {
        return Err(format!(
            "{} is ignored, because everyone who may read the pod may read it: put the login into a Secret and name the Secret in {}",
            name("credentials-password"),
            name("credentials-secret-name")
        ));
    }
    Ok(Annotated {
        scrape: Some(true),
        port: of("port").map(|port| number(port, &name("port"))).transpose()?,
        sslmode: of("param-sslmode").map(|mode| ssl(mode, &name("param-sslmode"))).transpose()?,
        user: of("credentials-username").map(Into::into),
        login: login(secret, of("credentials-username"), of("credentials-secret-username-key"), of("credentials-secret-password-key")),
        ..Annotated::default()
    })
}
