//! The headers that backends trust: the balancer sets them, clients cannot.

use anyhow::Result;
use e2e::drive::{ADMIN, PASSWORD};
use e2e::servers::balancer::Software;
use reqwest::StatusCode;
use serde_json::json;

use super::stream::{serving, three};

/// The limiter refuses the sixth failed login of a user from one address, and the client cannot forge another address.
pub(super) async fn forged_addresses_do_not_reach_the_limiter(software: Software) -> Result<()> {
    let (mut backends, balancer) = three(software).await?;
    // One backend is left, so that all attempts are counted in one place.
    backends[0].kill();
    backends[1].kill();
    serving(&balancer).await?;
    let mut statuses = Vec::new();
    for at in 0..8 {
        let request = balancer
            .api
            .client()
            .post(format!("{}/api/v1/auth/login", balancer.api.url))
            .header("x-forwarded-for", format!("198.51.100.{at}"))
            .header("x-real-ip", format!("198.51.100.{at}"))
            .header("forwarded", format!("for=198.51.100.{at}"))
            .json(&json!({"username": ADMIN, "password": "wrong, as the test wants"}));
        statuses.push(request.send().await?.status());
    }
    assert!(statuses[..5].iter().all(|status| *status == StatusCode::UNAUTHORIZED), "{statuses:?}");
    assert!(statuses[6..].contains(&StatusCode::TOO_MANY_REQUESTS), "forged addresses were trusted: {statuses:?}");
    let log = backends[2].log();
    assert!(log.contains("127.0.0.1") && !log.contains("198.51.100."), "{log}");
    Ok(())
}

/// Over HTTPS the cookie is `Secure`, also if the client claims HTTP. The balancer's host counts as the backend's own origin.
pub(super) async fn the_backend_gets_scheme_and_host_from_the_balancer(software: Software) -> Result<()> {
    let (_backends, balancer) = three(software).await?;
    let log_in = |origin: String| {
        let request = balancer.api.client().post(format!("{}/api/v1/auth/login", balancer.api.url));
        let request = request.header("x-forwarded-proto", "http").header("x-forwarded-host", "evil.example").header("origin", origin);
        request.json(&json!({"username": ADMIN, "password": PASSWORD})).send()
    };
    let answer = log_in(balancer.api.url.clone()).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let cookie = answer.headers()["set-cookie"].to_str()?;
    assert!(cookie.ends_with("; Secure"), "{cookie}");
    assert_eq!(log_in("https://evil.example".to_owned()).await?.status(), StatusCode::FORBIDDEN);
    Ok(())
}
