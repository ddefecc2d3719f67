//! `oathctl login`: signing in to a service of this host that has oathd check its second factor.
//!
//! The service speaks JSON, a line a message, on a Unix socket; `examples/demo-service` tells the
//! words.

use std::path::Path;

use data_encoding::HEXLOWER;
use oathd_client::ExitCode;
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::Global;
use crate::cli::account::LoginArgs;
use crate::failure::Failure;
use crate::service_socket::ask;
use crate::{output, prompt, secret_file};

/// How often a code is asked for on a terminal.
const TRIES: u32 = 3;

/// Signs in.
pub(crate) fn run(global: &Global, args: &LoginArgs) -> Result<(), Failure> {
    let socket = args.service_socket.as_path();
    let email = match &args.email {
        Some(email) => Zeroizing::new(email.clone()),
        None => prompt::typed(global, "Email: ")?,
    };
    let password = password(global)?;
    let file = args.session_to.as_deref();
    let file = file
        .map(|path| secret_file::place(path, "session"))
        .transpose()?;
    let signed_in = sign_in(global, args, socket, &email, &password)?;
    let token = signed_in["session"].as_str().unwrap_or_default();
    let kept = file.map(|file| file.fill(token.as_bytes())).transpose()?;
    if global.json {
        return output::print_json(&json!({
            "email": *email,
            "way": signed_in["way"],
            "must_reenrol": signed_in["must_reenrol"] == true,
            "recovery_codes_left": signed_in["recovery_codes_left"],
            "replacement": signed_in["replacement"],
            "session_file": kept,
        }));
    }
    output::print(&text(&email, &signed_in))
}

fn sign_in(
    global: &Global,
    args: &LoginArgs,
    socket: &Path,
    email: &str,
    password: &str,
) -> Result<Value, Failure> {
    let mut request = json!({ "op": "login", "email": email, "password": password });
    match ask(socket, &request) {
        Err(failure) if failure.name == "CodeRequired" => {}
        other => return other,
    }
    if args.send_code {
        let wish = json!({ "op": "send_code", "email": email, "password": password });
        let sent = ask(socket, &wish)?;
        let address = output::harmless(sent["address"].as_str().unwrap_or("your channel"));
        output::tell(&format!("A code is on its way to {address}."));
    }
    for attempt in 1.. {
        let code = prompt::typed(global, "Two-factor code: ")?;
        request["code"] = json!(*code);
        match ask(socket, &request) {
            Err(failure)
                if matches!(failure.name, "WrongCode" | "CodeUsed" | "InvalidResponse")
                    && attempt < TRIES
                    && prompt::can_ask(global) =>
            {
                output::tell(failure.text().trim_end());
            }
            other => return other,
        }
    }
    Err(Failure::usage("No code was given."))
}

/// The password of an account of a service.
pub(super) fn password(global: &Global) -> Result<Zeroizing<String>, Failure> {
    match prompt::can_ask(global) {
        true => prompt::hidden("Password: "),
        false => prompt::typed(global, "Password: "),
    }
}

fn text(email: &str, signed_in: &Value) -> String {
    let mut text = format!("Signed in as {}.\n", output::harmless(email));
    if let Some(code) = signed_in["replacement"].as_str() {
        text += &format!(
            "The recovery code is used. Write this one down in its place:\n  {}\n",
            output::harmless(code)
        );
    }
    if signed_in["must_reenrol"] == true {
        text += "Set your second factor up anew.\n";
    }
    text
}

/// A session as `login` has kept it.
pub(super) fn read_session(file: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let text = prompt::read_all(Some(file))?;
    match HEXLOWER.decode(text.trim().as_bytes()) {
        Ok(token) if !token.is_empty() => Ok(Zeroizing::new(token)),
        _ => Err(Failure::new(
            ExitCode::BadInput,
            "NoSession",
            format!("{} holds no session.", file.display()),
            "Sign in with `oathctl login --session-to`.",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_read_as_it_was_kept() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("session");
        for (content, session) in [
            ("00ff\n", Some(vec![0, 255])),
            ("", None),
            ("zz", None),
            ("0", None),
        ] {
            std::fs::write(&path, content).unwrap();
            let read = read_session(&path).ok().map(|token| token.to_vec());
            assert_eq!(read, session, "{content:?}");
        }
    }

    #[test]
    fn a_way_back_is_told() {
        let signed_in = json!({ "replacement": "0AAA", "must_reenrol": true });
        let said = text("ada@example.org", &signed_in);
        assert!(said.starts_with("Signed in as ada@example.org.\n") && said.contains("  0AAA\n"));
        assert!(said.contains("anew"));
        assert_eq!(text("a", &json!({})), "Signed in as a.\n");
    }
}
