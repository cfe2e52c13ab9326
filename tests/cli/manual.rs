//! Completions and the manual are made of the definition of the command line: every command, and every option of it, is there.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::{Folder, skipped};

const VERBS: &[&str] = &["fold", "verify", "inspect", "check", "report", "sweep", "selftest", "completions", "man"];

/// The long options that the help of a command names.
fn options(folder: &Folder, verb: &str) -> Vec<String> {
    let help = folder.run(&[verb, "--help"]).expect(0).out;
    let words = help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
    words.filter(|word| word.starts_with("--")).map(|word| word.trim_end_matches([',', '.']).to_owned()).collect()
}

#[test]
fn every_shell_gets_every_option() {
    let folder = Folder::new(&[]);
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = folder.run(&["completions", shell]).expect(0).out;
        for verb in VERBS {
            assert!(script.contains(verb), "{shell}: {verb}");
            for option in options(&folder, verb) {
                // fish names an option without its dashes, as `-l quick`.
                let named = script.contains(&option) || script.contains(&format!("-l {}", option.trim_start_matches('-')));
                assert!(named, "{shell}: {verb} {option}");
            }
        }
        assert!(!script.contains("__judge") && !script.contains("__execute"), "{shell}: what no user types");
    }
    folder.run(&["completions", "tcsh"]).expect(2);
}

/// Shells that are here load their script; bash completes with it.
#[test]
fn shells_load_them() {
    let folder = Folder::new(&[]);
    for (shell, arguments) in [("bash", &["-n"][..]), ("zsh", &["-n"][..]), ("fish", &["--no-execute"][..])] {
        let script = folder.run(&["completions", shell]).expect(0).out;
        let started = Command::new(shell).args(arguments).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let Ok(mut child) = started else {
            skipped(&format!("there is no `{shell}` here"));
            continue;
        };
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        assert!(ended.status.success(), "{shell}: {}", String::from_utf8_lossy(&ended.stderr));
    }
    folder.write("completions", folder.run(&["completions", "bash"]).expect(0).out.as_bytes());
    let asked = "source completions; COMP_WORDS=(bnfold fold --qu); COMP_CWORD=2; _bnfold bnfold --qu fold; echo ${COMPREPLY[@]}";
    let Ok(ended) = Command::new("bash").current_dir(folder.path(".")).args(["-c", asked]).output() else {
        return skipped("there is no `bash` here");
    };
    assert_eq!(String::from_utf8_lossy(&ended.stdout).trim(), "--quick --quiet");
}

/// Options of commands that are not this one, and of a build with onnxruntime.
const OTHERS: &[&str] = &["--no-default-features", "--ort-lib", "--ort-optimised"];

#[test]
fn the_changelog_names_every_option_and_no_other() {
    let (folder, changes) = (Folder::new(&[]), include_str!("../../CHANGELOG.md"));
    let letter = |c: char| c.is_ascii_lowercase() || c == '-';
    let words = changes.split(|c| !letter(c)).filter(|word| word.starts_with("--") && word.len() > 2);
    let named: BTreeSet<String> = words.filter(|word| !OTHERS.contains(word)).map(str::to_owned).collect();
    let all = VERBS.iter().flat_map(|verb| options(&folder, verb));
    // What every program has, and the name in full of what is used by its letter.
    let usual = ["--help", "--output", "--quiet", "--verbose"];
    assert_eq!(named, all.filter(|option| !usual.contains(&&**option) && !OTHERS.contains(&&**option)).collect());
}

#[test]
fn every_command_has_a_page() {
    let folder = Folder::new(&[]);
    let page = folder.run(&["man"]).expect(0).out;
    assert!(page.contains(".TH bnfold 1"), "{page}");
    for verb in VERBS {
        assert!(page.contains(verb), "{verb}");
        let page = folder.run(&["man", verb]).expect(0).out;
        assert!(page.contains(&format!(".TH bnfold-{verb} 1")), "{page}");
        for option in options(&folder, verb) {
            assert!(page.contains(&option.replace('-', "\\-")), "{verb}: {option}\n{page}");
        }
    }
    assert!(folder.run(&["man", "fodl"]).expect(2).err.contains("the commands are fold, verify"));
}
