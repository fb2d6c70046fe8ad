//! Each fault of the proxy as a client and a server see it.
use hyperia_test::proxy::{Fault, Faults, Proxy};
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::time::{Duration, Instant};

/// A bound for what must not happen: a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

struct Line {
    proxy: Proxy,
    client: TcpStream,
    server: TcpStream,
}

/// A client and a server with a proxy between them.
fn line(to_server: Fault, to_client: Fault) -> Line {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let faults = Faults {
        to_server,
        to_client,
    };
    let proxy = Proxy::start(listener.local_addr().unwrap(), move |_| faults).unwrap();
    let client = TcpStream::connect(proxy.addr()).unwrap();
    let (server, _) = listener.accept().unwrap();
    for stream in [&client, &server] {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
    }
    Line {
        proxy,
        client,
        server,
    }
}

fn read_all(mut stream: &TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn until(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain");
        std::thread::yield_now();
    }
}

#[test]
fn without_faults_bytes_and_ends_pass_in_both_directions() {
    let mut line = line(Fault::None, Fault::None);
    let sent: Vec<u8> = (0..200_000_u32).map(|n| n as u8).collect();
    let copy = sent.clone();
    let mut client = line.client.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        client.write_all(&copy).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
    });
    assert_eq!(read_all(&line.server), sent);
    writer.join().unwrap();
    line.server.write_all(b"answer").unwrap();
    line.server.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&line.client), b"answer");
    until(|| line.proxy.live() == 0);
    assert_eq!(line.proxy.accepted(), 1);
}

#[test]
fn delayed_bytes_come_late_and_in_order() {
    let delay = Duration::from_millis(30);
    let mut line = line(Fault::Delay(delay), Fault::None);
    let start = Instant::now();
    line.client.write_all(b"one").unwrap();
    line.client.write_all(b"two").unwrap();
    line.client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&line.server), b"onetwo");
    assert!(
        start.elapsed() >= delay,
        "never early; how much later is the machine's affair"
    );
}

#[test]
fn single_bytes_add_up_to_the_message() {
    let mut line = line(Fault::OneByte, Fault::OneByte);
    line.client
        .write_all(b"a message of several bytes")
        .unwrap();
    line.client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&line.server), b"a message of several bytes");
}

#[test]
fn a_reset_reaches_both_ends() {
    let mut line = line(Fault::ResetAfter(4), Fault::None);
    line.client.write_all(b"12345678").unwrap();
    let error = loop {
        match line.client.read(&mut [0; 16]) {
            Ok(count) => assert_ne!(count, 0, "an end of stream instead of a reset"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let mut seen = 0;
    let error = loop {
        match line.server.read(&mut [0; 16]) {
            Ok(count) => {
                assert_ne!(count, 0, "an end of stream instead of a reset");
                seen += count;
            }
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert!(seen <= 4, "{seen} bytes came through");
    until(|| line.proxy.live() == 0);
}

#[test]
fn after_a_half_close_the_other_direction_lives() {
    let mut line = line(Fault::None, Fault::HalfCloseAfter(3));
    line.server.write_all(b"abcdef").unwrap();
    assert_eq!(read_all(&line.client), b"abc");
    line.client.write_all(b"still here").unwrap();
    line.client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(read_all(&line.server), b"still here");
}

#[test]
fn a_cut_ends_both_directions_without_a_reset() {
    let mut line = line(Fault::CutAfter(2), Fault::None);
    line.client.write_all(b"abcdef").unwrap();
    assert_eq!(read_all(&line.server), b"ab");
    assert_eq!(read_all(&line.client), b"");
    line.client.write_all(b"swallowed").unwrap();
}

#[test]
fn a_stalled_direction_passes_nothing_more_and_does_not_end() {
    let mut line = line(Fault::StallAfter(2), Fault::None);
    line.client.write_all(b"abcdef").unwrap();
    line.client.shutdown(Shutdown::Write).unwrap();
    let mut two = [0; 2];
    line.server.read_exact(&mut two).unwrap();
    assert_eq!(&two, b"ab");
    // The way back works, and when it has, a further byte would long have come.
    line.server.write_all(b"x").unwrap();
    line.client.read_exact(&mut [0]).unwrap();
    line.server.set_nonblocking(true).unwrap();
    let error = line.server.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    until(|| line.proxy.live() == 1);
}

#[test]
fn reset_all_resets_what_is_there() {
    let mut line = line(Fault::None, Fault::None);
    until(|| line.proxy.live() == 1);
    line.proxy.reset_all();
    let error = line.client.read(&mut [0]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    until(|| line.proxy.live() == 0);
}

#[test]
fn a_server_that_refuses_shows_as_a_reset() {
    let gone = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let proxy = Proxy::forward(gone).unwrap();
    let mut client = TcpStream::connect(proxy.addr()).unwrap();
    client.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(
        client.read(&mut [0]).unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[test]
fn faults_are_chosen_per_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let proxy = Proxy::start(listener.local_addr().unwrap(), |index| Faults {
        to_client: Fault::CutAfter(index),
        ..Faults::default()
    })
    .unwrap();
    for index in 0..3 {
        let client = TcpStream::connect(proxy.addr()).unwrap();
        let (mut server, _) = listener.accept().unwrap();
        server.write_all(b"abc").unwrap();
        assert_eq!(read_all(&client).len(), index);
    }
}

#[test]
fn dropping_the_proxy_ends_a_connection_that_stalls() {
    let Line {
        proxy, mut client, ..
    } = line(Fault::StallAfter(0), Fault::StallAfter(0));
    drop(proxy);
    // End of stream or reset, as the kernel likes; not a timeout.
    if let Err(error) = client.read(&mut [0]) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
}
