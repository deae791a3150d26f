//! What must outlive a connection, a process or a boot.

mod card;
mod codec;
mod folder;
mod notice;
mod outbox;
mod record;
mod sequence;
mod spool;

pub use card::{BootClock, Card, CardError, Chunk, Cursor, Dropped, Limits, Stats};
pub use folder::{Folder, FolderError, make};
pub use notice::Notice;
pub use outbox::{Outbox, Pick};
pub use sequence::Sequence;
pub use spool::{Run, Spool};
