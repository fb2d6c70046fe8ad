//! Addresses as people write them.
#![cfg(not(hyperia_loom))]

use std::net::SocketAddr;

use hyperia_net::{AddrError, Address, Host, parse_addr};

#[test]
fn every_form_is_understood() {
    let table: [(&str, Host, u16); 14] = [
        ("1.2.3.4:80", Host::Ip([1, 2, 3, 4].into()), 80),
        ("[::1]:80", Host::Ip("::1".parse().unwrap()), 80),
        (
            "[fe80::1]:65535",
            Host::Ip("fe80::1".parse().unwrap()),
            65535,
        ),
        (
            "[::ffff:1.2.3.4]:1",
            Host::Ip("::ffff:1.2.3.4".parse().unwrap()),
            1,
        ),
        (":80", Host::Any, 80),
        ("80", Host::Any, 80),
        (":0", Host::Any, 0),
        ("0080", Host::Any, 80),
        ("localhost:80", Host::Name("localhost".into()), 80),
        ("example.org.:80", Host::Name("example.org.".into()), 80),
        ("a-b_c.d1:80", Host::Name("a-b_c.d1".into()), 80),
        ("1a:80", Host::Name("1a".into()), 80),
        (
            "xn--bcher-kva.example:80",
            Host::Name("xn--bcher-kva.example".into()),
            80,
        ),
        ("0.0.0.0:00080", Host::Ip([0, 0, 0, 0].into()), 80),
    ];
    for (text, host, port) in table {
        assert_eq!(parse_addr(text), Ok(Address { host, port }), "{text}");
        assert_eq!(text.parse::<Address>(), parse_addr(text));
    }
}

#[test]
fn every_mistake_is_named() {
    let label = "a".repeat(64);
    let long = format!("{}:80", vec!["a".repeat(60); 5].join("."));
    let table = [
        ("", "address is empty"),
        ("localhost", "port is missing, as in host:port"),
        ("1.2.3.4", "port is missing, as in host:port"),
        ("localhost:", "port is missing, as in host:port"),
        (":", "port is missing, as in host:port"),
        ("[::1]", "port is missing, as in host:port"),
        ("[::1]:", "port is missing, as in host:port"),
        ("localhost:70000", "port 70000 is out of range 0..=65535"),
        ("70000", "port 70000 is out of range 0..=65535"),
        (":65536", "port 65536 is out of range 0..=65535"),
        (
            "localhost:99999999999999999999",
            "port 99999999999999999999 is out of range 0..=65535",
        ),
        ("localhost:http", "port \"http\" is not a number"),
        ("localhost:-1", "port \"-1\" is not a number"),
        ("localhost:+80", "port \"+80\" is not a number"),
        ("localhost: 80", "port \" 80\" is not a number"),
        ("[::1:80", "\"[::1:80\" is not an IPv6 address in brackets"),
        (
            "[1.2.3.4]:80",
            "\"[1.2.3.4]:80\" is not an IPv6 address in brackets",
        ),
        ("[::1]80", "\"[::1]80\" is not an IPv6 address in brackets"),
        ("[]:80", "\"[]:80\" is not an IPv6 address in brackets"),
        (
            "::1:80",
            "IPv6 address \"::1:80\" needs brackets, as in [::1]:80",
        ),
        ("256.1.1.1:80", "\"256.1.1.1\" is not an IPv4 address"),
        ("1.2.3:80", "\"1.2.3\" is not an IPv4 address"),
        ("5:80", "\"5\" is not an IPv4 address"),
        ("a b:80", "\"a b\" is not a host name"),
        (" localhost:80", "\" localhost\" is not a host name"),
        ("a..b:80", "\"a..b\" is not a host name"),
        (".:80", "\".\" is not a host name"),
        ("-a:80", "\"-a\" is not a host name"),
        ("a-:80", "\"a-\" is not a host name"),
        ("höst:80", "\"höst\" is not a host name"),
    ];
    for (text, message) in table {
        assert_eq!(parse_addr(text).unwrap_err().to_string(), message, "{text}");
    }
    assert!(matches!(
        parse_addr(&format!("{label}:80")),
        Err(AddrError::InvalidName(_))
    ));
    assert!(matches!(parse_addr(&long), Err(AddrError::InvalidName(_))));
}

#[test]
fn what_is_printed_is_understood_again() {
    for text in ["1.2.3.4:80", "[::1]:80", ":80", "localhost:80"] {
        let addr = parse_addr(text).unwrap();
        assert_eq!(addr.to_string(), text);
        assert_eq!(parse_addr(&addr.to_string()), Ok(addr));
    }
}

#[test]
fn socket_addresses_come_out_unless_a_name_is_to_be_looked_up() {
    let socket = |text| parse_addr(text).unwrap().socket_addr();
    assert_eq!(socket("1.2.3.4:80"), Some("1.2.3.4:80".parse().unwrap()));
    assert_eq!(socket("[::1]:80"), Some("[::1]:80".parse().unwrap()));
    assert_eq!(socket(":80"), Some("0.0.0.0:80".parse().unwrap()));
    assert_eq!(socket("localhost:80"), None);
    let addr: SocketAddr = "[::1]:80".parse().unwrap();
    assert_eq!(Address::from(addr).socket_addr(), Some(addr));
}

#[test]
fn nothing_makes_it_panic() {
    // Every text of up to four of these.
    let pieces = [
        "", ":", "[", "]", ".", "1", "a", "-", "::1", "65536", "é", " ",
    ];
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        let longer: Vec<_> = texts
            .iter()
            .flat_map(|text| pieces.map(|piece| format!("{text}{piece}")))
            .collect();
        for text in &longer {
            if let Ok(addr) = parse_addr(text) {
                assert_eq!(parse_addr(&addr.to_string()), Ok(addr), "{text}");
            }
        }
        texts = longer;
    }
}
