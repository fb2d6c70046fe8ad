//! Which public types may be sent, shared and moved after pinning; and how large they are.
#![cfg(not(hyperia_loom))]

use std::os::fd::OwnedFd;

use futures_core::{FusedFuture, FusedStream};
use hyperia_net::{
    Accept, AddrError, Address, Connect, Host, Incoming, Keepalive, Read, TcpListener, TcpStream,
    Write, WriteAll, WriteVectored,
};

#[test]
fn auto_traits() {
    hyperia_test::auto_traits! {
        // type:                 Send  Sync  Unpin
        TcpStream:               true  true  true;
        TcpListener:             true  true  true;
        Connect:                 true  true  true;
        Incoming<'static>:       true  true  true;
        Accept<'static>:         true  true  false;
        Read<'static>:           true  true  false;
        Write<'static>:          true  true  false;
        WriteAll<'static>:       true  true  false;
        WriteVectored<'static>:  true  true  false;
        Keepalive:               true  true  true;
        Address:                 true  true  true;
        Host:                    true  true  true;
        AddrError:               true  true  true;
    }
}

#[test]
fn other_traits() {
    fn fused<T: FusedFuture>() {}
    fn stream<T: FusedStream>() {}
    fn error<T: std::error::Error + Send + Sync + 'static>() {}
    fn converts<A: TryInto<B>, B>() {}
    fused::<Connect>();
    fused::<Accept<'_>>();
    fused::<Read<'_>>();
    fused::<Write<'_>>();
    fused::<WriteAll<'_>>();
    fused::<WriteVectored<'_>>();
    stream::<Incoming<'_>>();
    error::<AddrError>();
    converts::<TcpStream, std::net::TcpStream>();
    converts::<TcpStream, OwnedFd>();
    converts::<TcpListener, std::net::TcpListener>();
    converts::<TcpListener, OwnedFd>();
}

#[test]
fn sizes() {
    assert!(size_of::<TcpStream>() <= 24, "{}", size_of::<TcpStream>());
    assert!(size_of::<TcpListener>() <= 24);
    assert!(size_of::<Connect>() <= 48, "{}", size_of::<Connect>());
    assert!(size_of::<Read<'_>>() <= 120, "{}", size_of::<Read<'_>>());
    assert!(
        size_of::<WriteAll<'_>>() <= 128,
        "{}",
        size_of::<WriteAll<'_>>()
    );
}
