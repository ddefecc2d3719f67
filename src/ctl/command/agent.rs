//! `oathctl agent`.

use std::sync::Arc;

use oathd_client::{Agent, AgentRequest, Event};
use rustix::termios::{self, OptionalActions};
use serde_json::{Value, json};
use tokio::sync::Mutex;
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt};

/// Shows touches and asks for passwords until it is interrupted.
pub(crate) async fn run(session: &Session) -> Result<(), Failure> {
    let mut events = session.client.events().await?;
    // A prompt that is still open at the end leaves the echo of the terminal off.
    let terminal = termios::tcgetattr(std::io::stderr()).ok();
    let agent = TerminalAgent {
        json: session.global.json,
        terminal: Arc::new(Mutex::new(())),
    };
    let registration = session.client.register_agent(agent).await?;
    if !session.global.json {
        output::tell("Waiting for your programs to need a token. Ctrl-C ends it.");
    }
    let ended = loop {
        tokio::select! {
            event = events.next() => match event {
                Some(Event::ServiceStarted) => {
                    registration.renew().await?;
                    output::tell("oathd has started again.");
                }
                Some(_) => {}
                None => break Err(oathd_client::Error::NotRunning.into()),
            },
            _ = tokio::signal::ctrl_c() => break Ok(()),
        }
    };
    if let Some(terminal) = terminal {
        let _ = termios::tcsetattr(std::io::stderr(), OptionalActions::Now, &terminal);
    }
    match ended {
        Ok(()) => Ok(registration.end().await?),
        Err(failure) => Err(failure),
    }
}

struct TerminalAgent {
    json: bool,
    /// One prompt at a time.
    terminal: Arc<Mutex<()>>,
}

impl TerminalAgent {
    fn say(&self, what: &str, request: &str, details: Value, text: &str) {
        let said = match self.json {
            true => output::print_json(&json!({
                "event": what,
                "request": request,
                "details": details,
            })),
            false => output::print(&format!("{text}\n")),
        };
        // Nobody reads it: what is asked is still answered.
        drop(said);
    }
}

impl Agent for TerminalAgent {
    async fn request_touch(&self, request: &str, details: AgentRequest) {
        let text = touch_text(&program(&details), &details);
        self.say("touch", request, to_json(&details), &text);
    }

    async fn request_password(
        &self,
        request: &str,
        details: AgentRequest,
    ) -> Option<Zeroizing<Vec<u8>>> {
        if !prompt::somebody_is_there() {
            return None;
        }
        let _one_at_a_time = self.terminal.clone().lock_owned().await;
        let text = password_text(&program(&details), &details);
        self.say("password", request, to_json(&details), &text);
        let name = output::harmless(&details.token_name);
        let asked = move || prompt::hidden(&format!("Password of {name}, empty to decline: "));
        let password = tokio::task::spawn_blocking(asked).await.ok()?.ok()?;
        (!password.is_empty()).then(|| Zeroizing::new(password.as_bytes().to_vec()))
    }

    async fn cancel_request(&self, request: &str, reason: &str) {
        let text = match reason {
            "done" => "Done.",
            "timed-out" => "Nobody touched the token in time.",
            "removed" => "The token was removed.",
            "caller-gone" => "The program has given up.",
            _ => "It failed.",
        };
        self.say("end", request, json!({ "reason": reason }), text);
    }
}

/// What asked, as the kernel names it. A program chooses that name itself, so it is a hint.
fn program(details: &AgentRequest) -> String {
    let Some(id) = details.process_id else {
        return "A program".to_owned();
    };
    match std::fs::read_to_string(format!("/proc/{id}/comm")) {
        Ok(name) => format!("{} ({id})", output::harmless(name.trim_end())),
        Err(_) => format!("Process {id}"),
    }
}

fn touch_text(program: &str, details: &AgentRequest) -> String {
    let credential = details.credential.as_deref().unwrap_or("a credential");
    format!(
        "{program} wants a code of {}: touch {}.",
        output::harmless(credential),
        output::harmless(&details.token_name)
    )
}

fn password_text(program: &str, details: &AgentRequest) -> String {
    let again = match details.attempt {
        Some(attempt) if attempt > 1 => "The password was wrong. ",
        _ => "",
    };
    format!(
        "{again}{program} needs {}, which is locked.",
        output::harmless(&details.token_name)
    )
}

fn to_json(details: &AgentRequest) -> Value {
    json!({
        "token": details.token_name,
        "credential": details.credential,
        "process_id": details.process_id,
        "deadline": details.deadline,
        "attempt": details.attempt,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_names_who_asks_what_and_which_token() {
        let details = AgentRequest {
            token_name: "YubiKey 5 NFC 12345678".into(),
            credential: Some("GitHub:me".into()),
            process_id: Some(std::process::id()),
            ..AgentRequest::default()
        };
        let text = touch_text("ssh (7)", &details);
        assert_eq!(
            text,
            "ssh (7) wants a code of GitHub:me: touch YubiKey 5 NFC 12345678."
        );
        assert!(program(&details).ends_with(&format!(" ({})", std::process::id())));
    }

    #[test]
    fn a_second_try_says_that_the_first_was_wrong() {
        let details = AgentRequest {
            attempt: Some(2),
            ..AgentRequest::default()
        };
        assert!(password_text("x", &details).starts_with("The password was wrong."));
    }
}
