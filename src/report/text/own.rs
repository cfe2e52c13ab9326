//! What plain runs of both models gave, as text.

use super::{counted, name, row};
use crate::error::printable;
use crate::verify::{Execution, OwnOutput, OwnType, Verdict};

/// A line for each engine; `verbose` adds one for each output.
pub(super) fn rows(verdict: &Verdict, verbose: bool) -> String {
    let alone = matches!(verdict.execution, Execution::NotRun { .. });
    let mut text = String::new();
    for own in &verdict.own_type {
        text.push_str(&row("plain run", line(own, &verdict.execution)));
        for output in own.outputs.iter().filter(|_| verbose && own.outputs.len() > 1) {
            text.push_str(&row("", format!("{}: {}", typed(output), said(output))));
        }
        for assumption in own.assumptions.iter().filter(|_| alone) {
            text.push_str(&row("assumed", printable(assumption)));
        }
    }
    text
}

/// Where the relay did not run, this is all that is known of the whole models.
fn line(own: &OwnType, execution: &Execution) -> String {
    if let Some(why) = &own.missing {
        if matches!(execution, Execution::NotRun { reason, .. } if reason == why) {
            return format!("not run by {}, for the same reason", name(&own.engine));
        }
        return format!("not run by {}: {}", name(&own.engine), printable(why));
    }
    let mut text = name(&own.engine);
    text.push_str(match execution {
        Execution::NotRun { .. } => ", the only run of the whole models and no proof",
        _ => ", which decides nothing",
    });
    // Where nothing can be compared says more than any number, and so on.
    let weight = |output: &OwnOutput| (output.apart.is_some(), output.unlike > 0, output.relative.unwrap_or(output.largest));
    let worst = own.outputs.iter().max_by(|a, b| {
        let (a, b) = (weight(a), weight(b));
        (a.0, a.1).cmp(&(b.0, b.1)).then(a.2.total_cmp(&b.2))
    });
    match worst {
        Some(output) if differs(output) => format!("{text}: output {}: {}", typed(output), said(output)),
        _ => format!("{text}: no difference in {}", counted(own.outputs.len() as u64, "output")),
    }
}

/// The output with its type.
fn typed(output: &OwnOutput) -> String {
    format!("{} ({})", name(&output.value), output.element)
}

fn differs(output: &OwnOutput) -> bool {
    output.apart.is_some() || output.unlike > 0 || output.largest > 0.0
}

fn said(output: &OwnOutput) -> String {
    if let Some(why) = &output.apart {
        return format!("not compared: {}", printable(why));
    }
    let mut text = match output.largest {
        0.0 => "no difference".to_owned(),
        largest => format!("largest difference {largest:.1e} of {}", magnitude(output.magnitude)),
    };
    if output.unlike > 0 {
        let elements = counted(output.unlike as u64, "element");
        text.push_str(&format!(", {elements} NaN or infinite in one model only"));
    }
    text
}

/// As people write it: three digits.
fn magnitude(number: f64) -> String {
    match number {
        0.0 => "0".to_owned(),
        _ if (1e-3..1e4).contains(&number) => {
            let digits = 2 - number.log10().floor() as i32;
            format!("{number:.*}", usize::try_from(digits).unwrap_or(0))
        }
        _ => format!("{number:.2e}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Outcome, Tier};

    fn verdict(own: OwnType, execution: Execution) -> Verdict {
        let (sites, differences, unmatched) = (vec![], vec![], vec![]);
        let (outcome, tier) = (Outcome::EqualWithinRounding, Tier::Own);
        Verdict { outcome, tier, rounded_once: None, sites, differences, unmatched, execution, own_type: vec![own] }
    }

    fn output(value: &str, largest: f64, magnitude: f64) -> OwnOutput {
        let relative = (magnitude > 0.0).then(|| largest / magnitude);
        OwnOutput { value: value.into(), element: "float".into(), largest, magnitude, relative, ..OwnOutput::default() }
    }

    fn shown(outputs: Vec<OwnOutput>, verbose: bool) -> String {
        let own = OwnType { engine: "engine 1".into(), samples: 1, outputs, ..OwnType::default() };
        rows(&verdict(own, Execution::NotNeeded), verbose)
    }

    #[test]
    fn the_line_names_the_output_that_is_furthest_off() {
        let outputs = vec![output("x", 1.0, 1e9), output("y", 3.1e-6, 12.44)];
        let line = "  plain run           engine 1, which decides nothing: output y (float): largest difference 3.1e-6 of 12.4\n";
        assert_eq!(shown(outputs.clone(), false), line);
        let lines = shown(outputs, true);
        let all = ["x (float): largest difference 1.0e0 of 1.00e9\n", "y (float): largest difference 3.1e-6 of 12.4\n"];
        assert!(all.iter().all(|line| lines.contains(&format!("                      {line}"))), "{lines}");
        assert!(shown(vec![output("y", 0.0, 1.0), output("z", 0.0, 0.0)], false).ends_with(": no difference in 2 outputs\n"));
    }

    #[test]
    fn what_is_no_number_and_what_is_another_shape_comes_first() {
        let unlike = OwnOutput { unlike: 2, ..output("n", 0.0, 1.0) };
        let apart = OwnOutput { apart: Some("its shape is [1]".into()), ..output("s", 0.0, 0.0) };
        let line = shown(vec![output("y", 1.0, 1.0), unlike.clone()], false);
        assert!(line.contains("output n (float): no difference, 2 elements NaN or infinite in one model only\n"), "{line}");
        let line = shown(vec![apart, unlike], false);
        assert!(line.contains("output s (float): not compared: its shape is [1]\n"), "{line}");
    }

    #[test]
    fn a_run_beside_no_relay_is_said_to_be_no_proof() {
        let not_run = || Execution::NotRun { reason: "r".into(), second: false };
        let own = OwnType { engine: "e".into(), outputs: vec![output("y", 0.0, 1.0)], ..OwnType::default() };
        assert!(
            rows(&verdict(own, not_run()), false).contains("e, the only run of the whole models and no proof: no difference")
        );
        let own = OwnType { engine: "e".into(), missing: Some("why".into()), ..OwnType::default() };
        assert!(rows(&verdict(own, not_run()), true).contains("not run by e: why"));
    }
}
