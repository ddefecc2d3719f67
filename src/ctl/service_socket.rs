//! A service of this host that has oathd check its second factor: JSON, a line a message.

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use oathd_client::{Error, ErrorDetails, ErrorName, ExitCode};
use serde_json::Value;
use zeroize::Zeroizing;

use crate::failure::{Failure, sentence};
use crate::{output, prompt};

/// The service waits for oathd, which answers within 20 s.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Sends a request and reads its answer.
pub(crate) fn ask(socket: &Path, request: &Value) -> Result<Value, Failure> {
    let unreachable = |error: &io::Error| {
        Failure::new(
            ExitCode::Unavailable,
            "ServiceUnreachable",
            format!(
                "The service at {} does not answer: {error}.",
                socket.display()
            ),
            "See whether it runs.",
        )
    };
    let line = Zeroizing::new(format!("{request}\n"));
    let exchange = || -> io::Result<UnixStream> {
        let mut stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.write_all(line.as_bytes())?;
        Ok(stream)
    };
    let stream = exchange().map_err(|error| unreachable(&error))?;
    let line = prompt::line(&mut BufReader::new(stream))?;
    let answer = serde_json::from_str::<Value>(&line);
    answer_of(answer.map_err(|error| unreachable(&error.into()))?)
}

/// What the service answers, or why it refuses.
fn answer_of(answer: Value) -> Result<Value, Failure> {
    let Some(name) = answer["error"].as_str() else {
        return Ok(answer);
    };
    if let Some(name) = ErrorName::parse(name) {
        let details = ErrorDetails {
            retry_after: answer["retry_after"].as_u64(),
            ..ErrorDetails::default()
        };
        return Err(Failure::from(Error::Oathd {
            name,
            details: Box::new(details),
        }));
    }
    if name == "CodeRequired" {
        return Err(Failure::new(
            ExitCode::MoreNeeded,
            "CodeRequired",
            "The account has a second factor, and no code was given.",
            "Type its code, or a recovery code.",
        ));
    }
    let message = answer["message"].as_str().unwrap_or(name);
    Err(Failure::new(
        ExitCode::Refused,
        "SignInRefused",
        sentence(&output::harmless(message)),
        "Try again, or ask whoever runs the service.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::BufRead;
    use std::os::unix::net::UnixListener;

    #[test]
    fn a_refusal_of_oathd_keeps_its_name_and_its_status() {
        let refused = answer_of(json!({ "error": "Throttled", "retry_after": 30 })).unwrap_err();
        assert_eq!(
            (refused.name, refused.code),
            ("Throttled", ExitCode::Throttled)
        );
        assert!(refused.message.ends_with("Try again in 30 s."));
        let refused = answer_of(json!({ "error": "Nope", "message": "no\x1bway" })).unwrap_err();
        assert_eq!(
            (refused.name, refused.message.as_str()),
            ("SignInRefused", "No\u{fffd}way.")
        );
        let wanted = answer_of(json!({ "error": "CodeRequired" })).unwrap_err();
        assert_eq!(wanted.code, ExitCode::MoreNeeded);
        assert_eq!(
            answer_of(json!({ "ok": true })).unwrap(),
            json!({ "ok": true })
        );
    }

    #[test]
    fn a_line_goes_there_and_one_comes_back() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("socket");
        let absent = ask(&path, &json!({})).unwrap_err();
        assert_eq!(absent.name, "ServiceUnreachable");
        let listener = UnixListener::bind(&path).unwrap();
        let service = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            stream.write_all(line.as_bytes()).unwrap();
        });
        let request = json!({ "op": "login" });
        assert_eq!(ask(&path, &request).unwrap(), request);
        service.join().unwrap();
    }
}
