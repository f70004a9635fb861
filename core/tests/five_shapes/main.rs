//! One finding, five shapes, one meaning: random findings of every family are rendered natively, as an EventBridge event, as the
//! API prints them, and as Security Hub copies them in ASFF and in OCSF. Every shape must give the same key, revision, severity
//! and marks, and the same ordinary fields. `finding` makes findings, `render` the shapes, `read` evaluates lookups.

mod finding;
mod neighbours;
mod public;
mod read;
mod render;

use finding::Family;
use read::Shape;
use tidegate_core::event::Fact;
use tidegate_core::normalize;

/// How many findings of each family.
const FINDINGS_PER_FAMILY: u64 = 20;

/// What the Intake asks of every finding. All shapes answer all of them alike.
const RESERVED: [&str; 16] = [
    "tidegate.finding.arn",
    "tidegate.finding.type",
    "tidegate.finding.title",
    "tidegate.finding.description",
    "tidegate.finding.severity",
    "tidegate.finding.created",
    "tidegate.finding.updated",
    "tidegate.finding.count",
    "tidegate.finding.archived",
    "tidegate.finding.sample",
    "tidegate.finding.first_seen",
    "tidegate.finding.last_seen",
    "tidegate.time",
    "tidegate.revision",
    "cloud.account.uid",
    "cloud.region",
];

/// Ordinary names, native and OCSF, that all shapes answer alike.
const EVERYWHERE: [&str; 50] = [
    "tidegate.action",
    "evidences.src_endpoint.ip",
    "service.action.dnsRequestAction.protocol",
    "type",
    "severity",
    "severity_id",
    "accountId",
    "region",
    "partition",
    "arn",
    "id",
    "title",
    "updatedAt",
    "createdAt",
    "finding_info.uid",
    "finding_info.types",
    "finding_info.created_time_dt",
    "service.count",
    "service.archived",
    "service.detectorId",
    "service.resourceRole",
    "service.featureName",
    "service.action.actionType",
    "service.action.awsApiCallAction.api",
    "service.action.awsApiCallAction.serviceName",
    "service.action.awsApiCallAction.remoteIpDetails.ipAddressV4",
    "service.action.networkConnectionAction.connectionDirection",
    "service.action.networkConnectionAction.remoteIpDetails.ipAddressV4",
    "service.action.networkConnectionAction.blocked",
    "service.action.portProbeAction.portProbeDetails.remoteIpDetails.ipAddressV4",
    "service.action.rdsLoginAttemptAction.LoginAttributes.user",
    "service.runtimeDetails.process.name",
    "service.runtimeDetails.process.lineage.executablePath",
    "service.additionalInfo.threatListName",
    "service.evidence.threatIntelligenceDetails.threatListName",
    "service.evidence.threatIntelligenceDetails.threatNames",
    "tidegate.threat_list",
    "tidegate.principal",
    "tidegate.principal_root",
    "actor.user.name",
    "actor.process.file.path",
    "actor.process.file.hashes.value",
    "actor.process.parent_process.file.path",
    "api.operation",
    "api.service.name",
    "src_endpoint.ip",
    "src_endpoint.port",
    "dst_endpoint.ip",
    "dst_endpoint.port",
    "query.hostname",
];

fn each_finding(mut check: impl FnMut(&[Shape], &str)) {
    for family in Family::ALL {
        for seed in 0..FINDINGS_PER_FAMILY {
            let finding = finding::make(family, &mut fastrand::Rng::with_seed(seed));
            check(&render::shapes(&finding, seed), &format!("{family:?}, seed {seed}"));
        }
    }
}

#[test]
fn all_shapes_give_the_same_key_revision_severity_and_marks() {
    each_finding(|shapes, context| {
        for name in RESERVED {
            let native = shapes[0].read(name);
            assert!(!native.is_empty(), "{context}: native has no {name}");
            for shape in &shapes[1..] {
                assert_eq!(shape.read(name), native, "{context}: {name} in {}", shape.name);
            }
        }
    });
}

#[test]
fn all_shapes_give_the_same_ordinary_fields() {
    let mut found = std::collections::BTreeSet::new();
    each_finding(|shapes, context| {
        for name in EVERYWHERE {
            let native = shapes[0].read(name);
            if !native.is_empty() {
                found.insert(name);
            }
            for shape in &shapes[1..] {
                assert_eq!(shape.read(name), native, "{context}: {name} in {}", shape.name);
            }
        }
    });
    let never: Vec<_> = EVERYWHERE.iter().filter(|name| !found.contains(*name)).collect();
    assert!(never.is_empty(), "no finding has {never:?}: the comparison says nothing of them");
}

#[test]
fn all_shapes_tell_the_same_facts() {
    const KINDS: [Fact; 12] = [
        Fact::FindingArn,
        Fact::FindingType,
        Fact::Severity,
        Fact::Account,
        Fact::Region,
        Fact::Principal,
        Fact::PrincipalRoot,
        Fact::SourceIp,
        Fact::TargetIp,
        Fact::Operation,
        Fact::ProcessPath,
        Fact::Sha256,
    ];
    each_finding(|shapes, context| {
        for kind in KINDS {
            let native = shapes[0].facts(kind);
            for shape in &shapes[1..] {
                assert_eq!(shape.facts(kind), native, "{context}: {kind:?} in {}", shape.name);
            }
        }
    });
}

#[test]
fn resources_have_the_same_names_in_all_shapes() {
    each_finding(|shapes, context| {
        let mut native = shapes[0].facts(Fact::Resource);
        native.sort();
        for shape in shapes[1..].iter().filter(|s| !shapes[0].text.contains("AttackSequence:") || s.name == "api") {
            let mut copy = shape.facts(Fact::Resource);
            copy.sort();
            assert_eq!(copy, native, "{context}: resources in {}", shape.name);
        }
    });
}

#[test]
fn a_severity_that_survived_only_as_a_band_is_given_back_as_a_number_of_that_band() {
    for family in Family::ALL {
        for seed in 0..FINDINGS_PER_FAMILY {
            let finding = finding::make(family, &mut fastrand::Rng::with_seed(seed));
            let native = Shape::native(&finding);
            let copy = render::ocsf_without_number(&finding, seed);
            assert_eq!(copy.read("severity_id"), native.read("severity_id"));
            let number: f64 = copy.read("tidegate.finding.severity")[0].parse().expect("a number");
            let given = serde_json::json!({"severity": number}).to_string();
            let band = Shape { name: "band", form: tidegate_core::event::Form::GuardDuty, text: given };
            assert_eq!(band.read("severity_id"), native.read("severity_id"), "{family:?} {seed}");
        }
    }
}

#[test]
fn attack_sequences_tell_the_same_graph_natively_and_in_the_api() {
    let finding = finding::make(Family::AttackSequence, &mut fastrand::Rng::with_seed(7));
    let shapes = render::shapes(&finding, 7);
    let native = normalize::sequence_facts(&shapes[0].text, shapes[0].form);
    assert!(native.iter().any(|(fact, _)| *fact == Fact::Technique), "{native:?}");
    let api = shapes.iter().find(|s| s.name == "api").expect("rendered");
    assert_eq!(normalize::sequence_facts(&api.text, api.form), native);
}
