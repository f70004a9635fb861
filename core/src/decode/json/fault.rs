//! Why scanning stops, in one byte.

/// Why scanning stopped. One byte: the position is the scanner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::decode) enum Fault {
    Value,
    Key,
    Colon,
    Comma,
    Control,
    Escape,
    Number,
    Unclosed,
    Trailing,
    NotObject,
    TooDeep,
}

impl Fault {
    pub(super) fn text(self) -> &'static str {
        match self {
            Fault::Value => "expected a JSON value",
            Fault::Key => "expected a key in quotes",
            Fault::Colon => "expected a colon after a key",
            Fault::Comma => "expected a comma or the end of the object or array",
            Fault::Control => "a control character inside a string",
            Fault::Escape => "an unknown escape inside a string",
            Fault::Number => "a malformed number",
            Fault::Unclosed => "a string without its closing quote",
            Fault::Trailing => "more text after the end of the JSON value",
            Fault::NotObject => "expected a JSON object",
            Fault::TooDeep => "JSON nests deeper than 64",
        }
    }
}

/// Result of a scan step.
pub(in crate::decode) type Scan<T> = Result<T, Fault>;
