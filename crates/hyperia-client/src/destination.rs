//! Where to connect to.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::io;
use std::net::SocketAddr;

pub(crate) type Resolve = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// One destination: an address, several addresses of the same server, or a resolver.
///
/// Several addresses are tried one after the other, 250 ms apart (at once after a failure); the first that connects
/// wins and the others are given up.
///
/// # Examples
/// ```
/// use std::net::SocketAddr;
/// use hyperia_client::Destination;
///
/// let one = Destination::from(SocketAddr::from(([127, 0, 0, 1], 9000)));
/// // Asked again at each dial. What it awaits is up to the user: no lookup is hidden in the client.
/// let named = Destination::resolver(|| async { Ok(vec![SocketAddr::from(([127, 0, 0, 1], 9000))]) });
/// # drop((one, named));
/// ```
pub struct Destination {
    pub(crate) kind: Kind,
}

pub(crate) enum Kind {
    Addresses(Vec<SocketAddr>),
    Resolver(Box<dyn FnMut() -> Resolve + Send>),
}

impl Destination {
    /// Asks `resolve` for the addresses at each dial. Its time counts as the dial's.
    pub fn resolver<F, R>(mut resolve: F) -> Self
    where
        F: FnMut() -> R + Send + 'static,
        R: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        Self {
            kind: Kind::Resolver(Box::new(move || Box::pin(resolve()))),
        }
    }
}

impl From<SocketAddr> for Destination {
    fn from(address: SocketAddr) -> Self {
        Self::from(vec![address])
    }
}

/// An empty list is a destination that no dial can reach.
impl From<Vec<SocketAddr>> for Destination {
    fn from(addresses: Vec<SocketAddr>) -> Self {
        Self {
            kind: Kind::Addresses(addresses),
        }
    }
}

impl From<&[SocketAddr]> for Destination {
    fn from(addresses: &[SocketAddr]) -> Self {
        Self::from(addresses.to_vec())
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            Kind::Addresses(addresses) => f.debug_tuple("Destination").field(addresses).finish(),
            Kind::Resolver(_) => f.write_str("Destination(resolver)"),
        }
    }
}
