//! Groups of devices, for people.

use std::collections::{BTreeSet, HashMap};

use ems_protocol::DeviceId;
use rusqlite::{Connection, params};
use serde::Serialize;

/// A group.
#[derive(Debug, Serialize)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Who is in it; a device that is not registered any more is kept.
    pub device_ids: BTreeSet<DeviceId>,
}

/// All groups by name.
pub fn list(db: &Connection) -> rusqlite::Result<Vec<Group>> {
    let rows: Vec<(i64, String)> = db
        .prepare_cached("SELECT key, name FROM groups ORDER BY name")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    rows.into_iter()
        .map(|(key, name)| {
            let ids: Vec<String> = db
                .prepare_cached("SELECT device_id FROM group_devices WHERE group_key = ?")?
                .query_map([key], |row| row.get(0))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Group { name, device_ids: ids.into_iter().filter_map(|id| id.parse().ok()).collect() })
        })
        .collect()
}

/// The names of the groups of each device.
pub fn by_device(db: &Connection) -> rusqlite::Result<HashMap<DeviceId, Vec<String>>> {
    let mut groups: HashMap<DeviceId, Vec<String>> = HashMap::new();
    let mut statement = db.prepare_cached(
        "SELECT device_id, name FROM group_devices JOIN groups ON groups.key = group_key ORDER BY device_id, name",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if let Ok(id) = row.get::<_, String>(0)?.parse() {
            groups.entry(id).or_default().push(row.get(1)?);
        }
    }
    Ok(groups)
}

/// Makes a group of these devices, or makes these the devices of the group.
pub fn set(db: &Connection, name: &str, devices: &BTreeSet<DeviceId>) -> rusqlite::Result<()> {
    db.execute("INSERT INTO groups (name) VALUES (?) ON CONFLICT DO NOTHING", [name])?;
    let key: i64 = db.query_row("SELECT key FROM groups WHERE name = ?", [name], |row| row.get(0))?;
    db.execute("DELETE FROM group_devices WHERE group_key = ?", [key])?;
    for device in devices {
        db.execute(
            "INSERT INTO group_devices (group_key, device_id) VALUES (?, ?)",
            params![key, device.as_str()],
        )?;
    }
    Ok(())
}

/// Removes a group; false when there is none.
pub fn remove(db: &Connection, name: &str) -> rusqlite::Result<bool> {
    Ok(db.execute("DELETE FROM groups WHERE name = ?", [name])? == 1)
}
