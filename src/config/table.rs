//! What a key of the configuration is: the shape of the table in `keys.rs`.

/// One key: what it means, and what happens without it.
#[derive(Debug, Clone, Copy)]
pub struct Key {
    /// Its name in the file and the environment.
    pub name: &'static str,
    /// A second name for the same setting.
    pub alias: Option<&'static str>,
    /// Its explanation: the first line alone is a summary.
    pub docs: &'static [&'static str],
    /// A value as it is written in the file, quotes included where they are needed.
    pub example: &'static str,
    /// What happens when it is not set.
    pub need: Need,
    /// Its value is never shown.
    pub secret: bool,
    /// Whether the cloud may set it (`SET_CONFIG`): nothing that says what is wired how, who this is, or what the owner
    /// of the device lets the cloud do.
    pub remote: bool,
    /// The variable in which systemd names the directory it made for the unit (systemd.exec(5)); stands before
    /// the default.
    pub directory_from: Option<&'static str>,
}

/// What happens when a key is not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It is a mistake.
    Required,
    /// This value holds.
    Default(&'static str),
    /// It depends on `SENSOR`.
    BySensor {
        /// With a real chip: this value, or a mistake if there is none that is safe to assume.
        chip: Option<&'static str>,
        /// With `SENSOR=simulated`: what the simulator has.
        simulated: &'static str,
    },
}

impl Key {
    /// The rest of an entry that says no more.
    pub(super) const BLANK: Self = Self {
        name: "",
        alias: None,
        docs: &[],
        example: "",
        need: Need::Required,
        secret: false,
        remote: false,
        directory_from: None,
    };

    /// The explanation in one line.
    pub fn summary(&self) -> &'static str {
        self.docs.first().map_or("", |line| line.trim())
    }

    /// The whole explanation, a line each.
    pub fn explanation(&self) -> impl Iterator<Item = &'static str> {
        self.docs.iter().map(|line| line.trim())
    }

    /// Whether `name` is one of its names.
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.alias == Some(name)
    }
}

/// Turns the entries of the table into the struct [`super::Config`] with a field for each, the list
/// [`super::KEYS`], and `read`, which fills the one by the other.
macro_rules! keys {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident: $type:ty = $parse:path, $key:expr;
    )+) => {
        /// The settings, parsed and checked each by itself.
        #[derive(Debug, Clone)]
        pub struct Config {
            $( $(#[doc = $doc])+ pub $field: $type, )+
        }

        impl Config {
            /// The names of the keys whose values differ in `other`.
            #[expect(clippy::float_cmp, reason = "what was written differently is meant differently")]
            pub fn changes(&self, other: &Self) -> Vec<&'static str> {
                let mut changes = Vec::new();
                $( if self.$field != other.$field { changes.push(entry::$field.name); } )+
                changes
            }
        }

        /// The entries, each named like its field.
        #[expect(non_upper_case_globals, reason = "named like the fields")]
        pub(super) mod entry {
            use super::{Key, Need};
            $( pub(in crate::config) static $field: Key = Key { docs: &[$($doc),+], ..$key }; )+
        }

        /// Every key, in the order in which the example file explains them.
        pub static KEYS: &[&Key] = &[$( &entry::$field ),+];

        /// What is wrong with `text` as the value of `key`.
        pub(super) fn check(key: &Key, text: &str) -> Result<(), Refusal> {
            $( if entry::$field.name == key.name { return $parse(text).map(drop); } )+
            Ok(())
        }

        /// Reads every key, so that all mistakes are found; `None` if there is one.
        pub(super) fn read(reader: &mut Reader<'_>) -> Option<Config> {
            $( let $field = reader.read(&entry::$field, $parse); )+
            Some(Config { $( $field: $field?, )+ })
        }
    };
}
pub(super) use keys;
