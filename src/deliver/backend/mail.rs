//! Writes a message as a mail, and hands mails to sendmail.

use std::{path::Path, str::FromStr};

use lettre::{
    Address, Message as Mime,
    address::Envelope,
    message::{Mailbox, header::ContentType},
};
use zeroize::Zeroizing;

use super::{Outcome, program};
use crate::{message::Message, progress::Reason, settings::Email};

/// Who writes, and about what.
#[derive(Debug)]
pub(crate) struct Writer {
    from: Mailbox,
    subject: String,
}

/// A mail as it goes over the wire.
pub(super) struct Mail {
    pub(super) envelope: Envelope,
    pub(super) bytes: Zeroizing<Vec<u8>>,
}

impl Writer {
    pub(super) fn new(email: &Email) -> Writer {
        Writer {
            from: email.from.clone(),
            subject: email.subject.clone(),
        }
    }

    /// Plain text in UTF-8; nothing where the address is none. `Auto-Submitted` keeps vacation
    /// programs from answering (RFC 3834 §5).
    pub(super) fn write(&self, message: &Message) -> Option<Mail> {
        let to = Address::from_str(&message.address).ok()?;
        let mime = Mime::builder()
            .from(self.from.clone())
            .to(Mailbox::new(None, to))
            .subject(message.subject.as_ref().unwrap_or(&self.subject))
            .date_now()
            .message_id(None)
            .header(AutoSubmitted)
            .header(ContentType::TEXT_PLAIN)
            .body(message.text.to_string())
            .ok()?;
        Some(Mail {
            envelope: mime.envelope().clone(),
            bytes: Zeroizing::new(mime.formatted()),
        })
    }

    /// Gives the mail to `program`, which takes the options of sendmail. The receiver is named on
    /// the command line after `--`: only that mailbox gets the mail, whatever its headers say.
    pub(super) async fn pipe(&self, program: &Path, message: &Message) -> Outcome {
        let Some(mail) = self.write(message) else {
            return Outcome::Never(Reason::Refused);
        };
        let from = self.from.email.to_string();
        let arguments = ["-i", "-f", &from, "--", &message.address];
        program::run(program, &arguments, &unix_lines(&mail.bytes)).await
    }
}

/// The mail with the line ends of this system, which is what sendmail reads.
fn unix_lines(mail: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut lines = Zeroizing::new(Vec::with_capacity(mail.len()));
    lines.extend(mail.iter().enumerate().filter_map(|(at, &byte)| {
        let ends_line = byte == b'\r' && mail.get(at + 1) == Some(&b'\n');
        (!ends_line).then_some(byte)
    }));
    lines
}

/// `Auto-Submitted: auto-generated`.
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(AutoSubmitted)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Kind;

    fn written(subject: Option<String>, text: &str) -> String {
        let writer = Writer {
            from: "oathd <oathd@example.org>".parse().unwrap(),
            subject: "Set by the settings".into(),
        };
        let mail = writer.write(&Message {
            kind: Kind::Email,
            address: "ann@example.net".into(),
            subject,
            text: Zeroizing::new(text.into()),
        });
        let mail = mail.unwrap();
        assert_eq!(mail.envelope.to().len(), 1);
        String::from_utf8(mail.bytes.to_vec()).unwrap()
    }

    #[test]
    fn a_mail_says_who_it_is_from_and_that_a_machine_wrote_it() {
        let mail = written(None, "Code: 12345678");
        for line in [
            "From: oathd <oathd@example.org>",
            "To: ann@example.net",
            "Subject: Set by the settings",
            "Auto-Submitted: auto-generated",
        ] {
            assert!(mail.lines().any(|l| l == line), "{line} in {mail}");
        }
        assert!(mail.ends_with("\r\n\r\nCode: 12345678"), "{mail}");
        assert!(written(Some("Own".into()), "x").contains("Subject: Own\r\n"));
    }

    proptest! {
        #[test]
        fn no_text_and_no_subject_adds_a_header(subject in "\\PC{0,60}", text in "[\\PC\n]{1,80}") {
            let names = |mail: &str| {
                let head = mail.split("\r\n\r\n").next().unwrap().to_owned();
                let lines = head.split("\r\n").filter(|l| !l.starts_with(' '));
                lines.map(|l| l.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
            };
            let plain = names(&written(Some("s".into()), "t"));
            prop_assert_eq!(names(&written(Some(subject), &text)), plain);
        }

        #[test]
        fn lines_end_as_this_system_ends_them(lines in prop::collection::vec("[a-z\r]{0,5}[a-z]", 1..5)) {
            let wire = lines.join("\r\n");
            let local = unix_lines(wire.as_bytes());
            prop_assert_eq!(local.to_vec(), lines.join("\n").into_bytes());
        }
    }
}
