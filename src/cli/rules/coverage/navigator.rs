//! A layer for ATT&CK Navigator, in version 4.5 of its format.

use serde_json::{Value, json};
use tidegate_core::alert::attack;
use tidegate_core::workbench::coverage::{Cell, Coverage};

/// The format of a layer.
const LAYER: &str = "4.5";
/// The Navigator that this format belongs to; a newer one reads it too.
const NAVIGATOR: &str = "5.1.0";
const LIGHT: &str = "#d9ecff";
const DARK: &str = "#08519c";
const SHADOW: &str = "#e6e6e6";

pub(super) fn layer(coverage: &Coverage) -> Value {
    let cells = coverage.cells.iter().filter(|((_, technique), _)| !technique.is_empty());
    let most = coverage.cells.values().map(score).max().unwrap_or(0).max(1);
    json!({
        "name": "Tidegate coverage",
        "versions": {"attack": attack::VERSION, "navigator": NAVIGATOR, "layer": LAYER},
        "domain": "enterprise-attack",
        "description": "Score: rules that alert on the technique, and one for the finding types that show it.",
        "sorting": 3,
        "hideDisabled": false,
        "techniques": cells.map(|((tactic, technique), cell)| technique_of(*tactic, technique, cell)).collect::<Vec<_>>(),
        "gradient": {"colors": [LIGHT, DARK], "minValue": 1, "maxValue": most.max(2)},
        "legendItems": [{"label": "only rules in shadow", "color": SHADOW}],
        "showTacticRowBackground": false,
        "selectTechniquesAcrossTactics": false,
        "selectSubtechniquesWithParent": false,
    })
}

fn technique_of(tactic: usize, technique: &str, cell: &Cell) -> Value {
    let mut metadata: Vec<Value> = cell.rules.iter().map(|rule| json!({"name": "rule", "value": rule})).collect();
    metadata.extend(cell.shadow.iter().map(|rule| json!({"name": "rule in shadow", "value": rule})));
    metadata.extend(cell.finding_types.iter().map(|kind| json!({"name": "finding type", "value": kind})));
    let mut out = json!({
        "techniqueID": technique,
        "tactic": shortname(tactic),
        "enabled": true,
        "comment": format!("{} rules, {} in shadow, {} finding types", cell.rules.len(), cell.shadow.len(), cell.finding_types.len()),
        "metadata": metadata,
        "showSubtechniques": technique.contains('.'),
    });
    match score(cell) {
        0 => out["color"] = SHADOW.into(),
        score => out["score"] = score.into(),
    }
    out
}

/// How many rules alert, the finding types together counting as one more.
fn score(cell: &Cell) -> usize {
    cell.rules.len() + usize::from(!cell.finding_types.is_empty() && !cell.rules.is_empty())
}

/// A tactic's name as the data of ATT&CK have it: `initial-access`.
fn shortname(tactic: usize) -> String {
    attack::TACTICS[tactic].1.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use tidegate_core::rule::{RuleFile, load};
    use tidegate_core::workbench::coverage::coverage;

    #[test]
    fn a_layer_names_its_versions_and_each_technique_under_its_tactic() {
        let rule = |id: &str, status: &str, tag: &str| {
            format!(
                "title: {id}\nid: {id}\nstatus: {status}\ntags: [attack.command-and-control, {tag}]\nlogsource: {{product: aws, service: waf}}\ndetection: {{s: {{a: 1}}, condition: s}}\n---\n"
            )
        };
        let text =
            rule("a", "test", "attack.t1071.004") + &rule("b", "test", "attack.t1071.004") + &rule("c", "experimental", "attack.t1571");
        let layer = layer(&coverage(&load(&[RuleFile { name: "r.yml".into(), text }]).set));
        assert_eq!(layer["versions"], json!({"attack": "19", "navigator": "5.1.0", "layer": "4.5"}));
        assert_eq!((&layer["domain"], &layer["name"]), (&json!("enterprise-attack"), &json!("Tidegate coverage")));
        let of = |id: &str| layer["techniques"].as_array().expect("a list").iter().find(|t| t["techniqueID"] == id).expect(id).clone();
        let (dns, port) = (of("T1071.004"), of("T1571"));
        assert_eq!((&dns["tactic"], &dns["score"]), (&json!("command-and-control"), &json!(2)));
        assert_eq!((&port["score"], &port["color"]), (&Value::Null, &json!(SHADOW)), "what pages nobody has no score");
    }
}
