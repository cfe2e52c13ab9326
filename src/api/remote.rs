//! Judging by a `bnfold` program, for a library that is built without the engine: a request as JSON on its standard input, an
//! answer as JSON on its standard output.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::verify::{Runner, Verdict, VerifyOptions};

/// The verb under which the program answers. No user types it.
pub const VERB: &str = "__judge";

/// What is asked.
#[derive(Debug, Serialize, Deserialize)]
struct Request {
    version: String,
    before: PathBuf,
    after: PathBuf,
    options: VerifyOptions,
    save_failure: Option<PathBuf>,
}

/// What is answered.
#[derive(Debug, Serialize, Deserialize)]
struct Judged {
    verdict: Verdict,
    saved: Option<String>,
}

/// An [`Error`] on its way from one process to another.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    kind: ErrorKind,
    file: Option<PathBuf>,
    place: Option<String>,
    what: String,
    remedy: Option<String>,
    source: Option<String>,
}

impl Told {
    fn of(error: &Error) -> Told {
        let Error { kind, file, place, what, remedy, source } = error;
        let (file, place, what, remedy) = (file.clone(), place.clone(), what.clone(), remedy.clone());
        Told { kind: *kind, file, place, what, remedy, source: source.as_ref().map(ToString::to_string) }
    }

    fn error(self) -> Error {
        let Told { kind, file, place, what, remedy, source } = self;
        Error { kind, file, place, what, remedy, source: source.map(std::io::Error::other) }
    }
}

/// Lets a program judge two files, and save the first failure if that is wanted.
///
/// # Errors
/// The program cannot be started or is another than this; what it reports.
pub fn ask(
    program: &Path,
    (before, after): (&Path, &Path),
    options: &VerifyOptions,
    save_failure: Option<&Path>,
) -> Result<(Verdict, Option<String>)> {
    let failed = |e: std::io::Error| {
        Error::io("cannot start the program that judges", e).file(program).remedy("name the program `bnfold` of this version")
    };
    let request = Request {
        version: crate::report::VERSION.to_owned(),
        before: before.to_path_buf(),
        after: after.to_path_buf(),
        options: options.clone(),
        save_failure: save_failure.map(Path::to_path_buf),
    };
    let request = serde_json::to_vec(&request).map_err(|e| failed(e.into()))?;
    let mut command = Command::new(program);
    command.arg(VERB).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        // What does not read the request gives no answer either, which is told below.
        let _ = stdin.write_all(&request);
    }
    let mut said = Vec::new();
    let read = child.stdout.take().map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut said));
    // Who ignores how children end is not told it: then the answer alone counts.
    let status = child.wait().ok();
    read.map_err(|e| Error::io("cannot read the answer of the program that judges", e).file(program))?;
    match serde_json::from_slice::<std::result::Result<Judged, Told>>(&said) {
        Ok(Ok(Judged { verdict, saved })) => Ok((verdict, saved)),
        Ok(Err(told)) => Err(told.error()),
        Err(_) => {
            let ended = status.map(|status| format!(" ended with {status} and")).unwrap_or_default();
            let what = format!("the program that judges{ended} gave no answer");
            Err(Error::new(ErrorKind::Io, what).file(program).remedy("name the program `bnfold` of this version"))
        }
    }
}

/// What the program does under [`VERB`]. Returns the exit status: 0 if it has answered.
pub fn answer(mut input: impl Read, mut output: impl Write) -> u8 {
    let mut asked = Vec::new();
    let request = input.read_to_end(&mut asked).ok().and_then(|_| serde_json::from_slice::<Request>(&asked).ok());
    let Some(request) = request else { return 2 };
    let answer = judged(request).map_err(|error| Told::of(&error));
    u8::from(serde_json::to_writer(&mut output, &answer).is_err() || output.flush().is_err())
}

fn judged(request: Request) -> Result<Judged> {
    let Request { version, before, after, options, save_failure } = request;
    if version != crate::report::VERSION {
        let what = format!("the library has version {version}, the program that judges {}", crate::report::VERSION);
        return Err(Error::new(ErrorKind::Choice, what).remedy("install both anew"));
    }
    let options = VerifyOptions { runner: Runner::Itself, ..options };
    let (verdict, saved) = super::judge((&before, &after), &options, save_failure.as_deref())?;
    Ok(Judged { verdict, saved })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_wrong_comes_back_as_it_was() {
        let options = VerifyOptions::default();
        let request = |version: &str| Request {
            version: version.to_owned(),
            before: "no/such.onnx".into(),
            after: "no/such.onnx".into(),
            options: options.clone(),
            save_failure: None,
        };
        for (version, kind, text) in [
            (crate::report::VERSION, ErrorKind::Io, "no/such.onnx: cannot open: No such file or directory"),
            ("0.0.0", ErrorKind::Choice, "the library has version 0.0.0"),
        ] {
            let mut output = Vec::new();
            assert_eq!(answer(&serde_json::to_vec(&request(version)).unwrap()[..], &mut output), 0);
            let told = serde_json::from_slice::<std::result::Result<Judged, Told>>(&output).unwrap().unwrap_err().error();
            assert_eq!(told.kind, kind);
            assert!(told.to_string().starts_with(text), "{told}");
        }
        assert_eq!(answer(&b"nonsense"[..], Vec::new()), 2);
    }

    #[test]
    fn a_program_that_is_another_is_named() {
        let options = VerifyOptions::default();
        for (program, text) in [("/no/such/program", "cannot start"), ("/bin/true", "gave no answer")] {
            let error = ask(Path::new(program), (Path::new("a"), Path::new("b")), &options, None).unwrap_err().to_string();
            assert!(error.contains(program) && error.contains(text), "{error}");
        }
    }
}
