//! Numbers as pictures: the scale and shift of each channel, the range of each weight before and after.

use maud::{Markup, html};

use super::{Channels, Ranges};
use crate::error::printable;

/// How many channels are drawn one by one; of more the smallest and the largest of neighbours stand together.
const POINTS: usize = 240;
/// How many weights are drawn.
const WEIGHTS: usize = 200;
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 90.0;

/// Scale and shift over the channels; in words where one pair of numbers holds for all.
pub fn channels(channels: &Channels) -> Markup {
    if let ([scale], [shift]) = (&channels.scale[..], &channels.shift[..]) {
        return html! { p.refusal { "for all channels: scale " (scale) ", shift " (shift) } };
    }
    html! {
        div.plots {
            (bars("scale", &channels.scale))
            (bars("shift", &channels.shift))
        }
    }
}

/// A bar from zero for each channel.
fn bars(what: &str, values: &[f64]) -> Markup {
    let (low, high) = span(values);
    let (bottom, top) = (low.min(0.0), high.max(0.0));
    let extent = if top > bottom { top - bottom } else { 1.0 };
    let y = |value: f64| HEIGHT * (top - value) / extent;
    let chunk = values.len().div_ceil(POINTS).max(1);
    let columns: Vec<(f64, f64)> = values.chunks(chunk).map(span).collect();
    let step = WIDTH / columns.len().max(1) as f64;
    let label = format!("{what} of {} channels, from {low:.4} to {high:.4}", values.len());
    html! {
        figure {
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label=(label) preserveAspectRatio="none" {
                @for (at, (low, high)) in columns.iter().enumerate() {
                    @let (above, below) = (y(high.max(0.0)), y(low.min(0.0)));
                    rect.bar x=(format!("{:.2}", at as f64 * step)) y=(format!("{above:.2}"))
                        width=(format!("{:.2}", (step * 0.8).max(0.5))) height=(format!("{:.2}", (below - above).max(0.5))) {}
                }
                line.zero x1="0" x2=(WIDTH) y1=(format!("{:.2}", y(0.0))) y2=(format!("{:.2}", y(0.0))) {}
            }
            figcaption { (label) }
        }
    }
}

/// The weights whose numbers changed most, each as two bars on one scale of its own.
pub fn ranges(ranges: &[Ranges]) -> Markup {
    html! {
        @if !ranges.is_empty() {
            section {
                h2 { "Weights before and after" }
                div.scroll { table {
                    thead { tr { th { "node" } th { "before" } th { "after" } th { "range" } } }
                    tbody { @for one in ranges.iter().take(WEIGHTS) { (row(one)) } }
                } }
                @if ranges.len() > WEIGHTS { p { "and " (ranges.len() - WEIGHTS) " more." } }
            }
        }
    }
}

fn row(one: &Ranges) -> Markup {
    let low = one.before.0.min(one.after.0);
    let high = one.before.1.max(one.after.1);
    let extent = if high > low { high - low } else { 1.0 };
    let place = |(from, to): (f64, f64)| (100.0 * (from - low) / extent, (100.0 * (to - from) / extent).max(0.5));
    let bar = |y: u32, class: &str, range| {
        let (x, width) = place(range);
        html! { rect class=(class) x=(format!("{x:.2}")) y=(y) width=(format!("{width:.2}")) height="6" {} }
    };
    let text = |(from, to): (f64, f64)| format!("{from:.4} … {to:.4}");
    html! {
        tr {
            td { (printable(&one.node)) }
            td { (text(one.before)) }
            td { (text(one.after)) }
            td {
                svg.range viewBox="0 0 100 16" preserveAspectRatio="none" role="img"
                    aria-label={ "before " (text(one.before)) ", after " (text(one.after)) } {
                    (bar(1, "before", one.before)) (bar(9, "after", one.after))
                }
            }
        }
    }
}

/// The smallest and the largest, where there is any; what is no number has no part in it.
pub fn extremes(values: &[f64]) -> Option<(f64, f64)> {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    (low <= high).then_some((low, high))
}

fn span(values: &[f64]) -> (f64, f64) {
    extremes(values).unwrap_or_default()
}
