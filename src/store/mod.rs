//! What must outlive a connection, a process or a boot.

mod folder;
mod outbox;
mod sequence;

pub use folder::{Folder, FolderError, make};
pub use outbox::{Outbox, Pick};
pub use sequence::Sequence;
