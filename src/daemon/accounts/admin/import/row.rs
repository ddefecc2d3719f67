//! A row of an import: whose it is, and what factor it becomes.

use oathd_api::wire::administration::ImportRow;
use oathd_core::enrolment::Plan;
use oathd_core::{
    AccountName, Generator, MacKey, RealmName, SKEW, TypedDigits, Watermark, fingerprint,
};
use oathd_oath::migrate::{self, Imported, Refused};
use oathd_oath::{Kind, Secret};

use super::format::{Format, Origin};

/// How far a token's clock may be off, in seconds. A verifier that goes along with more than that
/// searches its codes, and no longer checks them.
const MAX_SKEW: u64 = 86_400;

/// How far ahead of now a used code may be, in seconds. A watermark never falls: one that is set by
/// mistake would shut its owner out for good.
const MAX_AHEAD: u64 = 86_400;

/// Bits of a seed below which its owner should enrol another (RFC 4226 section 4, R6).
const WEAK_BITS: usize = 128;

/// The longest label of a factor in bytes.
const MAX_LABEL: usize = oathd_core::MAX_LABEL;

/// What a row becomes.
pub(super) struct Row {
    pub(super) account: AccountName,
    pub(super) plan: Plan,
    pub(super) label: String,
    pub(super) seed: Secret,
    /// Codes that are each good once.
    pub(super) scratch: Vec<TypedDigits>,
    pub(super) notes: Vec<String>,
}

/// Whose a row is, as the file or the options tell.
fn account(imported: &Imported, origin: &Origin) -> Result<AccountName, (String, String)> {
    let Some(told) = &imported.account else {
        let missing = "the file does not tell whose it is, and the options name no account";
        let unknown = || (String::new(), missing.to_owned());
        return origin.account.clone().ok_or_else(unknown);
    };
    let user = user_of(&told.user);
    let refused = |reason: oathd_core::InvalidAccountName| (told.user.clone(), reason.to_string());
    let realm = match (&origin.realm, &told.realm) {
        (Some(realm), _) => realm.clone(),
        (None, Some(realm)) => realm.parse().map_err(refused)?,
        (None, None) => RealmName::local(),
    };
    AccountName::new(user, realm).map_err(refused)
}

/// The name in a distinguished name that begins with `UID=` or `CN=` (RFC 4514 section 2.3), as
/// PSKC's `UserId` is (RFC 6030 section 4.2); other text is a name already.
fn user_of(text: &str) -> &str {
    let first = text.split(',').next().unwrap_or(text);
    match first.split_once('=') {
        Some((kind, name))
            if ["uid", "cn"].contains(&kind.trim().to_ascii_lowercase().as_str()) =>
        {
            name.trim()
        }
        _ => text,
    }
}

/// What an entry becomes at `now`, in Unix seconds.
///
/// # Errors
/// The row that tells why it is refused.
pub(super) fn row(
    entry: Result<Imported, Refused>,
    origin: &Origin,
    key: &MacKey,
    now: u64,
) -> Result<Row, ImportRow> {
    let imported = entry.map_err(|reason| refused("", reason))?;
    let line = imported.line;
    let account = account(&imported, origin)
        .map_err(|(name, reason)| refused(&name, format!("line {line}: {reason}")))?;
    match plan(&imported, key, now) {
        Ok(plan) => Ok(Row {
            label: label(&imported, origin.format),
            notes: notes(&imported),
            scratch: imported.scratch.iter().filter_map(typed).collect(),
            seed: imported.credential.secret,
            account,
            plan,
        }),
        Err(reason) => {
            let reason = format!("line {line}: {reason}");
            Err(refused(&account.to_string(), reason))
        }
    }
}

fn typed(scratch: &migrate::Scratch) -> Option<TypedDigits> {
    TypedDigits::parse(scratch.expose())
}

/// A row that is refused.
pub(super) fn refused(account: &str, reason: impl ToString) -> ImportRow {
    ImportRow {
        account: account.to_owned(),
        state: "refused".to_owned(),
        reason: Some(reason.to_string()),
        ..ImportRow::default()
    }
}

fn plan(imported: &Imported, key: &MacKey, now: u64) -> Result<Plan, &'static str> {
    let credential = &imported.credential;
    if imported.not_before.is_some_and(|begin| begin > now) {
        return Err("its codes are not good yet");
    }
    if imported.not_after.is_some_and(|end| end <= now) {
        return Err("its codes are good no more");
    }
    let generator = match credential.kind {
        Kind::Hotp => Generator::Hotp,
        // A serial tells of a token, which has a clock of its own.
        Kind::Totp { period } if imported.skew_steps != 0 || imported.serial.is_some() => {
            let skew = imported.skew_steps;
            if u64::from(skew.unsigned_abs()) * u64::from(period.seconds()) > MAX_SKEW {
                return Err("its clock is more than a day off");
            }
            Generator::Clocked { period, skew }
        }
        Kind::Totp { period } => Generator::Totp { period },
    };
    if let (Kind::Totp { period }, Some(used)) = (credential.kind, imported.watermark) {
        let skew = i64::from(imported.skew_steps).saturating_add_unsigned(SKEW);
        if used > period.step(now + MAX_AHEAD).saturating_add_signed(skew) {
            return Err("codes of the far future are marked as used");
        }
    }
    Ok(Plan {
        generator,
        algorithm: credential.algorithm,
        digits: credential.digits,
        fingerprint: fingerprint(key, &credential.secret),
        used: imported
            .watermark
            .map_or(Watermark::NONE, Watermark::used_up_to),
        not_after: imported.not_after,
        replaces: None,
    })
}

/// A token is known by its serial.
fn label(imported: &Imported, format: Format) -> String {
    match &imported.serial {
        Some(serial) if serial.len() <= MAX_LABEL && !serial.chars().any(char::is_control) => {
            serial.clone()
        }
        _ => format.word().to_owned(),
    }
}

fn notes(imported: &Imported) -> Vec<String> {
    let mut notes: Vec<String> = imported.notes.iter().map(ToString::to_string).collect();
    let bits = imported.credential.secret.expose().len() * 8;
    if bits < WEAK_BITS {
        notes.push(format!("the seed has {bits} bits; a new one has 160"));
    }
    if !imported.scratch.is_empty() {
        notes.push("its recovery codes are weak; make new ones".to_owned());
    }
    notes
}

#[cfg(test)]
mod tests {
    use oathd_api::wire::administration::ImportAccountsOptions;
    use zeroize::Zeroizing;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn rows(options: &ImportAccountsOptions, file: &str) -> Vec<Result<Row, ImportRow>> {
        let key = MacKey::new(Zeroizing::new([1; 32]));
        let origin = Origin::of(options).unwrap();
        let migration = origin.read(file.as_bytes(), None).unwrap();
        let rows = migration.into_iter();
        rows.map(|entry| row(entry, &origin, &key, NOW)).collect()
    }

    fn from(format: &str) -> ImportAccountsOptions {
        ImportAccountsOptions {
            format: Some(format.to_owned()),
            ..ImportAccountsOptions::default()
        }
    }

    #[test]
    fn names_come_from_the_row_and_realms_from_the_options_first() {
        let file = "# version: 2\n\
            alice,,shop,S1,3132333435363738393031323334353637383930,totp,6,30\n\
            bob,,,S2,3132333435363738393031323334353637383931,hotp,6,7\n\
            ,,,S3,3132333435363738393031323334353637383932,totp,6,30\n\
            eve x,,,S4,3132333435363738393031323334353637383933,totp,6,30\n";
        let names = |options: &ImportAccountsOptions| -> Vec<Result<String, String>> {
            let rows = rows(options, file).into_iter();
            rows.map(|row| {
                row.map(|row| row.account.to_string())
                    .map_err(|row| row.account)
            })
            .collect()
        };
        let mut options = from("privacyidea");
        let (no, yes) = (
            |name: &str| Err(name.to_owned()),
            |name: &str| Ok(name.to_owned()),
        );
        let told = [yes("alice@shop"), yes("bob@local"), no(""), no("eve x")];
        assert_eq!(names(&options), told);
        options.realm = Some("bank".to_owned());
        options.account = Some("mallory".to_owned());
        let told = [
            yes("alice@bank"),
            yes("bob@bank"),
            yes("mallory@bank"),
            no("eve x"),
        ];
        assert_eq!(names(&options), told);
    }

    #[test]
    fn a_distinguished_name_gives_its_user() {
        assert_eq!(user_of("UID=jsmith,DC=example-bank,DC=net"), "jsmith");
        assert_eq!(user_of("cn = J,OU=x"), "J");
        for plain in ["jsmith", "OU=x,UID=j", "a=b", ""] {
            assert_eq!(user_of(plain), plain);
        }
    }

    #[test]
    fn a_token_keeps_its_serial_and_clock_and_an_app_has_none() {
        let file = "S1,3132333435363738393031323334353637383930,totp,6,60\n";
        let mut options = from("privacyidea");
        options.account = Some("alice".to_owned());
        let token = rows(&options, file).remove(0).ok().unwrap();
        assert_eq!(token.label, "S1");
        assert!(matches!(
            token.plan.generator,
            Generator::Clocked { skew: 0, .. }
        ));

        let file = "HOTP/T30 alice - 3132333435363738393031323334353637383930\n\
            HOTP bob - 31323334353637383930 41 755224 2023-11-14T22:13:20L\n";
        let mut rows = rows(&from("pam_oath"), file);
        let used = rows.pop().unwrap().ok().unwrap();
        assert_eq!(used.plan.generator, Generator::Hotp);
        assert_eq!(used.plan.used.counter(), Some(41));
        assert_eq!(used.notes.len(), 1, "80 bits are few");
        let app = rows.pop().unwrap().ok().unwrap();
        assert!(matches!(app.plan.generator, Generator::Totp { .. }));
        assert_eq!(app.label, "pam_oath");
        assert!(app.notes.is_empty());
    }

    #[test]
    fn what_would_shut_its_owner_out_is_refused() {
        let mut options = from("google_authenticator");
        options.account = Some("alice".to_owned());
        let reason = |option: String| {
            let file = format!("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n\" TOTP_AUTH\n{option}\n");
            rows(&options, &file)
                .remove(0)
                .err()
                .map(|row| row.reason.unwrap())
        };
        let day = 86_400 / 30;
        let step = NOW / 30;
        assert_eq!(reason(format!("\" DISALLOW_REUSE {}", step + day)), None);
        assert!(reason(format!("\" DISALLOW_REUSE {}", step + day + 2)).is_some());
        assert_eq!(reason(format!("\" TIME_SKEW -{day}")), None);
        assert!(reason(format!("\" TIME_SKEW -{}", day + 1)).is_some());
    }
}
