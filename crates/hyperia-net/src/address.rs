//! Addresses as people write them.

use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::str::FromStr;

/// What stands before the port.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Host {
    /// Nothing: every address of this machine to listen on, this machine to connect to.
    Any,
    /// An IP address.
    Ip(IpAddr),
    /// A name that somebody has to look up.
    Name(String),
}

/// A host and a port.
///
/// # Examples
/// ```
/// use hyperia_net::{Host, parse_addr};
///
/// let addr = parse_addr("example.org:443")?;
/// assert_eq!(addr.host, Host::Name("example.org".into()));
/// assert_eq!(addr.port, 443);
/// assert_eq!(addr.socket_addr(), None);
///
/// let addr = parse_addr("[::1]:80")?;
/// assert_eq!(addr.socket_addr(), Some("[::1]:80".parse()?));
/// assert_eq!(parse_addr(":80")?.to_string(), ":80");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Address {
    /// What stands before the port.
    pub host: Host,
    /// The port.
    pub port: u16,
}

impl Address {
    /// The socket address, unless a name has to be looked up first.
    ///
    /// [`Host::Any`] is `0.0.0.0`: on Linux, all IPv4 addresses to listen on, and this machine to connect to.
    pub fn socket_addr(&self) -> Option<SocketAddr> {
        match self.host {
            Host::Any => Some((Ipv4Addr::UNSPECIFIED, self.port).into()),
            Host::Ip(ip) => Some((ip, self.port).into()),
            Host::Name(_) => None,
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let port = self.port;
        match &self.host {
            Host::Any => write!(f, ":{port}"),
            Host::Ip(ip) => write!(f, "{}", SocketAddr::new(*ip, port)),
            Host::Name(name) => write!(f, "{name}:{port}"),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(addr: SocketAddr) -> Self {
        Self {
            host: Host::Ip(addr.ip()),
            port: addr.port(),
        }
    }
}

impl FromStr for Address {
    type Err = AddrError;

    /// As [`parse_addr`].
    fn from_str(text: &str) -> Result<Self, AddrError> {
        parse_addr(text)
    }
}

/// Why a text is not an address.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AddrError {
    /// There is nothing.
    Empty,
    /// There is a host, but no port after it.
    MissingPort,
    /// The port is not a number in digits.
    InvalidPort(String),
    /// The port is a number, but larger than there are ports.
    PortOutOfRange(String),
    /// The brackets do not enclose an IPv6 address, or are not closed.
    InvalidIpv6(String),
    /// More than one colon, and no brackets: where would an IPv6 address end?
    UnbracketedIpv6(String),
    /// Four numbers that are no IPv4 address.
    InvalidIpv4(String),
    /// The host contains something that no name does.
    InvalidName(String),
}

impl fmt::Display for AddrError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("address is empty"),
            Self::MissingPort => f.write_str("port is missing, as in host:port"),
            Self::InvalidPort(port) => write!(f, "port {port:?} is not a number"),
            Self::PortOutOfRange(port) => write!(f, "port {port} is out of range 0..=65535"),
            Self::InvalidIpv6(host) => write!(f, "{host:?} is not an IPv6 address in brackets"),
            Self::UnbracketedIpv6(text) => {
                write!(f, "IPv6 address {text:?} needs brackets, as in [::1]:80")
            }
            Self::InvalidIpv4(host) => write!(f, "{host:?} is not an IPv4 address"),
            Self::InvalidName(host) => write!(f, "{host:?} is not a host name"),
        }
    }
}

impl core::error::Error for AddrError {}

/// Understands `host:port`, `1.2.3.4:port`, `[v6]:port`, `:port` and `port`.
///
/// Names are only checked for characters and lengths; nothing is looked up.
///
/// # Errors
/// [`AddrError`] says what is wrong with which part.
///
/// # Examples
/// ```
/// use hyperia_net::parse_addr;
///
/// assert_eq!(parse_addr("127.0.0.1:9000")?.port, 9000);
/// assert_eq!(parse_addr("9000")?, parse_addr(":9000")?);
/// assert_eq!(
///     parse_addr("localhost:70000").unwrap_err().to_string(),
///     "port 70000 is out of range 0..=65535",
/// );
/// # Ok::<(), hyperia_net::AddrError>(())
/// ```
pub fn parse_addr(text: &str) -> Result<Address, AddrError> {
    if text.is_empty() {
        return Err(AddrError::Empty);
    }
    if let Some(bracketed) = text.strip_prefix('[') {
        let invalid = || AddrError::InvalidIpv6(text.to_owned());
        let (ip, rest) = bracketed.split_once(']').ok_or_else(invalid)?;
        let ip: Ipv6Addr = ip.parse().map_err(|_syntax| invalid())?;
        let port = match rest.strip_prefix(':') {
            Some(port) => parse_port(port)?,
            None if rest.is_empty() => return Err(AddrError::MissingPort),
            None => return Err(invalid()),
        };
        return Ok(Address {
            host: Host::Ip(ip.into()),
            port,
        });
    }
    let Some((host, port)) = text.rsplit_once(':') else {
        // No colon: a port alone, or a host without one.
        return if is_digits(text) {
            Ok(Address {
                host: Host::Any,
                port: parse_port(text)?,
            })
        } else {
            Err(AddrError::MissingPort)
        };
    };
    if host.contains(':') {
        return Err(AddrError::UnbracketedIpv6(text.to_owned()));
    }
    // The host first: of two mistakes the first one is reported.
    let host = parse_host(host)?;
    Ok(Address {
        host,
        port: parse_port(port)?,
    })
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn parse_port(text: &str) -> Result<u16, AddrError> {
    if text.is_empty() {
        return Err(AddrError::MissingPort);
    }
    // Not left to `parse`, which would take a sign.
    if !is_digits(text) {
        return Err(AddrError::InvalidPort(text.to_owned()));
    }
    text.parse()
        .map_err(|_too_large| AddrError::PortOutOfRange(text.to_owned()))
}

/// The longest name and the longest part of one (RFC 1035).
const NAME_MAX: usize = 253;
const LABEL_MAX: usize = 63;

fn parse_host(text: &str) -> Result<Host, AddrError> {
    if text.is_empty() {
        return Ok(Host::Any);
    }
    if let Ok(ip) = text.parse::<Ipv4Addr>() {
        return Ok(Host::Ip(ip.into()));
    }
    // One dot at the end says that the name is complete.
    let name = text.strip_suffix('.').unwrap_or(text);
    // A name whose last part is a number would be taken for an IPv4 address by some.
    if name.rsplit('.').next().is_some_and(is_digits) {
        return Err(AddrError::InvalidIpv4(text.to_owned()));
    }
    let is_label = |label: &str| {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        !label.is_empty()
            && label.len() <= LABEL_MAX
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= NAME_MAX && name.split('.').all(is_label) {
        Ok(Host::Name(text.to_owned()))
    } else {
        Err(AddrError::InvalidName(text.to_owned()))
    }
}
