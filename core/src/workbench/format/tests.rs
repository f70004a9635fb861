use super::*;

fn formatted(text: &str) -> String {
    let out = format(text);
    assert_eq!(out.left, [], "{text}");
    assert_eq!(format(&out.text).text, out.text, "not stable:\n{}", out.text);
    out.text
}

#[test]
fn keys_are_ordered_lines_shifted_and_comments_kept() {
    let text = "# yaml-language-server: $schema=x\n# about the level\nlevel: high   # end\ntitle: \"T: x\"\ndetection:\n  # first\n  sel:\n  - a: 1\n    \
                b|contains:\n    - \"x\"\n    - 'it''s'\n    # last\n  condition: sel\n\n\n\n  other: {x: [1, 2]}\ndescription: |\n  line\n    deeper\n\n  end\n\
                logsource:\n        product: aws\nowner: o\n# the end\n";
    let expected = "# yaml-language-server: $schema=x\ntitle: 'T: x'\ndescription: |\n    line\n      deeper\n\n    end\nlogsource:\n    product: aws\n\
                    detection:\n    # first\n    sel:\n        - a: 1\n          b|contains:\n              - 'x'\n              - 'it''s'\n              # last\n    \
                    condition: sel\n\n    other: {x: [1, 2]}\n# about the level\nlevel: high   # end\nowner: o\n# the end\n";
    assert_eq!(formatted(text), expected);
}

#[test]
fn documents_stand_alone() {
    let text = "title: A\nid: a\n---\nid: b\ntitle: B\n---\ntitle: C\ndetection:\n  a: {x:\n    1}\n";
    let out = format(text);
    assert_eq!(out.text, "title: A\nid: a\n---\ntitle: B\nid: b\n---\ntitle: C\ndetection:\n  a: {x:\n    1}\n");
    assert_eq!(out.left, [(6, MANY)]);
}

const MANY: &str = "a text or bracket in it goes over several lines";

#[test]
fn what_cannot_be_moved_is_left() {
    for text in [
        "title: a\n\tb\n",
        "title: &x A\nname: *x\n",
        "{title: A, id: a}\n",
        "title: A\ntitle: B\n",
        "id: a\ntitle: several\n  lines\n",
        "id: a\ntitle: \"several\n  lines\"\n",
        "id: a\ntitle: |2\n   x\n",
        "--- # comment\nid: a\ntitle: A\n",
        "- a\n- b\n",
    ] {
        let out = format(text);
        assert!(out.text == text && out.left.len() == 1, "{text:?} became {:?}", out.text);
    }
}

#[test]
fn texts_keep_their_shape() {
    let text = "title: T\ndetection:\n  k:\n  - |\n   one\n     two\n  - >-\n    folded\n    text\n  - 'a: b'\n  - plain # comment\n  condition: k\n";
    let expected = "title: T\ndetection:\n    k:\n        - |\n            one\n              two\n        - >-\n            folded\n            \
                    text\n        - 'a: b'\n        - plain # comment\n    condition: k\n";
    assert_eq!(formatted(text), expected);
}
