//! The file as it is written.

use std::path::PathBuf;

use serde::Deserialize;

use super::Security;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub(super) log: Option<String>,
    pub(super) queue: Option<u32>,
    pub(super) attempts: Option<u32>,
    pub(super) retry_seconds: Option<u32>,
    pub(super) attempt_seconds: Option<u32>,
    pub(super) keep_seconds: Option<u32>,
    pub(super) report_seconds: Option<u32>,
    pub(super) sms: Option<Sms>,
    pub(super) email: Option<Email>,
    pub(super) sendmail: Option<Sendmail>,
    pub(super) smtp: Option<Smtp>,
    pub(super) command: Option<Command>,
    pub(super) file: Option<Output>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sms {
    pub(super) by: SmsBy,
    pub(super) country: Option<String>,
    #[serde(default)]
    pub(super) allow: Vec<String>,
    #[serde(default)]
    pub(super) deny: Vec<String>,
    pub(super) modem: Option<String>,
    pub(super) report: Option<bool>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum SmsBy {
    Modem,
    Command,
    File,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Email {
    pub(super) by: EmailBy,
    pub(super) from: String,
    pub(super) subject: Option<String>,
    #[serde(default)]
    pub(super) local_domains: Vec<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum EmailBy {
    Sendmail,
    Smtp,
    Command,
    File,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sendmail {
    pub(super) program: PathBuf,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Smtp {
    pub(super) host: String,
    pub(super) port: Option<u16>,
    pub(super) security: Option<Security>,
    pub(super) user: Option<String>,
    pub(super) password_file: Option<PathBuf>,
    pub(super) ca_file: Option<PathBuf>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Command {
    pub(super) program: PathBuf,
    #[serde(default)]
    pub(super) arguments: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Output {
    pub(super) path: PathBuf,
}
