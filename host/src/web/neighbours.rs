//! Whose process is at the other end of a connection on this machine.
//!
//! Without tokens, whoever reaches the host may do everything, so it serves the user that it runs as, and root. Another
//! user's process may be a proxy that the whole network talks to, and nothing in its requests need say so; but the system
//! knows whose socket it is (`/proc/net/tcp`). Its table is read once for all connections that ask meanwhile: two thousand
//! that come back at the same time cost a few reads of it.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use procfs_core::net::TcpNetEntries;
use procfs_core::{ExplicitSystemInfo, FromBufReadSI as _, ProcResult};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::spawn_blocking;
use uzers::{get_effective_uid, get_user_by_name, get_user_by_uid};

use super::Problem;

/// How many are answered by one read of the table.
const AT_ONCE: usize = 4_096;

/// Who is served.
#[derive(Clone, Debug)]
enum Served {
    Everybody,
    Only(Vec<u32>),
}

/// The two ends of a connection, the client's first, as the client has them.
type Ends = (SocketAddr, SocketAddr);

/// What a connection wants to know.
type Question = (Ends, oneshot::Sender<Option<u32>>);

/// Knows the neighbours. Cheap to clone.
#[derive(Clone)]
pub(super) struct Neighbours {
    served: Arc<Served>,
    ask: mpsc::Sender<Question>,
}

/// One connection's client: it is looked up once.
#[derive(Clone)]
pub(super) struct Client {
    neighbours: Neighbours,
    ends: Option<Ends>,
    refused: Arc<OnceCell<Option<String>>>,
}

impl Neighbours {
    /// `users` are names or numbers of users that are served besides the host's own and root; `*` is everybody.
    pub(super) fn new(users: &[String]) -> Self {
        let served = if users.iter().any(|user| user == "*") {
            Served::Everybody
        } else {
            let mut served = vec![get_effective_uid(), 0];
            served.extend(users.iter().filter_map(|user| number_of(user)));
            Served::Only(served)
        };
        let (ask, questions) = mpsc::channel(AT_ONCE);
        tokio::spawn(answer(questions));
        Self { served: Arc::new(served), ask }
    }

    /// The client of a connection that was accepted.
    pub(super) fn client(&self, stream: &TcpStream) -> Client {
        let ends = stream.peer_addr().and_then(|peer| Ok((canonical(peer), canonical(stream.local_addr()?))));
        Client { neighbours: self.clone(), ends: ends.ok(), refused: Arc::default() }
    }

    async fn user(&self, ends: Option<Ends>) -> Option<u32> {
        let (reply, user) = oneshot::channel();
        self.ask.send((ends?, reply)).await.ok()?;
        user.await.ok()?
    }
}

impl Client {
    /// Lets the client in, or says why not.
    pub(super) async fn admit(&self) -> Result<(), Problem> {
        match self.refused.get_or_init(|| self.judged()).await {
            None => Ok(()),
            Some(why) => Err(Problem::forbidden(why.clone())),
        }
    }

    async fn judged(&self) -> Option<String> {
        let Served::Only(served) = &*self.neighbours.served else { return None };
        let user = self.neighbours.user(self.ends).await;
        if user.is_some_and(|user| served.contains(&user)) {
            return None;
        }
        let own = get_effective_uid();
        let name = |number: u32| get_user_by_uid(number).map(|user| user.name().to_string_lossy().into_owned());
        let names = spawn_blocking(move || (user.and_then(name), name(own))).await;
        let (theirs, own_name) = names.unwrap_or_default();
        let own_name = own_name.unwrap_or_else(|| format!("user {own}"));
        let (whose, cure) = match user {
            Some(number) => {
                let theirs = theirs.unwrap_or_else(|| number.to_string());
                (format!("a process of user {theirs}"), theirs)
            }
            None => ("a process whose user the system does not tell".to_owned(), "*".to_owned()),
        };
        Some(format!(
            "this connection comes from {whose}, and while there are no tokens, which are not supported yet, only processes \
             of {own_name} and root are served: whoever can use that process could do everything. If that is meant, add \
             {cure:?} to `web.local_users` in the host's configuration"
        ))
    }
}

/// The number of a user, by name or number. The configuration has no others.
fn number_of(user: &str) -> Option<u32> {
    user.parse().ok().or_else(|| get_user_by_name(user).map(|user| user.uid()))
}

/// Answers all that was asked meanwhile with one read of the table.
async fn answer(mut questions: mpsc::Receiver<Question>) {
    let mut asked = Vec::new();
    while questions.recv_many(&mut asked, AT_ONCE).await > 0 {
        let table = match spawn_blocking(table).await {
            Ok(Ok(table)) => table,
            Ok(Err(error)) => {
                tracing::warn!("the system does not tell whose a connection is, so it is refused: {error}");
                HashMap::new()
            }
            Err(error) => {
                tracing::error!("cannot look whose a connection is: {error}");
                HashMap::new()
            }
        };
        for (ends, reply) in asked.drain(..) {
            if reply.send(table.get(&ends).copied()).is_err() {
                tracing::debug!("a connection was closed before it was known whose it was");
            }
        }
    }
}

/// The user of each socket that has two ends.
fn table() -> ProcResult<HashMap<Ends, u32>> {
    // Of all that the reader may ask, it asks in which order an address has its bytes.
    let is_little_endian = cfg!(target_endian = "little");
    let system = ExplicitSystemInfo { boot_time_secs: 0, ticks_per_second: 0, page_size: 0, is_little_endian };
    let of = |table: &str| {
        TcpNetEntries::from_buf_read(BufReader::new(File::open(table)?), &system).map(|entries| entries.0)
    };
    // An IPv6 socket can talk to an IPv4 one, and is in the other table, which a system without IPv6 does not have.
    let sockets = of("/proc/net/tcp")?.into_iter().chain(of("/proc/net/tcp6").unwrap_or_default());
    // A socket that nobody has any more says that it is root's.
    let owned = sockets.filter(|socket| socket.inode != 0);
    Ok(owned.map(|socket| ((canonical(socket.local_address), canonical(socket.remote_address)), socket.uid)).collect())
}

fn canonical(address: SocketAddr) -> SocketAddr {
    let ip: IpAddr = address.ip().to_canonical();
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn judged(neighbours: &Neighbours, listen: &str, connect: &str) -> Option<String> {
        let listener = TcpListener::bind(listen).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let _ours = TcpStream::connect(format!("{connect}:{port}")).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        neighbours.client(&stream).judged().await
    }

    #[tokio::test]
    async fn a_process_of_ones_own_is_let_in_over_every_kind_of_loopback() {
        let neighbours = Neighbours::new(&[]);
        for (listen, connect) in [
            ("127.0.0.1:0", "127.0.0.1"),
            ("127.0.0.1:0", "[::ffff:127.0.0.1]"),
            ("[::1]:0", "[::1]"),
            ("[::ffff:127.0.0.1]:0", "127.0.0.1"),
        ] {
            assert_eq!(judged(&neighbours, listen, connect).await, None, "{listen} {connect}");
        }
    }

    #[tokio::test]
    async fn a_socket_that_nobody_has_any_more_is_nobodys() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let theirs = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let neighbours = Neighbours::new(&[]);
        let client = neighbours.client(&stream);

        drop(theirs);

        let why = client.judged().await.unwrap();
        assert!(why.contains("whose user the system does not tell"), "{why}");
    }

    #[tokio::test]
    async fn many_are_looked_up_together() {
        let neighbours = Neighbours::new(&[]);
        let judged =
            futures_util::future::join_all((0..100).map(|_| judged(&neighbours, "127.0.0.1:0", "127.0.0.1"))).await;
        assert!(judged.iter().all(Option::is_none), "{judged:?}");
    }

    #[tokio::test]
    async fn users_are_named_or_numbered() {
        assert_eq!(["root", "33", "no-such-user"].map(number_of), [Some(0), Some(33), None]);
    }
}
