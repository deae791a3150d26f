//! Log lines: for a person on a terminal with their time, for the journal with their fields and priority, and the last
//! ones in memory.

mod ring;

use std::fmt;
use std::io::{IsTerminal, Write as _};

use rustix::fs::fstat;
use tracing::{Event, Level, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer, debug_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use ring::{LineWriter, LogRing};

/// `SYSLOG_IDENTIFIER` of every line.
const NAME: &str = "ems-edge";

/// What the journal makes of the levels (syslog(3)): `journalctl -p warning` shows what a person should see.
const PRIORITIES: PriorityMappings = PriorityMappings {
    error: Priority::Error,
    warn: Priority::Warning,
    info: Priority::Informational,
    debug: Priority::Debug,
    trace: Priority::Debug,
};

/// How much is logged; changes what [`start`] has set.
#[derive(Debug, Clone)]
pub struct LogLevel(reload::Handle<LevelFilter, Registry>);

impl LogLevel {
    /// Log lines up to `level` from now on.
    pub fn set(&self, level: Level) {
        // It fails only when the log has ended, and then there is nothing to set.
        let _ = self.0.reload(LevelFilter::from_level(level));
    }
}

/// What a daemon has of its log.
#[derive(Debug, Clone)]
pub struct Log {
    /// How much is logged.
    pub level: LogLevel,
    /// The last lines.
    pub lines: LogRing,
}

/// Sends log lines up to `level` to the journal or to standard error, and to the ring that is given back.
pub fn start(level: Level) -> Log {
    let lines = LogRing::default();
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level));
    let in_memory = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_target(false)
        .fmt_fields(message_alone())
        .with_writer(lines.clone());
    let registry = tracing_subscriber::registry().with(filter).with(in_memory);
    let result = match native() {
        Some(journal) => registry.with(journal).try_init(),
        None => registry.with(standard_error()).try_init(),
    };
    // A second start can only happen in a test that has its own subscriber.
    drop(result);
    Log { level: LogLevel(handle), lines }
}

/// Says on standard error why the program cannot do what it should: before the log has begun, or instead of it.
pub fn complain(text: &str) {
    let priority = if is_for_journal() { "<3>" } else { "" };
    let lines: Vec<_> = text.lines().map(|line| format!("{priority}{line}\n")).collect();
    drop(std::io::stderr().write_all(lines.concat().as_bytes()));
}

/// The journal's own protocol, with a field for each fact; `None` where standard error is not the journal.
fn native() -> Option<tracing_journald::Layer> {
    if !is_for_journal() {
        return None;
    }
    let layer = tracing_journald::layer().ok()?;
    let layer = layer.with_field_prefix(None).with_syslog_identifier(NAME.to_owned());
    Some(layer.with_priority_mappings(PRIORITIES))
}

fn standard_error<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
{
    // A reader of standard error that has gone must not end the daemon: such errors are not reported there again.
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .log_internal_errors(false)
        .fmt_fields(message_alone());
    if is_for_journal() {
        // The journal reads the priority from the line's beginning (sd-daemon(3)) and has the time itself.
        layer.with_ansi(false).event_format(WithPriority).boxed()
    } else {
        layer.with_target(false).with_ansi(std::io::stderr().is_terminal()).boxed()
    }
}

/// Whether standard error leads to the journal (systemd.exec(5), `JOURNAL_STREAM`).
fn is_for_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    fstat(std::io::stderr()).is_ok_and(|file| stream == format!("{}:{}", file.st_dev, file.st_ino))
}

/// The other fields are for the journal alone: the message has it all in words.
fn message_alone() -> impl for<'a> FormatFields<'a> + 'static {
    debug_fn(
        |writer, field, value| {
            if field.name() == "message" { write!(writer, "{value:?}") } else { Ok(()) }
        },
    )
}

/// `<priority>message`.
struct WithPriority;

impl<S, N> FormatEvent<S, N> for WithPriority
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let priority = match *event.metadata().level() {
            Level::ERROR => 3,
            Level::WARN => 4,
            Level::INFO => 6,
            Level::DEBUG | Level::TRACE => 7,
        };
        write!(writer, "<{priority}>")?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
