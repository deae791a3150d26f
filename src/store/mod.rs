//! What must outlive a connection, a process or a boot.

mod backlog;
mod card;
mod codec;
mod drain;
mod folder;
mod keeper;
mod notice;
mod outbox;
mod record;
mod sequence;
mod spool;

pub use backlog::{Backlog, Keeping, Opened, Pick, Settings};
pub use card::{BootClock, Card, CardError, Chunk, Cursor, Dropped, Limits, Stats};
pub use drain::Batch;
pub use folder::{Folder, FolderError, make};
pub use keeper::Pen;
pub use notice::Notice;
pub use sequence::{Numbers, Sequence};
pub use spool::{Run, Spool};
