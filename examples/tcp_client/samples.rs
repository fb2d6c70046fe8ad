//! What the demonstration looked like over time: one sample every few milliseconds, as a line and as a picture.

use std::fmt::Write;
use std::time::Duration;

use hyperia_client::{BreakerState, Stats};
use hyperia_examples::units::show_duration;
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape, TickDisplay, TickDisplayBuilder};

/// Width and height of a picture, in dots: a character is two dots wide and four high.
const WIDTH: u32 = 140;
const HEIGHT: u32 = 32;

/// The client's counters, and the time of its clock when they were taken.
pub(crate) type Look = (Stats, Duration);

/// What happened between two looks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    /// When it ended, since the start of the run.
    at: Duration,
    messages_per_s: f64,
    bytes_per_s: f64,
    p50: Option<Duration>,
    p99: Option<Duration>,
}

impl Sample {
    /// The difference between two looks, each with its time; the run began at `start`.
    pub(crate) fn between(before: &Look, after: &Look, start: Duration) -> Self {
        let ((before, earlier), (after, now)) = (before, after);
        let span = (*now - *earlier).as_secs_f64();
        let latency = after.latency.since(&before.latency);
        Self {
            at: *now - start,
            messages_per_s: (after.sent - before.sent) as f64 / span,
            bytes_per_s: (after.sent_bytes - before.sent_bytes) as f64 / span,
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
        }
    }

    /// The live line, under [`header`]; `look` is the one that ended the sample.
    pub(crate) fn line(&self, look: &Look) -> String {
        let (stats, now) = look;
        let connections = match stats.dialing {
            0 => stats.live.to_string(),
            dialing => format!("{} +{dialing}", stats.live),
        };
        let breaker = match stats.breaker {
            BreakerState::Closed => "closed".to_owned(),
            BreakerState::Open { retry_at } => {
                format!("open {}", show_duration(retry_at.saturating_sub(*now)))
            }
            BreakerState::HalfOpen => "half-open".to_owned(),
        };
        columns([
            &format!("{:.2}s", self.at.as_secs_f64()),
            &format!("{:.3}", self.messages_per_s / 1e6),
            &format!("{:.1}", self.bytes_per_s / f64::from(1 << 20)),
            &stats.queue_messages.to_string(),
            &connections,
            &stats.reconnects.to_string(),
            &breaker,
            &show(self.p50),
            &show(self.p99),
        ])
    }
}

/// What stands above the live lines.
pub(crate) fn header() -> String {
    columns([
        "time",
        "M msg/s",
        "MiB/s",
        "queue",
        "conn",
        "reconnects",
        "breaker",
        "p50",
        "p99",
    ])
}

/// Less than 80 columns, so that the line fits where it is rewritten in place.
fn columns(texts: [&str; 9]) -> String {
    let [
        time,
        messages,
        bytes,
        queue,
        connections,
        reconnects,
        breaker,
        p50,
        p99,
    ] = texts;
    format!(
        "{time:>7}{messages:>9}{bytes:>9}{queue:>7}{connections:>6}{reconnects:>11}{breaker:>12}{p50:>9}{p99:>9}"
    )
}

/// A duration, or a dash where nothing was measured.
pub(crate) fn show(duration: Option<Duration>) -> String {
    duration.map_or_else(|| "-".to_owned(), show_duration)
}

/// Draws throughput and latency over the run; nothing if it was too short for a line.
pub(crate) fn picture(samples: &[Sample]) -> String {
    let micros = |latency: Option<Duration>| latency.map(|latency| latency.as_secs_f32() * 1e6);
    let mut text = String::new();
    if samples.len() < 2 {
        return text;
    }
    let throughput = [series(samples, |sample| {
        Some((sample.messages_per_s / 1e6) as f32)
    })];
    chart(&mut text, "throughput [M msg/s] over time [s]", &throughput);
    let latency = [
        series(samples, |sample| micros(sample.p50)),
        series(samples, |sample| micros(sample.p99)),
    ];
    chart(
        &mut text,
        "latency, queue to kernel, p50 (lower line) and p99 [us] over time [s]",
        &latency,
    );
    text
}

fn series(samples: &[Sample], value: impl Fn(&Sample) -> Option<f32>) -> Vec<(f32, f32)> {
    samples
        .iter()
        .filter_map(|sample| Some((sample.at.as_secs_f32(), value(sample)?)))
        .collect()
}

fn chart(text: &mut String, title: &str, lines: &[Vec<(f32, f32)>]) {
    let points = || lines.iter().flatten();
    let end = points().map(|(x, _)| *x).fold(0.0, f32::max);
    let top = points().map(|(_, y)| *y).fold(0.0, f32::max) * 1.05;
    if end <= 0.0 || top <= 0.0 {
        return;
    }
    let shapes: Vec<Shape<'_>> = lines.iter().map(|line| Shape::Lines(line)).collect();
    let mut chart = Chart::new_with_y_range(WIDTH, HEIGHT, 0.0, end, 0.0, top);
    let mut drawing = chart
        .x_label_format(LabelFormat::Custom(Box::new(|x| format!("{x:.2}"))))
        .y_label_format(LabelFormat::Custom(Box::new(|y| format!("{y:.1}"))))
        .y_tick_display(TickDisplay::Sparse);
    for shape in &shapes {
        drawing = drawing.lineplot(shape);
    }
    drawing.axis();
    drawing.figures();
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "\n{title}\n{drawing}");
}
