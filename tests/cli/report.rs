//! `report`: one page, of itself.

use super::{FOLDS, Folder, STAYS};

#[test]
fn the_page_is_of_itself_and_names_cannot_break_it() {
    let name = "<script>alert(1)</script>\\\"&";
    let folder = Folder::new(&[("a&b.onnx", &FOLDS.replace("bn1", "placeholder"))]);
    let mut model = <bnfold::onnx::ModelProto as prost::Message>::decode(&folder.read("a&b.onnx")[..]).unwrap();
    model.graph.as_mut().unwrap().node[1].name = Some(name.to_owned());
    folder.write("a&b.onnx", &prost::Message::encode_to_vec(&model));
    let before = folder.names();
    let answer = folder.run(&["report", "a&b.onnx", "-o", "page.html"]).expect(0);
    assert!(answer.out.contains("page.html: written"), "{answer:?}");
    let mut after = folder.names();
    after.retain(|name| name != "page.html");
    assert_eq!(after, before, "nothing but the page stays");
    let page = String::from_utf8(folder.read("page.html")).unwrap();
    assert!(!page.contains("<script>alert") && page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{page}");
    assert!(page.contains("a&amp;b.onnx") && page.contains("equal within rounding"));
    assert!(page.contains("1 of 1 BatchNormalization folded") && page.contains("scale of 3 channels"), "{page}");
    for part in ["http:", "https:", "src=", "url(", "@import", "fetch(", "XMLHttp"] {
        assert!(!page.contains(part), "the page would load something: {part}");
    }
}

#[test]
fn two_files_are_compared_and_what_differs_is_said_first() {
    let folder = Folder::new(&[
        ("before.onnx", FOLDS),
        ("wrong.onnx", &FOLDS.replace("{1, -0.5, 0.25}", "{1, -0.5, 0.5}")),
        ("stays.onnx", STAYS),
    ]);
    folder.run(&["fold", "before.onnx", "-o", "after.onnx"]).expect(0);
    let page = folder.run(&["report", "before.onnx", "after.onnx", "-o", "-"]).expect(0).out;
    assert!(page.contains("Weights before and after") && page.contains("could be folded by bnfold"), "{page}");
    let wrong = folder.run(&["report", "before.onnx", "wrong.onnx", "-o", "-"]).expect(1).out;
    assert!(wrong.contains("<strong class=\"wrong\">differs"), "{wrong}");
    let stays = folder.run(&["report", "stays.onnx", "-o", "-", "--no-verify"]).expect(0).out;
    assert!(stays.contains("not verified") && stays.contains("graph-output"), "{stays}");
    // What a caller may override is a constant here, for the fold and for the judge.
    let frozen = FOLDS.replace("(float[1,2,4,4] x)", "(float[1,2,4,4] x, float[3] s)");
    folder.write("frozen.onnx", &bnfold::sample::encode(&frozen).unwrap());
    let page = folder.run(&["report", "frozen.onnx", "-o", "-", "--freeze-initializers"]).expect(0).out;
    assert!(page.contains("equal within rounding") && page.contains("1 of 1 BatchNormalization folded"), "{page}");
    for words in [
        &["report", "missing.onnx", "-o", "p.html"][..],
        &["report", "stays.onnx"],
        &["report", "stays.onnx", "-o", "stays.onnx"],
    ] {
        folder.run(words).expect(2);
    }
    folder.write("broken.onnx", b"no model");
    folder.run(&["report", "broken.onnx", "-o", "p.html"]).expect(2);
    assert!(!folder.names().contains(&"p.html".to_owned()));
}
