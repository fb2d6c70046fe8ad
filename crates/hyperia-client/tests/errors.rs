//! Verdicts and errors: what they say, and that the message comes back.

use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

use hyperia_client::{FlushError, Reason, SendError, TryEnqueueError, Unsent, Verdict};

const REFUSED: Reason = Reason::ConnectFailed(ErrorKind::ConnectionRefused);

#[test]
fn a_verdict_says_what_is_known_and_why() {
    let lost = Reason::ConnectionLost(ErrorKind::ConnectionReset);
    for (verdict, text, reason) in [
        (Verdict::Ok, "sent", None),
        (
            Verdict::Unsent(REFUSED),
            "not sent: could not connect: connection refused",
            Some(REFUSED),
        ),
        (
            Verdict::Unknown(lost),
            "may have been received: connection lost: connection reset",
            Some(lost),
        ),
    ] {
        assert_eq!(verdict.to_string(), text);
        assert_eq!(verdict.reason(), reason);
        assert_eq!(verdict.is_ok(), reason.is_none());
    }
}

#[test]
fn every_error_hands_the_message_back_and_needs_nothing_of_it() {
    /// Neither `Debug` nor `Clone`.
    #[derive(PartialEq)]
    struct Message(u8);

    let unsent = Unsent(Message(1), REFUSED);
    assert_eq!(unsent.reason(), REFUSED);
    assert_eq!(
        unsent.to_string(),
        "message was not sent: could not connect: connection refused"
    );
    assert!(unsent.into_message() == Message(1));

    let full = TryEnqueueError::Full(Message(2));
    assert_eq!(full.to_string(), "queue is full");
    assert_eq!(format!("{full:?}"), "Full(..)");
    assert!(full.into_message() == Message(2));

    let unknown = SendError::Unknown(Message(3), Reason::WriteTimeout);
    assert_eq!(unknown.reason(), Reason::WriteTimeout);
    assert_eq!(
        unknown.to_string(),
        "message may have been received: write deadline passed"
    );
    assert!(unknown.into_message() == Message(3));
}

#[test]
fn errors_are_errors() {
    let retry_at = Duration::from_secs(1);
    let errors: [Box<dyn Error>; 4] = [
        Box::new(Unsent((), Reason::BreakerOpen { retry_at })),
        Box::new(TryEnqueueError::Unsent((), Reason::Closed)),
        Box::new(SendError::Unsent((), Reason::Aborted)),
        Box::new(FlushError {
            unsent: 2,
            unknown: 1,
        }),
    ];
    let texts = errors.map(|error| error.to_string());
    assert_eq!(
        texts,
        [
            "message was not sent: circuit breaker is open",
            "message was not sent: client is closed",
            "message was not sent: client was aborted",
            "2 messages were not sent, 1 may have been received",
        ]
    );
}
