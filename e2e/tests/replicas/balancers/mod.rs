//! The load balancers' files of `deploy/`, as users get them, in front of three backends.

mod headers;
mod losses;
mod repeats;
mod stream;
mod tls;

use e2e::servers::balancer::Software;

/// Tests that run with both balancers.
macro_rules! both {
    ($($module:ident::$name:ident),+ $(,)?) => {
        mod haproxy {
            $(#[tokio::test] async fn $name() -> anyhow::Result<()> { super::$module::$name(super::Software::Haproxy).await })+

            #[tokio::test]
            async fn a_draining_backend_gets_no_requests_before_it_stops_answering() -> anyhow::Result<()> {
                super::losses::a_draining_backend_gets_no_requests_before_it_stops_answering().await
            }
        }
        mod nginx {
            $(#[tokio::test] async fn $name() -> anyhow::Result<()> { super::$module::$name(super::Software::Nginx).await })+
        }
    };
}

both!(
    tls::plain_http_is_redirected_to_https,
    tls::only_tls_1_2_and_1_3_are_spoken_and_http2_is_offered,
    losses::a_killed_backend_causes_no_client_an_error,
    losses::stopping_backends_one_by_one_causes_no_client_an_error,
    tls::backends_are_reached_over_tls_and_verified,
    headers::forged_addresses_do_not_reach_the_limiter,
    headers::the_backend_gets_scheme_and_host_from_the_balancer,
    repeats::a_body_of_16_mib_passes,
    repeats::only_safe_requests_are_repeated,
);
