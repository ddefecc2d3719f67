//! The log: structured to the journal, plain lines elsewhere.
//!
//! Whatever the filter says, crates that are not ours log warnings and errors only. The D-Bus
//! library describes every message at trace level, card libraries log APDUs: a filter set in haste
//! must not be able to put a secret into the journal.

use std::{
    io::{self, IsTerminal, Write},
    os::fd::AsFd,
};

use tracing::{Level, Metadata, Subscriber};
use tracing_journald::{Priority, PriorityMappings};
use tracing_subscriber::{
    Layer,
    filter::{FilterExt, LevelFilter, Targets, filter_fn},
    layer::SubscriberExt,
    registry::LookupSpan,
};

/// The variable that wins over the settings file.
pub const VARIABLE: &str = "OATHD_LOG";

/// Why there is no log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// A part of the filter is neither `LEVEL` nor `TARGET=LEVEL`.
    #[error("{0:?} is not a level (off, error, warn, info, debug, trace) or TARGET=LEVEL")]
    Filter(String),
    /// Something else took the process's log before.
    #[error("the log is set up already")]
    Taken,
}

/// Says whether `filter` can be read: a level, or a list such as `info,oathd_token=debug`.
///
/// # Errors
///
/// [`LogError::Filter`].
pub fn check(filter: &str) -> Result<(), LogError> {
    parse(filter).map(drop)
}

/// Reads a filter. A bare level is for every target that is not named; it is `info` if absent.
///
/// Stricter than the parser of [`Targets`], which takes a misspelt level for a target and logs
/// all of it.
fn parse(filter: &str) -> Result<Targets, LogError> {
    let mut targets = Targets::new().with_default(LevelFilter::INFO);
    for part in filter.split(',').map(str::trim) {
        let (target, level) = match part.split_once('=') {
            Some((target, level)) => (Some(target), level),
            None => (None, part),
        };
        let known = ["off", "error", "warn", "info", "debug", "trace"].contains(&level);
        let level = match level.parse::<LevelFilter>() {
            Ok(level) if known && target != Some("") => level,
            _ => return Err(LogError::Filter(part.to_owned())),
        };
        targets = match target {
            Some(target) => targets.with_target(target, level),
            None => targets.with_default(level),
        };
    }
    Ok(targets)
}

/// Sets up the log of the process. `command_line` wins over [`VARIABLE`], and that over the
/// `configured` filter.
///
/// # Errors
///
/// [`LogError`]; nothing is logged then.
pub fn init(command_line: Option<&str>, configured: &str) -> Result<(), LogError> {
    let variable = std::env::var(VARIABLE).ok();
    let filter = command_line.or(variable.as_deref()).unwrap_or(configured);
    let journal = if stderr_is_the_journal() {
        tracing_journald::layer().ok()
    } else {
        None
    };
    let outcome = match journal {
        Some(journal) => {
            let journal = journal
                // Fields keep their names: TOKEN, not F_TOKEN.
                .with_field_prefix(None)
                .with_priority_mappings(PriorityMappings {
                    info: Priority::Informational,
                    debug: Priority::Debug,
                    ..PriorityMappings::new()
                });
            tracing::subscriber::set_global_default(
                tracing_subscriber::registry().with(capped(journal, filter)?),
            )
        }
        None => {
            let plain = tracing_subscriber::fmt::layer()
                .with_writer(io::stderr)
                .with_ansi(io::stderr().is_terminal());
            tracing::subscriber::set_global_default(
                tracing_subscriber::registry().with(capped(plain, filter)?),
            )
        }
    };
    outcome.map_err(|_| LogError::Taken)
}

/// Says on standard error why the process ends. That is a stream which the journal knows the unit of;
/// of a message on its socket it finds out by the process, and may come too late for that.
pub fn last_words(words: &str) {
    let words = match stderr_is_the_journal() {
        // Each line is an entry, with the priority of an error: sd-daemon(3).
        true => format!("<3>{}", words.replace('\n', "\n<3>")),
        false => format!("oathd: {words}"),
    };
    // A closed standard error changes nothing.
    let _ = writeln!(io::stderr(), "{}", words.trim_end());
}

/// Puts the filter, and the cap on foreign crates, before a layer.
fn capped<S, L>(layer: L, filter: &str) -> Result<impl Layer<S> + use<S, L>, LogError>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    L: Layer<S>,
{
    Ok(layer.with_filter(parse(filter)?.and(filter_fn(may_log))))
}

/// Ours at any level, others from warnings up.
fn may_log(metadata: &Metadata<'_>) -> bool {
    let krate = metadata.target().split("::").next().unwrap_or_default();
    let ours = krate == "oathd" || krate.starts_with("oathd_");
    ours || *metadata.level() <= Level::WARN
}

/// Compares standard error with `$JOURNAL_STREAM`, as systemd.exec(5) describes it.
fn stderr_is_the_journal() -> bool {
    let Ok(stream) = std::env::var("JOURNAL_STREAM") else {
        return false;
    };
    let Ok(status) = rustix::fs::fstat(io::stderr().as_fd()) else {
        return false;
    };
    stream == format!("{}:{}", status.st_dev, status.st_ino)
}

#[cfg(test)]
mod tests {
    use std::{
        io::Write,
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a filter lets through of `work`.
    fn logged(filter: &str, work: impl FnOnce()) -> String {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(move || writer.clone());
        let subscriber = tracing_subscriber::registry().with(capped(layer, filter).unwrap());
        tracing::subscriber::with_default(subscriber, work);
        String::from_utf8(buffer.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn foreign_crates_say_nothing_below_a_warning() {
        for filter in [
            "trace",
            "trace,zbus=trace",
            "zbus::connection=trace,oathd_x=trace",
        ] {
            let text = logged(filter, || {
                tracing::trace!(target: "zbus::connection", "foreign");
                tracing::debug!(target: "zbus", "foreign");
                tracing::info!(target: "oathdx", "foreign");
                tracing::info_span!(target: "zbus::connection", "foreign").in_scope(|| {
                    tracing::warn!(target: "zbus::connection", "heard");
                    tracing::trace!(target: "oathd_x::y", "ours");
                });
            });
            assert!(!text.contains("foreign"), "{text}");
            assert!(text.contains("heard") && text.contains("ours"), "{text}");
        }
    }

    #[test]
    fn the_filter_chooses_among_our_own_targets() {
        let text = logged("warn,oathd_token=debug", || {
            tracing::info!(target: "oathd_daemon", "left out");
            tracing::debug!(target: "oathd_token::actor", "taken");
        });
        assert!(
            text.contains("taken") && !text.contains("left out"),
            "{text}"
        );
    }

    #[test]
    fn what_is_not_named_is_logged_from_info() {
        let text = logged("oathd_token=off", || {
            tracing::error!(target: "oathd_token", "left out");
            tracing::debug!(target: "oathd_daemon", "left out");
            tracing::info!(target: "oathd_daemon", "taken");
        });
        assert!(
            text.contains("taken") && !text.contains("left out"),
            "{text}"
        );
    }

    #[test]
    fn bad_filters_are_refused() {
        assert!(check("info, oathd_token=debug").is_ok());
        for bad in ["", "inof", "oathd=loud", "=info", "a=b=c", "info,", "5"] {
            assert!(matches!(check(bad), Err(LogError::Filter(_))), "{bad}");
            assert!(init(Some(bad), "info").is_err());
        }
    }
}
