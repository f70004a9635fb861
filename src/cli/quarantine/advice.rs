//! What each reason means for the person who looks into the quarantine.

use tidegate_core::decode::ErrorCode;

/// What to do about a reason, by its label.
pub(super) fn advice(label: &str) -> &'static str {
    if label == crate::io::sqlite::REFUSED {
        return "a sink refused the document for what it is: see the detail; correct the index or its template, then re-drive: it is sent again";
    }
    let code: Result<ErrorCode, _> = serde_json::from_value(label.into());
    code.map_or("this version does not know the reason: a newer one wrote it; look at the detail", of)
}

fn of(code: ErrorCode) -> &'static str {
    match code {
        ErrorCode::RecordTooLarge => "records above 10 MiB are never read: make the producer write smaller ones; re-driving does not help",
        ErrorCode::GzipCorrupt => {
            "the producer or a copy cut or damaged it: get the object again from where it came from; re-driving does not help"
        }
        ErrorCode::GzipTooLarge => {
            "it unpacks to more than 64 MiB or 100 times its size, as an attack would: look at it apart from here; re-driving does not help"
        }
        ErrorCode::NotUtf8 => "the producer writes another encoding: make it write UTF-8; re-driving does not help",
        ErrorCode::JsonSyntax => "it is no JSON: if it is another format, say so (`format:` of the source), then re-drive",
        ErrorCode::JsonTruncated => "the producer cut it: look for a size limit on the way; re-driving does not help",
        ErrorCode::JsonTooDeep => "it nests deeper than 64, as no AWS event does: find out who writes it; re-driving does not help",
        ErrorCode::EnvelopeTooDeep => "it is wrapped more than 8 times: look for a loop of subscriptions that wrap their own output",
        ErrorCode::EnvelopeMalformed => {
            "something on the way (a transformation, a template) changed the envelope: mend it there, then send the originals again"
        }
        ErrorCode::UnknownShape => {
            "nothing says whose event it is: state `format: json` and its logsource for the source, or keep it out of the stream; then re-drive"
        }
        ErrorCode::FlowFormatUnknown => "a flow log without a header: state its columns (`flow_format:` of the source), then re-drive",
        ErrorCode::FlowColumnCount => {
            "the columns do not fit the stated format: compare `flow_format:` with the flow log's own, then re-drive"
        }
        ErrorCode::FlowColumnValue => {
            "a column holds what its name does not allow: the order in `flow_format:` may be wrong; correct it, then re-drive"
        }
        ErrorCode::FieldMissing => {
            "an event without an id, account or type: its producer leaves it out or a filter drops it; mend it there"
        }
        ErrorCode::FieldInvalid => {
            "a field holds what it must not: see the detail; if it is a form of AWS's that is not known here, report it, and re-drive after the update"
        }
        ErrorCode::CompressionUnsupported => "only gzip is undone: switch the producer to gzip or to none; re-driving does not help",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_the_quarantine() {
        assert!(advice("flow_format_unknown").contains("flow_format:"));
        assert!(advice("json_syntax").contains("no JSON"));
        assert!(advice("document_refused").contains("sent again"));
        assert!(advice("from_the_future").contains("newer"));
    }
}
