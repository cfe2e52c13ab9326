//! Lines that fit a terminal: a long one goes on under what it belongs to.

use super::COLUMN;

/// What is left of a line beside its indent is never less than this.
const LEAST: usize = 24;

/// The text with lines of at most so many columns, as far as blanks allow. A line with a command stays whole, so that it can be
/// copied.
pub fn wrapped(text: &str, width: usize) -> String {
    text.split_inclusive('\n').map(|line| if is_command(line) { line.to_owned() } else { broken(line, width) }).collect()
}

/// Whether the program is called in a line, and not only named in a sentence.
fn is_command(line: &str) -> bool {
    line.match_indices("bnfold ").any(|(at, _)| !line.get(..at).unwrap_or_default().ends_with('`'))
}

fn broken(line: &str, width: usize) -> String {
    let text = line.trim_end_matches('\n');
    if columns(text) <= width {
        return line.to_owned();
    }
    let indent = indent(text).min(width.saturating_sub(LEAST));
    let (mut out, mut used, mut blanks) = (String::new(), 0, String::new());
    // The blanks at the front and those between a label and its value are kept as they are.
    for word in words(text) {
        if word.starts_with(' ') {
            word.clone_into(&mut blanks);
            continue;
        }
        let (gap, long) = (blanks.len(), columns(word));
        if used > indent && used + gap + long > width {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            used = indent + long;
        } else {
            out.push_str(&blanks);
            used += gap + long;
        }
        blanks.clear();
        out.push_str(word);
    }
    out + line.get(text.len()..).unwrap_or_default()
}

/// Where a line goes on: under the value of a row `  label   value`, else two further in than it begins.
fn indent(text: &str) -> usize {
    let plain = anstream::adapter::strip_str(text).to_string();
    let value = plain.char_indices().nth(COLUMN).map(|(at, _)| plain.split_at(at));
    match value {
        Some((label, value)) if label.starts_with("  ") && label.ends_with("  ") && !value.starts_with(' ') => COLUMN,
        _ => plain.len() - plain.trim_start().len() + 2,
    }
}

/// Words and the blanks between them, in order. What stands in backticks is one word, so that a command there can be copied.
fn words(text: &str) -> Vec<&str> {
    let (mut words, mut from) = (Vec::new(), 0);
    let mut last = None;
    let mut ticks = text.matches('`').count();
    let mut quoted = false;
    for (at, letter) in text.char_indices() {
        if letter == '`' {
            ticks -= 1;
            // One that nothing closes opens nothing.
            quoted = !quoted && ticks > 0;
        }
        let blank = letter == ' ' && !quoted;
        if last.is_some_and(|last| last != blank) {
            words.push(text.get(from..at).unwrap_or_default());
            from = at;
        }
        last = Some(blank);
    }
    words.push(text.get(from..).unwrap_or_default());
    words
}

/// How many columns a text takes, without its colours.
fn columns(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_goes_on_under_what_it_belongs_to() {
        let row = super::super::row("verdict", "one two three four five six seven eight");
        assert_eq!(wrapped(&row, 46), "  verdict             one two three four five\n                      six seven eight\n");
        assert_eq!(wrapped(&row, 80), row);
        assert_eq!(
            wrapped("  name stays for want of a better place\nb\n", 28),
            "  name stays for want of a\n    better place\nb\n"
        );
        // A word that is too long is left as it is, and what has no end of line gets none.
        assert_eq!(
            wrapped("long 0123456789012345678901234567890123456789 b", 30),
            "long\n  0123456789012345678901234567890123456789\n  b"
        );
    }

    #[test]
    fn colours_take_no_room_and_commands_stay_whole() {
        let style = super::super::WRONG;
        let line = format!("  {style}differs{style:#}: what is so\n");
        assert_eq!(wrapped(&line, 21), line);
        let command = "  run: bnfold fold --in-place a_file_with_a_long_name.onnx\n";
        assert_eq!(wrapped(command, 30), command);
        assert!(wrapped("it says more; `bnfold inspect` shows all that there is\n", 30).lines().count() > 1);
    }

    #[test]
    fn a_command_in_backticks_stays_on_one_line() {
        let row = super::super::row("kept", "2 more reasons; `bnfold inspect m.onnx -v` shows all of them");
        let broken = "  kept                2 more reasons;\n                      `bnfold inspect m.onnx -v`\n                      \
                      shows all of them\n";
        assert_eq!(wrapped(&row, 48), broken);
        // A backtick in a name has no partner, and hides no blanks.
        assert_eq!(wrapped("  what is called so`me thing is long\n", 28), "  what is called so`me thing\n    is long\n");
        assert_eq!(wrapped("`git lfs pull` `is it` th`at is long\n", 26), "`git lfs pull` `is it`\n  th`at is long\n");
    }
}
