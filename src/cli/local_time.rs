//! Moments as the technician's own clock shows them.

use ems_protocol::Timestamp;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, UtcOffset};

const FORMAT: &[BorrowedFormatItem<'static>] = format_description!(
    "[year]-[month]-[day] [hour]:[minute]:[second] [offset_hour sign:mandatory]:[offset_minute]"
);

/// `2026-02-03 14:00:00 +01:00`, in this machine's time zone (UTC if it has none).
pub(super) fn local(at: Timestamp) -> String {
    let utc = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.millis()) * 1_000_000);
    let utc = utc.unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let zone = UtcOffset::local_offset_at(utc).unwrap_or(UtcOffset::UTC);
    utc.to_offset(zone).format(FORMAT).unwrap_or_default()
}
