//! What names mean: a golden table of (form, name) in readable form, and the promise that every native name in the `GuardDuty`
//! tables exists in AWS's service model.
//!
//! The golden file is committed beside this test. After a deliberate change run with `TIDEGATE_BLESS=1` and read the difference.
//! The field tree is a shared fact, not part of the project: without it (`../shared/reference`, or `TIDEGATE_SHARED`) that test
//! says so and checks nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use tidegate_core::event::Form;
use tidegate_core::event::source::FORMS;
use tidegate_core::normalize::{self, ALTERNATIVES_MAX, Lookup};

/// Names asked of every form, beside those of its own in [`OWN`].
const ASKED: [&str; 14] = [
    "tidegate.time",
    "tidegate.content_id",
    "tidegate.principal_root",
    "tidegate.shared_event",
    "tidegate.finding.arn",
    "tidegate.finding.type",
    "tidegate.finding.severity",
    "tidegate.finding.sample",
    "cloud.account.uid",
    "src_endpoint.ip",
    "dst_endpoint.port",
    "api.operation",
    "query.hostname",
    "evidences.src_endpoint.ip",
];

/// Native names as rules write them.
const OWN: [(Form, &str); 29] = [
    (Form::GuardDuty, "type"),
    (Form::GuardDuty, "detail.service.count"),
    (Form::GuardDuty, "service.detection.sequence.signals.type"),
    (Form::GuardDuty, "service.action.rdsLoginAttemptAction.LoginAttributes.user"),
    (Form::GuardDutyApi, "service.action.awsApiCallAction.affectedResources.AWS::S3::Bucket"),
    (Form::GuardDutyApi, "service.action.kubernetesApiCallAction.sourceIPs"),
    (Form::GuardDutyApi, "resource.ecsClusterDetails.taskDetails.createdAt"),
    (Form::GuardDutyApi, "resource.eksClusterDetails.createdAt"),
    (Form::GuardDutyApi, "service.detection.sequence.endpoints.location.lat"),
    (Form::GuardDutyApi, "service.detection.sequence.actors.user.account.account"),
    (Form::GuardDutyApi, "service.additionalInfo.threatListName"),
    (Form::GuardDutyAsff, "service.resourceRole"),
    (Form::GuardDutyAsff, "service.runtimeDetails.context.flags"),
    (Form::GuardDutyAsff, "resource.instanceDetails.instanceId"),
    (Form::GuardDutyOcsf, "service.resourceRole"),
    (Form::GuardDutyOcsf, "service.action.awsApiCallAction.api"),
    (Form::GuardDutyOcsf, "resource.accessKeyDetails.userName"),
    (Form::CloudTrail, "eventName"),
    (Form::CloudTrail, "userIdentity.arn"),
    (Form::CloudTrail, "requestParameters.x-amz-server-side-encryption-customer-algorithm"),
    (Form::VpcFlow, "srcaddr"),
    (Form::VpcFlow, "dst_addr"),
    (Form::VpcFlow, "pkt_srcaddr"),
    (Form::VpcFlow, "no_such_column"),
    (Form::TransitGatewayFlow, "src_endpoint.vpc_uid"),
    (Form::Waf, "http_request.user_agent"),
    (Form::EksAudit, "annotations.authorization.k8s.io/decision"),
    (Form::EventBridge, "scanResultDetails.threats.name"),
    (Form::Generic(0), "a.b"),
];

#[test]
fn names_mean_what_the_golden_table_says() {
    let asked = FORMS.into_iter().chain([Form::Generic(0)]).flat_map(|form| ASKED.map(|name| (form, name)));
    let mut table = String::new();
    for (form, name) in asked.chain(OWN) {
        let lookups: Vec<String> = normalize::resolve(form, name).iter().map(Lookup::to_string).collect();
        let _ = writeln!(table, "{form:?} {name} = {}", if lookups.is_empty() { "nothing".to_owned() } else { lookups.join(" | ") });
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/names_golden.txt");
    if setting("TIDEGATE_BLESS").is_some() {
        std::fs::write(&path, &table).expect("failed to write the golden table");
    }
    let golden = std::fs::read_to_string(&path).expect("the golden table is committed");
    for (got, wanted) in table.lines().zip(golden.lines()) {
        assert_eq!(got, wanted);
    }
    assert_eq!(table.lines().count(), golden.lines().count());
}

#[test]
fn every_name_in_a_table_is_found_somewhere_within_the_limit() {
    for form in FORMS {
        for name in normalize::names(form) {
            let lookups = normalize::resolve(form, name);
            assert!(!lookups.is_empty() && lookups.len() < ALTERNATIVES_MAX, "{form:?} {name}: {} lookups", lookups.len());
            let distinct: BTreeSet<&Lookup> = lookups.iter().collect();
            assert_eq!(distinct.len(), lookups.len(), "{form:?} {name} repeats a lookup");
        }
        assert!(normalize::facts(form).len() > 8, "{form:?} tells almost nothing");
    }
}

#[test]
fn every_native_name_in_the_guardduty_tables_exists_in_aws_own_model() {
    let Some(tree) = field_tree() else { return };
    let mut checked = 0;
    let lookups = normalize::names(Form::GuardDuty).into_iter().flat_map(|name| normalize::resolve(Form::GuardDuty, name));
    let facts = normalize::facts(Form::GuardDuty).into_iter().flat_map(|(_, lookups)| lookups);
    for path in lookups.chain(facts).flat_map(paths_of) {
        let name = path.join(".");
        // Exports expand `additionalInfo`; the model only knows it as one text.
        if name.starts_with("service.additionalInfo.") {
            continue;
        }
        // Both spellings of an irregular name are tried; one of them is the model's.
        let is_other_spelling = ["loginAttributes", "sourceIps"].iter().any(|s| name.split('.').any(|key| key == *s));
        assert!(is_other_spelling || tree.contains(&name), "{name} is not in the model");
        checked += 1;
    }
    assert!(checked > 150, "only {checked} names checked");
}

fn paths_of(lookup: Lookup) -> Vec<Vec<Box<str>>> {
    match lookup {
        Lookup::Path(path) => vec![path],
        Lookup::Derived(_, paths) => paths,
        Lookup::Column(_) | Lookup::Context(_) => Vec::new(),
    }
}

/// All dotted paths of the model, structures that are shown once and referred to (`<Tag>`) put in where they are used.
#[expect(clippy::disallowed_macros, reason = "a check that was left out must say so")]
fn field_tree() -> Option<BTreeSet<String>> {
    let shared = setting("TIDEGATE_SHARED").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"), PathBuf::from);
    let path = shared.join("reference/guardduty_finding_fields_botocore_1.43.11.txt");
    let Ok(text) = std::fs::read_to_string(&path) else {
        println!("not checked: {} is missing (TIDEGATE_SHARED names the shared folder)", path.display());
        return None;
    };
    let mut tree = BTreeSet::new();
    let mut references = Vec::new();
    let mut open: Vec<String> = Vec::new();
    for line in text.lines() {
        let depth = line.chars().take_while(|c| *c == ' ').count() / 2;
        let (name, kind) = line.trim().split_once(':').expect("a name and a type");
        open.truncate(depth);
        open.push(name.trim_end_matches("[]").to_owned());
        let path = open.join(".");
        if let Some(structure) = kind.trim().strip_prefix('<').and_then(|k| k.split('>').next()) {
            references.push((path.clone(), structure.to_owned()));
        }
        tree.insert(path);
    }
    insert_references(&mut tree, &references);
    Some(tree)
}

/// Where each structure that is referred to is shown.
fn insert_references(tree: &mut BTreeSet<String>, references: &[(String, String)]) {
    let shown: BTreeMap<&str, &str> = [
        ("RemoteIpDetails", "service.action.awsApiCallAction.remoteIpDetails"),
        ("ProcessDetails", "service.runtimeDetails.process"),
        ("Container", "resource.kubernetesDetails.kubernetesWorkloadDetails.containers"),
        ("Volume", "resource.kubernetesDetails.kubernetesWorkloadDetails.volumes"),
    ]
    .into();
    for (path, structure) in references {
        let Some(original) = shown.get(structure.as_str()) else { continue };
        let members: Vec<String> = tree.iter().filter_map(|p| p.strip_prefix(&format!("{original}.")).map(str::to_owned)).collect();
        tree.extend(members.into_iter().map(|member| format!("{path}.{member}")));
    }
}

#[expect(clippy::disallowed_methods, reason = "a test may be told where things are; the core may not")]
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
