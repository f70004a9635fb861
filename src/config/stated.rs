//! What the operator said about the records of a source, as it is kept beside them in an archive: enough to read them again without
//! the configuration.

use super::settings::Config;
use super::source::{Format, JsonSource, SourceSettings};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use tidegate_core::event::source::BUILT_IN;
use tidegate_core::event::{Lateness, Source};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Stated {
    /// How they are read.
    pub format: Format,
    /// Columns of flow logs without a header line.
    pub flow_format: Option<Vec<String>>,
    /// The same by pattern of CloudWatch Logs log group.
    pub flow_formats: Vec<(String, Vec<String>)>,
    /// What the events of `format: json` are.
    pub json: Option<JsonSource>,
    /// Allowed lateness by service, where it is not the service's own.
    pub lateness_ms: BTreeMap<String, i64>,
}

impl Config {
    /// What it says about a source.
    #[must_use]
    pub fn stated(&self, source: &SourceSettings) -> Stated {
        let all = BUILT_IN.into_iter().chain([Source::Generic(0)]);
        let lateness = all.filter(|s| self.lateness.ms(*s) != s.lateness_ms()).map(|s| (s.service().to_owned(), self.lateness.ms(s)));
        Stated {
            format: source.format,
            flow_format: source.flow_format.clone(),
            flow_formats: source.flow_formats.iter().map(|f| (f.log_groups.clone(), f.format.clone())).collect(),
            json: source.json.clone(),
            lateness_ms: lateness.collect(),
        }
    }
}

impl Stated {
    /// Whether the events carry their own arrival.
    #[must_use]
    pub fn stamped(&self) -> bool {
        self.json.as_ref().is_some_and(|json| json.arrival_field.is_some())
    }

    /// Enters the lateness; so many stated logsources are known.
    pub fn lateness(&self, generic: usize, into: &mut Lateness) {
        let all = BUILT_IN.into_iter().chain((0..generic).map(|n| Source::Generic(u16::try_from(n).unwrap_or(u16::MAX))));
        for source in all {
            if let Some(ms) = self.lateness_ms.get(source.service()) {
                into.state(source, *ms);
            }
        }
    }
}
