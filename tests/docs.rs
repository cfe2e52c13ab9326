//! The book is true: every link leads somewhere, and every example in it is what the program says.
#![cfg(all(feature = "cli", feature = "tract"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// A small detector in which everything folds.
const DETECTOR: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[N,3,16,16] image) => (float[N,2] scores)
    <float[4,3,3,3] W1 = dyadic(1), float[4] s1 = {1, 0.5, 2, 1}, float[4] t1 = dyadic(2), float[4] m1 = dyadic(3),
     float[4] v1 = {0.25, 1, 4, 1}, float[4,4,3,3] W2 = dyadic(4), float[4] s2 = {2, 1, 0.5, 1}, float[4] t2 = dyadic(5),
     float[4] m2 = dyadic(6), float[4] v2 = {1, 4, 1, 0.25}, float[4] k = {0.5, 0.25, 2, 1}, float[2,4] W3 = dyadic(7),
     float[2] t3 = dyadic(8)>
    { [conv1] c1 = Conv <pads = [1, 1, 1, 1]> (image, W1)  [bn1] b1 = BatchNormalization (c1, s1, t1, m1, v1)
      [relu1] r1 = Relu (b1)  [conv2] c2 = Conv <pads = [1, 1, 1, 1]> (r1, W2)
      [bn2] b2 = BatchNormalization (c2, s2, t2, m2, v2)  [relu2] r2 = Relu (b2)  [pool] p = GlobalAveragePool (r2)
      [flatten] f = Flatten (p)  [scale] f2 = Mul (f, k)  [fc] scores = Gemm <transB = 1> (f2, W3, t3) }"#;

/// A normalisation between two activations, of which one scale is negative.
const PREACT: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,3,8,8] x) => (float[1,2,8,8] y)
    <float[3,3,1,1] W1 = dyadic(1), float[3] s = {1, -0.5, 2}, float[3] t = dyadic(2), float[3] m = dyadic(3),
     float[3] v = {1, 0.25, 4}, float[2,3,1,1] W2 = dyadic(4)>
    { [conv1] c1 = Conv (x, W1)  [relu1] r1 = Relu (c1)  [bn1] b1 = BatchNormalization (r1, s, t, m, v)
      [relu2] r2 = Relu (b1)  [conv2] y = Conv (r2, W2) }"#;

/// Two models that a colleague says are the same: the fold is `2 x - 1.5`, and in the second the bias of one channel is another.
const BEFORE: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,8,8] x) => (float[1,3,8,8] y)
    <float[3,2,1,1] W = {1, 2, 3, 4, 5, 6}, float[3] s = {2, 2, 2}, float[3] t = {0.5, 0.5, 0.5}, float[3] m = {1, 1, 1},
     float[3] v = {1, 1, 1}>
    { [conv1] c = Conv (x, W)  [bn1] b = BatchNormalization <epsilon = 0.0> (c, s, t, m, v)  [relu1] y = Relu (b) }"#;
const THEIRS: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,8,8] x) => (float[1,3,8,8] y)
    <float[3,2,1,1] W = {2, 4, 6, 8, 10, 12}, float[3] B = {-1.5, -1.5, -1}>
    { [conv1] b = Conv (x, W, B)  [relu1] y = Relu (b) }"#;

/// Nodes without names, as some exporters write them.
const UNNAMED: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y)
    <float[2,2,1,1] W1 = dyadic(1), float[2] s1 = {1, 2}, float[2] z1 = {0, 1}, float[2] v1 = {1, 4},
     float[3,2,1,1] W2 = dyadic(2), float[3] s2 = {1, 2, 1}, float[3] z2 = {0, 1, 0}, float[3] v2 = {1, 4, 1}>
    { c1 = Conv (x, W1)  b1 = BatchNormalization (c1, s1, z1, z1, v1)  r1 = Relu (b1)
      c2 = Conv (r1, W2)  y = BatchNormalization (c2, s2, z2, z2, v2) }"#;

/// What the examples find in the folder that they run in.
fn models() -> Vec<(&'static str, Vec<u8>)> {
    let model = |text: &str| bnfold::sample::encode(text).unwrap();
    vec![
        ("detector.onnx", model(DETECTOR)),
        ("models/detector.onnx", model(DETECTOR)),
        ("preact.onnx", model(PREACT)),
        ("before.onnx", model(BEFORE)),
        ("theirs.onnx", model(THEIRS)),
        ("unnamed.onnx", model(UNNAMED)),
        ("fixtures/ppocr_cls.onnx", std::fs::read(root().join("fixtures/ppocr_cls.onnx")).unwrap()),
        ("pointer.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".to_vec()),
    ]
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Every page, by its path below the root.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(PathBuf::from).into();
    let docs = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| Path::new("docs").join(entry.unwrap().file_name()));
    paths.extend(docs.filter(|path| path.extension().is_some_and(|e| e == "md")));
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(root().join(path)).unwrap())).collect()
}

/// The links of a page, and the anchors of its headings as GitHub makes them.
fn links_and_anchors(text: &str) -> (Vec<String>, BTreeSet<String>) {
    let (mut links, mut anchors, mut heading) = (Vec::new(), BTreeSet::new(), None::<String>);
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
            Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
            Event::Text(text) | Event::Code(text) => {
                if let Some(heading) = &mut heading {
                    heading.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => {
                let text = heading.take().unwrap().to_lowercase();
                let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
                anchors.insert(kept.map(|c| if c == ' ' { '-' } else { c }).collect());
            }
            _ => {}
        }
    }
    (links, anchors)
}

#[test]
fn every_link_leads_somewhere() {
    let pages = pages();
    let mut count = 0;
    for (path, text) in &pages {
        for link in links_and_anchors(text).0.iter().filter(|link| !link.contains("://")) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let mut target = path.clone();
            if !file.is_empty() {
                target.pop();
                for part in Path::new(file).components() {
                    match part {
                        std::path::Component::ParentDir => assert!(target.pop(), "{}: {link}", path.display()),
                        part => target.push(part),
                    }
                }
            }
            assert!(root().join(&target).exists(), "{}: {link} leads nowhere", path.display());
            if !anchor.is_empty() {
                let there = pages.get(&target).map(|text| links_and_anchors(text).1).unwrap_or_default();
                assert!(there.contains(anchor), "{}: there is no heading for {link}, only {there:?}", path.display());
            }
            count += 1;
        }
    }
    assert!(count > 80, "{count} links");
}

#[test]
fn every_page_is_in_the_contents() {
    let pages = pages();
    let contents = links_and_anchors(&pages[Path::new("docs/README.md")]).0;
    for path in pages.keys().filter(|path| path.starts_with("docs") && !path.ends_with("README.md")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        assert!(contents.iter().any(|link| link == name), "docs/README.md has no link to {name}");
    }
}

/// Tests that pages name as `path::name`.
#[test]
fn every_test_that_is_named_is_there() {
    let mut count = 0;
    for name in ["SECURITY.md", "docs/reliability.md"] {
        let text = std::fs::read_to_string(root().join(name)).unwrap();
        for word in text.split('`').skip(1).step_by(2).filter(|word| word.contains(".rs::")) {
            let (file, test) = word.split_once("::").unwrap();
            let code = std::fs::read_to_string(root().join(file)).unwrap_or_else(|_| panic!("{name}: there is no {file}"));
            assert!(code.contains(&format!("fn {test}(")), "{name}: {file} has no test {test}");
            count += 1;
        }
    }
    assert!(count > 60, "{count} tests");
}

/// The examples of a page at their own lines; what stands between them is left empty. The last line of an example ends, too.
fn examples(text: &str) -> String {
    let (mut inside, mut out) = (false, String::new());
    for line in text.lines() {
        if inside && line == "```" {
            let ends = out.ends_with("\n...\n") || out.ends_with("\n\n");
            out.push_str(if ends { "```\n" } else { "\n```\n" });
            inside = false;
            continue;
        }
        inside |= line == "```console";
        out.push_str(if inside { line } else { "" });
        out.push('\n');
    }
    out
}

/// The examples are copied, those of each page with a folder of models beside them, and run there.
#[test]
fn every_example_is_what_the_program_says() {
    let folder = tempfile::tempdir().unwrap();
    let cases = trycmd::TestCases::new();
    let mut count = 0;
    for (path, text) in pages().into_iter().filter(|(_, text)| text.contains("```console\n")) {
        let name = path.to_str().unwrap().replace(['/', '.'], "-");
        let models_folder = folder.path().join(&name).with_extension("in");
        for (model, bytes) in models() {
            let file = models_folder.join(model);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, bytes).unwrap();
        }
        std::fs::write(folder.path().join(&name).with_extension("md"), examples(&text)).unwrap();
        count += 1;
    }
    assert!(count > 6, "{count} pages");
    cases.env("COLUMNS", "100").env("NO_COLOR", "1");
    cases.case(folder.path().join("*.md").to_str().unwrap());
    cases.run();
}
