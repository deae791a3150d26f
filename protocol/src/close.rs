//! WebSocket close codes (RFC 6455 section 7.4, and our own from 4000 on).

/// Why a peer closed the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u16)]
pub enum CloseCode {
    /// 1000: done.
    Normal = 1000,
    /// 1001: the server is going away.
    GoingAway = 1001,
    /// 1002: the peer's frames break RFC 6455.
    ProtocolError = 1002,
    /// 1007: a text frame is not UTF-8.
    InvalidPayload = 1007,
    /// 1008: not allowed.
    PolicyViolation = 1008,
    /// 1009: the frame is larger than the peer takes.
    MessageTooBig = 1009,
    /// 1012: the server restarts and will be back.
    ServiceRestart = 1012,
    /// 1013: the server is overloaded.
    TryAgainLater = 1013,
    /// 4001: another connection of the same device took over.
    Superseded = 4001,
    /// 4003: the credential was revoked.
    Revoked = 4003,
    /// 4008: a user's connection did not keep up with what it subscribed to.
    SlowConsumer = 4008,
    /// 4009: another device uses the same identity.
    Conflict = 4009,
    /// 4010: the user's session ended.
    SessionEnded = 4010,
    /// 4011: no authentication in time.
    AuthenticationTimeout = 4011,
    /// 4029: too many connections or messages.
    TooMany = 4029,
}

/// What stands before the seconds in the reason of [`CloseCode::ServiceRestart`] and [`CloseCode::TryAgainLater`].
const RETRY_WINDOW: &str = "retry_window=";

/// A reason that asks for the first attempt to come back at a random moment of so many seconds.
pub fn with_retry_window(reason: &str, seconds: u32) -> String {
    format!("{reason}; {RETRY_WINDOW}{seconds}")
}

/// The seconds that a reason asks for.
pub fn retry_window(reason: &str) -> Option<u32> {
    let (_, rest) = reason.split_once(RETRY_WINDOW)?;
    let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest.get(..digits)?.parse().ok()
}

impl CloseCode {
    /// The number on the wire.
    pub const fn code(self) -> u16 {
        self as u16
    }

    /// The meaning of a number, where it is one of ours.
    pub const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            1000 => Self::Normal,
            1001 => Self::GoingAway,
            1002 => Self::ProtocolError,
            1007 => Self::InvalidPayload,
            1008 => Self::PolicyViolation,
            1009 => Self::MessageTooBig,
            1012 => Self::ServiceRestart,
            1013 => Self::TryAgainLater,
            4001 => Self::Superseded,
            4003 => Self::Revoked,
            4008 => Self::SlowConsumer,
            4009 => Self::Conflict,
            4010 => Self::SessionEnded,
            4011 => Self::AuthenticationTimeout,
            4029 => Self::TooMany,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_in_a_reason_is_read_back_and_nonsense_is_none() {
        assert_eq!(retry_window(&with_retry_window("the server restarts", 17)), Some(17));
        assert_eq!(retry_window("retry_window=5, says another server"), Some(5));
        for nonsense in
            ["", "the server restarts", "retry_window=", "retry_window=-1", "retry_window=99999999999"]
        {
            assert_eq!(retry_window(nonsense), None, "{nonsense:?}");
        }
    }
}
