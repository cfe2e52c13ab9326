//! JUnit's XML, as Jenkins and GitLab read it: a test for each file.

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};

use bnfold::report::{CheckReport, CheckedFile, text};
use bnfold::{Error, Result};

use super::{sentence, warned};

/// The report as XML. A file with findings is a failure, one that could not be read an error.
///
/// # Errors
/// The XML cannot be made.
pub fn junit(report: &CheckReport) -> Result<String> {
    let mut suite = TestSuite::new("bnfold check");
    suite.add_test_cases(report.files.iter().map(|file| case(report, file)));
    let mut all = Report::new("bnfold check");
    all.add_test_suite(suite);
    all.to_string().map_err(|e| Error::io("cannot encode the report", std::io::Error::other(e)))
}

fn case(report: &CheckReport, file: &CheckedFile) -> TestCase {
    let warnings: Vec<String> = file.warnings.iter().map(|warning| format!("[{}] {}", warning.reason, warned(warning))).collect();
    let status = match &file.error {
        Some(error) => failed(NonSuccessKind::Error, "unreadable", error.clone(), error),
        None if !file.findings.is_empty() => {
            let block = text::checked(file, report.strict, text::Detail::All);
            failed(NonSuccessKind::Failure, "foldable", sentence(file), &anstream::adapter::strip_str(&block).to_string())
        }
        None if report.fails(file) => failed(NonSuccessKind::Failure, "warning", warnings.join("; "), &warnings.join("\n")),
        None => TestCaseStatus::success(),
    };
    let mut case = TestCase::new(file.file.as_str(), status);
    case.set_classname("bnfold.check");
    if !warnings.is_empty() {
        case.set_system_out(warnings.join("\n"));
    }
    case
}

fn failed(kind: NonSuccessKind, what: &str, message: String, detail: &str) -> TestCaseStatus {
    let mut status = TestCaseStatus::non_success(kind);
    status.set_type(what).set_message(message).set_description(detail);
    status
}
