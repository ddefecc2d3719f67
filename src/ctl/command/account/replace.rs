//! `oathctl replace`.

use oathd_client::{AccountRecord, ErrorName, ExitCode};

use crate::cli::enroll::ReplaceArgs;
use crate::command::account::enroll::{Plan, enrol};
use crate::command::account::status;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// Puts a new factor in the place of an old one.
pub(crate) async fn run(session: &Session, args: &ReplaceArgs) -> Result<(), Failure> {
    let accounts = session.client.accounts();
    let known = accounts.describe(&args.account.account).await?;
    let old = match args.factor {
        Some(factor) => factor,
        None => only_factor(&known)?,
    };
    let plan = Plan {
        account: known.account,
        replaces: Some(old),
        role: None,
        factor: &args.new,
        recovery_codes: None,
    };
    let enrolled = enrol(session, &plan).await?;
    match session.global.json {
        true => output::print_json(&enrolled.to_json()),
        false => output::print(&format!(
            "Factor {old} is replaced. What the old token holds of it counts no more.\n"
        )),
    }
}

/// The factor that is meant where none is named.
fn only_factor(account: &AccountRecord) -> Result<u32, Failure> {
    match account.factors.as_slice() {
        [] => Err(ErrorName::NotEnrolled.into()),
        [one] => Ok(one.id),
        several => {
            let mut failure = Failure::new(
                ExitCode::NoneOrAmbiguous,
                "AmbiguousFactor",
                "The account has several factors.",
                "Name the one that is replaced by its number.",
            );
            let rows: Vec<_> = several.iter().map(status::factor_row).collect();
            failure.lines = output::columns(&rows).lines().map(str::to_owned).collect();
            let ids: Vec<_> = several.iter().map(|factor| factor.id).collect();
            Err(failure.with("factors", ids))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_client::FactorRecord;

    #[test]
    fn one_factor_needs_no_number() {
        let account = |ids: &[u32]| AccountRecord {
            factors: ids
                .iter()
                .map(|id| FactorRecord {
                    id: *id,
                    ..FactorRecord::default()
                })
                .collect(),
            ..AccountRecord::default()
        };
        assert!(
            only_factor(&account(&[]))
                .unwrap_err()
                .is(ErrorName::NotEnrolled)
        );
        assert_eq!(only_factor(&account(&[7])).unwrap(), 7);
        let several = only_factor(&account(&[7, 9])).unwrap_err();
        assert_eq!((several.name, several.lines.len()), ("AmbiguousFactor", 2));
    }
}
