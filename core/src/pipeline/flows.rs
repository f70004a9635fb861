//! Which decoder reads a flow-log line: by the CloudWatch Logs log group it came from, where the operator stated formats for groups.
//!
//! Owns the patterns and one decoder per pattern. Never decides between formats of one pattern: the decoder does, line by line, because
//! one log stream may carry several. A line that names no group (one that is driven again out of the quarantine) may have any stated
//! format. Limit: a line costs one comparison of the group's name with that of the line before.

use crate::decode::Hints;
use crate::decode::vpcflow::{FlowDecoder, FlowFormat};

/// The stated formats.
#[derive(Debug, Clone, Default)]
pub(super) struct FlowFormats {
    /// For lines of no stated group.
    any: Option<FlowFormat>,
    /// Per pattern, in the order stated.
    groups: Vec<(String, Vec<FlowFormat>)>,
}

impl FlowFormats {
    /// # Errors
    /// If a stated format is none: in words.
    pub(super) fn new(hints: &Hints) -> Result<Self, String> {
        let format = |columns: &Vec<String>| FlowFormat::from_names(columns).map_err(|e| e.to_string());
        let any = hints.flow_format.as_ref().map(format).transpose()?;
        let mut groups: Vec<(String, Vec<FlowFormat>)> = Vec::new();
        for (pattern, columns) in &hints.flow_formats {
            let format = format(columns)?;
            match groups.iter_mut().find(|(known, _)| known == pattern) {
                Some((_, formats)) => formats.push(format),
                None => groups.push((pattern.clone(), vec![format])),
            }
        }
        Ok(FlowFormats { any, groups })
    }

    pub(super) fn decoders(&self) -> FlowDecoders {
        let of = |(_, formats): &(String, Vec<FlowFormat>)| FlowDecoder::with_formats(formats.iter().cloned());
        let stated = self.any.iter().chain(self.groups.iter().flat_map(|(_, formats)| formats)).cloned();
        FlowDecoders {
            no_group: FlowDecoder::with_formats(stated),
            other_group: FlowDecoder::new(self.any.clone()),
            groups: self.groups.iter().map(of).collect(),
            last: None,
        }
    }

    fn find(&self, group: &str) -> Option<usize> {
        self.groups.iter().position(|(pattern, _)| fits(pattern, group))
    }
}

/// The decoders of a shard.
#[derive(Debug, Clone)]
pub(super) struct FlowDecoders {
    no_group: FlowDecoder,
    other_group: FlowDecoder,
    groups: Vec<FlowDecoder>,
    /// The group of the line before, and its decoder.
    last: Option<(String, Option<usize>)>,
}

impl FlowDecoders {
    /// The decoder for a line of this group.
    pub(super) fn of(&mut self, formats: &FlowFormats, group: Option<&str>) -> &mut FlowDecoder {
        let Some(group) = group.filter(|_| !self.groups.is_empty()) else { return &mut self.no_group };
        let found = match &self.last {
            Some((last, found)) if last == group => *found,
            _ => {
                let found = formats.find(group);
                self.last = Some((group.to_owned(), found));
                found
            }
        };
        match found.and_then(|n| self.groups.get_mut(n)) {
            Some(decoder) => decoder,
            None => &mut self.other_group,
        }
    }
}

/// Whether a name is what a pattern says: `*` stands for any characters, or none.
fn fits(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    left.len() >= tail.len() && left.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in
            [("/vpc/*", "/vpc/"), ("/vpc/*", "/vpc/a/b"), ("*", ""), ("*-flow*s", "edge-flow-logs"), ("a*b*b", "a-bb"), ("x", "x")]
        {
            assert!(fits(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("/vpc/*", "/vp"), ("a*b*b", "ab"), ("x", "xy"), ("*x", "xy"), ("ab*ba", "aba")] {
            assert!(!fits(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn the_first_pattern_that_fits_decides_and_several_formats_may_share_one() {
        let columns = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let entry = |group: &str, text: &str| (group.to_owned(), columns(text));
        let hints = Hints {
            flow_format: Some(columns("srcaddr dstaddr action")),
            flow_formats: vec![
                entry("/edge/*", "account-id srcaddr"),
                entry("/*", "dstaddr start end account-id"),
                entry("/edge/*", "start end srcaddr"),
            ],
            ..Hints::default()
        };
        let formats = FlowFormats::new(&hints).expect("formats");
        let mut decoders = formats.decoders();
        // Beside the two that are always known.
        let mut sizes = |group: Option<&str>| {
            let formats = decoders.of(&formats, group).formats();
            formats[..formats.len() - 2].iter().map(FlowFormat::len).collect::<Vec<_>>()
        };
        assert_eq!(sizes(Some("/edge/a")), [2, 3]);
        assert_eq!(sizes(Some("/vpc")), [4]);
        assert_eq!(sizes(Some("vpc")), [3], "no pattern fits: that of the source");
        assert_eq!(sizes(None), [3, 2, 3, 4], "any");
        assert_eq!(sizes(Some("/edge/b")), [2, 3]);
        assert!(FlowFormats::new(&Hints { flow_formats: vec![entry("*", "what")], ..Hints::default() }).is_err());
    }
}
