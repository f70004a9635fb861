//! What `rules check` found as SARIF 2.1.0, which code hosts show beside the lines of a change.

use serde_json::{Value, json};
use tidegate_core::rule::{Diagnostic, Gravity};

/// The document.
pub(super) fn document(diagnostics: &[Diagnostic]) -> Value {
    let results: Vec<Value> = diagnostics.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "tidegate rules check",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": [
                    {"id": "rule-error", "shortDescription": {"text": "The rule does not load"}},
                    {"id": "rule-warning", "shortDescription": {"text": "The rule loads; its author should look"}},
                ],
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(diagnostic: &Diagnostic) -> Value {
    let (id, level) = match diagnostic.gravity {
        Gravity::Error => ("rule-error", "error"),
        Gravity::Warning => ("rule-warning", "warning"),
    };
    let Diagnostic { what, why, remedy, place, .. } = diagnostic;
    json!({
        "ruleId": id,
        "level": level,
        "message": {"text": format!("{what}: {why}: {remedy}")},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&place.file)},
            "region": {"startLine": place.line.max(1), "startColumn": place.column.max(1)},
        }}],
    })
}

/// A path as a relative reference: what may not stand in one is escaped.
fn uri(path: &str) -> String {
    let plain = path.strip_prefix("./").unwrap_or(path);
    let keep = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte);
    plain.bytes().map(|byte| if keep(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::rule::Place;

    #[test]
    fn each_diagnostic_is_a_result_at_its_place() {
        let place = Place { file: "./my rules/a.yml".into(), line: 3, column: 5 };
        let one = Diagnostic { gravity: Gravity::Error, place, what: "w".into(), why: "y".into(), remedy: "r".into() };
        let document = document(&[one]);
        let result = &document["runs"][0]["results"][0];
        assert_eq!((&result["level"], &result["message"]["text"]), (&json!("error"), &json!("w: y: r")));
        let location = &result["locations"][0]["physicalLocation"];
        assert_eq!(location["artifactLocation"]["uri"], "my%20rules/a.yml");
        assert_eq!(location["region"], json!({"startLine": 3, "startColumn": 5}));
    }
}
