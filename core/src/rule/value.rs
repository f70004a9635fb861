//! One value of a detection item and its chain of modifiers: what it is tested for.
//!
//! A value gives one or several alternatives (`windash`, `base64offset`). Modifiers work in the order written. A number or
//! boolean without modifiers matches both the JSON value and its spelling; with modifiers of texts it is its spelling.
//! Regular expressions are found anywhere in the text, as Sigma's backends do; with `startswith` and `endswith` they are anchored.

use super::encode::{self, SPELLINGS_MAX};
use super::modifiers::{Chain, Modifier};
use super::report::{Fault, quoted};
use super::yaml::{Kind, Node};
use super::{Compare, Part, Pattern, RefMode, Test};
use regex::RegexBuilder;

const REGEX_BYTES_MAX: usize = 1 << 20;

/// The tests of which one must pass for this value.
pub(super) fn tests(chain: &Chain, node: &Node) -> Result<Vec<Test>, Fault> {
    match &node.kind {
        Kind::List(_) | Kind::Map(_) => Err(nested(node)),
        Kind::Null if chain.steps.is_empty() => Ok(vec![Test::Null]),
        Kind::Null => Err(Fault::new(
            "`null` under modifiers",
            "it has no text, number or address to modify",
            "test for null in an item of its own without modifiers",
        )),
        kind => match (chain.steps.as_slice(), kind) {
            ([], Kind::Number(n)) => Ok(vec![Test::Number(*n)]),
            ([], Kind::Bool(b)) => Ok(vec![Test::Bool(*b)]),
            ([Modifier::Exists], _) => exists(node).map(|t| vec![t]),
            _ => modified(chain, node),
        },
    }
}

fn nested(node: &Node) -> Fault {
    Fault::new(
        format!("{} as a value", node.describe()),
        "a field is compared with a text, number, boolean or null, or a list of these",
        "name inner fields with dots (`outer.inner: value`)",
    )
}

fn exists(node: &Node) -> Result<Test, Fault> {
    match node.kind {
        Kind::Bool(b) => Ok(Test::Exists(b)),
        _ => Err(Fault::new(
            format!("`exists` with {}", node.describe()),
            "it asks whether the field is there, yes or no",
            "write `true` or `false` without quotes",
        )),
    }
}

fn modified(chain: &Chain, node: &Node) -> Result<Vec<Test>, Fault> {
    if chain.has(Modifier::Expand) {
        refuse_placeholders(&node.text)?;
    }
    if chain.has(Modifier::Re) {
        return regex(chain, &node.text).map(|t| vec![t]);
    }
    if chain.has(Modifier::FieldRef) {
        return field_ref(chain, &node.text).map(|t| vec![t]);
    }
    if chain.has(Modifier::Cidr) {
        return cidr(&node.text).map(|t| vec![t]);
    }
    if chain.steps.iter().any(|m| matches!(m, Modifier::Compare(_) | Modifier::Time(_))) {
        return comparison(chain, node).map(|t| vec![t]);
    }
    texts(chain, &node.text)
}

/// `%name%` in a value under `expand`. A percent sign is escaped with a backslash.
fn refuse_placeholders(text: &str) -> Result<(), Fault> {
    let plain = text.replace("\\%", "");
    let mut parts = plain.split('%');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(name), Some(_)) => Err(Fault::new(
            format!("placeholder {}", quoted(&format!("%{name}%"))),
            "no value is known for it, and the rule would never match",
            "write the values out as a list and remove `expand`",
        )),
        _ => Ok(()),
    }
}

fn regex(chain: &Chain, text: &str) -> Result<Test, Fault> {
    let flags: String = chain.steps.iter().filter_map(|m| if let Modifier::Flag(c) = m { Some(*c) } else { None }).collect();
    let start = if chain.has(Modifier::StartsWith) { r"\A" } else { "" };
    let end = if chain.has(Modifier::EndsWith) { r"\z" } else { "" };
    let inner = if start.is_empty() && end.is_empty() { text.to_owned() } else { format!("{start}(?:{text}){end}") };
    let source = if flags.is_empty() { inner } else { format!("(?{flags}){inner}") };
    match RegexBuilder::new(&source).size_limit(REGEX_BYTES_MAX).build() {
        Ok(_) => Ok(Test::Regex(source)),
        Err(e) => Err(regex_fault(text, &e)),
    }
}

fn regex_fault(text: &str, error: &regex::Error) -> Fault {
    let what = format!("regular expression {}", quoted(text));
    let look = ["(?=", "(?!", "(?<=", "(?<!"].iter().any(|l| text.contains(l));
    if matches!(error, regex::Error::CompiledTooBig(_)) {
        return Fault::new(what, "it compiles to more than 1 MiB", "use smaller repetitions, or several values");
    }
    let detail = error.to_string();
    if look {
        return Fault::new(
            what,
            "look-around is not supported: every expression must run in linear time",
            "write a second selection and `and not` it in the condition",
        );
    }
    if detail.contains("backreference") {
        return Fault::new(
            what,
            "backreferences are not supported: every expression must run in linear time",
            "use `fieldref`, or list the values",
        );
    }
    let reason = detail.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
    Fault::new(what, reason, "correct the expression (Rust `regex` syntax: PCRE without look-around and backreferences)")
}

fn field_ref(chain: &Chain, text: &str) -> Result<Test, Fault> {
    let pattern = Pattern::parse(text);
    let Some(field) = pattern.as_literal().filter(|f| !f.is_empty()) else {
        return Err(Fault::new(
            format!("`fieldref` to {}", quoted(text)),
            "it is compared with one field, named exactly",
            "write a field name without wildcards",
        ));
    };
    let (starts, ends) = (chain.has(Modifier::StartsWith), chain.has(Modifier::EndsWith));
    let mode = match (chain.has(Modifier::Contains), starts, ends) {
        (true, _, _) | (_, true, true) => RefMode::Contains,
        (_, true, _) => RefMode::StartsWith,
        (_, _, true) => RefMode::EndsWith,
        _ => RefMode::Equals,
    };
    Ok(Test::FieldRef { field: field.to_owned(), mode, cased: chain.has(Modifier::Cased) })
}

fn cidr(text: &str) -> Result<Test, Fault> {
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(Test::Cidr(address.into()));
    }
    match text.parse::<ipnet::IpNet>() {
        Ok(net) if net == net.trunc() => Ok(Test::Cidr(net)),
        Ok(net) => Err(Fault::new(
            format!("network {}", quoted(text)),
            "the address has bits outside the network's prefix",
            format!("write `{}`, or a longer prefix", net.trunc()),
        )),
        Err(_) => Err(Fault::new(format!("network {}", quoted(text)), "it is no IPv4 or IPv6 network", "write it like `10.0.0.0/8`")),
    }
}

fn comparison(chain: &Chain, node: &Node) -> Result<Test, Fault> {
    let Kind::Number(number) = node.kind else {
        return Err(Fault::new(
            format!("{} {} in a comparison", node.describe(), quoted(&node.text)),
            "comparisons and parts of a time need a number",
            "write a number without quotes",
        ));
    };
    let compare = chain.steps.iter().find_map(|m| if let Modifier::Compare(c) = m { Some(*c) } else { None });
    let part = chain.steps.iter().find_map(|m| if let Modifier::Time(p) = m { Some(*p) } else { None });
    Ok(match (part, compare) {
        (Some(part), compare) => Test::TimePart(part, compare.unwrap_or(Compare::Eq), number),
        (None, compare) => Test::Compare(compare.unwrap_or(Compare::Eq), number),
    })
}

/// A text on its way through the chain.
#[derive(Clone)]
enum Piece {
    Pattern(Pattern),
    Bytes(Vec<u8>),
}

fn texts(chain: &Chain, text: &str) -> Result<Vec<Test>, Fault> {
    let start = if chain.has(Modifier::Expand) { Pattern::parse(&text.replace("\\%", "%")) } else { Pattern::parse(text) };
    let mut pieces = vec![Piece::Pattern(start)];
    for step in &chain.steps {
        let mut next = Vec::new();
        for piece in pieces {
            next.extend(apply(*step, piece, text)?);
        }
        if next.len() > SPELLINGS_MAX {
            return Err(too_many(text));
        }
        pieces = next;
    }
    let cased = chain.has(Modifier::Cased);
    pieces.into_iter().map(|p| as_pattern(p, text).map(|pattern| Test::Text { pattern, cased })).collect()
}

fn apply(step: Modifier, piece: Piece, text: &str) -> Result<Vec<Piece>, Fault> {
    let one = |pattern| Ok(vec![Piece::Pattern(pattern)]);
    match step {
        Modifier::Contains => one(as_pattern(piece, text)?.open_start().open_end()),
        Modifier::StartsWith => one(as_pattern(piece, text)?.open_end()),
        Modifier::EndsWith => one(as_pattern(piece, text)?.open_start()),
        Modifier::Windash => windash(as_pattern(piece, text)?, text),
        Modifier::Base64 => one(Pattern::literal(&encode::base64(&as_bytes(&piece, text)?))),
        Modifier::Base64Offset => base64_offsets(&piece, text),
        Modifier::Utf16 { little_endian, mark } => utf16(piece, little_endian, mark, text).map(|p| vec![p]),
        _ => Ok(vec![piece]),
    }
}

fn base64_offsets(piece: &Piece, text: &str) -> Result<Vec<Piece>, Fault> {
    let parts = encode::base64_offsets(&as_bytes(piece, text)?);
    if parts.iter().any(String::is_empty) {
        return Err(Fault::new(
            format!("value {} under `base64offset`", quoted(text)),
            "it is too short to be recognised at every offset",
            "use a longer value",
        ));
    }
    Ok(parts.iter().map(|p| Piece::Pattern(Pattern::literal(p))).collect())
}

fn utf16(piece: Piece, little_endian: bool, mark: bool, text: &str) -> Result<Piece, Fault> {
    let Piece::Pattern(pattern) = piece else {
        return Err(Fault::new(
            format!("value {} encoded as UTF-16 twice", quoted(text)),
            "no event holds that",
            "keep one of the UTF-16 modifiers",
        ));
    };
    if let Some(literal) = pattern.as_literal() {
        let mut bytes = if mark { vec![0xff, 0xfe] } else { Vec::new() };
        bytes.extend(encode::utf16(literal, little_endian));
        return Ok(Piece::Bytes(bytes));
    }
    // With wildcards the encoding goes literal by literal.
    let mut wide = Pattern(Vec::new());
    for part in pattern.0 {
        wide.push(match part {
            Part::Literal(t) => Part::Literal(bytes_text(encode::utf16(&t, little_endian), text)?),
            wildcard => wildcard,
        });
    }
    Ok(Piece::Pattern(wide))
}

fn windash(pattern: Pattern, text: &str) -> Result<Vec<Piece>, Fault> {
    let mut spellings = vec![Pattern(Vec::new())];
    for part in pattern.0 {
        let parts = match part {
            Part::Literal(t) => encode::windash(&t).ok_or_else(|| too_many(text))?.into_iter().map(Part::Literal).collect(),
            wildcard => vec![wildcard],
        };
        if spellings.len() * parts.len() > SPELLINGS_MAX {
            return Err(too_many(text));
        }
        let with = |s: &Pattern, p: &Part| {
            let mut longer = s.clone();
            longer.push(p.clone());
            longer
        };
        spellings = spellings.iter().flat_map(|s| parts.iter().map(|p| with(s, p)).collect::<Vec<_>>()).collect();
    }
    Ok(spellings.into_iter().map(Piece::Pattern).collect())
}

fn too_many(text: &str) -> Fault {
    Fault::new(
        format!("value {} under `windash`", quoted(text)),
        format!("it has more than {SPELLINGS_MAX} spellings"),
        "split it into shorter values with `contains|all`",
    )
}

fn as_bytes(piece: &Piece, text: &str) -> Result<Vec<u8>, Fault> {
    match piece {
        Piece::Bytes(bytes) => Ok(bytes.clone()),
        Piece::Pattern(pattern) => pattern.as_literal().map(|t| t.as_bytes().to_vec()).ok_or_else(|| {
            Fault::new(
                format!("wildcard in {} before Base64", quoted(text)),
                "unknown characters have no encoding",
                "remove the wildcard (escape it with a backslash if it is meant as a character)",
            )
        }),
    }
}

fn as_pattern(piece: Piece, text: &str) -> Result<Pattern, Fault> {
    match piece {
        Piece::Pattern(pattern) => Ok(pattern),
        Piece::Bytes(bytes) => bytes_text(bytes, text).map(|t| Pattern::literal(&t)),
    }
}

/// UTF-16 bytes as a text of an event would show them: NUL characters between ASCII letters.
fn bytes_text(bytes: Vec<u8>, text: &str) -> Result<String, Fault> {
    let (mark, rest) = if bytes.starts_with(&[0xff, 0xfe]) { ("\u{feff}", bytes[2..].to_vec()) } else { ("", bytes) };
    String::from_utf8(rest).map(|t| format!("{mark}{t}")).map_err(|_| {
        Fault::new(
            format!("value {} as UTF-16", quoted(text)),
            "events are UTF-8, and its bytes are none",
            "encode it further with `base64` or `base64offset`",
        )
    })
}

#[cfg(test)]
mod tests;
