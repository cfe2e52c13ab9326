//! Values that the user asks for by name, looked for in both models.

use crate::error::{Error, ErrorKind, Result};
use crate::model::{Graph, ScopeId};

/// Longer names are not compared letter by letter.
const LONGEST: usize = 300;

/// Refuses names that are not those of values of both main graphs, with the most similar one that is.
///
/// # Errors
/// A name that is not known, or not in both.
pub(super) fn check(taps: &[String], a: &Graph<'_>, b: &Graph<'_>) -> Result<()> {
    let known = |graph: &Graph<'_>, name: &str| graph.lookup(ScopeId(0), name).is_some();
    for tap in taps {
        let what = match (known(a, tap), known(b, tap)) {
            (true, true) => continue,
            (true, false) => "is not in the second model, where it may be folded away",
            (false, true) => "is not in the first model",
            (false, false) => "is in neither model",
        };
        let error = Error::new(ErrorKind::Target, format!("the value `{tap}` {what}"));
        let nodes = a.nodes.iter().filter(|node| node.scope == ScopeId(0)).flat_map(|node| &node.proto.output);
        let both = nodes.filter(|name| !name.is_empty() && known(b, name));
        let nearest = both.min_by_key(|name| (distance(tap, name), name.len()));
        return Err(match nearest {
            Some(name) => error.remedy(format!("the most similar name of a value in both is `{name}`")),
            None => error,
        });
    }
    Ok(())
}

/// How many letters have to be changed, put in or left out (Levenshtein 1966).
pub(super) fn distance(one: &str, two: &str) -> usize {
    let two: Vec<char> = two.chars().take(LONGEST).collect();
    let mut row: Vec<usize> = (0..=two.len()).collect();
    for (count, letter) in one.chars().take(LONGEST).enumerate() {
        let mut diagonal = count;
        let mut left = count + 1;
        for (place, other) in row.iter_mut().skip(1).zip(&two) {
            let above = *place;
            left = (above + 1).min(left + 1).min(diagonal + usize::from(letter != *other));
            diagonal = above;
            *place = left;
        }
        if let Some(first) = row.first_mut() {
            *first = count + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn letters_are_counted() {
        let pairs = [("", "abc", 3), ("kitten", "sitting", 3), ("same", "same", 0), ("abc", "", 3), ("ab", "ba", 2)];
        assert_eq!(pairs.map(|(one, two, _)| distance(one, two)), pairs.map(|(.., count)| count));
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_nearest() {
        let text = |value: &str| {
            let text = format!(
                r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y)
                {{ {value} = Relu (x)  pool_2 = Relu ({value})  y = Relu (pool_2) }}"#
            );
            Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap()
        };
        let models = (text("conv_1"), text("other"));
        let (a, b) = (Graph::build(&models.0).unwrap(), Graph::build(&models.1).unwrap());
        let said = |name: &str| check(&[name.to_owned()], &a, &b).map_err(|error| error.to_string());
        assert_eq!(said("pool_2"), Ok(()));
        assert!(said("pool_1").unwrap_err().contains("`pool_2`"), "{:?}", said("pool_1"));
        assert!(said("conv_1").unwrap_err().contains("not in the second model"));
    }
}
