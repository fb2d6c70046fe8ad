//! Conversions there and back, and what no kernel should write.

use super::*;

/// What the kernel would write for an address it was given.
fn written(addr: &RawAddr, len: libc::socklen_t) -> AddrBuf {
    let mut buf = AddrBuf::new();
    let (addr_ptr, len_ptr) = buf.as_mut_ptrs();
    // SAFETY: an address fits into a `sockaddr_storage`, and the pointers lead to one and to its length.
    unsafe {
        std::ptr::copy_nonoverlapping(
            addr.as_ptr().cast::<u8>(),
            addr_ptr.cast::<u8>(),
            addr.len() as usize,
        );
        *len_ptr = len;
    }
    buf
}

#[test]
fn every_field_survives_the_way_there_and_back() {
    let scoped = SocketAddrV6::new("fe80::1234:5678".parse().unwrap(), 65535, 7, 3);
    for addr in [
        "1.2.3.4:80".parse().unwrap(),
        "[2001:db8::1]:443".parse().unwrap(),
        SocketAddr::V6(scoped),
    ] {
        let raw = RawAddr::new(addr);
        assert_eq!(written(&raw, raw.len()).to_socket_addr().unwrap(), addr);
    }
}

#[test]
fn lengths_are_those_of_the_family() {
    assert_eq!(RawAddr::new("1.2.3.4:80".parse().unwrap()).len(), 16);
    assert_eq!(RawAddr::new("[::1]:80".parse().unwrap()).len(), 28);
    assert_eq!(family("1.2.3.4:80".parse().unwrap()), libc::AF_INET);
    assert_eq!(family("[::1]:80".parse().unwrap()), libc::AF_INET6);
}

#[test]
fn other_families_and_lengths_are_refused() {
    for addr in ["1.2.3.4:80", "[::1]:80"] {
        let raw = RawAddr::new(addr.parse().unwrap());
        for len in [0, 2, raw.len() - 1, raw.len() + 1] {
            let error = written(&raw, len).to_socket_addr().unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
        }
    }
    // Nothing written at all, as for an unnamed Unix socket.
    assert!(AddrBuf::new().to_socket_addr().is_err());
}
