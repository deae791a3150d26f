//! Log lines: for a person on a terminal with their time, for the journal with their priority.

use std::fmt;
use std::io::{IsTerminal, Write as _};

use tracing::level_filters::LevelFilter;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::util::SubscriberInitExt as _;

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

/// Sends log lines up to `level` to standard error.
pub fn start(level: Level) -> LogLevel {
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level));
    // A reader of standard error that has gone must not end the daemon: such errors are not reported there again.
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).log_internal_errors(false);
    let registry = tracing_subscriber::registry().with(filter);
    let result = if is_for_journal() {
        registry.with(lines.with_ansi(false).event_format(ForJournal)).try_init()
    } else {
        registry.with(lines.with_target(false).with_ansi(std::io::stderr().is_terminal())).try_init()
    };
    // A second start can only happen in a test that has its own subscriber.
    drop(result);
    LogLevel(handle)
}

/// Says on standard error why the program cannot do what it should: before the log has begun, or instead of it.
pub fn complain(text: &str) {
    let priority = if is_for_journal() { "<3>" } else { "" };
    let lines: Vec<String> = text.lines().map(|line| format!("{priority}{line}")).collect();
    drop(writeln!(std::io::stderr(), "{}", lines.join("\n")));
}

/// The journal reads the priority from the line's beginning (sd-daemon(3)) and has the time itself.
fn is_for_journal() -> bool {
    std::env::var_os("JOURNAL_STREAM").is_some() && !std::io::stderr().is_terminal()
}

/// `<priority>message`.
struct ForJournal;

impl<S, N> FormatEvent<S, N> for ForJournal
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
