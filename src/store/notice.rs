//! What the store has to say to people: in words for the log, with a code for the event record.

use std::fmt;
use std::path::PathBuf;

use ems_protocol::Severity;
use tracing::{info, warn};

use crate::events::{Incident, Reporter, message_id};

/// Something that happened to what is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// Unconfirmed samples cannot be kept on the runtime directory.
    SpoolUnusable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        why: String,
    },
    /// They can be kept there again.
    SpoolWorks {
        /// The file.
        path: PathBuf,
    },
    /// A part of the file on the runtime directory was no record.
    SpoolDamaged {
        /// The file.
        path: PathBuf,
        /// How much was stepped over.
        bytes: usize,
    },
    /// The card cannot be used now; it is tried again with the next write.
    CardUnusable {
        /// The database.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The card can be used again.
    CardWorks {
        /// The database.
        path: PathBuf,
    },
    /// The database was damaged: it was set aside and what could be read is in its successor.
    CardHealed {
        /// What is wrong with it.
        why: String,
        /// Where the damaged file is now.
        aside: PathBuf,
        /// Samples found in it, confirmed ones that were not yet overwritten among them.
        samples: u64,
        /// Events found in it.
        events: u64,
    },
    /// The last writes before a power cut were torn.
    CardTorn {
        /// Samples of those writes that could be kept.
        samples: u64,
    },
    /// Stored bytes that are no samples were removed.
    BlockDamaged {
        /// How many blocks: each held about a minute.
        blocks: u64,
    },
}

impl Notice {
    /// The code of the `device.event`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::SpoolUnusable { .. } => "SPOOL_UNUSABLE",
            Self::SpoolWorks { .. } => "SPOOL_WORKS",
            Self::SpoolDamaged { .. } => "SPOOL_DAMAGED",
            Self::CardUnusable { .. } => "STORE_UNUSABLE",
            Self::CardWorks { .. } => "STORE_WORKS",
            Self::CardHealed { .. } => "STORE_HEALED",
            Self::CardTorn { .. } => "STORE_TORN",
            Self::BlockDamaged { .. } => "STORE_BLOCK_DAMAGED",
        }
    }

    /// To the log and the event record.
    pub fn say(&self, reporter: &Reporter) {
        let words = self.to_string();
        let severity = if self.is_recovery() {
            info!(message_id = message_id(self.code()), ems_code = self.code(), "{words}");
            Severity::Info
        } else {
            warn!(message_id = message_id(self.code()), ems_code = self.code(), "{words}");
            Severity::Warning
        };
        reporter.report(Incident::new(severity, self.code(), words));
    }

    /// Whether this is good news.
    pub fn is_recovery(&self) -> bool {
        matches!(self, Self::SpoolWorks { .. } | Self::CardWorks { .. })
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SpoolUnusable { path, why } => write!(
                f,
                "cannot keep unconfirmed samples in {}: {why}; until then a crash loses those that wait. Make its folder writable for this user, or set RUNTIME_DIR",
                path.display()
            ),
            Self::SpoolWorks { path } => {
                write!(f, "unconfirmed samples are kept in {} again", path.display())
            }
            Self::SpoolDamaged { path, bytes } => write!(
                f,
                "{bytes} bytes of {} are no samples (a crash while they were written); those around them are kept",
                path.display()
            ),
            Self::CardUnusable { path, why } => write!(
                f,
                "cannot store samples in {}: {why}. They wait in memory, and a restart or a power cut would lose them",
                path.display()
            ),
            Self::CardWorks { path } => write!(f, "samples are stored in {} again", path.display()),
            Self::CardHealed { why, aside, samples, events } => write!(
                f,
                "the stored samples were damaged ({why}); {samples} samples and {events} events could be read and are kept, the damaged file is {}",
                aside.display()
            ),
            Self::CardTorn { samples } => write!(
                f,
                "the last writes to the card were cut short (loss of power?); {samples} samples of them could be kept"
            ),
            Self::BlockDamaged { blocks } => write!(
                f,
                "{blocks} stored blocks of samples (about a minute each) cannot be read any more and were removed"
            ),
        }
    }
}
