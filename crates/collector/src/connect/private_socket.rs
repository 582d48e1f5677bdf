//! A Unix socket that only this process can reach, for the one connection between sqlx and the relay.
//!
//! # Promise
//! - The socket lies in a new folder that only this user may enter. The folder is removed as soon as the connection stands.
//! - Exactly one connection is accepted, and only from this process: the kernel tells the peer's user and process id. Any other peer is
//!   dropped without a byte.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

/// Used if the folder for temporary files cannot be written, as in a container with a read-only file system.
const SHARED_MEMORY: &str = "/dev/shm";

/// A listening socket in a folder of its own.
#[derive(Debug)]
pub(super) struct PrivateSocket {
    // Fields are dropped in order.
    listener: UnixListener,
    folder: TempDir,
    /// The user of this process, who owns the folder.
    user: u32,
}

impl PrivateSocket {
    /// Makes the socket that sqlx looks for in a folder, if a server with this port is asked for.
    ///
    /// # Errors
    /// If no folder can be made; the error says where.
    pub(super) fn new(port: u16) -> io::Result<Self> {
        let places = [std::env::temp_dir(), PathBuf::from(SHARED_MEMORY)];
        let mut problems = Vec::new();
        for place in &places {
            match Self::new_in(place, port) {
                Ok(socket) => return Ok(socket),
                Err(error) => problems.push(format!("{}: {error}", place.display())),
            }
        }
        let remedy = "make one of these folders writable, or name another in TMPDIR";
        Err(io::Error::other(format!("no folder for the collector's own socket ({}): {remedy}", problems.join("; "))))
    }

    fn new_in(place: &Path, port: u16) -> io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("pganalytics-").permissions(Permissions::from_mode(0o700)).tempdir_in(place)?;
        let user = folder.path().metadata()?.uid();
        let listener = UnixListener::bind(folder.path().join(format!(".s.PGSQL.{port}")))?;
        Ok(Self { listener, folder, user })
    }

    /// The folder of the socket.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Accepts the connection of this process, and removes socket and folder.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub(super) async fn accept(self) -> io::Result<UnixStream> {
        loop {
            let (stream, _) = self.listener.accept().await?;
            let peer = stream.peer_cred()?;
            // A system that does not tell the process tells the user, who alone may enter the folder.
            let is_own = peer.uid() == self.user && peer.pid().is_none_or(|pid| u32::try_from(pid) == Ok(std::process::id()));
            if is_own {
                return Ok(stream);
            }
            tracing::warn!(user = peer.uid(), process = peer.pid(), "another process connected to the collector's own socket: dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream as Blocking;
    use std::process::Command;

    use super::*;

    /// The variable with which this test runs itself as another process.
    const INTRUDER: &str = "PGANALYTICS_TEST_INTRUDER_SOCKET";

    #[test]
    fn only_this_user_may_enter_the_folder() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let _entered = runtime.enter();
        let socket = PrivateSocket::new(5432).expect("a socket");
        assert_eq!(socket.folder().metadata().expect("the folder").mode() & 0o777, 0o700);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn another_process_gets_nothing_and_does_not_take_the_connection() {
        if let Some(path) = std::env::var_os(INTRUDER) {
            let mut stream = Blocking::connect(path).expect("the socket is there");
            let mut taken = Vec::new();
            stream.read_to_end(&mut taken).expect("the end");
            assert!(taken.is_empty(), "another process read {taken:?}");
            return;
        }
        let socket = PrivateSocket::new(5432).expect("a socket");
        let (folder, path) = (socket.folder().to_owned(), socket.folder().join(".s.PGSQL.5432"));
        let accepted = tokio::spawn(socket.accept());
        let name = "connect::private_socket::tests::another_process_gets_nothing_and_does_not_take_the_connection";
        let itself = std::env::current_exe().expect("this program");
        let intruder = Command::new(itself).args(["--exact", name, "--nocapture"]).env(INTRUDER, &path).output().expect("another process");
        let printed = String::from_utf8_lossy(&intruder.stdout).into_owned();
        assert!(intruder.status.success() && printed.contains("1 passed"), "{printed}");
        assert!(!accepted.is_finished(), "the other process was accepted");

        let own = UnixStream::connect(&path).await.expect("the socket is still there");
        let served = accepted.await.expect("no panic").expect("accepted");
        assert_eq!(served.peer_cred().expect("credentials").pid().map(i64::from), Some(i64::from(std::process::id())));
        assert!(!folder.exists(), "the folder is still there");
        assert!(UnixStream::connect(&path).await.is_err(), "a second connection was possible");
        drop(own);
    }
}
