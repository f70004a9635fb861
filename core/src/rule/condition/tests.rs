use super::*;

fn shown(text: &str) -> String {
    match parse(text) {
        Ok(tree) => show(&tree),
        Err((at, fault)) => format!("{at}: {}", fault.what),
    }
}

fn show(tree: &Tree) -> String {
    let list = |parts: &[Tree], word: &str| format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(word));
    match tree {
        Tree::Name(name, _) => name.clone(),
        Tree::Of { all, pattern, .. } => format!("{}:{pattern}", if *all { "all" } else { "1" }),
        Tree::And(parts) => list(parts, " & "),
        Tree::Or(parts) => list(parts, " | "),
        Tree::Not(part) => format!("!{}", show(part)),
    }
}

#[test]
fn precedence_and_brackets() {
    for (text, expected) in [
        ("a", "a"),
        ("a or b and not c", "(a | (b & !c))"),
        ("not a and b", "(!a & b)"),
        ("(a or b) and c", "((a | b) & c)"),
        ("1 of sel* and not 1 of filter_*", "(1:sel* & !1:filter_*)"),
        ("all of them", "all:them"),
        ("any of them or x", "(1:them | x)"),
        ("a AND NOT(b OR c)", "(a & !(b | c))"),
        ("not not a", "!!a"),
        ("all", "all"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
}

#[test]
fn slips_have_a_place() {
    for (text, expected) in [
        ("", "0: the condition ends too early"),
        ("a and", "5: the condition ends too early"),
        ("a b", "2: unexpected `b` in the condition"),
        ("(a or b", "0: `(` without `)`"),
        ("a or and b", "5: unexpected `and` in the condition"),
        ("2 of them", "0: quantifier `2 of`"),
        ("1 of", "4: `of` without a pattern"),
        ("a )", "2: unexpected `)` in the condition"),
    ] {
        assert_eq!(shown(text), expected, "{text}");
    }
    assert!(shown(&"(".repeat(100)).contains("too deep"));
    assert!(shown(&"not ".repeat(100)).contains("too deep"));
    assert!(shown(&"a ".repeat(20_000)).contains("10,000"));
}

#[test]
fn patterns_reach_what_they_say() {
    for (pattern, name, expected) in [
        ("them", "a", true),
        ("them", "_a", false),
        ("*", "_a", false),
        ("_*", "_a", true),
        ("sel*", "selection", true),
        ("sel", "selection", false),
        ("sel*_x*", "sel_a_xy", true),
        ("*_x", "a_x_x", true),
        ("a*a", "a", false),
        ("s?l", "sel", false),
    ] {
        assert_eq!(reaches(pattern, name), expected, "{pattern} {name}");
    }
}

#[test]
fn every_undefined_selection_is_said() {
    let expr = Expr::And(Vec::new());
    let selections = BTreeMap::from([("selection", &expr), ("filter", &expr)]);
    let mut resolver = Resolver::new(selections);
    resolver.resolve(&parse("selektion and not (fltr or 1 of none*)").unwrap());
    let said: Vec<String> = resolver.slips.iter().map(|(at, f)| format!("{at} {} {}", f.what, f.remedy)).collect();
    assert!(said[0].starts_with("0 undefined selection `selektion`") && said[0].contains("did you mean `selection`?"), "{said:?}");
    assert!(said[1].starts_with("19 undefined selection `fltr`") && said[1].contains("`filter`"), "{said:?}");
    assert!(said[2].starts_with("32 no selection fits `none*`"), "{said:?}");
    assert!(resolver.used.is_empty());
}

#[test]
fn a_condition_cannot_grow_without_end() {
    let expr = Expr::And(vec![Expr::And(Vec::new()); 50_000]);
    let mut resolver = Resolver::new(BTreeMap::from([("s", &expr)]));
    resolver.resolve(&parse("s and s and s").unwrap());
    assert!(resolver.slips[0].1.what.contains("too large"));
}
