//! TCP: listeners, connections, connecting.

mod connect;
mod convert;
mod incoming;
mod io;
mod listener;
mod options;
mod stream;

pub use connect::Connect;
pub use incoming::{Accept, Incoming};
pub use io::{Read, Write, WriteAll, WriteVectored};
pub use listener::TcpListener;
pub use options::{Keepalive, TcpStreamExt};
pub use stream::TcpStream;
