//! Who is asking, and what that user may see and do.

use std::collections::BTreeSet;
use std::sync::Arc;

use ems_protocol::DeviceId;

use super::role::Role;

/// The longest name of a user, in characters.
pub const MAX_NAME: usize = 64;

/// A user with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub username: String,
    /// What the user may do now.
    pub role: Role,
    /// The devices that the user may see; all without it.
    pub devices: Option<Arc<BTreeSet<DeviceId>>>,
    /// The session that speaks for the user.
    pub session: String,
}

impl User {
    /// Whether the user may see this device, and act on it as far as the role goes.
    pub fn may_see(&self, device: &DeviceId) -> bool {
        self.devices.as_ref().is_none_or(|devices| devices.contains(device))
    }

    /// Whether the user has this role beyond single devices. An admin of some devices is none there: who may give
    /// rights away, or sees what all do, has them all.
    pub fn is_everywhere(&self, role: Role) -> bool {
        self.role >= role && (role < Role::Admin || self.devices.is_none())
    }

    /// Whether the user has the same rights as `other`.
    pub fn has_rights_of(&self, other: &Self) -> bool {
        self.role == other.role && self.devices == other.devices
    }
}

/// Whether somebody may be called this.
pub fn is_sound_name(name: &str) -> bool {
    (1..=MAX_NAME).contains(&name.chars().count())
        && !name.chars().any(char::is_control)
        && name.trim() == name
}
