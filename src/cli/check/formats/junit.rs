//! JUnit's XML, as Jenkins and GitLab read it: a test for each file.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use bnfold::report::{CheckReport, CheckedFile, text};
use bnfold::{Error, Result};

use super::{sentence, warned};

/// The name of the suite and of all of it.
const NAME: &str = "bnfold check";

type Xml = Writer<Vec<u8>>;

/// The report as XML. A file with findings is a failure, one that could not be read an error.
///
/// # Errors
/// The XML cannot be made.
pub fn junit(report: &CheckReport) -> Result<String> {
    let written = suites(report).map_err(|e| Error::io("cannot encode the report", e))?;
    Ok(String::from_utf8_lossy(&written).into_owned() + "\n")
}

fn suites(report: &CheckReport) -> io::Result<Vec<u8>> {
    let count = |is: &dyn Fn(&CheckedFile) -> bool| report.files.iter().filter(|file| is(file)).count().to_string();
    let errors = count(&|file| file.error.is_some());
    let failures = count(&|file| file.error.is_none() && report.fails(file));
    let numbers = [("tests", count(&|_| true)), ("failures", failures), ("errors", errors)];
    let numbers = || numbers.iter().map(|(name, number)| (*name, number.as_str()));
    let mut xml = Writer::new_with_indent(Vec::new(), b' ', 2);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    xml.create_element("testsuites").with_attribute(("name", NAME)).with_attributes(numbers()).write_inner_content(|xml| {
        let suite = xml.create_element("testsuite").with_attribute(("name", NAME)).with_attributes(numbers());
        suite.write_inner_content(|xml| report.files.iter().try_for_each(|file| case(xml, report, file))).map(drop)
    })?;
    Ok(xml.into_inner())
}

fn case(xml: &mut Xml, report: &CheckReport, file: &CheckedFile) -> io::Result<()> {
    let name = clean(&file.file);
    let warnings: Vec<String> = file.warnings.iter().map(|warning| format!("[{}] {}", warning.reason, warned(warning))).collect();
    let case = xml.create_element("testcase").with_attributes([("name", name.as_str()), ("classname", "bnfold.check")]);
    case.write_inner_content(|xml| {
        match &file.error {
            Some(error) => outcome(xml, "error", "unreadable", error, error)?,
            None if !file.findings.is_empty() => {
                let block = text::checked(file, report.strict, text::Detail::All);
                let plain = anstream::adapter::strip_str(&block).to_string();
                outcome(xml, "failure", "foldable", &sentence(file), &plain)?;
            }
            None if report.fails(file) => outcome(xml, "failure", "warning", &warnings.join("; "), &warnings.join("\n"))?,
            None => {}
        }
        if !warnings.is_empty() {
            let all = clean(&warnings.join("\n"));
            xml.create_element("system-out").write_text_content(BytesText::new(&all))?;
        }
        Ok(())
    })?;
    Ok(())
}

fn outcome(xml: &mut Xml, element: &str, kind: &str, message: &str, detail: &str) -> io::Result<()> {
    let (message, detail) = (clean(message), clean(detail));
    let element = xml.create_element(element).with_attributes([("message", message.as_str()), ("type", kind)]);
    element.write_text_content(BytesText::new(&detail)).map(drop)
}

/// Text without what XML 1.0 has no way to say, even escaped: control characters and the two that are no characters.
fn clean(text: &str) -> String {
    let known = |c: &char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    text.chars().map(|c| if known(&c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_document() {
        let file = CheckedFile { error: Some("a \u{1}<b> & \"c\"".into()), ..CheckedFile::new("x\"<&\u{ffff}".into()) };
        let xml =
            junit(&CheckReport { schema: String::new(), version: String::new(), strict: false, files: vec![file] }).unwrap();
        assert!(xml.contains("name=\"x&quot;&lt;&amp;\u{fffd}\""), "{xml}");
        assert!(xml.contains(">a \u{fffd}&lt;b&gt; &amp; &quot;c&quot;</error>"), "{xml}");
    }
}
