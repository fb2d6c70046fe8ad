//! Whole lives of a client over a network of memory, with random luck from a seed: the verdicts are compared with what
//! the network saw. The driver and every producer are polled only when they were woken, so a lost wake-up is a hang.
#![cfg(not(any(hyperia_loom, hyperia_shuttle)))]

mod common;

use std::collections::{HashMap, VecDeque};
use std::task::Poll;

use common::net::Plan;
use common::{Bench, Message, Task, ms};
use hyperia_client::{Client, FlushError, SendError, Unsent, Verdict};

const LIVES: u64 = 6_000;

struct Random(u64);

impl Random {
    fn pick(&mut self, n: usize) -> usize {
        // Xorshift64*: Vigna, 2016.
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }
}

/// A producer's call under way. Boxed futures that own a clone of the client.
type Call<T> = Task<std::pin::Pin<Box<dyn Future<Output = T>>>>;

fn enqueue(client: &Client<Message>, message: Message) -> EnqueueCall {
    let client = client.clone();
    Task::new(Box::pin(async move { client.enqueue(message).await }))
}

fn send(client: &Client<Message>, message: Message) -> SendCall {
    let client = client.clone();
    Task::new(Box::pin(async move { client.send(message).await }))
}

fn flush(client: &Client<Message>) -> FlushCall {
    let client = client.clone();
    Task::new(Box::pin(async move { client.flush().await }))
}

type EnqueueCall = Call<Result<(), Unsent<Message>>>;
type SendCall = Call<Result<(), SendError<Message>>>;
type FlushCall = Call<Result<(), FlushError>>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// In the hands of a call that was not ready.
    Pending,
    /// Accepted: the verdict comes to `on_settled`.
    Accepted,
    /// Never accepted.
    Refused,
    /// The call was dropped: accepted or not, nobody knows; if accepted, the verdict comes to `on_settled`.
    Dropped,
    /// `send` returned it.
    Told(Verdict),
}

struct Life {
    seed: u64,
    random: Random,
    bench: Bench,
    fates: Vec<Fate>,
    order: Vec<u32>,
    enqueues: VecDeque<(u32, EnqueueCall)>,
    sends: Vec<(u32, SendCall)>,
    flushes: Vec<FlushCall>,
    connections: usize,
    ended: bool,
}

/// `len u32, number u32, filler`.
fn message(number: u32, len: usize) -> Message {
    let mut message = Vec::with_capacity(len + 8);
    message.extend_from_slice(&(len as u32).to_le_bytes());
    message.extend_from_slice(&number.to_le_bytes());
    message.resize(len + 8, number as u8);
    message
}

fn number(message: &[u8]) -> u32 {
    u32::from_le_bytes(message[4..8].try_into().unwrap())
}

impl Life {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let connections = 1 + random.pick(4);
        let messages = 1 + random.pick(20);
        let bytes = 1 + random.pick(2000);
        let wait = random.pick(2) == 0;
        let threshold = 1 + random.pick(8) as u32;
        let attempts = 1 + random.pick(5) as u32;
        let reconnect = random.pick(2) == 0;
        let idle = ms(20 + random.pick(200) as u64);
        let bench = Bench::new(|builder| {
            builder
                .max_connections(connections)
                .queue_messages(messages)
                .queue_bytes(bytes)
                .wait_for_breaker(wait)
                .breaker(threshold, ms(60))
                .attempts(attempts)
                .reconnect_idle(reconnect)
                .idle_timeout(idle)
                .connect_timeout(ms(50))
                .write_timeout(ms(80))
                .drain_timeout(ms(100))
                .close_timeout(ms(30))
                .stable_after(ms(40))
                .seed(seed)
        });
        {
            let mut net = bench.net.lock();
            net.window = [usize::MAX, 0, 30, 500][random.pick(4)];
            net.write_max = [usize::MAX, 1, 13, 2500][random.pick(4)];
        }
        Self {
            seed,
            random,
            bench,
            fates: Vec::new(),
            order: Vec::new(),
            enqueues: VecDeque::new(),
            sends: Vec::new(),
            flushes: Vec::new(),
            connections,
            ended: false,
        }
    }

    fn pick(&mut self, n: usize) -> usize {
        self.random.pick(n)
    }

    fn new_message(&mut self) -> (u32, Message) {
        let number = self.fates.len() as u32;
        let len = match self.pick(12) {
            0 => 2040 + self.pick(3000),
            1 => 0,
            _ => self.pick(40),
        };
        self.fates.push(Fate::Pending);
        (number, message(number, len))
    }

    fn step(&mut self) {
        match self.pick(20) {
            0..4 => {
                let (number, message) = self.new_message();
                let call = enqueue(&self.bench.client, message);
                self.enqueues.push_back((number, call));
            }
            4 => {
                let (number, message) = self.new_message();
                let fate = match self.bench.client.try_enqueue(message) {
                    Ok(()) => {
                        self.order.push(number);
                        Fate::Accepted
                    }
                    Err(_) => Fate::Refused,
                };
                self.fates[number as usize] = fate;
            }
            5..7 => {
                let (number, message) = self.new_message();
                let call = send(&self.bench.client, message);
                self.sends.push((number, call));
            }
            7 => self.flushes.push(flush(&self.bench.client)),
            8 => self.drop_a_call(),
            9..12 => self.fault(),
            12..15 => {
                let by = self.pick(30) as u64;
                self.bench.advance(ms(by));
            }
            15 => {
                let plan = [Plan::Connect, Plan::Connect, Plan::Refuse, Plan::Hang][self.pick(4)];
                self.bench.net.plan(plan);
            }
            _ => self.open_windows(),
        }
        // Who runs first is luck, too.
        if self.pick(3) > 0 {
            self.bench.run();
        }
        self.run_calls();
        self.bench.run();
        self.run_calls();
        assert!(
            self.bench.net.open() + self.bench.net.dials_open() <= self.connections,
            "seed {}: too many connections",
            self.seed
        );
        let stats = self.bench.client.stats();
        assert_eq!(
            stats.accepted,
            stats.sent
                + stats.unsent
                + stats.unknown
                + stats.queue_messages as u64
                + stats.in_flight as u64,
            "seed {}: {stats:?}",
            self.seed
        );
    }

    fn drop_a_call(&mut self) {
        if self.pick(2) == 0 && !self.enqueues.is_empty() {
            let index = self.pick(self.enqueues.len());
            if let Some((number, call)) = self.enqueues.remove(index) {
                drop(call);
                self.fates[number as usize] = Fate::Dropped;
            }
        } else if !self.sends.is_empty() {
            let index = self.pick(self.sends.len());
            let (number, call) = self.sends.swap_remove(index);
            drop(call);
            self.fates[number as usize] = Fate::Dropped;
        } else if !self.flushes.is_empty() {
            let index = self.pick(self.flushes.len());
            drop(self.flushes.swap_remove(index));
        }
    }

    fn fault(&mut self) {
        let connections = self.bench.net.len();
        let dials = self.bench.net.dials();
        if dials > 0 && self.pick(2) == 0 {
            let index = dials - 1 - self.pick(dials.min(4));
            let plan = [Plan::Connect, Plan::Refuse][self.pick(2)];
            self.bench.net.decide(index, plan);
        }
        if connections == 0 {
            return;
        }
        let index = connections - 1 - self.pick(connections.min(4));
        match self.pick(6) {
            0 => self.bench.net.reset(index),
            1 => self.bench.net.finish(index),
            2 => {
                // Two at the same instant.
                self.bench.net.reset(index);
                self.bench.net.reset(index.saturating_sub(1));
            }
            _ => self.bench.net.send(index, b"hello"),
        }
    }

    fn open_windows(&mut self) {
        let connections = self.bench.net.len();
        for index in connections.saturating_sub(4)..connections {
            let bytes = self.pick(3000);
            self.bench.net.open_window(index, bytes);
        }
    }

    fn run_calls(&mut self) {
        let mut left = VecDeque::new();
        while let Some((number, mut call)) = self.enqueues.pop_front() {
            match call.poll_if_woken() {
                Some(Poll::Ready(result)) => {
                    let accepted = result.is_ok();
                    if accepted {
                        self.order.push(number);
                    }
                    self.fates[number as usize] = if accepted {
                        Fate::Accepted
                    } else {
                        Fate::Refused
                    };
                }
                _ => left.push_back((number, call)),
            }
        }
        self.enqueues = left;
        let fates = &mut self.fates;
        self.sends.retain_mut(|(number, call)| {
            let Some(Poll::Ready(result)) = call.poll_if_woken() else {
                return true;
            };
            fates[*number as usize] = Fate::Told(match result {
                Ok(()) => Verdict::Ok,
                Err(SendError::Unsent(_, reason)) => Verdict::Unsent(reason),
                Err(SendError::Unknown(_, reason)) => Verdict::Unknown(reason),
            });
            false
        });
        self.flushes
            .retain_mut(|call| !matches!(call.poll_if_woken(), Some(Poll::Ready(_))));
    }

    fn live(&mut self) {
        let steps = 20 + self.pick(120);
        for _ in 0..steps {
            self.step();
        }
        if self.pick(3) > 0 {
            self.heal();
        }
        self.end();
        self.judge();
    }

    /// The network is well again: everything pending completes, without anybody being poked.
    fn heal(&mut self) {
        self.bench.net.plan(Plan::Connect);
        {
            let mut net = self.bench.net.lock();
            net.window = usize::MAX;
        }
        for index in 0..self.bench.net.dials() {
            self.bench.net.decide(index, Plan::Connect);
        }
        for index in 0..self.bench.net.len() {
            self.bench.net.open_window(index, 1 << 30);
        }
        for _ in 0..100 {
            self.run_calls();
            self.bench.advance(ms(5));
        }
        self.run_calls();
        let stats = self.bench.client.stats();
        assert!(
            self.enqueues.is_empty() && self.sends.is_empty() && self.flushes.is_empty(),
            "seed {}: somebody waits for ever, {stats:?}",
            self.seed
        );
        assert_eq!(
            stats.queue_messages + stats.in_flight,
            0,
            "seed {}: {stats:?}",
            self.seed
        );
    }

    fn end(&mut self) {
        match self.pick(4) {
            0 => self.bench.drop_driver(),
            1 => self.bench.client.abort(),
            _ => self.bench.client.close(),
        }
        self.ended = true;
        if self.bench.driver.is_some() {
            let peers_answer = self.pick(2) == 0;
            for _ in 0..2 {
                self.bench.run();
                if peers_answer {
                    for index in 0..self.bench.net.len() {
                        self.bench.net.finish(index);
                    }
                }
            }
            self.bench.finish();
        }
        self.run_calls();
        assert!(
            self.enqueues.is_empty() && self.sends.is_empty() && self.flushes.is_empty(),
            "seed {}: the end wakes everybody",
            self.seed
        );
        assert_eq!(
            (self.bench.net.open(), self.bench.net.dials_open()),
            (0, 0),
            "seed {}: sockets are left",
            self.seed
        );
    }

    /// Compares the verdicts with what was written.
    fn judge(&mut self) {
        let seed = self.seed;
        // What the kernel took of each message: whole, or a part, on how many connections.
        let mut whole: HashMap<u32, usize> = HashMap::new();
        let mut part: HashMap<u32, usize> = HashMap::new();
        let mut sequence = Vec::new();
        for index in 0..self.bench.net.len() {
            let written = self.bench.net.written(index);
            let mut rest = &written[..];
            while rest.len() >= 8 {
                let len = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize + 8;
                let number = number(rest);
                if rest.len() < len {
                    break;
                }
                assert!(
                    rest[8..len].iter().all(|byte| *byte == number as u8),
                    "seed {seed}: torn"
                );
                *whole.entry(number).or_default() += 1;
                sequence.push(number);
                rest = &rest[len..];
            }
            if rest.len() >= 8 {
                *part.entry(number(rest)).or_default() += 1;
            }
        }
        let mut settled: HashMap<u32, Vec<Verdict>> = HashMap::new();
        for (message, verdict) in self.bench.verdicts() {
            settled.entry(number(&message)).or_default().push(verdict);
        }
        for (index, fate) in self.fates.iter().enumerate() {
            let number = index as u32;
            let told = settled
                .get(&number)
                .map_or(&[][..], |verdicts| &verdicts[..]);
            let verdict = match (fate, told) {
                (Fate::Accepted, [verdict]) => *verdict,
                (Fate::Told(verdict), []) => *verdict,
                (Fate::Dropped, [verdict]) => *verdict,
                (Fate::Refused | Fate::Dropped, []) => {
                    let seen = whole.contains_key(&number) || part.contains_key(&number);
                    assert!(
                        !seen,
                        "seed {seed}: {number} was never accepted, but written"
                    );
                    continue;
                }
                _ => panic!("seed {seed}: message {number}: {fate:?}, {told:?}"),
            };
            let whole = whole.get(&number).copied().unwrap_or(0);
            let part = part.get(&number).copied().unwrap_or(0);
            // A part shorter than the head cannot be told; the verdict says more then.
            match verdict {
                Verdict::Ok => assert_eq!((whole, part), (1, 0), "seed {seed}: {number}"),
                Verdict::Unsent(_) => assert_eq!((whole, part), (0, 0), "seed {seed}: {number}"),
                Verdict::Unknown(_) => assert!(
                    whole == 0 && part <= 1,
                    "seed {seed}: {number} {whole} {part}"
                ),
            }
        }
        if self.connections == 1 {
            let position: HashMap<_, _> =
                self.order.iter().enumerate().map(|(i, n)| (n, i)).collect();
            let known: Vec<_> = sequence.iter().filter_map(|n| position.get(n)).collect();
            assert!(known.is_sorted(), "seed {seed}: out of order");
        }
    }
}

/// I1, I3, I4, I5, I6, I9, I10, I11, I12, I14, I15, I17, I20, I29, I33, I34 at once, in lives nobody thought of.
#[test]
fn verdicts_are_what_the_network_saw_whatever_happens() {
    let base = std::env::var("HYPERIA_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(1_u64);
    println!("{LIVES} lives from seed {base}");
    let (mut ok, mut unsent, mut unknown, mut requeued) = (0, 0, 0, 0);
    for seed in base..base + LIVES {
        let mut life = Life::new(seed);
        life.live();
        let stats = life.bench.client.stats();
        ok += stats.sent;
        unsent += stats.unsent;
        unknown += stats.unknown;
        requeued += stats.requeued;
    }
    println!("ok {ok}, unsent {unsent}, unknown {unknown}, requeued {requeued}");
    assert!(ok > LIVES && unsent > LIVES && unknown > LIVES / 20 && requeued > LIVES / 20);
}
