//! The event record: what happened to the daemon and to what it depends on, for people to read days later.
//!
//! The stages report through a [`Reporter`]; one task, the [`Recorder`], keeps the record, hands each event on to be
//! sent to the cloud and answers the status view. How often a stage reports is its own business: what comes and goes
//! is summarised with [`crate::trouble::Trouble`], so that it cannot push everything else out of the record.

mod clock_watch;
pub mod code;
mod event;
mod last_run;
mod message_id;
mod record;
mod recorder;
mod reporter;

pub use clock_watch::ClockWatch;
pub use event::{Event, Incident, MAX_TEXT};
pub use last_run::ending_of_last_run;
pub use message_id::message_id;
pub use record::Record;
pub use recorder::{RecentError, Recorder};
pub use reporter::{Reporter, Reports, channel};
