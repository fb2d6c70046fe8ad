//! The command line: every knob with its default and unit.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use hyperia_client::{Builder, Client};
use hyperia_examples::units::{Limit, parse_duration, parse_limit, parse_size};
use hyperia_net::{Host, Keepalive, parse_addr};

/// The address the demonstration's own sink listens on if it can.
pub(crate) const DEMO_ADDR: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9000);

/// What stands below the knobs in `--help`.
const AFTER_HELP: &str = "\
Without --addr a server is started as well, and what it received is compared with what was sent.
With --pipe each line of standard input gets one verdict on standard output, in any order:
    ok LABEL            the kernel took every byte of it, on one connection
    err LABEL unsent    no byte of it was ever given to a socket
    err LABEL unknown   anything between
LABEL is the line's first word, or \"-\" if it has none.

Units of DURATION: ns, us, ms, s, m, h, as in 500ms. Units of SIZE: B, KiB, MiB, GiB, as in 1MiB.";

/// Sends messages to one TCP server, fast, and tells what became of each.
#[derive(Clone, Debug, Parser)]
#[command(name = "tcp_client", after_help = AFTER_HELP)]
pub(crate) struct Args {
    /// The server to send to. Without it the demonstration starts one on 127.0.0.1:9000.
    #[arg(long, value_name = "HOST:PORT", value_parser = resolve)]
    pub addr: Option<Addresses>,

    /// Send the lines of standard input, each with its newline, and print a verdict for each. They keep their
    /// order with --connections 1.
    #[arg(long, requires = "addr")]
    pub pipe: bool,

    #[command(flatten)]
    pub load: Load,

    #[command(flatten)]
    pub client: ClientKnobs,
}

/// What the demonstration sends.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The demonstration's load (without --pipe)")]
pub(crate) struct Load {
    /// Messages to send.
    #[arg(long, value_name = "COUNT", default_value = "10000000", value_parser = clap::value_parser!(u64).range(1..))]
    pub messages: u64,

    /// Length of a message, its newline included: 2B to 1MiB.
    #[arg(long, value_name = "SIZE", default_value = "64B", value_parser = parse_message_size)]
    pub message_size: usize,

    /// Tasks that produce them.
    #[arg(long, value_name = "COUNT", default_value = "4", value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub producers: u64,
}

/// How the client behaves.
#[derive(Clone, Debug, clap::Args)]
#[command(next_help_heading = "The client")]
pub(crate) struct ClientKnobs {
    /// Most connections at a time: 1 to 64.
    #[arg(long, value_name = "COUNT", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub connections: u16,

    /// Most dials at a time; one while the destination fails.
    #[arg(long, value_name = "COUNT", default_value = "2", value_parser = clap::value_parser!(u16).range(1..=64))]
    pub dials: u16,

    /// Connections that are not closed for being idle.
    #[arg(long, value_name = "COUNT", default_value = "0", value_parser = clap::value_parser!(u16).range(0..=64))]
    pub keep_idle: u16,

    /// Most messages that wait in the queue.
    #[arg(long, value_name = "COUNT", default_value = "1024", value_parser = clap::value_parser!(u32).range(1..=0x7fff_ffff))]
    pub queue_messages: u32,

    /// Most bytes that wait in the queue.
    #[arg(long, value_name = "SIZE", default_value = "1MiB", value_parser = parse_queue_size)]
    pub queue_bytes: usize,

    /// Longest a dial may take.
    #[arg(long, value_name = "DURATION", default_value = "500ms", value_parser = parse_duration)]
    pub connect_timeout: Duration,

    /// Longest a write may wait without the peer taking a byte.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub write_timeout: Duration,

    /// Longest the peer may be silent; "none" for a peer that does not answer.
    #[arg(long, value_name = "DURATION", default_value = "none", value_parser = parse_limit)]
    pub read_timeout: Limit,

    /// After this long without a message a connection is closed; "none" keeps it.
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = parse_limit)]
    pub idle_timeout: Limit,

    /// Longest that a closed client goes on sending what is queued.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = parse_duration)]
    pub drain_timeout: Duration,

    /// Longest that a connection being closed waits for the peer to close too.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub close_timeout: Duration,

    /// Dials in a row that may fail before everything pending fails.
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub attempts: u32,

    /// Longest pause after the first failed dial; it doubles with each further one.
    #[arg(long, value_name = "DURATION", default_value = "10ms", value_parser = parse_duration)]
    pub backoff_min: Duration,

    /// Longest pause between dials.
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = parse_duration)]
    pub backoff_max: Duration,

    /// Age at which a connection counts as good, so that failures before it are forgotten.
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = parse_duration)]
    pub stable_after: Duration,

    /// Do not dial again when the last connection is lost and nothing is queued [default: dial once].
    #[arg(long)]
    pub no_reconnect_idle: bool,

    /// Failed dials in a row that open the circuit breaker.
    #[arg(long, value_name = "COUNT", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    pub breaker_failures: u32,

    /// How long an open circuit breaker refuses to dial.
    #[arg(long, value_name = "DURATION", default_value = "300ms", value_parser = parse_duration)]
    pub breaker_reset: Duration,

    /// Let messages wait for an open circuit breaker [default: they fail at once].
    #[arg(long)]
    pub wait_for_breaker: bool,

    /// Let the kernel delay small segments [default: it does not, TCP_NODELAY].
    #[arg(long)]
    pub delay: bool,

    /// TCP keepalive: idle time before the first of 3 probes, which are as far apart; or "none".
    #[arg(long, value_name = "DURATION", default_value = "none", value_parser = parse_limit)]
    pub keepalive: Limit,

    /// Longest that sent bytes may stay unacknowledged; "none" leaves it to the kernel.
    #[arg(long, value_name = "DURATION", default_value = "none", value_parser = parse_limit)]
    pub user_timeout: Limit,

    /// Seed of the jitter between dials [default: from the clock and an address].
    #[arg(long, value_name = "NUMBER")]
    pub seed: Option<u64>,
}

impl Args {
    /// Reads the command line; prints what was asked for or what is wrong with it, and exits.
    pub(crate) fn from_command_line() -> Self {
        let args = Self::parse();
        if args.client.backoff_min > args.client.backoff_max {
            let wrong = "--backoff-min must not exceed --backoff-max";
            Self::command()
                .error(ErrorKind::ValueValidation, wrong)
                .exit();
        }
        args
    }
}

impl ClientKnobs {
    /// A client for `addresses` with every knob set.
    pub(crate) fn builder(&self, addresses: Vec<SocketAddr>) -> Builder<Vec<u8>> {
        let mut builder = Client::builder(addresses)
            .max_connections(self.connections.into())
            .max_dials(self.dials.into())
            .keep_idle(self.keep_idle.into())
            .queue_messages(self.queue_messages as usize)
            .queue_bytes(self.queue_bytes)
            .connect_timeout(self.connect_timeout)
            .write_timeout(self.write_timeout)
            .read_timeout(self.read_timeout.0.unwrap_or(Duration::MAX))
            .idle_timeout(self.idle_timeout.0.unwrap_or(Duration::MAX))
            .drain_timeout(self.drain_timeout)
            .close_timeout(self.close_timeout)
            .attempts(self.attempts)
            .backoff(self.backoff_min, self.backoff_max)
            .stable_after(self.stable_after)
            .reconnect_idle(!self.no_reconnect_idle)
            .breaker(self.breaker_failures, self.breaker_reset)
            .wait_for_breaker(self.wait_for_breaker)
            .nodelay(!self.delay);
        if let Limit(Some(idle)) = self.keepalive {
            builder = builder.keepalive(Keepalive {
                idle,
                interval: idle,
                probes: 3,
            });
        }
        if let Limit(Some(timeout)) = self.user_timeout {
            builder = builder.user_timeout(timeout);
        }
        if let Some(seed) = self.seed {
            builder = builder.seed(seed);
        }
        builder
    }
}

/// What a host name and port stand for: at least one address.
#[derive(Clone, Debug)]
pub(crate) struct Addresses(pub Vec<SocketAddr>);

/// Looks an address up. For a name this may block, which is why it happens before anything else runs.
fn resolve(text: &str) -> Result<Addresses, String> {
    let address = parse_addr(text).map_err(|error| error.to_string())?;
    if address.port == 0 {
        return Err("port 0 is no destination; allowed are 1 to 65535".to_owned());
    }
    let found = match &address.host {
        Host::Name(name) => {
            let found = (name.as_str(), address.port).to_socket_addrs();
            found.map_err(|error| error.to_string())?.collect()
        }
        _ => Vec::from_iter(address.socket_addr()),
    };
    if found.is_empty() {
        Err("no address has that name".to_owned())
    } else {
        Ok(Addresses(found))
    }
}

fn parse_message_size(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        size @ 2..=0x10_0000 => Ok(size),
        _ => Err("allowed are 2B to 1MiB".to_owned()),
    }
}

fn parse_queue_size(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        0 => Err("must be at least 1B".to_owned()),
        size => Ok(size),
    }
}
