//! The user that the service runs as: what it may open decides, not what root may.

use std::ffi::CString;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

use nix::unistd::{Gid, Group, User, geteuid, getgrouplist};

use super::unit::Unit;

/// The user that the package makes.
pub(super) const SERVICE_USER: &str = "ems-edge";

/// A user and its groups.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its number.
    pub uid: u32,
    /// Its main group.
    pub gid: u32,
    /// All of its groups, those that the unit adds too.
    pub groups: Vec<u32>,
    /// Whether it is the service's own, rather than whoever asks.
    pub is_service: bool,
}

impl Account {
    /// The user of the unit, else the package's, else whoever asks.
    pub(super) fn of_service(unit: Option<&Unit>) -> Self {
        let named = unit.and_then(|unit| unit.get("User")).unwrap_or(SERVICE_USER);
        if let Ok(Some(user)) = User::from_name(named) {
            return Self::new(user, unit, true);
        }
        let uid = geteuid();
        if let Ok(Some(user)) = User::from_uid(uid) {
            return Self::new(user, None, false);
        }
        let uid = uid.as_raw();
        Self { name: uid.to_string(), uid, gid: uid, groups: vec![], is_service: false }
    }

    fn new(user: User, unit: Option<&Unit>, is_service: bool) -> Self {
        let listed =
            CString::new(user.name.as_str()).ok().and_then(|name| getgrouplist(&name, user.gid).ok());
        let mut groups: Vec<u32> =
            listed.unwrap_or_else(|| vec![user.gid]).into_iter().map(Gid::as_raw).collect();
        let added = ["Group", "SupplementaryGroups"].into_iter().filter_map(|list| unit?.get(list));
        groups.extend(added.flat_map(str::split_whitespace).filter_map(group_number));
        Self { name: user.name, uid: user.uid.as_raw(), gid: user.gid.as_raw(), groups, is_service }
    }

    /// Whether the bits (4 = read, 2 = write) let it at a file.
    pub(super) fn may(&self, file: &Metadata, bits: u32) -> bool {
        let shift = if self.uid == 0 {
            return true;
        } else if file.uid() == self.uid {
            6
        } else if self.groups.contains(&file.gid()) {
            3
        } else {
            0
        };
        file.mode() >> shift & bits == bits
    }
}

/// The name of a group, or its number.
pub(super) fn group_name(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        _ => gid.to_string(),
    }
}

/// The number of a group.
pub(super) fn group_number(name: &str) -> Option<u32> {
    Group::from_name(name).ok().flatten().map(|group| group.gid.as_raw())
}
