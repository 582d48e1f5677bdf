//! Finds the values of settings in a statement: `set app.tenant = alice` has a value that looks like a name.

/// The values that say nothing about anybody.
const HARMLESS: [&str; 6] = ["default", "on", "off", "true", "false", "none"];
/// The objects whose CREATE or ALTER may contain SET with a setting. A table's SET has other meanings.
const OWNERS: [&str; 8] = ["role", "user", "group", "database", "system", "function", "procedure", "routine"];

/// Where in a statement the lexer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Setting {
    /// At the start of a statement.
    Start,
    /// After CREATE or ALTER.
    Object,
    /// In a statement that may contain SET with a setting.
    Within,
    /// After SET, in the setting's name.
    Name,
    /// At one of the setting's values.
    Value,
    /// After one of the setting's values.
    After,
    /// In a statement without settings.
    Other,
}

impl Setting {
    /// Reads a word. Returns whether the word is a value.
    pub(super) fn word(&mut self, word: &str, is_qualified: bool) -> bool {
        let is = |other: &str| word.eq_ignore_ascii_case(other);
        *self = match *self {
            Self::Start if is("set") => Self::Name,
            Self::Start if is("create") || is("alter") => Self::Object,
            Self::Object if is("or") || is("replace") => Self::Object,
            Self::Object if OWNERS.into_iter().any(is) => Self::Within,
            Self::Start | Self::Object | Self::Other => Self::Other,
            Self::Within | Self::After if is("set") => Self::Name,
            Self::Within | Self::After => Self::Within,
            Self::Name if !is_qualified && ["to", "zone", "names"].into_iter().any(is) => Self::Value,
            Self::Name => Self::Name,
            Self::Value => {
                *self = Self::After;
                return !HARMLESS.into_iter().any(is);
            }
        };
        false
    }

    /// Reads a literal, or a name in quotes. Returns whether it is a value.
    pub(super) fn quoted(&mut self) -> bool {
        let is_value = *self == Self::Value;
        *self = match *self {
            Self::Value | Self::After => Self::After,
            Self::Start | Self::Object => Self::Other,
            other => other,
        };
        is_value
    }

    /// Reads a character between words and literals.
    pub(super) fn sign(&mut self, byte: u8) {
        *self = match (byte, *self) {
            (b';', _) => Self::Start,
            (b'=', Self::Name) => Self::Value,
            (b',', Self::After) => Self::Value,
            (_, other) => other,
        };
    }
}
