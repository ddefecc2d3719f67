//! `oathctl watch`: all codes on the screen, live.

mod draw;
mod feed;
mod keys;
mod model;

use std::io::{self, IsTerminal};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use oathd_client::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::Global;
use crate::failure::Failure;
use crate::session::Session;
use feed::Feed;
use model::Model;

/// Refuses to start where there is nothing to draw on.
pub(crate) fn refuse_unless_terminal(global: &Global) -> Result<(), Failure> {
    if global.json {
        return Err(Failure::usage(
            "`watch` draws on a terminal; `oathctl code --json` gives the codes.",
        ));
    }
    match io::stdout().is_terminal() && io::stdin().is_terminal() {
        true => Ok(()),
        false => Err(Failure::usage(
            "`watch` needs a terminal; `oathctl code` prints the codes.",
        )),
    }
}

/// Shows the codes until the user has seen enough.
pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let mut feed = Feed::open(session).await?;
    let mut ended = signal(SignalKind::terminate()).map_err(|error| unusable(&error))?;
    let mut hung_up = signal(SignalKind::hangup()).map_err(|error| unusable(&error))?;
    let mut terminal = ratatui::try_init().map_err(|error| unusable(&error))?;
    let mut keys = keys::read();
    let mut model = Model::default();
    let done = loop {
        let now = since_epoch();
        model.expire(now.as_secs());
        for token in model.due(now.as_secs()) {
            feed.ask(token);
        }
        let drawn = terminal.draw(|frame| {
            let area = frame.area();
            draw::draw(
                &model,
                now.as_secs(),
                session.colour,
                area,
                frame.buffer_mut(),
            );
        });
        if let Err(error) = drawn {
            break Err(unusable(&error));
        }
        // Nothing moves on the screen unless a code does.
        let next_second = Duration::from_nanos(1_000_000_000 - u64::from(now.subsec_nanos()));
        tokio::select! {
            update = feed.next() => match update {
                Ok(update) => model.apply(update, since_epoch().as_secs()),
                Err(failure) => break Err(failure),
            },
            key = keys.recv() => match key {
                Some(key) => match model.press(key) {
                    keys::Wish::Nothing => {}
                    keys::Wish::Code { token, id } => feed.compute(token, id),
                    keys::Wish::Again => feed.list(),
                    keys::Wish::Quit => break Ok(()),
                },
                None => break Ok(()),
            },
            () = tokio::time::sleep(next_second), if model.moves(now.as_secs()) => {}
            _ = ended.recv() => break Ok(()),
            _ = hung_up.recv() => break Ok(()),
        }
    };
    ratatui::restore();
    done
}

fn since_epoch() -> Duration {
    // A clock before 1970 is treated as standing there.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn unusable(error: &io::Error) -> Failure {
    Failure::new(
        ExitCode::Unavailable,
        "Terminal",
        format!("The terminal cannot be used: {error}."),
        "`oathctl code` prints the codes.",
    )
}
