//! What was found, held against what was seeded.
//!
//! An attack is found when, for each entry of the catalogue it must fire, an alert of a rule for that entry shares the attack's
//! account and its time, and its principal or address where the alert names any. Rules name their entry by the custom attribute
//! `catalogue`. An alert that belongs to no attack is stray.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use tidegate_core::generate::{SeededAttack, Truth};
use tidegate_core::rule::RuleSet;

/// Stray correlation alerts, and stray pages, that are still fine.
pub(super) const STRAY_MAX: usize = 5;
/// How far beyond its own events an attack's alert may reach: the largest window of a shipped rule.
const MARGIN_MS: i64 = 24 * 3_600_000;

/// The comparison.
pub(super) struct Verdict {
    /// Per attack of the truth, whether it was found.
    pub(super) found: Vec<bool>,
    /// Correlation alerts that belong to no attack.
    pub(super) stray_correlations: usize,
    /// Alerts that would page and belong to no attack.
    pub(super) stray_pages: usize,
    stray: Vec<String>,
}

impl Verdict {
    /// Every attack found, few strays.
    pub(super) fn passed(&self) -> bool {
        self.found.iter().all(|f| *f) && self.stray_correlations <= STRAY_MAX && self.stray_pages <= STRAY_MAX
    }

    /// For `--json`.
    pub(super) fn as_json(&self) -> Value {
        json!({"passed": self.passed(), "found": self.found, "stray_correlations": self.stray_correlations, "stray_pages": self.stray_pages, "stray": self.stray})
    }
}

/// Compares alerts with the truth.
pub(super) fn judge(set: &RuleSet, truth: &Truth, alerts: &[Value]) -> Verdict {
    let entries: BTreeMap<&str, &str> =
        set.rules.iter().filter_map(|r| Some((r.meta.id.as_str(), r.meta.custom.get("catalogue")?.as_str()))).collect();
    let live: Vec<&Value> = alerts.iter().filter(|a| a["tidegate"]["episode"]["state"] != "merged").collect();
    let entry = |a: &Value| a["finding_info"]["analytic"]["uid"].as_str().and_then(|id| entries.get(id).copied()).unwrap_or("");
    let fired =
        |attack: &SeededAttack, wanted: &str| live.iter().any(|a| entry(a).split(',').any(|e| e.trim() == wanted) && belongs(a, attack));
    let found = truth.attacks.iter().map(|attack| attack.catalogue.iter().all(|wanted| fired(attack, wanted))).collect();
    let stray: Vec<&&Value> = live.iter().filter(|a| !truth.attacks.iter().any(|attack| belongs(a, attack))).collect();
    let titles = stray.iter().filter(|a| is_correlation(a) || pages(a)).map(|a| a["message"].as_str().unwrap_or("").to_owned());
    Verdict {
        found,
        stray_correlations: stray.iter().filter(|a| is_correlation(a)).count(),
        stray_pages: stray.iter().filter(|a| pages(a)).count(),
        stray: titles.collect(),
    }
}

fn is_correlation(alert: &Value) -> bool {
    alert["tidegate"]["kind"] == "correlation"
}

fn pages(alert: &Value) -> bool {
    alert["tidegate"]["paging"]["decision"] == "page"
}

/// Correlations, and whatever would wake somebody.
pub(super) fn worth_showing(alert: &Value) -> bool {
    is_correlation(alert) || pages(alert)
}

fn belongs(alert: &Value, attack: &SeededAttack) -> bool {
    let strings = |v: &Value| -> Vec<String> {
        v.as_array().map_or(&[][..], Vec::as_slice).iter().filter_map(|x| x.as_str().map(str::to_owned)).collect()
    };
    let ours = &alert["tidegate"];
    let time = |v: &Value| v.as_i64().unwrap_or(0);
    let finding = &alert["finding_info"];
    let overlaps =
        time(&finding["first_seen_time"]) <= attack.last_ms + MARGIN_MS && time(&finding["last_seen_time"]) >= attack.first_ms - MARGIN_MS;
    let accounts = strings(&ours["accounts"]).iter().any(|a| attack.accounts.contains(a));
    let named = finding["uid_alt"].as_str().is_some_and(|arn| attack.events.iter().any(|e| e == arn));
    named || (overlaps && accounts && actor_fits(&strings(&ours["principals"]), &strings(&ours["source_ips"]), attack))
}

/// Whether somebody of the attack acts in the alert. An alert that names nobody fits by account and time alone.
fn actor_fits(principals: &[String], addresses: &[String], attack: &SeededAttack) -> bool {
    let name = |arn: &str| arn.rsplit(['/', ':']).next().unwrap_or(arn).to_owned();
    let theirs: Vec<String> = attack.principals.iter().flat_map(|p| p.split(['/', ':']).map(str::to_owned).collect::<Vec<_>>()).collect();
    let nobody = principals.is_empty() && addresses.is_empty();
    nobody || principals.iter().any(|p| theirs.contains(&name(p))) || addresses.iter().any(|a| attack.source_ips.contains(a))
}
