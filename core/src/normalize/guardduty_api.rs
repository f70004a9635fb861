//! GuardDuty findings as SDKs and the CLI print them: `PascalCase` members.
//!
//! Owns the spelling of native names in that shape. The meaning of names stands in `guardduty`. Limits: `additionalInfo` is one
//! JSON string here; of it the members in [`ADDITIONAL_INFO`] can be named.

use super::guardduty::NAMES;
use super::term::{Dialect, Keys, find, lower};
use super::{Function, Lookup};

pub(super) const DIALECT: Dialect = Dialect { plain: native, inputs: |name| vec![pascal(name)] };

/// Members whose SDK name is not the capitalised wire name: the end of the native path, and the SDK's last name.
const EXCEPTIONS: [(&str, &str); 8] = [
    ("productCodes.productCodeId", "Code"),
    ("productCodes.productCodeType", "ProductType"),
    ("taskDetails.createdAt", "TaskCreatedAt"),
    ("user.account.account", "Name"),
    ("kubernetesWorkload.type", "KubernetesResourcesTypes"),
    ("kubernetesApiCallAction.sourceIPs", "SourceIps"),
    ("endpoints.location.lat", "Latitude"),
    ("endpoints.location.lon", "Longitude"),
];

/// Members whose own members are data, not names: those keys stay as they are.
const MAPS: [&str; 3] = ["affectedResources", "profiles", "behavior"];

/// Members of the JSON text in `Service.AdditionalInfo.Value` that a rule can name.
pub(super) const ADDITIONAL_INFO: [&str; 24] = [
    "sample",
    "threatListName",
    "threatName",
    "unusual",
    "unusualProtocol",
    "anomalies.anomalousAPIs",
    "unusualBehavior",
    "unusualBehavior.isUnusualUserIdentity",
    "userAgent",
    "userAgent.fullUserAgent",
    "userAgent.userAgentCategory",
    "inBytes",
    "outBytes",
    "portsScannedSample",
    "scannedPort",
    "localPort",
    "domain",
    "agentDetails",
    "apiCalls",
    "apiCalls.name",
    "apiCalls.count",
    "recentApiCalls.api",
    "recentApiCalls.count",
    "authenticationMethod",
];

/// Where a field is in a finding of the API.
pub(super) fn resolve(field: &str) -> Vec<Lookup> {
    let field = field.strip_prefix("detail.").unwrap_or(field);
    find(NAMES, field).map_or_else(|| native(field), |terms| lower(terms, &DIALECT))
}

fn native(name: &str) -> Vec<Lookup> {
    let own = Lookup::Path(pascal(name));
    match name.strip_prefix("service.additionalInfo.").and_then(additional_info) {
        Some(member) => vec![Lookup::Derived(Function::JsonMember(member), vec![pascal("service.additionalInfo.value")]), own],
        None => vec![own],
    }
}

/// A member of `additionalInfo` that can be named, as a name that lives as long as the program.
pub(super) fn additional_info(member: &str) -> Option<&'static str> {
    ADDITIONAL_INFO.into_iter().find(|known| *known == member)
}

fn pascal(name: &str) -> Keys {
    let mut is_data = false;
    let mut keys: Keys = Vec::new();
    for key in name.split('.') {
        keys.push(if is_data { key.into() } else { capitalised(key) });
        is_data |= MAPS.contains(&key);
    }
    let exception = EXCEPTIONS.iter().find(|(end, _)| name.ends_with(end) && !name.trim_end_matches(end).ends_with(|c| c != '.'));
    if let (Some((_, member)), Some(last)) = (exception, keys.last_mut()) {
        *last = (*member).into();
    }
    keys
}

fn capitalised(key: &str) -> Box<str> {
    let mut chars = key.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect::<String>().into()
}
