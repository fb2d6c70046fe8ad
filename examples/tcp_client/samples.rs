//! What the demonstration looked like over time: one sample every few milliseconds, as a line and as a picture.

use std::fmt::Write;
use std::time::Duration;

use hyperia_client::{BreakerState, Stats};
use hyperia_examples::units::show_duration;
use textplots::{Chart, LabelBuilder, LabelFormat, Plot, Shape, TickDisplay, TickDisplayBuilder};

/// Width and height of a picture, in dots: a character is two dots wide and four high.
const WIDTH: u32 = 140;
const HEIGHT: u32 = 32;

/// What happened between two looks at the client's counters.
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
    /// The difference between two looks, taken `span` apart.
    pub(crate) fn between(before: &Stats, after: &Stats, at: Duration, span: Duration) -> Self {
        let latency = after.latency.since(&before.latency);
        Self {
            at,
            messages_per_s: (after.sent - before.sent) as f64 / span.as_secs_f64(),
            bytes_per_s: (after.sent_bytes - before.sent_bytes) as f64 / span.as_secs_f64(),
            p50: latency.quantile(0.5),
            p99: latency.quantile(0.99),
        }
    }

    /// The live line. `now` is the time of the client's clock.
    pub(crate) fn line(&self, stats: &Stats, now: Duration) -> String {
        let breaker = match stats.breaker {
            BreakerState::Closed => "closed".to_owned(),
            BreakerState::Open { retry_at } => {
                format!("open for {}", show_duration(retry_at.saturating_sub(now)))
            }
            BreakerState::HalfOpen => "half-open".to_owned(),
        };
        format!(
            "{:6.2}s {:7.3} M msg/s {:7.1} MiB/s | queue {:4} | conn {} (+{} dialing) | \
             reconnects {} | breaker {breaker} | p50 {} p99 {}",
            self.at.as_secs_f64(),
            self.messages_per_s / 1e6,
            self.bytes_per_s / f64::from(1 << 20),
            stats.queue_messages,
            stats.live,
            stats.dialing,
            stats.reconnects,
            show(self.p50),
            show(self.p99),
        )
    }
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
