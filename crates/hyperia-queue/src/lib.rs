//! Non-blocking queues that can be closed.
//!
//! | Module | Producers | Consumers | Room | Choose it for |
//! |---|---|---|---|---|
//! | [`spsc`] | one | one | bounded | a stream between two threads: no read-modify-write at all, slices in and out |
//! | [`mpsc::unbounded`] | many | one | unbounded | run queues, mailboxes: a push is one read-modify-write, a pop is none |
//! | [`mpsc::bounded`] | many | one | bounded | the same with a limit: places can be reserved, a pop writes no slot |
//! | [`mpmc::Queue`] | many | many | bounded | work shared by several consumers, with a limit |
//! | [`mpmc::UnboundedQueue`] | many | many | unbounded | the same without a limit; memory is given back as it shrinks |
//!
//! No operation here waits: `push` hands the value back, `pop` says that there is nothing. Whoever
//! wants to wait puts a waker or a wait queue beside it; each module says what a woken consumer may
//! see.
//!
//! All can be closed, and closing takes part in the order of the pushes: a push either comes
//! before the close, and then its value is popped or dropped with the queue, or it fails with
//! [`PushError::Closed`] and has its value back. (Where the consumer of [`spsc`] closes, the order is decided
//! when its producer notices: see [there](spsc#what-a-close-by-the-consumer-means).)
#![no_std]
#![warn(
    clippy::alloc_instead_of_core,
    clippy::std_instead_of_alloc,
    clippy::std_instead_of_core
)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod aligned;
mod backoff;
mod error;
pub mod mpmc;
pub mod mpsc;
mod padded;
#[cfg(all(test, hyperia_loom))]
#[path = "../tests/models/placements.rs"]
mod placements;
mod primitive;
pub mod spsc;

pub use error::{PopError, PushError};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// Queues of what may not leave its thread stay on it:
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpmc::Queue<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_queue::mpmc::Queue<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpmc::UnboundedQueue<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_queue::mpmc::UnboundedQueue<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpsc::Producer<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_sync<T: Sync>() {}
/// is_sync::<hyperia_queue::mpsc::Producer<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpsc::Consumer<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpsc::Consumer<std::sync::MutexGuard<'static, u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::spsc::Producer<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpsc::BoundedProducer<std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpsc::BoundedConsumer<std::sync::MutexGuard<'static, u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::mpsc::Reservation<'static, std::rc::Rc<u8>>>();
/// ```
/// ```compile_fail,E0277
/// fn is_send<T: Send>() {}
/// is_send::<hyperia_queue::spsc::Consumer<std::rc::Rc<u8>>>();
/// ```
/// while this compiles:
/// ```
/// fn is_send_and_sync<T: Send + Sync>() {}
/// is_send_and_sync::<hyperia_queue::mpmc::Queue<std::sync::Arc<u8>>>();
/// is_send_and_sync::<hyperia_queue::mpmc::UnboundedQueue<std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::mpsc::Producer<std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::mpsc::Consumer<std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::mpsc::BoundedProducer<std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::mpsc::BoundedConsumer<std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::mpsc::Reservation<'static, std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::spsc::Producer<std::cell::Cell<u8>>>();
/// is_send_and_sync::<hyperia_queue::spsc::Consumer<std::cell::Cell<u8>>>();
/// ```
#[cfg(doctest)]
struct AutoTraits;

/// There is one of each end, and what was seen is not there any more once it was passed:
/// ```compile_fail,E0599
/// let (producer, _consumer) = hyperia_queue::spsc::bounded::<u8>(1);
/// let _ = producer.clone();
/// ```
/// ```compile_fail,E0599
/// let (_producer, consumer) = hyperia_queue::spsc::bounded::<u8>(1);
/// let _ = consumer.clone();
/// ```
/// ```compile_fail,E0499
/// let (mut producer, mut consumer) = hyperia_queue::spsc::bounded(1);
/// producer.push(7).unwrap();
/// let seen = consumer.peek().unwrap();
/// consumer.advance(1);
/// assert_eq!(*seen, 7);
/// ```
/// while this compiles:
/// ```
/// let (mut producer, mut consumer) = hyperia_queue::spsc::bounded(1);
/// producer.push(7).unwrap();
/// let seen = consumer.peek().unwrap();
/// assert_eq!(*seen, 7);
/// consumer.advance(1);
/// ```
#[cfg(doctest)]
struct OneOfEach;

/// There is one consumer, a reservation is used once, and popping without it is unsafe:
/// ```compile_fail,E0599
/// let (_producer, consumer) = hyperia_queue::mpsc::bounded::<u8>(1);
/// let _ = consumer.clone();
/// ```
/// ```compile_fail,E0382
/// let (producer, _consumer) = hyperia_queue::mpsc::bounded(2);
/// let place = producer.reserve().unwrap();
/// let _ = place.push(1);
/// let _ = place.push(2);
/// ```
/// ```compile_fail,E0505
/// let (producer, _consumer) = hyperia_queue::mpsc::bounded(2);
/// let place = producer.reserve().unwrap();
/// drop(producer);
/// let _ = place.push(1);
/// ```
/// ```compile_fail,E0133
/// let ring = hyperia_queue::mpsc::raw::Ring::<u8>::new(1);
/// let _ = ring.pop();
/// ```
/// while this compiles:
/// ```
/// let (producer, _consumer) = hyperia_queue::mpsc::bounded(2);
/// let place = producer.reserve().unwrap();
/// let _ = producer.clone().push(1);
/// let _ = place.push(2);
/// drop(producer);
/// let ring = hyperia_queue::mpsc::raw::Ring::<u8>::new(1);
/// // SAFETY: nobody else pops.
/// let _ = unsafe { ring.pop() };
/// ```
#[cfg(doctest)]
struct Reserved;
