//! The graph around a node with a map, as a small drawing: what takes the map in, what hands it on, and the node itself.

use maud::{Markup, html};

use crate::error::printable;
use crate::report::{Direction, Fate, NodeName, SiteReport};

/// How many nodes of a kind are drawn.
const SHOWN: usize = 3;
const WIDTH: usize = 168;
const HEIGHT: usize = 46;
const GAP: usize = 34;
const ROW: usize = HEIGHT + 12;

/// The class of a node beside the drawn one, which no edge joins to others.
const BESIDE: &str = "refuses beside";

/// A box of the drawing: its class, its name, its operator.
struct Drawn {
    class: &'static str,
    name: String,
    operator: String,
}

/// The drawing, from left to right as data flows.
pub fn drawing(site: &SiteReport) -> Markup {
    let columns = columns(site);
    let rows = columns.iter().map(Vec::len).max().unwrap_or(1);
    let (width, height) = (columns.len() * (WIDTH + GAP) - GAP + 8, rows * ROW);
    let middle = |column: usize, row: usize| {
        let free = (rows - columns.get(column).map_or(1, Vec::len)) * ROW / 2;
        (4 + column * (WIDTH + GAP), free + row * ROW + 4)
    };
    let label = words(&columns);
    html! {
        div.drawing {
            svg viewBox={ "0 0 " (width) " " (height) } width=(width) height=(height) role="img" aria-label=(label) {
                @for column in 1..columns.len() {
                    @for (from, _) in columns[column - 1].iter().enumerate().filter(|(_, drawn)| drawn.class != BESIDE) {
                        @for (to, _) in columns[column].iter().enumerate().filter(|(_, drawn)| drawn.class != BESIDE) {
                            @let (x1, y1) = middle(column - 1, from);
                            @let (x2, y2) = middle(column, to);
                            @let (bend, y1, y2) = (x1 + WIDTH + GAP / 2, y1 + HEIGHT / 2, y2 + HEIGHT / 2);
                            path.edge d={ "M" (x1 + WIDTH) " " (y1) "H" (bend) "V" (y2) "H" (x2) } {}
                        }
                    }
                }
                @for (column, boxes) in columns.iter().enumerate() {
                    @for (row, drawn) in boxes.iter().enumerate() {
                        @let (x, y) = middle(column, row);
                        g class=(drawn.class) {
                            title { (drawn.name) " (" (drawn.operator) ")" }
                            rect x=(x) y=(y) width=(WIDTH) height=(HEIGHT) rx="6" {}
                            text x=(x + WIDTH / 2) y=(y + 19) { (short(&drawn.operator)) }
                            text.name x=(x + WIDTH / 2) y=(y + 36) { (short(&drawn.name)) }
                        }
                    }
                }
            }
        }
    }
}

fn columns(site: &SiteReport) -> Vec<Vec<Drawn>> {
    let own = |class| vec![one(&site.node, class)];
    let (direction, into, through, class) = match &site.fate {
        Fate::Folded { direction, into, through } => (*direction, into, through, "gone"),
        Fate::Partly { direction, into, through, .. } => (*direction, into, through, "partly"),
        Fate::Relieved { into, through, .. } => (Direction::Ahead, into, through, "partly"),
        Fate::Replaced { operators, .. } => {
            let by = Drawn { class: "takes", name: "in its place".into(), operator: operators.join(", ") };
            return vec![own("gone"), vec![by]];
        }
        Fate::Kept { back, ahead, .. } => {
            let refuses = |node: &NodeName| if *node == site.node { vec![] } else { vec![one(node, "refuses")] };
            // Who reads the same value comes neither before nor behind.
            let (before, beside) =
                if back.beside { (vec![], Some(one(&back.node, BESIDE))) } else { (refuses(&back.node), None) };
            let own = own("kept").into_iter().chain(beside).collect();
            return [before, own, refuses(&ahead.node)].into_iter().filter(|column: &Vec<Drawn>| !column.is_empty()).collect();
        }
    };
    let (into, through) = (several(into, "takes"), several(through, "passes"));
    let columns = match direction {
        Direction::Back => [into, through, own(class)],
        Direction::Ahead => [own(class), through, into],
    };
    columns.into_iter().filter(|column| !column.is_empty()).collect()
}

fn several(nodes: &[NodeName], class: &'static str) -> Vec<Drawn> {
    let mut drawn: Vec<Drawn> = nodes.iter().take(SHOWN).map(|node| one(node, class)).collect();
    if let Some(more) = nodes.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        drawn.push(Drawn { class, name: "more nodes".into(), operator: format!("and {more}") });
    }
    drawn
}

fn one(node: &NodeName, class: &'static str) -> Drawn {
    Drawn { class, name: printable(&node.name), operator: printable(&node.operator) }
}

/// The drawing in words, for those who hear it.
fn words(columns: &[Vec<Drawn>]) -> String {
    let word = |class: &str| match class {
        "takes" => "takes the map in",
        "passes" => "hands it on",
        "gone" => "goes",
        "partly" => "becomes an Add",
        "refuses" => "refuses",
        BESIDE => "reads what it reads",
        _ => "stays",
    };
    let one = |drawn: &Drawn| format!("{} ({}) {}", drawn.name, drawn.operator, word(drawn.class));
    columns.iter().flatten().map(one).collect::<Vec<_>>().join(", ")
}

/// A text that fits a box; the end of a name tells more than its beginning.
fn short(text: &str) -> String {
    const LONGEST: usize = 22;
    match text.chars().count().checked_sub(LONGEST) {
        None | Some(0) => text.to_owned(),
        Some(more) => format!("…{}", text.chars().skip(more + 1).collect::<String>()),
    }
}
