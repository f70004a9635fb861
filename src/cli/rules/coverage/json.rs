//! Coverage for machines.

use super::{Found, counted, list, named, standing, unused};
use serde_json::{Value, json};
use tidegate_core::alert::attack;
use tidegate_core::workbench::coverage::{Reach, Standing};

pub(super) fn document(found: &Found) -> Value {
    let coverage = &found.coverage;
    let cells = coverage.cells.iter().map(|((tactic, technique), cell)| {
        let (uid, name) = attack::TACTICS[*tactic];
        json!({
            "tactic": {"uid": uid, "name": name},
            "technique": (!technique.is_empty()).then(|| json!({"uid": technique, "name": named(technique)})),
            "rules": cell.rules,
            "shadow": cell.shadow,
            "finding_types": cell.finding_types,
        })
    });
    let (covered, known) = counted(coverage);
    let mut out = json!({
        "attack_version": attack::VERSION,
        "techniques": {"covered": covered, "known": known},
        "matrix": cells.collect::<Vec<_>>(),
        "sources": coverage.services,
        "sources_without_rules": unused(coverage),
        "without_attack": coverage.untagged,
    });
    if let Some(profiles) = &found.profiles {
        let profile = |p: &super::Profile| {
            let lacking = |reach| list(standing(p, reach).map(|s: &Standing| json!({"rule": s.rule, "missing": s.missing})));
            json!({
                "accounts": p.accounts, "services": p.services,
                "fires": list(standing(p, Reach::Fires).map(|s| s.rule.clone())),
                "partly": lacking(Reach::Partly), "blind": lacking(Reach::Blind),
            })
        };
        out["profiles"] = profiles.iter().map(profile).collect();
    }
    out
}
