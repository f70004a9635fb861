//! Geographic databases. `places.mmdb` and `systems.mmdb` hold made-up places of documentation addresses.

use crate::support::{BASE_MS, PROD, detect, detect_flow, detector, trail};
use std::sync::Arc;
use tidegate_core::enrich::{Builder, Tables};
use tidegate_core::event::{Fact, Form};

fn tables() -> Arc<Tables> {
    let mut builder = Builder::new();
    builder.geo("places.mmdb", "places", include_bytes!("places.mmdb").to_vec());
    builder.geo("systems.mmdb", "systems", include_bytes!("systems.mmdb").to_vec());
    assert_eq!(builder.problems().1, 0, "{:?}", builder.problems());
    Arc::new(builder.finish())
}

#[test]
fn databases_answer_together() {
    let tables = tables();
    let place = |ip: &str| {
        let place = tables.place(ip.parse().expect("address"));
        (place.country(), place.city(), place.system_number(), place.system_name())
    };
    assert_eq!(place("203.0.113.1"), (Some("ZZ"), Some("Nowhere"), Some(64496), Some("Example Hosting")));
    assert_eq!(place("203.0.113.200"), (Some("XA"), Some("Elsewhere"), Some(64496), Some("Example Hosting")));
    assert_eq!(place("::ffff:203.0.113.1").0, Some("ZZ"));
    assert_eq!(place("2001:db8:1::7"), (Some("XB"), None, None, None));
    assert_eq!(place("198.51.100.4"), (Some("XC"), None, Some(64497), Some("Example Office")));
    assert_eq!(place("10.0.0.1"), (None, None, None, None));
    let versions = tables.versions();
    assert_eq!(versions.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["geo:places", "geo:systems"]);
    assert!(versions.iter().all(|(_, version)| version.starts_with("2026-11-")), "the databases state when they were built: {versions:?}");
}

#[test]
fn rules_ask_for_places_and_the_sources_own_place_wins() {
    let tables = tables();
    let rule = |service: &str, selection: &str| {
        let text =
            format!("title: x\nid: x\nlogsource: {{product: aws, service: {service}}}\ndetection: {{s: {{{selection}}}, condition: s}}\n");
        detector(&text, &tables).0
    };
    let flows = rule("vpcflow", "dst_endpoint.autonomous_system.number: 64496, dst_endpoint.location.city: Nowhere");
    assert_eq!(detect_flow(&flows, "10.0.0.1", "203.0.113.1", BASE_MS).len(), 1);
    assert_eq!(detect_flow(&flows, "10.0.0.1", "203.0.113.200", BASE_MS).len(), 0);

    let web = rule("waf", "src_endpoint.location.country: ZZ");
    let request = |country: &str| {
        format!(
            r#"{{"timestamp":1793613600000,"formatVersion":1,"webaclId":"arn:aws:wafv2:us-east-1:{PROD}:regional/webacl/a/1","action":"ALLOW","httpRequest":{{"clientIp":"203.0.113.1","country":{country},"httpMethod":"GET","uri":"/"}}}}"#
        )
    };
    assert_eq!(detect(&web, Form::Waf, &request("\"DE\"")).len(), 0, "the source says DE");
    assert_eq!(detect(&web, Form::Waf, &request("null")).len(), 1, "the source says nothing");
}

#[test]
fn the_callers_place_becomes_a_fact_where_the_source_has_none() {
    let text = "title: x\nid: x\nlogsource: {product: aws, service: cloudtrail}\ndetection: {s: {eventName: CreateUser}, condition: s}\n";
    let (detector, _) = detector(text, &tables());
    let facts = detect(&detector, Form::CloudTrail, &trail(PROD, "203.0.113.1"))[0].facts.clone();
    assert_eq!(facts.first(Fact::SourceCountry), Some("ZZ"));
    assert_eq!(facts.first(Fact::SourceAsn), Some("64496"));
    assert_eq!(facts.all(Fact::Enrichment).count(), 1);
    let facts = detect(&detector, Form::CloudTrail, &trail(PROD, "10.0.0.1"))[0].facts.clone();
    assert_eq!((facts.first(Fact::SourceCountry), facts.all(Fact::Enrichment).count()), (None, 0));
}

/// A folder of real databases in `TIDEGATE_GEO`: each must load and know the country or system of a well-known public resolver.
#[test]
#[expect(clippy::disallowed_macros, reason = "what was read, or that nothing was, must be seen")]
fn real_databases_are_read() {
    let Some(folder) = std::env::var_os("TIDEGATE_GEO") else {
        return eprintln!("skipped: TIDEGATE_GEO names no folder of .mmdb files");
    };
    let entries = std::fs::read_dir(&folder).expect("the folder of TIDEGATE_GEO").flatten().map(|entry| entry.path());
    let files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|e| e == "mmdb")).collect();
    assert!(!files.is_empty(), "no .mmdb in the folder of TIDEGATE_GEO");
    for path in files {
        let mut builder = Builder::new();
        builder.geo(&path.to_string_lossy(), "real", std::fs::read(&path).expect("database"));
        assert_eq!(builder.problems().1, 0, "{:?}", builder.problems());
        let tables = builder.finish();
        let known = ["8.8.8.8", "1.1.1.1", "2001:4860:4860::8888"].map(|ip| {
            let place = tables.place(ip.parse().expect("address"));
            (place.country(), place.city(), place.system_number(), place.system_name())
        });
        eprintln!("{} {:?}: {known:?}", path.display(), tables.versions());
        assert!(known.iter().any(|k| k.0.is_some() || k.2.is_some()), "{}: it knows nothing", path.display());
    }
}
