//! A set of recovery codes: saving it, showing it once, having one typed back.

use oathd_client::ErrorName;
use zeroize::Zeroizing;

use crate::cli::enroll::CodesArgs;
use crate::failure::Failure;
use crate::secret_file::Place;
use crate::session::Session;
use crate::{output, secret_file, when};

/// How often a code is asked back.
const TRIES: u32 = 3;

/// A set of codes that was just made.
pub(crate) struct NewCodes {
    account: String,
    lines: Zeroizing<String>,
}

impl NewCodes {
    /// The set of `account`, a code a line.
    pub(crate) fn new(account: String, lines: Zeroizing<String>) -> NewCodes {
        NewCodes { account, lines }
    }

    /// The codes, one after the other.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.lines.lines().filter(|line| !line.is_empty())
    }

    /// The set as a sheet to print and keep.
    pub(crate) fn sheet(&self) -> Zeroizing<String> {
        let host = host();
        let day = when::date(when::now());
        // Reserved whole, so that growing leaves no copy behind.
        let mut sheet = Zeroizing::new(String::with_capacity(1024 + self.lines.len() * 2));
        sheet.push_str(&format!(
            "Recovery codes of {}\nHost {host}, made on {day}\n\n",
            output::harmless(&self.account)
        ));
        for code in self.iter() {
            sheet.push_str("  [ ]  ");
            sheet.push_str(code);
            sheet.push('\n');
        }
        sheet.push_str(
            "\nEach code is good once, in the place of a code of your token. The symbol that a code \
             begins\nwith is its number; `oathctl recovery show` tells which are used. Keep the sheet \
             where neither\nyour token nor your password is. A new set makes this one void.\n",
        );
        sheet
    }

    /// Asks for one of the codes, so that they are known to be written down. Whether that is shown.
    pub(crate) async fn typed_back(&self, session: &Session) -> Result<bool, Failure> {
        output::tell("Type one of them back, so that it is certain that you have them.");
        for _ in 0..TRIES {
            let code = session.typed("A recovery code, or Enter to leave it: ")?;
            if code.is_empty() {
                break;
            }
            let accounts = session.client.accounts();
            match accounts
                .acknowledge_recovery_code(&self.account, &code)
                .await
            {
                Ok(()) => return Ok(true),
                Err(error)
                    if error.is(ErrorName::WrongCode) || error.is(ErrorName::InvalidResponse) =>
                {
                    output::tell("That is none of them.");
                }
                Err(error) => return Err(error.into()),
            }
        }
        output::tell("Not shown; `oathctl status` will say so.");
        Ok(false)
    }
}

/// The file that the codes of `account` are to be written to, seen to be possible before there are
/// any. A directory gets one of the usual name.
pub(crate) fn place(args: &CodesArgs, account: &str) -> Result<Option<Place>, Failure> {
    let name = file_name(&host(), account);
    let path = args.recovery_codes_to.as_ref();
    path.map(|path| secret_file::place(path, &name)).transpose()
}

/// `oathd-recovery-HOST-USER.txt`, with nothing in it that a file name cannot hold.
fn file_name(host: &str, account: &str) -> String {
    let user = account.strip_suffix("@local").unwrap_or(account);
    let plain = |text: &str| -> String {
        let fits = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
        text.chars()
            .map(|c| if fits(c) { c } else { '_' })
            .collect()
    };
    format!("oathd-recovery-{}-{}.txt", plain(host), plain(user))
}

/// The name of this host.
pub(crate) fn host() -> String {
    output::harmless(&rustix::system::uname().nodename().to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes() -> NewCodes {
        let lines = "0AAA-BBBB-CCCC-DDDD-EE\n1AAA-BBBB-CCCC-DDDD-EE\n".to_owned();
        NewCodes::new("ada@local".into(), Zeroizing::new(lines))
    }

    #[test]
    fn the_sheet_has_every_code_and_says_of_whom() {
        let codes = codes();
        assert_eq!(codes.iter().count(), 2);
        let sheet = codes.sheet();
        for code in codes.iter() {
            assert!(sheet.contains(&format!("[ ]  {code}\n")));
        }
        assert!(sheet.starts_with("Recovery codes of ada@local\nHost "));
        assert!(sheet.len() < sheet.capacity());
    }

    #[test]
    fn the_file_names_host_and_user_and_no_directory() {
        assert_eq!(file_name("box", "ada@local"), "oathd-recovery-box-ada.txt");
        assert_eq!(
            file_name("a/b", "../x y@demo"),
            "oathd-recovery-a_b-.._x_y@demo.txt"
        );
    }
}
