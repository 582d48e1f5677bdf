//! The gate in front of the login: a server that asks for the password in a way that is not allowed gets no answer.
//!
//! sqlx answers whatever the server asks for, the password in clear text too. So the gate reads the server's messages until the login is
//! complete, and passes on only what `require_auth` allows. Behind the gate, bytes are not looked at.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::connect::conninfo::{Method, RequireAuth};

/// The most bytes of a message before the login is complete. PostgreSQL's own limit for its clients is 30,000.
const MESSAGE_CAP: u32 = 1 << 16;

/// How the server's part of the login ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Login {
    /// The server accepted the login.
    Complete,
    /// The server closed the connection, usually after an error message, which was passed on.
    Closed,
    /// The server does not keep to `require_auth`. Holds the reason. The client sent no password.
    Refused(String),
}

/// Passes the server's messages on to the client until the login is complete.
///
/// # Errors
/// A connection broke.
pub(super) async fn login(
    server: &mut (impl AsyncRead + Unpin),
    client: &mut (impl AsyncWrite + Unpin),
    allowed: RequireAuth,
) -> io::Result<Login> {
    // The method that the server asked for. SCRAM is complete only when the server has proved that it knows the password, too.
    let (mut asked, mut proved) = (Method::None, false);
    loop {
        let mut message = vec![0; 5];
        match server.read_exact(&mut message).await {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Login::Closed),
            read => read?,
        };
        let length = u32::from_be_bytes([message[1], message[2], message[3], message[4]]);
        if !(4..=MESSAGE_CAP).contains(&length) {
            return Ok(Login::Refused("the server's answer to the login is not PostgreSQL's".into()));
        }
        message.resize(length as usize + 1, 0);
        server.read_exact(&mut message[5..]).await?;
        let code = message.get(5..9).and_then(|code| code.try_into().ok()).map(u32::from_be_bytes);
        match (message[0], code) {
            (b'R', Some(0)) => {
                let complete = asked != Method::ScramSha256 || proved;
                if !complete || !allowed.allows(asked) {
                    return Ok(Login::Refused(refusal(Method::None, allowed)));
                }
                client.write_all(&message).await?;
                return Ok(Login::Complete);
            }
            (b'R', Some(code)) => {
                let method = match code {
                    3 => Some(Method::Password),
                    5 => Some(Method::Md5),
                    10 => Some(Method::ScramSha256),
                    _ => None,
                };
                if let Some(method) = method {
                    if !allowed.allows(method) {
                        return Ok(Login::Refused(refusal(method, allowed)));
                    }
                    asked = method;
                }
                proved |= code == 12;
            }
            // Errors, notices, and the negotiation of the protocol's version.
            (b'E' | b'N' | b'v', _) => {}
            _ => return Ok(Login::Refused("the server begins a session without accepting a login".into())),
        }
        client.write_all(&message).await?;
    }
}

/// The reason why a server is not answered, with the remedy.
fn refusal(method: Method, allowed: RequireAuth) -> String {
    let asks = match method {
        Method::Password => "asks for the password in clear text",
        Method::Md5 => "asks for the password as MD5",
        Method::ScramSha256 => "asks for SCRAM-SHA-256",
        Method::None => "accepts the login without asking for it",
    };
    let remedy = match method {
        Method::Password | Method::Md5 => "store the role's password as scram-sha-256 and write that method in pg_hba.conf, or ",
        Method::ScramSha256 | Method::None => "",
    };
    let name = method.name();
    format!("the server {asks}, and require_auth allows {allowed}: no password was sent; {remedy}allow it with require_auth={name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("short").to_be_bytes();
        [&[kind][..], &length, body].concat()
    }

    fn authentication(code: u32, rest: &[u8]) -> Vec<u8> {
        message(b'R', &[&code.to_be_bytes()[..], rest].concat())
    }

    /// What the client gets of these messages, and how the login ends.
    async fn through(messages: &[Vec<u8>], allowed: &str) -> (Vec<u8>, Login) {
        let (mut server, mut client) = (&messages.concat()[..], Vec::new());
        let allowed = if allowed.is_empty() { RequireAuth::default() } else { allowed.parse().expect("a list") };
        let end = login(&mut server, &mut client, allowed).await.expect("no broken connection");
        (client, end)
    }

    #[tokio::test]
    async fn scram_and_trust_pass_unchanged_up_to_the_servers_acceptance() {
        let scram =
            [authentication(10, b"SCRAM-SHA-256\0\0"), authentication(11, b"r="), authentication(12, b"v="), authentication(0, b"")];
        let after = message(b'Z', b"I");
        let all: Vec<_> = scram.iter().cloned().chain([after.clone()]).collect();
        assert_eq!(through(&all, "").await, (scram.concat(), Login::Complete));
        let trust = [message(b'N', b"a notice\0"), authentication(0, b"")];
        assert_eq!(through(&trust, "").await, (trust.concat(), Login::Complete));
        let error = [message(b'E', b"SFATAL\0\0")];
        assert_eq!(through(&error, "").await, (error.concat(), Login::Closed));
    }

    #[tokio::test]
    async fn a_question_that_is_not_allowed_never_reaches_the_client() {
        for (question, list, name) in [
            (authentication(3, b""), "", "password"),
            (authentication(5, b"salt"), "", "md5"),
            (authentication(3, b""), "md5", "password"),
            (authentication(5, b"salt"), "!md5", "md5"),
            (authentication(10, b"SCRAM-SHA-256\0\0"), "md5", "scram-sha-256"),
            (authentication(0, b""), "scram-sha-256", "none"),
        ] {
            let (client, end) = through(&[question], list).await;
            assert!(client.is_empty(), "{list} {name}");
            let Login::Refused(why) = end else { panic!("{list} {name}: {end:?}") };
            assert!(why.contains("no password was sent") && why.ends_with(&format!("require_auth={name}")), "{why}");
        }
    }

    #[tokio::test]
    async fn what_is_allowed_passes() {
        for (code, list) in [(3, "password"), (5, "md5,scram-sha-256"), (5, "!password")] {
            let messages = [authentication(code, b"salt"), authentication(0, b"")];
            assert_eq!(through(&messages, list).await, (messages.concat(), Login::Complete), "{code} {list}");
        }
    }

    #[tokio::test]
    async fn a_server_cannot_skip_its_own_part() {
        for messages in [
            // SCRAM without the server's proof.
            vec![authentication(10, b"SCRAM-SHA-256\0\0"), authentication(0, b"")],
            // A session without a login.
            vec![message(b'Z', b"I")],
            vec![message(b'S', b"server_version\x0018\0")],
            vec![[b"R", &u32::MAX.to_be_bytes()[..]].concat()],
            vec![b"HTTP/1.1 400 Bad Request".to_vec()],
        ] {
            let (_, end) = through(&messages, "").await;
            assert!(matches!(end, Login::Refused(_)), "{messages:?}: {end:?}");
        }
    }
}
